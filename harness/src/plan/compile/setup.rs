//! `setup` and `teardown`: where their requests go, what lands in rows.
//!
//! Not here: what a request holds (`requests`), doing it (`run`).

use super::dynamic::{self, Whose};
use super::loads::{self, Given};
use super::notes::{Notes, list};
use super::parts::{self, Sent};
use super::{MOST_RUN_US, MOST_WAIT_US, command, flows, positive};
use crate::plan::rows::Rows;
use crate::plan::setup::{ForEach, Requests, Setup, Step};
use crate::plan::{Load, Target, Transport, Upstream, Users};
use crate::spec::Trail;
use crate::spec::types::{self, Preparation, Scenario, SetupCommand};
use std::sync::Arc;

/// Unless the scenario says, µs.
const COMMAND_US: u64 = 60_000_000;

/// The two lists, by their keys.
pub(super) fn lists(scenario: &Scenario) -> [(&'static str, &[Preparation]); 2] {
    [("setup", &scenario.setup), ("teardown", &scenario.teardown)]
}

/// Adds to the sets the columns that steps for each row capture.
pub(super) fn add_columns(
    scenario: &Scenario,
    sets: Vec<Rows>,
    notes: &mut Notes<'_>,
) -> Vec<Arc<Rows>> {
    let mut sets = sets;
    for (key, steps) in lists(scenario) {
        for (at, step) in steps.iter().enumerate() {
            let Preparation::ForEach(each) = step else { continue };
            let trail = Trail::root().key(key).index(at).key("for-each");
            let Some(rows) = sets.iter_mut().find(|rows| rows.name == each.data.as_str()) else {
                continue;
            };
            let placed = flows::expand(&each.steps, &trail.key("steps"), scenario);
            for sent in sent_of(&placed) {
                for name in sent.call.capture.keys() {
                    let of_file =
                        rows.columns.iter().take(rows.own()).any(|it| it == name.as_str());
                    if of_file {
                        let message = format!("`{}` has a column `{name}` in its file", rows.name);
                        let trail = sent.trail.key("capture").key(name.as_str());
                        notes.entry(&trail, message, "give the capture another name");
                    } else if !rows.columns.iter().any(|known| known == name.as_str()) {
                        rows.columns.push(name.to_string());
                    }
                }
            }
        }
    }
    sets.into_iter().map(Arc::new).collect()
}

/// What is done at one end of the run; `key` is `setup` or `teardown`.
pub(super) fn compile(
    key: &str,
    steps: &[Preparation],
    given: Given<'_>,
    traffic: (&[Load], &[Users]),
    notes: &mut Notes<'_>,
) -> Setup {
    let root = Trail::root().key(key);
    let mut setup = Setup::default();
    let mut single: Vec<Sent<'_>> = Vec::new();
    let mut target = None;
    let scenario = given.scenario;
    for (at, step) in steps.iter().enumerate() {
        let trail = root.index(at);
        match step {
            Preparation::Command(command) => {
                setup.steps.push(self::command(command, &trail.key("command"), notes));
            }
            Preparation::ForEach(each) => {
                let trail = trail.key("for-each");
                let to = target.get_or_insert_with(|| goes_to(traffic, given, &root, notes));
                setup.steps.extend(for_each(each, to, traffic, &trail, given, notes));
            }
            Preparation::Use(name) => {
                for sent in sent_of(&flows::of(name, scenario)) {
                    setup.steps.push(Step::Send(single.len()));
                    single.push(sent);
                }
            }
            request => {
                if let Some((method, key, call)) = parts::preparation(request) {
                    setup.steps.push(Step::Send(single.len()));
                    single.push(Sent { trail: trail.key(key), method, call });
                }
            }
        }
    }
    if !single.is_empty() {
        let to = target.get_or_insert_with(|| goes_to(traffic, given, &root, notes));
        setup.requests = Some(requests(&single, to, traffic, &root, given, notes));
    }
    setup
}

fn sent_of<'s>(placed: &[flows::Placed<'s>]) -> Vec<Sent<'s>> {
    let sent = |placed: &flows::Placed<'s>| {
        let (method, key, call) = parts::step(placed.step)?;
        Some(Sent { trail: placed.trail.key(key), method, call })
    };
    placed.iter().filter_map(sent).collect()
}

