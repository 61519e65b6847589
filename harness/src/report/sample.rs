//! A run with everything in it, for the tests of the reports: all verdicts, advisory and
//! per-request objectives, a fault without effect, and names that try to break out.
//!
//! Not here: a run that could happen; the numbers only look like one.

use super::exit::{Exit, OnInconclusive};
use super::head::Head;
use assay_slo::case::{Clock, Place, Unit};
use assay_slo::scorecard::{
    ExpectationScore, FaultEdges, FaultScore, HealthScore, LoadScore, MetricScore, ObjectiveScore,
    Phase, Recovered, StepScore, TimesScore,
};
use assay_slo::{At, Scorecard, Verdict};

/// A name that is markup, ends a CDATA section, splits table cells and lines, and rings the bell.
pub(super) const HOSTILE: &str = "<script>]]>|`x`\n::error::\u{7}&";

pub(super) fn head() -> Head {
    Head {
        tool: "assay 0.1.0".into(),
        scenario: "slow-backend".into(),
        sha256: "9f86d081884c7d65".into(),
        file: "scenarios/slow-backend.yaml".into(),
        hypothesis: Some(
            "With half of the answers failing, reads stay fast | and\nno page breaks.".into(),
        ),
        labels: vec![("team".into(), "edge".into()), ("<b>".into(), HOSTILE.into())],
        seed: 42,
        run_id: "slow-backend-20260801T100000Z-42".into(),
        started: "2026-08-01T10:00:00Z".into(),
        on_inconclusive: OnInconclusive::Exit3,
        stopped_by: None,
        still_broken: Vec::new(),
        exit: Exit::Violated,
        command: "assay run scenarios/slow-backend.yaml --seed 42".into(),
        run_dir: "reports/slow-backend-20260801T100000Z-42".into(),
        kept: 0,
    }
}

pub(super) fn place(line: u32) -> Place {
    Place { file: "scenarios/slow-backend.yaml".into(), line }
}

pub(super) fn objective(id: &str, verdict: Verdict) -> ObjectiveScore {
    ObjectiveScore {
        id: id.into(),
        place: place(31),
        asks: "P95 < 500 ms".into(),
        during: "steady, after".into(),
        verdict,
        advisory: false,
        n: 6800,
        k: 12,
        unknown: 0,
        lower: Some(0.00101796875),
        upper: Some(0.00285412345),
        limit: 0.05,
        confidence: 0.95,
        deff: 1.0,
        observed: "P95 312 ms".into(),
        worst: None,
        reason: "12 of 6800 took 500 ms or more, up to 314 were allowed".into(),
        missing: None,
        coverage: 0.85,
        seconds: 34.0,
        moved_to_fault: 3,
        steps: vec![],
        change: None,
        budget: None,
    }
}

/// A capacity of two steps.
pub(super) fn capacity() -> ObjectiveScore {
    let step = |number: u64, verdict| StepScore {
        rate: 100.0 * number as f64,
        name: format!("{number}00/s"),
        from_s: number * 5 - 4,
        to_s: number * 5,
        verdict,
        n: 400 * number,
        bad: 0,
        criteria: vec![objective("fast", verdict)],
    };
    ObjectiveScore {
        asks: "capacity with fast".into(),
        during: "steps of stairs".into(),
        observed: "at least 100/s, less than 200/s".into(),
        reason: "every step up to 100/s held; step 200/s broke `fast`".into(),
        steps: vec![step(1, Verdict::Met), step(2, Verdict::Violated)],
        change: None,
        budget: None,
        n: 2,
        k: 1,
        lower: Some(100.0),
        upper: Some(200.0),
        limit: 100.0,
        moved_to_fault: 0,
        ..objective("room", Verdict::Met)
    }
}

fn objectives() -> Vec<ObjectiveScore> {
    let fast = ObjectiveScore {
        worst: Some("P95 470 ms from 12 s to 22 s".into()),
        ..objective("fast", Verdict::Met)
    };
    let errors = ObjectiveScore {
        place: place(32),
        asks: "errors < 0.1 %".into(),
        k: 21,
        lower: Some(0.00206912345),
        upper: Some(0.00444),
        limit: 0.001,
        deff: 1.75,
        observed: "0.31 % (21 of 6800)".into(),
        worst: Some("0.9 % (18 of 2000) from 14 s to 24 s".into()),
        reason: "at least 0.21 % failed with 95 % confidence, less than 0.1 % is allowed".into(),
        ..objective("errors (GET /machines/)", Verdict::Violated)
    };
    let few = ObjectiveScore {
        place: place(33),
        n: 1834,
        k: 0,
        unknown: 4,
        lower: None,
        upper: Some(0.00163212345),
        limit: 0.001,
        observed: "0 % (0 of 1834)".into(),
        reason: "too few requests to tell".into(),
        missing: Some("1161 more clean requests, 39 s at 30/s".into()),
        ..objective("errors (POST /predict/)", Verdict::Inconclusive)
    };
    let trend = ObjectiveScore {
        advisory: true,
        place: Place::default(),
        reason: "P99 was 900 ms".into(),
        ..objective("trend", Verdict::Violated)
    };
    let hostile = ObjectiveScore {
        asks: HOSTILE.into(),
        observed: HOSTILE.into(),
        reason: format!("it said {HOSTILE}, 100% of the time"),
        ..objective(HOSTILE, Verdict::Violated)
    };
    vec![fast, errors, few, trend, hostile]
}

