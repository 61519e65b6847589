//! Closed loads: how many users, what each does.
//!
//! Not here: what a request holds (`requests`), driving users (`load`).

use super::dynamic::Whose;
use super::flows;
use super::loads::{self, Given};
use super::notes::Notes;
use super::parts::{self, LoadParts};
use super::{MOST_RUN_US, MOST_WAIT_US, positive, used_up};
use crate::plan::template::Template;
use crate::plan::users::{Crowd, Does, Step};
use crate::plan::{Load, Request, Users};
use crate::spec::Trail;
use crate::spec::scalar::{Count, Duration};
use crate::spec::types::{self, Scenario};
use assay_slo::case::{self, LoadKind};

/// The most users of one load: each is a task and a connection.
const MOST_USERS: u64 = 10_000;
/// The most journeys of one load.
const MOST_JOURNEYS: u64 = 1_000_000_000;

/// The closed loads, in the order of the scenario; `open` is how many come before them.
pub(super) fn compile(given: Given<'_>, open: &[Load], notes: &mut Notes<'_>) -> Vec<Users> {
    let parts = parts::loads(given.scenario);
    let closed = parts.iter().filter(|(_, parts)| parts.kind == LoadKind::Users);
    let users = closed.enumerate().map(|(at, (name, parts))| {
        let to = loads::target(parts.to, &parts.trail, given.scenario, notes);
        let client = loads::client(parts.client, &to, given, &parts.trail.key("client"), notes);
        let whose = if parts.journey.is_empty() { Whose::Independent } else { Whose::Journey };
        let requests = loads::requests(&parts.sent, &to, client.timeout_us, whose, given, notes);
        let does = does(parts, &requests, given.scenario, notes);
        let users = Users {
            load: open.len() + at,
            name: (*name).to_owned(),
            to,
            crowd: crowd(parts, notes),
            pace_us: pace_us(parts, notes),
            client,
            captures: captures(&requests),
            requests,
            does,
        };
        used_up::warn_of(&users, notes);
        used_up::warn_of_time(&users, notes);
        users
    });
    users.collect()
}

/// How many values a journey captures.
pub(super) fn captures(requests: &[Request]) -> usize {
    let dynamics = requests.iter().filter_map(|request| request.dynamic.as_ref());
    let slots = dynamics.flat_map(|dynamic| &dynamic.captures).map(|capture| capture.slot + 1);
    slots.max().unwrap_or(0)
}

/// What the judge knows of a closed load.
pub(super) fn judged(users: &Users) -> case::Load {
    case::Load {
        name: users.name.clone(),
        kind: LoadKind::Users,
        link: loads::link(&users.to),
        requests: loads::named(&users.requests),
        starts_us: 0,
        ends_us: users.crowd.ends_us(),
        planned: 0,
        journeys: false,
        steps: Vec::new(),
        stop_after: Vec::new(),
        traffic: None,
        scarce: used_up::scarce(users),
    }
}

fn crowd(parts: &LoadParts<'_>, notes: &mut Notes<'_>) -> Crowd {
    let trail = &parts.trail;
    let mut length = |duration: Duration, way: &Trail| positive(duration, MOST_RUN_US, way, notes);
    let crowd = match parts.entry {
        types::Load::ConstantVus(load) => Crowd::Constant {
            vus: load.vus.0,
            lasts_us: length(load.duration, &trail.key("duration")),
            ramp_up_us: load.ramp_up.unwrap_or_default().us,
        },
        types::Load::RampingVus(load) => {
            let stages = load.stages.iter().enumerate().map(|(at, stage)| {
                let way = trail.key("stages").index(at).key("duration");
                (length(stage.duration, &way), stage.target.0)
            });
            Crowd::Ramping { start: load.start_vus.0, stages: stages.collect() }
        }
        types::Load::SharedIterations(load) => Crowd::Shared {
            vus: load.vus.0,
            iterations: load.iterations.0,
            max_us: length(load.max_duration, &trail.key("max-duration")),
        },
        // They have arrivals, and are compiled elsewhere.
        types::Load::ConstantArrivalRate(_)
        | types::Load::RampingArrivalRate(_)
        | types::Load::SteppingArrivalRate(_)
        | types::Load::ReplayLog(_) => Crowd::Constant { vus: 0, lasts_us: 0, ramp_up_us: 0 },
    };
    check_crowd(&crowd, trail, notes);
    crowd
}

fn check_crowd(crowd: &Crowd, trail: &Trail, notes: &mut Notes<'_>) {
    let way = match crowd {
        Crowd::Constant { .. } | Crowd::Shared { .. } => trail.key("vus"),
        Crowd::Ramping { .. } => trail.key("stages"),
    };
    match crowd.most() {
        0 => notes.value(&way, "without users nothing is sent".to_owned(), "write at least 1"),
        1..=MOST_USERS => {}
        many => {
            let help = format!("write at most {MOST_USERS}, or an arrival rate");
            notes.value(&way, format!("{many} users are too many"), help);
        }
    }
    if crowd.ends_us() > MOST_RUN_US {
        let message = format!("it ends {} after time 0", Duration { us: crowd.ends_us() });
        notes.entry(trail, message, "a run lasts at most 168h");
    }
    match *crowd {
        Crowd::Constant { lasts_us, ramp_up_us, .. } if ramp_up_us >= lasts_us => {
            let [lasts, ramp_up] = [lasts_us, ramp_up_us].map(|us| Duration { us });
            let message = format!("the users start within {ramp_up}, but it lasts {lasts}");
            notes.value(&trail.key("ramp-up"), message, "write a shorter one");
        }
        Crowd::Shared { vus, iterations, .. } if iterations < vus => {
            let message = format!("{iterations} journeys leave some of {vus} users nothing to do");
            notes.value(&trail.key("iterations"), message, "write at least one for each user");
        }
        Crowd::Shared { iterations, .. } if iterations > MOST_JOURNEYS => {
            let message = format!("{iterations} journeys are too many");
            notes.value(
                &trail.key("iterations"),
                message,
                format!("write at most {MOST_JOURNEYS}"),
            );
        }
        Crowd::Constant { .. } | Crowd::Ramping { .. } | Crowd::Shared { .. } => {}
    }
}

