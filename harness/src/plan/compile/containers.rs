//! Containers: each is held by a process of ours, so that all that holds for processes holds for
//! them.
//!
//! Not here: holding one (`service`).

use super::notes::Notes;
use super::services::{READY_WITHIN_US, STOP_WITHIN_US, filled_later, ready};
use super::{MOST_WAIT_US, positive};
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
    for (name, value) in &settings.env {
        let trail = trail.key("env").key(name);
        if name.is_empty() || name.contains('=') {
            let message = format!("{name:?} is no name of an environment variable");
            notes.entry(&trail, message, "write letters, digits and `_`");
        }
        alone(value, &trail, notes);
    }
    for (index, word) in settings.command.iter().enumerate() {
        alone(word, &trail.key("command").index(index), notes);
    }
    let ready_within_us = settings.ready.within.map_or(READY_WITHIN_US, |within| {
        positive(within, MOST_WAIT_US, &trail.key("ready").key("within"), notes)
    });
    let stop_within_us = settings.stop_within.map_or(STOP_WITHIN_US, |within| {
        positive(within, MOST_WAIT_US, &trail.key("stop-within"), notes)
    });
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
        env: settings.env.iter().map(|(name, value)| (name.clone(), filled_later(value))).collect(),
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
