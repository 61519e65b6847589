//! Texts with places that each sample fills: `${device}`, `${sample}`, `${now}`,
//! `${random.int(a,b)}`, `${random.uuid}`, and `${cursor}` where a store is read back.
//!
//! Invariant: what is filled in is never read again; `$${` stands for `${`.
//! Invariant: the same device and sample fill a text alike, in every attempt.
//! Not here: which values the places get (`device`), requests (`message`).

use crate::plan::chance::{self, int, push, push_uuid};
use crate::plan::text::in_json;
use rand_chacha::ChaCha8Rng;

/// Values that a start decides: gets `services.api.addr` and the like.
pub type Known = dyn Fn(&str) -> Option<String> + Send + Sync;

/// A placeholder that has no value here; holds what stands between `${` and `}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`${{{0}}}` is not known here")]
pub struct UnknownPlaceholder(pub String);

/// One piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it is.
    Literal(String),
    /// The device's name.
    Device,
    /// The sample's number, from 1.
    Sample,
    /// When the sample was due, RFC 3339.
    Now,
    /// A whole number between these, both included.
    Int(i64, i64),
    /// A random UUID, version 4.
    Uuid,
    /// Where the next page starts.
    Cursor,
}

/// What fills the places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slots<'a> {
    pub(super) device: &'a str,
    pub(super) sample: u64,
    pub(super) now: &'a str,
    pub(super) cursor: &'a str,
}

/// A text, cut at its places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    /// Cuts a text; placeholders of the run are filled from `known`.
    pub(super) fn parse(text: &str, known: &Known) -> Result<Template, UnknownPlaceholder> {
        Template::cut(text, &|name| known(name))
    }

    fn cut(
        text: &str,
        known: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Template, UnknownPlaceholder> {
        let mut template = Template::default();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("$${") {
                template.literal("${");
                rest = after;
            } else if let Some(inside) = rest.strip_prefix("${") {
                let (name, after) = inside.split_once('}').unwrap_or((inside, ""));
                match piece(name.trim()) {
                    Some(piece) => template.pieces.push(piece),
                    None => {
                        let name = name.trim();
                        let value =
                            known(name).ok_or_else(|| UnknownPlaceholder(name.to_owned()))?;
                        template.literal(&value);
                    }
                }
                rest = after;
            } else {
                let next = ["$${", "${"].iter().filter_map(|mark| rest.find(mark)).min();
                let (literal, after) = rest.split_at(next.unwrap_or(rest.len()));
                template.literal(literal);
                rest = after;
            }
        }
        Ok(template)
    }

    /// Cuts a JSON text; what the run fills in stays inside its string. A string that is nothing but `${sample}` or `${random.int(a,b)}` becomes
    /// a number: YAML cannot write such a place without quotes.
    pub(super) fn parse_json(text: &str, known: &Known) -> Result<Template, UnknownPlaceholder> {
        let inside = |name: &str| known(name).map(|value| in_json(&value));
        let mut template = Template::cut(text, &inside)?;
        for middle in 1..template.pieces.len().saturating_sub(1) {
            let number = matches!(template.pieces[middle], Piece::Sample | Piece::Int(..));
            if number && opens(&template.pieces[middle - 1]) && closes(&template.pieces[middle + 1])
            {
                if let Piece::Literal(before) = &mut template.pieces[middle - 1] {
                    before.pop();
                }
                if let Piece::Literal(after) = &mut template.pieces[middle + 1] {
                    after.remove(0);
                }
            }
        }
        Ok(template)
    }

    /// Its pieces, in order.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether it has a place for the device's name.
    pub(super) fn names_device(&self) -> bool {
        self.pieces.contains(&Piece::Device)
    }

    /// Whether every sample fills it alike.
    pub(super) fn is_fixed(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Literal(_)))
    }

    /// The text with its places filled; chance is drawn in the order of the places.
    pub(super) fn fill(&self, slots: &Slots<'_>, chance: &mut ChaCha8Rng) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Device => text.push_str(slots.device),
                Piece::Sample => push(&mut text, slots.sample),
                Piece::Now => text.push_str(slots.now),
                Piece::Int(low, high) => push(&mut text, int(chance, *low, *high)),
                Piece::Uuid => push_uuid(&mut text, chance),
                Piece::Cursor => text.push_str(slots.cursor),
            }
        }
        text
    }

    fn literal(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Literal(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.pieces.push(Piece::Literal(text.to_owned())),
        }
    }
}

