//! Text from outside (names, answers, reasons) made harmless for where it is printed.
//!
//! Invariant: what [`line`] returns is one line without control characters, so it can neither
//! steer a terminal, break an XML file, nor begin a line of its own.
//! Invariant: [`markdown`] shows every character as itself: no table cell, tag, link or code
//! begins or ends in it.
//! Not here: JSON and XML escapes, which their libraries write.

use std::fmt::Write;

/// One line of printable text: white space becomes single spaces, control characters and those
/// that reorder text or are no characters at all are left out.
pub(super) fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = true;
        } else if is_printable(c) {
            if gap && !out.is_empty() {
                out.push(' ');
            }
            gap = false;
            out.push(c);
        }
    }
    out
}

/// Lines of printable text with their indentation, for a block of fixed width.
pub(super) fn block(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for one in text.lines() {
        out.extend(one.chars().filter_map(|c| match c {
            c if c.is_whitespace() => Some(' '),
            c => is_printable(c).then_some(c),
        }));
        out.push('\n');
    }
    out
}

/// Embeddings, overrides, isolates and marks of direction can make a text read as another; the
/// byte order mark and U+FFFE, U+FFFF are no text.
fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200E}' | '\u{200F}' | '\u{61C}' | '\u{202A}'..='\u{202E}')
        && !matches!(c, '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

/// At most `most` characters, the last one `…` if some are missing.
pub(super) fn clip(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// One line of Markdown that shows this text, also inside a table.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for (place, c) in line(text).chars().enumerate() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // As characters these are structure even behind a backslash, here or there.
            '|' | '`' | '$' | '@' => _ = write!(out, "&#{};", u32::from(c)),
            '\\' | '*' | '_' | '[' | ']' | '~' | '#' => out.extend(['\\', c]),
            '-' | '+' | '=' if place == 0 => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// One line of HTML text.
pub(super) fn html(text: &str) -> String {
    line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        assert_eq!(line(" a\r\n\tb\u{2028}c "), "a b c");
        assert_eq!(line("be\u{7}ll \u{1b}[31mred"), "bell [31mred");
        assert_eq!(line("\u{202e}txt.exe\u{9b}\u{FFFF}"), "txt.exe");
        assert_eq!(line("\n\u{0}\n"), "");
    }

    #[test]
    fn blocks_keep_their_shape() {
        assert_eq!(block("a:\r\n\tb: \u{1b}[1m\u{202e}x\u{2028}y"), "a:\n b: [1mx y\n");
    }

    #[test]
    fn clips() {
        assert_eq!(clip("ünf", 3), "ünf");
        assert_eq!(clip("üüüü", 3), "üü…");
    }

    #[test]
    fn marks() {
        assert_eq!(
            markdown("- <b>a|b</b>\n`x` _y_ #1"),
            "\\- &lt;b&gt;a&#124;b&lt;/b&gt; &#96;x&#96; \\_y\\_ \\#1"
        );
        assert_eq!(html("a<b> & \n\"c\""), "a&lt;b&gt; &amp; \"c\"");
    }

    proptest! {
        #[test]
        fn markdown_has_no_structure(text in any::<String>()) {
            let shown = markdown(&text);
            prop_assert!(!shown.contains(['|', '<', '>', '`', '\n', '\r']), "{shown:?}");
            prop_assert!(!shown.chars().any(char::is_control));
        }

        #[test]
        fn a_line_stays_as_it_is(text in any::<String>()) {
            let once = line(&text);
            prop_assert_eq!(line(&once), once);
        }
    }
}
