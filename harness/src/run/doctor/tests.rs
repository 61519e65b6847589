//! What each look says.

use super::*;

#[test]
fn what_is_limited_says_what_to_do() {
    let few = descriptors(Some(1024), Some(4096));
    assert_eq!(few.health, Health::Limited);
    assert!(few.seen.contains("ulimit"), "{few}");
    assert_eq!(descriptors(Some(1024), None).health, Health::Good);
    assert_eq!(memory("max").health, Health::Good);
    assert_eq!(memory("268435456").health, Health::Limited);
    assert_eq!(permission(0).health, Health::Good);
    assert!(permission(1000).seen.contains("pid-file"));
    let first = |file: &str| match file {
        "/proc/self/cgroup" => "4:memory:/docker/1\n0::/x".to_owned(),
        "/sys/fs/cgroup/memory/memory.limit_in_bytes" => "134217728".to_owned(),
        "/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes" => i64::MAX.to_string(),
        _ => String::new(),
    };
    assert_eq!(memory_limit(first), "134217728");
    let second = |file: &str| match file {
        "/proc/self/cgroup" => "0::/user.slice".to_owned(),
        "/sys/fs/cgroup/user.slice/memory.max" => "1048576".to_owned(),
        _ => String::new(),
    };
    assert_eq!(memory_limit(second), "1048576");
    assert_eq!(memory_limit(|_| "max".to_owned()), "max");
    assert!(inside("0::/", true).seen.contains("in a container"));
    assert!(inside("0::/init.scope", false).seen.contains("not in"));
    assert_eq!(place(Path::new("/nonexistent")).health, Health::Limited);
}

#[test]
fn a_machine_that_runs_this_test_is_fit() {
    for one in examine().unwrap() {
        assert_ne!(one.health, Health::Bad, "{one}");
    }
}

#[test]
fn an_engine_outside_this_container_is_told_with_what_to_do() {
    let outside = engine_here("27.1", true, false);
    assert_eq!(outside.health, Health::Limited);
    assert!(outside.seen.contains("--network host"), "{outside}");
    for (contained, shares) in [(true, true), (false, false), (false, true)] {
        assert_eq!(engine_here("27.1", contained, shares).health, Health::Good);
    }
}

#[test]
fn few_processes_are_told() {
    let few = |file: &str| match file {
        "/proc/self/cgroup" => "0::/".to_owned(),
        "/sys/fs/cgroup/pids.max" => "10".to_owned(),
        _ => String::new(),
    };
    let few = pids(&limit(few, "pids.max", "pids", "pids.max"));
    assert_eq!(few.health, Health::Limited);
    assert!(few.seen.contains("10") && few.seen.contains("--pids-limit"), "{few}");
    assert_eq!(pids("max").health, Health::Good);
}
