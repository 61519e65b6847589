//! The figures of `assay load --json`: what scripts compare.
//!
//! Invariant: taken from the scorecard, so that they are those of every report.
//! Invariant: a run that did not come to its end is not called met, as in no report.
//! Not here: how they were measured (`load`, `record`).

use crate::report::{self, Head};
use assay_slo::Scorecard;
use assay_slo::case::Clock;
use assay_slo::scorecard::{LagScore, LoadScore, TimesScore};
use serde::Serialize;

/// Times in ms; none where nothing was timed, but the keys are always there.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
struct Times {
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
    p999: Option<f64>,
    max: Option<f64>,
}

/// One load. Times are on the response clock where it has one, else on the service clock; none
/// where nothing was answered ok.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Requests that ended.
    requests: u64,
    /// Of these, not ok.
    errors: u64,
    /// Requests that this machine could not send.
    not_sent: u64,
    /// Requests that ended in a second, on average.
    rate: f64,
    /// Of what was answered ok.
    #[serde(flatten)]
    times: Times,
    /// On the service clock.
    service: Times,
    /// To the first byte of the answer, from when the request was due.
    first_byte: Times,
    /// How late requests began.
    lag: Times,
    /// Of `--find`, the interval that the capacity lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<Capacity>,
    /// As every report is titled; none where nothing was asked.
    verdict: Option<&'static str>,
}

/// In requests a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Capacity {
    /// All gates held up to this rate; none where the first step did not.
    at_least: Option<f64>,
    /// A gate was broken at this one; none where no step broke one.
    less_than: Option<f64>,
}

impl Figures {
    /// Of the first load, which was to last so long, s.
    pub(super) fn of(head: &Head, scorecard: &Scorecard, planned_s: f64) -> Option<Figures> {
        let load = scorecard.loads.first()?;
        let count = |name: &str| of_outcome(load, name);
        let all: u64 = load.outcomes.iter().map(|(_, n)| n).sum();
        let not_sent = count("not_sent");
        let requests = all.saturating_sub(not_sent + count("cut"));
        let seconds = if load.planned > 0 && all == load.planned {
            // The last interval belongs to it, although its last request came before.
            planned_s
        } else {
            // One that was stopped did not last as long.
            let ended_ms = scorecard.phases.iter().map(|phase| phase.to_ms).max().unwrap_or(0);
            planned_s.min(ended_ms as f64 / 1e3)
        };
        let on = |clock| load.times.iter().find(|times| times.clock == clock).map(times);
        let service = on(Clock::Service);
        Some(Figures {
            requests,
            errors: requests.saturating_sub(count("ok")),
            not_sent,
            rate: rounded(requests as f64 / seconds.max(1e-6)),
            times: on(Clock::Response).or(service).unwrap_or_default(),
            service: service.unwrap_or_default(),
            first_byte: on(Clock::FirstByte).unwrap_or_default(),
            lag: load.lag.as_ref().map(lag).unwrap_or_default(),
            capacity: scorecard
                .objectives
                .iter()
                .find(|one| !one.steps.is_empty())
                .map(|one| Capacity { at_least: one.lower, less_than: one.upper }),
            verdict: report::word(head, scorecard),
        })
    }
}

fn of_outcome(load: &LoadScore, name: &str) -> u64 {
    load.outcomes.iter().find(|(outcome, _)| outcome == name).map_or(0, |(_, n)| *n)
}

fn times(score: &TimesScore) -> Times {
    in_ms([score.p50_us, score.p95_us, score.p99_us, score.p999_us, score.max_us])
}

fn lag(score: &LagScore) -> Times {
    in_ms([score.p50_us, score.p95_us, score.p99_us, score.p999_us, score.max_us])
}

fn in_ms(us: [u64; 5]) -> Times {
    let [p50, p95, p99, p999, max] = us.map(|us| Some(us as f64 / 1000.0));
    Times { p50, p95, p99, p999, max }
}

fn rounded(rate: f64) -> f64 {
    (rate * 1000.0).round() / 1000.0
}
