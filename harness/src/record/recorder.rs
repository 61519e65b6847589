//! One generator thread's counts: cells, histograms and health, handed over once a second.
//!
//! Invariant: every finished request is in exactly one cell; cells and histograms merge by
//! addition, over hand-overs and over threads.
//! Invariant: memory depends on how many kinds of requests end in a second, never on how many.
//! Not here: the journal's file, the sums of the whole run (`totals`).

use super::edges::{Edges, Position};
use super::health::{HealthBook, Lags};
use super::intervals::{Interval, Intervals};
use super::marks::Finished;
use super::spans::{Span, SpanBook};
use crate::plan::traced::Traced;
use assay_slo::event::{Health, Unasked, Unmade};
use assay_slo::{At, Cell, Mark, Outcome};
use hdrhistogram::CreationError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many findings are told that differ only in what stands in backticks.
const MOST_ALIKE: usize = 8;

/// What is handed over once a second.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Counts of requests that ended.
    pub cells: Vec<Cell>,
    /// One line for each load, from time 0 on.
    pub health: Vec<Health>,
    /// Times of requests that ended.
    pub intervals: Vec<Interval>,
    /// How late requests began, from time 0 on.
    pub lags: Vec<Lags>,
    /// What the report must tell; each sentence once per thread.
    pub findings: Vec<String>,
    /// Loads whose users did not make all their journeys.
    pub unmade: Vec<Unmade>,
    /// Loads to which a peer said what nobody had asked for.
    pub unasked: Vec<Unasked>,
    /// The first of those that failed.
    pub failures: Vec<Failure>,
    /// Attempts told one by one, where the run is traced,
    pub spans: Vec<Span>,
    /// and how many more should have been.
    pub spans_left_out: u64,
}

impl Batch {
    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
            && self.health.is_empty()
            && self.intervals.is_empty()
            && self.findings.is_empty()
            && self.unmade.is_empty()
            && self.unasked.is_empty()
            && self.failures.is_empty()
            && self.spans.is_empty()
    }
}

/// A failed exchange that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Index into the loads.
    pub load: usize,
    /// Index into its requests.
    pub request: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// As people read it, without secrets.
    pub text: String,
}

/// Everything alike in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    load: usize,
    request: usize,
    position: Position,
    outcome: Outcome,
    status: u16,
    second: i64,
}

#[derive(Debug)]
struct Counts {
    n: u64,
    marks: Vec<u64>,
}

/// Records one thread's requests.
#[derive(Debug)]
pub struct Recorder {
    zero: At,
    edges: Arc<Edges>,
    marks: Arc<Vec<Mark>>,
    cells: BTreeMap<Key, Counts>,
    intervals: Intervals,
    health: HealthBook,
    findings: Vec<String>,
    unmade: Vec<Unmade>,
    unasked: Vec<Unasked>,
    failures: Vec<Failure>,
    /// What was told, by what is alike in it.
    told: BTreeMap<String, Vec<String>>,
    spans: SpanBook,
    from: At,
}

impl Recorder {
    /// Records from `from` on. `edges` must already know `zero`.
    ///
    /// # Errors
    /// None in practice: see [`Intervals::new`].
    pub fn new(
        zero: At,
        edges: Arc<Edges>,
        marks: Arc<Vec<Mark>>,
        from: At,
    ) -> Result<Recorder, CreationError> {
        Ok(Recorder {
            zero,
            edges,
            marks,
            cells: BTreeMap::new(),
            intervals: Intervals::new()?,
            health: HealthBook::new()?,
            findings: Vec::new(),
            unmade: Vec::new(),
            unasked: Vec::new(),
            failures: Vec::new(),
            told: BTreeMap::new(),
            spans: SpanBook::default(),
            from,
        })
    }

    /// A request became due. Each is told once, and once that it has finished.
    pub fn due(&mut self, load: usize, due: At) {
        if due >= self.zero {
            self.health.due(load);
        }
    }

