//! Placeholders: which exist where.
//!
//! Invariant: a placeholder that passes here has a value when its text is filled.
//! Not here: `vars` and `env` (`spec`), filling (`text`).

use super::notes::{Notes, instead};
use crate::plan::Text;
use crate::spec::Trail;
use crate::spec::scalar::Words;
use crate::spec::types::Scenario;

/// Who reads a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A process that we start: it has an address of its own.
    Process,
    /// A request that we send.
    Request,
}

/// What begins a placeholder that the grammar knows and this version does not.
const LATER: [&str; 7] = ["data", "random", "now", "device", "sample", "cursor", "seed"];

/// The text, its placeholders checked.
pub(super) fn text(
    words: &str,
    reader: Reader,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Text {
    let text = Text(words.to_owned());
    for reference in text.references() {
        if let Err((message, help)) = known(reference, reader, scenario) {
            notes.value(trail, message, help);
        }
    }
    text
}

/// The text, which may hold no placeholder.
pub(super) fn literal(words: &Words, trail: &Trail, notes: &mut Notes<'_>) -> String {
    Text(words.to_string()).literal().unwrap_or_else(|unknown| {
        let message = format!("`${{{}}}` cannot be used here", unknown.0);
        notes.value(trail, message, "write the value itself, or use ${vars.NAME}");
        words.to_string()
    })
}

fn known(reference: &str, reader: Reader, scenario: &Scenario) -> Result<(), (String, String)> {
    let steps: Vec<&str> = reference.split('.').collect();
    let unknown = |help: String| Err((format!("unknown placeholder `${{{reference}}}`"), help));
    match steps.as_slice() {
        ["run", "id" | "dir"] => Ok(()),
        ["run", ..] => unknown("write ${run.id} or ${run.dir}".to_owned()),
        ["self", "addr" | "host" | "port"] if reader == Reader::Process => Ok(()),
        ["self", ..] if reader == Reader::Process => {
            unknown("write ${self.addr}, ${self.host} or ${self.port}".to_owned())
        }
        ["self", ..] => {
            unknown("only a process that Assay starts has an address of its own".into())
        }
        ["services", name, "addr" | "host" | "port"] => {
            let names: Vec<&str> = scenario.services.keys().map(|name| name.as_str()).collect();
            if names.contains(name) { Ok(()) } else { unknown(instead(name, "services", &names)) }
        }
        ["links", name, "addr" | "host" | "port"] => {
            let names: Vec<&str> = scenario.links.keys().map(|name| name.as_str()).collect();
            if names.contains(name) { Ok(()) } else { unknown(instead(name, "links", &names)) }
        }
        [kind @ ("services" | "links"), name, ..] => {
            unknown(format!("write ${{{kind}.{name}.addr}}, .host or .port"))
        }
        [first, ..] if LATER.contains(first) => Err((
            format!("`${{{reference}}}` is not supported yet"),
            "write the value itself".to_owned(),
        )),
        _ => unknown(
            "known are vars, env, services.X.addr, links.X.addr, self.addr, run.id and run.dir; \
             write $${ for a literal ${"
                .to_owned(),
        ),
    }
}
