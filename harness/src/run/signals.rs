//! Ctrl-C, SIGTERM and a terminal that is gone (SIGHUP): the first one stops the run in good order, a second
//! one at once.
//!
//! Invariant: a run that was told not to mind its terminal (`nohup`) does not.
//! Invariant: whatever a second one leaves running, the guardian ends.

use assay_slo::event::EndReason;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Tells whether the run is to stop, and why.
pub(super) type Stop = watch::Receiver<Option<EndReason>>;

/// Listens from now on, instead of dying.
///
/// # Errors
/// The system gave no handler.
pub(super) fn listen() -> std::io::Result<Stop> {
    let (told, stop) = watch::channel(None);
    let interrupt = signal(SignalKind::interrupt())?;
    let terminate = signal(SignalKind::terminate())?;
    let hangup = match minds_hangup(&std::fs::read_to_string("/proc/self/status")?) {
        true => Some(signal(SignalKind::hangup())?),
        false => None,
    };
    tokio::spawn(tell(told, interrupt, terminate, hangup));
    Ok(stop)
}

async fn tell(
    told: watch::Sender<Option<EndReason>>,
    mut interrupt: Signal,
    mut terminate: Signal,
    mut hangup: Option<Signal>,
) {
    let mut first = true;
    loop {
        let (reason, code) = tokio::select! {
            Some(()) = interrupt.recv() => (EndReason::Interrupted, 130),
            Some(()) = terminate.recv() => (EndReason::Terminated, 143),
            Some(()) = hung_up(&mut hangup) => (EndReason::Terminated, 143),
            else => return,
        };
        if !first {
            leave(code);
        }
        first = false;
        told.send_replace(Some(reason));
    }
}

async fn hung_up(hangup: &mut Option<Signal>) -> Option<()> {
    match hangup {
        Some(hangup) => hangup.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether SIGHUP is not ignored, by this process's status as the kernel writes it.
fn minds_hangup(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0) & 1 == 0
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "asked twice: leave now, the guardian ends what is left"
)]
fn leave(code: i32) {
    std::process::exit(code);
}

/// Waits until the run is to stop.
pub(super) async fn stopped(stop: &mut Stop) -> EndReason {
    loop {
        if let Some(reason) = *stop.borrow_and_update() {
            return reason;
        }
        if stop.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_is_heeded() {
        assert!(minds_hangup("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n"));
        assert!(!minds_hangup("SigIgn:\t0000000000001001\n"));
        assert!(minds_hangup(""));
    }
}
