//! What the series of a counter added from one page to the next, each by itself.
//!
//! Their sum hides it where one of them began anew, went, or came back: what it lost is what others may
//! have added meanwhile. Otherwise the sums of two pages tell it, and nothing is said here.
//!
//! Invariant: a series that is new on a later page was born with its first event, and rose from 0.
//! Not here: reading a page (`exposition`), what follows (crate slo).

use super::exposition::One;
use std::collections::BTreeMap;

/// The series that were seen so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    series: BTreeMap<String, Last>,
    read: bool,
}

/// What is known of one.
#[derive(Debug, Clone, Copy)]
struct Last {
    value: f64,
    /// It was on the page before.
    there: bool,
}

impl Counted {
    /// What all series added since the page before, where their sums do not tell it.
    pub(super) fn anew(&mut self, page: &[One]) -> Option<f64> {
        let mut series = BTreeMap::new();
        for one in page {
            // Of a page that says a series twice both are read, as by its sum.
            *series.entry(one.key()).or_insert(0.0) += one.value;
        }
        let (mut added, mut odd) = (0.0, false);
        for (key, last) in &mut self.series {
            odd |= last.there != series.contains_key(key);
            last.there = false;
        }
        for (key, value) in series {
            let last = self.series.insert(key, Last { value, there: true });
            let from = last.map_or(0.0, |last| last.value);
            odd |= value < from;
            added += if value < from { value } else { value - from };
        }
        let first = !std::mem::replace(&mut self.read, true);
        (odd && !first).then_some(added)
    }
}

#[cfg(test)]
mod tests {
    use super::super::exposition::Series;
    use super::*;

    #[test]
    fn every_series_is_counted_by_itself() {
        let mut counted = Counted::default();
        let mut anew = |workers: &[(&str, u64)]| {
            let line =
                |(worker, n): &(&str, u64)| format!("failed_total{{worker=\"{worker}\"}} {n}\n");
            let page: String = workers.iter().map(line).collect();
            counted.anew(&Series::with("failed_total", &[]).each(&page).unwrap().series)
        };
        assert_eq!(anew(&[("1", 10), ("2", 0)]), None);
        assert_eq!(anew(&[("1", 10), ("2", 3)]), None);
        // One fell by as much as the other rose: the sum stands still.
        assert_eq!(anew(&[("1", 0), ("2", 13)]), Some(10.0));
        assert_eq!(anew(&[("2", 13), ("1", 1)]), None);
        // Born.
        assert_eq!(anew(&[("1", 1), ("2", 13), ("3", 2)]), None);
        // Gone, and back.
        assert_eq!(anew(&[("2", 15), ("3", 2)]), Some(2.0));
        assert_eq!(anew(&[("2", 15), ("3", 4)]), None);
        assert_eq!(anew(&[("1", 3), ("2", 15), ("3", 4)]), Some(2.0));
    }
}
