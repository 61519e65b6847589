//! What one request has of its own: values filled in before it is sent, checks and captures of its
//! answer.
//!
//! Invariant: a request that cannot be filled is not sent.
//! Not here: how texts are filled (`plan`), how answers are read (`client`), what becomes of
//! captures (`users::talk`).

use crate::client::Exchange;
use crate::client::asks::Seen;
use crate::clock;
use crate::plan::Dynamic;
use crate::plan::answer::Check;
use crate::plan::template::{Filling, Unfilled};
use crate::plan::turns::{Turn, Turns};
use assay_slo::Outcome;
use bytes::Bytes;
use chrono::SecondsFormat;
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::{Method, Request};

/// Why a request is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// A value is missing, or cannot stand where it should.
    #[error(transparent)]
    Unfilled(#[from] Unfilled),
    /// HTTP cannot carry it.
    #[error("what was filled into its {0} makes it no request")]
    Unwritable(&'static str),
}

/// A request of a load whose requests know nothing of each other.
#[must_use]
pub fn alone<'f>(seed: u64, load: &'f str, turns: &'f Turns, k: u64, warmup: bool) -> Filling<'f> {
    let turn = Turn::Counted { turns, k, warmup };
    Filling { seed, load, k: turns.number(k, warmup), turn, nth: 0, captured: &[] }
}

/// The checks of one sending, where they have texts of its own.
pub type Asks = Option<Vec<Check>>;

/// Fills in what this sending has of its own, and gives what its answer must be.
///
/// # Errors
/// It must not be sent.
pub fn fill(
    dynamic: &Dynamic,
    filling: &Filling<'_>,
    message: &mut Request<Full<Bytes>>,
) -> Result<Asks, Unsent> {
    if dynamic.is_fixed() {
        return Ok(None);
    }
    let now = clock::wall().to_rfc3339_opts(SecondsFormat::Millis, true);
    let filled = dynamic.fill(filling, &now)?;
    let asks = dynamic.asks(filling, &now)?;
    if let Some(path) = filled.path {
        *message.uri_mut() = path.parse().map_err(|_| Unsent::Unwritable("path"))?;
    }
    for (name, value) in filled.headers {
        let name = HeaderName::try_from(name).map_err(|_| Unsent::Unwritable("headers"))?;
        let value = HeaderValue::try_from(value).map_err(|_| Unsent::Unwritable("headers"))?;
        message.headers_mut().insert(name, value);
    }
    if let Some(body) = filled.body {
        // The length that was rendered is that of another body. hyper writes that of this one, but
        // (RFC 9110 8.6) not that of none, of a method that gives content a meaning.
        message.headers_mut().remove(CONTENT_LENGTH);
        let wants_content = [Method::POST, Method::PUT, Method::PATCH];
        if body.is_empty() && wants_content.contains(message.method()) {
            message.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        *message.body_mut() = Full::new(Bytes::from(body));
    }
    Ok(asks)
}

/// Looks at an answer whose status is as it should be: makes it a failed check if a check does not
/// hold or a capture finds nothing, and gives what was captured, by slot. Of others, none. `asks` is what
/// [`fill`] gave.
pub fn hear(
    dynamic: &Dynamic,
    asks: &Asks,
    exchange: &mut Exchange,
) -> Option<Vec<(usize, String)>> {
    let (Outcome::Ok, Some(headers)) = (exchange.outcome, &exchange.headers) else { return None };
    let seen =
        Seen::new(headers, &exchange.body.kept, exchange.body.length).after(&exchange.set_before);
    let heard = match seen.failed(asks.as_ref().unwrap_or(&dynamic.checks)) {
        Some(why) => Err(why),
        None => seen.captured(&dynamic.captures),
    };
    match heard {
        Ok(values) => Some(values),
        Err(why) => {
            exchange.outcome = Outcome::CheckFailed;
            exchange.finding = Some(format!("an answer was not as it should be: {why}"));
            None
        }
    }
}
