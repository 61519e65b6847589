//! What a request fills in anew each time, its form, its checks besides the status, its captures.
//!
//! Invariant: what whoever sends the request cannot do is refused by name, never left out.
//! Not here: filling (`plan::template`), the order of captures and their uses (`users`).

use super::asked;
use super::flows;
use super::notes::{Notes, instead};
use super::parts::Sent;
use super::requests::Around;
use crate::plan::template::{Form, Scope, Template, UnknownName};
use crate::plan::{Body, Dynamic, Request, Text};
use crate::spec::Trail;
use crate::spec::types::Check;

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Devices, which fill in their own samples.
    Fleet,
    /// Arrivals, or users without a journey.
    Independent,
    /// A step of a journey.
    Journey,
}

/// The names that steps capture, each once.
pub(super) fn captures(sent: &[Sent<'_>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in sent.iter().flat_map(|sent| sent.call.capture.keys()) {
        if !names.iter().any(|known| known == name.as_str()) {
            names.push(name.to_string());
        }
    }
    names
}

/// Adds to a request what changes and what is asked.
pub(super) fn complete(
    mut request: Request,
    sent: &Sent<'_>,
    around: Around<'_>,
    notes: &mut Notes<'_>,
) -> Request {
    if around.whose == Whose::Fleet {
        refuse_in_fleets(sent, notes);
        return request;
    }
    let mut cutting = Cutting { around, notes };
    let mut dynamic = Dynamic::default();
    let trail = &sent.trail;
    let path = cutting.text(Form::Path, "path", &request.path, &trail.key("path"));
    if !path.is_fixed() {
        request.path = path.sample();
        dynamic.path = Some(path);
    }
    for (name, value) in &mut request.headers {
        let place = format!("header {}", name.to_ascii_lowercase());
        let trail = trail.key("headers").key(name.as_str());
        let header = cutting.text(Form::Header, &place, value, &trail);
        if !header.is_fixed() {
            *value = header.sample();
            dynamic.headers.push((name.clone(), header));
        }
    }
    body(&mut request, &mut dynamic, sent, &mut cutting);
    for (at, (trail, mut check)) in
        asked::checks(sent.call, trail, cutting.notes).into_iter().enumerate()
    {
        if let Some(open) = check.wanted().and_then(|wanted| wanted.open.clone()) {
            let text = cutting.text(Form::Plain, "check", &open, &trail);
            dynamic.wanted.push((at, text));
        }
        dynamic.checks.push(check);
    }
    dynamic.captures = asked::captures(sent.call, trail, around.captures, notes);
    if dynamic.is_empty() {
        return request;
    }
    refuse(&dynamic, sent, around.whose, notes);
    request.dynamic = Some(dynamic);
    request
}

fn body(
    request: &mut Request,
    dynamic: &mut Dynamic,
    sent: &Sent<'_>,
    cutting: &mut Cutting<'_, '_, '_>,
) {
    let (call, trail) = (sent.call, &sent.trail);
    if let (Some(json), Body::Json(_)) = (&call.json, &request.body) {
        let trail = trail.key("json");
        let body = cutting.cut(Form::Json, "body", &trail, |body, scope, unknown| {
            body.json(&json.0, scope, unknown);
        });
        if !body.is_fixed() {
            request.body = Body::Json(body.sample());
            dynamic.body = Some(body);
        }
    } else if let (Some(words), Body::Text(_)) = (&call.text, &request.body) {
        let text = Text(words.to_string());
        let body = cutting.text(Form::Plain, "body", &text, &trail.key("text"));
        if !body.is_fixed() {
            request.body = Body::Text(body.sample());
            dynamic.body = Some(body);
        }
    } else if let (Some(form), Body::Empty) = (&call.form, &request.body) {
        let trail = trail.key("form");
        let body = cutting.cut(Form::Form, "body", &trail, |body, scope, unknown| {
            for (at, (key, value)) in form.iter().enumerate() {
                body.raw(if at > 0 { "&" } else { "" });
                body.text(&Text(key.replace("$${", "${").replace("${", "$${")), scope, unknown);
                body.raw("=");
                body.text(&Text(value.to_string()), scope, unknown);
            }
        });
        request.body = Body::Text(body.sample());
        let is_type = |(name, _): &(String, Text)| name.eq_ignore_ascii_case("content-type");
        if !request.headers.iter().any(is_type) {
            let kind = Text("application/x-www-form-urlencoded".to_owned());
            request.headers.push(("content-type".to_owned(), kind));
        }
        // What the start decides must be encoded as well.
        if body.sample().references().next().is_some() || !body.is_fixed() {
            dynamic.body = Some(body);
        }
    }
}

