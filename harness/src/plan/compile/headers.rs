//! HTTP headers and paths as they may be written.
//!
//! Invariant: what passes here can be put on the wire as it stands, and cannot end a header
//! early or begin another.
//! Not here: sending (`client`), answering (`link`).

use super::notes::Notes;
use crate::plan::Text;
use crate::spec::Trail;
use crate::spec::scalar::Words;
use hyper::header::{HeaderName, HeaderValue};
use indexmap::IndexMap;

/// Headers that frame a message or name a request; whoever sends it sets them.
const OURS: [&str; 6] =
    ["connection", "content-length", "te", "transfer-encoding", "upgrade", "x-request-id"];

/// A request's headers; values may hold placeholders.
pub(super) fn texts(
    headers: &IndexMap<String, Words>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Vec<(String, Text)> {
    names(headers, trail, notes);
    let entries = headers.iter().map(|(name, value)| {
        let trail = trail.key(name);
        let text = Text(value.to_string());
        check_value(&sample(&text), &trail, notes);
        (name.clone(), text)
    });
    entries.collect()
}

/// Headers that are read before anything starts: `spec` has left no placeholder in them.
pub(super) fn literals(
    headers: &IndexMap<String, Words>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Vec<(String, String)> {
    names(headers, trail, notes);
    let entries = headers.iter().map(|(name, value)| {
        let trail = trail.key(name);
        let value = value.to_string();
        check_value(&value, &trail, notes);
        (name.clone(), value)
    });
    entries.collect()
}

/// Whether a text is a header's name.
pub(super) fn is_name(name: &str) -> bool {
    HeaderName::from_bytes(name.as_bytes()).is_ok()
}

/// A text with its placeholders replaced by what their values look like.
pub(super) fn sample(text: &Text) -> String {
    text.fill(&|_| Some("0".to_owned())).unwrap_or_default()
}

/// Checks a path with its query: `/`, then what RFC 3986 allows unencoded, and `[` and `]`.
pub(super) fn check_path(path: &str, trail: &Trail, notes: &mut Notes<'_>) {
    let allowed = |c: char| c.is_ascii_graphic() && !r##"#"<>\^`{|}"##.contains(c);
    if !path.starts_with('/') {
        notes.value(
            trail,
            format!("the path `{}` does not start with `/`", path.escape_debug()),
            "write the path only, such as /products; `to` says where",
        );
    } else if let Some(other) = path.chars().find(|c| !allowed(*c)) {
        notes.value(
            trail,
            format!("the path holds {other:?}, which no request line can"),
            format!("percent-encode it: write {}", percent_encoded(other)),
        );
    }
}

/// The bytes of a character as a URL holds them.
fn percent_encoded(c: char) -> String {
    c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn names(headers: &IndexMap<String, Words>, trail: &Trail, notes: &mut Notes<'_>) {
    for (at, name) in headers.keys().enumerate() {
        let lower = name.to_ascii_lowercase();
        let earlier = headers.keys().take(at).any(|other| other.eq_ignore_ascii_case(name));
        let (message, help) = if !is_name(name) {
            (format!("{name:?} is no header's name"), "write letters, digits and `-`")
        } else if OURS.contains(&lower.as_str()) {
            (format!("`{name}` is set by Assay itself"), "leave it out")
        } else if earlier {
            (format!("`{name}` is here twice"), "header names ignore case: leave one out")
        } else {
            continue;
        };
        notes.entry(&trail.key(name), message, help);
    }
}

fn check_value(value: &str, trail: &Trail, notes: &mut Notes<'_>) {
    if HeaderValue::from_bytes(value.as_bytes()).is_err() {
        notes.value(
            trail,
            "a header's value holds a line break or another control character".to_owned(),
            "write it on one line",
        );
    }
}
