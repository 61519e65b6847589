//! The store's laws: what was acknowledged is there, once, also after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use prometheus::Registry;
use proptest::prelude::*;

use super::sqlite::{Place, Sqlite};
use super::{Record, SamplePage, Store, StoreError, Written};
use crate::fleet::Fleet;
use crate::machine::MachineId;
use crate::sample::{Features, Sample, parse_instant};
use crate::settings::Settings;
use crate::telemetry::metrics::Metrics;

fn id(text: &str) -> MachineId {
    MachineId::parse(text).unwrap()
}

fn sample(machine: &str, number: Option<i64>, second: u32) -> Record {
    Record::Sample(Sample {
        machine_id: id(machine),
        number,
        measured_at: parse_instant(&format!("2024-01-01T00:00:{second:02}Z")).unwrap(),
        status: Some(format!("s{second}")),
        metrics: [("rpm".to_owned(), f64::from(second) + 0.25)].into(),
    })
}

async fn open_url(url: &str) -> Result<(Arc<Sqlite>, Arc<Fleet>), StoreError> {
    let settings = Settings { database_url: url.to_owned(), ..Settings::default() };
    let fleet = Arc::new(Fleet::default());
    let metrics = Arc::new(Metrics::new(Arc::new(Registry::new()), "v", "e").unwrap());
    let store = Sqlite::open(&settings, Arc::clone(&fleet), metrics).await?;
    Ok((Arc::new(store), fleet))
}

async fn open(path: &Path) -> (Arc<Sqlite>, Arc<Fleet>) {
    open_url(&format!("sqlite://{}", path.display())).await.unwrap()
}

async fn all(store: &Sqlite, machine: &str) -> SamplePage {
    store.samples(&id(machine), None, 10_000).await.unwrap()
}

#[tokio::test]
async fn a_restart_keeps_what_was_acknowledged_and_the_state_of_the_fleet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on/demand/b.db");
    let (store, fleet) = open(&path).await;
    assert!(fleet.knows(&id("MILL-3")));
    for (number, second) in [(1, 10), (2, 30), (3, 20)] {
        store.write(sample("TRUCK-21-7", Some(number), second)).await.unwrap();
    }
    store.write(sample("TRUCK-21-7", Some(2), 50)).await.unwrap();
    let before = fleet.get(&id("TRUCK-21-7"));
    store.close().await;
    assert_eq!(store.write(sample("MILL-3", None, 1)).await, Err(StoreError::Closed));
    assert!(!store.is_open());

    let (store, fleet) = open(&path).await;
    let expect = SamplePage { ranges: vec![[1, 3]], repeats: 1, next: None };
    assert_eq!(all(&store, "TRUCK-21-7").await, expect);
    assert_eq!(fleet.get(&id("TRUCK-21-7")), before, "the latest by measurement, repeats ignored");
    assert_eq!(before.unwrap().latest.as_ref().unwrap().metrics["rpm"], 30.25);
    assert_eq!(fleet.page(None, 100).len(), 4);
}

#[tokio::test]
async fn what_is_queued_at_the_call_to_close_is_committed_and_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let (store, _) = open(&path).await;
    let writes: Vec<_> = (0..500)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { (n, store.write(sample("T", Some(n), 1)).await) })
        })
        .collect();
    // Lets them all queue: none of these tasks waits for anything but the writer.
    tokio::task::yield_now().await;
    store.close().await;
    let mut acknowledged = BTreeSet::new();
    for write in writes {
        match write.await.unwrap() {
            (n, Ok(Written::New)) => drop(acknowledged.insert(n)),
            (_, answer) => assert_eq!(answer, Err(StoreError::Closed)),
        }
    }
    assert!(!acknowledged.is_empty());
    let (store, _) = open(&path).await;
    assert_eq!(numbers(&all(&store, "T").await), acknowledged);
}

fn numbers(page: &SamplePage) -> BTreeSet<i64> {
    page.ranges.iter().flat_map(|[first, last]| *first..=*last).collect()
}

#[tokio::test]
async fn one_of_many_senders_of_the_same_number_is_the_first() {
    let (store, fleet) = open_url("sqlite::memory:").await.unwrap();
    let writes: Vec<_> = (0..64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.write(sample("T", Some(7), n % 60)).await.unwrap() })
        })
        .collect();
    let mut new = 0;
    for write in writes {
        new += usize::from(write.await.unwrap() == Written::New);
    }
    assert_eq!(new, 1);
    let page = all(&store, "T").await;
    assert_eq!((page.ranges, page.repeats), (vec![[7, 7]], 63));
    assert_eq!(fleet.get(&id("T")).unwrap().latest.as_ref().unwrap().metrics.len(), 1);
}

