//! Setup and teardown: every user is logged in before the load, tokens are refreshed beside it, what
//! fails is said, and the teardown comes whatever happens.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, Server, assay, said, signal, under_way, verdict, wait_for};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Who may log in.
#[derive(Clone, Copy, PartialEq)]
enum Door {
    Open,
    /// Nobody.
    Closed,
    /// All but user5.
    ClosedToOne,
    /// All, but user3 and user30 to user39 cannot leave.
    NoWayOut,
    /// All, but user0 only once.
    ClosedAgainToOne,
    /// All, after a while.
    Slow,
}

/// Gives each who logs in a token, another one each time, and takes only the last one or the one
/// before.
struct Shop {
    server: Server,
    logins: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Shop {
    fn open(door: Door) -> Shop {
        let logins: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
        let book = Arc::clone(&logins);
        let server = Server::hears(move |_, heard, stream| {
            let (head, body) = heard.split_once("\r\n\r\n").unwrap_or((heard, ""));
            let line = head.lines().next().unwrap_or_default();
            let mut book = book.lock().unwrap();
            let (status, body) = if line.starts_with("POST /login ") {
                let name = body.strip_prefix("email=").unwrap_or_default().to_owned();
                let nth = book.entry(name.clone()).or_insert(0);
                if door == Door::ClosedAgainToOne && name == "user0" && *nth > 0 {
                    (500, "not you again".to_owned())
                } else {
                    let is_closed = door == Door::ClosedToOne && name == "user5";
                    *nth += u64::from(!is_closed);
                    match door {
                        Door::Closed => (403, "nobody today".to_owned()),
                        _ if is_closed => (403, "not you".to_owned()),
                        _ => (200, format!("{{\"token\": \"{name}/{nth}\"}}")),
                    }
                }
            } else if line.starts_with("POST /logout ") {
                let is_stuck = door == Door::NoWayOut && body.starts_with("t=user3");
                *book.entry("out".to_owned()).or_insert(0) += 1;
                (if is_stuck { 500 } else { 204 }, String::new())
            } else if line.starts_with("DELETE ") {
                book.insert("cleaned".to_owned(), 1);
                (204, String::new())
            } else {
                let token = head.split("Bearer ").nth(1).unwrap_or_default();
                let token = token.lines().next().unwrap_or_default();
                let (name, nth) = token.rsplit_once('/').unwrap_or_default();
                let last = book.get(name).copied().unwrap_or(0);
                let good = nth.parse::<u64>().is_ok_and(|nth| nth + 1 >= last && nth <= last);
                (if good { 200 } else { 401 }, "orders".to_owned())
            };
            drop(book);
            if door == Door::Slow && line.starts_with("POST /login ") {
                std::thread::park_timeout(Duration::from_millis(400));
            }
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes())
        });
        Shop { server, logins }
    }

