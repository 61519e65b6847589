//! Faults on processes that run already: done to them and all who descend from them, and put right; after a
//! kill whoever started them starts them again, and who that is then is followed.
//!
//! Invariant: whom a fault means is looked at just before, and claimed, so that no other run breaks them.
//! Invariant: an end that a kill caused is no death; a death that came before a kill stays one.
//! Not here: who belongs to a family (`service`), finding them again (`returns`), when it is done (`conduct`).

use super::acts::{Beside, Breaking, gone};
use super::{Again, Broke, Known, Mended, Stage};
use crate::plan::{Fault, FaultKind, Plan, ServiceKind};
use crate::run::stream::Stream;
use crate::service::undo::Undo;
use crate::service::{Attached, Claims, Exit, Family, Felled, KillEffect, Processes, signals};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::watch;

/// What the stage keeps of them.
#[derive(Default)]
pub(super) struct Families {
    /// Whether a service's end is a fault's doing.
    meant: BTreeMap<String, watch::Sender<bool>>,
    /// Whom a fault means, by fault.
    known: BTreeMap<usize, Family>,
    /// Whom a kill meant, by fault.
    felled: BTreeMap<usize, BTreeSet<(i32, u64)>>,
}

/// What came of whom a fault killed, when the fault ends.
pub(in crate::run) enum Back {
    /// Somebody else is the service by now, and is followed.
    Followed,
    /// The signal did not end it.
    NeverLeft,
    /// Somebody else is the service.
    Again(Again),
    /// Nobody is.
    Nobody,
}

/// Whether a service is a process that ran before.
pub(in crate::run) fn is_attached(plan: &Plan, name: &str) -> bool {
    let of = |service: &&crate::plan::Service| service.name == name;
    let kind = plan.services.iter().find(of).map(|service| &service.kind);
    matches!(kind, Some(ServiceKind::Attached { .. }))
}

/// Refuses the faults on a service that cannot be done to the process that it was found to be, or that
/// another run breaks; true if it was not claimed yet.
///
/// # Errors
/// A sentence without its beginning.
pub(in crate::run) fn family_can_be_broken(
    plan: &Plan,
    name: &str,
    found: &Attached,
    claims: &mut Claims,
) -> Result<bool, String> {
    let mut new = false;
    for fault in plan.faults.iter().filter(|fault| fault.link == name) {
        if let Some(doubt) = &found.doubt {
            return Err(doubt.clone());
        }
        let family = Family::of(found.first())?;
        family.can_be_meant(fault)?;
        // Before it is asked how they are: another run may have broken them.
        new |= claims.take_family(name, &family)?;
        family.can_be_broken(fault)?;
    }
    Ok(new)
}

impl Stage {
    /// Tells when a process ends that no fault meant to end.
    pub(in crate::run) fn watch_process(&mut self, name: &str, found: Attached) {
        let (meant, mut is_meant) = watch::channel(false);
        self.families.meant.insert(name.to_owned(), meant);
        let name = name.to_owned();
        self.ends.spawn(async move {
            found.ended().await;
            let is_death = is_meant.wait_for(|is_meant| !is_meant).await.is_ok();
            // By the end of whoever watches, somebody else is the service.
            if is_death { (name, Exit::Unknown) } else { std::future::pending().await }
        });
    }

    /// Whom no other run may break meanwhile.
    pub(in crate::run) fn claims(&mut self) -> &mut Claims {
        &mut self.afloat.claims
    }

    /// Looks for a fault's processes, and whether they may be broken; it borrows nothing.
    ///
    /// # Errors
    /// Nothing may be done to them then.
    pub(in crate::run) fn known_family(
        &self,
        fault: &Fault,
    ) -> impl Future<Output = Result<Known, String>> + Send + use<> {
        let (first, fault) = (self.firsts.of(&fault.link), fault.clone());
        async move {
            let first = first.ok_or("it was not found")?;
            let look = move || {
                let family = Family::of(first.id)?;
                family.can_be_broken(&fault)?;
                Ok(Known::Family(family))
            };
            tokio::task::spawn_blocking(look).await.map_err(|error| error.to_string())?
        }
    }

    /// Keeps whom a fault means; gives how what it does to them is undone, if it is.
    ///
    /// # Errors
    /// Nothing may be broken then.
    pub(super) fn keep_family(
        &mut self,
        (index, fault): (usize, &Fault),
        family: Family,
    ) -> Result<Option<Undo>, String> {
        // Those that came since the run began are its own to break from now on.
        if self.claims().take_family(&fault.link, &family)? {
            self.tell_claims();
        }
        let mut standing = family.standing(&fault.link, &self.names.run_id);
        let undo = match &fault.kind {
            FaultKind::Pause => Some(Undo::Continue(standing)),
            FaultKind::Pressure(pressure) => {
                if !signals(fault) {
                    // Nobody stands still by it, so whoever does is not ours to move.
                    standing.family = Some(BTreeSet::new());
                }
                let cwd = if pressure.disk > 0 { family.cwd()? } else { Default::default() };
                Some(self.undo_of_pressure(fault, *pressure, (standing, &cwd))?)
            }
            _ => None,
        };
        self.families.known.insert(index, family);
        Ok(undo)
    }

