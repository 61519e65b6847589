//! Laws and vectors of the scalars.

use super::{
    Count, Duration, Edge, Flag, Moment, Name, Percentile, Rate, Ratio, Scalar, Status, Statuses,
    Uniform, Words, entry_name,
};
use assay_slo::Share;
use proptest::prelude::*;
use serde_json::{Value, json};

fn ok<S: Scalar>(value: Value) -> S {
    S::read(&value).unwrap_or_else(|wrong| panic!("{value}: {wrong}"))
}

/// Message and help of a refusal.
fn no<S: Scalar>(value: Value) -> String {
    match S::read(&value) {
        Ok(_) => panic!("{value} was accepted"),
        Err(wrong) => wrong.to_string(),
    }
}

#[test]
fn durations() {
    let vectors = [
        ("500ms", 500_000),
        ("10s", 10_000_000),
        ("2m30s", 150_000_000),
        ("1h", 3_600_000_000),
        ("0s", 0),
        (" 5s ", 5_000_000),
        ("1h2m3s4ms", 3_723_004_000),
        ("8760h", Duration::MOST.us),
    ];
    for (text, us) in vectors {
        assert_eq!(ok::<Duration>(json!(text)).us, us, "{text}");
    }
    assert_eq!(
        no::<Duration>(json!(500)),
        "`500` has no unit; write a duration with its unit, such as 500ms or 500s"
    );
    assert_eq!(no::<Duration>(json!("500")), no::<Duration>(json!(500)));
    for bad in ["", "s", "10", "5s5s", "5s1m", "1.5s", "-1s", "1d", "10 s", "8761h", "9e9s"] {
        no::<Duration>(json!(bad));
    }
    for huge in ["99999999999999999999h", "18446744073709551615h", "18446744073709551615ms"] {
        assert!(no::<Duration>(json!(huge)).contains("too long"), "{huge}");
    }
    for shape in [json!(null), json!([]), json!({}), json!(true), json!(1.5)] {
        no::<Duration>(shape);
    }
}

#[test]
fn rates() {
    let vectors = [
        ("300/s", 300 * 60_000),
        ("20/m", 20_000),
        ("0.5/s", 30_000),
        ("0/s", 0),
        ("0.001/s", 60),
        ("60/m", 60_000),
        ("0.09/m", 90),
        ("0.001/m", 1),
        ("10000000/s", Rate::MOST.milli_per_min),
        ("600000000/m", Rate::MOST.milli_per_min),
    ];
    for (text, milli_per_min) in vectors {
        assert_eq!(ok::<Rate>(json!(text)).milli_per_min, milli_per_min, "{text}");
    }
    assert!(no::<Rate>(json!(300)).contains("300/s"));
    assert!(no::<Rate>(json!("0.0001/s")).contains("too exact"));
    assert!(no::<Rate>(json!("0.0001/m")).contains("too exact"));
    assert!(no::<Rate>(json!("600000001/m")).contains("too fast"));
    assert!(no::<Rate>(json!("10000001/s")).contains("too fast"));
    assert!(no::<Rate>(json!("99999999999999999999/s")).contains("too fast"));
    for bad in ["", "/s", "a/s", "1/h", "1//s", "-1/s", "1e3/s", ".5/s", "5./s", "+5/s"] {
        no::<Rate>(json!(bad));
    }
}

