//! Interim answers pass before the final one, as late as the faults make it, or not at all.

use super::paused::{HOUR, client, link, pauses};
use super::peers::*;
use crate::link::{Ending, Fate, Tail};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;
use tokio::time::Instant;

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
const FINAL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const ASKS: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn all_of_them_pass_and_the_final_answer_after_them() {
    let upstream = scripted(|mut stream| async move {
        loop {
            let early = format!("{HINTS}HTTP/1.1 100 Continue\r\n\r\n{HINTS}{FINAL}");
            stream.write_all(early.as_bytes()).await.unwrap();
            if read_head(&mut stream).await.is_err() {
                return;
            }
        }
    })
    .await;
    let api = Api::to(upstream).await;
    let mut client = api.raw().await;
    for _ in 0..3 {
        client.write_all(ASKS).await.unwrap();
        assert_eq!(read_head(&mut client).await.unwrap(), HINTS);
        assert_eq!(read_head(&mut client).await.unwrap(), "HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(read_head(&mut client).await.unwrap(), HINTS);
        assert_eq!(read_answer(&mut client).await.unwrap(), FINAL);
    }
    let counts = api.links.counts("api").unwrap();
    assert_eq!((counts.requests, counts.answered), (3, 3));
    // HTTP/1.0 has none.
    let mut old = api.raw().await;
    send(&mut old, "GET / HTTP/1.0\r\n\r\n").await;
    let mut all = String::new();
    within(old.read_to_string(&mut all)).await.unwrap();
    assert!(all.contains(" 200 OK\r\n") && !all.contains("103"), "{all}");
}

#[tokio::test(start_paused = true)]
async fn each_comes_when_it_is_said_and_a_delay_is_no_longer_for_the_final_one() {
    let paused = async {
        for (delay, hinted, answered) in [(0, 0, 60_000), (1500, 1500, 61_500)] {
            let (link, _told) = link();
            let mut client = client(&link, |far| pauses(far, HINTS, FINAL));
            link.apply(0, says(Fate::late(Duration::from_millis(delay)))).unwrap();
            let began = Instant::now();
            let about = |ms: u128| (ms..=ms + 2).contains(&began.elapsed().as_millis());
            client.write_all(ASKS).await.unwrap();
            assert_eq!(read_head(&mut client).await.unwrap(), HINTS);
            assert!(about(hinted), "{:?}", began.elapsed());
            // Longer than what reads give up after here.
            tokio::time::sleep(Duration::from_secs(55)).await;
            assert_eq!(read_answer(&mut client).await.unwrap(), FINAL);
            assert!(about(answered), "{:?}", began.elapsed());
        }
    };
    LocalSet::new().run_until(paused).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_gets_no_answer_gets_no_hint_of_it() {
    let paused = async {
        for fate in [Fate::tail(Tail::Stall), Fate::end(Ending::Stall)] {
            let (link, _told) = link();
            let mut client = client(&link, |far| pauses(far, HINTS, FINAL));
            let stalls = fate.ending == Ending::Stall;
            if !stalls {
                link.apply(0, says(fate.clone())).unwrap();
            }
            client.write_all(ASKS).await.unwrap();
            if stalls {
                // It is passed on, and its answer has begun, before all is held.
                assert_eq!(read_head(&mut client).await.unwrap(), HINTS);
                link.apply(0, says(fate)).unwrap();
            }
            let mut byte = [0];
            let heard = tokio::time::timeout(HOUR, client.read(&mut byte)).await;
            assert!(heard.is_err(), "{byte:?}");
            link.clear(0, 0).unwrap().unwrap();
            if !stalls {
                assert_eq!(read_head(&mut client).await.unwrap(), HINTS);
            }
            assert_eq!(read_answer(&mut client).await.unwrap(), FINAL);
        }
    };
    LocalSet::new().run_until(paused).await;
}
