//! Stairs and capacities: what their keys come to, and what is refused.

use crate::plan::{Plan, compile_all, describe};
use crate::spec::{Look, Overrides, Problems, decode};

/// 100/s to 400/s, and a load beside it.
const GOOD: &str = "
schema: 1
name: stairs
services: {shop: {url: \"http://127.0.0.1:8080\"}}
load:
  up: {stepping-arrival-rate: {start-rate: 100/s, step: 100/s, max-rate: 450/s, step-duration: 10s, settle: 2s, stop-after: [fast], at: 5s, requests: [{get: {path: /}}]}}
  web: {constant-arrival-rate: {rate: 1/s, duration: 60s, requests: [{get: {path: /web}}]}}
objectives:
  slow: {capacity: {of: up, while: [errors], advisory: true}}
  errors: {error-rate: {below: 1%, of: [up]}}
  fast: {latency: {percentile: 95, below: 300ms}}
  slices: {availability: {at-least: 99%, advisory: true}}
  room: {capacity: {of: up, at-least: 300/s, while: [fast, errors]}}
";

fn planned(text: &str) -> Result<Plan, Problems> {
    compile_all(decode("stairs.yaml", text, &Overrides::default(), &|_| None))
}

#[test]
fn they_become_the_question() {
    let plan = planned(GOOD).unwrap_or_else(|problems| panic!("{}", problems.render(Look::Plain)));
    let load = &plan.case.loads[0];
    assert_eq!(load.planned, 10_000);
    let steps = load.steps.iter().map(|s| (s.milli_per_min / 60_000, s.from_s, s.to_s, s.planned));
    let wanted =
        [(100, 7, 15, 800), (200, 17, 25, 1_600), (300, 27, 35, 2_400), (400, 37, 45, 3_200)];
    assert_eq!(steps.collect::<Vec<_>>(), wanted);
    assert!(plan.case.loads[1].steps.is_empty());
    // Capacities have no place among the objectives.
    let names: Vec<_> = plan.case.objectives.iter().map(|o| (&*o.name, o.criterion)).collect();
    assert_eq!(names, [("errors", true), ("fast", true), ("slices", false)]);
    assert_eq!(load.stop_after, [1]);
    let capacities = plan.case.capacities.iter();
    let capacities: Vec<_> = capacities
        .map(|c| (&*c.name, c.at_least_milli_per_min, c.criteria.clone(), c.advisory))
        .collect();
    let wanted = [("slow", None, vec![0], true), ("room", Some(300 * 60_000), vec![1, 0], false)];
    assert_eq!(capacities, wanted);
    let shown = describe(&plan).split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        "load up: 100/s to 400/s in steps of 100/s, each 10 s, 2 s of it to settle, 10 000 requests",
        "room 4 steps - - capacity of at least 300/s of up with fast, errors",
        "slow 4 steps - - capacity of up with errors; advisory",
        "fast - - - P95 < 300 ms of all in each step",
    ] {
        assert!(shown.contains(wanted), "{wanted:?} is not in {shown}");
    }
}

#[test]
fn what_cannot_be_is_refused_in_one_message() {
    let long = "settle: 2s";
    for (from, to, messages) in [
        ("at-least: 300/s", "at-least: 250/s", &["no step has 250/s", "200/s or 300/s"][..]),
        ("at-least: 300/s", "at-least: 450/s", &["no step has 450/s", "write 400/s"]),
        ("while: [fast,", "while: [slices,", &["`slices` counts slices of a run"]),
        ("stop-after: [fast]", "stop-after: [slices]", &["`slices` counts slices of a run"]),
        ("while: [fast,", "while: [fats,", &["unknown objective `fats`", "fast"]),
        ("while: [fast,", "while: [slow,", &["`slow` is a capacity"]),
        ("stop-after: [fast]", "stop-after: [nope]", &["unknown objective `nope`"]),
        ("{of: up, at", "{of: web, at", &["`web` does not go up in steps", "does: `up`"]),
        ("{of: up, at", "{of: upp, at", &["unknown load `upp`", "up"]),
        (long, "settle: 9500ms", &["leaves no whole second"]),
        ("step: 100/s", "step: 0/s", &["never goes up"]),
        ("max-rate: 450/s", "max-rate: 99/s", &["has no step"]),
        ("start-rate: 100/s", "start-rate: 0/s", &["the first step of `up` sends nothing"]),
        ("max-rate: 450/s", "max-rate: 1000000/s", &["10000 stages or steps are too many"]),
        ("step-duration: 10s", "step-duration: 0s", &["0s is no length of time here"]),
        // 200 requests are due in the judged seconds of the first step, 299 are needed. What is
        // only advisory is warned about.
        (
            long,
            "settle: 8s",
            &[
                "`room`: step 100/s expects 200 requests to judge, but `errors` below 1% at 95% \
                 confidence needs at least 299",
                "write a longer `step-duration`",
            ],
        ),
        (long, "arrivals: poisson, settle: 8s", &["expects about 200 requests to judge"]),
    ] {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD, "{from}");
        let problems = planned(&text).err().unwrap_or_default();
        let shown = problems.render(Look::Plain);
        let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(messages.iter().all(|message| flat.contains(message)), "{messages:?}\n{shown}");
        assert_eq!(problems.len(), 1, "{shown}");
    }
}

#[test]
fn a_criterion_is_no_question_of_the_run() {
    let only =
        GOOD.replace("  room:", "  #").replace("stop-after: [fast]", "stop-after: [fast, errors]");
    let shown = planned(&only).err().unwrap_or_default().render(Look::Plain);
    assert!(shown.contains("nothing is asked"), "{shown}");
    assert!(
        planned(
            &only.replace("[fast, errors]", "[fast]").replace("while: [errors]", "while: [fast]")
        )
        .is_ok()
    );
}

/// The gate asks of a system what it must keep; a criterion is meant to be broken.
#[test]
fn no_criterion_closes_the_gate_unless_it_is_named() {
    let fault = "faults: {down: {outage: {link: l, mode: refuse, at: 20s, duration: 2s, recovery: 5s}}}\nlinks: {l: {to: shop}}\n";
    let gate = |text: &str| {
        let plan = planned(text).unwrap_or_else(|p| panic!("{}", p.render(Look::Plain)));
        plan.case.steady_state.unwrap().require
    };
    let through =
        GOOD.replace("at: 5s", "at: 5s, to: l").replace("duration: 60s", "duration: 60s, to: l");
    let through = format!(
        "{}{fault}",
        through.replace(
            "slices: {availability: {at-least: 99%, advisory: true}}",
            "none: {error-count: {at-most: 9999}}"
        )
    );
    assert_eq!(gate(&through), [2], "only `none`");
    assert_eq!(gate(&format!("{through}steady-state: {{require: [errors]}}\n")), [0]);
}
