//! What an objective asks, in words.
//!
//! Invariant: limits are printed exactly.
//! Not here: what was observed (`observed`).

use crate::case::{Ask, Clock};
use crate::words;

/// With its limit: `P95 < 500 ms`.
pub(crate) fn asks(ask: &Ask) -> String {
    match ask {
        Ask::Latency { percentile, below_us, clock, .. } => {
            let clock = match clock {
                Clock::Response => "",
                Clock::Service => " (service clock)",
                Clock::FirstByte => " to the first byte",
                Clock::ServiceFirstByte => " to the first byte (service clock)",
            };
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
    }
}

/// What is bad about a bad one: `errors`.
pub(crate) fn short(ask: &Ask) -> String {
    match ask {
        Ask::Latency { below_us, .. } => {
            format!("not ok in less than {}", words::duration(*below_us))
        }
        Ask::ErrorRate { .. } | Ask::ErrorCount { .. } => "not ok".to_owned(),
        Ask::Availability { .. } => "of the slices bad".to_owned(),
    }
}
