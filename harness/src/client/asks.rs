//! Whether an answer is as its checks say, and what is captured from it.
//!
//! Invariant: pure: the same answer gives the same words; they quote the scenario, never the
//! answer, so they are few and give nothing away.
//! Invariant: nothing is said to be missing of a body longer than [`MOST_KEPT`]; a text that is in the
//! kept beginning is there.
//! Not here: reading the answer (`connection`), the status (`classify`).

use super::number::{self, equal};
use crate::plan::answer::{Ask, Capture, Check, MOST_KEPT, Source, Wanted};
use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, HeaderValue, SET_COOKIE};
use serde_json::Value;
use std::cell::OnceCell;

/// A whole answer.
#[derive(Debug)]
pub struct Seen<'a> {
    headers: &'a HeaderMap,
    /// What the answers before it in a chain of redirects set.
    set_before: &'a [HeaderValue],
    /// Its length in bytes.
    length: u64,
    /// Its body, as far as it was kept.
    body: &'a [u8],
    json: OnceCell<Option<Value>>,
}

impl<'a> Seen<'a> {
    /// `body` holds the whole body, or its beginning if it has more than [`MOST_KEPT`] bytes;
    /// `length` counts all of it.
    #[must_use]
    pub fn new(headers: &'a HeaderMap, body: &'a [u8], length: u64) -> Seen<'a> {
        Seen { headers, set_before: &[], length, body, json: OnceCell::new() }
    }

    /// The same after others of a chain of redirects, which had these `Set-Cookie`.
    #[must_use]
    pub fn after(self, set_before: &'a [HeaderValue]) -> Seen<'a> {
        Seen { set_before, ..self }
    }

    /// The first check that does not hold, in words; none if all do.
    #[must_use]
    pub fn failed(&self, checks: &[Check]) -> Option<String> {
        checks.iter().find_map(|check| self.check(check).err())
    }

    /// What each check says: nothing where it holds, else why not.
    #[must_use]
    pub fn each(&self, checks: &[Check]) -> Vec<Option<String>> {
        checks.iter().map(|check| self.check(check).err()).collect()
    }

    /// What a capture finds.
    ///
    /// # Errors
    /// Nothing, in words.
    pub fn found(&self, capture: &Capture) -> Result<String, String> {
        self.capture(&capture.from)
    }

    /// Where the scalars of a JSON body are: JSON pointers, the first `most`, those near the top
    /// first. None of what is no JSON.
    #[must_use]
    pub fn pointers(&self, most: usize) -> Vec<String> {
        let Ok(root) = self.json() else { return Vec::new() };
        let (mut level, mut found) = (vec![(String::new(), root)], Vec::new());
        while !level.is_empty() && found.len() < most {
            let mut next = Vec::new();
            for (at, value) in level {
                match value {
                    Value::Object(map) => next.extend(map.iter().map(|(key, inner)| {
                        (format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), inner)
                    })),
                    Value::Array(items) => {
                        next.extend(items.first().map(|inner| (format!("{at}/0"), inner)));
                    }
                    Value::Null => {}
                    Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(at),
                }
            }
            level = next;
        }
        found.truncate(most);
        found
    }

    /// What is captured, in the order of `captures`.
    ///
    /// # Errors
    /// The first that finds nothing, in words.
    pub fn captured(&self, captures: &[Capture]) -> Result<Vec<(usize, String)>, String> {
        captures.iter().map(|one| Ok((one.slot, self.capture(&one.from)?))).collect()
    }

    fn check(&self, check: &Check) -> Result<(), String> {
        match check {
            Check::Json { at, ask } => {
                let value = self.json()?.pointer(at);
                let what = format!("the JSON value at `{at}`");
                match (ask, value) {
                    (Ask::Is(wanted), Some(number @ Value::Number(_))) => {
                        let same = self.text_at(at, number).is_some_and(|it| it == wanted.text);
                        said(same, || is_not(&what, wanted))
                    }
                    (Ask::Matches(pattern), Some(number @ Value::Number(_))) => {
                        let text = self.text_at(at, number);
                        let found = text.is_some_and(|text| pattern.is_match(&text));
                        said(found, || format!("{what} does not match `{pattern}`"))
                    }
                    _ => holds(ask, value.as_slice(), &what),
                }
            }
            Check::Header { name, ask } => {
                let values = self.headers.get_all(name.as_str()).iter();
                let values: Vec<Value> = values
                    .map(|value| Value::from(String::from_utf8_lossy(value.as_bytes())))
                    .collect();
                let values: Vec<&Value> = values.iter().collect();
                holds(ask, &values, &format!("the header `{name}`"))
            }
            Check::Contains(wanted) => {
                let text_bytes = wanted.text.as_bytes();
                let found = text_bytes.is_empty()
                    || self.body.windows(text_bytes.len()).any(|part| part == text_bytes);
                if !found {
                    self.whole()?;
                }
                let encoded = self.encoded();
                said(found, || format!("the body does not contain `{}`{encoded}", wanted.written()))
            }
            Check::Size { least, most } => match self.length {
                length if length < *least => Err(format!("the body has fewer than {least} bytes")),
                length if length > *most => Err(format!("the body has more than {most} bytes")),
                _ => Ok(()),
            },
        }
    }

    fn capture(&self, from: &Source) -> Result<String, String> {
        match from {
            Source::Json(at) => {
                let value = self.json()?.pointer(at);
                let text = value.and_then(|value| self.text_at(at, value));
                text.ok_or_else(|| no_scalar(at, value))
            }
            Source::Header(name) => {
                let value = self.headers.get(name.as_str());
                let text = value.map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
                let text = text.ok_or_else(|| format!("no header `{name}` to capture"))?;
                utf8(text, "header", name)
            }
            Source::Cookie(name) => {
                let text = self.cookie(name);
                let text = text.ok_or_else(|| format!("no cookie `{name}` to capture"))?;
                utf8(text, "cookie", name)
            }
            Source::Regex(pattern) => {
                let body = String::from_utf8_lossy(self.whole()?);
                let group = pattern.captures(&body).and_then(|found| found.get(1));
                let nothing = || format!("nothing to capture with `{pattern}`{}", self.encoded());
                group.map(|group| group.as_str().to_owned()).ok_or_else(nothing)
            }
        }
    }

    /// What is to be said of a body that is not there as it was meant: only who asked for an encoding
    /// gets one.
    fn encoded(&self) -> &'static str {
        let values = self.headers.get_all(CONTENT_ENCODING).iter();
        match values.map(HeaderValue::as_bytes).find(|it| !it.eq_ignore_ascii_case(b"identity")) {
            Some(_) => {
                "; it came encoded (`Content-Encoding`), which is not undone here: do not ask for \
                 that with `Accept-Encoding`"
            }
            None => "",
        }
    }

    /// The last value that is set under this name (RFC 6265, 5.2: up to the first `;`, without
    /// spaces around), by this answer or one before it.
    fn cookie(&self, name: &str) -> Option<String> {
        let set = self.set_before.iter().chain(self.headers.get_all(SET_COOKIE));
        let named = set.filter_map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            let (key, value) = text.split(';').next()?.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        });
        named.last()
    }

    /// The text of a scalar at a JSON pointer, a number's as it was written; none of what is none.
    fn text_at(&self, at: &str, value: &Value) -> Option<String> {
        match value {
            Value::Number(_) => number::written(unmarked(self.body), at)
                .map(str::to_owned)
                .or_else(|| text_of(value)),
            _ => text_of(value),
        }
    }

    fn whole(&self) -> Result<&'a [u8], String> {
        if self.length > self.body.len() as u64 {
            return Err(format!("the body has more than {MOST_KEPT} bytes, too many to look into"));
        }
        Ok(self.body)
    }

    fn json(&self) -> Result<&Value, String> {
        let body = unmarked(self.whole()?);
        let read = self.json.get_or_init(|| serde_json::from_slice(body).ok());
        read.as_ref().ok_or_else(|| format!("the body is no JSON{}", self.encoded()))
    }
}

