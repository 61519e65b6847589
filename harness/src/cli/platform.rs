//! Processes of this program that others start: the platform's services, holders of containers, the
//! guardian, the lease keeper.
//!
//! Not here: what the services do (crate assay-backend), devices (`fleet`).

pub(super) mod args;

use super::hidden::{BurnerArgs, ContainerArgs, GuardianArgs, KeeperArgs};
use super::print;
use crate::fleet;
use crate::fleet::demo::{DemoArgs, DemoError, Through, Totals};
use crate::plan::fleet::Profile;
use crate::report::exit::Exit;
use crate::service::{Burden, Held, burner_main, container_main, guardian_main, keeper_main};
use args::{BackendArgs, DevicesArgs, EdgeArgs, ScorerArgs, Shape};
use assay_backend::{DeviceTelemetry, Role, Server, Settings};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub(super) fn backend(args: BackendArgs) -> ExitCode {
    service(Role::Backend, |settings| Settings {
        listen: args.listen.unwrap_or(settings.listen),
        mutants: if args.mutant.is_empty() { settings.mutants } else { args.mutant },
        ..settings
    })
}

pub(super) fn scorer(args: ScorerArgs) -> ExitCode {
    service(Role::Scorer, |settings| Settings {
        listen: args.listen,
        mutants: if args.mutant.is_empty() { settings.mutants } else { args.mutant },
        ..settings
    })
}

pub(super) fn edge(args: EdgeArgs) -> ExitCode {
    service(Role::Edge, |settings| Settings {
        listen: args.listen,
        mutants: if args.mutant.is_empty() { settings.mutants } else { args.mutant },
        edge_backend: args.to.or(settings.edge_backend),
        ..settings
    })
}

/// What the environment says to such a process, or all that is wrong with it told.
fn settings(role: Role) -> Result<Settings, ExitCode> {
    Settings::from_env(role, &|name| std::env::var(name).ok()).map_err(|mistakes| {
        print::error(&mistakes);
        Exit::Invalid.into()
    })
}

/// Serves until told to end; arguments replace what the environment says.
fn service(role: Role, replaced: impl FnOnce(Settings) -> Settings) -> ExitCode {
    let settings = match settings(role) {
        Ok(settings) => replaced(settings),
        Err(code) => return code,
    };
    if matches!(role, Role::Edge) && settings.edge_backend.is_none() {
        print::error(&"an edge needs a backend: write --to http://HOST:PORT, or EDGE_BACKEND_URL");
        return Exit::Invalid.into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print::error(&format!("cannot start threads: {error}"));
            return Exit::CouldNotRun.into();
        }
    };
    match runtime.block_on(serve(settings, role)) {
        Ok(()) => Exit::Met.into(),
        Err(error) => {
            print::error(&error);
            Exit::CouldNotRun.into()
        }
    }
}

async fn serve(settings: Settings, role: Role) -> Result<(), Box<dyn std::error::Error>> {
    assay_backend::init_logs(&settings)?;
    let told = told_to_end()?;
    match role {
        Role::Backend => assay_backend::serve(settings, told).await?,
        Role::Scorer => assay_backend::serve_scorer(settings, told).await?,
        Role::Edge => assay_backend::serve_edge(settings, told).await?,
        // They are served beside what they send (see `send`).
        Role::Devices => {}
    }
    Ok(())
}

/// Ends at the first SIGTERM or SIGINT.
fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

