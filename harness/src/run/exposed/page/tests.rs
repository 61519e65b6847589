//! Events and batches of a small run, and the page that they make.

use super::*;
use crate::record::Batch;
use assay_slo::event::{Backlog, BreakerEvent, Edge, EdgeKind, Effect, Health};
use assay_slo::event::{ServiceEvent, ServiceState};
use assay_slo::{At, Case, Cell, Entry, Event, Outcome};
use serde_json::json;

fn case() -> Case {
    serde_json::from_value(json!({
        "warmup_us": 0,
        "loads": [
            {"name": "visits", "kind": "open", "link": null, "requests": [{"name": "look \"at\""}],
             "starts_us": 0, "ends_us": 10_000_000, "planned": 10},
            {"name": "trucks", "kind": "fleet", "link": null, "requests": [{"name": "sample"}],
             "starts_us": 0, "ends_us": 10_000_000, "planned": 0},
        ],
        "marks": [], "ages_us": [],
        "faults": [{"name": "down", "kind": "error", "link": "api", "shows": {"status": 503},
                    "asked": {"share": 500_000_000}, "starts_us": 0, "lasts_us": 1, "recovery_us": 0}],
        "objectives": [], "expectations": [], "steady_state": null,
        "fleets": [{"name": "trucks", "load": 1, "devices": 1, "planned": 9, "gateway": true,
                    "read_back": false, "drain_us": 0}],
    }))
    .unwrap()
}

fn board() -> Board {
    let text = str::to_owned;
    let info =
        [("version", text("1")), ("scenario", text("s")), ("run", text("r")), ("seed", text("7"))];
    Board::of(&case(), info)
}

fn note(board: &mut Board, at: u64, event: Event) {
    board.event(&Entry { at: At(at), event });
}

fn edge(edge: EdgeKind, injected: Option<u64>) -> Event {
    let effect = injected.map(|injected| Effect { matched: injected, injected, ours: injected });
    Event::Edge(Edge { fault: 0, edge, at: At(0), effect })
}

