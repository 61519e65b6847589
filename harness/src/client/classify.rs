//! One table from what happened to an outcome, used by everything that sends measured requests.
//!
//! Invariant: classes are exclusive, and every status has one.
//! Not here: what counts as an error (crate slo).

use super::tls::Failed;
use assay_slo::Outcome;
use rustix::io::Errno;
use std::io;

/// The class of a whole answer that came in time. `check` are the accepted statuses as inclusive
/// ranges; without any, 2xx and 3xx are.
#[must_use]
pub fn answer(status: u16, check: &[(u16, u16)]) -> Outcome {
    let accepted = match check {
        [] => (200..400).contains(&status),
        ranges => ranges.iter().any(|(low, high)| (*low..=*high).contains(&status)),
    };
    match status {
        _ if accepted => Outcome::Ok,
        429 => Outcome::Http429,
        400..500 => Outcome::Http4xx,
        500..600 => Outcome::Http5xx,
        _ => Outcome::CheckFailed,
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoConnection {
    /// Nobody listens there.
    Refused,
    /// Unreachable, reset, or given up by the kernel.
    Failed,
    /// No TLS could be agreed on: a sentence that says what to do.
    NoTls(String),
    /// This machine has no more to give: a sentence that names the setting.
    OurLimit(String),
}

/// Sorts the error of an attempt to connect.
#[must_use]
pub fn connect(error: &io::Error) -> NoConnection {
    if let Some(failed) = error.get_ref().and_then(|inner| inner.downcast_ref::<Failed>()) {
        return NoConnection::NoTls(failed.0.clone());
    }
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::CONNREFUSED) => NoConnection::Refused,
        Some(Errno::MFILE) => NoConnection::OurLimit(
            "the generator ran out of file descriptors (EMFILE): raise `ulimit -n`".to_owned(),
        ),
        Some(Errno::NFILE) => NoConnection::OurLimit(
            "the machine ran out of file descriptors (ENFILE): raise `fs.file-max`".to_owned(),
        ),
        Some(Errno::ADDRNOTAVAIL) => NoConnection::OurLimit(
            "no local port or address is left for a connection (EADDRNOTAVAIL): widen \
             `net.ipv4.ip_local_port_range`, name more `source-addresses` (127.0.0.2, …), keep \
             connections alive, or check that this machine has the address and speaks its family"
                .to_owned(),
        ),
        // Of a bind to an address of ours: all of its ports are taken.
        Some(Errno::ADDRINUSE) => NoConnection::OurLimit(
            "no local port is left at an address of `source-addresses` (EADDRINUSE): name more of \
             them, or widen `net.ipv4.ip_local_port_range`"
                .to_owned(),
        ),
        Some(Errno::NOBUFS | Errno::NOMEM) => NoConnection::OurLimit(format!(
            "the machine has no memory for more connections ({error}): raise `net.ipv4.tcp_mem`"
        )),
        _ => NoConnection::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_check_2xx_and_3xx_are_ok() {
        let table = [
            (101, Outcome::CheckFailed),
            (200, Outcome::Ok),
            (204, Outcome::Ok),
            (304, Outcome::Ok),
            (399, Outcome::Ok),
            (400, Outcome::Http4xx),
            (429, Outcome::Http429),
            (499, Outcome::Http4xx),
            (500, Outcome::Http5xx),
            (503, Outcome::Http5xx),
            (599, Outcome::Http5xx),
            (600, Outcome::CheckFailed),
            (999, Outcome::CheckFailed),
        ];
        for (status, outcome) in table {
            assert_eq!(answer(status, &[]), outcome, "{status}");
        }
    }

    #[test]
    fn a_check_decides_what_is_ok_and_nothing_else() {
        let check = [(201, 201), (404, 404), (500, 503)];
        let table = [
            (201, Outcome::Ok),
            (404, Outcome::Ok),
            (502, Outcome::Ok),
            (200, Outcome::CheckFailed),
            (302, Outcome::CheckFailed),
            (403, Outcome::Http4xx),
            (429, Outcome::Http429),
            (504, Outcome::Http5xx),
        ];
        for (status, outcome) in table {
            assert_eq!(answer(status, &check), outcome, "{status}");
        }
    }

    #[test]
    fn our_own_limits_name_their_setting() {
        let error = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        assert_eq!(connect(&error(Errno::CONNREFUSED)), NoConnection::Refused);
        assert_eq!(connect(&error(Errno::HOSTUNREACH)), NoConnection::Failed);
        for (errno, setting) in [
            (Errno::MFILE, "ulimit -n"),
            (Errno::NFILE, "fs.file-max"),
            (Errno::ADDRNOTAVAIL, "net.ipv4.ip_local_port_range"),
            (Errno::ADDRNOTAVAIL, "source-addresses"),
            (Errno::ADDRINUSE, "source-addresses"),
        ] {
            match connect(&error(errno)) {
                NoConnection::OurLimit(text) => assert!(text.contains(setting), "{text}"),
                other => panic!("{errno:?} is {other:?}"),
            }
        }
    }
}