/// Cuts texts at their places, and tells of names that mean nothing.
struct Cutting<'c, 's, 'd> {
    around: Around<'s>,
    notes: &'c mut Notes<'d>,
}

impl Cutting<'_, '_, '_> {
    fn text(&mut self, form: Form, place: &str, text: &Text, trail: &Trail) -> Template {
        self.cut(form, place, trail, |template, scope, unknown| {
            template.text(text, scope, unknown);
        })
    }

    fn cut(
        &mut self,
        form: Form,
        place: &str,
        trail: &Trail,
        fill: impl FnOnce(&mut Template, Scope<'_>, &mut Vec<UnknownName>),
    ) -> Template {
        let scope = Scope { sets: self.around.sets, captures: self.around.captures };
        let mut template = Template::new(form, place);
        let mut unknown = Vec::new();
        fill(&mut template, scope, &mut unknown);
        for name in unknown {
            self.tell(name, trail);
        }
        template
    }

    fn lacks_steps(&self) -> bool {
        let left_out = self.notes.left_out();
        left_out.touches("flows") || left_out.touches("load") || flows::lacks(self.around.scenario)
    }

    fn tell(&mut self, unknown: UnknownName, trail: &Trail) {
        match unknown {
            // What is wrong with the set itself has been told.
            UnknownName::Set(set) if self.around.scenario.data.contains_key(set.as_str()) => {}
            UnknownName::Set(set) => {
                let known = self.around.scenario.data.keys().map(|name| name.as_str());
                let known: Vec<&str> = known.collect();
                let message = format!("there is no set `{set}` in `data`");
                self.notes.unknown(trail, &set, message, (&["data"], "sets"), &known);
            }
            UnknownName::Column(set, column) => {
                let rows = self.around.sets.iter().find(|rows| rows.name == set);
                let known = rows.into_iter().flat_map(|rows| &rows.columns);
                let known: Vec<&str> = known.map(String::as_str).collect();
                let message = format!("`{set}` has no column `{column}`");
                self.notes.value(trail, message, instead(&column, "columns", &known));
            }
            // A step that is not there may capture it.
            UnknownName::Capture(_) if self.lacks_steps() => {}
            UnknownName::Capture(name) => {
                let known: Vec<&str> = self.around.captures.iter().map(String::as_str).collect();
                let (message, help) = match (self.around.whose, known.as_slice()) {
                    (Whose::Journey, []) => (
                        format!("no step of this journey captures `{name}`"),
                        format!(
                            "write `capture: {{{name}: {{header: X-Token}}}}` in a step before"
                        ),
                    ),
                    (Whose::Journey, known) => (
                        format!("no step of this journey captures `{name}`"),
                        instead(&name, "captures", known),
                    ),
                    _ => (
                        format!("`${{{name}}}` is known only in the journey that captures it"),
                        "write a `journey`, or the value itself".to_owned(),
                    ),
                };
                self.notes.value(trail, message, help);
            }
        }
    }
}

/// What means nothing where the request is.
fn refuse(dynamic: &Dynamic, sent: &Sent<'_>, whose: Whose, notes: &mut Notes<'_>) {
    if whose != Whose::Independent {
        return;
    }
    for capture in &dynamic.captures {
        let trail = sent.trail.key("capture").key(&capture.name);
        let message = "what one of these requests captures, no other can use".to_owned();
        notes.entry(&trail, message, "leave it out, or write users with a `journey`");
    }
}

fn name_of(check: &Check) -> &'static str {
    match check {
        Check::Status(_) => "status",
        Check::Json(_) => "json",
        Check::Header(_) => "header",
        Check::Contains(_) => "contains",
        Check::Size(_) => "size",
    }
}

/// A fleet's samples have their own values, and only their status is looked at.
fn refuse_in_fleets(sent: &Sent<'_>, notes: &mut Notes<'_>) {
    let (call, trail) = (sent.call, &sent.trail);
    let mut later = |trail: &Trail, what: &str, help: &str| {
        notes.entry(trail, format!("{what} in a fleet's `send` is not supported yet"), help);
    };
    if call.form.is_some() {
        later(&trail.key("form"), "`form`", "write `json` or `text`");
    }
    if !call.capture.is_empty() {
        later(&trail.key("capture"), "`capture`", "leave it out");
    }
    for (at, check) in call.check.iter().enumerate() {
        if !matches!(check, Check::Status(_)) {
            let what = format!("`{}` in a check", name_of(check));
            later(&trail.key("check").index(at), &what, "check the status");
        }
    }
}
