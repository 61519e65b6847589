//! Database URLs: which store, and where.
//!
//! Invariant: a URL that is refused or shown does not tell its password.
//! Not here: opening.

use std::path::PathBuf;

const FORMS: &str = "write sqlite://PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST/NAME";

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    File(PathBuf),
    /// The whole URL.
    Postgres(String),
}

impl Place {
    /// Reads `sqlite://PATH`, `sqlite::memory:` or `postgres://…`.
    ///
    /// # Errors
    /// Says what to write.
    pub(crate) fn parse(url: &str) -> Result<Place, String> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let read = url.parse::<sqlx::postgres::PgConnectOptions>();
            return match read {
                Ok(_) => Ok(Place::Postgres(url.to_owned())),
                Err(_) => Err(format!("`{}` is not a PostgreSQL URL: {FORMS}", shown(url))),
            };
        }
        match url.strip_prefix("sqlite:") {
            Some(":memory:") => Ok(Place::Memory),
            Some(rest) => match rest.strip_prefix("//") {
                Some(path) if !path.is_empty() && !path.contains(['?', '\0']) => {
                    Ok(Place::File(PathBuf::from(path)))
                }
                _ => Err(format!("`{url}` names no file: {FORMS}")),
            },
            None => Err(format!(
                "`{}` databases are not supported: {FORMS}",
                url.split(':').next().unwrap_or_default()
            )),
        }
    }
}

/// A database in OpenTelemetry's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// `db.system.name`.
    pub(crate) system: &'static str,
    /// Where it listens; none inside this process.
    pub(crate) server: Option<(String, u16)>,
}

impl Place {
    /// What spans say of it.
    pub(crate) fn named(&self) -> Named {
        let Place::Postgres(url) = self else { return Named { system: "sqlite", server: None } };
        let options = url.parse::<sqlx::postgres::PgConnectOptions>().ok();
        let server = options.map(|at| (at.get_host().to_owned(), at.get_port()));
        Named { system: "postgresql", server }
    }
}

/// The URL without what stands between its scheme and its host.
pub(crate) fn shown(url: &str) -> String {
    match (url.split_once("://"), url.rfind('@')) {
        (Some((scheme, _)), Some(at)) => {
            // Query parameters may hold a password, too.
            let rest = url.get(at + 1..).unwrap_or_default();
            format!("{scheme}://***@{}", rest.split('?').next().unwrap_or_default())
        }
        (Some(("postgres" | "postgresql", _)), None) => {
            url.split('?').next().unwrap_or_default().to_owned()
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_or_refused_with_what_to_write() {
        assert_eq!(Place::parse("sqlite::memory:"), Ok(Place::Memory));
        assert_eq!(Place::parse("sqlite:///a/b.db"), Ok(Place::File("/a/b.db".into())));
        assert_eq!(Place::parse("sqlite://b 100%.db"), Ok(Place::File("b 100%.db".into())));
        let url = "postgres://u:p@127.0.0.1:5433/assay";
        assert_eq!(Place::parse(url), Ok(Place::Postgres(url.to_owned())));
        for bad in ["", "b.db", "sqlite://", "sqlite:b.db", "sqlite://b?mode=ro"] {
            assert!(Place::parse(bad).is_err_and(|m| m.contains("sqlite://PATH")), "{bad}");
        }
        assert_eq!(Place::Memory.named(), Named { system: "sqlite", server: None });
        let server = Some(("127.0.0.1".to_owned(), 5_433));
        let named = Place::Postgres(url.to_owned()).named();
        assert_eq!(named, Named { system: "postgresql", server });
        let secret = Place::parse("mysql://user:pass@host/db").unwrap_err();
        assert!(secret.contains("mysql") && !secret.contains("pass@"), "{secret}");
        let secret = Place::parse("postgres://user:pass@host:port/db").unwrap_err();
        assert!(!secret.contains("pass@"), "{secret}");
    }

    #[test]
    fn what_is_shown_has_no_password() {
        assert_eq!(shown("postgres://u:p@s@h/db?password=x"), "postgres://***@h/db");
        assert_eq!(shown("postgres://h/db?password=x"), "postgres://h/db");
        assert_eq!(shown("sqlite:///a/b.db"), "sqlite:///a/b.db");
    }
}
