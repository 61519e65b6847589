//! Whose a container, or a process that runs already, is to break: one run's at a time.
//!
//! What a fault changes there outlives the run, and how it was before is only known if nobody else
//! changes it meanwhile. So a run holds a name in the kernel for each container and process that its faults
//! mean, its guardian a second one until it has undone what the run could not, and its lease keeper a third.
//!
//! Invariant: a name goes with the process that holds it, so nothing needs cleaning up after a crash.
//! Invariant: who takes one has looked for a guardian that still undoes something to it.
//! Not here: which they are (`run`, `family`). A run in another network namespace, or on another
//! machine with the same engine, is not seen.

use super::Family;
use super::engine::Vessel;
use std::collections::BTreeMap;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Who holds one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Holder {
    Run,
    #[default]
    Guardian,
    Keeper,
}

/// One that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    _held: Option<UnixListener>,
}

impl Claim {
    /// One of whoever outlives a run. Where there are no such names, nobody can look for one either.
    pub(super) fn of(holder: Holder, id: &str) -> Claim {
        Claim { _held: hold(id, holder).ok() }
    }
}

/// What a run may break, by id: containers, and processes that ran before.
#[derive(Debug, Default)]
pub struct Claims {
    held: BTreeMap<String, (String, Claim)>,
}

impl Claims {
    /// Takes a container for one of the run's services; true if it was not held yet.
    ///
    /// # Errors
    /// A sentence without its beginning: who has it.
    pub fn take(&mut self, service: &str, vessel: &Vessel) -> Result<bool, String> {
        self.take_one(service, &vessel.id, &format!("container {}", vessel.name))
    }

    /// Takes all of a family; true if one was not held yet.
    ///
    /// # Errors
    /// As [`Claims::take`].
    pub fn take_family(&mut self, service: &str, family: &Family) -> Result<bool, String> {
        let mut new = false;
        for (id, what) in family.claims() {
            new |= self.take_one(service, &id, &what)?;
        }
        Ok(new)
    }

    fn take_one(&mut self, service: &str, id: &str, what: &str) -> Result<bool, String> {
        if let Some((of, _)) = self.held.get(id) {
            return match of == service {
                true => Ok(false),
                false => Err(format!(
                    "the {what} is `{of}` already, and faults break both: each would undo what the other \
                     does; make one service of them"
                )),
            };
        }
        let taken = hold(id, Holder::Run)
            .and_then(|held| hold(id, Holder::Guardian).map(|_free| held))
            .and_then(|held| hold(id, Holder::Keeper).map(|_free| held));
        let claim = match taken {
            Ok(held) => Claim { _held: Some(held) },
            Err(why) if why.kind() == io::ErrorKind::AddrInUse => {
                return Err(format!(
                    "another run breaks the {what}, or its guardian or lease keeper still undoes what it \
                     broke: start this one when it has ended"
                ));
            }
            Err(_) => Claim { _held: None },
        };
        self.held.insert(id.to_owned(), (service.to_owned(), claim));
        Ok(true)
    }

    /// The ids of all that are held.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.held.keys().map(String::as_str)
    }
}

fn hold(id: &str, holder: Holder) -> io::Result<UnixListener> {
    let name = match holder {
        Holder::Run => format!("assay/broken/{id}"),
        Holder::Guardian => format!("assay/undone/{id}"),
        Holder::Keeper => format!("assay/kept/{id}"),
    };
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vessel(what: &str) -> Vessel {
        Vessel { id: format!("{what}-{}", std::process::id()), name: "shop-1".to_owned() }
    }

    #[test]
    fn a_container_is_broken_by_one_run_at_a_time() {
        let (mut first, mut second) = (Claims::default(), Claims::default());
        let shop = vessel("runs");
        assert_eq!(first.take("shop", &shop), Ok(true));
        // A fault of its own finds it again.
        assert_eq!(first.take("shop", &shop), Ok(false));
        let refused = second.take("shop", &shop).unwrap_err();
        assert!(refused.contains("another run breaks the container shop-1"), "{refused}");
        drop(first);
        assert_eq!(second.take("shop", &shop), Ok(true));
    }

    #[test]
    fn two_services_are_not_one_container() {
        let mut claims = Claims::default();
        let shop = vessel("services");
        assert_eq!(claims.take("shop", &shop), Ok(true));
        let refused = claims.take("front", &shop).unwrap_err();
        assert!(refused.contains("shop-1 is `shop` already"), "{refused}");
        assert_eq!(claims.ids().count(), 1);
    }

    #[test]
    fn a_guardian_and_a_keeper_keep_what_their_run_has_lost() {
        let shop = vessel("guardian");
        for holder in [Holder::Guardian, Holder::Keeper] {
            let mut died = Claims::default();
            assert_eq!(died.take("shop", &shop), Ok(true));
            let left = Claim::of(holder, &shop.id);
            drop(died);
            let mut next = Claims::default();
            assert!(next.take("shop", &shop).unwrap_err().contains("lease keeper still undoes"));
            drop(left);
            assert_eq!(next.take("shop", &shop), Ok(true));
        }
    }
}
