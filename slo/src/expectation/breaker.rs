//! What a breaker must do: opens, closes by a fresh success, lets few through, rejects at once.
//!
//! Invariant: every line of states (each gateway) must satisfy every part; the worst decides.
//! Invariant: what a breaker that never opened would have done is not known.
//! Not here: how its states are known (`breaker`).

use super::Answer;
use super::part::{Part, partial, worst};
use crate::breaker::{Dispute, How, Line};
use crate::case::BreakerMust;
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::scorecard::Verdict;
use crate::words;

mod times;
mod while_open;

/// Judges it.
pub(super) fn judge(evidence: &Evidence<'_>, must: &BreakerMust) -> Answer {
    let lines = evidence.breakers.lines.get(must.breaker).map_or(&[][..], Vec::as_slice);
    let asks = asks(evidence, must, lines);
    if let Some(closed) = evidence.closed() {
        return Answer::doubtful(asks, closed);
    }
    let several = lines.len() > 1;
    let parts = lines.iter().flat_map(|line| {
        let parts = match &line.doubt {
            Some(doubt) => vec![Part::doubt(doubt.clone())],
            None => parts(evidence, must, line),
        };
        parts.into_iter().map(move |part| match several {
            true => Part { text: format!("{}: {}", line.of, part.text), ..part },
            false => part,
        })
    });
    worst(asks, &parts.collect::<Vec<Part>>())
}

/// What is asked of a line; where other evidence contradicts it, nothing is met, and violated only what is so by both.
fn parts(evidence: &Evidence<'_>, must: &BreakerMust, line: &Line) -> Vec<Part> {
    let Some(Dispute { doubt, other }) = line.dispute.as_deref() else {
        return asked(evidence, must, line);
    };
    // Each by its own evidence: what is counted by arrivals beside a state is theirs.
    let alone = Line { beside: None, unclear: None, ..line.clone() };
    let parts = asked(evidence, must, &alone);
    let both = |(ours, theirs): (Part, Part)| {
        let agree = [ours.verdict, theirs.verdict] == [Verdict::Violated; 2];
        if agree { ours } else { Part::doubt(doubt.clone()) }
    };
    let mut parts: Vec<Part> =
        parts.into_iter().zip(asked(evidence, must, other)).map(both).collect();
    // What arrives while its own state says open is a leak by both, and while that says half-open a
    // trial: calls are what arrivals show, whatever a breaker is taken to be by them.
    let leaks = must.calls_while_open.filter(|most| while_open::surely_leaked(line) > *most);
    parts.extend(leaks.map(|most| while_open::leaks(line, most)));
    let trials = must.trials.filter(|most| while_open::surely_tried(line) > *most);
    parts.extend(trials.map(|most| while_open::trials(line, most)));
    parts
}

/// Each thing that is asked, in the same order of every line.
fn asked(evidence: &Evidence<'_>, must: &BreakerMust, line: &Line) -> Vec<Part> {
    // A polled state says when, arrivals beside it how many.
    let counted = line.counted();
    let counts =
        |part: Part| match line.unclear.as_ref().and_then(|arrivals| arrivals.doubt.clone()) {
            Some(doubt) if part.verdict == Verdict::Inconclusive => Part::doubt(doubt),
            _ => part,
        };
    let of_one = |part: Part| match several(evidence, must, line) {
        Some(doubt) if part.verdict == Verdict::Violated => Part::doubt(doubt),
        _ => part,
    };
    let mut parts = Vec::new();
    if let Some((moment, within_us)) = &must.opens {
        parts.push(unless_blind(line, times::opens(evidence, line, moment, *within_us)));
    }
    if let Some(failures) = must.opens_after_failures {
        parts.push(written(evidence, counts(while_open::failures(counted, failures))));
    }
    if let Some((moment, within_us)) = &must.closes {
        parts.push(unless_blind(line, times::closes(evidence, line, moment, *within_us)));
    }
    // What its own state said when they came is no other breaker's.
    let its_own = |part: Part, is_its_own| counts(if is_its_own { part } else { of_one(part) });
    if let Some(most) = must.trials {
        let said = while_open::surely_tried(line) > most;
        parts.push(its_own(while_open::trials(line, most), said));
    }
    if let Some(most) = must.calls_while_open {
        let said = while_open::surely_leaked(line) > most;
        parts.push(its_own(while_open::leaks(line, most), said));
    }
    if let Some(share) = must.fast_fail_share {
        parts.push(written(evidence, while_open::fast_fail(counted, share)));
    }
    if let Some((percentile, below_us)) = must.fast_fail_latency {
        parts.push(while_open::latency(counted, percentile, below_us));
    }
    let unseen = || line.blind.clone().or_else(|| partial(evidence));
    if let Some(most) = must.reopens_after_close {
        let relapse = || relapse(evidence, line);
        parts.push(
            times::reopens(evidence, line, must.breaker, most).unless(unseen().or_else(relapse)),
        );
    }
    if must.never_opens {
        parts.push(times::never(evidence, line).unless(unseen()));
    }
    let judged = must.opens_after_failures.is_some() || must.never_opens;
    let early = contradiction(evidence, must.breaker, line).filter(|_| !judged);
    let parts = parts.into_iter().map(|part| match &early {
        Some(doubt) => Part::doubt(doubt.clone()),
        None => part.unless(evidence.cut_short()),
    });
    parts.collect()
}

