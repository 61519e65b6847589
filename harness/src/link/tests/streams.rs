//! Links that read nothing: every byte arrives, in order, whatever faults come and go in the middle.
//!
//! Not here: HTTP (`http`, `answers`).

use super::peers::{LONG, within};
use crate::clock::Clock;
use crate::link::listener::tests::free_port;
use crate::link::{Action, Cleared, Flow, Flows, LinkEvent, Links, Way};
use crate::record::Edges;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

/// Takes every other connection, or all.
struct Takes {
    flow: Flow,
    every: u64,
    later: Duration,
}

impl Flows for Takes {
    fn decide(&self, nth: u64) -> Option<Flow> {
        nth.is_multiple_of(self.every).then_some(self.flow)
    }

    fn later(&self, _: u64, _: u64, _: Duration) -> Duration {
        self.later
    }
}

fn takes(flow: Flow) -> Action {
    Action::Flows(Arc::new(Takes { flow, every: 1, later: Duration::ZERO }))
}

fn later(way: Way, ms: u64) -> Action {
    let later = Duration::from_millis(ms);
    Action::Flows(Arc::new(Takes { flow: Flow::Later(way), every: 1, later }))
}

/// A link to a peer that echoes.
struct Wire {
    links: Links,
    events: UnboundedReceiver<LinkEvent>,
    addr: SocketAddr,
}

