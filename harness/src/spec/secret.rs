//! What must not reach an artefact: values from the environment, credentials in headers and URLs.
//!
//! Invariant: of secrets that contain each other the longest is replaced first.
//! Not here: where artefacts are written.

use serde_json::Value;

/// Written in a secret's place.
pub const MASK: &str = "***";

/// Headers whose value is a secret, in lower case.
const HEADERS: [&str; 5] =
    ["authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"];

/// Whether the value of a header of this name is a secret, whoever gave it.
#[must_use]
pub fn is_secret_header(name: &str) -> bool {
    HEADERS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

/// A text without its secrets.
#[must_use]
pub fn mask(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), MASK);
        }
    }
    text
}

/// Values without their secrets; keys stay.
pub fn mask_tree(tree: &mut Value, secrets: &[String]) {
    match tree {
        Value::String(text) => *text = mask(text, secrets),
        Value::Array(items) => items.iter_mut().for_each(|item| mask_tree(item, secrets)),
        Value::Object(map) => map.values_mut().for_each(|value| mask_tree(value, secrets)),
        // A number cannot be masked as text, but can be a secret that was written as one.
        Value::Number(number) if secrets.contains(&number.to_string()) => *tree = MASK.into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Adds the credentials that stand in headers and URLs to what is known; longest first.
pub(super) fn collect(tree: &Value, secrets: &mut Vec<String>) {
    gather(tree, "", secrets);
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    secrets.dedup();
}

fn gather(value: &Value, key: &str, secrets: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let secret = key == "headers" && HEADERS.contains(&name.to_lowercase().as_str());
                match inner {
                    Value::String(text) if secret => secrets.push(text.clone()),
                    Value::Number(number) if secret => secrets.push(number.to_string()),
                    inner => gather(inner, name, secrets),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, key, secrets)),
        Value::String(text) => secrets.extend(user_info(text).map(str::to_owned)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `user:password` of each URL in a text.
pub(super) fn user_info(text: &str) -> impl Iterator<Item = &str> {
    text.split("://").skip(1).filter_map(|rest| {
        let end = rest.find(['/', '?', '#', ' ', '"', '\'']).unwrap_or(rest.len());
        rest.get(..end)?.rsplit_once('@').map(|(user, _)| user)
    })
}
