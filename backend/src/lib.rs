//! The bundled platform's backend: an HTTP API over a durable store, to be put under test.
//!
//! Machines send samples, the backend keeps them and answers with risk predictions. It is a real
//! service: what it acknowledges is on disk, what it counts happened. [`Mutant`]s are its lying
//! twins, for scenarios that must fail.
//!
//! Invariant: an acknowledged sample was committed before the answer was written.
//! Invariant: every error has one shape, whatever raised it.
//! Not here: argument parsing, the edge and the devices.

mod api;
mod esg;
mod fleet;
mod limit;
mod machine;
mod model;
mod mutant;
pub mod resilience;
mod sample;
mod scorer;
mod serve;
mod settings;
mod store;
mod telemetry;
mod units;

pub use esg::Region;
pub use mutant::{BadMutant, Mutant};
pub use serve::{ServeError, Server, serve, serve_scorer};
pub use settings::{
    Level, Mistake, Settings, SettingsError, Synchronous, VARIABLES, Variable, help,
};
pub use telemetry::logs::{LogsInUse, init_logs};
pub use units::PartOf;