fn pace_us(parts: &LoadParts<'_>, notes: &mut Notes<'_>) -> u64 {
    let pace = match parts.entry {
        types::Load::ConstantVus(load) => load.pace,
        types::Load::RampingVus(load) => load.pace,
        types::Load::SharedIterations(load) => load.pace,
        types::Load::ConstantArrivalRate(_)
        | types::Load::RampingArrivalRate(_)
        | types::Load::SteppingArrivalRate(_)
        | types::Load::ReplayLog(_) => None,
    };
    pace.map_or(0, |pace| positive(pace, MOST_WAIT_US, &parts.trail.key("pace"), notes))
}

/// What users do.
fn does(
    parts: &LoadParts<'_>,
    requests: &[Request],
    scenario: &Scenario,
    notes: &mut Notes<'_>,
) -> Does {
    let types::Load::ConstantVus(load) = parts.entry else {
        return Does::Journey(journey(parts, requests, scenario, notes));
    };
    if !parts.journey.is_empty() && load.requests.is_empty() {
        return Does::Journey(journey(parts, requests, scenario, notes));
    }
    one_of_both(parts, "its users do", notes);
    for (key, given) in [("ramp-up", load.ramp_up), ("pace", load.pace)] {
        if given.is_some() {
            let message = format!("`{key}` is for users with a journey");
            notes.entry(&parts.trail.key(key), message, "leave it out, or write `journey:`");
        }
    }
    Does::Independent { cycle: loads::cycle(parts, notes) }
}

/// Tells where a load that may have a journey or requests has both, or neither.
pub(super) fn one_of_both(parts: &LoadParts<'_>, what: &str, notes: &mut Notes<'_>) {
    let (journey, requests) = parts::either(parts.entry);
    match (journey.is_empty(), requests.is_empty()) {
        (true, true) => {
            let message = format!("it says not what {what}");
            let help = "write `requests: [{get: {path: /}}]`, or `journey:` for steps that follow \
                        one another";
            notes.entry(&parts.trail, message, help);
        }
        (false, false) => {
            let message = "`journey` and `requests` in one load".to_owned();
            notes.entry(&parts.trail.key("requests"), message, "write one of them");
        }
        (true, false) | (false, true) => {}
    }
}

/// The steps, requests by their index.
pub(super) fn journey(
    parts: &LoadParts<'_>,
    requests: &[Request],
    scenario: &Scenario,
    notes: &mut Notes<'_>,
) -> Vec<Step> {
    let trail = parts.trail.key("journey");
    let mut steps = Vec::new();
    let mut captured: Vec<&str> = Vec::new();
    for placed in &parts.journey {
        if let types::Step::Pause(span) = placed.step {
            if span.max_us > MOST_WAIT_US {
                let message = format!("a pause of {} is too long", Duration { us: span.max_us });
                notes.value(&placed.trail.key("pause"), message, "write at most 1h");
            }
            steps.push(Step::Pause { min_us: span.min_us, max_us: span.max_us });
        }
        let Some((method, key, call)) = parts::step(placed.step) else { continue };
        if let Some(Count(weight)) = call.weight {
            let message = format!(
                "a step is sent once in each journey, so a weight of {weight} says nothing"
            );
            let help = "leave it out, or write the step as often as it is sent";
            notes.value(&placed.trail.key(key).key("weight"), message, help);
        }
        let Some(at) = parts.sent.iter().position(|sent| sent.is_same(method, call)) else {
            continue;
        };
        steps.push(Step::Send(at));
        let Some(dynamic) = requests.get(at).and_then(|request| request.dynamic.as_ref()) else {
            continue;
        };
        let mut early: Vec<&str> = dynamic.templates().flat_map(Template::captures).collect();
        early.retain(|name| !captured.contains(name));
        early.sort_unstable();
        early.dedup();
        // A step that is not there may have captured it.
        if notes.left_out().touches("flows") || flows::lacks(scenario) {
            early.clear();
        }
        for name in early {
            let message = format!("`${{{name}}}` is used before a step has captured it");
            let help = format!("put the step with `capture: {{{name}: …}}` before this one");
            notes.entry(&placed.trail.key(key), message, help);
        }
        captured.extend(dynamic.captures.iter().map(|capture| capture.name.as_str()));
    }
    if parts.sent.is_empty() {
        let message = "a journey without a request sends nothing".to_owned();
        notes.entry(&trail, message, "write one, such as `- get: {path: /}`");
    }
    steps
}
