//! Whether the gate's last look comes before what the expectations still allow.
//!
//! It looks at whole seconds for which nothing allows a failure any more. Where there is none, what
//! comes back in its time could be violated by the look.
//!
//! Not here: that the load still runs then (`compile::steady`), the look itself (crate slo).

use super::failing::World;
use super::planned;
use crate::plan::compile::notes::Notes;
use crate::plan::phases;
use crate::spec::scalar::Duration;
use assay_slo::gate::allowed;
use assay_slo::time::SECOND_US;

/// Warns of it, with the `after` that would do.
pub(super) fn check(world: World<'_>, notes: &mut Notes<'_>) {
    let World { case, traffic, .. } = world;
    let Some(gate) = &case.steady_state else { return };
    let Some(ended_us) = case.faults.iter().map(phases::end).max() else { return };
    let until = case.expectations.iter().filter_map(|one| {
        let (after, within_us) = allowed(&one.must, case)?;
        Some((planned(after, case).saturating_add(within_us), &one.name))
    });
    let Some((until_us, name)) = until.max() else { return };
    let looks_us = ended_us.saturating_add(gate.after_us);
    // A whole second, wherever the seconds begin.
    let needed_us = until_us.saturating_add(2 * SECOND_US);
    if looks_us >= until_us.saturating_add(SECOND_US) {
        return;
    }
    let [looks, until] = [looks_us, until_us].map(|us| Duration { us });
    let after = Duration { us: needed_us.saturating_sub(ended_us) };
    let longer = match traffic.ends() {
        Some(ends_us) if ends_us < needed_us => {
            format!(" and let the load run until {}", Duration { us: needed_us })
        }
        _ => String::new(),
    };
    notes.warn(format!(
        "the steady state is looked at again at {looks}, when `{name}` still allows failures, \
         until {until}: write `steady-state: {{after: {after}}}`{longer}"
    ));
}
