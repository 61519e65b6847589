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

/// The mistakes, each with its help.
pub(super) fn told(problems: &Problems) -> String {
    let one = |problem: &crate::spec::Problem| {
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
        told(&planned(&scenario::to_run(&load).unwrap()).unwrap_err())
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
