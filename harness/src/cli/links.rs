//! `assay links`: where the links of a scenario listen, and how a compose project is led through them.
//!
//! Invariant: nothing is started, and no file is written.
//! Not here: what the override says (`run::compose`).

use super::args::ChangeArgs;
use super::{print, scenario};
use crate::report::Exit;
use crate::run::compose::{self, Project, Routed};
use crate::run::there::bridge_gateway;
use clap::Args as ClapArgs;
use std::path::PathBuf;
use std::process::ExitCode;

/// The end of its help.
pub(super) const EXAMPLES: &str = "\
A compose file has no links; an override of it leads its services through them: each variable that
names a service and its port (`postgres://db/shop`, `db:5432`, DB_HOST and DB_PORT) names the link
instead. Where a service is told in no variable where another is, and the link listens on the
other's own port, the name is led there (`extra_hosts`).

With SCENARIO the links are its own: they must `listen` at an address that containers reach, such as
172.17.0.1:15432. Without it, a link before every service that another one names, and the lines that
the scenario needs for that, as a comment at the top.

Links listen while a run goes on: outside of runs, start the project without the override. A service
that ends when its far end is not there yet cannot be led so: it must be up when a run begins.
The override holds what the variables held, passwords included.

Exit codes: 0 printed, 2 a file is invalid, or nothing of the project would go through a link.

Examples:
  assay links --compose compose.yaml > assay.override.yaml
  assay links --compose compose.yaml my.yaml > assay.override.yaml
  docker compose -f compose.yaml -f assay.override.yaml up -d";

/// What is led through links.
#[derive(Debug, ClapArgs)]
pub(super) struct LinksArgs {
    /// The compose file of the project.
    #[arg(long, value_name = "FILE")]
    compose: PathBuf,
    /// The name of the project, if it is neither in the file nor that of its folder.
    #[arg(short, long, value_name = "NAME")]
    project: Option<String>,
    /// The scenario whose links it is led through.
    #[arg(value_name = "SCENARIO")]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    changes: ChangeArgs,
}

pub(super) fn links(args: &LinksArgs) -> ExitCode {
    let mut project = match Project::read(&args.compose) {
        Ok(project) => project,
        Err(why) => return refused(&[format!("{}: {why}", args.compose.display())]),
    };
    if let Some(name) = &args.project {
        project.name.clone_from(name);
    }
    let file = args.compose.display();
    let gateway = bridge_gateway();
    let head = format!(
        "# How the services of {file} go through links of Assay, by `assay links`:\n\
         #   docker compose -f {file} -f THIS_FILE up -d\n"
    );
    let (routes, head) = match &args.scenario {
        None => {
            let routes = compose::guessed(&project, gateway);
            let lines = compose::fragment(&project, &routes);
            let lines: String = lines.lines().map(|line| format!("#   {line}\n")).collect();
            (routes, format!("{head}# The scenario needs these services and links:\n{lines}"))
        }
        Some(file) => {
            let plan = match scenario::planned_to_measure(file, &args.changes) {
                Ok(plan) => plan,
                Err(problems) => return scenario::tell(&problems),
            };
            match compose::planned(&plan, &project, gateway) {
                Ok(routes) => (routes, head),
                Err(wrong) => return refused(&wrong),
            }
        }
    };
    let Routed { text, notes, services } = compose::routed(&project, &routes);
    for note in &notes {
        print::err(&format!("warning: {note}\n"));
    }
    if services == 0 {
        let why = "no variable of any service names another service and its port";
        return refused(&[format!("{file}: nothing would go through a link: {why}")]);
    }
    print::out(&format!("{head}{text}"));
    Exit::Met.into()
}

fn refused(wrong: &[String]) -> ExitCode {
    wrong.iter().for_each(|wrong| print::error(wrong));
    Exit::Invalid.into()
}
