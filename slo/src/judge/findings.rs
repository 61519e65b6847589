//! What the report must tell although nobody asked.
//!
//! Invariant: a finding never changes a verdict; what must change one is a doubt.
//! Not here: verdicts.

use super::{metrics, omission, scores, stopped};
use crate::capacity;
use crate::case::Objective;
use crate::evidence::Evidence;
use crate::expectation::reconciles;
use crate::objective::{self, Judged};
use crate::words;

pub(super) fn findings(
    evidence: &Evidence<'_>,
    judged: &[(Option<&Objective>, Judged)],
) -> Vec<String> {
    let mut findings: Vec<String> = stopped(evidence).into_iter().collect();
    let broken = evidence.timeline.end.iter().flat_map(|end| &end.still_broken);
    findings.extend(broken.map(|what| format!("still broken: {what}")));
    findings.extend(evidence.disagreements.values().cloned());
    findings.extend(evidence.timeline.findings.iter().cloned());
    findings.extend(evidence.faults.iter().flat_map(|facts| facts.findings.iter().cloned()));
    findings.extend(evidence.breakers.findings.iter().cloned());
    findings.extend(reconciles::findings(evidence));
    findings.extend(metrics::missed(evidence.case, evidence.timeline));
    for (load, health) in scores::loads(evidence).into_iter().zip(&evidence.loads) {
        let name = &load.name;
        if load.idle_resets > 0 {
            findings.push(format!(
                "load `{name}`: {} on a connection kept from an earlier request, before any byte \
                 of an answer; they count as errors",
                words::count(load.idle_resets, "reset")
            ));
        }
        if load.idle_resent > 0 {
            findings.push(format!(
                "load `{name}`: {} sent once more after a reset of a connection kept from an \
                 earlier request, before any byte of an answer (`idle-reset: retry-once`)",
                words::count(load.idle_resent, "request")
            ));
        }
        for (outcome, text) in [
            ("not_sent", ["could not be sent by the generator"; 2]),
            (
                "cut",
                [
                    "was still under way when the run was stopped",
                    "were still under way when the run was stopped",
                ],
            ),
        ] {
            let n = load.outcomes.iter().find(|(known, _)| known == outcome).map_or(0, |(_, n)| *n);
            let [one, many] = text;
            let or = match health.stood.us > 0 && outcome == "cut" {
                true => ", or late perhaps only because the generator stood still",
                false => "",
            };
            match n {
                0 => {}
                1 => findings
                    .push(format!("load `{name}`: 1 request {one}{or}: its outcome is unknown")),
                n => findings.push(format!(
                    "load `{name}`: {n} requests {many}{or}: their outcome is unknown"
                )),
            }
        }
    }
    findings.extend(
        evidence.timeline.stopped.keys().filter_map(|load| capacity::stopped(evidence, *load)),
    );
    for (load, health) in evidence.case.loads.iter().zip(&evidence.loads) {
        if let Some(unmade) = health.unmade {
            findings.push(format!(
                "load `{}`: its time was over after {} of its {}",
                load.name,
                unmade.made,
                words::count(unmade.of, "journey")
            ));
        }
        findings.extend(health.stood.told(&load.name));
        if let Some(unasked) = health.unasked {
            findings.push(format!(
                "load `{}`: {} of {} were given up because the peer had said on them what nobody had \
                 asked for: answers may belong to other requests",
                load.name,
                unasked.talked,
                words::count(unasked.connections, "connection")
            ));
        }
        if health.lost > 0 {
            findings.push(format!(
                "load `{}`: {} left no record; they count as unknown",
                load.name,
                words::count(health.lost, "planned request")
            ));
        }
    }
    findings.extend(evidence.case.objectives.iter().filter_map(|o| small_names(evidence, o)));
    for (objective, one) in judged.iter().filter_map(|(of, one)| Some(((*of)?, one))) {
        findings.extend(omission::finding(evidence, objective, one));
    }
    findings
}

/// So many names are told of several.
const MOST_NAMES: usize = 3;

/// Names that hardly count in a pool: it says little about them.
fn small_names(evidence: &Evidence<'_>, objective: &Objective) -> Option<String> {
    if objective.per_request {
        return None;
    }
    let each = Objective { per_request: true, ..objective.clone() };
    let names = objective::groups(evidence.case, &each).into_iter().map(|(id, of)| {
        let cells = of.iter().flat_map(|of| evidence.timeline.cells(*of));
        let due: u64 = cells.filter(|(key, _)| key.segment > 0).map(|(_, counts)| counts.n).sum();
        (id, due)
    });
    let names: Vec<(String, u64)> = names.collect();
    let all: u64 = names.iter().map(|(_, due)| due).sum();
    let small: Vec<_> = names.into_iter().filter(|(_, due)| *due > 0 && due * 20 < all).collect();
    let part = |due: &u64| words::ratio(*due, all);
    match small.as_slice() {
        [] => None,
        [(id, due)] => Some(format!(
            "objective `{id}`: this name is only {} of what is judged together",
            part(due)
        )),
        several => {
            let bare = |id: &str| {
                let inner = id.strip_prefix(&format!("{} (", objective.name));
                inner.and_then(|id| id.strip_suffix(')')).unwrap_or(id).to_owned()
            };
            let told = several.iter().take(MOST_NAMES);
            let told: Vec<String> =
                told.map(|(id, due)| format!("`{}` ({})", bare(id), part(due))).collect();
            let more = match several.len() - told.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Some(format!(
                "objective `{}`: {} names are each only a small part of what is judged together, so \
                 it says little about them: {}{more}",
                objective.name,
                several.len(),
                told.join(", ")
            ))
        }
    }
}
