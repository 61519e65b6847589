//! The words of a command, wherever a scenario has one: those of `run`, or a shell with its line.
//!
//! Not here: what it is for (`acts`, `metrics`, `read_back`, `setup`, `steady`), running it.

use super::notes::Notes;
use crate::plan::Text;
use crate::spec::Trail;
use crate::spec::scalar::Words;

/// The words; none where there is a problem. `trail` leads to the command's settings.
pub(super) fn words(
    run: &[Words],
    shell: Option<&Words>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Vec<Text> {
    let words = match (run, shell) {
        ([], Some(line)) => vec!["sh".to_owned(), "-c".to_owned(), line.to_string()],
        ([_, ..], None) => plain(run),
        ([], None) => {
            let message = "it does not say what is run".to_owned();
            notes.entry(trail, message, "write `run: [program, argument]` or `shell:`");
            Vec::new()
        }
        ([_, ..], Some(_)) => {
            let message = "more than one command".to_owned();
            notes.entry(trail, message, "keep one of `run` and `shell`");
            Vec::new()
        }
    };
    named(words, &trail.key("run"), notes)
}

/// The words of what can only be a program, such as an undo.
pub(super) fn program(words: &[Words], trail: &Trail, notes: &mut Notes<'_>) -> Vec<Text> {
    named(plain(words), trail, notes)
}

fn plain(words: &[Words]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn named(words: Vec<String>, trail: &Trail, notes: &mut Notes<'_>) -> Vec<Text> {
    if words.first().is_some_and(String::is_empty) {
        let message = "the program has no name".to_owned();
        notes.value(&trail.index(0), message, "write the program and its arguments");
    }
    words.into_iter().map(Text).collect()
}
