//! Fleets and breakers in words.
//!
//! Not here: driving fleets (`fleet`).

use super::short;
use crate::plan::fleet::{Delivery, Found, Gateway, Mutant, Order, ReadBack, Retry, WhenFull};
use crate::plan::words::{count, rate, several, time};
use crate::plan::{Fleet, Plan};
use assay_slo::Share;
use assay_slo::case::{Evidence, Policy};

/// Waits that are listed.
const WAITS: usize = 4;

/// `40 devices, each every 200 ms: 200/s, 10 000 samples`.
pub(super) fn stream(fleet: &Fleet) -> String {
    let jitter = match fleet.jitter_us {
        0 => String::new(),
        us => format!(" ± {}", time(us)),
    };
    format!(
        "{}, each every {}{jitter}: {}, {}",
        several(fleet.devices, "device", "devices"),
        time(fleet.every_us),
        rate(fleet.rate_milli_per_min()),
        several(fleet.planned(), "sample", "samples")
    )
}

/// What each fleet sends, through which gateways, and how it is read back.
pub(super) fn rows(plan: &Plan) -> Vec<Vec<String>> {
    let rows = plan.fleets.iter().flat_map(|fleet| {
        let sends = match &fleet.send {
            Some(request) => format!("sends {} {}", request.method, short(&request.path.0)),
            None => "sends POST /ingest/raw, and features to POST /ingest/features".to_owned(),
        };
        let through = match &fleet.gateway {
            Some(one) => gateway(one),
            None => {
                format!("devices send for themselves, timeout {}", time(fleet.client.timeout_us))
            }
        };
        let read = match &fleet.read_back {
            Some(how) => format!("drains up to {}, then {}", time(fleet.drain_us), read_back(how)),
            None => format!("drains up to {}; nothing is read back", time(fleet.drain_us)),
        };
        let rows = [sends, through, read].into_iter().enumerate();
        rows.map(|(at, what)| vec![super::first(&fleet.name, at), what])
    });
    rows.collect()
}

fn gateway(gateway: &Gateway) -> String {
    let held = format!(
        "{}, {} in flight, timeout {}, outbox of {}{}",
        several(u64::from(gateway.count), "gateway", "gateways"),
        gateway.in_flight,
        time(gateway.timeout_us),
        count(u64::try_from(gateway.buffer_max).unwrap_or(u64::MAX)),
        match gateway.when_full {
            WhenFull::DropOldest => "",
            WhenFull::DropNewest => " that drops the newest",
        }
    );
    let delivery = (gateway.delivery == Delivery::FireAndForget)
        .then(|| "forgets a sample before it is sent".to_owned());
    let breaker = gateway.breaker.map(|policy| format!("breaker: {}", said(&policy)));
    let mutant = gateway.mutant.map(|mutant| {
        let how = match mutant {
            Mutant::NeverOpens => "its breaker never opens",
            Mutant::StaleSuccessCloses => "a stale success closes its breaker",
        };
        format!("on purpose {how}")
    });
    let parts = [delivery, breaker, gateway.retry.as_ref().map(retry), mutant];
    let parts = [held].into_iter().chain(parts.into_iter().flatten());
    parts.collect::<Vec<_>>().join("; ")
}

fn retry(retry: &Retry) -> String {
    let order = match retry.order {
        Order::OutsideBreaker => "outside",
        Order::InsideBreaker => "inside",
    };
    let jitter = match retry.jitter {
        Share(0) => String::new(),
        share => format!(" ± {share}"),
    };
    let next = |us: &u64| Some((us.saturating_mul(retry.factor_milli) / 1000).min(retry.max_us));
    let waits = std::iter::successors(Some(retry.base_us.min(retry.max_us)), next);
    let many = retry.attempts.saturating_sub(1) as usize;
    let mut shown: Vec<String> = waits.take(many.min(WAITS)).map(time).collect();
    if many > WAITS {
        shown.push("…".to_owned());
    }
    format!(
        "{} {order} the breaker, waits {}{jitter}",
        several(u64::from(retry.attempts), "attempt", "attempts"),
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    )
}

/// `5 failures, 5 s recovery, 1 trial`; what is not said is left out.
fn said(policy: &Policy) -> String {
    let parts = [
        policy.failures.map(|failures| several(failures, "failure", "failures")),
        policy.recovery_us.map(|us| format!("{} recovery", time(us))),
        policy.trials.map(|trials| several(trials, "trial", "trials")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "nothing said".to_owned() } else { parts.join(", ") }
}

fn read_back(how: &ReadBack) -> String {
    match how {
        ReadBack::Command(words) => {
            let words: Vec<&str> = words.iter().map(|word| word.0.as_str()).collect();
            format!("{} prints what is stored", words.join(" "))
        }
        ReadBack::Http { service, path, found, .. } => {
            let what = match found {
                Found::Ranges(at) => format!("ranges at {at}"),
                Found::Items { list, .. } => format!("items at {list}"),
            };
            format!("GET {} of {service}: {what}", path.0)
        }
    }
}

/// Each breaker: what it is said to do, and where it is seen.
pub(super) fn breakers(plan: &Plan) -> Vec<Vec<String>> {
    let rows = plan.case.breakers.iter().map(|breaker| {
        let seen = breaker.evidence.iter().map(|evidence| match evidence {
            Evidence::Gateway(index) => {
                let name = plan.fleets.get(*index).map_or("", |fleet| fleet.name.as_str());
                format!("told by the gateways of {name}")
            }
            Evidence::Arrivals(link) => format!("seen in arrivals at {link}"),
            Evidence::Logged { opened, .. } => {
                let service = plan.case.logs.get(*opened).map_or("?", |log| log.service.as_str());
                format!("told by the log of {service}")
            }
            Evidence::Polled(metric) => {
                let reads = plan.case.metrics.get(*metric).map_or("?", |m| m.reads.as_str());
                format!("read again and again: {reads}")
            }
        });
        let seen: Vec<String> = seen.collect();
        vec![breaker.name.clone(), format!("{}; {}", said(&breaker.policy), seen.join(", "))]
    });
    rows.collect()
}
