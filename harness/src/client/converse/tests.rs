//! Chains of exchanges against a scripted peer: redirects, cookies, one second try.

use super::*;
use crate::client::asks::Seen;
use crate::client::ways::Ways;
use crate::client::{Keep, attempt};
use crate::plan::answer::{Capture, Source};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What was asked: the head and the body.
type Book = Arc<Mutex<Vec<String>>>;

/// Answers by what the script says of head and number of the request; no text ends the connection.
async fn peer(
    script: impl Fn(&str, usize) -> Option<String> + Send + Sync + 'static,
) -> (SocketAddr, Book) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let seen = Book::default();
    let (book, script) = (Arc::clone(&seen), Arc::new(script));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (book, script) = (Arc::clone(&book), Arc::clone(&script));
            tokio::spawn(async move {
                let mut heard = Vec::new();
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    heard.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&heard).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head.split("content-length: ").nth(1);
                    let length = length.and_then(|it| it.lines().next()?.parse::<usize>().ok());
                    if body.len() < length.unwrap_or(0) {
                        continue;
                    }
                    let nth = {
                        let mut book = book.lock().unwrap();
                        book.push(text.clone());
                        book.len() - 1
                    };
                    heard.clear();
                    match script(head, nth) {
                        Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                        None => return,
                    }
                }
            });
        }
    });
    (addr, seen)
}

fn answer(status: u16, headers: &str, body: &str) -> Option<String> {
    let length = body.len();
    Some(format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}"))
}

fn limits(addr: SocketAddr) -> Limits {
    Limits {
        addr,
        connect_timeout_us: 5_000_000,
        timeout_us: 5_000_000,
        check_status: vec![],
        keep: Keep::always(100),
        tls: None,
        trunk: None,
        ways: Ways::default(),
    }
}

fn post(addr: SocketAddr, path: &str) -> Request<Full<Bytes>> {
    let request = Request::post(path).header(HOST, addr.to_string());
    let request = request.header("authorization", "Bearer t").header(CONTENT_TYPE, "text/plain");
    request.body(Full::new(Bytes::from_static(b"body"))).unwrap()
}

fn follows(redirects: u32) -> Manners {
    Manners { redirects, ..Manners::default() }
}

async fn go(
    limits: &Limits,
    manners: Manners,
    jar: Option<&Jar>,
    request: Request<Full<Bytes>>,
) -> (Exchange, usize) {
    let mut began = 0;
    let clock = Clock::start();
    let (exchange, _) = converse(&clock, limits, manners, jar, None, request, |_| began += 1).await;
    (exchange, began)
}

fn lines(seen: &Book) -> Vec<String> {
    let line = |text: &String| text.lines().next().unwrap().replace(" HTTP/1.1", "");
    seen.lock().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn a_chain_is_one_request() {
    let (addr, seen) = peer(|head, _| match head.split(' ').nth(1).unwrap() {
        "/a/one" => answer(307, "location: two?x=1#part\r\n", "gone"),
        "/a/two?x=1" => answer(302, "location: //HOST/three\r\n", "").map(|text| {
            let host = head.split("host: ").nth(1).unwrap().lines().next().unwrap();
            text.replace("HOST", host)
        }),
        _ => answer(200, "", "here"),
    })
    .await;
    let (exchange, began) = go(&limits(addr), follows(2), None, post(addr, "/a/one")).await;
    assert_eq!((exchange.outcome, exchange.status), (Outcome::Ok, 200));
    assert_eq!(exchange.body.kept, b"here");
    assert_eq!(lines(&seen), ["POST /a/one", "POST /a/two?x=1", "GET /three"]);
    // 307 keeps the body, 302 makes a GET of it; who we are goes with it, to the same host.
    let seen = seen.lock().unwrap().clone();
    assert!(seen[1].ends_with("body") && seen[1].contains("content-type: text/plain"));
    assert!(seen[2].ends_with("\r\n\r\n") && !seen[2].contains("content-"), "{}", seen[2]);
    assert!(seen[2].contains("authorization: Bearer t"));
    assert!(began >= 3 && exchange.begun.unwrap() < exchange.done);
}

#[tokio::test]
async fn a_chain_ends_where_it_must() {
    let (addr, seen) = peer(|head, _| match head.split(' ').nth(1).unwrap() {
        "/away" => answer(302, "location: http://user:pw@evil.example/x?token=1\r\n", ""),
        "/secure" => answer(301, "location: https://127.0.0.1/\r\n", ""),
        "/none" => answer(302, "", ""),
        _ => answer(303, "location: /loop\r\n", ""),
    })
    .await;
    let limits = limits(addr);
    let (exchange, _) = go(&limits, follows(3), None, post(addr, "/loop")).await;
    assert_eq!(exchange.outcome, Outcome::CheckFailed);
    let finding = exchange.finding.unwrap();
    assert_eq!(finding, "a request was redirected more than 3 times (`redirects`)");
    assert_eq!(lines(&seen), ["POST /loop", "GET /loop", "GET /loop", "GET /loop"]);
    let (exchange, _) = go(&limits, follows(3), None, post(addr, "/away")).await;
    assert_eq!(exchange.outcome, Outcome::CheckFailed);
    assert_eq!(
        exchange.finding.unwrap(),
        "a redirect leads away from the service, to another host, `evil.example`, and was not \
         followed"
    );
    let (exchange, _) = go(&limits, follows(3), None, post(addr, "/secure")).await;
    assert!(exchange.finding.unwrap().contains("another scheme, `https`"));
    let (exchange, _) = go(&limits, follows(3), None, post(addr, "/none")).await;
    let finding = exchange.finding.as_deref();
    let none = (Outcome::CheckFailed, Some("a redirect without Location"));
    assert_eq!((exchange.outcome, finding), none);
    // Where none is followed, all are answers like any other.
    for path in ["/none", "/loop"] {
        let (exchange, _) = go(&limits, follows(0), None, post(addr, path)).await;
        assert_eq!((exchange.outcome, exchange.finding), (Outcome::Ok, None));
    }
}

/// Frameworks write paths as they are: they are followed, not taken for an answer.
#[tokio::test]
async fn a_location_that_is_no_ascii_is_followed() {
    let (addr, seen) = peer(|head, _| match head.split(' ').nth(1).unwrap() {
        "/" => answer(302, "location: /caf\u{e9} au lait\r\n", ""),
        _ => answer(500, "", ""),
    })
    .await;
    let (exchange, _) = go(&limits(addr), follows(1), None, post(addr, "/")).await;
    assert_eq!((exchange.outcome, exchange.status), (Outcome::Http5xx, 500));
    assert_eq!(lines(&seen), ["POST /", "GET /caf%C3%A9%20au%20lait"]);
}

/// A log-in that answers with a redirect sets its cookie there.
#[tokio::test]
async fn a_cookie_of_an_earlier_answer_can_be_captured() {
    let (addr, _) = peer(|_, nth| match nth {
        0 => answer(302, "location: /b\r\nset-cookie: rc=one; Path=/\r\nset-cookie: b=2\r\n", ""),
        1 => answer(302, "location: /c\r\nset-cookie: rc=\u{e9}\r\n", ""),
        _ => answer(200, "set-cookie: own=3\r\nx-name: \u{e9}\r\n", ""),
    })
    .await;
    let (exchange, _) = go(&limits(addr), follows(2), None, post(addr, "/login")).await;
    let headers = exchange.headers.as_ref().unwrap();
    assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 1, "the answer is told as it was");
    let seen = Seen::new(headers, b"", 0).after(&exchange.set_before);
    let found = |from| seen.found(&Capture { name: String::new(), slot: 0, from });
    // The last that was set wins.
    for (name, value) in [("rc", "\u{e9}"), ("b", "2"), ("own", "3")] {
        assert_eq!(found(Source::Cookie(name.to_owned())).as_deref(), Ok(value), "{name}");
    }
    assert_eq!(found(Source::Header("X-Name".to_owned())).as_deref(), Ok("\u{e9}"));
}

