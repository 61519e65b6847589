//! The environment's names: what each is for, its default, and how it is read.
//!
//! Invariant: this is the one list: it reads the environment and it is the help.
//! Not here: what the settings do.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::{Level, Role, Settings, Synchronous};
use crate::esg::Region;
use crate::mutant::Mutant;
use crate::store::Place;
use crate::units::{self, PartOf};

type Read = fn(&mut Settings, &str) -> Result<(), String>;

/// One environment variable.
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The default, as it would be written; empty where there is none.
    pub default: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    read: Read,
}

impl Variable {
    pub(super) fn read(&self, settings: &mut Settings, text: &str) -> Result<(), String> {
        (self.read)(settings, text)
    }
}

const fn var(
    name: &'static str,
    default: &'static str,
    about: &'static str,
    read: Read,
) -> Variable {
    Variable { name, default, about, read }
}

/// Every variable that the backend reads, in the order of the help.
pub const VARIABLES: &[Variable] = &[
    var("API_HOST", "127.0.0.1", "address to listen on; --listen replaces it", |s, t| {
        s.listen.set_ip(host(t)?);
        Ok(())
    }),
    var("API_PORT", "8000", "port; 0 takes a free one", |s, t| {
        s.listen.set_port(whole(t, 0, 65_535)?);
        Ok(())
    }),
    var(
        "DATABASE_URL",
        "sqlite::memory:",
        "or sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME",
        |s, t| {
            Place::parse(t)?;
            set(&mut s.database_url, Ok(t.to_owned()))
        },
    ),
    var(
        "DATABASE_SYNCHRONOUS",
        "full",
        "full: a commit survives power loss; normal: the death of the process",
        |s, t| set(&mut s.synchronous, synchronous(t)),
    ),
    var("DATABASE_POOL_SIZE", "4", "connections for reading; writing has its own", |s, t| {
        set(&mut s.pool_size, whole(t, 1, 64))
    }),
    var("TIMEOUT_CONNECT", "5s", "longest wait for a connection to the scorer", |s, t| {
        set(&mut s.timeout_connect, units::duration(t))
    }),
    var("TIMEOUT_READ", "30s", "longest wait for an answer of the scorer", |s, t| {
        set(&mut s.timeout_read, units::duration(t))
    }),
    var(
        "TIMEOUT_POOL",
        "5s",
        "longest wait for a database connection, a lock or room in the write queue",
        |s, t| set(&mut s.timeout_pool, units::duration(t)),
    ),
    var("TIMEOUT_DB", "30s", "longest wait for one database operation", |s, t| {
        set(&mut s.timeout_db, units::duration(t))
    }),
    var("RETRY_MAX_ATTEMPTS", "3", "attempts of a call, the first included", |s, t| {
        set(&mut s.retry_attempts, whole(t, 1, 20))
    }),
    var("RETRY_BASE_DELAY", "1s", "wait before the second attempt", |s, t| {
        set(&mut s.retry_base, units::duration(t))
    }),
    var("RETRY_MULTIPLIER", "2", "how much longer each further wait is", |s, t| {
        set(&mut s.retry_factor, within(t, 1.0..=f64::MAX, "write 1 or more: 2 doubles each wait"))
    }),
    var("RETRY_MAX_DELAY", "30s", "longest wait between attempts", |s, t| {
        set(&mut s.retry_max, units::duration(t))
    }),
    var(
        "RETRY_JITTER",
        "0",
        "0 to 1: the fraction of itself by which a wait may be longer",
        |s, t| set(&mut s.retry_jitter, within(t, 0.0..=1.0, "write a fraction from 0 to 1")),
    ),
    var(
        "CIRCUIT_BREAKER_FAIL_MAX",
        "5",
        "failures in a row that open a circuit breaker",
        |s, t| set(&mut s.breaker_failures, whole(t, 1, 1_000_000)),
    ),
    var("CIRCUIT_BREAKER_RESET_TIMEOUT", "60s", "how long it stays open before a trial", |s, t| {
        set(&mut s.breaker_recovery, units::duration(t))
    }),
    var("CIRCUIT_BREAKER_TRIALS", "1", "calls let through while half-open", |s, t| {
        set(&mut s.breaker_trials, whole(t, 1, 1_000))
    }),
    var(
        "CIRCUIT_BREAKER_TRIAL_LEASE",
        "1m",
        "time after which a trial that has not ended counts as failed",
        |s, t| set(&mut s.breaker_lease, units::duration(t)),
    ),
    var(
        "SCORER_URL",
        "",
        "http://HOST:PORT of `assay scorer`; without it the rules run in this process",
        |s, t| set(&mut s.scorer_url, http(t).map(Some)),
    ),
    var("EDGE_BACKEND_URL", "", "where the edge delivers: http://HOST:PORT", |s, t| {
        set(&mut s.edge_backend, http(t).map(Some))
    }),
    var(
        "EDGE_OUTBOX",
        "sqlite://edge.db",
        "the edge's outbox: sqlite://PATH, or sqlite::memory:, which is lost with the process",
        |s, t| {
            if matches!(Place::parse(t)?, Place::Postgres(_)) {
                return Err("an outbox is a file: write sqlite://PATH".to_owned());
            }
            set(&mut s.edge_outbox, Ok(t.to_owned()))
        },
    ),
    var(
        "EDGE_OUTBOX_MAX",
        "100000",
        "items that the outbox holds; then samples are refused with 503",
        |s, t| set(&mut s.edge_outbox_most, whole(t, 1, 10_000_000)),
    ),
    var("EDGE_IN_FLIGHT", "64", "deliveries under way at once, one of a machine", |s, t| {
        set(&mut s.edge_in_flight, whole(t, 1, 4_096))
    }),
    var(
        "RATE_LIMIT_INGEST",
        "0",
        "ingests a minute and client, then 429; 0 is no limit",
        |s, t| set(&mut s.rate_limit_ingest, whole(t, 0, 1_000_000_000)),
    ),
    var(
        "RATE_LIMIT_PREDICT",
        "0",
        "predictions a minute and client, then 429; 0 is no limit",
        |s, t| set(&mut s.rate_limit_predict, whole(t, 0, 1_000_000_000)),
    ),
    var(
        "ESG_REGION",
        "latam",
        "whose electricity it is: latam .45, us .40, eu .30 kg CO2e a kWh",
        |s, t| set(&mut s.esg_region, Region::parse(t)),
    ),
    var(
        "ESG_SAMPLE_INTERVAL",
        "1s",
        "the time that one sample stands for in carbon figures",
        |s, t| set(&mut s.esg_interval, units::duration(t)),
    ),
    var("BODY_LIMIT", "262144", "longest body of a request, in bytes", |s, t| {
        set(&mut s.body_limit, whole(t, 1_024, 16 * 1024 * 1024))
    }),
    var(
        "SHUTDOWN_GRACE",
        "5s",
        "longest stop after SIGTERM; its last half second is for closing",
        |s, t| set(&mut s.shutdown_grace, units::duration(t)),
    ),
    var("APP_NAME", "AurumAI Platform", "the name in /health and in the first log line", |s, t| {
        set(&mut s.app_name, Ok(t.to_owned()))
    }),
    var(
        "APP_ENVIRONMENT",
        "development",
        "the environment's name in logs, metrics and traces",
        |s, t| set(&mut s.environment, Ok(t.to_owned())),
    ),
    var("LOG_LEVEL", "info", "debug (every request), info, warning or error", |s, t| {
        set(&mut s.log_level, level(t))
    }),
    var("METRICS_ENABLED", "true", "false counts no requests and no statements", |s, t| {
        set(&mut s.metrics_enabled, truth(t))
    }),
    var("TRACING_ENABLED", "false", "true exports traces by OTLP over gRPC", |s, t| {
        set(&mut s.tracing_enabled, truth(t))
    }),
    var("TRACING_OTLP_ENDPOINT", "http://127.0.0.1:4317", "where the collector is", |s, t| {
        set(&mut s.tracing_endpoint, http(t))
    }),
    var("TRACING_SERVICE_NAME", "assay-backend", "the service's name in traces", |s, t| {
        set(&mut s.tracing_service_name, Ok(t.to_owned()))
    }),
    var(
        "TRACING_SAMPLE",
        "100%",
        "share of the traces begun here that are kept; a caller's choice is followed",
        |s, t| set(&mut s.tracing_sample, PartOf::parse(t)),
    ),
    var("TRACING_EXPORT_INTERVAL", "1s", "how often ended spans are sent", |s, t| {
        set(&mut s.tracing_interval, units::duration(t))
    }),
    var(
        "TRACING_EXPORT_TIMEOUT",
        "5s",
        "how long one sending may take; then its spans are lost and counted",
        |s, t| set(&mut s.tracing_timeout, units::duration(t)),
    ),
    var("APP_MUTANTS", "", "promises to break, separated by commas", |s, t| {
        set(
            &mut s.mutants,
            t.split(',').map(|m| m.parse::<Mutant>().map_err(|bad| bad.to_string())).collect(),
        )
    }),
];

