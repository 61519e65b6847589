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
    /// Where its port stands.
    beside: Beside,
    /// The port that it leads to.
    pub(super) port: u16,
    /// The scheme of the URL that it stands in.
    pub(super) scheme: Option<String>,
}

/// Where the port of a host stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Beside {
    /// With it, or nowhere: the scheme says it.
    With,
    /// Elsewhere, as in `host=db port=5432`.
    At(Range<usize>),
    /// Nowhere, as in `host=db user=shop`; this is what separates settings.
    Nowhere(char),
}

/// All places that name one of these hosts with a port, or in a URL whose scheme has one.
pub(super) fn mentions(text: &str, names: &BTreeSet<String>) -> Vec<Mention> {
    let mut found: Vec<Mention> = Vec::new();
    for name in names {
        for (start, _) in text.match_indices(name.as_str()) {
            let (before, after) = text.split_at(start);
            let after = after.get(name.len()..).unwrap_or_default();
            if begins(before) {
                found.extend(in_address(before, name, after));
                found.extend(in_settings(text, before, name, after));
            }
        }
    }
    found.sort_by_key(|mention| mention.at.start);
    found
}

/// `db:5432`, also where Compose puts in a default, and hosts of URLs.
fn in_address(before: &str, name: &str, after: &str) -> Option<Mention> {
    let start = before.len();
    // Of `${DB_HOST:-db}:5432` the port follows the brace.
    let (from, tail) = match (default_at(before), after.strip_prefix('}')) {
        (Some(dollar), Some(tail)) => (dollar, tail),
        _ => (start, after),
    };
    let scheme = scheme(before.get(..from)?);
    // A name of SRV records can have no port: an address there would be none.
    if scheme.is_some_and(is_srv) {
        return None;
    }
    let scheme = scheme.map(|scheme| scheme.split('+').next().unwrap_or(scheme));
    let (port, long) = match tail.strip_prefix(':').and_then(written_port) {
        Some((port, long)) => (Some(port), long + 1),
        None => {
            let usual = |scheme: &str| USUAL.iter().find(|(known, _)| *known == scheme);
            (scheme.and_then(usual).map(|(_, port)| *port), 0)
        }
    };
    let rest = tail.get(long..)?;
    let ends = host_ends(rest);
    let end = start + name.len() + (after.len() - tail.len()) + long;
    let mention = |port| Mention {
        at: from..end,
        beside: Beside::With,
        port,
        scheme: scheme.map(str::to_owned),
    };
    port.filter(|_| ends).map(mention)
}

/// Whether a host, or its port, is over before this.
fn host_ends(rest: &str) -> bool {
    rest.chars().next().is_none_or(|next| "/?#,;|&\"')} \t".contains(next))
}

/// Whether a text names one of these hosts by its SRV records, as `mongodb+srv://db/shop`.
pub(super) fn by_srv(text: &str, names: &BTreeSet<String>) -> bool {
    let named = |(start, name): (usize, &str)| {
        let (before, after) = text.split_at(start);
        begins(before)
            && scheme(before).is_some_and(is_srv)
            && after.get(name.len()..).is_some_and(host_ends)
    };
    names.iter().any(|name| text.match_indices(name.as_str()).any(named))
}

fn is_srv(scheme: &str) -> bool {
    scheme.ends_with("+srv")
}

/// `host=db port=5432`, as libpq, ADO and their like write it.
fn in_settings(text: &str, before: &str, name: &str, after: &str) -> Option<Mention> {
    let lower = text.to_ascii_lowercase();
    let is_host = ["host=", "server="].iter().find(|key| {
        let rest = lower.get(..before.len()).and_then(|before| before.strip_suffix(**key));
        rest.is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    });
    let separates = |c: char| " ;&'\"\t".contains(c);
    if is_host.is_none() || after.starts_with(|c| !separates(c)) {
        return None;
    }
    let at = before.len()..before.len() + name.len();
    let setting = |key: &str| {
        let mut found = lower.match_indices(key).map(|(at, _)| at);
        found.find(|at| lower.get(..*at).is_some_and(|b| b.is_empty() || b.ends_with(separates)))
    };
    let (port, beside) = match setting("port=") {
        Some(key) => {
            let from = key + "port=".len();
            let (port, long) = written_port(text.get(from..)?)?;
            (port, Beside::At(from..from + long))
        }
        // Only PostgreSQL's are written so without a port.
        None => {
            ["dbname=", "user=", "username=", "database="].into_iter().find_map(setting)?;
            (5432, Beside::Nowhere(if text.contains(';') { ';' } else { ' ' }))
        }
    };
    Some(Mention { at, beside, port, scheme: None })
}

