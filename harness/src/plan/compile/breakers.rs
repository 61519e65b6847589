//! Breakers: what each is said to do, and where its states are seen.
//!
//! Invariant: what is said of one of our own gateways' breakers is what that breaker does.
//! Not here: what is expected of them (`expect`).

use super::notes::Notes;
use super::{links, logs, metrics};
use crate::plan::Fleet;
use crate::spec::Trail;
use crate::spec::scalar::Duration;
use crate::spec::types::{self, Scenario};
use assay_slo::case::{Breaker, Evidence, Policy};

/// The breakers, in the order of the scenario.
pub(super) fn compile(
    scenario: &Scenario,
    fleets: &[Fleet],
    notes: &mut Notes<'_>,
) -> Vec<Breaker> {
    let entries = scenario.breakers.iter().map(|(name, written)| {
        let trail = Trail::root().key("breakers").key(name.as_str());
        let evidence = written.evidence.iter().enumerate().filter_map(|(at, one)| {
            let trail = trail.key("evidence").index(at);
            let polled = metrics::polled_index(scenario, name.as_str(), at);
            evidence(one, polled, (scenario, fleets), &trail, notes)
        });
        let evidence: Vec<Evidence> = evidence.collect();
        let policy = policy(&written.policy, &evidence, fleets, &trail.key("policy"), notes);
        Breaker { name: name.to_string(), place: notes.place(&trail), policy, evidence }
    });
    entries.collect()
}

fn evidence(
    written: &types::BreakerEvidence,
    polled: Option<usize>,
    (scenario, fleets): (&Scenario, &[Fleet]),
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Evidence> {
    match written {
        types::BreakerEvidence::Gateway(types::GatewayEvidence { fleet: name }) => {
            let trail = trail.key("gateway").key("fleet");
            let Some(index) = scenario.fleets.get_index_of(name) else {
                let known: Vec<&str> = scenario.fleets.keys().map(|name| name.as_str()).collect();
                let message = format!("unknown fleet `{name}`");
                let among = (&["fleets"][..], "fleets");
                notes.unknown(&trail, name.as_str(), message, among, &known);
                return None;
            };
            if notes.left_out().touches_entry("fleets", name.as_str()) {
                return None;
            }
            if own(fleets, index).is_none() {
                let message = format!("the gateways of `{name}` have no breaker");
                notes.value(&trail, message, "write `gateway: {breaker: {}}` in the fleet");
                return None;
            }
            Some(Evidence::Gateway(index))
        }
        types::BreakerEvidence::Arrivals(types::ArrivalsEvidence { link }) => {
            let trail = trail.key("arrivals").key("link");
            links::check(link, scenario, &trail, notes)
                .then(|| Evidence::Arrivals(link.to_string()))
        }
        types::BreakerEvidence::Log(log) => {
            let index = |pattern| logs::index(scenario, &log.service, pattern);
            Some(Evidence::Logged { opened: index(&log.opened)?, closed: index(&log.closed)? })
        }
        types::BreakerEvidence::Gauge(gauge) => {
            distinct(&gauge.values, &trail.key("gauge").key("values"), notes);
            polled.map(Evidence::Polled)
        }
        _ => polled.map(Evidence::Polled),
    }
}

/// A value that stands for two states tells neither.
fn distinct(values: &types::GaugeValues, trail: &Trail, notes: &mut Notes<'_>) {
    let [closed, open] = [values.closed.value(), values.open.value()];
    let half_open = values.half_open.map(|value| value.value());
    let same = if open == closed {
        ("open", "closed")
    } else if half_open == Some(closed) {
        ("half-open", "closed")
    } else if half_open == Some(open) {
        ("half-open", "open")
    } else {
        return;
    };
    let message = format!("`{}` and `{}` are the same value", same.0, same.1);
    notes.value(&trail.key(same.0), message, "write the value that the gauge has then");
}

/// The breaker of a fleet's gateways.
fn own(fleets: &[Fleet], index: usize) -> Option<Policy> {
    fleets.get(index)?.gateway.as_ref()?.breaker
}

/// What is said; where our own gateways tell, they also know.
fn policy(
    written: &types::BreakerPolicy,
    evidence: &[Evidence],
    fleets: &[Fleet],
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Policy {
    let said = Policy {
        failures: written.failures.map(|count| count.0),
        recovery_us: written.recovery.map(|recovery| recovery.us),
        trials: written.trials.map(|count| count.0),
    };
    let zero = [
        ("failures", said.failures == Some(0)),
        ("recovery", said.recovery_us == Some(0)),
        ("trials", said.trials == Some(0)),
    ];
    for (key, _) in zero.iter().filter(|(_, is_zero)| *is_zero) {
        let message = format!("a breaker with no {key} is none");
        notes.value(&trail.key(key), message, "write more than 0, or leave it out");
    }
    let gateways = evidence.iter().find_map(|one| match one {
        Evidence::Gateway(index) => Some((fleets.get(*index)?, own(fleets, *index)?)),
        Evidence::Arrivals(_) | Evidence::Polled(_) | Evidence::Logged { .. } => None,
    });
    let Some((fleet, does)) = gateways else { return said };
    let mut differs =
        |key: &str, said: Option<u64>, does: Option<u64>, shown: fn(u64) -> String| {
            if let (Some(said), Some(does)) = (said, does)
                && said != does
            {
                let (said, does) = (shown(said), shown(does));
                let message =
                    format!("`{}` has a breaker with {key} {does}, not {said}", fleet.name);
                notes.value(&trail.key(key), message, format!("write {does}, or leave it out"));
            }
        };
    let number = |of: u64| of.to_string();
    differs("failures", said.failures, does.failures, number);
    differs("recovery", said.recovery_us, does.recovery_us, |us| Duration { us }.to_string());
    differs("trials", said.trials, does.trials, number);
    does
}
