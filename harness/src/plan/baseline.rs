//! Earlier runs that a run is held against: their file, and which of its kind they are.
//!
//! Invariant: a file is read whole, as it was written, or refused in a sentence: its seal says so, and
//! its counts must add up.
//! Not here: comparing (crate slo), what the machine is (`run`).

use super::seal::Seal;
use assay_slo::Past;
use assay_slo::series::Decide;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file's version.
pub const SCHEMA: u32 = 1;
/// The longest file, in bytes.
const LONGEST: u64 = 256 << 20;

/// What to do about a file that is not believed.
const AGAIN: &str =
    "write it again with `assay run … --save-baseline`, or take it back from where it was kept";

/// A file of earlier runs, as `--save-baseline` writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The program that wrote it, and its version.
    pub tool: String,
    /// The scenario's name.
    pub scenario: String,
    /// Where the runs were made: names and values, as [`Kept::differences`] compares them.
    pub environment: Vec<(String, String)>,
    /// The runs.
    pub runs: Vec<Past>,
}

impl Kept {
    /// Reads a file; none where there is none.
    ///
    /// # Errors
    /// Why it cannot be read, in a sentence.
    pub fn read(path: &Path) -> Result<Option<Kept>, String> {
        let bytes = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
            Ok(meta) if meta.len() > LONGEST => return Err("it is too long".to_owned()),
            Ok(_) => std::fs::read(path).map_err(|error| error.to_string())?,
        };
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let mut lines = text.split(|byte| *byte == b'\n');
        let (first, seal) = (lines.next().unwrap_or_default(), lines.next());
        let kept: Kept =
            serde_json::from_slice(first).map_err(|error| format!("it is no baseline: {error}"))?;
        if kept.schema != SCHEMA {
            return Err(format!("it has version {}; this program reads {SCHEMA}", kept.schema));
        }
        match seal {
            None => return Err(format!("it has no seal, so it may have been changed: {AGAIN}")),
            Some(seal) if seal != sealed(first).as_bytes() || lines.next().is_some() => {
                return Err(format!("its seal does not fit, so it was changed: {AGAIN}"));
            }
            Some(_) => {}
        }
        if kept.runs.is_empty() {
            return Err("it holds no run".to_owned());
        }
        match kept.runs.iter().find_map(Past::contradiction) {
            Some(what) => Err(format!("{what}: {AGAIN}")),
            None => Ok(Some(kept)),
        }
    }

    /// The text of its file.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn text(&self) -> Result<String, String> {
        let line = serde_json::to_string(self).map_err(|error| error.to_string())?;
        let seal = sealed(line.as_bytes());
        Ok(format!("{line}\n{seal}\n"))
    }

    /// In what this environment (`here`) differs from that of the runs.
    #[must_use]
    pub fn differences(there: &[(String, String)], here: &[(String, String)]) -> Vec<String> {
        let find = |name: &str, all: &[(String, String)]| {
            all.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let unknown = || "unknown".to_owned();
        let mut told = Vec::new();
        for (name, value) in here {
            let other = find(name, there).unwrap_or_else(unknown);
            if other != *value {
                told.push(format!("{name}: {other} there, {value} here"));
            }
        }
        let missing = there.iter().filter(|(name, _)| find(name, here).is_none());
        told.extend(missing.map(|(name, value)| format!("{name}: {value} there, unknown here")));
        told
    }
}

/// The seal of a file's only line.
fn sealed(line: &[u8]) -> String {
    let mut seal = Seal::default();
    seal.add(line);
    seal.line()
}

/// How a run is held against others, and how often it is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    /// Where the earlier runs were made, if that must be alike.
    pub environment: Option<Vec<(String, String)>>,
    /// Variables of the other build, by turns with which it is run.
    pub against: Option<Vec<(String, String)>>,
    /// How many runs.
    pub runs: u64,
    /// What they mean together.
    pub decide: Decide,
}

impl Series {
    /// Of how many runs the requests are counted together; 1 where each is judged by itself.
    #[must_use]
    pub fn pooled(&self) -> u64 {
        if self.decide == Decide::Pooled { self.runs.max(1) } else { 1 }
    }

    /// Whether it is more than one run.
    #[must_use]
    pub fn is_many(&self) -> bool {
        self.runs > 1 || self.against.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("base");
        assert_eq!(Kept::read(&path), Ok(None));
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Kept::read(&path).unwrap_err()
        };
        assert!(refused("{").contains("it is no baseline"));
        let text = r#"{"schema":9,"tool":"t","scenario":"s","environment":[],"runs":[]}"#;
        assert!(refused(text).contains("version 9"));
        assert!(refused(&text.replace('9', "1")).contains("it has no seal"));
        let empty = Kept { schema: SCHEMA, ..serde_json::from_str(text).unwrap() };
        assert!(refused(&empty.text().unwrap()).contains("holds no run"));
        assert!(Kept::read(folder.path()).is_err());
    }

    #[test]
    fn what_was_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("base");
        let run = |ok: u64| {
            let part = format!(r#"{{"phase":"steady","n":10,"k":1,"response":[[5,6,{ok}]]}}"#);
            let request = format!(r#"{{"name":"a","parts":[{part}]}}"#);
            let load = format!(
                r#"{{"name":"v","kind":"open","planned":10,"starts_us":0,"ends_us":1,"requests":[{request}]}}"#
            );
            format!(r#"{{"run":"r","started":"s","warmup_us":0,"loads":[{load}]}}"#)
        };
        let kept = |ok: u64| -> Kept {
            let runs = run(ok);
            let text = format!(
                r#"{{"schema":1,"tool":"t","scenario":"s","environment":[],"runs":[{runs}]}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Kept::read(&path)
        };
        let whole = kept(9).text().unwrap();
        assert_eq!(read(&whole), Ok(Some(kept(9))));
        for changed in [whole.replace("[5,6,9]", "[5,7,9]"), whole.clone() + "{}\n"] {
            let why = read(&changed).unwrap_err();
            assert!(
                why.contains("its seal does not fit") && why.contains("--save-baseline"),
                "{why}"
            );
        }
        // Sealed again, the counts must still add up.
        let why = read(&kept(8).text().unwrap()).unwrap_err();
        assert!(why.contains("of `a` in load `v` 9 were ok, and 8 times are kept"), "{why}");
    }

    #[test]
    fn each_difference_is_named() {
        let of = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let there = of(&[("cores", "2"), ("kernel", "6.1"), ("disk", "x")]);
        let here = of(&[("cores", "4"), ("kernel", "6.1"), ("processor", "p")]);
        assert_eq!(
            Kept::differences(&there, &here),
            [
                "cores: 2 there, 4 here",
                "processor: unknown there, p here",
                "disk: x there, unknown here"
            ]
        );
        assert!(Kept::differences(&there, &there).is_empty());
    }
}
