//! Writing to the two streams. A reader that went away (`| head`) is no error.

use std::io::Write;

/// To stdout.
pub(super) fn out(text: &str) {
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
