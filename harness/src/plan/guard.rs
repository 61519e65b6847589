//! What stops a run before its end, and what a gate looks at.
//!
//! Not here: looking (`probe`), stopping (`run`).

use super::Text;
use assay_slo::Share;
use assay_slo::case::Limits;

/// A probe of the steady-state gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// As reports name it: `GET /health of backend`.
    pub name: String,
    /// What is looked at.
    pub look: Look,
}

/// What a probe looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// A path of a service.
    Http(HttpLook),
    /// The last value of a metric.
    Metric {
        /// Index into [`assay_slo::Case::metrics`].
        metric: usize,
        /// Where it must lie.
        limits: Limits,
    },
    /// A command that ends with status 0.
    Command(Vec<Text>),
}

/// A look at a path of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLook {
    /// The service asked.
    pub service: String,
    /// Path and query.
    pub path: String,
    /// Accepted statuses, inclusive ranges; empty: 2xx.
    pub status: Vec<(u16, u16)>,
}

/// What stops a run, and how long it must be so, µs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// In each second more than this share of the requests was not ok.
    ErrorRate {
        /// The share.
        above: Share,
        /// For so long.
        hold_us: u64,
        /// Only seconds that no fault and no recovery touches.
        outside_faults: bool,
    },
    /// The 99th percentile of each second's lag was more than this.
    Lag {
        /// The limit, µs.
        above_us: u64,
        /// For so long.
        hold_us: u64,
    },
    /// Every value read was outside of these.
    Metric {
        /// Index into [`assay_slo::Case::metrics`].
        metric: usize,
        /// Where it should lie.
        limits: Limits,
        /// For so long.
        hold_us: u64,
    },
    /// Every look failed.
    Probe {
        /// As the journal names it: `guard: GET /health of api`.
        name: String,
        /// The look, once a second.
        look: HttpLook,
        /// For so long.
        hold_us: u64,
    },
}

impl Guard {
    /// Of every run: over 95 % errors for 60 s outside faults.
    pub const DEFAULT: Guard =
        Guard::ErrorRate { above: Share(950_000_000), hold_us: 60_000_000, outside_faults: true };
}
