//! Expectations and the steady-state gate.
//!
//! Not here: judging them (crate slo).

use crate::plan::compile::{World, named_moment, need};
use crate::plan::words::{count, time};
use crate::plan::{Plan, Traffic};
use assay_slo::amount;
use assay_slo::case::{
    Bound, BreakerMust, Case, Expectation, LogMust, MetricMust, Moment, Must, ReconcilesMust, Unit,
};

pub(super) fn rows(plan: &Plan) -> Vec<Vec<String>> {
    let row = |expectation: &Expectation| {
        let objective = |index: &usize| {
            plan.case.objectives.get(*index).map_or("", |objective| objective.name.as_str())
        };
        let what = match &expectation.must {
            Must::Recovers { within_us, hold_us, .. } => {
                format!("within {}, and stays so for {}", time(*within_us), time(*hold_us))
            }
            Must::Unaffected { keeps, .. } => {
                format!("keeps {}", keeps.iter().map(objective).collect::<Vec<_>>().join(", "))
            }
            Must::Answers { mark, .. } => {
                plan.case.marks.get(*mark).map_or_else(String::new, answer)
            }
            Must::Breaker(must) => breaker(must, &plan.case),
            Must::Ledger { .. } => ledger(&expectation.must),
            Must::Backlog { fleet, peak, drained } => backlog(*fleet, *peak, *drained, plan),
            Must::Goodput { at_least, within_us, .. } => {
                format!("at least {at_least} of the level before, within {}", time(*within_us))
            }
            Must::Amplification { at_most_milli, window_s, .. } => {
                let window = window_s.map_or_else(String::new, |s| format!(", in each {s} s"));
                format!("at most {} calls as in steady{window}", times(*at_most_milli))
            }
            Must::Herd { peak_milli, within_us, .. } => {
                let within = time(*within_us);
                format!(
                    "at most {} arrivals as before in any second of {within}",
                    times(*peak_milli)
                )
            }
            Must::Metric(must) => metric(must, &plan.case),
            Must::Settles(must) => {
                let unit = plan.case.metrics.get(must.metric).map_or(Unit::Plain, |m| m.unit);
                let (within, hold) = (time(must.within_us), time(must.hold_us));
                let most = amount::limit(must.at_most, unit);
                format!("at most {most} within {within}, and stays so for {hold}")
            }
            Must::Log(must) => lines(must),
            Must::Reconciles(must) => reconciles(must, &plan.case),
            Must::Ready { within_us, .. } => format!("ready within {}", time(*within_us)),
        };
        vec![expectation.name.clone(), what]
    };
    let mut rows: Vec<Vec<String>> = plan.case.expectations.iter().map(row).collect();
    if let Some(gate) = &plan.case.steady_state {
        let required = gate.require.iter().filter_map(|index| plan.case.objectives.get(*index));
        let names: Vec<&str> = required.map(|objective| objective.name.as_str()).collect();
        let probes = plan.probes.iter().map(|probe| probe.name.as_str());
        let all: Vec<&str> = names.into_iter().chain(probes).collect();
        let what = format!(
            "before the first fault, and {} after the last: {}",
            time(gate.after_us),
            if all.is_empty() { "99% of the last 5 s ok".to_owned() } else { all.join(", ") }
        );
        rows.push(vec!["steady-state".to_owned(), what]);
    }
    rows
}

