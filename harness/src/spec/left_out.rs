//! What had to be left out of a scenario with mistakes so that the rest can be planned, and the
//! mistakes of that rest be told together with the first ones.
//!
//! Invariant: what was left out still exists: nothing that refers to it is called unknown.
//! Invariant: where it is not certain that a mistake is one of its own, it is not told.
//! Not here: what is left out for a mistake (`check`), what is wrong with the rest (`plan`).

use super::check::is_root_key;
use super::overrides::NAMED;
use super::scalar::entry_name;
use super::trail::{Segment, Trail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Methods as requests write them, and as their names do.
const METHODS: [(&str, &str); 7] = [
    ("get", "GET"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("head", "HEAD"),
    ("options", "OPTIONS"),
];

/// What was left out. Trails are those of the file, unless said otherwise.
#[derive(Debug, Clone, Default)]
pub struct LeftOut {
    /// Values that are not there any more, and those that are not as they were meant.
    wrong: BTreeSet<Trail>,
    /// Of lists that items were taken from: where each of those left stood.
    kept: BTreeMap<Trail, Vec<usize>>,
    /// What requests in it are called.
    requests: BTreeSet<String>,
    /// There are requests whose name cannot be told.
    nameless: bool,
    /// An option was refused, so the values may not be those that were meant.
    options: bool,
}

impl LeftOut {
    /// Something is not as it was meant, but there.
    pub(super) fn doubt(&mut self, trail: Trail) {
        let names = |key: &str| {
            let lists = ["name", "path", "requests", "journey"];
            lists.contains(&key) || METHODS.iter().any(|(written, _)| *written == key)
        };
        let named = match trail.segments() {
            [_, _, _, .., Segment::Key(last)] => names(last),
            _ => true,
        };
        self.nameless |= named && of_traffic(&trail);
        self.wrong.insert(trail);
    }

    /// An option was refused.
    pub(super) fn doubt_options(&mut self) {
        self.options = true;
    }

    /// Takes values out of the tree, by trails as the tree has them now.
    pub(super) fn take(&mut self, tree: &mut Value, cuts: &BTreeSet<Trail>) {
        let cuts: Vec<(Trail, Trail)> =
            cuts.iter().map(|cut| (cut.clone(), self.original(cut))).collect();
        // Later items and inner values first: the ways to the others stay as they are.
        for (cut, original) in cuts.into_iter().rev() {
            let Some((last, around)) = cut.segments().split_last() else { continue };
            let Some(node) = around.iter().try_fold(&mut *tree, step) else { continue };
            let gone = match (node, last) {
                (Value::Object(map), Segment::Key(key)) => map.shift_remove(key),
                (Value::Array(items), Segment::Index(index)) if *index < items.len() => {
                    let list: Trail =
                        original.segments().iter().take(around.len()).cloned().collect();
                    let all = (0..items.len()).collect();
                    let kept = self.kept.entry(list).or_insert(all);
                    if *index < kept.len() {
                        kept.remove(*index);
                    }
                    Some(items.remove(*index))
                }
                _ => None,
            };
            let Some(gone) = gone else { continue };
            if of_traffic(&cut) {
                self.name_requests(&original, &gone);
            }
            match cut.segments() {
                [Segment::Key(key)] if !is_root_key(key) => self.doubt_absent(tree),
                // What it was to be called nobody can tell.
                [section, Segment::Key(name)] if entry_name(name).is_err() => {
                    self.doubt([section.clone()].into_iter().collect());
                }
                _ => {}
            }
            self.wrong.insert(original);
        }
    }

    /// A section was called what none is: it may be any that is not there.
    fn doubt_absent(&mut self, tree: &Value) {
        let all = NAMED.into_iter().chain(["expect", "allow", "warmup"]);
        for section in all.filter(|section| tree.get(section).is_none()) {
            self.doubt(Trail::root().key(section));
        }
    }

    /// What requests are called in a value that was taken out.
    fn name_requests(&mut self, trail: &Trail, gone: &Value) {
        match (trail.segments(), gone) {
            ([Segment::Key(section)], Value::Object(entries)) => {
                for (name, entry) in entries {
                    self.name_requests(&Trail::root().key(section).key(name), entry);
                }
            }
            ([_], _) => self.nameless = true,
            ([Segment::Key(section), Segment::Key(name)], _) if section == "fleets" => {
                self.requests.insert(format!("{name} features"));
            }
            (_, gone) => match trail.segments().last() {
                Some(Segment::Key(key)) => match gone {
                    _ if key == "path" => self.nameless = true,
                    // Of a name, or of a key that was to be `name`.
                    Value::String(name) => {
                        self.requests.insert(name.clone());
                    }
                    _ if key == "name" => self.nameless = true,
                    gone => self.gather(key, gone),
                },
                _ => self.gather("", gone),
            },
        }
    }

    /// The names of all requests in the value of a key.
    fn gather(&mut self, key: &str, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.gather("", item)),
            Value::Object(map) => {
                let method = METHODS.iter().find(|(written, _)| *written == key);
                match (map.get("name"), map.get("path"), method) {
                    (Some(Value::String(name)), ..) => {
                        self.requests.insert(name.clone());
                    }
                    (None, Some(Value::String(path)), Some((_, method))) => {
                        self.requests.insert(format!("{method} {path}"));
                    }
                    (None, None, None) => {}
                    _ => self.nameless = true,
                }
                let inner = map.iter().filter(|(key, _)| *key != "json" && *key != "headers");
                inner.for_each(|(key, inner)| self.gather(key, inner));
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    /// Whether anything was.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.options || !self.wrong.is_empty()
    }

    /// The trail in the file of one in what is left.
    #[must_use]
    pub fn original(&self, trail: &Trail) -> Trail {
        if self.kept.is_empty() {
            return trail.clone();
        }
        let mut original = Trail::root();
        for segment in trail.segments() {
            let segment = match (segment, self.kept.get(&original)) {
                (Segment::Index(at), Some(kept)) => {
                    Segment::Index(kept.get(*at).copied().unwrap_or(*at))
                }
                (other, _) => other.clone(),
            };
            original = original.step(segment);
        }
        original
    }

    /// Whether the value there is itself not as it was meant.
    #[must_use]
    pub fn is_wrong(&self, trail: &Trail) -> bool {
        self.wrong.contains(trail)
    }

    /// Whether anything in this section is not as it was meant.
    #[must_use]
    pub fn touches(&self, section: &str) -> bool {
        self.options || self.first_under(&Trail::root().key(section)).is_some()
    }

    /// Whether anything in this entry is not as it was meant.
    #[must_use]
    pub fn touches_entry(&self, section: &str, name: &str) -> bool {
        let section = Trail::root().key(section);
        self.options
            || self.wrong.contains(&section)
            || self.first_under(&section.key(name)).is_some()
    }

    /// Whether a section had an entry of this name that is not there any more.
    #[must_use]
    pub fn had(&self, section: &str, name: &str) -> bool {
        let section = Trail::root().key(section);
        self.wrong.contains(&section) || self.wrong.contains(&section.key(name))
    }

    /// The names of a section's entries that are not there any more.
    pub fn names<'s>(&'s self, section: &str) -> impl Iterator<Item = &'s str> + use<'s> {
        let section = section.to_owned();
        self.wrong.iter().filter_map(move |trail| match trail.segments() {
            [Segment::Key(key), Segment::Key(name)] if *key == section => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether a request of this name may have been in it.
    #[must_use]
    pub fn had_request(&self, name: &str) -> bool {
        self.nameless || self.requests.contains(name)
    }

    /// Whether a mistake in what is left, at this trail of the file, is certainly one: nothing
    /// that it may follow from is wrong itself. In one entry only the items of a list are taken to
    /// be independent of what is wrong elsewhere.
    #[must_use]
    pub fn is_certain(&self, trail: &Trail) -> bool {
        if self.options {
            return false;
        }
        let [first, ..] = trail.segments() else { return true };
        let Segment::Key(section) = first else { return true };
        let entry = entry_of(trail);
        if entry.segments().len() == 1 && is_named(section) {
            return !self.touches(section);
        }
        let around = self.wrong.contains(&Trail::root().key(section));
        !around && !self.under(&entry).any(|wrong| depends(trail, wrong))
    }

    fn under(&self, trail: &Trail) -> impl Iterator<Item = &Trail> {
        let within = trail.clone();
        self.wrong
            .range(trail.clone()..)
            .take_while(move |wrong| wrong.segments().starts_with(within.segments()))
    }

    fn first_under(&self, trail: &Trail) -> Option<&Trail> {
        self.under(trail).next()
    }
}

/// A step into a tree.
fn step<'t>(node: &'t mut Value, segment: &Segment) -> Option<&'t mut Value> {
    match (node, segment) {
        (Value::Object(map), Segment::Key(key)) => map.get_mut(key),
        (Value::Array(items), Segment::Index(index)) => items.get_mut(*index),
        _ => None,
    }
}

fn of_traffic(trail: &Trail) -> bool {
    let sections = ["load", "fleets", "flows"];
    matches!(trail.segments(), [Segment::Key(section), ..] if sections.contains(&section.as_str()))
}

fn is_named(section: &str) -> bool {
    section == "expect" || NAMED.contains(&section)
}

/// The entry that a trail leads into: `load.visitors`, `expect[1]`, `guards`.
fn entry_of(trail: &Trail) -> Trail {
    let named = matches!(trail.segments(), [Segment::Key(section), ..] if is_named(section));
    trail.segments().iter().take(if named { 2 } else { 1 }).cloned().collect()
}

/// Whether what is said of a value may follow from another one of the same entry being wrong.
fn depends(trail: &Trail, wrong: &Trail) -> bool {
    let (trail, wrong) = (trail.segments(), wrong.segments());
    let same = trail.iter().zip(wrong).take_while(|(a, b)| a == b).count();
    let own = trail.get(same..).unwrap_or_default();
    !own.iter().any(|segment| matches!(segment, Segment::Index(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn trail(text: &str) -> Trail {
        let segment = |part: &str| match part.parse() {
            Ok(index) => Segment::Index(index),
            Err(_) => Segment::Key(part.to_owned()),
        };
        text.split('.').map(segment).collect()
    }

    fn cuts(texts: &[&str]) -> BTreeSet<Trail> {
        texts.iter().map(|text| trail(text)).collect()
    }

    #[test]
    fn items_are_found_where_they_stood() {
        let mut tree = json!({"expect": [0, 1, 2, [3, 4, 5], 6]});
        let mut out = LeftOut::default();
        out.take(&mut tree, &cuts(&["expect.0", "expect.2", "expect.3.1"]));
        assert_eq!(tree, json!({"expect": [1, [3, 5], 6]}));
        assert_eq!(out.original(&trail("expect.1.1")), trail("expect.3.2"));
        assert_eq!(out.original(&trail("expect.2")), trail("expect.4"));
        out.take(&mut tree, &cuts(&["expect.1.0", "expect.2"]));
        assert_eq!(tree, json!({"expect": [1, [5]]}));
        assert_eq!(out.original(&trail("expect.1.0")), trail("expect.3.2"));
        let wrong = ["expect.0", "expect.2", "expect.3.0", "expect.3.1", "expect.4"];
        assert_eq!(out.wrong, cuts(&wrong));
    }

    #[test]
    fn what_was_left_out_is_still_known() {
        let mut tree = json!({
            "links": {"front": 1, "back": 2},
            "load": {"web": {"x": {"requests": [
                {"get": {"path": "/a"}}, {"post": {"name": "buy", "path": 1}},
            ]}}},
        });
        let mut out = LeftOut::default();
        out.take(&mut tree, &cuts(&["links.front", "load.web"]));
        assert!(out.had("links", "front") && !out.had("links", "back"));
        assert!(out.touches("load") && !out.touches("faults"));
        assert!(out.had_request("GET /a") && out.had_request("buy") && !out.had_request("b"));
        out.take(&mut tree, &cuts(&["links"]));
        assert!(out.had("links", "anything"));
    }

    #[test]
    fn only_what_cannot_follow_is_certain() {
        let mut out = LeftOut::default();
        out.doubt(trail("faults.down.outage.mode"));
        out.doubt(trail("load.web.x.requests.1.get.weight"));
        out.doubt(trail("expect.1"));
        for sure in [
            "faults.up.outage.at",
            "load.web.x.requests.2.get.path",
            "expect.0.recovers.hold",
            "objectives",
            "guards.max-duration",
        ] {
            assert!(out.is_certain(&trail(sure)), "{sure}");
        }
        for doubtful in [
            "faults.down.outage.at",
            "faults",
            "load.web.x",
            "load.web.x.rate",
            "load.web.x.requests.1.get.path",
            "expect.1",
        ] {
            assert!(!out.is_certain(&trail(doubtful)), "{doubtful}");
        }
        out.doubt_options();
        assert!(!out.is_certain(&trail("objectives")));
    }
}
