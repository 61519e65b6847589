//! Answers that are none, or not whole: what came of them is kept, on both ways over HTTP/1.1.

use super::*;

/// The failures that are kept when a peer says this, and then closes the connection or does not.
async fn kept(answer: Vec<u8>, closes: bool, on_hyper: bool) -> Vec<String> {
    let (listener, addr) = listener().await;
    serve(listener, move |mut stream| {
        let answer = answer.clone();
        async move {
            if read_request(&mut stream).await.is_some() {
                let _ = stream.write_all(&answer).await;
                if !closes {
                    let _ = stream.read_u8().await;
                }
            }
        }
    });
    // None of them waits for a connection as long as the timeout.
    let (connections, timeout_us) = if closes { (2, 20_000_000) } else { (20, 200_000) };
    let mut lane = lane(addr, 9, 5_000, connections, timeout_us);
    // What looks at answers goes over hyper.
    lane.client.transport.redirects = u32::from(on_hyper);
    let batches = begin(lane, 1).finish().await;
    let outcome = if closes { Outcome::ProtocolError } else { Outcome::Timeout };
    let broken = |cell: &Cell| cell.outcome == outcome;
    assert_eq!(count(&batches, broken), (10, 9));
    let failures = batches.into_iter().flat_map(|batch| batch.failures);
    failures.map(|failure| failure.text).collect()
}

#[tokio::test]
async fn what_came_of_an_answer_is_kept() {
    let cut = b"HTTP/1.1 200 OK\r\nx-who: me\r\ncontent-length: 100\r\n\r\nthe start".to_vec();
    let mut many = b"HTTP/1.1 200 OK\r\n".to_vec();
    (0..150).for_each(|n| many.extend(format!("x-{n}: y\r\n").bytes()));
    many.extend(b"content-length: 0\r\n\r\n");
    for (answer, why, shown) in [
        (cut, "before the answer was whole, after 60 bytes", "< x-who: me\n"),
        (many, "more than 100 headers", "< x-77: y\n"),
        (b"SSH-2.0-x\xff\r\n".to_vec(), "is no HTTP, or breaks its rules (12", "< SSH-2.0-x\\xff"),
        (b"".to_vec(), "ended before any byte of an answer", ""),
    ] {
        for on_hyper in [false, true] {
            let failures = kept(answer.clone(), true, on_hyper).await;
            // Three of each request.
            assert_eq!(failures.len(), 6);
            for text in failures {
                assert!(text.contains(why) && text.contains(shown), "{on_hyper}: {text}");
                assert!(!why.contains("60") || text.contains("<\n< the start"), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn what_came_until_the_time_was_up_is_kept() {
    let slow = b"HTTP/1.1 200 OK\r\nx-who: me\r\ncontent-length: 100\r\n\r\nthe start".to_vec();
    for on_hyper in [false, true] {
        for text in kept(slow.clone(), false, on_hyper).await {
            let shown = ["60 bytes of it came", "< x-who: me\n", "<\n< the start"];
            assert!(shown.iter().all(|part| text.contains(part)), "{on_hyper}: {text}");
        }
        for text in kept(Vec::new(), false, on_hyper).await {
            assert!(text.contains("no whole answer within 200 ms"), "{on_hyper}: {text}");
        }
    }
}
