//! Availability: a budget of slices of time.
//!
//! Budget accounting, not inference: seconds are not independent of each other. Violated if more
//! slices are bad than the budget allows and two of them follow on each other; met if no more
//! are, of at least 60.
//!
//! Invariant: an outage in which everybody waits is bad, not idle (`waiting`).
//! Not here: how long the waiting were under way (`waiting`).

use super::Measured;
use super::decide::{Decided, reaches};
use super::waiting::{self, Waiting};
use crate::scorecard::Verdict;
use crate::tally::{self, whole_slices};
use crate::time::{SECOND_US, Share};
use crate::words;
use std::collections::BTreeMap;

/// The settings of an availability.
pub(super) struct Slices {
    pub(super) at_least: Share,
    pub(super) length_s: u64,
    pub(super) target: Share,
    pub(super) least: u64,
}

/// Valid slices that a budget can be spent on at all; fewer are never met.
const LEAST_SLICES: u64 = 60;

/// What a slice came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slice {
    Good,
    Bad,
    Unknown,
}

/// All slices that are not idle, by number.
fn valid(measured: &Measured, settings: &Slices, length: i64) -> BTreeMap<i64, Slice> {
    let counted = tally::slices(&measured.by_second, &measured.stretches, length);
    let least = settings.least.max(1);
    let judged = counted.iter().filter(|(_, slice)| slice.due() >= least).map(|(number, slice)| {
        let ok = slice.n - slice.k;
        let what = if reaches(ok, slice.due(), settings.target) {
            Slice::Good
        } else if reaches(ok + slice.unknown, slice.due(), settings.target) {
            Slice::Unknown
        } else {
            Slice::Bad
        };
        (*number, what)
    });
    let mut valid: BTreeMap<i64, Slice> = judged.collect();
    for (numbers, waiting) in waiting::by_slice(&measured.waits, length) {
        for number in tally::slices_of(&measured.stretches, length, &numbers) {
            let own = counted.get(&number).copied().unwrap_or_default();
            if valid.contains_key(&number) || own.n > own.k {
                continue;
            }
            let Waiting { failing, unknown, answered } = waiting;
            let enough = failing.saturating_add(unknown).saturating_add(own.due()) >= least;
            if !enough || answered > 0 {
                continue;
            }
            let what = if unknown > 0 || own.unknown > 0 { Slice::Unknown } else { Slice::Bad };
            valid.insert(number, what);
        }
    }
    valid
}

pub(super) fn decide(measured: &Measured, settings: &Slices) -> Decided {
    let length = i64::try_from(settings.length_s).unwrap_or(i64::MAX);
    let slices = valid(measured, settings, length);
    let (mut bad, mut unknown) = (0u64, 0u64);
    let (mut run, mut longest, mut previous) = (0u64, 0u64, None);
    for (number, slice) in &slices {
        match slice {
            Slice::Good => run = 0,
            Slice::Unknown => {
                unknown += 1;
                run = 0;
            }
            Slice::Bad => {
                bad += 1;
                run = if previous == Some(number - 1) { run + 1 } else { 1 };
            }
        }
        longest = longest.max(run);
        previous = Some(*number);
    }
    let valid = slices.len() as u64;
    let allowed = settings.at_least.rest();
    let budget = u128::from(allowed.0) * u128::from(valid) / u128::from(Share::ONE.0);
    let budget = u64::try_from(budget).unwrap_or(u64::MAX);
    let down = words::duration(bad.saturating_mul(settings.length_s).saturating_mul(SECOND_US));
    let one = words::duration(longest.saturating_mul(settings.length_s).saturating_mul(SECOND_US));
    let spent = format!("down for {down} (at most {one} at a time)");
    let all: i64 = measured.stretches.iter().map(|s| whole_slices(*s, length)).sum();
    let idle = u64::try_from(all).unwrap_or(0).saturating_sub(valid);
    let counted =
        format!("{bad} of {valid} slices bad, the budget is {budget}; {spent}, {idle} idle");
    let lost = measured.lost > 0;
    let (verdict, reason, missing) = if bad > budget && longest >= 2 {
        (Verdict::Violated, counted, String::new())
    } else if bad.saturating_add(unknown) > budget || lost {
        let (reason, missing) = if bad > budget {
            let more = match least_slices(bad, allowed) {
                Some(least) => format!("needs {} more valid slices, all good", least - valid),
                None => "a target below 100 %".to_owned(),
            };
            (format!("{counted}, but no two in a row"), more)
        } else {
            let reason =
                format!("{counted}; {unknown} slices and {} requests unknown", measured.lost);
            (reason, "requests whose outcome is known".to_owned())
        };
        (Verdict::Inconclusive, reason, missing)
    } else if valid < LEAST_SLICES {
        let missing = format!("needs {} more valid slices", LEAST_SLICES - valid);
        (Verdict::Inconclusive, format!("{counted}; fewer than 60 slices prove nothing"), missing)
    } else {
        (Verdict::Met, counted, String::new())
    };
    Decided {
        verdict,
        n: valid,
        k: bad,
        unknown,
        lower: None,
        upper: None,
        limit: allowed.fraction(),
        effect: 1.0,
        observed: if valid == 0 {
            "nothing".to_owned()
        } else {
            format!("{} of slices good, {spent}", words::ratio(valid - bad, valid))
        },
        reason,
        missing,
        change: None,
    }
}

/// How many valid slices give a budget of so many bad ones.
fn least_slices(bad: u64, allowed: Share) -> Option<u64> {
    let slices = u128::from(bad) * u128::from(Share::ONE.0);
    u64::try_from(slices.checked_next_multiple_of(u128::from(allowed.0))? / u128::from(allowed.0))
        .ok()
}
