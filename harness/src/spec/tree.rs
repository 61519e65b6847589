//! From YAML text to values in their order, and what YAML allows but a scenario does not.
//!
//! Invariant: a text that expands to more than [`NODES`] values is refused while it is read, so
//! aliases cannot fill the memory.
//! Not here: what the values mean (`check`), where they stand (`locate`).

use super::document::{Document, Mistake};
use super::problem::Problem;
use super::scalar::Wrong;
use super::trail::{Segment, Trail};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Levels that a text may open; the parser's work grows with their square, and it would refuse
/// far fewer.
const LEVELS: usize = 200;

/// Where a text opens so many lists or maps that reading it would take for ever.
///
/// Brackets in quotes and comments count too: nobody leaves that many open there.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let (mut flow, mut block) = (0_usize, 0_usize);
    let next = text.bytes().skip(1).chain(*b" ");
    for (at, pair) in text.bytes().zip(next).enumerate() {
        match pair {
            (b'[' | b'{', _) => flow += 1,
            (b']' | b'}', _) => flow = flow.saturating_sub(1),
            (b'-' | b'?' | b':', b' ' | b'\t') => block += 1,
            (b' ' | b'\t', _) => {}
            _ => block = 0,
        }
        if flow > LEVELS || block > LEVELS {
            return Some(at);
        }
    }
    None
}

/// Values of one scenario at most.
const NODES: usize = 100_000;

/// Reads a text. The mistakes are of values that could be read around.
///
/// # Errors
/// Why YAML itself cannot be read.
pub(super) fn read(text: &str) -> Result<(Value, Vec<Mistake>), serde_yaml::Error> {
    let mut reader = Reader::default();
    let yaml = serde_yaml::Deserializer::from_str(text);
    let value = Node(&mut reader).deserialize(yaml)?;
    Ok((value, reader.mistakes))
}

#[derive(Default)]
struct Reader {
    nodes: usize,
    way: Vec<Segment>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn trail(&self) -> Trail {
        self.way.iter().cloned().collect()
    }

    fn refuse(&mut self, message: String, help: &str) -> Value {
        self.mistakes.push(Mistake::value(self.trail(), Wrong::new(message, help)));
        Value::Null
    }
}

/// One value.
struct Node<'r>(&'r mut Reader);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.nodes += 1;
        if self.0.nodes > NODES {
            return Err(D::Error::custom(format!("more than {NODES} values, aliases counted")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Value, E> {
        Ok(self.0.refuse(format!("{number} is too big a number"), TOO_BIG))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Value, E> {
        Ok(self.0.refuse(format!("{number} is too big a number"), TOO_BIG))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(match Number::from_f64(number) {
            Some(number) => Value::Number(number),
            None => self.0.refuse(format!("{number} is not a number"), "quote it if it is text"),
        })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            self.0.way.push(Segment::Index(items.len()));
            let item = list.next_element_seed(Node(self.0));
            self.0.way.pop();
            match item? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Map::new();
        while let Some((key, is_text)) = map.next_key_seed(Key)? {
            let merges = key == "<<";
            let twice = entries.contains_key(&key);
            self.0.way.push(Segment::Key(key.clone()));
            let mut refuse = |message: &str, help: &str| {
                let wrong = Wrong::new(message.replace("{}", &super::scalar::quoted(&key)), help);
                let mistake = Mistake::key(self.0.trail(), wrong);
                self.0.mistakes.push(mistake);
            };
            if !is_text {
                refuse("the key {} is not text", "quote it if it is meant to be a name");
            } else if merges {
                refuse("merge keys ({}) are not supported", "write the keys out");
            } else if twice {
                refuse("the key {} is there twice", "remove one of the two, or rename it");
            }
            let value = map.next_value_seed(Node(self.0));
            self.0.way.pop();
            let value = value?;
            if is_text && !merges {
                entries.insert(key, value);
            }
        }
        Ok(Value::Object(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Value, A::Error> {
        let (tag, value) = tagged.variant::<String>()?;
        let message =
            format!("the tag {} is not supported", super::scalar::quoted(&format!("!{tag}")));
        let mistake = Mistake::value(self.0.trail(), Wrong::new(message, "remove it"));
        self.0.mistakes.push(mistake);
        value.newtype_variant_seed(self)
    }
}

const TOO_BIG: &str = "write a smaller number, or quote it if it is text";

/// A key, and whether it is text.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = (String, bool);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = (String, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((text.to_owned(), true))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(("null".to_owned(), false))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok((flag.to_string(), false))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok((number.to_string(), false))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok((number.to_string(), false))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Self::Value, E> {
        Ok((number.to_string(), false))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Self::Value, E> {
        Ok((number.to_string(), false))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok((number.to_string(), false))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(("[…]".to_owned(), false))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(("{…}".to_owned(), false))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Self::Value, A::Error> {
        let (tag, value) = tagged.variant::<String>()?;
        value.newtype_variant::<IgnoredAny>()?;
        Ok((format!("!{tag}"), false))
    }
}

/// Why YAML itself could not be read, with its place.
pub(super) fn problem(document: &Document, error: &serde_yaml::Error) -> Problem {
    let source = document.source();
    let text = error.to_string();
    // The place has its own line in what is printed.
    let message = text.split(" at line ").next().unwrap_or_default();
    let message = message.rsplit_once(": ").map_or(message, |(_, said)| said);
    let place = error.location().map(|place| (place.line(), place.column()));
    let start = match place {
        Some((line, column)) => source.yaml_position(line, column),
        // Only a second document has none.
        None => source.position(source.text().rfind("\n---").map_or(0, |at| at + 1)),
    };
    let line = source.line_column(start).0;
    let shown = |line: usize| source.slice(source.line(line));
    let placeholder =
        [line, line.saturating_sub(1)].into_iter().map(shown).find_map(placeholder_in);
    let indent: String = shown(line).chars().take_while(|c| c.is_whitespace()).collect();
    let help = if message.contains("more than one document") {
        "write one scenario in a file, without `---` between".to_owned()
    } else if message.contains("recursion limit") {
        "write fewer levels".to_owned()
    } else if message.contains("repetition limit") || message.contains("values, aliases") {
        "write fewer values, or fewer aliases".to_owned()
    } else if indent.contains('\t') {
        "indent with spaces, never with tabs".to_owned()
    } else if let Some(example) = placeholder {
        format!("quote it: \"{example}\"")
    } else if message.contains("mapping values are not allowed") {
        "indent keys of one map alike, and quote text that contains `: `".to_owned()
    } else if message.contains("cannot start any token") {
        "quote text that starts with one of @ ` % & * ! | >".to_owned()
    } else if message.contains("unknown anchor") {
        "quote text that starts with `*`".to_owned()
    } else {
        "check the indentation, quotes and brackets here and in the line above".to_owned()
    };
    let message = match message {
        _ if message.contains("more than one document") => "there is more than one document",
        "" => "it is empty",
        message => message,
    };
    document.problem_at(start..start + 1, Wrong::new(format!("not YAML: {message}"), help))
}

/// The first `${…}` of a line that is not in quotes.
fn placeholder_in(line: &str) -> Option<&str> {
    let is_bare = |at: &usize| {
        let before = line.get(..*at).unwrap_or_default();
        ['"', '\''].iter().all(|quote| before.matches(*quote).count() % 2 == 0)
    };
    let start = line.match_indices("${").map(|(at, _)| at).find(is_bare)?;
    let rest = line.get(start..)?;
    rest.get(..=rest.find('}')?)
}
