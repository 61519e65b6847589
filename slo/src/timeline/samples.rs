//! Samples of metrics, what could not be read, and looks at services, folded in the order of the
//! file.
//!
//! Invariant: samples are in the order of time; indices point into the case.
//! Not here: what follows from them (`expectation`).

use super::{Malformed, Timeline, believable};
use crate::case::Case;
use crate::event::{Looks, Missed, Sample};
use crate::time::At;
use std::collections::BTreeMap;

/// More samples than any run takes.
const MOST_SAMPLES: usize = 20_000_000;

/// Everything that was read of the system under test.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Samples {
    by_metric: BTreeMap<usize, Reads>,
    /// When reading ended; none in a journal that was cut.
    pub(crate) until: Option<At>,
    pub(crate) looks: Vec<Looks>,
    /// By service: when its processes began.
    pub(crate) starts: BTreeMap<String, Vec<At>>,
    /// By service: when it was seen to be ready.
    readies: BTreeMap<String, Vec<At>>,
    told: usize,
}

/// What the reads of one metric gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reads {
    /// By the instant of their answer.
    pub(crate) samples: Vec<Sample>,
    pub(crate) missed: u64,
    /// Asked and answered by a page that had no such series; each is missed, too.
    pub(crate) absent: Vec<(At, At)>,
    /// Why the last of these was missed.
    pub(crate) last_missed: Option<(At, String)>,
}

impl Samples {
    /// What was read of one metric; none where nothing was tried.
    pub(crate) fn of(&self, metric: usize) -> Option<&Reads> {
        self.by_metric.get(&metric)
    }

    pub(super) fn add(&mut self, sample: &Sample, case: &Case) -> Result<(), Malformed> {
        let asked = believable(sample.asked)?;
        if believable(sample.answered)? < asked {
            return Err(Malformed::new("a metric was read before it was asked for"));
        }
        let line = self.line(sample.metric, case)?;
        let place = line.samples.partition_point(|known| known.answered <= sample.answered);
        line.samples.insert(place, *sample);
        Ok(())
    }

    pub(super) fn miss(&mut self, missed: &Missed, case: &Case) -> Result<(), Malformed> {
        let asked = believable(missed.asked)?;
        let absent = missed.absent.map(believable).transpose()?.map(|at| (asked, at.max(asked)));
        let line = self.line(missed.metric, case)?;
        line.missed += 1;
        line.absent.extend(absent);
        if line.last_missed.as_ref().is_none_or(|(at, _)| *at <= asked) {
            line.last_missed = Some((asked, missed.why.clone()));
        }
        Ok(())
    }

    pub(super) fn look(&mut self, looks: &Looks) -> Result<(), Malformed> {
        for at in [Some(looks.from), looks.not_ready, looks.ready].into_iter().flatten() {
            if believable(at)? < looks.from {
                return Err(Malformed::new("a look at a service ended before it began"));
            }
        }
        self.looks.push(looks.clone());
        Ok(())
    }

    pub(super) fn start(&mut self, service: &str, at: At) {
        let line = self.starts.entry(service.to_owned()).or_default();
        let place = line.partition_point(|known| *known <= at);
        line.insert(place, at);
    }

    pub(super) fn ready(&mut self, service: &str, at: At) {
        self.readies.entry(service.to_owned()).or_default().push(at);
    }

    /// When a service was first seen to be ready from an instant on.
    pub(crate) fn ready_since(&self, service: &str, from: At) -> Option<At> {
        let readies = self.readies.get(service).into_iter().flatten();
        readies.copied().filter(|at| *at >= from).min()
    }

    fn line(&mut self, metric: usize, case: &Case) -> Result<&mut Reads, Malformed> {
        self.told += 1;
        if metric >= case.metrics.len() || self.told > MOST_SAMPLES {
            return Err(Malformed::new(format!(
                "metric {metric} was read, which the case has not, or more often than any run reads"
            )));
        }
        Ok(self.by_metric.entry(metric).or_default())
    }
}

impl Timeline {
    /// The last value that was read of a metric.
    #[must_use]
    pub fn last_sample(&self, metric: usize) -> Option<&Sample> {
        self.samples.of(metric)?.samples.last()
    }
}
