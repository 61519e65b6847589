//! Consent: load leaves loopback only for hosts that the scenario allows by name.
//!
//! Invariant: what is not certainly loopback needs consent: a name that only a resolver could
//! place is not certain.
//! Not here: where names lead in the end; `run` looks at resolved addresses once more.

use super::notes::Notes;
use crate::plan::metric::{PageOf, Source};
use crate::plan::{Link, Metric, Service, ServiceKind, Upstream};
use crate::spec::Trail;
use crate::spec::types::Scenario;
use std::net::IpAddr;

/// Checks every host of services and links.
pub(super) fn check(
    scenario: &Scenario,
    services: &[Service],
    links: &[Link],
    notes: &mut Notes<'_>,
) {
    for service in services {
        if let ServiceKind::Url { host, .. } = &service.kind {
            let trail = Trail::root().key("services").key(&service.name).key("url");
            ask(host, scenario, trail, notes);
        }
    }
    for link in links {
        if let Upstream::Address { host, .. } = &link.to {
            ask(host, scenario, Trail::root().key("links").key(&link.name).key("to"), notes);
        }
    }
}

/// Checks every host that metrics are read from.
pub(super) fn check_metrics(scenario: &Scenario, metrics: &[Metric], notes: &mut Notes<'_>) {
    for metric in metrics {
        if let Some(PageOf::Host { host, .. }) = metric.page().map(|page| &page.of) {
            let trail = match &metric.source {
                Source::Breaker { breaker, .. } => Trail::root().key("breakers").key(breaker),
                _ => Trail::root().key("metrics").key(&metric.name),
            };
            ask(host, scenario, trail, notes);
        }
    }
}

fn ask(host: &str, scenario: &Scenario, trail: Trail, notes: &mut Notes<'_>) {
    let allowed = scenario.allow.iter().any(|allowed| allowed.as_str().eq_ignore_ascii_case(host));
    let is_certain = !notes.left_out().touches("allow");
    if !host.is_empty() && !is_loopback(host) && !allowed && is_certain {
        notes.value(
            &trail,
            format!("`{host}` is not on loopback and may receive no load"),
            format!("if its owner agrees, write `allow: [{}]`", quoted(host)),
        );
    }
}

/// A host as an item of a YAML list in brackets.
fn quoted(host: &str) -> String {
    if host.contains(':') { format!("\"{host}\"") } else { host.to_owned() }
}

/// Whether a host is loopback whatever a resolver says.
#[must_use]
pub(in crate::plan) fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}
