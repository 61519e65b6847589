//! The seal of a journal, and of a baseline: its last line, the hash of all lines before it.
//!
//! A verdict is as good as the record it is made from: a count that somebody changed reads like any
//! other. It is no signature; whoever means to deceive can seal again.
//!
//! Invariant: a journal whose last line says that the run ended is believed only under its seal, and so
//! is a baseline.
//! Not here: the lines themselves (`record`, `baseline`).

use sha2::{Digest, Sha256};

/// What was written, or read, so far.
#[derive(Debug, Clone, Default)]
pub struct Seal(Sha256);

impl Seal {
    /// Adds a line, without its end.
    pub fn add(&mut self, line: &[u8]) {
        self.0.update(line);
        self.0.update(b"\n");
    }

    /// The line that seals it.
    #[must_use]
    pub fn line(&self) -> String {
        let digest = self.0.clone().finalize();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{BEFORE}{hex}{AFTER}")
    }

    /// Whether a line is a seal, fitting or not.
    #[must_use]
    pub fn is_seal(line: &[u8]) -> bool {
        line.starts_with(BEFORE.as_bytes())
    }
}

const BEFORE: &str = "{\"seal\":\"";
const AFTER: &str = "\"}";
