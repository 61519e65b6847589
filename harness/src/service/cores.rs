//! Cores: where a process may run, and where a busy neighbour of a service may be put.
//!
//! Invariant: never where this program may run: what is taken there is missing to the generator, and no
//! figure could be told from one that we made ourselves.
//! Not here: the neighbour (`burner`), whose processes a service has (`usage`), when it is asked (`run`).

use super::usage::{First, family, there};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// More cores than any machine has, so that a text with a greater number is none of cores.
const MOST: usize = 1 << 16;

/// Cores by their numbers; printed and read as the kernel writes them: `0-3,8`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cores(BTreeSet<usize>);

impl Cores {
    /// Their numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + use<'_> {
        self.0.iter().copied()
    }

    /// Reads a list of the kernel's; none if it is not one.
    #[must_use]
    pub fn read(text: &str) -> Option<Cores> {
        let mut cores = BTreeSet::new();
        for part in text.trim().split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
            if last >= MOST {
                return None;
            }
            cores.extend(first..=last);
        }
        Some(Cores(cores))
    }

    /// `core 1`, `cores 1-3`.
    #[must_use]
    pub fn words(&self) -> String {
        format!("core{} {self}", if self.0.len() == 1 { "" } else { "s" })
    }

    fn without(&self, others: &Cores) -> Cores {
        Cores(self.0.difference(&others.0).copied().collect())
    }

    fn among(&self, others: &Cores) -> Cores {
        Cores(self.0.intersection(&others.0).copied().collect())
    }

    fn and(&self, others: &Cores) -> Cores {
        Cores(self.0.union(&others.0).copied().collect())
    }

    fn set(&self) -> CpuSet {
        let mut set = CpuSet::new();
        self.iter().filter(|core| *core < CpuSet::MAX_CPU).for_each(|core| set.set(core));
        set
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for core in self.iter() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == core => *last = core,
                _ => ranges.push((core, core)),
            }
        }
        let range = |(first, last): &(usize, usize)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        f.write_str(&ranges.iter().map(range).collect::<Vec<_>>().join(","))
    }
}

/// Where a busy neighbour is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// On these.
    pub cores: Cores,
    /// What is doubtful about it: sentences.
    pub doubts: Vec<String>,
}

/// Where a busy neighbour of a service can be put that has these processes. Blocks for some milliseconds.
///
/// # Errors
/// A sentence: there is no such core, and what to write instead; or nobody can tell.
pub fn room_beside(name: &str, first: First) -> Result<Room, String> {
    let service = cores_of(first).map_err(|why| format!("cores of {name}: {why}"))?;
    Here::look(&service)?.room(Some(name), &service)
}

/// The same of one that does not run yet: it may run on all cores of the machine.
///
/// # Errors
/// A sentence: there cannot be one, whatever the service's cores will be.
pub fn room_at_all() -> Result<Room, String> {
    let all = online()?;
    let here = Here::look(&all)?;
    here.room(None, &all.among(&here.reach))
}

/// Where any thread of a family of processes may run.
fn cores_of(first: First) -> Result<Cores, String> {
    let mut all = Cores::default();
    for entry in family(first)? {
        let Some(threads) = there(std::fs::read_dir(format!("/proc/{}/task", entry.pid)))? else {
            continue;
        };
        for thread in threads.flatten() {
            let status = std::fs::read_to_string(thread.path().join("status"));
            all = all.and(&there(status)?.and_then(|text| allowed(&text)).unwrap_or_default());
        }
    }
    if all.0.is_empty() { Err("the system does not tell them".to_owned()) } else { Ok(all) }
}

/// proc_pid_status(5): `Cpus_allowed_list: 0-3`.
fn allowed(status: &str) -> Option<Cores> {
    Cores::read(status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?)
}

fn online() -> Result<Cores, String> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online");
    let cores = text.map_err(|why| why.to_string()).map(|text| Cores::read(&text));
    match cores {
        Ok(Some(cores)) => Ok(cores),
        Ok(None) => Err("the system does not tell its cores".to_owned()),
        Err(why) => Err(format!("the system does not tell its cores: {why}")),
    }
}

/// Keeps this thread on one core.
///
/// # Errors
/// What the system says.
pub(super) fn pin(core: usize) -> Result<(), String> {
    sched_setaffinity(None, &Cores(BTreeSet::from([core])).set())
        .map_err(|why| format!("nothing can be put on core {core}: {why}"))
}

/// What decides whether there is room, as this process sees it.
#[derive(Debug, Clone, Default)]
struct Here {
    /// Where it may run.
    ours: Cores,
    /// Where it could put a thread: a container's cores may be fewer than the machine's.
    reach: Cores,
    /// How many whole processors it may use in all, where its control group is given fewer than that.
    quota: usize,
    /// Cores that share their circuits with these (hyperthreading).
    siblings: BTreeMap<usize, Cores>,
}

