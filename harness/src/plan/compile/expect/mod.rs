//! Expectations: what must hold around faults.
//!
//! Invariant: names are unique and hold no measured value, so that runs can be compared by them.
//! Not here: whether there is traffic to judge them on (`feasible`).

mod breaker;
mod calls;
mod fleets;
mod logs;
mod metrics;
mod reconciles;

pub(super) use metrics::{check_unit, index, limits, unit};

use super::moments::anchored;
use super::notes::Notes;
use super::timetable::Timetable;
use super::{MOST_RUN_US, MOST_WAIT_US, headers, names, parts, positive};
use crate::plan::Fault;
use crate::plan::compile::requests::ranges;
use crate::plan::marks::Marks;
use crate::plan::traffic::Traffic;
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Moment, Name, Words};
use crate::spec::types::{self, Expect, Scenario};
use assay_slo::case::{self, Ask, Breaker, Clock, During, Expectation, Mark, Must, Objective};

/// How long a limit must hold unless the scenario says.
const HOLD_US: u64 = 5_000_000;

/// What expectations are made from.
#[derive(Clone, Copy)]
pub(super) struct Given<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) loads: &'s [case::Load],
    pub(super) timetable: &'s Timetable,
    pub(super) objectives: &'s [Objective],
    pub(super) traffic: Traffic<'s>,
    pub(super) faults: &'s [Fault],
    pub(super) breakers: &'s [Breaker],
}

/// The expectations, in the order of the scenario.
pub(super) fn compile(
    given: Given<'_>,
    marks: &mut Marks,
    notes: &mut Notes<'_>,
) -> Vec<Expectation> {
    let mut compiled: Vec<Expectation> = Vec::new();
    for (at, expect) in given.scenario.expect.iter().enumerate() {
        let entry = parts::expect_trail(at, expect);
        let (name, must) = one(expect, given, &entry, marks, notes);
        let Some(must) = must else { continue };
        let earlier = |tried: &str| compiled.iter().any(|other| other.name == tried);
        let name = match earlier(&name) {
            true => (2..).map(|nth| format!("{name} ({nth})")).find(|next| !earlier(next)),
            false => Some(name),
        };
        let place = notes.place(&entry);
        compiled.push(Expectation { name: name.unwrap_or_default(), place, must });
    }
    compiled
}

/// An expectation's name, and what must hold unless it has a problem.
fn one(
    expect: &Expect,
    given: Given<'_>,
    entry: &Trail,
    marks: &mut Marks,
    notes: &mut Notes<'_>,
) -> (String, Option<Must>) {
    match expect {
        Expect::Recovers(expect) => {
            let name = format!("recovers {} after {}", expect.objective, shown(&expect.after));
            (name, recovers(expect, given, entry, notes))
        }
        Expect::Unaffected(expect) => {
            let name = over("unaffected", &expect.of, expect.during.as_deref());
            (name, Some(unaffected(expect, given, entry, notes)))
        }
        Expect::Answers(expect) => {
            let name = over("answers", &expect.of, expect.during.as_deref());
            (name, Some(answers(expect, given, entry, marks, notes)))
        }
        Expect::Breaker(expect) => {
            (format!("breaker {}", expect.name), breaker::compile(expect, given, entry, notes))
        }
        Expect::Ledger(expect) => {
            (format!("ledger {}", expect.fleet), fleets::ledger(expect, given, entry, notes))
        }
        Expect::Backlog(expect) => {
            (format!("backlog {}", expect.fleet), fleets::backlog(expect, given, entry, notes))
        }
        Expect::Goodput(expect) => {
            let of = joined(&expect.of);
            let name = format!("goodput {of} after {}", shown(&expect.after));
            (name, calls::goodput(expect, given, entry, notes))
        }
        Expect::Amplification(expect) => {
            let what = format!("amplification {} per", expect.link);
            let name = over(&what, &expect.per, expect.during.as_deref());
            (name, calls::amplification(expect, given, entry, notes))
        }
        Expect::Herd(expect) => {
            let name = format!("herd {} after {}", expect.link, shown(&expect.after));
            (name, calls::herd(expect, given, entry, notes))
        }
        Expect::Metric(expect) => {
            let during = expect.during.as_deref();
            let name = format!("metric {}", expect.name);
            let name = during.map_or(name.clone(), |_| {
                over("metric", std::slice::from_ref(&expect.name), during)
            });
            (name, metrics::metric(expect, given, entry, notes))
        }
        Expect::Settles(expect) => {
            let name = format!("settles {} after {}", expect.metric, shown(&expect.after));
            (name, metrics::settles(expect, given, entry, notes))
        }
        Expect::Ready(expect) => {
            let name = format!("ready {} after {}", expect.service, shown(&expect.after));
            (name, metrics::ready(expect, given, entry, notes))
        }
        Expect::Reconciles(expect) => {
            let name = format!("reconciles {} with {}", expect.metric, joined(&expect.of));
            (name, reconciles::compile(expect, given, entry, notes))
        }
        Expect::Log(expect) => {
            let during = phases(expect.during.as_deref());
            let name = format!("log {} {} during {during}", expect.service, expect.pattern);
            (name, logs::compile(expect, given.scenario, entry, notes))
        }
    }
}

