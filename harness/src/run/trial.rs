//! Services up, every request once, services down: a run without time, faults and verdict.
//!
//! Invariant: what a run starts is started, and whatever was started is ended, as in a run.
//! Invariant: nothing stays on the disk, unless something could not start: then its logs do.
//! Not here: sending (`load::once`), what is printed (`cli`).

use super::stage::{Lost, Stage};
use super::stream::Stream;
use super::{Options, Progress, RunError, header, lanes, prepare, set_up, signals};
use crate::clock::Clock;
use crate::link::Links;
use crate::load::once::{Trial, Tried};
use crate::plan::users::Does;
use crate::plan::{Plan, Users};
use crate::record::Edges;
use crate::report::live::Live;
use assay_slo::event::EndReason;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::time::Duration;

/// Which requests of which load are wanted.
pub type Wanted<'w> = dyn Fn(&str, &str) -> bool + 'w;

/// What is told while it goes on.
#[derive(Debug)]
pub enum Told<'t> {
    /// The next load.
    Load(&'t Trial),
    /// What came of a step of it.
    Step(&'t Trial, Tried),
    /// Something that nobody asked for.
    Finding(String),
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// Complete, or why not.
    pub reason: EndReason,
    /// The same in words; empty where it is complete.
    pub detail: String,
    /// What could not be ended.
    pub still_broken: Vec<String>,
    /// Where the services' logs are, if they were left.
    pub left: Option<PathBuf>,
}

/// Starts what a run would start, sends what is wanted once, and takes all down again.
///
/// # Errors
/// See [`RunError`]; a service that does not start is no error but an end.
pub fn try_once(
    plan: &Plan,
    live: Live,
    wanted: &Wanted<'_>,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<Ended, RunError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let ended = runtime.block_on(on_runtime(plan, live, wanted, tell));
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended
}

async fn on_runtime(
    plan: &Plan,
    live: Live,
    wanted: &Wanted<'_>,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<Ended, RunError> {
    let mut stop = signals::listen()?;
    let options = Options::default();
    let clock = Clock::start();
    let header = header(plan, &options);
    let run_id = header.run.clone();
    let place = std::env::temp_dir().join(format!("assay-try-{run_id}"));
    let dir = super::directory::create(Some(&place), &plan.name, plan.seed)?.canonicalize()?;
    let progress = Progress::new(live, plan);
    let mut stream = Stream::create(&dir, header, clock, progress, &plan.secrets)?;
    let edges = Arc::new(Edges::new(clock, plan.case.ages_us.clone()));
    let (links, _link_events) = Links::start(clock, edges, &run_id)?;
    let mut stage = Stage::new(&run_id, &dir, links)?;
    let deadline = clock.now().plus(i64::try_from(plan.max_duration_us).unwrap_or(i64::MAX));

    let mut ending = set_up(plan, &options, &mut stage, &mut stream, &mut stop, deadline).await;
    let started = ending.0 == EndReason::Complete;
    let mut undone = Vec::new();
    if started {
        ending = prepare::setup(plan, &mut stage, &mut stream, &run_id, &mut stop, deadline).await;
    }
    if ending.0 == EndReason::Complete {
        let going = go(plan, &mut stage, &clock, &run_id, wanted, tell);
        ending = tokio::select! {
            went = going => match went {
                Ok(()) => (EndReason::Complete, String::new()),
                Err(problem) => (EndReason::CouldNotRun, problem),
            },
            reason = signals::stopped(&mut stop) => (reason, "stopped by a signal".to_owned()),
            () = clock.sleep_until(deadline) => {
                (EndReason::Guard, "it was still going after max-duration".to_owned())
            }
        };
    }
    let hurry = matches!(ending.0, EndReason::Interrupted | EndReason::Terminated);
    if started {
        undone = prepare::teardown(plan, &mut stage, &mut stream, &run_id).await;
    }
    let (mut still_broken, interrupted) = stage.take_down(hurry, &mut stop, &mut stream).await;
    still_broken.extend(undone);
    if let (EndReason::Complete, Some(reason)) = (ending.0, interrupted) {
        ending = (reason, "stopped by a signal while services ended".to_owned());
    }
    let left = (!started || !still_broken.is_empty()).then(|| dir.clone());
    if left.is_none() {
        remove(&dir, tell);
    }
    Ok(Ended { reason: ending.0, detail: ending.1, still_broken, left })
}

/// Sends all that is wanted, one load after another.
async fn go(
    plan: &Plan,
    stage: &mut Stage,
    clock: &Clock,
    run_id: &str,
    wanted: &Wanted<'_>,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<(), String> {
    for trial in trials(plan, stage)? {
        if !trial.requests.iter().any(|request| wanted(&trial.name, &request.name)) {
            continue;
        }
        tell(Told::Load(&trial));
        let wanted = |request: &str| wanted(&trial.name, request);
        let mut lost = Vec::new();
        {
            let mut step = |tried| tell(Told::Step(&trial, tried));
            let going = trial.go(clock, run_id, &wanted, &mut step);
            let mut going = std::pin::pin!(going);
            loop {
                tokio::select! {
                    biased;
                    went = &mut going => break went.map_err(|error| error.to_string())?,
                    gone = stage.lost() => lost.push(match gone {
                        Lost::Service { name, how } => format!("service {name} died: it {how}"),
                        Lost::Guardian(text) | Lost::Name(text) => text,
                    }),
                }
            }
        }
        lost.into_iter().for_each(|text| tell(Told::Finding(text)));
    }
    Ok(())
}

/// All loads, in the order of the plan.
fn trials(plan: &Plan, stage: &Stage) -> Result<Vec<Trial>, String> {
    let open = plan.loads.iter().map(|load| {
        let (does, captures) = match &load.journey {
            Some(journey) => (Does::Journey(journey.steps.clone()), journey.captures),
            None => (Does::Independent { cycle: load.cycle.clone() }, 0),
        };
        (&load.name, &load.to, &load.client, &load.requests, does, captures)
    });
    let closed = plan.users.iter().map(|users| {
        let Users { name, to, client, requests, does, captures, .. } = users;
        (name, to, client, requests, does.clone(), *captures)
    });
    let trial = |(name, to, client, requests, does, captures): (&String, _, _, &Vec<_>, _, _)| {
        let address = lanes::target(plan, stage, to)?;
        Ok(Trial {
            name: name.clone(),
            addr: address.addr,
            authority: address.authority,
            ends: address.ends,
            client: lanes::client(stage, client)?,
            requests: requests
                .iter()
                .map(|request| lanes::request(stage, request))
                .collect::<Result<_, _>>()?,
            does,
            captures,
            seed: plan.seed,
        })
    };
    open.chain(closed).map(trial).collect()
}

fn remove(dir: &Path, tell: &mut dyn FnMut(Told<'_>)) {
    if let Err(error) = std::fs::remove_dir_all(dir) {
        tell(Told::Finding(format!("cannot remove {}: {error}", dir.display())));
    }
}
