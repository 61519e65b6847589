//! Guards: what stops the run; and what the machine must have for it.
//!
//! Not here: stopping (`run`).

use super::notes::Notes;
use super::positive;
use crate::plan::fleet::ReadBack;
use crate::plan::traffic::Traffic;
use crate::plan::{Fleet, Load, Request, Service, ServiceKind, Target};
use crate::spec::Trail;
use crate::spec::scalar::Duration;
use crate::spec::types::{Expect, Scenario};
use rustix::process::{Resource, getrlimit};

/// Left beyond the timetable, µs.
const SPARE_US: u64 = 60_000_000;
/// Time for reading a store back over HTTP, and more for each device, µs.
const READ_US: (u64, u64) = (30_000_000, 10_000);
/// Time for a command that reads a store back, µs.
const COMMAND_US: u64 = 300_000_000;
/// The longest that can be asked for, µs.
const MOST_US: u64 = Duration::MOST.us;

/// After how long the run is stopped, µs after its start: the timetable with start-up, warm-up
/// and the last answers, drains and reading back, and a minute; or what the scenario says.
pub(super) fn max_duration_us(
    scenario: &Scenario,
    services: &[Service],
    traffic: Traffic<'_>,
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
        ServiceKind::Url { .. } | ServiceKind::Attached { .. } | ServiceKind::Containers { .. } => {
            0
        }
    });
    let open = traffic.loads.iter().map(Load::rest_us);
    let closed = traffic.users.iter().flat_map(|users| &users.requests);
    let last_answer = open.chain(closed.map(|request: &Request| request.timeout_us)).max();
    let after = traffic
        .fleets
        .iter()
        .map(|fleet| fleet.ends_us().saturating_add(fleet_rest_us(fleet)).saturating_sub(ends_us));
    let rest = after.chain(last_answer).chain(waits_us(scenario)).max();
    let parts = ready.chain(rest).chain([SPARE_US]);
    parts.fold(timetable, u64::saturating_add)
}

/// How long the run may wait, after its last request, for counts to agree.
fn waits_us(scenario: &Scenario) -> Option<u64> {
    let waits = scenario.expect.iter().filter_map(|expect| match expect {
        Expect::Reconciles(one) => {
            let after = one.after.as_ref().map_or(0, |after| after.offset_us);
            Some(one.within?.us.saturating_add_signed(after.max(0)))
        }
        _ => None,
    });
    waits.max()
}

/// How long a fleet may take after its last sample: its drain, what is under way then, and
/// reading its store back.
fn fleet_rest_us(fleet: &Fleet) -> u64 {
    let read_us = match &fleet.read_back {
        Some(ReadBack::Http { .. }) => {
            READ_US.0.saturating_add(fleet.devices.saturating_mul(READ_US.1))
        }
        Some(ReadBack::Command(_)) => COMMAND_US,
        None => 0,
    };
    fleet.drain_us.saturating_add(fleet.client.timeout_us).saturating_add(read_us)
}

/// Warns where the load may need more connections or descriptors than there are.
pub(super) fn check_descriptors(traffic: Traffic<'_>, notes: &mut Notes<'_>) {
    warn_of_need(traffic, getrlimit(Resource::Nofile).maximum, notes);
}

fn warn_of_need(traffic: Traffic<'_>, most: Option<u64>, notes: &mut Notes<'_>) {
    let mut needed: u64 = 0;
    // Through a link each connection has three ends in this process: ours and the link's two.
    let mut need = |connections: u64, to: &Target| {
        let ends = if matches!(to, Target::Link(_)) { 3 } else { 1 };
        needed = needed.saturating_add(connections.saturating_mul(ends));
    };
    for load in traffic.loads {
        let may = if_nothing_answers(load);
        let connections = u64::try_from(load.client.connections).unwrap_or(u64::MAX);
        let may = may.div_ceil(u64::try_from(load.client.streams()).unwrap_or(1));
        if may > connections {
            notes.warn(format!(
                "`{}` would need {may} connections while nothing answers, and has {connections}: \
                 raise `connections` or shorten `timeout`, or its requests wait",
                load.name
            ));
        }
        need(may.min(connections), &load.to);
    }
    for users in traffic.users {
        let connections = u64::try_from(users.client.connections).unwrap_or(u64::MAX);
        let most = users.crowd.most();
        if most > connections {
            notes.warn(format!(
                "`{}` has up to {most} users and {connections} connections: raise `connections`, \
                 or some users wait for others",
                users.name
            ));
        }
        need(most.min(connections), &users.to);
    }
    for fleet in traffic.fleets {
        let connections = u64::try_from(fleet.client.connections).unwrap_or(u64::MAX);
        need(connections.min(fleet.devices), &fleet.to);
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
    let under_way = u128::from(load.arrivals.peak_milli_per_min()) * u128::from(timeout_us);
    u64::try_from((under_way * 11).div_ceil(600_000_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{changed, planned};
    use super::*;

    /// 200/s × 2 s and 10 % are 440 connections; through a link each has three ends.
    #[test]
    fn descriptors_are_compared_with_what_the_machine_allows() {
        let text = changed(&[]);
        let plan = planned(&text).unwrap();
        let loaded = crate::spec::decode("x.yaml", &text, &Default::default(), &|_| None).unwrap();
        let warned = |most| {
            let left_out = Default::default();
            let mut notes = Notes::new(&loaded.document, &left_out);
            warn_of_need(Traffic::of(&plan), most, &mut notes);
            notes.warnings
        };
        assert!(warned(Some(1_320)).is_empty() && warned(None).is_empty());
        assert!(
            warned(Some(1_319))[0]
                .contains("needs 1320 open files, and this process may have 1319")
        );
    }
}
