//! When parts of an answer come.

use super::*;
use std::time::Duration;

const GAP_US: u64 = 200_000;

/// An answer whose parts come with these gaps between them: what came of it, and when the request was there.
async fn in_parts<T: Tried>(parts: &[&[u8]]) -> (At, Exchange, Option<T>) {
    let (listener, addr) = listener().await;
    let (clock, limits) = (Clock::start(), limits(addr, LONG_US));
    let peer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let before = clock.now();
        for part in parts {
            stream.write_all(part).await.unwrap();
            tokio::time::sleep(Duration::from_micros(GAP_US)).await;
        }
        (stream, before)
    };
    let ours = attempt::<T>(&clock, &limits, None, request("GET"), |_| {});
    let ((_stream, before), (exchange, kept)) = tokio::join!(peer, ours);
    (before, exchange, kept)
}

async fn dripping<T: Tried>() {
    let parts: [&[u8]; 3] = [b"H", b"TTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na", b"bc"];
    let (before, exchange, _) = in_parts::<T>(&parts).await;
    assert_eq!(exchange.outcome, Outcome::Ok);
    let first = exchange.first_byte.unwrap();
    assert!(first >= before);
    // Whatever it is later than that, it is nearer to the first byte than to the second.
    assert!(first.0 - before.0 < GAP_US, "{} µs", first.0 - before.0);
    assert!(exchange.done.0 - before.0 >= 2 * GAP_US);
}

#[tokio::test]
async fn the_first_byte_is_timed_when_it_comes() {
    dripping::<Wire>().await;
    dripping::<Connection>().await;
}

/// An answer that fits in one read has one instant, and one that never comes has none.
#[tokio::test]
async fn what_is_not_known_is_not_timed() {
    let (whole, _) = against::<Wire>("GET", b"HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(whole.first_byte, Some(whole.done));
    let (cut, _) = against::<Wire>("GET", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").await;
    assert_eq!((cut.outcome, cut.first_byte), (Outcome::ProtocolError, None));
}

/// Interim answers are none: the final one is timed, from its own first byte on.
async fn hinted<T: Tried>() {
    let parts: [&[u8]; 3] = [
        b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 10",
        b"0 Continue\r\n\r\n",
        b"HTTP/1.1 503 No\r\ncontent-length: 3\r\n\r\nabc",
    ];
    let (before, exchange, kept) = in_parts::<T>(&parts).await;
    assert_eq!((exchange.outcome, exchange.status), (Outcome::Http5xx, 503));
    let first = exchange.first_byte.unwrap();
    assert!(first.0 - before.0 >= 2 * GAP_US, "{} µs", first.0 - before.0);
    assert!(exchange.done >= first && kept.is_some());
}

#[tokio::test]
async fn what_comes_before_the_answer_is_not_timed_as_the_answer() {
    hinted::<Wire>().await;
    hinted::<Connection>().await;
}
