//! Faults `pressure`: how much of what a service may lose.
//!
//! Invariant: what is left lets the service live: a share of 95 % is the most, and a duration of 10 min.
//! Not here: doing it, and what only a start knows of memory and disk (`run`, `service`).

use super::notes::Notes;
use crate::plan::Pressure;
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Size};
use crate::spec::types::{CpuBy, PressureFault, Scenario, Service};
use assay_slo::Share;

/// The most processor time that a service loses: one without any stands still.
const MOST_CPU: Share = Share(Share::ONE.0 / 100 * 95);
/// The longest pressure, µs.
const LONGEST_US: u64 = 600_000_000;
/// The least memory that is left to a container.
pub const LEAST_MEMORY: u64 = 16 << 20;

/// What a `pressure` takes.
pub(super) fn compile(
    fault: &PressureFault,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Pressure {
    if fault.cpu.is_none() && fault.memory.is_none() && fault.disk.is_none() {
        let message = "it takes nothing, so it has no effect".to_owned();
        notes.entry(trail, message, "write `cpu: 80%`, `memory: 512MiB` or `disk: 1GiB`");
    }
    let cpu = fault.cpu.map_or(Share(0), |cpu| cpu.0);
    let by_burners = fault.cpu_by == Some(CpuBy::Burners);
    // Who shares a core with one that wants all of it still has its turn.
    let most = if by_burners { Share::ONE } else { MOST_CPU };
    if fault.cpu.is_some() && (cpu.0 == 0 || cpu > most) {
        let message = format!("{cpu} of its processor time cannot be taken");
        let help = format!("write 1% to {most}; a service that gets none is a `pause`");
        notes.value(&trail.key("cpu"), message, help);
    }
    by_whom(fault, scenario, trail, notes);
    for (size, key) in [(fault.memory, "memory"), (fault.disk, "disk")] {
        if size.is_some_and(|size| size.0 == 0) {
            let message = format!("`{key}: 0B` takes nothing");
            notes.value(&trail.key(key), message, "write a size such as 512MiB, or leave it out");
        }
    }
    if fault.duration.us > LONGEST_US {
        let most = Duration { us: LONGEST_US };
        let message = format!("{} is too long for a pressure", fault.duration);
        notes.value(&trail.key("duration"), message, format!("write at most {most}"));
    }
    let service = scenario.services.get(&fault.service);
    if let (Some(Service::Container(_) | Service::RunningContainer(_)), Some(_)) =
        (service, fault.disk)
    {
        let message = "no engine can change how much disk a container has while it runs".to_owned();
        let help = "fill it with a `command`, and delete the file in its `undo`";
        notes.value(&trail.key("disk"), message, help);
    }
    if let (Some(Service::Container(held)), Some(taken)) = (service, fault.memory) {
        let least = Size(LEAST_MEMORY);
        match held.memory {
            None => {
                let message = format!("the container of `{}` has no limit to lower", fault.service);
                notes.value(&trail.key("memory"), message, "give it one: `memory: 512MiB`");
            }
            Some(limit) if limit.0 < taken.0.saturating_add(LEAST_MEMORY) => {
                let message = format!("of its {limit} less than {least} would be left");
                notes.value(&trail.key("memory"), message, "take less of it");
            }
            Some(_) => {}
        }
    }
    let bytes = |size: Option<Size>| size.map_or(0, |size| size.0);
    Pressure { cpu, by_burners, memory: bytes(fault.memory), disk: bytes(fault.disk) }
}

/// What takes processor time can be chosen where there is something to choose.
fn by_whom(fault: &PressureFault, scenario: &Scenario, trail: &Trail, notes: &mut Notes<'_>) {
    let key = trail.key("cpu-by");
    match (fault.cpu_by, fault.cpu, scenario.services.get(&fault.service)) {
        (None, _, _) => {}
        // That nothing is taken at all is told already.
        (Some(_), None, _) if fault.memory.is_none() && fault.disk.is_none() => {}
        (Some(_), None, _) => {
            let message = "`cpu-by` says how `cpu` is taken, and none is".to_owned();
            notes.value(&key, message, "write `cpu: 80%` beside it, or leave it out");
        }
        (Some(_), Some(_), Some(Service::Container(_) | Service::RunningContainer(_))) => {
            let message = format!(
                "`{}` is a container, from which its limits take processor time",
                fault.service
            );
            notes.value(&key, message, "leave it out; it is for services that are processes");
        }
        (Some(_), Some(_), _) => {}
    }
}
