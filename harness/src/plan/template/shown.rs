//! A text as it was written, for those who plan.
//!
//! Invariant: no value is in it, only where values come from.
//! Not here: filling it in (`template`).

use super::{Piece, Template};

impl Template {
    /// What it looks like in the scenario, every place by its name.
    #[must_use]
    pub fn shown(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Literal(literal) => literal.replace("${", "$${"),
            Piece::Start(name) | Piece::Capture(_, name) => format!("${{{name}}}"),
            Piece::Data(rows, column) => {
                let column = rows.columns.get(*column).map_or("", String::as_str);
                format!("${{data.{}.{column}}}", rows.name)
            }
            Piece::Now => "${now}".to_owned(),
            Piece::Int(low, high) => format!("${{random.int({low},{high})}}"),
            Piece::Uuid => "${random.uuid}".to_owned(),
        };
        self.pieces.iter().map(piece).collect()
    }
}