#[tokio::test]
async fn samples_without_a_number_are_all_new_and_have_no_number_to_read_back() {
    let (store, _) = open_url("sqlite::memory:").await.unwrap();
    for _ in 0..3 {
        assert_eq!(store.write(sample("T", None, 1)).await, Ok(Written::New));
    }
    let largest = sample("T", Some(i64::MAX), 1);
    assert_eq!(store.write(largest).await, Ok(Written::New));
    let page = SamplePage { ranges: vec![[i64::MAX; 2]], repeats: 0, next: None };
    assert_eq!(all(&store, "T").await, page, "the largest number is read back exactly");
    let features = Features {
        machine_id: id("F"),
        measured_at: parse_instant("2024-01-01T00:00:00Z").unwrap(),
        features: [("a".to_owned(), -0.5)].into(),
    };
    assert_eq!(store.write(Record::Features(features)).await, Ok(Written::New));
    assert_eq!(all(&store, "F").await, SamplePage { ranges: vec![], repeats: 0, next: None });
}

#[tokio::test]
async fn memory_databases_are_strangers_to_each_other() {
    let (one, _) = open_url("sqlite::memory:").await.unwrap();
    let (other, _) = open_url("sqlite::memory:").await.unwrap();
    one.write(sample("T", Some(1), 1)).await.unwrap();
    assert!(all(&other, "T").await.ranges.is_empty());
}

#[tokio::test]
async fn a_file_that_is_no_database_or_a_newer_one_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    std::fs::write(&path, "this is a letter, not a database, and long enough to tell").unwrap();
    assert!(open_url(&format!("sqlite://{}", path.display())).await.is_err());
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("this is a letter"));

    let newer = folder.path().join("newer.db");
    let (store, _) = open(&newer).await;
    store.close().await;
    let bytes = std::fs::read(&newer).unwrap();
    // user_version is the big-endian word at offset 60 of the header.
    let mut bytes = bytes;
    bytes[60..64].copy_from_slice(&9_u32.to_be_bytes());
    std::fs::write(&newer, bytes).unwrap();
    let error = open_url(&format!("sqlite://{}", newer.display())).await.err().unwrap();
    assert!(error.to_string().contains("schema 9"), "{error}");
}

#[test]
fn urls_are_read_or_refused_with_what_to_write() {
    assert_eq!(Place::parse("sqlite::memory:"), Ok(Place::Memory));
    assert_eq!(Place::parse("sqlite:///a/b.db"), Ok(Place::File("/a/b.db".into())));
    assert_eq!(Place::parse("sqlite://b 100%.db"), Ok(Place::File("b 100%.db".into())));
    for bad in ["", "b.db", "sqlite://", "sqlite:b.db", "sqlite://b?mode=ro"] {
        assert!(Place::parse(bad).is_err_and(|m| m.contains("sqlite://PATH")), "{bad}");
    }
    let secret = Place::parse("postgres://user:pass@host/db").unwrap_err();
    assert!(secret.contains("postgres") && !secret.contains("pass@"), "{secret}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is sent in whatever order, pages of any size join to exactly the set of numbers,
    /// and duplicates are what was sent beyond it.
    #[test]
    fn pages_join_to_the_set_of_numbers(
        sent in prop::collection::vec(0_i64..60, 1..120),
        limit in 1_u32..70,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (store, _) = open_url("sqlite::memory:").await.unwrap();
            let mut copies = BTreeMap::<i64, i64>::new();
            let writes: Vec<_> = sent.iter().map(|n| store.write(sample("T", Some(*n), 1))).collect();
            for (number, write) in sent.iter().zip(writes) {
                let first = !copies.contains_key(number);
                *copies.entry(*number).or_default() += 1;
                prop_assert_eq!(write.await.unwrap() == Written::New, first);
            }
            let (mut after, mut seen, mut repeats) = (None, BTreeSet::new(), 0);
            loop {
                let page = store.samples(&id("T"), after, limit).await.unwrap();
                let held = numbers(&page);
                prop_assert!(held.len() <= limit as usize);
                prop_assert!(page.ranges.windows(2).all(|w| w[0][1] + 1 < w[1][0]));
                seen.extend(held);
                repeats += page.repeats;
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            prop_assert_eq!(&seen, &copies.keys().copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(repeats, sent.len() as i64 - seen.len() as i64);
            Ok(())
        })?;
    }
}
