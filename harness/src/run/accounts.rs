//! Counts of the same requests by different parties, side by side: what our clients sent and what
//! arrived at each link must agree but for what a fault cut off.
//!
//! Not here: the service's own count, which it may or may not publish.

use super::stage::Stage;
use super::stream::Stream;
use crate::link::Counts;
use crate::plan::{Plan, Target};

/// Notes a finding for each link that a load goes through.
pub(super) fn note(plan: &Plan, stage: &Stage, stream: &mut Stream) {
    for link in plan.links.iter().filter(|link| !link.tcp) {
        let sent: u64 = senders(plan)
            .filter(|(to, _)| **to == Target::Link(link.name.clone()))
            .map(|(_, load)| stream.sent(load))
            .sum();
        if sent > 0
            && let Ok(counts) = stage.links.counts(&link.name)
        {
            stream.finding(sentence(&link.name, sent, counts));
        }
    }
}

/// Everything that sends: where to, and its index among the case's loads.
fn senders(plan: &Plan) -> impl Iterator<Item = (&Target, usize)> {
    let loads = plan.loads.iter().enumerate().map(|(index, load)| (&load.to, index));
    let users = plan.users.iter().map(|users| (&users.to, users.load));
    let fleets = plan.fleets.iter().map(|fleet| (&fleet.to, fleet.load));
    loads.chain(users).chain(fleets)
}

fn sentence(link: &str, sent: u64, counts: Counts) -> String {
    let Counts { requests, forwarded, answered, .. } = counts;
    let mut text = format!(
        "link `{link}`, warm-up included: our clients sent {sent} requests, {requests} arrived, \
         {forwarded} were passed on"
    );
    if sent > requests {
        text += &format!("; {} were cut off before they arrived", sent - requests);
    }
    if requests > sent {
        text += &format!("; {} came from others", requests - sent);
    }
    if requests > forwarded {
        text += &format!("; {} were kept back by faults", requests - forwarded);
    }
    if forwarded > answered {
        // Its caller left, or its connection was cut: the service may not even have read it.
        text += &format!(
            "; cut off before an answer began: {} of those passed on, so the service may have \
             counted fewer",
            forwarded - answered
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let counts = |requests, forwarded| Counts {
            requests,
            forwarded,
            answered: forwarded,
            ..Counts::default()
        };
        assert!(sentence("api", 5, counts(5, 5)).ends_with("5 arrived, 5 were passed on"));
        let text = sentence("api", 9, counts(7, 4));
        assert!(text.contains("2 were cut off") && text.contains("3 were kept back"), "{text}");
        assert!(sentence("api", 5, counts(6, 6)).ends_with("1 came from others"));
        let text = sentence("api", 5, Counts { answered: 2, ..counts(5, 5) });
        assert!(text.contains("answer began: 3 of those passed on"), "{text}");
    }
}
