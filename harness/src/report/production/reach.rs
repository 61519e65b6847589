//! For which shares of bad requests an alert fires; of all that can happen, from none bad to all.
//!
//! Not here: what an alert looks like (`rule`).

/// What an alert on a share can do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reach {
    /// No share makes it fire.
    Never,
    /// No share leaves it silent.
    Always,
    /// A share that makes it fire, and one that does not.
    Some {
        /// It fires.
        fires: f64,
        /// It is silent.
        silent: f64,
    },
}

/// What an alert on a share `op` `limit` can do.
pub(super) fn reach(op: &str, limit: f64) -> Reach {
    let holds = |share: f64| holds(op, share, limit);
    match (holds(0.0), holds(1.0)) {
        (false, false) => Reach::Never,
        (true, true) => Reach::Always,
        (fires_at_none, _) => {
            // Between the limit and either end, unless only the end itself will do.
            let [below, above] = [limit / 2.0, (limit + 1.0) / 2.0];
            let (fires, silent) = if fires_at_none { (below, above) } else { (above, below) };
            Reach::Some { fires, silent }
        }
    }
}

/// Whether a share is beyond a limit.
pub(super) fn holds(op: &str, share: f64, limit: f64) -> bool {
    match op {
        "<" => share < limit,
        "<=" => share <= limit,
        ">=" => share >= limit,
        _ => share > limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_that_can_do_both_has_a_share_for_each() {
        for op in ["<", "<=", ">", ">="] {
            for limit in [0.0, 1e-12, 0.0005, 0.0144, 0.5, 0.999, 1.0] {
                if let Reach::Some { fires, silent } = reach(op, limit) {
                    assert!(holds(op, fires, limit) && !holds(op, silent, limit), "{op} {limit}");
                    assert!((0.0..=1.0).contains(&fires) && (0.0..=1.0).contains(&silent));
                }
            }
        }
        for (op, limit, wanted) in [
            (">", 1.0, Reach::Never),
            (">", 7.2, Reach::Never),
            (">=", 1.1, Reach::Never),
            ("<", 0.0, Reach::Never),
            ("<=", -1.0, Reach::Never),
            (">", -0.1, Reach::Always),
            (">=", 0.0, Reach::Always),
            ("<", 2.0, Reach::Always),
            ("<=", 1.0, Reach::Always),
            (">", 0.0, Reach::Some { fires: 0.5, silent: 0.0 }),
            (">=", 1.0, Reach::Some { fires: 1.0, silent: 0.5 }),
        ] {
            assert_eq!(reach(op, limit), wanted, "{op} {limit}");
        }
    }
}
