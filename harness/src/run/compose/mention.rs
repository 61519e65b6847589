//! Where a value of a variable names a host and port, and the same with another address there.
//!
//! Invariant: a name counts only where a host may stand: no user of that name, no part of a longer name.
//! Not here: whose variables they are (`project`).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;

/// Ports of URLs that name none.
const USUAL: &[(&str, u16)] = &[
    ("http", 80),
    ("https", 443),
    ("ws", 80),
    ("wss", 443),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("mysql", 3306),
    ("mariadb", 3306),
    ("redis", 6379),
    ("rediss", 6379),
    ("amqp", 5672),
    ("amqps", 5671),
    ("nats", 4222),
    ("mongodb", 27017),
    ("mqtt", 1883),
];

/// A place in a text that names a host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    /// Its bytes.
    at: Range<usize>,
    /// The port that it leads to.
    pub(super) port: u16,
    /// The scheme of the URL that it stands in.
    pub(super) scheme: Option<String>,
}

/// All places that name one of these hosts with a port, or in a URL whose scheme has one.
pub(super) fn mentions(text: &str, names: &BTreeSet<String>) -> Vec<Mention> {
    let mut found: Vec<Mention> = Vec::new();
    for name in names {
        for (start, _) in text.match_indices(name.as_str()) {
            let (before, after) = text.split_at(start);
            let after = after.get(name.len()..).unwrap_or_default();
            if !begins(before) {
                continue;
            }
            let scheme = scheme(before);
            let digits = after.strip_prefix(':').unwrap_or_default();
            let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
            let end = if digits.is_empty() { 0 } else { digits.len() + 1 };
            let rest = after.get(end..).unwrap_or_default();
            let usual = |scheme: &str| USUAL.iter().find(|(known, _)| *known == scheme);
            let port = match digits.parse().ok() {
                Some(port) => Some(port),
                None => scheme.and_then(usual).map(|(_, port)| *port),
            };
            let at = start..start + name.len() + end;
            let ends = rest.chars().next().is_none_or(|next| "/?#,;|&\"'} \t".contains(next));
            if let (Some(port), true) = (port, ends) {
                found.push(Mention { at, port, scheme: scheme.map(str::to_owned) });
            }
        }
    }
    found.sort_by_key(|mention| mention.at.start);
    found
}

/// The text with this address in the place of these hosts at this port; none: it names them nowhere.
pub(super) fn rewritten(
    text: &str,
    names: &BTreeSet<String>,
    port: u16,
    to: SocketAddr,
) -> Option<String> {
    let found: Vec<Mention> =
        mentions(text, names).into_iter().filter(|found| found.port == port).collect();
    let mut new = text.to_owned();
    for mention in found.iter().rev() {
        new.replace_range(mention.at.clone(), &to.to_string());
    }
    (!found.is_empty()).then_some(new)
}

/// Whether a host may begin after this.
fn begins(before: &str) -> bool {
    // The default of `${DB:-db:5432}`.
    let is_default = before.ends_with(":-");
    let part = |c: char| c.is_alphanumeric() || "._-".contains(c);
    is_default || !before.ends_with(part) && !before.ends_with('$') && !before.ends_with("${")
}

/// The scheme of the URL whose host comes now.
fn scheme(before: &str) -> Option<&str> {
    let (head, authority) = before.rsplit_once("://")?;
    let is_host = !authority.contains(['/', '?', '#', ' ']);
    let part = |c: char| !(c.is_ascii_alphanumeric() || c == '+');
    let scheme = head.rsplit(part).next()?;
    is_host.then(|| scheme.split('+').next().unwrap_or(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(text: &str) -> Option<String> {
        let names = ["db".to_owned(), "database".to_owned()].into();
        rewritten(text, &names, 5432, "172.17.0.1:15432".parse().unwrap())
    }

    #[test]
    fn a_host_is_replaced_wherever_it_stands() {
        let cases = [
            ("db:5432", "172.17.0.1:15432"),
            ("postgres://u:p@db:5432/shop?x=1", "postgres://u:p@172.17.0.1:15432/shop?x=1"),
            ("postgres://u:p@db/shop", "postgres://u:p@172.17.0.1:15432/shop"),
            ("postgresql+asyncpg://db/shop", "postgresql+asyncpg://172.17.0.1:15432/shop"),
            ("jdbc:postgresql://database/shop", "jdbc:postgresql://172.17.0.1:15432/shop"),
            ("tcp://db:5432,db:5432", "tcp://172.17.0.1:15432,172.17.0.1:15432"),
            ("${DB:-db:5432}", "${DB:-172.17.0.1:15432}"),
            ("postgres://db:5432@db/db", "postgres://db:5432@172.17.0.1:15432/db"),
        ];
        for (text, wanted) in cases {
            assert_eq!(new(text).as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_stays() {
        for text in
            ["mydb:5432", "db:54321", "db", "db:5433", "db.example:5432", "http://x/db", "$db:5432"]
        {
            assert_eq!(new(text), None, "{text}");
        }
    }
}
