//! What the guardian knows: its orders, and whom it has seen below the run.
//!
//! Invariant: a line that cannot be read is kept and said, and watches nobody.
//! Invariant: only descendants of exactly the run that started the guardian are remembered; its
//! number alone is never enough, and neither are the spared ones.
//! Not here: what is done with it (`child`).

use super::{DONE, HOLD, Leader, UNDO};
use crate::service::claim::{Claim, Holder};
use crate::service::ending::{Scope, marks, pause};
use crate::service::kin::kin;
use crate::service::table::{self, Id};
use std::collections::BTreeSet;
use std::io::BufRead;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Between two looks below the run. Whoever is born, leaves its group, loses its mark and its
/// parent within one such time before the run is killed is not known.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Looks that may be left out one after another when nobody was born: some containers tell the
/// newest process late.
const MOST_LEFT_OUT: u32 = 3;

/// What the guardian knows.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) watched: Vec<(Leader, String)>,
    pub(super) unread: Vec<String>,
    pub(super) is_done: bool,
    /// The log of undos, as far as it was told.
    pub(super) undos: Vec<String>,
    /// Containers that the run may have broken,
    held: Vec<(String, Claim)>,
    /// and as whom they are held.
    holder: Holder,
    spared: BTreeSet<Id>,
    seen: BTreeSet<Id>,
}

impl Known {
    /// Nothing, yet.
    pub(super) fn of(holder: Holder) -> Known {
        Known { holder, ..Known::default() }
    }

    /// Everybody whose end is wanted.
    pub(super) fn scope(&self, run_id: &str) -> Scope {
        let leaders: Vec<Leader> = self.watched.iter().map(|(leader, _)| leader.clone()).collect();
        let mut roots = self.seen.clone();
        roots.extend(leaders.iter().map(|leader| (leader.pid, leader.start)));
        Scope { leaders, marks: marks(run_id, None), roots, spared: self.spared.clone() }
    }

    /// Lets all other containers go.
    pub(super) fn hold_only(&mut self, ids: &BTreeSet<String>) {
        self.held.retain(|(id, _)| ids.contains(id));
    }

    /// Takes a line, its end cut off; false if it was the last one.
    fn hear(&mut self, line: &str) -> bool {
        self.is_done = line == DONE;
        if let Some(watched) = watched(line) {
            self.watched.push(watched);
        } else if let Some(spared) = spared(line) {
            self.spared.insert(spared);
        } else if let Some(undo) = line.strip_prefix(UNDO) {
            self.undos.push(undo.to_owned());
        } else if let Some(id) = line.strip_prefix(HOLD) {
            self.held.push((id.to_owned(), Claim::of(self.holder, id)));
        } else if !self.is_done {
            self.unread.push(line.chars().take(200).collect());
        }
        !self.is_done
    }

    /// Remembers who descends from the run now; those who no longer live are forgotten.
    fn look(&mut self, run: Id) {
        // A table that cannot be read now may be readable next time.
        let Ok(table) = table::all() else { return };
        let mut spared = self.spared.clone();
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        spared.extend(table.iter().filter(|entry| entry.pid == own).map(table::Entry::id));
        let mut roots = self.seen.clone();
        roots.insert(run);
        self.seen = kin(&table, &roots, &spared);
        self.seen.remove(&run);
    }
}

/// Looks below the run, as long as there is anybody to guard and nobody said that all is done.
/// To look costs milliseconds on a machine with many processes, so it is left out when no process
/// was born since.
pub(super) fn keep_looking(known: &Mutex<Known>, run: Id) {
    // This thread's, on Linux: what is being measured goes first. It is as well without it.
    let _ = rustix::process::nice(10);
    let (mut newest, mut left_out) = (None, 0);
    loop {
        pause(LOOK_EVERY);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_done {
            return;
        }
        // Before the look: who is born during it is seen by the next one.
        let now = table::newest();
        let is_same = now.is_some() && now == newest && left_out < MOST_LEFT_OUT;
        if known.watched.is_empty() || is_same {
            left_out += 1;
            continue;
        }
        known.look(run);
        (newest, left_out) = (now, 0);
    }
}

/// Reads orders until the input ends. An input that cannot be read has ended.
pub(super) fn listen(mut input: impl BufRead, known: &Mutex<Known>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        match input.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        // A line cut off by our parent's death says nothing reliable.
        let Some(whole) = line.strip_suffix(b"\n") else { return };
        let text = String::from_utf8_lossy(whole);
        if !known.lock().unwrap_or_else(PoisonError::into_inner).hear(&text) {
            return;
        }
    }
}

