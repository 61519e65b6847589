//! Whether there are cores for the busy neighbours of a run's faults: looked for before anything is broken.
//!
//! Invariant: a run whose burners have no core of their own is refused, not reddened by itself.
//! Not here: which cores those are (`service`), putting somebody there (`press`).

use super::Stage;
use crate::plan::{Fault, FaultKind, Plan};
use crate::run::stream::Stream;
use crate::service::{First, Room, Waits, room_at_all, room_beside};

/// Whether a fault needs cores where we may not run.
pub(in crate::run) fn burns(fault: &Fault) -> bool {
    matches!(&fault.kind, FaultKind::Pressure(pressure) if pressure.by_burners && pressure.cpu.0 > 0)
}

/// What is known before anything is started.
///
/// # Errors
/// A sentence: whatever the services' cores will be, there is none for a fault.
pub(in crate::run) fn is_possible(plan: &Plan) -> Result<(), String> {
    match plan.faults.iter().find(|fault| burns(fault)) {
        Some(fault) => room_at_all().map(drop).map_err(|why| refused(fault, &why)),
        None => Ok(()),
    }
}

fn refused(fault: &Fault, why: &str) -> String {
    format!("fault `{}`: {why}", fault.name)
}

impl Stage {
    /// Looks, now that all services run, for the cores of all burners; tells what is doubtful.
    ///
    /// # Errors
    /// A sentence: there is none for a fault.
    pub(in crate::run) fn find_room(
        &mut self,
        plan: &Plan,
        stream: &mut Stream,
    ) -> Result<(), String> {
        for (index, fault) in plan.faults.iter().enumerate().filter(|(_, fault)| burns(fault)) {
            let (room, first) = self.room(&fault.link).map_err(|why| refused(fault, &why))?;
            for doubt in room.doubts {
                stream.finding(refused(fault, &doubt));
            }
            self.calm(index, first);
        }
        Ok(())
    }

    /// Where a neighbour of this service can be put now, and who its family descends from.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn room(&self, service: &str) -> Result<(Room, First), String> {
        let first = self.firsts.of(service);
        let first = first.ok_or_else(|| format!("no process of `{service}` is known"))?;
        Ok((room_beside(service, first)?, first))
    }

    /// Begins to watch how long a service waits for its cores while no neighbour of this fault is busy.
    pub(in crate::run::stage) fn calm(&mut self, fault: usize, service: First) {
        self.pressing.entry(fault).or_default().calm = Some(Waits::of(service));
    }
}
