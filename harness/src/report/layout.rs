//! Columns and wrapped lines for text of fixed width.
//!
//! Invariant: nothing is cut off; what is too wide for its column or line moves the rest.
//! Not here: what stands in them.

use console::{Alignment, measure_text_width, pad_str};

/// Columns wider than this do not make all rows wide.
const WIDEST: usize = 34;

/// Pads the cells of all rows to columns. The last cell of a row is left as it is.
pub(super) fn columns(rows: &mut [Vec<String>]) {
    let most = rows.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..most {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widths = cells.map(|cell| measure_text_width(cell)).filter(|width| *width <= WIDEST);
        let widest = widths.max().unwrap_or(0);
        for row in rows.iter_mut() {
            let last = row.len().saturating_sub(1);
            if let Some(cell) = row.get_mut(column)
                && column < last
            {
                *cell = pad_str(cell, widest, Alignment::Left, None).into_owned();
            }
        }
    }
}

/// Breaks a text at its spaces into lines of at most `width`; the first line begins with
/// `first`, the others with as many spaces. A longer word has a line of its own, and a word with
/// which a CI server's command could begin never begins a line.
pub(super) fn wrap(first: &str, text: &str, width: usize) -> String {
    let indent = measure_text_width(first);
    let mut out = String::from(first);
    let mut used = indent;
    for word in text.split(' ') {
        let long = measure_text_width(word);
        if used > indent && used + 1 + long > width && !word.starts_with("::") {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            used = indent;
        } else if used > indent {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += long;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_align_by_what_is_seen() {
        let long = "x".repeat(WIDEST + 1);
        let mut rows = vec![
            vec!["é".to_owned(), "a".to_owned(), "end".to_owned()],
            vec!["日本".to_owned(), long.clone(), "end".to_owned()],
            vec!["abc".to_owned()],
        ];
        columns(&mut rows);
        assert_eq!(rows[0], ["é   ", "a", "end"]);
        assert_eq!(rows[1], ["日本", long.as_str(), "end"]);
        assert_eq!(rows[2], ["abc"]);
    }

    #[test]
    fn lines_hang() {
        assert_eq!(wrap("- ", "one two three", 9), "- one two\n  three\n");
        assert_eq!(wrap("- ", "one ::error::x", 5), "- one ::error::x\n");
        assert_eq!(wrap("", "unbreakable", 3), "unbreakable\n");
        assert_eq!(wrap("- ", "", 10), "- \n");
    }

    proptest! {
        #[test]
        fn no_word_is_lost(words in proptest::collection::vec("[a-zé日]{1,12}", 0..20), width in 1usize..40) {
            let text = words.join(" ");
            let wrapped = wrap("  - ", &text, width);
            let back: Vec<_> = wrapped.split_whitespace().skip(1).collect();
            prop_assert_eq!(back, text.split_whitespace().collect::<Vec<_>>());
        }
    }
}
