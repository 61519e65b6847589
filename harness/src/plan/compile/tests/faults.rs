//! Each check of faults with a scenario that fails it.

use super::good;
use super::refused::{FAULT, among, refused};
use crate::plan::{FaultKind, Pressure, Until};
use assay_slo::case::Shows;

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
    let query = "`/cart?a=1` fits no path: queries are not looked at";
    refused(&[("method: [post]", "path: \"/cart?a=1\"")], query);
    let stub = "{stub: [{get: {path: \"/cart?a=1\"}}]}";
    refused(&[("pay: {to: payments}", &format!("pay: {stub}"))], query);
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
    refused(&[("{share: 50%}", "{every-nth: 0}")], "`every-nth: 0` takes none");
    refused(&[("{share: 50%}", "{next: 0}")], "`next: 0` takes none");
}

#[test]
fn a_service_that_nothing_names_is_warned_of() {
    let warned = |more: &str| {
        let spare = "  spare: {process: {command: [run], ready: {log: up}}}\n";
        let services = format!("{spare}{more}links:\n");
        let pause = "half: {pause: {service: spare, at: 20s, duration: 10s, recovery: 10s}}";
        good(&[("links:\n", &services), (FAULT, pause)]).warnings.join("\n")
    };
    assert!(warned("").contains("`half` acts on service `spare`, which nothing else here names"));
    let user =
        "  user: {process: {command: [use, \"${services.spare.addr}\"], ready: {log: up}}}\n";
    let warnings = warned(user);
    assert!(!warnings.contains("nothing else"), "{warnings}");
}

#[test]
fn acts_on_services() {
    let act = |act: &str| format!("half: {{{act}}}");
    let pause = |service: &str| {
        act(&format!("pause: {{service: {service}, at: 20s, duration: 10s, recovery: 10s}}"))
    };
    let plan = good(&[(FAULT, &pause("shop"))]);
    assert_eq!(
        (&plan.faults[0].kind, &plan.case.faults[0].shows),
        (&FaultKind::Pause, &Shows::Done)
    );
    refused(&[(FAULT, &pause("payments"))], "was not started by us, so `pause` cannot reach it");
    refused(&[(FAULT, &pause("shpo"))], "did you mean `shop`?");
    let two = format!(
        "{}\n  other: {{kill: {{service: shop, at: 28s, duration: 3s, again: {{times: 1, every: 9s}}}}}}",
        pause("shop")
    );
    refused(&[(FAULT, &two)], "`shop` is not up then, by `half`");
    let restart = act("restart: {service: shop, at: 20s, recovery: 10s}");
    // Its own time to end, and to be seen to be gone.
    assert_eq!(good(&[(FAULT, &restart)]).faults[0].lasts_us, 7_000_000);
}

#[test]
fn acts_on_a_process_that_runs_already() {
    let act = |act: &str| {
        let fault = format!("half: {{{act}, at: 20s, recovery: 10s}}}}");
        let theirs = "payments: {running-process: {port: 9090}}".to_owned();
        [("payments: {url: \"http://127.0.0.1:9090/v1/\"}", theirs), (FAULT, fault)]
    };
    let planned = |fault: &str| {
        let changes = act(fault);
        good(&changes.each_ref().map(|(from, to)| (*from, to.as_str())))
    };
    let told = |fault: &str, message: &str| {
        let changes = act(fault);
        refused(&changes.each_ref().map(|(from, to)| (*from, to.as_str())), message);
    };
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for by in ["", ", restarted-by: supervisor"] {
        let plan = planned(&format!("kill: {{service: payments, signal: TERM, duration: 5s{by}"));
        let kind = FaultKind::Kill { signal: 15, by: crate::plan::RestartedBy::Others };
        assert_eq!((&plan.faults[0].kind, &plan.case.faults[0].shows), (&kind, &Shows::Gone));
        let shown = words(crate::plan::describe(&plan));
        let killed = "payments killed by signal 15 with all who descend from it; whoever started it starts it \
                      again within 5 s";
        assert!(shown.contains(killed), "{shown}");
        let dry = words(crate::plan::dry_run(&plan));
        assert!(dry.contains("by whoever supervises it, or the run is violated"), "{dry}");
    }
    told(
        "kill: {service: payments, duration: 5s, restarted-by: assay",
        "was not started by us, so we cannot start it again",
    );
    let plan = planned("pause: {service: payments, duration: 5s");
    let dry = words(crate::plan::dry_run(&plan));
    assert!(dry.contains("undone: SIGCONT to each of its processes; if this program"), "{dry}");
    planned("pressure: {service: payments, duration: 5s, cpu: 80%, memory: 1MiB, disk: 1MiB");
    told(
        "stop: {service: payments, duration: 5s",
        "write a `kill` with `signal: TERM` if somebody supervises it",
    );
    told("restart: {service: payments", "nobody here could start it again after a `restart`");
    told("disconnect: {service: payments, duration: 5s", "which is in no network of its own");
    told("pause: {service: payments, duration: 5s, count: 1", "there is one of `payments`");
}

