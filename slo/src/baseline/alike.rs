//! Whether two runs were asked the same: unlike traffic makes unlike numbers.
//!
//! Invariant: each difference is named, with both sides.
//! Not here: machines (harness `run`).

use super::{MOST_TOLD, Past, PastLoad};
use crate::words;

/// Planned requests may differ by so much, one in: chance draws them.
const DRAWN: u64 = 50;

/// In what an earlier run (`there`) was asked something else than this one, in a few words each.
pub(crate) fn differences(there: &Past, here: &Past) -> Vec<String> {
    let mut told = Vec::new();
    let mut differ = |what: &str, there: String, here: String| {
        if there != here {
            told.push(format!("{what}: {there} there, {here} here"));
        }
    };
    differ("the warm-up", words::duration(there.warmup_us), words::duration(here.warmup_us));
    let names = |past: &Past| {
        let names = past.loads.iter().map(|load| load.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    differ("the loads", names(there), names(here));
    for own in &here.loads {
        let Some(other) = there.loads.iter().find(|load| load.name == own.name) else { continue };
        let name = &own.name;
        let kind = |load: &PastLoad| format!("{:?}", load.kind).to_lowercase();
        differ(&format!("the kind of `{name}`"), kind(other), kind(own));
        let when = |load: &PastLoad| {
            let [from, to] = [load.starts_us, load.ends_us].map(words::duration);
            format!("{from} to {to}")
        };
        differ(&format!("when `{name}` is sent"), when(other), when(own));
        if other.planned.abs_diff(own.planned) > other.planned.max(own.planned) / DRAWN {
            let [there, here] = [other, own].map(|load| words::count(load.planned, "request"));
            differ(&format!("what `{name}` plans"), there, here);
        }
        let [rate_there, rate_here] = [other, own].map(rate);
        differ(&format!("the rate of `{name}`"), rate_there, rate_here);
        let [sent_there, sent_here] = [other, own].map(sends);
        differ(&format!("what `{name}` sends (hash)"), sent_there, sent_here);
        let requests = |load: &PastLoad| {
            let names = load.requests.iter().map(|request| request.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        differ(&format!("the requests of `{name}`"), requests(other), requests(own));
    }
    let faults = |past: &Past| {
        let faults = past.faults.iter().map(|fault| {
            let [at, lasts] = [fault.starts_us, fault.lasts_us].map(words::duration);
            format!("{} ({} of {:?} at {at} for {lasts})", fault.name, fault.kind, fault.asked)
        });
        match past.faults.len() {
            0 => "none".to_owned(),
            _ => faults.collect::<Vec<_>>().join(", "),
        }
    };
    differ("the faults", faults(there), faults(here));
    told.truncate(MOST_TOLD);
    told
}

/// What nobody kept may have been anything.
const UNKNOWN: &str = "unknown (kept by an older program)";

fn rate(load: &PastLoad) -> String {
    load.traffic.as_ref().map_or_else(|| UNKNOWN.to_owned(), |traffic| traffic.rate.clone())
}

fn sends(load: &PastLoad) -> String {
    load.traffic.as_ref().map_or_else(|| UNKNOWN.to_owned(), |traffic| traffic.sends.clone())
}