impl Here {
    fn look(service: &Cores) -> Result<Here, String> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ours = allowed(&status).ok_or("the system does not tell where Assay may run")?;
        let (reach, quota) = within_reach(&ours.and(service));
        let siblings = service.iter().filter_map(|core| {
            let file = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
            Some((core, Cores::read(&std::fs::read_to_string(file).ok()?)?))
        });
        Ok(Here { siblings: siblings.collect(), ours, reach, quota })
    }

    /// Of these the cores that are left; `name` is none where the service does not run yet.
    fn room(&self, name: Option<&str>, service: &Cores) -> Result<Room, String> {
        let called = name.map_or("the service".to_owned(), |name| format!("`{name}`"));
        let apart = service.without(&self.ours);
        if apart.0.is_empty() {
            let whose = name.map_or("can be used here".to_owned(), |name| format!("`{name}` may"));
            return Err(format!(
                "Assay may run on every core that {whose} ({service}): a burner there would take from the \
                 generator, and bad figures would be our own doing. {}",
                elsewhere(&called)
            ));
        }
        let open = apart.among(&self.reach);
        if open.0.is_empty() {
            return Err(format!(
                "Assay may put nothing on {}, where {called} may run and Assay may not: its control group \
                 keeps it off (cpuset). Give it that core, and keep Assay off it by `taskset`; or leave \
                 `cpu-by` out",
                apart.words()
            ));
        }
        let near = |core: &usize| {
            let siblings = self.siblings.get(core).cloned().unwrap_or_default();
            !siblings.among(&self.ours).0.is_empty()
        };
        let quiet = Cores(open.iter().filter(|core| !near(core)).collect());
        let mut doubts = Vec::new();
        let cores = if quiet.0.is_empty() {
            doubts.push(format!(
                "{} shares its circuits with one where Assay may run (hyperthreading), so a burner there \
                 slows the generator, too: start Assay on other cores",
                open.words()
            ));
            open
        } else {
            quiet
        };
        // Of one that does not run yet nobody knows how many it will have.
        let burners = if name.is_some() { cores.0.len() } else { 1 };
        let needed = self.ours.0.len() + burners;
        if self.quota < needed {
            return Err(format!(
                "this control group may use {} processor{} at a time, and Assay and its burners have {needed} \
                 cores: what a burner took would be missing to the generator. Raise its limit (`--cpus` of a \
                 container), or leave `cpu-by` out",
                self.quota,
                if self.quota == 1 { "" } else { "s" }
            ));
        }
        let refuge = service.without(&cores);
        if name.is_some() && !refuge.0.is_empty() {
            let with_us = refuge.among(&self.ours);
            let more = match with_us.0.is_empty() {
                true => String::new(),
                false => format!(", and on {} it meets Assay", with_us.words()),
            };
            doubts.push(format!(
                "{called} may run on {} as well, where nothing burns: it can flee there{more}. Keep it on {} \
                 (`command: [taskset, -c, \"{cores}\", …]`)",
                refuge.words(),
                cores.words()
            ));
        }
        Ok(Room { cores, doubts })
    }
}

/// How to make room.
fn elsewhere(called: &str) -> String {
    let all: Vec<usize> = online().unwrap_or_default().iter().collect();
    let (ours, theirs) = all.split_at(all.len() / 2);
    let list = |half: &[usize]| Cores(half.iter().copied().collect()).to_string();
    if ours.is_empty() {
        return "This machine has one core only: leave `cpu-by` out".to_owned();
    }
    format!(
        "Start Assay on some cores and {called}, which else inherits them, on others: `taskset -c {} assay run \
         …` and `command: [taskset, -c, \"{}\", …]`; or leave `cpu-by` out",
        list(ours),
        list(theirs)
    )
}

/// Where of these a thread of ours can be put, and how many processors it may use there in all.
fn within_reach(wanted: &Cores) -> (Cores, usize) {
    let tried = || {
        // The kernel leaves out those that the control group has not.
        sched_setaffinity(None, &wanted.set()).ok()?;
        let given = sched_getaffinity(None).ok()?;
        let reach = wanted.iter().filter(|core| *core < CpuSet::MAX_CPU && given.is_set(*core));
        // At most as many as cores, and as the limits of control groups allow.
        let quota = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Some((Cores(reach.collect()), quota))
    };
    // A thread of its own: where it may run ends with it.
    std::thread::scope(|scope| scope.spawn(tried).join()).ok().flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests;