    /// It began, so late without its wait for a connection; once for each request.
    pub fn begun(&mut self, load: usize, due: At, lag_us: u64, blocked: bool) {
        if due >= self.zero {
            self.health.begun(load, lag_us, blocked);
        }
    }

    /// The thread of these loads stood still from then to then.
    pub fn stood(&mut self, loads: impl IntoIterator<Item = usize>, stretches: &[(At, At)]) {
        if stretches.is_empty() {
            return;
        }
        for load in loads {
            let after = stretches.iter().filter(|(_, to)| *to > self.zero);
            after.for_each(|(from, to)| self.health.stood(load, (*from).max(self.zero), *to));
        }
    }

    /// It has finished, not later than now.
    pub fn finished(&mut self, finished: &Finished<'_>) {
        if finished.due >= self.zero {
            self.health.done(finished.load);
        }
        let position = self.edges.position(finished.due, finished.done);
        self.intervals.add(finished, position.segment);
        let key = Key {
            load: finished.load,
            request: finished.request,
            position,
            outcome: finished.outcome,
            status: finished.status,
            second: finished.due.second(self.zero),
        };
        let marks = &self.marks;
        let counts =
            self.cells.entry(key).or_insert_with(|| Counts { n: 0, marks: vec![0; marks.len()] });
        counts.n += 1;
        for (count, mark) in counts.marks.iter_mut().zip(marks.iter()) {
            *count += u64::from(finished.satisfies(mark));
        }
    }

    /// One that has finished has this place in its trace.
    pub fn traced(&mut self, traced: Option<Traced>, finished: &Finished<'_>) {
        if let Some(traced) = traced {
            self.spans.offer(traced, finished);
        }
    }

    /// Something that the report must tell; a sentence already told is dropped. What stands in backticks may
    /// come from a peer, anew each time: of sentences that differ in that alone only the first are told.
    pub fn finding(&mut self, text: String) {
        let alike: String = text.split('`').step_by(2).collect::<Vec<_>>().join("`…`");
        let told = self.told.entry(alike.clone()).or_default();
        if told.len() > MOST_ALIKE || told.contains(&text) {
            return;
        }
        let more = told.len() == MOST_ALIKE;
        told.push(text.clone());
        self.findings.push(if more {
            format!("{alike} (more like this are not told)")
        } else {
            text
        });
    }

    /// A load's users did not make all their journeys.
    pub fn unmade(&mut self, unmade: Unmade) {
        self.unmade.push(unmade);
    }

    /// So many connections of a load were opened, and so many talked unasked.
    pub fn unasked(&mut self, load: usize, counts: Option<(u64, u64)>) {
        let line = counts.map(|(connections, talked)| Unasked { load, connections, talked });
        self.unasked.extend(line);
    }

    /// A failed exchange is kept.
    pub fn keep(&mut self, failure: Failure) {
        self.failures.push(failure);
    }

    /// Hands over what happened until now, and starts anew.
    pub fn take(&mut self, now: At) -> Batch {
        let from = std::mem::replace(&mut self.from, now);
        let cells = std::mem::take(&mut self.cells);
        let (health, lags) = self.health.take(from, now);
        let (spans, spans_left_out) = self.spans.take();
        Batch {
            cells: cells.into_iter().map(|(key, counts)| cell(key, counts)).collect(),
            health,
            lags,
            intervals: self.intervals.take(from, now),
            findings: std::mem::take(&mut self.findings),
            unmade: std::mem::take(&mut self.unmade),
            unasked: std::mem::take(&mut self.unasked),
            failures: std::mem::take(&mut self.failures),
            spans,
            spans_left_out,
        }
    }
}

fn cell(key: Key, counts: Counts) -> Cell {
    Cell {
        load: key.load,
        request: key.request,
        segment: key.position.segment,
        straddle: key.position.straddle,
        outcome: key.outcome,
        status: key.status,
        second: key.second,
        n: counts.n,
        marks: counts.marks,
    }
}

#[cfg(test)]
mod tests;
