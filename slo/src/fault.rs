//! What each fault did: how many requests it should have affected, how many it did at its link,
//! and how many our callers saw. A fault that did nothing tests nothing. Where its link reads no requests,
//! the first two are connections.
//!
//! Invariant: an effect is never assumed; what was not counted is unknown.
//! Not here: how a fault acts (harness `fault`, `link`).

use crate::case::{Asked, Case, Fault, Mark, Of, Shows};
use crate::event::EndReason;
use crate::interval;
use crate::outcome::Outcome;
use crate::phase::Phases;
use crate::scorecard::FaultScore;
use crate::time::Share;
use crate::timeline::{Counts, FaultLine, Key, Span, Timeline};
use crate::words;

/// What follows from a fault's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worked {
    Took,
    Without,
    Unknown,
    NotApplied,
}

/// One fault's score, and what follows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    pub(crate) score: FaultScore,
    pub(crate) worked: Worked,
    pub(crate) findings: Vec<String>,
}

/// All faults, by index.
pub(crate) fn facts(case: &Case, timeline: &Timeline, phases: &Phases) -> Vec<Facts> {
    let faults = case.faults.iter().enumerate();
    faults.map(|(index, fault)| one(case, timeline, phases, index, fault)).collect()
}

fn one(case: &Case, timeline: &Timeline, phases: &Phases, index: usize, fault: &Fault) -> Facts {
    let empty = FaultLine::default();
    let line = timeline.faults.get(&index).unwrap_or(&empty);
    let came = line.spans.len() as u64;
    // One that was refused, or held up by the time before, tested nothing; a run that was cut short says so itself.
    let is_over = timeline.end.as_ref().is_some_and(|end| end.reason == EndReason::Complete);
    let times = if is_over && came > 0 { fault.times().max(came) } else { came };
    // A process that is gone may be missed by everybody.
    let beside = fault.shows.is_beside_links();
    let ours = case.loads.iter().any(|load| beside || load.link.as_deref() == Some(&fault.link));
    let count = |counted: &dyn Fn(&Key, &Counts) -> u64| -> u64 {
        callers(case, timeline, phases, index).map(|(key, counts)| counted(key, counts)).sum()
    };
    let refused_mark = case.marks.iter().position(|mark| *mark == Mark::Refused);
    let refused = |key: &Key, counts: &Counts| match refused_mark {
        Some(mark) => counts.mark(mark),
        None if key.outcome == Outcome::ConnectError => counts.n,
        None => 0,
    };
    let connects = if fault.shows == Shows::Refused { count(&refused) } else { 0 };
    let shows = fault.shows != Shows::Unseen;
    let seen =
        (ours && shows).then(|| count(&|key, counts| shown(&fault.shows, &refused, key, counts)));
    let (asked, injected, own) = match (&fault.shows, line.effect) {
        (_, None) => (None, None, 0),
        // Connections that were open, and those refused later.
        (Shows::Refused, Some(effect)) => (
            Some(effect.matched.saturating_add(connects)),
            Some(effect.injected.saturating_add(connects)),
            effect.ours.saturating_add(connects),
        ),
        (Shows::Gone | Shows::Done, Some(effect)) => (Some(times), Some(effect.injected), 0),
        (_, Some(effect)) => {
            (Some(wanted(fault.asked, effect.matched, came)), Some(effect.injected), effect.ours)
        }
    };
    // Each time counts: one that hit nobody tested nothing.
    let refused_in = |span: &Span| -> u64 {
        if fault.shows != Shows::Refused {
            return 0;
        }
        let own = callers(case, timeline, phases, index).filter(|(key, _)| {
            phases.segments.get(key.segment).is_some_and(|segment| {
                let under_way = key.straddle.is_some_and(|straddle| straddle.fault == index);
                let ends = if under_way { segment.to } else { segment.from };
                span.applied <= ends && span.cleared.is_none_or(|cleared| ends < cleared)
            })
        });
        own.map(|(key, counts)| refused(key, counts)).sum()
    };
    let idle = line.spans.iter().filter(|span| {
        span.effect.is_some_and(|effect| effect.injected == 0 && refused_in(span) == 0)
    });
    let idle = if beside { 0 } else { idle.count() as u64 + (times - came) };
    let (worked, effect) = match (line.edges.applied, injected) {
        (None, _) if fault.is_manual() => {
            (Worked::NotApplied, "not applied: nobody marked it".to_owned())
        }
        (None, _) => (Worked::NotApplied, "not applied".to_owned()),
        (Some(_), None) => (Worked::Unknown, "effect unknown: its end was not recorded".to_owned()),
        (Some(_), Some(0)) if fault.shows == Shows::Refused && !ours => (
            Worked::Unknown,
            "effect unknown: no connection was in use, and none of its callers is ours".to_owned(),
        ),
        (Some(_), Some(0)) if fault.shows == Shows::Gone => {
            (Worked::Without, "without effect: it was not seen to be gone".to_owned())
        }
        (Some(_), Some(0)) if fault.is_command() => {
            let why = "without effect: its command did not come to a good end by itself";
            (Worked::Without, why.to_owned())
        }
        (Some(_), Some(0)) if beside => {
            (Worked::Without, "without effect: it was not seen to be done".to_owned())
        }
        (Some(_), Some(done)) if beside && done < times => {
            (Worked::Without, format!("took effect {done} of {times} times only"))
        }
        (Some(_), Some(0)) => {
            let matched = line.effect.map_or(0, |effect| effect.matched);
            let none = none(fault, matched, asked);
            (Worked::Without, format!("without effect: {none}"))
        }
        (Some(_), Some(_)) if idle > 0 && fault.shows == Shows::Refused && !ours => (
            Worked::Unknown,
            format!(
                "effect unknown: {idle} of {times} times no connection was in use, and none of its callers \
                 is ours"
            ),
        ),
        (Some(_), Some(_)) if idle > 0 => {
            (Worked::Without, format!("took effect {} of {times} times only", times - idle))
        }
        (Some(_), Some(_)) => (Worked::Took, "took effect".to_owned()),
    };
    let score = FaultScore {
        name: fault.name.clone(),
        kind: fault.kind.clone(),
        link: fault.link.clone(),
        edges: line.edges,
        asked,
        injected,
        seen,
        effect,
    };
    // One whose end is not known may have been hit.
    let due = |_: &Key, counts: &Counts| counts.n;
    let good = |key: &Key, counts: &Counts| if key.outcome == Outcome::Ok { counts.n } else { 0 };
    let unnoticed =
        (worked == Worked::Took).then(|| unnoticed(fault, count(&due), count(&good))).flatten();
    let findings =
        [unlikely(fault, line), hidden(fault, own, seen), unnoticed, past(fault, asked, injected)];
    Facts { score, worked, findings: findings.into_iter().flatten().collect() }
}