#[test]
fn a_neighbour_may_want_all_of_a_core() {
    let press = |what: &str| {
        let when = "at: 20s, duration: 10s, recovery: 10s";
        good(&[(FAULT, &format!("half: {{pressure: {{service: shop, {what}, {when}}}}}"))])
    };
    let shown = |what: &str| {
        let shown = crate::plan::describe(&press(what));
        shown.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let busy = "a busy neighbour of 100% on each core where it may run and Assay may not, for 10 s, at most 40 s";
    let alone = shown("cpu: 100%, cpu-by: burners");
    assert!(alone.contains(&format!("shop has {busy}")), "{alone}");
    let both = shown("cpu: 100%, cpu-by: burners, memory: 1MiB");
    assert!(
        both.contains(&format!("shop loses 1MiB of memory, for 10 s, and has {busy}")),
        "{both}"
    );
    let dry = crate::plan::dry_run(&press("cpu: 100%, cpu-by: burners"));
    assert!(dry.contains("the neighbour is ended"), "{dry}");
    // Said or not, it is the same cycle.
    let (said, unsaid) = (press("cpu: 50%, cpu-by: duty-cycle"), press("cpu: 50%"));
    assert_eq!(said.faults[0].kind, unsaid.faults[0].kind);
}

#[test]
fn a_pressure_leaves_something() {
    let press = |what: &str| {
        format!(
            "half: {{pressure: {{service: shop{what}, at: 20s, duration: 10s, recovery: 10s}}}}"
        )
    };
    let plan = good(&[(FAULT, &press(", cpu: 80%, memory: 512MiB, disk: 1GiB"))]);
    let cpu = assay_slo::Share(assay_slo::Share::ONE.0 / 5 * 4);
    let pressure = Pressure { cpu, by_burners: false, memory: 512 << 20, disk: 1 << 30 };
    assert_eq!(
        (&plan.faults[0].kind, &plan.case.faults[0].shows),
        (&FaultKind::Pressure(pressure), &Shows::Done)
    );
    let shown = crate::plan::describe(&plan);
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let lost = "shop loses 80% of its processor time, 512MiB of memory, 1GiB of disk, for 10 s";
    assert!(shown.contains(lost), "{shown}");
    refused(&[(FAULT, &press(""))], "it takes nothing");
    refused(&[(FAULT, &press(", cpu: 96%"))], "96% of its processor time cannot be taken");
    refused(&[(FAULT, &press(", cpu: 0%"))], "a service that gets none is a `pause`");
    refused(&[(FAULT, &press(", disk: 0B"))], "`disk: 0B` takes nothing");
    refused(
        &[(FAULT, &press(", memory: 1MiB, cpu-by: burners"))],
        "`cpu-by` says how `cpu` is taken, and none is",
    );
    refused(&[(FAULT, &press(", cpu-by: burners"))], "it takes nothing");
    let long = press(", cpu: 50%").replace("duration: 10s", "duration: 11m");
    among(&[(FAULT, &long)], &["11m is too long for a pressure"]);
    let payments = press(", cpu: 50%").replace("shop", "payments");
    refused(&[(FAULT, &payments)], "was not started by us, so `pressure` cannot reach it");
    let two = format!(
        "{}\n  other: {{pause: {{service: shop, at: 25s, duration: 1s}}}}",
        press(", cpu: 50%")
    );
    refused(&[(FAULT, &two)], "`shop` is under pressure then, by `half`");
}

const LASTS: &str = "duration: 60s\n";

#[test]
fn commands_end_themselves_and_loads_may_wait_for_them() {
    let deploy =
        |settings: &str| format!("half: {{command: {{{settings}, at: 20s, recovery: 10s}}}}");
    let command = deploy("shell: ./deploy.sh, undo: [./back.sh], timeout: 30s");
    let plan = good(&[(FAULT, &command), (LASTS, "until: half.end + 25s\n")]);
    assert_eq!(plan.ends_us, 75_000_000, "at its latest");
    assert_eq!(plan.untils, [Until { load: 0, fault: 0, after_us: 25_000_000 }]);
    let shown = crate::plan::describe(&plan);
    assert!(shown.contains("sh -c ./deploy.sh, until it ends, at most 30 s"), "{shown}");
    assert!(shown.contains("undone by ./back.sh"), "{shown}");
    // One whose end is known before is no more than another way to write a length.
    let known = good(&[(LASTS, "until: half.end + 30s\n")]);
    assert_eq!((known.ends_us, known.untils.len()), (60_000_000, 0));

    rates_that_change_hold_the_last(&command);

    refused(&[(FAULT, &deploy("timeout: 30s"))], "does not say what is run");
    refused(&[(FAULT, &deploy("shell: a, run: [b], timeout: 9s"))], "more than one command");
    let wait = |more: &str, message: &str| {
        among(&[(FAULT, &format!("{command}\n  late: {more}"))], &[message]);
    };
    let late = "{abort: {link: front, at: half.end + 1s, duration: 1s}}";
    wait(late, "when `half` ends, nobody knows before");
    let until = |until: &str, message: &str| {
        among(&[(FAULT, &command), (LASTS, &format!("until: {until}\n"))], &[message]);
    };
    until("half.end - 1s", "when `half` ends, nobody knows earlier");
    until("visitors.end + 1s", "these wait for each other: visitors → visitors");
    until("0s", "`visitors` would end before it starts");
    among(&[(LASTS, "duration: 60s\n      until: 90s\n")], &["both `duration` and `until`"]);
    among(&[(LASTS, "arrivals: even\n")], &["does not say how long it lasts"]);
}

/// A ramp or stairs to 60/s within 30 s, which end when a constant rate would.
fn rates_that_change_hold_the_last(command: &str) {
    const RATE: &str = "constant-arrival-rate:\n      rate: 200/s\n";
    let ramp = "ramping-arrival-rate:\n      start-rate: 200/s\n      stages: \
                [{duration: 10s, target: 90/s}, {duration: 20s, target: 60/s}]\n";
    let stairs = "stepping-arrival-rate:\n      start-rate: 30/s\n      step: 30/s\n      \
                  max-rate: 60/s\n      step-duration: 15s\n";
    for load in [ramp, stairs] {
        let until = |until: &str| format!("until: {until}\n");
        let fault = (FAULT, command);
        let plan = good(&[fault, (RATE, load), (LASTS, &until("half.end + 25s"))]);
        assert_eq!((plan.ends_us, plan.untils.len()), (75_000_000, 1), "{load}");
        let arrivals = &plan.loads[0].arrivals;
        let held = [30_000_000, 74_999_999].map(|us| arrivals.rate_at_milli_per_min(us) / 60_000);
        assert_eq!(held, [60; 2], "{load}");
        let in_hold = arrivals.times(0, 1).filter(|us| *us >= 30_000_000).count();
        assert_eq!((in_hold, arrivals.count()), (45 * 60, plan.case.loads[0].planned), "{load}");
        let short = "`visitors` takes 30s to its last rate, but would end after 29s";
        among(&[(RATE, load), (LASTS, &until("29s"))], &[short]);
        among(&[fault, (RATE, load), (LASTS, &until("half.end - 1s"))], &["nobody knows earlier"]);
    }
    let steps = good(&[(FAULT, command), (RATE, stairs), (LASTS, "until: half.end + 25s\n")]);
    let shown = crate::plan::describe(&steps).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("steps of 30/s, each 15 s, the last held for 45 s"), "{shown}");
    let steps = steps.case.loads[0].steps.iter().map(|step| (step.from_s, step.to_s));
    assert_eq!(steps.collect::<Vec<_>>(), [(0, 15), (15, 30)], "the hold is no part of a step");
}
