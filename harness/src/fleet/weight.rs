//! What the ledger weighs, for the bench that prints it.
//!
//! Not here: anything that a run uses.

use super::ledger::Account;
use assay_slo::Outcome;
use std::io;

/// Remembers so many samples of each device, all delivered at the first attempt, and gives what
/// `measure` says while they are remembered.
///
/// # Errors
/// None in practice: a histogram with constant bounds could not be had.
pub fn remembering<T>(devices: usize, samples: u64, measure: impl FnOnce() -> T) -> io::Result<T> {
    let mut account = Account::new(0, devices).map_err(io::Error::other)?;
    for sample in 1..=samples {
        for device in 0..devices {
            account.generated(device);
            account.tried(device, sample, Outcome::Ok, 1_000);
            account.acknowledged(device, sample, 1_000);
        }
    }
    let measured = measure();
    drop(account);
    Ok(measured)
}
