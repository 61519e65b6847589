//! What is written is read; what was cut is read to there; what was edited is refused.
//! Not here: what lines mean.

use super::*;
use assay_slo::{At, Event};

/// The first line of a run that asked nothing.
pub(crate) fn header() -> Header {
    Header {
        schema: SCHEMA,
        tool: "assay test".into(),
        run: "r1".into(),
        started: "2026-01-01T00:00:00Z".into(),
        repeat: "assay run x.yaml".into(),
        scenario: ScenarioHead {
            name: "x".into(),
            file: "x.yaml".into(),
            sha256: "00".into(),
            hypothesis: None,
            labels: vec![],
        },
        seed: 1,
        on_inconclusive: OnInconclusive::Exit3,
        environment: Environment {
            cores: 1,
            memory_mib: 1,
            kernel: "k".into(),
            profile: "dev".into(),
            processor: String::new(),
            calibration: None,
        },
        case: Case::default(),
    }
}

fn finding(text: &str) -> Entry {
    Entry { at: At(5), event: Event::Finding { text: text.into() } }
}

fn written() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::create(&path, &header()).unwrap();
    journal.write(&finding("one")).unwrap();
    journal.write(&finding("two")).unwrap();
    journal.close().unwrap();
    std::fs::read(path).unwrap()
}

fn read_bytes(bytes: &[u8]) -> Result<Vec<Entry>, JournalError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    std::fs::write(&path, bytes).unwrap();
    let mut entries = vec![];
    read(&path, |_, entry| {
        entries.push(entry);
        Ok(())
    })?;
    Ok(entries)
}

#[test]
fn what_is_written_is_read() {
    assert_eq!(read_bytes(&written()).unwrap(), [finding("one"), finding("two")]);
}

#[test]
fn a_journal_cut_at_any_byte_is_read_to_its_last_whole_line() {
    let bytes = written();
    for end in 0..bytes.len() {
        let whole = bytes[..end].iter().filter(|byte| **byte == b'\n').count();
        match read_bytes(&bytes[..end]) {
            Ok(entries) => assert_eq!(entries.len() + 1, whole),
            Err(error) => {
                assert!(matches!(error, JournalError::Empty { .. }), "{error}");
                assert_eq!(whole, 0);
            }
        }
    }
}

#[test]
fn a_damaged_line_is_refused_with_its_number() {
    let mut bytes = written();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 3;
    bytes[second] = b'!';
    let error = read_bytes(&bytes).unwrap_err().to_string();
    assert!(error.contains("journal.jsonl:2: "), "{error}");
}

#[test]
fn another_version_is_refused() {
    let text = String::from_utf8(written()).unwrap().replacen("\"schema\":2", "\"schema\":9", 1);
    let error = read_bytes(text.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("version 9"), "{error}");
}

/// Whole, with its end.
fn ended() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::create(&path, &header()).unwrap();
    journal.write(&finding("one")).unwrap();
    journal.write(&finding("two")).unwrap();
    let end = assay_slo::event::End {
        reason: assay_slo::event::EndReason::Complete,
        detail: String::new(),
        still_broken: Vec::new(),
    };
    journal.write(&Entry { at: At(9), event: Event::End(end) }).unwrap();
    journal.close().unwrap();
    std::fs::read(path).unwrap()
}

/// Changed, left out, doubled, swapped or added: any line of a whole journal.
#[test]
fn a_sealed_journal_that_was_edited_is_refused() {
    let text = String::from_utf8(ended()).unwrap();
    assert_eq!(read_bytes(text.as_bytes()).unwrap().len(), 3);
    let lines: Vec<&str> = text.lines().collect();
    let refused = |lines: &[&str], what: &str| {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        assert!(read_bytes(text.as_bytes()).is_err(), "{what}: {text}");
    };
    for at in 0..lines.len() {
        let changed =
            lines[at].replacen("one", "One", 1).replacen(":5", ":6", 1).replacen(":9", ":8", 1);
        let changed = changed.replacen("\"seed\":1", "\"seed\":2", 1);
        let mut edited = lines.clone();
        if changed != lines[at] {
            edited[at] = &changed;
            refused(&edited, "changed");
        }
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        refused(&doubled, "doubled");
        if at + 1 < lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            refused(&swapped, "swapped");
            let mut without = lines.clone();
            without.remove(at);
            refused(&without, "left out");
        }
    }
    let more = format!("{text}{}\n", lines[1]);
    assert!(read_bytes(more.as_bytes()).is_err());
}

/// Cut at any byte the end is not told, so nothing can be met.
#[test]
fn a_sealed_journal_that_was_cut_has_not_ended() {
    let bytes = ended();
    for end in 0..bytes.len() {
        if let Ok(entries) = read_bytes(&bytes[..end]) {
            assert!(entries.len() <= 2, "cut at {end}: {entries:?}");
        }
    }
}
