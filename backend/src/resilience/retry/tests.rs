//! Waits to the microsecond, jitter within its range, and backon's loop on the paused clock.

use std::sync::Mutex;

use proptest::prelude::*;
use tokio::time::Instant;

use super::*;

fn settings(attempts: u32, base_ms: u64, factor: f64, max_ms: u64, jitter: f64) -> RetrySettings {
    let ms = Duration::from_millis;
    RetrySettings::new(attempts, ms(base_ms), factor, ms(max_ms), jitter).unwrap()
}

fn millis(settings: &RetrySettings) -> Vec<u128> {
    settings.waits(0, 0).map(|w| w.as_millis()).collect()
}

#[test]
fn waits_are_one_fewer_than_attempts_and_double_up_to_the_cap() {
    assert_eq!(millis(&RetrySettings::default()), [1_000, 2_000]);
    let eight = settings(8, 1_000, 2.0, 30_000, 0.0);
    assert_eq!(millis(&eight), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    assert_eq!(millis(&settings(1, 1_000, 2.0, 30_000, 0.0)), []);
    assert_eq!(millis(&settings(4, 100, 1.0, 100, 0.0)), [100, 100, 100]);
    // Doubles hold these exactly; single precision would give 200.000003 ms.
    let waits: Vec<_> = settings(4, 100, 2.0, 1_000, 0.0).waits(0, 0).collect();
    assert_eq!(waits, [100, 200, 400].map(Duration::from_millis));
}

#[test]
fn a_seed_and_a_call_give_the_same_waits_and_others_different_ones() {
    let jittered = settings(6, 1_000, 2.0, 30_000, 0.5);
    let waits = |seed, call| jittered.waits(seed, call).collect::<Vec<_>>();
    assert_eq!(waits(7, 3), waits(7, 3));
    assert_ne!(waits(7, 3), waits(7, 4));
    assert_ne!(waits(7, 3), waits(8, 3));
}

#[test]
fn nonsense_is_refused_with_what_to_write() {
    let s = Duration::from_secs(1);
    for (attempts, base, factor, max, jitter, mistake) in [
        (0, s, 2.0, s, 0.0, "attempts is 0: write 1 or more"),
        (3, Duration::ZERO, 2.0, s, 0.0, "base is 0ns: write the first wait"),
        (3, s, 0.5, s, 0.0, "factor is 0.5: write 1 or more"),
        (3, s, f64::NAN, s, 0.0, "factor is NaN: "),
        (3, 2 * s, 2.0, s, 0.0, "max is 1s: write the longest wait"),
        (3, s, 2.0, s, 1.5, "jitter is 1.5: write a fraction from 0 to 1"),
        (3, s, 2.0, s, f64::NAN, "jitter is NaN: "),
    ] {
        let found = RetrySettings::new(attempts, base, factor, max, jitter).unwrap_err();
        assert!(found.to_string().starts_with(mistake), "{found}");
    }
}

/// 3 attempts at 0, 1 and 3 s, each retry told before its wait.
#[tokio::test(start_paused = true)]
async fn attempts_begin_after_exactly_their_waits() {
    let start = Instant::now();
    let (begun, told) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let seconds = || start.elapsed().as_secs_f64();
    let end = retry(
        RetrySettings::default().waits(0, 0),
        |attempt| {
            begun.lock().unwrap().push((attempt, seconds()));
            async move { Err::<(), _>(attempt) }
        },
        |_| true,
        |retrying| {
            told.lock().unwrap().push((retrying.attempt, retrying.wait.as_secs(), seconds()))
        },
    )
    .await;
    assert_eq!(end, Err(3), "the last attempt's error");
    assert_eq!(*begun.lock().unwrap(), [(1, 0.0), (2, 1.0), (3, 3.0)]);
    assert_eq!(*told.lock().unwrap(), [(1, 1, 0.0), (2, 2, 1.0)]);
}

#[tokio::test(start_paused = true)]
async fn a_success_or_a_final_error_ends_it() {
    let waits = || RetrySettings::default().waits(0, 0);
    let second = |n| async move { if n < 2 { Err("no") } else { Ok(n) } };
    assert_eq!(retry(waits(), second, |_| true, |_| {}).await, Ok(2));
    let start = Instant::now();
    let fatal = |_| async { Err::<(), _>("fatal") };
    assert_eq!(retry(waits(), fatal, |e| *e != "fatal", |_| {}).await, Err("fatal"));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

proptest! {
    /// Each wait is between the plain one and (1 + jitter) times it, and at most max.
    #[test]
    fn jitter_stays_in_its_range(
        attempts in 1_u32..12, base in 1_u64..5_000, factor in 1.0_f64..4.0, more in 0_u64..60_000,
        jitter in 0.0_f64..=1.0, seed: u64, call: u64,
    ) {
        let max = base + more;
        let plain = settings(attempts, base, factor, max, 0.0);
        let jittered = settings(attempts, base, factor, max, jitter);
        let waits: Vec<_> = jittered.waits(seed, call).collect();
        prop_assert_eq!(waits.len() as u32, attempts - 1);
        for (n, (wait, least)) in waits.iter().zip(plain.waits(0, 0)).enumerate() {
            let exact = (base as f64 * 1e3 * factor.powi(n as i32)).min(max as f64 * 1e3);
            prop_assert!((least.as_micros() as f64 - exact).abs() <= 1.0, "{least:?} {exact}");
            let most = least.mul_f64(1.0 + jitter) + Duration::from_micros(1);
            prop_assert!(*wait >= least && *wait <= most.min(Duration::from_millis(max)));
        }
    }
}
