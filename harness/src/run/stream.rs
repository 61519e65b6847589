//! The run's one ordered stream of events and its readers: journal, timeline, console, hlog.
//!
//! Invariant: an event reaches the journal before anyone acts on it.
//! Invariant: after the first write that fails nothing more is written, and [`Stream::failure`]
//! says so: what could not be recorded cannot be judged.
//! Not here: deciding anything.

use super::exposed::Board;
use super::failures::Failures;
use super::guard::Guards;
use super::machine::Looker;
use super::progress::Progress;
use super::taps::Taps;
use super::traces::Traces;
use crate::clock::Clock;
use crate::record::journal::{Header, Journal};
use crate::record::{Batch, Hlog, Totals};
use crate::spec::mask_tree;
use assay_slo::case::Clock as TimeClock;
use assay_slo::event::{End, ServiceEvent, ServiceState};
use assay_slo::{At, Case, Entry, Event, Outcome, Timeline};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The stream and its readers.
pub(super) struct Stream {
    pub(super) clock: Clock,
    pub(super) progress: Progress,
    case: Case,
    journal: Journal,
    hlog: Hlog<BufWriter<File>>,
    totals: Totals,
    timeline: Timeline,
    told: BTreeSet<String>,
    /// Attempts of each load, warm-up included.
    sent: BTreeMap<usize, u64>,
    machine: Looker,
    failures: Failures,
    pub(super) guards: Guards,
    /// What is looked for in services' output.
    pub(super) taps: Taps,
    /// What a scraper is shown.
    pub(super) board: Option<Arc<Mutex<Board>>>,
    /// What a collector of traces is sent.
    pub(super) traces: Option<Traces>,
    failure: Option<String>,
    secrets: Vec<String>,
}