fn piece(name: &str) -> Option<Piece> {
    match name {
        "device" => Some(Piece::Device),
        "sample" => Some(Piece::Sample),
        "now" => Some(Piece::Now),
        "cursor" => Some(Piece::Cursor),
        "random.uuid" => Some(Piece::Uuid),
        _ => chance::bounds(name).map(|(low, high)| Piece::Int(low, high)),
    }
}

/// Whether it ends with the quote that opens a string.
fn opens(piece: &Piece) -> bool {
    matches!(piece, Piece::Literal(text) if text.ends_with('"') && !text.ends_with("\\\""))
}

/// Whether it starts with the quote that closes a string which is no object's key.
fn closes(piece: &Piece) -> bool {
    let Piece::Literal(text) = piece else { return false };
    text.strip_prefix('"').is_some_and(|rest| !rest.trim_start().starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    fn known(name: &str) -> Option<String> {
        (name == "run.id").then(|| "${device}".to_owned())
    }

    fn fill(template: &Template) -> String {
        let slots = Slots { device: "T-0001", sample: 7, now: "then", cursor: "c" };
        template.fill(&slots, &mut ChaCha8Rng::seed_from_u64(1))
    }

    fn filled(text: &str) -> Result<String, UnknownPlaceholder> {
        Template::parse(text, &known).map(|template| fill(&template))
    }

    #[test]
    fn fills_each_place_once() {
        assert_eq!(filled("a ${device}/${ sample }?${now}${cursor}").unwrap(), "a T-0001/7?thenc");
        assert_eq!(filled("$${device} ${run.id} $ {").unwrap(), "${device} ${device} $ {");
        assert_eq!(filled("").unwrap(), "");
        for bad in ["${nope}", "${random.int(2,1)}", "${random.int(1)}", "${device"] {
            assert_eq!(filled(bad).is_err(), bad != "${device", "{bad}");
        }
    }

    #[test]
    fn what_the_run_fills_into_json_stays_inside_its_string() {
        let odd = "/tmp/a\"b\\c";
        let known = |name: &str| (name == "run.dir").then(|| odd.to_owned());
        let template = Template::parse_json(r#"{"d":"${run.dir}/${device}"}"#, &known).unwrap();
        let read: serde_json::Value = serde_json::from_str(&fill(&template)).unwrap();
        assert_eq!(read["d"], format!("{odd}/T-0001"));
    }

    #[test]
    fn chance_stays_in_its_bounds() {
        let template = Template::parse("${random.int(-2,3)}", &known).unwrap();
        let mut chance = ChaCha8Rng::seed_from_u64(5);
        let slots = Slots { device: "", sample: 0, now: "", cursor: "" };
        let mut seen = std::collections::BTreeSet::new();
        (0..200).for_each(|_| {
            seen.insert(template.fill(&slots, &mut chance).parse::<i64>().unwrap());
        });
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [-2, -1, 0, 1, 2, 3]);
        assert!(filled("${random.int(-9223372036854775808,9223372036854775807)}").is_ok());
        let uuid = filled("${random.uuid}").unwrap();
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
        assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"), "{uuid}");
    }

    #[test]
    fn a_json_string_that_is_only_a_number_is_one() {
        let text = r#"{"${sample}":"${sample}","a":["${random.int(4,4)}"],"b":"x${sample}","c":"\"${sample}\""}"#;
        let template = Template::parse_json(text, &known).unwrap();
        assert_eq!(fill(&template), r#"{"7":7,"a":[4],"b":"x7","c":"\"7\""}"#);
        assert!(serde_json::from_str::<serde_json::Value>(&fill(&template)).is_ok());
    }
}
