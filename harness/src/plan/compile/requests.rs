//! Requests: what is put on the wire, and what makes an answer ok.
//!
//! Invariant: bodies from files are in memory before anything is sent.
//! Not here: sending (`client`), how often each is sent (`cycle`).

use super::dynamic::{self, Whose};
use super::notes::Notes;
use super::parts::Sent;
use super::{MOST_WAIT_US, headers, positive};
use crate::plan::rows::Rows;
use crate::plan::text::literal;
use crate::plan::{Body, Request, Text};
use crate::spec::Trail;
use crate::spec::scalar::{Statuses, Words};
use crate::spec::types::{Call, Check, Scenario};
use std::path::Path;
use std::sync::Arc;

/// The longest body from a file, in bytes.
const LONGEST_BODY: u64 = 64 << 20;

/// What a request is made from besides its own settings.
#[derive(Clone, Copy)]
pub(super) struct Around<'s> {
    /// Bodies are read from here.
    pub(super) folder: &'s Path,
    /// Path prefix of the service that is asked.
    pub(super) prefix: &'s str,
    /// What may not be a name.
    pub(super) secrets: &'s [String],
    /// The client's.
    pub(super) timeout_us: u64,
    /// Who sends it.
    pub(super) whose: Whose,
    /// Rows that its values may come from.
    pub(super) sets: &'s [Arc<Rows>],
    /// What steps of the same load capture.
    pub(super) captures: &'s [String],
    pub(super) scenario: &'s Scenario,
}

/// One request.
pub(super) fn compile(sent: &Sent<'_>, around: Around<'_>, notes: &mut Notes<'_>) -> Request {
    let (method, trail, call) = (sent.method, &sent.trail, sent.call);
    let way = trail.key("path");
    let path = Text(call.path.to_string());
    headers::check_path(&headers::sample(&path), &way, notes);
    let secret = |secret: &String| call.path.as_str().contains(secret.as_str());
    if call.name.is_none() && around.secrets.iter().any(secret) {
        let message = "a secret of its path would be this request's name in reports".to_owned();
        notes.value(&way, message, "give the request a name of its own, with `name:`");
    }
    if call.weight.is_some_and(|weight| weight.0 == 0) {
        let message = "a request of weight 0 is never sent".to_owned();
        notes.value(&trail.key("weight"), message, "write at least 1, or leave the request out");
    }
    let request = Request {
        name: sent.name(),
        method: method.to_owned(),
        path: Text(format!("{}{}", around.prefix.replace("${", "$${"), path.0)),
        headers: headers::texts(&call.headers, &trail.key("headers"), notes),
        body: body(call, around, trail, notes),
        check_status: checked(call, trail, notes),
        timeout_us: call.timeout.map_or(around.timeout_us, |timeout| {
            positive(timeout, MOST_WAIT_US, &trail.key("timeout"), notes)
        }),
        dynamic: None,
    };
    dynamic::complete(request, sent, around, notes)
}

fn body(call: &Call, around: Around<'_>, trail: &Trail, notes: &mut Notes<'_>) -> Body {
    match (&call.json, &call.form, &call.text, &call.file) {
        // A form is written where its values are known.
        (None, None | Some(_), None, None) => Body::Empty,
        (Some(json), None, None, None) => Body::Json(Text(json.0.to_string())),
        (None, None, Some(words), None) => Body::Text(Text(words.to_string())),
        (None, None, None, Some(file)) => Body::File {
            path: around.folder.join(literal(file)).display().to_string(),
            bytes: read(file, around.folder, trail, notes),
        },
        _ => {
            let message = "more than one body".to_owned();
            notes.entry(trail, message, "keep one of `json`, `form`, `text` and `file`");
            Body::Empty
        }
    }
}

fn read(file: &Words, folder: &Path, trail: &Trail, notes: &mut Notes<'_>) -> Vec<u8> {
    let trail = trail.key("file");
    let path = folder.join(literal(file));
    let read = std::fs::metadata(&path).map_err(|error| error.to_string()).and_then(|found| {
        match found.len() {
            _ if !found.is_file() => Err("it is no file".to_owned()),
            bytes if bytes > LONGEST_BODY => Err("it is longer than 64 MiB".to_owned()),
            _ => std::fs::read(&path).map_err(|error| error.to_string()),
        }
    });
    read.unwrap_or_else(|why| {
        let message = format!("cannot read `{}`: {why}", path.display());
        notes.value(&trail, message, "the path is relative to the scenario's folder");
        Vec::new()
    })
}

fn checked(call: &Call, trail: &Trail, notes: &mut Notes<'_>) -> Vec<(u16, u16)> {
    let all = call.check.iter().enumerate();
    let mut asked = all.filter_map(|(at, check)| match check {
        Check::Status(statuses) => Some((at, statuses)),
        _ => None,
    });
    let first = asked.next();
    for (at, _) in asked {
        let message = "more than one check of the status".to_owned();
        notes.entry(&trail.key("check").index(at), message, "write all statuses in one list");
    }
    first.map_or_else(Vec::new, |(_, statuses)| ranges(statuses))
}

/// Ranges of statuses, ascending, those that touch made one.
pub(super) fn ranges(statuses: &Statuses) -> Vec<(u16, u16)> {
    let mut given = statuses.0.clone();
    given.sort_unstable();
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for (low, high) in given {
        match ranges.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            _ => ranges.push((low, high)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_ascend_and_do_not_touch() {
        let given = Statuses(vec![(503, 503), (200, 299), (204, 204), (300, 301)]);
        assert_eq!(ranges(&given), [(200, 301), (503, 503)]);
    }
}
