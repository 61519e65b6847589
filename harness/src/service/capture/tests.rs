//! What is captured, cut, masked, dropped, and counted.
//!
//! Not here: real services (`process`).

use super::*;

fn rules(find: Option<&str>, secrets: &[&str]) -> Rules {
    let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    Rules { find: find.map(str::to_owned), secrets, opening: None, tap: None }
}

/// Writes these pieces as a service would and returns its file and the capture at its end.
async fn captured(pieces: &[&[u8]], rules: Rules, cap: u64) -> (Vec<u8>, Capture) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.log");
    let (mut capture, mut writer) = Capture::start_with(&path, rules, cap).unwrap();
    for piece in pieces {
        writer.write_all(piece).unwrap();
    }
    drop(writer);
    capture.reached(|progress| progress.ended).await;
    (std::fs::read(&path).unwrap(), capture)
}

#[tokio::test]
async fn lines_arrive_as_they_are() {
    let (file, capture) =
        captured(&[b"one\ntw", b"o\r\n\n\xff\xfe\n", b"end"], rules(None, &[]), 1000).await;
    assert_eq!(file, b"one\ntwo\r\n\n\xff\xfe\nend\n");
    assert_eq!(capture.last(), ["one", "two", "", "\u{fffd}\u{fffd}", "end"]);
    assert_eq!(capture.written(), Written { lines: 5, dropped: 0, why: None });
}

#[tokio::test]
async fn a_tap_sees_lines_as_they_stand_in_the_file() {
    let patterns = ["pass=\\*\\*\\*", "end$", "hunter2"];
    let patterns = patterns.iter().map(|pattern| regex::Regex::new(pattern).unwrap());
    let tap = Tap::new(crate::clock::Clock::start(), patterns.enumerate().collect());
    let rules = Rules { tap: Some(tap.clone()), ..rules(None, &["hunter2"]) };
    let long = [&[b'x'; LINE_CAP][..], b"end\n"].concat();
    let pieces: [&[u8]; 4] = [b"pass=hun", b"ter2\n\xff\xfe\n", &long, b"no end"];
    let (file, _) = captured(&pieces, rules, FILE_CAP).await;
    assert!(file.starts_with(b"pass=***\n"));
    assert_eq!(tap.seen(), Some(4));
    let lines = tap.take();
    let told = |log: usize| {
        let of = || lines.iter().filter(|lines| lines.log == log);
        (of().map(|lines| lines.n).sum::<u64>(), of().map(|lines| lines.unsure).sum::<u64>())
    };
    // What was cut off may hold anything.
    assert_eq!([told(0), told(1), told(2)], [(1, 1), (1, 1), (0, 1)]);
    assert!(lines.iter().all(|lines| lines.from <= lines.to && !lines.text.contains("hunter2")));
}

#[tokio::test]
async fn our_own_opening_line_is_neither_counted_nor_searched() {
    let mut rules = rules(Some("again"), &[]);
    rules.opening = Some("started again".to_owned());
    let (file, capture) = captured(&[b"one\n"], rules, 1000).await;
    assert_eq!(file, b"[assay: started again]\none\n");
    assert_eq!((capture.written().lines, capture.last()), (1, vec!["one".to_owned()]));
    assert!(!capture.has_found());
}

#[tokio::test]
async fn secrets_are_masked_everywhere() {
    let rules = rules(None, &["hunter2", ""]);
    let (file, capture) = captured(&[b"db=pg://u:hunt", b"er2@h\n"], rules, 1000).await;
    assert_eq!(file, b"db=pg://u:***@h\n");
    assert_eq!(capture.last(), ["db=pg://u:***@h"]);
}

#[tokio::test]
async fn a_full_log_is_counted_and_says_so() {
    let (file, capture) =
        captured(&[b"12345\n", b"too long\n", b"1\n"], rules(None, &[]), 10).await;
    let text = String::from_utf8(file).unwrap();
    assert!(text.starts_with("12345\n[assay: 2 lines missing here: the log reached"), "{text}");
    assert_eq!((capture.written().lines, capture.written().dropped), (3, 2));
    assert_eq!(capture.last().last().unwrap(), "1");
}

#[tokio::test]
async fn long_lines_are_cut() {
    let long = vec![b'x'; LINE_CAP + 7];
    let (file, capture) = captured(&[&long, b"\nnext\n"], rules(None, &[]), FILE_CAP).await;
    assert!(file.ends_with(b"x [7 bytes cut]\nnext\n"));
    assert_eq!(file.len(), LINE_CAP + " [7 bytes cut]\nnext\n".len());
    assert_eq!(capture.last()[0].len(), SHOWN);
}

#[tokio::test]
async fn finds_a_prompt_without_an_end_of_line() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(Some("ready> "), &[]);
    let (mut capture, mut writer) = Capture::start(&folder.path().join("a.log"), rules).unwrap();
    writer.write_all(b"hello\nrea").unwrap();
    writer.write_all(b"dy> ").unwrap();
    capture.reached(|progress| progress.found).await;
    assert!(capture.has_found());
    drop(writer);
    capture.reached(|progress| progress.ended).await;
}

#[tokio::test]
async fn no_file_and_a_full_disk_do_not_stop_the_reading() {
    for path in ["/nonexistent/api.log", "/dev/full"] {
        let (mut capture, mut writer) =
            Capture::start(Path::new(path), rules(Some("up"), &[])).unwrap();
        for _ in 0..10_000 {
            writer.write_all(&[b'x'; 999]).unwrap();
            writer.write_all(b"\n").unwrap();
        }
        writer.write_all(b"up\n").unwrap();
        drop(writer);
        capture.reached(|progress| progress.ended).await;
        assert!(capture.has_found());
        let written = capture.written();
        assert_eq!((written.lines, written.dropped), (10_001, 10_001), "{path}");
        assert!(written.why.is_some());
    }
}
