//! The JSON Schema of a scenario as the checker reads it: what a value at some place looks like.
//!
//! Invariant: knows the forms that schemars derives from `types`; a form it does not know allows
//! anything, and decoding then finds the mistake.
//! Not here: walking (`check`).

use crate::spec::openslo::types as openslo;
use crate::spec::scalar::{
    Bandwidth, Bound, Count, Duration, Factor, Flag, Growth, Moment, Multiplier, Name, Pace,
    Percentile, Quantity, Rate, Ratio, Scalar, Size, Span, Status, Statuses, Text, Truth, Uniform,
    Words, Wrong, quoted,
};
use crate::spec::types::Scenario;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// The JSON Schema of a scenario.
pub(super) fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Scenario).to_value());
    &SCHEMA
}

/// All types that values are held against: the scenario's, and those of objectives' files.
fn types() -> Option<&'static Map<String, Value>> {
    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct All {
        scenario: Scenario,
        metadata: openslo::Metadata,
        slo: openslo::SloSpec,
        data_source: openslo::DataSourceSpec,
        service: openslo::ServiceSpec,
    }
    static TYPES: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(All).to_value());
    TYPES.get("$defs").and_then(Value::as_object)
}

/// Reads a scalar, only to see whether it can be read.
type Read = fn(&Value) -> Result<(), Wrong>;

/// The same without what is hidden: for people and their editors.
pub fn public_schema() -> Value {
    let mut schema = schema().clone();
    let Some(defs) = schema.get_mut("$defs").and_then(Value::as_object_mut) else { return schema };
    let mut behind = Vec::new();
    for of in defs.values_mut() {
        let Some(properties) = of.get_mut("properties").and_then(Value::as_object_mut) else {
            continue;
        };
        behind.extend(
            properties.values().filter(|of| is_hidden(of)).map(|of| named(of).0.to_owned()),
        );
        properties.retain(|_, of| !is_hidden(of));
    }
    defs.retain(|name, _| !behind.contains(name));
    schema
}

fn is_hidden(schema: &Value) -> bool {
    schema.get("x-hidden").is_some()
}

/// What is allowed at a place.
pub(super) struct Shape<'s> {
    /// The type's name; empty for lists and maps.
    pub(super) name: &'s str,
    pub(super) kind: Kind<'s>,
    /// It may be left out, so an empty list says the same.
    pub(super) has_default: bool,
    schema: &'s Value,
}

pub(super) enum Kind<'s> {
    Scalar(Read),
    Struct(Vec<Field<'s>>),
    Enum(Vec<Variant<'s>>),
    Map(Box<Shape<'s>>),
    List(Box<Shape<'s>>),
    Any,
}

/// A key of a struct.
pub(super) struct Field<'s> {
    pub(super) name: &'s str,
    pub(super) required: bool,
    /// For scenarios that must fail; nobody is told of it.
    pub(super) hidden: bool,
    schema: &'s Value,
}

/// A type of an entry.
pub(super) struct Variant<'s> {
    pub(super) name: &'s str,
    /// Its settings' schema; none if it is a word.
    pub(super) settings: Option<&'s Value>,
}

impl<'s> Field<'s> {
    pub(super) fn shape(&self) -> Shape<'s> {
        Shape::of(self.schema)
    }

    /// What it is for, in brackets.
    pub(super) fn meaning(&self) -> String {
        let text = self.schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = text.split('\n').next().unwrap_or_default().trim_end_matches('.');
        let mut letters = text.chars();
        match letters.next() {
            Some(first) => format!(" ({}{})", first.to_lowercase(), letters.as_str()),
            None => String::new(),
        }
    }
}

