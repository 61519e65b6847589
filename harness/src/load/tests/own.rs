//! Requests that each have something of their own, and answers that are looked at.

use super::*;
use crate::plan::Dynamic;
use crate::plan::answer::{Ask, Check, Wanted};
use crate::plan::rows::Rows;
use crate::plan::template::{Form, Scope, Template};
use crate::spec::types::{Pick, WhenExhausted};
use std::sync::Mutex;

/// Asks for `/<row>/<random>` and wants the row back.
fn asking(lane: Lane, warmup: u64, rows: usize) -> Lane {
    let sets = [Arc::new(Rows {
        name: "users".to_owned(),
        pick: Pick::Sequential,
        when_exhausted: WhenExhausted::Stop,
        columns: vec!["id".to_owned()],
        landed: crate::plan::rows::Landed::default(),
        values: (0..rows).map(|row| vec![format!("r{row}")]).collect(),
    })];
    let mut path = Template::new(Form::Path, "path");
    let text = Text("/${data.users.id}/${random.uuid}".to_owned());
    path.text(&text, Scope { sets: &sets, captures: &[] }, &mut Vec::new());
    let json = Check::Json { at: "/id".to_owned(), ask: Ask::Exists(true) };
    let dynamic = Dynamic { path: Some(path), checks: vec![json], ..Dynamic::default() };
    let mut requests = lane.requests.clone();
    requests[1].dynamic = Some(dynamic);
    Lane { turns: Turns::new(&lane.cycle, &requests, warmup), requests, ..lane }
}

/// Answers with an `id` to whom `well` says so; notes the paths.
fn notes_paths(
    listener: TcpListener,
    well: impl Fn(&str) -> bool + Copy + Send + Sync + 'static,
) -> Arc<Mutex<Vec<String>>> {
    let paths = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&paths);
    serve(listener, move |mut stream| {
        let seen = Arc::clone(&seen);
        async move {
            while let Some(path) = read_path(&mut stream).await {
                let body = if well(&path) { "{\"id\": 7}" } else { "{\"error\": \"\"}" };
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                seen.lock().unwrap().push(path);
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        }
    });
    paths
}

pub(super) async fn read_path(stream: &mut TcpStream) -> Option<String> {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        seen.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(seen).ok()?.split(' ').nth(1).map(str::to_owned)
}

/// The rows that were asked for, in order of their number, and how many different paths there were.
fn rows(paths: &Mutex<Vec<String>>) -> (Vec<usize>, usize) {
    let mut paths = paths.lock().unwrap().clone();
    paths.retain(|path| path.starts_with("/r"));
    paths.sort();
    let row = |path: &String| path[2..].split('/').next().unwrap().parse::<usize>().unwrap();
    let mut rows: Vec<usize> = paths.iter().map(row).collect();
    rows.sort_unstable();
    paths.dedup();
    (rows, paths.len())
}

#[tokio::test]
async fn every_arrival_has_the_next_row_whatever_thread_sends_it() {
    let (listener, addr) = listener().await;
    let paths = notes_paths(listener, |path| !path.starts_with("/r5/"));
    let lane = asking(lane(addr, 90, 1_000, 192, 20_000_000), 10, 1_000);
    let batches = begin(lane, 2).finish().await;
    // Three of the warm-up's ten, then thirty of ninety.
    let (rows, different) = rows(&paths);
    assert_eq!(rows, (0..33).collect::<Vec<_>>());
    assert_eq!(different, 33);
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (10, 89));
    let failed = |cell: &Cell| cell.outcome == Outcome::CheckFailed && cell.request == 1;
    assert_eq!(count(&batches, failed), (0, 1));
    let findings: Vec<_> = batches.iter().flat_map(|batch| &batch.findings).collect();
    let words = "load web: an answer was not as it should be: the JSON value at `/id` is missing";
    assert_eq!(findings, [words]);
}

