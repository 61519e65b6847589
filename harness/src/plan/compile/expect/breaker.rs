//! What a breaker must do.
//!
//! Not here: whether it could (`feasible::breaker`).

use super::{Deadline, Given, check_left, deadline};
use crate::plan::compile::notes::Notes;
use crate::plan::compile::{MOST_WAIT_US, positive};
use crate::plan::fleet::Order;
use crate::plan::{FaultKind, Fleet, OutageMode, Target};
use crate::spec::Trail;
use crate::spec::scalar::Flag;
use crate::spec::types::{AtMostCount, BreakerAsked, FastFail, Within};
use assay_slo::Share;
use assay_slo::case::{Anchor, Breaker, BreakerMust, Evidence, Must};

pub(super) fn compile(
    asked: &BreakerAsked,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    let Some(index) = given.scenario.breakers.get_index_of(&asked.name) else {
        let known: Vec<&str> = given.scenario.breakers.keys().map(|name| name.as_str()).collect();
        let (name, among) = (asked.name.as_str(), (&["breakers"][..], "breakers"));
        let message = format!("unknown breaker `{name}`");
        notes.unknown(&trail.key("name"), name, message, among, &known);
        return None;
    };
    let left_out = notes.left_out();
    // Its evidence decides what can be asked of it.
    let is_certain =
        !left_out.touches_entry("breakers", asked.name.as_str()) && !left_out.touches("fleets");
    let breaker = given.breakers.get(index)?;
    let mut by_when = |within: &Option<Within>, key: &str| {
        let within = within.as_ref()?;
        let trail = trail.key(key);
        let deadline = deadline(&within.after, within.within, given, &trail, notes)?;
        let last_us = last_us(breaker, given).filter(|_| is_certain);
        check_left(&deadline, 0, last_us, given, &trail, notes);
        Some(Deadline::pair(&deadline))
    };
    let (opens, closes) = (by_when(&asked.opens, "opens"), by_when(&asked.closes, "closes"));
    if opens.is_some_and(|(after, _)| after.anchor == Anchor::BreakerOpen(index)) {
        let message = format!("that `{}` opens after it has opened asks nothing", asked.name);
        let help = "count from the fault that opens it, such as FAULT.start";
        notes.value(&trail.key("opens").key("after"), message, help);
    }
    let count = |limit: &Option<AtMostCount>| limit.as_ref().map(|limit| limit.at_most.0);
    let (share, latency) = fast_fail(asked.fast_fail.as_ref(), trail, notes);
    check_never(asked, trail, notes);
    if is_certain {
        check_told(asked.fast_fail.as_ref(), breaker, trail, notes);
        check_arrivals(breaker, given, trail, notes);
        check_counted(asked, breaker, given, trail, notes);
    }
    if asked.opens_after_failures.is_some_and(|failures| failures.0 == 0) {
        let message = "a breaker that opens after 0 failures is always open".to_owned();
        notes.value(&trail.key("opens-after-failures"), message, "write its `failures`, such as 5");
    }
    Some(Must::Breaker(BreakerMust {
        breaker: index,
        opens,
        opens_after_failures: asked.opens_after_failures.map(|failures| failures.0),
        closes,
        trials: count(&asked.trials),
        calls_while_open: count(&asked.calls_while_open),
        fast_fail_share: share,
        fast_fail_latency: latency,
        reopens_after_close: count(&asked.reopens_after_close),
        never_opens: asked.never_opens == Some(Flag(true)),
    }))
}

/// When the last call is planned that the breaker could see: its fleets' samples, or anything
/// through its links.
fn last_us(breaker: &Breaker, given: Given<'_>) -> Option<u64> {
    let ends = breaker.evidence.iter().filter_map(|evidence| match evidence {
        Evidence::Gateway(fleet) => given.traffic.fleets.get(*fleet).map(|fleet| fleet.ends_us()),
        Evidence::Arrivals(link) => given.traffic.ends_through(link),
        Evidence::Polled(_) | Evidence::Logged { .. } => None,
    });
    ends.max().or(given.traffic.ends())
}

fn is_told(breaker: &Breaker) -> bool {
    breaker.evidence.iter().any(|evidence| matches!(evidence, Evidence::Gateway(_)))
}

