//! How a run ends: services, links, whatever they left behind, logs, the guardian.
//!
//! Invariant: a search that found nobody is not believed alone: the logs must be closed too.
//! Invariant: what could not be undone comes with what to do about it.
//! Not here: what was set up (`stage`), undoing faults (`conduct`).

use super::signals::{self, Stop};
use super::stage::Stage;
use super::stream::Stream;
use crate::service::{Guardian, Hurry, Log, Remnant, Running, Stopped, Swept};
use assay_slo::event::{EndReason, ServiceState};
use std::collections::BTreeSet;
use tokio::task::JoinSet;
use tokio::time::Duration;

/// How long services may take to end after Ctrl-C.
const HURRY: Duration = Duration::from_secs(1);
/// How long a log may take to be closed once all are thought gone, and to be written.
const LOG_WITHIN: Duration = Duration::from_secs(1);
/// The same after Ctrl-C. With the second for services, half a second for those that do not even
/// obey SIGKILL and the same again for whatever they left, it keeps the end within 2.5 s.
const LOG_HURRIED: Duration = Duration::from_millis(250);

impl Stage {
    /// Ends everything that was started, in reverse order; gives what could not be ended, and the
    /// signal that came meanwhile.
    ///
    /// `hurry` shortens the services' own time to end, and ends all of them at the same time; so
    /// does a signal.
    pub(super) async fn take_down(
        mut self,
        hurry: bool,
        stop: &mut Stop,
        stream: &mut Stream,
    ) -> (Vec<String>, Option<EndReason>) {
        self.ends.abort_all();
        let faults = self.undo_all(stream).await;
        let links = self.links.verify_clean().await;
        let mut undone = Undone { faults, links, ..Undone::default() };
        let said = self.hurry.clone();
        if hurry {
            said.say();
        }
        let mut interrupted = None;
        // What commands left running depends on nothing of ours, so it goes first.
        let errands = std::mem::take(&mut self.errands).into_values().map(|errand| (errand, HURRY));
        let running = std::mem::take(&mut self.running).into_iter().chain(errands).collect();
        let mut stops = std::pin::pin!(stop_all(running, &said));
        let stopped = loop {
            tokio::select! {
                stopped = &mut stops => break stopped,
                reason = signals::stopped(stop), if !hurry && interrupted.is_none() => {
                    interrupted = Some(reason);
                    said.say();
                }
            }
        };
        let hurry = said.is_said();
        for stopped in &stopped {
            // A command is no service: no name of one has a space.
            if !stopped.name.contains(' ') {
                stream.service(&stopped.name, ServiceState::Stopped, &stopped.exit.to_string());
            }
            if !stopped.swept.is_empty() {
                let (who, name) = (list(&stopped.swept), &stopped.name);
                stream
                    .finding(format!("{who} had left the group of service {name}: ended with it"));
            }
            undone.stopped(stopped);
        }
        undone.faults.extend(self.clear_engine().await);
        self.links.stop().await;
        if let Some(orphans) = self.orphans {
            let pids = |guardian: &Guardian| [guardian.pid(), guardian.keeper_pid()];
            let guards = self.guardian.as_ref().map(pids).into_iter().flatten().flatten();
            let swept = orphans.sweep(&guards.collect::<Vec<_>>(), hurry).await;
            let swept = undone.swept(swept);
            if !swept.is_empty() {
                stream.finding(format!(
                    "{} had left its service and carried no mark of the run: ended as a \
                     descendant of this program",
                    list(&swept)
                ));
            }
        }
        let within = if hurry { LOG_HURRIED } else { LOG_WITHIN };
        let logs = stopped
            .into_iter()
            .map(|stopped| async move { (stopped.name.clone(), stopped.log(within).await) });
        for (name, log) in at_once(logs).await {
            if let (1.., Some(why)) = (log.written.dropped, &log.written.why) {
                let lines = log.written.dropped;
                stream.finding(format!("the log of service {name} lacks {lines} lines: {why}"));
            }
            undone.log(&name, log);
        }
        if let Some(mut guardian) = self.guardian {
            while let Some(notice) = guardian.noticed() {
                stream.finding(notice);
            }
            if let Err(error) = guardian.dismiss().await {
                stream.finding(format!("the guardian did not leave by itself: {error}"));
            }
        }
        (undone.sentences(), interrupted)
    }
}

/// Stops services one after another, the last one first; once somebody hurries, all at once.
async fn stop_all(running: Vec<(Running, Duration)>, hurry: &Hurry) -> Vec<Stopped> {
    let mut left = running.into_iter().rev();
    let mut stopped = vec![];
    while !hurry.is_said()
        && let Some((running, grace)) = left.next()
    {
        stopped.push(running.stop_hearing(grace, hurry).await);
    }
    let now = left.map(|(running, grace)| running.stop_now(grace.min(HURRY)));
    stopped.extend(at_once(now).await);
    stopped
}

/// What could not be undone.
#[derive(Debug, Default)]
struct Undone {
    faults: Vec<String>,
    links: Vec<String>,
    services: Vec<String>,
    /// Processes that were named already.
    named: BTreeSet<i32>,
    /// Services with a process that could not be ended.
    survived: BTreeSet<String>,
}

impl Undone {
    fn stopped(&mut self, stopped: &Stopped) {
        let name = &stopped.name;
        for process in &stopped.left {
            self.survived.insert(name.clone());
            self.process(process, &format!("of service {name} could not be ended"));
        }
        self.blind(&format!("service {name}"), stopped.blind.as_deref());
    }

