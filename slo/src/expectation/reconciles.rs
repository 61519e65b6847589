//! What our side counted against what theirs did: answers that were ok, and the increase of a metric.
//!
//! Both are taken between two reads of the metric: the last before the first request, and a later one.
//! A request was counted by them some time between the second it was due in and the instant at which
//! its end was known here; one that was under way at a read is counted as none and as one. So the
//! two compare exactly only while nothing is sent. A series that is not there yet counts 0: it is born
//! with its first event.
//!
//! Invariant: nothing is reconciled with a count that began anew: what it lost is unknown.
//! A Prometheus server tells what it had scraped, at most five minutes before: of what was answered since then it may
//! know nothing, unless a deadline says that it should.
//!
//! Invariant: only ok answers are ours. Others may have been counted by them, which is told, not excused.
//! Not here: reading (harness `probe`).

use super::Answer;
use super::counted::{Read, reads};
use super::part::{Part, partial, worst};
use super::watch::Watch;
use crate::amount;
use crate::case::{Case, Must, Of, ReconcilesMust, Unit};
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::outcome::Outcome;
use crate::scorecard::Verdict;
use crate::time::{At, SECOND_US};
use crate::timeline::Timeline;
use crate::words;
use std::collections::BTreeSet;

/// So old may be what a Prometheus server tells (its lookback), µs.
const OLDEST_US: i64 = 300 * SECOND_US as i64;

/// Both counts between two reads.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counts {
    /// Ok answers, at least and at most.
    ours: (u64, u64),
    /// Of ours, those that the later read must have seen.
    seen: u64,
    /// The increase, at least; all of it, unless they began anew.
    theirs: f64,
    began_anew: bool,
    /// Prometheus had none of it before: it may have been there all the same.
    unborn: bool,
    /// Prometheus' first read may be older than it is: what was counted before it may have come later.
    scraped: bool,
    /// Requests that were sent and ended otherwise.
    others: u64,
    /// When the later read was answered, µs after time 0.
    at: i64,
}

impl Counts {
    /// By how much they differ, at least and at most.
    fn differ(&self) -> (f64, f64) {
        let (least, most) = (self.ours.0 as f64, self.ours.1 as f64);
        let more = self.theirs - most;
        if self.began_anew {
            return (more.max(0.0), f64::INFINITY);
        }
        let more = if self.scraped { 0.0 } else { more };
        let fewer = self.seen as f64 - self.theirs;
        let high = (most - self.theirs).abs().max((self.theirs - least).abs());
        (more.max(fewer).max(0.0), high)
    }

    /// They counted nothing of what surely was.
    fn is_blind(&self) -> bool {
        self.theirs == 0.0 && self.seen > 0 && !self.began_anew
    }
}

/// Judges it.
pub(super) fn judge(evidence: &Evidence<'_>, must: &ReconcilesMust) -> Answer {
    let watch = match Watch::new(evidence, must.metric) {
        Ok(watch) => watch,
        Err(doubt) => return Answer::doubtful("unknown".to_owned(), doubt),
    };
    let asks = asks(evidence, must, &watch);
    let counted = match counted(evidence, must, &watch) {
        Ok(counted) => counted,
        Err(doubt) => return Answer::doubtful(asks, doubt),
    };
    let part = part(must, &watch, &counted);
    let of: BTreeSet<Of> = must.of.iter().copied().collect();
    let lost = evidence.lost(&of);
    let unknown = (lost > 0).then(|| Doubt {
        reason: format!("{} left no record", words::count(lost, "planned request")),
        missing: "a generator that loses none".to_owned(),
    });
    let doubt = partial(evidence).or_else(|| evidence.load_doubt(&of)).or(unknown);
    worst(asks, &[part.unless(doubt)])
}

fn asks(evidence: &Evidence<'_>, must: &ReconcilesMust, watch: &Watch<'_>) -> String {
    let by = must.by.as_ref().map_or_else(
        || "at the end of the run".to_owned(),
        |(after, us)| {
            let (us, after) = (words::duration(*us), evidence.moment_words(after));
            format!("within {us} after {after}")
        },
    );
    format!(
        "`{}` ({}) rises by as many as answers were ok, but for {}, {by}",
        watch.metric.name, watch.metric.reads, must.at_most
    )
}

