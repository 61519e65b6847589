//! Samples waiting in our gateways: their peak, and when they were back at their old level.
//!
//! Drained: the first instant from the moment on with, for 1 s, a backlog of at most the greater
//! of its greatest value before the first fault and the number of devices. Between two reports
//! only the least and the peak are known, so the instant is an interval.
//!
//! Invariant: met only if even the later end is in time, violated only if even the earlier is not.
//! Not here: the ledger.

use super::Answer;
use super::part::{Part, in_time, worst};
use crate::case::Moment;
use crate::event::Backlog;
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::scorecard::Verdict;
use crate::time::SECOND_US;
use crate::words;

/// A second in µs.
const SECOND: i64 = SECOND_US as i64;
/// A longer stretch without a report was not watched.
const UNWATCHED: i64 = 3 * SECOND;

/// One report's stretch: from the report before it, µs after time 0.
#[derive(Debug, Clone, Copy)]
struct Row {
    from: i64,
    to: i64,
    least: u64,
    peak: u64,
}

/// Judges it.
pub(super) fn judge(
    evidence: &Evidence<'_>,
    fleet: usize,
    peak: Option<u64>,
    drained: Option<&(Moment, u64)>,
) -> Answer {
    let name = evidence.case.fleets.get(fleet).map_or("?", |fleet| fleet.name.as_str());
    let asked = [
        peak.map(|most| format!("at most {}", words::count(most, "sample"))),
        drained.map(|(moment, within)| {
            let moment = evidence.moment_words(moment);
            format!("drained within {} after {moment}", words::duration(*within))
        }),
    ];
    let asked: Vec<String> = asked.into_iter().flatten().collect();
    let asks = format!("backlog of `{name}`: {} (instants ± 1 s)", asked.join(", "));
    if let Some(closed) = evidence.closed() {
        return Answer::doubtful(asks, closed);
    }
    let rows = rows(evidence, fleet);
    if rows.is_empty() {
        let doubt = evidence.cut_short().unwrap_or_else(|| Doubt {
            reason: "its backlog was not watched".to_owned(),
            missing: "a gateway of ours that reports its backlog".to_owned(),
        });
        return Answer::doubtful(asks, doubt);
    }
    let mut parts = Vec::new();
    parts.extend(peak.map(|most| highest(evidence, fleet, &rows, most)));
    parts.extend(drained.map(|(moment, within)| when(evidence, fleet, &rows, moment, *within)));
    let parts = parts.into_iter().map(|part| part.unless(evidence.cut_short()));
    worst(asks, &parts.collect::<Vec<Part>>())
}

fn rows(evidence: &Evidence<'_>, fleet: usize) -> Vec<Row> {
    let told = evidence.timeline.sightings.backlogs.get(&fleet).map_or(&[][..], Vec::as_slice);
    let mut from = 0;
    let rows = told.iter().filter_map(|Backlog { at, least, peak, .. }| {
        let to = at.since(evidence.phases.zero);
        let row = Row { from, to, least: *least, peak: *peak };
        from = to.max(0);
        (to > 0).then_some(row)
    });
    rows.collect()
}

/// The first stretch that nobody watched, from time 0 to the end of the fleet's load.
fn unwatched(evidence: &Evidence<'_>, fleet: usize, rows: &[Row]) -> Option<Doubt> {
    let load = evidence.case.fleets.get(fleet).and_then(|f| evidence.case.loads.get(f.load));
    let ends = load.map_or(0, |load| i64::try_from(load.ends_us).unwrap_or(i64::MAX));
    let hole = rows.iter().find(|row| row.to - row.from > UNWATCHED).map(|row| row.from);
    let last = rows.last().map_or(0, |row| row.to);
    let hole = hole.or((ends.saturating_sub(last) > UNWATCHED).then_some(last))?;
    Some(Doubt {
        reason: format!("the backlog was not watched from {} on", words::seconds(hole)),
        missing: "a report of the backlog every second".to_owned(),
    })
}

fn highest(evidence: &Evidence<'_>, fleet: usize, rows: &[Row], most: u64) -> Part {
    let peak = rows.iter().map(|row| row.peak).max().unwrap_or(0);
    let text = format!("at most {} waited ({most} allowed)", words::count(peak, "sample"));
    if peak > most {
        return Part::new(Verdict::Violated, text);
    }
    Part::new(Verdict::Met, text).unless(unwatched(evidence, fleet, rows))
}

fn when(
    evidence: &Evidence<'_>,
    fleet: usize,
    rows: &[Row],
    moment: &Moment,
    within_us: u64,
) -> Part {
    let moment = match evidence.moment(moment) {
        Ok(moment) => moment,
        Err(doubt) => return Part::doubt(doubt),
    };
    let zero = evidence.phases.zero;
    let spans = evidence.timeline.faults.values().flat_map(|line| &line.spans);
    let applied = spans.map(|span| span.applied.since(zero)).min().unwrap_or(moment);
    let before = rows.iter().filter(|row| row.to <= applied).map(|row| row.peak).max();
    let devices = evidence.case.fleets.get(fleet).map_or(0, |fleet| fleet.devices);
    let level = before.unwrap_or(0).max(devices);
    let later = || rows.iter().filter(|row| row.to > moment);
    let reach = rows.last().map_or(0, |row| row.to);
    let surely = surely(rows, moment, level);
    // Possibly at the end of a second's stretch that ended below the level.
    let earliest = later().find(|row| row.least <= level).map(|row| row.from.max(moment));
    let within = i64::try_from(within_us).unwrap_or(i64::MAX);
    if let Some(latest) = surely {
        let earliest = earliest.unwrap_or(latest).min(latest);
        let part = in_time("drained", (earliest - moment, latest - moment), within_us);
        let text = format!("{}, to {}", part.text, words::count(level, "sample"));
        return Part { text, ..part }.unless(unwatched(evidence, fleet, rows));
    }
    let text = format!("not drained to {} ", words::count(level, "sample"));
    let in_time = earliest.is_some_and(|earliest| earliest - moment <= within);
    if reach >= moment.saturating_add(within) && !in_time {
        return Part::new(
            Verdict::Violated,
            format!("{text}within {}", words::duration(within_us)),
        );
    }
    let needed = moment.saturating_add(within).saturating_add(2 * SECOND);
    if reach >= needed {
        // It dipped below the level, and never stayed there.
        return Part::new(
            Verdict::Violated,
            format!("{text}for 1 s within {}", words::duration(within_us)),
        );
    }
    let more = words::duration(
        needed.saturating_sub(reach).unsigned_abs().div_ceil(SECOND_US) * SECOND_US,
    );
    Part::open(
        format!("{text}in the {} that it was watched", words::seconds(reach - moment)),
        format!("needs {more} more of watching after the moment"),
    )
}

/// The first report from which on the backlog was surely at most the level for 1 s.
fn surely(rows: &[Row], moment: i64, level: u64) -> Option<i64> {
    let mut since: Option<i64> = None;
    for row in rows.iter().filter(|row| row.to > moment) {
        if row.peak > level {
            since = None;
            continue;
        }
        let from = since.unwrap_or(row.from.max(moment));
        if row.to - from >= SECOND - SECOND / 20 {
            return Some(from);
        }
        since = Some(from);
    }
    None
}
