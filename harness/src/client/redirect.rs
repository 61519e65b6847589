//! Where a redirect leads.
//!
//! Invariant: pure; what leads to another host or scheme, or is no URL, is told in words and never
//! taken for a good answer.
//! Not here: following it (`converse`).

use hyper::header::LOCATION;
use hyper::{HeaderMap, Uri};

/// A request as far as a location is meant in relation to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base<'a> {
    /// Its `Host`.
    pub(super) host: &'a str,
    pub(super) uri: &'a Uri,
    /// Whether it goes over TLS.
    pub(super) secure: bool,
}

/// Where an answer redirects to: path and query at the same service, or why there is no following
/// it; none if it is no redirect.
pub(super) fn target(
    status: u16,
    headers: &HeaderMap,
    base: Base<'_>,
) -> Option<Result<Uri, String>> {
    // 300 asks for a choice, 304 says that nothing changed.
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let Some(to) = headers.get(LOCATION) else {
        return Some(Err("a redirect without Location".to_owned()));
    };
    Some(place(&encoded(to.as_bytes()), base).map_err(|why| why.words()))
}

/// Why a redirect is not followed.
#[derive(Debug, PartialEq, Eq)]
enum Stays {
    Host(String),
    Scheme(String),
    NoUrl,
}

impl Stays {
    fn words(self) -> String {
        match self {
            Stays::Host(to) => format!(
                "a redirect leads away from the service, to another host, {to}, and was not followed"
            ),
            Stays::Scheme(to) => {
                format!("a redirect leads to another scheme, {to}, and was not followed")
            }
            Stays::NoUrl => "a redirect's Location is no URL, so it was not followed".to_owned(),
        }
    }
}

/// A location with everything escaped that a URL cannot hold as it is, as curl and browsers do.
fn encoded(location: &[u8]) -> String {
    let mut text = String::with_capacity(location.len());
    for byte in location.trim_ascii() {
        match byte {
            b'"' | b'<' | b'>' | b'`' | ..=b' ' | 0x7f.. => text.push_str(&format!("%{byte:02X}")),
            _ => text.push(char::from(*byte)),
        }
    }
    text
}

fn place(to: &str, base: Base<'_>) -> Result<Uri, Stays> {
    let to = to.split('#').next().unwrap_or_default();
    let own = if base.secure { "https" } else { "http" };
    let (given, rest) = match scheme(to) {
        Some((given, rest)) => (Some(given), rest),
        None => (None, to),
    };
    let authority = rest.strip_prefix("//").map(|rest| {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        rest.split_at(end)
    });
    if let Some(given) = given
        && !given.eq_ignore_ascii_case(own)
    {
        // Whoever changes both is at another host first of all.
        let host = authority.map(|(authority, _)| of_user(authority));
        return Err(match host {
            Some(to) if name(to) != name(base.host) => Stays::Host(shown(to)),
            _ => Stays::Scheme(shown(given)),
        });
    }
    let path = match authority {
        Some((authority, path)) => {
            let to = of_user(authority);
            if format!("http://{to}/").parse::<Uri>().is_err() || name(to).is_empty() {
                return Err(Stays::NoUrl);
            }
            if plain(to, base.secure) != plain(base.host, base.secure) {
                return Err(Stays::Host(shown(to)));
            }
            if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
        }
        // A scheme without a host.
        None if given.is_some() => return Err(Stays::NoUrl),
        None if to.starts_with('/') => to.to_owned(),
        None if to.starts_with('?') => format!("{}{to}", base.uri.path()),
        None if to.is_empty() => base.uri.to_string(),
        None => {
            let folder = base.uri.path().rfind('/').and_then(|at| base.uri.path().get(..=at));
            format!("{}{to}", folder.unwrap_or("/"))
        }
    };
    let path = without_dots(&path);
    let uri = path.parse().ok().filter(|uri: &Uri| uri.host().is_none() && path.starts_with('/'));
    uri.ok_or(Stays::NoUrl)
}

/// A path and its query without the segments `.` and `..` (RFC 3986 5.2.4).
fn without_dots(to: &str) -> String {
    let (path, query) = to.split_at(to.find('?').unwrap_or(to.len()));
    let Some(path) = path.strip_prefix('/') else { return to.to_owned() };
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => _ = kept.pop(),
            _ => {
                kept.push(segment);
                continue;
            }
        }
        // What it stands for is a folder.
        if is_last {
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}

