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
use std::collections::BTreeMap;

impl Timeline {
    /// Counts the marks of a case that has more of them than the one that was recorded, which are its
    /// first.
    pub fn ask_later(&mut self, case: &Case) {
        let histograms = &self.histograms;
        let fast = |of: Of, clock: Clock, segment: usize, us: u64| -> u64 {
            let key = HistogramKey { of, clock, segment, ok: true };
            let buckets = histograms.get(&key).into_iter().flatten();
            buckets.filter(|((_, high), _)| *high < us).map(|(_, n)| *n).sum()
        };
        for (of, cells) in &mut self.cells {
            for (index, mark) in case.marks.iter().enumerate() {
                let mut left: BTreeMap<usize, u64> = BTreeMap::new();
                let lag = known_lag(case, index, mark);
                for (key, counts) in cells.iter_mut().filter(|(_, c)| c.marks.len() == index) {
                    let n = match (mark, key.outcome) {
                        (Mark::Below { clock, us }, Outcome::Ok) => {
                            let all = || fast(*of, *clock, key.segment, *us);
                            let left = left.entry(key.segment).or_insert_with(all);
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
    use crate::event::{Event, Histogram};
    use crate::scorecard::Verdict;
    use crate::script::{FAST_SERVICE, Script};
    use crate::time::{At, Share};

    /// 2000 requests, 1900 of which took at most 300 ms and 100 between 400 ms and 401 ms.
    fn judged(below_us: u64) -> crate::scorecard::ObjectiveScore {
        let mut script = Script::new(20).run(0..20, 0);
        for clock in [Clock::Response, Clock::Service] {
            let buckets = vec![(299_000, 300_000, 1900), (400_000, 401_000, 100)];
            let histogram = Histogram { load: 0, request: 0, ok: true, clock, segment: 1, buckets };
            script.push(At(26_000_000), Event::Histogram(histogram));
        }
        let mut script = script.complete();
        let mut timeline = script.timeline().unwrap();
        let mut case = script.case.clone();
        let mark = case.marks.len();
        case.marks.push(Mark::Below { clock: Clock::Response, us: below_us });
        timeline.ask_later(&case);
        let ask = Ask::Latency {
            percentile: Share(950_000_000),
            below_us,
            clock: Clock::Response,
            mark,
            service_mark: FAST_SERVICE,
        };
        script.case = case;
        let asked = script.objective("later", ask);
        crate::judge(&asked.case, &timeline).objectives.remove(0)
    }

    #[test]
    fn a_bucket_that_the_limit_lies_in_counts_as_slow() {
        assert_eq!((judged(500_000).k, judged(500_000).verdict), (0, Verdict::Met));
        assert_eq!((judged(401_001).k, judged(401_000).k, judged(400_500).k), (0, 100, 100));
        assert_eq!((judged(300_001).k, judged(300_000).k), (100, 2000));
        assert_eq!(judged(299_500).verdict, Verdict::Violated);
    }
}
