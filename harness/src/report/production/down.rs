//! Slices of time in which nothing answers, for objectives that say by `assay.dev/up` how that is seen.
//!
//! Invariants: a slice in which something answers for less than the share that must be good is down, whatever was
//! counted in it; one that is not down is left to what was counted; nothing is down before the service was up for
//! the first time, nor because Prometheus itself was away.
//! Not here: what is counted, and what a slice is worth (`production`).

use super::span;
use super::watched::{Slices, Watched};
use serde_json::{Value, json};

/// 1 in a slice that is down, else nothing.
pub(super) const SLICE: &str = "slo:slice_down:bool";
/// 1 or 0 as the expression says, nothing where it says nothing.
pub(super) const UP: &str = "slo:up:bool";
/// 1 whenever rules are evaluated.
const WATCHED: &str = "slo:watched:bool";

/// What is recorded all the time, not only at the end of each slice; nothing without an expression.
pub(super) fn watched(one: &Watched<'_>) -> Vec<Value> {
    let Some(up) = one.up else { return Vec::new() };
    let record =
        |name: &str, expr: String| json!({"record": name, "expr": expr, "labels": one.labels()});
    vec![record(UP, format!("max({up}) > bool 0")), record(WATCHED, "vector(1)".to_owned())]
}

/// The slice that was down last, while it is the present one.
pub(super) fn now(one: &Watched<'_>) -> String {
    of(one, SLICE)
}

/// Whether the slice that ends now is down; `total` is what was counted in it.
pub(super) fn slice(one: &Watched<'_>, slices: &Slices, total: &str) -> Option<String> {
    one.up?;
    let (up, watched, target) = (of(one, UP), of(one, WATCHED), &slices.target);
    let (slice, ever) = (span(slices.length_min), span(one.lasts_min));
    // What is no longer told is 0, as long as it is known from before.
    let share = format!(
        "(sum_over_time({up}[{slice}]) or 0 * max_over_time({up}[{ever}])) / count_over_time({watched}[{slice}])"
    );
    // It was up before this slice, and Prometheus was there for half of the slice before: neither a first start nor
    // one of Prometheus, which evaluates rules before it has asked its targets, is an outage.
    let before = format!(
        "max_over_time({up}[{ever}] offset {slice}) == 1 \
         and 2 * count_over_time({watched}[{slice}] offset {slice}) >= count_over_time({watched}[{slice}])"
    );
    // Nothing was told in all of it, but requests were counted: then the expression is wrong.
    let wrong = format!("({total}) > 0 unless on () count_over_time({up}[{slice}])");
    Some(format!("({share} < {target} and {before} unless on () ({wrong})) >= bool 0"))
}

fn of(one: &Watched<'_>, name: &str) -> String {
    format!("{name}{{slo=\"{}\"}}", one.name)
}
