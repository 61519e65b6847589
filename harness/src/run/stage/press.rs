//! What faults take from processes: processor time, memory, disk; and giving it back.
//!
//! Invariant: how it is given back is written down before anything is taken.
//! Invariant: what is taken ends with the run: threads and processes of ours hold it, and a file that the
//! log of undos names.
//! Not here: when it is done (`conduct`), how (`service`), limits of containers (`containers`).

mod room;
mod taken;

pub(in crate::run) use room::{burns, is_possible};
pub(in crate::run) use taken::Taken;

use super::Stage;
use crate::plan::{Fault, PRESSED_LATE_US, Pressure, Ready};
use crate::service::undo::{self, Pressed, Standing, Undo};
use crate::service::{self, BURNS, Cores, Duty, HELD, Launch, Running, Waits, Watch};
use assay_slo::Share;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;
use tokio::time::Duration;

/// How long what is to hold something may take to hold it.
const HELD_WITHIN: Duration = Duration::from_secs(10);
/// What holds something ends by itself so long after its fault should have.
const LATE: Duration = Duration::from_micros(PRESSED_LATE_US);
/// In which a neighbour gets its share, µs.
const PERIOD_US: u64 = 100_000;

/// What takes processor time.
pub(in crate::run) enum Took {
    /// The service stands still for a part of it.
    Duty(Duty),
    /// A neighbour is busy.
    Burner(Watch),
}

/// What is taken now.
#[derive(Default)]
pub(super) struct Pressing {
    took: Option<Took>,
    memory: Option<Running>,
    burner: Option<Running>,
    /// How long the service waits for its cores while nobody is busy there,
    calm: Option<Waits>,
    /// and how long it did in each second before somebody was, µs.
    before_us: Option<u64>,
}

impl Pressing {
    /// Ends whatever holds something; says what came of it.
    async fn end(self) -> Taken {
        let mut taken = Taken { before_us: self.before_us, ..Taken::default() };
        match self.took {
            Some(Took::Duty(duty)) => taken.stood = Some(duty.end().await),
            // It is asked before it ends.
            Some(Took::Burner(watch)) => {
                taken.burnt = spawn_blocking(move || watch.end()).await.ok();
            }
            None => {}
        }
        for burner in self.memory.into_iter().chain(self.burner) {
            burner.stop(Duration::from_secs(1)).await;
        }
        taken
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
    ) -> Result<impl Future<Output = Result<Option<Took>, String>> + Send + use<>, String> {
        self.pressing.entry(index).or_default();
        let most = Duration::from_micros(fault.lasts_us).saturating_add(LATE);
        let file = self.file_of(index);
        let mut held = Vec::new();
        if pressure.memory > 0 {
            let options = vec![format!("--memory={}", pressure.memory)];
            let burner = self.burner(&fault.name, (options, HELD), most, secrets)?;
            held.push((burner.ready(), burner.words()));
            self.watch(&burner).await?;
            self.pressing.entry(index).or_default().memory = Some(burner);
        }
        let (mut duty, mut busy) = (None, None);
        if burns(fault) {
            let (room, first) = self.room(&fault.link)?;
            let pressing = self.pressing.entry(index).or_default();
            pressing.before_us = pressing.calm.take().and_then(|calm| calm.since(first));
            let options = neighbour(pressure.cpu, &room.cores);
            let name = format!("{} cpu", fault.name);
            let burner = self.burner(&name, (options, BURNS), most, secrets)?;
            held.push((burner.ready(), burner.words()));
            self.watch(&burner).await?;
            let id = (burner.pid(), burner.start_time());
            busy = Some(move || Watch::begin(id, room.cores, first));
            self.pressing.entry(index).or_default().burner = Some(burner);
        } else if pressure.cpu.0 > 0 {
            duty = Some(self.processes(index, &fault.link)?.press(pressure.cpu, most));
        }
        Ok(async move {
            if let Some(file) = file {
                let filled = move || service::fill(&file, pressure.disk);
                let filled = spawn_blocking(filled).await;
                filled.map_err(|error| error.to_string()).and_then(|filled| filled)?;
            }
            for (ready, words) in held {
                if let Err(error) = ready.await {
                    return Err(words().pop().unwrap_or_else(|| error.to_string()));
                }
            }
            if let Some(busy) = busy {
                let watch = spawn_blocking(busy).await.map_err(|error| error.to_string())?;
                return Ok(Some(Took::Burner(watch)));
            }
            match duty {
                Some(duty) => {
                    duty.await.map(|duty| Some(Took::Duty(duty))).map_err(|error| error.to_string())
                }
                None => Ok(None),
            }
        })
    }

    /// Keeps what takes processor time until it is to end.
    pub(super) fn keep_took(&mut self, index: usize, took: Took) {
        self.pressing.entry(index).or_default().took = Some(took);
    }

    /// Gives back what a fault took, and looks whether it is; the future gives what came of it, and a
    /// sentence that says what is still taken.
    pub(super) fn relieving(
        &mut self,
        index: usize,
    ) -> impl Future<Output = (Taken, Result<(), String>)> + Send + use<> {
        let (pressing, todo) = (self.pressing.remove(&index), self.todo.get(&index).cloned());
        let dir = self.names.dir.clone();
        async move {
            let taken = match pressing {
                Some(pressing) => pressing.end().await,
                None => Taken::default(),
            };
            let undone = match todo {
                Some(todo) => undo::carry_out(&todo, &dir).await,
                None => Ok(()),
            };
            (taken, undone)
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

    /// Starts a process that takes something, with these options, until it says this line.
    fn burner(
        &self,
        name: &str,
        (options, line): (Vec<String>, &str),
        most: Duration,
        secrets: &[String],
    ) -> Result<Running, String> {
        let folder = self.names.dir.clone();
        let words = ["assay".to_owned(), "burner".to_owned()];
        let bounds =
            [format!("--parent={}", std::process::id()), format!("--for-s={}", most.as_secs())];
        let running = service::errand(Launch {
            name: format!("fault {name}"),
            command: words.into_iter().chain(bounds).chain(options).collect(),
            env: Vec::new(),
            cwd: folder.clone(),
            folder,
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            ready: Ready::Log(line.to_owned()),
            ready_within: HELD_WITHIN,
            run_id: self.names.run_id.clone(),
            logs: self.names.dir.join("logs"),
            secrets: secrets.to_vec(),
            tap: None,
        });
        running.map_err(|error| error.to_string())
    }
}

/// The options of a busy neighbour.
fn neighbour(share: Share, cores: &Cores) -> Vec<String> {
    let us = u128::from(PERIOD_US) * u128::from(share.0) / u128::from(Share::ONE.0);
    vec![format!("--cpu-us={us}"), format!("--cores={cores}")]
}
