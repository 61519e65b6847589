//! What a dependency answered, by method and path: as the routes of a stub.
//!
//! Invariant: bounded: so many routes, so many bytes of each body, a histogram for each.
//! Invariant: what may be a credential is not kept: fields of JSON that are called so, headers, queries.
//! Not here: hearing it (`recording`), hiding within JSON (`veil`), writing it down (`written`).

use super::veil::{rounds, veiled};
use crate::spec::{is_secret_header, mask};
use hdrhistogram::Histogram;
use serde_json::Value;
use std::collections::BTreeMap;

/// The most routes.
pub(super) const MOST_ROUTES: usize = 200;
/// The most bytes of a body that are kept.
pub(super) const MOST_BODY: usize = 64 << 10;
/// Longer times count as this, µs.
const LONGEST_US: u64 = 600_000_000;
/// Methods that a stub has routes for.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// Headers that a caller may act on.
const KEPT: [&str; 8] = [
    "content-type",
    "cache-control",
    "content-language",
    "etag",
    "last-modified",
    "link",
    "location",
    "retry-after",
];
/// One answer, as it came.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) method: String,
    /// Without its query.
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// From the request to the last byte of the answer, µs.
    pub(super) took_us: u64,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    None,
    Json(Value),
    Text(String),
    /// Why it is not kept.
    Left(&'static str),
}

/// What was answered with one status.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    pub(super) n: u64,
    pub(super) times: Histogram<u64>,
    pub(super) headers: Vec<(String, String)>,
    /// The first one's.
    pub(super) body: Body,
}

/// A method and a path, and its answers by status.
pub(super) type Routes = BTreeMap<(String, String), BTreeMap<u16, Answered>>;

/// All that was heard.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) routes: Routes,
    pub(super) n: u64,
    /// Of these no route was kept.
    pub(super) beyond: u64,
    /// Methods that no stub answers.
    pub(super) others: u64,
}

impl Taken {
    /// Counts an answer; secrets are values that must not be kept.
    pub(super) fn add(&mut self, heard: &Heard, secrets: &[String]) {
        self.n += 1;
        if !METHODS.contains(&heard.method.as_str()) {
            self.others += 1;
            return;
        }
        let key = (heard.method.clone(), mask(&glob(&heard.path), secrets));
        if !self.routes.contains_key(&key) && self.routes.len() >= MOST_ROUTES {
            self.beyond += 1;
            return;
        }
        let answers = self.routes.entry(key).or_default();
        let Some(times) = answers.get(&heard.status).map_or_else(times, |_| times()) else {
            return;
        };
        let answered = answers.entry(heard.status).or_insert_with(|| Answered {
            n: 0,
            times,
            headers: headers(&heard.headers, secrets),
            body: body(heard, secrets),
        });
        answered.n += 1;
        // It is within the bounds.
        _ = answered.times.record(heard.took_us.clamp(1, LONGEST_US));
    }
}

fn times() -> Option<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).ok()
}

