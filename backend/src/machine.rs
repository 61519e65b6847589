//! Machines: their names and their types.
//!
//! Invariant: a [`MachineId`] is 1 to 255 of `A-Z a-z 0-9 - _`, so it is safe in a label, a path
//! and a log line.
//! Not here: what a machine last reported (see `fleet`).

use std::fmt;
use std::sync::Arc;

/// The machines that are registered when a store is made.
pub(crate) const AT_START: [&str; 3] = ["TRUCK-21", "MILL-3", "BOILER-7"];

/// The longest name.
const LONGEST: usize = 255;

/// A machine's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MachineId(Arc<str>);

/// Why a text is no machine's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadMachineId {
    /// Empty, or longer than 255 characters.
    Length,
    /// Another character than `A-Z a-z 0-9 - _`.
    Pattern,
}

impl MachineId {
    /// Reads a name.
    ///
    /// # Errors
    /// Tells which of the two rules is broken.
    pub(crate) fn parse(text: &str) -> Result<MachineId, BadMachineId> {
        if text.is_empty() || text.chars().count() > LONGEST {
            return Err(BadMachineId::Length);
        }
        let sane = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if text.bytes().all(sane) { Ok(MachineId(text.into())) } else { Err(BadMachineId::Pattern) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of machine it is; decides the base risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MachineType {
    HaulTruck,
    GrindingMill,
    IndustrialBoiler,
    Unknown,
}

impl MachineType {
    /// By the word before the first dash: devices of a fleet are called `TRUCK-21-0001`.
    pub(crate) fn of(id: &MachineId) -> MachineType {
        match id.as_str().split('-').next() {
            Some("TRUCK") => MachineType::HaulTruck,
            Some("MILL") => MachineType::GrindingMill,
            Some("BOILER") => MachineType::IndustrialBoiler,
            _ => MachineType::Unknown,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            MachineType::HaulTruck => "haul_truck",
            MachineType::GrindingMill => "grinding_mill",
            MachineType::IndustrialBoiler => "industrial_boiler",
            MachineType::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_length_and_an_alphabet() {
        for good in ["A", "TRUCK-21", "a_b-9", &"x".repeat(255)] {
            assert!(MachineId::parse(good).is_ok(), "{good}");
        }
        assert_eq!(MachineId::parse(""), Err(BadMachineId::Length));
        assert_eq!(MachineId::parse(&"x".repeat(256)), Err(BadMachineId::Length));
        for bad in ["a b", "a/b", "é", "a\n", "a\0", "{a=\"b\"}"] {
            assert_eq!(MachineId::parse(bad), Err(BadMachineId::Pattern), "{bad}");
        }
    }

    #[test]
    fn the_type_comes_from_the_prefix() {
        let kind = |text: &str| MachineType::of(&MachineId::parse(text).unwrap()).name();
        assert_eq!(kind("TRUCK-21-0001"), "haul_truck");
        assert_eq!(kind("MILL-3"), "grinding_mill");
        assert_eq!(kind("BOILER-7"), "industrial_boiler");
        assert_eq!(kind("TRUCKER-1"), "unknown");
        assert_eq!(kind("pump"), "unknown");
    }
}
