//! Series as an exporter would tell them, made up so that it is known what each query of an objective counts.
//!
//! A quarter of all is bad. Beside what counts there are series that differ in one label and do not, so
//! that a rule which asks for another label, limit or window records another number.
//!
//! Invariant: what a query counts of them is computed by its matchers, not by what a series was made for.
//! Not here: the tests that they are given to (`tested`).

use super::watched::{Apart, WINDOW, Watched};
use crate::plan::metric::{Compared, Matcher};
use crate::plan::query::{Query, parts};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// Samples in a minute.
pub(super) const A_MINUTE: u64 = 4;
/// What a good request's series adds in each sample, and a bad one's; of all they are a quarter.
const GOOD: u64 = 30;
const BAD: u64 = 10;
/// What each series adds that must not be counted.
const OTHER: u64 = 7;

/// Made-up series, and what is counted of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exporter {
    /// Each series, as Prometheus writes it, and what it adds in each sample.
    pub(super) series: Vec<(String, u64)>,
    /// What all of them add in a sample that the query of all counts.
    pub(super) total: u64,
    /// Of that, what is bad.
    pub(super) bad: u64,
}

type Labels = BTreeMap<String, String>;

/// Makes them for an objective.
///
/// # Errors
/// Why none can be made, as the end of a sentence.
pub(super) fn exporter(one: &Watched<'_>) -> Result<Exporter, String> {
    let (apart, is_good) = match &one.apart {
        Apart::Good(query) => (query, true),
        Apart::Bad(query) => (query, false),
    };
    let [total, apart] = [Asked::new(&one.total)?, Asked::new(apart)?];
    if total.way != apart.way {
        return Err("one of its queries is a rate, and one an increase".to_owned());
    }
    let none = || "no labels can be made up that its queries tell apart".to_owned();
    let (named, other) = if is_good { (GOOD, BAD) } else { (BAD, GOOD) };
    let mut made: BTreeMap<(&str, Labels), u64> = BTreeMap::new();
    if total.name == apart.name {
        let both: Vec<&Label> = total.labels.iter().chain(&apart.labels).collect();
        made.insert((&apart.name, fitting(&both, None).ok_or_else(none)?), named);
        let others = apart.labels.iter().filter_map(|not| {
            let mut rest: Vec<&Label> =
                apart.labels.iter().filter(|one| one.name() != not.name()).collect();
            rest.extend(&total.labels);
            fitting(&rest, Some(not))
        });
        let labels =
            others.into_iter().find(|labels| total.counts(labels) && !apart.counts(labels));
        made.insert((&total.name, labels.ok_or_else(none)?), other);
    } else {
        for (asked, adds) in [(&apart, named), (&total, GOOD + BAD)] {
            let all: Vec<&Label> = asked.labels.iter().collect();
            made.insert((&asked.name, fitting(&all, None).ok_or_else(none)?), adds);
        }
    }
    for asked in [&total, &apart] {
        for not in &asked.labels {
            let rest: Vec<&Label> =
                asked.labels.iter().filter(|one| one.name() != not.name()).collect();
            let Some(labels) = fitting(&rest, Some(not)) else { continue };
            let counted = |by: &Asked| by.name == asked.name && by.counts(&labels);
            if !counted(&total) && !counted(&apart) {
                made.entry((&asked.name, labels)).or_insert(OTHER);
            }
        }
    }
    let sum = |asked: &Asked| {
        let own =
            made.iter().filter(|((name, labels), _)| *name == asked.name && asked.counts(labels));
        own.map(|(_, adds)| *adds).sum::<u64>()
    };
    let (all, apart) = (sum(&total), sum(&apart));
    let bad = if is_good { all.saturating_sub(apart) } else { apart };
    let series = made.iter().map(|((name, labels), adds)| (written(name, labels), *adds)).collect();
    Ok(Exporter { series, total: all, bad })
}

/// `name{label="value"}`.
fn written(name: &str, labels: &Labels) -> String {
    // JSON's escapes are Prometheus' too.
    let labels =
        labels.iter().map(|(name, value)| format!("{name}={}", Value::from(value.as_str())));
    format!("{name}{{{}}}", labels.collect::<Vec<_>>().join(","))
}

/// What one query asks for.
struct Asked {
    name: String,
    labels: Vec<Label>,
    way: &'static str,
}

impl Asked {
    fn new(query: &str) -> Result<Asked, String> {
        let form = || format!("one of its queries is no sum(rate(NAME{{…}}[{WINDOW}]))");
        let Query { name, labels, is_sum, over } = parts(query).map_err(|_| form())?;
        let way = over.filter(|(_, over)| is_sum && over == WINDOW);
        let labels = labels.into_iter().map(Label::new).collect::<Option<_>>();
        Ok(Asked { name, labels: labels.ok_or_else(form)?, way: way.ok_or_else(form)?.0 })
    }

