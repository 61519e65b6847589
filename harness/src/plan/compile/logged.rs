//! One line of a log that is replayed: a JSON object with `time` (RFC 3339, or seconds from whenever)
//! and `path`, and if it likes `method`, `name`, `headers`, `json` or `text`.
//!
//! What else it holds is passed over, and so are headers that belong to one connection.
//!
//! Invariant: what cannot be sent as it stands is a mistake, never sent otherwise.
//! Not here: the log as a whole (`replay`).

use crate::plan::OF_CONNECTION;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Seconds beyond that would be the year 5138: they are milliseconds, or nonsense.
const MOST_S: f64 = 1e11;

/// A request as it was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// µs from whenever.
    pub(super) at_us: u64,
    /// That is since 1970, of an instant in RFC 3339.
    pub(super) is_dated: bool,
    /// Upper-case.
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    pub(super) name: String,
    /// The line gives the name; otherwise method and path did.
    pub(super) is_named: bool,
    /// By lower-case name.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

/// What a line says.
#[derive(Deserialize)]
struct Written {
    #[serde(alias = "timestamp", alias = "ts", alias = "@timestamp")]
    time: Option<Value>,
    method: Option<String>,
    path: Option<String>,
    /// What other logs have for it: a path or a whole address.
    #[serde(alias = "uri")]
    url: Option<String>,
    name: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// As it was written: decoded, a long id or `1.50` would become another number.
    json: Option<Box<RawValue>>,
    #[serde(alias = "body")]
    text: Option<String>,
}

/// Reads a line.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(super) fn read_line(line: &str) -> Result<Line, (String, String)> {
    let wrong = |message: String, help: &str| (message, help.to_owned());
    let form = r#"write one JSON object a line, such as {"time": 0.25, "path": "/"}"#;
    let written: Written =
        serde_json::from_str(line).map_err(|error| wrong(error.to_string(), form))?;
    let help = "write `time` in RFC 3339, such as 2026-11-05T09:30:00.250Z, or as seconds";
    let at = written.time.ok_or_else(|| wrong("it has no `time`".to_owned(), help))?;
    let (at_us, is_dated) = instant(&at).ok_or_else(|| wrong(format!("`time` is {at}"), help))?;
    let method = written.method.unwrap_or_else(|| "GET".to_owned()).to_ascii_uppercase();
    if !METHODS.contains(&method.as_str()) {
        let help = format!("the methods are {}", METHODS.join(", "));
        return Err((format!("`method` is {method:?}"), help));
    }
    let whole = written.url.as_deref().map(without_origin);
    let path = written.path.as_deref().or(whole);
    let path = path.ok_or_else(|| wrong("it has no `path`".to_owned(), form))?;
    let visible = |c: char| c.is_ascii_graphic() && c != '#';
    if !path.starts_with('/') || !path.chars().all(visible) {
        let help = "write path and query as they are sent: /search?q=a%20b";
        return Err(wrong(format!("`path` is {path:?}"), help));
    }
    let mut headers = sent(written.headers)?;
    let body = match (written.json, written.text) {
        (Some(_), Some(_)) => {
            return Err(wrong("both `json` and `text`".to_owned(), "keep one of them"));
        }
        (Some(json), None) => {
            let kind = || "application/json".to_owned();
            headers.entry("content-type".to_owned()).or_insert_with(kind);
            json.get().to_owned()
        }
        (None, text) => text.unwrap_or_default(),
    };
    let plain = path.split('?').next().unwrap_or_default();
    let is_named = written.name.is_some();
    let name = written.name.unwrap_or_else(|| format!("{method} {plain}"));
    Ok(Line { at_us, is_dated, method, path: path.to_owned(), name, is_named, headers, body })
}

/// The headers that are sent, by lower-case name.
fn sent(written: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, (String, String)> {
    let leave = || "leave it out".to_owned();
    let mut headers = BTreeMap::new();
    for (name, value) in written {
        let name = name.to_ascii_lowercase();
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            return Err((format!("{name:?} is no name of a header"), leave()));
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err((format!("the value of `{name}` holds a control character"), leave()));
        }
        if !OF_CONNECTION.contains(&name.as_str()) && !value.is_empty() {
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

/// µs from whenever, and whether it is a date; none of what is no instant.
fn instant(time: &Value) -> Option<(u64, bool)> {
    let seconds = match time {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => {
            if let Ok(at) = DateTime::parse_from_rfc3339(text.trim()) {
                return Some((u64::try_from(at.timestamp_micros()).ok()?, true));
            }
            text.trim().parse().ok()?
        }
        _ => return None,
    };
    (0.0..MOST_S).contains(&seconds).then_some(((seconds * 1e6) as u64, false))
}

/// Path and query of what may be a whole address.
fn without_origin(path: &str) -> &str {
    let rest = path.strip_prefix("http://").or_else(|| path.strip_prefix("https://"));
    match rest {
        None => path,
        Some(rest) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_sent_and_when() {
        let line = r#"{"time": "2026-11-05T09:30:00.250Z", "method": "post", "path": "/cart?a=1",
            "status": 201, "json": {"n": 1},
            "headers": {"Host": "shop", "X-Tenant": "acme", "Content-Length": "9"}}"#;
        let line = read_line(&line.replace('\n', "")).unwrap();
        assert_eq!((line.at_us % 1_000_000, line.is_dated), (250_000, true));
        assert_eq!((&*line.method, &*line.path), ("POST", "/cart?a=1"));
        assert_eq!((&*line.name, line.is_named), ("POST /cart", false));
        let headers: Vec<_> = line.headers.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(headers, [("content-type", "application/json"), ("x-tenant", "acme")]);
        assert_eq!(line.body, r#"{"n": 1}"#);
        let line =
            r#"{"time": 1, "path": "/", "json": {"id": 123456789012345678901, "price": 1.50}}"#;
        let line = read_line(line).unwrap();
        assert_eq!(line.body, r#"{"id": 123456789012345678901, "price": 1.50}"#);
        let least = read_line(r#"{"ts": 0.25, "url": "https://shop/x/y", "name": "y"}"#).unwrap();
        assert!(!least.is_dated);
        assert_eq!((least.at_us, &*least.path, &*least.name), (250_000, "/x/y", "y"));
    }

    #[test]
    fn what_cannot_be_sent_is_told() {
        for (line, wanted) in [
            ("GET / HTTP/1.1", "expected value"),
            (r#"{"path": "/"}"#, "no `time`"),
            (r#"{"time": 1}"#, "no `path`"),
            (r#"{"time": "noon", "path": "/"}"#, "`time` is"),
            (r#"{"time": -1, "path": "/"}"#, "`time` is"),
            (r#"{"time": 1790000000000, "path": "/"}"#, "`time` is"),
            (r#"{"time": 1, "path": "a b"}"#, "`path` is"),
            (r#"{"time": 1, "path": "/ä"}"#, "`path` is"),
            // It would be sent to the service all the same.
            (r#"{"time": 1, "path": "http://evil/x"}"#, "`path` is"),
            (r#"{"time": 1, "path": "/", "method": "BREW"}"#, "BREW"),
            (r#"{"time": 1, "path": "/", "headers": {"a b": "c"}}"#, "no name of a header"),
            (r#"{"time": 1, "path": "/", "headers": {"a": "c\nd"}}"#, "control character"),
            (r#"{"time": 1, "path": "/", "json": 1, "text": "x"}"#, "both `json` and `text`"),
        ] {
            let (message, _) = read_line(line).unwrap_err();
            assert!(message.contains(wanted), "{line}: {message}");
        }
    }
}
