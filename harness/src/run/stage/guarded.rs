//! The run under guard: whoever outlives it ends what it started and undoes what it broke.
//!
//! Invariant: the guardian is there before anything is started that it must end.
//! Not here: the guardian itself (`service`), its end (`take_down`).

use super::Stage;
use crate::plan::{Fault, FaultKind, Place, Plan};
use crate::run::stream::Stream;
use crate::service::{self, Guardian, Orphans, Running};
use tokio::time::Duration;

impl Stage {
    /// Adopts orphans and sets the guardian up.
    pub(super) async fn guard(&mut self, stream: &mut Stream) -> Result<(), String> {
        if self.guardian.is_some() {
            return Ok(());
        }
        if !service::is_our_own() {
            return Err("/proc is that of another process namespace, so what is started here cannot be found \
                        or ended: mount this one's (`mount -t proc proc /proc`, `unshare --mount-proc`)"
                .to_owned());
        }
        match Orphans::adopt(&self.names.run_id) {
            Ok(orphans) => self.orphans = Some(orphans),
            Err(why) => stream.finding(format!(
                "this system gives us no orphans ({why}): a process that leaves its service and \
                 clears its environment would outlive the run"
            )),
        }
        let exe = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
        let guardian = Guardian::spawn(&exe, &self.names.run_id, &self.names.dir).await;
        let guardian = guardian.map_err(|e| format!("cannot start the guardian: {e}"))?;
        if let Some(orphans) = &self.orphans {
            guardian.spare(orphans.before()).await.map_err(|why| why.to_string())?;
        }
        self.undo.tell(guardian.takes_undos());
        self.guardian = Some(guardian);
        self.tell_claims();
        Ok(())
    }

    /// Sets the guardian up for what faults are going to break, and where that outlives us a lease keeper.
    ///
    /// # Errors
    /// Nothing may be broken then.
    pub(super) async fn guard_from_faults(
        &mut self,
        plan: &Plan,
        stream: &mut Stream,
    ) -> Result<(), String> {
        if plan.faults.iter().any(|fault| fault.kind.place() != Place::Link) {
            self.guard(stream).await?;
        }
        let failed = |why: std::io::Error| format!("cannot start the lease keeper: {why}");
        let Some(guardian) = self.guardian.as_mut().filter(|_| plan.faults.iter().any(lasts))
        else {
            return Ok(());
        };
        let log = self.undo.for_keeper().map_err(failed)?;
        let exe = std::env::current_exe().map_err(failed)?;
        let of_run = (self.names.run_id.as_str(), self.names.dir.as_path());
        guardian.keep(&exe, of_run, log).await.map_err(failed)
    }

    /// What a fault broke should be put right within this time from now on.
    pub(in crate::run) fn renew(&mut self, fault: usize, within: Duration) {
        if let Some(todo) = self.todo.get_mut(&fault) {
            self.undo.renew(todo, within);
        }
    }

    /// A sentence where what a fault broke was to be put right before.
    pub(in crate::run) fn lapsed(&self, fault: usize) -> Option<String> {
        self.undo.lapsed(self.todo.get(&fault)?)
    }

    /// Puts a process under guard.
    ///
    /// # Errors
    /// The guardian is gone.
    pub(super) async fn watch(&self, running: &Running) -> Result<(), String> {
        let Some(guardian) = &self.guardian else { return Ok(()) };
        guardian.watch(running).await.map_err(|why| why.to_string())
    }
}

/// Whether what a fault breaks may outlive the run.
fn lasts(fault: &Fault) -> bool {
    match &fault.kind {
        FaultKind::Command(errand) => !errand.undo.is_empty(),
        kind => kind.place() == Place::Service,
    }
}
