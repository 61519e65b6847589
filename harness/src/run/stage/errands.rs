//! Commands that faults run, and the last try to undo what they and all other faults did.
//!
//! Invariant: how it is undone is written to the log of undos before a command runs.
//! Not here: when it runs (`conduct`), what faults do to services (`acts`).

use super::Stage;
use super::acts::ACTS_WITHIN;
use crate::plan::{Errand, FaultKind, Plan, Ready};
use crate::run::stream::Stream;
use crate::service::undo::{self, Mending, Undo};
use crate::service::{self, Launch};
use std::net::SocketAddr;
use tokio::time::Duration;

impl Stage {
    /// Starts a fault's command, its undo written down before; resolves when it has ended, to how.
    ///
    /// # Errors
    /// A sentence that says why it does not start.
    pub(in crate::run) async fn send(
        &mut self,
        plan: &Plan,
        fault: usize,
        errand: &Errand,
    ) -> Result<impl Future<Output = service::Exit> + Send + use<>, String> {
        let name = plan.faults.get(fault).map_or("", |fault| fault.name.as_str());
        let folder = std::path::absolute(&plan.folder).map_err(|error| error.to_string())?;
        let fill = |text| self.fill(text);
        let command = errand.command.iter().map(fill).collect::<Result<Vec<_>, _>>()?;
        let undo = errand.undo.iter().map(fill).collect::<Result<Vec<_>, _>>()?;
        if !undo.is_empty() {
            let undo = Undo::Command(Mending {
                command: undo,
                folder: folder.clone(),
                timeout_us: errand.timeout_us,
                run: self.names.run_id.clone(),
            });
            self.plan_undo((fault, name), undo, undone_within(plan))?;
        }
        let running = service::errand(Launch {
            name: format!("fault {name}"),
            command,
            env: Vec::new(),
            cwd: folder.clone(),
            folder,
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            ready: Ready::Port(None),
            ready_within: Duration::ZERO,
            run_id: self.names.run_id.clone(),
            logs: self.names.dir.join("logs"),
            secrets: plan.secrets.clone(),
            tap: None,
        });
        let running = running.map_err(|error| error.to_string())?;
        self.watch(&running).await?;
        let ended = running.ended();
        self.errands.insert(fault, running);
        Ok(ended)
    }

    /// Ends what is left of a fault's command.
    pub(in crate::run) async fn call_back(&mut self, fault: usize) -> Option<service::Stopped> {
        match self.errands.remove(&fault) {
            Some(running) => Some(running.stop(Duration::from_secs(1)).await),
            None => None,
        }
    }

    /// The last line that a fault's command said.
    pub(in crate::run) fn last_words(&self, fault: usize) -> Option<String> {
        self.errands.get(&fault).and_then(|running| running.last_lines().pop())
    }

    /// A fault could not be undone: told when that is tried again at the end, or at once where nothing is left
    /// to try. Gives what is to be told.
    pub(in crate::run) fn undo_failed(&mut self, fault: usize, why: String) -> Option<String> {
        if !self.todo.contains_key(&fault) {
            return Some(why);
        }
        self.failed.insert(fault, why);
        None
    }

    /// Undoes what faults left to be undone when the run ends; says what is still broken.
    pub(in crate::run) async fn undo_all(&mut self, stream: &mut Stream) -> Vec<String> {
        let mut broken = Vec::new();
        let pressing: Vec<usize> = self.pressing.keys().copied().collect();
        for index in pressing {
            self.let_go(index).await;
        }
        for (index, todo) in std::mem::take(&mut self.todo).into_iter().rev() {
            stream.progress.note(&format!("undoing fault {}", todo.fault));
            if let Some(why) = self.undo.lapsed(&todo) {
                stream.finding(format!("fault {}: {why}", todo.fault));
            }
            let undone = match undo::carry_out(&todo, &self.names.dir).await {
                Ok(()) => self.undone(&todo),
                Err(why) => Err(why),
            };
            if let (Ok(()), Some(before)) = (&undone, self.failed.remove(&index)) {
                let fault = &todo.fault;
                stream
                    .finding(format!("fault {fault} was undone only when the run ended: {before}"));
            }
            broken.extend(undone.err());
        }
        broken
    }
}

/// When commands are undone, from now on at the latest: the run ends first, its teardown included, and then all
/// are, one after another.
fn undone_within(plan: &Plan) -> Duration {
    let undos = plan.faults.iter().filter_map(|fault| match &fault.kind {
        FaultKind::Command(errand) if !errand.undo.is_empty() => Some(errand.timeout_us),
        _ => None,
    });
    let parts = undos.chain([plan.max_duration_us, plan.teardown.most_us()]);
    Duration::from_micros(parts.fold(0, u64::saturating_add)).saturating_add(ACTS_WITHIN)
}
