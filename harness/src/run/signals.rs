//! Ctrl-C and SIGTERM: the first one stops the run in good order, a second one at once.
//!
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
    tokio::spawn(tell(told, interrupt, terminate));
    Ok(stop)
}

async fn tell(
    told: watch::Sender<Option<EndReason>>,
    mut interrupt: Signal,
    mut terminate: Signal,
) {
    let mut first = true;
    loop {
        let (reason, code) = tokio::select! {
            Some(()) = interrupt.recv() => (EndReason::Interrupted, 130),
            Some(()) = terminate.recv() => (EndReason::Terminated, 143),
            else => return,
        };
        if !first {
            leave(code);
        }
        first = false;
        told.send_replace(Some(reason));
    }
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
