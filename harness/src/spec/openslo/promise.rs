//! What an SLO file says of production, for a run that shows what it would have cost there.
//!
//! Invariant: nothing of it decides a verdict, so what cannot be known is told and left out.
//! Not here: how it is written for Prometheus (`report::production`).

use super::{Alert, Slo, SloFile, alerts, minutes};
use assay_slo::case::{BurnAlert, Production};

const MINUTE_S: u64 = 60;
/// A threshold is kept to millionths.
const PPM: f64 = 1e6;

/// What it says of an objective, if that makes sense; and why alerts are not known.
pub(super) fn production(file: &SloFile, slo: &Slo) -> (Option<Production>, Vec<String>) {
    let (alerts, unknown) = match alerts(file, slo) {
        Ok(alerts) => (alerts, Vec::new()),
        Err(problems) => (Vec::new(), problems),
    };
    let unknown = unknown.iter().map(|problem| {
        let (place, message) = (&problem.place, &problem.message);
        format!("{place}: {message}, so nothing is known of the alerts of `{}`", slo.name())
    });
    let unknown = unknown.collect();
    let window = slo.spec.time_window.first().and_then(|one| minutes(one.duration.as_str()));
    let Some(lasts_min) = window.filter(|minutes| *minutes > 0) else { return (None, unknown) };
    let alerts = alerts.iter().filter_map(burn).collect();
    (Some(Production { lasts_s: lasts_min.saturating_mul(MINUTE_S), alerts }), unknown)
}

/// An alert on a budget that burns too fast; none where it would tell of anything else.
fn burn(alert: &Alert) -> Option<BurnAlert> {
    let threshold: f64 = alert.threshold.parse().ok()?;
    let at_least = match alert.op {
        ">" if threshold >= 0.0 => false,
        ">=" if threshold > 0.0 => true,
        _ => return None,
    };
    alert.breaching.then(|| BurnAlert {
        name: alert.policy.clone(),
        long_s: alert.long_min.saturating_mul(MINUTE_S),
        short_s: alert.short_min.saturating_mul(MINUTE_S),
        // What is more than can be kept is never reached.
        threshold_ppm: (threshold * PPM).round() as u64,
        at_least,
        after_s: alert.after_min.saturating_mul(MINUTE_S),
        least: alert.least,
    })
}
