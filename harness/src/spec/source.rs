//! A text with line and column numbers.
//!
//! Invariant: positions are characters from the start of the text, as the YAML parser counts
//! them; lines and columns are from 1, in characters, lines end with `\n`.
//! Not here: which value stands where (`locate`).

use super::secret::user_info;
use std::ops::Range;

/// A text that mistakes are shown in.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// As messages call it.
    pub(super) name: String,
    text: String,
    /// Position of each line's first character.
    lines: Vec<usize>,
    /// The same as the YAML parser counts lines, which has more kinds of line ends.
    yaml_lines: Vec<usize>,
    /// Byte of each character; none if all are ASCII.
    bytes: Option<Vec<usize>>,
    /// How many characters.
    length: usize,
}

/// The part of a line around a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// At most [`WIDTH`] characters, control characters and passwords in URLs replaced.
    pub(super) text: String,
    /// It is the whole line, so that columns can be counted in it.
    pub(super) whole: bool,
    /// Bytes of `text` that are meant.
    pub(super) mark: Range<usize>,
}

/// Characters of a line that are kept.
const WIDTH: usize = 400;
/// Characters kept before the mistake if the line is longer.
const BEFORE: usize = 100;

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Source {
        let breaks = text.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(at, _)| at + 1);
        let next = text.chars().skip(1).chain(['\0']);
        let yaml_breaks = text.chars().zip(next).enumerate().filter_map(|(at, pair)| match pair {
            ('\r', '\n') => None,
            ('\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}', _) => Some(at + 1),
            _ => None,
        });
        let bytes = (!text.is_ascii()).then(|| text.char_indices().map(|(byte, _)| byte).collect());
        let length = bytes.as_ref().map_or(text.len(), Vec::len);
        Source {
            name: name.to_owned(),
            text: text.to_owned(),
            lines: std::iter::once(0).chain(breaks).collect(),
            yaml_lines: std::iter::once(0).chain(yaml_breaks).collect(),
            bytes,
            length,
        }
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text of a range of positions; what lies beyond the end is empty.
    pub(super) fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(self.byte(range.start)..self.byte(range.end)).unwrap_or_default()
    }

    /// The text from a position on.
    pub(super) fn rest(&self, from: usize) -> &str {
        self.text.get(self.byte(from)..).unwrap_or_default()
    }

    /// Position of a byte of the text.
    pub(super) fn position(&self, byte: usize) -> usize {
        match &self.bytes {
            Some(bytes) => bytes.partition_point(|start| *start < byte),
            None => byte.min(self.length),
        }
    }

    /// Position of a line and column that the YAML parser told, from 1.
    pub(super) fn yaml_position(&self, line: usize, column: usize) -> usize {
        let start = line.checked_sub(1).and_then(|at| self.yaml_lines.get(at)).copied();
        start.map_or(self.length, |start| (start + column.saturating_sub(1)).min(self.length))
    }

    /// Line and column of a position.
    pub(super) fn line_column(&self, at: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        (line, at.min(self.length).saturating_sub(start) + 1)
    }

    /// The positions of a line, counted from 1, without its end.
    pub(super) fn line(&self, line: usize) -> Range<usize> {
        let Some(start) = line.checked_sub(1).and_then(|at| self.lines.get(at)).copied() else {
            return self.length..self.length;
        };
        let end = self.lines.get(line).map_or(self.length, |next| next.saturating_sub(1));
        start..end.max(start)
    }

    /// The part of the line around a range of positions.
    pub(super) fn excerpt(&self, range: &Range<usize>) -> Excerpt {
        let line = self.line(self.line_column(range.start).0);
        let start = range.start.clamp(line.start, line.end);
        let long = line.len() > WIDTH;
        let from = if long { line.start.max(start.saturating_sub(BEFORE)) } else { line.start };
        let to = line.end.min(from + WIDTH);
        let end = range.end.clamp(start, to);
        let mut text = if from > line.start { "…".to_owned() } else { String::new() };
        let shown = printable(&covered(self.slice(from..to)));
        let byte = |at: usize| shown.char_indices().nth(at - from).map_or(shown.len(), |(b, _)| b);
        let mark = text.len() + byte(start)..text.len() + byte(end);
        text.push_str(&shown);
        if to < line.end {
            text.push('…');
        }
        Excerpt { text, whole: !long, mark }
    }

    fn byte(&self, at: usize) -> usize {
        match &self.bytes {
            Some(bytes) => bytes.get(at).copied().unwrap_or(self.text.len()),
            None => at.min(self.text.len()),
        }
    }
}

/// A text with a star for each character of a user and password in a URL.
fn covered(text: &str) -> String {
    let mut covered = text.to_owned();
    for user in user_info(text) {
        let stars = "*".repeat(user.chars().count());
        covered = covered.replace(&format!("://{user}@"), &format!("://{stars}@"));
    }
    covered
}

/// Tabs as one space, other control characters as a mark, so that a terminal is never steered.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\t' => ' ',
        '\r' => ' ',
        c if c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}') =>
        {
            '\u{fffd}'
        }
        c => c,
    };
    text.chars().map(shown).collect()
}