    /// Whether a fault is known to mean processes that ran before.
    pub(super) fn means_family(&self, index: usize) -> bool {
        self.families.known.contains_key(&index)
    }

    /// The processes that a fault means, to stand still and go on.
    ///
    /// # Errors
    /// There are none.
    pub(super) fn processes(&self, index: usize, name: &str) -> Result<Processes, String> {
        match self.families.known.get(&index) {
            Some(family) => Ok(family.processes(name)),
            None => Ok(self.running(name)?.processes()),
        }
    }

    /// Kills a fault's processes; the future gives what it came to.
    ///
    /// # Errors
    /// Nothing was done.
    pub(super) fn killing_family(
        &self,
        (index, name): (usize, &str),
        signal: i32,
    ) -> Result<Breaking, String> {
        let family = self.families.known.get(&index).ok_or("no process of it is known")?;
        let killing = family.kill(signal, &self.hurry)?;
        // Before the signal: its effect must not look like a death.
        self.mean(name, true);
        let service = name.to_owned();
        Ok(Box::pin(async move {
            let felled = killing.await;
            let done = gone(&service, felled.killed.clone());
            (Broke::Family { service, felled }, done)
        }))
    }

    /// Keeps whom a kill meant.
    pub(super) fn felled(&mut self, index: usize, service: &str, felled: Felled) {
        match felled.killed.effect {
            // It had ended before, and that was a death.
            KillEffect::Before(_) => self.mean(service, false),
            KillEffect::Gone(_) | KillEffect::StillThere => {
                self.families.felled.insert(index, felled.meant);
            }
        }
    }

    /// Resolves when others have started again what a fault killed, and never if they do not; it borrows
    /// nothing. None where the fault killed nobody.
    pub(in crate::run) fn comes_back(
        &self,
        plan: &Plan,
        (index, fault): (usize, &Fault),
    ) -> Option<impl Future<Output = Again> + Send + use<>> {
        self.families.felled.contains_key(&index).then(|| self.comes_again(plan, &fault.link))?
    }

    /// Looks whether others have started again what a fault killed. None where it killed nobody.
    pub(super) fn mending_family(
        &self,
        plan: &Plan,
        (index, fault): (usize, &Fault),
    ) -> Option<Beside<Mended>> {
        let felled = self.families.felled.get(&index)?;
        let first = self.firsts.of(&fault.link)?.id;
        if !felled.contains(&first) {
            return Some(Box::pin(std::future::ready(Mended::Family(Back::Followed))));
        }
        let returned = self.returned(plan, &fault.link);
        Some(Box::pin(async move {
            let is_there = tokio::task::spawn_blocking(move || Family::is_there(first));
            Mended::Family(match (is_there.await, returned.await) {
                (Ok(true), _) => Back::NeverLeft,
                (_, Some(again)) => Back::Again(again),
                (_, None) => Back::Nobody,
            })
        }))
    }

    /// Keeps what came of whom a fault killed.
    ///
    /// # Errors
    /// A sentence: nobody has started it again.
    pub(super) fn mended_family(
        &mut self,
        plan: &Plan,
        fault: &Fault,
        back: Back,
        stream: &mut Stream,
    ) -> Result<(), String> {
        match back {
            Back::Followed => Ok(()),
            // From now on its end is a death again.
            Back::NeverLeft => {
                self.mean(&fault.link, false);
                Ok(())
            }
            Back::Again(again) => {
                self.follow_again(plan, &fault.link, again, stream);
                Ok(())
            }
            Back::Nobody => Err("nobody has started it again".to_owned()),
        }
    }

    /// Nothing more is done to whom a fault meant.
    pub(super) fn forget_family(&mut self, index: usize) {
        self.families.known.remove(&index);
        self.families.felled.remove(&index);
    }

    /// Those that a service is not, should it be found again.
    pub(super) fn gone_before(&self, name: &str) -> BTreeSet<(i32, u64)> {
        let felled = self.families.felled.values().flatten().copied();
        felled.chain(self.firsts.of(name).map(|first| first.id)).collect()
    }

    fn mean(&self, name: &str, is_meant: bool) {
        if let Some(meant) = self.families.meant.get(name) {
            meant.send_replace(is_meant);
        }
    }
}
