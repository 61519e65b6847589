//! Exchanges as they are shown: secrets hidden in every way of writing, long bodies cut, curl.

use super::*;
use crate::client::ways::Ways;
use assay_slo::At;
use hyper::header::{HeaderName, HeaderValue};

fn message(body: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let mut request = Request::post("/log in?".replace(' ', "%20").as_str());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

fn heard(status: u16, body: &[u8], length: u64, headers: &[(&'static str, &'static str)]) -> Heard {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    let ended = Exchange::unanswered(At(0), At(9), Outcome::Http5xx);
    let exchange = Exchange {
        status,
        headers: Some(headers.iter().map(pair).collect()),
        body: Payload { kept: body.to_vec(), length },
        ..ended
    };
    Heard::of(&exchange).unwrap()
}

#[test]
fn an_exchange_reads_like_curl_and_hides_what_is_secret() {
    let secrets = vec!["p w&\"1".to_owned()];
    let sent = message(
        r#"{"pw":"p w&\"1","form":"p+w%26%221","path":"p%20w%26%221"}"#,
        &[("authorization", "Bearer t0k3n-abc"), ("cookie", "sid=c00kie-1; a=1"), ("x", "p w&\"1")],
    );
    let asked = Asked::of(&sent);
    let heard = heard(
        503,
        b"no t0k3n-abc for sid c00kie-1, nor n3w-cookie: 1",
        49,
        &[("set-cookie", "sid=n3w-cookie; Path=/; Secure"), ("retry-after", "3")],
    );
    let veil = Veil::new(&secrets, &asked, Some(&heard));
    assert_eq!(
        request(&asked, "HTTP/1.1", &veil, MOST_SHOWN),
        "> POST /log%20in? HTTP/1.1\n> authorization: ***\n> cookie: ***\n> x: ***\n>\n\
         > {\"pw\":\"***\",\"form\":\"***\",\"path\":\"***\"}\n"
    );
    let answered = answer(&heard, &veil, MOST_SHOWN);
    assert!(answered.starts_with("< 503 Service Unavailable\n< set-cookie: ***\n"), "{answered}");
    assert!(answered.contains("< retry-after: 3\n<\n< no *** for sid ***, nor ***: 1\n"));
    let reached = Reached {
        authority: "shop:1",
        secure: true,
        insecure: true,
        http2: true,
        ..Reached::default()
    };
    let line = curl(&asked, reached, &veil);
    assert!(line.starts_with("curl -sS -i -X POST -k --http2 -H 'authorization: ***'"), "{line}");
    assert!(line.ends_with("'https://shop:1/log%20in?'"), "{line}");
    for secret in ["t0k3n-abc", "c00kie-1", "p w&", "p+w", "p%20w"] {
        assert!(!line.contains(secret), "{secret}: {line}");
    }
}

#[test]
fn cookies_of_a_jar_are_shown_as_sent_and_hidden() {
    let value = |text: &'static str| Some(HeaderValue::from_static(text));
    let exchange = Exchange {
        cookies: vec![value("sid=c00kie-1"), None, value("sid=c00kie-2")],
        ..Exchange::unanswered(At(0), At(9), Outcome::Http5xx)
    };
    let asked = Asked::of(&message("", &[("x", "1")])).with_cookies(&exchange);
    let heard = heard(401, b"not c00kie-1 nor c00kie-2", 25, &[]);
    let veil = Veil::new(&[], &asked, Some(&heard));
    let sent = request(&asked, "HTTP/1.1", &veil, MOST_SHOWN);
    assert!(sent.ends_with("> x: 1\n> cookie: ***\n"), "{sent}");
    assert!(answer(&heard, &veil, MOST_SHOWN).contains("not *** nor ***"));
    assert!(curl(&asked, Reached::default(), &veil).contains("-H 'cookie: ***'"));
    let none = Exchange { cookies: vec![None], ..exchange };
    let asked = Asked::of(&message("", &[("cookie", "a=1")])).with_cookies(&none);
    assert_eq!(asked.headers, [("cookie".to_owned(), "a=1".to_owned())]);
}

#[test]
fn curl_takes_brackets_as_they_are() {
    let get = |path: &str| Asked::of(&Request::get(path).body(Full::default()).unwrap());
    let line = |path: &str| curl(&get(path), Reached::default(), &Veil::new(&[], &get(path), None));
    assert!(line("/a?ids[]=1&r=[1-3]").starts_with("curl -sS -i -g "));
    assert!(!line("/a?ids=1").contains(" -g"));
}

#[test]
fn curl_repeats_what_a_shell_could_misread() {
    let asked = Asked::of(&message("it's $HOME `x`", &[("content-type", "text/plain")]));
    let veil = Veil::new(&[], &asked, None);
    let reached = Reached { authority: "h:1", ..Reached::default() };
    let line = curl(&asked, reached, &veil);
    assert!(line.contains(r"--data-binary 'it'\''s $HOME `x`' "), "{line}");
    let get = Request::get("/a/b?c=d").header("host", "h:1").header("x-request-id", "r-1");
    let asked = Asked::of(&get.body(Full::default()).unwrap());
    assert_eq!(curl(&asked, reached, &veil), "curl -sS -i 'http://h:1/a/b?c=d'");
}

#[test]
fn curl_does_what_the_load_does() {
    use crate::plan;
    let asked = Asked::of(&message("@not-a-file", &[]));
    let veil = Veil::new(&[], &asked, None);
    let reached = Reached { authority: "h:1", ..Reached::default() };
    let line = curl(&asked, reached, &veil);
    assert!(line.contains("-X POST -H content-type: --data-raw '@not-a-file' "), "{line}");
    let path = |name: &str| Some(format!("tls/{name}.pem"));
    let files = plan::Files { ca: path("ca"), cert: path("own"), key: path("my key") };
    let transport = plan::Transport {
        tls: Some(std::sync::Arc::new(plan::Tls { files, ..plan::Tls::default() })),
        redirects: 3,
        ..plan::Transport::default()
    };
    let client = plan::Client {
        connections: 1,
        timeout_us: 1,
        connect_timeout_us: 1,
        headers: vec![],
        transport,
    };
    let body = plan::Body::File { path: "it's/a.bin".to_owned(), bytes: vec![] };
    let line = curl(&asked, Reached::by(&client, "h:1").with(&body), &veil);
    // Named, the method would be kept on a redirect.
    let start = "curl -sS -i -L --max-redirs 3 --cacert tls/ca.pem --cert tls/own.pem --key \
                 'tls/my key.pem' -H content-type: ";
    assert!(line.starts_with(start), "{line}");
    assert!(line.contains(r"--data-binary '@it'\''s/a.bin' 'https://h:1/"), "{line}");
}

#[test]
fn what_came_of_an_answer_is_told() {
    use crate::client::partial::{Broke, Partial};
    let asked = Asked::of(&message("", &[]));
    let of = |broke, came: &[u8]| {
        let came = Payload { kept: came.to_vec(), length: came.len() as u64 };
        let ended = Exchange::unanswered(At(0), At(1), Outcome::ProtocolError);
        let exchange = Exchange { partial: Some(Partial::raw(broke, came)), ..ended };
        let heard = Heard::of(&exchange);
        let veil = Veil::new(&[], &asked, heard.as_ref());
        let text = heard.map(|heard| answer(&heard, &veil, 200)).unwrap_or_default();
        (exchange.partial.unwrap().why(), text)
    };
    let head = b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=s3cr3t-1\r\ncontent-length: 9\r\n\r\nas3cr3t-1";
    let (why, text) = of(Broke::Ended, head);
    assert_eq!(why, "the connection ended before the answer was whole, after 73 bytes");
    let shown = "< 200 OK\n< Set-Cookie: ***\n< content-length: 9\n<\n< a***\n";
    assert_eq!(text, shown);
    let (_, text) = of(Broke::Ended, b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=s3c");
    assert_eq!(text, "< 200 OK\n< Set-Cookie: ***\n");
    let (why, text) = of(Broke::NoHttp, b"\x16\xff\0hello\x1b[31m\n<h1>");
    assert_eq!(why, "what came is no HTTP, or breaks its rules (18 bytes came)");
    assert_eq!(text, "< \\u{16}\\xff\\u{0}hello\\u{1b}[31m\\n\n< <h1>\n");
    let (why, text) = of(Broke::Ended, b"");
    assert_eq!(
        (why.as_str(), text.as_str()),
        ("the connection ended before any byte of an answer", "")
    );
    let (_, text) = of(Broke::NoHttp, &[b'x'; 999]);
    assert!(text.ends_with("\n< [cut: 999 bytes came, 999 of them were kept]\n"), "{text}");
}

#[test]
fn long_bodies_are_cut_and_a_secret_is_not_cut_in_two() {
    let asked = Asked::of(&message(&"x".repeat(MOST_SHOWN + 10), &[]));
    assert_eq!((asked.body.kept.len(), asked.body.length), (MOST_SHOWN, MOST_SHOWN as u64 + 10));
    let veil = Veil::new(&["s3cr3t-value".to_owned()], &asked, None);
    let text = request(&asked, "HTTP/1.1", &veil, 100);
    assert!(text.ends_with("[cut: the first 100 of 65546 bytes]\n"), "{text}");
    assert!(text.len() < 300);
    assert!(curl(&asked, Reached::default(), &veil).contains("--data-binary @BODY"));
    // The peer's body was kept up to the middle of the secret, then up to that of a letter.
    let text = answer(&heard(200, b"a s3cr3t-va", 500, &[]), &veil, 100);
    assert!(text.contains("< a ***\n") && !text.contains("s3cr"), "{text}");
    let text = answer(&heard(200, "aé".as_bytes().split_at(2).0, 500, &[]), &veil, 100);
    assert!(text.contains("< a\n< [cut: the first 1 of 500 bytes]"), "{text}");
}

#[test]
fn what_is_no_text_does_not_steer_a_terminal() {
    let asked = Asked::of(&message("", &[]));
    let veil = Veil::new(&[], &asked, None);
    let of = |body: &[u8]| answer(&heard(200, body, body.len() as u64, &[]), &veil, 100);
    assert!(of(b"\xff\xfe").contains("[2 bytes that are no text]"));
    assert!(of(b"a\0").contains("[2 bytes that are no text]"));
    assert!(of(b"a\x1b[31mb").contains("a\u{fffd}[31mb"));
    let unkept = answer(&heard(500, b"", 7, &[]), &veil, 100);
    assert!(unkept.contains("[7 bytes that were not kept]"), "{unkept}");
}

#[test]
fn an_end_without_an_answer_has_words() {
    let limits = Limits {
        addr: "127.0.0.1:9".parse().unwrap(),
        connect_timeout_us: 1,
        timeout_us: 2_000_000,
        check_status: vec![],
        keep: crate::client::Keep::default(),
        tls: None,
        trunk: None,
        ways: Ways::default(),
    };
    let of = |outcome| why(&Exchange::unanswered(At(0), At(1), outcome), &limits);
    assert_eq!(of(Outcome::Ok), None);
    assert_eq!(of(Outcome::Timeout).unwrap(), "no whole answer within 2 s");
    let refused = Exchange::unanswered(At(0), At(1), Outcome::ConnectError);
    let refused = Exchange { refused: true, ..refused };
    assert_eq!(why(&refused, &limits).unwrap(), "127.0.0.1:9 refused the connection");
}
