//! Processes that run already: found at the start, and refused there if faults on them could not be done.
//!
//! Not here: finding them (`service`), what faults do to them (`stage`).

use super::consented::all_consented;
use super::stage::{Stage, family_can_be_broken};
use super::stream::Stream;
use crate::client::Ends;
use crate::plan::Plan;
use crate::service::{Address, Attached, is_our_own};
use assay_slo::event::ServiceState;
use std::path::Path;
use std::sync::Arc;

impl Stage {
    /// Finds a process, and tells when it ends; gives where it answers.
    ///
    /// # Errors
    /// A sentence that says why it was not found, or may not be broken.
    pub(super) async fn attach(
        &mut self,
        plan: &Plan,
        name: &str,
        (port, pid_file): (Option<u16>, Option<&Path>),
        stream: &mut Stream,
    ) -> Result<Address, String> {
        if !is_our_own() {
            return Err(format!("service {name}: /proc is that of another process namespace"));
        }
        let found =
            Attached::find(port, pid_file).map_err(|why| format!("service {name}: {why}"))?;
        let addr = found.addr;
        // What is denied is never touched, on this machine as well.
        all_consented(&addr.ip().to_string(), addr.port(), &plan.allow, &[addr]).await?;
        let claims = self.claims();
        let new = family_can_be_broken(plan, name, &found, claims)
            .map_err(|why| format!("service {name}: {why}"))?;
        if new {
            self.tell_claims();
        }
        self.firsts.begin(name, found.first(), false);
        let detail = format!("found: {}, at {addr}", found.label());
        stream.service(name, ServiceState::Ready, &detail);
        self.watch_process(name, found);
        Ok(Address { ends: Some(Arc::new(Ends::new(vec![addr]))), ..Address::plain(addr) })
    }
}