/// `half.end + 5s`, as it is written.
fn shown(moment: &Moment) -> String {
    let offset = Duration { us: moment.offset_us.unsigned_abs() };
    match (&moment.base, moment.offset_us) {
        (None, _) => offset.to_string(),
        (Some((name, edge)), 0) => format!("{name}.{edge}"),
        (Some((name, edge)), by) => {
            format!("{name}.{edge} {} {offset}", if by < 0 { '-' } else { '+' })
        }
    }
}

/// `unaffected list, cart during half`.
fn over(what: &str, of: &[Name], during: Option<&[Words]>) -> String {
    format!("{what} {} during {}", joined(of), phases(during))
}

fn phases(during: Option<&[Words]>) -> String {
    let phases: Vec<&str> = during.unwrap_or_default().iter().map(|word| word.as_str()).collect();
    if phases.is_empty() { "all".to_owned() } else { phases.join(", ") }
}

fn joined(names: &[Name]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

/// A moment and a deadline after it.
struct Deadline {
    after: case::Moment,
    /// When the moment is planned, µs after time 0.
    planned_us: u64,
    within_us: u64,
}

impl Deadline {
    fn pair(&self) -> (case::Moment, u64) {
        (self.after, self.within_us)
    }
}

/// From when and how soon; `trail` leads to both.
fn deadline(
    after: &Moment,
    within: Duration,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Deadline> {
    let within_us = positive(within, MOST_RUN_US, &trail.key("within"), notes);
    let way = trail.key("after");
    let (after, planned_us) = anchored(after, given.scenario, given.timetable, &way, notes)?;
    Some(Deadline { after, planned_us, within_us })
}

/// What is asked must be over while there is still load to show it.
fn check_left(
    deadline: &Deadline,
    hold_us: u64,
    last_us: Option<u64>,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) {
    let Deadline { planned_us, within_us, .. } = *deadline;
    let needed = planned_us.saturating_add(within_us).saturating_add(hold_us);
    let Some(last) = last_us.filter(|last| given.timetable.complete && needed > *last) else {
        return;
    };
    let shown = |us: u64| Duration { us };
    let hold = if hold_us == 0 { String::new() } else { format!(" and hold {}", shown(hold_us)) };
    let message = format!(
        "within {}{hold} after {} need load until {}, but it ends at {}",
        shown(within_us),
        shown(planned_us),
        shown(needed),
        shown(last)
    );
    let help = format!("let the load run {} longer", shown(needed - last));
    notes.value(&trail.key("within"), message, help);
}

fn recovers(
    expect: &types::Recovers,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    let way = trail.key("objective");
    let objective = names::objective(&expect.objective, given.scenario, &way, notes);
    let judged = objective.and_then(|index| given.objectives.get(index));
    let has_limit = |ask: &Ask| matches!(ask, Ask::Latency { .. } | Ask::ErrorRate { .. });
    if judged.is_some_and(|one| !has_limit(&one.ask)) {
        let message = format!("`{}` has no limit that could hold again", expect.objective);
        notes.value(&way, message, "name a latency or error-rate objective");
    }
    let hold_us =
        expect.hold.map_or(HOLD_US, |hold| positive(hold, MOST_RUN_US, &trail.key("hold"), notes));
    let deadline = deadline(&expect.after, expect.within, given, trail, notes)?;
    let covered = judged.map(|one| one.of.as_slice()).unwrap_or_default();
    let ends = given.traffic.ends_us();
    let last = covered.iter().filter_map(|of| ends.get(of.load)).max().copied();
    check_left(&deadline, hold_us, last, given, trail, notes);
    let (after, within_us) = deadline.pair();
    Some(Must::Recovers { objective: objective?, after, within_us, hold_us })
}

fn unaffected(
    expect: &types::Unaffected,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Must {
    let scenario = given.scenario;
    let of = names::of(Some(&expect.of), given.loads, &trail.key("of"), notes);
    let during = expect.during.as_deref();
    let during = names::during(during, &[During::All], scenario, &trail.key("during"), notes);
    let keeps = expect.keeps.iter().enumerate();
    let keeps = keeps.filter_map(|(at, name)| {
        names::objective(name, scenario, &trail.key("keeps").index(at), notes)
    });
    Must::Unaffected { of, during, keeps: keeps.collect() }
}

fn answers(
    expect: &types::Answers,
    given: Given<'_>,
    trail: &Trail,
    marks: &mut Marks,
    notes: &mut Notes<'_>,
) -> Must {
    let scenario = given.scenario;
    let of = names::of(Some(&expect.of), given.loads, &trail.key("of"), notes);
    let during = expect.during.as_deref();
    let during = names::during(during, &[During::All], scenario, &trail.key("during"), notes);
    let within_us =
        expect.within.map(|within| positive(within, MOST_WAIT_US, &trail.key("within"), notes));
    let header = expect.header.as_ref().map(|header| {
        if !headers::is_name(header.as_str()) {
            let message = format!("{:?} is no header's name", header.as_str());
            notes.value(&trail.key("header"), message, "write one such as Retry-After");
        }
        header.as_str().to_ascii_lowercase()
    });
    let only = ranges(&expect.only);
    let [mark, service_mark] = [Clock::Response, Clock::Service].map(|clock| {
        let (only, header) = (only.clone(), header.clone());
        marks.index(Mark::Answered { only, within_us, clock, header })
    });
    Must::Answers { of, during, mark, service_mark, late_mark: marks.late(within_us) }
}
