//! Ok answers a second, against their mean before the first fault.
//!
//! Back: the first start of a whole second from which 5 s have at least the asked share of the
//! ok answers that 5 s had before, times as many (or few) as are due by plan. The interval is a
//! normal one of a quasi-Poisson count: its variance is the mean, times how much the seconds before
//! varied (evenly spaced arrivals vary less than random ones, and need fewer of them).
//!
//! Invariant: met only if it surely was back in time, violated only if it surely was not.
//! Not here: errors, which are an objective's.

use super::part::{Part, in_time, worst};
use super::{Answer, arrivals};
use crate::case::{During, Moment, Of};
use crate::evidence::Evidence;
use crate::health::{Doubt, Punctuality};
use crate::outcome::Outcome;
use crate::phase::whole_seconds;
use crate::scorecard::Verdict;
use crate::time::{SECOND_US, Share};
use crate::window::{SLOW_US, Window};
use crate::words;
use std::collections::{BTreeMap, BTreeSet};

/// A second in µs.
const SECOND: i64 = SECOND_US as i64;
/// How long it must stay so, whole seconds.
const HOLD_S: i64 = 5;
/// One-sided 95 % quantile of the normal distribution.
const Z: f64 = 1.644_853_627;
/// With fewer seconds before, how much they vary is not believed.
pub const LEAST_SECONDS: usize = 10;

/// Ok answers a second with which a whole recovery is surely told from `share` of it, after so
/// many seconds before the fault whose counts have this dispersion (variance over mean; 1 for
/// random arrivals): the width of the interval solved for the mean. None for a share of all.
#[must_use]
pub fn needs(share: Share, seconds: f64, dispersion: f64) -> Option<f64> {
    let (share, hold) = (share.fraction(), HOLD_S as f64);
    let room = hold * (1.0 - share);
    let variance = dispersion * (share * hold + share * share * hold * hold / seconds);
    (room > 0.0).then(|| libm::ceil(Z * Z * variance / (room * room)))
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) at_least: Share,
    pub(super) after: &'a Moment,
    pub(super) within_us: u64,
}

/// Ok answers by due second, and those whose outcome is unknown.
type Seconds = BTreeMap<i64, (u64, u64)>;

/// The level before.
#[derive(Debug, Clone, Copy)]
struct Level {
    mean: f64,
    seconds: f64,
    /// Variance over mean.
    dispersion: f64,
}

/// Judges it.
pub(super) fn judge(evidence: &Evidence<'_>, of: &[Of], asked: &Asked<'_>) -> Answer {
    let words = evidence.moment_words(asked.after);
    let asks = format!(
        "goodput at least {} of before within {} after {words}, for {HOLD_S} s (instants ± 1 s)",
        words::share(asked.at_least),
        words::duration(asked.within_us)
    );
    let moment = match evidence.moment(asked.after) {
        Ok(moment) => moment,
        Err(doubt) => return Answer::doubtful(asks, doubt),
    };
    let zero = evidence.phases.zero;
    let spans = evidence.timeline.faults.values().flat_map(|line| &line.spans);
    let applied = spans.map(|span| span.applied.since(zero)).min().unwrap_or(moment);
    // What did not send before has no level that it could be back at.
    let before = |of: &Of| {
        let load = evidence.case.loads.get(of.load);
        load.is_some_and(|load| i64::try_from(load.starts_us).is_ok_and(|starts| starts < applied))
    };
    let of: BTreeSet<Of> = of.iter().copied().filter(before).collect();
    let (starts, ends) = sending(evidence, &of);
    let seconds = seconds(evidence, &of);
    let before = whole_seconds((starts, applied.min(ends)));
    let Some(level) = level(&seconds, before.clone()) else {
        return Answer::doubtful(
            asks,
            Doubt {
                reason: "nothing was answered ok before the first fault".to_owned(),
                missing: "at least two whole seconds of ok answers before it".to_owned(),
            },
        );
    };
    let known = match (evidence.end(), seconds.keys().next_back()) {
        (Some(_), _) => i64::MAX,
        (None, last) => last.copied().unwrap_or(0),
    };
    let ended = evidence.timeline.ended().second(zero);
    let due = arrivals::due(evidence, |one| of.contains(&one));
    let due = due.map(|due| {
        let sum = due.range(before.clone()).map(|(_, n)| *n as f64).sum::<f64>();
        let mean = sum / (before.end - before.start) as f64;
        (due, mean)
    });
    let search = Search {
        seconds: &seconds,
        level,
        due: due.filter(|(_, mean)| *mean > 0.0),
        share: asked.at_least.fraction(),
        first: (-(-moment.max(0)).div_euclid(SECOND)).max(0),
        over: ends.div_euclid(SECOND).min(known).min(ended),
        lost: evidence.lost(&of),
    };
    let used: BTreeSet<usize> = of.iter().map(|of| of.load).collect();
    let ill = Punctuality::default().ill(evidence.case, &evidence.loads, &used, usize::MAX);
    let part = search.part(moment, asked.within_us);
    let part = match part.verdict {
        // A generator that did not send is not the target's fault.
        Verdict::Violated => ill.clone().map_or(part, Part::doubt),
        _ => part.unless(
            evidence.cut_short().or_else(|| evidence.load_doubt(&of)).or_else(|| ill.clone()),
        ),
    };
    Answer { ill: ill.map(|doubt| doubt.reason), ..worst(asks, &[part]) }
}

