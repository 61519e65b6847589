//! What of a load another run must have alike, for the two to be held against each other: its rate as
//! it is written, and a hash of what it sends.
//!
//! Invariant: what stands for its default, secrets, and where the requests go count for nothing: a
//! build may stand elsewhere than the one before.
//! Not here: telling the differences (crate slo).

use super::{hexadecimal, parts};
use crate::spec::mask_tree;
use crate::spec::types::{Scenario, Step};
use assay_slo::case::{self, Traffic};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What a load has beside its rate.
const BESIDE: [&str; 6] = ["requests", "journey", "client", "to", "at", "stop-after"];
/// What a fleet's rate is made of.
const OF_FLEETS: [&str; 5] = ["devices", "every", "jitter", "duration", "samples"];
/// So many digits of the hash tell two loads apart.
const DIGITS: usize = 16;

/// Fills it in, by the names of the loads and fleets.
pub(super) fn fill(scenario: &Scenario, secrets: &[String], loads: &mut [case::Load]) {
    let written = parts::loads(scenario);
    for load in loads {
        let found = written.iter().find(|(name, _)| *name == load.name);
        let fleet = scenario.fleets.iter().find(|(name, _)| name.as_str() == load.name);
        load.traffic = match (found, fleet) {
            (Some((_, parts)), _) => {
                let steps: Vec<&Step> = parts.journey.iter().map(|placed| placed.step).collect();
                let sent: Vec<_> =
                    parts.sent.iter().map(|one| json!([one.method, one.call])).collect();
                let sends = json!({"client": parts.client, "sent": sent, "journey": steps});
                // `{KIND: {…}}`.
                let mut rate = json!(parts.entry);
                for settings in rate.as_object_mut().into_iter().flat_map(Map::values_mut) {
                    keep(settings, |key| !BESIDE.contains(&key));
                }
                Some(traffic(rate, sends, secrets))
            }
            (None, Some((_, fleet))) => {
                let (mut rate, mut sends) = (json!(fleet), json!(fleet));
                keep(&mut rate, |key| OF_FLEETS.contains(&key));
                keep(&mut sends, |key| !OF_FLEETS.contains(&key) && key != "to");
                Some(traffic(rate, sends, secrets))
            }
            (None, None) => None,
        };
    }
}

fn keep(settings: &mut Value, kept: impl Fn(&str) -> bool) {
    if let Some(settings) = settings.as_object_mut() {
        settings.retain(|key, _| kept(key));
    }
}

fn traffic(mut rate: Value, mut sends: Value, secrets: &[String]) -> Traffic {
    for tree in [&mut rate, &mut sends] {
        mask_tree(tree, secrets);
        bare(tree);
    }
    let mut digits = hexadecimal(&Sha256::digest(sends.to_string()));
    digits.truncate(DIGITS);
    Traffic { rate: rate.to_string().replace('"', ""), sends: digits }
}

/// Leaves out what is not written: a later version knows more settings.
fn bare(tree: &mut Value) {
    match tree {
        Value::Object(map) => {
            map.values_mut().for_each(bare);
            map.retain(|_, value| !is_nothing(value));
            map.sort_keys();
        }
        Value::Array(items) => items.iter_mut().for_each(bare),
        _ => {}
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::compile;
    use crate::spec::{Overrides, decode};

    fn sent(load: &str) -> (String, String) {
        let text = format!(
            "schema: 1\nname: x\nservices: {{s: {{url: \"http://127.0.0.1:9090/\"}}}}\nload: \
             {{v: {load}}}\nobjectives: {{e: {{error-rate: {{below: 50%}}}}}}\n"
        );
        let loaded = decode("x.yaml", &text, &Overrides::default(), &|_| None).unwrap();
        let plan = compile(&loaded).unwrap();
        let traffic = plan.case.loads[0].traffic.clone().unwrap();
        (traffic.rate, traffic.sends)
    }

    #[test]
    fn a_rate_and_what_is_sent_are_told_apart() {
        let of = |rate: &str, more: &str| sent(&format!("{{{rate}, {more}}}}}"));
        let even = "constant-arrival-rate: {rate: 100/s, duration: 15s";
        let ramp =
            "ramping-arrival-rate: {start-rate: 1/s, stages: [{duration: 15s, target: 199/s}]";
        let get = "requests: [{get: {name: a, path: /a}}]";
        let own = of(even, get);
        assert_eq!(own.0, "{constant-arrival-rate:{arrivals:even,duration:15s,rate:100/s}}");
        assert_eq!(of(even, &format!("to: s, {get}")), own);
        assert_eq!(of(&even.replace("100/s", "6000/m"), get), own);
        let ramped = of(ramp, get);
        assert_eq!(ramped.1, own.1);
        assert!(ramped.0.contains("199/s"), "{}", ramped.0);
        for other in [
            "requests: [{post: {name: a, path: /a}}]",
            "requests: [{get: {name: a, path: /b}}]",
            "requests: [{get: {name: a, path: /a, headers: {x: y}}}]",
            "client: {reconnect: {every: 30s}}, requests: [{get: {name: a, path: /a}}]",
        ] {
            let (rate, sends) = of(even, other);
            assert_eq!(rate, own.0);
            assert_ne!(sends, own.1, "{other}");
        }
    }
}
