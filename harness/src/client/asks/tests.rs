//! Each check and capture with an answer that it accepts and one that it does not.

use super::*;

use hyper::header::{HeaderName, HeaderValue};
use proptest::prelude::*;
use regex::Regex;
use serde_json::json;

const BODY: &str =
    r#"{"id":7,"half":0.5,"none":null,"token":"abc","list":[{"a/b":"x"}],"on":true}"#;

fn headers(all: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let mut map = HeaderMap::new();
    for (name, value) in all.iter().map(pair) {
        map.append(name, value);
    }
    map
}

fn judged(check: Check) -> Option<String> {
    let headers = headers(&[("ETag", "v1"), ("Via", "a"), ("Via", "b")]);
    Seen::new(&headers, BODY.as_bytes(), BODY.len() as u64).failed(&[check])
}

fn json_at(at: &str, ask: Ask) -> Option<String> {
    judged(Check::Json { at: at.to_owned(), ask })
}

#[test]
fn a_body_that_came_encoded_is_told_as_such() {
    let failed = |coding: &str, check: Check| {
        let headers = headers(&[("Content-Encoding", coding)]);
        Seen::new(&headers, b"\x1f\x8b", 2).failed(&[check]).unwrap()
    };
    let contains = || Check::Contains(Wanted::same("abc".to_owned()));
    let told = failed("gzip", contains());
    assert!(told.starts_with("the body does not contain `abc`; it came encoded"), "{told}");
    assert!(told.contains("`Accept-Encoding`") && !told.contains("gzip"), "{told}");
    let json = Check::Json { at: "/a".to_owned(), ask: Ask::Exists(true) };
    assert!(failed("br", json).starts_with("the body is no JSON; it came encoded"));
    assert_eq!(failed("identity", contains()), "the body does not contain `abc`");
}

/// Some servers put a mark before a text.
#[test]
fn json_behind_a_byte_order_mark_is_json() {
    let body = "\u{feff}{\"id\": 1.50}".as_bytes();
    let headers = headers(&[]);
    let seen = Seen::new(&headers, body, body.len() as u64);
    let at = "/id".to_owned();
    assert_eq!(seen.failed(&[Check::Json { at: at.clone(), ask: matches(r"^1\.50$") }]), None);
    let capture = Capture { name: String::new(), slot: 0, from: Source::Json(at) };
    assert_eq!(seen.captured(&[capture]).unwrap(), [(0, "1.50".to_owned())]);
}

fn header(name: &str, ask: Ask) -> Option<String> {
    judged(Check::Header { name: name.to_owned(), ask })
}

fn matches(pattern: &str) -> Ask {
    Ask::Matches(Regex::new(pattern).unwrap())
}

#[test]
fn json_values() {
    for (at, ask) in [
        ("/id", Ask::Exists(true)),
        ("/none", Ask::Exists(true)),
        ("", Ask::Exists(true)),
        ("/list/0/a~1b", Ask::Equals(json!("x"))),
        ("/nope", Ask::Exists(false)),
        ("/id", Ask::Equals(json!(7.0))),
        ("/half", Ask::Equals(json!(0.5))),
        ("/none", Ask::Equals(Value::Null)),
        ("/list", Ask::Equals(json!([{"a/b": "x"}]))),
        ("/token", matches("^a.c$")),
        ("/id", matches("^7$")),
        ("/on", matches("true")),
    ] {
        assert_eq!(json_at(at, ask.clone()), None, "{at} {ask:?}");
    }
    let failed = |at, ask| json_at(at, ask).unwrap();
    assert_eq!(failed("/nope", Ask::Exists(true)), "the JSON value at `/nope` is missing");
    assert_eq!(failed("/id", Ask::Exists(false)), "the JSON value at `/id` is there");
    assert_eq!(failed("/id", Ask::Equals(json!("7"))), "the JSON value at `/id` is not \"7\"");
    assert_eq!(failed("/nope", Ask::Equals(Value::Null)), "the JSON value at `/nope` is missing");
    assert_eq!(failed("/token", matches("^b")), "the JSON value at `/token` does not match `^b`");
    assert_eq!(failed("/list", matches("")), "the JSON value at `/list` does not match ``");
}

