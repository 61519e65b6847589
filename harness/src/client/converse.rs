//! One request, however many exchanges it takes: cookies, redirects, and a second try where a kept
//! connection was reset.
//!
//! Invariant: a whole chain is one request: it begins with its first exchange, its timeout bounds all
//! of them, and it ends with the last.
//! Invariant: a redirect never leads to another host; nothing but a reset of a kept connection
//! before any byte of an answer is sent again, once, and only where that was asked for.
//! Not here: one exchange (`attempt`), whose cookies they are (`load`).

use super::attempt::{Exchange, Limits, attempt_on_hyper};
use super::connection::Connection;
use super::jar::Jar;
use crate::clock::{self, Clock};
use crate::plan;
use assay_slo::{At, Outcome};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, LOCATION};
use hyper::{Method, Request, Uri};

/// What describes a body, and goes with it.
const OF_BODY: [HeaderName; 3] = [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE];

/// What is done beside a plain exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manners {
    /// So many redirects are followed at most.
    pub redirects: u32,
    /// Cookies that are set are sent back.
    pub cookies: bool,
    /// A request of an idempotent method is sent once more when a kept connection was reset before
    /// any byte of an answer.
    pub retries_idle: bool,
}

impl Manners {
    /// Those of a load.
    #[must_use]
    pub fn of(client: &plan::Client) -> Manners {
        let plan::Transport { redirects, cookies, retries_idle, .. } = client.transport;
        Manners { redirects, cookies, retries_idle }
    }

    /// Whether a request is one exchange, whatever is answered.
    #[must_use]
    pub fn looks_at_no_answer(self) -> bool {
        self.redirects == 0 && !self.cookies
    }

    /// Whether an exchange that ended like this is to be made once more.
    #[must_use]
    pub fn sends_again(self, exchange: &Exchange, method: &Method) -> bool {
        self.retries_idle && exchange.idle_reset && method.is_idempotent()
    }
}

/// What is left of a request's time after it began then; none if nothing is.
#[must_use]
pub fn rest_of(limits: &Limits, begun: At, now: At) -> Option<Limits> {
    let left = limits.timeout_us.checked_sub(now.0.saturating_sub(begun.0)).filter(|us| *us > 0)?;
    Some(Limits { timeout_us: left, ..limits.clone() })
}

/// Makes all exchanges of a request; see [`attempt_on_hyper`].
pub async fn converse(
    clock: &Clock,
    limits: &Limits,
    manners: Manners,
    jar: Option<&Jar>,
    kept: Option<Connection>,
    request: Request<Full<Bytes>>,
    mut began: impl FnMut(At),
) -> (Exchange, Option<Connection>) {
    if manners == Manners::default() {
        return attempt_on_hyper(clock, limits, kept, request, began).await;
    }
    let jar = jar.filter(|_| manners.cookies);
    let secure = limits.tls.is_some();
    let written = request.headers().get(hyper::header::COOKIE).cloned();
    let (mut request, mut kept) = (request, kept);
    let mut first = None;
    let (mut hops, mut again) = (0, false);
    loop {
        let own = match first {
            None => None,
            Some(begun) => match rest_of(limits, begun, clock.now()) {
                Some(rest) => Some(rest),
                None => {
                    let ended = Exchange::unanswered(begun, clock.now(), Outcome::Timeout);
                    return (Exchange { idle_reset: again, ..ended }, kept);
                }
            },
        };
        if let Some(jar) = jar {
            jar.write(&mut request, secure, clock::wall().timestamp());
        }
        let copy = request.clone();
        let now = own.as_ref().unwrap_or(limits);
        let (mut exchange, back) =
            attempt_on_hyper(clock, now, kept.take(), request, &mut began).await;
        kept = back;
        first = first.or(exchange.begun);
        if !again && manners.sends_again(&exchange, copy.method()) {
            again = true;
            request = with_cookie(copy, written.as_ref());
            continue;
        }
        if let (Some(jar), Some(headers)) = (jar, &exchange.headers) {
            jar.read(&copy, headers, clock::wall().timestamp());
        }
        match next(copy, &exchange, secure).filter(|_| manners.redirects > 0) {
            Some(Ok(_)) if hops == manners.redirects => {
                exchange.outcome = Outcome::CheckFailed;
                exchange.finding = Some(format!(
                    "a request was redirected more than {} times (`redirects`)",
                    manners.redirects
                ));
            }
            Some(Ok(followed)) => {
                hops += 1;
                request = with_cookie(followed, written.as_ref());
                continue;
            }
            Some(Err(to)) => {
                exchange.outcome = Outcome::CheckFailed;
                exchange.finding = Some(format!(
                    "a redirect leads away from the service, to {to}, and was not followed"
                ));
            }
            None => {}
        }
        let begun = exchange.begun.and(first);
        return (Exchange { begun, idle_reset: exchange.idle_reset || again, ..exchange }, kept);
    }
}

