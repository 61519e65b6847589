//! The store's laws, on SQLite and on PostgreSQL: what was acknowledged is there, once, also after a
//! restart.

mod history;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prometheus::Registry;
use proptest::prelude::*;
use sqlx::{Connection, SqliteConnection};

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

async fn open(url: &str) -> Result<(Arc<dyn Store>, Arc<Fleet>), StoreError> {
    let settings = Settings { database_url: url.to_owned(), ..Settings::default() };
    let fleet = Arc::new(Fleet::default());
    let metrics = Arc::new(Metrics::new(Arc::new(Registry::new()), "v", "e").unwrap());
    let store = super::open(&settings, Arc::clone(&fleet), metrics).await?;
    Ok((store, fleet))
}

async fn opened(url: &str) -> (Arc<dyn Store>, Arc<Fleet>) {
    open(url).await.unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// An empty database of each kind.
struct Sites {
    urls: Vec<String>,
    _folder: tempfile::TempDir,
}

impl Sites {
    async fn new() -> Sites {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("made/on/demand/b.db");
        let mut urls = vec![format!("sqlite://{}", file.display())];
        urls.extend(server::database().await);
        Sites { urls, _folder: folder }
    }
}

async fn put(store: &dyn Store, record: Record) -> Result<Written, StoreError> {
    store.write(Arc::from([record])).await.map(|written| written[0])
}

async fn all(store: &dyn Store, machine: &str) -> SamplePage {
    store.samples(&id(machine), None, 10_000).await.unwrap()
}

#[tokio::test]
async fn a_restart_keeps_what_was_acknowledged_and_the_state_of_the_fleet() {
    for url in Sites::new().await.urls.iter() {
        let (store, fleet) = opened(url).await;
        assert!(fleet.knows(&id("MILL-3")), "{url}");
        for (number, second) in [(1, 10), (2, 30), (3, 20)] {
            put(&*store, sample("TRUCK-21-7", Some(number), second)).await.unwrap();
        }
        put(&*store, sample("TRUCK-21-7", Some(2), 50)).await.unwrap();
        let before = fleet.get(&id("TRUCK-21-7"));
        store.close().await;
        assert_eq!(put(&*store, sample("MILL-3", None, 1)).await, Err(StoreError::Closed));
        assert!(!store.is_open());

        let (store, fleet) = opened(url).await;
        let expect = SamplePage { ranges: vec![[1, 3]], repeats: 1, next: None };
        assert_eq!(all(&*store, "TRUCK-21-7").await, expect);
        let after = fleet.get(&id("TRUCK-21-7"));
        assert_eq!(after, before, "the latest by measurement, repeats ignored");
        assert_eq!(before.unwrap().latest.as_ref().unwrap().metrics["rpm"], 30.25);
        assert_eq!(fleet.page(None, 100).len(), 4);
        store.close().await;
    }
}

#[tokio::test]
async fn what_is_queued_at_the_call_to_close_is_committed_and_answered() {
    for url in Sites::new().await.urls.iter() {
        let (store, _) = opened(url).await;
        let writes: Vec<_> = (0..500)
            .map(|n| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { (n, put(&*store, sample("T", Some(n), 1)).await) })
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
        let (store, _) = opened(url).await;
        assert_eq!(numbers(&all(&*store, "T").await), acknowledged);
        store.close().await;
    }
}

fn numbers(page: &SamplePage) -> BTreeSet<i64> {
    page.ranges.iter().flat_map(|[first, last]| *first..=*last).collect()
}

#[tokio::test]
async fn one_of_many_senders_of_the_same_number_is_the_first() {
    for url in Sites::new().await.urls.iter() {
        let (store, fleet) = opened(url).await;
        let writes: Vec<_> = (0..64)
            .map(|n| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { put(&*store, sample("T", Some(7), n % 60)).await })
            })
            .collect();
        let mut new = 0;
        for write in writes {
            new += usize::from(write.await.unwrap().unwrap() == Written::New);
        }
        assert_eq!(new, 1, "{url}");
        let page = all(&*store, "T").await;
        assert_eq!((page.ranges, page.repeats), (vec![[7, 7]], 63));
        assert_eq!(fleet.get(&id("T")).unwrap().latest.as_ref().unwrap().metrics.len(), 1);
        store.close().await;
    }
}

#[tokio::test]
async fn a_batch_tells_its_own_repeats_and_those_of_before() {
    for url in Sites::new().await.urls.iter() {
        let (store, _) = opened(url).await;
        put(&*store, sample("T", Some(1), 1)).await.unwrap();
        let numbers = [Some(1), Some(2), Some(2), None, None, Some(3), Some(1)];
        let batch: Arc<[Record]> = numbers.iter().map(|n| sample("T", *n, 2)).collect();
        let (new, again) = (Written::New, Written::Repeat);
        let written = store.write(batch).await;
        assert_eq!(written, Ok(vec![again, new, again, new, new, new, again]), "{url}");
        let page = all(&*store, "T").await;
        assert_eq!((page.ranges, page.repeats), (vec![[1, 3]], 3), "{url}");
        store.close().await;
    }
}

