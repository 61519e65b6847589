//! A word that reaches a thread while it waits for processes to end: somebody waits for it now.
//!
//! Not here: what is done differently then (`ending`, `process`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Said once, heard by all who have a copy.
#[derive(Debug, Clone, Default)]
pub struct Hurry(Arc<AtomicBool>);

impl Hurry {
    /// From now on nobody gets more than a second.
    pub fn say(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was said.
    #[must_use]
    pub fn is_said(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
