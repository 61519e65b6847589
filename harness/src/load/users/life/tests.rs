//! One user's life on a paused clock: when it sends, waits, stops.

use super::*;
use crate::load::users::crowd::shifts;
use crate::plan::users::Crowd;
use std::time::Duration;

const MS: u64 = 1_000;

/// Notes when each request began, ms after time 0; each takes so long.
struct Diary {
    clock: Clock,
    zero: At,
    takes_us: u64,
    seen: Vec<(usize, u64)>,
    onward: Onward,
    journeys: Vec<u64>,
    used_up: Vec<(u64, Option<u64>, String)>,
}

impl Errands for Diary {
    fn begin(&mut self, journey: u64) {
        self.journeys.push(journey);
    }

    async fn send(&mut self, request: usize) -> Onward {
        let began = self.clock.now();
        self.seen.push((request, (began.0 - self.zero.0) / MS));
        self.clock.sleep_until(At(began.0 + self.takes_us)).await;
        self.onward
    }

    fn used_up(&mut self, made: u64, of: Option<u64>, rows: &str) {
        self.used_up.push((made, of, rows.to_owned()));
    }
}

struct User {
    life: Life,
    diary: Diary,
    orders: watch::Sender<Order>,
}

impl User {
    /// Time 0 is a second away.
    fn new(crowd: &Crowd, number: u64, journey: Vec<Step>, pace_ms: u64) -> User {
        User::with_rows(crowd, number, journey, pace_ms, None)
    }

    fn with_rows(
        crowd: &Crowd,
        number: u64,
        journey: Vec<Step>,
        pace_ms: u64,
        rows: Option<(u64, String)>,
    ) -> User {
        let clock = Clock::start();
        let zero = At(clock.now().0 + 1_000 * MS);
        let journeys = Journeys::of(crowd, rows);
        let (pace_us, tally) = (pace_ms * MS, Tally::new(1));
        let script = Script { clock, zero, journey, pace_us, journeys, tally };
        let (orders, order) = watch::channel(Order::Go);
        let random = stream(7, "web", number);
        let life = Life::new(Arc::new(script), shifts(crowd, number), random, order);
        let diary = Diary {
            clock,
            zero,
            takes_us: 30 * MS,
            onward: Onward::Next,
            journeys: Vec::new(),
            used_up: Vec::new(),
            seen: Vec::new(),
        };
        User { life, diary, orders }
    }

    async fn live(&mut self) {
        while self.life.turn(&mut self.diary).await == Turn::Again {}
    }

    fn unmade(&self) -> Option<(u64, u64)> {
        self.life.script.journeys.unmade(self.life.script.tally.made())
    }

    fn times(&self) -> Vec<u64> {
        self.diary.seen.iter().map(|(_, at)| *at).collect()
    }
}

fn pause(ms: u64) -> Step {
    Step::Pause { min_us: ms * MS, max_us: ms * MS }
}

fn constant(lasts_ms: u64) -> Crowd {
    Crowd::Constant { vus: 2, lasts_us: lasts_ms * MS, ramp_up_us: 200 * MS }
}

