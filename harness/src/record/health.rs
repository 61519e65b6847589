//! How the generator itself did with each load: offered, begun, how late.
//!
//! Invariant: only requests due at or after time 0 are counted, and time from then on.
//! Not here: whether that was well enough (crate slo).

use super::intervals::GREATEST_US;
use assay_slo::At;
use assay_slo::event::Health;
use hdrhistogram::{CreationError, Histogram};
use std::collections::BTreeMap;

/// How late the requests of one load began between two instants.
#[derive(Debug, Clone)]
pub struct Lags {
    /// Index into the loads.
    pub load: usize,
    /// From when.
    pub from: At,
    /// To when.
    pub to: At,
    /// The lags, µs, three digits, 1 µs to one hour.
    pub lags: Histogram<u32>,
}

/// Health of all loads of one thread since the last hand-over.
#[derive(Debug)]
pub struct HealthBook {
    empty: Histogram<u32>,
    loads: BTreeMap<usize, Page>,
}

#[derive(Debug)]
struct Page {
    due: u64,
    begun: u64,
    done: u64,
    blocked: u64,
    under_way: u64,
    lag: Histogram<u32>,
    stood: Vec<(At, At)>,
}

impl HealthBook {
    /// Nothing seen yet.
    ///
    /// # Errors
    /// None in practice: the bounds are constants that the histogram accepts.
    pub fn new() -> Result<HealthBook, CreationError> {
        let empty = Histogram::new_with_bounds(1, GREATEST_US, 3)?;
        Ok(HealthBook { empty, loads: BTreeMap::new() })
    }

    /// A request became due.
    pub fn due(&mut self, load: usize) {
        let page = self.page(load);
        page.due += 1;
        page.under_way += 1;
    }

    /// It ended.
    pub fn done(&mut self, load: usize) {
        let page = self.page(load);
        page.done += 1;
        page.under_way = page.under_way.saturating_sub(1);
    }

    /// It began, so late, after having waited for a connection or not.
    pub fn begun(&mut self, load: usize, lag_us: u64, blocked: bool) {
        let page = self.page(load);
        page.begun += 1;
        page.blocked += u64::from(blocked);
        page.lag.saturating_record(lag_us);
    }

    /// The thread stood still from then to then.
    pub fn stood(&mut self, load: usize, from: At, to: At) {
        self.page(load).stood.push((from, to));
    }

    /// Hands over what happened between two instants, a line for each load that was not silent
    /// and its lags, and starts anew.
    pub fn take(&mut self, from: At, to: At) -> (Vec<Health>, Vec<Lags>) {
        let (mut lines, mut lags) = (Vec::new(), Vec::new());
        for (load, page) in &mut self.loads {
            if page.due + page.begun + page.done + page.under_way > 0 || !page.stood.is_empty() {
                lines.push(page.line(*load));
            }
            if !page.lag.is_empty() {
                lags.push(Lags { load: *load, from, to, lags: page.lag.clone() });
            }
            page.start_anew();
        }
        (lines, lags)
    }

    fn page(&mut self, load: usize) -> &mut Page {
        self.loads.entry(load).or_insert_with(|| Page {
            due: 0,
            begun: 0,
            done: 0,
            blocked: 0,
            under_way: 0,
            lag: self.empty.clone(),
            stood: Vec::new(),
        })
    }
}

impl Page {
    fn line(&mut self, load: usize) -> Health {
        Health {
            load,
            due: self.due,
            begun: self.begun,
            done: self.done,
            blocked: self.blocked,
            lag_p50_us: self.lag.value_at_quantile(0.5),
            lag_p99_us: self.lag.value_at_quantile(0.99),
            lag_max_us: self.lag.max(),
            in_flight: self.under_way,
            stood: std::mem::take(&mut self.stood),
        }
    }

    fn start_anew(&mut self) {
        (self.due, self.begun, self.done, self.blocked) = (0, 0, 0, 0);
        self.lag.reset();
    }
}
