//! Each check of faults with a scenario that fails it.

use super::refused::{FAULT, refused};

/// The scenario's fault as this one.
#[track_caller]
fn instead(kind: &str, settings: &str, message: &str) {
    let fault = format!("half: {{{kind}: {{link: front, at: 20s, duration: 10s, {settings}}}}}");
    refused(&[(FAULT, &fault)], message);
}

#[test]
fn what_has_no_effect_or_cannot_be() {
    let refuse = "half: {outage: {link: front, mode: refuse, affects: {share: 50%}, at: 20s, duration: 10s}}";
    refused(&[(FAULT, refuse)], "closes the door before any request is seen");
    refused(&[("status: 503,", "status: 200,")], "200 is no error");
    refused(&[("share: 50%", "share: 0%")], "has no effect");
    refused(&[("share: 50%", "quota: 33.3%")], "33.3% is no whole number");
    refused(&[("method: [post]", "method: [pots]")], "did you mean `POST`?");
    refused(&[("method: [post]", "path: products")], "matches no path");
    let late = "half: {latency: {link: front, add: {fixed: 0s}, at: 20s, duration: 10s}}";
    refused(&[(FAULT, late)], "a delay of 0s delays nothing");
    let spare = "  pay: {to: payments}\n  spare: {to: shop}";
    refused(
        &[("  pay: {to: payments}", spare), ("link: front", "link: spare")],
        "nothing goes through `spare`",
    );
}

#[test]
fn delays_that_are_none() {
    let add = |add: &str, message| instead("latency", &format!("add: {add}"), message);
    add("{lognormal: {p50: 200ms, p99: 40ms}}", "a p99 of 40ms is not above the p50 of 200ms");
    add("{lognormal: {p50: 40ms, p99: 40ms}}", "or `fixed: 40ms` for no spread at all");
    add("{lognormal: {p50: 0s, p99: 40ms}}", "a delay of 0s delays nothing");
    add("{pareto: {min: 5ms, p99: 5ms}}", "a p99 of 5ms is not above the min of 5ms");
    add("{pareto: {min: 0s, p99: 5ms}}", "a delay of 0s delays nothing");
    add("{recorded: nowhere.hlog}", "nowhere.hlog`: No such file");
}

#[test]
fn a_bandwidth_of_nothing() {
    instead("bandwidth", "rate: 0B/s", "write a rate above, such as 64KiB/s, or a `stall`");
}

#[test]
fn numbers_of_victims_that_are_none() {
    refused(&[("{share: 50%}", "{every-nth: 0}")], "`every-nth: 0` takes no request");
    refused(&[("{share: 50%}", "{next: 0}")], "`next: 0` takes no request");
}
