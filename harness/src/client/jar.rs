//! Cookies of one client at one service (RFC 6265).
//!
//! Invariant: bounded: a service that sets cookies without end is not remembered without end.
//! Invariant: a value comes back with the bytes it was set with, ASCII or not.
//! Invariant: a cookie goes only where its path, its domain and `Secure` let it.
//! Not here: whose jar it is (`load`).

use chrono::DateTime;
use hyper::header::{COOKIE, HOST, HeaderValue, SET_COOKIE};
use hyper::{HeaderMap, Request};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most cookies of a jar, and the longest.
const MOST: usize = 200;
/// Bytes of a cookie's name and value.
const LONGEST: usize = 4096;

/// A cookie that was set. Texts hold a byte in each character: a service may send any.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    path: String,
    secure: bool,
    /// Seconds of the wall clock after 1970; none: as long as the jar.
    expires: Option<i64>,
}

/// Cookies, by whom they may be sent back. Several threads may share it.
#[derive(Debug, Default)]
pub struct Jar {
    cookies: Mutex<Vec<Cookie>>,
}

impl Jar {
    /// Forgets all.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Adds to a request the cookies that belong to it, after those that were written. `now` is the
    /// wall clock, in seconds after 1970.
    pub fn write<B>(&self, request: &mut Request<B>, secure: bool, now: i64) {
        let path = request.uri().path().to_owned();
        let mut cookies = self.lock();
        cookies.retain(|cookie| cookie.expires.is_none_or(|at| at > now));
        let fits =
            |cookie: &&Cookie| (secure || !cookie.secure) && path_matches(&path, &cookie.path);
        let mut fitting: Vec<&Cookie> = cookies.iter().filter(fits).collect();
        // Longer paths first; of the same length in the order in which they were set (5.4).
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let written = request.headers().get(COOKIE).map(|it| text(it.as_bytes()));
        let pairs = fitting.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value));
        let all: Vec<String> = written.into_iter().chain(pairs).collect();
        if !fitting.is_empty()
            && let Ok(value) = HeaderValue::from_bytes(&bytes(&all.join("; ")))
        {
            request.headers_mut().insert(COOKIE, value);
        }
    }

    /// Takes the cookies that an answer to this request sets.
    pub fn read<B>(&self, request: &Request<B>, headers: &HeaderMap, now: i64) {
        let set = headers.get_all(SET_COOKIE).iter().map(|value| text(value.as_bytes()));
        let mut set = set.peekable();
        if set.peek().is_none() {
            return;
        }
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let host = host_of(host.unwrap_or_default()).to_ascii_lowercase();
        let mut cookies = self.lock();
        for set in set {
            let Some(cookie) = parse(&set, &host, request.uri().path(), now) else { continue };
            let same = |known: &Cookie| known.name == cookie.name && known.path == cookie.path;
            let place = cookies.iter().position(same);
            let gone = cookie.expires.is_some_and(|at| at <= now);
            match place {
                Some(at) if gone => _ = cookies.remove(at),
                Some(at) => {
                    if let Some(known) = cookies.get_mut(at) {
                        *known = cookie;
                    }
                }
                None if gone => {}
                None => {
                    if cookies.len() >= MOST {
                        cookies.remove(0);
                    }
                    cookies.push(cookie);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Cookie>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A character for each byte.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// What [`text`] was made of.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

/// Without spaces around; a byte above 127 may be half of a letter, and is none.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_whitespace())
}

/// A cookie of a `Set-Cookie` header (5.2, 5.3); none that this host may not set, or that is none.
fn parse(text: &str, host: &str, path: &str, now: i64) -> Option<Cookie> {
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (trim(name).to_owned(), trim(value).to_owned());
    if name.is_empty() || name.chars().count() + value.chars().count() > LONGEST {
        return None;
    }
    let mut cookie = Cookie { name, value, path: default_path(path), secure: false, expires: None };
    let mut max_age = None;
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = trim(value);
        match trim(key).to_ascii_lowercase().as_str() {
            "path" if value.starts_with('/') => cookie.path = value.to_owned(),
            "secure" => cookie.secure = true,
            "max-age" => max_age = value.parse::<i64>().ok(),
            "expires" => {
                let date = DateTime::parse_from_rfc2822(&value.replace('-', " ")).ok();
                cookie.expires = date.map(|date| date.timestamp());
            }
            "domain" => {
                let domain = value.trim_start_matches('.').to_ascii_lowercase();
                let parent = host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'));
                if !domain.is_empty() && domain != host && !parent {
                    return None;
                }
            }
            _ => {}
        }
    }
    // It wins over `Expires` (5.3).
    if let Some(age) = max_age {
        cookie.expires = Some(if age <= 0 { i64::MIN } else { now.saturating_add(age) });
    }
    Some(cookie)
}

/// 5.1.4.
fn default_path(path: &str) -> String {
    match path.rfind('/') {
        Some(at) if at > 0 && path.starts_with('/') => path.get(..at).unwrap_or("/").to_owned(),
        _ => "/".to_owned(),
    }
}

/// 5.1.4.
fn path_matches(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Request<()> {
        Request::get(path).header(HOST, "shop.example.com:8080").body(()).unwrap()
    }

    fn set(jar: &Jar, path: &str, cookies: &[&str], now: i64) {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        jar.read(&request(path), &headers, now);
    }

    fn sent(jar: &Jar, path: &str, secure: bool, now: i64) -> String {
        let mut request = request(path);
        jar.write(&mut request, secure, now);
        let cookie = request.headers().get(COOKIE);
        cookie.map_or(String::new(), |cookie| cookie.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_is_set_comes_back_where_it_belongs() {
        let jar = Jar::default();
        set(
            &jar,
            "/shop/login",
            &["sid=1; Path=/; HttpOnly", "in=shop", "top=2; Path=/; Secure"],
            0,
        );
        assert_eq!(sent(&jar, "/shop/cart", false, 0), "in=shop; sid=1");
        assert_eq!(sent(&jar, "/shop", false, 0), "in=shop; sid=1");
        assert_eq!(sent(&jar, "/shopping", false, 0), "sid=1");
        assert_eq!(sent(&jar, "/", true, 0), "sid=1; top=2");
        set(&jar, "/", &["sid=9; path=/"], 0);
        assert_eq!(sent(&jar, "/", false, 0), "sid=9");
        jar.clear();
        assert_eq!(sent(&jar, "/", true, 0), "");
    }

    #[test]
    fn what_is_over_is_gone() {
        let jar = Jar::default();
        set(
            &jar,
            "/",
            &["a=1; Max-Age=10", "b=2; Expires=Thu, 01 Jan 1970 00:00:20 GMT", "c=3"],
            5,
        );
        assert_eq!(sent(&jar, "/", false, 14), "a=1; b=2; c=3");
        assert_eq!(sent(&jar, "/", false, 15), "b=2; c=3");
        assert_eq!(sent(&jar, "/", false, 20), "c=3");
        set(
            &jar,
            "/",
            &["c=; Max-Age=0", "d=4; Max-Age=0; Expires=Thu, 01 Jan 2070 00:00:20 GMT"],
            20,
        );
        assert_eq!(sent(&jar, "/", false, 20), "");
    }

    #[test]
    fn a_strangers_cookie_is_not_taken_and_a_jar_is_bounded() {
        let jar = Jar::default();
        let strangers = [
            "a=1; Domain=other.com",
            "b=2; Domain=op.example.com",
            "=3",
            "d",
            "e=5; domain=.Example.com",
        ];
        set(&jar, "/", &strangers, 0);
        assert_eq!(sent(&jar, "/", false, 0), "e=5");
        for n in 0..300 {
            set(&jar, "/", &[&format!("n{n}=x")], 0);
        }
        assert_eq!(sent(&jar, "/", false, 0).split("; ").count(), MOST);
        set(&jar, "/", &[&format!("long={}", "x".repeat(5_000))], 0);
        assert!(!sent(&jar, "/", false, 0).contains("long"));
    }

    #[test]
    fn bytes_that_are_no_ascii_come_back_as_they_were() {
        let jar = Jar::default();
        // The UTF-8 of à ends with what is a space elsewhere.
        for value in [&b"caf\xe9"[..], "a=\u{e0}".as_bytes()] {
            let mut headers = HeaderMap::new();
            let set = [b"n=", value, b"; Path=/"].concat();
            headers.append(SET_COOKIE, HeaderValue::from_bytes(&set).unwrap());
            jar.read(&request("/"), &headers, 0);
            let mut request = request("/");
            jar.write(&mut request, false, 0);
            assert_eq!(request.headers()[COOKIE].as_bytes(), [b"n=", value].concat());
        }
    }

    #[test]
    fn a_written_cookie_stays() {
        let jar = Jar::default();
        set(&jar, "/", &["a=1"], 0);
        let mut request = request("/");
        request.headers_mut().insert(COOKIE, HeaderValue::from_static("own=7"));
        jar.write(&mut request, false, 0);
        assert_eq!(request.headers()[COOKIE], "own=7; a=1");
    }
}