#[test]
fn before_anything_happens_every_family_that_an_alert_needs_is_there() {
    let page = board().page();
    for line in [
        r#"assay_run_info{version="1",scenario="s",run="r",seed="7"} 1"#,
        r#"assay_requests_total{load="visits",request="look \"at\"",outcome="ok"} 0"#,
        // A first burst of failures has a scrape before it.
        r#"assay_requests_total{load="visits",request="look \"at\"",outcome="http_5xx"} 0"#,
        r#"assay_requests_total{load="visits",request="look \"at\"",outcome="timeout"} 0"#,
        r#"assay_requests_total{load="trucks",request="sample",outcome="fast_fail"} 0"#,
        r#"assay_fault_active{fault="down",kind="error",target="api"} 0"#,
        r#"assay_request_duration_seconds_bucket{load="trucks",request="sample",le="+Inf"} 0"#,
        "assay_run_seconds 0",
        "assay_findings_total 0",
    ] {
        assert!(page.lines().any(|l| l == line), "{line}\n{page}");
    }
    // No gateway stands before these, whose breaker could turn one away.
    assert!(!page.contains(r#"load="visits",request="look \"at\"",outcome="fast_fail""#), "{page}");
    // That label belongs to summaries.
    assert!(!page.contains("quantile="), "{page}");
    // Each family once, with its help and its type before its values.
    let mut families: Vec<&str> = page.lines().filter_map(|l| l.strip_prefix("# TYPE ")).collect();
    let all = families.len();
    families.dedup();
    assert_eq!((all, families.len()), (18, 18), "{families:?}");
}

#[test]
fn a_breaker_is_closed_before_its_first_change() {
    let mut board = board();
    board.guarded(0, 2);
    let states = |board: &Board| {
        let page = board.page();
        let lines = page.lines().filter_map(|line| line.strip_prefix("assay_breaker_state"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let first = r#"{fleet="trucks",gateway="0"} "#;
    let second = r#"{fleet="trucks",gateway="1"} "#;
    assert_eq!(states(&board), [format!("{first}0"), format!("{second}0")]);
    let (from, to) = (BreakerState::Closed, BreakerState::Open);
    let change =
        BreakerEvent { fleet: 0, gateway: 1, from, to, at: At(4), failures: 5, in_flight: 0 };
    note(&mut board, 4, Event::Breaker(change));
    assert_eq!(states(&board), [format!("{first}0"), format!("{second}1")]);
}

#[test]
fn a_service_is_not_up_while_a_fault_has_it_dead() {
    let mut case = case();
    case.faults[0].shows = assay_slo::case::Shows::Gone;
    case.faults[0].link = "shop".to_owned();
    let text = str::to_owned;
    let info =
        [("version", text("1")), ("scenario", text("s")), ("run", text("r")), ("seed", text("7"))];
    let mut board = Board::of(&case, info);
    let up = |board: &Board| board.page().contains("assay_service_up{service=\"shop\"} 1\n");
    let said =
        |state| Event::Service(ServiceEvent { name: text("shop"), state, detail: String::new() });
    note(&mut board, 1, said(ServiceState::Started));
    assert!(!up(&board));
    note(&mut board, 2, said(ServiceState::Ready));
    assert!(up(&board));
    note(&mut board, 3, edge(EdgeKind::Applied, None));
    assert!(!up(&board), "killed");
    note(&mut board, 4, said(ServiceState::Started));
    note(&mut board, 5, edge(EdgeKind::Cleared, None));
    assert!(!up(&board), "started again, and not ready");
    note(&mut board, 6, said(ServiceState::Ready));
    assert!(up(&board));
}

#[test]
fn a_fault_is_active_between_its_edges_and_its_effect_is_counted() {
    let mut board = board();
    let active = |board: &Board| {
        board.page().contains("assay_fault_active{fault=\"down\",kind=\"error\",target=\"api\"} 1")
    };
    note(&mut board, 1, edge(EdgeKind::Asked, None));
    assert!(!active(&board));
    note(&mut board, 2, edge(EdgeKind::Applied, None));
    assert!(active(&board));
    note(&mut board, 3, edge(EdgeKind::FirstAffected, None));
    assert!(active(&board));
    note(&mut board, 4, edge(EdgeKind::Cleared, Some(12)));
    assert!(!active(&board));
    note(&mut board, 5, edge(EdgeKind::Applied, None));
    note(&mut board, 6, edge(EdgeKind::Cleared, Some(3)));
    let page = board.page();
    assert!(
        page.contains("assay_fault_applied_total{fault=\"down\",kind=\"error\",target=\"api\"} 2")
    );
    assert!(
        page.contains(
            "assay_fault_injected_total{fault=\"down\",kind=\"error\",target=\"api\"} 15"
        )
    );
}

#[test]
fn counts_and_times_add_up_over_batches() {
    let mut board = board();
    note(&mut board, 1_000_000, Event::Zero { zero: At(1_000_000) });
    for _ in 0..2 {
        let cell = Cell {
            load: 0,
            request: 0,
            segment: 1,
            straddle: None,
            outcome: Outcome::Http5xx,
            status: 503,
            second: 0,
            n: 3,
            marks: vec![],
        };
        let mut times = hdrhistogram::Histogram::<u32>::new_with_bounds(1, 1 << 40, 3).unwrap();
        times.record_n(4_000, 2).unwrap();
        times.record_n(700_000, 1).unwrap();
        let of = |clock| crate::record::Interval {
            series: crate::record::Series { load: 0, request: 0, segment: 1, ok: false, clock },
            from: At(0),
            to: At(1),
            times: times.clone(),
        };
        let intervals =
            vec![of(assay_slo::case::Clock::Response), of(assay_slo::case::Clock::Service)];
        let batch = Batch { cells: vec![cell], intervals, ..Batch::default() };
        board.batch(&batch, At(3_500_000));
    }
    let health = Health {
        load: 0,
        due: 4,
        begun: 4,
        done: 4,
        blocked: 0,
        lag_p50_us: 0,
        lag_p99_us: 1_500,
        lag_max_us: 2_000,
        in_flight: 5,
        stood: Vec::new(),
    };
    note(&mut board, 2, Event::Health(health.clone()));
    note(&mut board, 3, Event::Health(health));
    let (from, to) = (BreakerState::Closed, BreakerState::Open);
    let change =
        BreakerEvent { fleet: 0, gateway: 0, from, to, at: At(4), failures: 5, in_flight: 0 };
    note(&mut board, 4, Event::Breaker(change));
    let backlog = Backlog { fleet: 0, at: At(5), generated: 9, acknowledged: 6, peak: 3, least: 1 };
    note(&mut board, 5, Event::Backlog(backlog));
    let page = board.page();
    for line in [
        r#"assay_requests_total{load="visits",request="look \"at\"",outcome="http_5xx"} 6"#,
        r#"assay_request_duration_seconds_bucket{load="visits",request="look \"at\"",le="0.005"} 4"#,
        r#"assay_request_duration_seconds_bucket{load="visits",request="look \"at\"",le="0.5"} 4"#,
        r#"assay_request_duration_seconds_bucket{load="visits",request="look \"at\"",le="1"} 6"#,
        r#"assay_request_duration_seconds_count{load="visits",request="look \"at\""} 6"#,
        r#"assay_due_total{load="visits"} 8"#,
        r#"assay_in_flight{load="visits"} 5"#,
        r#"assay_lag_seconds{load="visits"} 0.0015"#,
        r#"assay_breaker_state{fleet="trucks",gateway="0"} 1"#,
        r#"assay_breaker_transitions_total{fleet="trucks",gateway="0",from="closed",to="open"} 1"#,
        r#"assay_fleet_backlog{fleet="trucks"} 3"#,
        "assay_run_seconds 2.5",
    ] {
        assert!(page.lines().any(|l| l == line), "{line}\n{page}");
    }
}
