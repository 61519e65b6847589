//! The states of circuit breakers, by evidence: what our own gateways or a log told, what was read
//! of them again and again, or what arrivals at a link let us infer.
//!
//! Explicit transitions decide over inference; where two kinds of evidence contradict each other,
//! that is a finding, and what rests on either is open. Every instant is an interval, and every line of states has a tolerance:
//! twice the greatest of the generator's lag and, for an inference, the time between arrivals.
//!
//! Invariant: what cannot be told is a doubt, never "did not open".
//! Not here: what must hold (`expectation`).

use crate::case::{Breaker, Case, Evidence};
use crate::event::Attempt;
use crate::health::Doubt;
use crate::outcome::Outcome;
use crate::phase::{Kind, Phases};
use crate::scorecard::Between;
use crate::time::At;
use crate::timeline::Timeline;
use std::collections::BTreeMap;

mod calls;
mod dispute;
mod inferred;
mod logged;
mod offered;
mod polled;
mod score;
mod told;
mod unfit;

pub(crate) use calls::{Calls, Range};
pub(crate) use dispute::Dispute;
pub(crate) use polled::Relapse;
pub(crate) use score::scores;

/// All breakers of a case.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Breakers {
    /// By breaker, in the order of the case: its lines, one for each gateway.
    pub(crate) lines: Vec<Vec<Line>>,
    pub(crate) findings: Vec<String>,
}

/// How a line of states is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Told,
    Inferred,
    /// Read again and again.
    Polled,
    /// Told by the log of its service.
    Logged,
}

impl How {
    /// Whether its own word is known, and none of its calls.
    pub(crate) fn is_state(self) -> bool {
        matches!(self, How::Polled | How::Logged)
    }
}

/// One breaker's states as they were seen at one place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// Whose, in words.
    pub(crate) of: String,
    pub(crate) how: How,
    pub(crate) spells: Vec<Spell>,
    /// Its single calls; none where they were not recorded.
    pub(crate) calls: Option<Calls>,
    pub(crate) tolerance_us: u64,
    /// Its states are known until then.
    pub(crate) until: At,
    /// Calls may have failed without arriving: a killed service closed connections that callers
    /// kept, and what they send on them next is lost on the way.
    pub(crate) unseen: bool,
    /// More arrived while calls failed than were offered: they are tried again behind the breaker.
    pub(crate) retried: bool,
    /// Why its states cannot be told, if they cannot.
    pub(crate) doubt: Option<Doubt>,
    /// Why an opening may have been missed, where one may.
    pub(crate) blind: Option<Doubt>,
    /// Of polled states: how far apart reads are.
    pub(crate) grain_us: u64,
    /// Other evidence that contradicts it, if some does.
    pub(crate) dispute: Option<Box<Dispute>>,
    /// Of polled states: where it may have closed and opened again between two reads.
    pub(crate) relapses: Vec<Relapse>,
    /// Of polled states: how long it surely stays open.
    pub(crate) recovery_us: Option<u64>,
    /// Of polled states: arrivals, which show what a state does not.
    pub(crate) beside: Option<Box<Line>>,
    /// Of polled states without that: arrivals that are like no breaker's. Their calls are known all
    /// the same, if they are there.
    pub(crate) unclear: Option<Box<Line>>,
}

/// How much longer than others a call may take from its breaker's word to the link, µs: what
/// arrives so late may have been let through before an opening, and a trial so early may be one.
pub(crate) const ADMISSION_US: u64 = 100_000;

/// One time that it was open, and the trials after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spell {
    pub(crate) opened: Between,
    /// It was closed before, not half-open.
    pub(crate) from_closed: bool,
    /// Failures in a row, and calls under way, as the gateway told them.
    pub(crate) failures: Option<(u64, u64)>,
    pub(crate) half_open: Option<Between>,
    pub(crate) ended: Option<(Between, Ending)>,
    /// Trials, and calls while open, where the inference counted them.
    pub(crate) inferred: Option<Inferred>,
}

/// What an inference counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Inferred {
    pub(crate) trials: Range,
    /// Calls while open; none where nobody says how long it stays open.
    pub(crate) leaked: Option<u64>,
}

/// How a spell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Closed,
    /// A trial failed.
    Reopened,
}

/// An exact instant.
pub(crate) fn exactly(at: At) -> Between {
    Between { earliest: at, latest: at }
}

