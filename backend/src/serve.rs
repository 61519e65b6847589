//! The life of the service: open, bind, serve, stop.
//!
//! Invariant: a stop takes no longer than `shutdown_grace`, whoever is silent: most of it is for what is in
//! flight, the rest for the store to commit what it has accepted, and for the last traces.
//! Nothing acknowledged is lost, nothing lost was acknowledged.
//! Not here: signals and exit codes, which are the caller's.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use prometheus::Registry;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::api::{self, App};
use crate::devices::DeviceTelemetry;
use crate::edge::{self, Edge};
use crate::fleet::Fleet;
use crate::resilience::Invalid;
use crate::scorer::{self, Scorer};
use crate::settings::Settings;
use crate::store::{self, Guarded, Store};
use crate::telemetry::Telemetry;
use crate::telemetry::breakers::Breakers;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;

/// The least time that each step of closing gets: of the grace period, requests leave it two of these.
const LEAST_TO_CLOSE: Duration = Duration::from_millis(250);

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
    /// A setting cannot be used.
    #[error("cannot use the settings: {0}")]
    Setting(String),
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
    router: Router,
    store: Arc<dyn Store>,
    telemetry: Arc<Telemetry>,
    edge: Option<Arc<Edge>>,
    /// Whether its database is more than a place for what nobody keeps.
    stores: bool,
    app: Arc<App>,
    settings: Settings,
}

/// Which of the program's services it is.
#[derive(Clone, Copy)]
enum Role {
    Backend,
    Scorer,
    Edge,
}

impl Server {
    /// Opens the store (makes its file and folder) and binds the port.
    ///
    /// # Errors
    /// All of [`ServeError`]'s but the last.
    pub async fn bind(settings: Settings) -> Result<Server, ServeError> {
        Server::bind_as(settings, Role::Backend).await
    }

    /// The scorer's service: it predicts, and keeps nothing.
    ///
    /// # Errors
    /// All of [`ServeError`]'s but the last.
    pub async fn bind_scorer(settings: Settings) -> Result<Server, ServeError> {
        let settings =
            Settings { database_url: "sqlite::memory:".to_owned(), scorer_url: None, ..settings };
        Server::bind_as(settings, Role::Scorer).await
    }

    /// The edge's service: it opens its outbox and begins to deliver what is left in it.
    ///
    /// # Errors
    /// All of [`ServeError`]'s but the last.
    pub async fn bind_edge(settings: Settings) -> Result<Server, ServeError> {
        let settings =
            Settings { database_url: "sqlite::memory:".to_owned(), scorer_url: None, ..settings };
        Server::bind_as(settings, Role::Edge).await
    }

    /// What a process of devices tells of itself, and the way to tell it.
    ///
    /// # Errors
    /// All of [`ServeError`]'s but the last.
    pub async fn bind_devices(
        settings: Settings,
    ) -> Result<(Server, Arc<DeviceTelemetry>), ServeError> {
        let settings =
            Settings { database_url: "sqlite::memory:".to_owned(), scorer_url: None, ..settings };
        let mut server = Server::bind_as(settings, Role::Scorer).await?;
        let told = Arc::new(DeviceTelemetry::new(Arc::clone(&server.telemetry))?);
        server.router = api::devices::router(Arc::clone(&server.app), Arc::clone(&told));
        Ok((server, told))
    }

