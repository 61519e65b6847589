//! What is looked for in services' output: one tap for each service that something is asked of.
//!
//! Invariant: that an output was read to its end is noted only after its service has ended.
//! Not here: looking (`service::tap`), what follows (crate slo).

use super::stream::Stream;
use crate::clock::Clock;
use crate::service::Tap;
use assay_slo::event::LogRead;
use assay_slo::{At, Case, Event};
use regex::Regex;
use std::collections::BTreeMap;

/// All taps of a run, by service.
#[derive(Debug, Default)]
pub(super) struct Taps(BTreeMap<String, Tap>);

impl Taps {
    /// Those that the question needs.
    ///
    /// # Errors
    /// A pattern that is none, as the end of a sentence.
    pub(super) fn of(case: &Case, clock: Clock) -> Result<Taps, String> {
        let mut patterns: BTreeMap<&str, Vec<(usize, Regex)>> = BTreeMap::new();
        for (index, log) in case.logs.iter().enumerate() {
            let pattern = Regex::new(&log.pattern).map_err(|error| error.to_string())?;
            patterns.entry(&log.service).or_default().push((index, pattern));
        }
        let taps = patterns.into_iter();
        Ok(Taps(taps.map(|(name, all)| (name.to_owned(), Tap::new(clock, all))).collect()))
    }

    /// The tap of a service, if it has one.
    pub(super) fn get(&self, service: &str) -> Option<Tap> {
        self.0.get(service).cloned()
    }

    /// What was found since the last look.
    pub(super) fn take(&self) -> Vec<Event> {
        self.0.values().flat_map(Tap::take).map(Event::Lines).collect()
    }

    /// That outputs were read to their ends; `until`: when what is judged was over.
    fn read(&self, until: At) -> Vec<Event> {
        let whole = self.0.values().filter_map(|tap| Some((tap, tap.seen()?)));
        let read = whole.flat_map(|(tap, lines)| {
            tap.logs().map(move |log| Event::LogRead(LogRead { log, until, lines }))
        });
        read.collect()
    }
}

impl Stream {
    /// Notes what services said until they ended; `until`: when what is judged was over.
    pub(super) fn finish_logs(&mut self, until: At) {
        for event in self.taps.take().into_iter().chain(self.taps.read(until)) {
            self.note(event);
        }
    }
}
