//! `series.json`: which runs of a directory belong together, and what they mean together.
//!
//! Invariant: it names folders beside it, with the ids of their runs, and nothing else, so a copied series
//! is judged alike; it is believed only under its seal, with all runs that were asked for, each once.
//! Not here: the runs themselves (`journal`), judging them.

use crate::plan::seal::Seal;
use assay_slo::series::Decide;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// The file's name.
pub const NAME: &str = "series.json";
/// The file's version.
pub const SCHEMA: u32 = 3;

/// One run of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its folder.
    pub folder: String,
    /// Its id, as its journal begins with.
    pub run: String,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What the runs mean together.
    pub decide: Decide,
    /// How many runs were asked for.
    pub asked: u64,
    /// The runs, in order.
    pub runs: Vec<Member>,
    /// The other build's runs, in order: what the runs are held against.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<Member>,
}

impl Series {
    /// Reads the file of a directory; none where there is none.
    ///
    /// # Errors
    /// Why it cannot be read, in a sentence.
    pub fn read(dir: &Path) -> Result<Option<Series>, String> {
        let path = dir.join(NAME);
        let wrong = |why: &str| format!("{}: {why}", path.display());
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(&error.to_string())),
        };
        let schema: Version = serde_json::Deserializer::from_slice(&bytes)
            .into_iter()
            .next()
            .unwrap_or_else(|| serde_json::from_str(""))
            .map_err(|error| wrong(&error.to_string()))?;
        if schema.schema != SCHEMA {
            return Err(wrong(&format!("version {}, this program reads {SCHEMA}", schema.schema)));
        }
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let (line, seal) = match text.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&text[..end], &text[end + 1..]),
            None => (text, &[][..]),
        };
        if seal != sealed(line).as_bytes() {
            return Err(wrong("its seal does not fit, so it was changed: ask each run by itself"));
        }
        let series: Series =
            serde_json::from_slice(line).map_err(|error| wrong(&error.to_string()))?;
        let members = || series.runs.iter().chain(&series.against);
        let is_plain = |one: &Member| {
            let mut bytes = one.folder.bytes();
            !one.folder.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if series.runs.is_empty() || !members().all(is_plain) {
            return Err(wrong("it names no runs, or what is no folder beside it"));
        }
        let of = |what: fn(&Member) -> &str| members().map(what).collect::<BTreeSet<_>>().len();
        if [of(|one| &one.folder), of(|one| &one.run)] != [members().count(); 2] {
            return Err(wrong("it names a run more than once"));
        }
        Ok(Some(series))
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

    /// Why its runs do not mean anything together; none if all that were asked for are there.
    #[must_use]
    pub fn cut_short(&self) -> Option<String> {
        let made = self.runs.len();
        (made as u64 != self.asked).then(|| {
            format!(
                "the series was cut short: {} asked for, {made} made; ask each run by itself: {}",
                self.asked,
                self.folders()
            )
        })
    }

    /// The folders of its runs.
    #[must_use]
    pub fn folders(&self) -> String {
        let folders = self.runs.iter().map(|one| one.folder.as_str());
        folders.collect::<Vec<_>>().join(", ")
    }
}

/// What is read first: a file of another version may have other keys, and no seal.
#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// The seal of the file's only line.
fn sealed(line: &[u8]) -> String {
    let mut seal = Seal::default();
    seal.add(line);
    seal.line()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(folder: &str, run: &str) -> Member {
        Member { folder: folder.to_owned(), run: run.to_owned() }
    }

    #[test]
    fn a_series_is_read_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Series::read(folder.path()), Ok(None));
        let path = folder.path().join(NAME);
        let mut series = Series {
            schema: SCHEMA,
            decide: Decide::Pooled,
            asked: 2,
            runs: vec![member("1", "a"), member("2", "b")],
            against: Vec::new(),
        };
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Series::read(folder.path())
        };
        let text = series.text().unwrap();
        assert_eq!(read(&text), Ok(Some(series.clone())));
        assert_eq!(series.cut_short(), None);
        for (from, to, why) in [
            ("\"b\"", "\"c\"", "its seal does not fit"),
            ("pooled", "majority", "its seal does not fit"),
            ("\n{", "\n {", "its seal does not fit"),
            ("schema\":3", "schema\":2", "version 2"),
            ("{", "", "series.json"),
        ] {
            let told = read(&text.replacen(from, to, 1)).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        let unsealed = text.lines().next().unwrap();
        assert!(read(unsealed).unwrap_err().contains("its seal does not fit"));
        // Sealed again, it must still name folders beside it, and all that were asked for.
        series.runs[1] = member("../2", "b");
        assert!(read(&series.text().unwrap()).unwrap_err().contains("no folder beside it"));
        for twice in [member("1", "b"), member("2", "a")] {
            series.runs[1] = twice;
            assert!(read(&series.text().unwrap()).unwrap_err().contains("a run more than once"));
        }
        series.runs.truncate(1);
        assert_eq!(read(&series.text().unwrap()), Ok(Some(series.clone())));
        assert!(series.cut_short().unwrap().contains("2 asked for, 1 made"));
        series.runs.clear();
        assert!(read(&series.text().unwrap()).unwrap_err().contains("it names no runs"));
    }
}
