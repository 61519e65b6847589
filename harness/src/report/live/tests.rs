//! Tests of the progress, on a screen and a pipe that only remember.

use super::*;
use indicatif::TermLike;
use std::sync::{Arc, Mutex};

/// Everything written, line by line.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<String>>);

impl Memory {
    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn add(&self, text: &str) {
        self.0.lock().unwrap().push_str(text);
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TermLike for Memory {
    fn width(&self) -> u16 {
        40
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(&format!("{text}\n"));
        Ok(())
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(text);
        Ok(())
    }
    fn clear_line(&self) -> io::Result<()> {
        self.add("<clear>");
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn plain(detail: Detail) -> (Live, Memory) {
    let memory = Memory::default();
    let screen = Screen::Lines(Box::new(memory.clone()));
    (Live { screen, detail, last: None }, memory)
}

fn tick(phase: &str, second: u64) -> Tick {
    Tick {
        phase: phase.into(),
        elapsed: Duration::from_secs(second),
        left: Duration::from_secs(60 - second),
        offered_rate: 200.0,
        done_rate: 199.0,
        p95_us: Some(31_000),
        errors_share: 0.0031,
        in_flight: 12,
        lag_p99_us: 420,
    }
}

#[test]
fn a_pipe_gets_a_line_every_five_seconds_and_at_each_phase() {
    let (mut live, memory) = plain(Detail::Usual);
    live.note("service backend ready\nat 127.0.0.1:20000");
    live.detail("probe GET /health 200");
    for second in 0..12 {
        live.tick(&tick("steady", second));
    }
    live.phase_end(&Totals {
        phase: "steady".into(),
        lasted: Duration::from_secs(12),
        requests: 2_400,
        bad: 7,
        p95_us: Some(31_000),
    });
    live.tick(&tick("fault (half)", 12));
    live.tick(&Tick { p95_us: None, errors_share: f64::NAN, ..tick("fault (half)", 17) });
    let behind = Tick { offered_rate: 250.0, lag_p99_us: 7_000, ..tick("fault (half)", 22) };
    live.tick(&behind);
    live.finish();
    let status = "199/s  P95 31 ms  errors 0.31 %  in flight 12";
    assert_eq!(
        memory.text(),
        format!(
            "service backend ready at 127.0.0.1:20000\n\
             steady  0 s, 1 m 00 s left  {status}\n\
             steady  5 s, 55 s left  {status}\n\
             steady  10 s, 50 s left  {status}\n\
             steady over after 12 s: 2400 requests, 7 not ok (0.29 %), P95 31 ms\n\
             fault (half)  12 s, 48 s left  {status}\n\
             fault (half)  17 s, 43 s left  199/s  P95 unknown  errors unknown  in flight 12\n\
             fault (half)  22 s, 38 s left  {status}  offered 250/s  lag P99 7.0 ms\n"
        )
    );
}

#[test]
fn details_come_when_asked() {
    let (mut live, memory) = plain(Detail::Verbose);
    live.detail("probe GET /health 200");
    assert_eq!(memory.text(), "probe GET /health 200\n");
}

#[test]
fn quiet_says_nothing() {
    let mut live = Live::new(Mode::Terminal, Detail::Quiet);
    assert!(matches!(live.screen, Screen::Silent));
    live.note("ready");
    live.tick(&tick("steady", 0));
    live.finish();
}

#[test]
fn a_terminal_redraws_one_line_and_keeps_notes_and_totals() {
    let memory = Memory::default();
    let screen = redrawn(ProgressDrawTarget::term_like(Box::new(memory.clone())));
    let mut live = Live { screen, detail: Detail::Usual, last: None };
    live.tick(&tick("steady", 1));
    live.note("fault half on");
    live.phase_end(&Totals {
        phase: "fault (half)".into(),
        lasted: Duration::from_secs(6),
        requests: 0,
        bad: 0,
        p95_us: None,
    });
    live.finish();
    let text = memory.text();
    assert!(text.contains("<clear>fault half on  "), "{text}");
    assert!(
        text.contains("fault (half) over after 6 s: 0 requests, 0 not ok (unknown)  "),
        "{text}"
    );
    // The status is wider than this terminal: it is cut, not wrapped.
    assert!(text.contains("steady  1 s, 59 s left  199/s "), "{text}");
    assert!(!text.contains("P95 31 ms  errors"), "{text}");
    assert!(text.ends_with("<clear>"), "{text:?}");
}

#[test]
fn a_closed_standard_error_is_passed_over() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let screen = Screen::Lines(Box::new(Closed));
    let mut live = Live { screen, detail: Detail::Usual, last: None };
    live.note("nobody hears this");
    live.tick(&tick("steady", 0));
    live.finish();
}
