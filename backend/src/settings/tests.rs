//! Settings: every variable reaches its field, every mistake is told.

use super::*;

/// Of whoever reads all of them.
fn from(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::read(&|name| found(pairs, name))
}

fn found(pairs: &[(&str, &str)], name: &str) -> Option<String> {
    pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

/// A value other than the default for every variable.
const OTHERS: &[(&str, &str)] = &[
    ("API_HOST", "0.0.0.0"),
    ("API_PORT", "9001"),
    ("DATABASE_URL", "sqlite://data/b.db"),
    ("DATABASE_SYNCHRONOUS", "normal"),
    ("DATABASE_POOL_SIZE", "2"),
    ("TIMEOUT_CONNECT", "1s"),
    ("TIMEOUT_READ", "2s"),
    ("TIMEOUT_POOL", "3s"),
    ("TIMEOUT_DB", "4s"),
    ("RETRY_MAX_ATTEMPTS", "2"),
    ("RETRY_BASE_DELAY", "10ms"),
    ("RETRY_MULTIPLIER", "1.5"),
    ("RETRY_MAX_DELAY", "20s"),
    ("RETRY_JITTER", "0.5"),
    ("CIRCUIT_BREAKER_FAIL_MAX", "3"),
    ("CIRCUIT_BREAKER_RESET_TIMEOUT", "5s"),
    ("CIRCUIT_BREAKER_TRIALS", "2"),
    ("CIRCUIT_BREAKER_TRIAL_LEASE", "6s"),
    ("SCORER_URL", "http://127.0.0.1:8001/"),
    ("EDGE_BACKEND_URL", "http://127.0.0.1:8000"),
    ("EDGE_OUTBOX", "sqlite:///var/edge.db"),
    ("EDGE_OUTBOX_MAX", "10"),
    ("EDGE_IN_FLIGHT", "2"),
    ("RATE_LIMIT_INGEST", "100"),
    ("RATE_LIMIT_PREDICT", "30"),
    ("ESG_REGION", "eu"),
    ("ESG_SAMPLE_INTERVAL", "10s"),
    ("BODY_LIMIT", "2048"),
    ("SHUTDOWN_GRACE", "3s"),
    ("APP_NAME", "N"),
    ("APP_ENVIRONMENT", "ci"),
    ("LOG_LEVEL", "DEBUG"),
    ("METRICS_ENABLED", "false"),
    ("TRACING_ENABLED", "true"),
    ("TRACING_OTLP_ENDPOINT", "http://127.0.0.1:5317"),
    ("TRACING_SERVICE_NAME", "S"),
    ("TRACING_SAMPLE", "10%"),
    ("TRACING_EXPORT_INTERVAL", "2s"),
    ("TRACING_EXPORT_TIMEOUT", "1s"),
    ("APP_MUTANTS", "errors=1%, slow=5ms"),
];

#[test]
fn nothing_set_gives_the_defaults_and_so_do_the_defaults_that_the_help_tells() {
    assert_eq!(from(&[]), Ok(Settings::default()));
    assert_eq!(from(&[("DATABASE_URL", ""), ("API_PORT", " ")]), Ok(Settings::default()));
    let told: Vec<_> = VARIABLES.iter().map(|v| (v.name, v.default)).collect();
    assert_eq!(from(&told), Ok(Settings::default()));
}

#[test]
fn every_variable_reaches_its_own_field() {
    let names: Vec<&str> = VARIABLES.iter().map(|v| v.name).collect();
    assert_eq!(names, OTHERS.iter().map(|o| o.0).collect::<Vec<_>>());
    let all = from(OTHERS).unwrap();
    for (n, other) in OTHERS.iter().enumerate() {
        let alone = from(&[*other]).unwrap();
        assert_ne!(alone, Settings::default(), "{} changes nothing", other.0);
        let without: Vec<_> =
            OTHERS.iter().enumerate().filter(|(m, _)| *m != n).map(|(_, o)| *o).collect();
        assert_ne!(from(&without).unwrap(), all, "{} is the work of another", other.0);
    }
    assert_eq!(all.listen, SocketAddr::from(([0, 0, 0, 0], 9001)));
    assert_eq!(all.scorer_url.as_deref(), Some("http://127.0.0.1:8001"));
    assert_eq!((all.timeout_db, all.mutants.len()), (Duration::from_secs(4), 2));
}

#[test]
fn all_mistakes_are_told_at_once() {
    let error = from(&[
        ("API_HOST", "nowhere"),
        ("API_PORT", "70000"),
        ("DATABASE_URL", "mysql://x/y"),
        ("TIMEOUT_DB", "30"),
        ("RETRY_BASE_DELAY", "10s"),
        ("RETRY_MULTIPLIER", "0.5"),
        ("RETRY_MAX_DELAY", "9s"),
        ("RETRY_JITTER", "2"),
        ("CIRCUIT_BREAKER_FAIL_MAX", "0"),
        ("LOG_LEVEL", "loud"),
        ("TRACING_OTLP_ENDPOINT", "collector"),
        ("APP_MUTANTS", "errors=1%,lies"),
    ])
    .unwrap_err();
    let names: Vec<&str> = error.mistakes.iter().map(|m| m.name.as_str()).collect();
    let expect = [
        "API_HOST",
        "API_PORT",
        "DATABASE_URL",
        "TIMEOUT_DB",
        "RETRY_MULTIPLIER",
        "RETRY_JITTER",
        "CIRCUIT_BREAKER_FAIL_MAX",
        "LOG_LEVEL",
        "TRACING_OTLP_ENDPOINT",
        "APP_MUTANTS",
        "RETRY_MAX_DELAY",
    ];
    assert_eq!(names, expect);
    let text = error.to_string();
    assert_eq!(text.lines().count(), expect.len());
    assert!(text.contains("sqlite://PATH") && text.contains("30s"), "{text}");
    assert!(text.contains("RETRY_MULTIPLIER: is 0.5: write 1 or more"), "{text}");
    assert!(text.contains("RETRY_JITTER: is 2: write a fraction from 0 to 1"), "{text}");
    for bad in ["NaN", "inf", "x"] {
        let told = from(&[("RETRY_JITTER", bad)]).unwrap_err().to_string();
        assert!(told.contains("is not a number: write a fraction"), "{told}");
    }
}

#[test]
fn addresses_are_trimmed_and_have_no_query() {
    assert_eq!(http("http://127.0.0.1:8000/"), Ok("http://127.0.0.1:8000".to_owned()));
    assert_eq!(http("http://b/base//"), Ok("http://b/base".to_owned()));
    for bad in ["ftp://b:1", "b:8000", "http://", "http://b:1/?a=b", "http://b:1?", "http://b:1/#a"]
    {
        assert!(http(bad).is_err_and(|why| why.contains("http://127.0.0.1:8001")), "{bad}");
    }
}

#[test]
fn settings_that_do_not_fit_together_are_told() {
    let error = from(&[("RETRY_BASE_DELAY", "10s"), ("RETRY_MAX_DELAY", "1s")]).unwrap_err();
    assert!(error.to_string().starts_with("RETRY_MAX_DELAY: is 1s: "), "{error}");
}

#[test]
fn each_process_has_a_help_of_its_own_variables() {
    let (backend, edge) = (help(Role::Backend), help(Role::Edge));
    assert!(!backend.contains("EDGE_") && backend.contains("answer of the scorer"), "{backend}");
    assert!(!edge.contains("API_HOST") && !edge.contains("API_PORT"), "{edge}");
    assert!(edge.contains("a connection to the backend [5s]"), "{edge}");
    assert!(edge.contains("an answer of the backend [30s]") && !edge.contains("scorer"), "{edge}");
    let names = |role| help(role).lines().count();
    assert_eq!(names(Role::Scorer), names(Role::Devices));
    assert!(names(Role::Scorer) < names(Role::Edge) && names(Role::Edge) < names(Role::Backend));
}

#[test]
fn what_is_not_a_processs_own_is_nothing_to_it() {
    let pairs = [
        ("DATABASE_URL", "mysql://x"),
        ("EDGE_OUTBOX", "edge.db"),
        ("RETRY_MAX_ATTEMPTS", "0"),
        ("LOG_LEVEL", "loud"),
    ];
    for (role, own) in [
        (Role::Backend, vec!["DATABASE_URL", "RETRY_MAX_ATTEMPTS", "LOG_LEVEL"]),
        (Role::Edge, vec!["RETRY_MAX_ATTEMPTS", "EDGE_OUTBOX", "LOG_LEVEL"]),
        (Role::Scorer, vec!["LOG_LEVEL"]),
        (Role::Devices, vec!["LOG_LEVEL"]),
    ] {
        let error = Settings::from_env(role, &|name| found(&pairs, name)).unwrap_err();
        let names: Vec<&str> = error.mistakes.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, own, "{role:?}");
    }
}

#[test]
fn the_help_and_the_readme_name_every_variable() {
    let (help, readme) = (help(Role::Backend) + &help(Role::Edge), include_str!("../../README.md"));
    for variable in VARIABLES {
        assert!(help.contains(variable.name), "{}", variable.name);
        assert!(readme.contains(variable.name), "README.md does not name {}", variable.name);
    }
}
