//! Circuit breakers in metrics and logs.
//!
//! Invariant: a change is counted and logged when it happens; the state and the counts of results
//! are read from the breakers themselves at each scrape.
//! Not here: what the breakers guard.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::metrics::Metrics;
use crate::resilience::{Breaker, BreakerSettings, Listener, State, Transition};

/// All breakers of the process.
#[derive(Default)]
pub(crate) struct Breakers {
    all: Mutex<Vec<Breaker>>,
}

impl Breakers {
    /// Makes a breaker that is counted and logged.
    pub(crate) fn make(
        &self,
        name: &str,
        settings: BreakerSettings,
        metrics: &Arc<Metrics>,
    ) -> Breaker {
        let told = Arc::new(Told(Arc::clone(metrics)));
        let breaker = Breaker::with_listener(name, settings, Instant::now(), told);
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(breaker.clone());
        breaker
    }

    /// One that was made elsewhere.
    pub(crate) fn add(&self, breaker: Breaker) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(breaker);
    }

    /// Leaves out those made so far: of a process that calls nobody through them.
    pub(crate) fn forget(&self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What does not work just now: the breakers that are not closed, with their states.
    pub(crate) fn not_closed(&self) -> Vec<(String, State)> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let states = all.iter().map(|b| (b.name().to_owned(), b.state()));
        states.filter(|(_, state)| *state != State::Closed).collect()
    }

    /// Brings the metrics up to date.
    pub(crate) fn publish(&self, metrics: &Metrics) {
        for breaker in self.all.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            metrics.breaker(breaker.name(), breaker.state(), &breaker.statistics());
        }
    }
}

struct Told(Arc<Metrics>);

impl Listener for Told {
    fn on_transition(&self, change: &Transition) {
        tell(&self.0, change);
    }
}

/// Counts a change and logs it.
pub(crate) fn tell(metrics: &Metrics, change: &Transition) {
    let (from, to) = (change.from.name(), change.to.name());
    metrics.transition(&change.name, from, to);
    tracing::warn!(
        function = "on_transition",
        circuit_breaker = &*change.name,
        old_state = from,
        new_state = to,
        fail_counter = change.failures,
        cause = ?change.cause,
        "circuit breaker changed"
    );
}
