//! Limits that nobody had asked for when the requests were counted, read from the histograms.
//!
//! A bucket that a limit lies in counts as slow. Which second or outcome of a segment the slow ones were
//! in is not known any more, so only whole segments may be judged by it.
//!
//! Invariant: never fewer slow ones than there were.
//! Not here: what is asked (harness `plan`).

use super::{HistogramKey, Timeline};
use crate::case::{Case, Clock, Mark, Of};
use crate::outcome::Outcome;
use std::collections::{BTreeMap, BTreeSet};

impl Timeline {
    /// Counts the marks of a case that has more of them than the one that was recorded, which are its
    /// first.
    pub fn ask_later(&mut self, case: &Case) {
        let counted =
            self.cells.values().flat_map(BTreeMap::values).map(|counts| counts.marks.len());
        let counted = counted.min().unwrap_or(case.marks.len());
        let uncounted = case.marks.iter().enumerate().skip(counted);
        self.begun_late.uncounted.extend(uncounted.filter_map(|(index, mark)| match mark {
            Mark::LateBy { us } => Some((index, *us)),
            _ => None,
        }));
        let below = |mark: &usize| matches!(case.marks.get(*mark), Some(Mark::Below { .. }));
        self.by_segment.extend((counted..case.marks.len()).filter(below));
        let histograms = &self.histograms;
        let stood: BTreeSet<usize> = self
            .health
            .iter()
            .filter(|(_, sum)| !sum.stood.is_empty())
            .map(|(load, _)| *load)
            .collect();
        let fast = |of: Of, clock: Clock, (segment, ok): (usize, bool), us: u64| -> u64 {
            // Where nothing stood still, both are the same.
            let clock = match clock {
                Clock::ServiceSeen if !stood.contains(&of.load) => Clock::Service,
                clock => clock,
            };
            let key = HistogramKey { of, clock, segment, ok };
            let buckets = histograms.get(&key).into_iter().flatten();
            buckets.filter(|((_, high), _)| *high < us).map(|(_, n)| *n).sum()
        };
        for (of, cells) in &mut self.cells {
            for (index, mark) in case.marks.iter().enumerate() {
                let mut left: BTreeMap<(usize, bool), u64> = BTreeMap::new();
                let lag = known_lag(case, index, mark);
                for (key, counts) in cells.iter_mut().filter(|(_, c)| c.marks.len() == index) {
                    let n = match (mark, key.outcome) {
                        (Mark::Below { clock, us }, outcome) if outcome.is_known_attempt() => {
                            let place = (key.segment, outcome == Outcome::Ok);
                            let all = || fast(*of, *clock, place, *us);
                            let left = left.entry(place).or_insert_with(all);
                            let n = counts.n.min(*left);
                            *left -= n;
                            n
                        }
                        // Nobody knows how long it would have taken.
                        (Mark::Below { .. }, Outcome::Cut) => counts.n,
                        (Mark::LateBy { .. }, _) => lag.map_or(counts.n, |lag| counts.mark(lag)),
                        _ => 0,
                    };
                    counts.marks.push(n);
                }
            }
        }
    }
}

