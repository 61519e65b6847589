//! Setup before the warm-up, teardown after the run, and what is refreshed in between.
//!
//! Invariant: a setup that fails begins no run, and says which step failed and what was answered;
//! the teardown comes all the same, all of it, whatever fails: of rows, too, each is undone of which the
//! setup got anything.
//! Invariant: whoever is stopped begins nothing more, and hears what was asked for already.
//! Invariant: nothing of it is measured.
//! Not here: sending (`load::errand`), programs (`service`).

use super::conduct::Ending;
use super::lanes;
use super::signals::{self, Stop};
use super::stage::Stage;
use super::stream::Stream;
use crate::clock::Clock;
use crate::load::errand::{Course, Errand, Place, TEARDOWN};
use crate::plan::setup::{AT_ONCE, ForEach, Requests, Setup, Step};
use crate::plan::words::several;
use crate::plan::{Plan, Target};
use crate::service::run_program;
use crate::spec::mask;
use assay_slo::At;
use assay_slo::event::EndReason;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

/// So long is what was asked for listened to when the run is to stop: a log-in that nobody heard of could
/// not be undone.
const HEARD: Duration = Duration::from_secs(2);

/// What is asked of whoever does the steps.
struct Doing<'a> {
    plan: &'a Plan,
    stage: &'a Stage,
    clock: Clock,
    run_id: &'a str,
    /// `setup` or `teardown`.
    name: &'static str,
    /// Who may say that no more is to be begun; nobody of a teardown.
    stop: Option<Stop>,
}

/// All steps before the warm-up; [`EndReason::Complete`] if all went well.
pub(super) async fn setup(
    plan: &Plan,
    stage: &mut Stage,
    stream: &mut Stream,
    run_id: &str,
    stop: &mut Stop,
    deadline: At,
) -> Ending {
    if plan.setup.steps.is_empty() {
        return (EndReason::Complete, String::new());
    }
    let clock = stream.clock;
    stream.progress.note("setup");
    let done = {
        let doing = Doing { plan, stage, clock, run_id, name: "setup", stop: Some(stop.clone()) };
        let mut all = pin!(doing.all(&plan.setup));
        tokio::select! {
            done = &mut all => done,
            _ = signals::stopped(stop) => {
                timeout(HEARD, all).await.unwrap_or_else(|_| Ok(Vec::new()))
            }
            () = clock.sleep_until(deadline) => {
                return (EndReason::Guard, "max-duration was over before the setup was".into());
            }
        }
    };
    if let Some(reason) = *stop.borrow() {
        return (reason, "stopped by a signal".into());
    }
    let refreshed = match done {
        Ok(refreshed) => refreshed,
        Err(problem) => return (EndReason::CouldNotRun, problem),
    };
    for (every, round) in refreshed {
        let set = round.each.rows.name.clone();
        let secrets = plan.secrets.clone();
        let tell = stage.tell.clone();
        stage.lookers.spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let failed = Arc::clone(&round).go(Way::Again).await;
                if let Some((_, first)) = failed.first() {
                    let others = match failed.len() - 1 {
                        0 => "it".to_owned(),
                        others => format!("it and {others} more"),
                    };
                    let why = mask(first, &secrets);
                    // Nobody listens any more only if the run has ended.
                    let _ = tell.send(format!(
                        "`{set}` could not be refreshed: {why}; {others} kept what was there"
                    ));
                }
            }
        });
    }
    (EndReason::Complete, String::new())
}

/// All steps after the run, whatever fails; what failed is left to be mended.
pub(super) async fn teardown(
    plan: &Plan,
    stage: &mut Stage,
    stream: &mut Stream,
    run_id: &str,
) -> Vec<String> {
    stage.lookers.abort_all();
    if plan.teardown.steps.is_empty() {
        return Vec::new();
    }
    stream.progress.note("teardown");
    let doing = Doing { plan, stage, clock: stream.clock, run_id, name: TEARDOWN, stop: None };
    let mut failed = Vec::new();
    let errand = doing.single(&plan.teardown);
    let mut course = errand.as_ref().ok().and_then(Option::as_ref).map(Errand::course);
    for (at, step) in plan.teardown.steps.iter().enumerate() {
        let done = match (&errand, step) {
            (Err(problem), Step::Send(_)) => Err(problem.clone()),
            (Ok(Some(errand)), Step::Send(request)) => match &mut course {
                Some(course) => errand.send(*request, None, course).await,
                None => Ok(()),
            },
            (_, step) => doing.other(step).await.map(|_| ()),
        };
        if let Err(why) = done {
            failed.push(mask(
                &format!("teardown, step {}: {why}; what it was to tidy up may be left", at + 1),
                &plan.secrets,
            ));
        }
    }
    failed
}

