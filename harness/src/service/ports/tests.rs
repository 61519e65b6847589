//! Reservations never meet: in one process, in many threads, in many processes.
//!
//! Not here: what services do with their addresses.

use super::*;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// Set for the child processes of [`many_processes`]: the folder of lock files.
const ROLE: &str = "ASSAY_TEST_PORTS";

#[test]
fn one_after_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut ports = Ports::within(folder.path().into(), 9_999);
    let first = ports.reserve().unwrap();
    let second = ports.reserve().unwrap();
    assert!((FIRST..FIRST + COUNT).contains(&first.addr().port()));
    assert_ne!(first.addr(), second.addr());
    assert!(second.addr().ip().is_loopback());
}

#[test]
fn threads_that_start_at_the_same_port() {
    let folder = tempfile::tempdir().unwrap();
    let held: Vec<Reservation> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let mut ports = Ports::within(folder.path().into(), 77);
                scope.spawn(move || (0..20).map(|_| ports.reserve().unwrap()).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let unique: BTreeSet<SocketAddr> = held.iter().map(Reservation::addr).collect();
    assert_eq!((held.len(), unique.len()), (160, 160));
}

/// The part of a child process; nothing when run as a test.
#[test]
fn role() {
    let Some(folder) = std::env::var_os(ROLE) else { return };
    let mut ports = Ports::within(folder.into(), 4_321);
    let held: Vec<Reservation> = (0..20).map(|_| ports.reserve().unwrap()).collect();
    let mut out = std::io::stdout();
    for reservation in &held {
        writeln!(out, "\nport {}", reservation.addr().port()).unwrap();
    }
    writeln!(out, "\nheld").unwrap();
    // Holds them until the parent closes our input.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn many_processes() {
    let folder = tempfile::tempdir().unwrap();
    let mut children: Vec<_> = (0..4)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["service::ports::tests::role", "--exact", "--nocapture"])
                .env(ROLE, folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut ports = Vec::new();
    for child in &mut children {
        for line in BufReader::new(child.stdout.as_mut().unwrap()).lines() {
            let line = line.unwrap();
            ports.extend(line.strip_prefix("port ").map(|port| port.parse::<u16>().unwrap()));
            if line == "held" {
                break;
            }
        }
    }
    let unique: BTreeSet<u16> = ports.iter().copied().collect();
    assert_eq!((ports.len(), unique.len()), (80, 80));
    let mut own = Ports::within(folder.path().into(), 4_321);
    assert!(!unique.contains(&own.reserve().unwrap().addr().port()));
    for child in &mut children {
        child.stdin.take();
        assert!(child.wait().unwrap().success());
    }
    // With their processes the locks are gone.
    let mut again = Ports::within(folder.path().into(), 4_321);
    assert!((0..20).all(|_| unique.contains(&again.reserve().unwrap().addr().port())));
}

#[test]
fn a_taken_port_says_by_whom() {
    let folder = tempfile::tempdir().unwrap();
    let mut ports = Ports::within(folder.path().into(), 5);
    let addr = ports.reserve().unwrap().addr();
    let listener = TcpListener::bind(addr).unwrap();
    let said = ports.reserve_at(addr).unwrap_err().to_string();
    assert!(said.contains(&format!("pid {}", std::process::id())), "{said}");
    drop(listener);
    let held = freed(&mut ports, addr);
    let said = ports.reserve_at(addr).unwrap_err().to_string();
    assert!(said.contains("this very run"), "{said}");
    drop(held);
    assert_eq!(freed(&mut ports, addr).addr(), addr);
}

/// Waits until an address is free: a test beside this one may be starting a child process,
/// which has our descriptors until it becomes its program.
fn freed(ports: &mut Ports, addr: SocketAddr) -> Reservation {
    let clock = crate::clock::Clock::start();
    loop {
        match ports.reserve_at(addr) {
            Ok(reservation) => return reservation,
            Err(why) => assert!(clock.now().0 < 20_000_000, "{why}"),
        }
        std::thread::yield_now();
    }
}

#[test]
fn explicit_ports_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut ports = Ports::within(folder.path().into(), 2_345);
    let first = ports.reserve().unwrap().addr();
    let mut ports = Ports::within(folder.path().into(), 2_345);
    // On another address the port is free, and still nobody gets it by accident.
    let there = ports.reserve_at((Ipv4Addr::new(127, 0, 0, 2), first.port()).into()).unwrap();
    assert_ne!(ports.reserve().unwrap().addr().port(), there.addr().port());
}

#[test]
fn addresses_nobody_can_have() {
    let folder = tempfile::tempdir().unwrap();
    let mut ports = Ports::within(folder.path().into(), 5);
    let said = ports.reserve_at(([192, 0, 2, 1], 20_000).into()).unwrap_err().to_string();
    assert!(said.contains("192.0.2.1"), "{said}");
    assert!(ports.reserve_at(([127, 0, 0, 1], 0).into()).is_err());
}

#[test]
fn the_folder_must_be_ours_alone() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("assay");
    secure(&folder).unwrap();
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    secure(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o770)).unwrap();
    assert!(secure(&folder).unwrap_err().to_string().contains("chmod 700"));
    let link = base.path().join("link");
    std::os::unix::fs::symlink(base.path(), &link).unwrap();
    assert!(secure(&link).is_err());
    std::fs::write(base.path().join("file"), "").unwrap();
    assert!(secure(&base.path().join("file")).is_err());
    assert!(secure(&base.path().join("no/parent")).is_err());
}

#[test]
fn a_folder_that_vanished_is_one_error() {
    let mut ports = Ports::within("/nonexistent/locks".into(), 5);
    assert!(matches!(ports.reserve(), Err(ServiceError::LockFolder { .. })));
}

#[test]
fn a_widened_range_is_named() {
    assert_eq!(overlap("32768\t60999\n"), None);
    assert_eq!(overlap("30000 60999"), None);
    assert_eq!(overlap("1024 19999"), None);
    assert!(overlap("1024\t65535\n").unwrap().contains("begin at 30000"));
    for junk in ["", "1024", "a b", "-1 99999"] {
        assert_eq!(overlap(junk), None);
    }
}
