//! One run, from the plan to the closed journal.
//!
//! Invariant: a run never judges from memory: it closes the journal, and the caller gives the
//! directory to `judge`, as `assay verify` does.
//! Invariant: whatever happens after the first service was started, everything started is ended
//! and the journal is closed; what could not be ended is in its last line.
//! Not here: the plan (`plan`), the verdict (`judge`), what is printed (`report`).

mod accounts;
mod attach;
pub mod compose;
mod conduct;
mod consented;
pub mod directory;
pub mod doctor;
mod environment;
mod exposed;
mod failures;
mod guard;
mod lanes;
mod look;
mod machine;
pub mod marks;
mod metrics;
mod names;
mod prepare;
mod progress;
pub mod recording;
mod refresh;
mod signals;
mod stage;
mod steps;
mod stream;
mod take_down;
mod taps;
pub mod there;
mod timetable;
mod traces;
mod traffic;
mod trailers;
pub mod trial;

pub use environment::keep_calibration;
pub use traces::Otlp;

use crate::clock::{self, Clock};
use crate::link::Links;
use crate::load::users;
use crate::plan::Plan;
use crate::plan::baseline::Kept;
use crate::record::Edges;
use crate::record::journal::{Environment, Header, OnInconclusive, SCHEMA, ScenarioHead};
use crate::report::live::Live;
use assay_slo::event::{End, EndReason};
use assay_slo::{At, Case};
use conduct::{Conduct, Ending};
use exposed::Board;
use guard::Guards;
use progress::Progress;
use signals::Stop;
use stage::Stage;
use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use stream::Stream;
use taps::Taps;
use tokio::time::Duration;
use traces::Traces;

/// What the command line says of a run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The run directory; a name of its own under `reports/` unless given.
    pub out: Option<PathBuf>,
    /// What an inconclusive run exits with.
    pub on_inconclusive: OnInconclusive,
    /// Hosts beyond loopback that faults may reach.
    pub allow_faults: Vec<String>,
    /// The command that repeats the run.
    pub repeat: String,
    /// Where Prometheus may read the run's own figures.
    pub metrics_addr: Option<SocketAddr>,
    /// Whether the run ends as soon as an objective is surely lost.
    pub stop_early: bool,
    /// Where spans of attempts go.
    pub otlp: Option<Otlp>,
}

