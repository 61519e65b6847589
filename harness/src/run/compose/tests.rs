//! Routes of a compose project: what is changed in it, and what is not.

use super::*;
use indexmap::IndexMap;

const GATEWAY: &str = "172.17.0.1";

fn part(name: &str, env: &[(&str, &str)], needs: &[&str]) -> Part {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Part {
        name: name.to_owned(),
        names: [name.to_owned()].into(),
        env: env.iter().map(owned).collect::<IndexMap<_, _>>(),
        depends_on: needs.iter().map(|name| (*name).to_owned()).collect(),
        ..Part::default()
    }
}

fn project(parts: Vec<Part>) -> Project {
    Project { name: "shop".to_owned(), version: None, parts, notes: Vec::new() }
}

fn route(to: &str, port: u16, listen: &str) -> Route {
    let listen = listen.parse().unwrap();
    Route { link: to.to_owned(), to: to.to_owned(), port, listen, http: false }
}

fn guessed_in(project: &Project) -> Vec<Route> {
    guessed(project, GATEWAY.parse().unwrap())
}

#[test]
fn whoever_is_named_gets_a_link_and_whoever_names_it_is_led_there() {
    let shop = [("DATABASE_URL", "postgres://u:p@db/shop"), ("TZ", "UTC")];
    let jobs = [("DB_HOST", "db"), ("DB_PORT", "5432"), ("API", "http://shop:8000/")];
    let parts = vec![part("shop", &shop, &["db"]), part("jobs", &jobs, &[]), part("db", &[], &[])];
    let project = project(parts);
    let routes = guessed_in(&project);
    let shown: Vec<String> =
        routes.iter().map(|r| format!("{}:{} {} {}", r.to, r.port, r.listen, r.http)).collect();
    assert_eq!(shown, ["shop:8000 172.17.0.1:18000 true", "db:5432 172.17.0.1:15432 false"]);
    let routed = routed(&project, &routes);
    let wanted = "services:
  shop:
    environment:
      DATABASE_URL: \"postgres://u:p@172.17.0.1:15432/shop\"
  jobs:
    environment:
      API: \"http://172.17.0.1:18000/\"
      DB_HOST: \"172.17.0.1\"
      DB_PORT: \"15432\"
";
    assert_eq!((routed.text.as_str(), routed.services), (wanted, 2));
    assert!(routed.notes.is_empty(), "{:?}", routed.notes);
    let fragment = fragment(&project, &routes);
    for part in [
        "db: {running-container: {compose: {project: shop, service: db}, port: 5432}}",
        "to-shop: {to: shop, protocol: http, listen: \"172.17.0.1:18000\"}",
    ] {
        assert!(fragment.contains(part), "{fragment}");
    }
}

#[test]
fn who_names_nobody_is_led_by_the_name_or_told_of() {
    let project = project(vec![part("shop", &[], &["db"]), part("db", &[], &[])]);
    assert!(guessed_in(&project).is_empty());
    let same = routed(&project, &[route("db", 5432, "172.17.0.1:5432")]);
    assert!(same.text.contains("extra_hosts:\n      - \"db:172.17.0.1\""), "{}", same.text);
    assert_eq!(same.services, 1);
    let other = routed(&project, &[route("db", 5432, "172.17.0.1:15432")]);
    assert_eq!(other.services, 0);
    assert!(other.notes[0].contains("listen on 172.17.0.1:5432"), "{:?}", other.notes);
}

#[test]
fn a_host_without_its_port_needs_the_same_port() {
    let project = project(vec![part("shop", &[("PGHOST", "db")], &["db"]), part("db", &[], &[])]);
    let same = routed(&project, &[route("db", 5432, "172.17.0.1:5432")]);
    assert!(same.text.contains("PGHOST: \"172.17.0.1\""), "{}", same.text);
    let other = routed(&project, &[route("db", 5432, "172.17.0.1:15432")]);
    assert!(other.notes[0].contains("PGHOST names db"), "{:?}", other.notes);
    assert_eq!((other.notes.len(), other.services), (1, 0));
}

#[test]
fn the_file_keeps_its_version() {
    let mut project = project(vec![part("shop", &[("A", "db:1")], &[]), part("db", &[], &[])]);
    project.version = Some("3".to_owned());
    let routed = routed(&project, &guessed_in(&project));
    assert!(routed.text.starts_with("version: \"3\"\nservices:\n"), "{}", routed.text);
}

#[test]
fn defaults_are_what_compose_puts_in_and_what_is_unknown_is_told() {
    let shop =
        [("DB_HOST", "${DB_HOST:-db}"), ("DB_PORT", "${DB_PORT:-5432}"), ("S", "Server=db,9")];
    let project = project(vec![part("shop", &shop, &[]), part("db", &[], &[])]);
    let routed = routed(&project, &guessed_in(&project));
    assert!(routed.text.contains("DB_PORT: \"15432\""), "{}", routed.text);
    assert!(routed.notes[0].contains("S seems to name db"), "{:?}", routed.notes);
    assert_eq!(routed.notes.len(), 1, "{:?}", routed.notes);
}

#[test]
fn an_address_in_a_command_is_told_unless_its_name_is_led() {
    let mut shop = part("shop", &[], &["db"]);
    shop.words = vec!["--db".to_owned(), "postgres://db/shop".to_owned()];
    let project = project(vec![shop, part("db", &[], &[])]);
    let told = |listen| routed(&project, &[route("db", 5432, listen)]).notes;
    assert_eq!(told("172.17.0.1:5432"), Vec::<String>::new());
    let other = told("172.17.0.1:15432");
    assert!(other.iter().any(|note| note.contains("its command names db:5432")), "{other:?}");
    assert!(routed(&project, &[]).notes[0].contains("its command names db:5432"));
}

#[test]
fn paths_and_images_stay_and_srv_names_are_told() {
    let shop = [
        ("IMAGE", "ghcr.io/acme/db:16"),
        ("VOLUME", "./db:80"),
        ("STORE", "/var/db:5432"),
        ("MONGO", "mongodb+srv://db/shop"),
    ];
    let project = project(vec![part("shop", &shop, &[]), part("db", &[], &[])]);
    assert_eq!(guessed_in(&project), []);
    let routed = routed(&project, &[route("db", 5432, "172.17.0.1:15432")]);
    assert_eq!(routed.services, 0, "{}", routed.text);
    assert_eq!(routed.notes.len(), 1, "{:?}", routed.notes);
    assert!(routed.notes[0].contains("MONGO names db by SRV records"), "{:?}", routed.notes);
}
