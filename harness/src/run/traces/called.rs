//! What spans say of where a request goes, in OpenTelemetry's words: method, URL and server.
//!
//! Invariant: no secret: what the journal would mask is masked here.
//! Not here: how an attempt ended (`traces`).

use crate::plan::{Plan, Request, Target};
use crate::run::lanes;
use crate::run::stage::Stage;
use crate::spec::mask;
use assay_backend::KeyValue;
use std::collections::BTreeMap;

/// By load and request.
pub(super) type Called = BTreeMap<(usize, usize), Vec<KeyValue>>;

/// Of all requests of a plan that has its addresses.
///
/// # Errors
/// A sentence, if something has no address.
pub(super) fn of(plan: &Plan, stage: &Stage) -> Result<Called, String> {
    let mut called = Called::new();
    let open = plan.loads.iter().enumerate();
    let open = open.map(|(index, load)| (index, &load.to, &load.client, &load.requests));
    let closed = plan.users.iter().map(|of| (of.load, &of.to, &of.client, &of.requests));
    for (load, to, client, requests) in open.chain(closed) {
        let transport = &client.transport;
        // A link on the way may speak it for us.
        let sealed = transport.tls.is_some() || transport.beyond.is_some();
        let server = Server::of(plan, stage, to, sealed)?;
        for (place, request) in requests.iter().enumerate() {
            called.insert((load, place), server.called(&request.method, path(stage, request)));
        }
    }
    for fleet in &plan.fleets {
        let server = Server::of(plan, stage, &fleet.to, false)?;
        if let Some(request) = &fleet.send {
            let told = server.called(&request.method, path(stage, request));
            called.insert((fleet.load, 0), told);
            continue;
        }
        let prefix = lanes::prefix(plan, &fleet.to);
        for (place, what) in ["raw", "features"].into_iter().enumerate() {
            let path = format!("{prefix}/ingest/{what}");
            called.insert((fleet.load, place), server.called("POST", Some(path)));
        }
    }
    Ok(called)
}

/// The path that all of a request's sendings have; none where each has its own.
fn path(stage: &Stage, request: &Request) -> Option<String> {
    let changes = request.dynamic.as_ref().is_some_and(|dynamic| dynamic.path.is_some());
    // What only a device knows cannot be filled.
    if changes { None } else { stage.fill(&request.path).ok() }
}

struct Server<'a> {
    scheme: &'static str,
    authority: String,
    secrets: &'a [String],
}

impl Server<'_> {
    fn of<'a>(
        plan: &'a Plan,
        stage: &Stage,
        to: &Target,
        sealed: bool,
    ) -> Result<Server<'a>, String> {
        let address = lanes::target(plan, stage, to)?;
        let scheme = if sealed || address.tls.is_some() { "https" } else { "http" };
        Ok(Server { scheme, authority: address.authority, secrets: &plan.secrets })
    }

    fn called(&self, method: &str, path: Option<String>) -> Vec<KeyValue> {
        let usual = if self.scheme == "https" { 443 } else { 80 };
        // The last colon of `[::1]` is none before a port.
        let (host, port) = match self.authority.rsplit_once(':') {
            Some((host, port)) => match port.parse::<u16>() {
                Ok(port) => (host, port),
                Err(_) => (self.authority.as_str(), usual),
            },
            None => (self.authority.as_str(), usual),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut told = vec![
            KeyValue::new("http.request.method", method.to_owned()),
            KeyValue::new("server.address", mask(host, self.secrets)),
            KeyValue::new("server.port", i64::from(port)),
        ];
        if let Some(path) = path {
            let url = format!("{}://{}{path}", self.scheme, self.authority);
            told.push(KeyValue::new("url.full", mask(&url, self.secrets)));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(scheme: &'static str, authority: &str, path: Option<&str>) -> Vec<String> {
        let secrets = ["hunter2".to_owned()];
        let server = Server { scheme, authority: authority.to_owned(), secrets: &secrets };
        let told = server.called("GET", path.map(str::to_owned));
        told.iter().map(|of| format!("{}={}", of.key, of.value)).collect()
    }

    #[test]
    fn a_url_is_whole_and_has_no_secret() {
        assert_eq!(
            told("http", "127.0.0.1:8000", Some("/a?token=hunter2&b=1")),
            [
                "http.request.method=GET",
                "server.address=127.0.0.1",
                "server.port=8000",
                "url.full=http://127.0.0.1:8000/a?token=***&b=1"
            ]
        );
    }

    #[test]
    fn a_server_without_a_port_has_its_schemes_and_a_path_that_changes_is_not_told() {
        let https = ["http.request.method=GET", "server.address=shop.example", "server.port=443"];
        assert_eq!(told("https", "shop.example", None), https);
        let six = ["http.request.method=GET", "server.address=::1", "server.port=80"];
        assert_eq!(told("http", "[::1]", None), six);
        assert_eq!(told("http", "[::1]:81", None)[1..], ["server.address=::1", "server.port=81"]);
    }
}
