//! Containers: each is held by a process of ours, so that all that holds for processes holds for
//! them.
//!
//! Not here: holding one (`service`).

use super::notes::Notes;
use super::services::{env, filled_later, ready, waits};
use crate::plan::{Process, Ready, Text};
use crate::spec::Trail;
use crate::spec::scalar::Words;
use crate::spec::types::Container;
use std::path::Path;

/// The process that holds a container.
pub(super) fn container(
    settings: &Container,
    folder: &Path,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Process {
    if settings.image.as_str().is_empty() {
        notes.value(&trail.key("image"), "the image has no name".to_owned(), "write name:tag");
    }
    let port = u16::try_from(settings.port.0).ok().filter(|port| *port > 0).unwrap_or_else(|| {
        let message = format!("{} is no port", settings.port.0);
        notes.value(&trail.key("port"), message, "write the port inside, from 1 to 65535");
        1
    });
    let env = env(&settings.env, &trail.key("env"), notes);
    for (name, value) in &settings.env {
        alone(value, &trail.key("env").key(name), notes);
    }
    for (index, word) in settings.command.iter().enumerate() {
        alone(word, &trail.key("command").index(index), notes);
    }
    let (ready_within_us, stop_within_us) =
        waits(&settings.ready, settings.stop_within, trail, notes);
    let ready = match ready(&settings.ready, &trail.key("ready"), notes) {
        Ready::Port(Some(other)) if other != port => {
            let message = format!("port {other} is not published, only `port: {port}` is");
            notes.value(&trail.key("ready").key("port"), message, format!("write {port}"));
            Ready::Port(None)
        }
        // The engine accepts on the published port before the container does; the holder knows.
        Ready::Port(_) => Ready::Log(crate::plan::CONTAINER_ANSWERS.to_owned()),
        other => other,
    };
    let mut command: Vec<String> =
        ["assay", "container", "--publish", "${self.addr}"].map(str::to_owned).into();
    let mut option = |name: &str, value: String| command.push(format!("--{name}={value}"));
    option("image", settings.image.to_string());
    option("port", port.to_string());
    option("stop-within-s", stop_within_us.div_ceil(1_000_000).to_string());
    option("start-within-s", ready_within_us.div_ceil(1_000_000).to_string());
    if let Some(memory) = settings.memory {
        option("memory", memory.0.to_string());
    }
    for name in settings.env.keys() {
        option("env", name.clone());
    }
    command.push("--".to_owned());
    command.extend(settings.command.iter().map(Words::to_string));
    Process {
        command: command.into_iter().map(Text).collect(),
        env,
        cwd: folder.to_path_buf(),
        ready,
        ready_within_us,
        // The engine takes a moment of its own.
        stop_within_us: stop_within_us.saturating_add(1_000_000),
        image: Some(settings.image.to_string()),
    }
}

/// A container is in no network with the others, so no address of theirs means anything in it.
fn alone(words: &Words, trail: &Trail, notes: &mut Notes<'_>) {
    let text = filled_later(words);
    let is_address =
        |key: &&str| ["services.", "links.", "self."].iter().any(|p| key.starts_with(p));
    if let Some(key) = text.references().find(is_address) {
        let message = format!("`${{{key}}}` in a container is not supported yet");
        notes.value(trail, message, "a container cannot reach this machine's loopback");
    }
}
