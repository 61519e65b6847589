//! What a busy neighbour was given, and how long the service's threads waited for a core meanwhile: both as
//! the kernel counts it.
//!
//! Invariant: what was not seen to be taken counts as not taken.
//! Not here: the neighbour itself (`burner`), what is made of it (`run`).

use super::burner::on_core;
use super::cores::Cores;
use super::table;
use super::usage::{First, family, there, ticks};
use crate::clock::Clock;
use assay_slo::Share;
use std::collections::BTreeMap;
use std::fs::read_dir;

/// A hundredth of a second, in which the kernel counts processor time, µs.
const TICK_US: u64 = 10_000;

/// How long each thread of a service has waited for a core, though it could have run.
#[derive(Debug)]
pub struct Waits {
    clock: Clock,
    /// ns, by process and thread; none where the kernel does not count it.
    by_thread: BTreeMap<(i32, String), u64>,
}

impl Waits {
    /// As of now. Blocks for some milliseconds.
    #[must_use]
    pub fn of(first: First) -> Waits {
        Waits { clock: Clock::start(), by_thread: waited(first).unwrap_or_default() }
    }

    /// How long they have waited since then in each second, µs; none where the kernel does not tell. What
    /// threads had waited that have ended since is lost.
    #[must_use]
    pub fn since(&self, first: First) -> Option<u64> {
        let (now, us) = (waited(first).ok()?, self.clock.now().0);
        if now.is_empty() || us == 0 {
            return None;
        }
        let before = |thread| self.by_thread.get(thread).copied().unwrap_or(0);
        let waited_ns: u64 = now.iter().map(|(id, ns)| ns.saturating_sub(before(id))).sum();
        u64::try_from(u128::from(waited_ns) * 1000 / u128::from(us)).ok()
    }
}

/// schedstats: of each thread its time on a core, its time of waiting for one, and how often.
fn waited(first: First) -> Result<BTreeMap<(i32, String), u64>, String> {
    let mut all = BTreeMap::new();
    for entry in family(first)? {
        let Some(threads) = there(read_dir(format!("/proc/{}/task", entry.pid)))? else { continue };
        for thread in threads.flatten() {
            let Some(text) = there(std::fs::read_to_string(thread.path().join("schedstat")))?
            else {
                continue;
            };
            let waited = text.split_ascii_whitespace().nth(1).and_then(|word| word.parse().ok());
            let name = thread.file_name().to_string_lossy().into_owned();
            all.extend(waited.map(|ns| ((entry.pid, name), ns)));
        }
    }
    Ok(all)
}

/// A neighbour that is watched.
#[derive(Debug)]
pub struct Watch {
    burner: (i32, u64),
    cores: Cores,
    clock: Clock,
    /// What its threads were given before, by core.
    before: BTreeMap<usize, u64>,
    service: First,
    waits: Waits,
}

/// What came of a neighbour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Burnt {
    /// It was there to the end;
    pub is_there: bool,
    /// the share of each core that it was given,
    pub cores: Vec<(usize, Share)>,
    /// and how long the service's threads waited in each second, µs, if the kernel tells.
    pub waited_us: Option<u64>,
}

impl Watch {
    /// From now on. Blocks for some milliseconds.
    #[must_use]
    pub fn begin(burner: (i32, u64), cores: Cores, service: First) -> Watch {
        let waits = Waits::of(service);
        let (before, clock) = (given(burner, &cores), Clock::start());
        Watch { burner, before, cores, clock, service, waits }
    }

    /// Until now, where the neighbour must still be there. Blocks for some milliseconds.
    #[must_use]
    pub fn end(self) -> Burnt {
        let (now, us) = (given(self.burner, &self.cores), self.clock.now().0.max(1));
        let share = |core: usize| {
            let of = |given: &BTreeMap<usize, u64>| given.get(&core).copied().unwrap_or(0);
            let taken = of(&now).saturating_sub(of(&self.before)).saturating_mul(TICK_US);
            let mille = u128::from(taken) * 1000 / u128::from(us);
            Share((u64::try_from(mille).unwrap_or(0) * (Share::ONE.0 / 1000)).min(Share::ONE.0))
        };
        let cores = self.cores.iter().map(|core| (core, share(core))).collect();
        let is_there = is_there(self.burner);
        Burnt { is_there, cores, waited_us: self.waits.since(self.service) }
    }
}

/// What the thread of each core was given since it was started, in ticks; nothing of one that has ended.
fn given(burner: (i32, u64), cores: &Cores) -> BTreeMap<usize, u64> {
    let mut all = BTreeMap::new();
    if !is_there(burner) {
        return all;
    }
    for thread in read_dir(format!("/proc/{}/task", burner.0)).into_iter().flatten().flatten() {
        let name = std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        let core = cores.iter().find(|core| on_core(*core) == name.trim_end());
        let stat = std::fs::read(thread.path().join("stat"));
        if let (Some(core), Ok(stat)) = (core, stat) {
            all.insert(core, ticks(&stat));
        }
    }
    all
}

fn is_there(burner: (i32, u64)) -> bool {
    matches!(table::entry(burner.0), Ok(Some(now)) if now.id() == burner && !now.is_gone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::cores::pin;
    use std::process::{Child, Command};

    /// A process that wants all of a core.
    fn busy_on(core: usize) -> Child {
        let born = move || {
            pin(core).unwrap();
            Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap()
        };
        // Its core is the one of the thread that starts it.
        std::thread::spawn(born).join().unwrap()
    }

    fn id(child: &Child) -> (i32, u64) {
        table::entry(i32::try_from(child.id()).unwrap()).unwrap().unwrap().id()
    }

    #[test]
    fn of_two_that_want_a_core_each_waits_for_it() {
        let core = rustix::thread::sched_getcpu();
        let (mut one, mut other) = (busy_on(core), busy_on(core));
        let first = First { id: id(&one), leads: false, restarts: 0 };
        let (waits, clock) = (Waits::of(first), Clock::start());
        let mut most = 0;
        while most < 100_000 && clock.now().0 < 4_000_000 {
            crate::service::ending::pause(std::time::Duration::from_millis(50));
            most = most.max(waits.since(first).unwrap());
        }
        for child in [&mut one, &mut other] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(most >= 100_000, "{most} us of a second");
        // Who has ended waits for nothing, and was given nothing that anybody saw.
        assert_eq!(waits.since(first), None);
        let (cores, before) = (Cores::read("0-1").unwrap(), BTreeMap::new());
        let watch = Watch { burner: first.id, cores, clock, before, service: first, waits };
        let shares = vec![(0, Share(0)), (1, Share(0))];
        let nothing = Burnt { is_there: false, cores: shares, waited_us: None };
        assert_eq!(watch.end(), nothing);
    }
}
