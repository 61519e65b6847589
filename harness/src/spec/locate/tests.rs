//! Places of keys and values.

use super::{Aim, spots};
use crate::spec::source::Source;
use crate::spec::trail::Trail;

/// The text at the place of a path.
fn at(text: &str, trail: &Trail, aim: Aim) -> String {
    let source = Source::new("x.yaml", text);
    let range = spots(&source).find(trail.segments(), aim);
    source.slice(range).to_owned()
}

const TEXT: &str = "# ü\r
'größe': {a: 1, 'b c': [x, \"y\\\"z\", {k: 5s}], e: }
base: &b
  - one # said
  - deep:
      key: two words  # said
same: *b
again: {x: *b}
block: |
  several
  lines
last: 2024-01-01
";

#[test]
fn keys_and_values_in_every_style() {
    let root = Trail::root();
    let big = root.key("größe");
    let base = root.key("base");
    let values = [
        (big.key("a"), "1"),
        (big.key("b c").index(0), "x"),
        (big.key("b c").index(1), "\"y\\\"z\""),
        (big.key("b c").index(2).key("k"), "5s"),
        (base.index(0), "one"),
        (base.index(1).key("deep").key("key"), "two words"),
        (root.key("last"), "2024-01-01"),
        (root.key("block"), "|"),
    ];
    for (trail, text) in values {
        assert_eq!(at(TEXT, &trail, Aim::Value), text, "{trail}");
    }
    let keys = [
        (big.clone(), "'größe'"),
        (big.key("b c"), "'b c'"),
        (big.key("b c").index(2), "k"),
        (base.index(1).key("deep"), "deep"),
        (root.key("again").key("x"), "x"),
    ];
    for (trail, text) in keys {
        assert_eq!(at(TEXT, &trail, Aim::Key), text, "{trail}");
    }
}

#[test]
fn lists_and_maps_are_placed_at_their_key_and_strangers_around() {
    let root = Trail::root();
    assert_eq!(at(TEXT, &root.key("base"), Aim::Value), "base");
    assert_eq!(at(TEXT, &root.key("base").index(7), Aim::Value), "base");
    assert_eq!(at(TEXT, &root.key("same").index(0), Aim::Value), "one");
    assert_eq!(at(TEXT, &root.key("größe").key("nope"), Aim::Value), "'größe'");
    assert_eq!(at(TEXT, &root.key("nope"), Aim::Key), "");
}

#[test]
fn a_thousand_places_cost_one_walk() {
    let text: String = (0..1000).map(|i| format!("k{i}: {{a: [{i}]}}\n")).collect();
    let source = Source::new("x.yaml", &text);
    let spots = spots(&source);
    for i in 0..1000 {
        let trail = Trail::root().key(format!("k{i}")).key("a").index(0);
        let range = spots.find(trail.segments(), Aim::Value);
        assert_eq!(source.line_column(range.start).0, i + 1);
        assert_eq!(source.slice(range), i.to_string());
    }
}
