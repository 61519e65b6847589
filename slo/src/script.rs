//! Scripted runs for tests: a case, what happened in each second, and edges where they are put.
//!
//! Invariant: its segments are counted by the recorder's own rule ([`Boundaries`]).
//! Not here: the rules under test.

use crate::case::{
    Anchor, Ask, Asked, Case, Clock, During, Expectation, Fault, Load, LoadKind, Mark, Moment,
    Must, Objective, Of, Place, Request, Shows, Terms,
};
use crate::event::{
    Cell, Edge, EdgeKind, Effect, End, EndReason, Entry, Event, Gate, GateTime, Health, Straddle,
};
use crate::outcome::Outcome;
use crate::scorecard::{ExpectationScore, ObjectiveScore, Scorecard};
use crate::time::{At, Share};
use crate::{Boundaries, Malformed, Timeline};
use std::ops::Range;

pub(crate) mod fleet;
pub(crate) mod gateway;
pub(crate) mod log;
pub(crate) mod metric;

/// Time 0 of scripted runs, after 5 s of warm-up.
pub(crate) const ZERO: At = At(5_000_000);
pub(crate) const FAST: usize = 0;
pub(crate) const FAST_SERVICE: usize = 1;
pub(crate) const LATE: usize = 2;
pub(crate) const ANSWERED: usize = 3;
pub(crate) const ANSWERED_SERVICE: usize = 4;
pub(crate) const REFUSED: usize = 5;
pub(crate) const IDLE: usize = 6;
pub(crate) const BLOCKED: usize = 7;
pub(crate) const MARKS: usize = 8;
pub(crate) const PERMILLE: Share = Share(1_000_000);
pub(crate) const LIST: Of = Of { load: 0, request: 0 };
pub(crate) const PAY: Of = Of { load: 0, request: 1 };

/// A run being written.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) case: Case,
    pub(crate) entries: Vec<Entry>,
    boundaries: Boundaries,
}

impl Script {
    /// One load of 100 requests a second for so long, through link `api`, that asks nothing.
    pub(crate) fn new(seconds: u64) -> Script {
        let request = |name: &str| Request { name: name.to_owned() };
        let below = |clock| Mark::Below { clock, us: 500_000 };
        let answered = |clock| Mark::Answered {
            only: vec![(200, 299), (503, 503)],
            within_us: Some(50_000),
            clock,
            header: Some("retry-after".to_owned()),
        };
        let case = Case {
            warmup_us: ZERO.0,
            loads: vec![Load {
                name: "visitors".to_owned(),
                kind: LoadKind::Open,
                link: Some("api".to_owned()),
                requests: vec![request("list"), request("pay")],
                starts_us: 0,
                ends_us: seconds * 1_000_000,
                planned: 0,
                journeys: false,
                steps: Vec::new(),
                stop_after: Vec::new(),
                traffic: None,
                scarce: None,
            }],
            marks: vec![
                below(Clock::Response),
                below(Clock::Service),
                Mark::LateBy { us: 50_000 },
                answered(Clock::Response),
                answered(Clock::Service),
                Mark::Refused,
                Mark::IdleReset,
                Mark::Blocked,
            ],
            ages_us: vec![500_000, 1_000_000],
            ..Case::default()
        };
        let mut script = Script { case, entries: Vec::new(), boundaries: Boundaries::default() };
        script.boundaries.add(ZERO);
        script.push(ZERO, Event::Zero { zero: ZERO });
        script
    }

    pub(crate) fn push(&mut self, at: At, event: Event) {
        self.entries.push(Entry { at, event });
    }

    pub(crate) fn objective(mut self, name: &str, ask: Ask) -> Script {
        self.case.objectives.push(Objective {
            name: name.to_owned(),
            place: Place::default(),
            ask,
            of: [LIST, PAY].into_iter().take(self.case.loads[0].requests.len()).collect(),
            during: vec![During::Steady, During::After],
            per_request: false,
            advisory: false,
            confidence: Share(950_000_000),
            late_mark: LATE,
            criterion: false,
            terms: Terms::default(),
            production: None,
        });
        self
    }

    /// Its load is of this kind; users have one request, since each of theirs must be sent.
    pub(crate) fn driven_by(&mut self, kind: LoadKind) {
        self.case.loads[0].kind = kind;
        if kind == LoadKind::Users {
            self.case.loads[0].requests.truncate(1);
            self.case.objectives.iter_mut().for_each(|one| one.of.retain(|of| *of == LIST));
        }
    }

    /// Less than 0.1 % errors.
    pub(crate) fn errors(self) -> Script {
        self.objective("errors", Ask::ErrorRate { below: PERMILLE })
    }

    /// P95 below 500 ms.
    pub(crate) fn fast(self) -> Script {
        let (percentile, clock) = (Share(950_000_000), Clock::Response);
        let (mark, service_mark) = (FAST, FAST_SERVICE);
        let below_us = 500_000;
        self.objective("fast", Ask::Latency { percentile, below_us, clock, mark, service_mark })
    }

    pub(crate) fn expect(mut self, must: Must) -> Script {
        let name = format!("expectation {}", self.case.expectations.len());
        self.case.expectations.push(Expectation { name, place: Place::default(), must });
        self
    }

    /// The first objective again within so many seconds of the first fault's end, for 3 s.
    pub(crate) fn recovers(self, within_s: u64) -> Script {
        let after = Moment { anchor: Anchor::FaultEnd(0), offset_us: 0 };
        let (within_us, hold_us) = (within_s * 1_000_000, 3_000_000);
        self.expect(Must::Recovers { objective: 0, after, within_us, hold_us })
    }

