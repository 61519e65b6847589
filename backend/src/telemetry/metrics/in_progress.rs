//! A request from its head read to its answer made.
//!
//! Invariant: whoever leaves before the answer only ends the gauge.
//! Not here: what surrounds a request (see `api::observe`).

use std::time::Duration;

use tokio::time::Instant;

use super::{Metrics, REQUESTS};

/// A request being served; dropping it without an answer (the client left) only ends the gauge.
pub(crate) struct InProgress<'a> {
    pub(super) metrics: &'a Metrics,
    pub(super) method: &'static str,
    pub(super) endpoint: &'static str,
    pub(super) started: Instant,
}

impl InProgress<'_> {
    /// Counts the request, which this task serves, with its status; returns how long it took. One that failed
    /// is an exemplar only if it has a line in the log.
    pub(crate) fn answered(self, status: u16, logged: bool) -> Duration {
        let time = self.started.elapsed();
        if !self.metrics.on {
            return time;
        }
        let mut digits = [0_u8; 3];
        let text = three_digits(status, &mut digits);
        let series = [self.method, self.endpoint, text];
        self.metrics.http_requests.with_label_values(&series).inc();
        if status >= 400 && logged {
            self.metrics.exemplars.keep(&REQUESTS, &series, 0, 1.0);
        }
        self.metrics.http_duration.observe(&series[..2], time.as_secs_f64());
        time
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        if self.metrics.on {
            self.metrics.http_in_progress.with_label_values(&[self.method, self.endpoint]).dec();
        }
    }
}

/// A status as text without an allocation for each request.
fn three_digits(status: u16, digits: &mut [u8; 3]) -> &str {
    let digit = |n: u16| b'0' + u8::try_from(n % 10).unwrap_or_default();
    *digits = [digit(status / 100), digit(status / 10), digit(status)];
    std::str::from_utf8(digits).unwrap_or("000")
}
