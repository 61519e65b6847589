//! A recording as files: the link with its stub, and how long each route's answers took.
//!
//! Invariant: what is written is read by the grammar as it stands.
//! Not here: what is kept (`routes`).

use super::routes::{Answered, Body, Taken};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use serde_json::Value;
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::Duration;

/// The file with the link.
pub(super) const FILE: &str = "stub.yaml";

/// Writes all of it into a folder, which is made; `shown` is the folder as a scenario names it. Gives
/// sentences about what the stub does not do.
///
/// # Errors
/// What the system says.
pub(super) fn write(
    taken: &Taken,
    link: &str,
    (folder, shown): (&Path, &str),
) -> io::Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    let mut routes: Vec<_> = taken.routes.iter().collect();
    // The first that fits answers.
    routes.sort_by_key(|((method, path), _)| (path.matches('*').count(), path, method));
    let (mut text, mut notes) = (String::new(), Vec::new());
    _ = writeln!(
        text,
        "# What the far end of the link `{link}` answered, and how fast, by `assay record`; a scenario \
         takes it\n# in the place of its own: `include: [{shown}/{FILE}]`\nlinks:\n  {link}:\n    stub:"
    );
    for (at, ((method, path), answers)) in routes.into_iter().enumerate() {
        // The most frequent one; of several the lowest status.
        let most = answers.iter().max_by_key(|(status, one)| (one.n, u16::MAX - *status));
        let Some((status, answered)) = most else { continue };
        let file = format!("{}.hlog", at + 1);
        log(&answered.times, &folder.join(&file))?;
        let counts: Vec<String> =
            answers.iter().map(|(status, one)| format!("{status} × {}", one.n)).collect();
        let ms = |quantile| answered.times.value_at_quantile(quantile) as f64 / 1000.0;
        let (p50, p99) = (ms(0.5), ms(0.99));
        _ = writeln!(text, "      # {}; P50 {p50:.1} ms, P99 {p99:.1} ms", counts.join(", "));
        let route = route(*status, path, answered, &format!("{shown}/{file}"));
        _ = writeln!(text, "      - {}: {{{route}}}", method.to_lowercase());
        if answers.len() > 1 {
            let told = counts.join(", ");
            notes.push(format!("{method} {path} answered {told}: the stub answers {status} only"));
        }
        if let Body::Left(why) = answered.body {
            notes.push(format!("{method} {path}: its body is left out, because {why}"));
        }
    }
    std::fs::write(folder.join(FILE), text)?;
    Ok(notes)
}

fn route(status: u16, path: &str, answered: &Answered, log: &str) -> String {
    let scalar = |text: &str| Value::from(literal(text)).to_string();
    let mut parts = vec![format!("path: {}, status: {status}", scalar(path))];
    let is_json = matches!(answered.body, Body::Json(_));
    let header = |(name, value): &(String, String)| {
        // What a stub says of JSON anyway.
        let is_said = is_json && name == "content-type" && value == "application/json";
        (!is_said).then(|| format!("{}: {}", scalar(name), scalar(value)))
    };
    let headers: Vec<String> = answered.headers.iter().filter_map(header).collect();
    if !headers.is_empty() {
        parts.push(format!("headers: {{{}}}", headers.join(", ")));
    }
    match &answered.body {
        Body::Json(value) => parts.push(format!("json: {}", literals(value))),
        Body::Text(text) => parts.push(format!("text: {}", scalar(text))),
        Body::None | Body::Left(_) => {}
    }
    parts.push(format!("delay: {{recorded: {}}}", scalar(log)));
    parts.join(", ")
}

/// A text that holds no placeholder.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

fn literals(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(literal(text)),
        Value::Array(items) => items.iter().map(literals).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), literals(value))).collect())
        }
        other => other.clone(),
    }
}

/// An interval log of one line without a tag, in µs.
fn log(times: &Histogram<u64>, path: &Path) -> io::Result<()> {
    let (mut out, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    IntervalLogWriterBuilder::new()
        .add_comment("times in microseconds")
        .begin_log_with(&mut out, &mut serializer)?
        .write_histogram(times, Duration::ZERO, Duration::ZERO, None)
        .map_err(|error| io::Error::other(format!("{error:?}")))?;
    std::fs::write(path, out)
}

#[cfg(test)]
mod tests {
    use super::super::routes::Heard;
    use super::*;
    use crate::plan::{Delay, Upstream, compile_to_measure};
    use crate::spec::{Overrides, decode};

    fn heard(method: &str, path: &str, status: u16, body: &str, took_us: u64) -> Heard {
        Heard {
            method: method.to_owned(),
            path: path.to_owned(),
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.as_bytes().to_vec(),
            took_us,
        }
    }

    #[test]
    fn what_was_recorded_is_a_stub_as_it_stands() {
        let dir = tempfile::tempdir().unwrap();
        let mut taken = Taken::default();
        for took_us in [20_000, 20_000, 90_000] {
            let body = r#"{"usd": 1.08, "a": "${x} $${x} \"'#: é\n", "token": "t"}"#;
            taken.add(&heard("GET", "/rates/7", 200, body, took_us), &[]);
        }
        taken.add(&heard("GET", "/rates/8", 503, "down", 5), &[]);
        taken.add(&heard("GET", "/rates/all", 200, "[]", 5), &[]);
        taken.add(&heard("POST", "/x", 201, "plain: ${y} $${y} $$${y}", 5), &[]);
        let notes = write(&taken, "fx", (&dir.path().join("fx"), "fx")).unwrap();
        assert_eq!(notes, ["GET /rates/* answered 200 × 3, 503 × 1: the stub answers 200 only"]);
        let written = std::fs::read_to_string(dir.path().join("fx/stub.yaml")).unwrap();
        let text = format!(
            "schema: 1\nname: a\nservices: {{s: {{url: \"http://127.0.0.1:1\"}}}}\nload: {{l: \
             {{constant-arrival-rate: {{rate: 1/s, duration: 1s, to: fx, requests: [{{get: {{path: \
             /}}}}]}}}}}}\n{written}"
        );
        let name = dir.path().join("a.yaml");
        let loaded = decode(&name.display().to_string(), &text, &Overrides::default(), &|_| None);
        let plan = compile_to_measure(loaded).unwrap_or_else(|why| panic!("{why:?}\n{text}"));
        let Upstream::Stub(routes) = &plan.links[0].to else { panic!("{text}") };
        let paths: Vec<&str> = routes.iter().map(|route| route.path.as_str()).collect();
        assert_eq!(paths, ["/rates/all", "/x", "/rates/*"]);
        let body: Value = serde_json::from_str(&routes[2].body).unwrap();
        assert_eq!(body["a"], "${x} $${x} \"'#: é\n");
        assert_eq!(body["token"], "***");
        assert_eq!(routes[1].body, "plain: ${y} $${y} $$${y}");
        let Some(Delay::Recorded(recorded)) = &routes[2].delay else { panic!("{text}") };
        assert_eq!(recorded.total(), 3);
        assert!((89_000..91_000).contains(&recorded.nth(2)));
    }
}
