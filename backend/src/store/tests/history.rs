//! What is kept beside samples: predictions, and sums of fuel and electricity; and a file of the first
//! edition, whose samples have them too after migration.

use std::sync::Arc;

use sqlx::{Connection, SqliteConnection};

use super::{Sites, all, id, opened, put, sample};
use crate::sample::parse_instant;
use crate::store::{Predicted, Record};

fn predicted(machine: &str, n: u32) -> Predicted {
    let prediction = crate::model::predict(f64::from(n) / 1_000.0, None);
    let at = parse_instant("2024-01-01T00:00:00Z").unwrap() + chrono::TimeDelta::seconds(n.into());
    Predicted { machine_id: id(machine), at, prediction }
}

#[tokio::test]
async fn the_latest_predictions_are_kept_in_order_and_no_more_of_them() {
    for url in Sites::new().await.urls.iter() {
        let (store, _) = opened(url).await;
        for n in 0..50 {
            store.write(Arc::from([Record::Predicted(predicted("T", n))])).await.unwrap();
        }
        // More of one machine in a batch than are kept.
        let batch: Vec<Record> = (50..500).map(|n| Record::Predicted(predicted("T", n))).collect();
        store.write(batch.into()).await.unwrap();
        store.close().await;
        let (store, _) = opened(url).await;
        assert!(store.note(Record::Predicted(predicted("T", 500))));
        // The queue is first come, first served.
        put(&*store, sample("T", None, 1)).await.unwrap();
        let kept = store.predictions(&id("T"), 200).await.unwrap();
        let expect: Vec<Predicted> = (301..=500).rev().map(|n| predicted("T", n)).collect();
        assert_eq!(kept, expect, "{url}");
        assert_eq!(store.predictions(&id("T"), 1).await.unwrap(), expect[..1]);
        assert_eq!(store.predictions(&id("U"), 1).await.unwrap(), []);
        store.close().await;
    }
}

#[tokio::test]
async fn what_was_burned_sums_up_by_the_time_of_measurement() {
    for url in Sites::new().await.urls.iter() {
        let (store, _) = opened(url).await;
        let burning = |number, second, fuel: Option<f64>, kwh: Option<f64>| {
            let Record::Sample(mut one) = sample("T", Some(number), second) else { unreachable!() };
            one.metrics.extend(fuel.map(|f| ("fuel_rate_lh".to_owned(), f)));
            one.metrics.extend(kwh.map(|k| ("kwh".to_owned(), k)));
            Record::Sample(one)
        };
        for record in [
            burning(1, 30, Some(4.0), None),
            burning(2, 10, Some(1.0), Some(10.0)),
            burning(3, 20, None, None),
            burning(4, 20, None, Some(5.0)),
            burning(1, 40, Some(100.0), None),
            burning(5, 5, Some(-7.0), None),
        ] {
            put(&*store, record).await.unwrap();
        }
        let burned = store.burned(&id("T"), 3).await.unwrap();
        let seen: Vec<_> =
            burned.iter().map(|b| (b.fuel_rate_lh, b.kwh, b.fuel_sum, b.kwh_sum)).collect();
        let expect = [
            (Some(4.0), None, 5.0, 15.0),
            (None, Some(5.0), 1.0, 15.0),
            (Some(1.0), Some(10.0), 1.0, 10.0),
        ];
        assert_eq!(seen, expect, "{url}");
        assert_eq!(store.burned(&id("MILL-3"), 3).await.unwrap(), []);
        store.close().await;
    }
}

#[tokio::test]
async fn a_file_of_the_first_edition_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/old.db", folder.path().display());
    let mut old = SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
    let first = include_str!("../../../migrations/0001_samples.sql");
    sqlx::raw_sql(first).execute(&mut old).await.unwrap();
    let rows = "INSERT INTO machines VALUES ('T', 'unknown', '2024-01-01T00:00:00Z');
        INSERT INTO samples (machine_id, sample_number, measured_at, metrics)
            VALUES ('T', 1, 1000000, '{\"fuel_rate_lh\":9,\"rpm\":1.5}'), ('T', 2, 2000000, '{\"rpm\":2}');
        PRAGMA user_version = 1";
    sqlx::raw_sql(rows).execute(&mut old).await.unwrap();
    old.close().await.unwrap();
    let (store, fleet) = opened(&url).await;
    assert_eq!(all(&*store, "T").await.ranges, [[1, 2]]);
    let burned = store.burned(&id("T"), 10).await.unwrap();
    assert_eq!(burned.iter().map(|b| b.fuel_sum).collect::<Vec<_>>(), [9.0]);
    assert_eq!(fleet.get(&id("T")).unwrap().latest.as_ref().unwrap().metrics["rpm"], 2.0);
    store.close().await;
}
