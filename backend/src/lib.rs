//! The bundled platform's backend: an HTTP API over a durable store, to be put under test.
//!
//! Machines send samples, the backend keeps them and answers with risk predictions. It is a real
//! service: what it acknowledges is on disk, what it counts happened. [`Mutant`]s are its lying
//! twins, for scenarios that must fail.
//!
//! Invariant: an acknowledged sample was committed before the answer was written.
//! Invariant: every error has one shape, whatever raised it.
//! Beside the backend it holds the platform's other services, the scorer and the edge, and the rules
//! of gateways that simulated fleets share with the edge.
//!
//! Not here: argument parsing, devices.

mod api;
mod calls;
mod devices;
mod edge;
mod esg;
mod fleet;
pub mod gateway;
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

pub use devices::{BREAKER as DEVICE_BREAKER, DeviceTelemetry, Progress, Sending};
pub use esg::Region;
pub use mutant::{BadMutant, Mutant};
pub use opentelemetry::KeyValue;
pub use serve::{ServeError, Server, serve, serve_edge, serve_scorer};
pub use settings::{
    Level, Mistake, Role, Settings, SettingsError, Synchronous, VARIABLES, Variable, help, http,
};
pub use telemetry::logs::{LogsInUse, init_logs};
pub use telemetry::spans::{Call, Calls, Sent};
pub use units::PartOf;
