//! `assay health`: one question, one exit code.
//!
//! Invariant: no redirect is followed and no proxy asked: the answer is the service's own.
//! Not here: what a scenario waits for (`service::ready`).

use super::platform::args::HealthArgs;
use super::print;
use crate::report::exit::Exit;
use std::process::ExitCode;
use std::time::Duration;

pub(super) fn health(args: &HealthArgs) -> ExitCode {
    let url = match reqwest::Url::parse(&args.url) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => url,
        _ => {
            print::error(&format!(
                "`{}` is not a URL: write something like http://127.0.0.1:8000/health",
                args.url
            ));
            return Exit::Invalid.into();
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print::error(&format!("cannot start: {error}"));
            return Exit::CouldNotRun.into();
        }
    };
    match runtime.block_on(ask(url, Duration::from_micros(args.within))) {
        Ok(status) if status.is_success() => {
            print::out(&format!("{status}\n"));
            Exit::Met.into()
        }
        Ok(status) => {
            print::error(&format!("{} answered {status}", args.url));
            Exit::Violated.into()
        }
        Err(error) => {
            print::error(&format!("{} does not answer: {}", args.url, error.without_url()));
            Exit::Violated.into()
        }
    }
}

async fn ask(url: reqwest::Url, within: Duration) -> Result<reqwest::StatusCode, reqwest::Error> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(within)
        .build()?;
    Ok(client.get(url).send().await?.status())
}
