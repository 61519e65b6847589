//! Processes that run already: found at the start, watched until the end, never ended.
//!
//! Not here: finding them (`service`), those that we start (`stage`).

use super::consented::all_consented;
use super::stage::Stage;
use super::stream::Stream;
use crate::service::{Address, Attached, Exit, is_our_own};
use assay_slo::event::ServiceState;
use std::path::Path;

impl Stage {
    /// Finds a process, and tells when it ends; gives where it answers.
    ///
    /// # Errors
    /// A sentence that says why it was not found.
    pub(super) async fn attach(
        &mut self,
        name: &str,
        (port, pid_file): (Option<u16>, Option<&Path>),
        allow: &[String],
        stream: &mut Stream,
    ) -> Result<Address, String> {
        if !is_our_own() {
            return Err(format!("service {name}: /proc is that of another process namespace"));
        }
        let found =
            Attached::find(port, pid_file).map_err(|why| format!("service {name}: {why}"))?;
        let addr = found.addr;
        // What is denied is never touched, on this machine as well.
        all_consented(&addr.ip().to_string(), addr.port(), allow, &[addr]).await?;
        self.firsts.begin(name, found.first(), false);
        let detail = format!("found: {}, at {addr}", found.label());
        stream.service(name, ServiceState::Ready, &detail);
        self.watch_process(name, found);
        Ok(Address::plain(addr))
    }

    /// Tells when it ends.
    pub(super) fn watch_process(&mut self, name: &str, found: Attached) {
        let name = name.to_owned();
        self.ends.spawn(async move {
            found.ended().await;
            (name, Exit::Unknown)
        });
    }
}
