//! From a scenario to a plan: every check that needs two values at once.
//!
//! Invariant: all problems are told at once; only whether the load suffices is asked last, when
//! there are no others, since they would change its answer.
//! Invariant: nothing is started, sent or resolved; files that requests name are read.
//! Not here: decoding (`spec`), running (`run`).

mod acts;
mod alike;
mod asked;
mod baseline;
mod breakers;
mod capacities;
mod command;
mod consent;
mod containers;
mod data;
mod delays;
mod dynamic;
mod expect;
mod faults;
mod feasible;
mod fleets;
mod flows;
mod gateway;
mod guards;
mod headers;
mod later;
mod links;
mod loads;
mod logged;
mod logs;
mod metrics;
mod moments;
mod names;
mod notes;
mod objectives;
mod pages;
mod parts;
mod pressure;
mod protocols;
mod read_back;
mod replay;
mod requests;
mod services;
mod setup;
mod sizes;
mod steady;
mod steps;
mod stop_when;
mod stubs;
mod tables;
mod terms;
mod throughput;
mod timetable;
mod transport;
mod used_up;
mod users;
mod watched;

pub(in crate::plan) use consent::is_loopback;
pub(in crate::plan) use feasible::{World, named, named_moment, need};
pub use later::asked_later;
pub use pressure::LEAST_MEMORY;

use super::marks::{Marks, ages};
use super::text::literal;
use super::traffic::Traffic;
use super::{Fault, Link, Metric, Plan, Service, order};
use crate::spec::scalar::{Duration, Name};
use crate::spec::types::Objective;
use crate::spec::{LeftOut, Loaded, Problems, Refused, Scenario, Trail};
use assay_slo::case::{self, Case};
use notes::Notes;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The longest wait for one thing, µs.
const MOST_WAIT_US: u64 = 3600 * 1_000_000;
/// The longest run, µs.
const MOST_RUN_US: u64 = 7 * 24 * 3600 * 1_000_000;
/// The grammar's version.
const SCHEMA: u64 = 1;

/// Whether a scenario must ask something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    Required,
    Optional,
    /// It is not judged at all.
    Nothing,
}

/// The plan of a scenario. One that asks nothing is refused: it would be green by accident.
///
/// # Errors
/// Everything that forbids the run, each with its place and what to write instead.
pub fn compile(loaded: &Loaded) -> Result<Plan, Problems> {
    compile_rest(loaded, Asking::Required, &LeftOut::default())
}

/// The plan of a scenario as it was read; if that found mistakes, those of its rest are told with
/// them.
///
/// # Errors
/// Everything that forbids the run, each with its place and what to write instead.
pub fn compile_all(read: Result<Loaded, Refused>) -> Result<Plan, Problems> {
    compile_read(read, Asking::Required)
}

/// The same for a scenario that may ask nothing: it measures, and can then not be met.
///
/// # Errors
/// As [`compile_all`].
pub fn compile_to_measure(read: Result<Loaded, Refused>) -> Result<Plan, Problems> {
    compile_read(read, Asking::Optional)
}

/// The same for one of which nothing is judged: what it asks need not be decidable.
///
/// # Errors
/// As [`compile_all`].
pub fn compile_to_try(read: Result<Loaded, Refused>) -> Result<Plan, Problems> {
    compile_read(read, Asking::Nothing)
}

fn compile_read(read: Result<Loaded, Refused>, asking: Asking) -> Result<Plan, Problems> {
    let refused = match read {
        Ok(loaded) => return compile_rest(&loaded, asking, &LeftOut::default()),
        Err(refused) => refused,
    };
    let rest = refused.rest();
    let more = rest.and_then(|rest| compile_rest(&rest.loaded, asking, &rest.left_out).err());
    let more = more.unwrap_or_default();
    Err(Problems::new(refused.problems.iter().chain(more.iter()).cloned().collect()))
}

