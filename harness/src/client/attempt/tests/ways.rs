//! Between which addresses connections are made, and how old they become.

use super::*;
use crate::client::Ways;
use std::net::IpAddr;

on_both! {
    a_connection_that_has_grown_old_is_replaced_and_no_attempt
    connections_come_from_the_addresses_given_in_turn
}

async fn a_connection_that_has_grown_old_is_replaced_and_no_attempt<T: Tried>() {
    let (listener, addr) = listener().await;
    let (clock, mut limits) = (Clock::start(), limits(addr, LONG_US));
    let (connection, mut old) = kept::<T>(&clock, &limits, &listener).await;
    limits.ways = Ways::new(None, &[], Some(0));
    let mut began = 0;
    let peer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(OK).await.unwrap();
    };
    let ours = attempt::<T>(&clock, &limits, Some(connection), request("GET"), |_| began += 1);
    let ((), (exchange, _)) = tokio::join!(peer, ours);
    assert_eq!((exchange.outcome, began), (Outcome::Ok, 1));
    assert_eq!(old.read(&mut [0; 1]).await.unwrap(), 0, "nothing was sent on the old one");
}

async fn connections_come_from_the_addresses_given_in_turn<T: Tried>() {
    let (listener, addr) = listener().await;
    let (clock, mut limits) = (Clock::start(), limits(addr, LONG_US));
    let [two, three] = [2, 3].map(|last| IpAddr::from([127, 0, 0, last]));
    limits.ways = Ways::new(None, &[two, three], None);
    for source in [two, three, two] {
        let peer = async {
            let (mut stream, from) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(OK).await.unwrap();
            from.ip()
        };
        let ours = attempt::<T>(&clock, &limits, None, request("GET"), |_| {});
        let (from, (exchange, _)) = tokio::join!(peer, ours);
        assert_eq!((exchange.outcome, from), (Outcome::Ok, source));
    }
    // No machine has this one (RFC 5737).
    limits.ways = Ways::new(None, &[IpAddr::from([192, 0, 2, 1])], None);
    let mut began = 0;
    let (exchange, _) = attempt::<T>(&clock, &limits, None, request("GET"), |_| began += 1).await;
    assert_eq!((exchange.outcome, exchange.begun, began), (Outcome::NotSent, None, 0));
    assert!(exchange.finding.unwrap().contains("source-addresses"));
    // Of another family than the target: nothing is sent from somewhere else.
    limits.ways = Ways::new(None, &["::1".parse().unwrap()], None);
    let (exchange, _) = attempt::<T>(&clock, &limits, None, request("GET"), |_| began += 1).await;
    assert_eq!((exchange.outcome, exchange.begun, began), (Outcome::NotSent, None, 0));
    assert!(exchange.finding.unwrap().contains("name one of IPv4"));
}
