//! Closed loads in words.
//!
//! Not here: driving users (`load`).

use super::{sent, short};
use crate::plan::users::{Crowd, Does, Step};
use crate::plan::words::{count, several, time};
use crate::plan::{Request, Users};

/// `10 users, started within 5 s`, `1 user, to 50 in 60 s`, `1 000 journeys by 10 users`.
pub(super) fn crowd(users: &Users) -> String {
    let many = |vus: u64| several(vus, "user", "users");
    let crowd = match &users.crowd {
        Crowd::Constant { vus, ramp_up_us: 0, .. } => many(*vus),
        Crowd::Constant { vus, ramp_up_us, .. } => {
            format!("{}, started within {}", many(*vus), time(*ramp_up_us))
        }
        Crowd::Ramping { start, stages } => {
            let stages =
                stages.iter().map(|(us, vus)| format!(", to {} in {}", count(*vus), time(*us)));
            format!("{}{}", many(*start), stages.collect::<String>())
        }
        Crowd::Shared { vus, iterations, .. } => {
            format!("{} by {}", several(*iterations, "journey", "journeys"), many(*vus))
        }
    };
    match users.pace_us {
        0 => crowd,
        us => format!("{crowd}, a journey takes at least {}", time(us)),
    }
}

/// The steps in order, or independent requests.
pub(super) fn journey(users: &Users) -> Vec<String> {
    match &users.does {
        Does::Journey(journey) => steps(journey, &users.requests),
        Does::Independent { .. } => users.requests.iter().map(sent).collect(),
    }
}

/// Steps in order, a request that comes again by its name only.
pub(super) fn steps(journey: &[Step], requests: &[Request]) -> Vec<String> {
    let mut told = Vec::new();
    let step = |step: &Step| match step {
        Step::Send(at) => requests.get(*at).map_or_else(String::new, |request| {
            if told.contains(at) {
                return short(&request.name);
            }
            told.push(*at);
            sent(request)
        }),
        Step::Pause { min_us, max_us } if min_us == max_us => format!("pause {}", time(*min_us)),
        Step::Pause { min_us, max_us } => {
            format!("pause {} to {}", time(*min_us), time(*max_us))
        }
    };
    journey.iter().map(step).collect()
}
