//! Checks of answers besides their status, and captures, as they are written.
//!
//! Not here: looking at answers (`client::asks`).

use super::headers::is_name;
use super::notes::Notes;
use crate::plan::Text;
use crate::plan::answer::{Ask, Capture, Check, Source, Wanted};
use crate::plan::text::literal;
use crate::spec::Trail;
use crate::spec::scalar::{Words, entry_name};
use crate::spec::types::{self, Call, Captured};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

/// Bytes that a compiled regular expression may take.
const MOST_OF_REGEX: usize = 1 << 20;

/// Names that already mean something else between `${` and `}`.
const TAKEN: [&str; 12] = [
    "vars", "env", "services", "links", "self", "run", "seed", "device", "sample", "cursor", "now",
    "random",
];

/// The checks besides those of the status, in order, each with where its text stands.
pub(super) fn checks(call: &Call, trail: &Trail, notes: &mut Notes<'_>) -> Vec<(Trail, Check)> {
    let all = call.check.iter().enumerate().map(|(at, check)| {
        let trail = trail.key("check").index(at);
        let check = one(check, &trail, notes)?;
        let text = match &check {
            Check::Json { .. } => trail.key("json").key("equals"),
            Check::Header { .. } => trail.key("header").key("equals"),
            Check::Contains(_) | Check::Size { .. } => trail.key("contains"),
        };
        Some((text, check))
    });
    all.flatten().collect()
}

/// A text that an answer is held against; with placeholders it stays open.
fn wanted(text: &str) -> Wanted {
    let open = Text(text.to_owned());
    if open.references().next().is_some() {
        return Wanted { text: String::new(), open: Some(open) };
    }
    Wanted::same(literal(&text))
}

/// What a value must be equal to.
fn equal(value: &Value) -> Ask {
    match value {
        Value::String(text) => match wanted(text) {
            Wanted { text, open: None } => Ask::Equals(text.into()),
            open => Ask::Is(open),
        },
        other => Ask::Equals(other.clone()),
    }
}

fn one(check: &types::Check, trail: &Trail, notes: &mut Notes<'_>) -> Option<Check> {
    Some(match check {
        types::Check::Status(_) => return None,
        types::Check::Json(written) => {
            let trail = trail.key("json");
            let at = pointer(&written.at, &trail.key("at"), notes);
            let exists = written.exists.map(|flag| Ask::Exists(flag.0));
            let equals = written.equals.as_ref().map(|value| equal(&value.0));
            if written.equals.as_ref().is_some_and(|value| value.0.is_null()) {
                let message = "null cannot be checked".to_owned();
                let help = "write `exists: true` for what is there, null or not, or a value";
                notes.value(&trail.key("equals"), message, help);
                return None;
            }
            let matches = written.matches.as_ref();
            let matches = matches.and_then(|it| regex(it, &trail.key("matches"), notes));
            let asks = [exists, equals, matches.map(Ask::Matches)];
            let ask = exactly(asks, "`exists`, `equals` or `matches`", &trail, notes);
            Check::Json { at, ask }
        }
        types::Check::Header(written) => {
            let trail = trail.key("header");
            let name = header(&written.name, &trail.key("name"), notes);
            let exists = written.exists.map(|flag| Ask::Exists(flag.0));
            let equals = written.equals.as_ref().map(|text| equal(&Value::from(text.as_str())));
            let ask = exactly([exists, equals], "`exists` or `equals`", &trail, notes);
            Check::Header { name, ask }
        }
        types::Check::Contains(text) => Check::Contains(wanted(text.as_str())),
        types::Check::Size(written) => {
            let trail = trail.key("size");
            let least = written.at_least.map_or(0, |size| size.0);
            let most = written.at_most.map_or(u64::MAX, |size| size.0);
            if written.at_least.is_none() && written.at_most.is_none() {
                let message = "it does not say how long the body must be".to_owned();
                notes.entry(&trail, message, "write `at-most: 1MiB`, or `at-least:`");
            } else if least > most {
                let message = "no body is that long and that short".to_owned();
                notes.entry(&trail, message, "write `at-least` below `at-most`");
            }
            Check::Size { least, most }
        }
    })
}

