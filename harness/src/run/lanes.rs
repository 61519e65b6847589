//! Aims the planned loads at the addresses that the start decided.
//!
//! Not here: due times (`plan::arrivals`), sending (`load`).

use super::stage::{Address, Stage};
use crate::load::Lane;
use crate::plan::{Body, Client, Plan, Request, Target, Text, Upstream};

/// One lane for each load, texts filled in.
///
/// # Errors
/// A sentence, if something has no address or no value.
pub(super) fn aim(plan: &Plan, stage: &Stage) -> Result<Vec<Lane>, String> {
    let aim = |(index, load): (usize, &crate::plan::Load)| {
        let address = target(plan, stage, &load.to)?;
        let (warmup, due) = (load.arrivals.clone(), load.arrivals.clone());
        let warmup_us = plan.case.warmup_us;
        Ok(Lane {
            index,
            name: load.name.clone(),
            addr: address.addr,
            authority: address.authority,
            client: client(stage, &load.client)?,
            requests: load.requests.iter().map(|r| request(stage, r)).collect::<Result<_, _>>()?,
            cycle: load.cycle.clone(),
            warmup: Box::new(move |k| warmup.warmup_due_us(warmup_us, k)),
            due: Box::new(move |k| due.due_us(k).and_then(|due| i64::try_from(due).ok())),
        })
    };
    plan.loads.iter().enumerate().map(aim).collect()
}

/// Where a load's requests are sent, and the host they are for: a link passes `Host` on, so it
/// is the far end's.
fn target(plan: &Plan, stage: &Stage, to: &Target) -> Result<Address, String> {
    let link = match to {
        Target::Service(name) => return stage.service(name).cloned(),
        Target::Link(name) => name,
    };
    let addr = stage.link(link)?;
    let planned = plan.links.iter().find(|planned| planned.name == *link);
    let authority = match planned.map(|planned| &planned.to) {
        Some(Upstream::Service(name)) => stage.service(name)?.authority.clone(),
        Some(Upstream::Address { host, port }) => format!("{host}:{port}"),
        None => addr.to_string(),
    };
    Ok(Address { addr, authority })
}

fn headers(stage: &Stage, headers: &[(String, Text)]) -> Result<Vec<(String, Text)>, String> {
    let fill = |(name, value): &(String, Text)| Ok((name.clone(), text(stage, value)?));
    headers.iter().map(fill).collect()
}

fn text(stage: &Stage, text: &Text) -> Result<Text, String> {
    stage.fill(text, None).map(Text)
}

fn client(stage: &Stage, client: &Client) -> Result<Client, String> {
    Ok(Client { headers: headers(stage, &client.headers)?, ..client.clone() })
}

fn request(stage: &Stage, request: &Request) -> Result<Request, String> {
    let body = match &request.body {
        Body::Json(json) => Body::Json(text(stage, json)?),
        Body::Text(plain) => Body::Text(text(stage, plain)?),
        other @ (Body::Empty | Body::File(_)) => other.clone(),
    };
    Ok(Request {
        path: text(stage, &request.path)?,
        headers: headers(stage, &request.headers)?,
        body,
        ..request.clone()
    })
}
