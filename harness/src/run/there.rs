//! What must run already: looked for, and not touched.
//!
//! Invariant: nothing is started, sent or broken.
//! Not here: attaching to it in a run (`attach`, `stage`).

use super::consented::{consent_to_faults, is_here, may_listen};
use super::names::authority;
use super::stage::{burns, can_be_broken, family_can_be_broken};
use crate::plan::{Fault, Plan, ServiceKind, Upstream};
use crate::service::engine::{Engine, Query, remote};
use crate::service::{self, Attached, Claims, First};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
        let (mut all, mut claims) = (Vec::new(), Claims::default());
        for service in &plan.services {
            let looked = match &service.kind {
                ServiceKind::Attached { port, pid_file } => {
                    let found = Attached::find(*port, pid_file.as_deref());
                    found.and_then(|found| {
                        let able = family_can_be_broken(plan, &service.name, &found, &mut claims);
                        able.map_err(not_so)?;
                        Ok(format!("{}, at {}", found.label(), found.addr))
                    })
                }
                ServiceKind::Containers { which, port } => {
                    let by = (&Query::of(which), *port);
                    containers(plan, &service.name, by, &mut claims).await
                }
                ServiceKind::Process(process) => match &process.held {
                    Some(held) => engine(&held.image).await,
                    None => continue,
                },
                ServiceKind::Url { .. } => continue,
            };
            let is_there = looked.is_ok();
            let what = looked.unwrap_or_else(|why| why);
            all.push(There { service: service.name.clone(), is_there, what });
        }
        all.extend(plan.faults.iter().filter(|fault| burns(fault)).map(|fault| room(plan, fault)));
        all
    }))
}

/// What the run would refuse for want of consent, as far as it is certain: sentences. Names are looked
/// up; nothing is sent.
///
/// # Errors
/// The system gave no runtime.
pub fn refusals(plan: &Plan, allow_faults: &[String]) -> Result<Vec<String>, std::io::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let mut all = Vec::new();
        for service in &plan.services {
            if let ServiceKind::Url { host, port, .. } = &service.kind
                && let Err(why) = looked_up(host, *port, &plan.allow).await
            {
                all.push(format!("service {}: {why}", service.name));
            }
        }
        let is_broken = |name: &String| plan.faults.iter().any(|fault| fault.link == *name);
        for link in &plan.links {
            all.extend(may_listen(link).err());
            let (host, port) = match &link.to {
                Upstream::Address { host, port } => (host, *port),
                Upstream::Service(name) => {
                    let service = plan.services.iter().find(|service| service.name == *name);
                    match service.map(|service| &service.kind) {
                        Some(ServiceKind::Url { host, port, .. }) => (host, *port),
                        _ => continue,
                    }
                }
                Upstream::Stub(_) => continue,
            };
            match looked_up(host, port, &plan.allow).await {
                // Of several, the run takes one that answers.
                Ok(addrs) if addrs.iter().any(|addr| is_here(addr.ip())) => {}
                Ok(_) if is_broken(&link.name) => {
                    let refused = consent_to_faults(&authority(host, port, false), allow_faults);
                    all.extend(refused.err().map(|why| format!("link {}: {why}", link.name)));
                }
                Err(why) if matches!(link.to, Upstream::Address { .. }) => {
                    all.push(format!("link {}: {why}", link.name));
                }
                Ok(_) | Err(_) => {}
            }
        }
        let far = remote(std::env::var("DOCKER_HOST").ok().as_deref());
        let contained = |kind: &ServiceKind| matches!(kind, ServiceKind::Containers { .. });
        for service in plan.services.iter().filter(|service| contained(&service.kind)) {
            if let Some(host) = far.as_ref().filter(|_| is_broken(&service.name)) {
                let refused = consent_to_faults(host, allow_faults);
                all.extend(refused.err().map(|why| format!("service {}: {why}", service.name)));
            }
        }
        all
    }))
}

