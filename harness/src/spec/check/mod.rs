//! Finds every mistake of a tree by the scenario's own JSON Schema, so that types, schema and
//! messages are one thing.
//!
//! Invariant: a tree without mistakes decodes (the tests hold both against each other).
//! Not here: where a mistake stands (`document`), what needs two values at once (`plan`).

mod shape;
#[cfg(test)]
mod tests;

use self::shape::{Kind, Shape, schema};
use super::document::Mistake;
use super::elsewhere::elsewhere;
use super::overrides::NAMED;
use super::scalar::{Name, Rate, Scalar, Wrong, entry_name, quoted};
use super::suggest::suggest;
use super::trail::{Segment, Trail};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

pub use self::shape::public_schema as json_schema;

/// What is wrong with a tree.
pub(super) struct Checked {
    pub(super) mistakes: Vec<Mistake>,
    /// The least that has to be left out so that there are none: an optional key, an entry, an
    /// item of a list; the root where nothing less would do.
    pub(super) cuts: BTreeSet<Trail>,
}

/// All mistakes of a tree.
pub(super) fn check(tree: &Value) -> Checked {
    let mut checker = Checker::default();
    if tree.is_object() {
        checker.value(&Shape::root(schema()), tree);
    } else {
        let found = if tree.is_null() { "the file is empty" } else { "a scenario is a map" };
        checker.wrong(Wrong::new(found, "start with `schema: 1` and `name: …`"));
    }
    let Checker { mistakes, cuts, .. } = checker;
    Checked { mistakes, cuts }
}

/// All mistakes of a value that stands at `at` and should be of the type of this name.
pub(super) fn check_as(name: &str, value: &Value, at: &Trail) -> Vec<Mistake> {
    let mut checker = Checker { way: at.segments().to_vec(), ..Checker::default() };
    if let Some(shape) = Shape::called(name) {
        checker.value(&shape, value);
    }
    checker.mistakes
}

#[derive(Default)]
struct Checker {
    way: Vec<Segment>,
    /// Lengths of the ways to values around this one that may be left out.
    optional: Vec<usize>,
    mistakes: Vec<Mistake>,
    cuts: BTreeSet<Trail>,
}

impl Checker {
    fn trail(&self) -> Trail {
        self.way.iter().cloned().collect()
    }

    fn wrong(&mut self, wrong: Wrong) {
        self.cut();
        self.mistakes.push(Mistake::value(self.trail(), wrong));
    }

    /// A key that may be left out.
    fn wrong_key(&mut self, key: &str, wrong: Wrong) {
        let trail = self.trail().key(key);
        self.cuts.insert(trail.clone());
        self.mistakes.push(Mistake::key(trail, wrong));
    }

    /// A mistake at `trail`, mended only by leaving out what is around here.
    fn push(&mut self, mistake: Mistake) {
        self.cut();
        self.mistakes.push(mistake);
    }

    /// Leaves out the least around this value.
    fn cut(&mut self) {
        let steps = self.optional.last().copied().unwrap_or(0);
        self.cuts.insert(self.way.iter().take(steps).cloned().collect());
    }

    /// A key that is not there.
    fn unknown_key(&mut self, of: &str, key: &str, known: &[&str], what: &str) {
        self.wrong_key(key, unknown(of, key, known, what));
    }

    /// `optional` says whether the value may be left out.
    fn inside(&mut self, segment: Segment, optional: bool, shape: &Shape<'_>, value: &Value) {
        self.way.push(segment);
        if optional {
            self.optional.push(self.way.len());
        }
        self.value(shape, value);
        if optional {
            self.optional.pop();
        }
        self.way.pop();
    }

    fn value(&mut self, shape: &Shape<'_>, value: &Value) {
        match (&shape.kind, value) {
            (Kind::Any, _) => {}
            (Kind::Scalar(read), _) => {
                if let Err(wrong) = read(value) {
                    self.wrong(wrong);
                }
            }
            (_, Value::Null) => {
                let wanted = shape.wanted();
                let help = format!("write {wanted}, or leave the key out");
                self.wrong(Wrong::new(format!("nothing where {wanted} is wanted"), help));
            }
            (Kind::Struct(fields), Value::Object(map)) => self.settings(shape, fields, map),
            (Kind::Map(entry), Value::Object(map)) => self.entries(entry, map),
            (Kind::List(item), Value::Array(items)) => self.items(shape, item, items),
            (Kind::Enum(variants), value) => self.variant(shape, variants, value),
            (_, value) => self.wrong(shape.refuse(value)),
        }
    }

