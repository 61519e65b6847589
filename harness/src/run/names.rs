//! What the placeholders of a run stand for, once its start has decided.
//!
//! Not here: finding placeholders in texts (`plan::text`).

use crate::service::Address;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The values.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) run_id: String,
    pub(super) dir: PathBuf,
    pub(super) services: BTreeMap<String, Address>,
    pub(super) links: BTreeMap<String, SocketAddr>,
    /// Services in containers of ours: how the others in their network reach each.
    pub(super) contained: BTreeMap<String, (String, u16)>,
}

/// Who reads a name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reader {
    /// Whoever is on this machine; a service with its own address.
    Here(Option<SocketAddr>),
    /// A container of ours, and the process that holds it at this address.
    Contained(SocketAddr),
}

impl Names {
    /// Of a run that has reserved nothing yet.
    pub(super) fn new(run_id: &str, dir: &Path) -> Names {
        Names {
            run_id: run_id.to_owned(),
            dir: dir.to_owned(),
            services: BTreeMap::new(),
            links: BTreeMap::new(),
            contained: BTreeMap::new(),
        }
    }

    /// The value of a placeholder for whoever reads it.
    pub(super) fn value(&self, key: &str, reader: Reader) -> Option<String> {
        if key == "run.id" {
            return Some(self.run_id.clone());
        }
        if key == "run.dir" {
            return Some(self.dir.display().to_string());
        }
        let (place, part) = key.rsplit_once('.')?;
        let own = match reader {
            Reader::Here(own) => own,
            Reader::Contained(own) => Some(own),
        };
        if let (Reader::Contained(_), Some(("services", name))) = (reader, place.split_once('.'))
            && let Some((host, port)) = self.contained.get(name)
        {
            return match part {
                "addr" => Some(format!("{host}:{port}")),
                "host" => Some(host.clone()),
                "port" => Some(port.to_string()),
                _ => None,
            };
        }
        let address = match place.split_once('.') {
            None if place == "self" => Address::plain(own?),
            Some(("services", name)) => self.services.get(name)?.clone(),
            Some(("links", name)) => Address::plain(*self.links.get(name)?),
            _ => return None,
        };
        match part {
            "addr" => Some(address.authority),
            "host" => Some(host_of(&address.authority).to_owned()),
            "port" => Some(address.addr.port().to_string()),
            _ => None,
        }
    }
}

/// `host:port` as a `Host` header has it.
pub(super) fn authority(host: &str, port: u16, secure: bool) -> String {
    if port == if secure { 443 } else { 80 } { host.to_owned() } else { format!("{host}:{port}") }
}

/// The host of it.
pub(super) fn host_of(authority: &str) -> &str {
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}
