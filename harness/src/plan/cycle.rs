//! Which request the k-th arrival is: smooth weighted round-robin.
//!
//! At each step every weight is added to its request's credit, the greatest credit wins (the
//! first of equals) and pays the sum: weights 5, 1, 1 give a a b a c a a. Source: nginx,
//! `ngx_http_upstream_round_robin.c`.
//!
//! Invariant: each request occurs exactly its weight's share of times, spread as evenly as the
//! rule allows; the order depends on nothing but the weights.

/// The longest cycle: weights that share no divisor beyond this are refused.
pub const LONGEST: u64 = 10_000;

/// The weights are all 0, or need a cycle longer than [`LONGEST`]; holds that length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong(pub u64);

/// Indices into `weights`, in the order in which they are sent, over and over. A weight of 0 is
/// never sent.
///
/// # Errors
/// When the cycle would be empty or too long.
pub fn smooth(weights: &[u64]) -> Result<Vec<u16>, TooLong> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let sum = weights.iter().fold(0_u64, |sum, weight| sum.saturating_add(weight / divisor));
    if sum == 0 || sum > LONGEST || weights.len() > usize::from(u16::MAX) {
        return Err(TooLong(sum));
    }
    let mut credits = vec![0_i64; weights.len()];
    let mut cycle = Vec::new();
    for _ in 0..sum {
        let mut winner = (0_u16, i64::MIN);
        for (request, (credit, weight)) in (0_u16..).zip(credits.iter_mut().zip(weights)) {
            *credit += (weight / divisor) as i64;
            if *credit > winner.1 {
                winner = (request, *credit);
            }
        }
        if let Some(credit) = credits.get_mut(usize::from(winner.0)) {
            *credit -= sum as i64;
        }
        cycle.push(winner.0);
    }
    Ok(cycle)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Counts some requests among the arrivals.
#[derive(Debug, Clone)]
pub struct Tally {
    /// How many of the first `i` places of the cycle are counted.
    up_to: Vec<u64>,
}

impl Tally {
    /// Counts the requests that `counted` says.
    #[must_use]
    pub fn new(cycle: &[u16], counted: impl Fn(usize) -> bool) -> Tally {
        let places = cycle.iter().scan(0, |sum, which| {
            *sum += u64::from(counted(usize::from(*which)));
            Some(*sum)
        });
        Tally { up_to: std::iter::once(0).chain(places).collect() }
    }

    /// How many of the first `k` arrivals are counted.
    #[must_use]
    pub fn before(&self, k: u64) -> u64 {
        let length = (self.up_to.len() - 1).max(1) as u64;
        let in_first = |places: u64| self.up_to.get(places as usize).copied().unwrap_or(0);
        (k / length) * in_first(length) + in_first(k % length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn follows_nginx() {
        assert_eq!(smooth(&[5, 1, 1]), Ok(vec![0, 0, 1, 0, 2, 0, 0]));
        assert_eq!(smooth(&[1, 1]), Ok(vec![0, 1]));
        assert_eq!(smooth(&[40, 10]), Ok(vec![0, 0, 1, 0, 0]));
        assert_eq!(smooth(&[0, 7]), Ok(vec![1]));
    }

    #[test]
    fn refuses_what_has_no_short_cycle() {
        assert_eq!(smooth(&[10_000, 1]), Err(TooLong(10_001)));
        assert_eq!(smooth(&[0, 0]), Err(TooLong(0)));
        assert_eq!(smooth(&[]), Err(TooLong(0)));
        assert_eq!(smooth(&[u64::MAX, u64::MAX - 1]), Err(TooLong(u64::MAX)));
    }

    proptest! {
        #[test]
        fn each_gets_exactly_its_share(weights in prop::collection::vec(0..40_u64, 1..8)) {
            let Ok(cycle) = smooth(&weights) else { return Ok(()) };
            let sum: u64 = weights.iter().sum();
            let rounds = sum / cycle.len() as u64;
            for (which, weight) in weights.iter().enumerate() {
                let tally = Tally::new(&cycle, |next| next == which);
                prop_assert_eq!(tally.before(cycle.len() as u64) * rounds, *weight);
            }
        }

        #[test]
        fn a_tally_counts_one_by_one(weights in prop::collection::vec(1..9_u64, 1..5), k in 0..190_u64) {
            let cycle = smooth(&weights).unwrap();
            let firsts = (0..k).filter(|k| cycle[(*k % cycle.len() as u64) as usize] == 0);
            prop_assert_eq!(Tally::new(&cycle, |next| next == 0).before(k), firsts.count() as u64);
        }
    }
}
