//! Tests of junit.xml: its text, and that it is well-formed and never greener than the exit code.

use super::super::sample::{self, HOSTILE};
use super::*;
use assay_slo::event::EndReason;
use proptest::prelude::*;

fn written(head: &Head, scorecard: &Scorecard) -> String {
    String::from_utf8(junit_xml(head, scorecard).unwrap()).unwrap()
}

/// What another program reads.
fn read(head: &Head, scorecard: &Scorecard) -> TestSuite {
    let mut report = Report::deserialize_from_str(&written(head, scorecard)).unwrap();
    assert_eq!(report.test_suites.len(), 1);
    report.test_suites.remove(0)
}

fn message(case: &TestCase) -> &str {
    match &case.status {
        TestCaseStatus::NonSuccess { message: Some(message), .. }
        | TestCaseStatus::Skipped { message: Some(message), .. } => message.as_str(),
        _ => "",
    }
}

#[test]
fn the_text() {
    let mut scorecard = sample::scorecard();
    scorecard.expectations.truncate(1);
    assert_eq!(written(&sample::head(), &scorecard), TEXT);
}

#[test]
fn what_could_not_be_told_follows_the_policy() {
    let (mut head, mut scorecard) = (sample::head(), sample::scorecard());
    scorecard.verdict = Verdict::Inconclusive;
    scorecard.objectives.drain(..2);
    scorecard.objectives.truncate(1);
    scorecard.expectations.clear();
    let mut shown = |policy| {
        head.on_inconclusive = policy;
        let suite = read(&head, &scorecard);
        assert_eq!(message(&suite.test_cases[0]), "inconclusive: too few requests to tell");
        (suite.errors, suite.failures, suite.skipped)
    };
    assert_eq!(shown(OnInconclusive::Exit3), (1, 0, 0));
    assert_eq!(shown(OnInconclusive::Fail), (0, 1, 0));
    assert_eq!(shown(OnInconclusive::Pass), (0, 0, 1));
}

#[test]
fn a_run_that_was_stopped_is_an_error_even_when_all_was_met() {
    let (mut head, mut scorecard) = (sample::head(), sample::scorecard());
    scorecard.verdict = Verdict::Met;
    scorecard.objectives.truncate(1);
    scorecard.expectations.clear();
    head.exit = Exit::CouldNotRun;
    head.stopped_by = Some("max-duration: still running\nafter 2 m".into());
    let suite = read(&head, &scorecard);
    assert_eq!((suite.tests, suite.errors), (2, 1));
    let last = suite.test_cases.last().unwrap();
    assert_eq!(last.name.as_str(), "the run");
    assert_eq!(last.classname.as_deref(), Some("slow-backend.run"));
    assert_eq!(message(last), "could not run: max-duration: still running after 2 m");
    head.exit = Exit::StillBroken;
    head.still_broken = vec!["sleep (pid 5) is left".into(), "sh (pid 6) is left".into()];
    head.stopped_by = None;
    let suite = read(&head, &scorecard);
    let last = suite.test_cases.last().unwrap();
    let wanted = "something is still broken: sleep (pid 5) is left; sh (pid 6) is left";
    assert_eq!(message(last), format!("an undo failed, {wanted}"));
}

#[test]
fn a_verdict_that_no_case_carries_has_its_own() {
    let (mut head, mut scorecard) = (sample::head(), sample::scorecard());
    scorecard.objectives.truncate(1);
    scorecard.expectations.clear();
    scorecard.verdict = Verdict::Inconclusive;
    head.exit = Exit::Inconclusive;
    scorecard.sentence = "the journal ends in the middle of the run".into();
    let suite = read(&head, &scorecard);
    assert_eq!((suite.tests, suite.errors), (2, 1));
    assert_eq!(message(&suite.test_cases[1]), format!("inconclusive: {}", scorecard.sentence));
}

