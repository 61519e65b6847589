//! What our own gateways told: exact instants of every transition.
//!
//! Invariant: transitions that do not follow each other are a doubt: one is missing.
//! Not here: inference (`inferred`).

use super::{Calls, Ending, How, Line, Spell, exactly, sorted, tolerance};
use crate::case::Case;
use crate::event::{AttemptsOf, BreakerEvent, BreakerState};
use crate::health::Doubt;
use crate::phase::Phases;
use crate::time::At;
use crate::timeline::Timeline;
use std::collections::BTreeSet;

/// One line for each gateway that told or did anything.
pub(super) fn lines(case: &Case, timeline: &Timeline, phases: &Phases, fleet: usize) -> Vec<Line> {
    let seen = &timeline.sightings;
    let changed = seen.transitions.keys().filter(|(of, _)| *of == fleet).map(|(_, g)| *g);
    let tried = seen.attempts.keys().filter_map(|of| match of {
        AttemptsOf::Gateway(of, gateway) if *of == fleet => Some(*gateway),
        _ => None,
    });
    let gateways: BTreeSet<u32> = changed.chain(tried).collect();
    let lines = gateways.into_iter().map(|gateway| line(case, timeline, phases, fleet, gateway));
    lines.collect()
}

fn line(case: &Case, timeline: &Timeline, phases: &Phases, fleet: usize, gateway: u32) -> Line {
    let seen = &timeline.sightings;
    let name = case.fleets.get(fleet).map_or("?", |fleet| fleet.name.as_str());
    let calls = seen.attempts.get(&AttemptsOf::Gateway(fleet, gateway));
    let load = case.fleets.get(fleet).and_then(|fleet| case.loads.get(fleet.load));
    let ends = load.map_or(0, |load| load.ends_us);
    let events = seen.transitions.get(&(fleet, gateway)).map_or(&[][..], Vec::as_slice);
    let last = calls.into_iter().flat_map(|line| &line.list).map(|attempt| attempt.done).max();
    let until = At(phases.zero.0.saturating_add(ends))
        .max(last.unwrap_or_default())
        .max(events.last().map_or(At::default(), |event| event.at))
        .min(timeline.ended());
    let of = format!("gateway {gateway} of fleet `{name}`");
    let (spells, doubt) = match spells(events) {
        Ok(spells) => (spells, None),
        Err(doubt) => (Vec::new(), Some(doubt)),
    };
    Line {
        spells,
        doubt,
        calls: calls.map(|line| Calls { list: sorted(&line.list), left_out: line.left_out }),
        tolerance_us: tolerance(timeline, 0),
        ..Line::new(of, How::Told, until)
    }
}

/// Transitions as spells. A breaker begins closed.
fn spells(events: &[BreakerEvent]) -> Result<Vec<Spell>, Doubt> {
    use BreakerState::{Closed, HalfOpen, Open};
    let mut spells: Vec<Spell> = Vec::new();
    let mut state = Closed;
    for event in events {
        if event.from != state {
            return Err(Doubt {
                reason: format!(
                    "its transitions do not follow each other: one from {:?} while it was {state:?}",
                    event.from
                ),
                missing: "a journal with every transition".to_owned(),
            });
        }
        state = event.to;
        let at = exactly(event.at);
        if let (Some(spell), true) = (spells.last_mut(), event.from != Closed) {
            match event.to {
                HalfOpen => spell.half_open = Some(at),
                Closed => spell.ended = Some((at, Ending::Closed)),
                Open => spell.ended = Some((at, Ending::Reopened)),
            }
        }
        match event.to {
            Open => spells.push(Spell {
                opened: at,
                from_closed: event.from == Closed,
                failures: (event.from == Closed).then_some((event.failures, event.in_flight)),
                half_open: None,
                ended: None,
                inferred: None,
            }),
            HalfOpen if event.from == Closed => {
                return Err(Doubt {
                    reason: "it went from closed to half-open without having been open".to_owned(),
                    missing: "a journal with every transition".to_owned(),
                });
            }
            _ => {}
        }
    }
    Ok(spells)
}
