//! Migrations: the database's shape, step by step. SQLite's `user_version` counts them, in
//! PostgreSQL a table of one row does.
//!
//! Invariant: a step is applied whole or not at all, once.
//! Not here: downgrades; a database from a newer edition is refused untouched.

use sqlx::{Connection, PgConnection, SqliteConnection};

use super::StoreError;

/// Never edited, only appended to.
const SQLITE: [&str; 2] = [
    include_str!("../../migrations/0001_samples.sql"),
    include_str!("../../migrations/0002_emissions_predictions.sql"),
];

/// Never edited, only appended to.
const POSTGRES: [&str; 1] = [include_str!("../../migrations/postgres/0001_all.sql")];

/// Of two backends that migrate one database at once, one waits under this lock.
const LOCK: i64 = 0x6173_7361_7900;

/// Brings a SQLite database to this edition's shape.
///
/// # Errors
/// When a step fails, or the file was written by a newer edition.
pub(super) async fn sqlite(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    // IMMEDIATE: of two backends on a new file one waits, and then finds the work done.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let done: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
    for step in left(&SQLITE, done)? {
        sqlx::raw_sql(step).execute(&mut *transaction).await?;
    }
    let version = format!("PRAGMA user_version = {}", SQLITE.len());
    sqlx::raw_sql(&version).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

/// Brings a PostgreSQL database to this edition's shape.
///
/// # Errors
/// When a step fails, or the database was written by a newer edition.
pub(super) async fn postgres(connection: &mut PgConnection) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
    let there: bool = sqlx::query_scalar("SELECT to_regclass('assay_schema') IS NOT NULL")
        .fetch_one(&mut *transaction)
        .await?;
    if !there {
        let make = "CREATE TABLE assay_schema (version BIGINT NOT NULL);
            INSERT INTO assay_schema VALUES (0)";
        sqlx::raw_sql(make).execute(&mut *transaction).await?;
    }
    let done: i64 =
        sqlx::query_scalar("SELECT version FROM assay_schema").fetch_one(&mut *transaction).await?;
    for step in left(&POSTGRES, done)? {
        sqlx::raw_sql(step).execute(&mut *transaction).await?;
    }
    sqlx::query("UPDATE assay_schema SET version = $1")
        .bind(POSTGRES.len() as i64)
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

/// The steps that a database has still to take.
fn left<'a>(steps: &'a [&'a str], done: i64) -> Result<&'a [&'a str], StoreError> {
    let known = steps.len();
    let left = usize::try_from(done).ok().and_then(|done| steps.get(done..));
    left.ok_or_else(|| {
        StoreError::Database(format!(
            "the database has schema {done}, this edition knows {known}: use the edition that \
             wrote it, or another database"
        ))
    })
}
