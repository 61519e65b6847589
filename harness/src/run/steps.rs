//! Ends loads that go up in steps once a step has broken what is to stop them.
//!
//! Invariant: only a step that is over ends a load, and only by what is recorded; the journal has
//! the instant before the load ends.
//! Not here: whether a step is broken (crate slo, `capacity`), judgement.

use super::conduct::{Conduct, State};
use assay_slo::{Event, capacity};

/// Threads learn of the end before it comes, so that all end at the same request.
const AHEAD_US: i64 = 100_000;

impl Conduct<'_> {
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
