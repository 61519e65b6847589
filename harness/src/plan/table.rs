//! Text in aligned columns and wrapped lines, for a terminal of 100 columns.
//!
//! Invariant: no line but one unbreakable word is longer than [`WIDTH`] characters.
//! Not here: what is said (`describe`).

/// Characters in a line.
pub(super) const WIDTH: usize = 100;

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Rows with two spaces before and between columns; the last column is wrapped under itself.
pub(super) fn columns(rows: &[Vec<String>], aligns: &[Align]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count.saturating_sub(1)).map(width).collect();
    let indent: usize = 2 + widths.iter().map(|width| width + 2).sum::<usize>();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from("  ");
        let places = widths.iter().zip(aligns.iter().chain(std::iter::repeat(&Align::Left)));
        for (column, (width, align)) in places.enumerate() {
            let cell = row.get(column).map_or("", String::as_str);
            match align {
                Align::Left => line.push_str(&format!("{cell:<width$}  ")),
                Align::Right => line.push_str(&format!("{cell:>width$}  ")),
            }
        }
        let last = row.get(widths.len()).map_or("", String::as_str);
        text.push_str(&wrap(&line, last, indent));
    }
    text
}

/// `start` and then the words, each line not longer than [`WIDTH`], the next ones indented.
pub(super) fn wrap(start: &str, words: &str, indent: usize) -> String {
    let mut lines = String::new();
    let mut line = start.to_owned();
    let mut fresh = true;
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let length = line.chars().count() + usize::from(!fresh) + word.chars().count();
        if !fresh && length > WIDTH {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = " ".repeat(indent);
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    lines.push_str(line.trim_end());
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_the_last_wraps_under_itself() {
        let long = "word ".repeat(30);
        let rows = [
            vec!["a".to_owned(), "10 400".to_owned(), "x".to_owned()],
            vec!["longer".to_owned(), "59".to_owned(), long],
        ];
        let text = columns(&rows, &[Align::Left, Align::Right]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "  a       10 400  x");
        assert!(lines[1].starts_with("  longer      59  word word"));
        assert!(lines[2].starts_with("                  word"));
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn a_long_word_is_not_broken() {
        let word = "x".repeat(150);
        assert_eq!(wrap("- ", &word, 2), format!("- {word}\n"));
    }
}