    /// Takes who was left after all services; gives those that were ended.
    fn swept(&mut self, swept: Swept) -> Vec<String> {
        for process in &swept.left {
            self.process(process, "was left by a service and could not be ended");
        }
        self.blind("the run", swept.blind.as_deref());
        let named =
            |label: &String| self.named.iter().any(|pid| label.ends_with(&format!("(pid {pid})")));
        swept.swept.into_iter().filter(|label| !named(label)).collect()
    }

    fn log(&mut self, name: &str, log: Log) {
        let Some(holders) = log.held_by else { return };
        for process in &holders {
            self.process(
                process,
                &format!("outlived the run: it still holds the log of service {name} open"),
            );
        }
        if holders.is_empty() && !self.survived.contains(name) {
            self.services.push(format!(
                "a process that we cannot see outlived the run: it still holds the log of service \
                 {name} open; as root, `lsof {name}.log` or `ps -ef` shows it"
            ));
        }
    }

    fn process(&mut self, process: &Remnant, what: &str) {
        if !self.named.insert(process.pid) {
            return;
        }
        let (label, pid) = (process.label(), process.pid);
        self.services.push(match process.owner {
            None => format!("{label} {what}: end it with `kill -9 {pid}`"),
            Some(owner) => format!(
                "{label} {what}: it belongs to user {owner}; end it as that user or as root with \
                 `kill -9 {pid}`"
            ),
        });
    }

    fn blind(&mut self, whose: &str, why: Option<&str>) {
        if let Some(why) = why {
            self.services.push(format!(
                "processes of {whose} may be left, nobody can tell ({why}): look for them with \
                 `ps -ef`"
            ));
        }
    }

    fn sentences(self) -> Vec<String> {
        let links = self.links.into_iter().map(|problem| {
            format!("{problem}; it ended with the run, so that nothing is left to mend")
        });
        self.faults.into_iter().chain(links).chain(self.services).collect()
    }
}

/// The first few, and how many more.
fn list(all: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Waits for all at the same time.
async fn at_once<T: Send + 'static>(
    futures: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut set: JoinSet<T> = futures.collect();
    let mut done = vec![];
    while let Some(Ok(one)) = set.join_next().await {
        done.push(one);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Written;

    fn remnant(pid: i32, owner: Option<u32>) -> Remnant {
        Remnant { pid, name: "sleep".to_owned(), owner }
    }

    fn held(by: &[Remnant]) -> Log {
        Log { written: Written::default(), held_by: Some(by.to_vec()) }
    }

    #[test]
    fn nothing_left_is_nothing_said() {
        let mut undone = Undone::default();
        let ended = vec!["sleep (pid 5)".to_owned()];
        assert_eq!(undone.swept(Swept { swept: ended.clone(), ..Swept::default() }), ended);
        undone.log("api", Log { written: Written::default(), held_by: None });
        assert_eq!(undone.sentences(), Vec::<String>::new());
    }

    #[test]
    fn every_kind_of_remnant_is_still_broken_with_what_to_do() {
        let said = |fill: &dyn Fn(&mut Undone)| {
            let mut undone = Undone::default();
            fill(&mut undone);
            undone.sentences()
        };
        assert_eq!(
            said(&|undone| undone.process(&remnant(5, None), "of service api could not be ended")),
            ["sleep (pid 5) of service api could not be ended: end it with `kill -9 5`"]
        );
        let of_root = said(&|undone| {
            let left = vec![remnant(5, Some(0))];
            undone.swept(Swept { left, ..Swept::default() });
        });
        assert!(of_root[0].contains("belongs to user 0; end it as that user or as root"));
        let holds = said(&|undone| undone.log("api", held(&[remnant(7, None)])));
        assert!(
            holds[0].contains("still holds the log of service api open: end it with `kill -9 7`")
        );
        let unseen = said(&|undone| undone.log("api", held(&[])));
        assert!(unseen[0].contains("a process that we cannot see outlived the run"), "{unseen:?}");
        let blind = said(&|undone| {
            let blind = Some("no /proc".to_owned());
            undone.swept(Swept { blind, ..Swept::default() });
        });
        assert!(blind[0].contains("may be left, nobody can tell (no /proc)"), "{blind:?}");
        let link = said(&|undone| undone.links.push("link `api` does not accept".to_owned()));
        assert!(link[0].starts_with("link `api` does not accept; "), "{link:?}");
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let labels: Vec<String> = (0..8).map(|n| n.to_string()).collect();
        assert_eq!(list(&labels[..2]), "0, 1");
        assert_eq!(list(&labels), "0, 1, 2, 3, 4, 5 and 2 more");
    }

    #[test]
    fn each_process_is_named_once() {
        let mut undone = Undone::default();
        undone.process(&remnant(5, None), "of service api could not be ended");
        undone.survived.insert("api".to_owned());
        let swept = Swept {
            swept: vec!["sleep (pid 5)".to_owned(), "sleep (pid 55)".to_owned()],
            left: vec![remnant(5, None)],
            ..Swept::default()
        };
        assert_eq!(undone.swept(swept), ["sleep (pid 55)"]);
        undone.log("api", held(&[remnant(5, None)]));
        undone.log("api", held(&[]));
        assert_eq!(undone.sentences().len(), 1);
    }
}
