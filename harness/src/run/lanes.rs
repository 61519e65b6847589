//! Aims the planned loads at the addresses that the start decided.
//!
//! Not here: due times (`plan::arrivals`), sending (`load`).

use super::stage::Stage;
use crate::fleet;
use crate::load::{Lane, Pace, Until, users};
use crate::plan::turns::Turns;
use crate::plan::users::Does;
use crate::plan::{Body, Client, Link, Plan, Request, ServiceKind, Target, Text, Upstream, Users};
use crate::service::Address;
use crate::spec::types::WhenExhausted;
use std::sync::Arc;

/// One lane for each open load, and for each closed one without journeys; texts filled in.
///
/// # Errors
/// A sentence, if something has no address or no value.
pub(super) fn aim(plan: &Plan, stage: &Stage) -> Result<Vec<Lane>, String> {
    let aim = |(index, load): (usize, &crate::plan::Load)| {
        let address = target(plan, stage, &load.to)?;
        let (warmup, due) = (load.arrivals.clone(), load.arrivals.clone());
        let warmup_us = plan.case.warmup_us;
        let requests: Vec<Request> =
            load.requests.iter().map(|r| request(stage, r)).collect::<Result<_, _>>()?;
        let warmups = load.arrivals.warmup_count(warmup_us);
        Ok(Lane {
            index,
            name: load.name.clone(),
            addr: address.addr,
            authority: address.authority,
            ends: address.ends,
            client: client(stage, &load.client)?,
            seed: plan.seed,
            turns: match load.journey {
                Some(_) => Turns::of_journeys(&requests, warmups),
                None => Turns::new(&load.cycle, &requests, warmups),
            },
            journey: load.journey.clone(),
            requests,
            cycle: load.cycle.clone(),
            until: Until::default(),
            pace: Pace::Open {
                warmup: Box::new(move |shard, shards| {
                    warmup.warmup_times(warmup_us, shard, shards)
                }),
                due: Box::new(move |shard, shards| {
                    Box::new(due.times(shard, shards).map_while(|due| i64::try_from(due).ok()))
                }),
            },
        })
    };
    let closed = plan.users.iter().filter_map(|users| independent(plan, stage, users));
    plan.loads.iter().enumerate().map(aim).chain(closed).collect()
}

/// The lane of users without journeys: a connection for each.
fn independent(plan: &Plan, stage: &Stage, users: &Users) -> Option<Result<Lane, String>> {
    let Does::Independent { cycle } = &users.does else { return None };
    let lane = || {
        let address = target(plan, stage, &users.to)?;
        let requests: Vec<Request> =
            users.requests.iter().map(|r| request(stage, r)).collect::<Result<_, _>>()?;
        let turns = Turns::new(cycle, &requests, 0);
        // Who comes to a row that must be there and is not, tells of it and is the last.
        let fails = turns.last(WhenExhausted::Fail).map(|(last, _)| last.saturating_add(1));
        Ok(Lane {
            index: users.load,
            name: users.name.clone(),
            addr: address.addr,
            authority: address.authority,
            ends: address.ends,
            client: Client {
                connections: usize::try_from(users.crowd.most()).unwrap_or(usize::MAX),
                ..client(stage, &users.client)?
            },
            cycle: cycle.clone(),
            until: Until::default(),
            pace: Pace::Closed {
                ends_us: i64::try_from(users.crowd.ends_us()).unwrap_or(i64::MAX),
                most: users
                    .rows()
                    .map(|(last, _)| last)
                    .into_iter()
                    .chain(fails)
                    .min()
                    .unwrap_or(u64::MAX),
            },
            seed: plan.seed,
            turns,
            journey: None,
            requests,
        })
    };
    Some(lane())
}

/// The closed loads with journeys, texts filled in.
///
/// # Errors
/// As [`aim`].
pub(super) fn users(plan: &Plan, stage: &Stage) -> Result<Vec<users::Aimed>, String> {
    let aim = |users: &Users| {
        let address = target(plan, stage, &users.to)?;
        let requests =
            users.requests.iter().map(|r| request(stage, r)).collect::<Result<_, _>>()?;
        let client = client(stage, &users.client)?;
        Ok(users::Aimed {
            users: Users { client, requests, ..users.clone() },
            addr: address.addr,
            authority: address.authority,
            ends: address.ends,
        })
    };
    plan.users.iter().filter(|users| !users.journey().is_empty()).map(aim).collect()
}

