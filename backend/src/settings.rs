//! Settings: defaults, overridden by the environment.
//!
//! Invariant: all mistakes are told at once, each with its name, what was written and what to
//! write instead.
//! Invariant: an empty variable is an unset one, as compose files write it.
//! Not here: arguments; the caller overrides fields of [`Settings`].

#[cfg(test)]
mod tests;
mod variables;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::esg::Region;
use crate::mutant::Mutant;
use crate::resilience::{BreakerSettings, Invalid, RetrySettings};
use crate::units::PartOf;
pub use variables::{VARIABLES, Variable, help, http};

/// Which of the platform's processes it is: each has its own variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The HTTP API over a store.
    Backend,
    /// It predicts.
    Scorer,
    /// It takes samples and delivers them.
    Edge,
    /// They send samples.
    Devices,
}

/// How much is logged of the backend itself; libraries log from `warning` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Each request, too.
    Debug,
    /// The life of the process, and errors.
    Info,
    /// Errors and refusals only.
    Warning,
    /// Server errors only.
    Error,
}

/// When a commit has reached the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// At every commit: survives power loss.
    Full,
    /// At checkpoints: survives the death of the process, not of the machine.
    Normal,
}

/// Everything that can be set; [`VARIABLES`] has the names and says what they are for.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each field is one of VARIABLES, which say what it is for")]
pub struct Settings {
    pub listen: SocketAddr,
    pub database_url: String,
    pub synchronous: Synchronous,
    pub pool_size: u32,
    pub timeout_connect: Duration,
    pub timeout_read: Duration,
    pub timeout_pool: Duration,
    pub timeout_db: Duration,
    pub retry_attempts: u32,
    pub retry_base: Duration,
    pub retry_factor: f64,
    pub retry_max: Duration,
    pub retry_jitter: f64,
    pub breaker_failures: u32,
    pub breaker_recovery: Duration,
    pub breaker_trials: u32,
    pub breaker_lease: Duration,
    /// None: the rules run in this process.
    pub scorer_url: Option<String>,
    /// None: there is no edge to be.
    pub edge_backend: Option<String>,
    pub edge_outbox: String,
    pub edge_outbox_most: usize,
    pub edge_in_flight: usize,
    /// Requests a minute and client; 0 is no limit.
    pub rate_limit_ingest: u32,
    /// Requests a minute and client; 0 is no limit.
    pub rate_limit_predict: u32,
    pub esg_region: Region,
    pub esg_interval: Duration,
    pub body_limit: usize,
    pub shutdown_grace: Duration,
    pub app_name: String,
    pub environment: String,
    pub log_level: Level,
    pub metrics_enabled: bool,
    pub tracing_enabled: bool,
    pub tracing_endpoint: String,
    pub tracing_service_name: String,
    pub tracing_sample: PartOf,
    pub tracing_interval: Duration,
    pub tracing_timeout: Duration,
    /// Promises to break.
    pub mutants: Vec<Mutant>,
}

impl Default for Settings {
    fn default() -> Settings {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            database_url: "sqlite::memory:".to_owned(),
            synchronous: Synchronous::Full,
            pool_size: 4,
            timeout_connect: 5 * second,
            timeout_read: 30 * second,
            timeout_pool: 5 * second,
            timeout_db: 30 * second,
            retry_attempts: 3,
            retry_base: second,
            retry_factor: 2.0,
            retry_max: 30 * second,
            retry_jitter: 0.0,
            breaker_failures: 5,
            breaker_recovery: minute,
            breaker_trials: 1,
            breaker_lease: minute,
            scorer_url: None,
            edge_backend: None,
            edge_outbox: "sqlite://edge.db".to_owned(),
            edge_outbox_most: 100_000,
            edge_in_flight: 64,
            rate_limit_ingest: 0,
            rate_limit_predict: 0,
            esg_region: Region::Latam,
            esg_interval: second,
            body_limit: 256 * 1024,
            shutdown_grace: 5 * second,
            app_name: "AurumAI Platform".to_owned(),
            environment: "development".to_owned(),
            log_level: Level::Info,
            metrics_enabled: true,
            tracing_enabled: false,
            tracing_endpoint: "http://127.0.0.1:4317".to_owned(),
            tracing_service_name: "assay-backend".to_owned(),
            tracing_sample: PartOf::ALL,
            tracing_interval: second,
            tracing_timeout: 5 * second,
            mutants: Vec::new(),
        }
    }
}

impl Settings {
    /// The version that answers and metrics carry.
    pub const APP_VERSION: &'static str = env!("CARGO_PKG_VERSION");

    /// Defaults, overridden by what `get` finds under the names of those [`VARIABLES`] that a process
    /// of this role reads; what the others say is nothing to it.
    ///
    /// # Errors
    /// All mistakes, not only the first.
    pub fn from_env(
        role: Role,
        get: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Settings, SettingsError> {
        Settings::read(&|name| if role.reads(name) { get(name) } else { None })
    }

    fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Settings, SettingsError> {
        let mut settings = Settings::default();
        let mut mistakes = Vec::new();
        for variable in VARIABLES {
            let Some(text) = get(variable.name) else { continue };
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            if let Err(messages) = variable.read(&mut settings, text) {
                let name = variable.name.to_owned();
                mistakes.push(Mistake { name, message: messages });
            }
        }
        // Those that are right one by one and wrong together.
        let together =
            [("RETRY_", settings.retry().err()), ("CIRCUIT_BREAKER_", settings.breaker().err())];
        for (family, invalid) in together {
            if let Some(invalid) = invalid {
                let name = variables::of(family, invalid.setting);
                if mistakes.iter().all(|m| m.name != name) {
                    let message = format!("is {}: {}", invalid.found, invalid.write);
                    mistakes.push(Mistake { name, message });
                }
            }
        }
        if mistakes.is_empty() { Ok(settings) } else { Err(SettingsError { mistakes }) }
    }

    /// The retries of calls.
    ///
    /// # Errors
    /// When the fields do not fit together.
    pub fn retry(&self) -> Result<RetrySettings, Invalid> {
        RetrySettings::new(
            self.retry_attempts,
            self.retry_base,
            self.retry_factor,
            self.retry_max,
            self.retry_jitter,
        )
    }

    /// The circuit breakers.
    ///
    /// # Errors
    /// When a field cannot be meant.
    pub fn breaker(&self) -> Result<BreakerSettings, Invalid> {
        BreakerSettings::new(
            self.breaker_failures,
            self.breaker_recovery,
            self.breaker_trials,
            self.breaker_lease,
        )
    }
}

/// One variable that says something impossible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The variable's name.
    pub name: String,
    /// What was written, and what to write instead.
    pub message: String,
}

/// All mistakes of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// At least one, in the order of the settings.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, mistake) in self.mistakes.iter().enumerate() {
            let end = if n == 0 { "" } else { "\n" };
            write!(f, "{end}{}: {}", mistake.name, mistake.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}
