//! What moments count from: whose they are, and which of them only a run can tell.
//!
//! Invariant: a name in a moment means one thing; what a run decides keeps its anchor.
//! Invariant: when a breaker opens is told by evidence, after the run: something can be asked from then on,
//! nothing can be done then.
//! Not here: when loads and faults start and end (`timetable`).

use super::notes::Notes;
use super::parts;
use super::timetable::{Timetable, source};
use crate::spec::Trail;
use crate::spec::scalar::{Edge, Moment};
use crate::spec::types::Scenario;
use assay_slo::case::{Anchor, Moment as Anchored};

/// Which entry a moment counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// Index into [`assay_slo::Case::loads`].
    Load(usize),
    Fault(usize),
    Breaker(usize),
}

/// What a moment counts from: `Some(None)` is time 0; none if there is a problem, now told.
pub(super) fn base(
    moment: &Moment,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Option<(Base, Edge)>> {
    let Some((name, edge)) = &moment.base else { return Some(None) };
    let loads: &[&str] = &["load", "fleets"];
    let load = source(name, scenario).map(|at| (Base::Load(at), "a load", loads));
    let fault = scenario.faults.get_index_of(name);
    let fault = fault.map(|at| (Base::Fault(at), "a fault", &["faults"][..]));
    let breaker = scenario.breakers.get_index_of(name);
    let breaker = breaker.map(|at| (Base::Breaker(at), "a breaker", &["breakers"][..]));
    let known: Vec<_> = [load, fault, breaker].into_iter().flatten().collect();
    let (message, help) = match known.as_slice() {
        [(base, is, sections)] => {
            let left_out = notes.left_out();
            if sections.iter().any(|section| left_out.touches_entry(section, name.as_str())) {
                return None;
            }
            match (base, edge) {
                (Base::Breaker(_), Edge::Start | Edge::End) => (
                    format!("`{name}` is {is}, which has no {edge}"),
                    format!("write `{name}.open`, its first opening, or a moment of a fault"),
                ),
                (Base::Load(_) | Base::Fault(_), Edge::Open) => (
                    format!("`{name}` is {is}, and only breakers open"),
                    format!("write `{name}.start` or `{name}.end`"),
                ),
                _ => return Some(Some((*base, *edge))),
            }
        }
        [(_, one, _), (_, other, _), ..] => (
            format!("`{name}` is {one} and {other}, and this moment could mean both"),
            "give one of them another name".to_owned(),
        ),
        [] if *edge == Edge::Open => {
            let names: Vec<&str> = scenario.breakers.keys().map(|name| name.as_str()).collect();
            let message = format!("unknown breaker `{name}`");
            let among = (&["breakers"][..], "breakers");
            notes.unknown(trail, name.as_str(), message, among, &names);
            return None;
        }
        [] => {
            let loads = scenario.load.keys().chain(scenario.fleets.keys());
            let names = loads.chain(scenario.faults.keys());
            let names: Vec<&str> = names.map(|name| name.as_str()).collect();
            let message = format!("unknown load or fault `{name}`");
            let among = (&["load", "fleets", "faults"][..], "loads, fleets and faults");
            notes.unknown(trail, name.as_str(), message, among, &names);
            return None;
        }
    };
    notes.value(trail, message, help);
    None
}

/// Refuses to start or end something when a breaker opens.
pub(super) fn not_before_the_run(
    moment: &Moment,
    as_edge: Edge,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) {
    let Some((name, _)) = &moment.base else { return };
    let what = if as_edge == Edge::End { "end" } else { "start" };
    let message = format!(
        "when `{name}` opens only evidence tells, after the run, so nothing can {what} then"
    );
    let fault = scenario.faults.keys().next().map_or("FAULT", |name| name.as_str());
    let help = format!(
        "count from the fault that opens it, such as `{fault}.start + 5s`; `{name}.open` is for `after:` \
         of expectations"
    );
    notes.value(trail, message, help);
}

/// A moment that the run decides, and where it is planned, µs after time 0: of a breaker's opening the
/// earliest that can be expected.
pub(super) fn anchored(
    moment: &Moment,
    scenario: &Scenario,
    timetable: &Timetable,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<(Anchored, u64)> {
    let start = |starts: &[u64], index: usize| starts.get(index).copied().unwrap_or(0);
    let offset_us = moment.offset_us;
    let (anchored, from) = match base(moment, scenario, trail, notes)? {
        None => (Anchored { anchor: Anchor::Zero, offset_us }, 0),
        Some((Base::Load(load), Edge::Start)) => {
            let from = start(&timetable.loads, load);
            let offset_us = offset_us.saturating_add_unsigned(from);
            (Anchored { anchor: Anchor::Zero, offset_us }, from)
        }
        Some((Base::Load(load), _)) => {
            let end = start(&timetable.loads, load).saturating_add(start(&timetable.lasts, load));
            (Anchored { anchor: Anchor::LoadEnd(load), offset_us }, end)
        }
        Some((Base::Fault(fault), Edge::Start)) => {
            let from = start(&timetable.faults, fault);
            (Anchored { anchor: Anchor::FaultStart(fault), offset_us }, from)
        }
        Some((Base::Fault(fault), _)) => {
            let lasts_us = parts::faults(scenario).nth(fault).map_or(0, |(_, f)| f.whole_us());
            let end = start(&timetable.faults, fault).saturating_add(lasts_us);
            (Anchored { anchor: Anchor::FaultEnd(fault), offset_us }, end)
        }
        Some((Base::Breaker(breaker), _)) => {
            let first = timetable.faults.iter().min().copied().unwrap_or(0);
            let anchored = Anchored { anchor: Anchor::BreakerOpen(breaker), offset_us };
            return Some((anchored, first.saturating_add_signed(offset_us)));
        }
    };
    let Some(planned) = from.checked_add_signed(offset_us) else {
        let message = "this moment lies before time 0".to_owned();
        notes.value(trail, message, "time 0 is the end of the warm-up: name a later one");
        return None;
    };
    Some((anchored, planned))
}
