//! Whether anything answers, by an expression of Prometheus: the annotation `assay.dev/up`.
//!
//! A service counts its own requests, so that an outage of all of it has none to count; this says that
//! there was one.
//! Not here: what production makes of it (`report::production`). A run does not read it: whoever waits for an
//! answer that does not come has counted a bad second.

use super::Slo;

/// The annotation.
const UP: &str = "assay.dev/up";
/// What is replaced by a window in queries.
const WINDOW: &str = "{{.window}}";
/// The only method that has slices of time.
const SLICES: &str = "Timeslices";

/// The expression of an objective whose budget is of slices: 1 while something answers, else 0 or nothing.
#[must_use]
pub fn up(slo: &Slo) -> Option<&str> {
    let text = slo.metadata.annotations.get(UP)?.0.as_str()?;
    (slo.spec.budgeting_method.as_str() == SLICES).then(|| text.trim())
}

/// The key of the annotation under `annotations`, what is wrong with it, and what to write instead.
#[must_use]
pub fn wrong_up(slo: &Slo) -> Option<(&'static str, String, &'static str)> {
    let text = slo.metadata.annotations.get(UP)?.0.as_str()?;
    let (message, help) = if slo.spec.budgeting_method.as_str() != SLICES {
        let help = "leave it out: without slices of time, only requests are counted";
        (format!("`{UP}` belongs to `budgetingMethod: {SLICES}`"), help)
    } else if text.trim().is_empty() {
        let help = "write what is above 0 while the service answers: 'up{job=\"shop\"}'";
        (format!("`{UP}` asks for nothing"), help)
    } else if text.contains(WINDOW) {
        let help = "write what holds at a moment: it is looked at all the time";
        (format!("`{UP}` has no window"), help)
    } else {
        return None;
    };
    Some((UP, message, help))
}

/// What nobody wants: an outage that costs nothing.
pub(super) fn lint(slo: &Slo, found: &mut Vec<String>) {
    if slo.spec.budgeting_method.as_str() == SLICES && up(slo).is_none() {
        found.push(format!(
            "`{}`: a slice in which nothing answers has nothing to count, and costs production nothing: \
             write the annotation `{UP}`",
            slo.name()
        ));
    }
}
