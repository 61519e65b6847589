//! Prometheus' text format, and OpenMetrics as far as it is the same: the sum of the series that fit.
//!
//! Invariant: what is not finite is no value: one series that is not makes the whole sum none.
//! Invariant: a line that cannot be read is an error if it is of the series asked for, and nothing
//! to us otherwise.
//! Not here: fetching (`page`).

use super::Value;
use super::counted::Counted;
use crate::plan::metric::{Compared, Matcher};
use assay_slo::Number;
use regex::Regex;

/// A series that is asked for.
#[derive(Debug, Clone)]
pub(super) struct Series {
    name: String,
    labels: Vec<Label>,
}

/// What a label must be.
#[derive(Debug, Clone)]
struct Label {
    matcher: Matcher,
    /// Of one that is compared by it.
    pattern: Option<Regex>,
}

impl Series {
    /// Of this name, with these labels.
    pub(super) fn with(name: &str, labels: &[(&str, &str)]) -> Series {
        let matcher = |(label, value): &(&str, &str)| Matcher {
            label: (*label).to_owned(),
            how: Compared::Is,
            value: (*value).to_owned(),
        };
        let label = |pair| Label { matcher: matcher(pair), pattern: None };
        Series { name: name.to_owned(), labels: labels.iter().map(label).collect() }
    }

    /// Of this name, with labels that fit.
    ///
    /// # Errors
    /// A pattern that is none.
    pub(super) fn new(name: &str, labels: &[Matcher]) -> Result<Series, String> {
        let labels = labels.iter().map(|matcher| {
            let is_pattern = matches!(matcher.how, Compared::Fits | Compared::FitsNot);
            let pattern = is_pattern.then(|| Regex::new(&format!("^(?s:{})$", matcher.value)));
            let pattern = pattern.transpose().map_err(|error| error.to_string())?;
            Ok::<_, String>(Label { matcher: matcher.clone(), pattern })
        });
        Ok(Series { name: name.to_owned(), labels: labels.collect::<Result<_, _>>()? })
    }

    /// Whether a series' labels are those asked for; one that is not there is empty.
    fn fits(&self, labels: &[(String, String)]) -> bool {
        self.labels.iter().all(|Label { matcher, pattern }| {
            let found = labels.iter().find(|(name, _)| *name == matcher.label);
            let value = found.map_or("", |(_, value)| value.as_str());
            let fits = pattern.as_ref().is_some_and(|pattern| pattern.is_match(value));
            match matcher.how {
                Compared::Is => value == matcher.value,
                Compared::IsNot => value != matcher.value,
                Compared::Fits => fits,
                Compared::FitsNot => !fits,
            }
        })
    }

    /// That a page has no such series, as the end of a sentence.
    pub(super) fn absent(&self) -> String {
        let names = self.labels.iter().map(|Label { matcher, .. }| {
            let how = match matcher.how {
                Compared::Is => "=",
                Compared::IsNot => "!=",
                Compared::Fits => "=~",
                Compared::FitsNot => "!~",
            };
            format!("{}{how}{:?}", matcher.label, matcher.value)
        });
        let names: Vec<String> = names.collect();
        let labels =
            if names.is_empty() { String::new() } else { format!("{{{}}}", names.join(", ")) };
        format!("the page has no series {}{labels}", self.name)
    }

    /// The sum of all series that fit, none where the page has none; of a counter what its series added
    /// since the page before, too, where the sum does not tell it.
    ///
    /// # Errors
    /// Why it cannot be read, as the end of a sentence.
    pub(super) fn sum(&self, text: &str, before: &mut Counted) -> Result<Option<Value>, String> {
        let Found { series, counter } = self.each(text)?;
        if series.is_empty() {
            return Ok(None);
        }
        let infinite = || format!("{} is infinite", self.name);
        let sum = series.iter().map(|one| one.value).sum();
        let number = Number::new(sum).ok_or_else(infinite)?;
        let anew = if counter { before.anew(&series) } else { None };
        let anew = anew.map(|added| Number::new(added).ok_or_else(infinite)).transpose()?;
        Ok(Some(Value { number, counter, anew }))
    }

