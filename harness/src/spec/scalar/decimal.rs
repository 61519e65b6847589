//! Decimal fractions as integers: `99.9` in steps of 10⁻⁷ is 999 000 000. Never through a float.
//!
//! Not here: units and limits (the scalars).

/// Why a text is no such decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spec) enum Refused {
    /// It is not digits with at most one point between them.
    Form,
    /// More digits after the point than can be kept.
    TooFine,
    /// More than 2⁶⁴ steps.
    TooBig,
}

/// Reads `text` in steps of 10^-`places`: `read("0.5", 3)` is 500.
pub(in crate::spec) fn read(text: &str, places: u32) -> Result<u64, Refused> {
    let (whole, part) = text.split_once('.').map_or((text, None), |(w, p)| (w, Some(p)));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || part.is_some_and(|part| !digits(part)) {
        return Err(Refused::Form);
    }
    let part = part.unwrap_or("").trim_end_matches('0');
    let missing = (places as usize).checked_sub(part.len()).ok_or(Refused::TooFine)?;
    let steps = format!("{whole}{part}{}", "0".repeat(missing));
    steps.parse().map_err(|_| Refused::TooBig)
}

/// Writes steps of 10^-`places` without trailing zeros: `write(500, 3)` is `0.5`.
pub(in crate::spec) fn write(steps: u64, places: u32) -> String {
    let one = 10_u64.saturating_pow(places);
    let (whole, rest) = (steps / one, steps % one);
    let digits = format!("{rest:0width$}", width = places as usize);
    match digits.trim_end_matches('0') {
        "" => whole.to_string(),
        digits => format!("{whole}.{digits}"),
    }
}