    fn case(&self, more: &str, seconds: u64) -> Case {
        let case = Case::new(&format!(
            "schema: 1
name: logged-in
services: {{shop: {{url: \"http://{}\"}}}}
data: {{users: {{csv: {{file: users.csv}}}}}}
flows:
  login:
    - post: {{path: /login, form: {{email: \"${{data.users.email}}\"}}, capture: {{token: {{json: /token}}}}}}
{more}
load:
  crowd:
    constant-arrival-rate:
      rate: 100/s
      duration: {seconds}s
      requests: [{{get: {{path: /orders, headers: {{Authorization: \"Bearer ${{data.users.token}}\"}}}}}}]
objectives: {{errors: {{error-rate: {{below: 1%}}}}}}
",
            self.server.addr
        ));
        let rows: String = (0..40).map(|n| format!("user{n}\n")).collect();
        std::fs::write(case.folder.path().join("users.csv"), format!("email\n{rows}")).unwrap();
        case
    }

    fn count(&self, name: &str) -> u64 {
        self.logins.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

const LOGIN: &str = "setup:
  - command: {shell: \"echo seeded > seeded.txt\"}
  - for-each: {data: users, every: 700ms, steps: [{use: login}]}
teardown:
  - command: {run: [rm, seeded.txt]}
  - delete: {path: /all, check: [{status: [204]}]}";

#[test]
fn every_user_is_logged_in_once_and_again_beside_the_load() {
    let shop = Shop::open(Door::Open);
    let case = shop.case(LOGIN, 4);
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for user in 0..40 {
        // Every 0.7 s in 4 s, and who is slow fewer times; tokens from before would have failed.
        assert!((2..=8).contains(&shop.count(&format!("user{user}"))), "user{user}");
    }
    assert_eq!(shop.count("cleaned"), 1);
    assert!(!case.folder.path().join("seeded.txt").exists());
    // Nothing of it was measured.
    let card = verdict(&case.out());
    assert_eq!(card["objectives"][0]["n"], 400, "{card}");
    for file in ["journal.jsonl", "report.html"] {
        let text = std::fs::read_to_string(case.out().join(file)).unwrap();
        assert!(!text.contains("user7"), "{file}");
    }
    let plan = assay(&["plan", "case.yaml"]).current_dir(case.folder.path()).output().unwrap();
    let text = said(&plan);
    assert!(text.contains("for 40 rows of users: POST /login, again every 700 ms"), "{text}");
}

#[test]
fn a_row_that_cannot_be_refreshed_keeps_nobody_else_from_it() {
    let shop = Shop::open(Door::ClosedAgainToOne);
    let case = shop.case(LOGIN, 4);
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let others: Vec<u64> = (1..40).map(|user| shop.count(&format!("user{user}"))).collect();
    assert!(others.iter().all(|logins| *logins >= 2), "{others:?}");
    assert_eq!(shop.count("user0"), 1);
    let told = std::fs::read_to_string(case.out().join("verdict.json")).unwrap();
    assert!(told.contains("`users` could not be refreshed: row 1 of `users`"), "{told}");
    assert!(told.contains("; it kept what was there"), "{told}");
}

/// The twin: without refreshing tokens are good for one more log-in only.
#[test]
fn a_load_whose_users_are_not_logged_in_is_violated() {
    let shop = Shop::open(Door::Open);
    let setup = "setup: [{for-each: {data: users, steps: [{use: login}, {use: login}, {get: {path: /x, \
                 headers: {Authorization: \"Bearer ${token}\"}}}]}}]";
    let good = shop.case(setup, 4).run(&[]);
    assert_eq!(good.status.code(), Some(0), "{}", said(&good));
    let other = Shop::open(Door::Open);
    let case = other.case(setup, 4);
    let command = case
        .command(&[
            "--set",
            "load.crowd.constant-arrival-rate.requests.0.get.headers.Authorization=Bearer none/1",
        ])
        .output();
    let output = command.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

#[test]
fn a_setup_that_fails_says_which_step_and_what_was_answered_and_is_torn_down() {
    let shop = Shop::open(Door::Closed);
    let case = shop.case(LOGIN, 4);
    let output = case.run(&[]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("setup, step 2: row "), "{text}");
    assert!(flat.contains("POST /login: check status 2xx or 3xx: it is 403 Forbidden"), "{text}");
    assert!(flat.contains("answered 403: nobody today"), "{text}");
    assert_eq!(shop.count("cleaned"), 1);
    assert!(!case.folder.path().join("seeded.txt").exists());
    // Nothing else was sent.
    assert!(shop.server.seen() <= 17, "{}", shop.server.seen());
}

#[test]
fn a_teardown_that_fails_leaves_something_broken_and_goes_on() {
    let shop = Shop::open(Door::Open);
    let teardown = "setup: [{for-each: {data: users, steps: [{use: login}]}}]
teardown: [{command: {shell: \"echo no disk >&2; exit 7\"}}, {delete: {path: /all}}]";
    let case = shop.case(teardown, 4);
    let output = case.run(&[]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("teardown, step 1: command"), "{text}");
    assert!(text.contains("it ended with exit status: 7; it said: no disk"), "{text}");
    assert_eq!(shop.count("cleaned"), 1);
}

const LOGOUT: &str = "teardown:
  - for-each: {data: users, steps: [{post: {path: /logout, form: {t: \"${data.users.token}\"}}}]}
  - delete: {path: /all, check: [{status: [204]}]}";

#[test]
fn a_teardown_goes_on_with_the_other_rows() {
    let shop = Shop::open(Door::NoWayOut);
    let case = shop.case(
        &format!("setup: [{{for-each: {{data: users, steps: [{{use: login}}]}}}}]\n{LOGOUT}"),
        4,
    );
    let output = case.run(&[]);
    let text = said(&output);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(flat.contains("teardown, step 1: row 4 of `users`: POST /logout"), "{text}");
    assert!(
        flat.contains("; and 10 more rows failed; what it was to tidy up may be left"),
        "{text}"
    );
    assert_eq!((shop.count("out"), shop.count("cleaned")), (40, 1));
}

/// Whoever was let in is let out again, also where the row's own steps failed later.
#[test]
fn what_a_failed_setup_has_not_done_is_not_undone() {
    for (door, more) in [(Door::ClosedToOne, ""), (Door::Open, ", {get: {path: /orders}}")] {
        let shop = Shop::open(door);
        let steps =
            format!("setup: [{{for-each: {{data: users, steps: [{{use: login}}{more}]}}}}]");
        let case = shop.case(&format!("{steps}\n{LOGOUT}"), 4);
        let output = case.run(&[]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(4), "{text}");
        assert!(!text.contains("was not sent"), "{text}");
        let inside: u64 = (0..40).map(|user| shop.count(&format!("user{user}"))).sum();
        assert!((1..40).contains(&inside), "{inside}");
        assert_eq!((shop.count("out"), shop.count("cleaned")), (inside, 1), "{text}");
    }
}

#[test]
fn an_interrupted_run_is_torn_down() {
    let shop = Shop::open(Door::Open);
    let case = shop.case(LOGIN, 60);
    let child = under_way(&case);
    signal(child.id(), "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert_eq!(shop.count("cleaned"), 1);
    assert!(!case.folder.path().join("seeded.txt").exists());
}

/// What a server was asked for it gives, also to those who want to leave.
#[test]
fn whoever_is_being_logged_in_when_a_run_is_interrupted_is_logged_out() {
    let shop = Shop::open(Door::Slow);
    let steps = "setup: [{for-each: {data: users, steps: [{use: login}]}}]";
    let case = shop.case(&format!("{steps}\n{LOGOUT}"), 60);
    let mut command = case.command(&[]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let inside = || (0..40).map(|user| shop.count(&format!("user{user}"))).sum::<u64>();
    wait_for("log-ins", || inside() >= 4);
    signal(child.id(), "INT");
    let output = child.wait_with_output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!((4..40).contains(&inside()), "{}", inside());
    assert_eq!((shop.count("out"), shop.count("cleaned")), (inside(), 1), "{text}");
}

#[test]
fn a_trial_is_prepared_as_well() {
    let shop = Shop::open(Door::Open);
    let case = shop.case(LOGIN, 4);
    let output = assay(&["try", "case.yaml"]).current_dir(case.folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("< orders"), "{}", said(&output));
    assert_eq!((shop.count("user0") > 0, shop.count("cleaned")), (true, 1));
}
