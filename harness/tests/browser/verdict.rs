//! What a judge could say of the run with everything in it.
//!
//! Not here: a verdict that follows from the run; each part shows one way to read.

use crate::sample::{at, place};
use assay::report::{Exit, Head, OnInconclusive};
use assay_slo::case::Clock;
use assay_slo::scorecard::{
    ExpectationScore, FaultEdges, FaultScore, HealthScore, LoadScore, ObjectiveScore, Phase,
    Recovered, TimesScore,
};
use assay_slo::{Scorecard, Verdict};

pub(crate) fn head() -> Head {
    Head {
        tool: "assay 0.1.0".into(),
        scenario: "backend-outage".into(),
        sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        file: "scenarios/backend-outage.yaml".into(),
        hypothesis: Some(
            "When the backend is unreachable for 12 s, the gateway's breaker opens within 1 s and \
             closes within 8 s of its return, clients are well again within 5 s, and no sample is \
             lost."
                .into(),
        ),
        labels: vec![("team".into(), "edge".into()), ("tier".into(), "<b>1</b>".into())],
        seed: 20_240_611,
        run_id: "backend-outage-20260801T100000Z-20240611".into(),
        started: "2026-08-01T10:00:00Z".into(),
        on_inconclusive: OnInconclusive::Exit3,
        stopped_by: None,
        still_broken: Vec::new(),
        exit: Exit::Violated,
        command: "assay run scenarios/backend-outage.yaml --seed 20240611".into(),
        run_dir: "reports/backend-outage-20260801T100000Z-20240611".into(),
        kept: 0,
    }
}

fn objective(id: &str, asks: &str, verdict: Verdict, line: u32) -> ObjectiveScore {
    ObjectiveScore {
        id: id.into(),
        place: place(line),
        asks: asks.into(),
        during: "steady, after".into(),
        verdict,
        advisory: false,
        n: 10_400,
        k: 12,
        unknown: 0,
        lower: Some(0.000_665),
        upper: Some(0.001_87),
        limit: 0.05,
        confidence: 0.95,
        deff: 1.0,
        observed: "P95 5.9 ms".into(),
        worst: Some("P95 41 ms from 12 s to 22 s".into()),
        reason: "12 of 10400 took 500 ms or more or failed, 481 would still have been few enough"
            .into(),
        missing: None,
        coverage: 0.52,
        seconds: 26.0,
        moved_to_fault: 3,
        steps: vec![],
        change: None,
        budget: None,
    }
}

fn objectives() -> Vec<ObjectiveScore> {
    let errors = ObjectiveScore {
        k: 31,
        lower: Some(0.00217),
        upper: Some(0.00401),
        limit: 0.001,
        observed: "0.298 % (31 of 10400)".into(),
        worst: Some("0.9 % (18 of 2000) from 14 s to 24 s".into()),
        reason: "at least 0.217 % failed with 95 % confidence, less than 0.1 % is allowed".into(),
        ..objective("errors", "errors < 0.1 %", Verdict::Violated, 47)
    };
    let desks = ObjectiveScore {
        n: 511,
        k: 1,
        lower: Some(0.0001),
        upper: Some(0.00925),
        limit: 0.005,
        coverage: 0.6,
        observed: "P99.5 18 ms".into(),
        worst: None,
        reason: "too few requests to tell: 1 of 511 was bad".into(),
        missing: Some("437 more clean requests, 25 s at 17.5/s".into()),
        ..objective("desks", "P99.5 < 500 ms, service clock", Verdict::Inconclusive, 48)
    };
    let none = ObjectiveScore {
        lower: None,
        upper: None,
        k: 0,
        limit: 0.0,
        advisory: true,
        observed: "0 of 10400".into(),
        worst: None,
        reason: "none failed its check".into(),
        ..objective("checks", "at most 0 failed", Verdict::Met, 49)
    };
    let fast = objective("fast", "P95 < 500 ms", Verdict::Met, 46);
    vec![fast, errors, desks, none]
}

fn expectation(id: &str, asks: &str, verdict: Verdict, observed: &str) -> ExpectationScore {
    ExpectationScore {
        id: id.into(),
        place: place(52),
        asks: asks.into(),
        verdict,
        observed: observed.into(),
        reason: format!("{observed}, as it should be"),
        missing: None,
        recovered: None,
    }
}

fn recovered(earliest_ms: u64, latest_ms: u64) -> Option<Recovered> {
    let (earliest_us, latest_us) = (earliest_ms * 1_000, latest_ms * 1_000);
    Some(Recovered { earliest_us, latest_us })
}