/// Both counts at each read that may show it.
fn counted(
    evidence: &Evidence<'_>,
    must: &ReconcilesMust,
    watch: &Watch<'_>,
) -> Result<Vec<Counts>, Doubt> {
    let reads = reads(evidence, must.metric, watch);
    let window = match &must.by {
        None => None,
        Some((after, within_us)) => {
            let from = evidence.moment(after)?;
            Some((from, from.saturating_add_unsigned(*within_us)))
        }
    };
    let begins = sent(evidence, &must.of).map(|(second, ..)| second * SECOND_US as i64).min();
    let begins = begins.unwrap_or(0);
    let base = reads.iter().rposition(|read| read.at <= begins).unwrap_or(0);
    let later = reads.get(base.saturating_add(1)..).unwrap_or_default();
    let shows: Vec<&Read> = match window {
        None => later.last().into_iter().collect(),
        Some((from, to)) => {
            later.iter().filter(|read| from <= read.asked && read.asked <= to).collect()
        }
    };
    let Some(base) = reads.get(base).filter(|_| !shows.is_empty()) else {
        return Err(evidence.cut_short().unwrap_or_else(|| {
            let why = watch.last_missed().map_or_else(String::new, |why| format!(": {why}"));
            Doubt {
                reason: format!("`{}` was not read when it is asked for{why}", watch.metric.name),
                missing: "reads that succeed, before the first request and then".to_owned(),
            }
        }));
    };
    let scraped = watch.metric.scraped;
    if scraped && base.at > begins {
        return Err(Doubt {
            reason: format!("`{}` was not read before the first request", watch.metric.name),
            missing: "a Prometheus server that answers before the load begins".to_owned(),
        });
    }
    let oldest = if scraped && must.by.is_none() { OLDEST_US } else { 0 };
    let unborn = scraped && base.counter && !watch.points.is_empty();
    let restarts = watch.restarts();
    let counts = shows.into_iter().map(|point| {
        let between = |at: i64| base.at < at && at <= point.asked;
        let steps = later.iter().filter(|read| read.at <= point.at);
        let counter = base.counter || steps.clone().any(|read| read.counter);
        let theirs = match counter {
            true => steps.clone().map(|read| read.added).sum(),
            false => point.value - base.value,
        };
        let fell = steps.clone().any(|read| read.anew);
        let began_anew = counter && (fell || restarts.iter().any(|at| between(*at)));
        let (mut ours, mut seen, mut others) = ((0u64, 0u64), 0u64, 0u64);
        for (second, known, outcome, n) in sent(evidence, &must.of) {
            let from = second.saturating_mul(SECOND_US as i64);
            let inside = base.at <= from && known <= point.asked;
            let touches = from < point.at && base.asked < known;
            match outcome {
                Outcome::Ok => {
                    ours.0 = ours.0.saturating_add(if inside { n } else { 0 });
                    let old = known <= point.asked.saturating_sub(oldest);
                    seen = seen.saturating_add(if inside && old { n } else { 0 });
                    ours.1 = ours.1.saturating_add(if inside || touches { n } else { 0 });
                }
                Outcome::NotSent | Outcome::FastFail => {}
                _ if touches => others = others.saturating_add(n),
                _ => {}
            }
        }
        Counts { ours, seen, theirs, began_anew, unborn, scraped, others, at: point.at }
    });
    Ok(counts.collect())
}

/// The second each was due in, when its end was known (µs after time 0), how it ended, how many.
fn sent<'a>(
    evidence: &'a Evidence<'a>,
    of: &'a [Of],
) -> impl Iterator<Item = (i64, i64, Outcome, u64)> + 'a {
    let zero = evidence.phases.zero;
    of.iter().flat_map(move |of| {
        evidence.timeline.cells(*of).map(move |(key, counts)| {
            (key.second, counts.known_by.since(zero), key.outcome, counts.n)
        })
    })
}

