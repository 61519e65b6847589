//! What the names between `${` and `}` mean, and where those that a start decides may stand.
//!
//! Not here: replacing (`placeholder`).

use super::pieces::{self, Piece};
use crate::spec::scalar::{Wrong, quoted};
use crate::spec::suggest::suggest;
use crate::spec::trail::Trail;
use serde_json::Value;

/// A name that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholder<'n> {
    /// `vars.NAME`.
    Var(&'n str),
    /// `env.NAME`.
    Env(&'n str),
    /// `seed`.
    Seed,
    /// `services.X.addr`, `links.X.port`, `self.addr`, `run.id`: known when it has started.
    Started,
}

/// What the scenario has.
pub(super) struct Known<'k> {
    pub(super) services: &'k [String],
    pub(super) links: &'k [String],
    pub(super) captures: &'k [String],
}

/// Families of names, for suggestions.
const FAMILIES: [&str; 9] = [
    "vars.NAME",
    "env.NAME",
    "services.NAME.addr",
    "links.NAME.addr",
    "self.addr",
    "run.id",
    "run.dir",
    "seed",
    "self.port",
];

/// Names of the grammar that this version has not.
const LATER: [&str; 6] = ["device", "sample", "cursor", "now", "data", "random"];

/// Parts of an address.
const PARTS: [&str; 3] = ["addr", "host", "port"];

/// What a name means.
pub(super) fn meaning<'n>(name: &'n str, known: &Known<'_>) -> Result<Placeholder<'n>, Wrong> {
    let (head, rest) = name.split_once('.').map_or((name, None), |(head, rest)| (head, Some(rest)));
    let shown = quoted(&format!("${{{name}}}"));
    let part = |part: &str| match PARTS.contains(&part) {
        true => Ok(Placeholder::Started),
        false => Err(Wrong::new(
            format!("{shown} is unknown: an address has no {}", quoted(&part)),
            suggest(part, &PARTS, "parts of an address"),
        )),
    };
    let of = |rest: &str, names: &[String], what: &str| {
        let (entry, last) = rest.rsplit_once('.').unwrap_or((rest, ""));
        if !names.iter().any(|name| name == entry) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let message =
                format!("{shown} is unknown: there is no entry {} in {what}", quoted(&entry));
            return Err(Wrong::new(message, suggest(entry, &names, what)));
        }
        part(last)
    };
    match (head, rest) {
        ("vars", Some(var)) => Ok(Placeholder::Var(var)),
        ("env", Some(var)) => Ok(Placeholder::Env(var)),
        ("seed", None) => Ok(Placeholder::Seed),
        ("run", Some("id" | "dir")) => Ok(Placeholder::Started),
        ("self", Some(last)) => part(last),
        ("services", Some(rest)) => of(rest, known.services, "services"),
        ("links", Some(rest)) => of(rest, known.links, "links"),
        (head, _) if LATER.contains(&head) || known.captures.iter().any(|name| name == head) => {
            let message = format!("{shown} is not supported yet");
            Err(Wrong::new(message, "write the value itself, or use ${vars.NAME}"))
        }
        _ => {
            let known: Vec<&str> = FAMILIES.iter().chain(&LATER).copied().collect();
            Err(Wrong::new(format!("{shown} is unknown"), suggest(name, &known, "placeholders")))
        }
    }
}

/// The text for this place; names that a start decides are refused where nothing started yet
/// could need them.
pub(super) fn place(pieces: &[Piece], trail: &Trail) -> Result<String, Wrong> {
    let keys: Vec<Option<&str>> = trail.keys().collect();
    let process = matches!(
        keys.as_slice(),
        [Some("services"), _, Some("process"), Some("command" | "env"), ..]
    );
    let sent = match keys.as_slice() {
        [Some("load"), _, _, Some("client"), Some("headers"), ..] => true,
        [Some("load"), _, _, Some("requests"), None, _, Some(field), ..] => {
            matches!(*field, "path" | "headers" | "json" | "text")
        }
        _ => false,
    };
    if process || sent {
        let own = |piece: &&Piece| matches!(piece, Piece::Name(name) if name.starts_with("self."));
        return match pieces.iter().find(own) {
            Some(Piece::Name(name)) if !process => Err(Wrong::new(
                format!("{} is known only to a process", quoted(&format!("${{{name}}}"))),
                "write ${services.NAME.addr}",
            )),
            _ => Ok(pieces::write(pieces)),
        };
    }
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => Ok(text.clone()),
        Piece::Name(name) => Err(Wrong::new(
            format!("{} is not known yet where this is read", quoted(&format!("${{{name}}}"))),
            "use it in a process's command or env, or in a request's path, headers or body",
        )),
    };
    pieces.iter().map(text).collect()
}

/// The text of pieces, if no name is among them.
pub(super) fn plain(pieces: &[Piece]) -> Option<String> {
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => Some(text.clone()),
        Piece::Name(_) => None,
    };
    pieces.iter().map(text).collect()
}

/// The names under all `capture:` maps.
pub(super) fn captures(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                if key == "capture" {
                    names.extend(
                        inner.as_object().into_iter().flatten().map(|(name, _)| name.clone()),
                    );
                }
                captures(inner, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| captures(item, names)),
        _ => {}
    }
}
