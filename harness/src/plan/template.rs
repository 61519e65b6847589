//! Texts whose values are filled in anew for each request: `${data.SET.COLUMN}`, `${now}`,
//! `${random.int(a,b)}`, `${random.uuid}`, and captures by bare name.
//!
//! Invariant: the same seed, load, number and place fill a text alike, `${now}` apart.
//! Invariant: what is filled in stays where it stands: it ends no JSON string, no header, no
//! segment of a path, no field of a form; and it is never read again.
//! Not here: which rows there are (`rows`), what is captured (`capture`), fleets' samples.

mod shown;

use super::Text;
use super::chance::{self, push, push_uuid};
use super::rows::Rows;
use super::text::{self, UnknownPlaceholder, in_json, literal};
use super::turns::Turn;
use serde_json::Value;
use std::sync::Arc;

/// What a text is part of, which decides how values are written into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A path or query: values are percent-encoded.
    Path,
    /// A header's value: values with control characters are refused.
    Header,
    /// A plain body: values as they are.
    Plain,
    /// A JSON body: values are escaped.
    Json,
    /// A form body: all is encoded.
    Form,
}

/// One piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// As it is.
    Literal(String),
    /// A value that the start decides, such as `services.api.addr`.
    Start(String),
    /// A column of a set.
    Data(Arc<Rows>, usize),
    /// What was captured: the slot, and its name.
    Capture(usize, String),
    /// When it is sent.
    Now,
    /// A whole number between these, both included.
    Int(i64, i64),
    /// A random UUID, version 4.
    Uuid,
}

/// What names can stand for.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'s> {
    /// Sets of rows.
    pub sets: &'s [Arc<Rows>],
    /// Names of captures; what is captured has the same index.
    pub captures: &'s [String],
}

/// A name of a set or column that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnknownName {
    /// No such set.
    Set(String),
    /// The set has no such column; the set's name and the column's.
    Column(String, String),
    /// Nothing captures it.
    Capture(String),
}

/// Which sending of a request it is: what fills it follows from this, and from the clock.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'f> {
    /// The run's seed.
    pub seed: u64,
    /// The load's name.
    pub load: &'f str,
    /// The number of the arrival or journey, from 0.
    pub k: u64,
    /// Which rows it gets.
    pub turn: Turn<'f>,
    /// How many requests its journey has sent before; 0 outside of one.
    pub nth: u64,
    /// What was captured so far, by slot.
    pub captured: &'f [Option<String>],
}

/// Why a request cannot be filled; then it is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    /// All rows are used up.
    #[error("all rows of `{0}` are used up")]
    NoRow(String),
    /// An earlier step was to capture it.
    #[error("nothing was captured as `{0}`")]
    NotCaptured(String),
    /// The setup was to put it into its row.
    #[error("nothing was captured as `{0}`")]
    NotLanded(String),
    /// A value would end the header and begin another.
    #[error("{from} holds a line break or another control character, which no header can")]
    Control {
        /// Where the value comes from: ``row 3 of `users` ``.
        from: String,
    },
    /// The start has not filled a place.
    #[error("`${{{0}}}` was not filled at the start")]
    Open(String),
}

/// A text, cut at its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    form: Form,
    /// Where in the request it stands: what is drawn there depends on it.
    place: String,
    pieces: Vec<Piece>,
}

impl Template {
    /// Nothing yet, at a place of a request such as `path`.
    #[must_use]
    pub fn new(form: Form, place: &str) -> Template {
        Template { form, place: place.to_owned(), pieces: Vec::new() }
    }

    /// A column of a set, and nothing else.
    #[must_use]
    pub fn column(form: Form, place: &str, rows: &Arc<Rows>, column: usize) -> Template {
        let pieces = vec![Piece::Data(Arc::clone(rows), column)];
        Template { form, place: place.to_owned(), pieces }
    }

