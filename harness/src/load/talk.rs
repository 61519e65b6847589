//! What one journey says and hears: values filled into its requests, checks of the answers,
//! values captured from them for later steps.
//!
//! Invariant: what one journey captured is gone when the next begins.
//! Not here: sending (`users::member`, `shard`), filling and looking at answers (`fill`).

use crate::client::Exchange;
use crate::load::fill::{self, Asks, Unsent};
use crate::plan::Dynamic;
use crate::plan::template::Filling;
use crate::plan::template::Unfilled;
use crate::plan::turns::Turn;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use std::sync::Arc;

/// How a journey goes on after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Onward {
    /// With its next step.
    Next,
    /// Only its pauses: later steps would need what this one did not bring.
    BreakOff,
    /// The same, and a second's rest: what cannot be sent could else be tried without end.
    Unsent,
    /// Not at all, and no other journey could: all rows are used up.
    Over,
}

/// One journey after another: of a user, or a single one that arrived.
#[derive(Debug)]
pub(super) struct Talk {
    seed: u64,
    load: Arc<str>,
    /// Of each request of the load.
    dynamics: Arc<[Option<Arc<Dynamic>>]>,
    /// The number of the journey.
    k: u64,
    /// How many of its requests have been filled.
    nth: u64,
    captured: Vec<Option<String>>,
    /// What the answer to the request that was filled last must be.
    asks: Asks,
}

/// How a journey goes on after a request that was not sent.
pub(super) fn onward(unsent: &Unsent) -> Onward {
    match unsent {
        Unsent::Unfilled(Unfilled::NoRow(_)) => Onward::Over,
        Unsent::Unfilled(_) | Unsent::Unwritable(_) => Onward::Unsent,
    }
}

impl Talk {
    pub(super) fn new(
        seed: u64,
        load: Arc<str>,
        dynamics: Arc<[Option<Arc<Dynamic>>]>,
        captures: usize,
    ) -> Talk {
        Talk { seed, load, dynamics, k: 0, nth: 0, captured: vec![None; captures], asks: None }
    }

    /// Another journey, of this number.
    pub(super) fn begin(&mut self, journey: u64) {
        self.k = journey;
        self.nth = 0;
        self.captured.fill(None);
    }

    fn of(&self, request: usize) -> Option<&Dynamic> {
        self.dynamics.get(request).and_then(Option::as_deref)
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
        let Some(dynamic) = self.of(request) else { return Ok(()) };
        let filling = Filling {
            seed: self.seed,
            load: &self.load,
            k: self.k,
            turn: Turn::Same(self.k),
            nth,
            captured: &self.captured,
        };
        self.asks = fill::fill(dynamic, &filling, message)?;
        Ok(())
    }

    /// Looks at an answer, whose outcome it may change, and keeps what later steps need.
    pub(super) fn hear(&mut self, request: usize, exchange: &mut Exchange) -> Onward {
        let Some(dynamic) = self.of(request) else { return Onward::Next };
        let needed = !dynamic.captures.is_empty();
        match fill::hear(dynamic, &self.asks, exchange) {
            Some(values) => {
                for (slot, value) in values {
                    if let Some(place) = self.captured.get_mut(slot) {
                        *place = Some(value);
                    }
                }
                Onward::Next
            }
            None if needed => Onward::BreakOff,
            None => Onward::Next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Text;
    use crate::plan::answer::{Ask, Capture, Check, Source, Wanted};
    use crate::plan::template::{Form, Scope, Template};
    use assay_slo::{At, Outcome};
    use hyper::HeaderMap;
    use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};

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
        Talk::new(7, "crowd".into(), [Some(login.into()), Some(orders.into()), None].into(), 1)
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

    /// What an answer comes to: its class, the finding, how the journey goes on.
    fn hear(
        talk: &mut Talk,
        request: usize,
        outcome: Outcome,
        all: &[(&'static str, &'static str)],
    ) -> (Outcome, Option<String>, Onward) {
        let ended = Exchange::unanswered(At(1), At(2), outcome);
        let mut exchange = Exchange { headers: Some(headers(all)), ..ended };
        let onward = talk.hear(request, &mut exchange);
        (exchange.outcome, exchange.finding, onward)
    }

    #[test]
    fn what_a_step_captures_is_used_by_the_next() {
        let mut talk = talk();
        talk.begin(3);
        let mut first = message();
        talk.fill(0, &mut first).unwrap();
        assert_eq!(first.uri(), "/");
        let ok = (Outcome::Ok, None, Onward::Next);
        assert_eq!(hear(&mut talk, 0, Outcome::Ok, &[("x-token", "a b")]), ok);
        let mut second = message();
        talk.fill(1, &mut second).unwrap();
        assert_eq!(second.uri(), "/orders?t=a%20b");
        assert_eq!(second.headers()[AUTHORIZATION], "Bearer a b");
        assert_eq!(hyper::body::Body::size_hint(second.body()).exact(), Some(3));
        // Another journey has captured nothing.
        talk.begin(4);
        let unsent = talk.fill(1, &mut message()).unwrap_err();
        assert_eq!(unsent, Unsent::Unfilled(Unfilled::NotCaptured("token".to_owned())));
        assert_eq!(onward(&unsent), Onward::Unsent);
    }

    #[test]
    fn a_log_in_that_brings_nothing_breaks_off() {
        let mut talk = talk();
        talk.begin(0);
        let words = "an answer was not as it should be: no header `X-Token` to capture";
        let failed = (Outcome::CheckFailed, Some(words.to_owned()), Onward::BreakOff);
        assert_eq!(hear(&mut talk, 0, Outcome::Ok, &[]), failed);
        let checked = hear(&mut talk, 0, Outcome::Ok, &[("x-token", "a"), ("via", "x")]);
        assert_eq!((checked.0, checked.2), (Outcome::CheckFailed, Onward::BreakOff));
        // A status that is not ok stays what it is.
        let refused = hear(&mut talk, 0, Outcome::Http5xx, &[]);
        assert_eq!(refused, (Outcome::Http5xx, None, Onward::BreakOff));
        // A step without captures never does.
        for request in [1, 2, 3] {
            let ok = (Outcome::Ok, None, Onward::Next);
            assert_eq!(hear(&mut talk, request, Outcome::Ok, &[]), ok);
        }
    }

    #[test]
    fn an_answer_is_held_against_what_was_captured() {
        let open = |text: &str| Text(text.to_owned());
        let wanted = Wanted { text: String::new(), open: Some(open("<${token}>")) };
        let mut talk = talk();
        let order = Dynamic {
            checks: vec![Check::Header { name: "Via".to_owned(), ask: Ask::Is(wanted) }],
            wanted: vec![(0, template(Form::Plain, "<${token}>"))],
            ..Dynamic::default()
        };
        let login = talk.dynamics[0].clone();
        talk.dynamics = [login, Some(order.into())].into();
        talk.begin(0);
        hear(&mut talk, 0, Outcome::Ok, &[("x-token", "t-1")]);
        talk.fill(1, &mut message()).unwrap();
        let ok = (Outcome::Ok, None, Onward::Next);
        assert_eq!(hear(&mut talk, 1, Outcome::Ok, &[("via", "<t-1>")]), ok);
        // What is said quotes the scenario, not the value.
        let words = "an answer was not as it should be: the header `Via` is not `<${token}>`";
        let failed = (Outcome::CheckFailed, Some(words.to_owned()), Onward::Next);
        for other in ["<t-2>", "<${token}>", "t-1"] {
            assert_eq!(hear(&mut talk, 1, Outcome::Ok, &[("via", other)]), failed);
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