/// The first read at which both agree; else the last decides.
fn part(must: &ReconcilesMust, watch: &Watch<'_>, counted: &[Counts]) -> Part {
    let most = must.at_most as f64;
    let agrees = counted.iter().find(|counts| counts.differ().1 <= most);
    let Some(counts) = agrees.or(counted.last()) else {
        return Part::open("nothing was counted", "reads of the metric");
    };
    let text = shown(must, watch, counts);
    let (low, high) = counts.differ();
    if high <= most && counts.ours.1 == 0 {
        Part::open(format!("no answer was ok; {text}"), "answers that are ok")
    } else if high <= most {
        Part::new(Verdict::Met, text)
    } else if low > most {
        Part::new(Verdict::Violated, text)
    } else if counts.began_anew {
        Part::open(
            format!("{text}; it began anew, and what it had counted since the read before is lost"),
            "a count that outlives its service, such as rows of its store",
        )
    } else if counts.seen < counts.ours.0 && counts.theirs < counts.ours.0 as f64 {
        Part::open(
            format!("{text}; Prometheus may not have scraped the rest yet"),
            "`after: LOAD.end`, and `within:` more than Prometheus' scrape interval",
        )
    } else if counts.unborn && counts.theirs > counts.ours.1 as f64 {
        Part::open(
            format!(
                "{text}; Prometheus had no such series before, and may have missed what it counted"
            ),
            "a Prometheus server that has scraped the series before the first request",
        )
    } else if counts.scraped && counts.theirs > counts.ours.1 as f64 {
        Part::open(
            format!(
                "{text}; Prometheus may have scraped what came before the load after its first read"
            ),
            "more than Prometheus' scrape interval between what is sent before (a setup, another run) and the load",
        )
    } else {
        let under_way = counts.ours.1 - counts.ours.0;
        Part::open(
            format!("{text}; {} may have been under way", words::count(under_way, "request")),
            "a moment when nothing is sent, such as `after: LOAD.end`",
        )
    }
}

/// `3000 answers ok, `rows` rose by 2990 (0 may differ)`.
fn shown(must: &ReconcilesMust, watch: &Watch<'_>, counts: &Counts) -> String {
    let name = &watch.metric.name;
    let ours = match counts.ours {
        (least, most) if least == most => words::count(most, "ok answer"),
        (least, most) => format!("{least} to {}", words::count(most, "ok answer")),
    };
    let theirs = match (counts.theirs == 0.0, counts.began_anew) {
        (true, false) => format!("`{name}` counted nothing"),
        (_, anew) => {
            let least = if anew { "at least " } else { "" };
            let rose = amount::observed(counts.theirs, Unit::Plain);
            format!("`{name}` rose by {least}{rose}")
        }
    };
    let others = match counts.theirs > counts.ours.1 as f64 && counts.others > 0 {
        true => format!(
            "; of {} that ended otherwise it may have counted some",
            words::count(counts.others, "request")
        ),
        false => String::new(),
    };
    let at = words::seconds(counts.at);
    format!("{ours}, {theirs} by {at} ({} may differ){others}", must.at_most)
}

/// What the report tells of counts that saw nothing of what happened.
pub(crate) fn findings(evidence: &Evidence<'_>) -> Vec<String> {
    let asked = evidence.case.expectations.iter().filter_map(|one| match &one.must {
        Must::Reconciles(must) => Some(must),
        _ => None,
    });
    let found = asked.filter_map(|must| {
        let watch = Watch::new(evidence, must.metric).ok()?;
        let last = counted(evidence, must, &watch).ok()?.into_iter().next_back()?;
        let never = match watch.points.is_empty() {
            true => ": its page never had such a series, so it is blind, or its name is wrong",
            false => ", so whoever watches it in production is blind",
        };
        let clients = words::count(last.ours.0, "ok answer");
        last.is_blind().then(|| {
            format!(
                "`{}` ({}) did not rise while clients had {clients}{never}",
                watch.metric.name, watch.metric.reads
            )
        })
    });
    found.collect()
}

/// Until when it is worth waiting, before the run ends, for counts that do not agree yet.
#[must_use]
pub fn awaited(case: &Case, timeline: &Timeline) -> Option<At> {
    let evidence = Evidence::new(case, timeline);
    let asked = case.expectations.iter().filter_map(|one| match &one.must {
        Must::Reconciles(must) => Some(must),
        _ => None,
    });
    let open = asked.filter_map(|must| {
        let (after, within_us) = must.by.as_ref()?;
        let until = evidence.moment(after).ok()?.saturating_add_unsigned(*within_us);
        let watch = Watch::new(&evidence, must.metric).ok()?;
        let most = must.at_most as f64;
        let agrees = |counts: &Counts| counts.differ().1 <= most;
        let agreed = counted(&evidence, must, &watch).is_ok_and(|all| all.iter().any(agrees));
        (!agreed).then(|| evidence.phases.zero.plus(until))
    });
    open.max()
}
