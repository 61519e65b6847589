//! All that a plan sends: arrivals, users and fleets, by their index into [`Case::loads`].
//!
//! Invariant: that order is open loads, users, fleets.
//! Not here: when single requests are due (`arrivals`), how many a question needs (`demand`).
//!
//! [`Case::loads`]: assay_slo::Case::loads

use super::users::{Crowd, Does, Step};
use super::{Fleet, Load, Plan, Target, Users};
use std::ops::Range;

/// What a plan sends.
#[derive(Debug, Clone, Copy)]
pub struct Traffic<'p> {
    /// Open loads.
    pub loads: &'p [Load],
    /// Closed loads.
    pub users: &'p [Users],
    /// Fleets.
    pub fleets: &'p [Fleet],
}

impl<'p> Traffic<'p> {
    /// Of a plan.
    #[must_use]
    pub fn of(plan: &'p Plan) -> Traffic<'p> {
        Traffic { loads: &plan.loads, users: &plan.users, fleets: &plan.fleets }
    }

    /// Where each goes and when its last request is due or begun, µs after time 0.
    fn sources(self) -> impl Iterator<Item = (&'p Target, u64)> {
        let loads = self.loads.iter().map(|load| (&load.to, load.arrivals.ends_us()));
        let users = self.users.iter().map(|users| (&users.to, users.crowd.ends_us()));
        let fleets = self.fleets.iter().map(|fleet| (&fleet.to, fleet.ends_us()));
        loads.chain(users).chain(fleets)
    }

    /// When each ends, in order.
    #[must_use]
    pub fn ends_us(self) -> Vec<u64> {
        self.sources().map(|(_, ends_us)| ends_us).collect()
    }

    /// When the last ends; none where nothing is sent.
    #[must_use]
    pub fn ends(self) -> Option<u64> {
        self.sources().map(|(_, ends_us)| ends_us).max()
    }

    /// When the last ends that is sent through a link; none where nothing is.
    #[must_use]
    pub fn ends_through(self, link: &str) -> Option<u64> {
        let through = |to: &Target| matches!(to, Target::Link(name) if name == link);
        self.sources().filter(|(to, _)| through(to)).map(|(_, ends_us)| ends_us).max()
    }

    /// The closed load at this index.
    #[must_use]
    pub fn users_at(self, load: usize) -> Option<&'p Users> {
        load.checked_sub(self.loads.len()).and_then(|at| self.users.get(at))
    }

    /// Whether requests of this index have due instants.
    #[must_use]
    pub fn is_open(self, load: usize) -> bool {
        load < self.loads.len()
    }
}

impl Crowd {
    /// When it ends at the latest, µs after time 0.
    #[must_use]
    pub fn ends_us(&self) -> u64 {
        match self {
            Crowd::Constant { lasts_us, .. } => *lasts_us,
            Crowd::Ramping { stages, .. } => {
                stages.iter().fold(0, |sum, (lasts_us, _)| sum.saturating_add(*lasts_us))
            }
            Crowd::Shared { max_us, .. } => *max_us,
        }
    }

    /// The most users at once.
    #[must_use]
    pub fn most(&self) -> u64 {
        match self {
            Crowd::Constant { vus, .. } | Crowd::Shared { vus, .. } => *vus,
            Crowd::Ramping { start, stages } => {
                stages.iter().map(|(_, vus)| *vus).fold(*start, u64::max)
            }
        }
    }
}

impl Users {
    /// The steps of each user; none where requests are independent.
    #[must_use]
    pub fn journey(&self) -> &[Step] {
        match &self.does {
            Does::Journey(steps) => steps,
            Does::Independent { .. } => &[],
        }
    }

    /// The shortest journey, µs: its pauses and its pace, as if every answer came at once.
    #[must_use]
    pub fn shortest_us(&self) -> u64 {
        let pause = |step: &Step| match step {
            Step::Pause { min_us, .. } => *min_us,
            Step::Send(_) => 0,
        };
        let pauses = self.journey().iter().map(pause).fold(0, u64::saturating_add);
        pauses.max(self.pace_us)
    }

    /// The most of these requests that could begin in a stretch: every user at work all the time
    /// and every answer at once. None where nothing bounds them.
    #[must_use]
    pub fn most_in(&self, wanted: &dyn Fn(usize) -> bool, stretch: &Range<u64>) -> Option<u64> {
        let ends = stretch.end.min(self.crowd.ends_us());
        let Some(length) = ends.checked_sub(stretch.start).filter(|us| *us > 0) else {
            return Some(0);
        };
        if let Does::Independent { cycle } = &self.does {
            // Nothing but the answers holds them up.
            let any = cycle.iter().any(|at| wanted(usize::from(*at)));
            return if any { None } else { Some(0) };
        }
        let each =
            self.journey().iter().filter(|step| matches!(step, Step::Send(at) if wanted(*at)));
        let each = each.count() as u64;
        // The first journey may be anywhere in its course when the stretch begins.
        let paced = length.checked_div(self.shortest_us()).map(|full| full.saturating_add(2));
        let paced = paced.map(|journeys| journeys.saturating_mul(self.crowd.most()));
        let shared = match self.crowd {
            Crowd::Shared { iterations, .. } => Some(iterations),
            Crowd::Constant { .. } | Crowd::Ramping { .. } => None,
        };
        let journeys = [paced, shared].into_iter().flatten().min()?;
        Some(journeys.saturating_mul(each))
    }
}

impl Fleet {
    /// When its last sample is taken at the latest, µs after time 0.
    #[must_use]
    pub fn ends_us(&self) -> u64 {
        self.samples.saturating_mul(self.every_us)
    }

    /// Samples a minute, of all devices, in thousandths.
    #[must_use]
    pub fn rate_milli_per_min(&self) -> u64 {
        let rate = u128::from(self.devices) * 60_000_000_000 / u128::from(self.every_us.max(1));
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// Samples in all.
    #[must_use]
    pub fn planned(&self) -> u64 {
        self.devices.saturating_mul(self.samples)
    }

    /// Devices of the gateway with the most of them.
    #[must_use]
    pub fn devices_of_one(&self) -> u64 {
        let gateways = self.gateway.as_ref().map_or(1, |gateway| u64::from(gateway.count.max(1)));
        self.devices.div_ceil(gateways)
    }
}
