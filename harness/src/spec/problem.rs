//! A mistake with its place, and how a list of them is printed.
//!
//! Invariant: what is printed is bounded: so many mistakes, so much of a line each.
//! Not here: what a mistake is (`tree`, `overrides`, `placeholder`, `check`, `plan`).

use super::source::{Excerpt, printable};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::fmt;

/// Where something is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The file as the user named it, or an option: `--set`.
    pub file: String,
    /// Line, from 1; 0 for the file as a whole.
    pub line: u32,
    /// Column in characters, from 1; 0 for the file as a whole.
    pub column: u32,
    /// How many characters are meant.
    pub length: u32,
}

impl fmt::Display for Place {
    /// `file:line:column`, or `file`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The value that is meant: `load.visitors.constant-arrival-rate.rate`; empty for the file.
    pub path: String,
    /// What is wrong: a fragment without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Where.
    pub place: Place,
    /// The line around it.
    pub(super) excerpt: Option<Excerpt>,
}

impl Problem {
    /// A mistake of a file as a whole: it cannot be read.
    #[must_use]
    pub fn of_file(file: &str, message: impl Into<String>, help: Option<&str>) -> Problem {
        Problem {
            path: String::new(),
            message: message.into(),
            help: help.map(str::to_owned),
            place: Place { file: file.to_owned(), ..Place::default() },
            excerpt: None,
        }
    }
}

/// For whom mistakes are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Without colors: a file, a pipe, `NO_COLOR`.
    Plain,
    /// A terminal.
    Styled,
}

/// All mistakes, in the order of their places, each once; never empty when it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(Vec<Problem>);

/// Columns of what is printed, about.
const WIDTH: usize = 110;
/// So many are printed with the line around them.
const SHOWN: usize = 50;
/// And so many more in a line each.
const LISTED: usize = 1000;

/// A text by which line 2 comes before line 10.
fn natural(text: &str) -> String {
    let digits = text.split_inclusive(|c: char| !c.is_ascii_digit()).map(|part| {
        let number = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        let zeros = if number.is_empty() { 0 } else { 20_usize.saturating_sub(number.len()) };
        format!("{}{part}", "0".repeat(zeros))
    });
    digits.collect()
}

impl Problems {
    /// These, sorted.
    #[must_use]
    pub fn new(mut problems: Vec<Problem>) -> Problems {
        // Options come after the file: they start with a hyphen.
        let key = |problem: &Problem| (problem.place.file.starts_with("--"), problem.place.clone());
        let words = |problem: &Problem| natural(&problem.message);
        problems.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| words(a).cmp(&words(b))));
        problems.dedup();
        Problems(problems)
    }

    /// Them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// How many there are; printed or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As text: the first 50 with their line and a caret, the next 1000 in a line each, then how
    /// many more.
    #[must_use]
    pub fn render(&self, look: Look) -> String {
        let renderer = match look {
            Look::Plain => Renderer::plain().term_width(WIDTH),
            Look::Styled => Renderer::styled().term_width(WIDTH),
        };
        let shown = self.0.iter().take(SHOWN).map(|problem| rendered(problem, &renderer));
        let mut text = shown.collect::<Vec<_>>().join("\n\n");
        if self.0.len() > SHOWN {
            text.push('\n');
        }
        for problem in self.0.iter().skip(SHOWN).take(LISTED) {
            let help = problem.help.iter().map(|help| format!("; {help}")).collect::<String>();
            let told = format!("{}: {}{help}", problem.place, problem.message);
            text.push('\n');
            text.push_str(&printable(&told));
        }
        if let Some(more) = self.0.len().checked_sub(SHOWN + LISTED).filter(|more| *more > 0) {
            text.push_str(&format!("\n\nand {more} more"));
        }
        text.push('\n');
        text
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Look::Plain))
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems(vec![problem])
    }
}

fn rendered(problem: &Problem, renderer: &Renderer) -> String {
    let title = Level::ERROR.primary_title(problem.message.as_str());
    let place = &problem.place;
    let group: Group<'_> = match &problem.excerpt {
        Some(excerpt) => {
            let mark = AnnotationKind::Primary.span(excerpt.mark.clone());
            let snippet = Snippet::source(excerpt.text.as_str())
                .line_start(place.line as usize)
                .annotation(mark);
            if excerpt.whole {
                title.element(snippet.path(place.file.as_str()))
            } else {
                // Of a part of a line the column cannot be counted.
                let origin = Origin::path(place.file.as_str())
                    .line(place.line as usize)
                    .char_column(place.column as usize);
                title.element(origin).element(snippet)
            }
        }
        None => title.element(Origin::path(place.file.as_str())),
    };
    let group = match &problem.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    };
    renderer.render(&[group])
}