    /// A fault on link `api` with 10 s of recovery, not yet on.
    pub(crate) fn declare(mut self, shows: Shows) -> Script {
        self.case.faults.push(Fault {
            name: format!("fault{}", self.case.faults.len()),
            kind: "error".to_owned(),
            link: "api".to_owned(),
            shows,
            connections: false,
            spares_some: false,
            asked: Asked::Share(Share::ONE),
            starts_us: 0,
            lasts_us: 0,
            recovery_us: 10_000_000,
            again: None,
        });
        self
    }

    /// The next fault, on between these instants (ms after time 0), with its link's counts.
    pub(crate) fn fault(self, on_ms: Range<u64>, effect: Effect) -> Script {
        let index = self.case.faults.len();
        self.declare(Shows::Status(503)).on(index, on_ms, effect)
    }

    /// A declared fault's edges. Before any cell that they concern.
    pub(crate) fn on(mut self, fault: usize, on_ms: Range<u64>, effect: Effect) -> Script {
        let at = |ms: u64| At(ZERO.0 + ms * 1000);
        let (on, off) = (at(on_ms.start), at(on_ms.end));
        let edge = |edge, at, effect| Event::Edge(Edge { fault, edge, at, effect });
        self.push(on, edge(EdgeKind::Asked, on, None));
        self.push(on, edge(EdgeKind::Applied, on, None));
        self.push(off, edge(EdgeKind::Cleared, off, Some(effect)));
        let recovery = self.case.faults[fault].recovery_us;
        for at in [on, off, At(off.0 + recovery)] {
            self.boundaries.add(at);
        }
        self
    }

    pub(crate) fn gate(mut self, second: u64, when: GateTime, open: bool) -> Script {
        let reasons = if open { Vec::new() } else { vec!["too many errors".to_owned()] };
        self.push(At(ZERO.0 + second * 1_000_000), Event::Gate(Gate { when, open, reasons }));
        self
    }

    /// A cell of requests due in the middle of a second: ok, fast and on time if they are ok.
    pub(crate) fn cell(&self, second: i64, outcome: Outcome, n: u64) -> Cell {
        let due = ZERO.plus(second * 1_000_000 + 500_000);
        let mut marks = vec![0; MARKS];
        if outcome == Outcome::Ok {
            marks[..2].fill(n);
            marks[ANSWERED] = n;
            marks[ANSWERED_SERVICE] = n;
        }
        Cell {
            load: 0,
            request: 0,
            segment: self.boundaries.segment(due),
            straddle: None,
            outcome,
            status: match outcome {
                Outcome::Ok => 200,
                Outcome::Http5xx => 503,
                _ => 0,
            },
            second,
            n,
            marks,
        }
    }

    /// Adds a cell as it stands, and plans its requests.
    pub(crate) fn add(mut self, cell: Cell) -> Script {
        if cell.segment > 0 {
            self.case.loads[cell.load].planned += cell.n;
        }
        let at = ZERO.plus(cell.second * 1_000_000 + 1_500_000);
        self.push(at, Event::Cells(vec![cell]));
        self
    }

    /// 100 requests due in each of these seconds, of which so many ended 503.
    pub(crate) fn run(mut self, seconds: Range<i64>, bad: u64) -> Script {
        for second in seconds {
            for (outcome, n) in [(Outcome::Ok, 100 - bad), (Outcome::Http5xx, bad)] {
                if n > 0 {
                    let cell = self.cell(second, outcome, n);
                    self = self.add(cell);
                }
            }
        }
        self
    }

    /// Some requests of a second that were under way when the fault came.
    pub(crate) fn straddling(self, second: i64, outcome: Outcome, n: u64, older: usize) -> Script {
        let straddle = Some(Straddle { fault: 0, older_than: older });
        let cell = Cell { straddle, ..self.cell(second, outcome, n) };
        self.add(cell)
    }

    pub(crate) fn end(mut self, reason: EndReason) -> Script {
        let last = self.entries.iter().map(|entry| entry.at).max().unwrap_or(ZERO);
        let ends = At(ZERO.0 + self.case.loads[0].ends_us);
        let end = End { reason, detail: String::new(), still_broken: Vec::new() };
        self.push(last.max(ends).plus(2_000_000), Event::End(end));
        self
    }

    pub(crate) fn complete(self) -> Script {
        self.end(EndReason::Complete)
    }

    pub(crate) fn timeline(&self) -> Result<Timeline, Malformed> {
        Timeline::from_entries(&self.entries, &self.case)
    }

    pub(crate) fn judge(&self) -> Scorecard {
        crate::judge(&self.case, &self.timeline().unwrap())
    }

    /// The first objective's score.
    pub(crate) fn first(&self) -> ObjectiveScore {
        self.judge().objectives.remove(0)
    }

    /// The first expectation's score.
    pub(crate) fn expectation(&self) -> ExpectationScore {
        self.judge().expectations.remove(0)
    }
}

/// The health of load 0, of which so many requests were due, begun in time, and done.
pub(crate) fn punctual(n: u64) -> Health {
    Health {
        load: 0,
        due: n,
        begun: n,
        done: n,
        blocked: 0,
        lag_p50_us: 10,
        lag_p99_us: 20,
        lag_max_us: 30,
        in_flight: 0,
        stood: Vec::new(),
    }
}

/// A fault that hit so many requests of ours, and no others.
pub(crate) fn hit(n: u64) -> Effect {
    Effect { matched: n, injected: n, ours: n }
}
