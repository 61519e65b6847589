//! A request's way over a link: the faults are asked, their word is followed, its end recorded.
//!
//! Invariant: whatever a fault does to a request is counted when it is done, in
//! [`Proxy::affected`].
//! Not here: connections, and faults that come and go (`proxy`).

use super::super::LinkEvent;
use super::super::conn::Conn;
use super::super::passage::{Passage, Step, Turn};
use super::super::seen::Seen;
use super::super::unread::target;
use super::super::watch::{Delivery, outcome};
use super::Proxy;
use assay_slo::Outcome;
use hyper::StatusCode;
use tokio::time::Instant;

impl Proxy {
    /// A request has come: all faults are asked about it.
    pub(crate) fn begin(&self, conn: &Conn, seen: impl FnOnce(&str) -> Seen) {
        let number = self.counters.seen();
        let seen = seen(&self.shared.run_prefix);
        let mut passage = Passage::new(seen, number, Instant::now());
        if let Some(watch) = self.watch.borrow_mut().as_mut() {
            watch.arrived(self.shared.clock.stamp(passage.arrived));
        }
        let mut board = self.board.borrow_mut();
        for fault in board.active() {
            board.ask(fault, &mut passage);
        }
        conn.start_answer();
        conn.hold(board.stalls_all() || passage.is_stalled());
        conn.passage.replace(Some(passage));
    }

    /// What is next for a connection's open request.
    pub(crate) fn step(&self, conn: &Conn) -> Step {
        let mut passage = conn.passage.borrow_mut();
        let Some(passage) = passage.as_mut() else { return Step::Reset };
        let (step, newly) = passage.step(Instant::now());
        self.affected(newly, passage.seen.key().is_some());
        if matches!(step, Step::Forward | Step::Answer(_)) {
            passage.passed = true;
        }
        step
    }

    /// What is next for the answer to a connection's open request, which is there.
    pub(crate) fn turn(&self, conn: &Conn) -> Turn {
        let mut passage = conn.passage.borrow_mut();
        let Some(passage) = passage.as_mut() else { return Turn::Pass };
        let (turn, newly) = passage.turn(Instant::now());
        self.affected(newly, passage.seen.key().is_some());
        turn
    }

    /// What is next for an interim answer to it that came then.
    pub(crate) fn early(&self, conn: &Conn, came: Instant) -> Turn {
        if conn.is_held() {
            return Turn::Wait(None);
        }
        let passage = conn.passage.borrow();
        passage.as_ref().map_or(Turn::Pass, |passage| passage.early(came, Instant::now()))
    }

    /// A body of a connection's open request waits for its pace.
    pub(crate) fn paced(&self, conn: &Conn) {
        if let Some(passage) = conn.passage.borrow_mut().as_mut() {
            let newly = passage.paced();
            self.affected(newly, passage.seen.key().is_some());
        }
    }

    /// The answer to a connection's open request is cut.
    pub(crate) fn cuts(&self, conn: &Conn) {
        if let Some(passage) = conn.passage.borrow_mut().as_mut() {
            let newly = passage.cut();
            self.affected(newly, passage.seen.key().is_some());
        }
    }

    /// The far end closed its TLS unsaid in the middle of the answer to a connection's open request.
    pub(crate) fn breaks_off(&self, conn: &Conn) {
        if let Some(passage) = conn.passage.borrow().as_ref() {
            let seen = &passage.seen;
            self.counters.is_torn(format!("{} {}", seen.method, target(seen.path())));
        }
    }

    /// A connection is at its end: the faults that withhold it have an effect.
    pub(crate) fn withholds(&self, conn: &Conn) {
        for (fault, ours) in conn.newly_withheld() {
            self.affected(vec![fault], ours);
        }
    }

    /// Counts a request that these faults affect.
    fn affected(&self, faults: Vec<usize>, ours: bool) {
        for fault in faults {
            let at = self.shared.clock.now();
            if self.board.borrow_mut().affects(fault, ours, at) {
                self.tell(LinkEvent::FirstAffected { fault, at });
            }
        }
    }

    /// An answer with this status is passed on to a connection's open request.
    pub(crate) fn answers(&self, conn: &Conn, status: StatusCode) {
        if let Some(passage) = conn.passage.borrow_mut().as_mut() {
            passage.status = Some(status.as_u16());
            passage.headed = Some(Instant::now());
        }
    }

    /// The upstream's answer to a connection's open request has begun.
    pub(crate) fn answered(&self, conn: &Conn) {
        self.counters.answered();
        if let Some(passage) = conn.passage.borrow().as_ref() {
            for fault in self.board.borrow_mut().went_through(passage) {
                self.tell(LinkEvent::FirstUnaffected { fault, at: self.shared.clock.now() });
            }
        }
    }

    /// The answer to a connection's open request is complete, or given up.
    pub(crate) fn finish(&self, conn: &Conn, delivery: Delivery) {
        if let Some(passage) = conn.passage.borrow().as_ref() {
            conn.linger(passage.lingering(), passage.seen.key().is_some());
        }
        self.end(conn, delivery);
        conn.end_answer();
        conn.hold(self.board.borrow().stalls_all());
    }

    /// Nobody serves a connection any more: its open request has ended.
    pub(crate) fn give_up(&self, conn: &Conn) {
        self.end(conn, Delivery::Abandoned);
    }

    /// A connection's open request, if there is one, has ended.
    fn end(&self, conn: &Conn, delivery: Delivery) {
        let Some(passage) = conn.passage.take() else { return };
        if let Some(watch) = self.watch.borrow_mut().as_mut() {
            let outcome = outcome(&passage, delivery, conn.reset_at().is_some());
            let done = match outcome {
                Outcome::ProtocolError => conn.reset_at(),
                // Whoever waits for the answer may take the head of a good one for its end.
                Outcome::Ok => passage.headed,
                _ => None,
            };
            let stamp = |instant| self.shared.clock.stamp(instant);
            let done = stamp(done.unwrap_or_else(Instant::now));
            watch.ended(passage.number, stamp(passage.arrived), done, outcome);
        }
    }
}
