//! One request, however many exchanges it takes: cookies, redirects, and a second try where a kept
//! connection was reset.
//!
//! Invariant: a whole chain is one request: it begins with its first exchange, its timeout bounds all
//! of them, and it ends with the last.
//! Invariant: a redirect never leads to another host; nothing but a reset of a kept connection
//! before any byte of an answer is sent again, once, and only where that was asked for.
//! Not here: one exchange (`attempt`), where a redirect leads (`redirect`), whose cookies they are
//! (`load`).

use super::attempt::{Exchange, Limits, attempt_on_hyper};
use super::connection::Connection;
use super::jar::Jar;
use super::redirect::{self, Base};
use crate::clock::{self, Clock};
use crate::plan;
use assay_slo::{At, Outcome};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderName, SET_COOKIE,
};
use hyper::{Method, Request};

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
    let written = request.headers().get(COOKIE).cloned();
    let (mut request, mut kept) = (request, kept);
    let mut first = None;
    let (mut hops, mut again) = (0, false);
    let (mut set, mut cookies) = (Vec::new(), Vec::new());
    loop {
        let own = match first {
            None => None,
            Some(begun) => match rest_of(limits, begun, clock.now()) {
                Some(rest) => Some(rest),
                None => {
                    let ended = Exchange::unanswered(begun, clock.now(), Outcome::Timeout);
                    return (Exchange { idle_reset: again, cookies, ..ended }, kept);
                }
            },
        };
        if let Some(jar) = jar {
            jar.write(&mut request, secure, clock::wall().timestamp());
            cookies.push(request.headers().get(COOKIE).cloned());
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
                let headers = exchange.headers.iter();
                set.extend(headers.flat_map(|all| all.get_all(SET_COOKIE)).cloned());
                request = with_cookie(followed, written.as_ref());
                continue;
            }
            Some(Err(why)) => {
                exchange.outcome = Outcome::CheckFailed;
                exchange.finding = Some(why);
            }
            None => {}
        }
        let begun = exchange.begun.and(first);
        let idle_reset = exchange.idle_reset || again;
        return (Exchange { begun, idle_reset, set_before: set, cookies, ..exchange }, kept);
    }
}

/// The request with the cookies that were written, without those of the jar.
fn with_cookie(
    mut request: Request<Full<Bytes>>,
    written: Option<&hyper::header::HeaderValue>,
) -> Request<Full<Bytes>> {
    request.headers_mut().remove(COOKIE);
    if let Some(written) = written {
        request.headers_mut().insert(COOKIE, written.clone());
    }
    request
}

/// Where a redirect leads: the next request, or why it is not followed; none if it is no redirect.
fn next(
    request: Request<Full<Bytes>>,
    exchange: &Exchange,
    secure: bool,
) -> Option<Result<Request<Full<Bytes>>, String>> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let base = Base { host, uri: request.uri(), secure };
    let path = match redirect::target(exchange.status, exchange.headers.as_ref()?, base)? {
        Ok(path) => path,
        Err(why) => return Some(Err(why)),
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

#[cfg(test)]
mod tests;
