//! What can be typed.
//!
//! Invariant: every command's `--help` ends with examples that work.

use super::baseline::CompareArgs;
use super::doctor::{self, DoctorArgs};
use super::endpoints;
use super::explain::ExplainArgs;
use super::hidden::{BurnerArgs, ContainerArgs, GuardianArgs, KeeperArgs};
use super::links::{self, LinksArgs};
use super::load::LoadArgs;
use super::mark::{self, MarkArgs};
use super::platform::args::{BackendArgs, DevicesArgs, EdgeArgs, HealthArgs, ScorerArgs};
use super::record::{self, RecordArgs};
use super::recover::RecoverArgs;
use super::slo::SloCommand;
use super::verify::VerifyArgs;
use crate::spec::types::Decide;
use clap::{Args as ClapArgs, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Drives load at a service, breaks it on purpose, and judges what happened against SLOs.
#[derive(Debug, Parser)]
#[command(name = "assay", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 met, 1 violated, 2 usage or an invalid scenario, 3 inconclusive, 4 could not run,
5 something is still broken, 130/143 interrupted.

Examples:
  assay run scenarios/half-failures.yaml
  assay plan my.yaml --set load.visitors.constant-arrival-rate.rate=50/s
  assay verify reports/half-failures-20260101T000000Z-7";

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check scenarios: every mistake, with file, line and column. Sends nothing.
    #[command(after_help = "\
Exit codes: 0 all are valid, 2 at least one is not.

Examples:
  assay validate scenarios/*.yaml
  assay validate my.yaml --profile ci")]
    Validate(ValidateArgs),
    /// Show what a run would do, and whether it could decide anything. Sends nothing.
    #[command(after_help = "\
Examples:
  assay plan scenarios/half-failures.yaml
  assay plan my.yaml --profile ci --set faults.down.outage.duration=5s")]
    Plan(OneScenario),
    /// Run a scenario and judge it.
    #[command(after_help = "\
Exit codes: 0 met, 1 violated, 2 invalid scenario, 3 inconclusive, 4 could not run,
5 something is still broken, 130/143 interrupted.

Examples:
  assay run scenarios/half-failures.yaml
  assay run my.yaml --metrics-addr 127.0.0.1:9464
  assay run my.yaml --dry-run
  assay run my.yaml --stop-early
  assay run my.yaml --otlp http://127.0.0.1:4317 --otlp-sample 5%
  assay run my.yaml --profile ci --out reports/today --on-inconclusive fail
  NO_COLOR=1 assay run my.yaml --seed 42 -q")]
    Run(RunArgs),
    /// Send each request and journey of a scenario once, and show what was sent, answered, checked
    /// and captured. No load, no faults, no verdict.
    #[command(after_help = "\
Services that the scenario starts are started, and ended after it. Secrets are shown as ***.

Exit codes: 0 all were answered and all checks hold, 1 not so, 2 invalid scenario, 4 could not run,
5 something could not be ended, 130/143 interrupted.

Examples:
  assay try my.yaml
  assay try my.yaml --only login --var tenant=acme
  assay try my.yaml --only crowd --set load.crowd.constant-vus.client.timeout=1s -v
  assay try my.yaml -q")]
    Try(TryArgs),
    /// Load one URL, without a scenario file; with gates it is judged like any run.
    #[command(after_help = "\
Exit codes: those of `assay run`; without gates 0, since nothing was asked.
Times count from the instant a request was due (--rate) or was sent (--closed).

Examples:
  assay load http://127.0.0.1:8080/ --rate 500/s --for 10s
  assay load http://127.0.0.1:8080/ --rate 100/s --ramp-to 2000/s --for 1m --p95 300ms --error-rate 1%
  assay load http://127.0.0.1:8080/ --find --p95 300ms --error-rate 1%
  assay load http://127.0.0.1:8080/ --find --from 500/s --step 250/s --to 5000/s --hold 20s --p99 1s
  assay load http://127.0.0.1:8080/cart --rate 50/s --body '{\"sku\":1}' -H 'Content-Type: application/json'
  assay load http://127.0.0.1:8080/ --closed --connections 64 --json figures.json")]
    Load(Box<LoadArgs>),
    /// Find the smallest change that this machine can see: 20 s of equal load on the bundled backend.
    #[command(after_help = "\
The figures are kept for this machine and build, in $XDG_STATE_HOME/assay (~/.local/state/assay),
and go into the journal and the report of every later run.

Exit codes: 0 calibrated, 4 could not run, 130/143 interrupted.

Examples:
  assay calibrate
  assay calibrate --out reports/calibration -q")]
    Calibrate(CalibrateArgs),
    /// Judge a run directory again: the same bytes, or exit code 4.
    #[command(after_help = "\
Recomputes the verdict from the journal alone, and compares every byte of verdict.json, junit.xml,
summary.md and report.html where they are there. Without verdict.json (the run was killed) all of
them are written.

Exit codes: those of the verdict if all are the same, 4 if one differs or cannot be computed, and
while the run is still going.

Examples:
  assay verify reports/half-failures-20260101T000000Z-7
  assay verify reports/half-failures-20260101T000000Z-7 --slo slo/stricter.yaml")]
    Verify(VerifyArgs),
    /// Hold a run against an earlier one: is it worse by more than a margin?
    #[command(after_help = "\
Of each request the percentile and the errors of the steady phases. Each of A and B is a run
directory, or a file that `assay run --save-baseline` wrote; several runs of a file count together.

Exit codes: 0 B is not worse, 1 it is worse, 3 that cannot be told (it says what would tell), 4 one
of them cannot be read.

Examples:
  assay compare reports/shop-20260101T000000Z-7 reports/shop-20260102T000000Z-7
  assay compare baselines/shop-main reports/shop-20260102T000000Z-7 --percentile 99 --latency 20%")]
    Compare(CompareArgs),
    /// Tell what led to a verdict: counts, interval, limit, the worst of it, and what would change it.
    #[command(after_help = "\
Exit codes: 0 told, 2 the run judged nothing of this name, 4 the journal cannot be judged.

Examples:
  assay explain reports/half-failures-20260101T000000Z-7
  assay explain reports/half-failures-20260101T000000Z-7 errors")]
    Explain(ExplainArgs),
    /// Record what a link's far end answers, and how fast, as a stub that stands in for it.
    #[command(after_help = record::EXAMPLES)]
    Record(RecordArgs),
    /// Put right what a run that died has left broken; the newest run unless one is named.
    #[command(after_help = "\
A run undoes what it broke, and its guardian does so when the run is killed. When both were, their
lease keeper does, half a minute later. This is for whoever cannot wait, and for after a power loss:
it reads the run's log of undos, ends what the run started, and says what is still broken. Without a
RUN_DIR it also names the other runs below reports/ that left something broken. To do it twice is to
do it once.

Exit codes: 0 nothing is broken, 2 there is no such run, 4 the run is still going, 5 something is
still broken: each line names the command that mends it.

Examples:
  assay recover
  assay recover reports/half-failures-20260101T000000Z-7")]
    Recover(RecoverArgs),
    /// Look at this machine: what a run needs, and what would not work here. Changes nothing.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(DoctorArgs),
    /// Print the override that leads the services of a compose project through links.
    #[command(after_help = links::EXAMPLES)]
    Links(LinksArgs),
    /// Say to a run that goes on that a `manual` fault starts or ends now.
    #[command(after_help = mark::EXAMPLES)]
    Mark(MarkArgs),
    /// Files of OpenSLO v1: checked, shown as objectives, made into Prometheus rules.
    #[command(subcommand)]
    Slo(SloCommand),
    /// Print the JSON Schema of scenario files.
    #[command(after_help = "\
Examples:
  assay schema > assay.schema.json")]
    Schema,
    /// Run the bundled platform's backend until SIGTERM.
    #[command(after_help = format!("\
Settings come from the environment:
{}
Examples:
  assay backend --listen 127.0.0.1:8000
  DATABASE_URL=sqlite:///tmp/backend.db assay backend", assay_backend::help(assay_backend::Role::Backend)))]
    Backend(BackendArgs),
    /// Run the bundled platform's edge until SIGTERM: it takes samples, keeps them in an outbox that
    /// outlives it, and delivers them to a backend.
    #[command(after_help = format!("\
Settings come from the environment:
{}
Examples:
  assay edge --to http://127.0.0.1:8000
  EDGE_OUTBOX=sqlite:///tmp/edge.db assay edge --listen 127.0.0.1:8002 --to http://127.0.0.1:8000",
        assay_backend::help(assay_backend::Role::Edge)))]
    Edge(EdgeArgs),
    /// Ask a service whether it is well: for health checks of containers that hold no other program.
    #[command(after_help = "\
Exit codes: 0 it answered 2xx in time, 1 it did not, 2 not a URL.

Examples:
  assay health http://127.0.0.1:8000/health
  assay health http://127.0.0.1:8002/health --within 500ms")]
    Health(HealthArgs),
    /// Run the bundled platform's scorer, which a backend asks with SCORER_URL, until SIGTERM.
    #[command(after_help = format!("\
Settings come from the environment:
{}
Examples:
  assay scorer --listen 127.0.0.1:8001
  SCORER_URL=http://127.0.0.1:8001 assay backend", assay_backend::help(assay_backend::Role::Scorer)))]
    Scorer(ScorerArgs),
    /// Send samples of simulated devices to an ingest, with progress: the platform's demo.
    #[command(after_help = "\
Exit codes: 0 all samples were acknowledged, 1 some were not, 2 invalid arguments, 4 could not run,
130 interrupted.

Examples:
  assay devices --samples 1000 --to http://127.0.0.1:8000
  assay devices --devices 20 --every 100ms --gateway --to http://127.0.0.1:8000
  TRACING_ENABLED=true assay devices --listen 127.0.0.1:8003 --to http://127.0.0.1:8002")]
    Devices(DevicesArgs),
    /// Holds a container of a run: starts it, says what it says, ends with it.
    #[command(hide = true)]
    Container(ContainerArgs),
    /// Takes memory or processor time for a fault, at most so long.
    #[command(hide = true)]
    Burner(BurnerArgs),
    /// Outlives a run that is killed, and ends what it started.
    #[command(hide = true)]
    Guardian(GuardianArgs),
    /// Undoes what is over its time, by the clock alone.
    #[command(hide = true)]
    Keeper(KeeperArgs),
}

/// How a scenario is changed before it is used.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct ChangeArgs {
    /// Use a set of overrides of the file; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Vec<String>,
    /// Override one value, such as `faults.down.outage.duration=5s`; may be given several times.
    #[arg(long, value_name = "PATH=VALUE")]
    pub(super) set: Vec<String>,
    /// Give a variable of the file another value; may be given several times.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) var: Vec<String>,
    /// Seed of every random choice, instead of the file's.
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
}

/// Several scenarios.
#[derive(Debug, ClapArgs)]
pub(super) struct ValidateArgs {
    /// Scenario files.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) changes: ChangeArgs,
}

/// One scenario.
#[derive(Debug, ClapArgs)]
pub(super) struct OneScenario {
    /// The scenario file.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) changes: ChangeArgs,
}

/// A run.
#[derive(Debug, ClapArgs)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) scenario: OneScenario,
    /// The run directory; must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Say what would be started, driven and broken, and how it is undone; do nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Exit with 1 (fail) or 0 (pass) instead of 3 when it could not be decided.
    #[arg(long, value_name = "fail|pass")]
    pub(super) on_inconclusive: Option<Remap>,
    /// End the run as soon as a latency or an error rate is surely lost, after ten seconds and a timeout at
    /// the earliest, or an error count is exceeded. What is judged during faults is not lost early, and
    /// nothing is ever met early.
    #[arg(long)]
    pub(super) stop_early: bool,
    /// A host beyond loopback whose traffic may be broken; may be given several times.
    #[arg(long, value_name = "HOST")]
    pub(super) allow_faults: Vec<String>,
    /// Show the run's own figures to Prometheus at this address, as `assay_*` (README lists them);
    /// port 0 takes a free one.
    #[arg(long, value_name = "ADDR", value_parser = endpoints::shown)]
    pub(super) metrics_addr: Option<SocketAddr>,
    /// Send a span for each sampled attempt, each that was not ok, and of each request the slowest
    /// of every hundred, to this collector (OTLP over gRPC): `http://HOST:PORT`.
    #[arg(long, value_name = "URL", value_parser = endpoints::collector)]
    pub(super) otlp: Option<String>,
    /// Which share of the requests is sampled; the service is asked to trace these, and no others.
    #[arg(long, value_name = "SHARE", default_value = "1%", value_parser = per_million, requires = "otlp")]
    pub(super) otlp_sample: u64,
    /// Run it so often, instead of what the file says; all runs have one verdict.
    #[arg(long, value_name = "RUNS", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(super) repeat: Option<u64>,
    /// What several runs mean together, instead of what the file says: as bad as the worst, what more
    /// than half say, or their requests counted together.
    #[arg(long, value_name = "all|majority|pooled")]
    pub(super) decide: Option<DecideArg>,
    /// Keep what the run came to, for `baseline: {from: FILE}` and `assay compare`.
    #[arg(long, value_name = "FILE")]
    pub(super) save_baseline: Option<PathBuf>,
    #[command(flatten)]
    pub(super) words: WordArgs,
}

/// A share as scenarios write it.
fn per_million(text: &str) -> Result<u64, String> {
    let value = serde_json::Value::String(text.to_owned());
    let share: crate::spec::scalar::Ratio =
        serde_json::from_value(value).map_err(|error| error.to_string())?;
    Ok(share.0.0 / 1_000)
}

/// A trial.
#[derive(Debug, ClapArgs)]
pub(super) struct TryArgs {
    #[command(flatten)]
    pub(super) scenario: OneScenario,
    /// Only this load, or this request (of a journey, up to it); may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) only: Vec<String>,
    /// Show only what failed, and the last line.
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Show bodies up to 64 KiB instead of 4, and services as they start.
    #[arg(short, long, conflicts_with = "quiet")]
    pub(super) verbose: bool,
}

/// A calibration.
#[derive(Debug, ClapArgs)]
pub(super) struct CalibrateArgs {
    /// The run directory; must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) words: WordArgs,
}

/// What an inconclusive run exits with.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Remap {
    /// 1, as if violated.
    Fail,
    /// 0, as if met.
    Pass,
}

/// What several runs mean together.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum DecideArg {
    /// As bad as the worst.
    All,
    /// What more than half say.
    Majority,
    /// Objectives by all requests together.
    Pooled,
}

impl From<DecideArg> for Decide {
    fn from(arg: DecideArg) -> Decide {
        match arg {
            DecideArg::All => Decide::All,
            DecideArg::Majority => Decide::Majority,
            DecideArg::Pooled => Decide::Pooled,
        }
    }
}

/// How much is said.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(super) struct WordArgs {
    /// Say only the verdict.
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Say more.
    #[arg(short, long, conflicts_with = "quiet")]
    pub(super) verbose: bool,
}
