//! Laws of planned faults.

mod on_link;

use super::*;
use crate::link::{Back, DrawnBy, Ending, Fate, REQUEST_ID, Reach, Ruling, Seen, Tail};
use crate::plan::{Delay, Latency, Ramp, Recorded, Side};
use hyper::header::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

const ZERO: Duration = Duration::ZERO;

fn fault(kind: FaultKind, affects: Affects, matches: Match) -> Fault {
    Fault {
        name: "half".to_owned(),
        link: "api".to_owned(),
        kind,
        affects,
        matches,
        starts_us: 0,
        lasts_us: 1,
        recovery_us: 1,
        again: None,
        count: None,
    }
}

fn busy() -> FaultKind {
    FaultKind::Error { status: 503, headers: Vec::new(), text: String::new() }
}

fn rules(fault: &Fault, seed: u64) -> Arc<dyn crate::link::Fault> {
    match action(fault, seed).unwrap() {
        Action::Requests(rules) => rules,
        Action::Refuse | Action::Flows(_) => unreachable!("a fault of requests was asked for"),
    }
}

fn seen(run: &str, id: Option<&str>, method: &str, target: &str, tenants: &[&str]) -> Seen {
    let mut headers = HeaderMap::new();
    if let Some(id) = id {
        headers.insert(REQUEST_ID, HeaderValue::from_str(&format!("{run}-{id}")).unwrap());
    }
    for tenant in tenants {
        headers.append("x-tenant", HeaderValue::from_str(tenant).unwrap());
    }
    let method = method.parse().unwrap();
    Seen::new(method, target.parse().unwrap(), headers, &format!("{run}-"))
}

fn ours(run: &str, k: u64) -> Seen {
    seen(run, Some(&format!("api-{k}-0")), "GET", "/", &[])
}

fn fates(rules: &dyn crate::link::Fault, run: &str, order: &[u64]) -> Vec<(u64, Option<Fate>)> {
    let numbered = order.iter().enumerate();
    let mut fates: Vec<_> = numbered
        .map(|(nth, k)| (*k, rules.decide(&ours(run, *k), nth as u64, ZERO).fate))
        .collect();
    fates.sort();
    fates
}

fn half() -> Affects {
    Affects::Share(Share(500_000_000))
}

