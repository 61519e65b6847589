//! What the end-to-end tests share: the program, a scripted server, a run's verdict.

#![expect(clippy::unwrap_used, reason = "what the tests share may fail them as they may")]

use std::borrow::BorrowMut;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// So many commands that measure run at a time: generators that have to share two cores with more of
/// their kind are rightly ill.
const AT_A_TIME: usize = 2;
/// How many more of them may run.
static TURNS: Mutex<usize> = Mutex::new(AT_A_TIME);
static TURN_OVER: Condvar = Condvar::new();

/// The program under test with these arguments, colours off.
pub(crate) fn assay(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command.args(args).env("NO_COLOR", "1").env_remove("GITHUB_ACTIONS");
    command
}

/// What this command says until it ends, in its turn.
pub(crate) fn in_turn(command: impl BorrowMut<Command>) -> Output {
    with_turns(1, command)
}

/// The same with no other beside it: for runs whose verdict must be what it is on a quiet machine.
pub(crate) fn alone(command: impl BorrowMut<Command>) -> Output {
    with_turns(AT_A_TIME, command)
}

fn with_turns(needed: usize, mut command: impl BorrowMut<Command>) -> Output {
    let turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    let free = TURN_OVER.wait_while(turns, |turns| *turns < needed);
    *free.unwrap_or_else(PoisonError::into_inner) -= needed;
    let output = command.borrow_mut().output();
    *TURNS.lock().unwrap_or_else(PoisonError::into_inner) += needed;
    TURN_OVER.notify_all();
    output.unwrap()
}

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Whether nothing was decided because the machine was busy.
pub(crate) fn was_late(output: &Output) -> bool {
    let words = said(output).split_whitespace().collect::<Vec<_>>().join(" ");
    output.status.code() == Some(3) && words.contains("the generator was late")
}

/// Everything a program said.
pub(crate) fn said(output: &Output) -> String {
    let words = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&words).into_owned()
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Polls until it holds; fails after half a minute.
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        let (_tx, rx) = std::sync::mpsc::channel::<()>();
        let _ = rx.recv_timeout(Duration::from_millis(50));
    }
    panic!("{what}: not within 30 s");
}

/// Starts a run and waits until requests are being counted.
pub(crate) fn under_way(case: &Case) -> Child {
    until(case, "\"cells\"")
}

/// Starts a run and waits until its journal holds this.
pub(crate) fn until(case: &Case, text: &str) -> Child {
    until_with(case, &[], text)
}

/// So late may undos be before the lease keeper acts, where nobody shall wait for long.
pub(crate) const GRACE: [(&str, &str); 1] = [("ASSAY_TEST_LEASE_GRACE_MS", "1500")];

/// The same with these in its environment.
pub(crate) fn until_with(case: &Case, env: &[(&str, &str)], text: &str) -> Child {
    let mut command = case.command(&[]);
    command.envs(env.iter().copied());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_journal(case, &mut child, text);
    child
}

/// Waits until this run's requests are being counted.
pub(crate) fn wait_for_cells(case: &Case, run: &mut Child) {
    wait_for_journal(case, run, "\"cells\"");
}

fn wait_for_journal(case: &Case, run: &mut Child, text: &str) {
    let journal = case.out().join("journal.jsonl");
    wait_for(&format!("{text} in the journal"), || {
        if run.try_wait().unwrap().is_some() {
            let mut said = String::new();
            run.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            run.stdout.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("the run ended early: {said}");
        }
        std::fs::read_to_string(&journal).is_ok_and(|journal| journal.contains(text))
    });
}

/// The guardian of a run, by the run's process number.
pub(crate) fn guardian(run: u32) -> Option<u32> {
    process_with(&format!("\0--run-pid\0{run}\0"))
}

/// Its lease keeper.
pub(crate) fn keeper(run: u32) -> Option<u32> {
    process_with(&format!("\0--pid\0{run}\0"))
}

/// The process that was started with this.
fn process_with(of_run: &str) -> Option<u32> {
    std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let pid = entry.file_name().to_str()?.parse().ok()?;
        String::from_utf8_lossy(&line).contains(of_run).then_some(pid)
    })
}

