//! The edge's own metrics, beside those that every service of the platform has.
//!
//! Invariant: labels are lists: no machine's name, which the outbox does not bound.
//! Not here: when something is delivered (see `courier`).

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use prometheus::{Error, IntCounterVec, IntGauge, Opts};
use tokio::time::Instant;

use super::Kind;
use crate::telemetry::exemplars::{Family, Timed};
use crate::telemetry::metrics::Metrics;

/// From a moment to an hour: an outage's backlog is old when it arrives.
const AGES: [f64; 12] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3_600.0];

pub(super) struct Meters {
    held: IntGauge,
    oldest: IntGauge,
    delivered: IntCounterVec,
    discarded: IntCounterVec,
    age: Timed,
    /// When the oldest item came.
    since: Mutex<Option<Instant>>,
}

impl Meters {
    pub(super) fn declare(metrics: &Metrics) -> Result<Meters, Error> {
        let registry = metrics.registry();
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, Error>(gauge)
        };
        let counter = |name: &str, help: &str, label: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, Error>(counter)
        };
        let age = Family {
            name: "edge_delivery_age_seconds",
            help: "From an item's acknowledgement by the edge to its acknowledgement by the backend.",
            labels: &[],
        };
        let age = metrics.timed(age, &AGES)?;
        let meters = Meters {
            held: gauge("edge_outbox_items", "Items that wait or are under way.")?,
            oldest: gauge(
                "edge_outbox_oldest_seconds",
                "How long the oldest item has waited since it came, or since this process started.",
            )?,
            delivered: counter(
                "edge_delivered_total",
                "Items that the backend acknowledged.",
                "data_type",
            )?,
            discarded: counter(
                "edge_discarded_total",
                "Items that the backend refused for good: lost, and logged.",
                "reason",
            )?,
            age,
            since: Mutex::new(None),
        };
        // Both are worth an alert, so both exist from the start.
        meters.discarded.with_label_values(&["refused"]).inc_by(0);
        meters.delivered.with_label_values(&[Kind::Sample.name()]).inc_by(0);
        Ok(meters)
    }

    /// Within the context of the request that brought the item.
    pub(super) fn delivered(&self, kind: Kind, age: Duration) {
        self.delivered.with_label_values(&[kind.name()]).inc();
        self.age.observe(&[], age.as_secs_f64());
    }

    pub(super) fn discarded(&self) {
        self.discarded.with_label_values(&["refused"]).inc();
    }

    /// When the oldest item that is held came.
    pub(super) fn oldest(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    pub(super) fn held(&self, items: usize) {
        self.held.set(i64::try_from(items).unwrap_or(i64::MAX));
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = since.map_or(0, |since| since.elapsed().as_secs());
        self.oldest.set(i64::try_from(seconds).unwrap_or(i64::MAX));
    }
}