/// The only one that is asked.
fn exactly<const N: usize>(
    asks: [Option<Ask>; N],
    words: &str,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Ask {
    let mut asks = asks.into_iter().flatten();
    match (asks.next(), asks.next()) {
        (Some(one), None) => return one,
        (None, _) => {
            notes.entry(
                trail,
                "it does not say what it checks".to_owned(),
                format!("write {words}"),
            );
        }
        (Some(_), Some(_)) => {
            let message = "it checks more than one thing".to_owned();
            notes.entry(trail, message, format!("write one of {words}; several in several checks"));
        }
    }
    Ask::Exists(true)
}

/// What is captured; `slots` are the names of all that the load captures.
pub(super) fn captures(
    call: &Call,
    trail: &Trail,
    slots: &[String],
    notes: &mut Notes<'_>,
) -> Vec<Capture> {
    let mut captures = Vec::new();
    for (name, from) in &call.capture {
        let trail = trail.key("capture").key(name.as_str());
        if let Err(wrong) = entry_name(name.as_str()) {
            notes.entry(&trail, wrong.message, wrong.help);
        }
        if TAKEN.contains(&name.as_str()) || name.as_str() == "data" {
            let message = format!("`${{{name}}}` has a meaning already");
            notes.entry(&trail, message, "give the capture another name");
        }
        let from = match from {
            Captured::Json(at) => Some(Source::Json(pointer(at, &trail.key("json"), notes))),
            Captured::Header(name) => {
                Some(Source::Header(header(name, &trail.key("header"), notes)))
            }
            Captured::Cookie(name) => Some(Source::Cookie(literal(name))),
            Captured::Regex(text) => {
                let trail = trail.key("regex");
                let regex = regex(text, &trail, notes);
                if regex.as_ref().is_some_and(|regex| regex.captures_len() < 2) {
                    let message = "it has no group, so nothing is captured".to_owned();
                    notes.value(&trail, message, "put what to capture in brackets: id=([0-9]+)");
                }
                regex.map(Source::Regex)
            }
        };
        let slot = slots.iter().position(|slot| slot == name.as_str());
        if let (Some(slot), Some(from)) = (slot, from) {
            captures.push(Capture { name: name.to_string(), slot, from });
        }
    }
    captures
}

/// A JSON pointer (RFC 6901).
fn pointer(words: &Words, trail: &Trail, notes: &mut Notes<'_>) -> String {
    let text = literal(words);
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if !text.is_empty() && !text.starts_with('/') {
        let message = format!("`{}` is not a JSON pointer", text.escape_debug());
        let nearest = text.trim_start_matches("$.").replace('.', "/");
        notes.value(trail, message, format!("start it with `/`, such as /{nearest}"));
    } else if !escapes {
        let message = format!("`{}` is not a JSON pointer", text.escape_debug());
        notes.value(trail, message, "write ~0 for `~`, and ~1 for a `/` in a key");
    }
    text
}

fn header(words: &Words, trail: &Trail, notes: &mut Notes<'_>) -> String {
    let name = literal(words);
    if !is_name(&name) {
        notes.value(
            trail,
            format!("{name:?} is no header's name"),
            "write letters, digits and `-`",
        );
    }
    name
}

pub(super) fn regex(words: &Words, trail: &Trail, notes: &mut Notes<'_>) -> Option<Regex> {
    let text = literal(words);
    let built = RegexBuilder::new(&text).size_limit(MOST_OF_REGEX).build();
    built
        .map_err(|error| {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
            let message = format!("`{}` is not a regular expression: {why}", text.escape_debug());
            notes.value(trail, message, "write one such as ^[0-9]+$");
        })
        .ok()
}