/// The plan of what is left of a scenario. If something was left out, only its problems are of
/// use, and there may be none.
fn compile_rest(loaded: &Loaded, asking: Asking, left_out: &LeftOut) -> Result<Plan, Problems> {
    let (scenario, document) = (&loaded.scenario, &loaded.document);
    let folder = folder(document.file());
    let mut notes = Notes::new(document, left_out);
    loaded.notices.iter().for_each(|notice| notes.warn(notice.clone()));
    if !sizes::check(scenario, &mut notes) {
        return Err(Problems::new(notes.problems));
    }
    check_whole(scenario, asking, &mut notes);
    names::check(scenario, &mut notes);
    flows::check(scenario, &mut notes);
    let services = services::compile(scenario, &folder, &mut notes);
    let links = links::compile(scenario, &folder, &mut notes);
    let metrics = metrics::compile(scenario, &services, &mut notes);
    consent::check(scenario, &services, &links, &mut notes);
    consent::check_metrics(scenario, &metrics, &mut notes);
    let services = in_order(services, &links, &mut notes);
    let timetable = timetable::resolve(scenario, &mut notes);
    let sets = data::compile(scenario, &folder, &mut notes);
    let given = loads::Given {
        scenario,
        folder: &folder,
        secrets: &loaded.secrets,
        services: &services,
        links: &links,
        timetable: &timetable,
        sets: &sets,
    };
    let loads = loads::compile(given, &mut notes);
    let users = users::compile(given, &loads, &mut notes);
    data::check_use(scenario, &loads, &users, &mut notes);
    let [setup, teardown] = setup::lists(scenario)
        .map(|(key, steps)| setup::compile(key, steps, given, (&loads, &users), &mut notes));
    let fleets = fleets::compile(given, loads.len() + users.len(), &mut notes);
    let traffic = Traffic { loads: &loads, users: &users, fleets: &fleets };
    let faults = faults::compile(given, traffic, &mut notes);

    let ends_us = traffic.ends().unwrap_or(0);
    let asked = Asked {
        scenario,
        timetable: &timetable,
        traffic,
        faults: &faults,
        links: links.as_slice(),
        services: &services,
        metrics: metrics.as_slice(),
    };
    let (mut case, probes) = case(asked, &mut notes);
    objectives::promised(&mut case.objectives, &loaded.production);
    let (series, kept) = baseline::compile(scenario, &folder, &mut notes);
    baseline::check(scenario, &case, &mut notes);
    case.baseline = kept;
    alike::fill(scenario, &loaded.secrets, &mut case.loads);
    let guards = stop_when::compile(scenario, &mut notes);
    let max_duration_us =
        guards::max_duration_us(scenario, &services, traffic, ends_us, &mut notes);
    // What was written is meant.
    let prepares_us = if scenario.guards.max_duration.is_none() { setup.most_us() } else { 0 };
    let max_duration_us = max_duration_us.saturating_add(prepares_us);
    let labels = scenario.labels.iter().map(|(name, value)| (name.clone(), literal(value)));
    protocols::check_watched(scenario, &links, &mut notes);
    if notes.problems.is_empty() && !left_out.is_any() {
        let world = feasible::World { traffic, faults: &faults, links: &links, case: &case };
        if asking != Asking::Nothing {
            feasible::check(scenario, world, series.pooled(), &mut notes);
        }
        guards::check_descriptors(traffic, &mut notes);
    }
    if !notes.problems.is_empty() || left_out.is_any() {
        return Err(Problems::new(notes.problems));
    }
    let watched = watched::links(&case);
    Ok(Plan {
        name: scenario.name.to_string(),
        hypothesis: scenario.hypothesis.as_ref().map(literal),
        labels: labels.collect(),
        // `spec` fills it in where the scenario names none.
        seed: scenario.seed.map_or(0, |seed| seed.0),
        file: document.file().to_owned(),
        sha256: sha256(document.texts()),
        folder,
        resolved: document.resolved(),
        secrets: loaded.secrets.clone(),
        allow: scenario.allow.iter().map(ToString::to_string).collect(),
        services,
        links,
        loads,
        users,
        setup,
        teardown,
        fleets,
        watched,
        faults,
        untils: timetable.untils,
        metrics,
        probes,
        guards,
        max_duration_us,
        ends_us,
        series,
        case,
        warnings: notes.warnings,
    })
}

/// What the question for the judge is made from.
#[derive(Clone, Copy)]
struct Asked<'s> {
    scenario: &'s Scenario,
    timetable: &'s timetable::Timetable,
    traffic: Traffic<'s>,
    faults: &'s [Fault],
    metrics: &'s [Metric],
    links: &'s [Link],
    services: &'s [Service],
}

