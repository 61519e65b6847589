//! The telemetry of a process of devices: what they send told as the platform's services tell theirs.
//!
//! Invariant: a sample's delivery is one span, whatever its attempts; all of them carry it on.
//! Not here: devices themselves, who sends, when and why.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};
use tokio::time::Instant;

use crate::machine::MachineId;
use crate::resilience::{Breaker, Transition};
use crate::telemetry::Telemetry;
use crate::telemetry::breakers::{self, Breakers};
use crate::telemetry::context::Context;
use crate::telemetry::exemplars::{Family, Timed};
use crate::telemetry::logs::Flood;
use crate::telemetry::traces::{self, Kind, Open};

/// The name of a device client's breaker in metrics, logs and `/health`.
pub const BREAKER: &str = crate::edge::BREAKER;

/// The operation's name in metrics and spans.
const FUNCTION: &str = "device.send";

const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What devices tell.
pub struct DeviceTelemetry {
    telemetry: Arc<Telemetry>,
    breakers: Breakers,
    flood: Flood,
    attempts: IntCounterVec,
    duration: Timed,
    samples: IntCounterVec,
    outbox: IntGauge,
    progress: Mutex<Progress>,
}

/// How far they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Samples generated.
    pub generated: u64,
    /// Samples acknowledged.
    pub acknowledged: u64,
    /// Samples that wait to be sent.
    pub held: u64,
}

impl std::fmt::Debug for DeviceTelemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceTelemetry").finish_non_exhaustive()
    }
}

impl DeviceTelemetry {
    pub(crate) fn new(telemetry: Arc<Telemetry>) -> Result<DeviceTelemetry, prometheus::Error> {
        let registry: &Registry = telemetry.metrics.registry();
        let counter = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["outcome"])?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let duration = Family {
            name: "device_send_duration_seconds",
            help: "Time of one attempt.",
            labels: &[],
        };
        let duration = telemetry.metrics.timed(duration, &SECONDS)?;
        let outbox = IntGauge::new("device_outbox_samples", "Samples that wait to be sent.")?;
        registry.register(Box::new(outbox.clone()))?;
        // How often a gateway tries is its own.
        telemetry.metrics.may_retry(FUNCTION, 1);
        let samples = counter(
            "device_samples_total",
            "Samples: generated, acknowledged, or failed (once for each delivery given up).",
        )?;
        // The first that fails is a rise.
        for outcome in ["generated", "acknowledged", "failed"] {
            samples.with_label_values(&[outcome]).inc_by(0);
        }
        Ok(DeviceTelemetry {
            attempts: counter("device_attempts_total", "Attempts to send, by how they ended.")?,
            samples,
            duration,
            outbox,
            telemetry,
            breakers: Breakers::default(),
            flood: Flood::default(),
            progress: Mutex::default(),
        })
    }

    /// A sample of a device is sent.
    #[must_use]
    pub fn sending(&self, device: &str, sample: u64) -> Sending<'_> {
        let span = self.telemetry.traces.root(FUNCTION, Kind::Client);
        let number = i64::try_from(sample).unwrap_or(i64::MAX);
        span.set("machine_id", device.to_owned());
        span.set("sample_number", number);
        let context = Context {
            // Each attempt has an id of its own.
            request_id: String::new(),
            machine_id: MachineId::parse(device).map(OnceLock::from).unwrap_or_default(),
            sample_number: OnceLock::from(number),
            parent: span.parent().clone(),
            ..Context::default()
        };
        Sending { told: self, span, context: Arc::new(context) }
    }

    /// A breaker that the devices send through.
    pub fn watch(&self, breaker: Breaker) {
        self.breakers.add(breaker);
    }

    /// Its change of state.
    pub fn breaker(&self, change: &Transition) {
        breakers::tell(&self.telemetry.metrics, change);
    }

    /// How far they are.
    pub fn progress(&self, now: Progress) {
        let mut last = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let new = |now: u64, last: u64| now.saturating_sub(last);
        let count = |outcome: &str, n| self.samples.with_label_values(&[outcome]).inc_by(n);
        count("generated", new(now.generated, last.generated));
        count("acknowledged", new(now.acknowledged, last.acknowledged));
        self.outbox.set(i64::try_from(now.held).unwrap_or(i64::MAX));
        *last = now;
    }

    /// All has been sent, or was given up.
    pub fn ended(&self, stopped: bool) {
        let Progress { generated, acknowledged, held } =
            *self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        tracing::info!(function = "ended", generated, acknowledged, held, stopped, "devices ended");
    }

    pub(crate) fn last(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn breakers(&self) -> &Breakers {
        &self.breakers
    }
}

/// A sample on its way.
pub struct Sending<'a> {
    told: &'a DeviceTelemetry,
    span: Open,
    context: Arc<Context>,
}

impl Sending<'_> {
    /// The header `traceparent` of its requests; none without traces.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        traces::traceparent(self.span.parent())
    }

    /// An attempt ended so, after such a time.
    pub fn attempted(&self, outcome: &str, time: Duration) {
        self.told.attempts.with_label_values(&[outcome]).inc();
        let observe = || self.told.duration.observe(&[], time.as_secs_f64());
        Arc::clone(&self.context).within(observe);
    }

    /// An attempt follows, the first being 1.
    pub fn begins(&self, number: u64) {
        if number > 1 {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            self.told.telemetry.metrics.retry(FUNCTION, number);
        }
    }

    /// Nothing more is tried for now.
    pub fn ended(self, outcome: &str, acknowledged: bool, attempts: u64) {
        self.span.set("attempts", i64::try_from(attempts).unwrap_or(i64::MAX));
        self.span.set("outcome", outcome.to_owned());
        if acknowledged {
            let line = || {
                tracing::debug!(function = "ended", outcome, attempts, "sample acknowledged");
            };
            return self.context.within(line);
        }
        self.span.fail(outcome.to_owned(), outcome);
        self.told.samples.with_label_values(&["failed"]).inc();
        self.told.telemetry.metrics.gave_up(FUNCTION);
        let Some(suppressed) = self.told.flood.admit("send", Instant::now()) else { return };
        self.context.within(|| {
            tracing::warn!(
                function = "ended",
                error_type = "external",
                error_code = "external_service_error",
                outcome,
                attempts,
                suppressed,
                "sample not acknowledged"
            );
        });
    }
}