/// The cells of our loads on the fault's link, due while it was on or under way when it came.
fn callers<'a>(
    case: &'a Case,
    timeline: &'a Timeline,
    phases: &'a Phases,
    index: usize,
) -> impl Iterator<Item = (&'a Key, &'a Counts)> {
    let link = case.faults.get(index).map(|fault| fault.link.as_str());
    let on: Vec<bool> = (0..phases.segments.len())
        .map(|segment| phases.covers(segment, &[crate::case::During::Named(index)]))
        .collect();
    let beside = case.faults.get(index).is_some_and(|fault| fault.shows.is_beside_links());
    let through =
        move |of: &Of| case.loads.get(of.load).is_some_and(|l| beside || l.link.as_deref() == link);
    timeline.kinds().filter(through).flat_map(|of| timeline.cells(of)).filter(move |(key, _)| {
        let due_while_on = on.get(key.segment).copied().unwrap_or(false);
        due_while_on || key.straddle.is_some_and(|straddle| straddle.fault == index)
    })
}

/// How many of a cell show the fault.
fn shown(shows: &Shows, refused: &dyn Fn(&Key, &Counts) -> u64, key: &Key, counts: &Counts) -> u64 {
    let broken = matches!(key.outcome, Outcome::ProtocolError | Outcome::Timeout);
    let fits = match shows {
        Shows::Status(status) => key.status == *status,
        // It was not waited for to its end.
        Shows::Slow { .. } if key.outcome == Outcome::Timeout => true,
        Shows::Slow { mark } if key.outcome.is_known_attempt() => return counts.unmarked(*mark),
        Shows::Slow { .. } | Shows::Unseen => false,
        Shows::Refused if broken => true,
        Shows::Refused => return refused(key, counts),
        Shows::Broken | Shows::Gone | Shows::Done | Shows::Connections => {
            broken || key.outcome == Outcome::ConnectError
        }
    };
    if fits { counts.n } else { 0 }
}

/// How many of those that matched, in so many times on, a fault asks for.
fn wanted(asked: Asked, matched: u64, times: u64) -> u64 {
    match asked {
        Asked::Share(share) => part(matched, share),
        Asked::EveryNth(n) => matched.checked_div(n).unwrap_or(0),
        Asked::Next(n) => matched.min(n.saturating_mul(times)),
    }
}

