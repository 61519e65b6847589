//! Pages that are read by HTTP: where a `url:` leads, placeholders of the start included.
//!
//! Not here: what is read there (`metrics`), whether they may be asked (`consent`, `run`).

use super::notes::Notes;
use super::services::{filled_later, read_url};
use crate::plan::metric::{Page, PageOf};
use crate::plan::text::literal;
use crate::plan::{ServiceKind, Text};
use crate::spec::Trail;
use crate::spec::scalar::Words;

/// The page that a URL leads to; one without a path has this.
pub(super) fn page(url: &Words, default: &str, trail: &Trail, notes: &mut Notes<'_>) -> Page {
    let text = filled_later(url);
    let placed = text.references().next().is_some();
    // Any address has the form that the one of the start will have.
    let stand_in = |key: &str| match key.rsplit('.').next() {
        Some("host") => Some("127.0.0.1".to_owned()),
        Some("port") => Some("9".to_owned()),
        Some("addr") => Some("127.0.0.1:9".to_owned()),
        _ => Some("x".to_owned()),
    };
    let shown = if placed { text.fill(&stand_in).unwrap_or_default() } else { literal(url) };
    let nowhere = || Page { of: PageOf::Service(String::new()), path: String::new() };
    let (secure, host, port, prefix) = match read_url(&shown) {
        Ok(ServiceKind::Url { secure, host, port, prefix }) => (secure, host, port, prefix),
        Ok(_) => return nowhere(),
        Err((message, help)) => {
            notes.value(trail, message, help);
            return nowhere();
        }
    };
    let path = if prefix.is_empty() { default.to_owned() } else { prefix };
    if !placed {
        return Page { of: PageOf::Host { secure, host, port }, path };
    }
    let rest = text.0.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let path_of = rest.get(authority.len()..).unwrap_or_default();
    if Text(path_of.to_owned()).references().next().is_some() {
        let message = "a placeholder of the start stands in the path".to_owned();
        notes.value(trail, message, "write it as the address: http://${services.NAME.addr}/path");
    }
    let authority = Text(authority.to_owned());
    if authority.references().any(|key| !key.starts_with("services.") && !key.starts_with("links."))
    {
        let message = format!("`{}` is no address", authority.0.escape_debug());
        notes.value(trail, message, "write ${services.NAME.addr} or ${links.NAME.addr}");
    }
    let of = match service(&authority) {
        Some(name) => PageOf::Service(name.to_owned()),
        None => PageOf::Placed { secure, authority },
    };
    Page { of, path }
}

/// The service whose address it is, and nothing else.
fn service(authority: &Text) -> Option<&str> {
    authority.0.strip_prefix("${services.")?.strip_suffix(".addr}")
}
