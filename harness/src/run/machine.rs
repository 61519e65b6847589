//! What this run takes from the machine, read from `/proc` about once a second.
//!
//! Invariant: what cannot be read is 0, and stops nothing.
//! Not here: judging it (nobody does), showing it (`report`).

use assay_slo::At;
use assay_slo::event::Machine;
use assay_slo::time::SECOND_US;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fs::read_to_string;

/// Looks at the machine.
#[derive(Debug, Default)]
pub(super) struct Looker {
    before: Option<Reading>,
}

/// What only grows.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at: At,
    /// CPU time of all our threads, µs.
    own_us: u64,
    times: Times,
}

/// Of all cores, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Times {
    cores: u64,
    busy: u64,
    all: u64,
}

impl Looker {
    /// What was taken since the last look; none within a second of it.
    pub(super) fn look(&mut self, now: At) -> Option<Machine> {
        let since = self.before.map_or(u64::MAX, |before| now.0.saturating_sub(before.at.0));
        if since < SECOND_US {
            return None;
        }
        let read = times(&read_to_string("/proc/stat").unwrap_or_default());
        // Without a descriptor left nothing can be read: as if nothing had gone on meanwhile.
        let known = self.before.map_or(Times::default(), |before| before.times);
        let times = if read.all > 0 { read } else { known };
        let reading = Reading { at: now, own_us: own_us(), times };
        let before = self.before.replace(reading)?;
        let all = times.all.saturating_sub(before.times.all);
        let busy = times.busy.saturating_sub(before.times.busy);
        let own_us = reading.own_us.saturating_sub(before.own_us);
        let allowed = getrlimit(Resource::Nofile).current.unwrap_or(0);
        Some(Machine {
            cores: times.cores,
            own_milli: own_us.saturating_mul(1000) / since,
            all_milli: busy.saturating_mul(1000 * times.cores).checked_div(all).unwrap_or(0),
            descriptors: descriptors().unwrap_or(allowed),
            descriptors_allowed: allowed,
            sockets: sockets(&read_to_string("/proc/net/sockstat").unwrap_or_default()),
            ports: ports(&read_to_string(RANGE).unwrap_or_default()),
        })
    }
}

const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

fn own_us() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds
        .saturating_mul(SECOND_US)
        .saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0) / 1000)
}

/// The one that is open while we look is not counted; none where there is none left to look with.
fn descriptors() -> Option<u64> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    Some(u64::try_from(open).unwrap_or(0).saturating_sub(1))
}

/// proc_stat(5): user nice system idle iowait irq softirq steal; what guests used is in user.
fn times(text: &str) -> Times {
    let mut times = Times::default();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("cpu") => {
                let ticks: Vec<u64> = words.take(8).filter_map(|word| word.parse().ok()).collect();
                let idle: u64 = ticks.iter().skip(3).take(2).sum();
                times.all = ticks.iter().sum();
                times.busy = times.all.saturating_sub(idle);
            }
            Some(word) if word.starts_with("cpu") => times.cores += 1,
            _ => {}
        }
    }
    times
}

/// `TCP: inuse 5 orphan 0 tw 12 alloc 7 mem 1`.
fn sockets(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:")).unwrap_or_default();
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let named = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at + 1)?.parse::<u64>().ok()
    };
    named("inuse").unwrap_or(0).saturating_add(named("tw").unwrap_or(0))
}

/// `32768 60999`, both included.
fn ports(text: &str) -> u64 {
    let ends: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match ends[..] {
        [low, high] if low <= high => high - low + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        let stat = "cpu  10 1 5 80 4 0 0 0 0 0\ncpu0 5 0 3 40 2\ncpu1 5 1 2 40 2\nintr 9\n";
        assert_eq!(times(stat), Times { cores: 2, busy: 16, all: 100 });
        let sockstat =
            "sockets: used 30\nTCP: inuse 5 orphan 0 tw 12 alloc 7 mem 1\nUDP: inuse 1\n";
        assert_eq!(sockets(sockstat), 17);
        assert_eq!(ports("32768\t60999\n"), 28_232);
        for text in ["", "cpu", "TCP:", "TCP: inuse", "x", "9 3"] {
            assert_eq!((times(text).all, sockets(text), ports(text)), (0, 0, 0));
        }
    }

    #[test]
    fn a_second_of_work_is_seen() {
        let mut looker = Looker::default();
        let clock = crate::clock::Clock::start();
        assert!(looker.look(clock.now()).is_none());
        assert!(looker.look(clock.now()).is_none(), "too early");
        let open: Vec<_> = (0..50).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        let start = clock.now();
        while clock.now().0 - start.0 < SECOND_US {
            std::hint::spin_loop();
        }
        let machine = looker.look(clock.now()).unwrap();
        assert!(machine.own_milli > 100 && machine.all_milli > 100, "{machine:?}");
        assert!(machine.descriptors > 50 && machine.cores > 0 && machine.ports > 0, "{machine:?}");
        drop(open);
    }
}
