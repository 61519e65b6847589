//! The scenario that the flags of `assay load` stand for.
//!
//! Invariant: what was typed is text: nothing in it is a placeholder.
//! Invariant: `saved` differs from `run` only in what a file must not hold (credentials) or must
//! spell out (paths): the same load.
//! Not here: reading it (`spec`), running it.

use super::args::{LoadArgs, TlsArgs};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Headers that a saved scenario takes from the environment.
const CREDENTIALS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];
/// Connections of a closed load unless given.
const CLOSED: u64 = 64;

/// A URL in the parts that a scenario has.
#[derive(Debug, PartialEq, Eq)]
struct Target<'u> {
    /// `http://host:port`, or https.
    base: &'u str,
    host: &'u str,
    /// `/path?query`.
    path: String,
}

/// What a saved scenario lacks that asks nothing.
const UNASKED: &str = "\
# Nothing was asked. `assay run` wants at least one objective; this is one, without its mark:
# objectives: {errors: {error-rate: {below: 1%}}}
";

/// The scenario as YAML.
///
/// # Errors
/// A sentence, if the URL has no parts.
pub(super) fn to_run(args: &LoadArgs) -> Result<String, String> {
    write(args, &|_, value| literal(value))
}

/// The same to be kept in a file: credentials are read from the environment.
///
/// # Errors
/// As [`to_run`].
pub(super) fn to_save(args: &LoadArgs) -> Result<String, String> {
    let value = |name: &str, value: &str| {
        if CREDENTIALS.contains(&name.to_lowercase().as_str()) {
            format!("${{env.{}}}", name.to_uppercase().replace('-', "_"))
        } else {
            literal(value)
        }
    };
    let yaml = write(args, &value)?;
    let asked = if objectives(args).is_empty() { UNASKED } else { "" };
    Ok(format!("# Written by `assay load`. Grow it: `assay schema` has every key.\n{yaml}{asked}"))
}

fn write(args: &LoadArgs, header: &dyn Fn(&str, &str) -> String) -> Result<String, String> {
    let target = target(&args.url)?;
    says_nothing(args, &target)?;
    said_once(&args.header)?;
    let mut root = Map::new();
    root.insert("schema".into(), 1.into());
    root.insert("name".into(), "load".into());
    root.extend(args.seed.map(|seed| ("seed".into(), seed.into())));
    root.insert("allow".into(), json!([target.host.trim_matches(['[', ']'])]));
    root.insert("services".into(), json!({"target": {"url": literal(target.base)}}));
    root.extend(args.warmup.as_ref().map(|warmup| ("warmup".into(), json!(warmup))));
    root.insert("load".into(), json!({"requests": load(args, &target, header)}));
    let mut objectives = objectives(args);
    if args.find.find {
        let gates: Vec<&String> = objectives.keys().collect();
        let mut capacity = json!({"of": "requests", "while": gates});
        if let Some(least) = &args.find.at_least {
            capacity["at-least"] = json!(least);
        }
        objectives.insert("capacity".into(), json!({"capacity": capacity}));
    }
    if !objectives.is_empty() {
        root.insert("objectives".into(), objectives.into());
    }
    serde_yaml::to_string(&Value::Object(root)).map_err(|error| error.to_string())
}

/// A scenario has each header once: several values are one, in the order that was typed.
fn said_once(headers: &[(String, String)]) -> Result<(), String> {
    for (at, (name, _)) in headers.iter().enumerate() {
        let same = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        if headers.iter().take(at).any(|other| same(&other)) {
            let between = if name.eq_ignore_ascii_case("cookie") { "; " } else { ", " };
            return Err(format!(
                "the header `{name}` is given more than once: write its values as one, such as `-H \
                 '{name}: A{between}B'`, which says the same"
            ));
        }
    }
    Ok(())
}

/// How TLS is spoken says nothing where it is not.
fn says_nothing(args: &LoadArgs, target: &Target<'_>) -> Result<(), String> {
    let tls = &args.tls;
    let given = [
        ("--insecure", tls.insecure),
        ("--ca", tls.ca.is_some()),
        ("--cert", tls.cert.is_some()),
        ("--key", tls.key.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) if !is_https(target.base) => Err(format!(
            "`{flag}` is about TLS, and the URL is not https: write https://…, or leave `{flag}` out"
        )),
        _ => Ok(()),
    }
}

fn is_https(base: &str) -> bool {
    base.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https"))
}