/// When these loads send, µs after time 0.
fn sending(evidence: &Evidence<'_>, of: &BTreeSet<Of>) -> (i64, i64) {
    let loads = || of.iter().filter_map(|of| evidence.case.loads.get(of.load));
    let whole = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    (
        loads().map(|load| whole(load.starts_us)).min().unwrap_or(0),
        loads().map(|load| whole(load.ends_us)).max().unwrap_or(0),
    )
}

fn seconds(evidence: &Evidence<'_>, of: &BTreeSet<Of>) -> Seconds {
    let during = &[During::All];
    let window = Window { of: of.clone(), during, limit_us: SLOW_US, seconds: None };
    let mut seconds = Seconds::new();
    for (_, key, counts) in window.cells(evidence.case, &evidence.phases, evidence.timeline) {
        let (ok, unknown) = seconds.entry(key.second).or_default();
        match key.outcome {
            Outcome::Ok => *ok += counts.n,
            Outcome::NotSent | Outcome::Cut => *unknown += counts.n,
            _ => {}
        }
    }
    seconds
}

/// The mean of these seconds; none of fewer than two, or without an ok answer.
fn level(seconds: &Seconds, before: std::ops::Range<i64>) -> Option<Level> {
    let counts: Vec<f64> =
        before.map(|s| seconds.get(&s).map_or(0.0, |(ok, _)| *ok as f64)).collect();
    let n = counts.len() as f64;
    let mean = counts.iter().sum::<f64>() / n;
    if counts.len() < 2 || mean <= 0.0 {
        return None;
    }
    let squares: f64 = counts.iter().map(|count| (count - mean) * (count - mean)).sum();
    let seen = squares / (n - 1.0) / mean;
    let dispersion = if counts.len() < LEAST_SECONDS { seen.max(1.0) } else { seen };
    Some(Level { mean, seconds: n, dispersion })
}

/// The seconds after the moment against the level before.
struct Search<'a> {
    seconds: &'a Seconds,
    level: Level,
    share: f64,
    /// What was due in each second, and before the fault in the mean; none where that depends on answers.
    due: Option<(arrivals::Seconds, f64)>,
    /// First second that starts at or after the moment.
    first: i64,
    /// First second that the load, or the run, did not fill.
    over: i64,
    lost: u64,
}

