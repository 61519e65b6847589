//! `series.json`: which runs of a directory belong together, and what they mean together.
//!
//! Invariant: it names folders beside it and nothing else, so a copied series is judged alike.
//! Not here: the runs themselves (`journal`), judging them.

use assay_slo::series::Decide;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file's name.
pub const NAME: &str = "series.json";
/// The file's version.
pub const SCHEMA: u32 = 1;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What the runs mean together.
    pub decide: Decide,
    /// Folders of the runs, in order.
    pub runs: Vec<String>,
    /// Folders of the other build's runs, in order: what the runs are held against.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<String>,
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
        let series: Series =
            serde_json::from_slice(&bytes).map_err(|error| wrong(&error.to_string()))?;
        if series.schema != SCHEMA {
            return Err(wrong(&format!("version {}, this program reads {SCHEMA}", series.schema)));
        }
        let is_plain = |name: &String| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if series.runs.is_empty() || !series.runs.iter().chain(&series.against).all(is_plain) {
            return Err(wrong("it names no runs, or what is no folder beside it"));
        }
        Ok(Some(series))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_read_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Series::read(folder.path()), Ok(None));
        let path = folder.path().join(NAME);
        let text = r#"{"schema":1,"decide":"pooled","runs":["1","2"]}"#;
        std::fs::write(&path, text).unwrap();
        let series = Series::read(folder.path()).unwrap().unwrap();
        assert_eq!((series.decide, series.runs.len()), (Decide::Pooled, 2));
        for (from, to) in [
            ("\"2\"", "\"../2\""),
            ("schema\":1", "schema\":2"),
            ("[\"1\",\"2\"]", "[]"),
            ("{", ""),
        ] {
            std::fs::write(&path, text.replace(from, to)).unwrap();
            assert!(Series::read(folder.path()).is_err(), "{to}");
        }
    }
}