pub(super) fn devices(args: &DevicesArgs) -> ExitCode {
    let demo = DemoArgs {
        to: args.to.clone(),
        samples: args.samples,
        devices: args.devices,
        every_us: args.every,
        profile: match args.profile {
            Shape::Truck => Profile::Truck,
            Shape::Mill => Profile::Mill,
            Shape::Boiler => Profile::Boiler,
        },
        seed: args.seed,
        through: if args.gateway {
            Through::Gateway { recovery_us: args.recovery, drain_us: args.drain }
        } else {
            Through::Devices
        },
        deny: std::env::var("ASSAY_DENY").ok(),
        told: None,
    };
    let process = match args.listen {
        Some(listen) => match settings(Role::Devices) {
            Ok(settings) => Some(Settings { listen, ..settings }),
            Err(code) => return code,
        },
        None => None,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print::error(&format!("cannot start threads: {error}"));
            return Exit::CouldNotRun.into();
        }
    };
    let all = args.samples.saturating_mul(args.devices);
    let quiet = process.is_some();
    let sent = runtime.block_on(send(demo, process, |totals| {
        if !quiet {
            print::err(&format!("{} of {all} acknowledged\n", totals.acknowledged));
        }
    }));
    runtime.shutdown_timeout(Duration::from_millis(100));
    match sent {
        Ok((totals, stopped)) => {
            if !quiet {
                print::out(&told(&totals));
            }
            if stopped {
                return Exit::Interrupted.into();
            }
            let whole = totals.acknowledged == all;
            if whole { Exit::Met.into() } else { Exit::Violated.into() }
        }
        Err(error) => {
            print::error(&error);
            match error.downcast_ref() {
                Some(DemoError::Address { .. }) => Exit::Invalid.into(),
                _ => Exit::CouldNotRun.into(),
            }
        }
    }
}

/// Sends all samples; also tells whether Ctrl-C cut it short. As a process of the platform it is
/// served beside, and tells its traces before it ends.
async fn send(
    mut demo: DemoArgs,
    process: Option<Settings>,
    progress: impl FnMut(&Totals),
) -> Result<(Totals, bool), Box<dyn std::error::Error>> {
    let ended = told_to_end()?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        ended.await;
        stop.send_replace(true);
        std::future::pending::<()>().await;
    });
    let served = match process {
        Some(settings) => Some(Served::start(settings).await?),
        None => None,
    };
    demo.told = served.as_ref().map(|served| Arc::clone(&served.told));
    let sent = fleet::demo::demo(&demo, stopped.clone(), progress).await;
    let stopped = *stopped.borrow();
    if let Some(served) = served {
        served.end(stopped).await;
    }
    Ok((sent?, stopped))
}

/// What a process of devices serves of itself.
struct Served {
    told: Arc<DeviceTelemetry>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), assay_backend::ServeError>>,
}

impl Served {
    async fn start(settings: Settings) -> Result<Served, Box<dyn std::error::Error>> {
        assay_backend::init_logs(&settings)?;
        let (server, told) = Server::bind_devices(settings).await?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.run(async {
            // A dropped sender stops it, too.
            let _ = stopped.await;
        }));
        Ok(Served { told, stop, serving })
    }

    async fn end(self, stopped: bool) {
        self.told.ended(stopped);
        let _ = self.stop.send(());
        if let Ok(Err(error)) = self.serving.await {
            print::error(&error);
        }
    }
}

/// What became of the samples.
fn told(totals: &Totals) -> String {
    let mut text = format!("generated {}, acknowledged {}", totals.generated, totals.acknowledged);
    for (outcome, n) in &totals.outcomes {
        text += &format!("; {} {n}", outcome.name());
    }
    text.push('\n');
    for finding in &totals.findings {
        text += &format!("{finding}\n");
    }
    text
}

pub(super) fn container(args: ContainerArgs) -> ExitCode {
    container_main(&Held {
        image: args.image,
        command: args.command,
        env: args.env,
        port: args.port,
        publish: args.publish,
        network: args.network,
        name: args.name,
        memory: args.memory,
        stop_within_s: args.stop_within_s,
        start_within: Duration::from_secs(args.start_within_s),
    })
}

pub(super) fn burner(args: BurnerArgs) -> ExitCode {
    let most = Duration::from_secs(args.for_s);
    let BurnerArgs { memory, cpu_us, cores, parent, .. } = args;
    burner_main(&Burden { memory, cpu_us, cores, parent }, most)
}

pub(super) fn guardian(args: &GuardianArgs) -> ExitCode {
    guardian_main(&args.run_id, &args.run_dir, (args.run_pid, args.run_start))
}

pub(super) fn keeper(args: &KeeperArgs) -> ExitCode {
    keeper_main(&args.run_id, &args.run_dir, (args.pid, args.start), &args.log)
}
