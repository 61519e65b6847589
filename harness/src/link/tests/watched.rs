//! What a watched link tells of what arrives at it.

use super::paused::{HOUR, answers_all, client, get as get_on, link, pauses};
use super::peers::*;
use crate::link::{Action, Answer, Ending, Fate, LinkError, LinkEvent};
use assay_slo::event::Attempt;
use assay_slo::{At, Outcome};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::LocalSet;

/// Everything that a link told, put together.
#[derive(Debug, Default)]
struct Told {
    seconds: BTreeMap<i64, u64>,
    attempts: Vec<Attempt>,
}

impl Told {
    /// All that is in the receiver; each second at most once.
    fn so_far(events: &mut UnboundedReceiver<LinkEvent>) -> Told {
        let mut told = Told::default();
        while let Ok(event) = events.try_recv() {
            match event {
                LinkEvent::Arrivals { link, second, n } => {
                    assert_eq!(link, "api");
                    assert_eq!(told.seconds.insert(second, n), None, "second {second} again");
                }
                LinkEvent::Attempts { link, list, left_out } => {
                    assert_eq!((link.as_str(), left_out), ("api", 0));
                    told.attempts.extend(list);
                }
                LinkEvent::FirstAffected { .. } | LinkEvent::FirstUnaffected { .. } => {}
            }
        }
        told
    }

    fn arrived(&self) -> u64 {
        self.seconds.values().sum()
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.attempts.iter().map(|attempt| attempt.outcome).collect()
    }
}

