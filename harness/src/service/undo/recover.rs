//! All that a run which died has left broken: undone by its guardian, or by whoever asks later.
//!
//! Invariant: what was undone is written down at once, so that nobody does it again, and what could
//! not be undone stays in the log for the next attempt. What cannot be written down is undone all the same.
//! Not here: undoing one thing (`carry`), when it is done (`guardian`, `cli`).

use super::{Line, Todo, Undo, afloat, append, carry_out, opened, pending};
use crate::clock;
use crate::service::ending::{Patience, Scope, end, marks};
use crate::service::table::Entry;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

/// How long processes may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(1);

/// Which of the undos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Those that take no time, which what still runs may wait for.
    Quick,
    /// Commands, which are run once the run's own processes are gone, the removal of what these had
    /// in the container engine, and waiting for what this may still be about to do.
    Commands,
}

/// What recovering came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// What was put right, in words.
    pub undone: Vec<String>,
    /// What is still broken, each with the command that mends it.
    pub left: Vec<String>,
}

/// Undoes what the log of a dead run says is left; a directory without a log has nothing. Waits
/// for whoever else is at it. Blocks: call it outside any runtime.
#[must_use]
pub fn recover(dir: &Path, part: Part) -> Recovered {
    let mut recovered = Recovered::default();
    if let Err(why) = recover_all(dir, part, &mut recovered)
        && why.kind() != io::ErrorKind::NotFound
    {
        let log = dir.join(super::FILE);
        recovered.left.push(format!("what is left nobody can tell: {}: {why}", log.display()));
    }
    recovered
}

/// Whether any process carries the mark of a run. Where nobody can tell there is none.
pub(in crate::service) fn is_any_left(run_id: &str) -> bool {
    let scope = Scope { marks: marks(run_id, None), ..Scope::default() };
    scope.look().is_ok_and(|(members, _)| !members.is_empty())
}

/// Ends every process that carries the mark of a run that has died. Blocks.
#[must_use]
pub fn end_processes(run_id: &str) -> Recovered {
    let scope = Scope { marks: marks(run_id, None), ..Scope::default() };
    let ended = end(scope, Patience::orderly(GRACE));
    let is_left = |entry: &Entry| ended.left.iter().any(|left| left.id() == entry.id());
    let gone: BTreeSet<&Entry> = ended.signalled().filter(|entry| !is_left(entry)).collect();
    let left = ended
        .left
        .iter()
        .map(|entry| format!("{} could not be ended: `kill -9 {}`", entry.label(), entry.pid));
    let blind = ended.blind.iter().map(|why| {
        format!("processes of the run may be left, nobody can tell ({why}): `ps -ef` shows them")
    });
    Recovered {
        undone: gone.into_iter().map(|entry| format!("{} ended", entry.label())).collect(),
        left: left.chain(blind).collect(),
    }
}

fn recover_all(dir: &Path, part: Part, recovered: &mut Recovered) -> io::Result<()> {
    // Not created where there was none; and what can only be read is undone, too.
    let read_only = File::open(dir.join(super::FILE))?;
    let mut file = opened(dir).unwrap_or(read_only);
    // Where there are no locks, nobody else can have one.
    let _ = file.lock();
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        // Whoever wrote it died of it, before it did anything.
        _ = file.set_len(whole as u64);
        text.truncate(whole);
    }
    let text = String::from_utf8_lossy(&text);
    let (todos, unread) = pending(&text);
    let log = dir.join(super::FILE);
    if unread > 0 && part == Part::Commands {
        recovered.left.push(format!(
            "{unread} lines of {} cannot be read: look whether they name something to undo",
            log.display()
        ));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let is_slow = |todo: &Todo| matches!(todo.undo, Undo::Command(_) | Undo::Remove(_));
    // Put right at once, and held last: nobody else shall wait for them.
    let (held, all): (Vec<&Todo>, Vec<&Todo>) = todos.iter().partition(|todo| may_land(todo));
    let (slow, quick): (Vec<&Todo>, Vec<&Todo>) = all.into_iter().partition(|todo| is_slow(todo));
    let now = match part {
        Part::Quick => {
            for todo in &held {
                // Tried again when it is held, and told then.
                _ = runtime.block_on(carry_out(todo, dir));
            }
            quick
        }
        Part::Commands => slow,
    };
    let mut told = |todo: &Todo, undone: Result<(), String>| {
        match undone {
            // A disk that is full or broken must not keep the rest from being undone.
            Ok(()) => recovered.undone.push(match append(&mut file, &Line::Undone(todo.id)) {
                Ok(()) => todo.what(),
                Err(why) => format!(
                    "{}, which could not be written to {} ({why}): `assay recover` would undo it again",
                    todo.what(),
                    log.display()
                ),
            }),
            Err(why) => recovered.left.push(why),
        }
    };
    for todo in now {
        told(todo, runtime.block_on(carry_out(todo, dir)));
    }
    for todo in held.into_iter().filter(|_| part == Part::Commands) {
        let Undo::Containers(adrift) = &todo.undo else { continue };
        let undone = runtime.block_on(afloat::hold(adrift, age(todo)));
        told(todo, undone.map_err(|why| format!("{} is not undone: {why}", todo.what())));
    }
    Ok(())
}