/// Calls are written down after the states that they led to, so a journal that was cut lacks the last of them.
fn written(evidence: &Evidence<'_>, part: Part) -> Part {
    match evidence.cut_short() {
        Some(doubt) if part.verdict == Verdict::Violated => Part::doubt(doubt),
        _ => part,
    }
}

/// What came too late, or not at all, by reads that may have missed an earlier one is open.
fn unless_blind(line: &Line, part: Part) -> Part {
    match &line.blind {
        Some(doubt) if part.verdict == Verdict::Violated => {
            Part::open(format!("{}; {}", part.text, doubt.reason), doubt.missing.clone())
        }
        _ => part,
    }
}

/// That it may have closed and opened again, unseen.
fn relapse(evidence: &Evidence<'_>, line: &Line) -> Option<Doubt> {
    let between = line.relapses.first()?.between;
    let at = |at: crate::At| words::seconds(at.since(evidence.phases.zero));
    let (from, to) = (at(between.earliest), at(between.latest));
    Some(Doubt {
        reason: format!(
            "it may have closed and opened again between the reads at {from} and {to}, which both \
             found it not closed"
        ),
        missing: "a shorter `every`, or what misses no change: arrivals beside it, or its log"
            .to_owned(),
    })
}

/// A silence after fewer failures than the breaker is said to need may be no opening at all: a
/// caller that waits between tries is silent too. Where the number itself is asked, it is judged.
pub(super) fn contradiction(evidence: &Evidence<'_>, breaker: usize, line: &Line) -> Option<Doubt> {
    if line.how != How::Inferred {
        return None;
    }
    let policy = evidence.case.breakers.get(breaker)?.policy.failures?;
    let calls = line.calls.as_ref()?;
    let opened = line.spells.iter().filter(|spell| spell.from_closed);
    let seen = opened.map(|spell| calls.run_before(spell.opened).len() as u64).min()?;
    (seen < policy).then(|| Doubt {
        reason: format!(
            "cannot tell: arrivals stopped after {}, and its policy needs {policy}: it opened too \
             early, or callers only waited between tries",
            words::count(seen, "failure")
        ),
        missing: "`opens-after-failures`, or evidence by the breaker's own side".to_owned(),
    })
}

