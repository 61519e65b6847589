//! Guards: what stops the run; and what the machine must have for it.
//!
//! Not here: stopping (`run`).

use super::notes::Notes;
use super::positive;
use crate::plan::{Load, Service, ServiceKind, Target};
use crate::spec::Trail;
use crate::spec::scalar::Duration;
use crate::spec::types::Scenario;
use rustix::process::{Resource, getrlimit};

/// Left beyond the timetable, µs.
const SPARE_US: u64 = 60_000_000;
/// The longest that can be asked for, µs.
const MOST_US: u64 = Duration::MOST.us;

/// After how long the run is stopped, µs after its start: the timetable with start-up, warm-up
/// and the last answers, and a minute; or what the scenario says.
pub(super) fn max_duration_us(
    scenario: &Scenario,
    services: &[Service],
    loads: &[Load],
    ends_us: u64,
    notes: &mut Notes<'_>,
) -> u64 {
    let timetable = scenario.warmup.us.saturating_add(ends_us);
    if let Some(given) = scenario.guards.max_duration {
        let trail = Trail::root().key("guards").key("max-duration");
        let given_us = positive(given, MOST_US, &trail, notes);
        if given_us < timetable {
            let needed = Duration { us: timetable };
            let message = format!("the timetable alone takes {needed} with its warm-up");
            notes.value(&trail, message, format!("write more than {needed}, or leave it out"));
        }
        return given_us;
    }
    let ready = services.iter().map(|service| match &service.kind {
        ServiceKind::Process(process) => process.ready_within_us,
        ServiceKind::Url { .. } => 0,
    });
    let drains = loads.iter().flat_map(|load| load.requests.iter().map(|one| one.timeout_us)).max();
    let parts = ready.chain(drains).chain([SPARE_US]);
    parts.fold(timetable, u64::saturating_add)
}

/// Warns where the load may need more connections or descriptors than there are.
pub(super) fn check_descriptors(loads: &[Load], notes: &mut Notes<'_>) {
    warn_of_need(loads, getrlimit(Resource::Nofile).maximum, notes);
}

fn warn_of_need(loads: &[Load], most: Option<u64>, notes: &mut Notes<'_>) {
    let mut needed: u64 = 0;
    for load in loads {
        let may = if_nothing_answers(load);
        let connections = u64::try_from(load.client.connections).unwrap_or(u64::MAX);
        if may > connections {
            notes.warn(format!(
                "`{}` would need {may} connections while nothing answers, and has {connections}: \
                 raise `connections` or shorten `timeout`, or its requests wait",
                load.name
            ));
        }
        // Through a link each connection has three ends in this process: ours and the link's two.
        let ends = if matches!(load.to, Target::Link(_)) { 3 } else { 1 };
        needed = needed.saturating_add(may.min(connections).saturating_mul(ends));
    }
    if let Some(most) = most.filter(|most| needed > *most) {
        notes.warn(format!(
            "while nothing answers the load needs {needed} open files, and this process may have \
             {most}: raise `ulimit -Hn`, or shorten `timeout`"
        ));
    }
}

/// Connections that a load has under way while nothing answers: rate × timeout and 10 %.
fn if_nothing_answers(load: &Load) -> u64 {
    let timeout_us = load.requests.iter().map(|request| request.timeout_us).max().unwrap_or(0);
    let under_way = u128::from(load.arrivals.peak_mhz()) * u128::from(timeout_us);
    u64::try_from((under_way * 11).div_ceil(10_000_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{changed, planned};
    use super::*;

    /// 200/s × 2 s and 10 % are 440 connections; through a link each has three ends.
    #[test]
    fn descriptors_are_compared_with_what_the_machine_allows() {
        let text = changed(&[]);
        let loads = planned(&text).map(|plan| plan.loads).unwrap_or_default();
        let loaded = crate::spec::decode("x.yaml", &text, &Default::default(), &|_| None).unwrap();
        let warned = |most| {
            let mut notes = Notes::new(&loaded.document);
            warn_of_need(&loads, most, &mut notes);
            notes.warnings
        };
        assert!(warned(Some(1_320)).is_empty() && warned(None).is_empty());
        assert!(
            warned(Some(1_319))[0]
                .contains("needs 1320 open files, and this process may have 1319")
        );
    }
}
