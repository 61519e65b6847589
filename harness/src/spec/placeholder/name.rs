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
    /// `device`, `sample`, `now`, `random.int(a,b)`, `random.uuid`, `cursor`, `data.SET.COLUMN` and
    /// captures: another each time.
    Each,
}

/// What the scenario has.
pub(super) struct Known<'k> {
    pub(super) services: &'k [String],
    pub(super) links: &'k [String],
    pub(super) sets: &'k [String],
    pub(super) captures: &'k [String],
}

/// Families of names, for suggestions.
const FAMILIES: [&str; 10] = [
    "data.SET.COLUMN",
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

/// Names whose value each sample of a fleet has, as they are written.
const SAMPLE: [&str; 5] = ["device", "sample", "now", "random.int(1,9)", "random.uuid"];

/// Names whose value each question to a store has.
const QUESTION: [&str; 2] = ["device", "cursor"];

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
        ("device" | "sample" | "cursor" | "now", None) => Ok(Placeholder::Each),
        ("random", Some(rest)) => random(&shown, rest).map(|()| Placeholder::Each),
        ("self", Some(last)) => part(last),
        ("services", Some(rest)) => of(rest, known.services, "services"),
        ("links", Some(rest)) => of(rest, known.links, "links"),
        ("data", Some(rest)) => {
            let (set, column) = rest.split_once('.').unwrap_or((rest, ""));
            if !known.sets.iter().any(|name| name == set) {
                let names: Vec<&str> = known.sets.iter().map(String::as_str).collect();
                let message =
                    format!("{shown} is unknown: there is no entry {} in data", quoted(&set));
                return Err(Wrong::new(message, suggest(set, &names, "data")));
            }
            match column {
                "" => Err(Wrong::new(
                    format!("{shown} names no column"),
                    format!("write ${{data.{set}.COLUMN}}"),
                )),
                _ => Ok(Placeholder::Each),
            }
        }
        (head, None) if known.captures.iter().any(|name| name == head) => Ok(Placeholder::Each),
        _ => {
            let all = FAMILIES.iter().chain(&SAMPLE).chain(&QUESTION).copied();
            let known: Vec<&str> = all.chain(known.captures.iter().map(String::as_str)).collect();
            Err(Wrong::new(format!("{shown} is unknown"), suggest(name, &known, "placeholders")))
        }
    }
}

/// What `random.` can make.
fn random(shown: &str, rest: &str) -> Result<(), Wrong> {
    const HELP: &str = "write ${random.int(1,9)} or ${random.uuid}";
    if rest == "uuid" {
        return Ok(());
    }
    let bounds = rest.strip_prefix("int(").and_then(|rest| rest.strip_suffix(')'));
    let bounds = bounds.and_then(|bounds| bounds.split_once(','));
    let number = |text: &str| text.trim().parse::<i64>().ok();
    match bounds.map(|(low, high)| (number(low), number(high))) {
        Some((Some(low), Some(high))) if low <= high => Ok(()),
        Some((Some(_), Some(_))) => {
            Err(Wrong::new(format!("{shown} ends before it starts"), "write the lower end first"))
        }
        Some(_) => Err(Wrong::new(format!("{shown} is not between whole numbers"), HELP)),
        None => Err(Wrong::new(format!("{shown} is unknown"), HELP)),
    }
}

/// A kind of place, by the names that have a value there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Read before anything is started.
    Early,
    /// A process's command or environment.
    Process,
    /// Part of a load's request.
    Request,
    /// A text that the answer to a load's request is held against.
    Check,
    /// Header of all requests of a load.
    Client,
    /// Part of a fleet's sample.
    Sample,
    /// A question to a store.
    Question,
    /// A command that reads a store back, prepares a run, or is a fault or a metric; or the URL of a page
    /// that is read.
    Command,
}