    fn counts(&self, labels: &Labels) -> bool {
        self.labels
            .iter()
            .all(|label| label.fits(labels.get(label.name()).map_or("", String::as_str)))
    }
}

/// What a label must be.
struct Label {
    must: Matcher,
    pattern: Option<Regex>,
}

impl Label {
    fn new(must: Matcher) -> Option<Label> {
        let pattern = match must.how {
            Compared::Fits | Compared::FitsNot => {
                Some(Regex::new(&format!("^(?s:{})$", must.value)).ok()?)
            }
            Compared::Is | Compared::IsNot => None,
        };
        Some(Label { must, pattern })
    }

    fn name(&self) -> &str {
        &self.must.label
    }

    fn fits(&self, value: &str) -> bool {
        let matches = || self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(value));
        match self.must.how {
            Compared::Is => value == self.must.value,
            Compared::IsNot => value != self.must.value,
            Compared::Fits => matches(),
            Compared::FitsNot => !matches(),
        }
    }

    /// Values that may fit it, or not.
    fn values(&self) -> Vec<String> {
        match self.pattern {
            None => vec![self.must.value.clone()],
            Some(_) => self.must.value.split('|').map(example).collect(),
        }
    }
}

/// Values that most labels could have; the last is that of a label that is not there.
const VALUES: [&str; 7] = ["200", "500", "404", "1", "GET", "other", ""];

/// Labels that fit all of these, and do not fit one.
fn fitting(all: &[&Label], not: Option<&Label>) -> Option<Labels> {
    let mut labels = Labels::new();
    for label in all.iter().copied().chain(not) {
        if labels.contains_key(label.name()) {
            continue;
        }
        let same: Vec<&Label> =
            all.iter().copied().filter(|one| one.name() == label.name()).collect();
        let own = same.iter().copied().chain(not).flat_map(Label::values);
        let values = own.chain(VALUES.map(str::to_owned));
        let is_not =
            |value: &str| not.is_none_or(|not| not.name() != label.name() || !not.fits(value));
        let value = values
            .into_iter()
            .find(|value| same.iter().all(|one| one.fits(value)) && is_not(value))?;
        labels.insert(label.name().to_owned(), value);
    }
    labels.retain(|_, value| !value.is_empty());
    Some(labels)
}

/// A text that an alternative of a simple pattern fits: whoever takes it asks whether it does.
fn example(pattern: &str) -> String {
    let mut text = String::new();
    let mut rest = pattern.chars().filter(|c| !matches!(c, '(' | ')' | '^' | '$')).peekable();
    while let Some(c) = rest.next() {
        let one = match c {
            '\\' => match rest.next() {
                Some('d' | 'w') => '0',
                Some(escaped) => escaped,
                None => break,
            },
            '.' => '0',
            '[' => {
                let first = rest.next().unwrap_or('0');
                let _ = rest.by_ref().find(|c| *c == ']');
                first
            }
            c => c,
        };
        match rest.peek() {
            Some('*' | '?') => {
                rest.next();
                continue;
            }
            Some('+') => {
                rest.next();
            }
            _ => {}
        }
        text.push(one);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(how: Compared, value: &str) -> Label {
        let value = value.to_owned();
        Label::new(Matcher { label: "code".to_owned(), how, value }).unwrap()
    }

    #[test]
    fn simple_patterns_have_an_example() {
        for pattern in
            ["5..", "2..|3..", "(4|5)..", "[45]0?\\d", "/a\\.b.*", ".+", "a{1}|", "GET|POST", ""]
        {
            let fits = label(Compared::Fits, pattern);
            assert!(fits.values().iter().any(|value| fits.fits(value)), "{pattern}");
        }
    }

    #[test]
    fn labels_fit_all_but_one() {
        let (not_429, bad) = (label(Compared::IsNot, "429"), label(Compared::Fits, "5.."));
        let code = |labels: Option<Labels>| labels.map(|mut labels| labels.remove("code"));
        assert_eq!(code(fitting(&[&not_429, &bad], None)), Some(Some("500".to_owned())));
        assert_eq!(code(fitting(&[&not_429], Some(&bad))), Some(Some("200".to_owned())));
        assert_eq!(code(fitting(&[&bad], Some(&not_429))), None);
        // A label that is not there is empty.
        let all = label(Compared::Fits, ".+");
        assert_eq!(code(fitting(&[], Some(&all))), Some(None));
        assert_eq!(code(fitting(&[&all], Some(&label(Compared::Fits, ".*")))), None);
    }
}
