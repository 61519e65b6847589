//! Trailers that a link could not pass on: a caller that reads its checksum or status there would be misled.
//!
//! Not here: which those are (`link`).

use super::stage::Stage;
use super::stream::Stream;
use crate::plan::Plan;

/// Notes a finding for each link that lost one.
pub(super) fn note(plan: &Plan, stage: &Stage, stream: &mut Stream) {
    for link in &plan.links {
        if let Some(what) = stage.links.lost_trailer(&link.name) {
            stream.finding(sentence(&link.name, &what));
        }
    }
}

fn sentence(link: &str, what: &str) -> String {
    format!(
        "link `{link}` passed messages on without trailers, first without {what}: it passes those on \
         that the `Trailer` header names, of answers only to clients that send `TE: trailers`. For \
         all of them write `protocol: tcp` in `links.{link}`: such a link passes every byte on as it came"
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_was_lost_is_told_with_what_to_write() {
        let text = super::sentence("api", "`x-sum` of the answer to GET `/t1`");
        assert!(text.contains("first without `x-sum` of the answer to GET `/t1`: it"), "{text}");
        assert!(text.contains("write `protocol: tcp` in `links.api`"), "{text}");
    }
}
