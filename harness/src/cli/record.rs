//! `assay record`: what a real dependency answers, and how fast, as a stub.
//!
//! Not here: recording (`run::recording`).

use super::args::ChangeArgs;
use super::platform::args::duration;
use super::{go, print, scenario};
use crate::plan::words::several;
use crate::report::Exit;
use crate::run::recording::{Recording, far_end, record as recorded, typed};
use crate::service::Address;
use clap::Args as ClapArgs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// The end of its help.
pub(super) const EXAMPLES: &str = "\
Listens where callers can be sent, passes requests on and their answers back, each when it is
whole: no WebSocket, CONNECT, endless answer, or body over 16 MiB. When it is ended (Ctrl-C, --for,
--most) it writes DIR/stub.yaml, the link as a stub, and DIR/N.hlog, how long the answers of each
route took. A scenario takes it with `include: [DIR/stub.yaml]` in the place of its own link.

Of each method and path the most frequent status and its first body are kept; numbers and ids in
paths become `*`. Not kept: queries, cookies, fields such as `password` or `token`, secrets of the
scenario; bodies over 64 KiB, and what is beyond 200 routes.

Exit codes: 0 written, 2 invalid arguments or scenario, 3 nothing was answered, 4 could not run.

Examples:
  assay record http://127.0.0.1:9000
  assay record rates my.yaml --for 5m --out stubs/rates
  assay record https://rates.example.com/v1 --listen 127.0.0.1:9100 --most 1000";

/// What is recorded.
#[derive(Debug, ClapArgs)]
pub(super) struct RecordArgs {
    /// A link of SCENARIO; without a scenario the URL of the dependency itself.
    #[arg(value_name = "LINK")]
    link: String,
    /// The scenario that has the link.
    #[arg(value_name = "SCENARIO")]
    scenario: Option<PathBuf>,
    /// Where it listens [default: the link's `listen`, else a free port of 127.0.0.1].
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// How long it records at most.
    #[arg(long = "for", default_value = "10m", value_name = "DURATION", value_parser = duration)]
    within: u64,
    /// How many answers it records at most.
    #[arg(long, default_value_t = 10_000, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    most: u64,
    /// The folder to write; must not exist, or be empty [default: the link's name].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    changes: ChangeArgs,
}

/// What is recorded, before it is known where that answers.
enum What {
    Link(Box<crate::plan::Plan>, usize),
    Url { host: String, port: u16, secure: bool, prefix: String },
}

pub(super) fn record(args: &RecordArgs) -> ExitCode {
    let (what, name) = match what(args) {
        Ok(what) => what,
        Err(exit) => return exit,
    };
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from(&name));
    if std::fs::read_dir(&folder).is_ok_and(|mut all| all.next().is_some()) {
        print::error(&format!("{} is not empty: name another with --out", folder.display()));
        return Exit::Invalid.into();
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return go::failed(&error),
    };
    match runtime.block_on(go(args, &what, &name, folder)) {
        Ok(exit) => exit.into(),
        Err(why) => {
            print::error(&why);
            Exit::CouldNotRun.into()
        }
    }
}

/// What is recorded, and the name of the link.
fn what(args: &RecordArgs) -> Result<(What, String), ExitCode> {
    let invalid = |why: String| {
        print::error(&why);
        ExitCode::from(Exit::Invalid)
    };
    let Some(file) = &args.scenario else {
        let help = "name a link and its scenario, or a URL such as http://127.0.0.1:9000";
        let url = reqwest::Url::parse(&args.link).ok();
        let url = url.filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        let parts = url.as_ref().and_then(|url| {
            let plain = url.username().is_empty() && url.query().is_none();
            Some((url.host_str()?, url.port_or_known_default()?)).filter(|_| plain)
        });
        let (Some(url), Some((host, port))) = (&url, parts) else {
            return Err(invalid(format!("`{}` is no URL: {help}", args.link)));
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let prefix = url.path().trim_end_matches('/').to_owned();
        let secure = url.scheme() == "https";
        return Ok((What::Url { host, port, secure, prefix }, "recorded".to_owned()));
    };
    let plan = scenario::planned_to_measure(file, &args.changes);
    let plan = plan.map_err(|problems| scenario::tell(&problems))?;
    match plan.links.iter().position(|link| link.name == args.link) {
        Some(at) => Ok((What::Link(Box::new(plan), at), args.link.clone())),
        None => {
            let known: Vec<&str> = plan.links.iter().map(|link| link.name.as_str()).collect();
            let known = known.join(", ");
            Err(invalid(format!("there is no link `{}`; there are: {known}", args.link)))
        }
    }
}

async fn go(args: &RecordArgs, what: &What, name: &str, folder: PathBuf) -> Result<Exit, String> {
    let (to, prefix): (Address, String) = match what {
        What::Link(plan, at) => {
            let link = plan.links.get(*at).ok_or("no such link")?;
            far_end(plan, link).await?
        }
        // Typed by hand is consent.
        What::Url { host, port, secure, prefix } => {
            let at = typed(host, *port, *secure, std::slice::from_ref(host)).await?;
            (at, prefix.clone())
        }
    };
    let (listen, secrets) = match what {
        What::Link(plan, at) => {
            (plan.links.get(*at).and_then(|link| link.listen), plan.secrets.clone())
        }
        What::Url { .. } => (None, Vec::new()),
    };
    let shown = shown(&folder, args.scenario.as_deref());
    let recording = Recording {
        link: name.to_owned(),
        to,
        prefix,
        listen: args.listen.or(listen),
        secrets,
        within: Duration::from_micros(args.within),
        most: args.most,
        out: (folder.clone(), shown),
    };
    let base = recording.to.base();
    let told = |at: SocketAddr| {
        print::err(&format!(
            "recording {base} at http://{at}: send its callers there; Ctrl-C ends and writes\n"
        ));
    };
    let cannot = |error: std::io::Error| error.to_string();
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let end = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let recorded = recorded(&recording, end, told).await?;
    for note in &recorded.notes {
        print::err(&format!("note: {note}\n"));
    }
    if recorded.routes == 0 {
        print::err("nothing was answered: nothing is written\n");
        return Ok(Exit::Inconclusive);
    }
    let answers = several(recorded.answers, "answer", "answers");
    let routes = several(recorded.routes as u64, "route", "routes");
    print::out(&format!("{answers} of {routes}: {}\n", folder.join("stub.yaml").display()));
    Ok(Exit::Met)
}

/// How a scenario names the folder: relative to its own where that is known, else as it stands.
fn shown(folder: &Path, scenario: Option<&Path>) -> String {
    let beside = scenario.and_then(Path::parent).unwrap_or(Path::new(""));
    let relative = match folder.strip_prefix(beside) {
        Ok(relative) => Some(relative.to_owned()),
        Err(_) => None,
    };
    let absolute = || std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    relative.unwrap_or_else(absolute).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_named_as_the_scenario_finds_it() {
        let of = |folder: &str, scenario: &str| {
            shown(Path::new(folder), Some(scenario).filter(|s| !s.is_empty()).map(Path::new))
        };
        assert_eq!(of("fx", ""), "fx");
        assert_eq!(of("fx", "my.yaml"), "fx");
        assert_eq!(of("load/fx", "load/my.yaml"), "fx");
        assert!(of("fx", "load/my.yaml").starts_with('/'));
    }
}
