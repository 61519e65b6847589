//! Writing to the two streams. A reader that went away (`| head`) is no error.
//!
//! Invariant: once stdout is for data, nothing else is written there.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stdout is read by a program.
static FOR_DATA: AtomicBool = AtomicBool::new(false);

/// From now on words go to stderr: stdout is for [`data`].
pub(super) fn keep_for_data() {
    FOR_DATA.store(true, Ordering::Relaxed);
}

/// What a program reads, to stdout.
pub(super) fn data(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// To stdout.
pub(super) fn out(text: &str) {
    if FOR_DATA.load(Ordering::Relaxed) {
        return err(text);
    }
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// To stderr.
pub(super) fn err(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// An error that stands by itself.
pub(super) fn error(text: &dyn std::fmt::Display) {
    err(&format!("error: {text}\n"));
}
