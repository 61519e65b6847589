//! Stubs: what each route answers.
//!
//! Not here: answering (`link`, `fault`).

use super::notes::Notes;
use super::{delays, headers};
use crate::plan::stub::Route;
use crate::spec::Trail;
use crate::spec::types::{self, Reply};
use std::path::Path;

/// The most routes of one link.
const MOST: usize = 500;

/// The routes of a stub; `trail` leads to their list.
pub(super) fn compile(
    routes: &[types::Route],
    folder: &Path,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Vec<Route> {
    if routes.is_empty() || routes.len() > MOST {
        let message = format!("a stub with {} routes", routes.len());
        notes.value(trail, message, format!("write 1 to {MOST}"));
        return Vec::new();
    }
    let one = |(at, route): (usize, &types::Route)| {
        let (method, key, reply) = match route {
            types::Route::Get(reply) => (Some("GET"), "get", reply),
            types::Route::Post(reply) => (Some("POST"), "post", reply),
            types::Route::Put(reply) => (Some("PUT"), "put", reply),
            types::Route::Patch(reply) => (Some("PATCH"), "patch", reply),
            types::Route::Delete(reply) => (Some("DELETE"), "delete", reply),
            types::Route::Any(reply) => (None, "any", reply),
        };
        self::reply(method, reply, folder, &trail.index(at).key(key), notes)
    };
    let routes: Vec<Route> = routes.iter().enumerate().map(one).collect();
    for (at, route) in routes.iter().enumerate() {
        let hides = |one: &Route| {
            (one.method.is_none() || one.method == route.method)
                && (one.path == route.path || one.path == "/**")
        };
        if let Some(first) = routes.iter().take(at).position(hides) {
            let message = format!("route {} answers all that this one would", first + 1);
            notes.entry(&trail.index(at), message, "write it before that one, or leave it out");
        }
    }
    routes
}

/// Globs look at paths alone: one with a `?` would never fit, and nobody would know why.
pub(super) fn no_query(glob: &str, trail: &Trail, notes: &mut Notes<'_>) {
    if let Some((path, _)) = glob.split_once('?') {
        let message = format!("`{}` fits no path: queries are not looked at", glob.escape_debug());
        notes.value(trail, message, format!("write {}", path.escape_debug()));
    }
}

fn reply(
    method: Option<&'static str>,
    reply: &Reply,
    folder: &Path,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Route {
    // What is read before anything starts has no placeholder any more, nor `$${` for one.
    let path = reply.path.to_string();
    if !path.starts_with('/') {
        let message = format!("`{}` does not start with `/`", path.escape_debug());
        notes.value(&trail.key("path"), message, "write one such as /rates/*");
    }
    no_query(&path, &trail.key("path"), notes);
    let mut sent = headers::literals(&reply.headers, &trail.key("headers"), notes);
    let body = match (&reply.json, &reply.text) {
        (Some(_), Some(_)) => {
            let message = "both `json` and `text`".to_owned();
            notes.entry(&trail.key("text"), message, "keep one of them");
            String::new()
        }
        (Some(json), None) => {
            if !sent.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                sent.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            json.0.to_string()
        }
        (None, Some(text)) => text.to_string(),
        (None, None) => String::new(),
    };
    let status = reply.status.map_or(200, |status| status.0);
    if !(200..600).contains(&status) {
        let message = format!("{status} is no final status");
        notes.value(&trail.key("status"), message, "write one from 200 to 599");
    }
    if matches!(status, 204 | 304) && !body.is_empty() {
        let message = format!("an answer with status {status} has no body");
        notes.value(&trail.key("status"), message, "leave the body out, or write another status");
    }
    let delay = reply.delay.as_ref();
    let delay = delay.map(|delay| delays::compile(delay, &trail.key("delay"), folder, notes));
    Route { method, path, status, headers: sent, body, delay }
}
