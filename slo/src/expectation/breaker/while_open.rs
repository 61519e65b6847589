//! What a breaker did with calls: failures that opened it, trials, leaks, rejections.
//!
//! Invariant: counts are exact, or known between a least and a most.
//! Not here: instants (`times`).

use super::{bounded, closer, unopened, unrecorded};
use crate::breaker::{ADMISSION_US, How, Line, Range, Spell};
use crate::expectation::part::Part;
use crate::interval;
use crate::objective::reaches;
use crate::scorecard::Verdict;
use crate::time::{SECOND_US, Share};
use crate::words;

/// The confidence of a percentile of rejections.
const SURE: Share = Share(950_000_000);

/// Nobody knows how long callers take from their breaker's word to the link; longer than this none
/// does, µs. A caller that takes so long for every call is slow enough to be found otherwise.
const LONGEST_US: u64 = SECOND_US;

/// Opened after exactly so many failures in a row, and what was then under way.
pub(super) fn failures(line: &Line, asked: u64) -> Part {
    if let Some(part) = unopened(line) {
        return part;
    }
    let opened = line.spells.iter().filter(|spell| spell.from_closed);
    let parts = opened.map(|spell| match spell.failures {
        Some((failures, under_way)) => told(failures, under_way, asked),
        None => counted(line, spell, asked),
    });
    // Of equally bad ones the first.
    let worst = parts.reduce(|worst, part| if part.verdict > worst.verdict { part } else { worst });
    worst.unwrap_or_else(unrecorded)
}

fn told(failures: u64, under_way: u64, asked: u64) -> Part {
    let fits = failures >= asked && failures <= asked.saturating_add(under_way);
    let text = format!(
        "opened after {} in a row, with {under_way} under way ({asked} asked)",
        words::count(failures, "failure")
    );
    Part::new(if fits { Verdict::Met } else { Verdict::Violated }, text)
}

/// By arrivals: those that failed since the last success.
fn counted(line: &Line, spell: &Spell, asked: u64) -> Part {
    let Some(calls) = line.calls.as_ref().filter(|calls| calls.left_out == 0) else {
        return unrecorded();
    };
    let run = calls.run_before(spell.opened);
    let n = run.len() as u64;
    if line.unseen {
        return Part::open(
            format!(
                "opened after {} in a row that arrived ({asked} asked), and perhaps more on kept \
                 connections that the killed service closed",
                words::count(n, "failure")
            ),
            "evidence by the breaker's own side, or an outage at the link (`mode: reset`)",
        );
    }
    let text = format!("opened after {} in a row ({asked} asked)", words::count(n, "failure"));
    if n < asked {
        return Part::new(Verdict::Violated, text);
    }
    if line.retried {
        return tried_again(text);
    }
    // When the last was let through it was closed: what had failed by then was not enough. Soon
    // after it was open, else the next would have come: what fails later was not needed.
    let last = run.iter().map(|attempt| attempt.begun).max().unwrap_or_default().0;
    let count = |is: &dyn Fn(u64) -> bool| run.iter().filter(|one| is(one.done.0)).count() as u64;
    let slack = line.tolerance_us;
    let seen = count(&|done| done < last);
    // Three mean gaps without an arrival are chance in one of twenty; the slack is two.
    let most = count(&|done| done <= last.saturating_add(slack + slack / 2)).max(seen);
    let surely_more = count(&|done| done < last.saturating_sub(slack + LONGEST_US)) >= asked;
    let surely_fewer = count(&|done| done <= last.saturating_add(slack + ADMISSION_US)) < asked;
    if surely_more {
        let taken = words::duration(LONGEST_US);
        let text = format!("{text}, more than calls that take {taken} to the link would explain");
        Part::new(Verdict::Violated, text)
    } else if surely_fewer {
        Part::new(Verdict::Violated, text)
    } else if seen + 1 == asked && most == asked {
        Part::new(Verdict::Met, text)
    } else {
        let (least, most) = ((seen + 1).min(asked), most.max(asked));
        let reason = format!(
            "{text}, of which {seen} had failed before the last began: any number from {least} to \
             {most} would look like this"
        );
        let missing = "fewer calls under way when the fault begins (quicker answers, a lower \
                       rate), or evidence by the breaker's own side";
        Part::open(reason, missing)
    }
}

/// Arrivals are attempts; where calls are tried again behind the breaker, they are no calls.
fn tried_again(text: String) -> Part {
    Part::open(
        format!("{text}, but more arrived than were offered: calls are tried more than once"),
        "evidence by the breaker's own side, or retries outside of it",
    )
}

/// At most so many trials in each half-open state.
pub(super) fn trials(line: &Line, allowed: u64) -> Part {
    let counted = line.counted();
    if let Some(part) = unopened(counted) {
        return part;
    }
    let text = |range: Range| {
        let least = if range.most == Some(range.least) { "" } else { "at least " };
        let count = words::count(range.least, "trial");
        format!("{least}{count} while half-open ({allowed} allowed)")
    };
    let mut parts = counted.spells.iter().filter(|spell| spell.half_open.is_some()).map(|spell| {
        let Some(range) = line.tried(spell) else { return unrecorded() };
        if counted.retried && range.least > allowed {
            return tried_again(text(range));
        }
        match range.most {
            None if range.least <= allowed && counted.how == How::Inferred => Part::open(
                text(range),
                "reads of its state that are closer together, or evidence by the breaker's own side: \
                 arrivals do not tell trials from calls after it closed",
            ),
            most => bounded(text(range), range.least, most, allowed, line),
        }
    });
    let least = surely_tried(line);
    if least > allowed && counted.retried {
        return tried_again(text(Range { least, most: None }));
    } else if least > allowed {
        return Part::new(Verdict::Violated, text(Range { least, most: None }));
    }
    // Of equally bad ones the first.
    let first = parts.next();
    let worst = parts.fold(first, |worst, part| match worst {
        Some(worst) if worst.verdict >= part.verdict => Some(worst),
        _ => Some(part),
    });
    worst.unwrap_or_else(|| Part::open("it was never half-open", "a run that sees a trial"))
}