impl<'s> Shape<'s> {
    /// The whole scenario.
    pub(super) fn root(schema: &'s Value) -> Shape<'s> {
        Shape { name: "Scenario", kind: Kind::Struct(fields(schema)), has_default: false, schema }
    }

    /// The type of this name.
    pub(super) fn called(name: &'s str) -> Option<Shape<'s>> {
        let schema = types()?.get(name)?;
        Some(Shape { name, kind: kind(name, schema), has_default: false, schema })
    }

    /// What a schema allows.
    pub(super) fn of(schema: &'s Value) -> Shape<'s> {
        let has_default = schema.get("default").is_some();
        let (name, schema) = named(schema);
        Shape { name, kind: kind(name, schema), has_default, schema }
    }

    /// In words: `a rate such as 300/s or 20/m`.
    pub(super) fn wanted(&self) -> String {
        match &self.kind {
            Kind::Scalar(_) | Kind::Any => "a value".to_owned(),
            Kind::Struct(_) => format!("a map of settings such as {}", self.example()),
            Kind::Map(_) => format!("a map such as {}", self.example()),
            Kind::List(_) => format!("a list such as {}", self.example()),
            Kind::Enum(variants) => {
                let names: Vec<&str> = variants.iter().map(|variant| variant.name).collect();
                format!("one of {}", names.join(", "))
            }
        }
    }

    /// In YAML, on one line: `{rate: 300/s, …}`.
    pub(super) fn example(&self) -> String {
        self.example_to(3)
    }

    fn example_to(&self, levels: usize) -> String {
        let Some(levels) = levels.checked_sub(1) else { return "…".to_owned() };
        match &self.kind {
            Kind::Any => "…".to_owned(),
            Kind::Scalar(_) => self.scalar_example(),
            Kind::Struct(fields) => {
                let required = fields.iter().filter(|field| field.required);
                let mut shown: Vec<String> = required
                    .map(|field| format!("{}: {}", field.name, field.shape().example_to(levels)))
                    .collect();
                if let (true, Some(first)) = (shown.is_empty(), fields.first()) {
                    shown.push(format!("{}: {}", first.name, first.shape().example_to(levels)));
                }
                format!("{{{}}}", shown.join(", "))
            }
            Kind::Map(entry) => format!("{{name: {}}}", entry.example_to(levels)),
            Kind::List(item) => format!("[{}]", item.example_to(levels)),
            Kind::Enum(variants) => match variants.first() {
                Some(Variant { name, settings: Some(settings) }) => {
                    format!("{{{name}: {}}}", Shape::of(settings).example_to(levels))
                }
                Some(Variant { name, settings: None }) => (*name).to_owned(),
                None => "…".to_owned(),
            },
        }
    }

    fn scalar_example(&self) -> String {
        let example = self.schema.get("examples").and_then(|examples| examples.get(0));
        match example {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => "…".to_owned(),
        }
    }

    /// A value of another shape.
    pub(super) fn refuse(&self, value: &Value) -> Wrong {
        let found = match value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(_) | Value::Number(_) => quoted(value),
            Value::String(text) => quoted(text),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a map".to_owned(),
        };
        let what = match &self.kind {
            Kind::Scalar(_) | Kind::Any => "a value",
            Kind::Struct(_) | Kind::Map(_) => "a map",
            Kind::List(_) => "a list",
            Kind::Enum(_) => "a type with its settings",
        };
        let help = match (&self.kind, value) {
            (Kind::List(item), Value::String(word)) if matches!(item.kind, Kind::Scalar(_)) => {
                format!("write [{}]", items(word))
            }
            (Kind::List(item), Value::Object(_)) => {
                format!("start each item with `- `, such as `- {}`", item.example())
            }
            _ => format!("write {}", self.wanted()),
        };
        Wrong::new(format!("{found} where {what} is wanted"), help)
    }
}

/// Follows references, and the second branch of what may be null.
fn named(mut schema: &Value) -> (&str, &Value) {
    let mut name = "";
    loop {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let (_, last) = reference.rsplit_once('/').unwrap_or(("", reference));
            let Some(found) = types().and_then(|types| types.get(last)) else {
                return (name, &Value::Null);
            };
            (name, schema) = (last, found);
            if read(name).is_some() {
                return (name, schema);
            }
        } else if let Some(branches) = schema.get("anyOf").and_then(Value::as_array)
            && let Some(branch) = branches.iter().find(|branch| branch.get("$ref").is_some())
        {
            schema = branch;
        } else {
            return (name, schema);
        }
    }
}

fn kind<'s>(name: &str, schema: &'s Value) -> Kind<'s> {
    if let Some(read) = read(name) {
        return Kind::Scalar(read);
    }
    if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
        return Kind::Enum(branches.iter().flat_map(variants).collect());
    }
    let is = |word: &str| match schema.get("type") {
        Some(Value::String(only)) => only == word,
        Some(Value::Array(types)) => types.iter().any(|one| one == word),
        _ => false,
    };
    if is("array") {
        return match schema.get("items") {
            Some(item) => Kind::List(Box::new(Shape::of(item))),
            None => Kind::Any,
        };
    }
    match (schema.get("properties"), schema.get("additionalProperties")) {
        _ if !is("object") => Kind::Any,
        (Some(_), _) => Kind::Struct(fields(schema)),
        (None, Some(entry @ Value::Object(_))) => Kind::Map(Box::new(Shape::of(entry))),
        (None, _) => Kind::Any,
    }
}

