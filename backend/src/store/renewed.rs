//! One SQLite connection that writes: the store's, and the one of an edge's outbox.
//!
//! SQLite rolls a transaction back by itself where the disk is full or fails. The ROLLBACK that
//! follows finds no transaction, and the driver goes on believing in one: every later BEGIN on that
//! connection is refused.
//!
//! Invariant: a transaction that was begun and not committed is the last of its connection: the next
//! one begins on a new one.
//! Not here: what is written (`sqlite`, `crate::edge`).

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection, Transaction};

/// A connection that is made anew after a transaction that did not end well.
pub(crate) struct Renewed {
    options: SqliteConnectOptions,
    connection: SqliteConnection,
    /// A transaction was begun and has not been committed.
    doubtful: bool,
}

impl Renewed {
    /// Over the connection that was made with these options.
    pub(crate) fn new(options: SqliteConnectOptions, connection: SqliteConnection) -> Renewed {
        Renewed { options, connection, doubtful: false }
    }

    /// Begins a transaction that writes. Once it is committed, [`Renewed::committed`] is to be told.
    ///
    /// # Errors
    /// When another process has the lock, or no connection can be made.
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_, Sqlite>, sqlx::Error> {
        if self.doubtful {
            // The new one first: a database in memory is gone with its last connection.
            let new = self.options.connect().await?;
            let old = std::mem::replace(&mut self.connection, new);
            // Awaited: what it may have left open keeps others from writing.
            if let Err(error) = old.close().await {
                tracing::debug!(function = "begin", %error, "the old connection did not close");
            }
        }
        // Also of whoever drops this future half-way.
        self.doubtful = true;
        let begun = self.connection.begin_with("BEGIN IMMEDIATE").await;
        if begun.as_ref().is_err_and(is_locked) {
            self.doubtful = false;
        }
        begun
    }

    /// The transaction is committed.
    pub(crate) fn committed(&mut self) {
        self.doubtful = false;
    }

    /// For reading outside of transactions.
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(crate) async fn close(self) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }
}

/// Whether another process has kept the lock for longer than `timeout_pool`.
pub(super) fn is_locked(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|why| why.message().contains("database is locked"))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[tokio::test]
    async fn a_transaction_that_sqlite_ended_by_itself_stops_no_later_one_and_loses_nothing() {
        let options = SqliteConnectOptions::from_str("sqlite::memory:").unwrap();
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql("CREATE TABLE t (a INTEGER)").execute(&mut connection).await.unwrap();
        let mut renewed = Renewed::new(options, connection);
        let insert = "INSERT INTO t VALUES (1)";
        for _ in 0..2 {
            let mut kept = renewed.begin().await.unwrap();
            sqlx::raw_sql(insert).execute(&mut *kept).await.unwrap();
            kept.commit().await.unwrap();
            renewed.committed();
            let mut lost = renewed.begin().await.unwrap();
            sqlx::raw_sql(insert).execute(&mut *lost).await.unwrap();
            // What SQLite does by itself where the disk is full.
            sqlx::raw_sql("ROLLBACK").execute(&mut *lost).await.unwrap();
            assert!(lost.commit().await.is_err());
        }
        let mut last = renewed.begin().await.unwrap();
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM t");
        assert_eq!(count.fetch_one(&mut *last).await.unwrap(), 2, "also of a database in memory");
    }
}
