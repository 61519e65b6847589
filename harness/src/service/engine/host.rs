//! Where the container engine is.
//!
//! Not here: asking it (`engine`).

/// The host of an engine that is on another machine, by its `DOCKER_HOST`; none: it is on this one.
#[must_use]
pub fn remote(docker_host: Option<&str>) -> Option<String> {
    let rest = docker_host?.split_once("://").filter(|(scheme, _)| *scheme != "unix")?.1;
    let rest = rest.split('/').next().unwrap_or(rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let here = match host.parse::<std::net::IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    };
    (!here && !host.is_empty()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_on_this_machine_or_named() {
        for here in [None, Some("unix:///var/run/docker.sock"), Some("tcp://127.0.0.1:2375")] {
            assert_eq!(remote(here), None, "{here:?}");
        }
        assert_eq!(remote(Some("tcp://[::1]:2375")), None);
        assert_eq!(remote(Some("tcp://localhost:2375")), None);
        assert_eq!(remote(Some("tcp://docker:2376/")).as_deref(), Some("docker"));
        assert_eq!(remote(Some("ssh://me@far.example")).as_deref(), Some("far.example"));
    }
}
