//! The faults that a link obeys.
