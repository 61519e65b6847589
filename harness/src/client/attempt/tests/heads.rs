//! How much of a head is read, and what is said of more: on both transports the same.

use super::*;
use crate::client::partial::{MOST_FIELDS, MOST_HEAD};

on_both! {
    heads_that_are_too_large_are_told
}

async fn heads_that_are_too_large_are_told<T: Tried>() {
    let head = |fields: usize, value: usize| {
        let fields: String = (0..fields).map(|at| format!("x-{at}: a\r\n")).collect();
        let long = "b".repeat(value);
        format!("HTTP/1.1 200 OK\r\n{fields}long: {long}\r\ncontent-length: 2\r\n\r\nok")
    };
    // Without its value, and what hyper does not tell us of: blanks around values.
    let least = head(0, 0).len() - "ok".len();
    let (many, long) = (Broke::ManyHeaders(MOST_FIELDS), Broke::LongHead(MOST_HEAD));
    for (fields, value, broke) in [
        (MOST_FIELDS - 2, 1, None),
        (MOST_FIELDS - 1, 1, Some(many)),
        (0, MOST_HEAD - least, None),
        (0, MOST_HEAD - least + 1, Some(long)),
        (0, 300_000, Some(long)),
        (0, 1_000_000, Some(long)),
    ] {
        let (listener, addr) = listener().await;
        let answer = head(fields, value);
        let peer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            // Whoever has had enough closes.
            let _ = stream.write_all(answer.as_bytes()).await;
        };
        let (clock, limits) = (Clock::start(), limits(addr, LONG_US));
        let ours = attempt::<T>(&clock, &limits, None, request("GET"), |_| {});
        // The connection goes with it, and with that what the peer still writes.
        let ours = async { ours.await.0 };
        let ((), exchange) = tokio::join!(peer, ours);
        let outcome = if broke.is_none() { Outcome::Ok } else { Outcome::ProtocolError };
        assert_eq!(exchange.outcome, outcome, "{fields} {value}");
        assert_eq!(exchange.partial.map(|partial| partial.broke), broke, "{fields} {value}");
    }
}
