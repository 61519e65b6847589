//! Cells, journal, histograms: what is written down while a run goes on.

pub mod edges;

pub use edges::{Edges, Position};
