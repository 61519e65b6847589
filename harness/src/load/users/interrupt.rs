//! Keeps Ctrl-C ours: goose takes SIGINT for itself at each start, unless the library that it does
//! so with already has a handler.
//!
//! Invariant: no load of users starts in a process whose SIGINT goose would take. Linux only:
//! /proc.
//! Not here: what Ctrl-C does (`run`).

use std::io;
use std::sync::OnceLock;

/// Whether goose can no longer take SIGINT; unknown before the first question.
static KEPT: OnceLock<bool> = OnceLock::new();

/// Makes sure that goose never takes SIGINT. To be called before anything of this process
/// listens for SIGINT; handlers installed later, such as tokio's, then hear it as ever.
///
/// # Errors
/// Something listens already and would be deafened, or the system gave no handler. The answer is
/// the same each time.
pub fn keep_interrupt() -> io::Result<()> {
    // A handler that does nothing: those that come later are asked as well as this one.
    if *KEPT.get_or_init(|| !is_heard() && ctrlc::set_handler(|| {}).is_ok()) {
        return Ok(());
    }
    Err(io::Error::other("SIGINT had a listener before users could be prepared"))
}

/// Whether [`keep_interrupt`] was called in time.
pub(super) fn is_kept() -> bool {
    KEPT.get().copied().unwrap_or(false)
}

/// Whether this process has a handler for SIGINT. Ignoring it, as a shell's background jobs do, is
/// none.
fn is_heard() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1; SIGINT is 2.
    caught.is_some_and(|mask| mask & 0b10 != 0)
}