#[tokio::test(start_paused = true)]
async fn who_ends_for_want_of_rows_tells_it() {
    let rows = || Some((3, "users".to_owned()));
    let told = [
        (constant(400), rows(), vec![(3, None, "users".to_owned())]),
        // Its time was over first.
        (constant(60), rows(), vec![]),
        (constant(400), None, vec![]),
    ];
    for (crowd, rows, told) in told {
        let mut user = User::with_rows(&crowd, 0, vec![Step::Send(0)], 0, rows);
        user.live().await;
        assert_eq!(user.diary.used_up, told, "{crowd:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_journey_repeats_until_the_end_and_starts_at_its_time() {
    let journey = vec![Step::Send(0), pause(50), Step::Send(1)];
    let mut user = User::new(&constant(400), 1, journey, 0);
    user.live().await;
    // Half of the ramp-up, then 30 + 50 + 30 ms each; the last answer comes after the end.
    assert_eq!(user.diary.seen, [(0, 100), (1, 180), (0, 210), (1, 290), (0, 320)]);
    assert_eq!(user.diary.clock.now().0 - user.diary.zero.0, 400 * MS, "the pause was cut short");
}

#[tokio::test(start_paused = true)]
async fn a_pace_is_the_least_that_a_journey_takes() {
    let mut quick = User::new(&constant(1_000), 0, vec![Step::Send(0)], 300);
    quick.live().await;
    assert_eq!(quick.times(), [0, 300, 600, 900]);
    let mut slow = User::new(&constant(100), 0, vec![Step::Send(0)], 10);
    slow.live().await;
    assert_eq!(slow.times(), [0, 30, 60, 90]);
}

#[tokio::test(start_paused = true)]
async fn a_ramp_parks_and_calls_back() {
    let stages = vec![(500 * MS, 1), (500 * MS, 0), (500 * MS, 0), (0, 1), (100 * MS, 1)];
    let crowd = Crowd::Ramping { start: 1, stages };
    let mut user = User::new(&crowd, 0, vec![Step::Send(0), pause(170)], 0);
    user.live().await;
    assert_eq!(user.times(), [0, 200, 400, 1_500]);
}

#[tokio::test(start_paused = true)]
async fn an_order_to_stop_lets_the_request_end_and_cuts_pauses() {
    for (journey, at_ms) in [
        (vec![Step::Send(0), Step::Send(1)], 1_030),
        (vec![Step::Send(0), pause(60_000)], 1_030),
        (vec![pause(60_000), Step::Send(0)], 1_010),
    ] {
        let mut user = User::new(&constant(600_000), 0, journey, 0);
        let orders = user.orders.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1_010)).await;
            orders.send_replace(Order::Stop);
        });
        let begun = user.diary.clock.now();
        user.live().await;
        assert_eq!((user.diary.clock.now().0 - begun.0) / MS, at_ms);
        assert!(user.times().len() < 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_stopped_before_its_time_sends_nothing() {
    let mut user = User::new(&constant(600), 0, vec![Step::Send(0)], 0);
    user.orders.send_replace(Order::Cut);
    user.live().await;
    assert!(user.diary.seen.is_empty());
}

#[tokio::test(start_paused = true)]
async fn shared_journeys_end_with_the_last_or_with_their_time() {
    let crowd = |max_ms| Crowd::Shared { vus: 1, iterations: 4, max_us: max_ms * MS };
    let mut whole = User::new(&crowd(60_000), 0, vec![Step::Send(0), Step::Send(1)], 0);
    whole.live().await;
    assert_eq!((whole.diary.seen.len(), whole.unmade()), (8, None));
    let mut late = User::new(&crowd(100), 0, vec![Step::Send(0), Step::Send(1)], 0);
    late.live().await;
    assert_eq!(late.times(), [0, 30, 60, 90]);
    assert_eq!(late.diary.journeys, [0, 1]);
    // The last request of the second ended after the time was over, but was sent within it.
    assert_eq!(late.unmade(), Some((2, 4)));
    assert_eq!(late.life.script.journeys.take(), Some(2), "the others are left");
}

#[tokio::test(start_paused = true)]
async fn a_journey_broken_off_keeps_its_pauses_and_sends_no_more() {
    let journey = || vec![Step::Send(0), pause(100), Step::Send(1)];
    let mut user = User::new(&constant(400), 0, journey(), 0);
    user.diary.onward = Onward::BreakOff;
    user.live().await;
    assert_eq!(user.diary.seen, [(0, 0), (0, 130), (0, 260), (0, 390)]);
    let told = user.life.script.tally.told("web", |_| "login");
    assert!(
        told[0].starts_with("load web: 4 of 4 journeys were broken off at `login`"),
        "{told:?}"
    );
    // What cannot be sent is not tried without end.
    let mut unsent = User::new(&constant(2_200), 0, vec![Step::Send(0)], 0);
    unsent.diary.onward = Onward::Unsent;
    unsent.live().await;
    assert_eq!(unsent.times(), [0, 1_030, 2_060]);
    let mut over = User::new(&constant(2_200), 0, journey(), 0);
    over.diary.onward = Onward::Over;
    over.live().await;
    assert_eq!(over.times(), [0]);
}

#[test]
fn pauses_are_drawn_from_the_users_own_stream() {
    let draw = |seed, load, user| {
        let mut random = stream(seed, load, user);
        [0; 5].map(|_: u64| between(&mut random, 10, 1_000_000))
    };
    assert_eq!(draw(1, "web", 0), draw(1, "web", 0));
    for other in [draw(2, "web", 0), draw(1, "shop", 0), draw(1, "web", 1)] {
        assert_ne!(draw(1, "web", 0), other);
    }
    let mut random = stream(1, "web", 0);
    let seen: std::collections::BTreeSet<_> =
        (0..200).map(|_| between(&mut random, 3, 6)).collect();
    assert_eq!(Vec::from_iter(seen), [3, 4, 5, 6]);
    assert_eq!(between(&mut random, 9, 9), 9);
    assert_eq!(between(&mut random, 9, 2), 9);
}
