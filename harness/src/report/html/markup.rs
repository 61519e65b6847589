//! The pieces that every part of the page is made of: text from outside, verdicts, tables,
//! figures, and room.
//!
//! Invariant: text from outside comes in through [`text`] or [`long`] only: one line, no control
//! characters, clipped; maud escapes it.
//! Invariant: what does not fit into a part's room is counted on the page, not passed over.
//! Not here: what the parts say.

use super::super::{foreign, order};
use assay_slo::Verdict;
use maud::{Markup, Render, html};

/// Characters of a name or a cell.
const LONGEST_NAME: usize = 160;

/// Characters of a sentence.
const LONGEST_SENTENCE: usize = 1200;

/// A name or a short cell.
pub(super) fn text(from_outside: &str) -> String {
    together(&foreign::clip(&foreign::line(from_outside), LONGEST_NAME))
}

/// A sentence.
pub(super) fn long(from_outside: &str) -> String {
    together(&foreign::clip(&foreign::line(from_outside), LONGEST_SENTENCE))
}

/// A number and its unit on one line.
pub(super) fn together(sentence: &str) -> String {
    let mut out = String::with_capacity(sentence.len() + 8);
    let mut words = sentence.split(' ').peekable();
    while let Some(word) = words.next() {
        out.push_str(word);
        let number = word.ends_with(|c: char| c.is_ascii_digit());
        match words.peek().map(|unit| unit.trim_end_matches([',', ';', '.', ':', ')'])) {
            Some("%" | "s" | "ms" | "µs" | "m") if number => out.push('\u{a0}'),
            Some(_) => out.push(' '),
            None => {}
        }
    }
    out
}

/// Shape and word of a verdict, colored too.
pub(super) fn verdict(verdict: Verdict, advisory: bool) -> Markup {
    html! {
        (sign_and_word(order::sign(verdict), verdict.word()))
        @if advisory { " " span class="aside" { "advisory" } }
    }
}

/// Shape and word of what stands first; the style sheet knows the word.
pub(super) fn sign_and_word(sign: char, word: &str) -> Markup {
    html! {
        span class={ "verdict " (word) } { span class="shape" aria-hidden="true" { (sign) } " " (word) }
    }
}

/// A count that is not always known.
pub(super) fn known(count: Option<u64>) -> String {
    count.map_or_else(|| "unknown".to_owned(), |count| count.to_string())
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// Its head.
    pub(super) head: &'static str,
    /// Whether it holds numbers.
    pub(super) number: bool,
}

/// A column of words.
pub(super) const fn words(head: &'static str) -> Column {
    Column { head, number: false }
}

/// A column of numbers.
pub(super) const fn number(head: &'static str) -> Column {
    Column { head, number: true }
}

/// A table whose first cell of a row is the row's head. As many rows as fit into so many bytes.
/// Roles are written out: on small screens rows are laid out as blocks, which would lose them.
pub(super) fn table<const N: usize>(
    caption: &str,
    columns: &[Column; N],
    rows: impl ExactSizeIterator<Item = [Markup; N]>,
    room: usize,
) -> Markup {
    let total = rows.len();
    let lines = rows.map(|cells| {
        html! {
            tr role="row" {
                @for (place, (cell, column)) in cells.iter().zip(columns).enumerate() {
                    @let class = column.number.then_some("number");
                    @if place == 0 {
                        th scope="row" role="rowheader" data-label=(column.head) class=[class] { (cell) }
                    } @else {
                        td role="cell" data-label=(column.head) class=[class] {
                            div { (cell) }
                        }
                    }
                }
            }
        }
    });
    let (shown, lines) = fitting(lines, room);
    html! {
        table role="table" {
            caption { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    @for column in columns {
                        th scope="col" role="columnheader" class=[column.number.then_some("number")] {
                            (column.head)
                        }
                    }
                }
            }
            tbody role="rowgroup" { (lines) }
        }
        (left_out(total - shown))
    }
}

/// As many of these as fit into so many bytes, and how many that were.
pub(super) fn fitting(
    parts: impl Iterator<Item = Markup>,
    room: usize,
) -> (usize, maud::PreEscaped<String>) {
    let mut kept = String::new();
    let mut count = 0;
    for part in parts {
        if kept.len() + part.0.len() > room {
            break;
        }
        part.render_to(&mut kept);
        count += 1;
    }
    (count, maud::PreEscaped(kept))
}

/// Says how many are not shown; nothing if none.
pub(super) fn left_out(count: usize) -> Markup {
    html! {
        @if count > 0 { p class="aside" { "… and " (count) " more, in verdict.json and the journal." } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_stay_with_their_numbers() {
        assert_eq!(together("0.1 %, 5 s of 9 apples"), "0.1\u{a0}%, 5\u{a0}s of 9 apples");
        assert_eq!(together(" a  s "), " a  s ");
    }

    #[test]
    fn a_table_counts_what_it_leaves_out() {
        let rows = (0..100).map(|row| [html! { (row) }, html! { "<" }]);
        let page = table("Rows", &[words("a"), number("b")], rows, 1000).into_string();
        assert!(page.len() < 1600, "{}", page.len());
        let shown = page.matches("scope=\"row\"").count();
        assert!(page.contains(&format!("… and {} more", 100 - shown)), "{page}");
        assert!(page.contains("&lt;"));
    }
}