/// The most calls that came while a state of its own surely said half-open.
pub(super) fn surely_tried(line: &Line) -> u64 {
    let each = |calls| line.spells.iter().map(|spell| line.surely_tried(spell, calls)).max();
    line.arrived().and_then(each).unwrap_or(0)
}

/// Calls that surely came while a state of its own said open.
pub(super) fn surely_leaked(line: &Line) -> u64 {
    line.arrived().map_or(0, |calls| line.while_surely_open(calls, LONGEST_US))
}

/// At most so many calls let through while open, in all.
pub(super) fn leaks(line: &Line, allowed: u64) -> Part {
    if let Some(part) = unopened(line) {
        return part;
    }
    let counted = line.counted();
    let surely = surely_leaked(line);
    let sum = counted
        .spells
        .iter()
        .map(|spell| counted.leaked(spell))
        .try_fold(Range::exactly(0), |sum, range| range.map(|range| sum.plus(range)));
    let sum = match (sum, &line.unclear) {
        // Arrivals that are like no breaker's: how many there are at least, the states tell.
        (_, Some(arrivals)) if arrivals.calls.is_some() => Range { least: surely, most: None },
        // Those soon after it opened may have been let through before.
        (Some(sum), None) => {
            let soon = line.arrived().map_or(0, |c| line.while_surely_open(c, ADMISSION_US));
            Range { least: sum.least.max(surely), most: sum.most.map(|most| most.max(soon)) }
        }
        _ => {
            return match line.how {
                How::Told => unrecorded(),
                How::Polled | How::Logged if line.beside.is_none() => {
                    Part::open("states do not show calls", "evidence by arrivals beside")
                }
                _ => Part::open(
                    "arrivals do not tell a leak from a trial",
                    "the breaker's `policy: recovery`, or evidence by a gateway",
                ),
            };
        }
    };
    let count = words::count(sum.least, "call");
    let least =
        if line.arrived().is_some() && sum.most != Some(sum.least) { "at least " } else { "" };
    let text = format!("{least}{count} let through while open ({allowed} allowed)");
    if counted.retried && sum.least > allowed {
        return tried_again(text);
    }
    bounded(text, sum.least, sum.most, allowed, line)
}

/// At least this share of the calls while open was rejected at once.
pub(super) fn fast_fail(line: &Line, share: Share) -> Part {
    if let Some(part) = unopened(line).or_else(|| rejections_unseen(line)) {
        return part;
    }
    let rejected: u64 = line
        .spells
        .iter()
        .filter_map(|spell| line.rejections(spell))
        .map(|rejections| rejections.count() as u64)
        .sum();
    let (mut least, mut most) = (0u64, 0u64);
    for range in line.spells.iter().filter_map(|spell| line.leaked(spell)) {
        least = least.saturating_add(range.least);
        most = most.saturating_add(range.most.unwrap_or(range.least));
    }
    let all = rejected.saturating_add(least);
    if all == 0 {
        return Part::open("nothing was offered while it was open", "traffic while it is open");
    }
    let ratio = words::ratio(rejected, all);
    let text = format!("{ratio} rejected while open ({} asked)", words::share(share));
    match (reaches(rejected, all, share), reaches(rejected, rejected.saturating_add(most), share)) {
        (_, true) => Part::new(Verdict::Met, text),
        (false, _) => Part::new(Verdict::Violated, text),
        _ => Part::open(format!("{text}: inside the tolerance"), closer(line)),
    }
}

/// This percentile of the rejections took less than so long, exactly as a latency objective.
pub(super) fn latency(line: &Line, percentile: Share, below_us: u64) -> Part {
    if let Some(part) = unopened(line).or_else(|| rejections_unseen(line)) {
        return part;
    }
    let (mut n, mut k) = (0u64, 0u64);
    for rejections in line.spells.iter().filter_map(|spell| line.rejections(spell)) {
        for attempt in rejections {
            n += 1;
            k += u64::from(attempt.done.0.saturating_sub(attempt.begun.0) >= below_us);
        }
    }
    let limit = words::duration(below_us);
    let text = format!(
        "{k} of {} took {limit} or longer ({} < {limit} asked)",
        words::count(n, "rejection"),
        words::percentile(percentile)
    );
    match interval::decide(n, k, 0, percentile.rest(), SURE) {
        Verdict::Inconclusive => {
            let missing = match interval::least_n(percentile.rest(), k, SURE) {
                Some(least) => format!("needs {} more quick rejections", least.saturating_sub(n)),
                None => "a percentile below 100".to_owned(),
            };
            Part::open(text, missing)
        }
        verdict => Part::new(verdict, text),
    }
}

/// Why rejections are not known: only our own gateways record theirs.
fn rejections_unseen(line: &Line) -> Option<Part> {
    if line.how != How::Told {
        return Some(Part::open(
            "nothing shows what was rejected",
            "a gateway of ours, or `answers` during the breaker's open state",
        ));
    }
    line.calls.as_ref().is_none_or(|calls| calls.left_out > 0).then(unrecorded)
}