    async fn bind_as(settings: Settings, role: Role) -> Result<Server, ServeError> {
        let registry = Arc::new(Registry::new());
        let environment = &settings.environment;
        let metrics = Metrics::new(registry, Settings::APP_VERSION, environment)?;
        let metrics = Arc::new(metrics.counting(settings.metrics_enabled));
        // The port first: a taken one must not leave a database behind.
        let address = settings.listen;
        let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => ServeError::PortTaken(address),
            _ => ServeError::Listen { address, source },
        })?;
        let address =
            listener.local_addr().map_err(|source| ServeError::Listen { address, source })?;
        let fleet = Arc::new(Fleet::default());
        let opened = store::open(&settings, Arc::clone(&fleet), Arc::clone(&metrics)).await;
        let opened = opened.map_err(|error| ServeError::Store {
            url: store::shown(&settings.database_url),
            reason: error.to_string(),
        })?;
        let Assembled { app, store, telemetry } = assemble(&settings, fleet, opened, metrics)?;
        let (mut edge, held) = (None, Arc::clone(&app));
        let stores = matches!(role, Role::Backend);
        let router = match role {
            Role::Backend => api::router(app),
            Role::Scorer => {
                app.breakers().forget();
                api::score::router(app)
            }
            Role::Edge => {
                app.breakers().forget();
                let opened = open_edge(&settings, &app, &telemetry).await?;
                edge = Some(Arc::clone(&opened));
                api::edge::router(app, opened)
            }
        };
        Ok(Server {
            listener,
            address,
            router,
            store,
            telemetry,
            edge,
            stores,
            app: held,
            settings,
        })
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
            database = self.stores.then(|| store::shown(&settings.database_url)),
            outbox = self.edge.as_ref().map(|_| store::shown(&settings.edge_outbox)),
            mutants = settings.mutants.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            "listening"
        );
        // Small answers must not wait for the client's delayed acknowledgement.
        let listener = self.listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(function = "run", %error, "TCP_NODELAY was refused");
            }
        });
        let service = self.router.into_make_service_with_connect_info::<SocketAddr>();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = axum::serve(listener, service).with_graceful_shutdown(async {
            // A dropped sender stops it, too.
            let _ = stopped.await;
        });
        let mut serving = std::pin::pin!(serving.into_future());
        let early = tokio::select! {
            ended = &mut serving => Some(ended),
            () = shutdown => None,
        };
        let told = early.is_none().then(Instant::now);
        let ended = match early {
            Some(ended) => ended,
            None => {
                let _ = stop.send(());
                let in_flight = settings.shutdown_grace.saturating_sub(2 * LEAST_TO_CLOSE);
                match tokio::time::timeout(in_flight, &mut serving).await {
                    Ok(ended) => ended,
                    Err(_) => {
                        tracing::warn!(function = "run", "requests outlived the grace period");
                        Ok(())
                    }
                }
            }
        };
        // A silent database or collector must not hold up the stop: what waits was not acknowledged.
        let deadline = told.map_or_else(Instant::now, |told| told + settings.shutdown_grace);
        let end = |left: Duration| {
            let by = deadline.checked_sub(left).unwrap_or(deadline);
            by.max(Instant::now() + LEAST_TO_CLOSE)
        };
        if let Some(edge) = &self.edge
            && timeout_at(end(LEAST_TO_CLOSE), edge.close()).await.is_err()
        {
            tracing::error!(function = "run", "the outbox did not close in time");
        }
        // The edge's own store is in memory: it is closed at once.
        if timeout_at(end(LEAST_TO_CLOSE), self.store.close()).await.is_err() {
            tracing::error!(function = "run", "the store did not close in time");
        }
        if timeout_at(end(Duration::ZERO), self.telemetry.traces.close()).await.is_err() {
            tracing::warn!(function = "run", "the last traces were not sent in time");
        }
        tracing::info!(function = "run", "stopped");
        ended.map_err(ServeError::Serve)
    }
}

/// The edge of an application, with its breaker.
async fn open_edge(
    settings: &Settings,
    app: &App,
    telemetry: &Arc<Telemetry>,
) -> Result<Arc<Edge>, ServeError> {
    let breaker = settings.breaker().map_err(|error| ServeError::Setting(error.to_string()))?;
    let breaker = app.breakers().make(edge::BREAKER, breaker, &telemetry.metrics);
    let opened = Edge::open(settings, breaker, telemetry).await;
    opened.map(Arc::new).map_err(ServeError::Setting)
}

/// A whole application, and the parts of it that must be closed.
pub(crate) struct Assembled {
    pub(crate) app: Arc<App>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) telemetry: Arc<Telemetry>,
}

/// An application over an opened store: guards around its dependencies, one telemetry for all.
///
/// # Errors
/// [`ServeError::Setting`].
pub(crate) fn assemble(
    settings: &Settings,
    fleet: Arc<Fleet>,
    opened: Arc<dyn Store>,
    metrics: Arc<Metrics>,
) -> Result<Assembled, ServeError> {
    let bad = |error: Invalid| ServeError::Setting(error.to_string());
    let (retry, breaker) = (settings.retry().map_err(bad)?, settings.breaker().map_err(bad)?);
    let traces = Traces::new(settings, Arc::clone(&metrics)).map_err(ServeError::Setting)?;
    let telemetry = Arc::new(Telemetry::new(metrics, traces));
    let breakers = Breakers::default();
    let make = |name| breakers.make(name, breaker, &telemetry.metrics);
    let both = (make(store::BREAKER), make(store::READ_BREAKER));
    let named = store::Place::parse(&settings.database_url).map_err(ServeError::Setting)?.named();
    let guarded = Guarded::new((opened, named), both, retry, Arc::clone(&telemetry));
    let store: Arc<dyn Store> = Arc::new(guarded);
    let scorer = Scorer::new(settings, make(scorer::BREAKER), retry, Arc::clone(&telemetry))
        .map_err(ServeError::Setting)?;
    let (held, told) = (Arc::clone(&store), Arc::clone(&telemetry));
    let app = App::new(settings.clone(), fleet, held, scorer, breakers, told);
    Ok(Assembled { app: Arc::new(app), store, telemetry })
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

/// Binds the port and predicts until `shutdown` is done.
///
/// # Errors
/// Any [`ServeError`]; nothing was served unless it is [`ServeError::Serve`].
pub async fn serve_scorer(
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    Server::bind_scorer(settings).await?.run(shutdown).await
}

/// Opens the outbox, binds the port and takes and delivers samples until `shutdown` is done.
///
/// # Errors
/// Any [`ServeError`]; nothing was served unless it is [`ServeError::Serve`].
pub async fn serve_edge(
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    Server::bind_edge(settings).await?.run(shutdown).await
}
