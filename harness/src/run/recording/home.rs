//! Where a far end's `Location` leads: to itself means to whoever stands in for it, or callers would go past the
//! recorder, and later past the stub.
//!
//! Not here: which headers are kept (`routes`).

/// The same without the far end's own name, and without the path under which the link's requests come to it.
pub(super) fn at_home(location: &str, authority: &str, prefix: &str) -> String {
    let own = ["http://", "https://", "//"].iter().find_map(|scheme| {
        let rest = without(without(location, scheme)?, authority)?;
        // A port that the scheme has anyway may be written or left out.
        let usual = match *scheme {
            "http://" => ":80",
            "https://" => ":443",
            _ => "",
        };
        let rest = rest.strip_prefix(usual).filter(|rest| begins(rest)).unwrap_or(rest);
        begins(rest).then_some(rest)
    });
    let path = match own {
        Some(path) if path.starts_with('/') => path.to_owned(),
        Some(path) => format!("/{path}"),
        // Relative to itself, as it is; or somewhere else.
        None if !location.starts_with('/') || location.starts_with("//") => {
            return location.to_owned();
        }
        None => location.to_owned(),
    };
    match path.strip_prefix(prefix).filter(|_| !prefix.is_empty()) {
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        Some(rest) if rest.is_empty() || rest.starts_with(['?', '#']) => format!("/{rest}"),
        _ => path,
    }
}

/// What follows this beginning, whatever its case: schemes and hosts have none.
fn without<'l>(text: &'l str, beginning: &str) -> Option<&'l str> {
    let (begun, rest) = text.split_at_checked(beginning.len())?;
    begun.eq_ignore_ascii_case(beginning).then_some(rest)
}

/// Whether a URL goes on behind its host so.
fn begins(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['/', '?', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leads_back_to_the_far_end_changes() {
        for (location, led) in [
            ("http://x.test:80/v1/a?b", "/a?b"),
            ("https://x.test:80", "/"),
            ("http://x.test:80/v1", "/"),
            ("http://x.test:80/v1?a", "/?a"),
            ("http://x.test:80/v11", "/v11"),
            ("http://x.test:80/other", "/other"),
            ("/v1/a", "/a"),
            ("next", "next"),
            ("http://x.test:8080/v1/a", "http://x.test:8080/v1/a"),
            ("http://else.test/v1/a", "http://else.test/v1/a"),
            ("//else.test/v1/a", "//else.test/v1/a"),
            ("//x.test:80/v1/a", "/a"),
            ("//x.test:800/v1/a", "//x.test:800/v1/a"),
            ("HTTP://X.test:80/v1/a", "/a"),
        ] {
            assert_eq!(at_home(location, "x.test:80", "/v1"), led, "{location}");
        }
        assert_eq!(at_home("http://x.test/a", "x.test", ""), "/a");
        assert_eq!(at_home("https://x.test:443/a", "x.test", ""), "/a");
        assert_eq!(at_home("https://x.test:4430/a", "x.test", ""), "https://x.test:4430/a");
    }
}
