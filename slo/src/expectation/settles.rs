//! A metric comes down after a fault and stays down.
//!
//! Between two samples nobody knows the value, so the instant is an interval: not before the last
//! sample above the limit was asked for, not after the first of those that stayed below it.
//!
//! Invariant: met only if even the later end is in time and it was watched for as long as it must
//! stay; violated only if no instant in time is possible.
//! Not here: limits over a whole stretch (`metric`).

use super::Answer;
use super::part::{Part, in_time, worst};
use super::watch::{Point, Watch};
use crate::amount;
use crate::case::{SettlesMust, Unit};
use crate::evidence::Evidence;
use crate::scorecard::Verdict;
use crate::time::SECOND_US;
use crate::words;

/// Judges it.
pub(super) fn judge(evidence: &Evidence<'_>, must: &SettlesMust) -> Answer {
    let watch = Watch::new(evidence, must.metric);
    let unit = watch.as_ref().map_or(Unit::Plain, |watch| watch.metric.unit);
    let metric = evidence.case.metrics.get(must.metric);
    let asks = format!(
        "`{}` at most {} within {} after {}, for {} (instants ± {})",
        metric.map_or("?", |metric| metric.name.as_str()),
        amount::limit(must.at_most, unit),
        words::duration(must.within_us),
        evidence.moment_words(&must.after),
        words::duration(must.hold_us),
        words::duration(metric.map_or(0, |metric| metric.every_us)),
    );
    let watch = match watch {
        Ok(watch) => watch,
        Err(doubt) => return Answer::doubtful(asks, doubt),
    };
    let part = match evidence.moment(&must.after) {
        Ok(moment) => when(&watch, must, moment),
        Err(doubt) => Part::doubt(doubt),
    };
    worst(asks, &[part.unless(evidence.cut_short())])
}

fn when(watch: &Watch<'_>, must: &SettlesMust, moment: i64) -> Part {
    let signed = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
    let (within, hold) = (signed(must.within_us), signed(must.hold_us));
    let unit = watch.metric.unit;
    let limit = amount::limit(must.at_most, unit);
    let last = moment.saturating_add(within);
    let high = |point: &Point| point.value > must.at_most;
    let later: Vec<Point> =
        watch.points.iter().filter(|point| point.at > moment).copied().collect();
    let earliest = first_possible(&later, high, moment, hold);
    let latest = first_sure(watch, &later, high, hold);
    if let Some(latest) = latest {
        let latest = latest.max(moment);
        let earliest = earliest.clamp(moment, latest);
        let part = in_time("settled", (earliest - moment, latest - moment), must.within_us);
        return Part { text: format!("{}, to at most {limit}", part.text), ..part };
    }
    let deadline = words::duration(must.within_us);
    let seen = later.iter().filter(|point| point.at <= last).min_by_key(|point| point.value);
    let least = seen.map_or_else(String::new, |point| {
        format!(", at least {}", amount::observed(point.value.get(), unit))
    });
    if earliest > last {
        let text = format!(
            "not at most {limit} for {} within {deadline}{least}",
            words::duration(must.hold_us)
        );
        return Part::new(Verdict::Violated, text);
    }
    let needed = last.saturating_add(hold);
    if let Some(doubt) = watch.hole(&[(moment, needed)]) {
        return Part::doubt(doubt);
    }
    let reach = later.last().map_or(moment, |point| point.at);
    let more = needed.saturating_sub(reach).max(0).unsigned_abs().div_ceil(SECOND_US) * SECOND_US;
    Part::open(
        format!(
            "not surely at most {limit} in the {} that it was read",
            words::seconds(reach - moment)
        ),
        format!("needs {} more of reading after the moment", words::duration(more.max(SECOND_US))),
    )
}

/// The first instant from which on no sample shows a value that is too high within `hold`.
fn first_possible(later: &[Point], high: impl Fn(&Point) -> bool, moment: i64, hold: i64) -> i64 {
    let mut first = moment;
    // A sample rules out what starts before it was asked for, and must hold beyond its answer.
    for point in later.iter().filter(|point| high(point)) {
        if point.at.saturating_sub(hold) <= first && first <= point.asked {
            first = point.asked.saturating_add(1);
        }
    }
    first
}

/// The answer of the first sample from which on all are low, watched for `hold`.
fn first_sure(
    watch: &Watch<'_>,
    later: &[Point],
    high: impl Fn(&Point) -> bool,
    hold: i64,
) -> Option<i64> {
    let mut since: Option<Point> = None;
    let mut before: Option<Point> = None;
    for point in later {
        let gap = before.is_some_and(|b| point.asked.saturating_sub(b.at) > watch.patience());
        before = Some(*point);
        if high(point) {
            since = None;
            continue;
        }
        let from = *since.filter(|_| !gap).get_or_insert(*point);
        since = Some(from);
        if point.asked.saturating_sub(from.at) >= hold {
            return Some(from.at);
        }
    }
    None
}
