//! Faults `pressure`: how much of what a service may lose.
//!
//! Invariant: what is left lets the service live: a share of 95 % is the most, and a duration of 10 min.
//! Not here: doing it, and what only a start knows of memory and disk (`run`, `service`).

use super::notes::Notes;
use crate::plan::Pressure;
use crate::spec::Trail;
use crate::spec::scalar::{Duration, Size};
use crate::spec::types::{PressureFault, Scenario, Service};
use assay_slo::Share;

/// The most processor time that is taken: a service without any stands still.
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
    if fault.cpu.is_some() && (cpu.0 == 0 || cpu > MOST_CPU) {
        let message = format!("{cpu} of its processor time cannot be taken");
        let help = "write 1% to 95%; a service that gets none is a `pause`";
        notes.value(&trail.key("cpu"), message, help);
    }
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
    Pressure { cpu, memory: bytes(fault.memory), disk: bytes(fault.disk) }
}