/// The scheme of an absolute location, and what follows its colon.
fn scheme(to: &str) -> Option<(&str, &str)> {
    let (given, rest) = to.split_once(':')?;
    let is_one = given.starts_with(|c: char| c.is_ascii_alphabetic())
        && given.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_one.then_some((given, rest))
}

/// Host and port, without who asks.
fn of_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Host and port, the port left out where it goes without saying.
fn plain(authority: &str, secure: bool) -> String {
    let port = if secure { ":443" } else { ":80" };
    let it = authority.strip_suffix(port).or_else(|| authority.strip_suffix(':'));
    it.unwrap_or(authority).to_ascii_lowercase()
}

/// The host alone.
fn name(authority: &str) -> String {
    let end = match authority.find(']') {
        Some(end) => end + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    authority.get(..end).unwrap_or(authority).to_ascii_lowercase()
}

fn shown(text: &str) -> String {
    format!("`{}`", text.chars().take(100).collect::<String>().escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn to(location: &[u8]) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_bytes(location).unwrap());
        let uri = Uri::from_static("/shop/list?page=1");
        let base = Base { host: "app.test:8080", uri: &uri, secure: false };
        target(302, &headers, base).unwrap().map(|uri| uri.to_string())
    }

    #[test]
    fn whatever_stays_at_the_service_is_followed() {
        for (location, path) in [
            ("/a b", "/a%20b"),
            ("/caf\u{e9}?q=\u{e9}#\u{e9}", "/caf%C3%A9?q=%C3%A9"),
            ("/<x>\"`\t|{}", "/%3Cx%3E%22%60%09|{}"),
            ("/a%20b", "/a%20b"),
            ("next", "/shop/next"),
            ("../ok", "/ok"),
            ("../../../ok?to=../x", "/ok?to=../x"),
            ("./a/./b/../c/", "/shop/a/c/"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("..", "/"),
            ("//app.test:8080/x/../y//z", "/y//z"),
            ("/...", "/..."),
            ("?page=2", "/shop/list?page=2"),
            ("", "/shop/list?page=1"),
            ("/go?to=http://evil.test/", "/go?to=http://evil.test/"),
            ("//APP.test:8080/x", "/x"),
            ("http://app.test:8080", "/"),
            ("HTTP://user:pw@app.test:8080?x=1", "/?x=1"),
        ] {
            assert_eq!(to(location.as_bytes()), Ok(path.to_owned()), "{location}");
        }
        // Bytes that are no UTF-8.
        assert_eq!(to(b"/caf\xe9"), Ok("/caf%E9".to_owned()));
    }

    #[test]
    fn whatever_does_not_says_why() {
        let host = |to: &str| {
            format!(
                "a redirect leads away from the service, to another host, `{to}`, and was not \
                 followed"
            )
        };
        let scheme =
            |to: &str| format!("a redirect leads to another scheme, `{to}`, and was not followed");
        let no_url = || "a redirect's Location is no URL, so it was not followed".to_owned();
        for (location, why) in [
            ("http://user:pw@evil.test/x?token=1", host("evil.test")),
            ("//app.test/", host("app.test")),
            ("https://evil.test/", host("evil.test")),
            ("https://app.test/", scheme("https")),
            ("mailto:a@app.test", scheme("mailto")),
            ("http:///x", no_url()),
            ("http:x", no_url()),
            ("//[::1/x", no_url()),
        ] {
            assert_eq!(to(location.as_bytes()), Err(why), "{location}");
        }
    }

    #[test]
    fn only_a_redirect_redirects() {
        let (headers, uri) = (HeaderMap::new(), Uri::from_static("/"));
        let base = Base { host: "app.test", uri: &uri, secure: true };
        for status in [200, 300, 304, 305, 404] {
            assert!(target(status, &headers, base).is_none(), "{status}");
        }
        for status in [301, 302, 303, 307, 308] {
            let why = target(status, &headers, base).unwrap().unwrap_err();
            assert_eq!(why, "a redirect without Location", "{status}");
        }
    }
}