/// `watch <pid> <start time> <group> <name>`, see `watch_line`.
fn watched(line: &str) -> Option<(Leader, String)> {
    let mut words = line.strip_prefix("watch ")?.splitn(4, ' ');
    let pid: i32 = words.next()?.parse().ok()?;
    let start = words.next()?.parse().ok()?;
    let pgid: i32 = words.next()?.parse().ok()?;
    // 0 and negative numbers address whole groups, and 1 is the machine's.
    (pid > 1 && pgid > 1).then(|| (Leader { pid, start, pgid }, words.next().unwrap_or("").into()))
}

/// `spare <pid> <start time>`, see `spare_line`.
fn spared(line: &str) -> Option<Id> {
    let (pid, start) = line.strip_prefix("spare ")?.split_once(' ')?;
    Some((pid.parse().ok()?, start.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::{spare_line, watch_line};
    use super::*;
    use crate::service::Claims;
    use crate::service::engine::Vessel;

    fn heard(text: &[u8]) -> Known {
        let known = Mutex::default();
        listen(text, &known);
        known.into_inner().unwrap()
    }

    #[test]
    fn what_is_told_is_heard() {
        let leader = Leader { pid: 7, start: 99, pgid: 8 };
        let line = watch_line(&leader, "two words\nand a line") + &spare_line((4, 5));
        let known = heard(line.as_bytes());
        assert_eq!(known.watched, [(leader, "two words and a line".to_owned())]);
        assert_eq!(known.spared, BTreeSet::from([(4, 5)]));
        assert!(!known.is_done && known.unread.is_empty());
    }

    #[test]
    fn containers_are_held_until_it_leaves() {
        let shop = Vessel { id: format!("known-{}", std::process::id()), name: "shop".to_owned() };
        let known = heard(format!("hold {}\n", shop.id).as_bytes());
        assert!(known.unread.is_empty());
        let mut next = Claims::default();
        assert!(next.take("shop", &shop).is_err());
        let mut known = known;
        known.hold_only(&BTreeSet::from([shop.id.clone()]));
        assert!(next.take("shop", &shop).is_err());
        known.hold_only(&BTreeSet::new());
        assert_eq!(next.take("shop", &shop), Ok(true));
    }

    #[test]
    fn what_is_to_be_undone_is_kept() {
        assert_eq!(heard(b"undo {\"landed\":1}\nwatch").undos, ["{\"landed\":1}"]);
    }

    #[test]
    fn only_a_whole_done_is_done() {
        assert!(heard(b"done\n").is_done);
        assert!(heard(b"watch 2 3 4 a\n\xff\xfe\ndone\nwatch").is_done);
        for text in [&b""[..], b"done", b"done \n", b"Done\n", b"not done\n"] {
            assert!(!heard(text).is_done);
        }
    }

    #[test]
    fn nonsense_watches_nobody() {
        for text in [
            "watch",
            "watch \n",
            "watch 1 2 3 x\n",
            "watch 0 0 0 x\n",
            "watch -1 5 -1 x\n",
            "watch 5 5\n",
            "watch a b c d\n",
            "watch 5 5 1 x\n",
            "watch 99999999999 1 2 x\n",
            "spare x 5\n",
            "spare 5\n",
        ] {
            assert_eq!(heard(text.as_bytes()).watched, [], "{text}");
            assert_eq!(heard(text.as_bytes()).spared.len(), 0, "{text}");
        }
        assert_eq!(heard(b"nonsense\nwatch 5 6 7\n").unread, ["nonsense"]);
        assert_eq!(heard(b"nonsense\nwatch 5 6 7\n").watched.len(), 1);
    }

    #[test]
    fn only_those_below_this_very_run_are_remembered_while_they_live() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let entry = table::entry(i32::try_from(child.id()).unwrap()).unwrap().unwrap();
        let mut known = Known::default();
        // A stranger with the run's number.
        known.look((entry.pid, entry.start + 1));
        assert_eq!(known.seen, BTreeSet::new());
        known.seen = BTreeSet::from([entry.id()]);
        known.look((entry.pid, entry.start + 1));
        assert_eq!(known.seen, BTreeSet::from([entry.id()]));
        assert!(known.scope("r").roots.contains(&entry.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        known.look((entry.pid, entry.start + 1));
        assert_eq!(known.seen, BTreeSet::new());
    }
}
