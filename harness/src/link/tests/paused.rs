//! The relay between scripted streams, hours in no time.

use super::peers::{read_answer, read_head, says};
use crate::clock::Clock;
use crate::link::conn::Stream;
use crate::link::counts::Counters;
use crate::link::proxy::{Proxy, Shared};
use crate::link::{Ending, Fate, relay};
use crate::record::Edges;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);

fn link() -> Rc<Proxy> {
    let clock = Clock::start();
    let edges = Arc::new(Edges::new(clock, vec![]));
    let (events, _unheard) = tokio::sync::mpsc::unbounded_channel();
    let shared = Shared { clock, edges, run_prefix: "r-".into(), events };
    Proxy::new(shared, Arc::new(Counters::default()), None)
}

/// A client's end of a connection through the link to a peer that answers every request.
fn client(link: &Rc<Proxy>) -> DuplexStream {
    let (client, ours) = duplex(4096);
    let dial: relay::Dial = Box::new(|| {
        let (near, mut far) = duplex(4096);
        spawn_local(async move {
            while read_head(&mut far).await.is_ok() {
                far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            }
        });
        let near: Box<dyn Stream> = Box::new(near);
        Box::pin(async move { Ok(near) })
    });
    spawn_local(relay::serve(link.clone(), link.open(Box::new(ours)), dial));
    client
}

async fn get(client: &mut DuplexStream) -> String {
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_answer(client).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn delays_are_exact_to_the_timers_grain() {
    let paused = async {
        let link = link();
        let mut client = client(&link);
        let before = Instant::now();
        assert!(get(&mut client).await.ends_with("ok"));
        assert_eq!(before.elapsed(), Duration::ZERO);
        link.apply(0, says(Fate::delay(Duration::from_millis(1500)))).unwrap();
        link.apply(1, says(Fate::delay(Duration::from_millis(500)))).unwrap();
        assert!(get(&mut client).await.ends_with("ok"));
        assert!((2000..=2001).contains(&before.elapsed().as_millis()));
        let tally = link.clear(0, 0).unwrap().unwrap().1;
        assert_eq!((tally.effect.matched, tally.effect.injected), (1, 1));
    };
    LocalSet::new().run_until(paused).await;
}

#[tokio::test(start_paused = true)]
async fn a_stalled_request_outlasts_an_hour_and_is_then_passed_on() {
    let paused = async {
        let link = link();
        let mut client = client(&link);
        link.apply(0, says(Fate::end(Ending::Stall))).unwrap();
        let clears = Rc::clone(&link);
        spawn_local(async move {
            tokio::time::sleep(HOUR).await;
            clears.clear(0, 0).unwrap().unwrap();
        });
        let before = Instant::now();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut first = [0];
        tokio::io::AsyncReadExt::read_exact(&mut client, &mut first).await.unwrap();
        assert!(before.elapsed() >= HOUR);
    };
    LocalSet::new().run_until(paused).await;
}
