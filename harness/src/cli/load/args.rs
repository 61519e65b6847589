//! What can be typed after `assay load`.
//!
//! Invariant: a value that scenarios have too is read by the scenario's own scalars, so a wrong
//! one is refused here, with what to write instead.
//! Not here: what the flags mean (`scenario`).

use super::super::args::{Remap, WordArgs};
use crate::spec::scalar::{Duration, Rate, Ratio, Scalar, Statuses};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;

/// A load that is typed, not written.
#[derive(Debug, Args)]
pub(in crate::cli) struct LoadArgs {
    /// Where requests go: `http[s]://host:port/path?query`. Typing it is consent to load it.
    #[arg(value_name = "URL")]
    pub(super) url: String,
    /// Requests a second (or a minute), due whether or not earlier ones returned.
    #[arg(long, value_name = "RATE", value_parser = text::<Rate>, allow_hyphen_values = true)]
    #[arg(required_unless_present_any = ["closed", "find"], conflicts_with = "closed")]
    pub(super) rate: Option<String>,
    /// End as soon as a gate is surely lost, after ten seconds and a timeout at the earliest; nothing is ever
    /// met early.
    #[arg(long)]
    pub(super) stop_early: bool,
    /// HTTP/2: agreed on with https, spoken from the first byte on with http.
    #[arg(long)]
    pub(super) http2: bool,
    /// Requests come as those of independent callers do, drawn from the seed, not evenly.
    #[arg(long, conflicts_with = "closed")]
    pub(super) poisson: bool,
    /// Change the rate evenly, to this at the end.
    #[arg(long, value_name = "RATE", value_parser = text::<Rate>, requires = "rate")]
    #[arg(allow_hyphen_values = true)]
    #[arg(conflicts_with = "closed")]
    pub(super) ramp_to: Option<String>,
    /// Each connection sends again as soon as its answer is there: finds a limit, hides a stall.
    #[arg(long)]
    pub(super) closed: bool,
    /// With --closed so many connections [default: 64]; else at most so many [default: 4096].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) connections: Option<u64>,
    /// How long.
    #[arg(long = "for", value_name = "DURATION", default_value = "10s", value_parser = text::<Duration>)]
    #[arg(allow_hyphen_values = true)]
    pub(super) lasts: String,
    /// Before that, without being counted: at the first rate.
    #[arg(long, value_name = "DURATION", value_parser = text::<Duration>, conflicts_with = "closed")]
    #[arg(allow_hyphen_values = true)]
    pub(super) warmup: Option<String>,
    /// The method [default: GET, with a body POST].
    #[arg(long, value_name = "METHOD", ignore_case = true, value_parser = METHODS)]
    pub(super) method: Option<String>,
    /// A header; may be given several times, each with another name.
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    pub(super) header: Vec<(String, String)>,
    /// The body: a text, or `@FILE`.
    #[arg(long, value_name = "TEXT|@FILE")]
    pub(super) body: Option<String>,
    /// What is ok, such as `200` or `2xx,404` [default: 2xx and 3xx].
    #[arg(long, value_name = "STATUSES", value_delimiter = ',', value_parser = status)]
    pub(super) check_status: Vec<String>,
    /// How long a whole answer may take.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = text::<Duration>)]
    #[arg(allow_hyphen_values = true)]
    pub(super) timeout: String,
    #[command(flatten)]
    pub(super) find: FindArgs,
    #[command(flatten)]
    pub(super) tls: TlsArgs,
    #[command(flatten)]
    pub(super) gates: GateArgs,
    /// Seed of every random choice.
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
    /// The run directory; must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Write the figures to a file as JSON (`-`: to stdout, and all else to stderr): times in ms on the
    /// response clock, of what was answered ok alone: who failed or came too late is in `errors`.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Copy the HdrHistogram log to a file.
    #[arg(long, value_name = "FILE")]
    pub(super) hlog: Option<PathBuf>,
    /// Write this very load to a new file as a scenario to grow from, and run it.
    #[arg(long, value_name = "FILE")]
    pub(super) save_scenario: Option<PathBuf>,
    /// Exit with 1 (fail) or 0 (pass) instead of 3 when it could not be decided.
    #[arg(long, value_name = "fail|pass")]
    pub(super) on_inconclusive: Option<Remap>,
    #[command(flatten)]
    pub(super) words: WordArgs,
}