#[test]
fn shares_and_percentiles_are_exact() {
    for (text, ppb) in
        [("50%", 500_000_000), ("0.1%", 1_000_000), ("0%", 0), ("100%", Share::ONE.0)]
    {
        assert_eq!(ok::<Ratio>(json!(text)).0, Share(ppb), "{text}");
    }
    assert_eq!(ok::<Ratio>(json!("33.3333333%")).0, Share(333_333_333));
    assert!(no::<Ratio>(json!("33.33333333%")).contains("too exact"));
    assert!(no::<Ratio>(json!("100.1%")).contains("more than 100%"));
    assert!(no::<Ratio>(json!(0.1)).contains("such as 0.1%"));
    assert!(no::<Ratio>(json!("-1%")).contains("not a share"));
    let vectors = [
        (json!(95), 950_000_000),
        (json!(99.9), 999_000_000),
        (json!("99.99"), 999_900_000),
        (json!("95%"), 950_000_000),
    ];
    for (value, ppb) in vectors {
        assert_eq!(ok::<Percentile>(value).0, Share(ppb));
    }
    for bad in
        [json!(0), json!(100), json!("100%"), json!(-5), json!(1e-9), json!("p95"), json!("")]
    {
        no::<Percentile>(bad);
    }
}

#[test]
fn counts_and_flags() {
    assert_eq!(ok::<Count>(json!(u64::MAX)), Count(u64::MAX));
    assert_eq!(ok::<Count>(json!("18446744073709551615")), Count(u64::MAX));
    for bad in
        [json!(-1), json!(1.5), json!("1.0"), json!("18446744073709551616"), json!(""), json!("5s")]
    {
        no::<Count>(bad);
    }
    assert_eq!(ok::<Flag>(json!("true")), Flag(true));
    assert_eq!(ok::<Flag>(json!(false)), Flag(false));
    for bad in [json!("yes"), json!(1), json!("")] {
        no::<Flag>(bad);
    }
}

#[test]
fn statuses() {
    assert_eq!(ok::<Statuses>(json!([200, "2xx", "404"])).0, [(200, 200), (200, 299), (404, 404)]);
    assert_eq!(ok::<Statuses>(json!(503)).0, [(503, 503)]);
    assert_eq!(ok::<Status>(json!("503")), Status(503));
    for bad in [
        json!([]),
        json!(99),
        json!(600),
        json!("6xx"),
        json!("xx"),
        json!("+20"),
        json!([[200]]),
        json!(200.5),
    ] {
        no::<Statuses>(bad);
    }
    assert!(no::<Status>(json!("2xx")).contains("more than one status"));
}

#[test]
fn texts() {
    assert_eq!(ok::<Words>(json!(42)), Words("42".to_owned()));
    assert!(no::<Words>(json!(1.1)).contains("quote it"));
    assert!(no::<Words>(json!(true)).contains("\"true\""));
    assert!(no::<Words>(json!(null)).contains("nothing"));
    assert!(no::<Words>(json!("a\0b")).contains("NUL"));
    assert_eq!(ok::<Name>(json!("POST /login")).as_str(), "POST /login");
    for bad in [json!(""), json!("a\nb"), json!("x".repeat(101))] {
        no::<Name>(bad);
    }
    assert!(entry_name("db-down_2").is_ok());
    for bad in ["", "-a", "a b", "a.b", "é", &"x".repeat(101)] {
        assert!(entry_name(bad).is_err(), "{bad}");
    }
}