/// The fleets; `attempts` tells of which the single attempts are wanted.
///
/// # Errors
/// As [`aim`].
pub(super) fn fleets(
    plan: &Plan,
    stage: &Stage,
    attempts: impl Fn(usize) -> bool,
) -> Result<Vec<fleet::Aimed>, String> {
    let known: Arc<fleet::Known> = Arc::from(stage.known_to_fleets());
    let aim = |(index, fleet): (usize, &crate::plan::Fleet)| {
        let address = target(plan, stage, &fleet.to)?;
        Ok(fleet::Aimed {
            fleet: fleet.clone(),
            index,
            addr: address.addr,
            authority: address.authority,
            tls: address.tls,
            prefix: prefix(plan, &fleet.to),
            known: Arc::clone(&known),
            attempts: attempts(index),
        })
    };
    plan.fleets.iter().enumerate().map(aim).collect()
}

/// The path prefix of the service at the far end.
pub(super) fn prefix(plan: &Plan, to: &Target) -> String {
    let service = match to {
        Target::Service(name) => Some(name),
        Target::Link(link) => {
            plan.links.iter().find(|planned| planned.name == *link).and_then(|planned| {
                match &planned.to {
                    Upstream::Service(name) => Some(name),
                    Upstream::Address { .. } | Upstream::Stub(_) => None,
                }
            })
        }
    };
    let planned = plan.services.iter().find(|planned| Some(&planned.name) == service);
    match planned.map(|planned| &planned.kind) {
        Some(ServiceKind::Url { prefix, .. }) => prefix.clone(),
        Some(_) | None => String::new(),
    }
}

/// Where a load's requests are sent, and the host they are for: a link passes `Host` on, so it
/// is the far end's.
pub(super) fn target(plan: &Plan, stage: &Stage, to: &Target) -> Result<Address, String> {
    let link = match to {
        Target::Service(name) => return stage.service(name).cloned(),
        Target::Link(name) => name,
    };
    let addr = stage.link(link)?;
    let planned = plan.links.iter().find(|planned| planned.name == *link);
    let authority = match planned.map(|planned| &planned.to) {
        Some(Upstream::Service(name)) => stage.service(name)?.authority.clone(),
        Some(Upstream::Address { host, port }) => format!("{host}:{port}"),
        Some(Upstream::Stub(_)) | None => addr.to_string(),
    };
    let tls = match planned {
        Some(Link { tcp: true, to: Upstream::Service(name), .. }) => {
            stage.service(name)?.tls.clone()
        }
        _ => None,
    };
    Ok(Address { addr, authority, tls, ends: None })
}

fn headers(stage: &Stage, headers: &[(String, Text)]) -> Result<Vec<(String, Text)>, String> {
    let fill = |(name, value): &(String, Text)| Ok((name.clone(), text(stage, value)?));
    headers.iter().map(fill).collect()
}

fn text(stage: &Stage, text: &Text) -> Result<Text, String> {
    stage.fill(text).map(Text)
}

pub(super) fn client(stage: &Stage, client: &Client) -> Result<Client, String> {
    Ok(Client { headers: headers(stage, &client.headers)?, ..client.clone() })
}

pub(super) fn request(stage: &Stage, request: &Request) -> Result<Request, String> {
    let body = match &request.body {
        Body::Json(json) => Body::Json(Text(stage.fill_json(json)?)),
        Body::Text(plain) => Body::Text(text(stage, plain)?),
        other @ (Body::Empty | Body::File { .. }) => other.clone(),
    };
    let mut dynamic = request.dynamic.clone();
    if let Some(dynamic) = &mut dynamic {
        stage.fill_dynamic(dynamic)?;
    }
    Ok(Request {
        path: text(stage, &request.path)?,
        headers: headers(stage, &request.headers)?,
        body,
        dynamic,
        ..request.clone()
    })
}
