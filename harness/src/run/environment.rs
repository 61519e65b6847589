//! The fingerprint of the machine: runs of unlike machines are not to be compared.
//!
//! Not here: comparing.

use crate::record::journal::Environment;

/// Reads it from the system; what cannot be read is 0 or empty.
pub(super) fn read() -> Environment {
    Environment {
        cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        memory_mib: memory_kib().unwrap_or(0) / 1024,
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        profile: if cfg!(debug_assertions) { "dev" } else { "release" }.to_owned(),
    }
}

fn memory_kib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
