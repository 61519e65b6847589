//! Expectations: what must hold around faults.
//!
//! Invariant: names are unique and hold no measured value, so that runs can be compared by them.
//! Not here: whether there is traffic to judge them on (`feasible`).

use super::notes::{Notes, instead};
use super::timetable::{Timetable, anchored};
use super::{MOST_RUN_US, MOST_WAIT_US, headers, names, positive};
use crate::plan::compile::requests::ranges;
use crate::plan::marks::Marks;
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Moment, Name, Words};
use crate::spec::types::{self, Expect, Scenario};
use assay_slo::case::{Ask, Clock, During, Expectation, Mark, Must, Objective};

/// How long a limit must hold unless the scenario says.
const HOLD_US: u64 = 5_000_000;

/// What expectations are made from.
#[derive(Clone, Copy)]
pub(super) struct Given<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) timetable: &'s Timetable,
    pub(super) objectives: &'s [Objective],
    /// Planned ends of the loads, in order.
    pub(super) ends_us: &'s [u64],
}

/// The expectations, in the order of the scenario.
pub(super) fn compile(
    given: Given<'_>,
    marks: &mut Marks,
    notes: &mut Notes<'_>,
) -> Vec<Expectation> {
    let mut compiled: Vec<Expectation> = Vec::new();
    for (at, expect) in given.scenario.expect.iter().enumerate() {
        let item = Trail::root().key("expect").index(at);
        let (entry, name, must) = match expect {
            Expect::Recovers(expect) => {
                let entry = item.key("recovers");
                let must = recovers(expect, given, &entry, notes);
                let name = format!("recovers {} after {}", expect.objective, shown(&expect.after));
                (entry, name, must)
            }
            Expect::Unaffected(expect) => {
                let entry = item.key("unaffected");
                let must = unaffected(expect, given, &entry, notes);
                (entry, over("unaffected", &expect.of, expect.during.as_deref()), Some(must))
            }
            Expect::Answers(expect) => {
                let entry = item.key("answers");
                let must = answers(expect, given, &entry, marks, notes);
                (entry, over("answers", &expect.of, expect.during.as_deref()), Some(must))
            }
        };
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
    let of: Vec<&str> = of.iter().map(|name| name.as_str()).collect();
    let phases: Vec<&str> = during.unwrap_or_default().iter().map(|word| word.as_str()).collect();
    let phases = if phases.is_empty() { "all".to_owned() } else { phases.join(", ") };
    format!("{what} {} during {phases}", of.join(", "))
}

fn recovers(
    expect: &types::Recovers,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    let way = trail.key("objective");
    let objective = objective(&expect.objective, given.scenario, &way, notes);
    let judged = objective.and_then(|index| given.objectives.get(index));
    if let Some(Ask::ErrorCount { .. } | Ask::Availability { .. }) = judged.map(|one| &one.ask) {
        let message = format!("`{}` has no limit that could hold again", expect.objective);
        notes.value(&way, message, "name a latency or error-rate objective");
    }
    let way = trail.key("after");
    let after = anchored(&expect.after, given.scenario, given.timetable, &way, notes);
    let within_us = positive(expect.within, MOST_RUN_US, &trail.key("within"), notes);
    let hold_us =
        expect.hold.map_or(HOLD_US, |hold| positive(hold, MOST_RUN_US, &trail.key("hold"), notes));
    let (after, planned_us) = after?;
    let covered = judged.map(|one| one.of.as_slice()).unwrap_or_default();
    let last = covered.iter().filter_map(|of| given.ends_us.get(of.load)).max().copied();
    let needed = planned_us.saturating_add(within_us).saturating_add(hold_us);
    if let Some(last) = last.filter(|last| given.timetable.complete && needed > *last) {
        let shown = |us: u64| Duration { us };
        let message = format!(
            "within {} and hold {} after {} need load until {}, but it ends at {}",
            shown(within_us),
            shown(hold_us),
            shown(planned_us),
            shown(needed),
            shown(last)
        );
        let help = format!("let the load run {} longer", shown(needed - last));
        notes.value(&trail.key("within"), message, help);
    }
    Some(Must::Recovers { objective: objective?, after, within_us, hold_us })
}

/// The index of an objective.
pub(super) fn objective(
    name: &Name,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<usize> {
    let index = scenario.objectives.get_index_of(name);
    if index.is_none() {
        let known: Vec<&str> = scenario.objectives.keys().map(|name| name.as_str()).collect();
        let help = instead(name.as_str(), "objectives", &known);
        notes.value(trail, format!("unknown objective `{name}`"), help);
    }
    index
}

fn unaffected(
    expect: &types::Unaffected,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Must {
    let scenario = given.scenario;
    let of = names::of(Some(&expect.of), scenario, &trail.key("of"), notes);
    let during = expect.during.as_deref();
    let during = names::during(during, &[During::All], scenario, &trail.key("during"), notes);
    let keeps = expect.keeps.iter().enumerate();
    let keeps = keeps
        .filter_map(|(at, name)| objective(name, scenario, &trail.key("keeps").index(at), notes));
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
    let of = names::of(Some(&expect.of), scenario, &trail.key("of"), notes);
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
