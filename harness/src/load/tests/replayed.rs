//! Requests of a log on real sockets: each body arrives as it was logged, under its own length.

use super::*;
use crate::plan::compile_all;
use crate::spec::{Overrides, decode};
use std::sync::Mutex;

/// Bodies of several lengths and none; one whose method says that there is none.
const LOG: &str = r#"
{"time": 0, "method": "POST", "path": "/a", "json": {"sku": 42}}
{"time": 0.01, "method": "POST", "path": "/a", "text": "hello"}
{"time": 0.02, "method": "PUT", "path": "/b", "text": "a longer text, in UTF-8: ü"}
{"time": 0.03, "method": "POST", "path": "/a"}
{"time": 0.04, "method": "PATCH", "path": "/c", "text": "x"}
{"time": 0.05, "method": "DELETE", "path": "/d", "text": "y"}
{"time": 0.06, "path": "/e"}
"#;

/// Method, `content-length`, body.
type Seen = (String, Option<String>, String);

fn logged() -> Vec<Seen> {
    let seen = |method: &str, length: Option<&str>, body: &str| {
        (method.to_owned(), length.map(str::to_owned), body.to_owned())
    };
    vec![
        seen("DELETE", Some("1"), "y"),
        seen("GET", None, ""),
        seen("PATCH", Some("1"), "x"),
        seen("POST", Some("0"), ""),
        seen("POST", Some("11"), r#"{"sku": 42}"#),
        seen("POST", Some("5"), "hello"),
        seen("PUT", Some("27"), "a longer text, in UTF-8: ü"),
    ]
}

/// The log as a load to this address.
fn replay(addr: SocketAddr, keys: &str) -> Lane {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("access.jsonl"), LOG).unwrap();
    let text = format!(
        "schema: 1\nname: replay\nservices: {{shop: {{url: \"http://127.0.0.1:8080\"}}}}\n\
         load: {{web: {{replay-log: {{file: access.jsonl, duration: 1s{keys}}}}}}}\n\
         objectives: {{errors: {{error-rate: {{below: 80%}}}}}}\n"
    );
    let file = dir.path().join("replay.yaml").display().to_string();
    let plan = compile_all(decode(&file, &text, &Overrides::default(), &|_| None)).unwrap();
    let load = plan.loads.into_iter().next().unwrap();
    let count = load.cycle.len() as u64;
    let none: Due = Box::new(|_, _| Box::new(std::iter::empty()));
    let lane = lane(addr, count, 10_000, 1, 20_000_000);
    let Pace::Open { due, .. } = lane.pace else { panic!("{lane:?}") };
    Lane {
        turns: Turns::new(&load.cycle, &load.requests, 0),
        client: load.client,
        requests: load.requests,
        cycle: load.cycle,
        pace: Pace::Open { warmup: none, due },
        ..lane
    }
}

/// What came, in an order of its own, when all has been sent.
async fn all(lane: Lane, seen: &Mutex<Vec<Seen>>) -> Vec<Seen> {
    let batches = begin(lane, 1).finish().await;
    assert_eq!(count(&batches, |cell| cell.outcome == Outcome::Ok), (0, 7));
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    seen
}

#[tokio::test]
async fn over_http1_each_body_arrives_as_it_was_logged() {
    let (listener, addr) = listener().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    serve(listener, move |mut stream| {
        let told = Arc::clone(&told);
        async move {
            loop {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(byte);
                }
                let head = String::from_utf8(head).unwrap();
                let lengths = head.lines().filter_map(|line| line.strip_prefix("content-length: "));
                let lengths: Vec<String> = lengths.map(str::to_owned).collect();
                assert!(lengths.len() < 2 && !head.contains("transfer-encoding"), "{head}");
                let length = lengths.into_iter().next();
                let mut body = vec![0; length.as_ref().map_or(0, |text| text.parse().unwrap())];
                stream.read_exact(&mut body).await.unwrap();
                let method = head.split(' ').next().unwrap().to_owned();
                told.lock().unwrap().push((method, length, String::from_utf8(body).unwrap()));
                stream.write_all(OK).await.unwrap();
            }
        }
    });
    assert_eq!(all(replay(addr, ""), &seen).await, logged());
}

#[tokio::test]
async fn over_http2_each_body_arrives_as_it_was_logged() {
    let (listener, addr) = listener().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    serve(listener, move |stream| {
        let told = Arc::clone(&told);
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let told = Arc::clone(&told);
                tokio::spawn(async move {
                    let (parts, mut body) = request.into_parts();
                    let mut bytes = Vec::new();
                    while let Some(data) = body.data().await {
                        bytes.extend_from_slice(&data.unwrap());
                    }
                    let length = parts.headers.get("content-length");
                    let length = length.map(|value| value.to_str().unwrap().to_owned());
                    let body = String::from_utf8(bytes).unwrap();
                    told.lock().unwrap().push((parts.method.to_string(), length, body));
                    let head = hyper::Response::builder().status(200).body(()).unwrap();
                    let mut answer = respond.send_response(head, false).unwrap();
                    answer.send_data(bytes::Bytes::from_static(b"ok"), true).unwrap();
                });
            }
        }
    });
    assert_eq!(all(replay(addr, ", client: {protocol: http2}"), &seen).await, logged());
}
