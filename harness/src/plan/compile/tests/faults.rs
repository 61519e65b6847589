//! Each check of faults with a scenario that fails it.

use super::refused::{FAULT, among, refused};

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
fn ramps_and_repetitions_that_do_not_fit() {
    let late =
        |more: &str, message| instead("latency", &format!("add: {{fixed: 1s}}, {more}"), message);
    late("ramp: {up: 6s, down: 5s}", "6s up and 5s down do not fit in 10s");
    late("ramp: {up: 0s}", "neither `up` nor `down` lasts any time");
    late("again: {times: 0, every: 20s}", "`times: 0` is not from 1 to 1000");
    late("recovery: 1s, again: {times: 1, every: 10s}", "none can start 10s after the one before");
    let again = |times: u64| {
        let late =
            "half: {latency: {link: front, at: 20s, duration: 10s, add: {fixed: 1s}, again: ";
        format!("{late}{{times: {times}, every: 60s}}}}}}")
    };
    among(&[(FAULT, &again(1001))], &["`times: 1001` is not from 1 to 1000"]);
    let last = "`half` ends at 2m30s and its recovery at 2m40s, but the load ends at 1m";
    among(&[(FAULT, &again(2))], &[last]);
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