#[test]
fn names_are_unique_and_never_empty() {
    let (mut head, mut scorecard) = (sample::head(), sample::scorecard());
    head.scenario = "\u{7} \n".into();
    scorecard.objectives =
        ["a", "a\u{7}", "\n", "a #2"].map(|name| sample::objective(name, Verdict::Met)).to_vec();
    let suite = read(&head, &scorecard);
    assert_eq!(suite.name.as_str(), "scenario");
    let names: Vec<_> = suite.test_cases[..4].iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["a", "a #2", "objective", "a #2 #2"]);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just(HOSTILE.to_owned()),
        "[\\x00-\\x20<>&\"'\\]\\[|%`a\u{7f}\u{9b}\u{fffe}\u{ffff}]{0,24}",
    ]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![Just(Verdict::Met), Just(Verdict::Inconclusive), Just(Verdict::Violated)]
}

fn end() -> impl Strategy<Value = Option<EndReason>> {
    prop_oneof![
        4 => Just(Some(EndReason::Complete)),
        1 => Just(None),
        1 => Just(Some(EndReason::Guard)),
        1 => Just(Some(EndReason::Terminated)),
    ]
}

fn policy() -> impl Strategy<Value = OnInconclusive> {
    prop_oneof![Just(OnInconclusive::Exit3), Just(OnInconclusive::Fail), Just(OnInconclusive::Pass)]
}

proptest! {
    #[test]
    fn any_text_is_well_formed(texts in proptest::collection::vec(text(), 12), seconds in any::<f64>()) {
        let (mut head, mut scorecard) = (sample::head(), sample::scorecard());
        let mut texts = texts.into_iter();
        let mut next = || texts.next().unwrap_or_default();
        (head.scenario, head.file, head.started) = (next(), next(), next());
        (scorecard.sentence, head.labels) = (next(), vec![(next(), next())]);
        let score = &mut scorecard.objectives[1];
        (score.id, score.asks, score.reason, score.place.file) = (next(), next(), next(), next());
        score.seconds = seconds;
        (scorecard.expectations[1].id, scorecard.expectations[1].reason) = (next(), next());
        let xml = written(&head, &scorecard);
        let broken = xml.chars().find(|c| {
            (c.is_control() && *c != '\n') || matches!(c, '\u{FFFE}' | '\u{FFFF}')
        });
        prop_assert_eq!(broken, None);
        let report = Report::deserialize_from_str(&xml).unwrap();
        prop_assert_eq!(report.to_string().unwrap(), xml);
        prop_assert_eq!(report.tests, 7);
        let reason = named(&scorecard.objectives[1].reason, "violated");
        prop_assert_eq!(message(&report.test_suites[0].test_cases[1]), reason);
    }

    /// A run that is as bad as the worst of its parts, ended as it may.
    #[test]
    fn green_exactly_when_the_exit_code_is_0(
        parts in proptest::collection::vec((verdict(), any::<bool>()), 0..5),
        least in prop_oneof![3 => Just(Verdict::Met), 1 => verdict()],
        end in end(),
        policy in policy(),
        broken in proptest::bool::weighted(0.1),
    ) {
        let (mut head, mut scorecard) = (sample::head(), sample::scorecard());
        scorecard.expectations.clear();
        scorecard.objectives = parts
            .iter()
            .map(|(verdict, advisory)| ObjectiveScore {
                advisory: *advisory,
                ..sample::objective("one", *verdict)
            })
            .collect();
        let deciding = parts.iter().filter(|(_, advisory)| !advisory).map(|(verdict, _)| *verdict);
        scorecard.verdict = deciding.chain([least]).max().unwrap_or(least);
        head.on_inconclusive = policy;
        head.exit = Exit::of(scorecard.verdict, end, broken, policy);
        let suite = read(&head, &scorecard);
        prop_assert_eq!(suite.failures + suite.errors == 0, head.exit == Exit::Met, "{:?}", head.exit);
    }
}

