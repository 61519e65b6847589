//! The life of the service: open, bind, serve, stop.
//!
//! Invariant: after the call to stop, what is in flight has `shutdown_grace`; then the store
//! commits what it has accepted. Nothing acknowledged is lost, nothing lost was acknowledged.
//! Not here: signals and exit codes, which are the caller's.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::ListenerExt;
use prometheus::Registry;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::api::{self, App};
use crate::fleet::Fleet;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::sqlite::Sqlite;
use crate::telemetry::metrics::Metrics;

/// Why there is no service.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The store could not be opened.
    #[error("cannot open the store {url}: {reason}")]
    Store {
        /// The database's URL.
        url: String,
        /// What the database said.
        reason: String,
    },
    /// Another process has the port.
    #[error(
        "cannot listen on {0}: another process has this port; stop it, choose another port, \
         or port 0 for a free one"
    )]
    PortTaken(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The metrics could not be declared.
    #[error("cannot declare the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The listener failed while serving.
    #[error("serving failed: {0}")]
    Serve(std::io::Error),
}

/// A service that has its store and its port, but does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    store: Arc<dyn Store>,
    settings: Settings,
}

impl Server {
    /// Opens the store (makes its file and folder) and binds the port.
    ///
    /// # Errors
    /// [`ServeError`]'s first four.
    pub async fn bind(settings: Settings) -> Result<Server, ServeError> {
        let registry = Arc::new(Registry::new());
        let environment = &settings.environment;
        let metrics = Arc::new(Metrics::new(registry, Settings::APP_VERSION, environment)?);
        // The port first: a taken one must not leave a database behind.
        let address = settings.listen;
        let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => ServeError::PortTaken(address),
            _ => ServeError::Listen { address, source },
        })?;
        let address =
            listener.local_addr().map_err(|source| ServeError::Listen { address, source })?;
        let fleet = Arc::new(Fleet::default());
        let store: Arc<dyn Store> = Arc::new(
            Sqlite::open(&settings, Arc::clone(&fleet), Arc::clone(&metrics)).await.map_err(
                |error| ServeError::Store {
                    url: settings.database_url.clone(),
                    reason: error.to_string(),
                },
            )?,
        );
        let app = Arc::new(App::new(settings.clone(), fleet, Arc::clone(&store), metrics));
        Ok(Server { listener, address, app, store, settings })
    }

    /// Where it listens; tells the port when 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` is done, then stops in order.
    ///
    /// # Errors
    /// [`ServeError::Serve`].
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let settings = &self.settings;
        tracing::info!(
            function = "run",
            app_name = settings.app_name,
            app_version = Settings::APP_VERSION,
            address = %self.address,
            database = settings.database_url,
            mutants = settings.mutants.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            "listening"
        );
        // Small answers must not wait for the client's delayed acknowledgement.
        let listener = self.listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(function = "run", %error, "TCP_NODELAY was refused");
            }
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = axum::serve(listener, api::router(self.app)).with_graceful_shutdown(async {
            // A dropped sender stops it, too.
            let _ = stopped.await;
        });
        let mut serving = std::pin::pin!(serving.into_future());
        let early = tokio::select! {
            ended = &mut serving => Some(ended),
            () = shutdown => None,
        };
        let ended = match early {
            Some(ended) => ended,
            None => {
                let _ = stop.send(());
                match tokio::time::timeout(settings.shutdown_grace, &mut serving).await {
                    Ok(ended) => ended,
                    Err(_) => {
                        tracing::warn!(function = "run", "requests outlived the grace period");
                        Ok(())
                    }
                }
            }
        };
        self.store.close().await;
        tracing::info!(function = "run", "stopped");
        ended.map_err(ServeError::Serve)
    }
}

/// Opens the store, binds the port and serves until `shutdown` is done.
///
/// # Errors
/// Any [`ServeError`]; nothing was served unless it is [`ServeError::Serve`].
pub async fn serve(
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    Server::bind(settings).await?.run(shutdown).await
}