/// Waits until the run's guardian must have looked for its descendants again. Between two looks
/// its second thread sleeps, which the system counts; it leaves out three at most.
pub(crate) fn wait_for_looks(run: u32) {
    let guardian = guardian(run).unwrap();
    let sleeps = || -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{guardian}/task")).unwrap().flatten();
        let status = tasks.filter_map(|t| std::fs::read_to_string(t.path().join("status")).ok());
        let count = |text: String| -> Option<u64> {
            let line = text.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?;
            line.split_whitespace().last()?.parse().ok()
        };
        status.filter_map(count).sum()
    };
    let before = sleeps();
    wait_for("looks of the guardian", || sleeps() >= before + 10);
}

/// A run's `verdict.json`.
pub(crate) fn verdict(run_dir: &Path) -> serde_json::Value {
    let path = run_dir.join("verdict.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    serde_json::from_str(&text).unwrap()
}

/// A folder with a scenario in it.
pub(crate) struct Case {
    pub(crate) folder: tempfile::TempDir,
}

impl Case {
    /// Writes the scenario.
    pub(crate) fn new(yaml: &str) -> Case {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("case.yaml"), yaml).unwrap();
        Case { folder }
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// `assay run case.yaml --out out`, and these.
    pub(crate) fn command(&self, more: &[&str]) -> Command {
        let mut command = assay(&["run", "case.yaml", "--out", "out"]);
        command.args(more).current_dir(self.folder.path());
        command
    }

    /// The whole run, in its turn; once more where the generator was late: that is what a busy machine makes of a
    /// good run, and twice in a row it is a failure.
    pub(crate) fn run(&self, more: &[&str]) -> Output {
        let output = in_turn(self.command(more));
        if !was_late(&output) {
            return output;
        }
        std::fs::rename(self.out(), self.folder.path().join("out-late")).unwrap();
        in_turn(self.command(more))
    }
}

/// A run of a bundled backend whose shell first runs this, with so many seconds of load. `assay` as
/// the service's user finds it; `more` are settings of the process.
pub(crate) fn beside_a_backend(
    name: &str,
    assay: &str,
    first: &str,
    more: &str,
    seconds: u64,
) -> Case {
    Case::new(&format!(
        "schema: 1
name: {name}
services:
  app:
    process:
      command:
        - sh
        - -c
        - |
          {first}
          exec {assay} backend --listen \"$1\"
        - sh
        - \"${{self.addr}}\"
      env: {{DATABASE_URL: \"sqlite::memory:\"}}
      ready: {{http: /health, within: 20s}}
      {more}
load:
  a:
    constant-arrival-rate:
      {{rate: 20/s, duration: {seconds}s, requests: [{{get: {{path: /machines/}}}}]}}
objectives: {{gate: {{latency: {{percentile: 50, below: 5s}}}}}}
"
    ))
}

/// How a scripted server treats its k-th request, whose head and body are the text.
pub(crate) type Script = dyn Fn(u64, &str, &mut TcpStream) -> std::io::Result<()> + Send + Sync;

/// An HTTP/1.1 server whose truth is known.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    seen: Arc<AtomicU64>,
}

impl Server {
    /// Serves until the test ends.
    pub(crate) fn start(
        script: impl Fn(u64, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Server {
        Server::hears(move |k, _, stream| script(k, stream))
    }

    /// The same for one that looks at what it is asked.
    pub(crate) fn hears(
        script: impl Fn(u64, &str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(AtomicU64::new(0));
        let (counter, script): (_, Arc<Script>) = (Arc::clone(&seen), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counter, script) = (Arc::clone(&counter), Arc::clone(&script));
                std::thread::spawn(move || serve(stream, &counter, &*script));
            }
        });
        Server { addr, seen }
    }

    /// A server that answers 200 at once.
    pub(crate) fn ok() -> Server {
        Server::start(|_, stream| answer(stream, 200))
    }

    /// Requests seen so far.
    pub(crate) fn seen(&self) -> u64 {
        self.seen.load(Ordering::SeqCst)
    }
}

/// Writes a small answer.
pub(crate) fn answer(stream: &mut TcpStream, status: u16) -> std::io::Result<()> {
    let text = format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok");
    stream.write_all(text.as_bytes())
}

fn serve(stream: TcpStream, counter: &AtomicU64, script: &Script) {
    let _ = stream.set_nodelay(true);
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        let mut heard = String::new();
        let mut line = String::new();
        loop {
            line.clear();
            if !matches!(reader.read_line(&mut line), Ok(1..)) {
                return;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            heard.push_str(&line);
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let k = counter.fetch_add(1, Ordering::SeqCst);
        heard.push_str(&String::from_utf8_lossy(&body));
        if script(k, &heard, &mut writer).is_err() {
            return;
        }
    }
}
