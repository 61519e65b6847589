//! What requests can say: rows, values, forms, checks, captures, flows; and what is refused.

use crate::plan::answer::{Capture, Check, Reads, Source};
use crate::plan::template::Filling;
use crate::plan::turns::Turn;
use crate::plan::users::Step;
use crate::plan::{Body, Plan, Text, compile_all};
use crate::spec::{Overrides, Problems, decode};

/// A scenario beside a file of rows.
fn scenario(data: &str, rest: &str) -> (tempfile::TempDir, String, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("users.csv"), "email,password\na@x,p&1\nb@x,p 2\n").unwrap();
    let text = format!(
        "schema: 1\nname: shop\nservices: {{app: {{url: \"http://127.0.0.1:8080\"}}}}\n\
         data: {{{data}}}\n{rest}\nobjectives: {{errors: {{error-rate: {{below: 60%}}}}}}\n"
    );
    let file = dir.path().join("shop.yaml").display().to_string();
    (dir, file, text)
}

pub(super) fn planned(data: &str, rest: &str) -> Result<Plan, Vec<(String, String)>> {
    let (dir, file, text) = scenario(data, rest);
    let told = |problems: &Problems| {
        let told = problems.iter().map(|problem| {
            let message = problem.message.replace(&format!("{}/", dir.path().display()), "");
            (message, problem.help.clone().unwrap_or_default())
        });
        told.collect::<Vec<_>>()
    };
    let loaded = decode(&file, &text, &Overrides::default(), &|_| None);
    compile_all(loaded).map_err(|problems| told(&problems))
}

fn journey(data: &str, flows: &str, steps: &str) -> Result<Plan, Vec<(String, String)>> {
    let load = format!(
        "flows: {{{flows}}}\nload: {{crowd: {{constant-vus: {{vus: 2, duration: 1h, journey: [{steps}]}}}}}}"
    );
    planned(data, &load)
}

const USERS: &str = "users: {csv: {file: users.csv}}";