/// Without the mark that some servers put before a text, and readers of JSON may pass over (RFC 8259 8.1).
fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// A value that was captured; with other bytes in it would come back as another.
fn utf8(value: String, what: &str, name: &str) -> Result<String, String> {
    said(!value.contains(char::REPLACEMENT_CHARACTER), || {
        format!("the {what} `{name}` is no UTF-8, so it cannot be captured as it is")
    })?;
    Ok(value)
}

/// Whether any of the values is as asked; `what` are they.
fn holds(ask: &Ask, values: &[&Value], what: &str) -> Result<(), String> {
    match ask {
        Ask::Exists(true) => said(!values.is_empty(), || format!("{what} is missing")),
        Ask::Exists(false) => said(values.is_empty(), || format!("{what} is there")),
        _ if values.is_empty() => Err(format!("{what} is missing")),
        Ask::Equals(wanted) => {
            let same = values.iter().any(|value| equal(value, wanted));
            said(same, || format!("{what} is not {wanted}"))
        }
        Ask::Is(wanted) => {
            let same = values.iter().filter_map(|value| text_of(value)).any(|it| it == wanted.text);
            said(same, || is_not(what, wanted))
        }
        Ask::Matches(pattern) => {
            let found =
                values.iter().filter_map(|value| text_of(value)).any(|it| pattern.is_match(&it));
            said(found, || format!("{what} does not match `{pattern}`"))
        }
    }
}

fn is_not(what: &str, wanted: &Wanted) -> String {
    format!("{what} is not `{}`", wanted.written())
}

/// Why there is no text to capture at a JSON pointer.
fn no_scalar(at: &str, value: Option<&Value>) -> String {
    let (what, below) = match value {
        Some(Value::Object(_)) => ("an object", "KEY"),
        Some(Value::Array(_)) => ("a list", "0"),
        Some(Value::Null) => return format!("nothing to capture at `{at}`: it is null"),
        _ => return format!("nothing to capture at `{at}`"),
    };
    format!(
        "what is at `{at}` is {what}, and only a text, number or boolean is captured: write \
         `{at}/{below}` for one in it"
    )
}

fn said(holds: bool, words: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(words()) }
}

/// The text of a scalar; none of null, lists and maps.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
