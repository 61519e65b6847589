//! The steady-state gate: probes that run beside the loop, and the two looks.
//!
//! Invariant: a look waits for nothing: a probe that has not answered by then has failed.
//! Not here: what is steady (crate slo, `gate`), when it is looked (`timetable`).

use super::conduct::{Conduct, State};
use crate::plan::guard::Look;
use crate::probe::{self, Probed, WITHIN};
use assay_slo::amount;
use assay_slo::case::Limits;
use assay_slo::event::GateTime;
use assay_slo::{Event, gate};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

impl Conduct<'_> {
    /// Starts the probes anew; the loop goes on meanwhile.
    pub(super) fn probe(&mut self, state: &mut State) {
        state.probes = JoinSet::new();
        for planned in &self.plan.probes {
            let name = planned.name.clone();
            match &planned.look {
                Look::Http(look) => {
                    let Ok(address) = self.stage.service(&look.service).cloned() else { continue };
                    let look = look.clone();
                    state.probes.spawn(async move {
                        let probed = probe::http(&name, &look, &address, WITHIN).await;
                        (name, probed)
                    });
                }
                Look::Command(words) => {
                    let filled = words.iter().map(|word| self.stage.fill(word)).collect();
                    let run_id = self.stage.names.run_id.clone();
                    let folder = self.plan.folder.clone();
                    state.probes.spawn(async move {
                        let probed = probe::command(&name, filled, folder, run_id).await;
                        (name, probed)
                    });
                }
                // It is read anyway.
                Look::Metric { .. } => {}
            }
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
            let told = match &planned.look {
                Look::Metric { metric, limits } => Some(self.value(*metric, limits)),
                _ => answered.remove(&name),
            };
            let (ok, detail) = match told {
                Some(probed) => (probed.ok, probed.detail),
                None => (false, format!("{name} has not answered")),
            };
            if !ok {
                against.push(detail.clone());
            }
            self.stream.note(Event::Probe { name, ok, detail, asked: None });
        }
        against
    }

    /// Whether the last value of a metric, which must not be too old, keeps these limits.
    fn value(&self, metric: usize, limits: &Limits) -> Probed {
        let Some(planned) = self.plan.case.metrics.get(metric) else {
            return Probed { ok: false, detail: "an unknown metric".to_owned() };
        };
        let (name, asked) = (&planned.name, limits.words(planned.unit));
        let oldest = self.stream.clock.now().plus(-patience(planned.every_us));
        let last = self.stream.timeline().last_sample(metric);
        match last.filter(|sample| sample.answered >= oldest) {
            Some(sample) => {
                let seen = amount::observed(sample.value.get(), planned.unit);
                let ok = limits.hold(sample.value);
                Probed { ok, detail: format!("`{name}` is {seen} ({asked} asked)") }
            }
            None => Probed { ok: false, detail: format!("`{name}` was not read lately") },
        }
    }
}

/// How old a value may be, µs.
fn patience(every_us: u64) -> i64 {
    i64::try_from(every_us.saturating_mul(3).max(1_000_000)).unwrap_or(i64::MAX)
}
