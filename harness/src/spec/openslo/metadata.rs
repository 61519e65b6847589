//! Names, labels, annotations and descriptions, as the validator of OpenSLO v1 wants them.
//!
//! Not here: our own annotations (`gate`, `alerts`).

use super::rules::{Mistakes, wrong};
use super::types::Metadata;
use crate::spec::scalar::{Text, quoted};
use crate::spec::trail::Trail;
use serde_json::Value;

/// Longest name, and longest display name.
const MOST_NAME: usize = 63;
/// Longest description.
const MOST_DESCRIPTION: usize = 1050;
/// Longest domain of an annotation.
const MOST_DOMAIN: usize = 253;

/// A label of RFC 1123.
pub(super) fn label(text: &Text, at: Trail, into: &mut Mistakes) {
    if !domain_part(text.as_str()) {
        let help = "write 1 to 63 lower-case letters, digits and hyphens, no hyphen at the ends";
        wrong(at, format!("{} is no name", quoted(text)), help, into);
    }
}

/// Text that must say something.
pub(super) fn filled(text: &Text, at: Trail, example: &str, into: &mut Mistakes) {
    if text.as_str().is_empty() {
        wrong(at, "an empty text", format!("write {example}"), into);
    }
}

/// Names, display names, labels and annotations.
pub(super) fn metadata(metadata: &Metadata, at: &Trail, into: &mut Mistakes) {
    label(&metadata.name, at.key("name"), into);
    if let Some(name) = &metadata.display_name
        && name.as_str().chars().count() > MOST_NAME
    {
        let help = "write at most 63; what is longer goes into a description";
        wrong(at.key("displayName"), "a display name of more than 63 characters", help, into);
    }
    // A key without a value is an empty text.
    let text = |value: &Value| value.is_string() || value.is_null();
    for (key, value) in &metadata.labels {
        let texts = match &value.0 {
            Value::Array(items) => items.iter().all(text),
            value => text(value),
        };
        if !texts || !key_part(key) {
            let help = "write a short word, and a text or a list of texts";
            wrong(at.key("labels").key(key), format!("{} is no label", quoted(key)), help, into);
        }
    }
    for (key, value) in &metadata.annotations {
        let at = at.key("annotations").key(key);
        let domain = |text: &str| text.len() <= MOST_DOMAIN && text.split('.').all(domain_part);
        let good = match key.split_once('/') {
            Some((prefix, rest)) => domain(prefix) && key_part(rest),
            None => key_part(key),
        };
        if !good {
            let help = "write a word, or a domain and a word: example.com/owner";
            wrong(at, format!("{} is no annotation", quoted(key)), help, into);
        } else if !text(&value.0) {
            let help = format!("quote it: \"{}\"", value.0);
            wrong(at, "an annotation is text", help, into);
        }
    }
}

/// At most so long.
pub(super) fn description(text: Option<&Text>, at: &Trail, into: &mut Mistakes) {
    if text.is_some_and(|text| text.as_str().chars().count() > MOST_DESCRIPTION) {
        let message = "a description of more than 1050 characters";
        wrong(at.key("description"), message, "write at most 1050", into);
    }
}

fn domain_part(part: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=MOST_NAME).contains(&part.len())
        && part.bytes().all(inner)
        && !part.starts_with('-')
        && !part.ends_with('-')
}

fn key_part(part: &str) -> bool {
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let bytes = part.as_bytes();
    bytes.len() <= MOST_NAME && part.bytes().all(inner) && ends(bytes.first()) && ends(bytes.last())
}
