//! A journey and independent requests, once each, against a scripted peer.

use super::*;
use crate::plan::answer::{Ask, Check};
use crate::plan::template::{Form, Scope, Template};
use crate::plan::{Body, Request, Text, Transport};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// Answers every request on every connection; `answer` is given the lines of its head.
async fn answering(answer: impl Fn(&[String]) -> String + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            let mut head = Vec::new();
            while let Ok(Some(line)) = lines.next_line().await {
                if !line.is_empty() {
                    head.push(line);
                    continue;
                }
                write.write_all(answer(&std::mem::take(&mut head)).as_bytes()).await.unwrap();
            }
        }
    });
    addr
}

/// Says 200 and this body, the request's line as a header.
async fn peer(body: &'static str) -> SocketAddr {
    answering(move |head| {
        let (seen, length) = (&head[0], body.len());
        format!("HTTP/1.1 200 OK\r\nX-Seen: {seen}\r\nContent-Length: {length}\r\n\r\n{body}")
    })
    .await
}

fn request(name: &str, dynamic: Dynamic) -> Request {
    Request {
        name: name.to_owned(),
        method: "GET".to_owned(),
        path: Text("/".to_owned()),
        headers: vec![],
        body: Body::Empty,
        check_status: vec![],
        timeout_us: 5_000_000,
        dynamic: Some(dynamic),
    }
}

fn path(text: &str) -> Option<Template> {
    let mut template = Template::new(Form::Path, "path");
    let scope = Scope { sets: &[], captures: &["token".to_owned()] };
    template.text(&Text(text.to_owned()), scope, &mut Vec::new());
    Some(template)
}

fn capture(at: &str) -> Dynamic {
    let from = Source::Json(at.to_owned());
    let captures = vec![Capture { name: "token".to_owned(), slot: 0, from }];
    Dynamic { captures, ..Dynamic::default() }
}

fn trial(addr: SocketAddr, requests: Vec<Request>, does: Does) -> Trial {
    Trial {
        name: "crowd".to_owned(),
        addr,
        authority: addr.to_string(),
        ends: None,
        client: plan::Client {
            connections: 1,
            timeout_us: 5_000_000,
            connect_timeout_us: 5_000_000,
            headers: vec![],
            transport: Transport::default(),
        },
        requests,
        does,
        captures: 1,
        seed: 1,
    }
}

async fn go(trial: &Trial, wanted: &dyn Fn(&str) -> bool) -> Vec<Tried> {
    let mut all = Vec::new();
    trial.go(&Clock::start(), "run", wanted, &mut |tried| all.push(tried)).await.unwrap();
    all
}

fn journey() -> Does {
    let pause = Step::Pause { min_us: 1_000_000_000, max_us: 2_000_000_000 };
    Does::Journey(vec![Step::Send(0), pause, Step::Send(1), Step::Send(2)])
}

