//! What one journey says and hears: values filled into its requests, checks of the answers,
//! values captured from them for later steps.
//!
//! Invariant: a request that cannot be filled is not sent.
//! Invariant: what one journey captured is gone when the next begins.
//! Not here: sending (`member`), how texts are filled (`plan`), how answers are read (`client`).

use super::life::Onward;
use crate::client::asks::Seen;
use crate::clock;
use crate::plan::Dynamic;
use crate::plan::template::{Filling, Unfilled};
use assay_slo::Outcome;
use bytes::Bytes;
use chrono::SecondsFormat;
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request};
use std::sync::Arc;

/// A journey of one user.
#[derive(Debug)]
pub(super) struct Talk {
    seed: u64,
    load: Arc<str>,
    /// Of each request of the load.
    dynamics: Arc<[Option<Dynamic>]>,
    /// The number of the journey.
    k: u64,
    /// How many of its requests have been filled.
    nth: u64,
    captured: Vec<Option<String>>,
}

/// What an answer comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) outcome: Outcome,
    /// Why it is not ok though its status is.
    pub(super) finding: Option<String>,
    pub(super) onward: Onward,
}

/// Why a request is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsent {
    /// A value is missing, or cannot stand where it should.
    #[error(transparent)]
    Unfilled(#[from] Unfilled),
    /// HTTP cannot carry it.
    #[error("what was filled into its {0} makes it no request")]
    Unwritable(&'static str),
}

impl Unsent {
    /// How the journey goes on.
    pub(super) fn onward(&self) -> Onward {
        match self {
            Unsent::Unfilled(Unfilled::NoRow(_)) => Onward::Over,
            Unsent::Unfilled(_) | Unsent::Unwritable(_) => Onward::Unsent,
        }
    }
}

impl Talk {
    pub(super) fn new(
        seed: u64,
        load: Arc<str>,
        dynamics: Arc<[Option<Dynamic>]>,
        captures: usize,
    ) -> Talk {
        Talk { seed, load, dynamics, k: 0, nth: 0, captured: vec![None; captures] }
    }

    /// Another journey, of this number.
    pub(super) fn begin(&mut self, journey: u64) {
        self.k = journey;
        self.nth = 0;
        self.captured.fill(None);
    }

    fn of(&self, request: usize) -> Option<&Dynamic> {
        self.dynamics.get(request).and_then(Option::as_ref)
    }

    /// Fills in what this sending has of its own.
    ///
    /// # Errors
    /// It must not be sent.
    pub(super) fn fill(
        &mut self,
        request: usize,
        message: &mut Request<Full<Bytes>>,
    ) -> Result<(), Unsent> {
        let nth = self.nth;
        self.nth += 1;
        let Some(dynamic) = self.of(request).filter(|dynamic| !dynamic.is_fixed()) else {
            return Ok(());
        };
        let now = clock::wall().to_rfc3339_opts(SecondsFormat::Millis, true);
        let filled = dynamic.fill(&Filling {
            seed: self.seed,
            load: &self.load,
            k: self.k,
            nth,
            now: &now,
            captured: &self.captured,
        })?;
        if let Some(path) = filled.path {
            *message.uri_mut() = path.parse().map_err(|_| Unsent::Unwritable("path"))?;
        }
        for (name, value) in filled.headers {
            let name = HeaderName::try_from(name).map_err(|_| Unsent::Unwritable("headers"))?;
            let value = HeaderValue::try_from(value).map_err(|_| Unsent::Unwritable("headers"))?;
            message.headers_mut().insert(name, value);
        }
        if let Some(body) = filled.body {
            // RFC 9110 8.6: a method that gives content a meaning says that there is none.
            let wants_content = [Method::POST, Method::PUT, Method::PATCH];
            if body.is_empty() && wants_content.contains(message.method()) {
                message.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            *message.body_mut() = Full::new(Bytes::from(body));
        }
        Ok(())
    }

    /// Looks at an answer whose status came to `outcome`, and keeps what later steps need.
    pub(super) fn hear(
        &mut self,
        request: usize,
        outcome: Outcome,
        headers: Option<&HeaderMap>,
    ) -> Heard {
        let go_on = Heard { outcome, finding: None, onward: Onward::Next };
        let Some(dynamic) = self.of(request) else { return go_on };
        let captures = !dynamic.captures.is_empty();
        let onward = if captures { Onward::BreakOff } else { Onward::Next };
        let (Outcome::Ok, Some(headers)) = (outcome, headers) else {
            return Heard { onward, ..go_on };
        };
        // `plan` refuses what would have to look into bodies, which are not kept yet.
        let seen = Seen::new(headers, &[], 0);
        let failed = |why: String, onward| Heard {
            outcome: Outcome::CheckFailed,
            finding: Some(format!("an answer was not as it should be: {why}")),
            onward,
        };
        if let Some(why) = seen.failed(&dynamic.checks) {
            return failed(why, onward);
        }
        match seen.captured(&dynamic.captures) {
            Ok(values) => {
                for (slot, value) in values {
                    if let Some(place) = self.captured.get_mut(slot) {
                        *place = Some(value);
                    }
                }
                go_on
            }
            Err(why) => failed(why, Onward::BreakOff),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Text;
    use crate::plan::answer::{Ask, Capture, Check, Source};
    use crate::plan::template::{Form, Scope, Template};
    use hyper::header::AUTHORIZATION;

    fn template(form: Form, text: &str) -> Template {
        let scope = Scope { sets: &[], captures: &["token".to_owned()] };
        let mut template = Template::new(form, "x");
        template.text(&Text(text.to_owned()), scope, &mut Vec::new());
        template
    }

    /// The first logs in, the second uses what the first captured.
    fn talk() -> Talk {
        let token = Source::Header("X-Token".to_owned());
        let login = Dynamic {
            checks: vec![Check::Header { name: "Via".to_owned(), ask: Ask::Exists(false) }],
            captures: vec![Capture { name: "token".to_owned(), slot: 0, from: token }],
            ..Dynamic::default()
        };
        let orders = Dynamic {
            path: Some(template(Form::Path, "/orders?t=${token}")),
            headers: vec![("Authorization".to_owned(), template(Form::Header, "Bearer ${token}"))],
            body: Some(template(Form::Plain, "${token}")),
            ..Dynamic::default()
        };
        Talk::new(7, "crowd".into(), [Some(login), Some(orders), None].into(), 1)
    }

    fn message() -> Request<Full<Bytes>> {
        Request::post("/").header("authorization", "0").body(Full::new(Bytes::new())).unwrap()
    }

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        all.iter().map(pair).collect()
    }

    fn ok(onward: Onward) -> Heard {
        Heard { outcome: Outcome::Ok, finding: None, onward }
    }

    #[test]
    fn what_a_step_captures_is_used_by_the_next() {
        let mut talk = talk();
        talk.begin(3);
        let mut first = message();
        talk.fill(0, &mut first).unwrap();
        assert_eq!(first.uri(), "/");
        let answer = headers(&[("x-token", "a b")]);
        assert_eq!(talk.hear(0, Outcome::Ok, Some(&answer)), ok(Onward::Next));
        let mut second = message();
        talk.fill(1, &mut second).unwrap();
        assert_eq!(second.uri(), "/orders?t=a%20b");
        assert_eq!(second.headers()[AUTHORIZATION], "Bearer a b");
        assert_eq!(hyper::body::Body::size_hint(second.body()).exact(), Some(3));
        // Another journey has captured nothing.
        talk.begin(4);
        let unsent = talk.fill(1, &mut message()).unwrap_err();
        assert_eq!(unsent, Unsent::Unfilled(Unfilled::NotCaptured("token".to_owned())));
        assert_eq!(unsent.onward(), Onward::Unsent);
    }

    #[test]
    fn a_log_in_that_brings_nothing_breaks_off() {
        let mut talk = talk();
        talk.begin(0);
        let heard = talk.hear(0, Outcome::Ok, Some(&headers(&[])));
        assert_eq!((heard.outcome, heard.onward), (Outcome::CheckFailed, Onward::BreakOff));
        let words = "an answer was not as it should be: no header `X-Token` to capture";
        assert_eq!(heard.finding.unwrap(), words);
        let checked = talk.hear(0, Outcome::Ok, Some(&headers(&[("x-token", "a"), ("via", "x")])));
        assert_eq!((checked.outcome, checked.onward), (Outcome::CheckFailed, Onward::BreakOff));
        // A status that is not ok stays what it is.
        let refused = talk.hear(0, Outcome::Http5xx, Some(&headers(&[])));
        assert_eq!((refused.outcome, refused.finding), (Outcome::Http5xx, None));
        assert_eq!(refused.onward, Onward::BreakOff);
        // A step without captures never does.
        for request in [1, 2, 3] {
            assert_eq!(talk.hear(request, Outcome::Ok, None), ok(Onward::Next));
        }
    }

    #[test]
    fn an_answer_cannot_smuggle_a_header() {
        let mut talk = talk();
        talk.begin(0);
        talk.captured[0] = Some("a\r\nX: y".to_owned());
        let unsent = talk.fill(1, &mut message()).unwrap_err();
        assert!(matches!(unsent, Unsent::Unfilled(Unfilled::Control { .. })), "{unsent}");
    }
}
