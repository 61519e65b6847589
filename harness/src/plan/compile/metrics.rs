//! Metrics: where each is read, and what its values are.
//!
//! Not here: what is expected of them (`expect`), whether their pages may be asked (`consent`).

use super::command;
use super::notes::Notes;
use super::pages::page;
use super::{MOST_WAIT_US, headers, positive};
use crate::plan::metric::{Compared, Matcher, Metric, Page, PageOf, Read, Source, States};
use crate::plan::query;
use crate::plan::text::literal;
use crate::plan::{Service, ServiceKind};
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Name, Words};
use crate::spec::types::{self, ProcessRead, Scenario};
use assay_slo::case::{self, Shown, Unit};

/// From read to read unless the scenario says.
const EVERY_US: u64 = 1_000_000;
/// More often disturbs what is measured.
const LEAST_EVERY_US: u64 = 50_000;

/// The metrics, in the order of the scenario.
pub(super) fn compile(
    scenario: &Scenario,
    services: &[Service],
    notes: &mut Notes<'_>,
) -> Vec<Metric> {
    let entries = scenario.metrics.iter().map(|(name, written)| {
        let trail = Trail::root().key("metrics").key(name.as_str());
        let (kind, every, source) = match written {
            types::Metric::Process(of) => {
                ("process", of.every, process(of, services, &trail.key("process"), notes))
            }
            types::Metric::Prometheus(of) => {
                let source = prometheus(of, scenario, &trail.key("prometheus"), notes);
                ("prometheus", of.every, source)
            }
            types::Metric::Promql(of) => {
                ("promql", of.every, promql(of, &trail.key("promql"), notes))
            }
            types::Metric::Command(of) => {
                ("command", of.every, command(of, &trail.key("command"), notes))
            }
        };
        let every_us = every_us(every, &trail.key(kind), notes);
        Metric { name: name.to_string(), every_us, source }
    });
    let written: Vec<Metric> = entries.collect();
    let polled = polled(scenario, notes);
    written.into_iter().chain(polled).collect()
}

/// Those that breakers' evidence needs, in the order of the scenario.
fn polled(scenario: &Scenario, notes: &mut Notes<'_>) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for (name, breaker) in &scenario.breakers {
        let trail = Trail::root().key("breakers").key(name.as_str()).key("evidence");
        for (at, evidence) in breaker.evidence.iter().enumerate() {
            let trail = trail.index(at);
            let Some((kind, url, every, states)) = states(evidence) else { continue };
            let trail = trail.key(kind);
            let every_us = every_us(every, &trail, notes);
            let page = page(url, "/metrics", &trail.key("url"), notes);
            let source = Source::Breaker { breaker: name.to_string(), page, states };
            metrics.push(Metric { name: format!("{name} by {kind}"), every_us, source });
        }
    }
    metrics
}

/// The index of the metric that reads this piece of a breaker's evidence, if one does.
pub(super) fn polled_index(scenario: &Scenario, breaker: &str, evidence: usize) -> Option<usize> {
    let all = scenario.breakers.iter().flat_map(|(name, breaker)| {
        let pieces = breaker.evidence.iter().enumerate();
        pieces.filter(|(_, one)| states(one).is_some()).map(move |(at, _)| (name.as_str(), at))
    });
    let nth = all.into_iter().position(|one| one == (breaker, evidence))?;
    Some(scenario.metrics.len() + nth)
}

/// How a breaker's state shows on a page, if it does: what that is called, where, how often.
fn states(
    evidence: &types::BreakerEvidence,
) -> Option<(&'static str, &Words, Option<Duration>, States)> {
    use types::BreakerEvidence as Written;
    let (page, states) = match evidence {
        Written::Gateway(_) | Written::Arrivals(_) | Written::Log(_) => return None,
        Written::Resilience4j(page) => (page, States::Resilience4j { name: literal(&page.name) }),
        Written::Polly(page) => (page, States::Polly { pipeline: literal(&page.name) }),
        Written::Envoy(page) => (page, States::Envoy { cluster: literal(&page.name) }),
        Written::Gauge(gauge) => {
            let labels = gauge.labels.iter();
            let states = States::Gauge {
                metric: literal(&gauge.metric),
                labels: labels.map(|(name, value)| (name.clone(), literal(value))).collect(),
                closed: gauge.values.closed.value(),
                open: gauge.values.open.value(),
                half_open: gauge.values.half_open.map(|value| value.value()),
            };
            return Some(("gauge", &gauge.url, gauge.every, states));
        }
    };
    Some((states.kind(), &page.url, page.every, states))
}