/// The question for the judge.
fn case(asked: Asked<'_>, notes: &mut Notes<'_>) -> (Case, Vec<super::Probe>) {
    let Asked { scenario, timetable, traffic, faults, links, services, metrics } = asked;
    let mut marks = Marks::default();
    let open = traffic.loads.iter().map(loads::judged);
    let closed = traffic.users.iter().map(users::judged);
    let mut loads: Vec<case::Load> =
        open.chain(closed).chain(traffic.fleets.iter().map(fleets::judged_load)).collect();
    let judged_faults =
        faults.iter().map(|fault| faults::judged(fault, links, &mut marks)).collect();
    let mut objectives = objectives::compile(scenario, &loads, &mut marks, notes);
    let capacities = capacities::compile(scenario, &mut loads, &mut objectives, notes);
    let breakers = breakers::compile(scenario, traffic.fleets, notes);
    let given = expect::Given {
        scenario,
        loads: &loads,
        timetable,
        objectives: &objectives,
        traffic,
        faults,
        breakers: &breakers,
    };
    let expectations = expect::compile(given, &mut marks, notes);
    let times = timetable.complete.then(|| traffic.ends().unwrap_or(0));
    let (steady_state, probes) = steady::compile(scenario, &objectives, faults, times, notes);
    let limits = objectives.iter().filter_map(|objective| objectives::limit_us(&objective.ask));
    let case = Case {
        warmup_us: scenario.warmup.us,
        loads,
        ages_us: ages(limits),
        marks: marks.into_table(),
        faults: judged_faults,
        objectives,
        expectations,
        steady_state,
        fleets: traffic.fleets.iter().map(fleets::judged).collect(),
        breakers,
        metrics: metrics.iter().map(|metric| judged(metric, scenario)).collect(),
        logs: logs::compile(scenario, services, notes),
        capacities,
        baseline: None,
    };
    (case, probes)
}

/// A metric, with the unit of its limits.
fn judged(metric: &Metric, scenario: &Scenario) -> case::Metric {
    metrics::judged(metric, expect::unit(&Name(metric.name.clone()), scenario))
}

/// What concerns the scenario as a whole.
fn check_whole(scenario: &Scenario, asking: Asking, notes: &mut Notes<'_>) {
    let root = Trail::root();
    if scenario.schema.0 != SCHEMA {
        let message = format!("schema {} is not known", scenario.schema.0);
        notes.value(&root.key("schema"), message, "write `schema: 1`");
    }
    if scenario.warmup.us > MOST_RUN_US {
        let message = "the warm-up is too long".to_owned();
        notes.value(&root.key("warmup"), message, "a run lasts at most 168h");
    }
    let left_out = notes.left_out();
    let sent = !scenario.load.is_empty() || !scenario.fleets.is_empty();
    if !sent && !left_out.touches("load") && !left_out.touches("fleets") {
        let message = "nothing is sent, so nothing can be judged".to_owned();
        notes.entry(
            &root.key("load"),
            message,
            "write at least one load under `load:`, or a fleet under `fleets:`",
        );
    }
    let asked = asking != Asking::Required
        || !scenario.expect.is_empty()
        || scenario
            .objectives
            .iter()
            .any(|(name, one)| !is_advisory(one) && !capacities::is_criterion(scenario, name));
    if !asked && !left_out.touches("objectives") && !left_out.touches("expect") {
        let message = if scenario.objectives.is_empty() {
            "nothing is asked: there is no objective and no expectation".to_owned()
        } else {
            "nothing is asked: all objectives are advisory or only stop a load, and there is no \
             expectation"
                .to_owned()
        };
        let help =
            "write what must hold, such as `objectives: {errors: {error-rate: {below: 1%}}}`";
        notes.entry(&root, message, help);
    }
}

fn is_advisory(objective: &Objective) -> bool {
    match objective {
        Objective::Latency(one) => one.advisory.0,
        Objective::ErrorRate(one) => one.advisory.0,
        Objective::ErrorCount(one) => one.advisory.0,
        Objective::Availability(one) => one.advisory.0,
        Objective::Throughput(one) => one.advisory.0,
        Objective::LatencyChange(one) => one.advisory.0,
        Objective::ErrorRateChange(one) => one.advisory.0,
        Objective::Openslo(_) => false,
        Objective::Capacity(one) => one.advisory.0,
    }
}

fn in_order(services: Vec<Service>, links: &[Link], notes: &mut Notes<'_>) -> Vec<Service> {
    order::starts(services.clone(), links).unwrap_or_else(|order::Cycle(names)| {
        let trail = Trail::root().key("services");
        let trail = names.first().map_or(trail.clone(), |first| trail.key(first));
        let message = format!("these wait for each other's start: {}", names.join(" → "));
        notes.entry(&trail, message, "leave one of the addresses out of a command or env");
        services
    })
}

/// A length that must be more than nothing and not absurd, µs.
fn positive(length: Duration, most_us: u64, trail: &Trail, notes: &mut Notes<'_>) -> u64 {
    if length.us == 0 {
        notes.value(trail, "0s is no length of time here".to_owned(), "write one such as 500ms");
    } else if length.us > most_us {
        let most = Duration { us: most_us };
        notes.value(trail, format!("{length} is too long"), format!("write at most {most}"));
    }
    length.us.clamp(1, most_us)
}

/// The folder of a file, as the user named it.
fn folder(file: &str) -> PathBuf {
    let parent = Path::new(file).parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_path_buf()
}

/// Of all files that the scenario is made of, one after another.
fn sha256<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    hexadecimal(&texts.fold(Sha256::new(), |whole, text| whole.chain_update(text)).finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