#[tokio::test]
async fn a_journey_uses_what_it_captured_and_waits_for_no_pause() {
    let addr = peer(r#"{"a": {"token": "t 1"}}"#).await;
    let uses = Dynamic { path: path("/orders/${token}"), ..Dynamic::default() };
    let asks = Check::Json { at: "/a/n".to_owned(), ask: Ask::Exists(true) };
    let checked = Dynamic { checks: vec![asks], ..Dynamic::default() };
    let requests = vec![
        request("login", capture("/a/token")),
        request("orders", uses),
        request("checked", checked),
    ];
    let trial = trial(addr, requests, journey());
    let all = go(&trial, &|_| true).await;
    let [Tried::Sent(login), Tried::Pause { .. }, Tried::Sent(orders), Tried::Sent(checked)] =
        all.as_slice()
    else {
        panic!("{all:?}");
    };
    assert!(login.is_good() && orders.is_good());
    assert_eq!(login.captures[0].found.as_deref(), Ok("t 1"));
    assert_eq!(orders.asked.target, "/orders/t%201");
    assert_eq!(orders.heard.as_ref().unwrap().status, 200);
    assert!(!checked.is_good());
    let words = [
        ("status 2xx or 3xx".to_owned(), None),
        ("json /a/n exists".to_owned(), Some("the JSON value at `/a/n` is missing".to_owned())),
    ];
    assert_eq!(checked.checks, words);
    // Up to the last that is wanted, since it may need those before.
    assert_eq!(go(&trial, &|name| name == "orders").await.len(), 3);
}

#[tokio::test]
async fn a_capture_that_finds_nothing_is_named_and_so_is_who_needed_it() {
    let addr = peer(r#"{"access": {"token": "t"}, "n": 1}"#).await;
    let uses = Dynamic { path: path("/orders/${token}"), ..Dynamic::default() };
    let other = request("other", Dynamic::default());
    let trial =
        trial(addr, vec![request("login", capture("/token")), request("o", uses), other], {
            journey()
        });
    let all = go(&trial, &|_| true).await;
    let [Tried::Sent(login), _, Tried::Unsent { request, why }, Tried::Sent(other)] =
        all.as_slice()
    else {
        panic!("{all:?}");
    };
    let found = login.captures[0].found.as_ref().unwrap_err();
    assert_eq!(found, "nothing to capture at `/token`; the body has /n, /access/token");
    assert_eq!(request, "o");
    assert_eq!(why, "it needs `${token}`, which `login` was to capture and did not");
    assert!(other.is_good());
}

#[tokio::test]
async fn independent_requests_come_in_their_order_and_who_does_not_answer_has_words() {
    let addr = peer("x").await;
    let requests = vec![request("a", Dynamic::default()), request("b", Dynamic::default())];
    let mut trial = trial(addr, requests, Does::Independent { cycle: vec![1, 1, 0] });
    let names = |all: &[Tried]| -> Vec<String> {
        let name = |tried: &Tried| match tried {
            Tried::Sent(sent) if sent.is_good() => sent.request.clone(),
            other => format!("{other:?}"),
        };
        all.iter().map(name).collect()
    };
    assert_eq!(names(&go(&trial, &|_| true).await), ["a", "b"]);
    assert_eq!(names(&go(&trial, &|name| name == "b").await), ["b"]);
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    trial.addr = gone.local_addr().unwrap();
    drop(gone);
    let all = go(&trial, &|name| name == "a").await;
    let [Tried::Sent(refused)] = all.as_slice() else { panic!("{all:?}") };
    assert!(refused.why.as_ref().unwrap().ends_with("refused the connection"));
    assert!(refused.checks.is_empty() && !refused.is_good());
}

/// Sets a cookie, and wants it back; leads elsewhere and nowhere.
async fn leading() -> SocketAddr {
    answering(|head| {
        let answer = match head[0].split(' ').nth(1).unwrap() {
            "/set" => "200 OK\r\nset-cookie: sid=c00kie-1",
            "/away" => "302 Found\r\nlocation: http://other.test/",
            _ if head.iter().any(|line| line == "cookie: sid=c00kie-1") => "200 OK",
            _ => "401 No",
        };
        format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n")
    })
    .await
}

#[tokio::test]
async fn what_a_jar_added_and_why_a_redirect_was_not_followed_are_shown() {
    let addr = leading().await;
    let to =
        |path: &str| Request { path: Text(path.to_owned()), ..request(path, Dynamic::default()) };
    let requests = vec![to("/set"), to("/needs"), to("/away")];
    let mut trial = trial(addr, requests, journey());
    trial.client.transport.cookies = true;
    trial.client.transport.redirects = 3;
    let all = go(&trial, &|_| true).await;
    let [Tried::Sent(set), _, Tried::Sent(needs), Tried::Sent(away)] = all.as_slice() else {
        panic!("{all:?}");
    };
    let cookie =
        |sent: &Sent| sent.asked.headers.iter().find(|(name, _)| name == "cookie").cloned();
    assert_eq!(cookie(set), None);
    assert_eq!(cookie(needs), Some(("cookie".to_owned(), "sid=c00kie-1".to_owned())));
    assert!(set.is_good() && needs.is_good() && !away.is_good());
    let why = away.why.as_deref().unwrap();
    assert!(why.contains("to another host, `other.test`"), "{why}");
    assert_eq!(away.checks, [("status 2xx or 3xx".to_owned(), None)], "it is a 302");
}

#[test]
fn statuses_have_words() {
    assert_eq!(statuses(&[]), "status 2xx or 3xx");
    assert_eq!(statuses(&[(200, 299), (404, 404), (500, 503)]), "status 2xx or 404 or 500-503");
}
