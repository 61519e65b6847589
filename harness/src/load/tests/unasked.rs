//! Peers that say what nobody asked for, on both ways over HTTP/1.1.

use super::*;

const REQUESTS: u64 = 40;

/// Connections, and how many of them talked unasked.
fn unasked(batches: &[Batch]) -> (u64, u64) {
    let lines = batches.iter().flat_map(|batch| &batch.unasked);
    lines.fold((0, 0), |sum, line| (sum.0 + line.connections, sum.1 + line.talked))
}

async fn against<F>(
    script: impl Fn(TcpStream) -> F + Send + 'static,
    on_hyper: bool,
    closed: bool,
) -> (u64, u64)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, addr) = listener().await;
    serve(listener, script);
    let mut lane = lane(addr, REQUESTS, 10_000, 4, 20_000_000);
    // What looks at answers goes over hyper.
    lane.client.transport.redirects = u32::from(on_hyper);
    if closed {
        lane.pace = Pace::Closed { ends_us: 60_000_000, most: REQUESTS };
    }
    let batches = begin(lane, 1).finish().await;
    let (_, all) = count(&batches, |_| true);
    assert_eq!(all, REQUESTS);
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

#[tokio::test]
async fn whoever_answers_before_being_asked_is_told_of() {
    for on_hyper in [false, true] {
        for closed in [false, true] {
            told_of(one_ahead, on_hyper, closed).await;
            told_of(twice, on_hyper, closed).await;
        }
    }
}

/// Whether an answer is there before its request is a race, which a busy machine may lose at every one of
/// a load's requests: therefore several loads may try.
async fn told_of<F>(script: fn(TcpStream) -> F, on_hyper: bool, closed: bool)
where
    F: Future<Output = ()> + Send + 'static,
{
    for _ in 0..20 {
        let (connections, talked) = against(script, on_hyper, closed).await;
        assert!(talked <= connections, "{talked} of {connections}");
        if talked > 0 {
            return;
        }
    }
    panic!("nothing was told in twenty loads: on hyper {on_hyper}, closed {closed}");
}
