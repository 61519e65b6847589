//! Processes of this program that others start: the bundled backend and scorer, holders of
//! containers, the guardian.

use super::args::{BackendArgs, DevicesArgs, ScorerArgs, Shape};
use super::hidden::{ContainerArgs, GuardianArgs};
use super::print;
use crate::fleet;
use crate::fleet::demo::{DemoArgs, DemoError, Through, Totals};
use crate::plan::fleet::Profile;
use crate::report::exit::Exit;
use crate::service::{Held, container_main, guardian_main};
use assay_backend::{Mutant, Settings};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

pub(super) fn backend(args: BackendArgs) -> ExitCode {
    service(args.listen, args.mutant, Role::Backend)
}

pub(super) fn scorer(args: ScorerArgs) -> ExitCode {
    service(Some(args.listen), args.mutant, Role::Scorer)
}

/// Which service it is.
#[derive(Clone, Copy)]
enum Role {
    Backend,
    Scorer,
}

/// Serves until told to end; arguments replace what the environment says.
fn service(listen: Option<SocketAddr>, mutants: Vec<Mutant>, role: Role) -> ExitCode {
    let settings = match Settings::from_env(&|name| std::env::var(name).ok()) {
        Ok(settings) => Settings {
            listen: listen.unwrap_or(settings.listen),
            mutants: if mutants.is_empty() { settings.mutants } else { mutants },
            ..settings
        },
        Err(mistakes) => {
            print::error(&mistakes);
            return Exit::Invalid.into();
        }
    };
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
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print::error(&format!("cannot start threads: {error}"));
            return Exit::CouldNotRun.into();
        }
    };
    let all = args.samples.saturating_mul(args.devices);
    let sent = runtime.block_on(send(&demo, |totals| {
        print::err(&format!("{} of {all} acknowledged\n", totals.acknowledged));
    }));
    runtime.shutdown_timeout(Duration::from_millis(100));
    match sent {
        Ok((totals, stopped)) => {
            print::out(&told(&totals));
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

/// Sends all samples; also tells whether Ctrl-C cut it short.
async fn send(
    demo: &DemoArgs,
    progress: impl FnMut(&Totals),
) -> Result<(Totals, bool), Box<dyn std::error::Error>> {
    let told = told_to_end()?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        told.await;
        stop.send_replace(true);
        std::future::pending::<()>().await;
    });
    let totals = fleet::demo::demo(demo, stopped.clone(), progress).await?;
    Ok((totals, *stopped.borrow()))
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

pub(super) fn guardian(args: &GuardianArgs) -> ExitCode {
    guardian_main(&args.run_id, &args.run_dir, (args.run_pid, args.run_start))
}
