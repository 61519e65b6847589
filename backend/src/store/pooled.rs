//! What the stores have in common: a queue for writing, a pool for reading, the same statements.
//!
//! A macro, because sqlx's pools share no trait that says "runs these statements": generic code
//! would need a page of bounds for each of them.
//!
//! Invariant: both stores read and answer by the very same code.
//! Not here: opening, and the connection that writes (`sqlite`, `postgres`).

use std::time::Duration;

use super::StoreError;

/// Does it within the time that a database operation has.
pub(super) async fn within<T>(
    time: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(time, work).await.map_err(|_| StoreError::Timeout)?
}

/// Makes `$store`, which reads through a `$pool`, and is a [`Store`](super::Store).
macro_rules! pooled {
    ($(#[$about:meta])* $store:ident, $pool:ty) => {
        $(#[$about])*
        pub(super) struct $store {
            queue: Queue,
            readers: $pool,
            metrics: Arc<Metrics>,
            timeout_db: Duration,
        }

        impl $store {
            async fn page(
                &self,
                machine: &MachineId,
                after: i64,
                limit: u32,
            ) -> Result<SamplePage, StoreError> {
                let mut connection = self.readers.acquire().await?;
                let started = Instant::now();
                let rows: Vec<reads::RangeRow> = sqlx::query_as(reads::RANGES)
                    .bind(machine.as_str())
                    .bind(after)
                    .bind(i64::from(limit))
                    .fetch_all(&mut *connection)
                    .await?;
                let next = match reads::last_of_full(&rows, limit) {
                    Some(last) => {
                        let more: bool = sqlx::query_scalar(reads::ANY_ABOVE)
                            .bind(machine.as_str())
                            .bind(last)
                            .fetch_one(&mut *connection)
                            .await?;
                        more.then_some(last)
                    }
                    None => None,
                };
                self.metrics.query("select", "samples", started.elapsed());
                Ok(reads::page(&rows, next))
            }

            async fn kept(&self, machine: &MachineId, limit: u32) -> Result<Vec<Predicted>, StoreError> {
                let mut connection = self.readers.acquire().await?;
                let started = Instant::now();
                let rows: Vec<reads::PredictionRow> = sqlx::query_as(reads::PREDICTIONS)
                    .bind(machine.as_str())
                    .bind(i64::from(limit))
                    .fetch_all(&mut *connection)
                    .await?;
                self.metrics.query("select", "predictions", started.elapsed());
                reads::predictions(machine, rows)
            }

            async fn fuel(&self, machine: &MachineId, limit: u32) -> Result<Vec<Burned>, StoreError> {
                let mut connection = self.readers.acquire().await?;
                let started = Instant::now();
                let rows: Vec<reads::BurnedRow> = sqlx::query_as(reads::BURNED)
                    .bind(machine.as_str())
                    .bind(i64::from(limit))
                    .fetch_all(&mut *connection)
                    .await?;
                self.metrics.query("select", "samples", started.elapsed());
                reads::burned(machine, rows)
            }
        }

        impl Store for $store {
            fn write(&self, records: Arc<[Record]>) -> Answer<'_, Result<Vec<Written>, StoreError>> {
                Box::pin(self.queue.write(records))
            }

            fn note(&self, record: Record) -> bool {
                self.queue.note(record)
            }

            fn samples<'a>(
                &'a self,
                machine: &'a MachineId,
                after: Option<i64>,
                limit: u32,
            ) -> Answer<'a, Result<SamplePage, StoreError>> {
                // Numbers start at 0, so this is below all of them.
                Box::pin(within(self.timeout_db, self.page(machine, after.unwrap_or(-1), limit)))
            }

            fn predictions<'a>(
                &'a self,
                machine: &'a MachineId,
                limit: u32,
            ) -> Answer<'a, Result<Vec<Predicted>, StoreError>> {
                Box::pin(within(self.timeout_db, self.kept(machine, limit)))
            }

            fn burned<'a>(
                &'a self,
                machine: &'a MachineId,
                limit: u32,
            ) -> Answer<'a, Result<Vec<Burned>, StoreError>> {
                Box::pin(within(self.timeout_db, self.fuel(machine, limit)))
            }

            fn is_open(&self) -> bool {
                self.queue.is_open()
            }

            fn connections_active(&self) -> usize {
                let reading = (self.readers.size() as usize).saturating_sub(self.readers.num_idle());
                reading + self.queue.writing()
            }

            fn close(&self) -> Answer<'_, ()> {
                Box::pin(async {
                    self.readers.close().await;
                    self.queue.close().await;
                })
            }
        }
    };
}

pub(super) use pooled;
