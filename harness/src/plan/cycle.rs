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

/// How many of the arrivals `from..to` are request `which`.
#[must_use]
pub fn occurrences(cycle: &[u16], which: usize, from: u64, to: u64) -> u64 {
    let length = cycle.len().max(1) as u64;
    let in_first = |count: u64| {
        cycle.iter().take(count as usize).filter(|next| usize::from(**next) == which).count() as u64
    };
    let before = |k: u64| (k / length) * in_first(length) + in_first(k % length);
    before(to.max(from)) - before(from)
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
                prop_assert_eq!(occurrences(&cycle, which, 0, cycle.len() as u64) * rounds, *weight);
            }
        }

        #[test]
        fn occurrences_count_the_stretch(weights in prop::collection::vec(1..9_u64, 1..5), from in 0..90_u64, more in 0..90_u64) {
            let cycle = smooth(&weights).unwrap();
            let slow = (from..from + more).filter(|k| cycle[(*k % cycle.len() as u64) as usize] == 0);
            prop_assert_eq!(occurrences(&cycle, 0, from, from + more), slow.count() as u64);
        }
    }
}