/// A port at the beginning, as it is or as the default of a variable, and how long that is.
fn written_port(text: &str) -> Option<(u16, usize)> {
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        Some((digits.parse().ok()?, digits.len()))
    };
    let Some(inner) = text.strip_prefix("${") else { return number(text) };
    let end = inner.find('}')?;
    let default = default_of(text.get(..end + 3)?)?;
    let (port, long) = number(default)?;
    (long == default.len()).then_some((port, end + 3))
}

/// The default of a text that is one variable of Compose's with a default: `${DB_HOST:-db}`.
pub(super) fn default_of(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    let (name, default) = inner.split_once('-')?;
    let name = name.strip_suffix(':').unwrap_or(name);
    is_variable(name).then_some(default).filter(|default| !default.contains(['$', '{', '}']))
}

/// Where the variable begins whose default comes now.
fn default_at(before: &str) -> Option<usize> {
    let named = before.strip_suffix('-')?;
    let named = named.strip_suffix(':').unwrap_or(named);
    let at = named.rfind("${")?;
    is_variable(named.get(at + 2..)?).then_some(at)
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a text seems to name one of these hosts in a way that cannot be led elsewhere.
pub(super) fn hints(text: &str, names: &BTreeSet<String>) -> bool {
    let part = |c: char| c.is_alphanumeric() || "._-".contains(c);
    mentions(text, names).is_empty()
        && default_of(text).is_none()
        && names.iter().any(|name| {
            text.match_indices(name.as_str()).any(|(start, _)| {
                let (before, after) = text.split_at(start);
                let after = after.get(name.len()..).unwrap_or_default();
                let signs = ["@", "://", "=", ",", "tcp:"];
                let host = signs.iter().any(|sign| before.ends_with(sign)) || is_json_host(before);
                (host || default_at(before).is_some() && before.contains([':', '=', '@']))
                    && !after.starts_with(part)
                    && begins(before)
                    && !is_value_of_another(before)
            })
        })
}

/// Whether what comes now is a setting that is no host: `user=db`, `dbname=db`.
fn is_value_of_another(before: &str) -> bool {
    before.strip_suffix('=').is_some_and(|before| !is_key_of_host(before))
}

/// Whether what comes now is the value of such a field as `"host": "db"`.
fn is_json_host(before: &str) -> bool {
    let field = before.strip_suffix('"').and_then(|before| before.trim_end().strip_suffix(':'));
    let key = field.and_then(|before| before.trim_end().strip_suffix('"'));
    key.is_some_and(is_key_of_host)
}

fn is_key_of_host(before: &str) -> bool {
    let lower = before.to_ascii_lowercase();
    ["host", "server", "address", "addr", "source", "url", "broker", "brokers", "servers"]
        .iter()
        .any(|key| lower.ends_with(key))
}

/// The text with this address in the place of these hosts at this port; none: it names them nowhere.
pub(super) fn rewritten(
    text: &str,
    names: &BTreeSet<String>,
    port: u16,
    to: SocketAddr,
) -> Option<String> {
    let found = mentions(text, names).into_iter().filter(|found| found.port == port);
    let mut puts: Vec<(Range<usize>, String)> = Vec::new();
    for Mention { at, beside, .. } in found {
        match beside {
            Beside::With => puts.push((at, to.to_string())),
            Beside::At(there) => {
                puts.push((at, to.ip().to_string()));
                puts.push((there, to.port().to_string()));
            }
            Beside::Nowhere(sign) => {
                puts.push((at, format!("{}{sign}port={}", to.ip(), to.port())))
            }
        }
    }
    puts.sort_by_key(|(at, _)| at.start);
    let mut new = text.to_owned();
    for (at, put) in puts.iter().rev() {
        new.replace_range(at.clone(), put);
    }
    (!puts.is_empty()).then_some(new)
}

/// Whether a host may begin after this, where `${DB:-` counts as what is before it.
fn begins(before: &str) -> bool {
    let before = default_at(before).and_then(|at| before.get(..at)).unwrap_or(before);
    let part = |c: char| c.is_alphanumeric() || "._-".contains(c);
    if before.ends_with(part) || before.ends_with('$') || before.ends_with("${") {
        return false;
    }
    // A slash is that of a path, or of an image's name, unless there are two of them after a scheme;
    // Oracle writes `@//db:1521`, gRPC `dns:///db:50051`.
    if let Some(before) = before.strip_suffix('/') {
        let signs = [":/", "@/", "dns://", "passthrough://"];
        return signs.iter().any(|sign| before.ends_with(sign));
    }
    // So is a sign after a URL's path has begun, where no user can be named any more.
    let authority = before.strip_suffix('@').and_then(|before| before.rsplit_once("://"));
    authority.is_none_or(|(_, user)| !user.contains(['/', '?', '#']))
}

/// The scheme of the URL whose host comes now.
fn scheme(before: &str) -> Option<&str> {
    let (head, authority) = before.rsplit_once("://")?;
    let is_host = !authority.contains(['/', '?', '#', ' ']);
    let part = |c: char| !(c.is_ascii_alphanumeric() || c == '+');
    let scheme = head.rsplit(part).next()?;
    is_host.then_some(scheme)
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
            ("pg://${DB_HOST:-db}:5432/0", "pg://172.17.0.1:15432/0"),
            ("${DB_HOST-db}:${DB_PORT:-5432}", "172.17.0.1:15432"),
            ("postgres://${DB_HOST:-db}/shop", "postgres://172.17.0.1:15432/shop"),
            ("db:${DB_PORT:-5432}", "172.17.0.1:15432"),
            ("host=db port=5432 user=u", "host=172.17.0.1 port=15432 user=u"),
            ("port=5432 dbname=db host=db", "port=15432 dbname=db host=172.17.0.1"),
            ("Server=db;Port=5432;Database=db", "Server=172.17.0.1;Port=15432;Database=db"),
            ("host=db user=u", "host=172.17.0.1 port=15432 user=u"),
            ("user@db:5432", "user@172.17.0.1:15432"),
            ("u:p@tcp(db:5432)/x", "u:p@tcp(172.17.0.1:15432)/x"),
            ("jdbc:oracle:thin:u/p@//db:5432/x", "jdbc:oracle:thin:u/p@//172.17.0.1:15432/x"),
            ("jdbc:oracle:thin:u/p@db:5432", "jdbc:oracle:thin:u/p@172.17.0.1:15432"),
            ("${S:-tcp}://${DB:-db}:5432", "${S:-tcp}://172.17.0.1:15432"),
            ("db:5432/db:5432", "172.17.0.1:15432/db:5432"),
            ("dns:///db:5432", "dns:///172.17.0.1:15432"),
            ("passthrough:///db:5432", "passthrough:///172.17.0.1:15432"),
        ];
        for (text, wanted) in cases {
            assert_eq!(new(text).as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_stays() {
        let texts = [
            "mydb:5432",
            "db:54321",
            "db",
            "db:5433",
            "db.example:5432",
            "http://x/db",
            "$db:5432",
            "ghcr.io/acme/db:5432",
            "./db:5432",
            "/var/db:5432",
            "//db:5432",
            "file:///db:5432",
            "/srv/${DIR:-db}:5432",
            "my${DB:-db}:5432",
            "http://x/@db:5432",
            "mongodb+srv://db/shop",
            "postgres+srv://u:p@db/shop",
        ];
        for text in texts {
            assert_eq!(new(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_named_otherwise_is_noticed() {
        let names = ["db".to_owned()].into();
        for text in ["Server=db,1433", "foo://u@db", "pg://${DB:-db}:${PORT}/x", "host=db x=1"] {
            assert!(hints(text, &names), "{text}");
        }
        for text in ["Data Source=tcp:db,1433", r#"{"host": "db", "port": 5432}"#] {
            assert!(hints(text, &names), "{text}");
        }
        for text in
            ["db", "db:5432", "user=db", "mydb", "/var/lib/db", "a=db.example", r#"{"user":"db"}"#]
        {
            assert!(!hints(text, &names), "{text}");
        }
        for text in ["mongodb+srv://db/shop", "mongodb+srv://u:p@db", "mongodb+srv://${DB:-db}/x"] {
            assert!(by_srv(text, &names), "{text}");
        }
        for text in ["mongodb://db/x", "mongodb+srv://db.example/x", "mongodb+srv://db:p@x/db"] {
            assert!(!by_srv(text, &names), "{text}");
        }
    }
}
