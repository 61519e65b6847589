//! Loads that go up in steps: what is wrong with how they do.
//!
//! Not here: their arithmetic (`stairs`), what must hold at each (`capacities`).

use super::notes::Notes;
use super::{MOST_RUN_US, positive};
use crate::plan::Stairs;
use crate::spec::Trail;
use crate::spec::scalar::Duration;
use crate::spec::types::SteppingArrivalRate;
use assay_slo::time::SECOND_US;

/// The steps of a load; `trail` leads to its settings.
pub(super) fn compile(
    name: &str,
    written: &SteppingArrivalRate,
    starts_us: u64,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Stairs {
    let stairs = Stairs::of(written);
    positive(written.step_duration, MOST_RUN_US, &trail.key("step-duration"), notes);
    if written.step.milli_per_min == 0 {
        let message = format!("`{name}` never goes up: its steps are 0/s high");
        notes.value(&trail.key("step"), message, "write how much higher each next step is");
    } else if stairs.count == 0 {
        let message = format!("`{name}` has no step: its first would be above its greatest rate");
        notes.value(&trail.key("max-rate"), message, "write one of at least `start-rate`");
    }
    if written.start_rate.milli_per_min == 0 && stairs.count > 1 {
        let message = format!("the first step of `{name}` sends nothing");
        notes.value(&trail.key("start-rate"), message, "write the rate of the first step");
    }
    let short = (0..stairs.count.min(2)).any(|step| {
        let starts_us = starts_us.saturating_add(step.saturating_mul(stairs.lasts_us));
        let first = starts_us.saturating_add(stairs.settle_us).div_ceil(SECOND_US);
        first >= starts_us.saturating_add(stairs.lasts_us) / SECOND_US
    });
    if short && stairs.lasts_us > 0 {
        let [lasts, settle] = [stairs.lasts_us, stairs.settle_us].map(|us| Duration { us });
        let message = format!(
            "a step of {lasts} that settles for {settle} leaves no whole second to be judged"
        );
        notes.entry(trail, message, "write a longer `step-duration`, or a shorter `settle`");
    }
    stairs
}
