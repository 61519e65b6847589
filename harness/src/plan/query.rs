//! The count of an SLI as production asks for it: `sum(rate(name{label="value"}[5m]))`, of which only the
//! name and the labels are taken. What the series counted is read on their page.
//!
//! Invariant: what is more than that is refused: this is no engine for queries.
//! Not here: reading the page (`probe`).

use crate::plan::metric::{Compared, Matcher};

/// What to write, for messages.
pub(super) const FORM: &str =
    "write sum(rate(NAME{LABEL=\"VALUE\"}[5m])), as the SLO's production query has it";

const MORE: &str = "it is more than the sum of one series' rate";

/// Those that Prometheus adds to what it reads on a page.
const ADDED: [&str; 2] = ["job", "instance"];

/// A query of that form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The name of the series.
    pub name: String,
    /// What its labels must be.
    pub labels: Vec<Matcher>,
    /// Whether all series are summed up.
    pub is_sum: bool,
    /// `rate` or `increase`, and over what time, as it is written.
    pub over: Option<(&'static str, String)>,
}

/// The name of the series, and what its labels must be, without those that Prometheus adds.
///
/// # Errors
/// A sentence: what cannot be taken.
pub(super) fn read(query: &str) -> Result<(String, Vec<Matcher>), String> {
    let Query { name, labels, .. } = parts(query)?;
    let own = labels.into_iter().filter(|one| !ADDED.contains(&one.label.as_str()));
    Ok((name, own.collect()))
}

/// What a query of that form is made of.
///
/// # Errors
/// A sentence: what cannot be taken.
pub fn parts(query: &str) -> Result<Query, String> {
    let whole = query.trim();
    let sum = call(whole, "sum");
    let inner = sum.unwrap_or(whole);
    let ways = ["rate", "increase"].into_iter();
    let counted = ways.filter_map(|way| Some((way, call(inner, way)?))).next();
    let (inner, over) = match counted {
        Some((way, inner)) => {
            match inner.strip_suffix(']').and_then(|inner| inner.rsplit_once('[')) {
                Some((inner, over)) => (inner.trim(), Some((way, over.trim().to_owned()))),
                None => return Err("a rate is over a time, in brackets".to_owned()),
            }
        }
        None => (inner, None),
    };
    let (name, labels) = inner.split_once('{').unwrap_or((inner, "}"));
    let more = || MORE.to_owned();
    if name.contains('(') {
        return Err(more());
    }
    let labels = matchers(labels.strip_suffix('}').ok_or_else(more)?)?;
    let name = name.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if name.is_empty()
        || !name.chars().all(is_name)
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        let what = if over.is_some() { "in this rate" } else { "in this query" };
        return Err(format!("`{}` {what} is no name of a series", name.escape_debug()));
    }
    Ok(Query { name: name.to_owned(), labels, is_sum: sum.is_some(), over })
}

/// What is in the brackets of a call.
fn call<'q>(text: &'q str, name: &str) -> Option<&'q str> {
    let rest = text.strip_prefix(name)?.trim_start();
    Some(rest.strip_prefix('(')?.strip_suffix(')')?.trim())
}

fn matchers(text: &str) -> Result<Vec<Matcher>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(['=', '!']).ok_or_else(|| format!("`{rest}` compares nothing"))?;
        let (label, after) = rest.split_at(end);
        let ways = [
            ("=~", Compared::Fits),
            ("!~", Compared::FitsNot),
            ("!=", Compared::IsNot),
            ("=", Compared::Is),
        ];
        let way = ways.iter().find_map(|(sign, how)| Some((after.strip_prefix(sign)?, *how)));
        let (after, how) = way.ok_or_else(|| format!("`{after}` compares nothing"))?;
        let (value, after) = quoted(after.trim_start())
            .ok_or_else(|| format!("the value of `{}` has no quotes", label.trim()))?;
        if matches!(how, Compared::Fits | Compared::FitsNot) {
            regex::Regex::new(&value).map_err(|_| format!("`{value}` is no regular expression"))?;
        }
        found.push(Matcher { label: label.trim().to_owned(), how, value });
        rest = after.trim_start();
        rest = match (rest.is_empty(), rest.strip_prefix(',')) {
            (false, None) if rest.starts_with('}') => return Err(MORE.to_owned()),
            (false, None) => return Err(format!("`{rest}` follows a label")),
            (_, after) => after.unwrap_or_default().trim_start(),
        };
    }
    Ok(found)
}

/// A text in either quotes, with its escapes undone.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inside = text.get(1..)?;
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in inside.char_indices() {
        match (escaped, c) {
            (true, 'n') => value.push('\n'),
            (true, c) => value.push(c),
            (false, '\\') => {}
            (false, c) if c == quote => return Some((value, inside.get(at + 1..)?)),
            (false, c) => value.push(c),
        }
        escaped = !escaped && c == '\\';
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(query: &str) -> Result<String, String> {
        let (name, labels) = read(query)?;
        let label = |one: &Matcher| format!("{} {:?} {}", one.label, one.how, one.value);
        Ok(format!("{name}: {}", labels.iter().map(label).collect::<Vec<_>>().join(", ")))
    }

    #[test]
    fn counts_as_production_asks_for_them() {
        let whole = r#"sum(rate(http_requests_total{job="a",endpoint="/x",status_code!~"5..|429"}[{{.window}}]))"#;
        let read = "http_requests_total: endpoint Is /x, status_code FitsNot 5..|429";
        assert_eq!(shown(whole).as_deref(), Ok(read));
        assert_eq!(shown("sum(increase(a_total[5m]))").as_deref(), Ok("a_total: "));
        assert_eq!(shown(" rate( a{b!='c\\'d', } [1m] ) ").as_deref(), Ok("a: b IsNot c'd"));
        assert_eq!(shown("a{b=~\"c,}\"}").as_deref(), Ok("a: b Fits c,}"));
    }

    #[test]
    fn what_is_more_is_refused() {
        for query in [
            "",
            "sum(rate(a[5m])) / sum(rate(b[5m]))",
            "sum by (x) (rate(a[5m]))",
            "rate(a)",
            "histogram_quantile(0.95, a)",
            "a{b}",
            "a{b=c}",
            "a{b=\"c\" d=\"e\"}",
            "a{b=~\"(\"}",
            "1a",
        ] {
            assert!(shown(query).is_err(), "{query}: {:?}", shown(query));
        }
        for query in [
            "sum by (path) (rate(a{b=\"c\"}[5m]))",
            "sum(rate(a{b=\"c\"}[5m])) - sum(rate(a{b=\"d\"}[5m]))",
            "a{b=\"c\"} / a",
        ] {
            assert_eq!(shown(query), Err(MORE.to_owned()), "{query}");
        }
    }
}
