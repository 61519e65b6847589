//! Entry point.
//!
//! Not here: everything but the choice of what to run.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if let [verb, id_key, id, dir_key, dir] = words.as_slice()
        && verb == "guardian"
        && id_key == "--run-id"
        && dir_key == "--run-dir"
        && let Some(id) = id.to_str()
    {
        return assay::service::guardian_main(id, &PathBuf::from(dir));
    }
    ExitCode::from(2)
}
