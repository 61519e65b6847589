//! What is kept, and how much of it.

use std::sync::OnceLock;

use super::super::context::Context;
use super::super::traces;
use super::*;

const FAMILY: Family = Family { name: "f_seconds", help: "A test's.", labels: &["b", "a"] };
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn request(id: &str, traceparent: Option<&str>) -> Arc<Context> {
    Arc::new(Context {
        request_id: id.to_owned(),
        sample_number: OnceLock::new(),
        parent: traces::told(traceparent),
        ..Context::default()
    })
}

fn sampled(id: &str) -> Arc<Context> {
    request(id, Some(&format!("00-{TRACE}-b7ad6b7169203331-01")))
}

fn written(exemplar: &Exemplar) -> String {
    let mut text = String::new();
    exemplar.write(&mut text);
    text
}

#[test]
fn the_last_sampled_request_of_each_bucket_is_kept() {
    let (registry, exemplars) = (Registry::new(), Arc::new(Exemplars::default()));
    let timed = Timed::declare(&registry, &exemplars, FAMILY, &[0.5, 1.0]).unwrap();
    let observe =
        |context: Arc<Context>, value| context.within(|| timed.observe(&["B", "A"], value));
    observe(sampled("first"), 0.25);
    observe(sampled("edge"), 0.5);
    observe(sampled("slow"), 7.0);
    observe(request("unsampled", Some(&format!("00-{TRACE}-b7ad6b7169203331-00"))), 0.25);
    observe(request("untraced", None), 0.75);
    timed.observe(&["B", "A"], 0.75);
    let kept = exemplars.of("f_seconds", ["A", "B"].into_iter());
    let ids: Vec<_> = kept.iter().map(|(bucket, e)| (*bucket, &*e.request_id, e.value)).collect();
    assert_eq!(ids, [(0, "edge", 0.5), (2, "slow", 7.0)]);
    assert!(kept.values().all(|exemplar| exemplar.trace_id == TRACE));
    assert!(exemplars.of("f_seconds", ["B", "A"].into_iter()).is_empty());
}

#[test]
fn an_exemplar_is_written_within_its_room() {
    let (exemplars, longest) = (Exemplars::default(), "x".repeat(78));
    for (id, shown) in [(longest.clone(), true), (longest + "x", false), (String::new(), false)] {
        sampled(&id).within(|| exemplars.keep(&FAMILY, &["B", "A"], 0, 1.0));
        let kept = exemplars.of("f_seconds", ["A", "B"].into_iter());
        let text = written(&Exemplar { at: 1_733_000_000_007, ..kept[&0].clone() });
        let more = if shown { format!(",request_id=\"{id}\"") } else { String::new() };
        assert_eq!(text, format!(" # {{trace_id=\"{TRACE}\"{more}}} 1 1733000000.007"));
        let room = text.split(['{', '}']).nth(1).unwrap().chars();
        let room = room.filter(|c| !['=', '"', ','].contains(c)).count();
        assert!(room <= ROOM && (!shown || room == ROOM), "{room}");
    }
}

#[test]
fn series_beyond_the_most_have_none() {
    let exemplars = Exemplars::default();
    for n in 0..MOST + 10 {
        let value = n.to_string();
        sampled("r").within(|| exemplars.keep(&FAMILY, &["B", &value], 0, 1.0));
    }
    sampled("again").within(|| exemplars.keep(&FAMILY, &["B", "0"], 0, 1.0));
    assert_eq!(exemplars.0.lock().unwrap().len(), MOST);
    assert_eq!(exemplars.of("f_seconds", ["0", "B"].into_iter())[&0].request_id, "again");
}
