//! Requests as they are sent: rendered once, with the rules for each attempt.
//!
//! Not here: sending (`shard`, `lean`), what each sending has of its own (`fill`).

use super::{StartError, kept};
use crate::client::{Ends, Limits, Manners, Rendered, Slots, Tls, Trunk, Ways};
use crate::plan::{self, Dynamic, traced::Tracing};
use std::net::SocketAddr;
use std::sync::Arc;

/// A request as it is sent, and its limits.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) rendered: Rendered,
    pub(super) limits: Limits,
    pub(super) manners: Manners,
    pub(super) told: Arc<kept::Told>,
    /// What each sending has of its own; none where there is nothing.
    pub(super) dynamic: Option<Arc<Dynamic>>,
}

/// The requests of whoever has connections of its own; with HTTP/2 they share them.
pub(super) fn apart(
    kinds: &[Kind],
    client: &plan::Client,
    connections: usize,
    streams: usize,
) -> Vec<Kind> {
    let trunk = client.transport.http2.then(|| Arc::new(Trunk::new(connections, streams)));
    let own = |kind: &Kind| {
        let limits = Limits { trunk: trunk.clone(), ..kind.limits.clone() };
        Kind { limits, ..kind.clone() }
    };
    kinds.iter().map(own).collect()
}

/// Whose requests they are, and where they go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim<'a> {
    pub(super) load: &'a str,
    pub(super) addr: SocketAddr,
    pub(super) authority: &'a str,
    pub(super) ends: &'a Option<Arc<Ends>>,
    pub(super) tracing: Option<Tracing>,
}

/// All requests of a load, ready to be sent.
///
/// # Errors
/// What cannot be sent, or no way there.
pub(super) fn render(
    aim: Aim<'_>,
    client: &plan::Client,
    requests: &[plan::Request],
    run: &str,
) -> Result<Vec<Kind>, StartError> {
    let tls = client
        .transport
        .tls
        .as_ref()
        .map(|tls| Tls::new(tls, aim.authority, client.transport.http2));
    let tls = tls.transpose();
    let tls = tls.map_err(|error| StartError::Tls { load: aim.load.to_owned(), error })?;
    let transport = &client.transport;
    let ways = Ways::new(aim.ends.clone(), &transport.sources, transport.reconnect_us);
    let slots = Arc::new(Slots::new(requests.len()));
    let kind = |(at, request): (usize, &plan::Request)| {
        let rendered = Rendered::new(run, aim.load, aim.authority, client, request);
        let rendered = rendered.map_err(|error| StartError::Request {
            load: aim.load.to_owned(),
            request: request.name.clone(),
            error,
        })?;
        let rendered = rendered.traced_by(aim.tracing);
        let limits = Limits {
            addr: aim.addr,
            connect_timeout_us: client.connect_timeout_us,
            timeout_us: request.timeout_us,
            check_status: request.check_status.clone(),
            tls: tls.clone(),
            trunk: None,
            ways: ways.clone(),
            keep: kept::keep(&slots, at, request),
        };
        let told = Arc::new(kept::Told::new(aim, client, request));
        Ok(Kind {
            rendered,
            limits,
            manners: Manners::of(client),
            told,
            dynamic: request.dynamic.clone().map(Arc::new),
        })
    };
    requests.iter().enumerate().map(kind).collect()
}