/// Why there is no journal to judge.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no directory to leave it in.
    #[error(transparent)]
    Directory(#[from] directory::DirectoryError),
    /// The system gave no threads, signals or sockets.
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
    /// There is no place for lock files.
    #[error(transparent)]
    Ports(#[from] crate::service::ServiceError),
    /// It could not be written to its end.
    #[error("{problem}; what was recorded until then is in {dir}")]
    Unrecorded {
        /// What failed.
        problem: String,
        /// The run directory.
        dir: PathBuf,
        /// What could not be undone, in words.
        still_broken: Vec<String>,
    },
}

/// A run that has ended.
#[derive(Debug)]
pub struct Ran {
    /// The run directory, its journal closed.
    pub dir: PathBuf,
    /// What could not be undone, in words: also where nobody can read the journal any more.
    pub still_broken: Vec<String>,
    /// While this is open, others leave the directory alone.
    _under_way: File,
}

/// Runs a plan. Keep what it gives until the reports are written: `assay verify` writes none
/// before.
///
/// # Errors
/// See [`RunError`]; a violated, interrupted or impossible run is not an error but a journal.
pub fn run(plan: &Plan, options: &Options, live: Live) -> Result<Ran, RunError> {
    // Two workers: signals are heard while the select loop is busy.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let ran = runtime.block_on(on_runtime(plan, options, live));
    runtime.shutdown_timeout(Duration::from_millis(100));
    ran
}

async fn on_runtime(plan: &Plan, options: &Options, live: Live) -> Result<Ran, RunError> {
    if plan.users.iter().any(|users| !users.journey().is_empty()) {
        // Before we listen ourselves: goose must find Ctrl-C taken.
        users::keep_interrupt()?;
    }
    let mut stop = signals::listen()?;
    let clock = Clock::start();
    let header = header(plan, options);
    let run_id = header.run.clone();
    let progress = Progress::new(live, plan);
    let board = Board::new(&stream::masked(&header, &plan.secrets), &plan.fleets);
    let board = Arc::new(Mutex::new(board));
    // What may be refused comes before the directory: one that is there cannot be asked for again.
    let serving = match options.metrics_addr {
        Some(address) => Some(exposed::serve(address, Arc::clone(&board)).await?),
        None => None,
    };
    let traces = options.otlp.as_ref().map(|otlp| Traces::start(otlp, &header, &clock));
    let traces = traces.transpose()?;
    let dir = directory::create(options.out.as_deref(), &plan.name, plan.seed)?;
    let dir = dir.canonicalize()?;
    let mut stream = Stream::create(&dir, header, clock, progress, &plan.secrets)?;
    stream.traces = traces;
    if let Some((address, _)) = &serving {
        stream.progress.note(&format!("metrics of this run: http://{address}/metrics"));
        stream.board = Some(board);
    }
    stream.guards = Guards::new(plan);
    stream.taps = Taps::of(&plan.case, clock).map_err(std::io::Error::other)?;
    std::fs::write(dir.join("scenario.yaml"), &plan.resolved)?;
    let edges = Arc::new(Edges::new(clock, plan.case.ages_us.clone()));
    let (links, link_events) = Links::start(clock, Arc::clone(&edges), &run_id)?;
    let mut stage = Stage::new(&run_id, &dir, links)?;
    let deadline = clock.now().plus(i64::try_from(plan.max_duration_us).unwrap_or(i64::MAX));

    let mut ending = set_up(plan, options, &mut stage, &mut stream, &mut stop, deadline).await;
    let prepared = ending.0 == EndReason::Complete;
    if prepared {
        ending = prepare::setup(plan, &mut stage, &mut stream, &run_id, &mut stop, deadline).await;
    }
    if ending.0 == EndReason::Complete {
        let conduct = Conduct {
            plan,
            stage: &mut stage,
            stream: &mut stream,
            edges,
            link_events,
            run_id: run_id.clone(),
            deadline,
            tracing: options.otlp.as_ref().map(|otlp| otlp.tracing),
            stop_early: options.stop_early.then_some(0),
            applied: BTreeSet::new(),
            done: BTreeSet::new(),
        };
        ending = conduct.go(&mut stop).await;
        accounts::note(plan, &stage, &mut stream);
        trailers::note(plan, &stage, &mut stream);
    }
    let judged_until = clock.now();
    let hurry = matches!(ending.0, EndReason::Interrupted | EndReason::Terminated);
    // What tidies up needs a system that is whole again.
    let mut undone = stage.undo_all(&mut stream).await;
    if prepared {
        undone.extend(prepare::teardown(plan, &mut stage, &mut stream, &run_id).await);
    }
    let (left, interrupted) = stage.take_down(hurry, &mut stop, &mut stream).await;
    let still_broken = [undone, left].concat();
    stream.finish_logs(judged_until);
    if let (EndReason::Complete, Some(reason)) = (ending.0, interrupted) {
        ending = (reason, "stopped by a signal while services ended".to_owned());
    }
    let still_broken = stream::masked(&still_broken, &plan.secrets);
    let end = End { reason: ending.0, detail: ending.1, still_broken: still_broken.clone() };
    if let Some(traces) = stream.traces.take() {
        match traces.close(stream.case()).await {
            Ok(said) => stream.progress.note(&said),
            Err(said) => stream.finding(format!("traces of this run are not whole: {said}")),
        }
    }
    let closed = stream.close(end);
    if let Some((_, server)) = serving {
        server.abort();
    }
    match closed {
        Ok(file) => Ok(Ran { dir, still_broken, _under_way: file }),
        Err(problem) => Err(RunError::Unrecorded { problem, dir, still_broken }),
    }
}

/// Addresses, links, services; [`EndReason::Complete`] if all is up.
async fn set_up(
    plan: &Plan,
    options: &Options,
    stage: &mut Stage,
    stream: &mut Stream,
    stop: &mut Stop,
    deadline: At,
) -> Ending {
    let clock = stream.clock;
    let up = async {
        stage::is_possible(plan)?;
        stage.reserve(plan, &options.allow_faults, stream).await?;
        stage.start(plan, stream).await?;
        stage.find_room(plan, stream)
    };
    tokio::select! {
        up = up => match up {
            Ok(()) => (EndReason::Complete, String::new()),
            Err(problem) => (EndReason::CouldNotRun, problem),
        },
        reason = signals::stopped(stop) => (reason, "stopped by a signal".into()),
        () = clock.sleep_until(deadline) => {
            (EndReason::Guard, "max-duration was over before the services were ready".into())
        }
    }
}

fn header(plan: &Plan, options: &Options) -> Header {
    let (started, environment) = (clock::wall(), environment::read());
    Header {
        schema: SCHEMA,
        tool: crate::TOOL.to_owned(),
        run: run_id(plan.seed, started.timestamp_nanos_opt().unwrap_or(0)),
        started: started.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        repeat: options.repeat.clone(),
        scenario: ScenarioHead {
            name: plan.name.clone(),
            file: plan.file.clone(),
            sha256: plan.sha256.clone(),
            hypothesis: plan.hypothesis.clone(),
            labels: plan.labels.clone(),
        },
        seed: plan.seed,
        on_inconclusive: options.on_inconclusive,
        case: held_against(plan, &environment),
        environment,
    }
}

/// The question, with what only this machine knows of its baseline.
fn held_against(plan: &Plan, environment: &Environment) -> Case {
    let mut case = plan.case.clone();
    if let Some(baseline) = &mut case.baseline {
        if let Some(there) = &plan.series.environment {
            baseline.unlike = Kept::differences(there, &environment.facts());
        }
        let calibration = environment.calibration.as_ref();
        baseline.noise_permille =
            calibration.map(|own| [own.p50_permille, own.p95_permille, own.p99_permille]);
    }
    case
}

/// Eight hexadecimal digits: different for each run, short in every request id.
fn run_id(seed: u64, nanos: i64) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(nanos.to_le_bytes());
    hash.update(std::process::id().to_le_bytes());
    hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The run directory as it is printed: relative to the current one where it lies below it.
#[must_use]
pub fn shown(dir: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    dir.strip_prefix(&here).unwrap_or(dir).display().to_string()
}