/// Trials of several breakers behind one link arrive together. They open one after the other, so more
/// failures than the policy needs are over before the last of them lets its last call through.
fn several(evidence: &Evidence<'_>, must: &BreakerMust, line: &Line) -> Option<Doubt> {
    let counted = line.counted();
    let calls = counted.calls.as_ref().filter(|_| counted.how == How::Inferred)?;
    let Some(policy) = evidence.case.breakers.get(must.breaker)?.policy.failures else {
        // A state beside them is that of the only one, else it would say little of what arrives.
        return (line.how == How::Inferred).then(|| Doubt {
            reason: "cannot tell: nobody says how many failures open it, so several breakers may be behind \
                     the link, each with its own trials"
                .to_owned(),
            missing: "the breaker's `policy: failures`, or evidence by its own side".to_owned(),
        });
    };
    let opened = counted.spells.iter().filter(|spell| spell.from_closed);
    let over = opened.map(|spell| {
        let run = calls.run_before(spell.opened);
        let last = run.iter().map(|attempt| attempt.begun.0).max().unwrap_or(0);
        let known = last.saturating_sub(counted.tolerance_us);
        run.iter().filter(|attempt| attempt.done.0 < known).count() as u64
    });
    let over = over.max()?;
    (over >= policy).then(|| Doubt {
        reason: format!(
            "cannot tell: {} were over before its last call came, and its policy needs {policy}: several \
             breakers may be behind the link, each with its own trials",
            words::count(over, "failure")
        ),
        missing: "a link for each of them, or evidence by the breaker's own side".to_owned(),
    })
}

/// Of what never opened nothing is known.
fn unopened(line: &Line) -> Option<Part> {
    line.spells.is_empty().then(|| Part::open("it never opened", "a breaker that opens"))
}

/// Why a count is not known: its calls were not written down.
fn unrecorded() -> Part {
    Part::doubt(Doubt {
        reason: "its single calls were not recorded, or not all".to_owned(),
        missing: "a record of every call".to_owned(),
    })
}

/// A count that is known between two bounds, against the most that is allowed.
fn bounded(text: String, least: u64, most: Option<u64>, allowed: u64, line: &Line) -> Part {
    if least > allowed {
        Part::new(Verdict::Violated, text)
    } else if most.is_some_and(|most| most <= allowed) {
        Part::new(Verdict::Met, text)
    } else if most.is_none() {
        let Part { missing, .. } = unrecorded();
        Part::open(format!("{text}, but not all calls were recorded"), missing)
    } else {
        let most = most.map_or(String::new(), |most| format!(", at most {most}"));
        Part::open(format!("{text}{most}: inside the tolerance"), closer(line))
    }
}

/// What would tell calls apart that its evidence does not.
fn closer(line: &Line) -> String {
    let own = "its own word on each call (the events of a gateway of ours)";
    match line.how {
        How::Told => "more calls while it is open, beside those of the moments in which it changed"
            .to_owned(),
        How::Polled | How::Logged => format!(
            "reads of its state so close together (`every`), or calls so far apart (a lower rate), \
             that fewer of them come between two reads; or {own}"
        ),
        How::Inferred => format!("its state read beside the arrivals, or {own}"),
    }
}

fn asks(evidence: &Evidence<'_>, must: &BreakerMust, lines: &[Line]) -> String {
    let name = evidence.case.breakers.get(must.breaker).map_or("?", |b| b.name.as_str());
    let within = |what: &str, when: &Option<(crate::case::Moment, u64)>| {
        when.as_ref().map(|(moment, us)| {
            let (within, moment) = (words::duration(*us), evidence.moment_words(moment));
            format!("{what} within {within} after {moment}")
        })
    };
    let parts = [
        within("opens", &must.opens),
        must.opens_after_failures.map(|k| format!("opens after {}", words::count(k, "failure"))),
        within("closes", &must.closes),
        must.trials.map(|n| format!("at most {} at a time", words::count(n, "trial"))),
        must.calls_while_open
            .map(|n| format!("at most {} let through while open", words::count(n, "call"))),
        must.fast_fail_share
            .map(|share| format!("rejects at least {} while open", words::share(share))),
        must.fast_fail_latency.map(|(percentile, us)| {
            format!("rejects in {} < {}", words::percentile(percentile), words::duration(us))
        }),
        must.reopens_after_close
            .map(|n| format!("opens at most {} after it closed", words::count(n, "time"))),
        must.never_opens.then(|| "never opens".to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let tolerance = lines.iter().map(|line| line.tolerance_us).max().unwrap_or(0);
    format!("breaker `{name}` {} (instants ± {})", parts.join(", "), words::about(tolerance))
}
