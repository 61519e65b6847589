//! The report files of a run directory.
//!
//! Invariant: a file is there whole or not at all; verdict.json comes last, so where it is, the
//! others are. What is no file (a device, a pipe) is written to, and never replaced by one; a link
//! stays, and what it leads to is written.
//! Not here: what is in them (`json`, `junit`, `summary`, `html`).

use super::head::Head;
use super::html::{self, Series};
use super::{json, junit, summary};
use assay_slo::Scorecard;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// All reports of a run directory, by their fixed names, in the order of writing. The series come
/// from [`html::collect`]; the page also shows the directory's scenario.yaml, if there is one.
///
/// # Errors
/// When one cannot be made.
pub fn files(
    run_dir: &Path,
    head: &Head,
    scorecard: &Scorecard,
    series: &Series,
) -> io::Result<[(&'static str, Vec<u8>); 5]> {
    let scenario = std::fs::read(run_dir.join("scenario.yaml")).unwrap_or_default();
    let scenario = String::from_utf8_lossy(&scenario);
    Ok([
        ("junit.xml", junit::junit_xml(head, scorecard)?),
        ("summary.md", summary::summary_md(head, scorecard).into_bytes()),
        // For viewers that forbid the style sheet in the page.
        ("report.css", html::STYLE.as_bytes().to_vec()),
        ("report.html", html::html(head, scorecard, series, &scenario).into_bytes()),
        ("verdict.json", json::verdict_json(head, scorecard)?),
    ])
}

/// Writes all reports into the run directory, over those that are there.
///
/// # Errors
/// When the directory is missing or a file cannot be written; those written before stay.
pub fn write_all(
    run_dir: &Path,
    head: &Head,
    scorecard: &Scorecard,
    series: &Series,
) -> io::Result<()> {
    for (name, bytes) in files(run_dir, head, scorecard, series)? {
        write_whole(&run_dir.join(name), &bytes)?;
    }
    Ok(())
}

/// Writes a file so that a reader sees its old text or all of its new one, whatever happens.
///
/// # Errors
/// With the file's path, when it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let told = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
    };
    if is_no_file(path) {
        let opened = File::options().write(true).open(path);
        return opened.and_then(|mut there| there.write_all(bytes)).map_err(told);
    }
    let whole = led_to(path);
    let partial = partial(&whole);
    let written = write_synced(&partial, bytes).and_then(|()| std::fs::rename(&partial, &whole));
    written.map_err(|error| {
        // Best effort: what counts is the error that is told.
        _ = std::fs::remove_file(&partial);
        told(error)
    })
}

/// Whether something is there that is neither a file nor a folder.
fn is_no_file(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// The path itself, or where it leads to if it is a link to what is there, or to a name in a folder
/// that is.
fn led_to(path: &Path) -> PathBuf {
    let mut whole = path.to_path_buf();
    // As many as the kernel follows.
    for _ in 0..40 {
        let Ok(to) = std::fs::read_link(&whole) else { break };
        whole = whole.parent().map_or(to.clone(), |folder| folder.join(&to));
    }
    whole
}

fn partial(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.partial"))
}

/// Whether a file can be written there, found out before it is: what is there already stays.
///
/// # Errors
/// With the file's path and what to write instead, when it cannot.
pub fn try_out(path: &Path) -> Result<(), String> {
    let not = |why: &dyn std::fmt::Display| {
        let help = "name a file in a folder that is there and can be written to";
        Err(format!("cannot write {}: {why}; {help}", path.display()))
    };
    if path.is_dir() {
        return not(&"it is a folder");
    }
    if is_no_file(path) {
        // Opening a pipe would wait for who reads it.
        return match rustix::fs::access(path, rustix::fs::Access::WRITE_OK) {
            Ok(()) => Ok(()),
            Err(error) => not(&io::Error::from(error)),
        };
    }
    if path.exists()
        && let Err(error) = File::options().append(true).open(path)
    {
        return not(&error);
    }
    if path.file_name().is_none() {
        return not(&"it names no file");
    }
    let partial = partial(&led_to(path));
    match File::create(&partial).and_then(|_| std::fs::remove_file(&partial)) {
        Ok(()) => Ok(()),
        Err(error) => not(&error),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn files_are_whole_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (head, scorecard) = (sample::head(), sample::scorecard());
        std::fs::write(dir.path().join("verdict.json"), "old and longer than nothing").unwrap();
        write_all(dir.path(), &head, &scorecard, &Series::default()).unwrap();
        write_all(dir.path(), &head, &scorecard, &Series::default()).unwrap();
        let read = std::fs::read(dir.path().join("verdict.json")).unwrap();
        assert_eq!(read, json::verdict_json(&head, &scorecard).unwrap());
        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["junit.xml", "report.css", "report.html", "summary.md", "verdict.json"]);
    }

    #[test]
    fn what_cannot_be_written_is_found_before() {
        let dir = tempfile::tempdir().unwrap();
        let (good, folder) = (dir.path().join("a.json"), dir.path().join("b"));
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(try_out(&good), Ok(()));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        std::fs::write(&good, "old").unwrap();
        assert_eq!(try_out(&good), Ok(()));
        assert_eq!(std::fs::read(&good).unwrap(), b"old");
        let file = good.join("under-a-file.json");
        for path in [&folder, &dir.path().join("gone/c.json"), &file] {
            let why = try_out(path).unwrap_err();
            assert!(
                why.matches("cannot write").count() == 1 && why.contains("name a file"),
                "{why}"
            );
        }
    }

    #[test]
    fn what_is_no_file_is_never_replaced() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().unwrap();
        let (pipe, link, far) = (dir.path().join("p"), dir.path().join("l"), dir.path().join("f"));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert_eq!(try_out(&pipe), Ok(()), "nobody reads it yet");
        let read = {
            let pipe = pipe.clone();
            std::thread::spawn(move || std::fs::read(pipe).unwrap())
        };
        write_whole(&pipe, b"through").unwrap();
        assert_eq!(read.join().unwrap(), b"through");
        // A link stays one, whether what it leads to is there or not.
        std::os::unix::fs::symlink("f", &link).unwrap();
        for text in ["new", "newer"] {
            assert_eq!(try_out(&link), Ok(()));
            write_whole(&link, text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&far).unwrap(), text);
            assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        }
        let null = Path::new("/dev/null");
        assert_eq!(try_out(null), Ok(()));
        write_whole(null, b"nothing").unwrap();
        assert!(is_no_file(null));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_failure_names_the_file_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("gone");
        let error = write_all(&missing, &sample::head(), &sample::scorecard(), &Series::default())
            .unwrap_err();
        assert!(error.to_string().contains("junit.xml"), "{error}");
        // A directory in the file's place cannot be replaced; the partial file must not stay.
        std::fs::create_dir(dir.path().join("junit.xml")).unwrap();
        write_all(dir.path(), &sample::head(), &sample::scorecard(), &Series::default())
            .unwrap_err();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
