//! What a breaker costs a call that it lets through: nanoseconds per acquire and success.
//!
//! Invariant: one thread, no contention, tokio's clock as in earnest.
//! Not here: a bound. Machines differ; the number is for people.

use std::hint::black_box;

use assay_backend::resilience::{Breaker, BreakerSettings};
use tokio::time::Instant;

const CALLS: u32 = 1_000_000;

#[expect(clippy::print_stdout, reason = "a benchmark is for reading")]
fn main() {
    let acquire = median(|breaker| {
        if let Ok(permit) = black_box(breaker).try_acquire() {
            permit.success();
        }
    });
    let clock = median(|_| {
        black_box(Instant::now());
    });
    println!("try_acquire + success: {acquire:.1} ns; one reading of the clock: {clock:.1} ns");
}

/// The median of five runs, in nanoseconds per call.
fn median(call: impl Fn(&Breaker)) -> f64 {
    let breaker = Breaker::new("bench", BreakerSettings::default(), Instant::now());
    let mut runs = [0.0; 5];
    for run in &mut runs {
        let start = Instant::now();
        for _ in 0..CALLS {
            call(&breaker);
        }
        *run = start.elapsed().as_nanos() as f64 / f64::from(CALLS);
    }
    runs.sort_by(f64::total_cmp);
    runs[2]
}
