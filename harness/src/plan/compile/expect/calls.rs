//! What must hold of calls: how many come through a link, how many are answered well.
//!
//! Not here: whether there is traffic to judge them on (`feasible`).

use super::{Given, check_left, deadline};
use crate::plan::compile::notes::Notes;
use crate::plan::compile::{MOST_RUN_US, links, names, positive};
use crate::plan::{FaultKind, OutageMode};
use crate::spec::Trail;
use crate::spec::scalar::Duration;
use crate::spec::types::{Amplification, Goodput, Herd};
use assay_slo::Share;
use assay_slo::case::{Anchor, During, Moment, Must};
use assay_slo::time::SECOND_US;

/// How long goodput must stay so to be back: as the judge counts it.
const GOODPUT_HOLD_US: u64 = 5 * SECOND_US;

pub(super) fn goodput(
    asked: &Goodput,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    let of = names::of(Some(&asked.of), given.loads, &trail.key("of"), notes);
    let at_least = asked.at_least.0;
    if at_least == Share(0) {
        let message = "0% asks for nothing".to_owned();
        notes.value(&trail.key("at-least"), message, "write a share such as 95%");
    }
    let deadline = deadline(&asked.after, asked.within, given, trail, notes)?;
    let ends = given.traffic.ends_us();
    let last = of.iter().filter_map(|of| ends.get(of.load)).max().copied();
    check_left(&deadline, GOODPUT_HOLD_US, last, given, trail, notes);
    check_second(deadline.within_us, trail, notes);
    let (after, within_us) = deadline.pair();
    check_before(after, trail, notes);
    Some(Must::Goodput { of, at_least, after, within_us })
}

pub(super) fn amplification(
    asked: &Amplification,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    links::check(&asked.link, given.scenario, &trail.key("link"), notes).then_some(())?;
    let per = names::of(Some(&asked.per), given.loads, &trail.key("per"), notes);
    let fleet = per.iter().find_map(|of| {
        let before = given.traffic.loads.len() + given.traffic.users.len();
        of.load.checked_sub(before).and_then(|at| given.traffic.fleets.get(at))
    });
    let fleet = fleet.filter(|fleet| fleet.gateway.is_some());
    if let Some(fleet) = fleet {
        let message = format!(
            "what is counted of `{}` are its gateways' attempts, and each is one call by definition",
            fleet.name
        );
        let help = "name a load that goes on at its rate whatever the fleet does";
        notes.value(&trail.key("per"), message, help);
    }
    if asked.at_most.milli == 0 {
        let message = "at most 0x allows no call at all".to_owned();
        notes.value(&trail.key("at-most"), message, "write a factor such as 1.5x");
    }
    let window_s = asked.window.map(|window| {
        let way = trail.key("window");
        let us = positive(window, MOST_RUN_US, &way, notes);
        if !us.is_multiple_of(SECOND_US) {
            let message = format!("a window of {window} is not in whole seconds");
            notes.value(&way, message, "write 1s, 2s, …");
        }
        (us / SECOND_US).max(1)
    });
    let way = trail.key("during");
    let during = asked.during.as_deref();
    let during = names::during(during, &[During::All], given.scenario, &way, notes);
    check_refused(asked, &during, given, trail, notes);
    Some(Must::Amplification {
        link: asked.link.to_string(),
        per,
        at_most_milli: asked.at_most.milli,
        during,
        window_s,
    })
}

/// A closed listener sees no arrivals: few of them would prove nothing.
fn check_refused(
    asked: &Amplification,
    during: &[During],
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) {
    let refuses = given.faults.iter().enumerate().find(|(index, fault)| {
        let covered = |phase: &During| match phase {
            During::All | During::Fault => true,
            During::Named(named) => named == index,
            During::Steady
            | During::Recovery
            | During::After
            | During::RecoveryOf(_)
            | During::Open(_) => false,
        };
        fault.kind == FaultKind::Outage(OutageMode::Refuse)
            && fault.link == asked.link.as_str()
            && during.iter().any(covered)
    });
    if let Some((_, fault)) = refuses {
        let message = format!(
            "while `{}` refuses connections no arrivals are seen at `{}`, so there are never too \
             many",
            fault.name, fault.link
        );
        let help = "write `mode: reset` or `mode: black-hole`, or `during:` without that fault";
        let way = if asked.during.is_some() { trail.key("during") } else { trail.clone() };
        notes.entry(&way, message, help);
    }
}

pub(super) fn herd(
    asked: &Herd,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    links::check(&asked.link, given.scenario, &trail.key("link"), notes).then_some(())?;
    if asked.peak.at_most.milli == 0 {
        let message = "at most 0x allows no call at all".to_owned();
        notes.value(&trail.key("peak").key("at-most"), message, "write a factor such as 3x");
    }
    let deadline = deadline(&asked.after, asked.within, given, trail, notes)?;
    // What calls through the link may be a service that a load elsewhere asks.
    let last = given.traffic.ends_through(asked.link.as_str()).or(given.traffic.ends());
    check_left(&deadline, 0, last, given, trail, notes);
    check_second(deadline.within_us, trail, notes);
    let (after, within_us) = deadline.pair();
    check_before(after, trail, notes);
    let peak_milli = asked.peak.at_most.milli;
    Some(Must::Herd { link: asked.link.to_string(), peak_milli, after, within_us })
}

/// Rates are taken in whole seconds.
fn check_second(within_us: u64, trail: &Trail, notes: &mut Notes<'_>) {
    if within_us < SECOND_US {
        let message = format!("within {} there is no whole second", Duration { us: within_us });
        notes.value(&trail.key("within"), message, "write at least 1s");
    }
}

/// The level before is that before a fault.
fn check_before(after: Moment, trail: &Trail, notes: &mut Notes<'_>) {
    if matches!(after.anchor, Anchor::Zero | Anchor::LoadEnd(_)) {
        let message = "it compares with the level before a fault, and this names none".to_owned();
        notes.value(&trail.key("after"), message, "write such as FAULT.end");
    }
}
