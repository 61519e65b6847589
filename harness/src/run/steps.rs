//! Ends loads that go up in steps once a step has broken what is to stop them, and runs whose objective is
//! lost.
//!
//! Invariant: only a step that is over ends a load, and only by what is recorded; the journal has
//! the instant before the load ends.
//! Not here: whether a step is broken or an objective lost (crate slo, `capacity`, `sequential`), judgement.

use super::conduct::{Conduct, HANDED_OVER_US, State};
use assay_slo::{At, Event, capacity, sequential};

/// Threads learn of the end before it comes, so that all end at the same request.
const AHEAD_US: i64 = 100_000;
/// Looking at all that is recorded takes longer the longer a run goes on, so it is done less often then.
const LOOKS_A_RUN: i64 = 100;

impl Conduct<'_> {
    /// Which objective is surely lost, in words, where the run is to end then.
    pub(super) fn lost_early(&mut self, zero: At) -> Option<String> {
        let now = self.stream.clock.now().second(zero);
        let next = self.stop_early.filter(|next| *next <= now)?;
        self.stop_early = Some(next.max(now) + 1 + now / LOOKS_A_RUN);
        let over = self.stream.clock.now().plus(-self.under_way_us()).second(zero);
        sequential::lost(self.stream.case(), self.stream.timeline(), over, now)
    }

    /// How long a request may be under way before everything of it is recorded, µs.
    fn under_way_us(&self) -> i64 {
        let plan = self.plan;
        let loads = plan.loads.iter().flat_map(|load| &load.requests);
        let requests = loads.chain(plan.users.iter().flat_map(|users| &users.requests));
        let gateways = plan.fleets.iter().filter_map(|fleet| fleet.gateway.as_ref());
        let fleets = gateways.map(|gateway| gateway.timeout_us);
        let longest = requests.map(|request| request.timeout_us).chain(fleets).max().unwrap_or(0);
        i64::try_from(longest.saturating_add(HANDED_OVER_US)).unwrap_or(i64::MAX)
    }

    /// Looks at all loads that a step may end.
    pub(super) fn stop_stairs(&mut self, state: &State) {
        let loads = self.plan.case.loads.iter().enumerate();
        let stoppable = loads.filter(|(_, load)| !load.stop_after.is_empty());
        for (index, _) in stoppable {
            let now = self.stream.clock.now();
            let second = now.second(state.zero);
            let case = self.stream.case();
            let Some(text) = capacity::broken(case, self.stream.timeline(), index, second) else {
                continue;
            };
            let at = now.plus(AHEAD_US);
            self.stream.note(Event::Stopped { load: index, at, text });
            self.stream.flush();
            state.traffic.end_load(index, at);
        }
    }
}
