//! Where links lead whose far end is a name with several addresses, on none of which anybody answers before the
//! run has started it.
//!
//! Invariant: what is told as the far end is the address that answers.
//! Not here: the links themselves, and what comes to one before that is known (`link::spares`).

use super::Stage;
use crate::plan::{Link, Plan, ServiceKind, Upstream};
use crate::run::consented::silent_here;
use crate::run::stream::Stream;
use crate::service;
use std::net::SocketAddr;

impl Stage {
    /// Lets a link lead wherever its far end may answer; gives how that is called.
    pub(super) async fn leads_to(
        &self,
        plan: &Plan,
        link: &Link,
        first: SocketAddr,
    ) -> Result<String, String> {
        let Some((host, port)) = called(plan, &link.to) else { return Ok(first.to_string()) };
        let others = silent_here(host, port, &plan.allow).await;
        let is_open = !others.is_empty();
        self.links.may_lead_to(&link.name, others).map_err(|e| e.to_string())?;
        Ok(if is_open {
            format!("{host}:{port}, where nothing answers yet")
        } else {
            first.to_string()
        })
    }

    /// Leads those links to what answers now that all is started.
    pub(super) async fn settle_links(&self, plan: &Plan, stream: &mut Stream) {
        for link in &plan.links {
            let open = self.links.may_lead(&link.name);
            if !open.is_empty()
                && let Some(found) = service::accepting(&open).await
                && self.links.settle(&link.name, found).is_ok()
            {
                stream.progress.note(&format!("link {} leads to {found}", link.name));
            }
        }
    }
}

/// The name that a link's far end is called by, where it is one.
fn called<'p>(plan: &'p Plan, to: &'p Upstream) -> Option<(&'p str, u16)> {
    let name = match to {
        Upstream::Address { host, port } => return Some((host, *port)),
        Upstream::Service(name) => name,
        Upstream::Stub(_) => return None,
    };
    match &plan.services.iter().find(|service| service.name == *name)?.kind {
        ServiceKind::Url { host, port, .. } => Some((host, *port)),
        _ => None,
    }
}
