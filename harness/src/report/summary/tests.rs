//! Tests of summary.md.

use super::super::sample::{self, HOSTILE};
use super::*;
use assay_slo::Verdict;
use proptest::prelude::*;

#[test]
fn the_text() {
    assert_eq!(summary_md(&sample::head(), &sample::scorecard()), TEXT);
}

#[test]
fn the_page_never_grows_beyond_its_limit() {
    let (mut head, mut scorecard) = (sample::head(), sample::scorecard());
    let flood = "|&<`\u{1F4A5}".repeat(4_000);
    let score = ObjectiveScore {
        reason: flood.clone(),
        ..sample::objective(&flood, Verdict::Inconclusive)
    };
    scorecard.objectives = vec![score; 3_000];
    scorecard.objectives.push(sample::objective("the worst", Verdict::Violated));
    scorecard.expectations = vec![scorecard.expectations[1].clone(); 9_000];
    scorecard.faults = vec![scorecard.faults[0].clone(); 9_000];
    scorecard.findings = vec![flood.clone(); 20_000];
    scorecard.phases = vec![scorecard.phases[2].clone(); 20_000];
    scorecard.loads = vec![scorecard.loads[0].clone(); 20_000];
    scorecard.health.sentence = flood.clone();
    scorecard.sentence = flood.clone();
    head.labels = vec![(flood.clone(), flood.clone()); 50];
    head.command = flood.clone();
    (head.file, head.run_id, head.sha256, head.started) =
        (flood.clone(), flood.clone(), flood.clone(), flood.clone());
    (head.stopped_by, head.hypothesis) = (Some(flood.clone()), Some(flood));
    let page = summary_md(&head, &scorecard);
    assert!(page.len() <= MOST_BYTES, "{}", page.len());
    assert!(page.len() > MOST_BYTES / 2, "{}", page.len());
    let first = page.lines().find(|line| line.starts_with("| ✗")).unwrap();
    assert!(first.contains("the worst"), "{first}");
    assert_eq!(page.matches(" more, in verdict.json.").count(), 6);
    assert!(page.ends_with("</details>\n"));
}

proptest! {
    #[test]
    fn no_text_changes_the_structure(
        text in prop_oneof![any::<String>(), Just(HOSTILE.to_owned()), "[|`<>&\\\\\n\r*_#~$@ -]{0,20}"]
    ) {
        let (mut head, mut scorecard) = (sample::head(), sample::scorecard());
        let plain = summary_md(&head, &scorecard);
        head.scenario = text.clone();
        head.hypothesis = Some(text.clone());
        head.command = text.clone();
        scorecard.sentence = text.clone();
        let score = &mut scorecard.objectives[1];
        (score.id, score.asks, score.during) = (text.clone(), text.clone(), text.clone());
        (score.observed, score.reason, score.worst) = (text.clone(), text.clone(), Some(text.clone()));
        scorecard.faults[0].name = text.clone();
        scorecard.findings[0] = text.clone();
        scorecard.phases[2].faults = vec![text.clone()];
        scorecard.health.sentence = text;
        let page = summary_md(&head, &scorecard);
        let shape = |page: &str| {
            let lines = page.lines();
            lines.map(|line| (line.matches('|').count(), line.matches('`').count())).collect::<Vec<_>>()
        };
        // The `<pre>` block shows pipes and ticks as they are: there they are no structure.
        let table = |page: &str| page.split("<pre>").next().map(shape);
        prop_assert_eq!(table(&page), table(&plain));
        let tags = |page: &str| page.matches('<').count();
        prop_assert_eq!(tags(&page), tags(&plain));
    }
}

const TEXT: &str = r##"## ✗ violated: slow-backend

errors (GET /machines/): 0.31 % failed (21 of 6800), at least 0.21 % with 95 % confidence, where less than 0.1 % is allowed

Exit code 1 (violated)

> Hypothesis: With half of the answers failing, reads stay fast &#124; and no page breaks.

### Objectives