impl Role {
    /// Whether this variable is its own.
    pub(super) fn reads(self, name: &str) -> bool {
        let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
        match self {
            Role::Backend => !begins(&["EDGE_"]),
            // It listens where its argument says.
            Role::Edge => !begins(&[
                "API_",
                "DATABASE_URL",
                "DATABASE_POOL_SIZE",
                "TIMEOUT_DB",
                "SCORER_URL",
                "RATE_LIMIT_PREDICT",
                "ESG_",
            ]),
            // They keep nothing, and what devices send goes by their arguments.
            Role::Scorer | Role::Devices => begins(&[
                "BODY_LIMIT",
                "SHUTDOWN_GRACE",
                "APP_",
                "LOG_LEVEL",
                "METRICS_ENABLED",
                "TRACING_",
            ]),
        }
    }
}

/// The variables of one of the platform's processes as a text of two columns, for a command's help.
#[must_use]
pub fn help(role: Role) -> String {
    let own = || VARIABLES.iter().filter(|v| role.reads(v.name));
    let widest = own().map(|v| v.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Variable { name, default, about, .. } in own() {
        let default = if default.is_empty() { "none" } else { default };
        // Whom it calls.
        let about = match role {
            Role::Edge => about.replace("the scorer", "the backend"),
            Role::Backend | Role::Scorer | Role::Devices => (*about).to_owned(),
        };
        text += &format!("  {name:widest$}  {about} [{default}]\n");
    }
    text
}

/// The variable behind a part of the retry's or the breaker's settings.
pub(super) fn of(family: &str, part: &str) -> String {
    let part = match part {
        "attempts" => "MAX_ATTEMPTS",
        "base" => "BASE_DELAY",
        "factor" => "MULTIPLIER",
        "max" => "MAX_DELAY",
        "jitter" => "JITTER",
        "failures" => "FAIL_MAX",
        "recovery" => "RESET_TIMEOUT",
        "trials" => "TRIALS",
        "lease" => "TRIAL_LEASE",
        other => other,
    };
    format!("{family}{part}")
}

fn set<T>(field: &mut T, value: Result<T, String>) -> Result<(), String> {
    *field = value?;
    Ok(())
}

fn host(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(IpAddr::from([127, 0, 0, 1]));
    }
    text.parse().map_err(|_| {
        format!("`{text}` is not an IP address: write 127.0.0.1, or 0.0.0.0 for all interfaces")
    })
}

