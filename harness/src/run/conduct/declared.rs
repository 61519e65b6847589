//! Services that end while somebody else carries out a fault (a command, or a person), and those that somebody
//! else starts again.
//!
//! Such a fault may restart what it breaks, and nobody tells the run what it is about to end. So an end
//! while it is on, or a moment after, is its doing, and told; but the service must come again.
//!
//! Invariant: whoever has not come again when the run ends has died.
//! Not here: finding them again (`stage::returns`), faults that we carry out ourselves (`acts`).

use super::{Conduct, State};
use crate::plan::FaultKind;
use crate::run::stage::Again;
use assay_slo::At;
use assay_slo::event::ServiceState;
use std::collections::BTreeMap;
use tokio::task::JoinSet;
use tokio::time::Duration;

/// An end is seen so long after it at most, and the fault may be over by then, µs.
const SEEN_WITHIN: i64 = 1_000_000;
/// How long whoever is not back may take when the run is over.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Services that are away by a fault of others.
#[derive(Default)]
pub(super) struct Away {
    /// Each, the fault, and how it ended.
    known: BTreeMap<String, (usize, String)>,
    pub(super) coming: JoinSet<(String, Again)>,
    /// When such faults ended, by fault.
    ended: BTreeMap<usize, At>,
}

impl Away {
    /// A fault of others has ended.
    pub(super) fn end(&mut self, fault: usize, at: At) {
        self.ended.insert(fault, at);
    }

    /// The fault whose doing an end may be that was seen now; `applied`: whether it is on.
    fn by(
        &self,
        others: impl Iterator<Item = usize>,
        applied: impl Fn(usize) -> bool,
        now: At,
    ) -> Option<usize> {
        let is_near = |fault: &usize| {
            let ended = self.ended.get(fault);
            applied(*fault) || ended.is_some_and(|at| now.since(*at) <= SEEN_WITHIN)
        };
        others.into_iter().find(is_near)
    }
}

impl Conduct<'_> {
    /// A service has ended, and none of our own faults meant it.
    pub(super) fn service_ended(&mut self, state: &mut State, name: String, how: &str) {
        let faults = self.plan.faults.iter().enumerate();
        let others = faults.filter(|(_, fault)| {
            matches!(fault.kind, FaultKind::Command(_) | FaultKind::Manual { .. })
        });
        let (others, now) = (others.map(|(index, _)| index), self.stream.clock.now());
        let by = state.away.by(others, |index| self.applied.contains(&index), now);
        let coming = by.and_then(|fault| Some((fault, self.stage.comes_again(self.plan, &name)?)));
        let Some((fault, coming)) = coming else {
            return self.stream.service(&name, ServiceState::Died, how);
        };
        let by = &self.plan.faults[fault].name;
        let how = format!("{how} while fault `{by}` was on, which may have ended it");
        self.stream.finding(format!("service {name} {how}; it must come again"));
        state.away.known.insert(name.clone(), (fault, how));
        state.away.coming.spawn(async move { (name, coming.await) });
    }

    /// Whoever starts again what a fault of ours has killed is followed as soon as it is there.
    pub(super) fn follow_back(&self, state: &mut State, index: usize) {
        let planned = &self.plan.faults[index];
        if let Some(coming) = self.stage.comes_back(self.plan, (index, planned)) {
            let name = planned.link.clone();
            state.away.coming.spawn(async move { (name, coming.await) });
        }
    }

    /// It runs again.
    pub(super) fn came_again(&mut self, state: &mut State, name: &str, again: Again) {
        state.away.known.remove(name);
        self.stage.follow_again(self.plan, name, again, self.stream);
        self.stream.flush();
    }

    /// The run is over: whoever has not come again will not.
    pub(super) async fn last_call(&mut self, state: &mut State) {
        let waited = tokio::time::timeout(LAST_LOOK, async {
            while let Some(Ok((name, again))) = state.away.coming.join_next().await {
                self.came_again(state, &name, again);
            }
        });
        // Whoever is missing then is told below.
        let _ = waited.await;
        state.away.coming.abort_all();
        for (name, (_, how)) in std::mem::take(&mut state.away.known) {
            let how = format!("{how}, and it did not come again");
            self.stream.service(&name, ServiceState::Died, &how);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_faults_doing_while_it_is_on_and_a_moment_after() {
        let mut away = Away::default();
        let by = |away: &Away, on: bool, now: u64| {
            away.by([3, 4].into_iter(), |index| on && index == 4, At(now))
        };
        assert_eq!(by(&away, false, 5_000_000), None);
        assert_eq!(by(&away, true, 5_000_000), Some(4));
        away.end(3, At(5_000_000));
        assert_eq!(by(&away, false, 5_900_000), Some(3));
        assert_eq!(by(&away, false, 6_100_000), None);
    }
}