impl Doing<'_> {
    /// All steps; gives what is to be done again, and how often.
    async fn all(&self, setup: &Setup) -> Result<Vec<(Duration, Arc<Round>)>, String> {
        let errand = self.single(setup)?;
        let mut course = errand.as_ref().map(Errand::course);
        let mut again = Vec::new();
        for (at, step) in setup.steps.iter().enumerate() {
            if is_over(&self.stop) {
                break;
            }
            let done = match (step, &errand, &mut course) {
                (Step::Send(request), Some(errand), Some(course)) => {
                    errand.send(*request, None, course).await.map(|()| None)
                }
                (step, _, _) => self.other(step).await,
            };
            let round = done.map_err(|why| {
                let text = format!("{}, step {}: {why}", self.name, at + 1);
                mask(&text, &self.plan.secrets)
            })?;
            again.extend(round);
        }
        Ok(again)
    }

    /// A step that is no single request; gives it if it is to be done again.
    async fn other(&self, step: &Step) -> Result<Option<(Duration, Arc<Round>)>, String> {
        match step {
            Step::Send(_) => Ok(None),
            Step::Command { words, timeout_us } => {
                let words: Vec<String> =
                    words.iter().map(|word| self.stage.fill(word)).collect::<Result<_, _>>()?;
                let within = Duration::from_micros(*timeout_us);
                let ran = run_program(&words, &self.plan.folder, self.run_id, within);
                // What it does has no answer that could be heard.
                let ran = tokio::select! {
                    ran = ran => ran,
                    () = over(self.stop.clone()) => return Ok(None),
                };
                ran.map_err(|why| format!("command `{}`: {why}", words.join(" ")))?;
                Ok(None)
            }
            Step::ForEach(each) => {
                let errand = self.errand(&each.sent)?;
                let round =
                    Arc::new(Round { each: (**each).clone(), errand, stop: self.stop.clone() });
                let way = if self.name == TEARDOWN { Way::Undo } else { Way::First };
                let failed = Arc::clone(&round).go(way).await;
                if let Some((_, first)) = failed.first() {
                    let others = (failed.len() - 1) as u64;
                    return Err(match way {
                        Way::Undo if others > 0 => {
                            format!(
                                "{first}; and {} failed",
                                several(others, "more row", "more rows")
                            )
                        }
                        _ => first.clone(),
                    });
                }
                let every = each.every_us.map(Duration::from_micros);
                Ok(every.map(|every| (every, round)))
            }
        }
    }

    fn single(&self, setup: &Setup) -> Result<Option<Errand>, String> {
        setup.requests.as_ref().map(|sent| self.errand(sent)).transpose()
    }

    fn errand(&self, sent: &Requests) -> Result<Errand, String> {
        let address = lanes::target(self.plan, self.stage, &sent.to)?;
        let mut client = lanes::client(self.stage, &sent.client)?;
        if let Target::Service(name) = &sent.to {
            // It has no settings of its own.
            client.transport.tls = self.plan.tls_of(name);
        }
        let requests: Vec<_> = sent
            .requests
            .iter()
            .map(|request| lanes::request(self.stage, request))
            .collect::<Result<_, _>>()?;
        let place =
            Place { addr: address.addr, authority: &address.authority, ends: &address.ends };
        let of_run = (self.clock, self.run_id, self.plan.seed);
        let secrets = &self.plan.secrets;
        Errand::new(of_run, self.name, place, &client, &requests, sent.captures, secrets)
            .map_err(|error| error.to_string())
    }
}

/// Whether nothing more is to be begun.
fn is_over(stop: &Option<Stop>) -> bool {
    stop.as_ref().is_some_and(|stop| stop.borrow().is_some())
}

/// Waits until nothing more is to be begun.
async fn over(stop: Option<Stop>) {
    match stop {
        Some(mut stop) => _ = signals::stopped(&mut stop).await,
        None => std::future::pending().await,
    }
}

/// The steps for each row of a set.
struct Round {
    each: ForEach,
    errand: Errand,
    /// Who may say that no more is to be begun.
    stop: Option<Stop>,
}

/// What a failure of one row means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// No other row is begun.
    First,
    /// The row keeps what it had, the others are done all the same: their old values end no later for it.
    Again,
    /// Neither other rows nor the row's other steps are left undone for it.
    Undo,
}

/// A row, from 0, and what is wrong with it.
type Failed = (usize, String);

impl Round {
    /// Does all rows, some at once; tells what failed, in the order of the rows. Rows that are under way
    /// when another fails come to their end: what a server gave them is to be given back.
    async fn go(self: Arc<Round>, way: Way) -> Vec<Failed> {
        let rows = self.each.rows.values.len();
        let next = Arc::new(AtomicUsize::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let mut workers = JoinSet::new();
        for _ in 0..AT_ONCE.min(rows) {
            let (round, next, over) = (Arc::clone(&self), Arc::clone(&next), Arc::clone(&over));
            workers.spawn(async move {
                let (mut course, mut failed) = (round.errand.course(), Vec::new());
                while !over.load(Ordering::Relaxed) && !is_over(&round.stop) {
                    let row = next.fetch_add(1, Ordering::Relaxed);
                    if row >= rows {
                        break;
                    }
                    course.begin();
                    if let Err(why) = round.row(row, &mut course, way).await {
                        over.fetch_or(way == Way::First, Ordering::Relaxed);
                        failed.push((row, why));
                    }
                }
                failed
            });
        }
        let mut failed = Vec::new();
        while let Some(ended) = workers.join_next().await {
            let died = |_| vec![(rows, "a task that prepared rows died".to_owned())];
            failed.extend(ended.unwrap_or_else(died));
        }
        failed.sort_unstable();
        failed
    }

    /// Does one row. Where it fails, a row that had values keeps them; one of a setup has what was
    /// captured so far, for the teardown.
    async fn row(&self, row: usize, course: &mut Course, way: Way) -> Result<(), String> {
        let set = &self.each.rows.name;
        let mut done = Ok(());
        for at in 0..self.errand.len() {
            if done.is_err() && way != Way::Undo || is_over(&self.stop) {
                break;
            }
            let sent = self.errand.send(at, Some((set, row)), course).await;
            done = done.and(sent.map_err(|why| format!("row {} of `{set}`: {why}", row + 1)));
        }
        if done.is_ok() || way == Way::First {
            for (slot, column) in &self.each.lands {
                if let Some(value) = course.captured(*slot) {
                    self.each.rows.landed.land(row, *column, value);
                }
            }
        }
        done
    }
}
