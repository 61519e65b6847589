//! When a breaker opened and closed, against deadlines.
//!
//! Invariant: an instant is an interval widened by the line's tolerance; met only if all of it is
//! in time, violated only if none of it is.
//! Not here: counts (`while_open`).

use super::unopened;
use crate::At;
use crate::breaker::{Ending, Line, Spell, failed};
use crate::case::{Fault, Moment};
use crate::evidence::Evidence;
use crate::expectation::part::{Part, in_time};
use crate::scorecard::{Between, Verdict};
use crate::words;

/// A line's instants, µs after time 0.
struct View<'a> {
    line: &'a Line,
    zero: crate::At,
    slack: i64,
}

impl<'a> View<'a> {
    fn new(evidence: &Evidence<'_>, line: &'a Line) -> View<'a> {
        let slack = i64::try_from(line.tolerance_us).unwrap_or(i64::MAX);
        View { line, zero: evidence.phases.zero, slack }
    }

    /// The earliest and the latest that an instant can have been.
    fn span(&self, between: Between) -> (i64, i64) {
        let (low, high) = (between.earliest.since(self.zero), between.latest.since(self.zero));
        (low.saturating_sub(self.slack), high.saturating_add(self.slack))
    }

    /// What was not seen until the deadline: violated if its line goes on that long.
    fn unseen(&self, what: &str, moment: i64, within_us: u64) -> Part {
        let needed = within_us.saturating_add(self.line.tolerance_us);
        let reach = self.line.until.since(self.zero).saturating_sub(moment).max(0).unsigned_abs();
        let text = format!("{what} within {}", words::duration(within_us));
        if reach >= needed {
            return Part::new(Verdict::Violated, text);
        }
        let more = words::duration((needed - reach).div_ceil(100_000).saturating_mul(100_000));
        Part::open(
            format!("{what} within the {} that it was watched", words::about(reach)),
            format!("needs {more} more of traffic after the moment"),
        )
    }
}

fn closing(spell: &Spell) -> Option<Between> {
    spell.ended.filter(|(_, how)| *how == Ending::Closed).map(|(at, _)| at)
}

/// Opens: the first opening from closed at or after the moment.
pub(super) fn opens(evidence: &Evidence<'_>, line: &Line, moment: &Moment, within_us: u64) -> Part {
    let words = evidence.moment_words(moment);
    let moment = match evidence.moment(moment) {
        Ok(moment) => moment,
        Err(doubt) => return Part::doubt(doubt),
    };
    let view = View::new(evidence, line);
    let mut open = false;
    for spell in &line.spells {
        let (_, opened) = view.span(spell.opened);
        if opened < moment {
            open = spell
                .ended
                .is_none_or(|(at, how)| how == Ending::Reopened || view.span(at).0 > moment);
            continue;
        }
        if open || !spell.from_closed {
            break;
        }
        let (low, high) = view.span(spell.opened);
        return in_time("opened", (low - moment, high - moment), within_us);
    }
    if open {
        return Part::open(
            format!("it was open already at {words}"),
            "a breaker that is closed before",
        );
    }
    view.unseen("did not open", moment, within_us)
}

/// Closes: the first closing that ends the openings around or after the moment, by a success
/// that began while half-open.
pub(super) fn closes(
    evidence: &Evidence<'_>,
    line: &Line,
    moment: &Moment,
    within_us: u64,
) -> Part {
    let words = evidence.moment_words(moment);
    let moment = match evidence.moment(moment) {
        Ok(moment) => moment,
        Err(doubt) => return Part::doubt(doubt),
    };
    if let Some(part) = unopened(line) {
        return part;
    }
    let view = View::new(evidence, line);
    let within = i64::try_from(within_us).unwrap_or(i64::MAX);
    let deadline = moment.saturating_add(within);
    // Open at some time from the moment to the deadline.
    let concerned = |spell: &&Spell| {
        let over = closing(spell).is_some_and(|at| view.span(at).1 < moment);
        let reopened = matches!(spell.ended, Some((_, Ending::Reopened)));
        !over && !reopened && view.span(spell.opened).0 <= deadline
    };
    let Some(spell) = line.spells.iter().find(concerned) else {
        let last = line.spells.iter().rfind(|spell| view.span(spell.opened).1 < moment);
        return match last.filter(|spell| closing(spell).is_some()) {
            Some(last) => by_fresh(
                evidence,
                line,
                last,
                Part::new(Verdict::Met, format!("it had closed before {words}")),
            ),
            None => view.unseen("did not close", moment, within_us),
        };
    };
    match closing(spell) {
        None => view.unseen("did not close", moment, within_us),
        Some(at) => {
            let (low, high) = view.span(at);
            let part = in_time("closed", (low - moment, high - moment), within_us);
            by_fresh(evidence, line, spell, part)
        }
    }
}

/// Whether a trial succeeded that began while half-open. Of a polled or logged state its own word counts,
/// unless arrivals beside it show that none came.
fn fresh(line: &Line, spell: &Spell) -> Option<bool> {
    if !line.how.is_state() {
        return line.fresh(spell);
    }
    let calls = line.beside.as_ref().and_then(|beside| beside.calls.as_ref());
    let calls = calls.filter(|calls| calls.left_out == 0);
    let (Some(calls), Some(half_open), Some((closed, _))) = (calls, spell.half_open, spell.ended)
    else {
        return Some(true);
    };
    let from = crate::At(half_open.earliest.0.saturating_sub(line.tolerance_us));
    let to = crate::At(closed.latest.0.saturating_add(line.tolerance_us));
    let is_fresh = |call: &crate::event::Attempt| {
        call.begun >= from && call.done <= to && failed(call.outcome) == Some(false)
    };
    Some(calls.list.iter().any(is_fresh))
}