async fn send_get(api: &Api, path: &str) -> tokio::net::TcpStream {
    let mut client = api.raw().await;
    send(&mut client, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
    client
}

#[tokio::test]
async fn every_arrival_is_counted_and_ends_as_its_client_saw_it() {
    let mut api = Api::to(Backend::start().await.addr).await;
    let mut idle = api.raw().await;
    get(&mut idle, "/before").await.unwrap();
    api.links.watch("api", true, At(0)).await.unwrap();
    let busy = Arc::new(Answer::new(503, Vec::new(), "busy").unwrap());
    let slow_down = Arc::new(Answer::new(429, Vec::new(), "").unwrap());
    for (fault, prefix, ending) in [
        (0, "/busy", Ending::Answer(busy)),
        (1, "/often", Ending::Answer(slow_down)),
        (2, "/reset", Ending::Reset),
        (3, "/kept", Ending::Stall),
        (4, "/left", Ending::Stall),
    ] {
        api.inject(fault, says_of(prefix, Fate::end(ending))).await;
    }
    for _ in 0..3 {
        get(&mut idle, "/").await.unwrap();
    }
    get(&mut idle, "/busy").await.unwrap();
    send(&mut idle, "HEAD /busy HTTP/1.1\r\nhost: x\r\n\r\n").await;
    read_head(&mut idle).await.unwrap();
    get(&mut idle, "/often").await.unwrap();
    is_reset(&mut send_get(&api, "/reset").await).await;
    let left = send_get(&api, "/left").await;
    api.has_seen(9).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(left);
    // Our own connects are no traffic; and by the time of the next answer the client has left.
    api.links.verify_clean().await;
    api.links.clear(4, 0).await.unwrap();
    let kept = send_get(&api, "/kept").await;
    api.has_seen(10).await;
    while api.links.counts("api").unwrap().open > 2 {
        tokio::task::yield_now().await;
    }
    api.links.flush().await.unwrap();
    let told = Told::so_far(&mut api.events);
    use Outcome::{Cut, Http5xx, Http429, Ok, ProtocolError, Timeout};
    let ends = [Ok, Ok, Ok, Http5xx, Http5xx, Http429, ProtocolError, Timeout, Cut];
    assert_eq!((told.arrived(), told.outcomes().as_slice()), (9, &ends[..]), "{told:?}");
    assert!(told.attempts.iter().all(|a| a.begun <= a.done && !a.trial), "{told:?}");
    // The record is over: neither the idle connection nor what was kept says more.
    drop((idle, kept));
    api.links.stop().await;
    assert!(api.events.recv().await.is_none());
}

#[tokio::test]
async fn an_upstream_that_breaks_is_a_broken_connection_and_one_that_dawdles_a_timeout() {
    let broken = scripted(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let silent = scripted(|mut stream| async move {
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await.unwrap();
    })
    .await;
    let mut api = Api::to(broken).await;
    api.links.watch("api", true, At(0)).await.unwrap();
    get(&mut api.raw().await, "/").await.unwrap_err();
    api.links.set_upstream("api", "127.0.0.1:1".parse().unwrap()).unwrap();
    is_reset(&mut send_get(&api, "/").await).await;
    api.links.set_upstream("api", silent).unwrap();
    let client = send_get(&api, "/").await;
    api.has_seen(3).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(client);
    while api.links.counts("api").unwrap().open > 0 {
        tokio::task::yield_now().await;
    }
    api.links.flush().await.unwrap();
    let told = Told::so_far(&mut api.events);
    use Outcome::{ProtocolError, Timeout};
    assert_eq!(told.outcomes(), [ProtocolError, ProtocolError, Timeout]);
}

#[tokio::test]
async fn refused_connects_arrive_nowhere_and_open_requests_are_reset() {
    let silent = scripted(|mut stream| async move {
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await.unwrap();
    })
    .await;
    let mut api = Api::to(silent).await;
    api.links.watch("api", true, At(0)).await.unwrap();
    let mut open = send_get(&api, "/").await;
    api.has_seen(1).await;
    let applied = api.inject(0, Action::Refuse).await;
    is_reset(&mut open).await;
    for _ in 0..3 {
        tokio::net::TcpStream::connect(api.addr).await.unwrap_err();
    }
    let cleared = api.links.clear(0, 0).await.unwrap();
    api.links.flush().await.unwrap();
    let told = Told::so_far(&mut api.events);
    assert_eq!((told.arrived(), told.outcomes()), (1, vec![Outcome::ProtocolError]));
    let done = told.attempts[0].done;
    assert!(applied <= done && done <= cleared.at, "{applied:?} {done:?} {cleared:?}");
}

#[tokio::test]
async fn idle_connections_at_the_end_are_nothing_and_stopping_tells_the_rest() {
    let mut api = Api::to(Backend::start().await.addr).await;
    api.links.watch("api", true, At(0)).await.unwrap();
    let (mut idle, silent) = (api.raw().await, api.raw().await);
    get(&mut idle, "/").await.unwrap();
    api.links.stop().await;
    let told = Told::so_far(&mut api.events);
    assert_eq!((told.arrived(), told.outcomes()), (1, vec![Outcome::Ok]));
    drop(silent);
}

#[tokio::test]
async fn what_is_known_comes_without_being_asked_for() {
    let mut api = Api::to(Backend::start().await.addr).await;
    api.links.watch("api", true, At(u64::MAX)).await.unwrap();
    get(&mut api.raw().await, "/").await.unwrap();
    let first = within(async {
        loop {
            match api.events.recv().await.unwrap() {
                LinkEvent::Attempts { list, .. } => return list,
                // Time 0 may well be far ahead.
                LinkEvent::Arrivals { second, .. } => assert!(second < 0),
                _ => {}
            }
        }
    })
    .await;
    assert_eq!((first.len(), first[0].outcome), (1, Outcome::Ok));
}

#[tokio::test]
async fn without_single_arrivals_only_seconds_are_told_and_only_of_that_link() {
    let mut api = Api::to(Backend::start().await.addr).await;
    let nowhere = api.links.watch("nowhere", true, At(0)).await;
    assert!(matches!(nowhere, Err(LinkError::NoSuchLink { .. })));
    api.links.flush().await.unwrap();
    get(&mut api.raw().await, "/").await.unwrap();
    assert!(api.events.try_recv().is_err());
    api.links.watch("api", false, At(0)).await.unwrap();
    let twice = api.links.watch("api", true, At(0)).await;
    assert!(matches!(twice, Err(LinkError::AlreadyWatched { .. })));
    get(&mut api.raw().await, "/").await.unwrap();
    api.links.flush().await.unwrap();
    let told = Told::so_far(&mut api.events);
    assert_eq!((told.arrived(), told.attempts.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn seconds_and_instants_are_exact() {
    let paused = async {
        let (link, mut events) = link();
        // Time 0 is half a second away.
        assert!(link.watch("api", At(500_000), Some(std::rc::Rc::new(10.into()))));
        let mut on = client(&link, answers_all);
        for delay in [0, 1500] {
            if delay > 0 {
                link.apply(0, says(Fate::delay(Duration::from_millis(delay)))).unwrap();
            }
            get_on(&mut on).await;
        }
        link.clear(0, 0).unwrap().unwrap();
        link.hand_over();
        let told = Told::so_far(&mut events);
        // The second of now has just begun: it comes last.
        assert_eq!(told.seconds, BTreeMap::from([(-1, 2), (0, 0)]));
        let [quick, slow] = told.attempts[..] else { panic!("{told:?}") };
        assert_eq!((quick.begun, quick.done, slow.begun), (At(0), At(0), At(0)));
        assert!((1_500_000..=1_501_000).contains(&slow.done.0), "{slow:?}");
        // Cut by a reset while it waits for the rest of its answer, at that instant.
        let mut half = client(&link, |far| {
            pauses(far, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf", "done")
        });
        half.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        tokio::time::sleep(HOUR / 3600).await;
        link.apply(1, says(Fate::end(Ending::Reset))).unwrap();
        tokio::time::sleep(HOUR / 3600).await;
        link.unwatch();
        let told = Told::so_far(&mut events);
        assert_eq!(told.seconds, BTreeMap::from([(1, 1), (2, 0), (3, 0)]));
        let [cut] = told.attempts[..] else { panic!("{told:?}") };
        assert_eq!(
            (cut.outcome, cut.done.since(cut.begun) / 10_000),
            (Outcome::ProtocolError, 100)
        );
    };
    LocalSet::new().run_until(paused).await;
}

/// However long its body takes: some callers know by the head that it is good.
#[tokio::test(start_paused = true)]
async fn a_good_answer_counts_from_its_head() {
    let paused = async {
        let (link, mut events) = link();
        assert!(link.watch("api", At(0), Some(std::rc::Rc::new(10.into()))));
        let good = client(&link, |far| {
            pauses(far, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf", "done")
        });
        let bad = client(&link, |far| {
            pauses(far, "HTTP/1.1 500 No\r\ncontent-length: 8\r\n\r\nhalf", "done")
        });
        for (mut client, outcome) in [(good, Outcome::Ok), (bad, Outcome::Http5xx)] {
            client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            tokio::time::sleep(HOUR).await;
            link.hand_over();
            let [headed] = Told::so_far(&mut events).attempts[..] else { panic!("{outcome:?}") };
            let whole = headed.done.since(headed.begun) > 1_000_000;
            assert_eq!((headed.outcome, whole), (outcome, outcome != Outcome::Ok));
        }
        link.unwatch();
    };
    LocalSet::new().run_until(paused).await;
}
