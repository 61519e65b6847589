//! What a run would have cost in production.
//!
//! Not here: how that is found (`budget`).

use serde::{Deserialize, Serialize};

/// The budget of one objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetScore {
    /// How much of the budget of the judged requests is spent; 1 is all of it.
    pub spent: f64,
    /// How fast all requests of the run spent it, faults included; 1 is as fast as is allowed.
    pub burn: f64,
    /// How long a budget lasts in production, seconds.
    pub lasts_s: u64,
    /// What each fault would cost of a budget.
    pub faults: Vec<FaultCost>,
    /// What burn-rate alerts would have done: those of its SLO file, or the usual ones. None where nobody
    /// counted in which seconds the bad ones were.
    pub alerts: Option<Vec<AlertScore>>,
}

/// What a fault would cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultCost {
    /// Its name.
    pub fault: String,
    /// How long it was on.
    pub seconds: f64,
    /// The share of the requests that were bad then.
    pub bad: f64,
    /// Of a budget, as a fraction.
    pub of_period: f64,
}

/// What an alert over two windows would have done, if all had been well before and after the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertScore {
    /// The name of its policy.
    pub name: String,
    /// The long window, seconds.
    pub long_s: u64,
    /// The short window, seconds.
    pub short_s: u64,
    /// It fires when both burn faster than this.
    pub threshold: f64,
    /// Or exactly so fast.
    pub at_least: bool,
    /// It stays silent, for the long window has fewer requests than this; none where it has enough.
    pub too_few: Option<u64>,
    /// The fastest burn over the long window.
    pub long: f64,
    /// The fastest burn over the short window.
    pub short: f64,
    /// When it would have fired, seconds after time 0, which may be after the run's end; none if not.
    pub fired_s: Option<i64>,
}
