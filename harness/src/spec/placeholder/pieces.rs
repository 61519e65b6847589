//! A text as plain pieces and names between `${` and `}`; `$${` stands for `${`.
//!
//! Not here: what a name means (`name`).

use crate::spec::scalar::{Wrong, quoted};

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it is.
    Text(String),
    /// Between `${` and `}`, without spaces around.
    Name(String),
}

impl Piece {
    /// Bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Piece::Text(text) | Piece::Name(text) => text.len(),
        }
    }
}

/// Takes a text apart.
pub(super) fn read(text: &str) -> Result<Vec<Piece>, Wrong> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) =
            (rest.get(..at).unwrap_or_default(), rest.get(at + 2..).unwrap_or_default());
        if let Some(before) = before.strip_suffix('$') {
            pieces.push(Piece::Text(format!("{before}${{")));
            rest = after;
            continue;
        }
        let Some((name, after)) = after.split_once('}') else {
            let message = format!("{} is never closed", quoted(&format!("${{{after}")));
            return Err(Wrong::new(message, "close it with }, or write $${ for ${ itself"));
        };
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(Piece::Name(name.trim().to_owned()));
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces.retain(|piece| *piece != Piece::Text(String::new()));
    Ok(pieces)
}

/// The names of a text, as far as it can be taken apart.
pub(super) fn names(text: &str) -> Vec<String> {
    let name = |piece| match piece {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    };
    read(text).unwrap_or_default().into_iter().filter_map(name).collect()
}

/// The name that a text is, if it is nothing else.
pub(super) fn only(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("${")?.strip_suffix('}')?;
    (!name.contains(['$', '{', '}'])).then(|| name.trim())
}

/// Puts a text together so that [`read`] takes it apart alike.
pub(super) fn write(pieces: &[Piece]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(plain) => text.push_str(&plain.replace("${", "$${")),
            Piece::Name(name) => text.push_str(&format!("${{{name}}}")),
        }
    }
    text
}