/// Whether an outcome is a failure of the far end, a success, or says nothing.
pub(crate) fn failed(outcome: Outcome) -> Option<bool> {
    match outcome {
        Outcome::Http5xx
        | Outcome::Timeout
        | Outcome::ConnectError
        | Outcome::ProtocolError
        | Outcome::CheckFailed => Some(true),
        Outcome::Ok | Outcome::Http4xx => Some(false),
        Outcome::Http429 | Outcome::FastFail | Outcome::NotSent | Outcome::Cut => None,
    }
}

impl Line {
    fn new(of: String, how: How, until: At) -> Line {
        Line {
            of,
            how,
            spells: Vec::new(),
            calls: None,
            tolerance_us: 0,
            until,
            unseen: false,
            retried: false,
            doubt: None,
            blind: None,
            grain_us: 0,
            dispute: None,
            relapses: Vec::new(),
            recovery_us: None,
            beside: None,
            unclear: None,
        }
    }

    fn doubtful(of: String, how: How, doubt: Doubt) -> Line {
        Line { doubt: Some(doubt), ..Line::new(of, how, At::default()) }
    }

    /// From when to when it was surely open, in the order of its spells.
    pub(crate) fn open(&self) -> impl Iterator<Item = (At, At)> + '_ {
        self.spells.iter().filter_map(|spell| {
            let ended = spell.ended.map(|(between, _)| between);
            let to = spell.half_open.or(ended).map_or(self.until, |between| between.earliest);
            let to = if self.how.is_state() { to.min(self.surely(spell)) } else { to };
            (spell.opened.latest < to).then_some((spell.opened.latest, to))
        })
    }
}

impl Line {
    /// Why nothing that rests on it alone is known, if so.
    pub(crate) fn unknown(&self) -> Option<&Doubt> {
        let dispute = self.dispute.as_ref().map(|dispute| &dispute.doubt);
        self.doubt.as_ref().or(dispute)
    }

    /// The single calls at a link beside states of its own.
    pub(crate) fn arrived(&self) -> Option<&Calls> {
        let arrivals = self.beside.as_ref().or(self.unclear.as_ref());
        arrivals.and_then(|arrivals| arrivals.calls.as_ref())
    }

    /// Until when a polled spell is surely open: a trial may come, and go unseen, from then on.
    fn surely(&self, spell: &Spell) -> At {
        let recovery = self.recovery_us.unwrap_or(0);
        At(spell.opened.earliest.0.saturating_add(recovery))
    }
}

/// The states of every breaker of a case.
pub(crate) fn all(case: &Case, timeline: &Timeline, phases: &Phases) -> Breakers {
    let mut breakers = Breakers::default();
    for breaker in &case.breakers {
        let lines = lines(case, timeline, phases, breaker, &mut breakers.findings);
        for line in &lines {
            breakers.findings.extend(causeless(phases, breaker, line));
        }
        breakers.lines.push(lines);
    }
    breakers
}

fn lines(
    case: &Case,
    timeline: &Timeline,
    phases: &Phases,
    breaker: &Breaker,
    findings: &mut Vec<String>,
) -> Vec<Line> {
    let (mut told, mut inferred, mut polled) = (Vec::new(), Vec::new(), Vec::new());
    for evidence in &breaker.evidence {
        match evidence {
            Evidence::Gateway(fleet) => told.extend(told::lines(case, timeline, phases, *fleet)),
            Evidence::Arrivals(link) => {
                inferred.push(inferred::line(case, timeline, phases, link, &breaker.policy));
            }
            Evidence::Polled(metric) => {
                polled.push(polled::line(case, timeline, phases, *metric, &breaker.policy));
            }
            Evidence::Logged { opened, closed } => {
                let lines = (*opened, *closed);
                polled.push(logged::line(case, timeline, phases, lines, &breaker.policy));
            }
        }
    }
    if let [one] = told.as_mut_slice() {
        // Arrivals of a single gateway stand in for what it did not tell.
        if one.doubt.is_some() && inferred.first().is_some_and(|other| other.doubt.is_none()) {
            return inferred.into_iter().take(1).collect();
        }
        let others: Vec<Line> = inferred.iter().chain(&polled).cloned().collect();
        dispute::settle(phases, breaker, one, &others, findings);
    }
    if told.is_empty() && !polled.is_empty() {
        return vec![best(phases, breaker, polled, inferred, findings)];
    }
    match (told.is_empty(), inferred.is_empty()) {
        (false, _) => told,
        (true, false) => inferred.into_iter().take(1).collect(),
        (true, true) => vec![Line::doubtful(
            breaker.name.clone(),
            How::Told,
            Doubt {
                reason: "nothing was seen of its states".to_owned(),
                missing: "a gateway that sends, or evidence by arrivals".to_owned(),
            },
        )],
    }
}

