//! Pages of a far end's store, asked for by HTTP.
//!
//! Invariant: the question goes to the address given: no proxy, no redirect, no name look-up.
//! Invariant: a page has a greatest length, and pages a greatest number: no answer keeps the run.
//! Not here: what is found (`ledger`), when to ask (`read_back`).

use crate::service::{self, Address};
use serde_json::Value;
use std::time::Duration;

/// Longest page.
const MOST_BYTES: usize = 64 << 20;
/// Time for one page.
const WITHIN: Duration = Duration::from_secs(10);
/// A store that is just starting again may fail so often, with a wait after each time.
const TRIES: u32 = 5;
const WAIT: Duration = Duration::from_secs(1);

/// A store to ask.
#[derive(Debug, Clone)]
pub(super) struct Store {
    client: reqwest::Client,
    address: Address,
}

/// What a page of a device was.
#[derive(Debug)]
pub(super) enum Page {
    Json(Value),
    /// 404: the store knows nothing of the kind.
    Unknown,
}

impl Store {
    /// # Errors
    /// Why no client can be made.
    pub(super) fn new(address: Address) -> Result<Store, String> {
        let client =
            address.client()?.timeout(WITHIN).build().map_err(|error| error.to_string())?;
        Ok(Store { client, address })
    }

    /// `GET` of this path.
    ///
    /// # Errors
    /// Why there is no page, as a sentence; failures that may pass were tried again.
    pub(super) async fn page(&self, path: &str) -> Result<Page, String> {
        let mut tries = 1;
        loop {
            match self.ask(path).await {
                Ok(page) => return Ok(page),
                Err(Failed { passing: true, .. }) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(WAIT).await;
                }
                Err(Failed { why, .. }) => return Err(format!("`GET {path}` {why}")),
            }
        }
    }

    async fn ask(&self, path: &str) -> Result<Page, Failed> {
        let failed = |why: String| Failed { why, passing: true };
        let asked = self
            .client
            .get(format!("{}{path}", self.address.base()))
            .header(reqwest::header::HOST, &self.address.authority);
        let mut answer =
            asked.send().await.map_err(|error| failed(format!("failed: {}", reason(&error))))?;
        let status = answer.status().as_u16();
        match status {
            200..300 => {}
            404 => return Ok(Page::Unknown),
            _ => {
                let passing = status == 429 || status >= 500;
                return Err(Failed { why: format!("answered {status}"), passing });
            }
        }
        let mut body = Vec::new();
        while let Some(piece) = answer
            .chunk()
            .await
            .map_err(|error| failed(format!("broke off: {}", reason(&error))))?
        {
            if body.len() + piece.len() > MOST_BYTES {
                let why = format!("answered more than {} MiB", MOST_BYTES >> 20);
                return Err(Failed { why, passing: false });
            }
            body.extend_from_slice(&piece);
        }
        let json = serde_json::from_slice(&body).map_err(|error| Failed {
            why: format!("answered no JSON: {error}"),
            passing: false,
        })?;
        Ok(Page::Json(json))
    }
}

struct Failed {
    why: String,
    /// Whether it may be different the next time.
    passing: bool,
}

fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", WITHIN.as_secs());
    }
    service::innermost(error)
}
