//! Reading back: how the far end shows what it has stored, and what that can show.
//!
//! Not here: doing it (`fleet`), counting (crate slo).

use super::loads::Given;
use super::notes::Notes;
use super::{command, headers, loads, parts};
use crate::plan::fleet::{Found, ReadBack};
use crate::plan::text::literal;
use crate::plan::{Target, Text};
use crate::spec::Trail;
use crate::spec::scalar::Words;
use crate::spec::types;
use serde_json::Value;

/// How a fleet's far end is read back; `trail` leads to its settings.
pub(super) fn compile(
    written: &types::ReadBack,
    fleet: &types::Fleet,
    many: bool,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> ReadBack {
    match written {
        types::ReadBack::Http(settings) => {
            http(settings, fleet, many, given, &trail.key("http"), notes)
        }
        types::ReadBack::Command(settings) => {
            check_keys(fleet, many, &trail.key("command"), notes);
            let (run, shell) = (&settings.run, settings.shell.as_ref());
            ReadBack::Command(command::words(run, shell, &trail.key("command"), notes))
        }
    }
}

fn http(
    settings: &types::HttpReadBack,
    fleet: &types::Fleet,
    many: bool,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> ReadBack {
    let services = &given.scenario.services;
    if !services.contains_key(&settings.service) {
        let known: Vec<&str> = services.keys().map(|name| name.as_str()).collect();
        let name = settings.service.as_str();
        let message = format!("unknown service `{name}`");
        let among = (&["services"][..], "services");
        notes.unknown(&trail.key("service"), name, message, among, &known);
    }
    let way = trail.key("path");
    let path = Text(settings.path.to_string());
    headers::check_path(&headers::sample(&path), &way, notes);
    let names = |wanted: &str| path.references().any(|name| name == wanted);
    let (each, paged) = (names("device"), names("cursor"));
    if settings.next.is_some() && !paged {
        let message = "every page would be the first: the path has no `${cursor}`".to_owned();
        notes.value(&way, message, "write it where the next page's start belongs");
    }
    if settings.next.is_none() && paged {
        let message = "`${cursor}` never moves without `next`".to_owned();
        notes.value(&way, message, "write `next:` with where an answer names its next page");
    }
    let mut pointed = |words: &Option<Words>, key: &str| {
        words.as_ref().map(|words| pointer(words, &trail.key(key), notes))
    };
    let [items, ranges, duplicates, next] = [
        (&settings.items, "items"),
        (&settings.ranges, "ranges"),
        (&settings.duplicates, "duplicates"),
        (&settings.next, "next"),
    ]
    .map(|(words, key)| pointed(words, key));
    let key = settings.key.iter().enumerate();
    let key = key.map(|(at, words)| pointer(words, &trail.key("key").index(at), notes)).collect();
    let found = match (items, ranges) {
        (Some(list), None) => {
            check_item_key(settings, fleet, each, trail, notes);
            check_keys(fleet, many, trail, notes);
            Found::Items { list, key }
        }
        (None, Some(ranges)) => {
            if many && !each {
                let message =
                    "ranges are of one device, and the path has no `${device}`".to_owned();
                notes.value(&way, message, "write it where the device's name belongs");
            }
            if !settings.key.is_empty() {
                let message = "ranges have no keys".to_owned();
                notes.value(&trail.key("key"), message, "leave it out, or write `items:`");
            }
            Found::Ranges(ranges)
        }
        (Some(_), Some(_)) => {
            let message = "both items and ranges".to_owned();
            notes.entry(trail, message, "keep one of `items` and `ranges`");
            Found::Ranges(String::new())
        }
        (None, None) => {
            let message = "it does not say where an answer has its samples".to_owned();
            notes.entry(trail, message, "write `items:` with `key:`, or `ranges:`");
            Found::Ranges(String::new())
        }
    };
    let service = settings.service.to_string();
    let prefix = loads::prefix(&Target::Service(service.clone()), given.services, given.links);
    let path = Text(format!("{}{}", prefix.replace("${", "$${"), path.0));
    ReadBack::Http { service, path, found, duplicates, next }
}

/// A JSON pointer (RFC 6901).
fn pointer(words: &Words, trail: &Trail, notes: &mut Notes<'_>) -> String {
    let pointer = literal(words);
    if !pointer.is_empty() && !pointer.starts_with('/') {
        let message = format!("`{}` is no JSON pointer", pointer.escape_debug());
        notes.value(trail, message, format!("write /{pointer}"));
    }
    pointer
}

/// The key of an item has the parts of a sample's; where one device is asked, those of the number
/// do.
fn check_item_key(
    settings: &types::HttpReadBack,
    fleet: &types::Fleet,
    each: bool,
    trail: &Trail,
    notes: &mut Notes<'_>,
) {
    let parts = if fleet.key.is_empty() { 2 } else { fleet.key.len() };
    match settings.key.len() {
        0 => {
            let message = "`items` need `key`: what makes a sample unique".to_owned();
            notes.entry(trail, message, "write such as key: [/machine_id, /sample_number]");
        }
        own if own > parts || (own < parts && !each) => {
            let message = format!("an item's key has {own} parts, a sample's has {parts}");
            notes.value(&trail.key("key"), message, "write the same parts, in the same order");
        }
        _ => {}
    }
}

/// Samples can be told apart by their keys.
fn check_keys(fleet: &types::Fleet, many: bool, trail: &Trail, notes: &mut Notes<'_>) {
    let Some(send) = &fleet.send else { return };
    let sent = parts::sent(send, trail);
    let Some(json) = &sent.call.json else {
        let message = "its samples are no JSON, so they have no keys to be read back by".to_owned();
        notes.entry(trail, message, "write `json:` under `send:`, or read `ranges:` back");
        return;
    };
    let default = ["/machine_id", "/sample_number"].map(|part| Words(part.to_owned()));
    let key = if fleet.key.is_empty() { &default[..] } else { &fleet.key };
    let mut names = Vec::new();
    for part in key {
        let pointer = literal(part);
        match json.0.pointer(&pointer) {
            Some(Value::String(text)) => {
                names.extend(Text(text.clone()).references().map(str::to_owned));
            }
            Some(Value::Number(_)) => {}
            _ => {
                let message = format!("its samples have no text or number at `{pointer}`");
                notes.entry(trail, message, "write `key:` with JSON pointers into `send`'s json");
                return;
            }
        }
    }
    let other = names.iter().find(|name| !matches!(name.as_str(), "device" | "sample"));
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if let Some(other) = other {
        let message = format!("a key with `${{{other}}}` cannot be told from others read back");
        notes.entry(trail, message, "make keys of `${device}` and `${sample}` only");
    } else if !has("sample") || (many && !has("device")) {
        let message = "its keys are not unique".to_owned();
        notes.entry(trail, message, "make them of `${device}` and `${sample}`");
    }
}
