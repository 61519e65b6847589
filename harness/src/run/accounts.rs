//! Counts of the same requests by different parties, side by side: what our clients sent and what
//! arrived at each link must agree but for what a fault cut off.
//!
//! Not here: the service's own count, which it may or may not publish.

use super::stage::Stage;
use super::stream::Stream;
use crate::link::Counts;
use crate::plan::{Client, Link, Plan, Target, Upstream};
use assay_slo::Event;
use std::collections::BTreeMap;

/// Notes a finding for each link that a load goes through, and for each that nobody came to.
pub(super) fn note(plan: &Plan, stage: &Stage, stream: &mut Stream) {
    for link in &plan.links {
        if stage.links.counts(&link.name).is_ok_and(|counts| counts.accepted == 0) {
            stream.finding(bypassed(&link.name, "no connection came to it in the whole run"));
        }
        if let Some((what, n)) = stage.links.torn(&link.name) {
            stream.finding(torn(&link.name, &what, n));
        }
        if let Some(why) = stage.links.unsealed(&link.name) {
            stream.finding(format!("link `{}` could not reach its far end: {why}", link.name));
        }
        match stage.links.unread(&link.name) {
            Some((what, n)) => stream.finding(unread(&link.name, &what, n)),
            None if !link.tcp => {
                let counts = stage.links.counts(&link.name).unwrap_or_default();
                silent(&link.name, counts).into_iter().for_each(|text| stream.finding(text));
            }
            None => {}
        }
    }
    for link in plan.links.iter().filter(|link| !link.tcp) {
        let sent: u64 = senders(plan)
            .filter(|(to, _)| **to == Target::Link(link.name.clone()))
            .map(|(_, load)| stream.sent(load))
            .sum();
        if sent > 0
            && let Ok(counts) = stage.links.counts(&link.name)
        {
            let again = again(plan, &link.name);
            stream.finding(sentence(&link.name, sent, counts, again));
        }
    }
}

/// How often bytes have come at each link that does not read them.
pub(super) fn pieces(plan: &Plan, stage: &Stage) -> BTreeMap<String, u64> {
    let links = plan.links.iter().filter(|link| link.tcp);
    let counted = |link: &Link| Some((link.name.clone(), stage.links.counts(&link.name).ok()?));
    links.filter_map(counted).map(|(name, counts)| (name, counts.pieces)).collect()
}

/// Notes the links with faults to which connections were open, but through which nothing has gone
/// since then, and those without through which nothing went at all: their clients are not idle for a while,
/// they go elsewhere.
pub(super) fn unused(plan: &Plan, stage: &Stage, then: &BTreeMap<String, u64>, to: &mut Stream) {
    let now = pieces(plan, stage);
    for (link, _) in now.iter().filter(|(link, pieces)| then.get(*link) == Some(*pieces)) {
        let faulty = plan.faults.iter().any(|fault| fault.link == *link);
        if faulty && stage.links.counts(link).is_ok_and(|counts| counts.accepted > 0) {
            to.note(Event::Bypassed { link: link.clone() });
            to.finding(bypassed(link, "no byte went through it since time 0"));
        }
    }
    let sent: u64 = senders(plan).map(|(_, load)| to.sent(load)).sum();
    for link in plan.links.iter().filter(|link| sent > 0 && is_led(plan, link)) {
        let nothing = stage.links.counts(&link.name).is_ok_and(|counts| is_unused(&counts));
        if nothing && stage.links.unread(&link.name).is_none() {
            to.note(Event::Bypassed { link: link.name.clone() });
        }
    }
}

/// Whether others than our loads should come to a link, to reach something that is really there; what faults
/// on it did is told by them.
fn is_led(plan: &Plan, link: &Link) -> bool {
    let faulty = plan.faults.iter().any(|fault| fault.link == link.name);
    let ours = |to: &Target| matches!(to, Target::Link(name) if *name == link.name);
    !faulty && !matches!(link.to, Upstream::Stub(_)) && !senders(plan).any(|(to, _)| ours(to))
}

/// Whether nothing ever went through a link.
fn is_unused(counts: &Counts) -> bool {
    counts.requests == 0 && counts.pieces == 0
}

/// A fault on such a link has no effect, which leaves the run undecided; this is the reason.
fn bypassed(link: &str, seen: &str) -> String {
    format!(
        "link `{link}` is bypassed: {seen}. Whoever should use it \
         must be given its address, ${{links.{link}.addr}}; clients of a cluster learn the real \
         addresses of its members, which must announce the link's instead"
    )
}

