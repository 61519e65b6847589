//! A compose file, as far as routes through links need it.
//!
//! Invariant: values are kept as they are written: whoever reads the override replaces `${…}` again.
//! Not here: which of them name whom (`mention`), what is written in their place (`compose`).

use super::variables;
use indexmap::IndexMap;
use serde_yaml::{Mapping, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// Services that one may extend, one after another.
const MOST_EXTENDED: usize = 16;

/// A compose project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its name: what the file says, else of its folder.
    pub name: String,
    /// The file's `version`, which all files of a project must share.
    pub version: Option<String>,
    /// Its services, in the order of the file.
    pub parts: Vec<Part>,
    /// Sentences about what was not read.
    pub notes: Vec<String>,
}

/// A service of a compose project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// All names that others reach it by.
    pub names: BTreeSet<String>,
    /// What its processes are given.
    pub env: IndexMap<String, String>,
    /// Its ports inside, each with where it is published on this machine.
    pub ports: Vec<(Option<u16>, u16)>,
    /// What its processes are started with.
    pub words: Vec<String>,
    /// Whom it needs.
    pub depends_on: BTreeSet<String>,
    /// Variables from a file whose `$` not every Compose replaces.
    pub asks: BTreeSet<String>,
}

impl Project {
    /// Reads a compose file.
    ///
    /// # Errors
    /// A sentence without its beginning: the file is not there, or is no compose file.
    pub fn read(path: &Path) -> Result<Project, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let whole = std::path::absolute(path).ok();
        let of_folder = whole.as_deref().and_then(Path::parent).and_then(Path::file_name);
        let of_folder = of_folder.map(|name| name.to_string_lossy().to_lowercase());
        let plain = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
        let of_folder: String = of_folder.unwrap_or_default().chars().filter(plain).collect();
        Project::parse(&text, folder, &of_folder)
    }

    fn parse(text: &str, folder: &Path, of_folder: &str) -> Result<Project, String> {
        let tree = tree(text)?;
        let services = services(&tree).ok_or("it has no `services`")?;
        let mut notes = Vec::new();
        if tree.get("include").is_some() {
            notes.push("what the file includes is not read: name that file itself".to_owned());
        }
        let mut parts = Vec::new();
        for (name, written) in services {
            let Some(name) = name.as_str() else { continue };
            let mut part = Part::default();
            add(
                &mut part,
                name,
                written,
                &Place { folder, services, left: MOST_EXTENDED },
                &mut notes,
            );
            parts.push(Part { name: name.to_owned(), ..part });
        }
        let given: Vec<_> = services.iter().flat_map(|(_, written)| aliases(written)).collect();
        let taken: BTreeSet<String> = parts.iter().flat_map(|part| part.names.clone()).collect();
        for (of, alias) in given.iter().filter(|(_, alias)| !taken.contains(alias)) {
            // Only one service calls it so: if others mean somebody else by it, nobody is led by that name.
            if given.iter().any(|(other, same)| same == alias && other != of) {
                let note = format!(
                    "`{alias}` is another service for each of those whose `links` name it: what names it is not led \
                     through a link"
                );
                if !notes.contains(&note) {
                    notes.push(note);
                }
            } else if let Some(part) = parts.iter_mut().find(|part| part.name == *of) {
                part.names.insert(alias.clone());
            }
        }
        let name = tree.get("name").and_then(Value::as_str).filter(|name| !name.contains('$'));
        Ok(Project {
            name: name.unwrap_or(of_folder).to_owned(),
            version: tree.get("version").and_then(plain),
            parts,
            notes,
        })
    }

    /// The service of this name.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }
}

fn tree(text: &str) -> Result<Value, String> {
    let mut tree: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    tree.apply_merge().map_err(|error| error.to_string())?;
    Ok(tree)
}

fn services(tree: &Value) -> Option<&Mapping> {
    tree.get("services").and_then(Value::as_mapping)
}

/// Where a service is written.
struct Place<'f> {
    folder: &'f Path,
    services: &'f Mapping,
    /// How many more it may extend.
    left: usize,
}

