//! The house rules that a machine can hold: headers, file lengths, and which way imports point.
//!
//! Invariant: the table here is the one of ARCHITECTURE.md; a new arrow is added to both, with
//! its reason.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Longest file, in lines.
const LONGEST: usize = 400;

/// Files that may be longer, each with its reason.
const EXCUSED: &[(&str, &str)] = &[];

/// What each module of the harness may import.
fn arrows() -> BTreeMap<&'static str, Vec<&'static str>> {
    let base = ["clock"];
    let spec = [&base[..], &["spec"]].concat();
    let plan = [&spec[..], &["plan"]].concat();
    let kept = [&plan[..], &["client", "record"]].concat();
    let parts = [&kept[..], &["link", "service"]].concat();
    let doers = [&parts[..], &["load", "fleet", "fault", "probe"]].concat();
    let reports = ["judge", "report"];
    BTreeMap::from([
        ("clock", vec![]),
        ("spec", base.to_vec()),
        ("plan", spec.clone()),
        ("client", plan.clone()),
        ("record", plan.clone()),
        ("link", kept.clone()),
        ("service", kept),
        ("load", parts.clone()),
        ("fleet", parts.clone()),
        ("fault", parts.clone()),
        ("probe", parts),
        ("run", [&doers[..], &reports].concat()),
        ("judge", [&plan[..], &["record"]].concat()),
        ("report", [&plan[..], &["record", "judge"]].concat()),
        ("cli", [&doers[..], &reports, &["run"]].concat()),
    ])
}

/// What each crate may import of the others.
const CRATES: &[(&str, &[&str])] =
    &[("slo", &[]), ("backend", &[]), ("harness", &["assay_slo", "assay_backend"])];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file of the three crates, relative to the root, with its text.
fn files() -> Vec<(String, String)> {
    let root = root();
    let mut folders: Vec<PathBuf> = CRATES.iter().map(|(name, _)| root.join(name)).collect();
    let mut files = vec![];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                files.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    assert!(files.len() > 40, "the walk must find the sources, it found {}", files.len());
    files
}

fn complain(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let headless = |(name, text): &(String, String)| {
        let head = text.lines().next().unwrap_or_default();
        let ok = head.starts_with("//! ") && head.len() > 20;
        (!ok).then(|| format!("{name}: the first line must be a `//!` header that says what it is"))
    };
    complain(&files().iter().filter_map(headless).collect::<Vec<_>>());
}

#[test]
fn no_file_is_too_long() {
    let mut problems = vec![];
    for (name, text) in files() {
        let lines = text.lines().count();
        let excused = EXCUSED.iter().any(|(file, _)| *file == name);
        if lines > LONGEST && !excused {
            problems.push(format!("{name}: {lines} lines; split it, or excuse it with a reason"));
        }
        if lines <= LONGEST && excused {
            problems.push(format!("{name}: {lines} lines need no excuse any more"));
        }
    }
    complain(&problems);
}

/// The identifiers that follow `prefix` in a text, group imports opened.
fn named_after(text: &str, prefix: &str) -> Vec<String> {
    let ident = |rest: &str| -> String {
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    let mut names = vec![];
    for (place, _) in text.match_indices(prefix) {
        let before = text[..place].chars().next_back();
        if before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &text[place + prefix.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut word_starts = true;
            for (at, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => word_starts = true,
                    c if c.is_whitespace() => {}
                    _ if word_starts && depth == 1 => {
                        names.push(ident(&group[at..]));
                        word_starts = false;
                    }
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            names.push(ident(rest));
        }
    }
    names
}

fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn imports_point_one_way() {
    let arrows = arrows();
    let mut problems = vec![];
    for (name, text) in files() {
        let Some(path) = name.strip_prefix("harness/src/") else { continue };
        let module = path.split(['/', '.']).next().unwrap();
        if matches!(path, "lib.rs" | "main.rs") {
            continue;
        }
        let Some(allowed) = arrows.get(module) else {
            problems.push(format!("{name}: module `{module}` is not in the table"));
            continue;
        };
        let text = without_comments(&text);
        for used in named_after(&text, "crate::") {
            let own = used == module || used.chars().all(|c| c.is_ascii_uppercase());
            if !own && !allowed.contains(&used.as_str()) {
                problems.push(format!("{name}: `{module}` may not import `crate::{used}`"));
            }
        }
        for used in named_after(&text, "super::") {
            let climbs = arrows.contains_key(used.as_str()) && path.ends_with("/mod.rs");
            if climbs {
                problems.push(format!("{name}: write `crate::{used}`, not `super::{used}`"));
            }
        }
        if text.contains("super::super::super") {
            problems.push(format!("{name}: write the path from `crate::`"));
        }
    }
    complain(&problems);
}

#[test]
fn crates_import_one_way() {
    let mut problems = vec![];
    for (name, text) in files() {
        let (_, allowed) = CRATES.iter().find(|(folder, _)| name.starts_with(folder)).unwrap();
        let text = without_comments(&text);
        for other in ["assay_slo", "assay_backend", "assay"] {
            let own = name.starts_with("harness/") && other == "assay";
            let itself = other == format!("assay_{}", name.split('/').next().unwrap());
            if !own && !itself && text.contains(&format!("{other}::")) && !allowed.contains(&other)
            {
                problems.push(format!("{name}: may not import `{other}`"));
            }
        }
    }
    complain(&problems);
}

#[test]
fn this_test_sees_what_it_forbids() {
    assert_eq!(
        named_after("use crate::{load::Engine, plan::{Plan, Load}, run};", "crate::"),
        ["load", "plan", "run"]
    );
    assert_eq!(named_after("let x = crate::link::Links::start();", "crate::"), ["link"]);
    assert!(named_after("other_crate::link", "crate::").is_empty());
}