/// A number's text is what the service wrote, not what an f64 makes of it.
#[test]
fn numbers_are_taken_as_they_are_written() {
    let body = br#"{"price": 1.50, "id": 12345678901234567890123}"#;
    let headers = HeaderMap::new();
    let seen = Seen::new(&headers, body, body.len() as u64);
    for (at, text) in [("/price", "1.50"), ("/id", "12345678901234567890123")] {
        let from = Source::Json(at.to_owned());
        let capture = Capture { name: "n".to_owned(), slot: 0, from };
        assert_eq!(seen.found(&capture).as_deref(), Ok(text));
        let ask = matches(&format!("^{}$", text.replace('.', r"\.")));
        assert_eq!(seen.failed(&[Check::Json { at: at.to_owned(), ask }]), None);
    }
    let body = b"[9007199254740993]";
    let seen = Seen::new(&headers, body, body.len() as u64);
    let ask = Ask::Equals(json!(9_007_199_254_740_992.0));
    assert!(seen.failed(&[Check::Json { at: "/0".to_owned(), ask }]).is_some());
}

#[test]
fn headers_by_any_of_their_values() {
    assert_eq!(header("etag", Ask::Exists(true)), None);
    assert_eq!(header("Via", Ask::Equals(json!("b"))), None);
    assert_eq!(header("X", Ask::Exists(false)), None);
    assert_eq!(header("X", Ask::Exists(true)).unwrap(), "the header `X` is missing");
    assert_eq!(header("Via", Ask::Equals(json!("c"))).unwrap(), "the header `Via` is not \"c\"");
    assert_eq!(header("ETag", Ask::Exists(false)).unwrap(), "the header `ETag` is there");
}

#[test]
fn texts_and_sizes() {
    assert_eq!(judged(Check::Contains(Wanted::same("\"token\"".to_owned()))), None);
    assert_eq!(judged(Check::Contains(Wanted::same(String::new()))), None);
    let chair = judged(Check::Contains(Wanted::same("chair".to_owned())));
    assert_eq!(chair.unwrap(), "the body does not contain `chair`");
    let length = BODY.len() as u64;
    assert_eq!(judged(Check::Size { least: length, most: length }), None);
    let small = judged(Check::Size { least: length + 1, most: u64::MAX });
    assert_eq!(small.unwrap(), format!("the body has fewer than {} bytes", length + 1));
    let large = judged(Check::Size { least: 0, most: 3 });
    assert_eq!(large.unwrap(), "the body has more than 3 bytes");
}

#[test]
fn the_first_failed_check_is_told() {
    let headers = HeaderMap::new();
    let seen = Seen::new(&headers, b"abc", 3);
    let no_json = Check::Json { at: "/a".to_owned(), ask: Ask::Exists(false) };
    let checks = [
        Check::Contains(Wanted::same("b".to_owned())),
        no_json,
        Check::Contains(Wanted::same("d".to_owned())),
    ];
    assert_eq!(seen.failed(&checks).unwrap(), "the body is no JSON");
    assert_eq!(seen.failed(&[]), None);
}

#[test]
fn a_body_too_long_to_keep_is_not_judged_by_its_beginning() {
    let headers = HeaderMap::new();
    let seen = Seen::new(&headers, b"abc", MOST_KEPT as u64 + 1);
    assert_eq!(seen.failed(&[Check::Contains(Wanted::same("bc".to_owned()))]), None);
    let words = seen.failed(&[Check::Contains(Wanted::same("d".to_owned()))]).unwrap();
    assert_eq!(words, "the body has more than 1048576 bytes, too many to look into");
    let json = Capture { name: "t".to_owned(), slot: 0, from: Source::Json("/t".to_owned()) };
    assert!(seen.captured(&[json]).is_err());
    assert_eq!(seen.failed(&[Check::Size { least: 4, most: u64::MAX }]), None);
}

