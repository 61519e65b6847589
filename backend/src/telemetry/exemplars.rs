//! Exemplars: of each series and bucket, the last request that a trace tells of.
//!
//! Invariant: bounded, whatever callers send: series by their labels' lists and by `MOST`, one exemplar a
//! bucket, `ROOM` characters each.
//! Invariant: only a request whose trace is sampled is kept, so that each leads somewhere.
//! Not here: how they are written (see `openmetrics`).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::Utc;
use prometheus::{Error, HistogramOpts, HistogramVec, Registry};

use super::context;

/// The most series that have exemplars.
const MOST: usize = 4_096;
/// What OpenMetrics allows names and values of an exemplar's labels to have, in characters.
const ROOM: usize = 128;

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exemplar {
    trace_id: String,
    /// Empty where there is none, or no room for it.
    request_id: String,
    /// What was observed.
    value: f64,
    /// When, in ms since 1970.
    at: i64,
}

impl Exemplar {
    /// The request that this task serves, if its trace is sampled.
    fn of_this_task(value: f64) -> Option<Exemplar> {
        let context = context::current()?;
        let trace_id = context.sampled()?;
        let taken = "trace_idrequest_id".len() + trace_id.len();
        let fits = taken + context.request_id.len() <= ROOM;
        let request_id = if fits { context.request_id.clone() } else { String::new() };
        Some(Exemplar { trace_id, request_id, value, at: Utc::now().timestamp_millis() })
    }

    /// As OpenMetrics has it, after a sample's value. Both ids are tokens: there is nothing to escape.
    pub(crate) fn write(&self, text: &mut String) {
        let Exemplar { trace_id, request_id, value, at } = self;
        // Writing to a String cannot fail.
        let _ = write!(text, " # {{trace_id=\"{trace_id}\"");
        if !request_id.is_empty() {
            let _ = write!(text, ",request_id=\"{request_id}\"");
        }
        let _ = write!(text, "}} {value} {}.{:03}", at / 1_000, at % 1_000);
    }
}

/// A series: its family, and its labels' values in the order of the labels' names.
type Series = (String, Vec<String>);

/// What a family is declared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) labels: &'static [&'static str],
}

/// The last of each.
#[derive(Debug, Default)]
pub(crate) struct Exemplars(Mutex<BTreeMap<Series, BTreeMap<usize, Exemplar>>>);

impl Exemplars {
    /// Keeps the request that this task serves. A counter has one bucket, 0.
    pub(crate) fn keep(&self, family: &Family, values: &[&str], bucket: usize, value: f64) {
        let Some(exemplar) = Exemplar::of_this_task(value) else { return };
        let mut named: Vec<_> = family.labels.iter().zip(values).collect();
        named.sort_unstable();
        let values = named.into_iter().map(|(_, value)| (*value).to_owned()).collect();
        let series = (family.name.to_owned(), values);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST || kept.contains_key(&series) {
            kept.entry(series).or_default().insert(bucket, exemplar);
        }
    }

    /// Those of a series, by bucket.
    pub(crate) fn of<'a>(
        &self,
        family: &str,
        values: impl Iterator<Item = &'a str>,
    ) -> BTreeMap<usize, Exemplar> {
        let series = (family.to_owned(), values.map(str::to_owned).collect());
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&series).cloned().unwrap_or_default()
    }
}

/// A histogram whose observations are kept as exemplars.
pub(crate) struct Timed {
    family: Family,
    bounds: &'static [f64],
    histogram: HistogramVec,
    exemplars: Arc<Exemplars>,
}

impl Timed {
    /// Declares it. Without labels its one series exists from the start.
    ///
    /// # Errors
    /// When the registry holds the name already.
    pub(crate) fn declare(
        registry: &Registry,
        exemplars: &Arc<Exemplars>,
        family: Family,
        bounds: &'static [f64],
    ) -> Result<Timed, Error> {
        let options = HistogramOpts::new(family.name, family.help).buckets(bounds.to_vec());
        let histogram = HistogramVec::new(options, family.labels)?;
        registry.register(Box::new(histogram.clone()))?;
        if family.labels.is_empty() {
            histogram.with_label_values::<&str>(&[]);
        }
        Ok(Timed { family, bounds, histogram, exemplars: Arc::clone(exemplars) })
    }

    /// Observes a value of the series with these values of its labels.
    pub(crate) fn observe(&self, values: &[&str], value: f64) {
        self.histogram.with_label_values(values).observe(value);
        let bucket = self.bounds.partition_point(|most| *most < value);
        self.exemplars.keep(&self.family, values, bucket, value);
    }
}

#[cfg(test)]
mod tests;
