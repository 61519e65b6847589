//! Consent by address: loopback in all its forms, networks at their edges, typos.
//!
//! Not here: real look-ups (`resolve`).

use super::*;

fn asked(host: &str, addrs: &[&str], allow: &[&str], deny: &str) -> Result<(), Refused> {
    let addrs: Vec<IpAddr> = addrs.iter().map(|addr| addr.parse().unwrap()).collect();
    let allow: Vec<String> = allow.iter().map(|name| (*name).to_owned()).collect();
    consent(host, &addrs, &allow, &Deny::parse(deny)?)
}

#[test]
fn loopback_needs_no_consent() {
    for addr in ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::ffff:7f00:9"] {
        assert_eq!(asked("localhost", &[addr], &[], ""), Ok(()), "{addr}");
    }
}

#[test]
fn everything_else_does() {
    for addr in [
        "128.0.0.1",
        "126.255.255.255",
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "192.0.2.1",
        "::2",
        "::ffff:10.0.0.1",
        "fe80::1",
        "2001:db8::1",
        "::127.0.0.1",
    ] {
        let refused = asked("localhost", &[addr], &[], "").unwrap_err();
        assert!(matches!(refused, Refused::NotAllowed { .. }), "{addr}");
        assert_eq!(asked("localhost", &[addr], &["LocalHost"], ""), Ok(()));
    }
}

#[test]
fn one_address_outside_is_enough() {
    let refused = asked("twofold", &["127.0.0.1", "192.0.2.7"], &[], "").unwrap_err();
    assert!(refused.to_string().contains("192.0.2.7"), "{refused}");
    assert!(refused.to_string().contains("allow: [twofold]"), "{refused}");
}

#[test]
fn names_must_be_exact_but_for_case_and_form() {
    let addr = &["192.0.2.1"];
    for (host, allow, is_allowed) in [
        ("shop.example", "Shop.EXAMPLE", true),
        ("shop.example.", "shop.example", true),
        ("shop.example", "example", false),
        ("shop.example", "*.example", false),
        ("evil-shop.example", "shop.example", false),
        ("shop.example.evil", "shop.example", false),
        ("shop.example", "", false),
        ("[2001:db8::1]", "2001:DB8:0::1", true),
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("192.0.2.1", "192.0.2.10", false),
    ] {
        assert_eq!(asked(host, addr, &[allow], "").is_ok(), is_allowed, "{host} {allow}");
    }
}

#[test]
fn networks_end_where_they_end() {
    for (addr, deny, is_denied) in [
        ("10.255.255.255", "10.0.0.0/8", true),
        ("11.0.0.0", "10.0.0.0/8", false),
        ("10.9.9.9", "10.1.2.3/8", true),
        ("192.0.2.127", "192.0.2.0/25", true),
        ("192.0.2.128", "192.0.2.0/25", false),
        ("192.0.2.1", "192.0.2.1/32", true),
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.2", "192.0.2.1", false),
        ("192.0.2.2", "0.0.0.0/0", true),
        ("2001:db8::1", "0.0.0.0/0", false),
        ("2001:db8::1", "::/0", true),
        ("192.0.2.2", "::/0", false),
        ("2001:db8:0:1::", "2001:db8::/64", false),
        ("2001:db8::ffff", "2001:db8::/64", true),
        ("::ffff:10.0.0.1", "10.0.0.0/8", true),
        ("10.0.0.1", "::ffff:10.0.0.0/104", true),
        ("11.0.0.1", "::ffff:10.0.0.0/104", false),
        ("10.0.0.1", " , 172.16.0.0/12 , 10.0.0.0/8,", true),
    ] {
        let denied = asked("shop.example", &[addr], &["shop.example"], deny);
        assert_eq!(matches!(denied, Err(Refused::Denied { .. })), is_denied, "{addr} {deny}");
    }
}

#[test]
fn denial_wins_over_everything() {
    let denied = asked("localhost", &["127.0.0.1"], &["localhost"], "127.0.0.0/8").unwrap_err();
    assert!(denied.to_string().contains("127.0.0.0/8"), "{denied}");
    assert!(asked("Prod.example", &["192.0.2.1"], &["prod.example"], "PROD.example.").is_err());
    assert!(asked("prod.example", &["192.0.2.1"], &["prod.example"], "rod.example").is_ok());
}

#[test]
fn a_denied_host_is_denied_under_another_name() {
    let mut deny = Deny::parse("prod.example").unwrap();
    assert_eq!(deny.hosts(), ["prod.example"]);
    deny.add("prod.example", "::ffff:192.0.2.1".parse().unwrap());
    let allow = ["alias.example".to_owned()];
    let denied = consent("alias.example", &["192.0.2.1".parse().unwrap()], &allow, &deny);
    assert!(denied.unwrap_err().to_string().contains("lists `prod.example`"));
}

#[test]
fn a_typo_denies_everything() {
    for entry in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.300", "10.*", "a..b", "http://x", "é", "::/x"]
    {
        let refused = asked("localhost", &["127.0.0.1"], &[], entry).unwrap_err();
        assert_eq!(refused, Refused::Unreadable { entry: entry.to_owned() });
    }
}

#[test]
fn no_address_is_no_consent() {
    assert!(asked("nowhere", &[], &["nowhere"], "").is_err());
}