/// A closing counts only by a trial that succeeded and began while half-open.
fn by_fresh(evidence: &Evidence<'_>, line: &Line, spell: &Spell, part: Part) -> Part {
    // Of a journal that was cut the trial may be what it lacks: calls are written after states.
    let is_cut = evidence.cut_short().is_some();
    match fresh(line, spell).filter(|fresh| *fresh || !is_cut) {
        _ if part.verdict == Verdict::Violated => part,
        Some(true) => part,
        Some(false) => Part::new(
            Verdict::Violated,
            format!(
                "{}, but without a successful trial that began while half-open: an older call's \
                 success closed it",
                part.text
            ),
        ),
        None => Part::open(
            format!("{}, but its trials were not recorded", part.text),
            "a record of every call",
        ),
    }
}

/// Openings from closed after it first closed, but for those by a fault of its own: one that came only then, or
/// one that let no call succeed all the while. Under one that spares some, a trial may close it for a moment.
pub(super) fn reopens(evidence: &Evidence<'_>, line: &Line, breaker: usize, most: u64) -> Part {
    let Some(first) = line.spells.iter().position(|spell| closing(spell).is_some()) else {
        return Part::open(
            "it never closed after it had opened",
            "a breaker that opens and closes",
        );
    };
    let pairs = line.spells.iter().skip(first).zip(line.spells.iter().skip(first + 1));
    let later = pairs.filter(|(_, spell)| spell.from_closed);
    let own = own_links(evidence, line, breaker);
    let (mut caused, mut perhaps, mut without) = (0, 0, 0);
    for (before, spell) in later {
        let closed = closing(before).map_or(At(0), |closed| closed.earliest);
        let is_own = |fault: &&&Fault| own.contains(&fault.link.as_str());
        let anew = applied(evidence, line, closed, spell);
        let all = applied(evidence, line, At(0), spell);
        let mut still = all.iter().filter(is_own).peekable();
        if anew.iter().any(|fault| is_own(&fault)) || still.clone().any(|fault| fault.hits_all()) {
            caused += 1;
        } else if anew.is_empty() && still.peek().is_none() {
            without += 1;
        } else {
            perhaps += 1;
        }
    }
    let again = match caused {
        0 => String::new(),
        n => format!("; {} by a fault that was on then", words::count(n, "time")),
    };
    let times = words::count(without, "time");
    let text = format!("opened {times} after it closed ({most} allowed){again}");
    if without > most {
        return Part::new(Verdict::Violated, text);
    }
    if without + perhaps > most {
        let perhaps = words::count(perhaps, "time");
        return Part::open(
            format!("{text}; {perhaps} while a fault was on that may have caused it"),
            "no other fault after the breaker's own, or one at its own link that lets no call succeed",
        );
    }
    Part::new(Verdict::Met, text)
}

/// The links whose faults open it: where its calls arrive, and those of faults that were on when it first
/// opened.
fn own_links<'a>(evidence: &Evidence<'a>, line: &Line, breaker: usize) -> Vec<&'a str> {
    use crate::case::Evidence::{Arrivals, Gateway, Logged, Polled};
    let case = evidence.case;
    let known = case.breakers.get(breaker).map_or(&[][..], |breaker| &breaker.evidence);
    let link = |known: &'a crate::case::Evidence| match known {
        Arrivals(link) => Some(link.as_str()),
        Gateway(fleet) => {
            let load = case.fleets.get(*fleet).and_then(|fleet| case.loads.get(fleet.load));
            load.and_then(|load| load.link.as_deref())
        }
        Polled(_) | Logged { .. } => None,
    };
    let first = line.spells.first().map(|spell| applied(evidence, line, At(0), spell));
    let first = first.into_iter().flatten().map(|fault| fault.link.as_str());
    known.iter().filter_map(link).chain(first).collect()
}

/// Faults that were applied after an instant, and were on when it opened.
fn applied<'a>(evidence: &Evidence<'a>, line: &Line, closed: At, spell: &Spell) -> Vec<&'a Fault> {
    let slack = line.tolerance_us;
    let later = |at: At| At(at.0.saturating_add(slack));
    let faults = evidence.case.faults.iter().enumerate();
    let on = faults.filter(|(index, _)| {
        let spans = evidence.timeline.faults.get(index).map_or(&[][..], |line| &line.spans);
        spans.iter().any(|span| {
            closed <= later(span.applied)
                && span.applied <= later(spell.opened.latest)
                && span.cleared.is_none_or(|cleared| spell.opened.earliest <= later(cleared))
        })
    });
    on.map(|(_, fault)| fault).collect()
}

/// It must not open at all.
pub(super) fn never(evidence: &Evidence<'_>, line: &Line) -> Part {
    match line.spells.first() {
        None => Part::new(Verdict::Met, "it never opened".to_owned()),
        Some(spell) => {
            let at = words::seconds(spell.opened.latest.since(evidence.phases.zero));
            Part::new(Verdict::Violated, format!("it opened at {at}"))
        }
    }
}
