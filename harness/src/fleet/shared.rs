//! State that tasks of a fleet share.
//!
//! Invariant: locks are held for a few steps of arithmetic, never while anything is awaited.
//! Not here: what is shared (`ledger`, `log`, and `record`'s recorder).

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock; what a task that died left is as good as it left it, and its death ends the run.
pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
