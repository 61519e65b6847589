//! Answers that come faster than they are read at once.

use super::*;

/// Whoever has more to read is come back to, though the kernel has no more news of it.
#[tokio::test]
async fn large_answers_are_read_to_their_end() {
    const LENGTH: usize = 12 << 20;
    let (listener, addr) = listener().await;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n").into_bytes();
    let answer: Arc<[u8]> = answer.into_iter().chain(std::iter::repeat_n(b'x', LENGTH)).collect();
    serve(listener, move |mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            while read_request(&mut stream).await.is_some() {
                let _ = stream.write_all(&answer).await;
            }
        }
    });
    let batches = begin(lane(addr, 30, 10_000, 8, 60_000_000), 1).finish().await;
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (10, 30));
}
