//! Scenarios made of several files, and mistakes in each.

use crate::spec::{Overrides, Problems, load};
use std::path::Path;

const HEAD: &str = "schema: 1\nname: a\n";

/// Writes the files, and loads the first.
fn loaded(files: &[(&str, &str)]) -> Result<crate::spec::Loaded, Problems> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let read = load(&dir.path().join(files[0].0), &Overrides::default(), &|_| None);
    read.map_err(|refused| refused.problems)
}

/// `file:line: message` of each mistake, files by their last part.
fn told(files: &[(&str, &str)]) -> Vec<String> {
    let problems = loaded(files).map(|loaded| loaded.document.resolved()).unwrap_err();
    let one = |problem: &crate::spec::Problem| {
        let file = Path::new(&problem.place.file).file_name().unwrap();
        format!("{}:{}: {}", file.display(), problem.place.line, problem.message)
    };
    problems.iter().map(one).collect()
}

#[test]
fn maps_are_merged_by_name_and_files_are_sought_from_the_one_that_names_them() {
    let root = format!(
        "{HEAD}include: [common/all.yaml]\nservices: {{a: {{url: \"http://127.0.0.1:1\"}}}}\n"
    );
    let loaded = loaded(&[
        ("a.yaml", &root),
        ("common/all.yaml", "include: [more/b.yaml, ../c.yaml]\nvars: {port: \"2\"}\n"),
        ("common/more/b.yaml", "services: {b: {url: \"http://127.0.0.1:${vars.port}\"}}\n"),
        // Named by two, taken once.
        ("c.yaml", "include: [common/more/b.yaml]\nschema: 1\nwarmup: 3s\n"),
    ])
    .unwrap();
    let names: Vec<&str> = loaded.scenario.services.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(loaded.scenario.warmup.us, 3_000_000);
    let resolved = loaded.document.resolved();
    assert!(!resolved.contains("include") && resolved.contains("http://127.0.0.1:2"), "{resolved}");
}

#[test]
fn a_mistake_is_told_in_its_own_file() {
    let root = format!("{HEAD}include: [b.yaml]\nwarmup: 5\n");
    let b = "# x\nservices:\n  b: {url: 5, port: 7}\nfaults: {}\nexpext: []\n";
    let told = told(&[("a.yaml", &root), ("b.yaml", b)]);
    assert_eq!(told[0], "a.yaml:4: `5` has no unit", "{told:?}");
    assert!(told.iter().any(|one| one.starts_with("b.yaml:3: ")), "{told:?}");
    assert!(told.iter().any(|one| one.starts_with("b.yaml:5: unknown key `expext`")), "{told:?}");
}

#[test]
fn nothing_is_said_twice() {
    let root = format!(
        "{HEAD}include: [b.yaml, c.yaml]\nservices: {{a: {{url: \"http://127.0.0.1:1\"}}}}\nallow: \
         [x]\n"
    );
    let b = "name: b\nallow: [y]\nservices: {a: {url: \"http://127.0.0.1:2\"}}\nwarmup: 1s\n";
    let told = told(&[("a.yaml", &root), ("b.yaml", b), ("c.yaml", "warmup: 1s\n")]);
    let shown: Vec<&str> = told.iter().map(String::as_str).collect();
    let [name, allow, service, warmup] = shown.as_slice() else { panic!("{told:?}") };
    assert!(name.starts_with("b.yaml:1: `name` is also in ") && name.ends_with("a.yaml, line 2"));
    assert!(allow.starts_with("b.yaml:2: `allow` is also in "), "{allow}");
    assert!(service.starts_with("b.yaml:3: `services.a` is also in "), "{service}");
    assert!(warmup.starts_with("c.yaml:1: `warmup` is also in "), "{warmup}");
    assert!(warmup.ends_with("b.yaml, line 4"), "{warmup}");
}

#[test]
fn a_ring_a_missing_file_and_one_that_is_no_yaml_are_told_where_they_are_named() {
    let root = format!("{HEAD}include: [b.yaml, gone.yaml, \"${{vars.x}}.yaml\", d.yaml]\n");
    let told = told(&[
        ("a.yaml", &root),
        ("b.yaml", "include: [c.yaml]\n"),
        ("c.yaml", "\ninclude:\n  - b.yaml\n"),
        ("d.yaml", "services: [\n"),
    ]);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].contains("gone.yaml: the file does not exist"), "{told:?}");
    assert!(told[1].starts_with("a.yaml:3: `${vars.x}.yaml` holds a placeholder"), "{told:?}");
    assert!(told[2].starts_with("c.yaml:3: a file includes itself: "), "{told:?}");
    assert!(told[2].contains("b.yaml → ") && told[2].ends_with("b.yaml"), "{told:?}");
    assert!(told[3].starts_with("d.yaml:"), "{told:?}");
}

#[test]
fn what_is_no_list_of_files_is_refused_as_any_other_value() {
    let root = format!("{HEAD}include: b.yaml\n");
    let told = told(&[("a.yaml", &root)]);
    assert!(told.iter().any(|one| one.starts_with("a.yaml:3: ")), "{told:?}");
}
