//! Settings: defaults, overridden by the environment.
//!
//! Invariant: all mistakes are told at once, each with its name, what was written and what to
//! write instead.
//! Invariant: an empty variable is an unset one, as compose files write it.
//! Not here: arguments; the caller overrides fields of [`Settings`].

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::mutant::Mutant;
use crate::store::sqlite::Place;
use crate::units;

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

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one. `API_HOST`, `API_PORT`.
    pub listen: SocketAddr,
    /// `sqlite://PATH` or `sqlite::memory:`. `DATABASE_URL`.
    pub database_url: String,
    /// Whether a commit waits for the disk. `DATABASE_SYNCHRONOUS`: `full` or `normal`.
    pub synchronous: Synchronous,
    /// Connections for reading; writing has its own. `DATABASE_POOL_SIZE`.
    pub pool_size: u32,
    /// Longest wait for a connection or for room in the write queue. `TIMEOUT_POOL`.
    pub timeout_pool: Duration,
    /// Longest wait for one database operation. `TIMEOUT_DB`.
    pub timeout_db: Duration,
    /// Longest body of a request, in bytes. `BODY_LIMIT`.
    pub body_limit: usize,
    /// How long requests may still take after the call to stop. `SHUTDOWN_GRACE`.
    pub shutdown_grace: Duration,
    /// The name in `/health` and in the first log line. `APP_NAME`.
    pub app_name: String,
    /// The environment's name in logs, metrics and `/health`. `APP_ENVIRONMENT`.
    pub environment: String,
    /// How much is logged. `LOG_LEVEL`: `debug`, `info`, `warning` or `error`.
    pub log_level: Level,
    /// Promises to break. `APP_MUTANTS`, separated by commas.
    pub mutants: Vec<Mutant>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            database_url: "sqlite::memory:".to_owned(),
            synchronous: Synchronous::Full,
            pool_size: 4,
            timeout_pool: Duration::from_secs(5),
            timeout_db: Duration::from_secs(30),
            body_limit: 256 * 1024,
            shutdown_grace: Duration::from_secs(5),
            app_name: "AurumAI Platform".to_owned(),
            environment: "development".to_owned(),
            log_level: Level::Info,
            mutants: Vec::new(),
        }
    }
}

impl Settings {
    /// The version that answers and metrics carry.
    pub const APP_VERSION: &'static str = env!("CARGO_PKG_VERSION");

    /// Defaults, overridden by what `get` finds under the names of the fields' documentation.
    ///
    /// # Errors
    /// All mistakes, not only the first.
    pub fn from_env(get: &dyn Fn(&str) -> Option<String>) -> Result<Settings, SettingsError> {
        let mut settings = Settings::default();
        let mut env = Env { get, mistakes: Vec::new() };
        if let Some(host) = env.read("API_HOST", host) {
            settings.listen.set_ip(host);
        }
        if let Some(port) = env.read("API_PORT", |t| whole(t, 0, u64::from(u16::MAX))) {
            settings.listen.set_port(u16::try_from(port).unwrap_or_default());
        }
        env.set("DATABASE_URL", &mut settings.database_url, |t| {
            Place::parse(t).map(|_| t.to_owned())
        });
        env.set("DATABASE_SYNCHRONOUS", &mut settings.synchronous, synchronous);
        if let Some(size) = env.read("DATABASE_POOL_SIZE", |t| whole(t, 1, 64)) {
            settings.pool_size = u32::try_from(size).unwrap_or(settings.pool_size);
        }
        env.set("TIMEOUT_POOL", &mut settings.timeout_pool, units::duration);
        env.set("TIMEOUT_DB", &mut settings.timeout_db, units::duration);
        if let Some(bytes) = env.read("BODY_LIMIT", |t| whole(t, 1_024, 16 * 1024 * 1024)) {
            settings.body_limit = usize::try_from(bytes).unwrap_or(settings.body_limit);
        }
        env.set("SHUTDOWN_GRACE", &mut settings.shutdown_grace, units::duration);
        env.set("APP_NAME", &mut settings.app_name, |t| Ok(t.to_owned()));
        env.set("APP_ENVIRONMENT", &mut settings.environment, |t| Ok(t.to_owned()));
        env.set("LOG_LEVEL", &mut settings.log_level, level);
        env.mutants("APP_MUTANTS", &mut settings.mutants);
        if env.mistakes.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError { mistakes: env.mistakes })
        }
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

