//! Tests of the workflow commands.

use super::super::exit::Exit;
use super::super::sample;
use super::*;

#[test]
fn the_text() {
    let text = annotations(&sample::head(), &sample::scorecard());
    assert_eq!(text, TEXT);
}

#[test]
fn ten_at_most_the_worst_first() {
    let mut scorecard = sample::scorecard();
    scorecard.objectives = (0..30)
        .map(|number| {
            let verdict = if number == 29 { Verdict::Violated } else { Verdict::Inconclusive };
            sample::objective(&format!("o{number}"), verdict)
        })
        .collect();
    let text = annotations(&sample::head(), &scorecard);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 11);
    assert!(lines[0].contains("violated%3A o29"), "{}", lines[0]);
    assert_eq!(lines[10], "::notice::and 21 more, see the job summary or verdict.json");
}

#[test]
fn a_run_that_is_met_says_nothing_and_one_that_broke_does() {
    let (mut head, mut scorecard) = (sample::head(), sample::scorecard());
    scorecard.verdict = Verdict::Met;
    scorecard.objectives.truncate(1);
    scorecard.expectations.truncate(1);
    head.exit = Exit::Met;
    assert_eq!(annotations(&head, &scorecard), "");
    head.exit = Exit::CouldNotRun;
    head.stopped_by = Some("backend: not ready\nwithin 10 s".into());
    assert_eq!(
        annotations(&head, &scorecard),
        "::error file=scenarios/slow-backend.yaml,title=slow-backend\
         ::could not run: backend: not ready within 10 s\n"
    );
}

#[test]
fn what_passes_only_warns_and_what_no_part_tells_is_told() {
    let (mut head, mut scorecard) = (sample::head(), sample::scorecard());
    scorecard.verdict = Verdict::Inconclusive;
    scorecard.objectives.clear();
    scorecard.expectations.clear();
    scorecard.sentence = "50 % of it is missing".into();
    let shown = annotations(&head, &scorecard);
    let text = "file=scenarios/slow-backend.yaml,title=slow-backend::50 %25 of it is missing\n";
    assert_eq!(shown, format!("::error {text}"));
    head.on_inconclusive = OnInconclusive::Pass;
    assert_eq!(annotations(&head, &scorecard), format!("::warning {text}"));
}

const TEXT: &str = r#"::error file=scenarios/slow-backend.yaml,line=32,title=✗ violated%3A errors (GET /machines/)::at least 0.21 %25 failed with 95 %25 confidence, less than 0.1 %25 is allowed
::error file=scenarios/slow-backend.yaml,line=31,title=✗ violated%3A <script>]]>|`x` %3A%3Aerror%3A%3A&::it said <script>]]>|`x` ::error::&, 100%25 of the time
::error file=scenarios/slow-backend.yaml,line=33,title=? inconclusive%3A errors (POST /predict/)::too few requests to tell; missing: 1161 more clean requests, 39 s at 30/s
::error file=scenarios/slow-backend.yaml,line=41,title=? inconclusive%3A answers read during idle::the fault never took effect; missing: a run in which `idle` affects a request
::warning title=✗ violated (advisory)%3A trend::P99 was 900 ms
"#;