/// How much can be carried: the rate goes up in steps until one breaks a gate.
#[derive(Debug, Args)]
#[command(next_help_heading = "Find the capacity")]
pub(super) struct FindArgs {
    /// Go up in steps and find the highest at which all gates hold; the first that breaks one is
    /// the last.
    #[arg(long, requires = "GateArgs", conflicts_with_all = ["rate", "ramp_to", "closed", "lasts"])]
    pub(super) find: bool,
    /// The rate of the first step.
    #[arg(long, value_name = "RATE", default_value = "100/s", value_parser = text::<Rate>, requires = "find")]
    #[arg(allow_hyphen_values = true)]
    pub(super) from: String,
    /// No step is above this rate.
    #[arg(long, value_name = "RATE", default_value = "2000/s", value_parser = text::<Rate>, requires = "find")]
    #[arg(allow_hyphen_values = true)]
    pub(super) to: String,
    /// How much higher each next step is.
    #[arg(long, value_name = "RATE", default_value = "100/s", value_parser = text::<Rate>, requires = "find")]
    #[arg(allow_hyphen_values = true)]
    pub(super) step: String,
    /// How long each step lasts.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = text::<Duration>, requires = "find")]
    #[arg(allow_hyphen_values = true)]
    pub(super) hold: String,
    /// How long each step settles before it is judged.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = text::<Duration>, requires = "find")]
    #[arg(allow_hyphen_values = true)]
    pub(super) settle: String,
    /// A gate: up to the step of this rate all must hold [default: the first].
    #[arg(long, value_name = "RATE", value_parser = text::<Rate>, requires = "find")]
    #[arg(allow_hyphen_values = true)]
    pub(super) at_least: Option<String>,
}

/// How TLS is spoken with an https URL. Files are PEM.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsArgs {
    /// The only authorities that are trusted [default: the machine's].
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(super) ca: Option<PathBuf>,
    /// Our own certificate, for a server that asks who we are.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(super) cert: Option<PathBuf>,
    /// Its private key.
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(super) key: Option<PathBuf>,
    /// Accept any certificate; the report says so.
    #[arg(long)]
    pub(super) insecure: bool,
}

/// What must hold; without any of these the load is only measured.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gates")]
pub(super) struct GateArgs {
    /// At least half of the requests are ok in less than this.
    #[arg(long, value_name = "DURATION", value_parser = text::<Duration>)]
    #[arg(allow_hyphen_values = true)]
    pub(super) p50: Option<String>,
    /// At least 90 % of them.
    #[arg(long, value_name = "DURATION", value_parser = text::<Duration>)]
    #[arg(allow_hyphen_values = true)]
    pub(super) p90: Option<String>,
    /// At least 95 % of them.
    #[arg(long, value_name = "DURATION", value_parser = text::<Duration>)]
    #[arg(allow_hyphen_values = true)]
    pub(super) p95: Option<String>,
    /// At least 99 % of them.
    #[arg(long, value_name = "DURATION", value_parser = text::<Duration>)]
    #[arg(allow_hyphen_values = true)]
    pub(super) p99: Option<String>,
    /// At least 99.9 % of them.
    #[arg(long, value_name = "DURATION", value_parser = text::<Duration>)]
    #[arg(allow_hyphen_values = true)]
    pub(super) p999: Option<String>,
    /// Less than this share of the requests is not ok.
    #[arg(long, value_name = "SHARE", value_parser = errors, allow_hyphen_values = true)]
    pub(super) error_rate: Option<String>,
}

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// A value as it was typed, if a scenario could have it.
fn text<S: Scalar>(text: &str) -> Result<String, String> {
    if text.starts_with('-') {
        return Err(format!("it is not above 0: write {}", S::WANTED));
    }
    let read = S::read(&Value::String(text.to_owned()));
    read.map(|_| text.to_owned()).map_err(|wrong| wrong.to_string())
}

/// A share that less than it can be.
fn errors(typed: &str) -> Result<String, String> {
    let kept = text::<Ratio>(typed)?;
    let share = Ratio::read(&Value::String(kept.clone())).map_err(|wrong| wrong.to_string())?;
    match share.0.0 {
        0 => Err("no share is less than 0 %: write one above it, such as 0.1%".to_owned()),
        _ => Ok(kept),
    }
}

fn status(text: &str) -> Result<String, String> {
    let read = Statuses::read(&Value::Array(vec![Value::String(text.to_owned())]));
    read.map(|_| text.to_owned()).map_err(|wrong| wrong.to_string())
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write NAME: VALUE".to_owned()),
    }
}
