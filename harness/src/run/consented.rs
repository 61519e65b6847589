//! Consent to load and to faults, asked about resolved addresses.
//!
//! Not here: the decision about an address (`service`), what a scenario may say (`plan`).

use super::names::host_of;
use crate::service::{self, Address};
use std::net::SocketAddr;

/// All addresses of a host that may receive load; those known are not tried.
///
/// # Errors
/// A sentence: it has none, or may not.
pub(super) async fn all_consented(
    host: &str,
    port: u16,
    allow: &[String],
    known: &[SocketAddr],
) -> Result<Vec<SocketAddr>, String> {
    let deny = std::env::var("ASSAY_DENY").ok();
    let found = service::targets(host, port, allow, deny.as_deref(), known).await;
    found.map_err(|e| e.to_string())
}

/// The address of a host that may receive load.
///
/// # Errors
/// As [`all_consented`].
pub(super) async fn consented(
    host: &str,
    port: u16,
    allow: &[String],
) -> Result<SocketAddr, String> {
    let deny = std::env::var("ASSAY_DENY").ok();
    service::target(host, port, allow, deny.as_deref()).await.map_err(|e| e.to_string())
}

/// Faults may reach an address beyond loopback only where that was allowed by name.
///
/// # Errors
/// A sentence that says how to allow it.
pub(super) fn consent_to_faults(upstream: &Address, allowed: &[String]) -> Result<(), String> {
    let host = host_of(&upstream.authority);
    if allowed.iter().any(|name| name.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    Err(format!(
        "faults would reach {host}, which is not loopback: add --allow-faults {host} if you may break it"
    ))
}