/// Whether a container engine may still be about to do what is to be undone. What the run started itself
/// is removed anyway.
fn may_land(todo: &Todo) -> bool {
    !todo.landed && matches!(&todo.undo, Undo::Containers(adrift) if !adrift.ours)
}

/// How long ago it was written down, just before it was done.
fn age(todo: &Todo) -> Duration {
    let ms = clock::wall().timestamp_millis().saturating_sub(todo.at_ms);
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::super::{Adrift, Log, Mending};
    use super::*;
    use crate::service::engine::{Engine, Put, Vessel};
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper_util::rt::TokioIo;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    #[test]
    fn what_is_left_is_undone_once_and_what_fails_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("logs")).unwrap();
        assert_eq!(recover(dir.path(), Part::Commands), Recovered::default());
        let command = |line: &str| {
            Undo::Command(Mending {
                command: ["sh", "-c", line].map(str::to_owned).to_vec(),
                folder: dir.path().to_owned(),
                timeout_us: 30_000_000,
                run: format!("recover-{}", std::process::id()),
            })
        };
        let mut log = Log::of(dir.path());
        log.plan("a", command("echo a >> order")).unwrap();
        log.plan("b", command("echo b >> order; test -e good")).unwrap();
        let done = log.plan("c", command("echo c >> order")).unwrap();
        log.undone(&done).unwrap();
        drop(log);
        assert_eq!(recover(dir.path(), Part::Quick), Recovered::default());
        let first = recover(dir.path(), Part::Commands);
        assert_eq!((first.undone, first.left.len()), (vec!["fault `a`".to_owned()], 1));
        std::fs::write(dir.path().join("good"), "").unwrap();
        // A torn end spoils nothing that comes after it.
        let mut torn = opened(dir.path()).unwrap();
        std::io::Write::write_all(&mut torn, b"{\"todo\":{\"id\":4,\"fau").unwrap();
        drop(torn);
        let second = recover(dir.path(), Part::Commands);
        assert_eq!((second.undone, second.left.len()), (vec!["fault `b`".to_owned()], 0));
        assert_eq!(recover(dir.path(), Part::Commands), Recovered::default());
        let order = std::fs::read_to_string(dir.path().join("order")).unwrap();
        assert_eq!(order, "b\na\nb\n");
    }

    /// An engine with one container, which a run told it to pause: it does so after so many looks, long
    /// after the run has died. Gives its host, and whether the container stands still.
    fn engine(runtime: &tokio::runtime::Runtime, lands_after: u32) -> (String, Arc<AtomicBool>) {
        let (paused, looks) = (Arc::new(AtomicBool::new(false)), AtomicU32::new(0));
        let state = Arc::clone(&paused);
        let answer = move |request: hyper::Request<hyper::body::Incoming>| {
            let path = request.uri().path();
            if path.ends_with("/unpause") {
                state.store(false, Ordering::SeqCst);
            } else if path.ends_with("/json") && looks.fetch_add(1, Ordering::SeqCst) == lands_after
            {
                state.store(true, Ordering::SeqCst);
            }
            let state = state.load(Ordering::SeqCst);
            let told =
                format!(r#"{{"ApiVersion":"1.44","State":{{"Running":true,"Paused":{state}}}}}"#);
            let answer = hyper::Response::new(Full::new(Bytes::from(told)));
            std::future::ready(Ok::<_, std::convert::Infallible>(answer))
        };
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let answer = Arc::new(answer);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                let service = hyper::service::service_fn(move |request| answer(request));
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        (host, paused)
    }

    #[test]
    fn what_an_engine_was_told_last_is_waited_for() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        for (landed, stands_still) in [(false, false), (true, true)] {
            let dir = tempfile::tempdir().unwrap();
            let (host, paused) = engine(&runtime, 3);
            let vessel = Vessel { id: "c0ffee".to_owned(), name: "theirs".to_owned() };
            let mut log = Log::of(dir.path());
            let adrift = Adrift {
                service: "shop".to_owned(),
                ours: false,
                vessels: vec![vessel],
                put: Put::GoOn,
                host: Some(host.clone()),
            };
            let mut todo = log.plan("freeze", Undo::Containers(adrift)).unwrap();
            if landed {
                log.landed(&mut todo);
            }
            drop(log);
            let both = [Part::Quick, Part::Commands].map(|part| recover(dir.path(), part));
            let undone: Vec<&String> = both.iter().flat_map(|one| &one.undone).collect();
            assert_eq!(undone, ["fault `freeze`"], "{both:?}");
            // What has not landed comes with the next looks.
            let id = "c0ffee";
            let look = async {
                let engine = Engine::connect(Some(&host)).await.unwrap();
                for _ in 0..5 {
                    engine.condition(id).await.unwrap();
                }
            };
            runtime.block_on(look);
            assert_eq!(paused.load(Ordering::SeqCst), stands_still);
        }
    }
}
