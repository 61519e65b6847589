//! Loads that ended otherwise than they were planned to, or whose peers said what nobody had asked for.
//!
//! Not here: what that decides (`health`, `capacity`).

use super::{MOST, Timeline, believable, malformed};
use crate::case::{Case, LoadKind, Of};
use crate::event::{Unasked, Unmade};
use crate::time::At;

impl Timeline {
    /// A load was stopped.
    pub(super) fn stop(
        &mut self,
        load: usize,
        at: At,
        text: &str,
        case: &Case,
    ) -> Result<(), malformed::Malformed> {
        malformed::check_of(case, Of { load, request: 0 })?;
        let stop = (believable(at)?, text.to_owned());
        // One that waits for its end may be stopped before.
        let first = self.stopped.entry(load).or_insert(stop.clone());
        *first = stop.min(first.clone());
        Ok(())
    }

    /// A peer said what nobody had asked for.
    pub(super) fn hear_unasked(
        &mut self,
        unasked: &Unasked,
        case: &Case,
    ) -> Result<(), malformed::Malformed> {
        malformed::check_of(case, Of { load: unasked.load, request: 0 })?;
        if unasked.connections.max(unasked.talked) > MOST {
            return Err(malformed::Malformed::new("a load had more connections than there can be"));
        }
        let none = Unasked { connections: 0, talked: 0, ..*unasked };
        let sum = self.unasked.entry(unasked.load).or_insert(none);
        sum.connections = sum.connections.saturating_add(unasked.connections);
        sum.talked = sum.talked.saturating_add(unasked.talked);
        Ok(())
    }

    /// A load of users was over before all its journeys were made.
    pub(super) fn fall_short(
        &mut self,
        unmade: &Unmade,
        case: &Case,
    ) -> Result<(), malformed::Malformed> {
        malformed::check_of(case, Of { load: unmade.load, request: 0 })?;
        let users = case.loads.get(unmade.load).is_some_and(|load| load.kind == LoadKind::Users);
        if !users || unmade.made >= unmade.of || unmade.of > MOST {
            return Err(malformed::Malformed::new("a load fell short of journeys that it has not"));
        }
        // The worse counts.
        let known = self.unmade.entry(unmade.load).or_insert(*unmade);
        let share = |one: &Unmade| u128::from(one.made);
        if share(unmade) * u128::from(known.of) < share(known) * u128::from(unmade.of) {
            *known = *unmade;
        }
        Ok(())
    }
}
