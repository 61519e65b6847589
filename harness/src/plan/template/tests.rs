//! What is filled in, and that it stays where it stands.

use super::*;
use crate::spec::types::{Pick, WhenExhausted};
use proptest::prelude::*;
use serde_json::json;

fn rows(values: &[&str]) -> Arc<Rows> {
    Arc::new(Rows {
        name: "users".to_owned(),
        pick: Pick::Unique,
        when_exhausted: WhenExhausted::Stop,
        columns: vec!["email".to_owned(), "n".to_owned()],
        landed: crate::plan::rows::Landed::default(),
        values: values.iter().map(|value| vec![(*value).to_owned(), "7".to_owned()]).collect(),
    })
}

fn filling<'f>(k: u64, captured: &'f [Option<String>]) -> Filling<'f> {
    Filling { seed: 7, load: "crowd", k, turn: Turn::Same(k), nth: 0, captured }
}

fn template(form: Form, text: &str, sets: &[Arc<Rows>]) -> Template {
    let scope = Scope { sets, captures: &["token".to_owned()] };
    let mut template = Template::new(form, "here");
    let mut unknown = Vec::new();
    template.text(&Text(text.to_owned()), scope, &mut unknown);
    assert_eq!(unknown, []);
    template
}

fn fill(form: Form, text: &str, value: &str) -> Result<String, Unfilled> {
    template(form, text, &[rows(&[value])]).fill(&filling(0, &[Some("t k".to_owned())]), "then")
}

#[test]
fn each_form_keeps_values_in_their_place() {
    let text = "/a b/${data.users.email}?t=${token}&$${x}";
    let value = "é/?&\"\\\n";
    let filled = |form| fill(form, text, value);
    assert_eq!(filled(Form::Path).unwrap(), "/a b/%C3%A9%2F%3F%26%22%5C%0A?t=t%20k&${x}");
    assert_eq!(filled(Form::Plain).unwrap(), format!("/a b/{value}?t=t k&${{x}}"));
    assert_eq!(filled(Form::Json).unwrap(), "/a b/é/?&\\\"\\\\\\n?t=t k&${x}");
    assert_eq!(fill(Form::Form, "a b=${data.users.email}", "c d~*").unwrap(), "a+b%3Dc+d%7E*");
    let refused = filled(Form::Header).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "row 1 of `users` holds a line break or another control character, which no header can"
    );
    assert_eq!(fill(Form::Header, "Bearer ${token}", "").unwrap(), "Bearer t k");
}

#[test]
fn names_are_found_or_told() {
    let sets = [rows(&["a"])];
    let scope = Scope { sets: &sets, captures: &[] };
    let mut unknown = Vec::new();
    let text = Text("${data.user.email} ${data.users.mail} ${data.users} ${token}".to_owned());
    Template::new(Form::Plain, "x").text(&text, scope, &mut unknown);
    let column = |name: &str| UnknownName::Column("users".to_owned(), name.to_owned());
    let token = UnknownName::Capture("token".to_owned());
    assert_eq!(unknown, [UnknownName::Set("user".to_owned()), column("mail"), column(""), token]);
    let mut start = Template::new(Form::Plain, "x");
    start.text(&Text("${run.id}".to_owned()), scope, &mut unknown);
    assert_eq!(start.start(&|_| None), Err(UnknownPlaceholder("run.id".to_owned())));
}

#[test]
fn what_is_missing_is_not_sent() {
    let one = template(Form::Plain, "${data.users.email}", &[rows(&["a"])]);
    assert_eq!(one.fill(&filling(0, &[]), "then"), Ok("a".to_owned()));
    assert_eq!(one.fill(&filling(1, &[]), "then"), Err(Unfilled::NoRow("users".to_owned())));
    let token = template(Form::Plain, "${token}", &[]);
    assert_eq!(
        token.fill(&filling(0, &[None]), "then"),
        Err(Unfilled::NotCaptured("token".to_owned()))
    );
    let open = template(Form::Plain, "${run.id}", &[]);
    assert_eq!(open.fill(&filling(0, &[]), "then"), Err(Unfilled::Open("run.id".to_owned())));
}

