//! How much is printed, and in which colors.
//!
//! Invariant: color repeats what a sign and a word already say; without it nothing is lost.
//! Not here: what is printed (`console`, `live`).

use assay_slo::Verdict;
use console::Style;
use std::ffi::OsStr;

/// How much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Detail {
    /// The verdict and where its reports are (`-q`).
    Quiet,
    /// What a person needs to follow and to understand.
    #[default]
    Usual,
    /// Everything (`-v`).
    Verbose,
}

/// Whether escape codes for colors may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// None.
    #[default]
    Plain,
    /// Those that every terminal knows.
    Ansi,
}

impl Color {
    /// For a stream: only on a terminal that can, and not when `NO_COLOR` has any value.
    #[must_use]
    pub fn of(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> Color {
        let refused = no_color.is_some_and(|value| !value.is_empty());
        let able = is_terminal && term.is_none_or(|term| term != "dumb");
        if able && !refused { Color::Ansi } else { Color::Plain }
    }

    /// A text in a verdict's color.
    pub(super) fn verdict(self, verdict: Verdict, text: &str) -> String {
        let style = match verdict {
            Verdict::Met => Style::new().green(),
            Verdict::Inconclusive => Style::new().yellow().bold(),
            Verdict::Violated => Style::new().red().bold(),
        };
        self.styled(style, text)
    }

    /// A heading.
    pub(super) fn heading(self, text: &str) -> String {
        self.styled(Style::new().bold(), text)
    }

    fn styled(self, style: Style, text: &str) -> String {
        match self {
            Color::Plain => text.to_owned(),
            Color::Ansi => style.force_styling(true).apply_to(text).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_needs_a_terminal_and_consent() {
        let (set, empty, dumb) = (OsStr::new("1"), OsStr::new(""), OsStr::new("dumb"));
        assert_eq!(Color::of(true, None, None), Color::Ansi);
        assert_eq!(Color::of(true, Some(empty), Some(OsStr::new("xterm"))), Color::Ansi);
        assert_eq!(Color::of(true, Some(set), None), Color::Plain);
        assert_eq!(Color::of(true, None, Some(dumb)), Color::Plain);
        assert_eq!(Color::of(false, None, None), Color::Plain);
    }

    #[test]
    fn color_only_adds_codes() {
        let text = Color::Ansi.verdict(Verdict::Violated, "✗ violated");
        assert!(text.starts_with("\u{1b}[") && text.ends_with("\u{1b}[0m"), "{text:?}");
        assert_eq!(console::strip_ansi_codes(&text), "✗ violated");
        assert_eq!(Color::Plain.heading("Faults"), "Faults");
    }
}