/// The first polled line that can be told, with arrivals beside it; arrivals alone where none can.
fn best(
    phases: &Phases,
    breaker: &Breaker,
    polled: Vec<Line>,
    inferred: Vec<Line>,
    findings: &mut Vec<String>,
) -> Line {
    let unclear = inferred.first().filter(|line| line.doubt.is_some()).cloned().map(Box::new);
    let arrivals = inferred.into_iter().find(|line| line.doubt.is_none());
    let known = polled.iter().position(|line| line.doubt.is_none());
    let mut polled = polled;
    let known = known.map(|at| polled.remove(at)).map(|mut line| {
        let others: Vec<Line> = arrivals.iter().chain(&polled).cloned().collect();
        dispute::settle(phases, breaker, &mut line, &others, findings);
        line
    });
    match (known, arrivals) {
        (Some(mut line), Some(arrivals)) => {
            polled::clear(&mut line, &arrivals);
            line.beside = Some(Box::new(arrivals));
            line
        }
        (Some(mut line), None) => {
            if let Some(arrivals) = &unclear {
                polled::clear(&mut line, arrivals);
            }
            Line { unclear, ..line }
        }
        (None, Some(arrivals)) => arrivals,
        // All have a doubt: the first is as good as any.
        (None, None) => polled.into_iter().next().unwrap_or_else(|| {
            let doubt = Doubt {
                reason: "nothing was seen of its states".to_owned(),
                missing: "reads of its state that succeed".to_owned(),
            };
            Line::doubtful(breaker.name.clone(), How::Polled, doubt)
        }),
    }
}

/// An opening that no fault explains.
fn causeless(phases: &Phases, breaker: &Breaker, line: &Line) -> Option<String> {
    let calm = |at: At| {
        let segment = phases.segments.iter().rev().find(|segment| segment.from <= at);
        segment.is_none_or(|segment| matches!(segment.kind, Kind::Steady | Kind::After))
    };
    let slack = i64::try_from(line.tolerance_us).unwrap_or(i64::MAX);
    let opened = line.spells.iter().filter(|spell| spell.from_closed).map(|spell| spell.opened);
    let mut without = opened
        .filter(|at| calm(at.earliest.plus(slack.saturating_neg())) && calm(at.latest.plus(slack)));
    let first = without.next()?;
    let more = match without.count() {
        0 => String::new(),
        more => format!(", and {more} more times"),
    };
    Some(format!(
        "breaker `{}` ({}) opened without cause at {}{more}: no fault was on",
        breaker.name,
        line.of,
        crate::words::seconds(first.latest.since(phases.zero))
    ))
}

/// The stretches in which every line of a breaker was surely open, µs after time 0; none where
/// a line cannot be told, or is contradicted.
pub(crate) fn open_stretches(lines: &[Line], zero: At) -> Vec<(i64, i64)> {
    if lines.is_empty() || lines.iter().any(|line| line.unknown().is_some()) {
        return Vec::new();
    }
    // How many lines open and close at each instant.
    let mut steps: BTreeMap<i64, i64> = BTreeMap::new();
    for (from, to) in lines.iter().flat_map(Line::open) {
        *steps.entry(from.since(zero)).or_default() += 1;
        *steps.entry(to.since(zero)).or_default() -= 1;
    }
    let all = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    let (mut open, mut since, mut stretches) = (0, None, Vec::new());
    for (at, step) in steps {
        open += step;
        match (open == all, since) {
            (true, None) => since = Some(at),
            (false, Some(from)) => {
                stretches.push((from, at));
                since = None;
            }
            _ => {}
        }
    }
    stretches
}

/// Attempts by the instant they began.
fn sorted(list: &[Attempt]) -> Vec<Attempt> {
    let mut list = list.to_vec();
    list.sort_by_key(|attempt| (attempt.begun, attempt.done, attempt.outcome, attempt.trial));
    list
}

/// Twice the greatest uncertainty: the generator's lag, of at least 1 ms, and what is given.
pub(crate) fn tolerance(timeline: &Timeline, other_us: u64) -> u64 {
    timeline.lag().max(other_us).max(1_000).saturating_mul(2)
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