#[test]
fn all_values_of_a_request_come_from_one_row() {
    let sets = [rows(&["a", "b", "c"])];
    let both = template(Form::Plain, "${data.users.email}${data.users.n}", &sets);
    let filled = |k| both.fill(&filling(k, &[]), "then").unwrap();
    assert_eq!([filled(0), filled(1), filled(2)], ["a7", "b7", "c7"]);
}

#[test]
fn it_is_shown_as_it_was_written() {
    let sets = [rows(&["a"])];
    for text in [
        "/u/${data.users.email}/x?r=${random.int(5,9)}&t=${token}",
        "$${x} ${now} ${random.uuid} ${run.dir}",
    ] {
        assert_eq!(template(Form::Path, text, &sets).shown(), text);
    }
}

#[test]
fn the_start_fills_its_own() {
    let mut one = template(Form::Json, "\"${run.dir}\" ${token}", &[]);
    assert!(!one.is_fixed());
    assert_eq!(one.sample().0, "\\\"${run.dir}\\\" 0");
    one.start(&|name| (name == "run.dir").then(|| "a\"${token}".to_owned())).unwrap();
    let filled = one.fill(&filling(0, &[Some("t".to_owned())]), "then").unwrap();
    assert_eq!(filled, "\\\"a\\\"${token}\\\" t");
    assert!(template(Form::Path, "/${services.api.port}", &[]).is_fixed());
}

#[test]
fn a_json_text_that_is_only_a_random_number_is_one() {
    let sets = [rows(&["5"])];
    let scope = Scope { sets: &sets, captures: &[] };
    let value = json!({
        "$${a}": ["${random.int(4,4)}", "x${random.int(4,4)}", 1.5, null, true],
        "text is text": "${data.users.email}", "q\"": "$${b}",
    });
    let mut body = Template::new(Form::Json, "body");
    body.json(&value, scope, &mut Vec::new());
    let filled: Value =
        serde_json::from_str(&body.fill(&filling(0, &[]), "then").unwrap()).unwrap();
    let wanted = json!({"${a}": [4, "x4", 1.5, null, true], "text is text": "5", "q\"": "${b}"});
    assert_eq!(filled, wanted);
}

#[test]
fn chance_follows_seed_load_number_step_and_place_and_nothing_else() {
    let uuid = template(Form::Plain, "${random.uuid} ${random.int(-9,9)}", &[]);
    let base = filling(3, &[]);
    let filled = |filling: Filling<'_>| uuid.fill(&filling, "then").unwrap();
    assert_eq!(filled(base), uuid.fill(&base, "later").unwrap());
    let mut elsewhere = uuid.clone();
    elsewhere.place = "there".to_owned();
    let others = [
        filled(Filling { k: 4, turn: Turn::Same(4), ..base }),
        filled(Filling { nth: 1, ..base }),
        filled(Filling { seed: 8, ..base }),
        filled(Filling { load: "other", ..base }),
        elsewhere.fill(&base, "then").unwrap(),
    ];
    assert!(others.iter().all(|other| *other != filled(base)), "{others:?}");
    assert_eq!(&filled(base)[14..15], "4");
}

proptest! {
    #[test]
    fn no_value_leaves_its_place(value in any::<String>()) {
        if let Ok(header) = fill(Form::Header, "x ${data.users.email} y", &value) {
            prop_assert!(!header.contains(['\r', '\n', '\0']));
        }
        let path = fill(Form::Path, "/a/${data.users.email}", &value).unwrap();
        prop_assert!(path.bytes().all(|b| b.is_ascii_graphic()));
        prop_assert!(!path[3..].contains(['/', '?', '#', '&']));
        let form = fill(Form::Form, "${data.users.email}", &value).unwrap();
        prop_assert!(!form.contains(['&', '=', ' ', '\n']));
        let body = fill(Form::Json, "${data.users.email}", &value).unwrap();
        let read: String = serde_json::from_str(&format!("\"{body}\"")).unwrap();
        prop_assert_eq!(read, value);
    }

    #[test]
    fn the_same_request_is_filled_alike(seed: u64, k in 0..3_u64, nth: u64) {
        let text = "${random.uuid}${data.users.email}${random.int(0,99999)}";
        let fill = || {
            let one = template(Form::Plain, text, &[rows(&["a", "b", "c"])]);
            one.fill(&Filling { seed, nth, ..filling(k, &[]) }, "then")
        };
        prop_assert_eq!(fill(), fill());
    }
}