fn every_us(every: Option<Duration>, trail: &Trail, notes: &mut Notes<'_>) -> u64 {
    let Some(every) = every else { return EVERY_US };
    let trail = trail.key("every");
    let us = positive(every, MOST_WAIT_US, &trail, notes);
    if us < LEAST_EVERY_US {
        let least = Duration { us: LEAST_EVERY_US };
        let message = format!("every {every} is too often");
        notes.value(&trail, message, format!("write at least {least}"));
    }
    us
}

/// A metric as the judge knows it; `limit` is the unit in which its limits are written.
pub(super) fn judged(metric: &Metric, limit: Unit) -> case::Metric {
    let (reads, unit) = match &metric.source {
        Source::Process { service, read } => (format!("{} of {service}", word(*read)), of(*read)),
        Source::Prometheus { page, query: Some(query), .. } => {
            (format!("{query} of {}", whose(page)), Unit::Plain)
        }
        Source::Prometheus { page, name, labels, .. } => {
            let labels: Vec<String> =
                labels.iter().map(|one| format!("{}={:?}", one.label, one.value)).collect();
            let labels = if labels.is_empty() {
                String::new()
            } else {
                format!("{{{}}}", labels.join(", "))
            };
            (format!("{name}{labels} of {}", whose(page)), by_name(name))
        }
        Source::Promql(page) => (format!("a query of {}", whose(page)), Unit::Plain),
        Source::Breaker { breaker, page, states } => {
            let by = states.kind();
            (format!("state of `{breaker}` by {by} of {}", whose(page)), Unit::Plain)
        }
        Source::Command(words) => {
            let words: Vec<&str> = words.iter().map(|word| word.0.as_str()).collect();
            (format!("what `{}` prints", words.join(" ")), Unit::Plain)
        }
    };
    let unit = if unit == Unit::Plain { limit } else { unit };
    let service = metric.service().map(str::to_owned);
    let shown = match &metric.source {
        Source::Breaker { states: States::Polly { .. }, .. } => Shown::Changes,
        Source::Breaker { states: States::Envoy { .. }, .. } => Shown::TimedStates,
        _ => Shown::States,
    };
    let (name, every_us) = (metric.name.clone(), metric.every_us);
    let scraped = matches!(metric.source, Source::Promql(_));
    case::Metric { name, reads, service, unit, every_us, shown, scraped }
}

fn word(read: Read) -> &'static str {
    match read {
        Read::Rss => "rss",
        Read::Cpu => "cpu",
        Read::Threads => "threads",
        Read::OpenFiles => "open-files",
        Read::Restarts => "restarts",
    }
}

fn of(read: Read) -> Unit {
    match read {
        Read::Rss => Unit::Bytes,
        Read::Cpu => Unit::Share,
        Read::Threads | Read::OpenFiles | Read::Restarts => Unit::Plain,
    }
}

/// What Prometheus' naming says.
fn by_name(name: &str) -> Unit {
    let bare = name.strip_suffix("_total").unwrap_or(name);
    match bare.rsplit('_').next() {
        Some("bytes") => Unit::Bytes,
        Some("seconds") => Unit::Seconds,
        _ => Unit::Plain,
    }
}

fn whose(page: &Page) -> String {
    match &page.of {
        PageOf::Service(service) => service.clone(),
        PageOf::Host { host, port, .. } => format!("{host}:{port}"),
        PageOf::Placed { authority, .. } => authority.0.clone(),
    }
}