impl Stream {
    /// Creates the run's files.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn create(
        dir: &Path,
        header: Header,
        clock: Clock,
        progress: Progress,
        secrets: &[String],
    ) -> std::io::Result<Stream> {
        let header = masked(&header, secrets);
        let hlog = BufWriter::new(File::create_new(dir.join("latency.hlog"))?);
        Ok(Stream {
            clock,
            progress,
            journal: Journal::create(&dir.join("journal.jsonl"), &header)?,
            hlog: Hlog::begin(hlog, &header.case.loads, crate::clock::wall())?,
            totals: Totals::default(),
            timeline: Timeline::default(),
            told: BTreeSet::new(),
            sent: BTreeMap::new(),
            case: header.case,
            machine: Looker::default(),
            failures: Failures::new(dir),
            guards: Guards::default(),
            taps: Taps::default(),
            board: None,
            traces: None,
            failure: None,
            secrets: secrets.to_vec(),
        })
    }

    /// Notes an event that happens now.
    pub(super) fn note(&mut self, event: Event) {
        let at = self.clock.now();
        self.note_at(at, event);
    }

    /// Why events can no longer be recorded, if they cannot.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Gives the run up: what is recorded is not what happened.
    pub(super) fn abandon(&mut self, why: &str) {
        self.failure.get_or_insert_with(|| why.to_owned());
    }

    /// What was seen so far.
    pub(super) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// How many requests a load has sent, warm-up included.
    pub(super) fn sent(&self, load: usize) -> u64 {
        self.sent.get(&load).copied().unwrap_or(0)
    }

    /// The question that the run is to answer.
    pub(super) fn case(&self) -> &Case {
        &self.case
    }

    /// Tells the console how it does now.
    pub(super) fn tick(&mut self) {
        if let Some(machine) = self.machine.look(self.clock.now()) {
            self.note(Event::Machine(machine));
        }
        for lines in self.taps.take() {
            self.note(lines);
        }
        self.progress.tick(self.clock.now(), &self.case);
    }

    /// Notes a change of a service.
    pub(super) fn service(&mut self, name: &str, state: ServiceState, detail: &str) {
        let (name, detail) = (name.to_owned(), detail.to_owned());
        self.note(Event::Service(ServiceEvent { name, state, detail }));
    }

    /// Notes a sentence that the report must tell, once.
    pub(super) fn finding(&mut self, text: String) {
        if self.told.insert(text.clone()) {
            self.note(Event::Finding { text });
        }
    }

    /// Notes what a generator thread handed over.
    pub(super) fn batch(&mut self, batch: Batch) {
        self.progress.batch(&batch, self.clock.now());
        if let Some(board) = &self.board {
            lock(board).batch(&batch, self.clock.now());
        }
        if let Some(traces) = &mut self.traces {
            traces.batch(&batch, &self.case);
        }
        for cell in &batch.cells {
            let attempt = !matches!(cell.outcome, Outcome::FastFail | Outcome::NotSent);
            *self.sent.entry(cell.load).or_default() += if attempt { cell.n } else { 0 };
        }
        for health in batch.health {
            self.note(Event::Health(health));
        }
        if !batch.cells.is_empty() {
            self.note(Event::Cells(batch.cells));
        }
        for text in batch.findings {
            self.finding(text);
        }
        for unmade in batch.unmade {
            self.note(Event::Unmade(unmade));
        }
        for unasked in batch.unasked {
            self.note(Event::Unasked(unasked));
        }
        for failure in &batch.failures {
            if let Err(why) = self.failures.keep(&self.case, failure) {
                self.finding(why);
            }
        }
        if self.failure.is_none()
            && let Err(error) =
                self.hlog.add(&batch.intervals).and_then(|()| self.hlog.add_lags(&batch.lags))
        {
            self.fail("latency.hlog", &error);
        }
        self.totals.add(&batch.intervals);
        self.totals.add_lags(&batch.lags);
        let recent = self.totals.take_recent();
        let response = recent.iter().filter(|recent| recent.clock == TimeClock::Response);
        self.progress.p95(response.map(|recent| recent.p95_us).max());
        self.flush();
    }

    /// Hands what was noted to the system, so that it survives our death.
    pub(super) fn flush(&mut self) {
        if self.failure.is_none()
            && let Err(error) = self.journal.flush()
        {
            self.fail("journal.jsonl", &error);
        }
    }

    /// Writes the histograms and the last line, and closes the journal; its file keeps telling
    /// others that the run is under way.
    ///
    /// # Errors
    /// Why what happened could not be recorded whole.
    pub(super) fn close(mut self, end: End) -> Result<File, String> {
        for histogram in self.totals.histograms() {
            self.note(Event::Histogram(histogram));
        }
        for lag in self.totals.lags() {
            self.note(Event::Lag(lag));
        }
        self.note(Event::End(end));
        self.progress.finish(self.clock.now());
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.journal.close().map_err(|error| format!("cannot write journal.jsonl: {error}"))
    }

    fn note_at(&mut self, at: At, event: Event) {
        let entry = Entry { at, event: self.masked(event) };
        if self.failure.is_none()
            && let Err(error) = self.journal.write(&entry)
        {
            self.fail("journal.jsonl", &error);
        }
        self.progress.event(&entry, &self.case);
        self.guards.event(&entry);
        if let Some(board) = &self.board {
            lock(board).event(&entry);
        }
        if let Err(problem) = self.timeline.add(&entry, &self.case)
            && self.failure.is_none()
        {
            self.failure = Some(format!("assay contradicts itself: {problem}"));
        }
    }

    /// An event without secrets. Counts have no text, and are too many to be looked through.
    fn masked(&mut self, event: Event) -> Event {
        let is_text = matches!(
            event,
            Event::Service(_)
                | Event::Gate(_)
                | Event::Probe { .. }
                | Event::Missed(_)
                | Event::Looks(_)
                | Event::NotBack(_)
                | Event::Lines(_)
                | Event::Stopped { .. }
                | Event::Finding { .. }
                | Event::Guard { .. }
                | Event::Ledger(_)
                | Event::End(_)
        );
        if !is_text || self.secrets.is_empty() { event } else { masked(&event, &self.secrets) }
    }

    fn fail(&mut self, file: &str, error: &std::io::Error) {
        if self.failure.is_none() {
            self.failure = Some(format!("cannot write {file}: {error}"));
        }
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value whose texts have no secrets. One that would no longer be of its kind (a secret that is
/// a word of the format) stays as it is.
pub(super) fn masked<T: Serialize + DeserializeOwned + Clone>(value: &T, secrets: &[String]) -> T {
    let Ok(mut tree) = serde_json::to_value(value) else { return value.clone() };
    mask_tree(&mut tree, secrets);
    serde_json::from_value(tree).unwrap_or_else(|_| value.clone())
}