/// Adds what is written of a service, after what it extends.
fn add(part: &mut Part, name: &str, written: &Value, at: &Place<'_>, notes: &mut Vec<String>) {
    if let Some(extends) = written.get("extends")
        && let Err(why) = extend(part, extends, at, notes)
    {
        notes.push(format!("{name}: what it extends is not known: {why}; lead it yourself"));
    }
    let text = |key: &str| written.get(key).and_then(plain);
    part.names.insert(name.to_owned());
    part.names.extend(["container_name", "hostname"].into_iter().filter_map(text));
    let networks = written.get("networks").and_then(Value::as_mapping);
    for network in networks.into_iter().flat_map(|networks| networks.values()) {
        part.names.extend(list(network.get("aliases")));
    }
    let files = match written.get("env_file") {
        Some(Value::Sequence(files)) => files.iter().filter_map(path_of).collect(),
        Some(one) => path_of(one).into_iter().collect(),
        None => Vec::new(),
    };
    for file in files {
        // One that is not there may be optional; Compose itself says so.
        let Ok(text) = std::fs::read_to_string(at.folder.join(file)) else { continue };
        for (key, value, asks) in text.lines().filter_map(variables::line) {
            if asks {
                part.asks.insert(key.clone());
            }
            part.env.insert(key, value);
        }
    }
    let own: Vec<(String, String)> = match written.get("environment") {
        Some(Value::Mapping(map)) => {
            let value = |(key, value): (&Value, &Value)| Some((plain(key)?, plain(value)?));
            map.iter().filter_map(value).collect()
        }
        listed => list(listed).iter().filter_map(|text| pair(text)).collect(),
    };
    for (key, value) in own {
        part.asks.remove(&key);
        part.env.insert(key, value);
    }
    for key in ["entrypoint", "command"] {
        part.words.extend(written.get(key).and_then(plain));
        part.words.extend(list(written.get(key)));
    }
    match written.get("depends_on") {
        Some(Value::Mapping(map)) => part.depends_on.extend(map.keys().filter_map(plain)),
        listed => part.depends_on.extend(list(listed)),
    }
    let exposed = list(written.get("expose"));
    part.ports.extend(exposed.iter().filter_map(|text| Some((None, text.parse().ok()?))));
    if let Some(Value::Sequence(ports)) = written.get("ports") {
        part.ports.extend(ports.iter().filter_map(port));
    }
}

/// Adds what a service gets from the one that it extends; the names of that one are not its own.
fn extend(
    part: &mut Part,
    extends: &Value,
    at: &Place<'_>,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    let name = extends.as_str().or_else(|| extends.get("service")?.as_str());
    let name = name.ok_or("no service is named")?;
    let left = at.left.checked_sub(1).ok_or("there are too many, one after another")?;
    let mut add_from = |folder: &Path, services: &Mapping| {
        let written = services.get(name).ok_or_else(|| format!("there is no {name}"))?;
        let mut base = Part::default();
        add(&mut base, name, written, &Place { folder, services, left }, notes);
        *part = Part { names: BTreeSet::new(), ..base };
        Ok(())
    };
    let Some(file) = extends.get("file").and_then(Value::as_str) else {
        return add_from(at.folder, at.services);
    };
    let path = at.folder.join(file);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
    let tree = tree(&text)?;
    let services = services(&tree).ok_or_else(|| format!("{file} has no `services`"))?;
    add_from(path.parent().unwrap_or(Path::new("")), services)
}

/// The services that one calls by names of its own, `links: ["db:database"]`, and the names.
fn aliases(written: &Value) -> Vec<(String, String)> {
    let pair = |text: &String| {
        let (of, alias) = text.split_once(':')?;
        Some((of.to_owned(), alias.to_owned()))
    };
    list(written.get("links")).iter().filter_map(pair).collect()
}

/// A scalar as the text that it is written as.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn list(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_sequence);
    items.into_iter().flatten().filter_map(plain).collect()
}

fn path_of(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("path")?.as_str())
}

/// `KEY=value`.
pub(super) fn pair(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=')?;
    Some((key.trim().to_owned(), value.to_owned()))
}

