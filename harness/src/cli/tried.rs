//! `assay try`: each request and journey of a scenario once, shown whole.
//!
//! Invariant: secrets are in nothing that is printed.
//! Not here: sending (`load::once`), starting services (`run::trial`).

use super::args::TryArgs;
use super::{print, scenario};
use crate::client::shown::{self, LEAST_HIDDEN, MOST_SHOWN, Veil};
use crate::load::once::{self, Captured, Sent, Trial, Tried};
use crate::plan::{Plan, words};
use crate::report::{Detail, Exit, Live, Mode};
use crate::run::RunError;
use crate::run::trial::{self, Ended, Told};
use crate::spec::{MASK, mask};
use assay_slo::event::EndReason;
use std::fmt::Write;
use std::process::ExitCode;

/// Bytes of a body that are shown unless all is wanted.
const MOST_BODY: usize = 4 * 1024;

/// Characters of a captured value that are shown.
const MOST_VALUE: usize = 200;

pub(super) fn try_once(args: &TryArgs) -> ExitCode {
    let plan = match scenario::planned_to_try(&args.scenario.file, &args.scenario.changes) {
        Ok(plan) => plan,
        Err(problems) => return scenario::tell(&problems),
    };
    if let Err(why) = check_only(&plan, &args.only) {
        print::error(&why);
        return Exit::Invalid.into();
    }
    if plan.loads.is_empty() && plan.users.is_empty() {
        print::error(&"this scenario has no `load`: there is nothing to try; fleets are not tried");
        return Exit::Invalid.into();
    }
    let detail = if args.verbose { Detail::Verbose } else { Detail::Quiet };
    let live = Live::new(Mode::Plain, detail);
    let only = |load: &str, request: &str| {
        args.only.is_empty() || args.only.iter().any(|name| name == load || name == request)
    };
    let secrets = plan.secrets.to_vec();
    let mut page = Page { secrets, args, good: 0, bad: 0, loads: 0 };
    let ended = trial::try_once(&plan, live, &only, &mut |told| page.told(&told));
    match ended {
        Ok(ended) => page.end(&ended),
        Err(error) => {
            print::error(&mask(&error.to_string(), &plan.secrets));
            match error {
                RunError::Directory(_) => Exit::Invalid.into(),
                _ => Exit::CouldNotRun.into(),
            }
        }
    }
}

/// Each name of `--only` must be there.
fn check_only(plan: &Plan, only: &[String]) -> Result<(), String> {
    let open = plan.loads.iter().map(|load| (&load.name, &load.requests));
    let closed = plan.users.iter().map(|users| (&users.name, &users.requests));
    let mut known: Vec<&str> = Vec::new();
    for (load, requests) in open.chain(closed) {
        known.push(load);
        known.extend(requests.iter().map(|request| request.name.as_str()));
    }
    match only.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            Err(format!(
                "--only {name}: there is no load and no request of this name; there are {}",
                known.join(", ")
            ))
        }
    }
}

/// What is printed, and what it comes to.
struct Page<'p> {
    /// Those of the plan, and what was captured from where credentials stand.
    secrets: Vec<String>,
    args: &'p TryArgs,
    good: u64,
    bad: u64,
    loads: u64,
}