    /// The value of the only series that fits; none where the page has none.
    ///
    /// # Errors
    /// Why it cannot be read, or that several fit, as the end of a sentence.
    pub(super) fn only(&self, text: &str) -> Result<Option<f64>, String> {
        let Found { series, .. } = self.each(text)?;
        match series.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one.value)),
            [one, others @ ..] => {
                let differs = |(name, value): &&(String, String)| {
                    others.iter().any(|other| other.label(name) != value)
                };
                let apart = one.labels.iter().find(differs);
                let such = apart.map_or_else(String::new, |(name, _)| format!(", such as {name}"));
                let n = series.len();
                Err(format!("{n} series of {} fit: name a label{such}", self.name))
            }
        }
    }

    /// Every series that fits.
    ///
    /// # Errors
    /// Why one cannot be read, as the end of a sentence.
    pub(super) fn each(&self, text: &str) -> Result<Found, String> {
        let mut kinds = Kinds::default();
        let mut series = Vec::new();
        for line in text.lines().map(str::trim_start) {
            if let Some(comment) = line.strip_prefix('#') {
                kinds.note(comment, &self.name);
                continue;
            }
            let Some(rest) = line.strip_prefix(self.name.as_str()) else { continue };
            if !rest.starts_with(['{', ' ', '\t']) {
                continue;
            }
            let (labels, rest) = labels(rest.trim_start())
                .ok_or_else(|| format!("a line that cannot be read: {}", clipped(line)))?;
            if !self.fits(&labels) {
                continue;
            }
            let word = rest.split_whitespace().next().unwrap_or_default();
            let value = number(word)
                .ok_or_else(|| format!("a line that cannot be read: {}", clipped(line)))?;
            if !value.is_finite() {
                return Err(format!("{} is {word}", self.name));
            }
            series.push(One { labels, value });
        }
        Ok(Found { series, counter: kinds.counts(&self.name) })
    }
}

/// The series of a page that fit.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) series: Vec<One>,
    /// They only grow.
    pub(super) counter: bool,
}

/// One series.
#[derive(Debug)]
pub(super) struct One {
    labels: Vec<(String, String)>,
    pub(super) value: f64,
}

impl One {
    /// What tells it apart, whatever the order of its labels.
    pub(super) fn key(&self) -> String {
        let mut labels: Vec<String> =
            self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        labels.sort();
        labels.join(",")
    }

    /// The value of a label; one that is not there is empty.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
    }
}

/// What the page says that the series is.
#[derive(Debug, Default)]
struct Kinds {
    own: Option<String>,
    /// Of the family that OpenMetrics calls without `_total`.
    family: Option<String>,
}

impl Kinds {
    fn note(&mut self, comment: &str, name: &str) {
        let mut words = comment.split_whitespace();
        let (Some("TYPE"), Some(of), Some(kind)) = (words.next(), words.next(), words.next())
        else {
            return;
        };
        if of == name {
            self.own = Some(kind.to_owned());
        } else if name.strip_prefix(of).is_some_and(|rest| SUFFIXES.contains(&rest)) {
            self.family = Some(kind.to_owned());
        }
    }

    /// Whether it only grows, by what the page says, else by its name.
    fn counts(&self, name: &str) -> bool {
        match (self.own.as_deref(), self.family.as_deref()) {
            (Some("counter"), _) | (None, Some("counter" | "histogram")) => true,
            (None, Some("summary")) => true,
            (Some("gauge"), _) | (None, Some("gauge")) => false,
            _ => SUFFIXES.iter().any(|suffix| name.ends_with(suffix)),
        }
    }
}

/// Names of what only grows end so.
const SUFFIXES: [&str; 4] = ["_total", "_count", "_sum", "_bucket"];

/// `{a="b",c="d"} rest`; no braces are no labels.
fn labels(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut found = Vec::new();
    let Some(mut rest) = text.strip_prefix('{') else { return Some((found, text)) };
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Some((found, after));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start())?;
        found.push((name.trim().to_owned(), value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return None,
        }
    }
}

/// A text in quotes, with its escapes undone.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match (escaped, c) {
            (true, 'n') => value.push('\n'),
            (true, c) => value.push(c),
            (false, '\\') => {}
            (false, '"') => return Some((value, inside.get(at + 1..)?)),
            (false, c) => value.push(c),
        }
        escaped = !escaped && c == '\\';
    }
    None
}

/// As Go reads it: `1`, `1e3`, `+Inf`, `NaN`.
pub(super) fn number(word: &str) -> Option<f64> {
    word.parse().ok()
}

