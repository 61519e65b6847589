//! How much must get through.
//!
//! Not here: whether so much is offered (`feasible`).

use super::notes::Notes;
use crate::spec::Trail;
use crate::spec::scalar::{self, Name};
use assay_slo::Share;
use assay_slo::case::{Load, LoadKind, Of, Pace};

/// The limit as the judge takes it.
pub(super) fn pace(written: scalar::Pace) -> Pace {
    match written {
        scalar::Pace::Share(share) => Pace::Share(share.0),
        scalar::Pace::Rate(rate) => Pace::Rate(rate.milli_per_min),
    }
}

/// Refuses a limit that asks for nothing, and a share of what nobody offers.
pub(super) fn check(
    name: &Name,
    at_least: Pace,
    (of, loads): (&[Of], &[Load]),
    trail: &Trail,
    notes: &mut Notes<'_>,
) {
    let at = trail.key("at-least");
    match at_least {
        Pace::Share(Share(0)) | Pace::Rate(0) => {
            let message = "a throughput of nothing asks for nothing".to_owned();
            notes.value(&at, message, "write a share such as 99%, or a rate such as 300/s");
        }
        Pace::Share(_) => {
            let mut all = of.iter().filter_map(|of| loads.get(of.load));
            let closed = all.find(|load| load.kind != LoadKind::Open || load.journeys);
            if let Some(load) = closed {
                let message = format!(
                    "`{name}` is a share of what is offered, and how much `{}` offers depends on its \
                     answers",
                    load.name
                );
                notes.value(&at, message, "write a rate such as 300/s");
            }
        }
        Pace::Rate(_) => {}
    }
}
