//! Moments of breakers: what may count from one, and what may not.
//! Not here: moments of loads and faults (`refused`, `outage`).

use super::outage::{good, refused};
use crate::plan::describe;
use assay_slo::case::{Anchor, Must};

const RECOVERS: &str = "objective: errors, after: down.end, within: 5s, hold: 3s";

#[test]
fn what_is_asked_may_count_from_a_breaker_s_opening() {
    let opening = "objective: errors, after: uplink.open + 12s, within: 5s, hold: 3s";
    let plan = good(&[(RECOVERS, opening)]);
    let Must::Recovers { after, .. } = &plan.case.expectations[1].must else { panic!() };
    assert_eq!((after.anchor, after.offset_us), (Anchor::BreakerOpen(0), 12_000_000));
    assert_eq!(plan.case.expectations[1].name, "recovers errors after uplink.open + 12s");
    assert!(describe(&plan).contains("after uplink.open + 12s"), "{}", describe(&plan));
    good(&[("drained: {after: down.end", "drained: {after: uplink.open")]);
}

#[test]
fn nothing_starts_or_ends_by_one() {
    let told = "when `uplink` opens only evidence tells, after the run, so nothing can start then";
    refused(&[("at: 20s, duration: 12s", "at: uplink.open, duration: 12s")], told);
    let ends = "rate: 400/s\n      until: uplink.open + 20s";
    refused(&[("rate: 400/s\n      duration: 50s", ends)], "so nothing can end then");
}

#[test]
fn one_that_is_none_is_told_with_what_to_write() {
    let after = |moment: &str, told: &str| {
        let asked = RECOVERS.replace("down.end", moment);
        refused(&[(RECOVERS, &asked)], told);
    };
    after("uplink.end", "`uplink` is a breaker, which has no end");
    after("down.open", "`down` is a fault, and only breakers open");
    after("uplunk.open", "unknown breaker `uplunk`");
    after("uplink.closed", "write uplink.open");
    refused(&[("opens: {after: down.start", "opens: {after: uplink.open")], "asks nothing");
}