/// How much of what was offered was rejected at once, and how soon; µs.
fn fast_fail(
    asked: Option<&FastFail>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> (Option<Share>, Option<(Share, u64)>) {
    let Some(asked) = asked else { return (None, None) };
    let trail = trail.key("fast-fail");
    if asked.share.is_none() && asked.latency.is_none() {
        let message = "it asks for nothing".to_owned();
        notes.entry(&trail, message, "write `share: {at-least: 99%}`, or `latency:`");
    }
    let share = asked.share.as_ref().map(|share| share.at_least.0);
    if share == Some(Share(0)) {
        let message = "0% asks for nothing".to_owned();
        notes.value(&trail.key("share").key("at-least"), message, "write a share such as 99%");
    }
    let latency = asked.latency.as_ref().map(|latency| {
        let way = trail.key("latency").key("below");
        (latency.percentile.0, positive(latency.below, MOST_WAIT_US, &way, notes))
    });
    (share, latency)
}

/// Who asks for rejections must have someone who tells them.
fn check_told(asked: Option<&FastFail>, breaker: &Breaker, trail: &Trail, notes: &mut Notes<'_>) {
    if asked.is_some() && !is_told(breaker) {
        let message = format!("nobody tells what `{}` rejects", breaker.name);
        let help = "only our own gateways do: write `evidence: [{gateway: {fleet: …}}]`";
        notes.entry(&trail.key("fast-fail"), message, help);
    }
}

/// Something is asked, and nothing of a breaker that never opens.
fn check_never(asked: &BreakerAsked, trail: &Trail, notes: &mut Notes<'_>) {
    let others = [
        ("opens", asked.opens.is_some()),
        ("opens-after-failures", asked.opens_after_failures.is_some()),
        ("closes", asked.closes.is_some()),
        ("trials", asked.trials.is_some()),
        ("calls-while-open", asked.calls_while_open.is_some()),
        ("fast-fail", asked.fast_fail.is_some()),
        ("reopens-after-close", asked.reopens_after_close.is_some()),
    ];
    let other = others.iter().find(|(_, is_there)| *is_there);
    match (asked.never_opens, other) {
        (Some(Flag(false)), _) => {
            let message = "`never-opens: false` asks for nothing".to_owned();
            notes.value(&trail.key("never-opens"), message, "leave it out, or write `opens:`");
        }
        (Some(Flag(true)), Some((key, _))) => {
            let message = format!("a breaker that never opens has no `{key}`");
            notes.entry(&trail.key(key), message, "leave one of the two out");
        }
        (None, None) => {
            let message = "it asks nothing of the breaker".to_owned();
            notes.entry(trail, message, "write `opens:`, `closes:`, `trials:` or another");
        }
        (Some(Flag(true)), None) | (None, Some(_)) => {}
    }
}

/// What goes through a breaker is counted by single attempts. With retries inside the breaker one
/// call is several of them, so a right breaker would be found wrong.
fn check_counted(
    asked: &BreakerAsked,
    breaker: &Breaker,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) {
    let fleets = given.traffic.fleets;
    let seen = |fleet: &&Fleet, evidence: &Evidence| match evidence {
        Evidence::Gateway(index) => fleets.get(*index).is_some_and(|one| one.name == fleet.name),
        Evidence::Arrivals(link) => fleet.to == Target::Link(link.clone()),
        Evidence::Polled(_) | Evidence::Logged { .. } => false,
    };
    let inside = fleets.iter().find_map(|fleet| {
        let gateway = fleet.gateway.as_ref().filter(|gateway| gateway.breaker.is_some())?;
        let retry = gateway.retry.as_ref()?;
        let several = retry.order == Order::InsideBreaker && retry.attempts > 1;
        let is_seen = breaker.evidence.iter().any(|evidence| seen(&fleet, evidence));
        (several && is_seen).then_some((fleet, retry.attempts))
    });
    let Some((fleet, attempts)) = inside else { return };
    let share = asked.fast_fail.as_ref().is_some_and(|asked| asked.share.is_some());
    let counted = [
        ("trials", asked.trials.is_some(), trail.key("trials")),
        ("calls-while-open", asked.calls_while_open.is_some(), trail.key("calls-while-open")),
        ("fast-fail: share", share, trail.key("fast-fail").key("share")),
    ];
    for (key, _, way) in counted.iter().filter(|(_, is_asked, _)| *is_asked) {
        let message = format!(
            "`{key}` counts single attempts, and `{}` retries inside its breaker: one call is up \
             to {attempts} of them",
            fleet.name
        );
        notes.entry(way, message, "write `order: outside-breaker` in its `retry`, or leave it out");
    }
}

/// A closed listener sees no arrivals, so they cannot tell a breaker's state.
fn check_arrivals(breaker: &Breaker, given: Given<'_>, trail: &Trail, notes: &mut Notes<'_>) {
    let is_state = |one: &Evidence| matches!(one, Evidence::Polled(_) | Evidence::Logged { .. });
    if is_told(breaker) || breaker.evidence.iter().any(is_state) {
        return;
    }
    let links: Vec<&str> = breaker
        .evidence
        .iter()
        .filter_map(|evidence| match evidence {
            Evidence::Arrivals(link) => Some(link.as_str()),
            _ => None,
        })
        .collect();
    let refuses = given.faults.iter().find(|fault| {
        fault.kind == FaultKind::Outage(OutageMode::Refuse) && links.contains(&fault.link.as_str())
    });
    if let Some(fault) = refuses {
        let message = format!(
            "`{}` shows only in arrivals at `{}`, and while `{}` refuses connections none are seen",
            breaker.name, fault.link, fault.name
        );
        let help = "write `mode: reset` or `mode: black-hole`, or other evidence";
        notes.entry(trail, message, help);
    }
}