fn expectation(id: &str, line: u32, verdict: Verdict) -> ExpectationScore {
    ExpectationScore {
        id: id.into(),
        place: place(line),
        asks: "errors holds again within 5 s, for 3 s".into(),
        verdict,
        observed: "recovered 2.1 s to 3.1 s after half.end".into(),
        reason: "it held again from 3.1 s on".into(),
        missing: None,
        recovered: Some(Recovered { earliest_us: 2_100_000, latest_us: 3_100_000 }),
    }
}

fn fault(name: &str, asked: u64, injected: Option<u64>, effect: &str) -> FaultScore {
    FaultScore {
        name: name.into(),
        kind: "error".into(),
        link: "api".into(),
        edges: FaultEdges {
            asked: Some(At(25_000_000)),
            applied: Some(At(25_000_100)),
            ..FaultEdges::default()
        },
        asked: Some(asked),
        injected,
        seen: injected,
        effect: effect.into(),
    }
}

fn phase(name: &str, faults: &[&str], from_ms: i64, to_ms: i64, requests: u64) -> Phase {
    let faults = faults.iter().map(|name| (*name).to_owned()).collect();
    Phase { name: name.into(), faults, from_ms, to_ms, requests, bad: requests / 400 }
}

pub(super) fn scorecard() -> Scorecard {
    Scorecard {
        verdict: Verdict::Violated,
        sentence: "errors (GET /machines/): 0.31 % failed (21 of 6800), at least 0.21 % with 95 % \
                   confidence, where less than 0.1 % is allowed"
            .into(),
        phases: vec![
            phase("warmup", &[], -5000, 0, 1000),
            phase("steady", &[], 0, 20_000, 4000),
            phase("fault", &["half", HOSTILE], 20_000, 26_000, 1200),
            phase("after", &[], 36_000, 50_000, 2800),
        ],
        objectives: objectives(),
        expectations: vec![
            expectation("recovers errors after half.end", 40, Verdict::Met),
            ExpectationScore {
                observed: "not looked at".into(),
                reason: "the fault never took effect".into(),
                missing: Some("a run in which `idle` affects a request".into()),
                recovered: None,
                ..expectation("answers read during idle", 41, Verdict::Inconclusive)
            },
        ],
        faults: vec![
            fault("half", 600, Some(598), "took effect"),
            FaultScore { seen: None, ..fault("idle", 0, Some(0), "without effect") },
        ],
        loads: vec![LoadScore {
            name: "dashboards".into(),
            planned: 10_000,
            begun: 9_998,
            outcomes: vec![
                ("ok".into(), 9_000),
                ("http_5xx".into(), 996),
                ("protocol_error".into(), 2),
            ],
            idle_resets: 1,
            idle_resent: 0,
            times: vec![TimesScore {
                clock: Clock::Response,
                n: 9_000,
                p50_us: 3_100,
                p95_us: 312_000,
                p99_us: 900_000,
                p999_us: 1_400_000,
                max_us: 1_519_000,
            }],
            lag: None,
        }],
        breakers: vec![],
        ledgers: vec![],
        metrics: vec![MetricScore {
            name: HOSTILE.into(),
            reads: format!("rss of {HOSTILE}"),
            unit: Unit::Bytes,
            samples: 57,
            missed: 3,
            last_missed: Some(HOSTILE.into()),
            first: Some(1_048_576.0),
            least: Some(1_048_576.0),
            greatest: Some(12_900_000.0),
            last: None,
        }],
        findings: vec![
            "service backend was restarted by nobody we know".into(),
            format!("header x-name was {HOSTILE}"),
        ],
        health: HealthScore {
            well: false,
            planned: 10_000,
            begun: 9_998,
            blocked: 7,
            worst_lag_p50_us: 120,
            worst_lag_p99_us: 7_400,
            lag_max_us: 11_000,
            machine: None,
            sentence: "2 of 10000 requests were not sent; lag P99 up to 7.4 ms".into(),
        },
    }
}
