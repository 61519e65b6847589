//! Journeys that arrive, against a scripted shop on real sockets.

use super::*;
use crate::plan::answer::{Capture, Source};
use crate::plan::template::{Form, Scope, Template};
use crate::plan::users::Step;
use crate::plan::{Dynamic, Journey};
use std::sync::Mutex;

/// Logs in at `/a`, pauses 20 ms, and goes to `/b/<token>` and once more there.
fn logging_in(lane: Lane) -> Lane {
    let captures = ["token".to_owned()];
    let mut path = Template::new(Form::Path, "path");
    let scope = Scope { sets: &[], captures: &captures };
    path.text(&Text("/b/${token}".to_owned()), scope, &mut Vec::new());
    let token = Source::Header("X-Token".to_owned());
    let mut requests = lane.requests.clone();
    requests[0].dynamic = Some(Dynamic {
        captures: vec![Capture { name: "token".to_owned(), slot: 0, from: token }],
        ..Dynamic::default()
    });
    requests[1].dynamic = Some(Dynamic { path: Some(path), ..Dynamic::default() });
    let pause = Step::Pause { min_us: 20_000, max_us: 20_000 };
    let steps = vec![Step::Send(0), pause, Step::Send(1), Step::Send(1)];
    let journey = Journey { steps, captures: 1 };
    Lane { cycle: journey.cycle(), journey: Some(journey), requests, ..lane }
}

/// Gives the n-th that logs in a token of its own, if `gives` says so; notes all paths.
fn shop(
    listener: TcpListener,
    gives: impl Fn(u64) -> bool + Copy + Send + Sync + 'static,
) -> Arc<Mutex<Vec<String>>> {
    let (paths, logins) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)));
    let seen = Arc::clone(&paths);
    serve(listener, move |mut stream| {
        let (seen, logins) = (Arc::clone(&seen), Arc::clone(&logins));
        async move {
            while let Some(path) = super::own::read_path(&mut stream).await {
                let token = match path == "/a" {
                    true => Some(logins.fetch_add(1, Ordering::SeqCst)).filter(|n| gives(*n)),
                    false => None,
                };
                let token = token.map_or_else(String::new, |n| format!("x-token: t{n}\r\n"));
                seen.lock().unwrap().push(path);
                let head = format!("HTTP/1.1 200 OK\r\n{token}content-length: 2\r\n\r\nok");
                let _ = stream.write_all(head.as_bytes()).await;
            }
        }
    });
    paths
}

fn told(batches: &[Batch]) -> Vec<&str> {
    batches.iter().flat_map(|batch| &batch.findings).map(String::as_str).collect()
}

#[tokio::test]
async fn each_arrival_goes_through_its_steps_with_what_it_got() {
    let (listener, addr) = listener().await;
    let paths = shop(listener, |_| true);
    let lane = logging_in(lane(addr, 30, 2_000, 64, 5_000_000));
    let batches = begin(lane, 2).finish().await;
    // Ten of the warm-up come in the 20 ms before time 0: their last steps are due after it, and are
    // the warm-up's all the same.
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (30, 90));
    let (due, begun, done, _) = health(&batches);
    assert_eq!((due, begun, done), (90, 90, 90));
    assert_eq!(told(&batches), Vec::<&str>::new());
    let paths = paths.lock().unwrap();
    for n in 0..40 {
        let used = paths.iter().filter(|path| **path == format!("/b/t{n}")).count();
        assert_eq!(used, 2, "token {n}");
    }
}

#[tokio::test]
async fn who_gets_no_token_goes_no_further_and_holds_nobody_up() {
    let (listener, addr) = listener().await;
    let paths = shop(listener, |n| n % 2 == 0);
    // Over two threads: one of them tells of both.
    let lane = logging_in(lane(addr, 30, 2_000, 128, 5_000_000));
    let batches = begin(lane, 2).finish().await;
    let broken: Vec<_> =
        told(&batches).into_iter().filter(|it| it.contains("broken off")).collect();
    let [one] = broken.as_slice() else { panic!("{broken:?}") };
    assert!(one.starts_with("load web: 15 of 30 journeys were broken off at `a`"), "{one}");
    let sum = |(warmup, run): (u64, u64)| warmup + run;
    assert_eq!(sum(count(&batches, |cell| cell.outcome == Outcome::CheckFailed)), 20);
    assert_eq!(sum(count(&batches, |cell| cell.outcome == Outcome::Ok)), 20 + 2 * 20);
    assert_eq!(paths.lock().unwrap().len(), 40 + 2 * 20);
}

/// The shop never answers a log-in: every arrival is begun all the same, and nothing after it.
#[tokio::test]
async fn arrivals_do_not_wait_for_journeys() {
    let (listener, addr) = listener().await;
    serve(listener, |mut stream| async move { while read_request(&mut stream).await.is_some() {} });
    let lane = logging_in(lane(addr, 30, 1_000, 64, 300_000));
    let batches = begin(lane, 1).finish().await;
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Timeout), (10, 30));
    assert_eq!(health(&batches).0, 30);
}