fn fields(schema: &Value) -> Vec<Field<'_>> {
    let required = schema.get("required").and_then(Value::as_array);
    let field = |(name, schema)| {
        let required = required.is_some_and(|names| names.iter().any(|one| one == name));
        let hidden = is_hidden(schema);
        Field { name, required, hidden, schema }
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, schema)| field((name.as_str(), schema))).collect()
}

fn variants(branch: &Value) -> Vec<Variant<'_>> {
    let word = |value: &'_ Value| value.as_str().map(str::len).is_some();
    if let Some(name) = branch.get("const").and_then(Value::as_str) {
        return vec![Variant { name, settings: None }];
    }
    if let Some(words) = branch.get("enum").and_then(Value::as_array) {
        let words = words.iter().filter(|value| word(value)).filter_map(Value::as_str);
        return words.map(|name| Variant { name, settings: None }).collect();
    }
    let properties = branch.get("properties").and_then(Value::as_object);
    let variant = |(name, schema)| Variant { name, settings: Some(schema) };
    properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| variant((name.as_str(), schema)))
        .collect()
}

/// How a scalar of this name is read.
fn read(name: &str) -> Option<Read> {
    fn try_read<S: Scalar>(value: &Value) -> Result<(), Wrong> {
        S::read(value).map(drop)
    }
    fn pick<S: Scalar>(name: &str) -> Option<Read> {
        (name == S::NAME).then_some(try_read::<S> as Read)
    }
    pick::<Count>(name)
        .or_else(|| pick::<Bandwidth>(name))
        .or_else(|| pick::<Bound>(name))
        .or_else(|| pick::<Pace>(name))
        .or_else(|| pick::<Factor>(name))
        .or_else(|| pick::<Multiplier>(name))
        .or_else(|| pick::<Span>(name))
        .or_else(|| pick::<Duration>(name))
        .or_else(|| pick::<Flag>(name))
        .or_else(|| pick::<Growth>(name))
        .or_else(|| pick::<Moment>(name))
        .or_else(|| pick::<Name>(name))
        .or_else(|| pick::<Percentile>(name))
        .or_else(|| pick::<Quantity>(name))
        .or_else(|| pick::<Rate>(name))
        .or_else(|| pick::<Ratio>(name))
        .or_else(|| pick::<Size>(name))
        .or_else(|| pick::<Status>(name))
        .or_else(|| pick::<Statuses>(name))
        .or_else(|| pick::<Text>(name))
        .or_else(|| pick::<Truth>(name))
        .or_else(|| pick::<Uniform>(name))
        .or_else(|| pick::<Words>(name))
}

/// The words of a text as the items of a list; a text with quotes is one item.
fn items(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./=+@".contains(c);
    let item = |word: &str| match word.chars().all(plain) {
        true => word.to_owned(),
        false => serde_json::Value::from(word).to_string(),
    };
    if text.contains(['"', '\'', '\\']) {
        return item(text);
    }
    text.split_whitespace().map(item).collect::<Vec<_>>().join(", ")
}
