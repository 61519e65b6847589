//! Mistakes of `assay load`, told in the flags that were typed: its scenario is nobody's file.
//!
//! Invariant: no line of it is shown, and what is a key there is named as its flag.
//! Not here: what the flags mean (`scenario`), mistakes of single flags (`args`).

use crate::spec::Problems;

/// Keys and names of the scenario, and the flags that they come from.
const FLAGS: [(&str, &str); 24] = [
    ("step-duration", "--hold"),
    ("start-rate", "--from"),
    ("max-rate", "--to"),
    ("step", "--step"),
    ("settle", "--settle"),
    ("at-least", "--at-least"),
    ("capacity", "--find"),
    ("errors", "--error-rate"),
    ("p50", "--p50"),
    ("p90", "--p90"),
    ("p95", "--p95"),
    ("p99", "--p99"),
    ("p999", "--p999"),
    ("rate", "--rate"),
    ("target", "--ramp-to"),
    ("duration", "--for"),
    ("warmup", "--warmup"),
    ("timeout", "--timeout"),
    ("connections", "--connections"),
    ("vus", "--connections"),
    ("ca", "--ca"),
    ("cert", "--cert"),
    ("key", "--key"),
    ("file", "--body"),
];

/// What is said of the URL in a scenario, and what is to be said of one that is typed.
const OF_URL: [(&str, &str); 2] = [
    ("write http://host:port or https://host:port, with a path if all requests share one", URL),
    (
        "send an Authorization header, from ${env.NAME}",
        "leave it out of the URL, and write `-H 'Authorization: Basic …'`",
    ),
];
const URL: &str = "write http://host:port/path or https://host:port/path";

/// The mistakes, each with its help; `url` is the one that was typed.
pub(super) fn told(problems: &Problems, url: &str) -> String {
    let one = |problem: &crate::spec::Problem| {
        if problem.path.starts_with("services.") {
            return of_url(problem, url);
        }
        // Files are named as they are seen from here.
        let help = problem.help.as_ref().filter(|help| !help.contains("the scenario's folder"));
        let help = help.map_or_else(String::new, |help| format!("  = help: {}\n", flagged(help)));
        let message = flagged(&problem.message);
        match flag_of(&problem.path).filter(|flag| !message.contains(*flag)) {
            Some(flag) => format!("error: `{flag}`: {message}\n{help}"),
            None => format!("error: {message}\n{help}"),
        }
    };
    problems.iter().map(one).collect()
}

/// A mistake in the URL; the service has what is before its path, and nothing else was typed.
fn of_url(problem: &crate::spec::Problem, url: &str) -> String {
    let message = match problem.message.split_once("` ") {
        Some((quoted, why)) if quoted.starts_with('`') => format!("`{}` {why}", url.escape_debug()),
        _ => problem.message.clone(),
    };
    let help = problem.help.as_deref().unwrap_or(URL);
    let typed = OF_URL.iter().find(|(known, _)| *known == help).map_or(help, |(_, typed)| *typed);
    format!("error: {message}\n  = help: {typed}\n")
}

/// The flag that the value at this place came from.
fn flag_of(path: &str) -> Option<&'static str> {
    let of = |key: &str| FLAGS.iter().find(|(known, _)| *known == key).map(|(_, flag)| *flag);
    path.rsplit('.').find_map(of)
}

fn flagged(text: &str) -> String {
    let name = |text: String, (key, flag): &(&str, &str)| {
        text.replace(&format!("`{key}`"), &format!("`{flag}`"))
    };
    FLAGS.iter().fold(text.to_owned(), name)
}

#[cfg(test)]
mod tests {
    use super::super::{args::LoadArgs, planned, scenario};
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        load: LoadArgs,
    }

    fn told_of(flags: &str) -> String {
        let words = ["load", "http://127.0.0.1:1/"].into_iter().chain(flags.split(' '));
        let load = Typed::try_parse_from(words).unwrap().load;
        told(&planned(&scenario::to_run(&load).unwrap()).unwrap_err(), &load.url)
    }

    #[test]
    fn mistakes_in_the_url_are_told_as_it_was_typed() {
        for (url, message, help) in [
            ("http://127.0.0.1:99999/a?b=1", "has a port that is not from 1 to 65535", "/path"),
            ("ftp://127.0.0.1:21/a", "is no http URL", "write http://host:port/path or https"),
            ("http://bücher.example/a", "has a host that is not ASCII", "punycode"),
            ("http://me:pw@127.0.0.1:1/a", "a user or password in a URL", "-H 'Authorization: "),
        ] {
            let typed = ["load", url, "--rate", "9/s", "--for", "9s"];
            let load = Typed::try_parse_from(typed).unwrap().load;
            let told = told(&planned(&scenario::to_run(&load).unwrap()).unwrap_err(), url);
            assert!(told.starts_with("error: ") && told.contains(message), "{told}");
            assert!(told.contains(help), "{told}");
            assert_eq!(told.contains(url), !url.contains("pw"), "{told}");
            for hidden in ["--ramp-to", "pw@", "env.NAME"] {
                assert!(!told.contains(hidden), "{told}");
            }
        }
    }

    #[test]
    fn mistakes_are_told_in_flags() {
        for (flags, named) in [
            ("--find --error-rate 1% --from 50/s --hold 5s --settle 0s", "`--hold`"),
            ("--find --error-rate 1% --from 50/s --to 20/s", "`--from`"),
            ("--find --error-rate 1% --hold 3s --settle 3s", "`--settle`"),
            ("--rate 9/s --for 0s", "`--for`: 0s is no length of time"),
            ("--rate 9/s --for 9s --timeout 0s", "`--timeout`: 0s"),
            ("--rate 9/s --for 9s --p95 0ms", "`--p95`"),
            ("--rate 9/s --for 9s --body @/no/such/file", "`--body`"),
        ] {
            let told = told_of(flags);
            assert!(told.starts_with("error: ") && told.contains(named), "{flags}: {told}");
            for hidden in [
                "-->",
                "folder",
                "assay load",
                "step-duration",
                "start-rate",
                "max-rate",
                "`errors`",
            ] {
                assert!(!told.contains(hidden), "{flags}: {told}");
            }
        }
    }
}