fn whole<T: TryFrom<u64>>(text: &str, least: u64, most: u64) -> Result<T, String> {
    let number = text.parse::<u64>().ok().filter(|n| (least..=most).contains(n));
    let number = number.and_then(|n| T::try_from(n).ok());
    number.ok_or_else(|| format!("`{text}` is not a whole number from {least} to {most}"))
}

/// A number in this range; each is told for itself, whatever else is wrong.
fn within(text: &str, range: RangeInclusive<f64>, write: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|n| n.is_finite());
    let number = number.ok_or_else(|| format!("`{text}` is not a number: {write}"))?;
    if range.contains(&number) { Ok(number) } else { Err(format!("is {text}: {write}")) }
}

fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}

/// An address to which paths are added: `http://HOST:PORT`, without a slash at its end.
///
/// # Errors
/// Says what to write.
pub fn http(text: &str) -> Result<String, String> {
    let refuse = || format!("`{text}` is not an address: write one such as http://127.0.0.1:8001");
    let uri = text.parse::<axum::http::Uri>().map_err(|_| refuse())?;
    if uri.scheme_str() != Some("http") || uri.host().is_none_or(str::is_empty) {
        return Err(refuse());
    }
    // What is added would become part of it.
    if text.contains(['?', '#']) {
        return Err(format!("`{text}` has a query: write one such as http://127.0.0.1:8001"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn synchronous(text: &str) -> Result<Synchronous, String> {
    match text {
        "full" => Ok(Synchronous::Full),
        "normal" => Ok(Synchronous::Normal),
        _ => Err(format!("`{text}` is not known: write full or normal")),
    }
}

fn level(text: &str) -> Result<Level, String> {
    match text.to_ascii_lowercase().as_str() {
        "debug" => Ok(Level::Debug),
        "info" => Ok(Level::Info),
        "warning" | "warn" => Ok(Level::Warning),
        "error" => Ok(Level::Error),
        _ => Err(format!("`{text}` is not a level: write debug, info, warning or error")),
    }
}