fn refused(data: &str, flows: &str, steps: &str) -> String {
    let told = journey(data, flows, steps).map(drop).unwrap_err();
    told.iter().map(|(message, help)| format!("{message} ({help})")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_log_in_is_planned_whole() {
    let login = "login: [{post: {path: /login, form: {e-mail: \"${data.users.email}\", \
                 pass word: \"${data.users.password}\"}, check: [{status: [200]}, \
                 {header: {name: ETag, exists: true}}], capture: {token: {header: X-Token}, \
                 sid: {cookie: sid}}}}]";
    let steps = "{use: login}, {pause: 1s}, {get: {path: \"/o/${token}?n=${random.int(1,3)}\", \
                 headers: {Authorization: \"Bearer ${token}\"}}}, {use: login}";
    let plan = journey(USERS, login, steps).unwrap();
    let users = &plan.users[0];
    assert_eq!(users.journey().len(), 4);
    assert_eq!((users.journey()[0], users.journey()[3]), (Step::Send(0), Step::Send(0)));
    assert_eq!((users.captures, users.rows()), (2, None));
    let names: Vec<&str> = users.requests.iter().map(|request| request.name.as_str()).collect();
    assert_eq!(names, ["POST /login", "GET /o/${token}?n=${random.int(1,3)}"]);

    let login = users.requests[0].dynamic.as_ref().unwrap();
    let filling = |k| {
        let turn = Turn::Same(k);
        Filling { seed: 1, load: "crowd", k, turn, nth: 0, captured: &[] }
    };
    let body = |k| login.fill(&filling(k), "").unwrap().body.unwrap();
    assert_eq!(body(0), "e-mail=a%40x&pass+word=p%261");
    assert_eq!(body(1), "e-mail=b%40x&pass+word=p+2");
    assert_eq!(body(2), body(0));
    let form = ("content-type".to_owned(), Text("application/x-www-form-urlencoded".to_owned()));
    assert_eq!(users.requests[0].headers, [form]);
    assert_eq!(users.requests[0].check_status, [(200, 200)]);
    assert!(matches!(login.checks.as_slice(), [Check::Header { .. }]));
    let [token, sid] = login.captures.as_slice() else { panic!() };
    assert!(matches!(token, Capture { slot: 0, from: Source::Header(_), .. }));
    assert!(matches!(sid, Capture { slot: 1, from: Source::Cookie(_), .. }));
    assert_eq!(login.reads(), Reads::Nothing);

    let orders = users.requests[1].dynamic.as_ref().unwrap();
    let captured = [Some("t/k".to_owned()), None];
    let filled = orders.fill(&Filling { captured: &captured, ..filling(5) }, "").unwrap();
    assert!(filled.path.unwrap().starts_with("/o/t%2Fk?n="));
    assert_eq!(filled.headers, [("Authorization".to_owned(), "Bearer t/k".to_owned())]);
    // What is sent until it is filled is a request as well.
    assert_eq!(users.requests[1].path.0, "/o/0?n=0");
}

#[test]
fn a_form_that_never_changes_is_a_body_for_all() {
    let load = "load: {web: {constant-arrival-rate: {rate: 100/s, duration: 10s, requests: \
                [{post: {path: /, form: {a b: \"1&2\", c: \"\"}}}]}}}";
    let plan = planned("", load).unwrap();
    let request = &plan.loads[0].requests[0];
    assert!(request.dynamic.is_none());
    assert_eq!(request.body, Body::Text(Text("a+b=1%262&c=".to_owned())));
}

#[test]
fn unique_rows_end_a_load_and_belong_to_one() {
    let unique = "users: {csv: {file: users.csv, pick: unique}}";
    let step = "{get: {path: \"/${data.users.email}\"}}";
    let plan = journey(unique, "", step).unwrap();
    assert_eq!(plan.users[0].rows(), Some((2, "users".to_owned())));
    // Two users have one each, and nobody knows how often they come back.
    assert!(plan.warnings.iter().all(|warning| !warning.contains("rows")), "{:?}", plan.warnings);
    let scarce = plan.case.loads[0].scarce.as_ref().unwrap();
    assert_eq!((scarce.rows.as_str(), scarce.ends_us), ("users", 3_600_000_000));
    let two = format!(
        "load: {{a: {{ramping-vus: {{start-vus: 1, stages: [{{duration: 1h, target: 1}}], \
         journey: [{step}]}}}}, b: {{constant-vus: {{vus: 1, duration: 1h, journey: [{{get: \
         {{path: \"/x${{data.users.email}}\"}}}}]}}}}}}"
    );
    let told = planned(unique, &two).map(drop).unwrap_err();
    let message = "`a` and `b` would both begin with its first row, so it is not unique";
    assert_eq!(told[0].0, message);
    assert!(planned(USERS, &two).is_ok());
}

#[test]
fn users_with_too_little_time_are_warned_of() {
    let warned = |rest: &str| {
        let load = format!("load: {{crowd: {{shared-iterations: {{vus: 2, {rest}}}}}}}");
        let warnings = planned(USERS, &load).unwrap().warnings;
        warnings.into_iter().find(|warning| warning.contains("max-duration"))
    };
    let steps = "journey: [{get: {path: /}}, {pause: 1s..3s}]";
    assert_eq!(warned(&format!("iterations: 9, max-duration: 4s, {steps}")), None);
    let told = "load crowd cannot make its 9 journeys: their pauses and pace alone take 4 s, and \
                `max-duration` is 3 s";
    let late = warned(&format!("iterations: 9, max-duration: 3s, {steps}"));
    assert_eq!(late.as_deref(), Some(told));
    let paced = "iterations: 5, max-duration: 4s, pace: 2s, journey: [{get: {path: /}}]";
    assert_eq!(warned(paced), None, "the last need not be paced");
    assert!(warned(&paced.replace("4s", "3s")).is_some());
}

#[test]
fn users_whose_load_ends_while_they_pause_are_warned_of() {
    let warned = |lasts: &str, steps: &str| {
        let load = format!("{{constant-vus: {{vus: 2, duration: {lasts}, journey: [{steps}]}}}}");
        let warnings = planned(USERS, &format!("load: {{crowd: {load}}}")).unwrap().warnings;
        warnings.into_iter().find(|warning| warning.contains("ends before any"))
    };
    let steps = "{get: {path: /}}, {pause: 20s..30s}, {get: {path: /end}}, {pause: 50s}";
    let told = "load crowd ends before any of its users has made a journey: the pauses before its last \
                request alone take 20 s, and the load 2 s";
    assert_eq!(warned("2s", steps).as_deref(), Some(told));
    assert_eq!(warned("21s", steps), None);
}

#[test]
fn users_with_too_few_rows_are_warned_of() {
    let unique = "users: {csv: {file: users.csv, pick: unique}}";
    let step = "{get: {path: \"/${data.users.email}\"}}";
    let warned = |load: &str, steps: &str| {
        let load = load.replace("STEPS", &format!("journey: [{step}{steps}]"));
        let plan = planned(unique, &format!("load: {{crowd: {{{load}}}}}")).unwrap();
        let is_scarce = plan.case.loads[0].scarce.is_some();
        (plan.warnings.into_iter().find(|warning| warning.contains("rows")), is_scarce)
    };
    let words = |journeys: &str| {
        Some(format!(
            "load crowd may end early: its users are to make some {journeys}, and the rows of \
             `users` last for 2"
        ))
    };
    let shared =
        |n| format!("shared-iterations: {{vus: 1, iterations: {n}, max-duration: 1m, STEPS}}");
    assert_eq!(warned(&shared(20), ""), (words("20 journeys"), true));
    assert_eq!(warned(&shared(2), ", {get: {path: /b}}"), (None, false));
    let paced = "constant-vus: {vus: 2, duration: 1m, pace: 10s, STEPS}";
    assert_eq!(warned(paced, ""), (words("12 journeys"), true));
    let ramping = "ramping-vus: {start-vus: 0, stages: [{duration: 1m, target: 2}], STEPS}";
    assert_eq!(warned(ramping, ", {pause: 10s}"), (words("6 journeys"), true));
    assert_eq!(warned(ramping, ""), (None, true));
}

#[test]
fn what_is_wrong_with_rows_is_told() {
    let step = "{get: {path: \"/${data.users.email}\"}}";
    let file = |file: &str| refused(&format!("users: {{csv: {{file: {file}}}}}"), "", step);
    assert!(file("nope.csv").starts_with("cannot read `nope.csv`: No such file"));
    assert_eq!(file(".").lines().count(), 1, "its columns are not called unknown as well");
    let json = refused("users: {json: {file: users.csv}}", "", step);
    assert!(json.starts_with("users.csv:1:1: expected value"), "{json}");
    let random = "users: {csv: {file: users.csv, pick: random, when-exhausted: stop}}";
    let told = refused(random, "", step);
    assert!(told.starts_with("rows that are picked at random are never used up"), "{told}");
    let null = refused(USERS, "", "{get: {path: /, check: [{json: {at: /a, equals: null}}]}}");
    assert!(null.starts_with("null cannot be checked (write `exists: true`"), "{null}");
    let column = refused(USERS, "", "{get: {path: \"/${data.users.emial}\"}}");
    assert_eq!(column, "`users` has no column `emial` (did you mean `email`?)");
    let set = refused(USERS, "", "{get: {path: \"/${data.user.email}\"}}");
    assert!(set.starts_with("`${data.user.email}` is unknown"), "{set}");
    assert!(set.contains("did you mean `users`?"), "{set}");
}

#[test]
fn captures_come_before_their_use() {
    let login = "login: [{get: {path: /login, capture: {token: {header: X}}}}]";
    let uses = "{get: {path: \"/${token}\"}}";
    assert!(journey("", login, &format!("{{use: login}}, {uses}")).is_ok());
    let early = refused("", login, &format!("{uses}, {{use: login}}"));
    assert!(early.starts_with("`${token}` is used before a step has captured it"), "{early}");
    let own = "{get: {path: \"/${token}\", capture: {token: {header: X}}}}";
    assert!(refused("", "", own).starts_with("`${token}` is used before"));
    let never = refused("", login, uses);
    assert!(never.starts_with("no step of this journey captures `token`"), "{never}");
    let other = refused("", "", &format!("{{get: {{path: \"/${{tokn}}\"}}}}, {own}"));
    assert!(other.contains("`${tokn}` is unknown") && other.contains("token"), "{other}");
    let taken = refused("", "", "{get: {path: /, capture: {now: {header: X}}}}");
    assert!(taken.starts_with("`${now}` has a meaning already"), "{taken}");
}

#[test]
fn flows_are_known_and_end() {
    let unknown = refused("", "login: [{get: {path: /}}]", "{use: logn}, {get: {path: /a}}");
    assert_eq!(unknown, "unknown flow `logn` (did you mean `login`?)");
    // What the flow would have captured is not called unknown as well.
    let steps = "{use: logn}, {get: {path: \"/${token}\"}}";
    let login = "login: [{get: {path: /, capture: {token: {header: X}}}}]";
    assert_eq!(refused("", login, steps), unknown);
    let broken = login.replace("header: X", "header: [X]");
    let told = refused("", &broken, &steps.replace("logn", "login"));
    assert_eq!(told.lines().count(), 1, "{told}");
    let cycle = refused("", "a: [{use: b}], b: [{use: c}], c: [{use: b}, {use: a}]", "{use: a}");
    assert!(cycle.contains("the flow `a` is part of itself: a → b → c → a"), "{cycle}");
    assert!(cycle.contains("the flow `b` is part of itself: b → c → b"), "{cycle}");
    // Each doubles the one before.
    let double = |n: u32| format!("f{n}: [{{use: f{}}}, {{use: f{}}}]", n + 1, n + 1);
    let flows: Vec<String> = (0..30).map(double).collect();
    let flows = format!("{}, f30: [{{get: {{path: /}}}}]", flows.join(", "));
    assert!(refused("", &flows, "{use: f0}").contains("this journey has more than 1000 steps"));
}

#[test]
fn checks_and_captures_that_mean_nothing_are_refused() {
    for (step, message) in [
        ("check: [{header: {name: ETag}}]", "it does not say what it checks"),
        ("check: [{header: {name: E, exists: true, equals: a}}]", "it checks more than one thing"),
        ("check: [{header: {name: \"a b\", exists: true}}]", "\"a b\" is no header's name"),
        ("check: [{json: {at: id, exists: true}}]", "`id` is not a JSON pointer"),
        ("check: [{json: {at: /~x, exists: true}}]", "`/~x` is not a JSON pointer"),
        ("check: [{json: {at: /a, matches: \"(\"}}]", "`(` is not a regular expression"),
        ("check: [{size: {}}]", "it does not say how long the body must be"),
        ("check: [{size: {at-least: 2B, at-most: 1B}}]", "no body is that long and that short"),
        ("check: [{status: 200}, {status: 201}]", "more than one check of the status"),
        ("capture: {t: {regex: abc}}", "it has no group, so nothing is captured"),
        ("capture: {a.b: {header: X}}", "`a.b` is not a name"),
        ("json: {}, form: {a: b}", "more than one body"),
    ] {
        let told = refused("", "", &format!("{{get: {{path: /, {step}}}}}"));
        assert!(told.contains(message), "{step}: {told}");
    }
}

fn arriving(data: &str, warmup: &str, load: &str) -> Result<Plan, Vec<(String, String)>> {
    planned(data, &format!("warmup: {warmup}\nload:\n  web: {{{load}}}"))
}

#[test]
fn requests_that_know_nothing_of_each_other_change_and_are_checked_too() {
    let calls = "[{post: {path: \"/${data.users.email}\", headers: {X: \"${now}\"}, json: {n: \
                 \"${random.int(1,2)}\"}, check: [{json: {at: /a, exists: true}}, {contains: a}, \
                 {size: {at-most: 1B}}, {header: {name: A, exists: true}}]}}]";
    for load in ["constant-arrival-rate: {rate: 100/s", "constant-vus: {vus: 1"] {
        let load = format!("{load}, duration: 1m, requests: {calls}}}");
        let plan = arriving(USERS, "0s", &load).unwrap();
        let open = plan.loads.iter().flat_map(|load| &load.requests);
        let mut all = open.chain(plan.users.iter().flat_map(|users| &users.requests));
        let dynamic = all.next().unwrap().dynamic.as_ref().unwrap();
        assert_eq!(dynamic.checks.len(), 4);
        assert_eq!(dynamic.reads(), Reads::Body);
        assert_eq!(dynamic.templates().count(), 3);
        let captured = load.replace("check:", "capture: {t: {header: X}}, check:");
        let told = arriving(USERS, "0s", &captured).map(drop).unwrap_err();
        assert_eq!(told[0].0, "what one of these requests captures, no other can use");
    }
}

#[test]
fn checks_hold_answers_against_what_was_sent() {
    let check = |checks: &str| {
        let login = "{get: {path: /login, capture: {t: {header: X}}}}";
        journey(USERS, "", &format!("{login}, {{get: {{path: /, check: [{checks}]}}}}"))
    };
    let plan = check(
        "{contains: \"<${t}>\"}, {status: [200]}, {json: {at: /e, equals: \"${data.users.email}\"}}, \
         {header: {name: Via, equals: \"${run.id}\"}}, {contains: \"$${t}\"}",
    );
    let plan = plan.unwrap();
    let dynamic = plan.users[0].requests[1].dynamic.as_ref().unwrap();
    let words: Vec<_> = dynamic.checks.iter().map(ToString::to_string).collect();
    let wanted = [
        "contains `<${t}>`",
        "json /e equals `${data.users.email}`",
        "header Via equals `${run.id}`",
        "contains `${t}`",
    ];
    assert_eq!(words, wanted);
    assert_eq!(dynamic.wanted.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(dynamic.sets().count(), 1);
    for (checks, message) in [
        ("{contains: \"${data.users.mail}\"}", "`users` has no column `mail`"),
        ("{contains: \"${now}\"}", "`${now}` would be another than that of the request"),
        (
            "{header: {name: A, equals: \"${random.uuid}\"}}",
            "`${random.uuid}` would be another than that of the request",
        ),
        (
            "{json: {at: /a, matches: \"${t}\"}}",
            "`${t}` is known only where a load's request is written",
        ),
        (
            "{json: {at: /a, equals: {b: \"${t}\"}}}",
            "`${t}` is known only where a load's request is written",
        ),
    ] {
        assert_eq!(check(checks).map(drop).unwrap_err()[0].0, message, "{checks}");
    }
}

/// Two rows for one request in three.
fn rows_for_a_third(when_exhausted: &str, warmup: &str) -> Result<Plan, Vec<(String, String)>> {
    let data = format!("users: {{csv: {{file: users.csv, when-exhausted: {when_exhausted}}}}}");
    let load = "constant-arrival-rate: {rate: 10/s, duration: 1h, requests: [{get: {path: /, \
                weight: 2}}, {get: {path: \"/${data.users.email}\"}}]}";
    arriving(&data, warmup, load)
}

#[test]
fn rows_that_stop_end_an_open_load_where_they_end() {
    let whole = rows_for_a_third("recycle", "0s").unwrap();
    assert_eq!(whole.loads[0].arrivals.count(), 36_000);
    let plan = rows_for_a_third("stop", "0s").unwrap();
    let load = &plan.loads[0];
    // In the cycle list, user, list: the third user is the request of number 7.
    assert_eq!(load.cycle, [0, 1, 0]);
    assert_eq!((load.arrivals.count(), load.arrivals.ends_us()), (7, 700_000));
    assert_eq!((plan.case.loads[0].planned, plan.case.loads[0].ends_us), (7, 700_000));
    assert_eq!(plan.ends_us, 700_000);
    let told =
        "load web ends at 700 ms, after 7 requests of 36 000: the rows of `users` are used up";
    assert!(plan.warnings.contains(&told.to_owned()), "{:?}", plan.warnings);
    // The run tells it too, and no rate is met on the shorter time.
    assert_eq!(load.used_up.as_ref().map(|it| it.words.as_str()), Some(told));
    let scarce = plan.case.loads[0].scarce.as_ref().unwrap();
    assert_eq!((scarce.rows.as_str(), scarce.ends_us), ("users", 3_600_000_000));
    assert_eq!((&whole.loads[0].used_up, &whole.case.loads[0].scarce), (&None, &None));
    // Three requests of the warm-up take one row.
    let warm = rows_for_a_third("stop", "300ms").unwrap();
    assert_eq!(warm.loads[0].arrivals.count(), 4);
    let told = rows_for_a_third("stop", "1s").map(drop).unwrap_err();
    assert_eq!(told[0].0, "the rows of `users` are used up before time 0, by the warm-up");
    let told = rows_for_a_third("fail", "300ms").map(drop).unwrap_err();
    let message = "it sends 36 000 requests after its warm-up, but the rows of `users` last for 4";
    assert_eq!(told[0].0, message);
}