fn clipped(line: &str) -> String {
    line.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAGE: &str = r#"
# HELP orders_queued Waiting.
# TYPE orders_queued gauge
orders_queued{shard="1",zone="a b"} 12
orders_queued{shard="2", zone="c\"d\\e\nf"} 30.5 1700000000000
orders_queued_max 99
# TYPE orders_failed_total counter
orders_failed_total 3
# TYPE http_requests counter
http_requests_total{code="200"} 1e3 # {trace_id="x"} 1
http_requests_total{code="500"} 7
plain_sum 4
bad{a="b 5
nan NaN
both{a="1"} 1
both{a="2"} NaN
inf +Inf
up 1
"#;

    fn sum(name: &str, labels: &[(&str, &str)]) -> Result<(f64, bool), String> {
        let series = Series::with(name, labels);
        let value = series.sum(PAGE, &mut Counted::default())?.ok_or_else(|| series.absent())?;
        Ok((value.number.get(), value.counter))
    }

    #[test]
    fn series_that_fit_are_added_up() {
        assert_eq!(sum("orders_queued", &[]), Ok((42.5, false)));
        assert_eq!(sum("orders_queued", &[("shard", "1")]), Ok((12.0, false)));
        assert_eq!(sum("orders_queued", &[("zone", "c\"d\\e\nf")]), Ok((30.5, false)));
        assert_eq!(sum("orders_failed_total", &[]), Ok((3.0, true)));
        assert_eq!(sum("http_requests_total", &[]), Ok((1007.0, true)));
        assert_eq!(sum("plain_sum", &[]), Ok((4.0, true)));
        assert_eq!(sum("up", &[]), Ok((1.0, false)));
    }

    #[test]
    fn what_is_one_thing_is_one_series() {
        let only = |labels: &[(&str, &str)]| Series::with("orders_queued", labels).only(PAGE);
        assert_eq!(only(&[("shard", "1")]), Ok(Some(12.0)));
        assert_eq!(only(&[("shard", "3")]), Ok(None));
        let several = "2 series of orders_queued fit: name a label, such as shard";
        assert_eq!(only(&[]), Err(several.to_owned()));
    }

    #[test]
    fn labels_are_compared_as_prometheus_does() {
        let sum = |label: &str, how: Compared, value: &str| {
            let (label, value) = (label.to_owned(), value.to_owned());
            let series = Series::new("http_requests_total", &[Matcher { label, how, value }]);
            Ok::<_, String>(
                series?.sum(PAGE, &mut Counted::default())?.map(|value| value.number.get()),
            )
        };
        assert_eq!(sum("code", Compared::Is, "500"), Ok(Some(7.0)));
        assert_eq!(sum("code", Compared::IsNot, "500"), Ok(Some(1000.0)));
        assert_eq!(sum("code", Compared::Fits, "5.."), Ok(Some(7.0)));
        // The whole value, and alternatives too.
        assert_eq!(sum("code", Compared::Fits, "5|20"), Ok(None));
        assert_eq!(sum("code", Compared::FitsNot, "5..|429"), Ok(Some(1000.0)));
        // A label that is not there is empty.
        assert_eq!(sum("zone", Compared::IsNot, "a"), Ok(Some(1007.0)));
        assert_eq!(sum("zone", Compared::Is, ""), Ok(Some(1007.0)));
        assert_eq!(sum("zone", Compared::Fits, ".+"), Ok(None));
        assert!(sum("code", Compared::Fits, "(").is_err());
    }

    #[test]
    fn what_is_no_value_is_none() {
        assert_eq!(sum("nan", &[]), Err("nan is NaN".to_owned()));
        assert_eq!(sum("both", &[]), Err("both is NaN".to_owned()));
        assert_eq!(sum("both", &[("a", "1")]), Ok((1.0, false)));
        assert_eq!(sum("inf", &[]), Err("inf is +Inf".to_owned()));
        let none = "the page has no series orders_queued{shard=\"3\"}";
        assert_eq!(sum("orders_queued", &[("shard", "3")]), Err(none.to_owned()));
        assert_eq!(sum("orders", &[]), Err("the page has no series orders".to_owned()));
        assert_eq!(sum("bad", &[]), Err("a line that cannot be read: bad{a=\"b 5".to_owned()));
    }

    proptest! {
        #[test]
        fn no_page_is_too_odd(text in "(?s).{0,200}", name in "[a-z{\"]{1,3}") {
            let _ = Series::with(&name, &[("a", "b")]).each(&text);
        }

        #[test]
        fn label_values_are_read_as_they_were(value in any::<String>()) {
            let written = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            // A bare carriage return ends no line of the format, but of `lines` with a line feed.
            prop_assume!(!value.contains('\r'));
            let page = format!("x{{a=\"{written}\"}} 5\n");
            let read = Series::with("x", &[("a", &value)]).only(&page);
            prop_assert_eq!(read, Ok(Some(5.0)));
        }
    }
}
