//! Scripted fleets, breakers and links.
//! Not here: how a gateway lives (`gateway`).

use super::{LIST, Script, ZERO};
use crate::case::{
    Anchor, Breaker, BreakerMust, Evidence, Fleet, Load, LoadKind, Moment, Must, Place, Policy,
    Request,
};
use crate::event::{Attempt, Attempts, AttemptsOf, Backlog, Event, Ledger};
use crate::time::At;

/// So many ms after time 0.
pub(crate) fn ms(ms: i64) -> At {
    ZERO.plus(ms * 1000)
}

/// So many seconds after the first fault's end, or start.
pub(crate) fn fault_end() -> Moment {
    Moment { anchor: Anchor::FaultEnd(0), offset_us: 0 }
}

pub(crate) fn fault_start() -> Moment {
    Moment { anchor: Anchor::FaultStart(0), offset_us: 0 }
}

/// Asks nothing of the first breaker.
pub(crate) fn nothing() -> BreakerMust {
    BreakerMust {
        breaker: 0,
        opens: None,
        opens_after_failures: None,
        closes: None,
        trials: None,
        calls_while_open: None,
        fast_fail_share: None,
        fast_fail_latency: None,
        reopens_after_close: None,
        never_opens: false,
    }
}

impl Script {
    /// 40 devices behind one gateway; load 1.
    pub(crate) fn fleet(mut self) -> Script {
        let ends_us = self.case.loads[0].ends_us;
        self.case.fleets.push(Fleet {
            name: "trucks".to_owned(),
            load: 1,
            devices: 40,
            planned: 0,
            gateway: true,
            read_back: true,
            drain_us: 30_000_000,
        });
        self.case.loads.push(Load {
            name: "trucks".to_owned(),
            kind: LoadKind::Fleet,
            link: Some("api".to_owned()),
            requests: vec![Request { name: "ingest".to_owned() }],
            starts_us: 0,
            ends_us,
            planned: 0,
            journeys: false,
            steps: Vec::new(),
            stop_after: Vec::new(),
            traffic: None,
            scarce: None,
        });
        self
    }

    /// A breaker that is said to open after 5 failures for 5 s.
    pub(crate) fn breaker(mut self, evidence: Vec<Evidence>) -> Script {
        let policy = Policy { failures: Some(5), recovery_us: Some(5_000_000), trials: Some(1) };
        let (name, place) = ("uplink".to_owned(), Place::default());
        // What it guards is called through a link of its own.
        self.case.loads[0].link = Some("front".to_owned());
        self.case.breakers.push(Breaker { name, place, policy, evidence });
        self
    }

    /// A breaker `pay`, of whose policy no more is known than how long it stays open, if that.
    pub(crate) fn guarded(mut self, recovery_s: Option<u64>, evidence: Vec<Evidence>) -> Script {
        let recovery_us = recovery_s.map(|s| s * 1_000_000);
        let policy = Policy { recovery_us, ..Policy::default() };
        let (name, place) = ("pay".to_owned(), Place::default());
        self.case.breakers.push(Breaker { name, place, policy, evidence });
        self
    }

    pub(crate) fn must(self, must: BreakerMust) -> Script {
        self.expect(Must::Breaker(must))
    }

    pub(crate) fn attempts(mut self, of: AttemptsOf, list: Vec<Attempt>) -> Script {
        let at = list.iter().map(|attempt| attempt.done).max().unwrap_or(ZERO);
        self.push(at, Event::Attempts(Attempts { of, list, left_out: 0 }));
        self
    }

    /// So many arrivals at link `api` in each of these seconds.
    pub(crate) fn arrivals(mut self, seconds: std::ops::Range<i64>, n: u64) -> Script {
        for second in seconds {
            let event = Event::Arrivals { link: "api".to_owned(), second, n };
            self.push(ms(second * 1000 + 1000), event);
        }
        self
    }

    pub(crate) fn ledger(mut self, ledger: Ledger) -> Script {
        let at = At(ZERO.0 + self.case.loads[0].ends_us);
        self.push(at, Event::Ledger(ledger));
        self
    }

    /// The backlog of each whole second: its least and its peak.
    pub(crate) fn backlog(mut self, first: i64, rows: &[(u64, u64)]) -> Script {
        for (second, (least, peak)) in (first..).zip(rows) {
            let at = ms(second * 1000 + 1000);
            let (least, peak) = (*least, *peak);
            let backlog = Backlog { fleet: 0, at, generated: peak, acknowledged: 0, peak, least };
            self.push(at, Event::Backlog(backlog));
        }
        self
    }

    /// Requests of the first load due in each second, by their instants.
    pub(crate) fn offered(mut self, due: &[At]) -> Script {
        let mut by_second = std::collections::BTreeMap::<i64, u64>::new();
        for at in due {
            *by_second.entry(at.second(ZERO)).or_default() += 1;
        }
        for (second, n) in by_second {
            let cell = self.cell(second, crate::Outcome::Ok, n);
            self = self.add(cell);
        }
        assert_eq!(LIST.load, 0);
        self
    }
}