/// The counted lag that is at most this one, and next to it: no fewer requests exceeded it.
fn known_lag(case: &Case, before: usize, mark: &Mark) -> Option<usize> {
    let Mark::LateBy { us: wanted } = mark else { return None };
    let known = case.marks.iter().take(before).enumerate().filter_map(|(at, mark)| match mark {
        Mark::LateBy { us } if us <= wanted => Some((*us, at)),
        _ => None,
    });
    known.max().map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Ask;
    use crate::event::{Event, Health, Histogram, Lag};
    use crate::scorecard::Verdict;
    use crate::script::{FAST_SERVICE, Script, punctual};
    use crate::time::{At, Share};

    /// 2000 requests, 1900 of which took at most 300 ms and 100 between 400 ms and 401 ms.
    fn judged(below_us: u64) -> crate::scorecard::ObjectiveScore {
        judged_by(Clock::Response, below_us, false)
    }

    /// The same by this clock, of a generator that stood still for a moment or not.
    fn judged_by(clock: Clock, below_us: u64, stood: bool) -> crate::scorecard::ObjectiveScore {
        let asked = clock;
        let mut script = Script::new(20).run(0..20, 0);
        let health = Health {
            stood: stood.then_some((At(10_000_000), At(10_200_000))).into_iter().collect(),
            ..punctual(2_000)
        };
        script.push(At(26_000_000), Event::Health(health));
        for clock in [Clock::Response, Clock::Service] {
            let buckets = vec![(299_000, 300_000, 1900), (400_000, 401_000, 100)];
            let histogram = Histogram { load: 0, request: 0, ok: true, clock, segment: 1, buckets };
            script.push(At(26_000_000), Event::Histogram(histogram));
        }
        let mut script = script.complete();
        let mut timeline = script.timeline().unwrap();
        let mut case = script.case.clone();
        let mark = case.marks.len();
        case.marks.push(Mark::Below { clock: asked.seen(), us: below_us });
        timeline.ask_later(&case);
        let ask = Ask::Latency {
            percentile: Share(950_000_000),
            below_us,
            clock: asked,
            mark,
            service_mark: FAST_SERVICE,
        };
        script.case = case;
        let asked = script.objective("later", ask);
        crate::judge(&asked.case, &timeline).objectives.remove(0)
    }

    /// 2000 requests, 1000 of which failed after 600 ms; so many began 20 ms late.
    fn asked(late: u64) -> crate::scorecard::Scorecard {
        let mut script = Script::new(20).run(0..20, 50);
        for (ok, clock) in [true, false].into_iter().flat_map(|ok| Clock::RECORDED.map(|c| (ok, c)))
        {
            let took = if ok { 1_000 } else { 600_000 };
            let buckets = vec![(took, took, 1000)];
            let histogram = Histogram { load: 0, request: 0, ok, clock, segment: 1, buckets };
            script.push(At(26_000_000), Event::Histogram(histogram));
        }
        let buckets = vec![(90, 100, 2000 - late), (20_000, 20_001, late)];
        script.push(At(26_000_000), Event::Lag(Lag { load: 0, buckets }));
        let mut script = script.complete();
        let mut timeline = script.timeline().unwrap();
        let (mark, service_mark) = (script.case.marks.len(), script.case.marks.len() + 1);
        let below_us = 1_000_000;
        script.case.marks.push(Mark::Below { clock: Clock::Response, us: below_us });
        script.case.marks.push(Mark::Below { clock: Clock::Service, us: below_us });
        script.case.marks.push(Mark::LateBy { us: 5_000 });
        timeline.ask_later(&script.case);
        let (percentile, clock) = (Share(400_000_000), Clock::Response);
        let ask = Ask::Latency { percentile, below_us, clock, mark, service_mark };
        let mut script = script.objective("later", ask);
        script.case.objectives[0].late_mark = service_mark + 1;
        crate::judge(&script.case, &timeline)
    }

    #[test]
    fn what_failed_is_counted_as_its_histogram_has_it() {
        let scorecard = asked(0);
        assert_eq!(scorecard.findings, Vec::<String>::new());
        assert_eq!(scorecard.objectives[0].verdict, Verdict::Met, "{scorecard:?}");
    }

    #[test]
    fn a_lag_that_was_not_counted_is_bounded_by_what_was_recorded_of_it() {
        assert_eq!(asked(20).objectives[0].verdict, Verdict::Met);
        let score = asked(21).objectives.remove(0);
        assert_eq!(score.verdict, Verdict::Inconclusive);
        assert_eq!(
            score.reason,
            "which of these requests began more than 5 ms after they were due was not counted: up to \
             1.05 % may have (1 % is allowed)"
        );
        assert_eq!(score.missing.as_deref(), Some("a run whose own scenario asks for this limit"));
    }

    #[test]
    fn a_bucket_that_the_limit_lies_in_counts_as_slow() {
        assert_eq!((judged(500_000).k, judged(500_000).verdict), (0, Verdict::Met));
        assert_eq!((judged(401_001).k, judged(401_000).k, judged(400_500).k), (0, 100, 100));
        assert_eq!((judged(300_001).k, judged(300_000).k), (100, 2000));
        assert_eq!(judged(299_500).verdict, Verdict::Violated);
    }

    /// 100 of 2000 were slow, in seconds that nobody counted: no window was the worst, no alert has a time,
    /// and that the first cells hold the fast ones is no burst.
    #[test]
    fn nothing_is_told_of_the_seconds_of_what_was_counted_by_segment() {
        let score = judged(400_500);
        assert_eq!((score.k, score.deff, score.worst), (100, 1.0, None));
        assert_eq!(score.budget.unwrap().alerts, None);
    }

    #[test]
    fn what_we_waited_for_ourselves_is_met_only_where_we_did_not() {
        let judged = |stood| judged_by(Clock::Service, 500_000, stood).verdict;
        assert_eq!((judged(false), judged(true)), (Verdict::Met, Verdict::Inconclusive));
    }
}