    /// Adds a text that may hold placeholders.
    pub fn text(&mut self, text: &Text, scope: Scope<'_>, unknown: &mut Vec<UnknownName>) {
        for piece in text.pieces() {
            match piece {
                text::Piece::Literal(text) => self.literal(&self.written(text)),
                text::Piece::Reference(name) => match piece_of(name, scope) {
                    Ok(piece) => self.pieces.push(piece),
                    Err(name) => unknown.push(name),
                },
            }
        }
    }

    /// Adds what stands there as it is, in the text's own form.
    pub fn raw(&mut self, text: &str) {
        self.literal(text);
    }

    /// Adds a JSON value whose texts may hold placeholders. A text that is nothing but
    /// `${random.int(a,b)}` becomes a number: YAML cannot write such a place without quotes.
    pub fn json(&mut self, value: &Value, scope: Scope<'_>, unknown: &mut Vec<UnknownName>) {
        match value {
            Value::String(text) => {
                let text = Text(text.clone());
                let alone = {
                    let mut inner = Template::new(self.form, &self.place);
                    inner.text(&text, scope, &mut Vec::new());
                    matches!(inner.pieces.as_slice(), [Piece::Int(..)])
                };
                if alone {
                    self.text(&text, scope, unknown);
                } else {
                    self.literal("\"");
                    self.text(&text, scope, unknown);
                    self.literal("\"");
                }
            }
            Value::Array(items) => {
                self.literal("[");
                for (at, item) in items.iter().enumerate() {
                    self.literal(if at > 0 { "," } else { "" });
                    self.json(item, scope, unknown);
                }
                self.literal("]");
            }
            Value::Object(map) => {
                self.literal("{");
                for (at, (key, inner)) in map.iter().enumerate() {
                    self.literal(if at > 0 { "," } else { "" });
                    self.literal(&format!("\"{}\":", in_json(&literal(key))));
                    self.json(inner, scope, unknown);
                }
                self.literal("}");
            }
            other => self.literal(&other.to_string()),
        }
    }

    /// Whether every request fills it alike.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Literal(_) | Piece::Start(_)))
    }

    /// The sets that its values come from.
    pub fn sets(&self) -> impl Iterator<Item = &Arc<Rows>> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Data(rows, _) => Some(rows),
            _ => None,
        })
    }

    /// The captures that it needs.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Capture(_, name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// What it looks like: `0` for each value of a request, what the start decides left open.
    #[must_use]
    pub fn sample(&self) -> Text {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(&literal.replace("${", "$${")),
                Piece::Start(name) => push(&mut text, format_args!("${{{name}}}")),
                _ => text.push('0'),
            }
        }
        Text(text)
    }

    /// Fills in what the start has decided.
    ///
    /// # Errors
    /// The first placeholder that `known` does not know.
    pub fn start(
        &mut self,
        known: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), UnknownPlaceholder> {
        for piece in std::mem::take(&mut self.pieces) {
            match piece {
                Piece::Start(name) => {
                    let value = known(&name).ok_or(UnknownPlaceholder(name))?;
                    // A path's authors write addresses into it, not values to be hidden.
                    let written = match self.form {
                        Form::Path => value,
                        Form::Json => in_json(&value),
                        Form::Header | Form::Plain | Form::Form => self.written(&value),
                    };
                    self.literal(&written);
                }
                Piece::Literal(text) => self.literal(&text),
                piece => self.pieces.push(piece),
            }
        }
        Ok(())
    }

    /// The text of one request.
    ///
    /// # Errors
    /// See [`Unfilled`].
    pub fn fill(&self, filling: &Filling<'_>, now: &str) -> Result<String, Unfilled> {
        let mut text = String::new();
        let mut drawn = None;
        let draw = || {
            let what = [filling.load, self.place.as_str()];
            chance::stream(filling.seed, &what, &[filling.k, filling.nth])
        };
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Start(name) => return Err(Unfilled::Open(name.clone())),
                Piece::Data(rows, column) => {
                    let no_row = || Unfilled::NoRow(rows.name.clone());
                    let row = filling.turn.row(rows, filling.seed).ok_or_else(no_row)?;
                    let value =
                        rows.value(row, *column).ok_or_else(|| not_landed(rows, *column))?;
                    let from = || format!("row {} of `{}`", row + 1, rows.name);
                    self.put(&mut text, &value, from)?;
                }
                Piece::Capture(slot, name) => {
                    let value = filling.captured.get(*slot).and_then(Option::as_deref);
                    let value = value.ok_or_else(|| Unfilled::NotCaptured(name.clone()))?;
                    self.put(&mut text, value, || format!("the captured `{name}`"))?;
                }
                Piece::Now => self.put(&mut text, now, || "`now`".to_owned())?,
                Piece::Int(low, high) => {
                    let stream = drawn.get_or_insert_with(draw);
                    push(&mut text, chance::int(stream, *low, *high));
                }
                Piece::Uuid => push_uuid(&mut text, drawn.get_or_insert_with(draw)),
            }
        }
        Ok(text)
    }

    /// Writes a value of a request.
    fn put(
        &self,
        text: &mut String,
        value: &str,
        from: impl FnOnce() -> String,
    ) -> Result<(), Unfilled> {
        match self.form {
            Form::Header if value.chars().any(|c| c.is_control() && c != '\t') => {
                return Err(Unfilled::Control { from: from() });
            }
            Form::Header | Form::Plain => text.push_str(value),
            Form::Json => text.push_str(&in_json(value)),
            Form::Path => encode(text, value, false),
            Form::Form => encode(text, value, true),
        }
        Ok(())
    }

    /// What is written in the scenario, as the form has it.
    fn written(&self, text: &str) -> String {
        match self.form {
            Form::Path | Form::Header | Form::Plain => text.to_owned(),
            Form::Json => in_json(text),
            Form::Form => encoded(text),
        }
    }

    fn literal(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Literal(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.pieces.push(Piece::Literal(text.to_owned())),
        }
    }
}