/// Reads variables and gathers mistakes.
struct Env<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    mistakes: Vec<Mistake>,
}

impl Env<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.get)(name).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
    }

    fn read<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match parse(&self.text(name)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.mistakes.push(Mistake { name: name.to_owned(), message });
                None
            }
        }
    }

    fn set<T>(&mut self, name: &str, field: &mut T, parse: impl Fn(&str) -> Result<T, String>) {
        if let Some(value) = self.read(name, parse) {
            *field = value;
        }
    }

    fn mutants(&mut self, name: &str, field: &mut Vec<Mutant>) {
        for text in self.text(name).iter().flat_map(|t| t.split(',')) {
            match text.parse::<Mutant>() {
                Ok(mutant) => field.push(mutant),
                Err(bad) => {
                    self.mistakes.push(Mistake { name: name.to_owned(), message: bad.to_string() });
                }
            }
        }
    }
}

fn host(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(IpAddr::from([127, 0, 0, 1]));
    }
    text.parse().map_err(|_| {
        format!("`{text}` is not an IP address: write 127.0.0.1, or 0.0.0.0 for all interfaces")
    })
}

fn whole(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.parse::<u64>().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("`{text}` is not a whole number from {least} to {most}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::from_env(&|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_set_gives_the_defaults() {
        assert_eq!(from(&[]), Ok(Settings::default()));
        assert_eq!(from(&[("DATABASE_URL", ""), ("API_PORT", " ")]), Ok(Settings::default()));
    }

    #[test]
    fn every_variable_reaches_its_field() {
        let settings = from(&[
            ("API_HOST", "0.0.0.0"),
            ("API_PORT", "9001"),
            ("DATABASE_URL", "sqlite://data/b.db"),
            ("DATABASE_SYNCHRONOUS", "normal"),
            ("DATABASE_POOL_SIZE", "2"),
            ("TIMEOUT_POOL", "1s"),
            ("TIMEOUT_DB", "2s"),
            ("BODY_LIMIT", "2048"),
            ("SHUTDOWN_GRACE", "3s"),
            ("APP_NAME", "N"),
            ("APP_ENVIRONMENT", "ci"),
            ("LOG_LEVEL", "DEBUG"),
            ("APP_MUTANTS", "errors=1%, slow=5ms"),
        ]);
        let expect = Settings {
            listen: SocketAddr::from(([0, 0, 0, 0], 9001)),
            database_url: "sqlite://data/b.db".to_owned(),
            synchronous: Synchronous::Normal,
            pool_size: 2,
            timeout_pool: Duration::from_secs(1),
            timeout_db: Duration::from_secs(2),
            body_limit: 2_048,
            shutdown_grace: Duration::from_secs(3),
            app_name: "N".to_owned(),
            environment: "ci".to_owned(),
            log_level: Level::Debug,
            mutants: vec!["errors=1%".parse().unwrap(), "slow=5ms".parse().unwrap()],
        };
        assert_eq!(settings, Ok(expect));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let error = from(&[
            ("API_HOST", "nowhere"),
            ("API_PORT", "70000"),
            ("DATABASE_URL", "postgres://x/y"),
            ("TIMEOUT_DB", "30"),
            ("LOG_LEVEL", "loud"),
            ("APP_MUTANTS", "errors=1%,lies"),
        ])
        .unwrap_err();
        let names: Vec<&str> = error.mistakes.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(
            names,
            ["API_HOST", "API_PORT", "DATABASE_URL", "TIMEOUT_DB", "LOG_LEVEL", "APP_MUTANTS"]
        );
        let text = error.to_string();
        assert_eq!(text.lines().count(), 6);
        assert!(text.contains("sqlite://PATH") && text.contains("30s"), "{text}");
    }
}