/// `at most 512 MiB, growth at most 1 MiB/m`.
fn metric(must: &MetricMust, case: &Case) -> String {
    let unit = case.metrics.get(must.metric).map_or(Unit::Plain, |metric| metric.unit);
    let value = Some(must.value.words(unit)).filter(|words| !words.is_empty());
    let growth = must.growth.map(|growth| {
        let most = amount::limit(growth.at_most, unit);
        format!("growth at most {most} in {}", time(growth.per_us))
    });
    let increase =
        must.increase.map(|most| format!("increase at most {}", amount::limit(most, unit)));
    let skip = (must.skip_us > 0).then(|| format!("the first {} left out", time(must.skip_us)));
    [value, growth, increase, skip].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `rises by as many as answers are ok, but for 0, within 30 s after down.end`.
fn reconciles(must: &ReconcilesMust, case: &Case) -> String {
    let by = must.by.map_or_else(
        || "at the end of the run".to_owned(),
        |(after, us)| format!("within {} after {}", time(us), named_moment(after, case)),
    );
    format!("rises by as many as answers are ok, but for {}, {by}", count(must.at_most))
}

/// `at least 1 line, at most 9`.
fn lines(must: &LogMust) -> String {
    let limit = |what: &str, n: Option<u64>| n.map(|n| format!("{what} {}", count(n)));
    let limits = [limit("at least", must.at_least), limit("at most", must.at_most)];
    format!("{} lines", limits.into_iter().flatten().collect::<Vec<_>>().join(" and "))
}

/// `only 200, 402 or 503, within 50 ms, refusals with retry-after`.
fn answer(mark: &assay_slo::Mark) -> String {
    let assay_slo::Mark::Answered { only, within_us, header, .. } = mark else {
        return String::new();
    };
    let statuses = only.iter().map(|(low, high)| match low == high {
        true => low.to_string(),
        false => format!("{low}-{high}"),
    });
    let mut text = format!("only {}", statuses.collect::<Vec<_>>().join(", "));
    if let Some(within_us) = within_us {
        text.push_str(&format!(", within {}", time(*within_us)));
    }
    if let Some(header) = header {
        text.push_str(&format!(", refusals with {header}"));
    }
    text
}

/// `1.5 times as many`.
fn times(milli: u64) -> String {
    let digits = format!("{:03}", milli % 1000);
    match digits.trim_end_matches('0') {
        "" => format!("{} times as many", milli / 1000),
        digits => format!("{}.{digits} times as many", milli / 1000),
    }
}

/// `opens within 1 s after down.start, closes within 8 s after down.end, trials at most 1`.
fn breaker(must: &BreakerMust, case: &Case) -> String {
    let within = |what: &str, of: Option<(Moment, u64)>| {
        of.map(|(after, us)| {
            format!("{what} within {} after {}", time(us), named_moment(after, case))
        })
    };
    let at_most = |what: &str, of: Option<u64>| of.map(|most| format!("{what} at most {most}"));
    let parts = [
        must.never_opens.then(|| "never opens".to_owned()),
        within("opens", must.opens),
        must.opens_after_failures.map(|failures| format!("opens after {failures} failures")),
        within("closes", must.closes),
        at_most("trials", must.trials),
        at_most("calls while open", must.calls_while_open),
        must.fast_fail_share.map(|share| format!("rejects at least {share} while open")),
        must.fast_fail_latency.map(|(percentile, us)| {
            let rank = percentile.to_string();
            format!("P{} of rejections < {}", rank.trim_end_matches('%'), time(us))
        }),
        at_most("reopens", must.reopens_after_close),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `lost at most 0, duplicated at most 0.1%`.
fn ledger(must: &Must) -> String {
    let Must::Ledger { lost, duplicated, unexpected, out_of_order, age_us, .. } = must else {
        return String::new();
    };
    let limits = [
        ("lost", lost),
        ("duplicated", duplicated),
        ("unexpected", unexpected),
        ("out of order", out_of_order),
    ];
    let limits = limits.into_iter().filter_map(|(what, limit)| {
        Some(match (*limit)? {
            Bound::Count(most) => format!("{what} at most {}", count(most)),
            Bound::Share(most) => format!("{what} at most {most}"),
        })
    });
    let age = age_us.map(|us| format!("none older than {}", time(us)));
    limits.chain(age).collect::<Vec<_>>().join(", ")
}

/// `at most 4 000 wait, drained within 20 s after down.end (needs 377/s = 200/s + 3 000/17 s)`.
fn backlog(fleet: usize, peak: Option<u64>, drained: Option<(Moment, u64)>, plan: &Plan) -> String {
    let world = World {
        traffic: Traffic::of(plan),
        faults: &plan.faults,
        links: &plan.links,
        case: &plan.case,
    };
    let peak = peak.map(|peak| format!("at most {} wait", count(peak)));
    let drained = drained.map(|(after, us)| {
        let fleet = plan.fleets.get(fleet);
        let need = fleet.and_then(|fleet| need(fleet, (after, us), world));
        let need = need.map_or_else(String::new, |need| format!(" (needs {need})"));
        format!("drained within {} after {}{need}", time(us), named_moment(after, &plan.case))
    });
    peak.into_iter().chain(drained).collect::<Vec<_>>().join(", ")
}
