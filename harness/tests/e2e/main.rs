//! The end-to-end tests that start whole processes: one program, so that it is linked once.
//!
//! Invariant: runs whose times are judged take turns (`common::Case::run`); what else is here may
//! run beside them.
//! Not here: tests that a process of its own must hold (`../users.rs`, `../guardian.rs`).

mod common;

mod attached;
mod beside;
mod burners;
mod calibrate;
mod containers;
mod devices;
mod early;
mod edge;
mod escape;
mod executors;
mod exposed;
mod failures;
mod families;
mod hlog;
mod interruption;
mod journeys;
mod lease;
mod limits;
mod load;
mod lost;
mod manners;
mod pairs;
mod pressure;
mod requests;
mod secrets;
mod setup;
mod still_broken;
mod stood;
mod tls;
mod tries;
mod undo;
mod verdicts;
