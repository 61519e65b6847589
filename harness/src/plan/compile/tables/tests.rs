//! Files as people write them, and what is wrong with others.

use super::*;
use proptest::prelude::*;

fn table(columns: &[&str], values: &[&[&str]]) -> Table {
    let texts = |row: &[&str]| row.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    Table { columns: texts(columns), values: values.iter().map(|row| texts(row)).collect() }
}

#[test]
fn csv_as_spreadsheets_write_it() {
    let text = "\u{feff}email, name\r\na@x,\"Doe, \"\"J\"\"\r\nx\"\r\n\r\nb@x,\r\n";
    let wanted = table(&["email", "name"], &[&["a@x", "Doe, \"J\"\r\nx"], &["b@x", ""]]);
    assert_eq!(csv(text.as_bytes()), Ok(wanted));
    assert_eq!(csv(b"a\n1"), Ok(table(&["a"], &[&["1"]])));
    assert_eq!(csv(b"a,b\n5\" disk,\"\"\n"), Ok(table(&["a", "b"], &[&["5\" disk", ""]])));
}

#[test]
fn what_is_wrong_with_csv_has_its_place() {
    let wrong = |text: &[u8]| {
        let wrong = csv(text).unwrap_err();
        (wrong.place, wrong.message)
    };
    for (text, place, message) in [
        (&b""[..], Some((1, 1)), "the file is empty"),
        (b"a,b\n", None, "there are columns, but no rows"),
        (b"a,b,a\n1,2,3\n", Some((1, 5)), "two columns are called `a`"),
        (b"a,,b\n1,2,3\n", Some((1, 3)), "column 2 has no name"),
        (b"a,b\n1,2\n\n3\n", Some((4, 1)), "1 values where there are 2 columns"),
        (b"a,b\n1,2,3\n", Some((2, 1)), "3 values where there are 2 columns"),
        (b"a,b\n1,\"2\n3,4\n", Some((2, 3)), "a quote is never closed"),
        (b"a\n\xc3\xa9\xff\n", Some((2, 2)), "the file is not UTF-8"),
    ] {
        assert_eq!(wrong(text), (place, message.to_owned()), "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn json_cells_are_texts() {
    let text = "\u{feff}[{\"a\": \"x\\u00e9\", \"b\": 7}, {\"b\": true, \"a\": -1.50}]";
    assert_eq!(json(text.as_bytes()), Ok(table(&["a", "b"], &[&["xé", "7"], &["-1.50", "true"]])));
    let long = "[{\"a\": 12345678901234567890123, \"b\": 1e3}]";
    let cells: &[&[&str]] = &[&["12345678901234567890123", "1e3"]];
    assert_eq!(json(long.as_bytes()), Ok(table(&["a", "b"], cells)));
}

#[test]
fn what_is_wrong_with_json_has_its_place() {
    for (text, place, message) in [
        ("[]", None, "the list is empty"),
        ("[{}]", None, "row 1 has no columns"),
        ("[{\"a\": 1},\n {\"a\": 1, \"b\": 2}]", None, "row 2 has `b`, which row 1 has not"),
        ("[{\"a\": 1, \"b\": 2}, {\"a\": 1}]", None, "row 2 has no `b`"),
    ] {
        let wrong = json(text.as_bytes()).unwrap_err();
        assert_eq!((wrong.place, wrong.message.as_str()), (place, message), "{text}");
    }
    for (text, line, words) in [
        ("{\"a\": 1}", 1, "expected a sequence"),
        ("[{\"a\":\n [1]}]", 2, "a list where a text, a number or a boolean is expected"),
        ("[{\"a\": null}]", 1, "null where a text, a number or a boolean is expected"),
        ("[{\"a\": 1,\n\"a\": 2}]", 2, "`a` is there twice"),
        ("[{\"a\": 1}", 1, "EOF"),
        ("[{\"a\": 1}] x", 1, "trailing characters"),
    ] {
        let wrong = json(text.as_bytes()).unwrap_err();
        assert_eq!(wrong.place.map(|(line, _)| line), Some(line), "{text}");
        assert!(wrong.message.contains(words) && !wrong.message.contains(" at line "), "{wrong:?}");
    }
}

proptest! {
    #[test]
    fn whatever_a_file_holds_is_a_table_or_a_mistake(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..80),
            "[a\",\n\r{}:\\[\\]1]{0,60}".prop_map(String::into_bytes),
        ]
    ) {
        for table in [csv(&bytes), json(&bytes)].into_iter().flatten() {
            prop_assert!(!table.values.is_empty());
            prop_assert!(table.values.iter().all(|row| row.len() == table.columns.len()));
        }
    }

    #[test]
    fn any_values_come_back(values in proptest::collection::vec(("\\PC*", "[\"\r\n, a]*"), 1..8)) {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let lines = values.iter().map(|(a, b)| format!("{},{}\r\n", quoted(a), quoted(b)));
        let text = format!("a,b\r\n{}", lines.collect::<String>());
        let read = csv(text.as_bytes()).unwrap().values;
        let wanted: Vec<Vec<String>> =
            values.into_iter().map(|(a, b)| vec![a, b]).collect();
        prop_assert_eq!(read, wanted);
    }
}