    fn settings(
        &mut self,
        shape: &Shape<'_>,
        fields: &[shape::Field<'_>],
        map: &Map<String, Value>,
    ) {
        let shown = fields.iter().filter(|field| !field.hidden);
        let known: Vec<&str> = shown.map(|field| field.name).collect();
        for (key, value) in map {
            match fields.iter().find(|field| field.name == key) {
                Some(field) => {
                    let step = Segment::Key(key.clone());
                    self.inside(step, !field.required, &field.shape(), value);
                    self.limits(shape.name, key, value);
                }
                None => self.unknown_key(shape.name, key, &known, "key"),
            }
        }
        let missing = fields.iter().filter(|field| field.required && !map.contains_key(field.name));
        for field in missing {
            let wrong = Wrong::new(
                format!("`{}` is missing", field.name),
                format!("write `{}: {}`{}", field.name, field.shape().example(), field.meaning()),
            );
            self.push(Mistake::key(self.trail(), wrong));
        }
    }

    /// What a key's type allows, but its place does not.
    fn limits(&mut self, of: &str, key: &str, value: &Value) {
        match (of, key) {
            ("Scenario", "schema") if !matches!(value.as_u64(), None | Some(1)) => {
                let message = format!("schema {value} is not known");
                let wrong = Wrong::new(message, "write `schema: 1`");
                self.push(Mistake::value(self.trail().key(key), wrong));
            }
            // It becomes a part of folder names.
            ("Scenario", "name") => {
                let name = Name::read(value).map(|name| entry_name(name.as_str()));
                if let Ok(Err(wrong)) = name {
                    self.push(Mistake::value(self.trail().key(key), wrong));
                }
            }
            ("ConstantArrivalRate", "rate")
                if Rate::read(value).is_ok_and(|rate| rate.milli_per_min == 0) =>
            {
                let wrong =
                    Wrong::new("a constant rate of 0 sends nothing", "write a rate above 0/s");
                self.push(Mistake::value(self.trail().key(key), wrong));
            }
            _ => {}
        }
    }

    fn entries(&mut self, entry: &Shape<'_>, map: &Map<String, Value>) {
        let named = matches!(self.way.as_slice(), [Segment::Key(section)] if NAMED.contains(&section.as_str()));
        for (key, value) in map {
            if named && let Err(wrong) = entry_name(key) {
                self.wrong_key(key, wrong);
            } else if key.is_empty() || key.contains('\0') {
                let message = format!("{} is no name", quoted(key));
                self.wrong_key(key, Wrong::new(message, "write a name"));
            }
            self.inside(Segment::Key(key.clone()), true, entry, value);
        }
    }

    fn items(&mut self, shape: &Shape<'_>, item: &Shape<'_>, items: &[Value]) {
        if items.is_empty() && !shape.has_default {
            let help = format!("write [{}], or leave the key out", item.example());
            self.wrong(Wrong::new("an empty list", help));
        }
        for (index, value) in items.iter().enumerate() {
            self.inside(Segment::Index(index), true, item, value);
        }
    }

    fn variant(&mut self, shape: &Shape<'_>, variants: &[shape::Variant<'_>], value: &Value) {
        let names: Vec<&str> = variants.iter().map(|variant| variant.name).collect();
        let find = |word: &str| variants.iter().find(|variant| variant.name == word);
        match value {
            Value::String(word) => match find(word).map(|variant| &variant.settings) {
                Some(None) => {}
                Some(Some(settings)) => {
                    let message = format!("{} needs settings", quoted(word));
                    let settings = Shape::of(settings).example();
                    self.wrong(Wrong::new(message, format!("write `{word}: {settings}`")));
                }
                None => self.wrong(unknown(shape.name, word, &names, "")),
            },
            Value::Object(map) if map.len() == 1 => {
                for (key, inner) in map {
                    match find(key).map(|variant| &variant.settings) {
                        Some(Some(settings)) => {
                            let step = Segment::Key(key.clone());
                            self.inside(step, false, &Shape::of(settings), inner);
                        }
                        Some(None) => {
                            let message = format!("{} has no settings", quoted(key));
                            let wrong = Wrong::new(message, format!("write `{key}`"));
                            self.push(Mistake::key(self.trail().key(key), wrong));
                        }
                        None => self.unknown_key(shape.name, key, &names, "type"),
                    }
                }
            }
            Value::Object(map) => {
                self.several(shape, variants, map, &names);
                for variant in variants {
                    if let (Some(settings), Some(inner)) =
                        (&variant.settings, map.get(variant.name))
                    {
                        let key = Segment::Key(variant.name.to_owned());
                        self.inside(key, false, &Shape::of(settings), inner);
                    }
                }
            }
            other => self.wrong(shape.refuse(other)),
        }
    }

    /// Not exactly one key where one names the type.
    fn several(
        &mut self,
        shape: &Shape<'_>,
        variants: &[shape::Variant<'_>],
        map: &Map<String, Value>,
        names: &[&str],
    ) {
        let is_type = |key: &&String| variants.iter().any(|variant| variant.name == key.as_str());
        let types: Vec<&String> = map.keys().filter(is_type).collect();
        let list = names.join(", ");
        let wrong = match types.as_slice() {
            _ if map.is_empty() => Wrong::new(
                format!("no settings where {} is wanted", shape.wanted()),
                format!("one of: {list}"),
            ),
            [] => Wrong::new(
                "the type of this entry is missing",
                format!("put its settings under one of: {list}"),
            ),
            [one] => {
                let others: Vec<String> = map.keys().filter(|key| key != one).map(quoted).collect();
                let message = format!("{} beside the type {}", others.join(", "), quoted(one));
                Wrong::new(message, format!("indent it, so that it is under `{one}:`"))
            }
            [one, two, ..] => Wrong::new(
                format!("{} and {} in one entry", quoted(one), quoted(two)),
                "write one type in each entry",
            ),
        };
        let aim = types.first().filter(|_| types.len() == 1).copied();
        let beside = map.keys().find(|key| aim.is_some_and(|aim| aim != *key));
        match beside {
            Some(key) => self.wrong_key(key, wrong),
            None => self.push(Mistake::key(self.trail(), wrong)),
        }
    }
}

/// Whether a scenario may have this key.
pub(super) fn is_root_key(key: &str) -> bool {
    schema().get("properties").and_then(|all| all.get(key)).is_some()
}

/// A word that is not there.
fn unknown(of: &str, word: &str, known: &[&str], what: &str) -> Wrong {
    let space = if what.is_empty() { "" } else { " " };
    if let Some((why, help)) = elsewhere(of, word) {
        return Wrong::new(format!("{} {why}", quoted(&word)), help);
    }
    let message = format!("unknown {what}{space}{}", quoted(&word));
    Wrong::new(message, suggest(word, known, "known here"))
}
