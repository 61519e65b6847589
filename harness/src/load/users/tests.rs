//! Users against scripted servers on real sockets, goose and all.

use super::*;
use crate::load::tests::{OK, count, drive, health, lane, listener, marked, read_request, serve};
use crate::plan::users::{Crowd, Does};
use crate::record::Batch;
use assay_slo::Outcome;
use std::sync::atomic::AtomicU64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const MS: u64 = 1_000;

/// Only one run of a process may have users.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A load with requests `a` and `b`.
fn aimed(addr: SocketAddr, load: usize, crowd: Crowd, journey: &[Step]) -> Aimed {
    let like = lane(addr, 1, 1, 1, 20_000_000);
    let users = plan::Users {
        load,
        name: format!("users{load}"),
        to: plan::Target::Service("app".to_owned()),
        crowd,
        pace_us: 0,
        client: like.client,
        requests: like.requests,
        does: Does::Journey(journey.to_vec()),
        captures: 0,
    };
    Aimed { users, addr, authority: addr.to_string(), ends: None }
}

fn constant(vus: u64, lasts_ms: u64) -> Crowd {
    Crowd::Constant { vus, lasts_us: lasts_ms * MS, ramp_up_us: 0 }
}

fn pause(min_ms: u64, max_ms: u64) -> Step {
    Step::Pause { min_us: min_ms * MS, max_us: max_ms * MS }
}

struct Run {
    crowds: Crowds,
    batches: mpsc::UnboundedReceiver<Batch>,
    clock: crate::clock::Clock,
}

fn begin(users: Vec<Aimed>) -> Run {
    keep_interrupt().unwrap();
    let (drive, batches) = drive(2);
    let crowds = start(users, &drive, 7).unwrap();
    Run { crowds, batches, clock: drive.clock }
}

impl Run {
    async fn finish(mut self) -> Vec<Batch> {
        self.crowds.finished().await.unwrap();
        let mut batches = Vec::new();
        while let Some(batch) = self.batches.recv().await {
            batches.push(batch);
        }
        batches
    }
}

/// Answers everything, each after so long; counts requests and connections, and how many requests
/// were there at once.
#[derive(Debug, Default)]
struct Server {
    served: AtomicU64,
    connections: AtomicU64,
    inside: AtomicU64,
    most: AtomicU64,
}

impl Server {
    fn start(listener: TcpListener, takes: Duration) -> Arc<Server> {
        let server = Arc::new(Server::default());
        let seen = Arc::clone(&server);
        serve(listener, move |mut stream| {
            let seen = Arc::clone(&seen);
            async move {
                seen.connections.fetch_add(1, Ordering::Relaxed);
                while read_request(&mut stream).await.is_some() {
                    seen.served.fetch_add(1, Ordering::Relaxed);
                    let inside = seen.inside.fetch_add(1, Ordering::Relaxed) + 1;
                    seen.most.fetch_max(inside, Ordering::Relaxed);
                    tokio::time::sleep(takes).await;
                    seen.inside.fetch_sub(1, Ordering::Relaxed);
                    let _ = stream.write_all(OK).await;
                }
            }
        });
        server
    }

    fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn the_servers_count_is_the_users_count() {
    let _turn = TURN.lock().await;
    let (listener, addr) = listener().await;
    let server = Server::start(listener, Duration::from_millis(2));
    let journey = [Step::Send(0), pause(5, 15), Step::Send(1)];
    let first = aimed(addr, 0, constant(5, 1_500), &journey);
    let second = aimed(addr, 1, constant(3, 1_200), &[Step::Send(1), pause(40, 40)]);
    let batches = begin(vec![first, second]).finish().await;
    let (warm, all) = count(&batches, |_| true);
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (0, all));
    assert_eq!((warm, server.served()), (0, all));
    assert_eq!(server.connections.load(Ordering::Relaxed), 8, "one for each user");
    assert!(server.most.load(Ordering::Relaxed) <= 8);
    let (_, a) = count(&batches, |cell| cell.load == 0 && cell.request == 0);
    let (_, b) = count(&batches, |cell| cell.load == 0 && cell.request == 1);
    assert!(a >= b && a - b <= 5, "{a} {b}: a journey sends one of each");
    let (_, other) = count(&batches, |cell| cell.load == 1);
    assert!(a + b + other == all && (6..=90).contains(&other), "{a} {b} {other}");
    assert_eq!(health(&batches), (all, all, all, 0));
    assert_eq!(marked(&batches, 0), 0, "who waits for an answer is never late");
    let lag = batches.iter().flat_map(|batch| &batch.health).map(|line| line.lag_max_us).max();
    assert_eq!(lag, Some(0));
    assert!(batches.len() < 8, "{}", batches.len());
}

#[tokio::test]
async fn twenty_shared_journeys_are_twenty() {
    let _turn = TURN.lock().await;
    let (listener, addr) = listener().await;
    let server = Server::start(listener, Duration::from_millis(1));
    let crowd = Crowd::Shared { vus: 6, iterations: 20, max_us: 60_000 * MS };
    let run = begin(vec![aimed(addr, 0, crowd, &[Step::Send(0), Step::Send(1)])]);
    let clock = run.clock;
    let batches = run.finish().await;
    assert_eq!(count(&batches, |cell| cell.request == 0), (0, 20));
    assert_eq!(count(&batches, |cell| cell.request == 1), (0, 20));
    assert_eq!(server.served(), 40);
    assert!(clock.now().0 < 10_000 * MS, "it waited for its longest time");
}

#[tokio::test]
async fn a_ramp_parks_who_is_not_wanted() {
    let _turn = TURN.lock().await;
    let (listener, addr) = listener().await;
    // An answer takes so long that each wanted user is in one at any instant.
    let server = Server::start(listener, Duration::from_millis(20));
    let stages = vec![(0, 6), (600 * MS, 6), (0, 0), (600 * MS, 0), (0, 2), (600 * MS, 2)];
    let crowd = Crowd::Ramping { start: 0, stages };
    let run = begin(vec![aimed(addr, 0, crowd, &[Step::Send(0)])]);
    let (clock, zero) = (run.clock, 150 * MS);
    clock.sleep_until(At(zero + 550 * MS)).await;
    assert_eq!(server.most.load(Ordering::Relaxed), 6);
    clock.sleep_until(At(zero + 900 * MS)).await;
    let parked = server.served();
    assert_eq!(server.most.swap(0, Ordering::Relaxed), 6);
    clock.sleep_until(At(zero + 1_150 * MS)).await;
    assert_eq!(server.served(), parked, "a parked user sent something");
    let batches = run.finish().await;
    assert_eq!(server.most.load(Ordering::Relaxed), 2);
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (0, server.served()));
    assert_eq!(server.connections.load(Ordering::Relaxed), 6, "parked users keep theirs");
}

#[tokio::test]
async fn stopping_waits_for_answers_but_not_for_pauses() {
    let _turn = TURN.lock().await;
    let (listener, addr) = listener().await;
    let server = Server::start(listener, Duration::from_millis(100));
    let idle = aimed(addr, 0, constant(4, 600_000), &[Step::Send(0), pause(500_000, 600_000)]);
    let busy = aimed(addr, 1, constant(4, 600_000), &[Step::Send(1)]);
    let mut run = begin(vec![idle, busy]);
    let first = run.batches.recv().await.unwrap();
    let asked = run.clock.now();
    run.crowds.stop();
    let clock = run.clock;
    let mut batches = run.finish().await;
    let took_us = clock.now().0 - asked.0;
    batches.push(first);
    let (_, all) = count(&batches, |_| true);
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (0, all));
    assert_eq!(server.served(), all);
    assert_eq!(health(&batches), (all, all, all, 0));
    assert!(took_us < 5_000 * MS, "{took_us}");
}

