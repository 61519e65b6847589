//! Tests of the text at the end of a run.

use super::super::exit::{Exit, OnInconclusive};
use super::super::sample;
use super::*;

#[test]
fn the_text() {
    let text = console(&sample::head(), &sample::scorecard(), Detail::Usual, Color::Plain);
    assert_eq!(text, TEXT);
}

#[test]
fn quiet_is_the_verdict_and_the_paths() {
    let (mut head, mut scorecard) = (sample::head(), sample::scorecard());
    scorecard.verdict = Verdict::Inconclusive;
    scorecard.sentence = "few: needs 1161 more clean requests".into();
    (head.on_inconclusive, head.exit) = (OnInconclusive::Pass, Exit::Interrupted);
    head.stopped_by = Some("SIGINT".into());
    assert_eq!(
        console(&head, &scorecard, Detail::Quiet, Color::Plain),
        "? inconclusive: few: needs 1161 more clean requests\n\
         stopped: SIGINT\n\
         exit code 130 (interrupted)\n\
         repeat   assay run scenarios/slow-backend.yaml --seed 42\n\
         reports  reports/slow-backend-20260801T100000Z-42/report.html  summary.md  junit.xml  verdict.json\n"
    );
    head.exit = Exit::StillBroken;
    let long = format!("sleep (pid 5) of {}could not be ended: `kill -9 5`", "api ".repeat(40));
    head.still_broken = vec![long.clone()];
    let text = console(&head, &scorecard, Detail::Quiet, Color::Plain);
    let last = "\nexit code 5 (an undo failed, something is still broken)\n";
    assert!(text.contains(&format!("\nstill broken: {long}{last}")), "{text}");
    head.still_broken.clear();
    (head.stopped_by, head.exit) = (None, Exit::Met);
    let text = console(&head, &scorecard, Detail::Quiet, Color::Plain);
    assert!(text.contains("exit code 0 (met), by --on-inconclusive pass\n"), "{text}");
}

#[test]
fn verbose_adds_and_takes_nothing_away() {
    let (head, scorecard) = (sample::head(), sample::scorecard());
    let usual = console(&head, &scorecard, Detail::Usual, Color::Plain);
    let verbose = console(&head, &scorecard, Detail::Verbose, Color::Plain);
    assert!(usual.lines().all(|line| verbose.contains(line)), "{verbose}");
    for more in [
        "file scenarios/slow-backend.yaml, sha256 9f86d081884c7d65",
        "during: steady, after: 34 s, 85.0 % of its requests; 3 moved to a fault",
        "k 12, unknown 0, L 0.00101796875, U 0.00285412345, limit 0.05, confidence 0.95, deff 1",
        "because: it held again from 3.1 s on",
    ] {
        assert!(verbose.contains(more) && !usual.contains(more), "{more}\n{verbose}");
    }
}

#[test]
fn health_is_told_when_ill_or_asked() {
    let (head, mut scorecard) = (sample::head(), sample::scorecard());
    scorecard.health.well = true;
    let told = |detail| console(&head, &scorecard, detail, Color::Plain).contains("Load generator");
    assert!(!told(Detail::Usual));
    assert!(told(Detail::Verbose));
}

#[test]
fn color_only_adds_codes() {
    let (head, scorecard) = (sample::head(), sample::scorecard());
    let colored = console(&head, &scorecard, Detail::Usual, Color::Ansi);
    assert!(colored.contains("\u{1b}[31m"), "{colored:?}");
    assert_eq!(console::strip_ansi_codes(&colored), TEXT);
}

#[test]
fn no_name_begins_a_line_or_steers_the_terminal() {
    let (mut head, mut scorecard) = (sample::head(), sample::scorecard());
    let hostile = format!("{} \u{1b}[2J\n::stop-commands::x", "word ".repeat(20));
    (head.scenario, head.hypothesis) = (hostile.clone(), Some(hostile.clone()));
    (head.command, head.stopped_by) = (hostile.clone(), Some(hostile.clone()));
    scorecard.sentence = hostile.clone();
    scorecard.faults[0].name = hostile.clone();
    scorecard.findings = vec![hostile.clone()];
    let score = &mut scorecard.objectives[1];
    (score.id, score.reason, score.worst) = (hostile.clone(), hostile.clone(), Some(hostile));
    let text = console(&head, &scorecard, Detail::Verbose, Color::Plain);
    assert!(!text.contains('\u{1b}'));
    assert!(text.lines().all(|line| !line.trim_start().starts_with("::")), "{text}");
}

const TEXT: &str = r#"scenario slow-backend, seed 42, started 2026-08-01T10:00:00Z
hypothesis: With half of the answers failing, reads stay fast | and no page breaks.

Objectives
  ✗ violated      errors (GET /machines/)     errors < 0.1 %              0.31 % (21 of 6800)         n 6800 (85.0 % of all)
      worst: 0.9 % (18 of 2000) from 14 s to 24 s
      because: at least 0.21 % failed with 95 % confidence, less than 0.1 % is allowed
  ✗ violated      <script>]]>|`x` ::error::&  <script>]]>|`x` ::error::&  <script>]]>|`x` ::error::&  n 6800 (85.0 % of all)
      because: it said <script>]]>|`x` ::error::&, 100% of the time
  ? inconclusive  errors (POST /predict/)     P95 < 500 ms                0 % (0 of 1834)             n 1834 (85.0 % of all)
      because: too few requests to tell
      missing: 1161 more clean requests, 39 s at 30/s
  ✓ met           fast                        P95 < 500 ms                P95 312 ms                  n 6800 (85.0 % of all)
      worst: P95 470 ms from 12 s to 22 s
  ✗ violated      trend                       P95 < 500 ms                P95 312 ms                  n 6800 (85.0 % of all), advisory
      because: P99 was 900 ms

Expectations
  ? inconclusive  answers read during idle        not looked at
      asks: errors holds again within 5 s, for 3 s
      because: the fault never took effect
      missing: a run in which `idle` affects a request
  ✓ met           recovers errors after half.end  recovered 2.1 s to 3.1 s after half.end

Faults
  - half  error on api  asked 600  injected 598  seen 598      took effect
  - idle  error on api  asked 0    injected 0    seen unknown  without effect

Loads
  - dashboards: 9998 of 10000 begun; ok 9000, http_5xx 996, protocol_error 2, of these 1 idle_reset;
    response P50 3.1 ms, P95 312 ms, P99 900 ms, max 1.52 s

Findings
  - service backend was restarted by nobody we know
  - header x-name was <script>]]>|`x` ::error::&

Load generator
  - 2 of 10000 requests were not sent; lag P99 up to 7.4 ms

✗ violated: errors (GET /machines/): 0.31 % failed (21 of 6800), at least 0.21 % with 95 %
confidence, where less than 0.1 % is allowed
exit code 1 (violated)
repeat   assay run scenarios/slow-backend.yaml --seed 42
reports  reports/slow-backend-20260801T100000Z-42/report.html  summary.md  junit.xml  verdict.json
"#;