/// `5432`, `"127.0.0.1:15432:5432/tcp"` or `{target: 5432, published: 15432}`.
fn port(written: &Value) -> Option<(Option<u16>, u16)> {
    let number = |text: String| text.parse::<u16>().ok();
    if let Some(target) = written.get("target") {
        let published = written.get("published").and_then(plain).and_then(number);
        return Some((published, number(plain(target)?)?));
    }
    let text = plain(written)?;
    let text = text.split('/').next().unwrap_or_default();
    let mut parts = text.rsplit(':').map(str::to_owned);
    let inside = number(parts.next()?)?;
    Some((parts.next().and_then(number), inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
version: "3.8"
x-common: &common
  environment: {TZ: UTC}
services:
  shop:
    <<: *common
    depends_on: {db: {condition: service_healthy}}
    env_file: shop.env
    ports: ["127.0.0.1:8080:8000/tcp", 9000, {target: 7000, published: "17000"}]
  db:
    container_name: shop-db
    environment: [A=1, "B=x=y", EMPTY]
    expose: ["5432"]
    networks: {back: {aliases: [database]}, front: null}
  jobs: {depends_on: [db], links: [shop, "db:store", "db:shop"], command: [run, 1], environment: {DEBUG: true, N: 3, NONE: null}}
"#;

    #[test]
    fn all_forms_of_a_compose_file_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let variables = "# of the shop\nexport DB=db:5432\nQUOTED=\"a b\"\n";
        std::fs::write(dir.path().join("shop.env"), variables).unwrap();
        let project = Project::parse(FILE, dir.path(), "folder").unwrap();
        assert_eq!((project.name.as_str(), project.version.as_deref()), ("folder", Some("3.8")));
        let env = |name: &str| -> Vec<String> {
            let part = project.part(name).unwrap();
            part.env.iter().map(|(key, value)| format!("{key}={value}")).collect()
        };
        assert_eq!(env("shop"), ["DB=db:5432", "QUOTED=a b", "TZ=UTC"]);
        assert_eq!(env("db"), ["A=1", "B=x=y"]);
        assert_eq!(env("jobs"), ["DEBUG=true", "N=3"]);
        let shop = project.part("shop").unwrap();
        assert_eq!(shop.ports, [(Some(8080), 8000), (None, 9000), (Some(17000), 7000)]);
        assert!(shop.depends_on.contains("db"));
        let db = project.part("db").unwrap();
        assert_eq!(db.names.iter().collect::<Vec<_>>(), ["database", "db", "shop-db", "store"]);
        assert_eq!(project.part("jobs").unwrap().words, ["run", "1"]);
        assert_eq!(db.ports, [(None, 5432)]);
    }

    #[test]
    fn a_name_that_services_give_to_different_ones_is_nobodys() {
        let file = "services:
  db1: {expose: ['5432']}
  db2: {expose: ['5432']}
  orders: {links: ['db1:database', 'db1:first']}
  users: {links: ['db2:database', 'db1:first']}
";
        let project = Project::parse(file, Path::new(""), "x").unwrap();
        let names =
            |name: &str| project.part(name).unwrap().names.iter().cloned().collect::<Vec<_>>();
        assert_eq!([names("db1"), names("db2")], [vec!["db1", "first"], vec!["db2"]]);
        assert_eq!(project.notes.len(), 1, "{:?}", project.notes);
        assert!(
            project.notes[0].starts_with("`database` is another service"),
            "{:?}",
            project.notes
        );
    }

    #[test]
    fn what_a_service_extends_is_its_own_but_for_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let other = "services: {base: {environment: {DB: 'db:5432', A: '1'}, env_file: [x.env]}}";
        std::fs::write(dir.path().join("other.yml"), other).unwrap();
        std::fs::write(dir.path().join("x.env"), "K='a$b'\nL=a$b\n").unwrap();
        let file = "services:
  base: {environment: {DB: 'db:5432'}, container_name: one}
  app: {extends: base, environment: {X: y}}
  ext: {extends: {file: other.yml, service: base}, environment: {A: '2'}}
  lost: {extends: {file: none.yml, service: base}}
  ring: {extends: ring}
";
        let project = Project::parse(file, dir.path(), "x").unwrap();
        let env = |name: &str| -> Vec<String> {
            let part = project.part(name).unwrap();
            part.env.iter().map(|(key, value)| format!("{key}={value}")).collect()
        };
        assert_eq!(env("app"), ["DB=db:5432", "X=y"]);
        // What a `$` means in quotes is sure, without them it depends on who reads it.
        assert_eq!(env("ext"), ["K=a$$b", "L=a$b", "DB=db:5432", "A=2"]);
        assert!(project.part("ext").unwrap().asks.iter().eq(["L"]));
        assert!(project.part("app").unwrap().names.iter().eq(["app"]));
        assert_eq!(project.notes.len(), 2, "{:?}", project.notes);
        assert!(project.notes[0].contains("lost: what it extends"), "{:?}", project.notes);
    }

    #[test]
    fn what_is_no_compose_file_is_refused() {
        let refused = |text: &str| Project::parse(text, Path::new(""), "x").unwrap_err();
        assert!(refused("schema: 1").contains("no `services`"));
        assert!(refused("services: [").contains("line"));
    }
}