|  | Objective | Asks | Observed | n | During | Why |
|---|---|---|---|---|---|---|
| ✗ violated | errors (GET /machines/) | errors &lt; 0.1 % | 0.31 % (21 of 6800)<br>Worst: 0.9 % (18 of 2000) from 14 s to 24 s | 6800 | steady, after: 34 s, 85.0 % of its requests; 3 moved to a fault | at least 0.21 % failed with 95 % confidence, less than 0.1 % is allowed |
| ✗ violated | &lt;script&gt;\]\]&gt;&#124;&#96;x&#96; ::error::&amp; | &lt;script&gt;\]\]&gt;&#124;&#96;x&#96; ::error::&amp; | &lt;script&gt;\]\]&gt;&#124;&#96;x&#96; ::error::&amp; | 6800 | steady, after: 34 s, 85.0 % of its requests; 3 moved to a fault | it said &lt;script&gt;\]\]&gt;&#124;&#96;x&#96; ::error::&amp;, 100% of the time |
| ? inconclusive | errors (POST /predict/) | P95 &lt; 500 ms | 0 % (0 of 1834) | 1834 | steady, after: 34 s, 85.0 % of its requests; 3 moved to a fault | too few requests to tell<br>Missing: 1161 more clean requests, 39 s at 30/s |
| ✓ met | fast | P95 &lt; 500 ms | P95 312 ms<br>Worst: P95 470 ms from 12 s to 22 s | 6800 | steady, after: 34 s, 85.0 % of its requests; 3 moved to a fault | 12 of 6800 took 500 ms or more, up to 314 were allowed |
| ✗ violated (advisory) | trend | P95 &lt; 500 ms | P95 312 ms | 6800 | steady, after: 34 s, 85.0 % of its requests; 3 moved to a fault | P99 was 900 ms |

### Expectations

|  | Expectation | Asks | Observed | Why |
|---|---|---|---|---|
| ? inconclusive | answers read during idle | errors holds again within 5 s, for 3 s | not looked at | the fault never took effect<br>Missing: a run in which &#96;idle&#96; affects a request |
| ✓ met | recovers errors after half.end | errors holds again within 5 s, for 3 s | recovered 2.1 s to 3.1 s after half.end | it held again from 3.1 s on |

### Faults

| Fault | Kind | Link | Asked | Injected | Seen | Effect |
|---|---|---|---|---|---|---|
| half | error | api | 600 | 598 | 598 | took effect |
| idle | error | api | 0 | 0 | unknown | without effect |

### Findings

- service backend was restarted by nobody we know
- header x-name was &lt;script&gt;\]\]&gt;&#124;&#96;x&#96; ::error::&amp;

<details>
<summary>Phases, loads, health, and how to repeat this run</summary>

### Phases

| Phase | From | To | n | Not ok |
|---|---|---|---|---|
| warmup | -5.0 s | 0.0 s | 1000 | 2 (0.20 %) |
| steady | 0.0 s | 20.0 s | 4000 | 10 (0.25 %) |
| fault (half, &lt;script&gt;\]\]&gt;&#124;&#96;x&#96; ::error::&amp;) | 20.0 s | 26.0 s | 1200 | 3 (0.25 %) |
| after | 36.0 s | 50.0 s | 2800 | 7 (0.25 %) |

### Loads

| Load | Planned | Begun | Outcomes | Times of what was ok |
|---|---|---|---|---|
| dashboards | 10000 | 9998 | ok 9000, http\_5xx 996, protocol\_error 2, of these 1 idle\_reset | response P50 3.1 ms, P95 312 ms, P99 900 ms, max 1.52 s |

**Health** 2 of 10000 requests were not sent; lag P99 up to 7.4 ms

<pre>again     assay run scenarios/slow-backend.yaml --seed 42
scenario  scenarios/slow-backend.yaml
sha256    9f86d081884c7d65
seed      42
run       slow-backend-20260801T100000Z-42
started   2026-08-01T10:00:00Z
tool      assay 0.1.0
label     team: edge
label     &lt;b&gt;: &lt;script&gt;]]&gt;|`x` ::error::&amp;
</pre>

</details>
"##;
