//! Tables of texts from CSV and JSON.
//!
//! Invariant: a table has at least one column and one row; columns differ; rows are complete.
//! Invariant: whatever is wrong has its place in the file, or there is none.
//! Not here: finding and reading files (`data`).

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::fmt;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    /// One text for each column, row after row.
    pub(super) values: Vec<Vec<String>>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Line and column, from 1.
    pub(super) place: Option<(u64, u64)>,
    pub(super) message: String,
    pub(super) help: String,
}

impl Wrong {
    fn new(place: Option<(u64, u64)>, message: impl Into<String>, help: &str) -> Wrong {
        Wrong { place, message: message.into(), help: help.to_owned() }
    }
}

/// RFC 4180, ends of lines of any kind, a byte order mark or none; empty lines are skipped.
pub(super) fn csv(bytes: &[u8]) -> Result<Table, Wrong> {
    let bytes = without_mark(bytes);
    // The reader keeps quotes that are never closed as text up to the end of the file.
    let text = utf8(bytes)?;
    if let Some(place) = open_quote(text) {
        let help = "close it with `\"`, and write `\"\"` for a quote inside";
        return Err(Wrong::new(Some(place), "a quote is never closed", help));
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut records = reader.records();
    let help = "the first line names the columns: email,password";
    let failed = |error: csv::Error| {
        let place = error.position().map(|position| (position.line(), 1));
        Wrong::new(place, error.to_string(), "write comma-separated values")
    };
    let head = records.next().ok_or_else(|| Wrong::new(Some((1, 1)), "the file is empty", help))?;
    let head = head.map_err(failed)?;
    let columns: Vec<String> = head.iter().map(|name| name.trim().to_owned()).collect();
    for (at, name) in columns.iter().enumerate() {
        let place = Some((line_of(&head, bytes), field_column(&head, at)));
        if name.is_empty() {
            let message = format!("column {} has no name", at + 1);
            return Err(Wrong::new(place, message, help));
        }
        if columns.iter().take(at).any(|earlier| earlier == name) {
            let message = format!("two columns are called `{}`", name.escape_debug());
            return Err(Wrong::new(place, message, "give each column a name of its own"));
        }
    }
    let mut values = Vec::new();
    for record in records {
        let record = record.map_err(failed)?;
        if record.len() != columns.len() {
            let message =
                format!("{} values where there are {} columns", record.len(), columns.len());
            let help = "write a value for each column; one with a comma in quotes";
            return Err(Wrong::new(Some((line_of(&record, bytes), 1)), message, help));
        }
        values.push(record.iter().map(str::to_owned).collect());
    }
    if values.is_empty() {
        let message = "there are columns, but no rows";
        return Err(Wrong::new(None, message, "write at least one line of values"));
    }
    Ok(Table { columns, values })
}

/// The line that a record begins on; the reader's own is that of the empty lines before it.
fn line_of(record: &csv::StringRecord, bytes: &[u8]) -> u64 {
    let Some(position) = record.position() else { return 1 };
    let from = usize::try_from(position.byte()).ok().and_then(|from| bytes.get(from..));
    let empty = from.unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + empty.filter(|byte| **byte == b'\n').count() as u64
}

/// Where a field of an unquoted line begins, counted in characters from 1.
fn field_column(record: &csv::StringRecord, at: usize) -> u64 {
    record.iter().take(at).fold(1, |sum, field| sum + field.chars().count() as u64 + 1)
}

/// Where a quote opens that is never closed.
fn open_quote(text: &str) -> Option<(u64, u64)> {
    let (mut line, mut column) = (1_u64, 1_u64);
    let mut open = None;
    let mut at_start = true;
    for c in text.chars() {
        // A doubled quote closes, and opens again at once.
        (open, at_start) = match (c, open) {
            ('"', None) if at_start => (Some((line, column)), false),
            ('"', Some(_)) => (None, true),
            (',' | '\n' | '\r', None) => (None, true),
            (_, open) => (open, false),
        };
        (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    open
}

/// A list of flat objects with the same keys.
pub(super) fn json(bytes: &[u8]) -> Result<Table, Wrong> {
    let bytes = without_mark(bytes);
    utf8(bytes)?;
    let help = "write a list of flat objects, such as [{\"email\": \"a@example.com\"}]";
    let rows: Vec<Row> = serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        // It ends with the place, which is told before.
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(before, _)| before);
        Wrong::new(Some((error.line() as u64, error.column() as u64)), message, help)
    })?;
    let Some(Row(first)) = rows.first() else {
        return Err(Wrong::new(None, "the list is empty", "write at least one row"));
    };
    let columns: Vec<String> = first.iter().map(|(key, _)| key.clone()).collect();
    if columns.is_empty() {
        return Err(Wrong::new(None, "row 1 has no columns", help));
    }
    let known: BTreeSet<&str> = columns.iter().map(String::as_str).collect();
    let mut values = Vec::new();
    for (at, Row(row)) in rows.iter().enumerate() {
        let help = "write the same keys in each row";
        if let Some((key, _)) = row.iter().find(|(key, _)| !known.contains(key.as_str())) {
            let message = format!("row {} has `{key}`, which row 1 has not", at + 1);
            return Err(Wrong::new(None, message, help));
        }
        let mut cells = Vec::new();
        for column in &columns {
            let found = row.iter().find(|(key, _)| key == column);
            let Some((_, cell)) = found else {
                let message = format!("row {} has no `{column}`", at + 1);
                return Err(Wrong::new(None, message, help));
            };
            cells.push(cell.clone());
        }
        values.push(cells);
    }
    Ok(Table { columns, values })
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn utf8(bytes: &[u8]) -> Result<&str, Wrong> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        let rest = good.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let column = String::from_utf8_lossy(rest).chars().count() as u64 + 1;
        Wrong::new(Some((line, column)), "the file is not UTF-8", "save it as UTF-8")
    })
}

/// A flat object, its keys in the order of the file.
struct Row(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Row, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a flat object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut row: Vec<(String, String)> = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    if row.iter().any(|(earlier, _)| *earlier == key) {
                        return Err(A::Error::custom(format!("`{key}` is there twice")));
                    }
                    let raw: &RawValue = map.next_value()?;
                    row.push((key, cell(raw).map_err(A::Error::custom)?));
                }
                Ok(Row(row))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// A text, or a number or boolean as it is written.
fn cell(raw: &RawValue) -> Result<String, String> {
    let written = raw.get();
    let found = match written.as_bytes().first() {
        Some(b'"') => return serde_json::from_str(written).map_err(|error| error.to_string()),
        Some(b't' | b'f' | b'-' | b'0'..=b'9') => return Ok(written.to_owned()),
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        _ => "null",
    };
    Err(format!("{found} where a text, a number or a boolean is expected"))
}

#[cfg(test)]
mod tests;
