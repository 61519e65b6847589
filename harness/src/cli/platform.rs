//! Processes of this program that others start: the bundled backend, the guardian.

use super::args::{BackendArgs, GuardianArgs};
use super::print;
use crate::report::exit::Exit;
use crate::service::guardian_main;
use assay_backend::Settings;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

pub(super) fn backend(args: BackendArgs) -> ExitCode {
    let settings = match Settings::from_env(&|name| std::env::var(name).ok()) {
        Ok(settings) => Settings { listen: args.listen, mutants: args.mutant, ..settings },
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
    match runtime.block_on(serve(settings)) {
        Ok(()) => Exit::Met.into(),
        Err(error) => {
            print::error(&error);
            Exit::CouldNotRun.into()
        }
    }
}

async fn serve(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    assay_backend::init_logs(&settings)?;
    let told = told_to_end()?;
    Ok(assay_backend::serve(settings, told).await?)
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

pub(super) fn guardian(args: &GuardianArgs) -> ExitCode {
    guardian_main(&args.run_id, &args.run_dir)
}