fn expectations() -> Vec<ExpectationScore> {
    use Verdict::{Inconclusive, Met, Violated};
    let seen = "recovered 2 s to 3 s after down.end";
    let edge = "recovered 8.5 s to 9.5 s after down.end";
    let asks = "errors hold again within 5 s, for 3 s";
    vec![
        ExpectationScore {
            recovered: recovered(2_000, 3_000),
            ..expectation("recovers errors after down.end", asks, Met, seen)
        },
        ExpectationScore {
            reason: format!("{edge}: the deadline of 9 s lies inside the error bar of 1 s"),
            missing: Some("a deadline of at least 9.5 s".into()),
            recovered: recovered(8_500, 9_500),
            ..expectation("recovers fast after down.end", "fast holds again", Inconclusive, edge)
        },
        expectation(
            "recovers desks after down.end",
            "desks holds again within 8 s",
            Violated,
            "not recovered within the 18 s of load after down.end",
        ),
        expectation(
            "breaker uplink",
            "opens within 1 s, closes within 8 s",
            Met,
            "opened 0.03 s after down.start, closed 3.1 s after down.end",
        ),
        expectation("ledger trucks", "nothing lost", Violated, "1 of 10000 lost"),
    ]
}

fn phase(name: &str, faults: &[&str], from_ms: i64, to_ms: i64, requests: u64, bad: u64) -> Phase {
    let faults = faults.iter().map(|name| (*name).to_owned()).collect();
    Phase { name: name.into(), faults, from_ms, to_ms, requests, bad }
}

fn times_score(clock: Clock, n: u64) -> TimesScore {
    TimesScore {
        clock,
        n,
        p50_us: 3_900,
        p95_us: 78_000,
        p99_us: 1_214_000,
        p999_us: 1_900_000,
        max_us: 1_997_000,
    }
}

fn loads() -> Vec<LoadScore> {
    let load = |name: &str, planned, outcomes: &[(&str, u64)], clock| LoadScore {
        name: name.into(),
        planned,
        begun: 19_971,
        outcomes: outcomes.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect(),
        idle_resets: 2,
        idle_resent: 0,
        times: vec![times_score(clock, 14_872)],
        lag: None,
    };
    let dashboards =
        [("ok", 14_872), ("http_5xx", 151), ("timeout", 349), ("connect_error", 4_154)];
    vec![
        load("dashboards", 20_000, &dashboards, Clock::Response),
        load("operators", 0, &[("ok", 701), ("connect_error", 166)], Clock::Service),
        load("trucks", 0, &[("ok", 9_999), ("connect_error", 15)], Clock::Service),
    ]
}

fn faults() -> Vec<FaultScore> {
    let edges = FaultEdges {
        asked: Some(at(20.0)),
        applied: Some(at(20.001)),
        first_affected: Some(at(20.002)),
        cleared: Some(at(32.002)),
        first_unaffected: Some(at(32.004)),
    };
    let score = |name: &str, kind: &str, injected, effect: &str| FaultScore {
        name: name.into(),
        kind: kind.into(),
        link: "api".into(),
        edges,
        asked: None,
        injected,
        seen: Some(4_154),
        effect: effect.into(),
    };
    vec![
        score("down", "outage", None, "took effect"),
        score("slow <answers> of a long name", "latency", Some(612), "took effect"),
    ]
}

pub(crate) fn scorecard() -> Scorecard {
    Scorecard {
        verdict: Verdict::Violated,
        sentence: "errors: 0.298 % failed (31 of 10400), at least 0.217 % with 95 % confidence, \
                   where less than 0.1 % is allowed; recovery took 2 s to 3 s of the 5 s allowed"
            .into(),
        phases: vec![
            phase("warmup", &[], -5_000, 0, 2_000, 0),
            phase("steady", &[], 0, 20_001, 8_000, 12),
            phase("fault", &["down"], 20_001, 29_000, 3_600, 3_600),
            phase("fault", &["down", "slow <answers> of a long name"], 29_000, 32_002, 1_200, 900),
            phase("fault", &["slow <answers> of a long name"], 32_002, 36_000, 1_200, 500),
            phase("recovery", &["down"], 36_000, 44_002, 3_200, 9),
            phase("after", &[], 44_002, 50_000, 2_400, 3),
        ],
        objectives: objectives(),
        expectations: expectations(),
        faults: faults(),
        loads: loads(),
        breakers: vec![],
        ledgers: vec![],
        metrics: vec![],
        findings: vec![
            "service backend answered 151 times with 503 although no fault was on".into(),
            "operators hardly count among all requests: 4 % of them".into(),
        ],
        health: HealthScore {
            well: false,
            planned: 20_000,
            begun: 19_971,
            blocked: 29,
            worst_lag_p50_us: 73,
            worst_lag_p99_us: 7_400,
            lag_max_us: 11_000,
            machine: None,
            sentence: "29 of 20000 requests were begun late; lag P99 up to 7.4 ms".into(),
        },
    }
}
