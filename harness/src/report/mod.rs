//! Everything a person or a CI server reads from a run.
//!
//! Invariant: a report only shows; the verdict is the judge's, and every report has the same one.
//! Invariant: text from outside (names, answers) cannot change a report's structure.
//! Not here: judgement (`judge`), and printing: texts are returned, only files are written.

pub mod annotations;
mod budget;
mod compared;
pub mod console;
mod coverage;
pub mod exit;
mod explain;
mod foreign;
pub mod head;
mod headline;
pub mod html;
pub mod json;
pub mod junit;
mod layout;
pub mod live;
pub mod look;
mod order;
pub mod production;
#[cfg(test)]
mod sample;
mod steps;
pub mod summary;
mod units;
pub mod write;

pub use annotations::annotations;
pub use compared::compared;
pub use console::console;
pub use exit::{Exit, OnInconclusive};
pub use explain::explain;
pub use head::Head;
pub use headline::word;
pub use json::verdict_json;
pub use junit::junit_xml;
pub use live::{Live, Mode, Tick, Totals};
pub use look::{Color, Detail};
pub use summary::summary_md;
pub use write::{files, try_out, write_all, write_whole};
