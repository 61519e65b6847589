//! What objectives say besides their limit: what it comes to, and what is refused.

use crate::plan::{Plan, compile_all, describe};
use crate::spec::{Overrides, decode};
use assay_slo::Outcome;
use assay_slo::case::{Ask, Clock, Mark};

fn planned(objective: &str) -> Result<Plan, Vec<String>> {
    let text = format!(
        "schema: 1\nname: terms\nservices: {{shop: {{url: \"http://127.0.0.1:8080\"}}}}\n\
         load: {{web: {{constant-arrival-rate: {{rate: 100/s, duration: 20s, requests: [{{get: {{path: /}}}}]}}}}}}\n\
         objectives: {{a: {objective}}}\n"
    );
    let loaded = decode("terms.yaml", &text, &Overrides::default(), &|_| None);
    compile_all(loaded).map_err(|problems| problems.iter().map(|one| one.message.clone()).collect())
}

#[test]
fn they_become_part_of_the_question() {
    let plan = planned(
        "{error-rate: {below: 1%, window: 10s, not-errors: [http-429, timeout], bursts: 5}}",
    );
    let plan = plan.unwrap();
    let terms = &plan.case.objectives[0].terms;
    assert_eq!(terms.excused, [Outcome::Http429, Outcome::Timeout]);
    assert_eq!((terms.window_s, terms.bursts), (Some(10), Some(5)));
    let shown = describe(&plan);
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = "errors < 1%, also in windows of 10 s, http_429, timeout excused, in bursts of 5";
    assert!(flat.contains(wanted), "{flat}");
    // 299 clean ones, five times.
    assert!(flat.contains("2 000 1 495"), "{flat}");
    // Without terms the journal does not speak of them.
    let plain = planned("{error-rate: {below: 1%}}").unwrap();
    assert!(!serde_json::to_string(&plain.case).unwrap().contains("\"terms\""));
}

#[test]
fn a_latency_may_be_to_the_first_byte() {
    let plan = planned("{latency: {percentile: 95, below: 300ms, clock: first-byte}}").unwrap();
    let case = &plan.case;
    let Ask::Latency { clock, mark, service_mark, .. } = case.objectives[0].ask else { panic!() };
    assert_eq!(clock, Clock::FirstByte);
    let below = |clock| Mark::Below { clock, us: 300_000 };
    assert_eq!(case.marks[mark], below(Clock::FirstByte));
    // Of an ill generator only what the service took counts.
    assert_eq!(case.marks[service_mark], below(Clock::ServiceFirstByte));
    // By the service clock nothing is met for which we waited ourselves.
    let plan = planned("{latency: {percentile: 95, below: 300ms, clock: service}}").unwrap();
    let Ask::Latency { clock, mark, service_mark, .. } = plan.case.objectives[0].ask else {
        panic!()
    };
    assert_eq!(clock, Clock::Service);
    let marks = [mark, service_mark].map(|index| plan.case.marks[index].clone());
    assert_eq!(marks, [below(Clock::ServiceSeen), below(Clock::Service)]);
    let plan = planned("{latency: {percentile: 95, below: 300ms, clock: first-byte}}").unwrap();
    let shown = describe(&plan);
    assert!(shown.contains("P95 to the first byte < 300 ms"), "{shown}");
}

#[test]
fn what_could_not_be_meant_is_refused() {
    let told = planned("{latency: {percentile: 95, below: 1s, window: 1500ms, bursts: 0}}");
    assert_eq!(
        told.unwrap_err(),
        ["a window of 1s500ms is not in whole seconds", "bursts of 0 say nothing"]
    );
    // 2000 requests are enough for 0.2 % if they are independent, not if they come in fives.
    assert!(planned("{error-rate: {below: 0.2%}}").is_ok());
    let few = planned("{error-rate: {below: 0.2%, bursts: 5}}").unwrap_err();
    assert!(few[0].contains("needs at least 7 485"), "{few:?}");
}

#[test]
fn a_throughput_must_be_offered() {
    let flat = |objective| {
        let shown = describe(&planned(objective).unwrap());
        shown.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    // 1 % of 2000 may be missing; of a rate what is offered beyond it.
    let share = flat("{throughput: {at-least: 99%}}");
    assert!(share.contains("a 2 000 1 20 at least 99% of what is offered"), "{share}");
    let rate = flat("{throughput: {at-least: 90/s}}");
    assert!(rate.contains("a 2 000 1 800 200 at least 90/s answered ok"), "{rate}");
    let told = planned("{throughput: {at-least: 101/s}}").unwrap_err();
    assert!(
        told[0].contains("expects 2 000 requests during steady, after, but it needs"),
        "{told:?}"
    );
    let told = planned("{throughput: {at-least: 0%}}").unwrap_err();
    assert_eq!(told, ["a throughput of nothing asks for nothing"]);
}

/// Written, decoded, and without effect: said, not swallowed.
#[test]
fn what_changes_nothing_is_told() {
    let warnings = |objective| planned(objective).unwrap().warnings.join("\n");
    let told = warnings("{error-count: {at-most: 0, bursts: 5, confidence: 99%}}");
    assert!(
        told.contains("`a` counts exactly what happened, so its `confidence` changes"),
        "{told}"
    );
    assert!(told.contains("so its `bursts` changes nothing"), "{told}");
    assert_eq!(warnings("{error-count: {at-most: 0}}"), "");
}

/// What production is promised comes with objectives of an SLO file, and with no other.
#[test]
fn an_slo_file_s_time_and_alerts_come_with_its_objectives() {
    let text = "schema: 1\nname: terms\nservices: {shop: {url: \"http://127.0.0.1:8080\"}}\n\
         load: {web: {constant-arrival-rate: {rate: 300/s, duration: 60s, requests: [{get: {name: ingest, path: /}}]}}}\n\
         objectives:\n  errors: {error-rate: {below: 1%}}\n  \
         prod: {openslo: {file: assay:backend.yaml, name: ingest-errors}}\n";
    let loaded = decode("terms.yaml", text, &Overrides::default(), &|_| None);
    let plan = compile_all(loaded).unwrap();
    let objectives = plan.case.objectives.iter().map(|one| (one.name.as_str(), &one.production));
    for (name, production) in objectives {
        assert_eq!(production.is_some(), name == "prod", "{name}");
    }
    let prod = plan.case.objectives.iter().find_map(|one| one.production.as_ref()).unwrap();
    assert_eq!((prod.lasts_s, prod.alerts.len()), (30 * 86_400, 3));
    // It is in the journal as it was.
    let text = serde_json::to_string(&plan.case).unwrap();
    let again: assay_slo::Case = serde_json::from_str(&text).unwrap();
    assert_eq!(again, plan.case);
}
