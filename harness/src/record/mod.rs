//! Cells, journal, histograms: what is written down while a run goes on.

pub mod edges;
pub mod health;
pub mod hlog;
pub mod intervals;
pub mod journal;
pub mod marks;
pub mod recorder;
pub mod series;
pub mod spans;
pub mod totals;
pub mod under_way;

pub use edges::{Edges, Position};
pub use hlog::Hlog;
pub use intervals::{Interval, Series};
pub use marks::Finished;
pub use recorder::{Batch, Failure, Recorder};
pub use spans::{SLOWEST, Span};
pub use totals::{Recent, Totals};
