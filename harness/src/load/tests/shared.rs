//! Load over HTTP/2, whose connections are shared: who waits for a place on one has not begun.

use super::*;

/// Answers each request after so long, so many at once on a connection.
async fn peer(streams: u32, takes: Duration) -> SocketAddr {
    let (listener, addr) = listener().await;
    serve(listener, move |stream| async move {
        let mut builder = h2::server::Builder::new();
        builder.max_concurrent_streams(streams);
        let Ok(mut connection) = builder.handshake::<_, bytes::Bytes>(stream).await else { return };
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            tokio::spawn(async move {
                tokio::time::sleep(takes).await;
                let answer = hyper::Response::new(());
                if let Ok(mut body) = respond.send_response(answer, false) {
                    let _ = body.send_data(bytes::Bytes::from_static(b"ok"), true);
                }
            });
        }
    });
    addr
}

#[tokio::test]
async fn a_wait_for_a_stream_is_no_service_time() {
    let addr = peer(3, Duration::from_millis(40)).await;
    // 60 in 300 ms, of which three go at once: the last waits half a second.
    let mut lane = lane(addr, 60, 5_000, 1, 10_000_000);
    lane.client.transport.http2 = true;
    let batches = begin(lane, 1).finish().await;
    let (warmup, run) = count(&batches, |cell| cell.outcome == Outcome::Ok);
    assert_eq!((warmup, run), (10, 60));
    let (_, _, _, blocked) = health(&batches);
    assert!(blocked > 40, "{blocked}");
    let intervals = batches.iter().flat_map(|batch| &batch.intervals);
    let service = intervals.filter(|it| it.series.clock == Between::Service);
    let mut slow = 0;
    for interval in service {
        slow += interval.times.len() - interval.times.count_between(0, 150_000);
    }
    // What came before the peer had said how many it allows may have waited inside the connection.
    assert!(slow <= 10, "{slow} of 70 took more than 150 ms from their beginning");
    let told = |batch: &Batch| batch.findings.iter().any(|text| text.contains("as may share one"));
    assert!(batches.iter().any(told));
}
