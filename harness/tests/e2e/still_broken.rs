//! Exit code 5: what could not be undone is named, with what to do, everywhere the same.
//!
//! Invariant: what these tests leave behind on purpose they end themselves, by its number.
//! Not here: what is ended in time (`escape`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, beside_a_backend, said, signal, verdict};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A user without rights.
const NOBODY: u32 = 65_534;

/// A service whose shell runs this first. `assay` as the service's user finds it.
fn case(assay: &str, first: &str, seconds: u64) -> Case {
    beside_a_backend("still-broken", assay, first, "stop-within: 1s", seconds)
}

/// Exit code, last lines, `verdict.json`, JUnit, summary, and `verify` agree on what is left.
fn all_say(case: &Case, output: &Output, needles: &[String]) {
    let text = said(output);
    assert_eq!(output.status.code(), Some(5), "{text}");
    let verdict = verdict(&case.out());
    assert_eq!(verdict["exit_code"], 5);
    let read = |name: &str| std::fs::read_to_string(case.out().join(name)).unwrap();
    let last: Vec<&str> =
        std::str::from_utf8(&output.stdout).unwrap().lines().rev().take(6).collect();
    let summary = read("summary.md").replace('\\', "");
    for needle in needles {
        for (place, text) in [
            ("the last lines", &last.join("\n")),
            ("verdict.json", &verdict["findings"].to_string()),
            ("junit.xml", &read("junit.xml")),
            ("summary.md", &summary),
        ] {
            assert!(text.contains(needle.as_str()), "{place} without {needle}:\n{text}");
        }
    }
    assert!(read("junit.xml").contains("run.still_broken"), "{}", read("junit.xml"));
    let again = crate::common::assay(&["verify", case.out().to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), Some(5), "{}", said(&again));
}

/// A log that somebody holds who is no descendant of the run.
#[test]
fn a_log_that_is_still_held_is_five() {
    let case = case(env!("CARGO_BIN_EXE_assay"), "echo held=$$", 60);
    let child = crate::common::under_way(&case);
    let log = std::fs::read_to_string(case.out().join("logs/app.log")).unwrap();
    let service = log.lines().find_map(|line| line.strip_prefix("held=")).unwrap();
    let held = std::fs::File::options().write(true).open(format!("/proc/{service}/fd/1")).unwrap();
    signal(child.id(), "INT");
    let output = child.wait_with_output().unwrap();
    let own = std::process::id();
    all_say(
        &case,
        &output,
        &[
            format!("(pid {own}) outlived the run: it still holds the log of service app open"),
            format!("kill -9 {own}"),
        ],
    );
    drop(held);
}

/// A service that became somebody else, whom the run may not signal. Needs root, to be able to
/// make a program that does so.
#[test]
fn a_process_that_may_not_be_signalled_is_five() {
    let folder = tempfile::tempdir().unwrap();
    let Some(tools) = tools(folder.path()) else {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: needs root, setpriv, and a file system with set-user-id programs"
        );
        return;
    };
    let become_root = tools.become_root.display();
    let first =
        format!("{become_root} --reuid=0 --regid=0 --clear-groups sleep 1000 & echo root=$!");
    for (seconds, interrupt) in [(2, false), (60, true)] {
        let case = case(&tools.assay, &first, seconds);
        chown(case.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        let run = case.command(&[]);
        let mut as_nobody = Command::new("setpriv");
        as_nobody
            .args(nobody())
            .arg(&tools.assay)
            .args(run.get_args())
            .current_dir(case.folder.path())
            .env("NO_COLOR", "1")
            .env_remove("GITHUB_ACTIONS")
            .env("XDG_RUNTIME_DIR", case.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = as_nobody.spawn().unwrap();
        if interrupt {
            crate::common::wait_for_cells(&case, &mut child);
            signal(child.id(), "INT");
        }
        let output = child.wait_with_output().unwrap();
        let log = std::fs::read_to_string(case.out().join("logs/app.log"));
        let log = log.unwrap_or_else(|_| panic!("{}", said(&output)));
        let left = log.lines().find_map(|line| line.strip_prefix("root=")).unwrap();
        let line = std::fs::read(format!("/proc/{left}/cmdline")).unwrap();
        assert!(line.starts_with(b"sleep\x001000"), "it is still there");
        signal(left.parse().unwrap(), "KILL");
        all_say(
            &case,
            &output,
            &[
                format!("sleep (pid {left}) of service app could not be ended"),
                "it belongs to user 0; end it as that user or as root".to_owned(),
                format!("kill -9 {left}"),
            ],
        );
    }
}

struct Tools {
    /// This program, where that user can run it.
    assay: String,
    /// `setpriv`, with root's rights whoever runs it.
    become_root: std::path::PathBuf,
}

fn nobody() -> [String; 3] {
    [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()]
}

/// None where this cannot be done.
fn tools(folder: &Path) -> Option<Tools> {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).ok()?;
    let found = std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join("setpriv"))
        .find(|path| path.is_file())?;
    let become_root = folder.join("become-root");
    std::fs::copy(found, &become_root).ok()?;
    chown(&become_root, Some(0), Some(0)).ok()?;
    std::fs::set_permissions(&become_root, std::fs::Permissions::from_mode(0o4755)).ok()?;
    let assay = folder.join("assay");
    let built = env!("CARGO_BIN_EXE_assay");
    std::fs::hard_link(built, &assay).or_else(|_| std::fs::copy(built, &assay).map(|_| ())).ok()?;
    let id = Command::new("setpriv")
        .args(nobody())
        .arg(&become_root)
        .args(["--reuid=0", "--regid=0", "--clear-groups", "id", "-u"])
        .output()
        .ok()?;
    let is_root = id.stdout == b"0\n";
    is_root.then(|| Tools { assay: assay.display().to_string(), become_root })
}
