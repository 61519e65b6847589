//! Where each key and value stands in the text, found in one walk, and only when somebody asks.
//!
//! The parser tells a position only with an error. So a visitor refuses each key and scalar,
//! keeps the refusal's position and walks on. A list or map cannot be refused without losing
//! what follows, so it has no position of its own: its key's is taken, or its first content's.
//! Invariant: what an alias stands for is placed where its anchor is; what has no position is
//! placed at the nearest thing around it that has one.
//! Not here: what is wrong there (`check`, `plan`).

use super::source::Source;
use super::trail::Segment;
use indexmap::IndexMap;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use std::fmt;
use std::ops::Range;

/// What of an entry is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// Its key; a list item's first content.
    Key,
    /// Its value, if that is a scalar; else its key.
    Value,
}

/// Where a value stands, and what it contains.
#[derive(Debug, Clone, Default)]
pub(super) struct Spot {
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    entries: IndexMap<String, Spot>,
    items: Vec<Spot>,
}

/// The places of everything in a text that has been read before.
pub(super) fn spots(source: &Source) -> Spot {
    let mut root = Spot::default();
    let yaml = serde_yaml::Deserializer::from_str(source.text());
    // A text that cannot be read to its end has places up to there.
    let _ended = Walk { source, spot: &mut root, told: &mut Told::default() }.deserialize(yaml);
    root
}

impl Spot {
    /// The positions of what a trail leads to, or of the nearest thing around it.
    pub(super) fn find(&self, trail: &[Segment], aim: Aim) -> Range<usize> {
        let mut around = self.key.clone().or_else(|| self.value.clone()).unwrap_or(0..0);
        let mut spot = self;
        for segment in trail {
            let inner = match segment {
                Segment::Key(key) => spot.entries.get(key),
                Segment::Index(index) => spot.items.get(*index),
            };
            let Some(inner) = inner else { return around };
            spot = inner;
            around = spot.key.clone().or_else(|| spot.first()).unwrap_or(around);
        }
        match aim {
            Aim::Value => spot.value.clone().unwrap_or(around),
            Aim::Key => around,
        }
    }

    /// Its own position, or that of its first content.
    fn first(&self) -> Option<Range<usize>> {
        let inner = || {
            let spot = self.items.first().or_else(|| self.entries.first().map(|(_, spot)| spot))?;
            spot.key.clone().or_else(|| spot.first())
        };
        self.value.clone().or_else(inner)
    }
}

/// Walks one value: refuses a scalar, so that its position is told, and walks through the rest.
struct Walk<'w> {
    source: &'w Source,
    spot: &'w mut Spot,
    told: &'w mut Told,
}

/// What a walk says besides its error.
#[derive(Default)]
struct Told {
    /// The error is our refusal of a scalar; any other ends the walk.
    refused: bool,
    /// The scalar, if it is text.
    text: Option<String>,
}

impl Walk<'_> {
    fn refuse<E: Error>(self, text: Option<&str>) -> Result<(), E> {
        *self.told = Told { refused: true, text: text.map(str::to_owned) };
        Err(E::custom(""))
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.refuse(None)
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.refuse(None)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.refuse(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.refuse(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.refuse(None)
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<(), E> {
        self.refuse(None)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<(), E> {
        self.refuse(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.refuse(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.refuse(Some(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        loop {
            let (mut spot, mut told) = (Spot::default(), Told::default());
            let walk = Walk { source: self.source, spot: &mut spot, told: &mut told };
            match list.next_element_seed(walk) {
                Ok(None) => return Ok(()),
                Ok(Some(())) => {}
                Err(error) if told.refused => spot.value = Some(range(self.source, &error, &told)),
                Err(error) => return Err(error),
            }
            self.spot.items.push(spot);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        loop {
            let (mut spot, mut unused, mut key) =
                (Spot::default(), Spot::default(), Told::default());
            let walk = Walk { source: self.source, spot: &mut unused, told: &mut key };
            match map.next_key_seed(walk) {
                Ok(None) => return Ok(()),
                Ok(Some(())) => {}
                Err(error) if key.refused => spot.key = Some(range(self.source, &error, &key)),
                Err(error) => return Err(error),
            }
            let mut told = Told::default();
            let walk = Walk { source: self.source, spot: &mut spot, told: &mut told };
            match map.next_value_seed(walk) {
                Ok(()) => {}
                Err(error) if told.refused => spot.value = Some(range(self.source, &error, &told)),
                Err(error) => return Err(error),
            }
            let shown = || spot.key.clone().map(|key| self.source.slice(key).to_owned());
            if let Some(key) = key.text.or_else(shown) {
                self.spot.entries.insert(key, spot);
            }
        }
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<(), A::Error> {
        let (_, value) = tagged.variant::<String>()?;
        value.newtype_variant_seed(self)
    }
}

/// The positions of the scalar that was refused with this error.
fn range(source: &Source, error: &impl fmt::Display, told: &Told) -> Range<usize> {
    // serde_yaml's `Error::location` cannot be reached through serde's traits; its text can.
    // Without one it is the first character.
    let text = error.to_string();
    let place = text.rsplit_once(" at line ").and_then(|(_, place)| place.split_once(" column "));
    let number = |text: &str| text.parse::<usize>().ok();
    let place = place.and_then(|(line, column)| Some((number(line)?, number(column)?)));
    let (line, column) = place.unwrap_or((1, 1));
    let start = source.yaml_position(line, column);
    start..start + extent(source.rest(start), told.text.as_deref())
}

/// Characters of a scalar that are looked at.
const LONGEST: usize = 1000;

/// How many characters the scalar has that a text starts with, at most to its line's end.
fn extent(rest: &str, scalar: Option<&str>) -> usize {
    // A line may be the whole file; more than this is never shown.
    let near =
        rest.char_indices().nth(LONGEST).map_or(rest, |(end, _)| rest.get(..end).unwrap_or(rest));
    let line = near.split(['\n', '\r']).next().unwrap_or_default();
    let quoted = |quote: char| {
        let mut escaped = false;
        let inner = line.chars().skip(1).take_while(move |c| {
            let open = escaped || *c != quote;
            escaped = !escaped && quote == '"' && *c == '\\';
            open
        });
        (inner.count() + 2).min(line.chars().count())
    };
    match line.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(quote),
        _ => match scalar.filter(|scalar| !scalar.is_empty() && line.starts_with(scalar)) {
            Some(scalar) => scalar.chars().count(),
            None => {
                let token = |c: &char| !matches!(c, ',' | ']' | '}') && !c.is_whitespace();
                let token: String = line.chars().take_while(token).collect();
                token.trim_end_matches(':').chars().count()
            }
        },
    }
}

#[cfg(test)]
mod tests;