/// Whether a service is there; if not, that is told.
pub(super) fn known_service(
    name: &Name,
    known: &[&str],
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> bool {
    let is_known = known.contains(&name.as_str());
    if !is_known {
        let message = format!("unknown service `{name}`");
        notes.unknown(trail, name.as_str(), message, (&["services"], "services"), known);
    }
    is_known
}

fn process(
    written: &types::ProcessMetric,
    services: &[Service],
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Source {
    let trail = trail.key("service");
    let known: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
    let name = &written.service;
    known_service(name, &known, &trail, notes);
    let named = services.iter().find(|service| service.name == name.as_str());
    if let Some(ServiceKind::Url { .. }) = named.map(|service| &service.kind) {
        let message = format!("nobody knows the processes of `{name}`, which has a URL only");
        notes.value(&trail, message, "write `running-process:` if it runs here");
    }
    let read = match written.read {
        ProcessRead::Rss => Read::Rss,
        ProcessRead::Cpu => Read::Cpu,
        ProcessRead::Threads => Read::Threads,
        ProcessRead::OpenFiles => Read::OpenFiles,
        ProcessRead::Restarts => Read::Restarts,
    };
    Source::Process { service: name.to_string(), read }
}

fn prometheus(
    written: &types::PrometheusMetric,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Source {
    let path = written.path.as_ref().map(literal);
    let page = match (&written.service, &written.url) {
        (Some(name), None) => {
            let known: Vec<&str> = scenario.services.keys().map(|name| name.as_str()).collect();
            known_service(name, &known, &trail.key("service"), notes);
            let path = path.unwrap_or_else(|| "/metrics".to_owned());
            headers::check_path(&path, &trail.key("path"), notes);
            Page { of: PageOf::Service(name.to_string()), path }
        }
        (None, Some(url)) => {
            if path.is_some() {
                let message = "a URL has its path".to_owned();
                notes.value(&trail.key("path"), message, "write it at the end of `url`");
            }
            page(url, "/metrics", &trail.key("url"), notes)
        }
        (both, _) => {
            let (message, help) = match both {
                Some(_) => ("both a service and a URL", "keep one of `service` and `url`"),
                None => ("it does not say where the page is", "write `service:` or `url:`"),
            };
            notes.entry(trail, message.to_owned(), help);
            Page { of: PageOf::Service(String::new()), path: String::new() }
        }
    };
    let name = match (&written.name, &written.query) {
        (Some(name), None) => literal(name),
        (None, Some(query)) => {
            if let Some(label) = written.labels.keys().next() {
                let message = "a query has its labels itself".to_owned();
                notes.entry(&trail.key("labels").key(label), message, "write them in `query`");
            }
            let query = literal(query);
            let (name, labels) = query::read(&query).unwrap_or_else(|why| {
                notes.value(&trail.key("query"), why, query::FORM);
                Default::default()
            });
            return Source::Prometheus { page, name, labels, query: Some(query) };
        }
        (both, _) => {
            let (message, help) = match both {
                Some(_) => ("both a name and a query", "keep one of `name` and `query`"),
                None => ("it does not say what is read", "write `name:`, or `query:`"),
            };
            notes.entry(trail, message.to_owned(), help);
            return Source::Prometheus { page, name: String::new(), labels: vec![], query: None };
        }
    };
    let is_name = |name: &str, colons: bool| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
        !name.is_empty()
            && name.chars().all(fits)
            && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    if !is_name(&name, true) {
        let message = format!("`{}` is no name of a series", name.escape_debug());
        notes.value(&trail.key("name"), message, "write the name alone; `labels:` has its labels");
    }
    for label in written.labels.keys().filter(|label| !is_name(label, false)) {
        let message = format!("`{}` is no name of a label", label.escape_debug());
        notes.entry(&trail.key("labels").key(label), message, "write letters, digits and `_`");
    }
    let labels = written.labels.iter().map(|(label, value)| Matcher {
        label: label.clone(),
        how: Compared::Is,
        value: literal(value),
    });
    Source::Prometheus { page, name, labels: labels.collect(), query: None }
}

fn promql(written: &types::PromqlMetric, trail: &Trail, notes: &mut Notes<'_>) -> Source {
    let server = page(&written.url, "", &trail.key("url"), notes);
    let query = literal(&written.query);
    if query.trim().is_empty() {
        let message = "the query is empty".to_owned();
        notes.value(&trail.key("query"), message, "write one such as sum(rate(errors_total[1m]))");
    }
    let path = format!("{}/api/v1/query?query={}", server.path, encoded(&query));
    Source::Promql(Page { path, ..server })
}

/// As a value of a URL's query.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn command(written: &types::CommandMetric, trail: &Trail, notes: &mut Notes<'_>) -> Source {
    Source::Command(command::words(&written.run, written.shell.as_ref(), trail, notes))
}
