//! What each breaker was seen to do, as numbers for the scorecard.
//!
//! Invariant: what is not known exactly is none.
//! Not here: verdicts.

use super::calls::Range;
use super::{Breakers, Ending, How, Line};
use crate::case::Case;
use crate::scorecard::{BreakerScore, Episode};

/// One for each line of each breaker.
pub(crate) fn scores(case: &Case, breakers: &Breakers) -> Vec<BreakerScore> {
    let lines = case.breakers.iter().zip(&breakers.lines);
    let lines = lines.flat_map(|(breaker, lines)| lines.iter().map(move |line| (breaker, line)));
    let scores = lines.map(|(breaker, line)| BreakerScore {
        name: breaker.name.clone(),
        of: line.of.clone(),
        evidence: match line.how {
            How::Told => "told by the gateway",
            How::Inferred => BreakerScore::INFERRED,
            How::Polled => "read again and again",
            How::Logged => "told by its log",
        }
        .to_owned(),
        problem: line.doubt.as_ref().map(|doubt| doubt.reason.clone()),
        episodes: episodes(line),
    });
    scores.collect()
}

fn episodes(line: &Line) -> Vec<Episode> {
    let exact = |range: Option<Range>| {
        range.and_then(|range| range.most.filter(|most| *most == range.least))
    };
    let episodes = line.spells.iter().map(|spell| Episode {
        opened: spell.opened,
        failures: spell.failures.map(|(failures, _)| failures),
        half_open: spell.half_open,
        closed: spell.ended.filter(|(_, how)| *how == Ending::Closed).map(|(at, _)| at),
        trials: exact(line.trials(spell)),
        leaked: exact(line.leaked(spell)),
        rejected: line
            .calls
            .as_ref()
            .filter(|calls| line.how == How::Told && calls.left_out == 0)
            .and_then(|_| line.rejections(spell))
            .map(|rejected| rejected.count() as u64),
    });
    episodes.collect()
}