/// Why none was hit.
fn none(fault: &Fault, matched: u64, asked: Option<u64>) -> String {
    let (thing, way) = if fault.connections {
        ("connection", "came or were open")
    } else {
        ("request", "matched")
    };
    let spared = match fault.asked {
        _ if matched == 0 => None,
        Asked::EveryNth(n) => Some(format!("none was the {}", words::ordinal(n))),
        Asked::Share(share) if share < Share::ONE => {
            Some(format!("none was among the {} asked for", words::share(share)))
        }
        Asked::Share(_) | Asked::Next(_) => None,
    };
    match (spared, fault.connections, asked) {
        (Some(spared), ..) => format!("{} {way}, {spared}", words::count(matched, thing)),
        (None, true, Some(0)) => "no connection was open or came".to_owned(),
        (None, false, Some(0)) => "no request matched".to_owned(),
        (None, ..) => format!("no {thing} was hit"),
    }
}

/// This share of a count, to the nearest whole.
fn part(of: u64, share: Share) -> u64 {
    let whole = u128::from(Share::ONE.0);
    let part = (u128::from(of) * u128::from(share.0) + whole / 2) / whole;
    u64::try_from(part).unwrap_or(of)
}

/// A share that the link did not keep: outside the exact two-sided 99.9 % interval.
fn unlikely(fault: &Fault, line: &FaultLine) -> Option<String> {
    let effect = line.effect?;
    let Asked::Share(share) = fault.asked else { return None };
    if fault.shows == Shows::Refused
        || fault.shows.is_beside_links()
        || effect.matched == 0
        || share >= Share::ONE
    {
        return None;
    }
    let few =
        interval::cdf(effect.injected, effect.matched, share) < 0.0005 && !fault.spares_by_answer();
    let many = interval::tail(effect.injected, effect.matched, share) < 0.0005;
    (few || many).then(|| {
        format!(
            "fault `{}` asked for {} of the {}, but hit {} ({} of {})",
            fault.name,
            words::share(share),
            if fault.connections { "connections" } else { "requests" },
            words::ratio(effect.injected, effect.matched),
            effect.injected,
            effect.matched
        )
    })
}

/// Connections that a fault cut though nobody used them, and nobody came to the link while it was on: its
/// clients may go past it.
fn past(fault: &Fault, asked: Option<u64>, injected: Option<u64>) -> Option<String> {
    let cuts = matches!(fault.kind.as_str(), "outage" | "half-open")
        && matches!(fault.shows, Shows::Refused | Shows::Connections);
    let open = asked.filter(|open| cuts && *open > 0 && injected == Some(0))?;
    Some(format!(
        "fault `{}` found {} at link `{}`, and none in use: whoever should use it may go past it, as clients \
         of a cluster do that learn the real addresses of its members",
        fault.name,
        words::count(open, "connection"),
        fault.link
    ))
}

/// A service to which it was done while all that our callers asked for went well: a pass proves nothing of it
/// if they do not depend on that service.
fn unnoticed(fault: &Fault, all: u64, good: u64) -> Option<String> {
    let on_service = fault.shows.is_beside_links() && !fault.is_manual() && fault.kind != "command";
    (on_service && all > 0 && good == all).then(|| {
        format!(
            "fault `{}`: our callers saw nothing of it: {} of theirs while it was on, and all ok. They may have \
             waited, or do without service `{}`, or nothing of what they ask for reaches it",
            fault.name,
            words::count(all, "request"),
            fault.link
        )
    })
}

/// Callers that saw much less of it, or more, than the link did to them. Only where one request
/// hit is one request seen: not for a delay, which others may add to, nor for a refusal, which
/// hits idle connections too.
fn hidden(fault: &Fault, own: u64, seen: Option<u64>) -> Option<String> {
    let seen = seen.filter(|_| matches!(fault.shows, Shows::Status(_) | Shows::Broken))?;
    let differs = seen.abs_diff(own) > 5 && u128::from(seen.abs_diff(own)) * 20 > u128::from(own);
    differs.then(|| {
        let why = if seen < own {
            match fault.shows {
                // What is kept back may be let go.
                Shows::Broken if matches!(fault.kind.as_str(), "stall" | "outage") => {
                    "the others were answered after all, when the fault was over or at another try"
                }
                _ => "something between hides it, such as a retry",
            }
        } else {
            "the service itself, or another fault, does the same"
        };
        format!(
            "fault `{}` hit {} of ours at its link, our callers saw {seen}: {why}",
            fault.name,
            words::count(own, "request")
        )
    })
}