impl Search<'_> {
    /// How many more ok answers than asked 5 s from here had, and the width of the interval;
    /// unknown ones good or bad.
    fn excess(&self, start: i64, unknown_good: bool) -> (f64, f64) {
        let sum = self.seconds.range(start..start.saturating_add(HOLD_S));
        let (ok, unknown) = sum.fold((0u64, 0u64), |(ok, unknown), (_, one)| {
            (ok.saturating_add(one.0), unknown.saturating_add(one.1))
        });
        let unknown = if unknown_good { unknown.saturating_add(self.lost) } else { 0 };
        let Level { mean, seconds, dispersion } = self.level;
        let mean = mean * self.offered(start);
        let hold = HOLD_S as f64;
        let asked = self.share * hold * mean;
        // Of the count itself, and of the level that it is compared with.
        let variance =
            dispersion * (asked + self.share * self.share * hold * hold * mean / seconds);
        (ok.saturating_add(unknown) as f64 - asked, Z * libm::sqrt(variance))
    }

    /// How many times as much was due in the 5 s from here as before the fault.
    fn offered(&self, start: i64) -> f64 {
        let Some((due, mean)) = &self.due else { return 1.0 };
        let due = due.range(start..start.saturating_add(HOLD_S)).map(|(_, n)| *n).sum::<u64>();
        due.saturating_add(self.lost) as f64 / (HOLD_S as f64 * mean)
    }

    /// What would have told whether it is back.
    fn would_tell(&self) -> String {
        let Level { seconds, dispersion, .. } = self.level;
        let share = Share((self.share * Share::ONE.0 as f64) as u64);
        let rate = needs(share, seconds, dispersion);
        let rate = rate.map(|rate| format!("{} ok answers a second", words::number(rate)));
        let longer = (seconds < LEAST_SECONDS as f64)
            .then(|| format!("{LEAST_SECONDS} s of load before the first fault"));
        let ways = rate.into_iter().chain(longer).chain(["a lower share".to_owned()]);
        ways.collect::<Vec<_>>().join(", or ")
    }

    fn part(&self, moment: i64, within_us: u64) -> Part {
        let within = i64::try_from(within_us).unwrap_or(i64::MAX);
        let deadline = moment.saturating_add(within);
        let held = |start: &i64| start.saturating_add(HOLD_S) <= self.over;
        let mut starts = self.first..self.over.max(self.first);
        let sure = starts.clone().filter(held).find(|start| {
            let (excess, width) = self.excess(*start, false);
            excess >= width && self.offered(*start) > 0.0
        });
        // A start whose 5 s were not seen to their end may be well.
        let possible = starts.find(|start| {
            let (excess, width) = self.excess(*start, true);
            !held(start) || excess >= -width
        });
        let shown = sure.or(possible.filter(held)).unwrap_or(self.first);
        let before = words::number(self.level.mean * self.offered(shown));
        let since = |second: i64| second.saturating_mul(SECOND).saturating_sub(moment);
        let early = |second: i64| since(second).saturating_sub(SECOND).max(0);
        if let Some(sure) = sure {
            let low = possible.map_or(sure, |possible| possible.min(sure));
            let part = in_time("back", (early(low), since(sure).max(0)), within_us);
            return Part { text: format!("{}, to {before} ok/s", part.text), ..part };
        }
        let text = format!("not back to {} of {before} ok/s", words::percent(self.share));
        let reached = self.over.saturating_mul(SECOND) >= deadline;
        match possible.filter(|possible| early(*possible) <= within) {
            None if reached => Part::new(
                Verdict::Violated,
                format!("{text} within {}", words::duration(within_us)),
            ),
            Some(possible) if held(&possible) => {
                Part::open(format!("{text}, nor surely below"), self.would_tell())
            }
            _ => {
                let needed = deadline.saturating_add((HOLD_S + 1) * SECOND);
                let more = needed.saturating_sub(self.over.saturating_mul(SECOND)).max(SECOND);
                let more = more.unsigned_abs().div_ceil(SECOND_US).saturating_mul(SECOND_US);
                let more = words::duration(more);
                Part::open(
                    format!("the load ended too early: {text}"),
                    format!("needs {more} more of load after the moment"),
                )
            }
        }
    }
}
