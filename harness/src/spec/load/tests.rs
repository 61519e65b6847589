//! Files that cannot be read, bounds, and ten thousand broken scenarios.

use super::{Overrides, UNEXPECTED, decode, load};
use crate::spec::example::{GOOD, read};
use crate::spec::{Look, Trail};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::path::Path;

fn refused(path: &Path) -> String {
    load(path, &Overrides::default(), &|_| None).unwrap_err().problems.to_string()
}

#[test]
fn a_file_that_cannot_be_read_is_one_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    assert!(refused(&file).contains("the file does not exist"));
    assert!(refused(folder.path()).contains("it is a folder"));
    std::fs::write(&file, b"name: \xff\n").unwrap();
    assert!(refused(&file).contains("a.yaml:1:7"), "{}", refused(&file));
    std::fs::write(&file, vec![b'#'; (4 << 20) + 1]).unwrap();
    assert!(refused(&file).contains("more than 4194304 bytes"));
    std::fs::write(&file, format!("\u{feff}{GOOD}")).unwrap();
    let loaded = load(&file, &Overrides::default(), &|_| None).unwrap();
    let lines: Vec<&str> = GOOD.split('\n').collect();
    let line = loaded.document.written(&Trail::root().key("objectives").key("errors")).1;
    assert!(lines[line as usize - 1].starts_with("  errors:"), "{line}");
}

#[test]
fn a_thousand_mistakes_in_one_long_line_print_little_and_count_all() {
    let entries: Vec<String> = (0..20_000).map(|i| format!("k{i}: 1.5")).collect();
    let text = format!("{{schema: 1, name: x, labels: {{{}}}}}", entries.join(", "));
    let problems = read(&text).unwrap_err();
    assert_eq!(problems.len(), 20_000);
    let printed = problems.render(Look::Plain);
    assert!(printed.len() < 150_000, "{}", printed.len());
    assert!(printed.contains("\nshop.yaml:1:1"), "{printed}");
    assert!(printed.ends_with("and 18950 more\n"), "{printed}");
    assert!(printed.contains("shop.yaml:1:35"), "{printed}");
}

#[test]
fn a_password_in_a_url_is_not_printed() {
    let text = "schema: 1\nname: x\nservices: {a: {url: \"http://me:geheim@h/\", x: 1}}\n";
    let printed = read(text).unwrap_err().render(Look::Plain);
    assert!(!printed.contains("geheim"), "{printed}");
    assert!(printed.contains("http://*********@h/"), "{printed}");
}

#[test]
fn a_terminal_is_never_steered() {
    let problems =
        read("schema: 1\nname: \"a\\e[2Jb\"\nlabels: {a: 1.5} # \u{202e}\n").unwrap_err();
    let printed = problems.render(Look::Plain);
    assert!(!printed.contains(['\u{1b}', '\u{202e}']), "{printed}");
    assert!(problems.render(Look::Styled).contains('\u{1b}'));
}

#[test]
fn aliases_that_multiply_are_stopped() {
    let mut text = "a0: &a0 [1,2,3,4,5,6,7,8,9]\n".to_owned();
    for i in 1..12 {
        let items = vec![format!("*a{}", i - 1); 9].join(",");
        text.push_str(&format!("a{i}: &a{i} [{items}]\n"));
    }
    let printed = read(&text).unwrap_err().to_string();
    assert!(
        printed.contains("values, aliases counted") || printed.contains("repetition"),
        "{printed}"
    );
}

#[test]
fn levels_without_end_are_stopped_before_they_are_read() {
    for open in ["[", "{a: ", "- ", "? "] {
        let printed = read(&open.repeat(1 << 20)).unwrap_err().to_string();
        assert!(printed.contains("nested too deeply"), "{printed}");
    }
    let deep = format!("a: {}{}", "[".repeat(150), "]".repeat(150));
    assert!(read(&deep).unwrap_err().to_string().contains("recursion limit"));
    assert!(read(&format!("# {}\n{GOOD}", "-".repeat(500))).is_ok());
}

#[test]
fn ten_thousand_broken_scenarios_are_refused_or_read_and_never_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut below = |most: usize| (random.next_u32() as usize) % most.max(1);
    let shorter: String = GOOD.lines().take(45).collect::<Vec<_>>().join("\n");
    let outage = include_str!("../../../../scenarios/backend-outage.yaml");
    let (mut good, mut bad, mut left) = (0, 0, 0);
    for round in 0..10_000 {
        let mut text = match round % 10 {
            0 => GOOD.to_owned(),
            1 | 2 => outage.to_owned(),
            _ => shorter.clone(),
        };
        for _ in 0..=below(3) {
            text = broken(&text, &mut below);
        }
        let overrides = match below(4) {
            0 => Overrides { profiles: vec!["ci".to_owned()], ..Overrides::default() },
            _ => Overrides::default(),
        };
        match decode("x.yaml", &text, &overrides, &|name| (name != "NO").then(|| name.to_owned())) {
            Ok(loaded) => {
                good += 1;
                assert!(!loaded.document.resolved().is_empty());
            }
            Err(refused) => {
                bad += 1;
                let rest = if round % 5 == 0 { refused.rest() } else { None };
                left += usize::from(rest.is_some());
                let problems = refused.problems;
                assert!(!problems.is_empty());
                // The checker finds everything that the types refuse.
                assert!(problems.iter().all(|p| !p.message.starts_with(UNEXPECTED)), "{problems}");
                if round % 20 == 0 {
                    assert!(!problems.render(Look::Plain).is_empty());
                }
            }
        }
    }
    let told = format!("{good} read, {bad} refused, {left} with a rest");
    assert!(good > 100 && bad > 5000 && left > 400, "{told}");
}

/// One change of a byte, a line or a word.
fn broken(text: &str, below: &mut impl FnMut(usize) -> usize) -> String {
    const PIECES: [&str; 26] = [
        "{",
        "}",
        "[",
        "]",
        ":",
        "- ",
        "\"",
        "'",
        "${",
        "}",
        "$${",
        "&a ",
        "*a",
        "!t ",
        "|\n",
        "\t",
        "#",
        "\n",
        "null",
        "1.5",
        "-1",
        "\u{e9}",
        "\r",
        "<<: ",
        "---\n",
        "${env.NO}",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    let mut lines: Vec<&str> = text.split('\n').collect();
    match below(8) {
        0 => {
            chars.remove(below(chars.len()));
        }
        1 | 2 => {
            let at = below(chars.len());
            let piece = PIECES[below(PIECES.len())];
            chars.splice(at..at, piece.chars());
        }
        3 => {
            let (a, b) = (below(chars.len()), below(chars.len()));
            chars.swap(a, b);
        }
        4 => {
            lines.remove(below(lines.len()));
            return lines.join("\n");
        }
        5 => {
            let line = lines[below(lines.len())];
            lines.insert(below(lines.len()), line);
            return lines.join("\n");
        }
        6 => chars.truncate(below(chars.len())),
        _ => {
            let words: Vec<&str> = text.split_inclusive(' ').collect();
            if words.is_empty() {
                return " ".to_owned();
            }
            let (from, to) = (below(words.len()), below(words.len()));
            let mut words = words.clone();
            words[to] = words[from];
            return words.concat();
        }
    }
    if chars.is_empty() { " ".to_owned() } else { chars.into_iter().collect() }
}
