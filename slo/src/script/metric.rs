//! Scripted metrics: a sample every second, and what is asked of them.
//!
//! Not here: the rules under test.

use super::{Script, ZERO};
use crate::case::{During, Limits, Metric, MetricMust, Must, Shown, Unit};
use crate::event::{Event, Missed, Sample};
use crate::number::Number;
use crate::time::At;
use std::ops::Range;

pub(crate) fn number(value: f64) -> Number {
    Number::new(value).unwrap()
}

/// At most so much.
pub(crate) fn at_most(value: f64) -> Limits {
    Limits { at_most: Some(number(value)), ..Limits::default() }
}

/// Nothing asked of metric 0, over the whole run.
pub(crate) fn nothing() -> MetricMust {
    MetricMust {
        metric: 0,
        value: Limits::default(),
        growth: None,
        increase: None,
        skip_us: 0,
        during: vec![During::All],
    }
}

impl Script {
    /// Metric 0, read every second, of service `api`.
    pub(crate) fn metric(mut self, unit: Unit) -> Script {
        self.case.metrics.push(Metric {
            name: "memory".to_owned(),
            reads: "rss of api".to_owned(),
            service: Some("api".to_owned()),
            unit,
            every_us: 1_000_000,
            shown: Shown::default(),
            scraped: false,
        });
        self
    }

    pub(crate) fn keeps(self, must: MetricMust) -> Script {
        self.expect(Must::Metric(must))
    }

    /// A sample 250 ms after each of these seconds, which took 10 ms.
    pub(crate) fn read(self, seconds: Range<i64>, value: impl Fn(i64) -> f64) -> Script {
        self.reads(seconds, value, false)
    }

    pub(crate) fn count(self, seconds: Range<i64>, value: impl Fn(i64) -> f64) -> Script {
        self.reads(seconds, value, true)
    }

    fn reads(mut self, seconds: Range<i64>, value: impl Fn(i64) -> f64, counter: bool) -> Script {
        for second in seconds {
            let asked = ZERO.plus(second * 1_000_000 + 250_000);
            let (metric, answered) = (0, asked.plus(10_000));
            let value = number(value(second));
            let sample = Sample { metric, asked, answered, value, counter, anew: None };
            self.push(answered, Event::Sample(sample));
        }
        self
    }

    pub(crate) fn missed(mut self, second: i64, why: &str) -> Script {
        let asked = ZERO.plus(second * 1_000_000 + 250_000);
        self.push(
            asked,
            Event::Missed(Missed { metric: 0, asked, why: why.to_owned(), absent: None }),
        );
        self
    }

    /// Reads of a page that had no such series.
    pub(crate) fn absent(mut self, seconds: Range<i64>) -> Script {
        for second in seconds {
            let asked = ZERO.plus(second * 1_000_000 + 250_000);
            let (why, absent) = ("the page has no series x".to_owned(), Some(asked.plus(9_000)));
            self.push(asked, Event::Missed(Missed { metric: 0, asked, why, absent }));
        }
        self
    }

    /// A count of this second, some of whose series began anew, and what they added since the one before.
    pub(crate) fn anew(mut self, second: i64, value: f64, added: f64) -> Script {
        let asked = ZERO.plus(second * 1_000_000 + 250_000);
        let answered = asked.plus(10_000);
        let (value, anew) = (number(value), Some(number(added)));
        let sample = Sample { metric: 0, asked, answered, value, counter: true, anew };
        self.push(answered, Event::Sample(sample));
        self
    }

    /// Reading ends so many seconds after time 0.
    pub(crate) fn read_until(mut self, second: i64) -> Script {
        let at: At = ZERO.plus(second * 1_000_000);
        self.push(at, Event::ReadUntil { at });
        self
    }
}
