//! States that the breaker's service tells in its log: a line when it opens, a line when it closes.
//!
//! A line is written at once when the state changes, so no opening hides between two of them. From
//! when on a trial may have come it is not surely open any more, because no line says so. A line of an
//! opening while it is open is a trial that failed, if its policy lets a trial come so soon, and
//! else the same told twice.
//!
//! Invariant: what a log does not tell is a doubt: one that was not read to its end, that is empty, that
//! was begun anew while the breaker was open, or whose lines came in no order that is known.
//! Not here: how lines are read (harness `service`), counts of calls, which only arrivals show.

use super::{Ending, How, Line, Spell, tolerance};
use crate::case::{Case, Policy};
use crate::health::Doubt;
use crate::phase::Phases;
use crate::scorecard::Between;
use crate::time::At;
use crate::timeline::Timeline;
use crate::words;

/// The states of a breaker by lines of a log: those of `opened` and of `closed`.
pub(super) fn line(
    case: &Case,
    timeline: &Timeline,
    phases: &Phases,
    (opened, closed): (usize, usize),
    policy: &Policy,
) -> Line {
    let Some(log) = case.logs.get(opened) else {
        let doubt = Doubt {
            reason: "its states are told by no log".to_owned(),
            missing: "a service whose log tells them".to_owned(),
        };
        return Line::doubtful("?".to_owned(), How::Logged, doubt);
    };
    let of = format!("log of {}", log.service);
    let doubtful = |reason: String, missing: &str| {
        let doubt = Doubt { reason, missing: missing.to_owned() };
        Line::doubtful(of.clone(), How::Logged, doubt)
    };
    let read = timeline.logs.read(opened).zip(timeline.logs.read(closed)).map(|(read, _)| read);
    let Some(read) = read else {
        let reason = format!("the output of `{}` was not read to its end", log.service);
        return doubtful(reason, "a run that ends by itself");
    };
    if read.lines == 0 {
        let reason = format!("`{}` wrote no line at all: its log may go elsewhere", log.service);
        return doubtful(reason, "a service that writes its log to standard output or error");
    }
    let mut line = Line::new(of.clone(), How::Logged, read.until);
    line.tolerance_us = tolerance(timeline, 0).saturating_add(log.slack_us);
    line.recovery_us = policy.recovery_us;
    let told = told(timeline, opened, closed);
    if let Some(at) = unordered(&told) {
        let at = words::seconds(at.since(phases.zero));
        let reason = format!(
            "lines of opening and of closing were read together at {at}: nobody knows which came first"
        );
        return doubtful(
            reason,
            "a service that writes each line at once, or begins it with its time",
        );
    }
    let starts = timeline.samples.starts.get(&log.service).map_or(&[][..], Vec::as_slice);
    match spells(&told, starts, policy.recovery_us, line.tolerance_us) {
        Ok(spells) => line.spells = spells,
        Err(at) => {
            let at = words::seconds(at.since(phases.zero));
            let reason = format!(
                "`{}` was started at {at}, while its breaker was open by its log, which does not say \
                 what became of that",
                log.service
            );
            return doubtful(reason, "a breaker in a service that is not started again");
        }
    }
    // What had ended before time 0 is none of the run's.
    line.spells.retain(|spell| spell.ended.is_none_or(|(at, _)| at.latest >= phases.zero));
    let unsure = |log: usize| timeline.logs.of(log).iter().map(|lines| lines.unsure).sum::<u64>();
    let unsure = unsure(opened).saturating_add(unsure(closed));
    line.blind = (unsure > 0).then(|| Doubt {
        reason: format!("{} of its log too long to be read whole", words::count(unsure, "line")),
        missing: "lines shorter than 64 KiB".to_owned(),
    });
    line
}

/// One thing that the log told.
struct Told {
    at: Between,
    opened: bool,
    /// More than once.
    several: bool,
}

impl Told {
    /// Whether nothing shows that it was before one whose time overlaps, and that was read no sooner. Lines are read in their order,
    /// those of one read all at once; there their own times tell, where they have some.
    fn may_follow(&self, other: &Told) -> bool {
        let (one, later) = (self.at, other.at);
        let read_first = one.latest < later.latest && one.earliest <= later.earliest;
        let written_first = one.latest == later.latest && one.earliest < later.earliest;
        self.several || other.several || !(read_first || written_first)
    }
}

/// Both kinds of lines in the order in which they were read.
fn told(timeline: &Timeline, opened: usize, closed: usize) -> Vec<Told> {
    let of = |log: usize, opened: bool| {
        let lines = timeline.logs.of(log).iter().filter(|lines| lines.n > 0);
        lines.map(move |lines| Told {
            at: Between { earliest: lines.from, latest: lines.to },
            opened,
            several: lines.n > 1,
        })
    };
    let mut told: Vec<Told> = of(opened, true).chain(of(closed, false)).collect();
    told.sort_by_key(|one| (one.at.latest, one.at.earliest, !one.opened));
    told
}

/// When lines of both kinds were read whose order nobody knows.
fn unordered(told: &[Told]) -> Option<At> {
    let pairs = told.iter().enumerate().flat_map(|(at, later)| {
        let before = told.iter().take(at).rev();
        let near = before.take_while(|one| later.at.earliest <= one.at.latest);
        near.filter(|one| one.opened != later.opened).map(move |one| (one, later))
    });
    let mut unknown = pairs.filter(|(one, later)| one.may_follow(later));
    unknown.next().map(|(_, later)| later.at.latest)
}

/// The spells; the error is the instant of a start of the service in the middle of one.
fn spells(
    told: &[Told],
    starts: &[At],
    recovery_us: Option<u64>,
    tolerance_us: u64,
) -> Result<Vec<Spell>, At> {
    let mut spells: Vec<Spell> = Vec::new();
    for one in told {
        let at = one.at;
        let last = spells.last_mut().filter(|spell| spell.ended.is_none());
        if let Some(spell) = &last
            && let Some(start) = begun_between(starts, spell.opened.latest, at.latest)
        {
            return Err(start);
        }
        let opens = |from_closed| Spell {
            opened: at,
            from_closed,
            failures: None,
            half_open: None,
            ended: None,
            inferred: None,
        };
        match (last, one.opened) {
            (None, true) => spells.push(opens(true)),
            (None, false) => {}
            (Some(spell), false) => {
                spell.half_open = Some(tried(spell, at, recovery_us));
                spell.ended = Some((at, Ending::Closed));
            }
            (Some(spell), true) => {
                let since = at.latest.since(spell.opened.earliest).unsigned_abs();
                let may_try = recovery_us
                    .is_some_and(|recovery| since.saturating_add(tolerance_us) >= recovery);
                if may_try {
                    spell.half_open = Some(tried(spell, at, recovery_us));
                    spell.ended = Some((at, Ending::Reopened));
                    spells.push(opens(false));
                }
            }
        }
    }
    match spells.last().filter(|spell| spell.ended.is_none()) {
        Some(open) => match begun_between(starts, open.opened.latest, At(u64::MAX)) {
            Some(start) => Err(start),
            None => Ok(spells),
        },
        None => Ok(spells),
    }
}

/// No line says when it was half-open: some time between when a trial may come and its end.
fn tried(spell: &Spell, ended: Between, recovery_us: Option<u64>) -> Between {
    let may = At(spell.opened.earliest.0.saturating_add(recovery_us.unwrap_or(0)));
    Between { earliest: may.max(spell.opened.latest).min(ended.earliest), latest: ended.latest }
}

fn begun_between(starts: &[At], from: At, to: At) -> Option<At> {
    starts.iter().copied().find(|start| from < *start && *start <= to)
}
