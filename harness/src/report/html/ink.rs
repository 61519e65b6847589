//! Colors and hatchings of the drawings.
//!
//! Invariant: light colors stand in presentation attributes, so a drawing is whole without any
//! style sheet; the classes beside them let the sheet change them for the dark.
//! Invariant: no two outcomes differ by color alone. Colors are those of Okabe and Ito.
//! Not here: what is drawn.

use assay_slo::Outcome;
use maud::{Markup, html};

/// A color by what it is called in the style sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Usual, good.
    Blue,
    /// Beside it.
    Green,
    /// Bad.
    Vermillion,
    /// Less bad.
    Orange,
    /// Rejected by ourselves.
    Sky,
    /// Not decided, offered.
    Grey,
}

impl Ink {
    /// The class of a line of this color.
    pub(super) fn line(self) -> &'static str {
        match self {
            Ink::Blue => "l-blue",
            Ink::Green => "l-green",
            Ink::Vermillion => "l-vermillion",
            Ink::Orange => "l-orange",
            Ink::Sky => "l-sky",
            Ink::Grey => "l-grey",
        }
    }

    /// The class of a surface of this color.
    pub(super) fn area(self) -> &'static str {
        match self {
            Ink::Blue => "a-blue",
            Ink::Green => "a-green",
            Ink::Vermillion => "a-vermillion",
            Ink::Orange => "a-orange",
            Ink::Sky => "a-sky",
            Ink::Grey => "a-grey",
        }
    }

    /// On white.
    pub(super) fn hex(self) -> &'static str {
        match self {
            Ink::Blue => "#0072B2",
            Ink::Green => "#009E73",
            Ink::Vermillion => "#D55E00",
            Ink::Orange => "#E69F00",
            Ink::Sky => "#56B4E9",
            Ink::Grey => "#6B7280",
        }
    }
}

/// What is drawn over a color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grain {
    Plain,
    Rising,
    Falling,
    Crossed,
    Dots,
    Level,
    Upright,
}

fn look(outcome: Outcome) -> (Ink, Grain) {
    match outcome {
        Outcome::Ok => (Ink::Blue, Grain::Plain),
        Outcome::Http5xx => (Ink::Vermillion, Grain::Plain),
        Outcome::Http4xx => (Ink::Orange, Grain::Rising),
        Outcome::Http429 => (Ink::Orange, Grain::Dots),
        Outcome::Timeout => (Ink::Blue, Grain::Level),
        Outcome::ConnectError => (Ink::Vermillion, Grain::Rising),
        Outcome::ProtocolError => (Ink::Vermillion, Grain::Crossed),
        Outcome::CheckFailed => (Ink::Green, Grain::Falling),
        Outcome::FastFail => (Ink::Sky, Grain::Upright),
        Outcome::NotSent => (Ink::Grey, Grain::Dots),
        Outcome::Cut => (Ink::Grey, Grain::Falling),
    }
}

/// The name of an outcome's hatching in the drawing with this prefix.
pub(super) fn hatching(prefix: &str, outcome: Outcome) -> String {
    format!("{prefix}-{}", outcome.name())
}

/// The definitions that a drawing refers to: the outcomes' hatchings, and those of faults.
pub(super) fn definitions(prefix: &str, outcomes: &[Outcome]) -> Markup {
    html! {
        defs {
            @for outcome in outcomes {
                @let (ink, grain) = look(*outcome);
                pattern id=(hatching(prefix, *outcome)) width="6" height="6"
                    patternUnits="userSpaceOnUse" {
                    rect width="6" height="6" class=(ink.area()) fill=(ink.hex()) {}
                    @if let Some(path) = strokes(grain) {
                        path d=(path) class="l-page" stroke="#ffffff" stroke-width="1.3" fill="none" {}
                    }
                    @if grain == Grain::Dots {
                        circle cx="3" cy="3" r="1.4" class="a-page" fill="#ffffff" {}
                    }
                }
            }
            pattern id={ (prefix) "-fault" } width="9" height="9" patternUnits="userSpaceOnUse" {
                path d="M-1 10L10 -1M-1 1L1 -1M8 10L10 8" stroke="currentColor"
                    stroke-opacity="0.28" stroke-width="1" fill="none" {}
            }
            pattern id={ (prefix) "-open" } width="5" height="5" patternUnits="userSpaceOnUse" {
                rect width="5" height="5" class="a-vermillion" fill="#D55E00" {}
                path d="M-1 6L6 -1" class="l-page" stroke="#ffffff" stroke-width="0.8" fill="none" {}
            }
        }
    }
}

fn strokes(grain: Grain) -> Option<&'static str> {
    match grain {
        Grain::Plain | Grain::Dots => None,
        Grain::Rising => Some("M-1 7L7 -1"),
        Grain::Falling => Some("M-1 -1L7 7"),
        Grain::Crossed => Some("M-1 7L7 -1M-1 -1L7 7"),
        Grain::Level => Some("M0 3H6"),
        Grain::Upright => Some("M3 0V6"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_outcomes_look_alike() {
        let looks: Vec<_> = Outcome::ALL.iter().map(|outcome| look(*outcome)).collect();
        for (place, one) in looks.iter().enumerate() {
            assert!(!looks[..place].contains(one), "{:?}", Outcome::ALL[place]);
            let same_grain = looks[..place].iter().filter(|other| other.1 == one.1).count();
            assert!(same_grain < 3);
        }
    }
}
