//! Hands over once a second what the fleets recorded.
//!
//! Invariant: the last hand-over comes after the last attempt's end.
//! Not here: what is recorded (`uplink`).

use super::aim::{Drive, FleetBatch};
use super::ledger::Account;
use super::log::Log;
use super::shared::lock;
use crate::record::Recorder;
use assay_slo::time::SECOND_US;
use assay_slo::{At, Event};
use std::io;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Hands over just after the end of each second, and once more when told that all has ended.
pub(super) async fn run(
    drive: Drive,
    recorder: Arc<Mutex<Recorder>>,
    log: Arc<Mutex<Log>>,
    accounts: Vec<Arc<Mutex<Account>>>,
    mut ended: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut last = false;
    while !last {
        let now = drive.clock.now();
        tokio::select! {
            biased;
            _ = ended.changed() => last = true,
            () = drive.clock.sleep_until(next_tick(now, drive.zero)) => {}
        }
        let now = drive.clock.now();
        let mut events = lock(&log).take();
        if now >= drive.zero {
            let backlog = |account: &Arc<Mutex<Account>>| lock(account).take_backlog(now);
            events.extend(accounts.iter().map(backlog).map(Event::Backlog));
        }
        let batch = lock(&recorder).take(now);
        if batch.is_empty() && events.is_empty() {
            continue;
        }
        let gone = |_| io::Error::other("nobody takes what the fleets record");
        drive.sink.send(FleetBatch { batch, events }).map_err(gone)?;
    }
    Ok(())
}

/// The next whole second from time 0.
fn next_tick(now: At, zero: At) -> At {
    zero.plus((now.second(zero) + 1).saturating_mul(SECOND_US as i64))
}