impl Wire {
    async fn new() -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.into_split();
                    // A reset is as good an end as any.
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        Wire::to(upstream).await
    }

    async fn to(upstream: SocketAddr) -> Wire {
        let clock = Clock::start();
        let edges = Arc::new(Edges::new(clock, vec![]));
        let (links, events) = Links::start(clock, edges, "r").unwrap();
        let (addr, _keeper) = free_port();
        links.bind_tcp("pg", addr).await.unwrap();
        links.set_upstream("pg", upstream).unwrap();
        Wire { links, events, addr }
    }

    async fn open(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// The next connection is reset, which may come before it is there.
    async fn resets_the_next(&self) {
        match TcpStream::connect(self.addr).await {
            Ok(mut stream) => is_reset(&mut stream).await,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
    }

    async fn inject(&self, action: Action) {
        self.links.inject(0, "pg", action).await.unwrap();
    }

    async fn clear(&self) -> Cleared {
        self.links.clear(0, 0).await.unwrap()
    }

    /// Waits until so many connections are open.
    async fn has_open(&self, n: u64) {
        within(async {
            while self.links.counts("pg").unwrap().open != n {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// Bytes that are no two alike nearby.
fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|at| (at / 7 + at / 1000) as u8).collect()
}

async fn echoes(stream: &mut TcpStream, text: &[u8]) -> io::Result<()> {
    stream.write_all(text).await?;
    let mut back = vec![0; text.len()];
    within(stream.read_exact(&mut back)).await?;
    assert!(back == text);
    Ok(())
}

async fn is_reset(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let ended = within(stream.read_to_end(&mut rest)).await;
    assert_eq!(ended.map_err(|e| e.kind()), Err(io::ErrorKind::ConnectionReset), "{rest:?}");
}

#[tokio::test]
async fn faults_come_and_go_mid_stream_and_no_byte_is_lost() {
    const N: usize = 20_000_000;
    let wire = Wire::new().await;
    let (mut read, mut write) = wire.open().await.into_split();
    let sent = bytes(N);
    let sending = {
        let sent = sent.clone();
        tokio::spawn(async move {
            write.write_all(&sent).await.unwrap();
            write.shutdown().await.unwrap();
        })
    };
    let reading = tokio::spawn(async move {
        let mut came = Vec::with_capacity(N);
        read.read_to_end(&mut came).await.unwrap();
        came
    });
    let actions = || {
        [
            later(Way::Down, 30),
            takes(Flow::Pace(5_000_000)),
            takes(Flow::Hold(Some(Way::Down))),
            takes(Flow::Hold(None)),
            later(Way::Up, 20),
        ]
    };
    let mut affected = 0;
    while !sending.is_finished() {
        for action in actions() {
            wire.inject(action).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            affected += wire.clear().await.effect.injected;
        }
    }
    let came = tokio::time::timeout(3 * LONG, reading).await.unwrap().unwrap();
    assert!(came == sent, "{} of {N} bytes", came.len());
    assert!(affected >= 3, "{affected}");
    // Both were told of the end in peace.
    wire.has_open(0).await;
}

#[tokio::test]
async fn a_delay_is_what_it_says_each_way_and_a_pipeline_is_not_throttled() {
    let wire = Wire::new().await;
    let mut stream = wire.open().await;
    echoes(&mut stream, b"before").await.unwrap();
    wire.inject(later(Way::Up, 100)).await;
    let begun = Instant::now();
    echoes(&mut stream, b"later").await.unwrap();
    // A timer is set a little early, so that it is right in the mean.
    assert!(begun.elapsed() >= Duration::from_millis(99));
    // Ten pieces at once are late together, not one after another.
    let begun = Instant::now();
    let (mut read, mut write) = stream.into_split();
    for _ in 0..10 {
        write.write_all(&bytes(1000)).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut back = vec![0; 10_000];
    within(read.read_exact(&mut back)).await.unwrap();
    let took = begun.elapsed();
    assert!((99..900).contains(&took.as_millis()), "{took:?}");
    let cleared = wire.clear().await;
    assert_eq!((cleared.effect.matched, cleared.effect.injected), (1, 1));
}

#[tokio::test]
async fn a_hold_keeps_what_was_said_and_lets_it_go() {
    let mut wire = Wire::new().await;
    let mut stream = wire.open().await;
    echoes(&mut stream, b"before").await.unwrap();
    wire.inject(takes(Flow::Hold(None))).await;
    stream.write_all(b"kept").await.unwrap();
    let first = within(wire.events.recv()).await;
    assert!(matches!(first, Some(LinkEvent::FirstAffected { fault: 0, .. })), "{first:?}");
    let cleared = wire.clear().await;
    assert_eq!((cleared.effect.matched, cleared.effect.injected), (1, 1));
    let mut back = [0; 4];
    within(stream.read_exact(&mut back)).await.unwrap();
    assert_eq!(&back, b"kept");
    let last = within(wire.events.recv()).await;
    assert!(matches!(last, Some(LinkEvent::FirstUnaffected { fault: 0, .. })), "{last:?}");
}

#[tokio::test]
async fn a_reset_takes_open_ones_and_new_ones_and_only_those_it_chose() {
    let wire = Wire::new().await;
    let mut first = wire.open().await;
    echoes(&mut first, b"1").await.unwrap();
    let mut second = wire.open().await;
    echoes(&mut second, b"2").await.unwrap();
    let every_other = Takes { flow: Flow::Reset, every: 2, later: Duration::ZERO };
    wire.inject(Action::Flows(Arc::new(every_other))).await;
    is_reset(&mut first).await;
    echoes(&mut second, b"still").await.unwrap();
    wire.resets_the_next().await;
    echoes(&mut wire.open().await, b"spared").await.unwrap();
    let effect = wire.clear().await.effect;
    assert_eq!((effect.matched, effect.injected), (4, 2));
    echoes(&mut wire.open().await, b"after").await.unwrap();
}

#[tokio::test]
async fn refusing_resets_what_is_open_and_refuses_the_rest() {
    let wire = Wire::new().await;
    let mut open = wire.open().await;
    echoes(&mut open, b"1").await.unwrap();
    wire.inject(Action::Refuse).await;
    is_reset(&mut open).await;
    let refused = TcpStream::connect(wire.addr).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(wire.clear().await.effect.injected, 1);
    echoes(&mut wire.open().await, b"after").await.unwrap();
}

#[tokio::test]
async fn a_half_open_client_learns_of_it_only_at_the_end() {
    let wire = Wire::new().await;
    let mut stream = wire.open().await;
    echoes(&mut stream, b"1").await.unwrap();
    wire.inject(takes(Flow::HalfOpen)).await;
    stream.write_all(b"into the dark").await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(100), stream.read_u8()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    assert_eq!(wire.clear().await.effect.injected, 1);
    is_reset(&mut stream).await;
    wire.has_open(0).await;
}

#[tokio::test]
async fn a_limit_counts_from_the_fault_on() {
    let wire = Wire::new().await;
    let mut stream = wire.open().await;
    echoes(&mut stream, &bytes(5000)).await.unwrap();
    wire.inject(takes(Flow::Limit(1000))).await;
    stream.write_all(&bytes(5000)).await.unwrap();
    let mut came = Vec::new();
    let ended = within(stream.read_to_end(&mut came)).await;
    // A reset may overtake what was passed on; no more than that ever comes.
    assert!(ended.is_err() && came.len() <= 1000, "{ended:?} {}", came.len());
    let effect = wire.clear().await.effect;
    assert_eq!((effect.matched, effect.injected), (1, 1));
}

/// A peer that says 1000 bytes to who asks, and leaves: in peace, or with a reset.
async fn says_and_leaves(resets: bool) -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = Wire::to(listener.local_addr().unwrap()).await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = [0; 3];
        stream.read_exact(&mut asked).await.unwrap();
        stream.write_all(&bytes(1000)).await.unwrap();
        if resets {
            // On its way before the reset throws away what is not.
            tokio::time::sleep(Duration::from_millis(30)).await;
            stream.set_zero_linger().unwrap();
        }
    });
    wire
}

#[tokio::test]
async fn what_was_read_arrives_also_if_its_peer_has_left_and_is_still_written_to() {
    for later_ms in [0, 300] {
        let wire = says_and_leaves(false).await;
        wire.inject(later(Way::Down, later_ms)).await;
        let mut stream = wire.open().await;
        stream.write_all(b"ask").await.unwrap();
        // The first of these is answered by a reset, the next fails at the link.
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let _refused = stream.write_all(b"more").await;
        }
        let mut came = Vec::new();
        let _ended = within(stream.read_to_end(&mut came)).await;
        assert_eq!(came.len(), 1000, "{later_ms} ms");
        drop(stream);
        wire.has_open(0).await;
    }
}

#[tokio::test]
async fn a_reset_comes_after_what_was_read_before_it() {
    let wire = says_and_leaves(true).await;
    wire.inject(later(Way::Down, 200)).await;
    let mut stream = wire.open().await;
    stream.write_all(b"ask").await.unwrap();
    let mut came = vec![0; 1000];
    within(stream.read_exact(&mut came)).await.unwrap();
    assert_eq!(came, bytes(1000));
    is_reset(&mut stream).await;
    wire.has_open(0).await;
}

#[tokio::test]
async fn an_upstream_that_refuses_is_a_reset() {
    let (nobody, _keeper) = free_port();
    let wire = Wire::to(nobody).await;
    wire.resets_the_next().await;
    wire.has_open(0).await;
}