const TEXT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="slow-backend" tests="6" skipped="1" failures="2" errors="1">
    <testsuite name="slow-backend" tests="6" skipped="1" errors="1" failures="2" timestamp="2026-08-01T10:00:00.000+00:00" time="50.000" file="scenarios/slow-backend.yaml">
        <properties>
            <property name="tool" value="assay 0.1.0"/>
            <property name="run-id" value="slow-backend-20260801T100000Z-42"/>
            <property name="seed" value="42"/>
            <property name="sha256" value="9f86d081884c7d65"/>
            <property name="team" value="edge"/>
            <property name="&lt;b&gt;" value="&lt;script&gt;]]&gt;|`x` ::error::&amp;"/>
        </properties>
        <testcase name="fast" classname="slow-backend.objectives" time="34.000" file="scenarios/slow-backend.yaml" line="31">
            <system-out>12 of 6800 took 500 ms or more, up to 314 were allowed
asks      P95 &lt; 500 ms
during    steady, after: 34 s, 85.0 % of its requests; 3 moved to a fault
observed  P95 312 ms
worst     P95 470 ms from 12 s to 22 s
n     k   unknown  L              U              limit  confidence  deff
6800  12  0        0.00101796875  0.00285412345  0.05   0.95        1</system-out>
        </testcase>
        <testcase name="errors (GET /machines/)" classname="slow-backend.objectives" time="34.000" file="scenarios/slow-backend.yaml" line="32">
            <failure message="at least 0.21 % failed with 95 % confidence, less than 0.1 % is allowed" type="slo.violated">at least 0.21 % failed with 95 % confidence, less than 0.1 % is allowed
asks      errors &lt; 0.1 %
during    steady, after: 34 s, 85.0 % of its requests; 3 moved to a fault
observed  0.31 % (21 of 6800)
worst     0.9 % (18 of 2000) from 14 s to 24 s
n     k   unknown  L              U        limit  confidence  deff
6800  21  0        0.00206912345  0.00444  0.001  0.95        1.75</failure>
        </testcase>
        <testcase name="errors (POST /predict/)" classname="slow-backend.objectives" time="34.000" file="scenarios/slow-backend.yaml" line="33">
            <error message="inconclusive: too few requests to tell" type="slo.inconclusive">inconclusive: too few requests to tell
asks      P95 &lt; 500 ms
during    steady, after: 34 s, 85.0 % of its requests; 3 moved to a fault
observed  0 % (0 of 1834)
missing   1161 more clean requests, 39 s at 30/s
n     k  unknown  L  U              limit  confidence  deff
1834  0  4        -  0.00163212345  0.001  0.95        1</error>
        </testcase>
        <testcase name="trend" classname="slow-backend.objectives" time="34.000">
            <skipped message="advisory, violated: P99 was 900 ms">advisory, violated: P99 was 900 ms
asks      P95 &lt; 500 ms
during    steady, after: 34 s, 85.0 % of its requests; 3 moved to a fault
observed  P95 312 ms
n     k   unknown  L              U              limit  confidence  deff
6800  12  0        0.00101796875  0.00285412345  0.05   0.95        1</skipped>
        </testcase>
        <testcase name="&lt;script&gt;]]&gt;|`x` ::error::&amp;" classname="slow-backend.objectives" time="34.000" file="scenarios/slow-backend.yaml" line="31">
            <failure message="it said &lt;script&gt;]]&gt;|`x` ::error::&amp;, 100% of the time" type="slo.violated">it said &lt;script&gt;]]&gt;|`x` ::error::&amp;, 100% of the time
asks      &lt;script&gt;]]&gt;|`x` ::error::&amp;
during    steady, after: 34 s, 85.0 % of its requests; 3 moved to a fault
observed  &lt;script&gt;]]&gt;|`x` ::error::&amp;
n     k   unknown  L              U              limit  confidence  deff
6800  12  0        0.00101796875  0.00285412345  0.05   0.95        1</failure>
        </testcase>
        <testcase name="recovers errors after half.end" classname="slow-backend.expectations" time="0.000" file="scenarios/slow-backend.yaml" line="40">
            <system-out>it held again from 3.1 s on
asks      errors holds again within 5 s, for 3 s
observed  recovered 2.1 s to 3.1 s after half.end</system-out>
        </testcase>
        <system-out>errors (GET /machines/): 0.31 % failed (21 of 6800), at least 0.21 % with 95 % confidence, where less than 0.1 % is allowed</system-out>
    </testsuite>
</testsuites>
"#;
