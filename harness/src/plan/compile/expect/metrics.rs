//! Expectations of metrics and of services: limits, settling, readiness.
//!
//! Invariant: a limit is written in its metric's unit; a bare 0 is 0 of anything.
//! Not here: whether there are samples enough (`feasible`).

use super::{Given, HOLD_US, check_left, deadline};
use crate::plan::compile::metrics::known_service;
use crate::plan::compile::notes::Notes;
use crate::plan::compile::{MOST_RUN_US, names, positive};
use crate::spec::Trail;
use crate::spec::scalar::{Name, Quantity};
use crate::spec::types::{self, Expect, MetricAsked, ProcessRead, ReadyAsked, Scenario, Settles};
use assay_slo::case::{Anchor, During, Growth, Limits, MetricMust, Must, SettlesMust, Unit};

/// The index of a metric in [`assay_slo::Case::metrics`].
pub(in crate::plan::compile) fn index(
    name: &Name,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<usize> {
    let index = scenario.metrics.get_index_of(name);
    if index.is_none() {
        let known: Vec<&str> = scenario.metrics.keys().map(|name| name.as_str()).collect();
        let message = format!("unknown metric `{name}`");
        notes.unknown(trail, name.as_str(), message, (&["metrics"], "metrics"), &known);
    }
    index
}

/// The unit in which a metric's limits are written; plain where there are none.
pub(in crate::plan::compile) fn unit(name: &Name, scenario: &Scenario) -> Unit {
    let asked = scenario.expect.iter().flat_map(|expect| match expect {
        Expect::Metric(asked) if asked.name == *name => {
            let value = asked.value.iter().flat_map(of_limits);
            let growth = asked.growth.iter().map(|growth| growth.at_most.amount);
            let increase = asked.increase.iter().map(|most| most.at_most);
            value.chain(growth).chain(increase).collect()
        }
        Expect::Settles(asked) if asked.metric == *name => vec![asked.at_most],
        _ => Vec::new(),
    });
    asked.map(|quantity| quantity.unit()).find(|unit| *unit != Unit::Plain).unwrap_or_default()
}

fn of_limits(limits: &types::Limits) -> impl Iterator<Item = Quantity> {
    [limits.below, limits.at_most, limits.above, limits.at_least].into_iter().flatten()
}

/// Refuses a limit in another unit than the kernel's.
pub(in crate::plan::compile) fn check_unit(
    quantity: Quantity,
    name: &Name,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) {
    let Some(types::Metric::Process(process)) = scenario.metrics.get(name) else { return };
    let (unit, help) = match process.read {
        ProcessRead::Rss => (Unit::Bytes, "write a size such as 512MiB"),
        ProcessRead::Cpu => (Unit::Share, "write a share such as 80%; 100% is one processor"),
        ProcessRead::Threads | ProcessRead::OpenFiles | ProcessRead::Restarts => {
            (Unit::Plain, "write a number")
        }
    };
    if quantity.unit() != unit && quantity.value().get() != 0.0 {
        let message = format!("`{quantity}` is not in the unit of `{name}`");
        notes.value(trail, message, help);
    }
}

/// Limits as the judge takes them.
pub(in crate::plan::compile) fn limits(
    written: &types::Limits,
    name: &Name,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Limits {
    let mut limit = |quantity: Option<Quantity>, key: &str| {
        let quantity = quantity?;
        check_unit(quantity, name, scenario, &trail.key(key), notes);
        Some(quantity.value())
    };
    let limits = Limits {
        below: limit(written.below, "below"),
        at_most: limit(written.at_most, "at-most"),
        above: limit(written.above, "above"),
        at_least: limit(written.at_least, "at-least"),
    };
    if limits.is_none() {
        let message = "it asks nothing".to_owned();
        notes.entry(trail, message, "write at-most, below, at-least or above");
    }
    limits
}

pub(super) fn metric(
    asked: &MetricAsked,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    let scenario = given.scenario;
    let metric = index(&asked.name, scenario, &trail.key("name"), notes);
    if asked.value.is_none() && asked.growth.is_none() && asked.increase.is_none() {
        let message = format!("nothing is asked of `{}`", asked.name);
        notes.entry(trail, message, "write value, growth or increase");
    }
    let value = asked.value.as_ref().map_or(Limits::default(), |value| {
        limits(value, &asked.name, scenario, &trail.key("value"), notes)
    });
    let growth = asked.growth.as_ref().map(|growth| {
        let way = trail.key("growth").key("at-most");
        check_unit(growth.at_most.amount, &asked.name, scenario, &way, notes);
        Growth { at_most: growth.at_most.amount.value(), per_us: growth.at_most.per_us }
    });
    let increase = asked.increase.as_ref().map(|most| {
        let way = trail.key("increase").key("at-most");
        check_unit(most.at_most, &asked.name, scenario, &way, notes);
        most.at_most.value()
    });
    if increase.is_some()
        && let Some(types::Metric::Promql(_)) = scenario.metrics.get(&asked.name)
    {
        notes.warn(format!(
            "`{}` increases by what Prometheus has scraped: what comes after its last scrape before the end is \
             not seen; let `recovery` or the load last longer than its scrape interval, or read the service's own \
             page (`prometheus:`)",
            asked.name
        ));
    }
    let during = asked.during.as_deref();
    let way = trail.key("during");
    let during = names::during(during, &[During::All], scenario, &way, notes);
    let skip_us = asked.skip.map_or(0, |skip| skip.us);
    Some(Must::Metric(MetricMust { metric: metric?, value, growth, increase, skip_us, during }))
}

pub(super) fn settles(
    asked: &Settles,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    let metric = index(&asked.metric, given.scenario, &trail.key("metric"), notes);
    check_unit(asked.at_most, &asked.metric, given.scenario, &trail.key("at-most"), notes);
    let hold_us =
        asked.hold.map_or(HOLD_US, |hold| positive(hold, MOST_RUN_US, &trail.key("hold"), notes));
    let deadline = deadline(&asked.after, asked.within, given, trail, notes)?;
    check_left(&deadline, hold_us, given.traffic.ends(), given, trail, notes);
    let (after, within_us) = deadline.pair();
    let at_most = asked.at_most.value();
    Some(Must::Settles(SettlesMust { metric: metric?, at_most, after, within_us, hold_us }))
}

pub(super) fn ready(
    asked: &ReadyAsked,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    let known: Vec<&str> = given.scenario.services.keys().map(|name| name.as_str()).collect();
    let is_known = known_service(&asked.service, &known, &trail.key("service"), notes);
    let deadline = deadline(&asked.after, asked.within, given, trail, notes)?;
    check_left(&deadline, 0, given.traffic.ends(), given, trail, notes);
    let (after, within_us) = deadline.pair();
    if !matches!(after.anchor, Anchor::FaultEnd(_)) {
        let message =
            "looks at a service begin when a fault ends, and this names no end".to_owned();
        notes.value(&trail.key("after"), message, "write such as FAULT.end");
    }
    is_known.then(|| Must::Ready { service: asked.service.to_string(), after, within_us })
}