/// Whether there is a core for a busy neighbour, as far as it can be known before the service runs.
fn room(plan: &Plan, fault: &Fault) -> There {
    let service = fault.link.clone();
    let kind = plan.services.iter().find(|one| one.name == service).map(|one| &one.kind);
    let found = match kind {
        Some(ServiceKind::Attached { port, pid_file }) => {
            let found = Attached::find(*port, pid_file.as_deref());
            let first = found.map(|found| First { id: found.first(), leads: false, restarts: 0 });
            first.and_then(|first| service::room_beside(&service, first))
        }
        _ => service::room_at_all(),
    };
    let of = format!("for the burners of fault `{}`", fault.name);
    let known = match kind {
        Some(ServiceKind::Attached { .. }) => "",
        _ => ", as far as it may run there",
    };
    match found {
        Ok(room) => {
            let doubts = room.doubts.iter().map(|doubt| format!("; {doubt}")).collect::<String>();
            let what = format!("{} {of}{known}{doubts}", room.cores.words());
            There { service, is_there: true, what }
        }
        Err(why) => There { service, is_there: false, what: format!("a core {of}: {why}") },
    }
}

async fn looked_up(host: &str, port: u16, allow: &[String]) -> Result<Vec<SocketAddr>, String> {
    let deny = std::env::var("ASSAY_DENY").ok();
    service::consented(host, port, allow, deny.as_deref()).await.map_err(|why| why.to_string())
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

async fn engine(image: &str) -> Result<String, String> {
    let engine = Engine::connect(None).await?;
    let version = engine.version().await?;
    let image = if engine.has(image).await? {
        format!("it has {image}")
    } else {
        format!("it has no {image} yet: the run pulls it first, if this machine may")
    };
    Ok(format!("a container engine, version {version}; {image}"))
}

fn not_so(why: String) -> String {
    format!("not so that it can be broken: {why}")
}

/// Looks, too, whether faults on them could be undone, and whether they are another run's to break.
async fn containers(
    plan: &Plan,
    name: &str,
    (query, port): (&Query, Option<u16>),
    claims: &mut Claims,
) -> Result<String, String> {
    let engine = Engine::connect(None).await?;
    let found = engine.find(query, false).await?;
    for fault in plan.faults.iter().filter(|fault| fault.link == name) {
        for vessel in &found {
            claims.take(name, vessel).map_err(not_so)?;
        }
        can_be_broken(&engine, &found, fault).await.map_err(not_so)?;
    }
    // An address on this machine may be used whatever its network is called, unless it is denied.
    if let Some(first) = found.first()
        && remote(std::env::var("DOCKER_HOST").ok().as_deref()).is_none()
        && let Ok(addr) = engine.condition(&first.id).await?.unwrap_or_default().address(port)
    {
        let own = addr.ip().to_string();
        looked_up(&own, addr.port(), std::slice::from_ref(&own)).await?;
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
    use crate::plan::compile_to_measure;
    use crate::spec::{Overrides, decode};

    #[test]
    fn what_a_run_would_refuse_is_told_before() {
        let told = |allow: &str, faults: &[String]| {
            let text = format!(
                "schema: 1\nname: a\nservices: {{s: {{url: \"http://127.0.0.1:1\"}}}}\n{allow}links: {{c: \
                 {{to: \"192.0.2.1:6379\", protocol: tcp, listen: \"127.0.0.1:7450\"}}}}\nload: {{l: {{constant-arrival-rate: \
                 {{rate: 1/s, duration: 9s, to: s, requests: [{{get: {{path: /}}}}]}}}}}}\nfaults: {{f: \
                 {{outage: {{link: c, mode: refuse, at: 3s, duration: 2s, recovery: 1s}}}}}}\n"
            );
            let loaded = decode("a.yaml", &text, &Overrides::default(), &|_| None);
            let plan = compile_to_measure(loaded).unwrap_or_else(|why| panic!("{why:?}\n{text}"));
            refusals(&plan, faults).unwrap()
        };
        let allow = "allow: [192.0.2.1]\n";
        let refused = told(allow, &[]);
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].contains("add --allow-faults 192.0.2.1"), "{refused:?}");
        assert!(told(allow, &["192.0.2.1".to_owned()]).is_empty());
    }

    #[test]
    fn who_is_missing_stands_out() {
        let mut there = There { service: "db".into(), is_there: true, what: "container x".into() };
        assert_eq!(there.to_string(), "service db: found: container x");
        there.is_there = false;
        assert!(there.to_string().starts_with("service db: NOT FOUND"));
    }
}
