//! Answers in any framing and in any pieces, and what is none.
//!
//! Not here: reading them from a peer (`attempt`).

use super::*;
use crate::client::kept::{Keeper, Slots};

/// What it comes to, fed in pieces of this size, and then the end of the connection.
fn read(answer: &[u8], piece: usize) -> Result<(Progress, u16), Malformed> {
    let keep = Keep::default();
    let mut reader = Reader::new(false, false);
    let mut pieces = answer.chunks(piece);
    while let Some(part) = pieces.next() {
        if let Progress::Whole { keeps } = reader.feed(part, &keep)? {
            let keeps = keeps && pieces.next().is_none();
            return Ok((Progress::Whole { keeps }, reader.status));
        }
    }
    Ok((reader.closed()?, reader.status))
}

#[test]
fn every_framing_in_any_pieces() {
    let kept = |answer: &[u8]| (answer.to_vec(), true);
    let last = |answer: &[u8]| (answer.to_vec(), false);
    for (answer, keeps) in [
        kept(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"),
        kept(b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\ncontent-length: 3\r\n\r\nabc"),
        kept(b"HTTP/1.1 200\r\ntransfer-encoding: gzip, Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
        kept(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        kept(b"HTTP/1.1 204 No\r\ncontent-length: 7\r\n\r\n"),
        kept(b"HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\nx"),
        last(b"HTTP/1.1 200 OK\r\nconnection: x, close\r\ncontent-length: 1\r\n\r\nx"),
        last(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1 200 unasked"),
        last(b"HTTP/1.1 200 OK\r\n\r\nto the end"),
        last(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nto the end"),
        last(b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx"),
        last(b"HTTP/1.1 101 Switching\r\n\r\n"),
        kept(b"HTTP/1.1 200 OK\r\nx: a\r\n\tb\r\ncontent-length:\r\n 3\r\n\r\nabc"),
    ] {
        let shown = String::from_utf8_lossy(&answer);
        for piece in 1..=answer.len() {
            let (progress, status) = read(&answer, piece).unwrap();
            assert_eq!(progress, Progress::Whole { keeps }, "{shown} by {piece}");
            assert!([101, 200, 204].contains(&status));
        }
    }
}

#[test]
fn a_field_over_several_lines_is_one() {
    let answer = b"HTTP/1.1 200 OK\r\nx: a\r\n \t b\r\n\tc\r\ncontent-length: 0\r\n\r\n";
    let mut reader = Reader::new(false, true);
    let progress = reader.feed(answer, &Keep::default()).unwrap();
    assert_eq!(progress, Progress::Whole { keeps: true });
    assert_eq!(reader.headers["x"], "a b c");
}

#[test]
fn what_is_cut_is_not_whole() {
    for answer in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        for piece in [1, 1000] {
            assert_eq!(read(answer, piece).unwrap().0, Progress::More);
        }
    }
}

#[test]
fn garbage_is_refused() {
    let mut many = b"HTTP/1.1 200 OK\r\n".to_vec();
    many.extend(b"a: b\r\n".repeat(101));
    many.extend(b"\r\n");
    let mut long = b"HTTP/1.1 200 OK\r\na: ".to_vec();
    long.resize(300_000, b'x');
    for answer in [
        &b"SSH-2.0-OpenSSH\r\n"[..],
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
        &many,
        &long,
    ] {
        for piece in [7, 4096] {
            assert!(read(answer, piece).is_err(), "{:?}", String::from_utf8_lossy(answer));
        }
    }
}

#[test]
fn headers_are_kept_where_they_are_wanted() {
    let answer = b"HTTP/1.1 503 No\r\nRetry-After: 3\r\nx: 1\r\nX: 2\r\ncontent-length: 0\r\n\r\n";
    let keep = Keep::default();
    let mut reader = Reader::new(false, true);
    assert_eq!(reader.feed(answer, &keep).unwrap(), Progress::Whole { keeps: true });
    let now = Instant::now();
    let Answer { status, headers, .. } = reader.answer(now, now);
    assert_eq!((status, headers["retry-after"].as_bytes()), (503, &b"3"[..]));
    assert_eq!(headers.get_all("x").iter().count(), 2);
    let mut reader = Reader::new(true, false);
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
    assert_eq!(reader.feed(head, &keep).unwrap(), Progress::Whole { keeps: true });
    assert!(reader.answer(now, now).headers.is_empty());
}

#[test]
fn of_a_failure_that_is_kept_there_is_all() {
    let slots = std::sync::Arc::new(Slots::new(1));
    let keep = Keep { always: 0, failed: Some(Keeper::new(&slots, 0, &[], false)) };
    let chunked = b"HTTP/1.1 503 No\r\nx: 1\r\ntransfer-encoding: chunked\r\n\r\n\
                    3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
    let whole = b"HTTP/1.1 500 No\r\nx: 1\r\ncontent-length: 5\r\n\r\nabcde";
    let to_the_end = b"HTTP/1.1 400 No\r\nx: 1\r\n\r\nabcde";
    let ok = b"HTTP/1.1 200 OK\r\nx: 1\r\ncontent-length: 5\r\n\r\nabcde";
    for (bytes, kept) in [(&chunked[..], true), (whole, true), (to_the_end, true), (ok, false)] {
        for piece in [1, 4, 1000] {
            let mut reader = Reader::new(false, false);
            for part in bytes.chunks(piece) {
                reader.feed(part, &keep).unwrap();
            }
            let answer = reader.answer(Instant::now(), Instant::now());
            assert_eq!(answer.claim.is_some(), kept);
            assert_eq!(answer.headers.contains_key("x"), kept);
            let body = if kept { (b"abcde".to_vec(), 5) } else { (vec![], 0) };
            assert_eq!((answer.body.kept, answer.body.length), body);
        }
    }
}

/// What came of the body with the last bytes of the head does not make the head longer.
#[test]
fn the_limit_is_of_the_head_alone() {
    let told = |field: usize| {
        let start = b"HTTP/1.1 200 OK\r\nx: ";
        let end = b"\r\ncontent-length: 400000\r\n\r\n";
        let length = MOST_HEAD - start.len() - end.len() + field;
        let head = start.iter().copied().chain(std::iter::repeat_n(b'a', length));
        let all: Vec<u8> =
            head.chain(end.iter().copied()).chain(std::iter::repeat_n(b'b', 400_000)).collect();
        let mut reader = Reader::new(false, false);
        let mut pieces = all.chunks(64 * 1024 - 1);
        pieces.try_fold(Progress::More, |_, piece| reader.feed(piece, &Keep::default()))
    };
    assert_eq!(told(0), Ok(Progress::Whole { keeps: true }));
    assert_eq!(told(1), Err(Malformed(Broke::LongHead(MOST_HEAD))));
}
