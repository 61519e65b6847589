//! Reads a far end's store back into a fleet's account.
//!
//! Invariant: a store that could not be read whole is not judged: its ledger says why.
//! Not here: HTTP (`store`), the counts (`ledger`).

use super::aim::Reader;
use super::key::{self, Keys};
use super::ledger::Account;
use super::message::Messages;
use super::shared::lock;
use super::store::{Page, Store};
use super::template::{Slots, Template};
use crate::plan::Text;
use crate::plan::fleet::{Found, ReadBack};
use crate::service::{self, Address};
use assay_slo::At;
use assay_slo::event::Ledger;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::task::JoinSet;

/// Devices read at once.
const AT_ONCE: u64 = 8;
/// Between two readings of a far end that may still be passing samples on.
const EVERY: Duration = Duration::from_secs(5);
/// A device's pages beyond one for each of its samples.
const SPARE_PAGES: u64 = 1000;
/// Time for a command.
const COMMAND_WITHIN: Duration = Duration::from_secs(300);
/// Foreign keys remembered, to count each once.
const MOST_FOREIGN: usize = 100_000;
/// Longest line of a command.
const MOST_LINE: u64 = 1 << 16;

impl Reader {
    /// Reads the store, again and again where it may still be growing, and closes the account.
    pub(super) async fn read(
        &self,
        resolve: &(dyn Fn(&str) -> Option<Address> + Sync),
        folder: &Path,
    ) -> Ledger {
        let clock = self.ties.clock;
        loop {
            lock(&self.ties.account).start_reading();
            let read = self.read_once(resolve, folder).await;
            let store = read.map(|()| lock(&self.ties.account).store());
            let complete = store.as_ref().is_ok_and(|store| store.lost == 0);
            let next = clock.now().0.saturating_add(EVERY.as_micros() as u64);
            let once = self.plan.gateway.is_some() || self.plan.read_back.is_none();
            if once || is_final(complete, At(next), self.drained) {
                return lock(&self.ties.account).ledger(self.ties.messages.devices(), store);
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn read_once(
        &self,
        resolve: &(dyn Fn(&str) -> Option<Address> + Sync),
        folder: &Path,
    ) -> Result<(), String> {
        let Some(read_back) = &self.plan.read_back else {
            return Err("nothing says how its store is read back".to_owned());
        };
        match read_back {
            ReadBack::Http { service, path, found, duplicates, next } => {
                let address = resolve(service)
                    .ok_or_else(|| format!("service `{service}` has no address any more"))?;
                let path = self.template(path)?;
                if matches!(found, Found::Ranges(_))
                    && !path.names_device()
                    && self.plan.devices != 1
                {
                    let text = "ranges of numbers belong to one device: the path needs `${device}`";
                    return Err(text.to_owned());
                }
                let question = Question {
                    store: Store::new(address)?,
                    path,
                    found: found.clone(),
                    duplicates: duplicates.clone(),
                    next: next.clone(),
                    keys: match found {
                        Found::Items { .. } => Some(self.keys.clone()?),
                        Found::Ranges(_) => None,
                    },
                    messages: Arc::clone(&self.ties.messages),
                    account: Arc::clone(&self.ties.account),
                    foreign: Mutex::default(),
                    unknown: AtomicU64::new(0),
                };
                question.ask_all().await
            }
            ReadBack::Command(words) => self.command(words, folder).await,
        }
    }

    fn template(&self, text: &Text) -> Result<Template, String> {
        Template::parse(&text.0, &*self.known).map_err(|error| error.to_string())
    }

    /// Runs a command and reads its lines.
    async fn command(&self, words: &[Text], folder: &Path) -> Result<(), String> {
        let keys = self.keys.clone()?;
        let fill = |text: &Text| self.template(text).map(|template| plain(&template, "", ""));
        let words = words.iter().map(fill).collect::<Result<Vec<_>, String>>()?;
        let run_id = (self.known)("run.id").unwrap_or_default();
        let command = service::command(&words, folder, &run_id);
        let mut command = command.ok_or("the command has no words")?;
        command.stderr(Stdio::null());
        let program = command.as_std().get_program().to_owned();
        let (mut child, group) = service::spawn_group(&mut command)
            .map_err(|error| format!("`{}` could not be run: {error}", program.display()))?;
        let read = async {
            lock(&self.ties.account).reads_items();
            let mut foreign = BTreeSet::new();
            if let Some(output) = child.stdout.take() {
                let mut output = BufReader::new(output);
                let mut line = Vec::new();
                loop {
                    line.clear();
                    let read = (&mut output).take(MOST_LINE).read_until(b'\n', &mut line).await;
                    if read.map_err(|error| format!("its output broke off: {error}"))? == 0 {
                        break;
                    }
                    let text = String::from_utf8_lossy(&line);
                    let key: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
                    if !key.is_empty() {
                        let mut account = lock(&self.ties.account);
                        note(&mut account, &self.ties.messages, &keys, None, key, &mut foreign);
                    }
                }
            }
            let status = child.wait().await.map_err(|error| error.to_string())?;
            group.release();
            if status.success() { Ok(()) } else { Err(format!("the command ended with {status}")) }
        };
        match tokio::time::timeout(COMMAND_WITHIN, read).await {
            Ok(read) => read,
            Err(_) => Err(format!("the command took longer than {} s", COMMAND_WITHIN.as_secs())),
        }
    }
}

/// Whether a reading decides: nothing is missing, or the drain is over before the next.
fn is_final(complete: bool, next: At, drained: At) -> bool {
    complete || next > drained
}

/// How one store is asked.
struct Question {
    store: Store,
    path: Template,
    found: Found,
    duplicates: Option<String>,
    next: Option<String>,
    keys: Option<Keys>,
    messages: Arc<Messages>,
    account: Arc<Mutex<Account>>,
    foreign: Mutex<BTreeSet<Vec<String>>>,
    /// Questions answered 404.
    unknown: AtomicU64,
}

impl Question {
    /// Asks for every device, or for all at once where the path names none.
    async fn ask_all(self) -> Result<(), String> {
        if self.keys.is_some() {
            lock(&self.account).reads_items();
        }
        let devices = self.messages.devices().count();
        let each = self.path.names_device();
        let asked = if each { devices } else { 1 };
        let question = Arc::new(self);
        let mut readers = JoinSet::new();
        for first in 0..AT_ONCE.min(asked) {
            let question = Arc::clone(&question);
            readers.spawn(async move {
                let mut device = first;
                while device < asked {
                    question.ask(device, each || devices == 1).await?;
                    device += AT_ONCE;
                }
                Ok::<(), String>(())
            });
        }
        while let Some(read) = readers.join_next().await {
            read.map_err(|_| "a task that read the store died".to_owned())??;
        }
        // A wrong path and a store that never saw a sample look alike: both are 404 for all.
        if asked > 0 && question.unknown.load(Ordering::Relaxed) == asked {
            let path = question.fill(0, "0");
            return Err(format!("`GET {path}` answered 404, and so did all others"));
        }
        Ok(())
    }

    /// All pages of one device, or of all.
    async fn ask(&self, device: u64, one: bool) -> Result<(), String> {
        let most = self.messages.devices().samples();
        let most = if one { most } else { most.saturating_mul(self.messages.devices().count()) };
        let mut cursor = "0".to_owned();
        for _ in 0..most.saturating_add(SPARE_PAGES) {
            let path = self.fill(device, &cursor);
            let page = match self.store.page(&path).await? {
                Page::Json(page) => page,
                Page::Unknown => {
                    self.unknown.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
            };
            self.take(&page, one.then_some(device))
                .map_err(|why| format!("the answer to `GET {path}` {why}"))?;
            let next = self.next.as_ref().and_then(|next| page.pointer(next));
            match next.map(|next| (key::text(next), next)) {
                None | Some((None, Value::Null)) => return Ok(()),
                Some((Some(next), _)) if next != cursor => cursor = next,
                Some((Some(next), _)) => {
                    return Err(format!("the answer to `GET {path}` names itself as next: {next}"));
                }
                Some((None, next)) => {
                    return Err(format!("the answer to `GET {path}` has no next page in {next}"));
                }
            }
        }
        Err(format!("`GET {}` has more pages than samples", self.fill(device, &cursor)))
    }

    fn fill(&self, device: u64, cursor: &str) -> String {
        plain(&self.path, &self.messages.devices().name(device), cursor)
    }

    /// Notes what a page holds.
    fn take(&self, page: &Value, asked: Option<u64>) -> Result<(), String> {
        let list = |pointer: &str| {
            let list = page.pointer(pointer).and_then(Value::as_array);
            list.ok_or_else(|| format!("has no list at `{pointer}`"))
        };
        let mut account = lock(&self.account);
        match (&self.found, &self.keys) {
            (Found::Items { list: items, key }, Some(keys)) => {
                let mut foreign = lock(&self.foreign);
                for item in list(items)? {
                    let part = |pointer: &String| item.pointer(pointer).and_then(key::text);
                    let parts: Option<Vec<String>> = key.iter().map(part).collect();
                    let parts = parts.ok_or("has an item without its key")?;
                    note(&mut account, &self.messages, keys, asked, parts, &mut foreign);
                }
            }
            (Found::Items { .. }, None) => return Err("cannot be read without keys".to_owned()),
            (Found::Ranges(ranges), _) => {
                let device = usize::try_from(asked.unwrap_or(0)).unwrap_or(usize::MAX);
                for range in list(ranges)? {
                    let ends = range.as_array().map(Vec::as_slice);
                    match ends.map(|ends| ends.iter().map(Value::as_u64).collect::<Vec<_>>()) {
                        Some(ends)
                            if let [Some(first), Some(last)] = ends[..]
                                && first <= last =>
                        {
                            account.found_range(device, first, last);
                        }
                        _ => return Err(format!("has {range} where [first, last] should be")),
                    }
                }
            }
        }
        if let Some(pointer) = &self.duplicates {
            let repeats = page.pointer(pointer).and_then(Value::as_u64);
            account.found_repeats(repeats.ok_or_else(|| format!("has no count at `{pointer}`"))?);
        }
        Ok(())
    }
}

/// Notes one key, as often as the store has it; foreign ones count once, as long as there are
/// not too many to remember.
fn note(
    account: &mut Account,
    messages: &Messages,
    keys: &Keys,
    asked: Option<u64>,
    key: Vec<String>,
    foreign: &mut BTreeSet<Vec<String>>,
) {
    let ours = keys.read(messages.devices(), &key, asked).is_some_and(|(device, sample)| {
        usize::try_from(device).is_ok_and(|device| account.found_item(device, sample))
    });
    if !ours && (foreign.len() >= MOST_FOREIGN || foreign.insert(key)) {
        account.found_unexpected(1);
    }
}

/// A text with places for a device and a cursor only.
fn plain(template: &Template, device: &str, cursor: &str) -> String {
    let slots = Slots { device, sample: 0, now: "", cursor };
    template.fill(&slots, &mut ChaCha8Rng::seed_from_u64(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_final_when_complete_or_when_the_drain_has_no_room_for_another() {
        assert!(is_final(true, At(5), At(100)));
        assert!(!is_final(false, At(100), At(100)));
        assert!(is_final(false, At(101), At(100)));
    }
}