#[tokio::test]
async fn an_answer_is_held_against_the_row_that_was_sent() {
    let (listener, addr) = listener().await;
    serve(listener, |mut stream| async move {
        while let Some(path) = read_path(&mut stream).await {
            // Somebody else's order to the fifth.
            let row = path.trim_start_matches('/').split('/').next().unwrap().to_owned();
            let row = if row == "r5" { "r6".to_owned() } else { row };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", row.len());
            let _ = stream.write_all(format!("{head}{row}").as_bytes()).await;
        }
    });
    let mut lane = asking(lane(addr, 90, 1_000, 192, 20_000_000), 0, 1_000);
    let dynamic = lane.requests[1].dynamic.as_mut().unwrap();
    let sets: Vec<_> = dynamic.sets().cloned().collect();
    let open = Text("${data.users.id}".to_owned());
    let mut text = Template::new(Form::Plain, "check");
    text.text(&open, Scope { sets: &sets, captures: &[] }, &mut Vec::new());
    dynamic.wanted = vec![(0, text)];
    dynamic.checks = vec![Check::Contains(Wanted { text: String::new(), open: Some(open) })];
    let batches = begin(lane, 2).finish().await;
    let failed = |cell: &Cell| cell.outcome == Outcome::CheckFailed && cell.request == 1;
    assert_eq!(count(&batches, failed), (0, 1));
    let findings: Vec<_> = batches.iter().flat_map(|batch| &batch.findings).collect();
    let words = "load web: an answer was not as it should be: the body does not contain \
                 `${data.users.id}`";
    assert_eq!(findings, [words]);
}

#[tokio::test]
async fn a_request_without_a_row_is_not_sent() {
    let (listener, addr) = listener().await;
    let paths = notes_paths(listener, |_| true);
    let lane = asking(lane(addr, 90, 1_000, 1, 20_000_000), 10, 13);
    let batches = begin(lane, 1).finish().await;
    assert_eq!(rows(&paths).0, (0..13).collect::<Vec<_>>());
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::NotSent), (0, 20));
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (10, 70));
    let findings: Vec<_> = batches.iter().flat_map(|batch| &batch.findings).collect();
    let words = "load web: a request was not sent: all rows of `users` are used up";
    assert!(findings.iter().any(|finding| *finding == words), "{findings:?}");
}

#[tokio::test]
async fn connections_that_always_send_share_the_rows_and_end_with_them() {
    let (listener, addr) = listener().await;
    let paths = notes_paths(listener, |_| true);
    let lane = asking(lane(addr, 1, 1, 192, 20_000_000), 0, 50);
    let (most, _) = lane.turns.last(WhenExhausted::Stop).unwrap();
    let pace = Pace::Closed { ends_us: 60_000_000, most };
    let batches = begin(Lane { pace, ..lane }, 2).finish().await;
    assert_eq!(rows(&paths).0, (0..50).collect::<Vec<_>>());
    // Of each three the last takes a row.
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (0, 152));
    assert_eq!(count(&batches, |_| true), (0, 152));
    // Once, though two threads share the load.
    let findings: Vec<_> = batches.iter().flat_map(|batch| &batch.findings).collect();
    let ended: Vec<_> = findings.iter().filter(|finding| finding.contains("used up")).collect();
    assert_eq!(ended.len(), 1, "{findings:?}");
    let words = " of its 60 s, after 152 requests: the rows of `users` are used up";
    assert!(ended[0].starts_with("load web ended at ") && ended[0].ends_with(words), "{ended:?}");
}

#[tokio::test]
async fn who_speaks_another_protocol_is_told() {
    let settings: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100];
    for (said, words) in [
        (&[0x15, 0x03, 0x01, 0, 2, 2, 70][..], "speaks TLS on this port: write https:// for it"),
        (
            settings,
            "speaks HTTP/2 on this port: write `client: {protocol: http2}` for its load (`--http2` of `assay load`)",
        ),
    ] {
        let (listener, addr) = listener().await;
        serve(listener, move |mut stream| async move {
            let _ = read_path(&mut stream).await;
            let _ = stream.write_all(said).await;
        });
        let batches = begin(lane(addr, 20, 1_000, 4, 20_000_000), 1).finish().await;
        assert_eq!(count(&batches, |cell| cell.outcome == Outcome::ProtocolError), (10, 20));
        let findings: Vec<_> = batches.iter().flat_map(|batch| &batch.findings).collect();
        let words = format!("load web: {addr} {words}");
        assert!(findings.iter().any(|finding| **finding == words), "{findings:?}");
    }
}
