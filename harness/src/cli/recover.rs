//! `assay recover`: what a run that died has left broken is put right, and what is left is told.
//!
//! Invariant: a run that is still going is left alone.
//! Not here: what there is to undo, and undoing it (`service::undo`).

use super::print;
use crate::record::under_way::under_way;
use crate::report::Exit;
use crate::run::directory::RUNS;
use crate::service::undo::{self, Part, Recovered, left_behind};
use clap::Args as ClapArgs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The file with what is to be undone.
const UNDOS: &str = "undo.jsonl";
/// The file that makes a directory a run's.
const JOURNAL: &str = "journal.jsonl";

/// A run that died.
#[derive(Debug, ClapArgs)]
pub(super) struct RecoverArgs {
    /// The run directory; the newest below reports/ unless given.
    #[arg(value_name = "RUN_DIR")]
    run_dir: Option<PathBuf>,
}

pub(super) fn recover(args: &RecoverArgs) -> ExitCode {
    let dir = match &args.run_dir {
        // Of a directory that was removed meanwhile, its guardian restores the undos alone.
        Some(dir) if [JOURNAL, UNDOS].iter().any(|file| dir.join(file).is_file()) => dir.clone(),
        Some(dir) => {
            let what = format!("it has neither {JOURNAL} nor {UNDOS}");
            print::error(&format!("{} is no run directory: {what}", dir.display()));
            return Exit::Invalid.into();
        }
        None => match newest(Path::new(RUNS)) {
            Some(dir) => dir,
            None => {
                print::error(&format!("there is no run below {RUNS}/: name a run directory"));
                return Exit::Invalid.into();
            }
        },
    };
    // Who names one run asks for that one.
    let others = || match &args.run_dir {
        Some(_) => Vec::new(),
        None => left_by_others(&dir),
    };
    if let Some(going) = under_way(&dir.join(JOURNAL)) {
        let whose = going.pid.map_or(String::new(), |pid| format!(" (pid {pid})"));
        print::out(&others().concat());
        print::error(&format!("this run is still going{whose}, and undoes what it broke"));
        return Exit::CouldNotRun.into();
    }
    if let Some(why) = another_users(&dir.join(UNDOS)) {
        print::out(&format!("{}still broken: {why}\n", others().concat()));
        return Exit::StillBroken.into();
    }
    let quick = undo::recover(&dir, Part::Quick);
    // Its processes go before its commands are undone, as the guardian does it.
    let ended = run_id(&dir).map(|run_id| undo::end_processes(&run_id)).unwrap_or_default();
    let slow = undo::recover(&dir, Part::Commands);
    tell(&dir, &[quick, ended, slow], &others())
}

/// Lines about what other runs have left broken.
fn left_by_others(dir: &Path) -> Vec<String> {
    let others = left_behind(Path::new(RUNS)).into_iter().filter(|left| left.dir != dir);
    others.map(|left| format!("still broken by another run: {left}\n")).collect()
}

/// Why what a run broke cannot be put right by this user; none: it can.
fn another_users(undos: &Path) -> Option<String> {
    let opened = std::fs::File::options().read(true).append(true).open(undos);
    let denied = |error: &std::io::Error| error.kind() == std::io::ErrorKind::PermissionDenied;
    opened.err().filter(denied)?;
    let whose = undos.metadata().map(|meta| meta.uid());
    let whose = whose.map_or_else(|_| "of this run".to_owned(), |uid| format!("with number {uid}"));
    Some(format!(
        "what {} says, which this user may not open: run `assay recover` as the user {whose}, or as root",
        undos.display()
    ))
}

fn tell(dir: &Path, all: &[Recovered], others: &[String]) -> ExitCode {
    let mut text = String::new();
    for undone in all.iter().flat_map(|one| &one.undone) {
        text += &format!("undone: {undone}\n");
    }
    let left: Vec<&String> = all.iter().flat_map(|one| &one.left).collect();
    for left in &left {
        text += &format!("still broken: {left}\n");
    }
    if left.is_empty() {
        text += &format!("nothing of {} is broken\n", dir.display());
    }
    text += &others.concat();
    print::out(&text);
    if left.is_empty() && others.is_empty() { Exit::Met.into() } else { Exit::StillBroken.into() }
}

/// The run that was written to last.
fn newest(runs: &Path) -> Option<PathBuf> {
    let dirs = std::fs::read_dir(runs).ok()?.flatten().map(|entry| entry.path());
    let written =
        |dir: &PathBuf| dir.join(JOURNAL).metadata().and_then(|meta| meta.modified()).ok();
    dirs.filter_map(|dir| Some((written(&dir)?, dir))).max().map(|(_, dir)| dir)
}

/// The run's id, from its journal's first line, which may be all of it.
fn run_id(dir: &Path) -> Option<String> {
    use std::io::BufRead;
    let file = std::fs::File::open(dir.join(JOURNAL)).ok()?;
    let mut line = String::new();
    std::io::BufReader::new(file).read_line(&mut line).ok()?;
    let head: serde_json::Value = serde_json::from_str(&line).ok()?;
    head.get("run")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_run_is_the_one_that_was_written_last() {
        let runs = tempfile::tempdir().unwrap();
        assert_eq!(newest(runs.path()), None);
        assert_eq!(newest(Path::new("/nonexistent")), None);
        std::fs::create_dir(runs.path().join("no-run")).unwrap();
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000);
        for (name, later) in [("z-first", 0), ("a-second", 10)] {
            let dir = runs.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            let file = std::fs::File::create(dir.join(JOURNAL)).unwrap();
            file.set_modified(old + std::time::Duration::from_secs(later)).unwrap();
        }
        assert_eq!(newest(runs.path()), Some(runs.path().join("a-second")));
    }

    #[test]
    fn a_run_is_known_by_its_first_line() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(run_id(dir.path()), None);
        std::fs::write(dir.path().join(JOURNAL), "{\"schema\":1,\"run\":\"abc\"}\n{\"x\"").unwrap();
        assert_eq!(run_id(dir.path()), Some("abc".to_owned()));
    }
}