impl Kind {
    fn of(trail: &Trail) -> Kind {
        let keys: Vec<Option<&str>> = trail.keys().collect();
        let sent = |field: &str| matches!(field, "path" | "headers" | "json" | "form" | "text");
        match keys.as_slice() {
            [Some("services"), _, Some("process" | "container"), Some("command" | "env"), ..] => {
                Kind::Process
            }
            [Some("load"), _, _, Some("client"), Some("headers"), ..] => Kind::Client,
            [Some("flows"), _, None, _, Some(field), ..] if sent(field) => Kind::Request,
            [Some("load"), _, _, Some("requests" | "journey"), None, _, Some(field), ..]
                if sent(field) =>
            {
                Kind::Request
            }
            [Some("setup" | "teardown"), None, _, Some(field), ..] if sent(field) => Kind::Request,
            [
                Some("setup" | "teardown"),
                None,
                Some("for-each"),
                Some("steps"),
                None,
                _,
                Some(field),
                ..,
            ] if sent(field) => Kind::Request,
            [Some("flows"), _, None, _, Some("check"), None, checked @ ..]
            | [
                Some("load"),
                _,
                _,
                Some("requests" | "journey"),
                None,
                _,
                Some("check"),
                None,
                checked @ ..,
            ]
            | [Some("setup" | "teardown"), None, _, Some("check"), None, checked @ ..]
            | [
                Some("setup" | "teardown"),
                None,
                Some("for-each"),
                Some("steps"),
                None,
                _,
                Some("check"),
                None,
                checked @ ..,
            ] if matches!(
                checked,
                [Some("contains")] | [Some("json" | "header"), Some("equals")]
            ) =>
            {
                Kind::Check
            }
            [Some("setup" | "teardown"), None, Some("command"), Some("run" | "shell"), ..] => {
                Kind::Command
            }
            [Some("fleets"), _, Some("send"), _, Some(field), ..] if sent(field) => Kind::Sample,
            [Some("fleets"), _, Some("read-back"), Some("http"), Some("path")] => Kind::Question,
            [Some("fleets"), _, Some("read-back"), Some("command"), Some("run" | "shell"), ..] => {
                Kind::Command
            }
            [Some("faults"), _, Some("command"), Some("run" | "shell" | "undo"), ..] => {
                Kind::Command
            }
            [Some("metrics"), _, Some("prometheus" | "promql"), Some("url")]
            | [Some("breakers"), _, Some("evidence"), None, _, Some("url")]
            | [Some("metrics"), _, Some("command"), Some("run" | "shell"), ..]
            | [
                Some("steady-state"),
                Some("probes"),
                None,
                Some("command"),
                Some("run" | "shell"),
                ..,
            ] => Kind::Command,
            _ => Kind::Early,
        }
    }

    /// Why a name has no value in such a place.
    fn refuse(self, name: &str) -> Option<Wrong> {
        let shown = quoted(&format!("${{{name}}}"));
        let head = name.split_once('.').map_or(name, |(head, _)| head);
        let wrong = |message: String, help: &str| Some(Wrong::new(message, help));
        match head {
            "device" | "sample" | "now" | "random" if self == Kind::Sample => None,
            "device" | "cursor" if self == Kind::Question => None,
            "now" | "random" if self == Kind::Request => None,
            "now" | "random" if self == Kind::Check => wrong(
                format!("{shown} would be another than that of the request"),
                "check for what was sent: a column of `data`, or what a step before captured",
            ),
            "device" | "sample" => wrong(
                format!("{shown} is known only to a fleet's samples"),
                "use it in a fleet's `send`",
            ),
            "now" | "random" => wrong(
                format!("{shown} is known only where a request or a sample is written"),
                "use it in a request's own path, headers or body, or in a fleet's `send`",
            ),
            "cursor" => wrong(
                format!("{shown} is known only where a store is read back"),
                "use it in the path of a fleet's `read-back`",
            ),
            _ if is_of_request(name) => (!matches!(self, Kind::Request | Kind::Check)).then(|| {
                Wrong::new(
                    format!("{shown} is known only where a load's request is written"),
                    "use it in a request's own path, headers or body, or in `contains` or `equals` \
                     of its checks",
                )
            }),
            _ if self == Kind::Early => wrong(
                format!("{shown} is not known yet where this is read"),
                "use it in a process's command or env, or in a request's path, headers or body",
            ),
            "self" if self != Kind::Process => {
                wrong(format!("{shown} is known only to a process"), "write ${services.NAME.addr}")
            }
            _ => None,
        }
    }
}

/// Whether it is a column of a set, or a capture: all other bare names are known by name.
fn is_of_request(name: &str) -> bool {
    match name.split_once('.') {
        Some((head, _)) => head == "data",
        None => !matches!(name, "device" | "sample" | "now" | "cursor" | "seed"),
    }
}

/// The text for this place; names that have no value there are refused.
pub(super) fn place(pieces: &[Piece], trail: &Trail) -> Result<String, Wrong> {
    let kind = Kind::of(trail);
    let refused = pieces.iter().find_map(|piece| match piece {
        Piece::Name(name) => kind.refuse(name),
        Piece::Text(_) => None,
    });
    match refused {
        Some(wrong) => Err(wrong),
        None if kind == Kind::Early => Ok(plain(pieces).unwrap_or_default()),
        None => Ok(pieces::write(pieces)),
    }
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
