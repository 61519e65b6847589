//! The steady-state gate: probes that run beside the loop, and the two looks.
//!
//! Invariant: a look waits for nothing: a probe that has not answered by then has failed.
//! Not here: what is steady (crate slo, `gate`), when it is looked (`timetable`).

use super::conduct::{Conduct, State};
use crate::probe;
use assay_slo::event::GateTime;
use assay_slo::{Event, gate};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

impl Conduct<'_> {
    /// Starts the probes anew; the loop goes on meanwhile.
    pub(super) fn probe(&mut self, state: &mut State) {
        state.probes = JoinSet::new();
        for planned in &self.plan.probes {
            let Ok(address) = self.stage.service(&planned.service).cloned() else { continue };
            let planned = planned.clone();
            state.probes.spawn(async move {
                let probed = probe::http(&planned, &address).await;
                (planned.name, probed)
            });
        }
    }

    /// Looks whether all is steady, and journals the decision. Nothing is waited for: a probe
    /// that has not answered by now has failed.
    pub(super) fn look(&mut self, state: &mut State, when: GateTime) -> bool {
        self.catch_up(state);
        let now = self.stream.clock.now().second(state.zero);
        let second = state.load_ended.unwrap_or(now);
        if when == GateTime::After && !gate::can_look_after(self.stream.timeline(), second) {
            let text = "the load ended within a second of the last fault: too early for a look at the steady state";
            self.stream.finding(text.to_owned());
            return false;
        }
        let probed = self.answers(state);
        let mut gate = gate::look(self.stream.case(), self.stream.timeline(), second, when);
        gate.open &= probed.is_empty();
        gate.reasons.extend(probed);
        let open = gate.open;
        self.stream.note(Event::Gate(gate));
        open
    }

    /// What the probes answered; gives what speaks against a steady state.
    fn answers(&mut self, state: &mut State) -> Vec<String> {
        let mut answered = BTreeMap::new();
        while let Some(done) = state.probes.try_join_next() {
            answered.extend(done);
        }
        let mut against = vec![];
        for planned in &self.plan.probes {
            let name = planned.name.clone();
            let (ok, detail) = match answered.remove(&name) {
                Some(probed) => (probed.ok, probed.detail),
                None => (false, format!("{name} has not answered")),
            };
            if !ok {
                against.push(detail.clone());
            }
            self.stream.note(Event::Probe { name, ok, detail });
        }
        against
    }
}
