//! Migrations: the database's shape, step by step; SQLite's `user_version` counts them.
//!
//! Invariant: a step is applied whole or not at all, once.
//! Not here: downgrades; a file from a newer edition is refused untouched.

use sqlx::{Connection, SqliteConnection};

use super::StoreError;

/// Never edited, only appended to.
const STEPS: [&str; 1] = [include_str!("../../migrations/0001_samples.sql")];

/// Brings the database to this edition's shape.
///
/// # Errors
/// When a step fails, or the file was written by a newer edition.
pub(super) async fn apply(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    // IMMEDIATE: of two backends on a new file one waits, and then finds the work done.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let done: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(StoreError::Database(format!(
            "the file has schema {done}, this edition knows {}: use the edition that wrote it, \
             or another file",
            STEPS.len()
        )));
    }
    for step in STEPS.iter().skip(done) {
        sqlx::raw_sql(step).execute(&mut *transaction).await?;
    }
    let version = format!("PRAGMA user_version = {}", STEPS.len());
    sqlx::raw_sql(&version).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}
