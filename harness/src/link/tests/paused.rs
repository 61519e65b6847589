//! The relay between scripted streams, hours in no time.

use super::peers::{read_answer, read_head, says, says_of};
use crate::clock::Clock;
use crate::link::conn::Stream;
use crate::link::counts::Counters;
use crate::link::proxy::{Proxy, Shared};
use crate::link::{Ending, Fate, LinkEvent, relay};
use crate::record::Edges;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::Instant;

pub(super) const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn link() -> (Rc<Proxy>, UnboundedReceiver<LinkEvent>) {
    let clock = Clock::start();
    let edges = Arc::new(Edges::new(clock, vec![]));
    let (events, told) = tokio::sync::mpsc::unbounded_channel();
    let shared = Shared { clock, edges, run_prefix: "r-".into(), events };
    (Proxy::new(shared, Arc::new(Counters::default()), None), told)
}

/// A client's end of a connection through the link to a peer that follows this script.
pub(super) fn client<F>(link: &Rc<Proxy>, script: fn(DuplexStream) -> F) -> DuplexStream
where
    F: Future<Output = ()> + 'static,
{
    let (client, ours) = duplex(4096);
    let dial: relay::Dial = Box::new(move || {
        let (near, far) = duplex(4096);
        spawn_local(script(far));
        let near: Box<dyn Stream> = Box::new(near);
        Box::pin(async move { Ok(near) })
    });
    spawn_local(relay::serve(link.clone(), link.open(Box::new(ours)), dial));
    client
}

pub(super) async fn answers_all(mut client: DuplexStream) {
    while read_head(&mut client).await.is_ok() {
        client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    }
}

/// Says this, then nothing for a minute, then that, then closes.
pub(super) async fn pauses(mut client: DuplexStream, before: &'static str, after: &'static str) {
    read_head(&mut client).await.unwrap();
    client.write_all(before.as_bytes()).await.unwrap();
    tokio::time::sleep(HOUR / 60).await;
    client.write_all(after.as_bytes()).await.unwrap();
}

const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf";

/// What has come when nothing more comes for an hour; an error or the end shows at its end.
async fn hears(client: &mut DuplexStream) -> String {
    let mut heard = Vec::new();
    loop {
        match tokio::time::timeout(HOUR, client.read_u8()).await {
            Ok(Ok(byte)) => heard.push(byte),
            Ok(Err(_)) => {
                heard.extend(b"<end>");
                break;
            }
            Err(_) => break,
        }
    }
    String::from_utf8(heard).unwrap()
}

pub(super) async fn get(client: &mut DuplexStream) -> String {
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_answer(client).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn delays_are_exact_to_the_timers_grain() {
    let paused = async {
        let (link, _told) = link();
        let mut client = client(&link, answers_all);
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
        let (link, _told) = link();
        let mut client = client(&link, answers_all);
        link.apply(0, says(Fate::end(Ending::Stall))).unwrap();
        let clears = Rc::clone(&link);
        spawn_local(async move {
            tokio::time::sleep(HOUR).await;
            clears.clear(0, 0).unwrap().unwrap();
        });
        let before = Instant::now();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut first = [0];
        client.read_exact(&mut first).await.unwrap();
        assert!(before.elapsed() >= HOUR);
    };
    LocalSet::new().run_until(paused).await;
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_hides_whatever_the_upstream_does_until_it_ends() {
    let paused = async {
        // Both ways of reaching a request under way: with every connection, and by itself.
        for prefix in ["/", "/slow"] {
            let (link, _told) = link();
            let mut open = [
                (client(&link, |far| pauses(far, HALF, "done")), HALF, "done"),
                (client(&link, |far| pauses(far, HALF, "")), HALF, "<end>"),
                (client(&link, |far| pauses(far, "", "")), "", "<end>"),
                (client(&link, |far| pauses(far, "", HALF)), "", "HTTP/1.1"),
            ];
            for (client, before, _) in &mut open {
                client.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
                let mut heard = vec![0; before.len()];
                client.read_exact(&mut heard).await.unwrap();
                assert_eq!(heard, before.as_bytes());
            }
            tokio::time::sleep(HOUR / 3600).await;
            link.apply(0, says_of(prefix, Fate::end(Ending::Stall))).unwrap();
            for (client, ..) in &mut open {
                assert_eq!(hears(client).await, "");
            }
            let tally = link.clear(0, 0).unwrap().unwrap().1;
            assert_eq!((tally.effect.matched, tally.effect.injected), (4, 4));
            for (client, _, after) in &mut open {
                let heard = hears(client).await;
                assert!(heard.starts_with(*after), "{heard:?} instead of {after:?}");
            }
        }
    };
    LocalSet::new().run_until(paused).await;
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_hides_the_end_of_an_idle_connection() {
    let paused = async {
        let (link, _told) = link();
        let mut client =
            client(&link, |far| pauses(far, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""));
        get(&mut client).await;
        link.apply(0, says(Fate::end(Ending::Stall))).unwrap();
        assert_eq!(hears(&mut client).await, "");
        link.clear(0, 0).unwrap().unwrap();
        assert_eq!(hears(&mut client).await, "<end>");
    };
    LocalSet::new().run_until(paused).await;
}

/// A far end that takes a head, answers and leaves: what comes later is not written, and only then is the
/// answer there.
#[derive(Default)]
struct Refuses {
    writes: u32,
    answered: bool,
    reader: Option<Waker>,
}

impl AsyncRead for Refuses {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.writes < 2 {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if !std::mem::replace(&mut self.answered, true) {
            buf.put_slice(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno");
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Refuses {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes += 1;
        if self.writes == 1 {
            return Poll::Ready(Ok(bytes.len()));
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Refuses {
    fn reset_on_close(&self) {}
    fn peer_closed(&self) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_an_upload_that_is_refused_half_way_is_passed_on() {
    let paused = async {
        let (link, _told) = link();
        let (mut client, ours) = duplex(4096);
        let dial: relay::Dial = Box::new(move || {
            let far: Box<dyn Stream> = Box::<Refuses>::default();
            Box::pin(async move { Ok(far) })
        });
        spawn_local(relay::serve(link.clone(), link.open(Box::new(ours)), dial));
        client.write_all(b"POST / HTTP/1.1\r\ncontent-length: 100000\r\n\r\n").await.unwrap();
        // The head is on its way alone.
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.write_all(&[b'x'; 1000]).await.unwrap();
        let answer = read_answer(&mut client).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413") && answer.ends_with("no"), "{answer}");
    };
    LocalSet::new().run_until(paused).await;
}

async fn says_much_of_its_chunks(mut far: DuplexStream) {
    read_head(&mut far).await.unwrap();
    let long = "x".repeat(20_000);
    let chunk = format!("2;{long}\r\nok\r\n0\r\n\r\n");
    let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}");
    // It may be left before it has said all.
    let _cut = far.write_all(answer.as_bytes()).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_whose_chunks_are_not_taken_is_told() {
    let paused = async {
        let (link, _told) = link();
        let mut client = client(&link, says_much_of_its_chunks);
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut came = Vec::new();
        let _ended = client.read_to_end(&mut came).await;
        let (what, n) = link.counters().unread().unwrap();
        assert!(n == 1 && what.contains("chunk extensions over limit"), "{what}");
    };
    LocalSet::new().run_until(paused).await;
}
