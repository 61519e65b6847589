//! What an idle connection hears that nobody asked for; a farewell is no answer.

use super::*;

const FAREWELL: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn who_talks_on_an_idle_connection_is_counted_unless_it_says_farewell() {
    for (said, talks) in [(OK, true), (FAREWELL, false)] {
        let (listener, addr) = listener().await;
        let (clock, limits) = (Clock::start(), limits(addr, LONG_US));
        let (mut wire, mut stream) = kept::<Wire>(&clock, &limits, &listener).await;
        stream.write_all(said).await.unwrap();
        while wire.is_usable() {
            tokio::task::yield_now().await;
        }
        assert_eq!(wire.has_talked(), talks);
        let (mut connection, mut stream) = kept::<Connection>(&clock, &limits, &listener).await;
        stream.write_all(said).await.unwrap();
        while connection.is_usable() {
            tokio::task::yield_now().await;
        }
        assert_eq!(limits.ways.unasked.take(), None, "it is counted when it is given up");
        drop(connection);
        assert_eq!(limits.ways.unasked.take(), talks.then_some((1, 1)));
    }
}