fn capture(from: Source) -> Result<String, String> {
    let headers = headers(&[
        ("Location", "/orders/9"),
        ("Set-Cookie", "sid=old"),
        ("Set-Cookie", " sid = a=b ; Path=/; HttpOnly"),
        ("Set-Cookie", "other=1"),
    ]);
    let seen = Seen::new(&headers, BODY.as_bytes(), BODY.len() as u64);
    let captured = seen.captured(&[Capture { name: "it".to_owned(), slot: 3, from }])?;
    let [(slot, value)] = captured.as_slice() else { panic!("{captured:?}") };
    assert_eq!(*slot, 3);
    Ok(value.clone())
}

#[test]
fn captures() {
    let json = |at: &str| capture(Source::Json(at.to_owned()));
    let regex = |pattern: &str| capture(Source::Regex(Regex::new(pattern).unwrap()));
    assert_eq!(json("/token"), Ok("abc".to_owned()));
    assert_eq!(json("/id"), Ok("7".to_owned()));
    assert_eq!(json("/nope"), Err("nothing to capture at `/nope`".to_owned()));
    assert_eq!(json("/none"), Err("nothing to capture at `/none`: it is null".to_owned()));
    for (at, what, below) in [("/list", "is a list", "`/list/0`"), ("", "is an object", "`/KEY`")] {
        let why = json(at).unwrap_err();
        assert!(why.contains(what) && why.contains(below), "{why}");
    }
    assert_eq!(capture(Source::Header("location".to_owned())), Ok("/orders/9".to_owned()));
    let missing = capture(Source::Header("ETag".to_owned()));
    assert_eq!(missing, Err("no header `ETag` to capture".to_owned()));
    assert_eq!(capture(Source::Cookie("sid".to_owned())), Ok("a=b".to_owned()));
    let mut latin = headers(&[]);
    let value = hyper::header::HeaderValue::from_bytes(b"sid=caf\xe9").unwrap();
    latin.insert("location", value.clone());
    latin.insert("set-cookie", value);
    for from in [Source::Header("location".to_owned()), Source::Cookie("sid".to_owned())] {
        let seen = Seen::new(&latin, b"", 0);
        let taken = seen.captured(&[Capture { name: "it".to_owned(), slot: 3, from }]);
        assert!(taken.unwrap_err().contains("is no UTF-8"));
    }
    let missing = capture(Source::Cookie("SID".to_owned()));
    assert_eq!(missing, Err("no cookie `SID` to capture".to_owned()));
    assert_eq!(regex(r#""id":(\d+)"#), Ok("7".to_owned()));
    assert_eq!(regex("(zzz)"), Err("nothing to capture with `(zzz)`".to_owned()));
}

proptest! {
    #[test]
    fn no_body_breaks_it(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let headers = HeaderMap::new();
        let seen = Seen::new(&headers, &body, body.len() as u64);
        let at = || "/a/0".to_owned();
        let _ = seen.failed(&[Check::Json { at: at(), ask: Ask::Exists(true) }]);
        let _ = seen.captured(&[Capture { name: at(), slot: 0, from: Source::Json(at()) }]);
        let all = Source::Regex(Regex::new("(?s)(.*)").unwrap());
        let all = seen.captured(&[Capture { name: at(), slot: 0, from: all }]).unwrap();
        prop_assert_eq!(all, [(0, String::from_utf8_lossy(&body).into_owned())]);
    }
}

#[test]
fn a_text_of_the_sending_is_compared_as_it_is_written() {
    let body = br#"{"id": 7, "n": 1.50, "big": 12345678901234567890123, "s": "7", "no": null}"#;
    let headers = headers(&[]);
    let seen = Seen::new(&headers, body, body.len() as u64);
    let is = |at: &str, text: &str| {
        let open = Some(crate::plan::Text("${data.u.c}".to_owned()));
        let ask = Ask::Is(Wanted { text: text.to_owned(), open });
        seen.failed(&[Check::Json { at: at.to_owned(), ask }])
    };
    for (at, text) in
        [("/id", "7"), ("/n", "1.50"), ("/big", "12345678901234567890123"), ("/s", "7")]
    {
        assert_eq!(is(at, text), None, "{at}");
    }
    for (at, text) in [("/id", "07"), ("/n", "1.5"), ("/s", "8"), ("/no", ""), ("/s", "")] {
        let told = format!("the JSON value at `{at}` is not `${{data.u.c}}`");
        assert_eq!(is(at, text), Some(told));
    }
}