/// The request with the cookies that were written, without those of the jar.
fn with_cookie(
    mut request: Request<Full<Bytes>>,
    written: Option<&hyper::header::HeaderValue>,
) -> Request<Full<Bytes>> {
    request.headers_mut().remove(hyper::header::COOKIE);
    if let Some(written) = written {
        request.headers_mut().insert(hyper::header::COOKIE, written.clone());
    }
    request
}

/// Where a redirect leads: the next request, or another host; none if it is no redirect.
fn next(
    request: Request<Full<Bytes>>,
    exchange: &Exchange,
    secure: bool,
) -> Option<Result<Request<Full<Bytes>>, String>> {
    if !matches!(exchange.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let to = exchange.headers.as_ref()?.get(LOCATION)?.to_str().ok()?;
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = match same_host(to, host, request.uri(), secure) {
        Some(path) => path,
        None => return Some(Err(shown(to))),
    };
    let mut request = request;
    // RFC 9110 15.4: 303 asks for another thing; 301 and 302 make a GET of a POST, as browsers do.
    let becomes_get = match exchange.status {
        303 => *request.method() != Method::HEAD,
        301 | 302 => *request.method() == Method::POST,
        _ => false,
    };
    if becomes_get {
        *request.method_mut() = Method::GET;
        *request.body_mut() = Full::default();
        OF_BODY.iter().for_each(|name| _ = request.headers_mut().remove(name));
    }
    *request.uri_mut() = path;
    Some(Ok(request))
}

/// Path and query of a location on the same host; none of one elsewhere.
fn same_host(to: &str, host: &str, base: &Uri, secure: bool) -> Option<Uri> {
    let to = to.split('#').next().unwrap_or_default();
    let scheme = if secure { "https" } else { "http" };
    let rest = match to.split_once("://") {
        // Only one at its beginning is a scheme.
        Some((given, rest)) if given.chars().all(|c| c.is_ascii_alphanumeric()) => {
            if !given.eq_ignore_ascii_case(scheme) {
                return None;
            }
            Some(rest)
        }
        _ => to.strip_prefix("//"),
    };
    let path = match rest {
        Some(rest) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let port = if secure { ":443" } else { ":80" };
            let plain = |it: &str| it.strip_suffix(port).unwrap_or(it).to_ascii_lowercase();
            if plain(authority) != plain(host) {
                return None;
            }
            if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
        }
        None if to.starts_with('/') => to.to_owned(),
        None if to.starts_with('?') => format!("{}{to}", base.path()),
        None if to.is_empty() => base.to_string(),
        None => {
            let folder = base.path().rfind('/').and_then(|at| base.path().get(..=at));
            format!("{}{to}", folder.unwrap_or("/"))
        }
    };
    path.parse().ok().filter(|uri: &Uri| uri.host().is_none() && path.starts_with('/'))
}

/// The place that a location names, without what may be secret: path, query and user.
fn shown(to: &str) -> String {
    let rest = to.split_once("://").map_or(to, |(_, rest)| rest).trim_start_matches('/');
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("`{}`", host.chars().take(100).collect::<String>().escape_debug())
}

#[cfg(test)]
mod tests;
