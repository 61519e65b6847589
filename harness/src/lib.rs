//! Everything that touches the world: scenario files, services, links, load, faults, reports.
//!
//! Arrows, each module may import anything to its right (`tests/tidy.rs` decides):
//! `cli → run → {load, fleet, fault, probe} → {link, service} → {client, record} → plan → spec → clock → slo`;
//! `report → judge → {record, plan, spec, slo}`, and `cli` and `run` may import both.
//!
//! Not here: judgement (crate `assay-slo`) and the bundled platform (crate `assay-backend`).

pub mod cli;
pub mod client;
pub mod clock;
pub mod fault;
pub mod fleet;
pub mod judge;
pub mod link;
pub mod load;
pub mod plan;
pub mod probe;
pub mod record;
pub mod report;
pub mod run;
pub mod service;
pub mod spec;

/// The program and its version, as reports name it.
pub const TOOL: &str = concat!("assay ", env!("CARGO_PKG_VERSION"));
