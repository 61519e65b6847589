//! The HTTP client of calls between the platform's services.
//!
//! Invariant: no proxy of the machine and no redirect leads a call elsewhere; both timeouts are the
//! settings'.
//! Not here: retries and breakers around a call (`resilience`).

use crate::settings::Settings;

/// A client with the settings' timeouts.
///
/// # Errors
/// When the machine has no TLS to begin with.
pub(crate) fn client(settings: &Settings) -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(settings.timeout_connect)
        .timeout(settings.timeout_read)
        .build()
        .map_err(|error| error.to_string())
}
