//! Failed exchanges that are kept, told as text: the request, the answer, the curl line.
//!
//! Invariant: secrets are in no text.
//! Not here: which are kept (`client::kept`), where they are written (`run`).

use super::{Aim, Kind};
use crate::client::shown::{self, Asked, Heard, MOST_SHOWN, Reached, Veil};
use crate::client::{Exchange, Keep, Keeper, Slots};
use crate::plan::answer::{MOST_KEPT, Reads};
use crate::plan::{self, Dynamic, words};
use crate::record::Failure;
use assay_slo::At;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use std::sync::Arc;

/// What is told of a request beside the exchange.
#[derive(Debug)]
pub(super) struct Told {
    load: String,
    request: String,
    authority: String,
    client: plan::Client,
    body: plan::Body,
}

impl Told {
    /// What the request is called.
    pub(super) fn request(&self) -> &str {
        &self.request
    }

    pub(super) fn new(aim: Aim<'_>, client: &plan::Client, request: &plan::Request) -> Told {
        // Of a file only its name is told.
        let body = match &request.body {
            plan::Body::File { path, .. } => {
                plan::Body::File { path: path.clone(), bytes: Vec::new() }
            }
            _ => plan::Body::Empty,
        };
        Told {
            load: aim.load.to_owned(),
            request: request.name.clone(),
            authority: aim.authority.to_owned(),
            client: client.clone(),
            body,
        }
    }
}

/// Which request of which load ended, and when it was due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Which {
    /// Indices.
    pub(super) load: usize,
    pub(super) request: usize,
    pub(super) due: At,
    pub(super) zero: At,
}

/// How much of its answers is kept.
pub(super) fn keep(slots: &Arc<Slots>, at: usize, request: &plan::Request) -> Keep {
    let always = match request.dynamic.as_ref().map_or(Reads::Nothing, Dynamic::reads) {
        Reads::Nothing | Reads::Length => 0,
        Reads::Body => MOST_KEPT,
    };
    let asks = request.dynamic.as_ref().is_some_and(|dynamic| !dynamic.checks.is_empty());
    // Where all bodies are kept, none must be held back.
    let keeper = Keeper::new(slots, at, &request.check_status, asks && always == 0);
    Keep { always, failed: Some(keeper) }
}

/// The exchange as it is kept, if it is.
pub(super) fn failure(
    kind: &Kind,
    which: Which,
    exchange: &mut Exchange,
    secrets: &[String],
    sent: impl FnOnce() -> Request<Full<Bytes>>,
) -> Option<Failure> {
    let keeper = kind.limits.keep.failed.as_ref()?;
    if !keeper.keeps(exchange.outcome, exchange.claim.take()) {
        return None;
    }
    let asked = Asked::of(&sent()).with_cookies(exchange);
    Some(Failure {
        load: which.load,
        request: which.request,
        outcome: exchange.outcome,
        text: text(kind, which, exchange, &asked, secrets),
    })
}

fn text(
    kind: &Kind,
    which: Which,
    exchange: &Exchange,
    asked: &Asked,
    secrets: &[String],
) -> String {
    let told = &kind.told;
    let reached = Reached::by(&told.client, &told.authority).with(&told.body);
    let heard = Heard::of(exchange);
    let veil = Veil::new(secrets, asked, heard.as_ref());
    let due = which.due.since(which.zero);
    let begun = exchange.begun.unwrap_or(exchange.done);
    let head = format!(
        "load {}, request {}: {}\n{}\ndue {}.{:03} s after time 0, took {} from its beginning\n",
        told.load,
        told.request,
        exchange.outcome.name(),
        shown::why(exchange, &kind.limits).unwrap_or_default(),
        due / 1_000_000,
        due % 1_000_000 / 1_000,
        words::time(exchange.done.0.saturating_sub(begun.0)),
    );
    let mut text = format!("{}\n{}\n", veil.text(&head), shown::curl(asked, reached, &veil));
    text.push_str(&format!("\n{}", shown::request(asked, reached.version(), &veil, MOST_SHOWN)));
    if let Some(heard) = &heard {
        text.push_str(&format!("\n{}", shown::answer(heard, &veil, MOST_SHOWN)));
    }
    text
}
