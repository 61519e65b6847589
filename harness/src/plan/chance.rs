//! Seeded chance of what is put into requests: numbers, UUIDs, rows.
//!
//! Invariant: a stream depends on nothing but what it is for, so the same run sends the same.
//! Not here: chance of faults (`fault`), of pauses (`load::users`).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The stream of a seed and what it is drawn for: ChaCha8 seeded by SHA-256 of all, each text
/// behind its length.
#[must_use]
pub fn stream(seed: u64, what: &[&str], numbers: &[u64]) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(key(seed, what, numbers))
}

/// The key of such a stream.
#[must_use]
pub fn key(seed: u64, what: &[&str], numbers: &[u64]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"assay request 1");
    hash.update(seed.to_le_bytes());
    for text in what {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    for number in numbers {
        hash.update(number.to_le_bytes());
    }
    hash.finalize().into()
}

/// A number below `n`, or 0: multiply and shift, off by less than `n` in 2⁶⁴.
pub fn below(chance: &mut ChaCha8Rng, n: u64) -> u64 {
    ((u128::from(chance.next_u64()) * u128::from(n)) >> 64) as u64
}

/// A whole number from `low` to `high`, both included: even but for less than their distance in
/// 2⁶⁴.
pub fn int(chance: &mut ChaCha8Rng, low: i64, high: i64) -> i64 {
    let width = u128::from(high.abs_diff(low)) + 1;
    let step = (u128::from(chance.next_u64()) * width) >> 64;
    (i128::from(low) + step as i128) as i64
}

/// Writes a random UUID, version 4: RFC 9562, 5.4.
pub fn push_uuid(text: &mut String, chance: &mut ChaCha8Rng) {
    let mut bits = (u128::from(chance.next_u64()) << 64) | u128::from(chance.next_u64());
    bits = (bits & !(0xf << 76)) | (4 << 76);
    bits = (bits & !(0b11 << 62)) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    for (place, digit) in hex.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
}

/// The bounds of `random.int(a,b)`; none of what is no such name.
#[must_use]
pub fn bounds(name: &str) -> Option<(i64, i64)> {
    let bounds = name.strip_prefix("random.int(")?.strip_suffix(')')?;
    let (low, high) = bounds.split_once(',')?;
    let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (low <= high).then_some((low, high))
}

/// Writes a value; writing to a text cannot fail.
pub fn push(text: &mut String, value: impl std::fmt::Display) {
    let _ = write!(text, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_fixed_for_ever_and_differ_by_what_they_are_for() {
        let first = |seed, what: &[&str], numbers: &[u64]| stream(seed, what, numbers).next_u64();
        let base = first(7, &["ab", "c"], &[1]);
        assert_eq!(base, first(7, &["ab", "c"], &[1]));
        for other in [
            first(8, &["ab", "c"], &[1]),
            first(7, &["a", "bc"], &[1]),
            first(7, &["ab", "c"], &[2]),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn bounds_are_two_whole_numbers_in_order() {
        assert_eq!(bounds("random.int( -2 , 3)"), Some((-2, 3)));
        for bad in ["random.int(3,2)", "random.int(1)", "random.int(a,b)", "random.uuid"] {
            assert_eq!(bounds(bad), None, "{bad}");
        }
        assert!((0..100).all(|k| below(&mut stream(k, &[], &[]), 3) < 3));
    }
}
