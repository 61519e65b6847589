//! What faults take from processes: processor time, memory, disk; and giving it back.
//!
//! Invariant: how it is given back is written down before anything is taken.
//! Invariant: what is taken ends with the run: a thread and a process of ours hold it, and a file that the
//! log of undos names.
//! Not here: when it is done (`conduct`), how (`service`), limits of containers (`containers`).

use super::Stage;
use crate::plan::{Fault, FaultKind, Pressure, Ready};
use crate::service::undo::{Pressed, Undo};
use crate::service::{self, Duty, HELD, Launch, Running};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::time::Duration;

/// How long the memory may take to be there.
const HELD_WITHIN: Duration = Duration::from_secs(10);
/// What holds something ends by itself so long after its fault should have.
const LATE: Duration = Duration::from_secs(30);
/// How much less than asked may be lost, in billionths of the whole, before it is told.
const LESS: u64 = 50_000_000;

/// What is taken now.
#[derive(Default)]
pub(super) struct Pressing {
    duty: Option<Duty>,
    memory: Option<Running>,
}

impl Stage {
    /// Writes down how a service gets back what it is going to lose.
    ///
    /// # Errors
    /// Nothing may be taken then.
    pub(in crate::run) fn plan_pressure(
        &mut self,
        (index, fault): (usize, &Fault),
        pressure: Pressure,
    ) -> Result<(), String> {
        let run = self.names.run_id.clone();
        let running = self.running_mut(&fault.link)?;
        let file = (pressure.disk > 0)
            .then(|| std::path::absolute(running.cwd()))
            .transpose()
            .map_err(|error| error.to_string())?
            .map(|cwd| cwd.join(format!(".assay-{run}-{}", fault.name)));
        let pressed = Pressed { standing: running.standing(), file };
        self.plan_undo((index, &fault.name), Undo::Relieve(pressed))
    }

    /// Takes it; returns once it was seen to be taken.
    ///
    /// # Errors
    /// A sentence that says what could not be taken; the rest may be.
    pub(in crate::run) async fn press(
        &mut self,
        (index, fault): (usize, &Fault),
        pressure: Pressure,
        secrets: &[String],
    ) -> Result<(), String> {
        self.pressing.insert(index, Pressing::default());
        let most = Duration::from_micros(fault.lasts_us).saturating_add(LATE);
        if let Some(file) = self.file_of(index) {
            let filled = move || service::fill(&file, pressure.disk);
            let filled = tokio::task::spawn_blocking(filled).await;
            filled.map_err(|error| error.to_string()).and_then(|filled| filled)?;
        }
        if pressure.memory > 0 {
            let burner = self.burner(fault, pressure.memory, most, secrets)?;
            let ready = burner.ready();
            self.watch(&burner).await?;
            let held = self.pressing.entry(index).or_default();
            let burner = held.memory.insert(burner);
            if let Err(error) = ready.await {
                let said = burner.last_lines().pop();
                return Err(said.unwrap_or_else(|| error.to_string()));
            }
        }
        if pressure.cpu.0 > 0 {
            let duty = self.running_mut(&fault.link)?.press(pressure.cpu, most).await;
            let duty = duty.map_err(|error| error.to_string())?;
            self.pressing.entry(index).or_default().duty = Some(duty);
        }
        Ok(())
    }

    /// Gives it back, and looks whether it is; a sentence where much less was taken than asked.
    ///
    /// # Errors
    /// A sentence that says what is still taken; the end of the run tries again.
    pub(in crate::run) async fn relieve(
        &mut self,
        (index, fault): (usize, &Fault),
    ) -> Result<Option<String>, String> {
        let FaultKind::Pressure(pressure) = fault.kind else { return Ok(None) };
        let less = match self.let_go(index).await {
            Some(stood) if stood.share().0 + LESS < pressure.cpu.0 => {
                let (share, asked) = (stood.share(), pressure.cpu);
                Some(format!("{} lost {share} of its time, and {asked} was asked", fault.link))
            }
            _ => None,
        };
        if let Some(todo) = self.todo.get(&index).cloned() {
            service::undo::carry_out(&todo, &self.names.dir).await?;
            self.todo.remove(&index);
            self.undone(&todo)?;
        }
        Ok(less)
    }

    /// Ends whatever holds something for a fault.
    pub(super) async fn let_go(&mut self, index: usize) -> Option<service::Stood> {
        let Pressing { duty, memory } = self.pressing.remove(&index)?;
        if let Some(burner) = memory {
            burner.stop(Duration::from_secs(1)).await;
        }
        match duty {
            Some(duty) => Some(duty.end().await),
            None => None,
        }
    }

    fn file_of(&self, index: usize) -> Option<PathBuf> {
        match self.todo.get(&index).map(|todo| &todo.undo) {
            Some(Undo::Relieve(pressed)) => pressed.file.clone(),
            _ => None,
        }
    }

    fn burner(
        &self,
        fault: &Fault,
        bytes: u64,
        most: Duration,
        secrets: &[String],
    ) -> Result<Running, String> {
        let folder = self.names.dir.clone();
        let words = ["assay".to_owned(), "burner".to_owned()];
        let options = [format!("--memory={bytes}"), format!("--for-s={}", most.as_secs())];
        let running = service::errand(Launch {
            name: format!("fault {}", fault.name),
            command: words.into_iter().chain(options).collect(),
            env: Vec::new(),
            cwd: folder.clone(),
            folder,
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            ready: Ready::Log(HELD.to_owned()),
            ready_within: HELD_WITHIN,
            run_id: self.names.run_id.clone(),
            logs: self.names.dir.join("logs"),
            secrets: secrets.to_vec(),
            tap: None,
        });
        running.map_err(|error| error.to_string())
    }
}
