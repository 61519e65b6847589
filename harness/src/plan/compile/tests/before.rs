//! The flagship with too little before or after its fault: what is warned of.
//! Not here: what is refused (`outage`).

use super::outage::{MODE, good};

/// What comes back in its time must not be violated by the gate.
#[test]
fn a_last_look_before_what_is_allowed_is_warned_of() {
    let told = |changes: &[(&str, &str)]| good(changes).warnings.join("\n");
    let within = |time| told(&[("after: down.end, within: 5s", time)]);
    assert_eq!(within("after: down.end, within: 11s"), "");
    let late = within("after: down.end, within: 12s");
    assert!(late.contains("still allows failures, until 44s: write"), "{late}");
    assert!(late.contains("`steady-state: {after: 14s}`"), "{late}");
    // The gateways' own breaker fails no load; what waits behind a link may be anybody's.
    assert_eq!(told(&[("within: 8s", "within: 12s")]), "");
    let only = "evidence: [{arrivals: {link: api}}]";
    let own = "evidence: [{gateway: {fleet: trucks}}]";
    let seen = told(&[(own, only), (MODE, "mode: reset"), ("within: 8s", "within: 12s")]);
    assert!(seen.contains("`breaker uplink` still allows failures, until 44s"), "{seen}");
}

/// A level that is known from few seconds only tells little.
#[test]
fn a_goodput_after_few_seconds_is_warned_of() {
    let recovers = "  - recovers: {objective: errors";
    let goodput = format!(
        "  - goodput: {{of: [dashboards], at-least: 97%, after: down.end, within: 8s}}\n{recovers}"
    );
    let told = |at: &str| good(&[(recovers, &goodput), ("at: 20s", at)]).warnings.join("\n");
    let early = told("at: 8s");
    assert!(early.contains("from 8 s only") && early.contains("needs 937 ok answers"), "{early}");
    assert!(!told("at: 20s").contains("the level before"), "{}", told("at: 20s"));
}