#[test]
fn moments_and_spans() {
    let from = |name: &str, edge, offset_us| Moment {
        base: Some((Name(name.to_owned()), edge)),
        offset_us,
    };
    assert_eq!(ok::<Moment>(json!("30s")), Moment { base: None, offset_us: 30_000_000 });
    assert_eq!(ok::<Moment>(json!("db-down.end-5s")), from("db-down", Edge::End, -5_000_000));
    assert_eq!(ok::<Moment>(json!("a.start + 1m")), from("a", Edge::Start, 60_000_000));
    assert_eq!(ok::<Moment>(json!("pay.open + 1s")), from("pay", Edge::Open, 1_000_000));
    assert!(no::<Moment>(json!("pay.closed")).contains("write pay.open"));
    for bad in [
        "",
        "down",
        "down.",
        ".end",
        "down.ended",
        "down.end 5s",
        "down.end + ",
        "down.end +-5s",
        "1s - 2s",
        "1.5s",
    ] {
        no::<Moment>(json!(bad));
    }
    let span = Uniform { min_us: 10_000, max_us: 50_000 };
    assert_eq!(ok::<Uniform>(json!("10ms..50ms")), span);
    assert_eq!(ok::<Uniform>(json!({"min": "10ms", "max": "50ms"})), span);
    for bad in [
        json!("50ms..10ms"),
        json!("10ms"),
        json!({"min": "1s"}),
        json!({"min": "1s", "max": "2s", "x": 1}),
        json!(".."),
    ] {
        no::<Uniform>(bad);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_alike(us in 0..=Duration::MOST.us / 1000, milli_per_min in 0..=Rate::MOST.milli_per_min, ppb in 1..Share::ONE.0, late in any::<bool>()) {
        let length = Duration { us: us * 1000 };
        prop_assert_eq!(ok::<Duration>(length.write()), length);
        let rate = Rate { milli_per_min };
        prop_assert_eq!(ok::<Rate>(rate.write()), rate);
        prop_assert_eq!(ok::<Ratio>(Ratio(Share(ppb)).write()), Ratio(Share(ppb)));
        prop_assert_eq!(ok::<Percentile>(Percentile(Share(ppb)).write()), Percentile(Share(ppb)));
        let offset_us = if late { length.us.cast_signed() } else { -length.us.cast_signed() };
        let moment = Moment { base: Some((Name("a-b".to_owned()), Edge::End)), offset_us };
        prop_assert_eq!(ok::<Moment>(moment.write()), moment);
        let span = Uniform { min_us: length.us / 2000 * 1000, max_us: length.us };
        prop_assert_eq!(ok::<Uniform>(span.write()), span);
    }

    #[test]
    fn no_text_panics(text in ".{0,40}") {
        let value = json!(text);
        drop((Duration::read(&value), Rate::read(&value), Ratio::read(&value), Percentile::read(&value)));
        drop((Moment::read(&value), Uniform::read(&value), Status::read(&value), Count::read(&value)));
        drop((Statuses::read(&value), Name::read(&value), Words::read(&value), Flag::read(&value)));
    }
}

#[test]
fn spans_factors_and_bounds_are_exact_and_written_back_alike() {
    use super::{Bound, Factor, Multiplier, Span};
    use serde_json::json;
    let span = |value: serde_json::Value| Span::read(&value);
    assert_eq!(span(json!("500ms")).unwrap(), Span { min_us: 500_000, max_us: 500_000 });
    let wide = Span { min_us: 1_000_000, max_us: 3_000_000 };
    for value in [json!("1s..3s"), json!("1s .. 3s"), json!({"min": "1s", "max": "3s"})] {
        assert_eq!(span(value).unwrap(), wide);
    }
    assert_eq!(Span::read(&wide.write()).unwrap(), wide);
    assert!(span(json!("3s..1s")).is_err() && span(json!([1])).is_err());
    assert_eq!(span(json!(5)).unwrap_err().message, "`5` has no unit");

    assert_eq!(Factor::read(&json!("1.5x")).unwrap(), Factor { milli: 1500 });
    assert_eq!(Factor { milli: 1500 }.write(), json!("1.5x"));
    assert_eq!(Factor::read(&json!(2)).unwrap_err().message, "`2` has no unit");
    for bad in ["x", "-1x", "1.2345x", "1000001x", "1.5"] {
        assert!(Factor::read(&json!(bad)).is_err(), "{bad}");
    }
    assert_eq!(Multiplier::read(&json!(1.5)).unwrap(), Multiplier { milli: 1500 });
    assert_eq!(Multiplier::read(&json!("2")).unwrap().write(), json!("2"));
    assert!(Multiplier::read(&json!("2x")).is_err());

    let bound = |value: serde_json::Value| Bound::read(&value).map(|bound| bound.write());
    assert_eq!(bound(json!(0)).unwrap(), json!(0));
    assert_eq!(bound(json!("0.1%")).unwrap(), json!("0.1%"));
    for bad in [json!(0.5), json!("many"), json!("101%"), json!(true)] {
        assert!(bound(bad).is_err());
    }
}
