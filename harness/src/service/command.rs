//! Finds the program of a command before it is started, so that a mistake is named.
//!
//! Invariant: `assay` is this very program, a word with `/` a path from the scenario's folder,
//! a bare word a program in the `PATH` that the service will have.
//! Not here: starting it (`process`).

use super::ServiceError;
use super::process::Launch;
use rustix::fs::{Access, access};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The command's program as an absolute path.
///
/// # Errors
/// [`ServiceError::NoCommand`], [`ServiceError::NoProgram`], [`ServiceError::NotRunnable`].
pub(super) fn find(launch: &Launch) -> Result<PathBuf, ServiceError> {
    let name = launch.name.clone();
    let Some(program) = launch.command.first().filter(|word| !word.is_empty()) else {
        return Err(ServiceError::NoCommand { name });
    };
    if program == "assay" {
        return std::env::current_exe().map_err(|why| ServiceError::Start {
            name,
            why: format!("this program's own file is not known: {why}"),
        });
    }
    if program.contains('/') {
        // The process starts in a folder of its own, from which a relative path would lead elsewhere.
        let path = launch.folder.join(program);
        let path = std::path::absolute(&path).unwrap_or(path);
        return match path.symlink_metadata() {
            Ok(_) => runnable(name, path),
            Err(_) => Err(ServiceError::NoProgram {
                name,
                program: program.clone(),
                looked: format!("at {}", path.display()),
                write: "relative paths start at the scenario's folder: correct the path, or \
                        build the program first"
                    .to_owned(),
            }),
        };
    }
    let paths = search_path(launch);
    let mut unusable = None;
    for folder in std::env::split_paths(&paths) {
        let path = launch.cwd.join(folder).join(program);
        if path.is_file() {
            match runnable(name.clone(), path) {
                Ok(path) => return Ok(path),
                Err(why) => unusable = unusable.or(Some(why)),
            }
        }
    }
    Err(unusable.unwrap_or_else(|| {
        let write = if launch.folder.join(program).is_file() {
            format!("it is in the scenario's folder: write `./{program}`")
        } else if program.contains(char::is_whitespace) {
            "`command` is a list of words: write [program, argument, …]".to_owned()
        } else {
            format!("install it, or write its path, such as `./{program}`")
        };
        let looked = format!("in PATH ({})", paths.display());
        ServiceError::NoProgram { name, program: program.clone(), looked, write }
    }))
}

/// The `PATH` that the service will have.
fn search_path(launch: &Launch) -> OsString {
    let own = launch.env.iter().rev().find(|(key, _)| key == "PATH");
    own.map(|(_, value)| OsString::from(value))
        .or_else(|| std::env::var_os("PATH"))
        .unwrap_or_default()
}

fn runnable(name: String, path: PathBuf) -> Result<PathBuf, ServiceError> {
    let why = match path.metadata() {
        Ok(found) if found.is_dir() => "it is a folder; name the program in it".to_owned(),
        Ok(found) if !found.is_file() => "it is no file".to_owned(),
        Ok(_) => match access(&path, Access::EXEC_OK) {
            Ok(()) => return Ok(path),
            Err(_) => format!("it is not executable (EACCES); run `chmod +x {}`", path.display()),
        },
        Err(why) => why.to_string(),
    };
    Err(ServiceError::NotRunnable { name, path, why })
}

/// Why the system did not run a file that is there and executable.
pub(super) fn explain(path: &Path, why: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match why.kind() {
        ErrorKind::NotFound => {
            "the program that runs it (its `#!` line, or its dynamic loader) is missing".to_owned()
        }
        ErrorKind::InvalidInput => "its arguments or environment hold a NUL character".to_owned(),
        ErrorKind::ArgumentListTooLong => "its arguments and environment are too long".to_owned(),
        _ if why.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => format!(
            "it is a script without a `#!` line or built for another machine (see `file {}`)",
            path.display()
        ),
        _ => why.to_string(),
    }
}

/// The same of a command that was started before, so that its words are right, and what they name has changed.
pub(super) fn not_again(why: ServiceError) -> ServiceError {
    let (name, why) = match why {
        ServiceError::NoProgram { name, program, looked, .. } => {
            (name, format!("its program `{program}` is not there any more, {looked} (ENOENT)"))
        }
        ServiceError::NotRunnable { name, path, why } => {
            (name, format!("its program `{}` cannot be run any more: {why}", path.display()))
        }
        ServiceError::NoFolder { name, cwd } => {
            (name, format!("its working directory {} is gone (ENOENT)", cwd.display()))
        }
        other => return other,
    };
    ServiceError::NotAgain { name, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn said(launch: &Launch) -> String {
        find(launch).unwrap_err().to_string()
    }

    #[test]
    fn programs_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let launch = |word: &str| Launch {
            folder: folder.path().into(),
            ..Launch::example(&[word], folder.path())
        };
        let tool = folder.path().join("tool");
        assert!(said(&launch("./tool")).contains(&format!("at {}", folder.path().display())));
        std::fs::write(&tool, "#!/bin/sh\n").unwrap();
        assert!(said(&launch("./tool")).contains("chmod +x"));
        assert!(said(&launch("tool")).contains("write `./tool`"));
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find(&launch("./tool")).unwrap(), folder.path().join("./tool"));
        assert_eq!(find(&launch(tool.to_str().unwrap())).unwrap(), tool);
        assert!(said(&launch("..//.")).contains("folder"));
        let mut with_path = launch("tool");
        with_path.env = vec![("PATH".into(), format!("/nonexistent:{}", folder.path().display()))];
        assert_eq!(find(&with_path).unwrap(), tool);
    }

    #[test]
    fn bare_words() {
        let here = Path::new("/");
        assert!(find(&Launch::example(&["sh"], here)).unwrap().is_absolute());
        let own = std::env::current_exe().unwrap();
        assert_eq!(find(&Launch::example(&["assay", "backend"], here)).unwrap(), own);
        assert!(said(&Launch::example(&["no-such-program"], here)).contains("PATH"));
        assert!(said(&Launch::example(&["sleep 5"], here)).contains("list of words"));
        assert!(said(&Launch::example(&[], here)).contains("empty"));
        assert!(said(&Launch::example(&[""], here)).contains("empty"));
    }
}
