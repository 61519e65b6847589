//! Traces reach a collector.
