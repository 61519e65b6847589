//! Calls through a link for each request that causes them, over the same ratio in steady.
//!
//! Invariant: exact counts in whole seconds; a call may arrive in the second after its request
//! was due, so each window is also held against the requests due one second earlier, and
//! undecided where the two differ.
//! Not here: who retried.

use super::Answer;
use super::arrivals::{self, Seconds, Sums};
use super::herd::factor;
use super::part::{Part, worst};
use crate::case::{During, LoadKind, Of};
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::outcome::Outcome;
use crate::scorecard::Verdict;
use crate::words;
use std::collections::BTreeSet;
use std::ops::Range;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) link: &'a str,
    pub(super) per: &'a [Of],
    pub(super) at_most_milli: u64,
    pub(super) during: &'a [During],
    pub(super) window_s: Option<u64>,
}

/// Calls and requests of one window.
#[derive(Debug, Clone, Copy)]
struct Counted {
    calls: u64,
    due: u64,
    /// Due one second earlier.
    earlier: u64,
}

/// Judges it.
pub(super) fn judge(evidence: &Evidence<'_>, asked: &Asked<'_>) -> Answer {
    let window = asked.window_s.map_or(String::new(), |s| format!(" in any {s} s"));
    let asks = format!(
        "at most {} the steady calls at `{}` for each request{window} during {} (exact, whole \
         seconds)",
        factor(asked.at_most_milli),
        asked.link,
        evidence.during_words(asked.during)
    );
    match part(evidence, asked) {
        Ok(part) => worst(asks, &[part]),
        Err(doubt) => Answer::doubtful(asks, doubt),
    }
}

fn part(evidence: &Evidence<'_>, asked: &Asked<'_>) -> Result<Part, Doubt> {
    if let Some(doubt) = evidence.during_doubt(asked.during) {
        return Err(doubt);
    }
    let calls = arrivals::at(evidence, asked.link)?;
    let per: BTreeSet<Of> = asked.per.iter().copied().collect();
    if let Some(doubt) = per.iter().find_map(|of| hidden(evidence, *of)) {
        return Err(doubt);
    }
    let (calls, due) = (Sums::of(calls), Sums::of(&due(evidence, &per)));
    let steady = arrivals::whole(evidence, &[During::Steady]);
    let (base_calls, base_due) = (calls.all(&steady), due.all(&steady));
    if base_calls == 0 || base_due == 0 {
        return Err(Doubt {
            reason: format!("nothing arrived at `{}` in steady, or nothing was due", asked.link),
            missing: "steady traffic through it".to_owned(),
        });
    }
    let counted = windows(evidence, asked).into_iter().map(|range| Counted {
        calls: calls.over(&range),
        due: due.over(&range),
        earlier: due.over(&(range.start - 1..range.end - 1)),
    });
    let counted: Vec<Counted> = counted.filter(|one| one.calls > 0 || one.due > 0).collect();
    if counted.is_empty() {
        return Err(Doubt {
            reason: "no whole second of these stretches had requests".to_owned(),
            missing: "requests in these stretches".to_owned(),
        });
    }
    let exceeds = |calls: u64, due: u64| {
        u128::from(calls) * u128::from(base_due) * 1000
            > u128::from(asked.at_most_milli) * u128::from(base_calls) * u128::from(due)
    };
    let lost = evidence.lost(&per);
    let surely = |one: &Counted| exceeds(one.calls, one.due.max(one.earlier).saturating_add(lost));
    let maybe = |one: &Counted| exceeds(one.calls, one.due.min(one.earlier));
    let ratio = |one: &Counted| {
        one.calls as f64 / one.due.max(1) as f64 * base_due as f64 / base_calls as f64
    };
    let worst = counted.iter().max_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let words = |one: &Counted| {
        format!(
            "{}x in the worst window: {} for {} ({} allowed)",
            words::number(ratio(one)),
            words::count(one.calls, "call"),
            words::count(one.due, "request"),
            factor(asked.at_most_milli)
        )
    };
    let text = worst.map_or(String::new(), words);
    let doubt = evidence.cut_short().or_else(|| evidence.load_doubt(&per));
    Ok(if counted.iter().any(surely) {
        Part::new(Verdict::Violated, text)
    } else if counted.iter().any(maybe) {
        Part::open(
            format!("{text}: calls may belong to requests of a second earlier"),
            "a longer window",
        )
    } else {
        Part::new(Verdict::Met, text).unless(doubt)
    })
}

/// Attempts of a gateway are calls themselves: its retries would hide in them.
fn hidden(evidence: &Evidence<'_>, of: Of) -> Option<Doubt> {
    let load = evidence.case.loads.get(of.load)?;
    let fleet = evidence.case.fleets.iter().find(|fleet| fleet.load == of.load)?;
    (load.kind == LoadKind::Fleet && fleet.gateway).then(|| Doubt {
        reason: format!("the attempts of fleet `{}` contain its gateways' retries", fleet.name),
        missing: "requests of a load in `per`".to_owned(),
    })
}

/// Requests due by second; what was never sent caused nothing.
fn due(evidence: &Evidence<'_>, per: &BTreeSet<Of>) -> Seconds {
    let mut due = Seconds::new();
    for (key, counts) in per.iter().flat_map(|of| evidence.timeline.cells(*of)) {
        if key.segment > 0 && key.outcome != Outcome::NotSent {
            let sum = due.entry(key.second).or_default();
            *sum = sum.saturating_add(counts.n);
        }
    }
    due
}

/// All windows: every start of a whole second; a stretch that is shorter is one window.
fn windows(evidence: &Evidence<'_>, asked: &Asked<'_>) -> Vec<Range<i64>> {
    let stretches = arrivals::whole(evidence, asked.during).into_iter();
    let windows = stretches.flat_map(|stretch| {
        let all = stretch.end - stretch.start;
        let length = asked.window_s.map_or(all, |s| i64::try_from(s).unwrap_or(all)).clamp(1, all);
        (stretch.start..=stretch.end - length).map(move |start| start..start + length)
    });
    windows.collect()
}