fn load(args: &LoadArgs, target: &Target<'_>, header: &dyn Fn(&str, &str) -> String) -> Value {
    let mut client = Map::new();
    client.insert("timeout".into(), json!(args.timeout));
    if !args.closed {
        client.extend(args.connections.map(|most| ("connections".into(), json!(most))));
    }
    let headers =
        args.header.iter().map(|(name, value)| (name.clone(), header(name, value).into()));
    let headers: Map<String, Value> = headers.collect();
    if !headers.is_empty() {
        client.insert("headers".into(), headers.into());
    }
    if args.http2 {
        client.insert("protocol".into(), "http2".into());
    }
    let tls = tls(&args.tls);
    if !tls.is_empty() {
        client.insert("tls".into(), tls.into());
    }
    let requests = json!([request(args, target)]);
    let lasts = &args.lasts;
    let mut load = match (&args.rate, &args.ramp_to) {
        (Some(rate), None) => json!({"constant-arrival-rate":
            {"rate": rate, "duration": lasts, "client": client, "requests": requests}}),
        (Some(rate), Some(end)) => json!({"ramping-arrival-rate": {
            "start-rate": rate, "stages": [{"duration": lasts, "target": end}],
            "client": client, "requests": requests}}),
        (None, _) if args.find.find => {
            let find = &args.find;
            let gates: Vec<String> = objectives(args).keys().cloned().collect();
            json!({"stepping-arrival-rate": {
                "start-rate": find.from, "step": find.step, "max-rate": find.to,
                "step-duration": find.hold, "settle": find.settle, "stop-after": gates,
                "client": client, "requests": requests}})
        }
        (None, _) => json!({"constant-vus": {
            "vus": args.connections.unwrap_or(CLOSED), "duration": lasts,
            "client": client, "requests": requests}}),
    };
    if args.poisson
        && let Some(executor) = load.as_object_mut().and_then(|load| load.values_mut().next())
    {
        executor["arrivals"] = "poisson".into();
    }
    load
}

fn request(args: &LoadArgs, target: &Target<'_>) -> Value {
    let mut call = Map::new();
    call.insert("path".into(), literal(&target.path).into());
    // A path may hold a credential; a request has one name here anyway.
    call.insert("name".into(), "request".into());
    match args.body.as_deref().map(|body| (body.strip_prefix('@'), body)) {
        Some((Some(file), _)) => {
            call.insert("file".into(), whole(Path::new(file)).into());
        }
        Some((None, text)) => {
            call.insert("text".into(), literal(text).into());
        }
        None => {}
    }
    if !args.check_status.is_empty() {
        call.insert("check".into(), json!([{"status": args.check_status}]));
    }
    let method = match (&args.method, &args.body) {
        (Some(method), _) => method.to_lowercase(),
        (None, Some(_)) => "post".to_owned(),
        (None, None) => "get".to_owned(),
    };
    json!({ method: call })
}

fn tls(args: &TlsArgs) -> Map<String, Value> {
    let files = [("ca", &args.ca), ("cert", &args.cert), ("key", &args.key)];
    let given = files.into_iter().filter_map(|(name, file)| Some((name, file.as_ref()?)));
    let mut tls: Map<String, Value> =
        given.map(|(name, file)| (name.to_owned(), whole(file).into())).collect();
    if args.insecure {
        tls.insert("insecure".into(), true.into());
    }
    tls
}

/// A path that leads there from wherever the scenario is kept.
fn whole(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    literal(&path.display().to_string())
}

fn objectives(args: &LoadArgs) -> Map<String, Value> {
    let gates = &args.gates;
    let latencies = [
        ("p50", "50", &gates.p50),
        ("p90", "90", &gates.p90),
        ("p95", "95", &gates.p95),
        ("p99", "99", &gates.p99),
        ("p999", "99.9", &gates.p999),
    ];
    let mut objectives = Map::new();
    for (name, percentile, below) in latencies {
        let Some(below) = below else { continue };
        let mut latency = json!({"percentile": percentile, "below": below});
        if args.closed {
            latency["clock"] = "service".into();
        }
        objectives.insert(name.into(), json!({"latency": latency}));
    }
    if let Some(below) = &gates.error_rate {
        objectives.insert("errors".into(), json!({"error-rate": {"below": below}}));
    }
    objectives
}

fn target(url: &str) -> Result<Target<'_>, String> {
    let help = "write http://host:port/path";
    let (scheme, rest) = url.split_once("://").ok_or(format!("`{url}` is no URL: {help}"))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority_only = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match authority_only.find(']') {
        Some(end) => authority_only.get(..=end),
        None => authority_only.split(':').next(),
    };
    let host = host.filter(|host| !host.is_empty());
    let host = host.ok_or(format!("`{url}` names no host: {help}"))?;
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let base = url.get(..scheme.len() + 3 + authority.len()).unwrap_or(url);
    Ok(Target { base, host, path })
}

/// A text in which nothing is a placeholder.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

#[cfg(test)]
mod tests;