fn requests(
    sent: &[Sent<'_>],
    to: &Target,
    (loads, users): (&[Load], &[Users]),
    trail: &Trail,
    given: Given<'_>,
    notes: &mut Notes<'_>,
) -> Requests {
    let mut client = loads::client(&types::Client::default(), to, given, trail, notes);
    // A log-in needs what the load needs that goes on where it ends.
    let all = loads.iter().map(|load| &load.client).chain(users.iter().map(|one| &one.client));
    for Transport { cookies, redirects, .. } in all.map(|client| &client.transport) {
        client.transport.cookies |= cookies;
        client.transport.redirects = client.transport.redirects.max(*redirects);
    }
    let requests = loads::requests(sent, to, client.timeout_us, Whose::Journey, given, notes);
    let captures = dynamic::captures(sent).len();
    Requests { to: to.clone(), client, requests, captures }
}

fn for_each(
    each: &types::ForEach,
    to: &Target,
    traffic: (&[Load], &[Users]),
    trail: &Trail,
    given: Given<'_>,
    notes: &mut Notes<'_>,
) -> Option<Step> {
    let set = each.data.as_str();
    if !given.scenario.data.contains_key(set) {
        let known: Vec<&str> = given.scenario.data.keys().map(|name| name.as_str()).collect();
        let message = format!("there is no set `{set}` in `data`");
        notes.unknown(&trail.key("data"), set, message, (&["data"], "sets"), &known);
    }
    let every_us = each.every.map(|every| positive(every, MOST_RUN_US, &trail.key("every"), notes));
    let placed = flows::expand(&each.steps, &trail.key("steps"), given.scenario);
    let sent = sent_of(&placed);
    if sent.is_empty() && !flows::lacks(given.scenario) && !notes.left_out().touches("flows") {
        let message = "it sends nothing".to_owned();
        notes.entry(&trail.key("steps"), message, "write a request, or `use:` with a flow");
    }
    let names = dynamic::captures(&sent);
    let sent = requests(&sent, to, traffic, trail, given, notes);
    // What is wrong with a set that is not there has been told.
    let rows = given.sets.iter().find(|rows| rows.name == set)?;
    let column = |(slot, name): (usize, &String)| {
        Some((slot, rows.columns.iter().position(|column| column == name)?))
    };
    let lands = names.iter().enumerate().filter_map(column).collect();
    Some(Step::ForEach(Box::new(ForEach { rows: Arc::clone(rows), every_us, sent, lands })))
}

/// The service that all loads reach; the only one, where there is one.
fn goes_to(
    (loads, users): (&[Load], &[Users]),
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Target {
    let service = |to: &Target| match to {
        Target::Service(name) => Some(name.clone()),
        Target::Link(name) => {
            given.links.iter().find(|link| link.name == *name).and_then(|link| match &link.to {
                Upstream::Service(name) => Some(name.clone()),
                Upstream::Address { .. } | Upstream::Stub(_) => None,
            })
        }
    };
    let all = loads.iter().map(|load| &load.to).chain(users.iter().map(|users| &users.to));
    let mut reached: Vec<String> = all.filter_map(service).collect();
    reached.sort();
    reached.dedup();
    let services: Vec<&str> = given.services.iter().map(|one| one.name.as_str()).collect();
    match (reached.as_slice(), services.as_slice()) {
        ([one], _) => Target::Service(one.clone()),
        (_, [one]) => Target::Service((*one).to_owned()),
        _ if notes.left_out().touches("services") || notes.left_out().touches("load") => {
            Target::Service(String::new())
        }
        _ => {
            let message = format!(
                "its requests go to the service that the loads reach, and that is not one of {}",
                list(services.iter().copied())
            );
            let help = "let all loads go to one service, or write `command: {run: [curl, …]}`";
            notes.entry(trail, message, help);
            Target::Service(String::new())
        }
    }
}

fn command(settings: &SetupCommand, trail: &Trail, notes: &mut Notes<'_>) -> Step {
    let words = command::words(&settings.run, settings.shell.as_ref(), trail, notes);
    let timeout_us = settings.timeout.map_or(COMMAND_US, |timeout| {
        positive(timeout, MOST_WAIT_US, &trail.key("timeout"), notes)
    });
    Step::Command { words, timeout_us }
}
