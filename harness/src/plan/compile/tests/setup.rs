//! Setup and teardown: what lands where, where requests go, and what is refused.

use super::requests::planned;
use crate::plan::setup::{Setup, Step};
use crate::plan::{Plan, Target};

const USERS: &str = "users: {csv: {file: users.csv}}";
const LOAD: &str = "load: {a: {constant-arrival-rate: {rate: 10/s, duration: 1h, requests: [{get: {path: \
                    \"/${data.users.token}\"}}]}}}";
const LOGIN: &str = "flows: {login: [{post: {path: /login, capture: {token: {header: X}}}}]}";

fn with(setup: &str) -> Result<Plan, String> {
    let rest = format!("{LOGIN}\n{setup}\n{LOAD}");
    planned(USERS, &rest).map_err(|told| {
        let lines = told.iter().map(|(message, help)| format!("{message} ({help})"));
        lines.collect::<Vec<_>>().join("\n")
    })
}

fn refused(setup: &str) -> String {
    with(setup).map(drop).unwrap_err()
}

#[test]
fn a_log_in_for_each_row_lands_in_its_column() {
    let plan = with(
        "setup: [{command: {shell: ./seed.sh}}, {get: {path: /warm}}, {use: login}, \
         {for-each: {data: users, every: 10m, steps: [{use: login}]}}]\nteardown: [{delete: {path: /x}}]",
    )
    .unwrap();
    let Setup { steps, requests } = &plan.setup;
    let [Step::Command { words, timeout_us }, Step::Send(0), Step::Send(1), Step::ForEach(each)] =
        steps.as_slice()
    else {
        panic!("{steps:?}");
    };
    assert_eq!(
        words.iter().map(|word| word.0.as_str()).collect::<Vec<_>>(),
        ["sh", "-c", "./seed.sh"]
    );
    assert_eq!(*timeout_us, 60_000_000);
    let sent = requests.as_ref().unwrap();
    assert_eq!((&sent.to, sent.requests.len()), (&Target::Service("app".to_owned()), 2));
    assert_eq!(each.rows.columns, ["email", "password", "token"]);
    assert_eq!((each.rows.own(), each.lands.as_slice()), (2, &[(0, 2)][..]));
    assert_eq!(each.every_us, Some(600_000_000));
    assert_eq!(plan.teardown.steps.len(), 1);
    // Two rows at once, each within its timeout; the command; two requests.
    assert_eq!(plan.setup.most_us(), (60 + 10 + 10 + 10) * 1_000_000);
}

#[test]
fn a_setup_has_the_cookies_and_redirects_of_what_it_prepares() {
    let setup = "setup: [{get: {path: /warm}}, {for-each: {data: users, steps: [{use: login}]}}]";
    let load = |client: &str| {
        let load = LOAD.replace("duration: 1h", &format!("duration: 1h, client: {client}"));
        planned(USERS, &format!("{LOGIN}\n{setup}\n{load}")).unwrap()
    };
    for (client, cookies, redirects) in
        [("{cookies: true, redirects: 3}", true, 3), ("{}", false, 0)]
    {
        let setup = load(client).setup;
        let Some(Step::ForEach(each)) = setup.steps.last() else { panic!("{:?}", setup.steps) };
        for sent in [&each.sent, setup.requests.as_ref().unwrap()] {
            let transport = &sent.client.transport;
            assert_eq!((transport.cookies, transport.redirects), (cookies, redirects));
        }
    }
}

#[test]
fn what_a_setup_cannot_do_is_refused() {
    let each = "{for-each: {data: users, steps: [{use: login}]}}";
    let unknown = refused(&format!("setup: [{}, {each}]", each.replace("users", "usres")));
    assert_eq!(unknown, "there is no set `usres` in `data` (did you mean `users`?)");
    let unknown = refused(&format!("setup: [{{use: logn}}, {each}]"));
    assert_eq!(unknown, "unknown flow `logn` (did you mean `login`?)");
    let twice =
        "{for-each: {data: users, steps: [{get: {path: /, capture: {email: {header: X}}}}]}}";
    let twice = refused(&format!("setup: [{twice}, {each}]"));
    assert!(twice.starts_with("`users` has a column `email` in its file"), "{twice}");
    for (command, told) in [
        ("{}", "it does not say what is run"),
        ("{shell: a, run: [b]}", "more than one command"),
        ("{run: [\"\"]}", "the program has no name"),
        ("{shell: a, timeout: 0s}", "0s is no length of time"),
    ] {
        let text = refused(&format!("setup: [{{command: {command}}}, {each}]"));
        assert!(text.starts_with(told), "{text}");
    }
    let nothing = refused(&format!("setup: [{{for-each: {{data: users, steps: []}}}}, {each}]"));
    assert!(nothing.contains("list") || nothing.contains("it sends nothing"), "{nothing}");
    // Without a setup nothing fills the column.
    let missing = refused("");
    assert!(missing.starts_with("`users` has no column `token`"), "{missing}");
}
