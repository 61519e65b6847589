//! How a SQLite database of the platform is opened: the store's, and the outbox of an edge.
//!
//! Invariant: both are as durable as the settings say (`synchronous`), in WAL mode.
//! Not here: what is in them (`sqlite`, `crate::edge`).

use std::path::Path;
use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use super::{Place, StoreError};
use crate::settings::{Settings, Synchronous};

/// Options for the database of this place, whose folder is there then.
///
/// # Errors
/// When the folder cannot be made.
pub(crate) async fn sqlite_options(
    place: &Place,
    settings: &Settings,
) -> Result<SqliteConnectOptions, StoreError> {
    let options = match place {
        Place::File(path) => {
            make_folder(path).await?;
            SqliteConnectOptions::new().filename(path)
        }
        Place::Memory | Place::Postgres(_) => SqliteConnectOptions::from_str("sqlite::memory:")?,
    };
    let synchronous = match settings.synchronous {
        Synchronous::Full => SqliteSynchronous::Full,
        Synchronous::Normal => SqliteSynchronous::Normal,
    };
    Ok(options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .busy_timeout(settings.timeout_pool)
        .disable_statement_logging())
}

async fn make_folder(file: &Path) -> Result<(), StoreError> {
    let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) else { return Ok(()) };
    tokio::fs::create_dir_all(folder).await.map_err(|e| {
        StoreError::Database(format!("cannot make the folder {}: {e}", folder.display()))
    })
}