impl Page<'_> {
    fn told(&mut self, told: &Told<'_>) {
        match told {
            Told::Load(trial) => {
                self.loads += 1;
                if !self.args.quiet {
                    let to =
                        format!("load {}, to {} at {}", trial.name, trial.authority, trial.addr);
                    print::out(&format!("{}\n\n", self.masked(&to)));
                }
            }
            Told::Step(trial, tried) => {
                if !matches!(tried, Tried::Pause { .. }) {
                    *(if tried.is_good() { &mut self.good } else { &mut self.bad }) += 1;
                }
                if !self.args.quiet || !tried.is_good() {
                    print::out(&self.step(trial, tried));
                }
                if let Tried::Sent(sent) = tried {
                    let secret = sent.captures.iter().filter(|capture| capture.secret);
                    let long = |value: &&String| value.len() >= LEAST_HIDDEN;
                    let found = secret.filter_map(|capture| capture.found.as_ref().ok());
                    self.secrets.extend(found.filter(long).cloned());
                }
            }
            Told::Finding(text) => print::err(&format!("{}\n", self.masked(text))),
        }
    }

    fn step(&self, trial: &Trial, tried: &Tried) -> String {
        match tried {
            Tried::Pause { min_us, max_us } => {
                format!("pause of {}: not waited for\n\n", once::pause(*min_us, *max_us))
            }
            Tried::Unsent { request, why } => {
                let head = self.masked(&format!("{request} (load {})", trial.name));
                format!("{head}\n  FAILED   not sent: {}\n\n", self.masked(why))
            }
            Tried::Sent(sent) => self.sent(trial, sent),
        }
    }

    fn sent(&self, trial: &Trial, sent: &Sent) -> String {
        let most = if self.args.verbose { MOST_SHOWN } else { MOST_BODY };
        let veil = Veil::new(&self.secrets, &sent.asked, sent.heard.as_ref());
        let asks = trial.requests.iter().find(|request| request.name == sent.request);
        let reached = trial.reached();
        let reached = asks.map_or(reached, |request| reached.with(&request.body));
        let head = format!("{} (load {})", sent.request, trial.name);
        let mut text = format!("{}\n", veil.text(&head));
        // Writing to memory does not fail.
        indented(&mut text, &shown::request(&sent.asked, reached.version(), &veil, most));
        if let Some(heard) = &sent.heard {
            text.push('\n');
            indented(&mut text, &shown::answer(heard, &veil, most));
        }
        text.push('\n');
        let took = words::time(sent.took_us);
        match &sent.why {
            Some(why) => _ = writeln!(text, "  FAILED   after {took}: {}", veil.text(why)),
            None => _ = writeln!(text, "  answered after {took}"),
        }
        for (check, failed) in &sent.checks {
            let check = veil.text(check);
            match failed {
                None => _ = writeln!(text, "  ok       check {check}"),
                Some(why) => {
                    _ = writeln!(text, "  FAILED   check {check}: {}", veil.text(why));
                }
            }
        }
        for capture in &sent.captures {
            _ = writeln!(text, "  {}", captured(capture, &veil));
        }
        if !sent.is_good() {
            _ = writeln!(text, "  again    {}", shown::curl(&sent.asked, reached, &veil));
        }
        text.push('\n');
        text
    }

    fn masked(&self, text: &str) -> String {
        mask(text, &self.secrets)
    }

    /// The last line, and how the program ends.
    fn end(&self, ended: &Ended) -> ExitCode {
        for text in &ended.still_broken {
            print::error(&format!("still there: {}", self.masked(text)));
        }
        if !ended.detail.is_empty() {
            print::error(&self.masked(&ended.detail));
        }
        if let Some(left) = &ended.left {
            print::err(&format!("logs of services: {}\n", left.join("logs").display()));
        }
        let sent = words::several(self.good + self.bad, "request", "requests");
        let loads = words::several(self.loads, "load", "loads");
        print::out(&format!(
            "{sent} of {loads}: {} good, {} failed. Nothing was judged.\n",
            self.good, self.bad
        ));
        exit(ended, self.bad).into()
    }
}

fn exit(ended: &Ended, bad: u64) -> Exit {
    let tried = if bad > 0 { Exit::Violated } else { Exit::Met };
    let went = match ended.reason {
        // It asks nothing that could be lost.
        EndReason::Complete | EndReason::Lost => Exit::Met,
        EndReason::CouldNotRun | EndReason::Guard => Exit::CouldNotRun,
        EndReason::Interrupted => Exit::Interrupted,
        EndReason::Terminated => Exit::Terminated,
    };
    let left = if ended.still_broken.is_empty() { Exit::Met } else { Exit::StillBroken };
    tried.or_worse(went).or_worse(left)
}

fn captured(capture: &Captured, veil: &Veil) -> String {
    let (name, from) = (&capture.name, veil.text(&capture.from));
    match &capture.found {
        Ok(_) if capture.secret => format!("ok       capture {name} = {MASK}  ({from})"),
        Ok(value) => {
            let value = veil.text(value);
            let shown: String = value.chars().take(MOST_VALUE).collect();
            let cut = if shown.len() < value.len() { "…" } else { "" };
            format!("ok       capture {name} = {}{cut}  ({from})", shown.escape_debug())
        }
        Err(why) => format!("FAILED   capture {name} ({from}): {}", veil.text(why)),
    }
}

fn indented(text: &mut String, lines: &str) {
    for line in lines.lines() {
        _ = writeln!(text, "  {line}");
    }
}
