//! Fleets against scripted far ends on real sockets: every sample is accounted for.

pub(super) mod peer;

use super::*;
use crate::clock::Clock;
use crate::plan;
use crate::plan::Text;
use crate::plan::fleet::{Delivery, Found, Gateway, Order, Profile, ReadBack, Retry, WhenFull};
use crate::record::Edges;
use assay_slo::case::Policy;
use assay_slo::event::{Attempts, BreakerState};
use assay_slo::{At, Event, Outcome, Share};
use peer::{Manner, Peer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;

/// A fleet of four trucks with 30 samples each, 20 ms apart, no gateway.
pub(super) fn fleet() -> plan::Fleet {
    plan::Fleet {
        load: 0,
        name: "trucks".to_owned(),
        to: plan::Target::Service("api".to_owned()),
        devices: 4,
        every_us: 20_000,
        jitter_us: 2_000,
        samples: 30,
        profile: Profile::Truck,
        send: None,
        key: vec!["/machine_id".to_owned(), "/sample_number".to_owned()],
        client: plan::Client {
            connections: 64,
            timeout_us: 10_000_000,
            connect_timeout_us: 10_000_000,
            headers: Vec::new(),
            transport: plan::Transport::default(),
        },
        gateway: None,
        drain_us: 20_000_000,
        read_back: Some(ReadBack::Http {
            service: "api".to_owned(),
            path: Text("/samples/${device}?after=${cursor}".to_owned()),
            found: Found::Ranges("/sample_numbers".to_owned()),
            duplicates: Some("/duplicates".to_owned()),
            next: Some("/next".to_owned()),
        }),
    }
}

fn gateway() -> Gateway {
    Gateway {
        count: 2,
        in_flight: 4,
        timeout_us: 10_000_000,
        buffer_max: 1000,
        when_full: WhenFull::DropOldest,
        delivery: Delivery::StoreAndForward,
        breaker: Some(Policy { failures: Some(5), recovery_us: Some(150_000), trials: Some(1) }),
        retry: Some(Retry {
            attempts: 3,
            base_us: 20_000,
            factor_milli: 2000,
            max_us: 100_000,
            jitter: Share(100_000_000),
            order: Order::OutsideBreaker,
        }),
        mutant: None,
    }
}

fn behind(gateway: Gateway) -> plan::Fleet {
    plan::Fleet { gateway: Some(gateway), ..fleet() }
}

struct Run {
    fleets: Fleets,
    batches: mpsc::UnboundedReceiver<FleetBatch>,
    addr: std::net::SocketAddr,
}

fn begin(fleet: plan::Fleet, peer: &Peer) -> Run {
    let clock = Clock::start();
    let zero = At(clock.now().0 + 50_000);
    let edges = Edges::new(clock, Vec::new());
    edges.zero(zero);
    let (sink, batches) = mpsc::unbounded_channel();
    let drive = Drive {
        clock,
        zero,
        edges: Arc::new(edges),
        marks: Arc::new(Vec::new()),
        run_id: "run".to_owned(),
        seed: 7,
        threads: 1,
        sink,
        told: None,
        tracing: None,
    };
    let aimed = Aimed {
        fleet,
        index: 0,
        addr: peer.addr,
        authority: peer.addr.to_string(),
        tls: None,
        prefix: String::new(),
        known: Arc::new(|_: &str| None),
        attempts: true,
    };
    Run { fleets: start(vec![aimed], &drive).unwrap(), batches, addr: peer.addr }
}

/// What was handed over, summed.
#[derive(Debug, Default)]
struct Seen {
    outcomes: BTreeMap<(usize, Outcome), u64>,
    breakers: Vec<(u32, BreakerState)>,
    attempts: u64,
    trials: u64,
    last: Option<assay_slo::event::Backlog>,
    peak: u64,
}

impl Run {
    async fn finish(mut self) -> (Seen, Ledger) {
        self.fleets.generated_and_drained().await.unwrap();
        let addr = self.addr;
        let resolve = move |_: &str| Some(crate::service::Address::plain(addr));
        let ledger = self.fleets.read_back(&resolve, Path::new("/")).await.remove(0);
        let mut seen = Seen::default();
        while let Ok(FleetBatch { batch, events }) = self.batches.try_recv() {
            for cell in batch.cells {
                *seen.outcomes.entry((cell.request, cell.outcome)).or_default() += cell.n;
            }
            for event in events {
                match event {
                    Event::Breaker(change) => seen.breakers.push((change.gateway, change.to)),
                    Event::Attempts(Attempts { list, left_out, .. }) => {
                        assert_eq!(left_out, 0);
                        seen.attempts += list.len() as u64;
                        seen.trials += list.iter().filter(|attempt| attempt.trial).count() as u64;
                    }
                    Event::Backlog(backlog) => {
                        seen.peak = seen.peak.max(backlog.peak);
                        seen.last = Some(backlog);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        (seen, ledger)
    }
}

#[tokio::test]
async fn every_sample_is_acknowledged_once() {
    let peer = Peer::start(Manner::Keeps).await;
    let (seen, ledger) = begin(behind(gateway()), &peer).finish().await;
    let store = ledger.store.unwrap();
    assert_eq!((ledger.generated, ledger.acknowledged, store.found), (120, 120, 120));
    assert_eq!((store.lost, store.duplicated, store.unexpected), (0, Some(0), 0));
    assert_eq!((ledger.discarded, ledger.in_outbox, ledger.problem), (0, 0, None));
    assert!(ledger.first_lost.is_empty() && ledger.age_p95_us <= ledger.age_max_us);
    assert_eq!(seen.outcomes, BTreeMap::from([((0, Outcome::Ok), 120), ((1, Outcome::Ok), 12)]));
    assert_eq!((seen.attempts, seen.breakers), (132, vec![]));
    let last = seen.last.unwrap();
    assert_eq!((last.generated, last.acknowledged), (120, 120));
    let state = peer.state.lock().unwrap();
    let ids: BTreeSet<&String> = state.ids.iter().collect();
    assert_eq!((ids.len(), state.features), (132, 12));
    assert!(ids.contains(&"run-trucks-3.30-1".to_owned()));
    assert!(ids.contains(&"run-trucks-0.f10-1".to_owned()));
}

/// The far end is down until so many attempts were made, then back.
async fn outage(fleet: plan::Fleet) -> (Seen, Ledger, Peer) {
    let peer = Peer::start(Manner::Down).await;
    let run = begin(fleet, &peer);
    let back = peer.clone();
    let comes_back = tokio::spawn(async move {
        while back.state.lock().unwrap().ids.len() < 12 {
            tokio::task::yield_now().await;
        }
        back.set(Manner::Keeps);
    });
    let (seen, ledger) = run.finish().await;
    comes_back.await.unwrap();
    (seen, ledger, peer)
}

#[tokio::test]
async fn an_outage_loses_nothing_with_store_and_forward() {
    let (seen, ledger, peer) = outage(behind(gateway())).await;
    let store = ledger.store.unwrap();
    assert_eq!((ledger.acknowledged, store.lost, store.duplicated), (120, 0, Some(0)));
    assert!(seen.outcomes[&(0, Outcome::FastFail)] > 0, "{seen:?}");
    assert!(seen.outcomes[&(0, Outcome::Http5xx)] >= 12);
    assert_eq!(seen.breakers.first().unwrap().1, BreakerState::Open);
    for gateway in 0..2 {
        let last = seen.breakers.iter().rfind(|(of, _)| *of == gateway).unwrap();
        assert_eq!(last.1, BreakerState::Closed);
    }
    assert!(seen.trials >= 2 && seen.peak > 4);
    // An id never comes twice, over all operations of a sample.
    let state = peer.state.lock().unwrap();
    let ids: BTreeSet<&String> = state.ids.iter().collect();
    assert_eq!(ids.len(), state.ids.len());
}

#[tokio::test]
async fn the_twin_that_forgets_loses_in_the_same_outage() {
    let twin = Gateway { delivery: Delivery::FireAndForget, ..gateway() };
    let (_, ledger, peer) = outage(behind(twin)).await;
    let store = ledger.store.unwrap();
    assert!(store.lost > 0, "{ledger:?}");
    assert_eq!(store.lost, 120 - peer.kept() as u64);
    assert_eq!((store.lost_acknowledged, ledger.in_outbox), (0, 0));
    let story = ledger.first_lost.join(" ");
    assert!(story.contains("It was never acknowledged. The store does not have it."), "{story}");
}

#[tokio::test]
async fn a_far_end_that_forgets_is_found_out() {
    let peer = Peer::start(Manner::Forgets(100)).await;
    let (_, ledger) = begin(behind(gateway()), &peer).finish().await;
    let store = ledger.store.unwrap();
    assert_eq!((ledger.acknowledged, store.lost, store.lost_acknowledged), (120, 1, 1));
    assert!(ledger.first_lost.join(" ").contains("It was acknowledged at"), "{ledger:?}");
}

#[tokio::test]
async fn a_store_is_read_over_all_its_pages() {
    let peer = Peer::start(Manner::Forgets(2)).await;
    let (_, ledger) = begin(behind(gateway()), &peer).finish().await;
    let store = ledger.store.unwrap();
    assert_eq!((store.found, store.lost, store.unexpected), (60, 60, 0));
}

#[tokio::test]
async fn a_store_that_makes_no_sense_is_a_problem() {
    for (says, problem) in [
        ("x", "no JSON"),
        ("{}", "has no list at `/sample_numbers`"),
        (r#"{"sample_numbers": [[2, 1]], "duplicates": 0}"#, "where [first, last] should be"),
        (r#"{"sample_numbers": []}"#, "has no count at `/duplicates`"),
        (r#"{"sample_numbers": [], "duplicates": 0, "next": 0}"#, "names itself as next"),
        (r#"{"sample_numbers": [], "duplicates": 0, "next": {}}"#, "has no next page in {}"),
    ] {
        let peer = Peer::start(Manner::Says(says)).await;
        let plan = plan::Fleet { samples: 2, ..behind(gateway()) };
        let ledger = begin(plan, &peer).finish().await.1;
        assert_eq!((ledger.acknowledged, ledger.store), (8, None));
        let told = ledger.problem.unwrap();
        assert!(told.contains(problem), "{told}");
    }
}

#[tokio::test]
async fn what_was_kept_without_an_answer_is_sent_again_and_counted() {
    let peer = Peer::start(Manner::KeepsAndResetsFirst).await;
    let quiet = Gateway { breaker: None, ..gateway() };
    let plan = plan::Fleet {
        read_back: Some(ReadBack::Http {
            service: "api".to_owned(),
            path: Text("/items".to_owned()),
            found: Found::Items {
                list: "/items".to_owned(),
                key: vec!["/who/id".to_owned(), "/n".to_owned()],
            },
            duplicates: None,
            next: None,
        }),
        ..behind(quiet)
    };
    let (seen, ledger) = begin(plan, &peer).finish().await;
    let store = ledger.store.unwrap();
    assert_eq!((store.found, store.lost, store.duplicated), (120, 0, Some(120)));
    assert_eq!((store.unexpected, store.out_of_order), (0, Some(0)));
    assert_eq!(seen.outcomes[&(0, Outcome::ProtocolError)], 120);
}

#[tokio::test]
async fn devices_for_themselves_send_each_sample_once() {
    let peer = Peer::start(Manner::Down).await;
    let plan = plan::Fleet { drain_us: 0, read_back: None, ..fleet() };
    let (seen, ledger) = begin(plan, &peer).finish().await;
    assert_eq!((ledger.generated, ledger.acknowledged, ledger.in_outbox), (120, 0, 0));
    assert_eq!(seen.outcomes, BTreeMap::from([((0, Outcome::Http5xx), 120)]));
    assert_eq!((ledger.store, ledger.problem.is_some()), (None, true));
}

#[tokio::test]
async fn a_store_that_knows_nothing_at_all_is_a_problem_not_a_loss() {
    let peer = Peer::start(Manner::Forgets(1)).await;
    let (_, ledger) = begin(behind(gateway()), &peer).finish().await;
    assert_eq!((ledger.acknowledged, ledger.store), (120, None));
    assert!(ledger.problem.unwrap().contains("404"));
}

#[tokio::test]
async fn a_drain_that_is_over_leaves_the_rest_in_the_outbox() {
    let peer = Peer::start(Manner::Down).await;
    let plan = plan::Fleet { drain_us: 100_000, ..behind(gateway()) };
    let (_, ledger) = begin(plan, &peer).finish().await;
    assert_eq!((ledger.generated, ledger.in_outbox, ledger.acknowledged), (120, 120, 0));
}

#[tokio::test]
async fn a_cut_ends_at_once_and_reads_nothing() {
    let peer = Peer::start(Manner::Keeps).await;
    let run = begin(plan::Fleet { samples: 1_000_000, ..behind(gateway()) }, &peer);
    while peer.kept() < 10 {
        tokio::task::yield_now().await;
    }
    run.fleets.cut();
    let (seen, ledger) = run.finish().await;
    assert!(seen.outcomes[&(0, Outcome::Ok)] >= 10);
    assert!(ledger.store.is_none() && ledger.generated < 10_000);
    assert!(ledger.problem.unwrap().contains("stopped before"));
}

#[tokio::test]
async fn a_command_prints_keys() {
    let peer = Peer::start(Manner::Keeps).await;
    let words = |script: &str| {
        let words = ["sh", "-c", script].map(|word| Text(word.to_owned()));
        Some(ReadBack::Command(words.to_vec()))
    };
    let script = "printf 'TRUCK-21-0001 2\\nTRUCK-21-0001 1\\nTRUCK-21-0001 1\\n\\nother 1\\n'";
    let plan = plan::Fleet { read_back: words(script), ..behind(gateway()) };
    let store = begin(plan, &peer).finish().await.1.store.unwrap();
    assert_eq!((store.found, store.lost, store.lost_acknowledged), (2, 118, 118));
    assert_eq!((store.duplicated, store.unexpected, store.out_of_order), (Some(1), 1, Some(1)));
    let plan = plan::Fleet { read_back: words("exit 3"), ..behind(gateway()) };
    let ledger = begin(plan, &peer).finish().await.1;
    assert!(ledger.problem.unwrap().contains("exit status: 3"));
}