#[tokio::test]
async fn samples_without_a_number_are_all_new_and_have_no_number_to_read_back() {
    for url in Sites::new().await.urls.iter() {
        let (store, _) = opened(url).await;
        for _ in 0..3 {
            assert_eq!(put(&*store, sample("T", None, 1)).await, Ok(Written::New));
        }
        let largest = sample("T", Some(i64::MAX), 1);
        assert_eq!(put(&*store, largest).await, Ok(Written::New));
        let page = SamplePage { ranges: vec![[i64::MAX; 2]], repeats: 0, next: None };
        assert_eq!(all(&*store, "T").await, page, "the largest number is read back exactly");
        let features = Features {
            machine_id: id("F"),
            measured_at: parse_instant("2024-01-01T00:00:00Z").unwrap(),
            features: [("a".to_owned(), -0.5)].into(),
        };
        assert_eq!(put(&*store, Record::Features(features)).await, Ok(Written::New));
        let none = SamplePage { ranges: vec![], repeats: 0, next: None };
        assert_eq!(all(&*store, "F").await, none);
        store.close().await;
    }
}

#[tokio::test]
async fn two_backends_on_one_database_agree_on_what_is_new() {
    for url in Sites::new().await.urls.iter() {
        let ((one, _), (other, _)) = tokio::join!(opened(url), opened(url));
        let mut new = BTreeMap::<i64, u32>::new();
        let writes: Vec<_> = (0..200)
            .map(|n| {
                let store = Arc::clone(if n % 2 == 0 { &one } else { &other });
                let number = n / 2;
                tokio::spawn(
                    async move { (number, put(&*store, sample("T", Some(number), 1)).await) },
                )
            })
            .collect();
        for write in writes {
            let (number, written) = write.await.unwrap();
            *new.entry(number).or_default() += u32::from(written.unwrap() == Written::New);
        }
        assert!(new.len() == 100 && new.values().all(|n| *n == 1), "{url}: {new:?}");
        assert_eq!(all(&*one, "T").await.repeats, 100);
        one.close().await;
        other.close().await;
    }
}

#[tokio::test]
async fn a_disk_that_was_full_for_a_moment_is_got_over() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("b.db").display());
    let (store, _) = opened(&url).await;
    assert_eq!(put(&*store, sample("T", Some(1), 1)).await, Ok(Written::New));
    // As SQLite itself does on a full disk, this rolls the transaction back before the store can.
    let full = "CREATE TRIGGER full BEFORE INSERT ON samples
        BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END";
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(full).execute(&mut other).await.unwrap();
    for _ in 0..2 {
        let error = put(&*store, sample("T", Some(2), 2)).await.unwrap_err().to_string();
        assert!(error.contains("disk is full"), "{error}");
    }
    sqlx::raw_sql("DROP TRIGGER full").execute(&mut other).await.unwrap();
    assert_eq!(put(&*store, sample("T", Some(2), 2)).await, Ok(Written::New));
    assert_eq!(all(&*store, "T").await.ranges, [[1, 2]]);
    store.close().await;
}

#[tokio::test]
async fn memory_databases_are_strangers_to_each_other() {
    let (one, _) = opened("sqlite::memory:").await;
    let (other, _) = opened("sqlite::memory:").await;
    put(&*one, sample("T", Some(1), 1)).await.unwrap();
    assert!(all(&*other, "T").await.ranges.is_empty());
}

#[tokio::test]
async fn a_file_that_is_no_database_or_a_newer_one_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    std::fs::write(&path, "this is a letter, not a database, and long enough to tell").unwrap();
    assert!(open(&format!("sqlite://{}", path.display())).await.is_err());
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("this is a letter"));

    let newer = folder.path().join("newer.db");
    let url = format!("sqlite://{}", newer.display());
    opened(&url).await.0.close().await;
    let mut bytes = std::fs::read(&newer).unwrap();
    // user_version is the big-endian word at offset 60 of the header.
    bytes[60..64].copy_from_slice(&9_u32.to_be_bytes());
    std::fs::write(&newer, bytes).unwrap();
    let error = open(&url).await.err().unwrap();
    assert!(error.to_string().contains("schema 9"), "{error}");
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
            let (store, _) = opened("sqlite::memory:").await;
            let mut copies = BTreeMap::<i64, i64>::new();
            let writes: Vec<_> =
                sent.iter().map(|n| put(&*store, sample("T", Some(*n), 1))).collect();
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