/// What came was reset at the link, whatever the faults.
fn unread(link: &str, what: &str, n: u64) -> String {
    let of = if n == 1 { "once".to_owned() } else { format!("{n} times; first") };
    format!(
        "link `{link}` got what it cannot read, and reset that connection ({of}): {what}. For \
         whatever is no plain HTTP/1.1 write `protocol: tcp` in `links.{link}`: such a link passes \
         every byte on as it came"
    )
}

/// As browsers and proxies take it: nobody can tell such an end from that of whoever cuts the connection.
fn torn(link: &str, what: &str, n: u64) -> String {
    let first = if n == 1 { "to" } else { "first to" };
    format!(
        "link `{link}`: its far end closed the connection within {n} answers, {first} {what}, and without TLS's \
         word for an end (close_notify): callers got what came, and an answer that is not whole. Where no \
         length tells, nobody knows whether that was all of it: let the far end give one, or close TLS properly"
    )
}

/// Who connects and says nothing may wait for the other side to speak first, as in MySQL or SMTP.
fn silent(link: &str, counts: Counts) -> Option<String> {
    (counts.accepted > 0 && counts.requests == 0).then(|| {
        format!(
            "link `{link}` got {} connections and no request: if what passes there is no HTTP/1.1, \
             write `protocol: tcp` in `links.{link}`",
            counts.accepted
        )
    })
}

/// Everything that sends: where to, and its index among the case's loads.
fn senders(plan: &Plan) -> impl Iterator<Item = (&Target, usize)> {
    let loads = plan.loads.iter().enumerate().map(|(index, load)| (&load.to, index));
    let users = plan.users.iter().map(|users| (&users.to, users.load));
    let fleets = plan.fleets.iter().map(|fleet| (&fleet.to, fleet.load));
    loads.chain(users).chain(fleets)
}

/// Whether a load through this link may send more than one request for each of its own.
fn again(plan: &Plan, link: &str) -> bool {
    let loads = plan.loads.iter().map(|load| (&load.to, &load.client));
    let users = plan.users.iter().map(|users| (&users.to, &users.client));
    let through = |to: &Target| matches!(to, Target::Link(name) if name == link);
    let may = |client: &Client| client.transport.redirects > 0 || client.transport.retries_idle;
    loads.chain(users).any(|(to, client)| through(to) && may(client))
}

fn sentence(link: &str, sent: u64, counts: Counts, again: bool) -> String {
    let Counts { requests, forwarded, answered, .. } = counts;
    let mut text = format!(
        "link `{link}`, warm-up included: our clients sent {sent} requests, {requests} arrived, \
         {forwarded} were passed on"
    );
    if sent > requests {
        text += &format!("; {} were cut off before they arrived", sent - requests);
    }
    if requests > sent {
        let more = requests - sent;
        text += &match again {
            true => format!("; {more} followed redirects, were sent again or came from others"),
            false => format!("; {more} came from others"),
        };
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
    fn who_goes_past_a_link_is_told_how_not_to() {
        let told = bypassed("pg", "no connection came to it");
        assert!(told.contains("`pg` is bypassed") && told.contains("${links.pg.addr}"), "{told}");
    }

    #[test]
    fn what_cannot_be_read_is_told_with_what_to_write() {
        let text = unread("front", "HTTP/2, which it does not read", 3);
        assert!(
            text.contains("(3 times; first): HTTP/2") && text.contains("`protocol: tcp`"),
            "{text}"
        );
        let counts = Counts { accepted: 2, ..Counts::default() };
        assert!(silent("db", counts).unwrap().contains("2 connections and no request"));
        assert_eq!(silent("db", Counts { requests: 1, ..counts }), None);
    }

    #[test]
    fn differences_are_named() {
        let counts = |requests, forwarded| Counts {
            requests,
            forwarded,
            answered: forwarded,
            ..Counts::default()
        };
        assert!(sentence("api", 5, counts(5, 5), false).ends_with("5 arrived, 5 were passed on"));
        let text = sentence("api", 9, counts(7, 4), false);
        assert!(text.contains("2 were cut off") && text.contains("3 were kept back"), "{text}");
        assert!(sentence("api", 5, counts(6, 6), false).ends_with("1 came from others"));
        let more = sentence("api", 5, counts(6, 6), true);
        assert!(more.ends_with("1 followed redirects, were sent again or came from others"));
        let text = sentence("api", 5, Counts { answered: 2, ..counts(5, 5) }, false);
        assert!(text.contains("answer began: 3 of those passed on"), "{text}");
    }
}
