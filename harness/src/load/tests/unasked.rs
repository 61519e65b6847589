//! Peers that say what nobody asked for, on both ways over HTTP/1.1.

use super::*;

/// Requests, and how far apart.
const OFTEN: (u64, i64) = (40, 10_000);

/// Connections, and how many of them talked unasked.
fn unasked(batches: &[Batch]) -> (u64, u64) {
    let lines = batches.iter().flat_map(|batch| &batch.unasked);
    lines.fold((0, 0), |sum, line| (sum.0 + line.connections, sum.1 + line.talked))
}

async fn against<F>(
    script: impl Fn(TcpStream) -> F + Send + 'static,
    on_hyper: bool,
    closed: bool,
    (requests, every_us): (u64, i64),
) -> (u64, u64)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, addr) = listener().await;
    serve(listener, script);
    let mut lane = lane(addr, requests, every_us, 4, 20_000_000);
    // What looks at answers goes over hyper.
    lane.client.transport.redirects = u32::from(on_hyper);
    if closed {
        lane.pace = Pace::Closed { ends_us: 60_000_000, most: requests };
    }
    let batches = begin(lane, 1).finish().await;
    let (_, all) = count(&batches, |_| true);
    assert_eq!(all, requests);
    unasked(&batches)
}

/// Each answer is there before its request is read: all may look well.
async fn one_ahead(mut stream: TcpStream) {
    while stream.write_all(OK).await.is_ok() && read_request(&mut stream).await.is_some() {}
}

async fn twice(mut stream: TcpStream) {
    while read_request(&mut stream).await.is_some() {
        let _ = stream.write_all(&[OK, OK].concat()).await;
    }
}

/// Well, and when nothing is asked for a while it says so and closes.
async fn says_farewell(mut stream: TcpStream) {
    if read_request(&mut stream).await.is_some() {
        let _ = stream.write_all(OK).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        let farewell = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(farewell).await;
    }
}

#[tokio::test]
async fn whoever_answers_before_being_asked_is_told_of() {
    for on_hyper in [false, true] {
        for closed in [false, true] {
            let (connections, talked) = against(one_ahead, on_hyper, closed, OFTEN).await;
            assert!(talked > 0 && talked <= connections, "{talked} of {connections}");
            assert!(closed || talked * 2 > connections, "{talked} of {connections}");
            let (connections, talked) = against(twice, on_hyper, closed, OFTEN).await;
            assert!(talked > 0 && talked <= connections, "{talked} of {connections}");
        }
        assert_eq!(against(says_farewell, on_hyper, false, (4, 400_000)).await, (0, 0));
    }
}