proptest! {
    #[test]
    fn victims_and_delays_do_not_depend_on_order_or_run(
        seed: u64,
        order in Just((0..200_u64).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let sorted: Vec<u64> = (0..200).collect();
        let recorded = Recorded::new("x", &BTreeMap::from([(5, 3), (70, 1), (900, 1)])).unwrap();
        let delays = [
            Delay::Normal { mean_us: 1000, sd_us: 100 },
            Delay::Lognormal { p50_us: 1000, p99_us: 9000 },
            Delay::Pareto { min_us: 1000, p99_us: 9000 },
            Delay::Recorded(Arc::new(recorded)),
        ];
        for kind in delays.map(|delay| FaultKind::Latency(delay.into())).into_iter().chain([busy()]) {
            let rules = rules(&fault(kind, half(), Match::default()), seed);
            let fates_of = |run, order| fates(rules.as_ref(), run, order);
            prop_assert_eq!(fates_of("run-1", &sorted), fates_of("run-2", &order));
        }
    }

    #[test]
    fn each_attempt_of_a_request_has_its_own_chance(seed: u64) {
        let rules = rules(&fault(busy(), half(), Match::default()), seed);
        let attempt = |k, attempt| {
            let id = format!("api-{k}-{attempt}");
            rules.decide(&seen("r", Some(&id), "GET", "/", &[]), 0, ZERO).fate.is_some()
        };
        let differ = (0..400).filter(|k| attempt(*k, 0) != attempt(*k, 1)).count();
        // 200 expected, standard deviation 10.
        prop_assert!((140..=260).contains(&differ), "{}", differ);
    }
}

#[test]
fn a_ramped_delay_follows_the_time_that_the_fault_is_on() {
    let ms = Duration::from_millis;
    let delay = Delay::Fixed { us: 80_000 };
    let ramp = Ramp { up_us: 100_000, down_us: 50_000 };
    let kind = |side| FaultKind::Latency(Latency { delay: delay.clone(), side, ramp });
    let on = |side, on| {
        let fault =
            Fault { lasts_us: 1_000_000, ..fault(kind(side), Affects::All, Match::default()) };
        rules(&fault, 1).decide(&ours("r", 0), 0, on).fate.unwrap()
    };
    assert_eq!(on(Side::Request, ms(25)), Fate::delay(ms(20)));
    assert_eq!(on(Side::Request, ms(500)), Fate::delay(ms(80)));
    assert_eq!(on(Side::Response, ms(975)), Fate::late(ms(40)));
    assert_eq!(on(Side::Response, ms(2000)), Fate::PASS);
}

/// The same for the same request, another for another, and never the beginning of an answer.
#[test]
fn garbage_is_drawn_by_the_request() {
    let rules = rules(&fault(FaultKind::Garbage, Affects::All, Match::default()), 1);
    let ruling = |k, nth| rules.decide(&ours("r", k), nth, ZERO);
    assert_eq!(ruling(1, 0), ruling(1, 5));
    assert_ne!(ruling(1, 0), ruling(2, 0));
    assert_eq!(ruling(1, 0).drawn_by, DrawnBy::Key);
    let Some(Fate { back: Back { tail: Tail::Garbage(bytes), .. }, .. }) = ruling(1, 0).fate else {
        panic!("{:?}", ruling(1, 0))
    };
    assert!(bytes.len() == 64 && !bytes[0].is_ascii());
}

#[test]
fn foreign_traffic_is_drawn_by_arrival_and_that_is_told() {
    let foreign = seen("r", None, "GET", "/", &[]);
    let drawn_by = |kind: FaultKind, affects, seen: &Seen| {
        rules(&fault(kind, affects, Match::default()), 1).decide(seen, 3, ZERO).drawn_by
    };
    assert_eq!(drawn_by(busy(), half(), &foreign), DrawnBy::Arrival);
    assert_eq!(drawn_by(busy(), half(), &ours("r", 1)), DrawnBy::Key);
    assert_eq!(drawn_by(busy(), Affects::All, &foreign), DrawnBy::Nothing);
    let quota = Affects::Quota(Share(500_000_000));
    assert_eq!(drawn_by(busy(), quota, &foreign), DrawnBy::Nothing);
    let uniform = FaultKind::Latency(Delay::Uniform { min_us: 1, max_us: 9 }.into());
    assert_eq!(drawn_by(uniform, Affects::All, &foreign), DrawnBy::Arrival);
    let rules = rules(&fault(busy(), half(), Match::default()), 1);
    let hit = (0..1000).filter(|nth| rules.decide(&foreign, *nth, ZERO).fate.is_some()).count();
    assert!((400..=600).contains(&hit), "{hit}");
}

#[test]
fn a_quota_takes_exactly_its_share_of_each_hundred_arrivals() {
    let quota = Affects::Quota(Share(30_000_000));
    let rules = rules(&fault(busy(), quota, Match::default()), 9);
    let victims = |from: u64| -> Vec<u64> {
        let hit = |nth: &u64| rules.decide(&ours("r", 0), from + nth, ZERO).fate.is_some();
        (0..100).filter(hit).collect()
    };
    assert_eq!(victims(0).len(), 3);
    assert_eq!(victims(100).len(), 3);
    assert_ne!(victims(0), victims(100));
}

/// Whatever requests come in whatever order: the arrivals with these numbers.
#[test]
fn every_nth_and_the_next_go_by_arrivals() {
    let victims = |affects| -> Vec<u64> {
        let rules = rules(&fault(busy(), affects, Match::default()), 9);
        let hit = |nth: &u64| rules.decide(&ours("r", 1000 - 7 * nth), *nth, ZERO).fate.is_some();
        (0..100).filter(hit).collect()
    };
    assert_eq!(victims(Affects::EveryNth(30)), [29, 59, 89]);
    assert_eq!(victims(Affects::EveryNth(1)).len(), 100);
    assert_eq!(victims(Affects::Next(3)), [0, 1, 2]);
    let ruling = |affects| {
        rules(&fault(busy(), affects, Match::default()), 9).decide(&ours("r", 1), 0, ZERO).drawn_by
    };
    assert_eq!(ruling(Affects::Next(1)), DrawnBy::Nothing);
}

#[test]
fn only_matching_requests_are_asked_for() {
    let matches = Match {
        methods: vec!["GET".to_owned(), "HEAD".to_owned()],
        path: Some("/products/**".to_owned()),
        headers: vec![("x-tenant".to_owned(), "acme".to_owned())],
    };
    let rules = rules(&fault(busy(), Affects::All, matches), 1);
    let matches =
        |method, target, tenants: &[&str]| rules.matches(&seen("r", None, method, target, tenants));
    assert!(matches("GET", "/products/7?page=2", &["acme"]));
    assert!(matches("HEAD", "/products/7/parts", &["other", "acme"]));
    assert!(!matches("POST", "/products/7", &["acme"]));
    assert!(!matches("GET", "/orders?at=/products/7", &["acme"]));
    assert!(!matches("GET", "/products/7", &["acme2"]));
    assert!(!matches("GET", "/products/7", &[]));
}

#[test]
fn kinds_become_fates_and_only_whole_outages_reach_idle_connections() {
    let ruling = |kind| {
        rules(&fault(kind, Affects::All, Match::default()), 1).decide(&ours("r", 0), 0, ZERO)
    };
    let fixed = FaultKind::Latency(Delay::Fixed { us: 1500 }.into());
    let after = Fate::delay(Duration::from_micros(1500));
    assert_eq!(ruling(fixed.clone()), Ruling { fate: Some(after), drawn_by: DrawnBy::Nothing });
    let hole = FaultKind::Outage(OutageMode::BlackHole);
    let reset = FaultKind::Outage(OutageMode::Reset);
    assert_eq!(ruling(hole.clone()).fate, Some(Fate::end(Ending::Stall)));
    assert_eq!(ruling(reset.clone()).fate, Some(Fate::end(Ending::Reset)));
    for (kind, fate) in [
        (FaultKind::Abort, Fate::end(Ending::Reset)),
        (FaultKind::Truncate { after: 7 }, Fate::tail(Tail::Cut(Reverse(7)))),
        (FaultKind::Stall, Fate::tail(Tail::Stall)),
        (FaultKind::SlowClose, Fate::tail(Tail::Linger)),
        (FaultKind::Bandwidth { per_s: 9 }, Fate::pace(9)),
    ] {
        assert_eq!(ruling(kind), Ruling { fate: Some(fate), drawn_by: DrawnBy::Nothing });
    }
    let reach = |kind, affects| rules(&fault(kind, affects, Match::default()), 1).reach();
    assert_eq!(reach(fixed, Affects::All), Reach::Arriving);
    assert_eq!(reach(busy(), Affects::All), Reach::Arriving);
    assert_eq!(reach(FaultKind::Abort, Affects::All), Reach::Arriving);
    assert_eq!(reach(FaultKind::Stall, Affects::All), Reach::UnderWay);
    assert_eq!(reach(hole.clone(), Affects::All), Reach::Connections);
    assert_eq!(reach(reset, Affects::All), Reach::UnderWay);
    assert_eq!(reach(hole, half()), Reach::UnderWay);
}

#[test]
fn what_cannot_be_is_refused_with_what_to_write_instead() {
    let error =
        |kind, affects| action(&fault(kind, affects, Match::default()), 1).unwrap_err().to_string();
    let odd = error(busy(), Affects::Quota(Share(5_000_000)));
    assert!(odd.contains("quota of 0.5%") && odd.contains("`share`"), "{odd}");
    let part = error(FaultKind::Outage(OutageMode::Refuse), half());
    assert!(part.contains("mode: reset"), "{part}");
    let status = FaultKind::Error { status: 99, headers: Vec::new(), text: String::new() };
    assert!(error(status, Affects::All).contains("99"));
}
