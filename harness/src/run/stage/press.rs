//! What faults take from processes: processor time, memory, disk; and giving it back.
//!
//! Invariant: how it is given back is written down before anything is taken.
//! Invariant: what is taken ends with the run: a thread and a process of ours hold it, and a file that the
//! log of undos names.
//! Not here: when it is done (`conduct`), how (`service`), limits of containers (`containers`).

use super::Stage;
use crate::plan::{Fault, Pressure, Ready};
use crate::service::undo::{self, Pressed, Standing, Undo};
use crate::service::{self, Duty, HELD, Launch, Running, Stood};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::time::Duration;

/// How long the memory may take to be there.
const HELD_WITHIN: Duration = Duration::from_secs(10);
/// What holds something ends by itself so long after its fault should have.
const LATE: Duration = Duration::from_secs(30);

/// What is taken now.
#[derive(Default)]
pub(super) struct Pressing {
    duty: Option<Duty>,
    memory: Option<Running>,
}

impl Pressing {
    /// Ends whatever holds something; gives how long the service stood still.
    async fn end(self) -> Option<Stood> {
        if let Some(burner) = self.memory {
            burner.stop(Duration::from_secs(1)).await;
        }
        match self.duty {
            Some(duty) => Some(duty.end().await),
            None => None,
        }
    }
}

impl Stage {
    /// How a service gets back what it is going to lose.
    ///
    /// # Errors
    /// Nothing may be taken then.
    pub(super) fn undo_of_pressure(
        &self,
        fault: &Fault,
        pressure: Pressure,
        (standing, cwd): (Standing, &Path),
    ) -> Result<Undo, String> {
        let run = &self.names.run_id;
        let file = (pressure.disk > 0)
            .then(|| std::path::absolute(cwd))
            .transpose()
            .map_err(|error| error.to_string())?
            .map(|cwd| cwd.join(format!(".assay-{run}-{}", fault.name)));
        Ok(Undo::Relieve(Pressed { standing, file }))
    }

    /// Takes it; the future resolves once it was seen to be taken, to what takes processor time.
    ///
    /// # Errors
    /// A sentence that says what could not be taken; the rest may be.
    pub(super) async fn pressing(
        &mut self,
        (index, fault): (usize, &Fault),
        pressure: Pressure,
        secrets: &[String],
    ) -> Result<impl Future<Output = Result<Option<Duty>, String>> + Send + use<>, String> {
        self.pressing.insert(index, Pressing::default());
        let most = Duration::from_micros(fault.lasts_us).saturating_add(LATE);
        let file = self.file_of(index);
        let mut held = None;
        if pressure.memory > 0 {
            let burner = self.burner(fault, pressure.memory, most, secrets)?;
            held = Some((burner.ready(), burner.words()));
            self.watch(&burner).await?;
            self.pressing.entry(index).or_default().memory = Some(burner);
        }
        let duty = match pressure.cpu.0 {
            0 => None,
            _ => Some(self.processes(index, &fault.link)?.press(pressure.cpu, most)),
        };
        Ok(async move {
            if let Some(file) = file {
                let filled = move || service::fill(&file, pressure.disk);
                let filled = tokio::task::spawn_blocking(filled).await;
                filled.map_err(|error| error.to_string()).and_then(|filled| filled)?;
            }
            if let Some((ready, words)) = held
                && let Err(error) = ready.await
            {
                return Err(words().pop().unwrap_or_else(|| error.to_string()));
            }
            match duty {
                Some(duty) => duty.await.map(Some).map_err(|error| error.to_string()),
                None => Ok(None),
            }
        })
    }

    /// Keeps what takes processor time until it is to end.
    pub(super) fn keep_duty(&mut self, index: usize, duty: Duty) {
        self.pressing.entry(index).or_default().duty = Some(duty);
    }

    /// Gives back what a fault took, and looks whether it is; the future gives how long the service stood
    /// still, and a sentence that says what is still taken.
    pub(super) fn relieving(
        &mut self,
        index: usize,
    ) -> impl Future<Output = (Option<Stood>, Result<(), String>)> + Send + use<> {
        let (pressing, todo) = (self.pressing.remove(&index), self.todo.get(&index).cloned());
        let dir = self.names.dir.clone();
        async move {
            let stood = match pressing {
                Some(pressing) => pressing.end().await,
                None => None,
            };
            let undone = match todo {
                Some(todo) => undo::carry_out(&todo, &dir).await,
                None => Ok(()),
            };
            (stood, undone)
        }
    }

    /// Ends whatever holds something for a fault.
    pub(super) async fn let_go(&mut self, index: usize) {
        if let Some(pressing) = self.pressing.remove(&index) {
            pressing.end().await;
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
