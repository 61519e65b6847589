//! Executors: what their keys come to, and what is refused.

use crate::plan::demand::{Known, demands};
use crate::plan::words::count;
use crate::plan::{Plan, Traffic, compile_all, describe};
use crate::spec::{Look, Overrides, Problems, decode};

const HEAD: &str = "
schema: 1
name: executors
seed: 7
services: {shop: {url: \"http://127.0.0.1:8080\"}}
objectives: {errors: {error-rate: {below: 1%}}}
load:
";

/// A scenario with these loads.
fn planned(loads: &str) -> Result<Plan, Problems> {
    let text = format!("{HEAD}{loads}");
    compile_all(decode("executors.yaml", &text, &Overrides::default(), &|_| None))
}

#[track_caller]
fn good(loads: &str) -> Plan {
    planned(loads).unwrap_or_else(|problems| panic!("{}", problems.render(Look::Plain)))
}

#[track_caller]
fn refused(loads: &str, messages: &[&str]) {
    let problems = planned(loads).err().unwrap_or_default();
    let shown = problems.render(Look::Plain);
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for message in messages {
        assert!(flat.contains(message), "no {message:?} in\n{shown}");
    }
    assert_eq!(problems.len(), 1, "{shown}");
}

const GET: &str = "requests: [{get: {path: /}}]";

#[test]
fn drawn_arrivals_are_planned_by_the_mean_and_counted_by_the_seed() {
    let load = format!(
        "  web: {{ramping-arrival-rate: {{start-rate: 0/s, stages: [{{duration: 60s, target: 100/s}}], \
         arrivals: poisson, {GET}}}}}"
    );
    let plan = good(&load);
    let arrivals = &plan.loads[0].arrivals;
    assert_eq!(arrivals.expected(), 3_000);
    let drawn = arrivals.times(0, 1).count() as u64;
    assert!(drawn != 3_000 && drawn.abs_diff(3_000) < 250, "{drawn}");
    assert_eq!(plan.case.loads[0].planned, drawn);
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = flat(&describe(&plan));
    for wanted in
        [format!("about 3 000 requests, {} with this seed", count(drawn)), "≈ 3 000".to_owned()]
    {
        assert!(shown.contains(&flat(&wanted)), "{wanted:?} is not in {shown}");
    }
    let objective = &plan.case.objectives[0];
    let asked =
        demands(objective, &objective.of, &objective.during, Traffic::of(&plan), &plan.case);
    assert_eq!((asked[0].expected, asked[0].known), (3_000, Known::About));
    // Two loads of the same rate do not arrive together, nor in step.
    let two = good(&format!(
        "  a: {{constant-arrival-rate: {{rate: 100/s, duration: 60s, arrivals: poisson, {GET}}}}}\n  \
         b: {{constant-arrival-rate: {{rate: 100/s, duration: 60s, arrivals: poisson, at: 5s, {GET}}}}}"
    ));
    let [a, b] = [0, 1].map(|load: usize| two.loads[load].arrivals.times(0, 1).collect::<Vec<_>>());
    assert!(b[0] >= 5_000_000 && a.iter().zip(&b).all(|(a, b)| a + 5_000_000 != *b));
}

#[test]
fn too_few_or_too_many_drawn_are_refused() {
    let web = |rate: &str, lasts: &str| {
        format!(
            "  web: {{constant-arrival-rate: {{rate: {rate}, duration: {lasts}, arrivals: poisson, \
             {GET}}}}}"
        )
    };
    refused(&web("2/s", "10s"), &["expects about 20 requests", "raise the rate to 30/s"]);
    refused(&web("100000/s", "168h"), &["too many to be drawn", "or `arrivals: even`"]);
    refused(&web("0/s", "10s"), &["sends nothing"]);
}

/// 20 journeys a second of three requests: the rate counts journeys, objectives count requests.
#[test]
fn journeys_arrive_whole() {
    let journey = "journey: [{post: {path: /login, capture: {token: {json: /t}}}}, {pause: 1s..3s}, \
                   {get: {path: \"/o/${token}\"}}, {get: {path: \"/o/${token}\"}}]";
    let load =
        format!("  web: {{constant-arrival-rate: {{rate: 20/s, duration: 60s, {journey}}}}}");
    let plan = good(&load);
    let load = &plan.loads[0];
    assert_eq!((load.requests.len(), load.cycle.as_slice(), load.each()), (2, &[0, 1, 1][..], 3));
    assert!(plan.case.loads[0].journeys);
    assert_eq!(plan.case.loads[0].planned, 1_200);
    // Three requests of 10 s each, and a pause of 3 s.
    assert_eq!(load.rest_us(), 33_000_000);
    let objective = &plan.case.objectives[0];
    let asked =
        demands(objective, &objective.of, &objective.during, Traffic::of(&plan), &plan.case);
    assert_eq!((asked[0].expected, asked[0].known), (3_600, Known::About));
    let shown = describe(&plan);
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in ["20/s, 1 200 journeys", "pause 1 s to 3 s"] {
        assert!(flat.contains(wanted), "{wanted:?} is not in {flat}");
    }
    let web = |what: &str| {
        format!("  web: {{constant-arrival-rate: {{rate: 20/s, duration: 60s{what}}}}}")
    };
    refused(&web(""), &["it says not what is sent"]);
    refused(&web(&format!(", {GET}, {journey}")), &["`journey` and `requests` in one load"]);
    refused(&web(", journey: [{get: {path: \"/${token}\"}}]"), &["`${token}` is unknown"]);
    refused(&web(", journey: [{pause: 1s}]"), &["a journey without a request sends nothing"]);
}
