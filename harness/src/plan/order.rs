//! In which order services start: each after those whose addresses it names.
//!
//! `${services.X.…}` asks for X; `${links.L.…}` asks for the service behind L. A service that names
//! itself, directly or through a link, waits for nothing: its address is reserved before.
//!
//! Invariant: the order of the scenario is kept wherever references leave a choice.
//! Not here: whether the references exist (`references`).

use super::{Link, Service, ServiceKind, Upstream};
use std::collections::BTreeSet;

/// Services that wait for each other; names in the order of the references, the first again at
/// the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cycle(pub(super) Vec<String>);

/// The services in the order in which they start.
///
/// # Errors
/// A cycle.
pub(super) fn starts(services: Vec<Service>, links: &[Link]) -> Result<Vec<Service>, Cycle> {
    let needs: Vec<Vec<usize>> =
        services.iter().map(|service| needed(service, &services, links)).collect();
    let mut order = Vec::new();
    let mut done = BTreeSet::new();
    for service in 0..services.len() {
        visit(service, &needs, &mut Vec::new(), &mut done, &mut order)
            .map_err(|path| Cycle(names(&path, &services)))?;
    }
    let mut slots: Vec<Option<Service>> = services.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|next| slots.get_mut(next).and_then(Option::take)).collect())
}

fn names(path: &[usize], services: &[Service]) -> Vec<String> {
    path.iter().filter_map(|at| services.get(*at)).map(|service| service.name.clone()).collect()
}

/// Depth first; `path` is where we came from. The error is the cycle, its first at both ends.
fn visit(
    service: usize,
    needs: &[Vec<usize>],
    path: &mut Vec<usize>,
    done: &mut BTreeSet<usize>,
    order: &mut Vec<usize>,
) -> Result<(), Vec<usize>> {
    if done.contains(&service) {
        return Ok(());
    }
    if let Some(first) = path.iter().position(|before| *before == service) {
        let mut cycle = path.split_off(first);
        cycle.push(service);
        return Err(cycle);
    }
    path.push(service);
    for next in needs.get(service).into_iter().flatten() {
        visit(*next, needs, path, done, order)?;
    }
    path.pop();
    done.insert(service);
    order.push(service);
    Ok(())
}

/// Which services must run before this one starts.
fn needed(service: &Service, services: &[Service], links: &[Link]) -> Vec<usize> {
    let ServiceKind::Process(process) = &service.kind else { return Vec::new() };
    let texts = process.command.iter().chain(process.env.iter().map(|(_, value)| value));
    let names = texts.flat_map(|text| text.references()).filter_map(|reference| {
        let (kind, rest) = reference.split_once('.')?;
        let (name, _) = rest.rsplit_once('.')?;
        match kind {
            "services" => Some(name),
            "links" => {
                links.iter().find(|link| link.name == name).and_then(|link| match &link.to {
                    Upstream::Service(upstream) => Some(upstream.as_str()),
                    Upstream::Address { .. } | Upstream::Stub(_) => None,
                })
            }
            _ => None,
        }
    });
    let others = names.filter(|name| *name != service.name);
    others.filter_map(|name| services.iter().position(|other| other.name == name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Process, Ready, Text};

    fn process(name: &str, argument: &str) -> Service {
        let process = Process {
            command: vec![Text("./run".into()), Text(argument.into())],
            env: vec![],
            cwd: "/".into(),
            ready: Ready::Port(None),
            ready_within_us: 1,
            stop_within_us: 1,
            held: None,
        };
        Service { name: name.into(), kind: ServiceKind::Process(process) }
    }

    fn link(name: &str, to: &str) -> Link {
        Link { name: name.into(), to: Upstream::Service(to.into()), tcp: false, listen: None }
    }

    fn order(services: Vec<Service>, links: &[Link]) -> Result<Vec<String>, Cycle> {
        starts(services, links).map(|order| order.into_iter().map(|next| next.name).collect())
    }

    #[test]
    fn keeps_the_scenarios_order() {
        let services = vec![process("b", ""), process("a", "${self.addr}"), process("c", "")];
        assert_eq!(order(services, &[]), Ok(vec!["b".into(), "a".into(), "c".into()]));
    }

    #[test]
    fn starts_what_is_named_first() {
        let services = vec![
            process("shop", "${links.pay.addr}"),
            process("fx", ""),
            process("payments", "x=${services.fx.host}"),
        ];
        let expected = Ok(vec!["fx".into(), "payments".into(), "shop".into()]);
        assert_eq!(order(services, &[link("pay", "payments")]), expected);
    }

    #[test]
    fn names_a_cycle() {
        let services = vec![
            process("edge", "${services.a.addr}"),
            process("a", "${links.l.addr}"),
            process("b", "${services.a.port}"),
        ];
        let expected = Err(Cycle(vec!["a".into(), "b".into(), "a".into()]));
        assert_eq!(order(services, &[link("l", "b")]), expected);
    }

    #[test]
    fn a_service_may_name_itself() {
        let services = vec![process("a", "${services.a.addr} ${links.l.addr}")];
        assert_eq!(order(services, &[link("l", "a")]), Ok(vec!["a".into()]));
    }
}
