//! Commands that print one number.
//!
//! Invariant: a command that takes too long is ended with all that it started in its group; one that
//! fails or prints anything else gives no value.
//! Not here: when it is run (`metrics`).

use super::{Value, exposition};
use crate::service;
use assay_slo::Number;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Most of an output that is read.
const MOST_BYTES: u64 = 4096;

/// A command, its placeholders filled.
#[derive(Debug, Clone)]
pub(in crate::probe) struct Line {
    pub(in crate::probe) words: Vec<String>,
    pub(in crate::probe) folder: PathBuf,
    pub(in crate::probe) run_id: String,
}

impl Line {
    /// The number that it prints.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence.
    pub(super) async fn number(&self, within: Duration) -> Result<Value, String> {
        printed(&self.output(within).await?)
    }

    /// What it prints, if it ends well.
    ///
    /// # Errors
    /// Why it did not, as the end of a sentence.
    pub(in crate::probe) async fn output(&self, within: Duration) -> Result<String, String> {
        match tokio::time::timeout(within, self.run()).await {
            Ok(read) => read,
            Err(_) => Err(format!("the command took longer than {} s", within.as_secs())),
        }
    }

    async fn run(&self) -> Result<String, String> {
        let command = service::command(&self.words, &self.folder, &self.run_id);
        let mut command = command.ok_or("the command has no words")?;
        let program = command.as_std().get_program().to_owned();
        let (mut child, group) = service::spawn_group(&mut command)
            .map_err(|error| format!("`{}` could not be run: {error}", program.display()))?;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let reads = async {
            tokio::join!(
                async {
                    if let Some(pipe) = stdout {
                        let _ = pipe.take(MOST_BYTES).read_to_end(&mut out).await;
                    }
                },
                async {
                    if let Some(pipe) = stderr {
                        let _ = pipe.take(MOST_BYTES).read_to_end(&mut err).await;
                    }
                },
            )
        };
        let (status, _) = tokio::join!(child.wait(), reads);
        let status = status.map_err(|error| error.to_string())?;
        group.release();
        if !status.success() {
            let said = String::from_utf8_lossy(&err).into_owned();
            let said = said.lines().next().unwrap_or_default().trim();
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            return Err(format!("the command ended with {status}{said}"));
        }
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

fn printed(text: &str) -> Result<Value, String> {
    let number = exposition::number(text.trim()).and_then(Number::new);
    let number = number.ok_or_else(|| {
        let start: String = text.trim().chars().take(60).collect();
        format!("the command printed {start:?}, not one number")
    })?;
    Ok(Value { number, counter: false, anew: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(shell: &str, within: Duration) -> Result<f64, String> {
        let words = ["sh", "-c", shell].map(str::to_owned).to_vec();
        let line = Line { words, folder: ".".into(), run_id: "test".into() };
        line.number(within).await.map(|value| value.number.get())
    }

    #[tokio::test]
    async fn one_number_or_a_reason() {
        let long = Duration::from_secs(60);
        assert_eq!(run("echo ' 4.5 '", long).await, Ok(4.5));
        let wrong = run("echo 4 files", long).await.unwrap_err();
        assert_eq!(wrong, "the command printed \"4 files\", not one number");
        assert!(run("echo NaN", long).await.is_err());
        let failed = run("echo no such table >&2; exit 3", long).await.unwrap_err();
        assert_eq!(failed, "the command ended with exit status: 3: no such table");
        let late = run("exec sleep 1000", Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(late, "the command took longer than 0 s");
    }

    #[tokio::test]
    async fn what_a_late_command_started_is_ended_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let shell = format!("sleep 1000 & echo $! > {}; wait", file.display());
        assert!(run(&shell, Duration::from_secs(3)).await.is_err());
        let pid = std::fs::read_to_string(&file).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        let begun = tokio::time::Instant::now();
        // A zombie is what nobody has waited for yet.
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{pid} still runs");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
