//! One user as a whole: its life, its own connection, its place on the roster.
//!
//! Invariant: a user has at most one connection, which nobody else uses.
//! Not here: when it acts (`life`), who calls for its next turn (`attack`).

use super::desk::Desk;
use super::life::{Errands, Life, Script, Turn, ordered};
use super::roster::Roster;
use crate::client::{Connection, Exchange, Jar, converse};
use crate::load::talk::{Onward, Talk, onward};
use crate::load::used_up::Ended;
use crate::load::{Kind, Order};
use assay_slo::At;
use assay_slo::event::Unmade;
use std::sync::Arc;
use tokio::sync::watch;

/// What a user's requests need.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) desk: Arc<Desk>,
    /// Index into the loads.
    pub(super) load: usize,
    pub(super) name: Arc<str>,
    /// When the load ends, µs after time 0.
    pub(super) ends_us: u64,
    pub(super) kinds: Arc<[Kind]>,
    /// The user's number, from 0.
    pub(super) user: u64,
    /// How many requests it has sent.
    pub(super) sent: u64,
    /// What its journey fills in and has captured.
    pub(super) talk: Talk,
    pub(super) kept: Option<Connection>,
    /// Its journey's cookies.
    pub(super) jar: Jar,
    pub(super) orders: watch::Receiver<Order>,
}

impl Errands for Wire {
    fn begin(&mut self, journey: u64) {
        self.talk.begin(journey);
        self.jar.clear();
    }

    async fn send(&mut self, request: usize) -> Onward {
        let Some(kind) = self.kinds.get(request) else { return Onward::Next };
        let (user, nth) = (self.user, self.sent);
        let plain = || kind.rendered.keyed(format_args!("u{user}.{nth}"));
        let mut message = plain();
        self.sent += 1;
        let clock = self.desk.clock();
        let traced = kind.rendered.traced(format_args!("u{user}.{nth}"));
        let mut flight = self.desk.take_off(self.load, request, traced);
        if let Err(why) = self.talk.fill(request, &mut message) {
            flight.land(&Exchange::not_sent(clock.now()));
            self.desk.finding(format!("load {}: a request was not sent: {why}", self.name));
            return onward(&why);
        }
        // What was filled in can be had only now.
        let fills = kind.dynamic.as_ref().is_some_and(|dynamic| !dynamic.is_fixed());
        let copy = fills.then(|| message.clone());
        let kept = self.kept.take();
        let ended = {
            let began = |at| flight.began(at);
            let (limits, manners, jar) = (&kind.limits, kind.manners, Some(&self.jar));
            tokio::select! {
                biased;
                () = ordered(&mut self.orders, Order::Cut) => None,
                ended = converse(clock, limits, manners, jar, kept, message, began) => Some(ended),
            }
        };
        // Cut off: the dropped flight records it.
        let Some((mut exchange, kept)) = ended else { return Onward::BreakOff };
        self.kept = kept;
        exchange.excuse(kind.limits.timeout_us, flight.away_us(exchange.begun, exchange.done));
        let onward = self.talk.hear(request, &mut exchange);
        flight.land(&exchange);
        let sent = || copy.unwrap_or_else(plain);
        self.desk.keep(self.load, (request, kind), &mut exchange, sent);
        if let Some(text) = exchange.finding {
            self.desk.finding(format!("load {}: {text}", self.name));
        }
        onward
    }

    fn used_up(&mut self, made: u64, of: Option<u64>, rows: &str) {
        let at_us = self.desk.clock().now().since(self.desk.zero()).unsigned_abs();
        let ended = Ended { load: &self.name, at_us, whole_us: self.ends_us, rows };
        self.desk.finding(ended.words(made, of, ("journey", "journeys")));
    }
}

impl Wire {
    /// Tells how the journeys of the load went, when its last user has gone.
    fn tell(&self, script: &Script) {
        let name = |at: usize| self.kinds.get(at).map_or("?", |kind| kind.told.request());
        for told in script.tally.told(&self.name, name) {
            self.desk.finding(told);
        }
        // Who was stopped before had not all the time.
        let end = At(script.zero.0.saturating_add(self.ends_us));
        let unmade = script.journeys.unmade(script.tally.made());
        if let Some((made, of)) = unmade.filter(|_| script.clock.now() >= end) {
            self.desk.unmade(Unmade { load: self.load, made, of });
        }
    }
}

/// A user.
#[derive(Debug)]
pub(super) struct Member {
    life: Life,
    wire: Wire,
    roster: Arc<Roster>,
    over: bool,
}

impl Member {
    pub(super) fn new(life: Life, wire: Wire, roster: Arc<Roster>) -> Member {
        Member { life, wire, roster, over: false }
    }

    /// Makes one journey; when it has none left to make, waits until all users are dismissed.
    pub(super) async fn turn(&mut self) -> Turn {
        if !self.over && self.life.turn(&mut self.wire).await == Turn::Over {
            self.over = true;
            self.wire.kept = None;
            if self.life.leave() {
                self.wire.tell(self.life.script());
            }
            self.roster.leave();
        }
        if !self.over {
            return Turn::Again;
        }
        self.roster.dismissed().await;
        Turn::Over
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if !self.over {
            self.roster.lose();
        }
    }
}