#[tokio::test]
async fn a_cut_ends_within_a_second_and_records_what_was_under_way() {
    let _turn = TURN.lock().await;
    let (listener, addr) = listener().await;
    serve(listener, |mut stream| async move { while stream.read_u8().await.is_ok() {} });
    let silent = aimed(addr, 0, constant(50, 600_000), &[Step::Send(0)]);
    let paused = aimed(addr, 1, constant(50, 600_000), &[pause(600_000, 600_000), Step::Send(0)]);
    let mut run = begin(vec![silent, paused]);
    // On a busy machine it takes more than one hand-over until all have begun.
    let mut early = vec![];
    while early.last().is_none_or(|batch: &Batch| batch.health.iter().all(|h| h.in_flight < 50)) {
        early.push(run.batches.recv().await.unwrap());
    }
    let asked = run.clock.now();
    run.crowds.cut();
    run.crowds.stop();
    run.crowds.finished().await.unwrap();
    let took_us = run.clock.now().0 - asked.0;
    let mut batches = run.finish().await;
    batches.append(&mut early);
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Cut), (0, 50));
    assert_eq!(count(&batches, |_| true), (0, 50));
    assert_eq!(health(&batches), (50, 50, 50, 0));
    assert!(took_us < 1_500 * MS, "{took_us}");
}

#[tokio::test]
async fn a_cut_before_time_0_sends_nothing() {
    let _turn = TURN.lock().await;
    let (listener, addr) = listener().await;
    let server = Server::start(listener, Duration::ZERO);
    let run = begin(vec![aimed(addr, 0, constant(5, 60_000), &[Step::Send(0)])]);
    run.crowds.cut();
    assert!(run.finish().await.is_empty());
    assert_eq!(server.served(), 0);
}

#[tokio::test]
async fn refused_users_are_counted_and_do_not_starve_the_rest() {
    let _turn = TURN.lock().await;
    let (gone, refused) = listener().await;
    drop(gone);
    let (listener, addr) = listener().await;
    let server = Server::start(listener, Duration::from_millis(1));
    let hopeless = aimed(refused, 0, constant(4, 500), &[Step::Send(0)]);
    let well = aimed(addr, 1, constant(1, 500), &[Step::Send(0)]);
    let batches = begin(vec![hopeless, well]).finish().await;
    let (_, failed) = count(&batches, |cell| cell.load == 0);
    let as_refused = count(&batches, |cell| cell.outcome == Outcome::ConnectError);
    assert_eq!(as_refused, (0, failed));
    assert_eq!(marked(&batches, 2), failed);
    let (_, answered) = count(&batches, |cell| cell.load == 1);
    assert!(failed > 4 && answered > 4, "{failed} {answered}");
    assert_eq!(server.served(), answered);
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let _turn = TURN.lock().await;
    keep_interrupt().unwrap();
    let addr = SocketAddr::from(([127, 0, 0, 1], 9));
    let (drive, _batches) = drive(1);
    for journey in [&[][..], &[pause(1, 1)], &[Step::Send(0), Step::Send(2)]] {
        let users = vec![aimed(addr, 0, constant(1, 1), journey)];
        assert!(matches!(start(users, &drive, 1), Err(StartError::Journey(_))));
    }
    let mut nobody = start(vec![aimed(addr, 0, constant(0, 1), &[])], &drive, 1).unwrap();
    nobody.finished().await.unwrap();
    let one = || vec![aimed(addr, 0, constant(1, 60_000), &[Step::Send(0), pause(9_000, 9_000)])];
    let mut running = start(one(), &drive, 1).unwrap();
    assert!(matches!(start(one(), &drive, 1), Err(StartError::Busy)));
    running.cut();
    running.finished().await.unwrap();
    let mut again = start(one(), &drive, 1).unwrap();
    again.cut();
    again.finished().await.unwrap();
}
