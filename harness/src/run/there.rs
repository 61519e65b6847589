//! What must run already: looked for, and not touched.
//!
//! Invariant: nothing is started, sent or broken.
//! Not here: attaching to it in a run (`attach`, `stage`).

use super::stage::stays;
use crate::plan::{Plan, ServiceKind};
use crate::service::Attached;
use crate::service::engine::{Engine, Query};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// A service that must be there, and whether it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct There {
    /// The service.
    pub service: String,
    /// Whether it was found.
    pub is_there: bool,
    /// Who, or why not.
    pub what: String,
}

impl fmt::Display for There {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_there { "found" } else { "NOT FOUND" };
        write!(f, "service {}: {word}: {}", self.service, self.what)
    }
}

/// Looks for every service that is not started by the run, and for the engine of those that are
/// started in containers.
///
/// # Errors
/// The system gave no runtime.
pub fn look_for(plan: &Plan) -> Result<Vec<There>, std::io::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let mut all = Vec::new();
        for service in &plan.services {
            let looked = match &service.kind {
                ServiceKind::Attached { port, pid_file } => {
                    let found = Attached::find(*port, pid_file.as_deref());
                    found.map(|found| format!("{}, at {}", found.label(), found.addr))
                }
                ServiceKind::Containers { which, .. } => {
                    containers(plan, &service.name, &Query::of(which)).await
                }
                ServiceKind::Process(process) if process.held.is_some() => engine().await,
                ServiceKind::Process(_) | ServiceKind::Url { .. } => continue,
            };
            let is_there = looked.is_ok();
            let what = looked.unwrap_or_else(|why| why);
            all.push(There { service: service.name.clone(), is_there, what });
        }
        all
    }))
}

/// This machine's address in the network that containers are in unless told otherwise; what it usually
/// is, where no engine says.
#[must_use]
pub fn bridge_gateway() -> IpAddr {
    let usual = IpAddr::V4(Ipv4Addr::new(172, 17, 0, 1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked = runtime.map(|runtime| {
        runtime.block_on(async { Engine::connect(None).await?.gateway("bridge").await })
    });
    match asked {
        Ok(Ok(Some(gateway))) => gateway,
        _ => usual,
    }
}

async fn engine() -> Result<String, String> {
    Ok(format!("a container engine, version {}", Engine::connect(None).await?.version().await?))
}

/// Looks, too, whether faults on them could be undone.
async fn containers(plan: &Plan, name: &str, query: &Query) -> Result<String, String> {
    let engine = Engine::connect(None).await?;
    let found = engine.find(query, false).await?;
    for fault in plan.faults.iter().filter(|fault| fault.link == name) {
        stays(&engine, &found, fault)
            .await
            .map_err(|why| format!("not so that it can be broken: {why}"))?;
    }
    let names: Vec<String> = found.into_iter().map(|vessel| vessel.name).collect();
    if names.is_empty() {
        return Err("no such container runs".to_owned());
    }
    Ok(format!("container {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_missing_stands_out() {
        let mut there = There { service: "db".into(), is_there: true, what: "container x".into() };
        assert_eq!(there.to_string(), "service db: found: container x");
        there.is_there = false;
        assert!(there.to_string().starts_with("service db: NOT FOUND"));
    }
}