#[tokio::test]
async fn a_chain_has_the_time_of_one_request() {
    let (addr, seen) = peer(|_, _| answer(307, "location: /x\r\n", "")).await;
    let limits = Limits { timeout_us: 60_000, ..limits(addr) };
    let (exchange, _) = go(&limits, follows(u32::MAX), None, post(addr, "/")).await;
    assert_eq!(exchange.outcome, Outcome::Timeout);
    assert!(lines(&seen).len() > 2);
}

#[tokio::test]
async fn cookies_come_back_within_the_chain_too() {
    let (addr, seen) = peer(|head, nth| match nth {
        0 => answer(302, "location: /home\r\nset-cookie: sid=7; Path=/\r\n", ""),
        _ if head.contains("cookie: sid=7") => answer(200, "set-cookie: sid=8\r\n", ""),
        _ => answer(401, "", ""),
    })
    .await;
    let jar = Jar::default();
    let manners = Manners { cookies: true, redirects: 1, ..Manners::default() };
    let (exchange, _) = go(&limits(addr), manners, Some(&jar), post(addr, "/login")).await;
    assert_eq!(exchange.status, 200);
    let (exchange, _) =
        go(&limits(addr), Manners { cookies: true, ..follows(0) }, None, post(addr, "/login"))
            .await;
    // Without a jar nothing is remembered.
    assert_eq!(exchange.status, 401);
    assert!(!seen.lock().unwrap()[2].contains("cookie"));
}

#[tokio::test]
async fn a_reset_of_a_kept_connection_is_tried_once_more_if_that_was_asked_for() {
    for (retries_idle, method, ok) in
        [(true, Method::GET, true), (false, Method::GET, false), (true, Method::POST, false)]
    {
        // The second request on a connection is read and not answered.
        let (addr, seen) = peer(|_, nth| if nth == 1 { None } else { answer(200, "", "x") }).await;
        let (clock, limits) = (Clock::start(), limits(addr));
        let request = || {
            let mut request = post(addr, "/");
            *request.method_mut() = method.clone();
            request
        };
        let (first, kept) = attempt(&clock, &limits, None, request(), |_| {}).await;
        assert_eq!(first.outcome, Outcome::Ok);
        let manners = Manners { retries_idle, ..Manners::default() };
        let (exchange, _) = converse(&clock, &limits, manners, None, kept, request(), |_| {}).await;
        let wanted = if ok { Outcome::Ok } else { Outcome::ProtocolError };
        assert_eq!((exchange.outcome, exchange.idle_reset), (wanted, true), "{method}");
        assert_eq!(lines(&seen).len(), if ok { 3 } else { 2 });
    }
}