/// The path with `*` for each segment that names one thing of many.
fn glob(path: &str) -> String {
    let segments = path.split('/').map(|segment| if names_one(segment) { "*" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// A number, or a long one in hexadecimal or of a UUID; and what a glob would not take as it is.
fn names_one(segment: &str) -> bool {
    let digits = segment.chars().filter(char::is_ascii_digit).count();
    let hex = segment.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let number = !segment.is_empty() && digits == segment.len();
    number || (hex && segment.len() >= 8 && digits > 0) || segment.contains('*')
}

fn headers(all: &[(String, String)], secrets: &[String]) -> Vec<(String, String)> {
    let kept = all.iter().filter(|(name, _)| KEPT.contains(&name.as_str()));
    let shown = |(name, value): &(String, String)| {
        // A query may carry what a form would.
        let value = match name.as_str() {
            "location" | "link" => value.split('?').next().unwrap_or_default(),
            _ => value,
        };
        (name.clone(), mask(value, secrets))
    };
    kept.filter(|(name, _)| !is_secret_header(name)).map(shown).collect()
}

fn body(heard: &Heard, secrets: &[String]) -> Body {
    if heard.body.is_empty() {
        return Body::None;
    }
    if heard.body.len() > MOST_BODY {
        return Body::Left("it is longer than 64 KiB");
    }
    let Ok(text) = std::str::from_utf8(&heard.body) else {
        return Body::Left("it is no text");
    };
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_object() || value.is_array() => {
            let veiled = veiled(text, secrets);
            match serde_json::from_str(&veiled) {
                Ok(value) if !rounds(&veiled) && can_be_written(&value) => Body::Json(value),
                _ => Body::Text(veiled),
            }
        }
        _ => Body::Text(mask(text, secrets)),
    }
}

/// Whether YAML of a scenario can hold it: no key may look like a placeholder.
fn can_be_written(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            map.iter().all(|(key, inner)| !key.contains("${") && can_be_written(inner))
        }
        Value::Array(items) => items.iter().all(can_be_written),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(in crate::run::recording) fn heard(path: &str, status: u16, body: &str) -> Heard {
        Heard {
            method: "GET".to_owned(),
            path: path.to_owned(),
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            took_us: 1000,
        }
    }

    #[test]
    fn paths_that_name_one_of_many_are_one_route() {
        for (path, route) in [
            ("/rates/EUR", "/rates/EUR"),
            ("/users/12/cart", "/users/*/cart"),
            ("/o/6f1c2d3e-0a1b-4c5d-8e9f-001122334455", "/o/*"),
            ("/deadbeef", "/deadbeef"),
            ("/v1/x", "/v1/x"),
            ("/a*b", "/*"),
            ("/", "/"),
        ] {
            assert_eq!(glob(path), route);
        }
    }

    #[test]
    fn credentials_are_not_kept() {
        let mut taken = Taken::default();
        let text =
            r#"{"access_token": "abc", "apiKey": 5, "a": [{"Password": "x", "n": "hunter2"}]}"#;
        let mut one = heard("/login", 200, text);
        one.headers = [
            ("set-cookie", "sid=abc"),
            ("location", "/next?code=abc"),
            ("content-type", "application/json"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        taken.add(&one, &["hunter2".to_owned()]);
        let shown = format!("{:?}", taken.routes);
        for secret in ["abc", "hunter2", "\"x\"", "Number(5)"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("/next"), "{shown}");
    }

    #[test]
    fn numbers_are_kept_as_they_are_written() {
        let kept = |text: &str| body(&heard("/", 200, text), &[]);
        let long = r#"{"id": 12345678901234567890123, "s": "a\"1.0\\"}"#;
        assert_eq!(kept(long), Body::Text(long.to_owned()));
        assert_eq!(kept("[1.0800]"), Body::Text("[1.0800]".to_owned()));
        for plain in [r#"{"a": "1.0800", "b": -12, "c": 1.08, "d": "\\"}"#, "[0, 1.5]"] {
            assert!(matches!(kept(plain), Body::Json(_)), "{plain}");
        }
        // Also beside a credential, and so is what cannot be written as YAML.
        let hidden = r#"{"token": "***", "n": 1.50}"#;
        assert_eq!(kept(&hidden.replace("***", "t")), Body::Text(hidden.to_owned()));
        assert!(matches!(kept(r#"{"token": "t", "n": 1.0}"#), Body::Json(_)));
        let key = r#"{"a": [{"${x}": 1}]}"#;
        assert_eq!(kept(key), Body::Text(key.to_owned()));
    }

    #[test]
    fn it_is_bounded() {
        let mut taken = Taken::default();
        for n in 0..MOST_ROUTES + 7 {
            taken.add(&heard(&format!("/x{n}y"), 200, "{}"), &[]);
        }
        assert_eq!((taken.routes.len(), taken.beyond), (MOST_ROUTES, 7));
        let long = heard("/x0y", 500, &"x".repeat(MOST_BODY + 1));
        taken.add(&long, &[]);
        let key = ("GET".to_owned(), "/x0y".to_owned());
        assert_eq!(taken.routes[&key][&500].body, Body::Left("it is longer than 64 KiB"));
        taken.add(&Heard { method: "HEAD".to_owned(), ..heard("/", 200, "") }, &[]);
        assert_eq!(taken.others, 1);
    }
}
