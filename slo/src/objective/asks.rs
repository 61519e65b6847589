//! What an objective asks, in words.
//!
//! Invariant: limits are printed exactly.
//! Not here: what was observed (`observed`).

use crate::case::{Ask, Clock, Pace};
use crate::words;

/// With its limit: `P95 < 500 ms`.
pub(crate) fn asks(ask: &Ask) -> String {
    match ask {
        Ask::Latency { percentile, below_us, clock, .. } => {
            let clock = on(*clock);
            let limit = words::duration(*below_us);
            format!("{} < {limit}{clock}", words::percentile(*percentile))
        }
        Ask::ErrorRate { below } => format!("error rate < {}", words::share(*below)),
        Ask::ErrorCount { at_most } => format!("at most {}", words::count(*at_most, "error")),
        Ask::Availability { at_least, slice_s, slice_target, .. } => format!(
            "available for at least {} of slices of {slice_s} s (good with {} ok)",
            words::share(*at_least),
            words::share(*slice_target)
        ),
        Ask::LatencyChange { percentile, at_most, clock } => {
            let clock = on(*clock);
            let (rank, most) = (words::percentile(*percentile), words::share(*at_most));
            format!("{rank} at most {most} above the baseline{clock}")
        }
        Ask::ErrorRateChange { at_most } => {
            let points = words::number(at_most.fraction() * 100.0);
            format!("error rate at most {points} points above the baseline")
        }
        Ask::Throughput { at_least: Pace::Share(share) } => {
            format!("throughput of at least {} of what is offered", words::share(*share))
        }
        Ask::Throughput { at_least: Pace::Rate(rate) } => {
            format!("throughput of at least {}", words::rate(*rate))
        }
    }
}

/// Which clock, unless it is the usual one.
fn on(clock: Clock) -> &'static str {
    match clock {
        Clock::Response => "",
        Clock::Service | Clock::ServiceSeen => " (service clock)",
        Clock::FirstByte => " to the first byte",
        Clock::ServiceFirstByte => " to the first byte (service clock)",
    }
}

/// What is bad about a bad one: `errors`.
pub(crate) fn short(ask: &Ask) -> String {
    match ask {
        Ask::Latency { below_us, .. } => {
            format!("not ok in less than {}", words::duration(*below_us))
        }
        Ask::ErrorRate { .. }
        | Ask::ErrorCount { .. }
        | Ask::LatencyChange { .. }
        | Ask::ErrorRateChange { .. } => "not ok".to_owned(),
        Ask::Throughput { .. } => "not answered ok".to_owned(),
        Ask::Availability { .. } => "of the slices bad".to_owned(),
    }
}