/// Why a row lacks a value.
fn not_landed(rows: &Rows, column: usize) -> Unfilled {
    let column = rows.columns.get(column).map_or("", String::as_str);
    Unfilled::NotLanded(format!("data.{}.{column}", rows.name))
}

fn piece_of(name: &str, scope: Scope<'_>) -> Result<Piece, UnknownName> {
    if let Some(slot) = scope.captures.iter().position(|capture| capture == name) {
        return Ok(Piece::Capture(slot, name.to_owned()));
    }
    if let Some(rest) = name.strip_prefix("data.") {
        let (set, column) = rest.split_once('.').unwrap_or((rest, ""));
        let rows = scope.sets.iter().find(|rows| rows.name == set);
        let rows = rows.ok_or_else(|| UnknownName::Set(set.to_owned()))?;
        let at = rows.columns.iter().position(|known| known == column);
        let at = at.ok_or_else(|| UnknownName::Column(set.to_owned(), column.to_owned()))?;
        return Ok(Piece::Data(Arc::clone(rows), at));
    }
    Ok(match name {
        "now" => Piece::Now,
        "random.uuid" => Piece::Uuid,
        _ => match chance::bounds(name) {
            Some((low, high)) => Piece::Int(low, high),
            // What a start decides has a dot in its name.
            None if !name.contains('.') => return Err(UnknownName::Capture(name.to_owned())),
            None => Piece::Start(name.to_owned()),
        },
    })
}

/// A text as a segment of a path has it.
#[must_use]
pub fn in_path(text: &str) -> String {
    let mut encoded = String::new();
    encode(&mut encoded, text, false);
    encoded
}

/// A text as a form's field has it.
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    encode(&mut encoded, text, true);
    encoded
}

/// Percent-encodes all but RFC 3986's unreserved characters. In forms a space is `+`, and `~` is
/// encoded (URL Standard, application/x-www-form-urlencoded serializing).
fn encode(text: &mut String, value: &str, form: bool) {
    for byte in value.bytes() {
        match byte {
            b' ' if form => text.push('+'),
            b'*' if form => text.push('*'),
            b'~' if !form => text.push('~'),
            b'-' | b'.' | b'_' => text.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            _ => push(text, format_args!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests;
