//! Whether an address of this machine is its own in a network of containers: one that is a bridge.
//!
//! Not here: networks of the engine (`engine`), who may listen where (`plan`, `run`).

use std::net::Ipv4Addr;
use std::path::Path;

/// Whether an address is this machine's in a network that never leaves it.
#[must_use]
pub fn is_bridged(ip: Ipv4Addr) -> bool {
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    interface(&routes, ip)
        .is_some_and(|name| Path::new("/sys/class/net").join(name).join("bridge").is_dir())
}

/// The interface whose network an address is in.
fn interface(routes: &str, ip: Ipv4Addr) -> Option<&str> {
    let row = |line: &'_ str| -> Option<(u32, u32)> {
        let mut words = line.split_whitespace();
        // The kernel writes both as they lie in memory.
        let mut number =
            |nth: usize| Some(u32::from_be(u32::from_str_radix(words.nth(nth)?, 16).ok()?));
        let network = number(1)?;
        Some((network, number(5)?))
    };
    let within = routes.lines().filter_map(|line| Some((line, row(line)?)));
    let within = within.filter(|(_, (network, mask))| *mask > 0 && ip.to_bits() & mask == *network);
    let (line, _) = within.max_by_key(|(_, (_, mask))| *mask)?;
    line.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_network_counts() {
        let routes =
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
br-1\t000111AC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";
        let of = |ip: &str| interface(routes, ip.parse().unwrap());
        assert_eq!(of("172.17.0.1"), Some("docker0"));
        assert_eq!(of("172.17.1.1"), Some("br-1"));
        assert_eq!(of("192.0.2.9"), Some("eth0"));
        assert_eq!(of("10.0.0.1"), None);
        assert!(!is_bridged(Ipv4Addr::LOCALHOST));
    }
}
