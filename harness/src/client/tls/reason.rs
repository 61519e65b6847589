//! Why no TLS could be agreed on, in words that say what to do.
//!
//! Invariant: the words hold nothing that changes from attempt to attempt, so a report tells each
//! reason once.
//! Not here: the class of such an attempt (`classify`).

use super::trust::{is_authority, is_of_version_1};
use chrono::DateTime;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};
use std::io;

// In a scenario, and of what is typed.
const CLIENT: &str =
    "`tls: {cert: FILE, key: FILE}` of its load (`--cert FILE --key FILE` of `assay load`)";
const AUTHORITY: &str = "`tls: {ca: FILE}` of its load (`--ca FILE` of `assay load`)";
const ANYONE: &str = "`tls: {insecure: true}` (`--insecure`)";

/// Names of a certificate that are shown.
const SHOWN: usize = 3;

/// The handshake failed: a sentence without end.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::client) struct Failed(pub(in crate::client) String);

impl Failed {
    /// Of a handshake with `host`; `known` says that we have a certificate of our own.
    pub(super) fn of(error: &io::Error, host: &str, known: bool) -> Failed {
        Failed(match (inner(error), error.kind()) {
            (Some(error), _) => reason(error, host, known),
            (None, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => format!(
                "`{host}` ended the connection during the TLS handshake: check that it speaks TLS \
                 on this port, and read its log"
            ),
            (None, _) => format!("the TLS handshake with `{host}` failed: {error}"),
        })
    }

    /// Another protocol is spoken there.
    pub(super) fn not_spoken(host: &str) -> Failed {
        Failed(format!(
            "`{host}` does not speak the version of HTTP that was asked for: write the other as \
             `protocol`, http1 or http2"
        ))
    }

    /// It took too long.
    pub(super) fn slow(host: &str) -> String {
        format!(
            "`{host}` accepted connections, but the TLS handshake did not end in time: check that \
             it speaks TLS on this port, or raise `connect-timeout`"
        )
    }
}

/// The TLS error in an I/O error.
pub(super) fn inner(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// What an alert after the handshake says, if it means that we are not let in: a TLS 1.3 server
/// looks at our certificate only after we think that all is well.
pub(super) fn refused(error: &Error, host: &str, known: bool) -> Option<String> {
    match error {
        Error::AlertReceived(alert) if is_about_us(*alert, known) => {
            Some(turned_away(*alert, host, known))
        }
        _ => None,
    }
}

fn is_about_us(alert: AlertDescription, known: bool) -> bool {
    use AlertDescription as A;
    // Said of a signature that does not fit: an authority of the same name, made anew.
    if alert == A::DecryptError {
        return known;
    }
    matches!(
        alert,
        A::CertificateRequired
            | A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied
    )
}

fn turned_away(alert: AlertDescription, host: &str, known: bool) -> String {
    let said = said(alert);
    if known {
        format!(
            "`{host}` does not accept our client certificate (TLS alert {said}): write one that \
             its authority has signed as {CLIENT}"
        )
    } else {
        format!("`{host}` wants a client certificate (TLS alert {said}): write {CLIENT}")
    }
}

/// It asked for our certificate, and ended the connection without saying why.
pub(super) fn in_vain(host: &str, known: bool) -> String {
    if known {
        format!(
            "`{host}` asked for a client certificate, then ended the connection without an answer: it may \
             not accept ours; write one that its authority has signed and that is still valid as {CLIENT}"
        )
    } else {
        format!(
            "`{host}` asked for a client certificate, then ended the connection without an answer: write \
             {CLIENT}"
        )
    }
}

fn said(alert: AlertDescription) -> String {
    alert.as_str().map_or_else(|| format!("{}", u8::from(alert)), str::to_owned)
}

fn reason(error: &Error, host: &str, known: bool) -> String {
    match error {
        Error::InvalidCertificate(why) => certificate(why, host),
        Error::AlertReceived(alert) if is_about_us(*alert, known) => {
            turned_away(*alert, host, known)
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => format!(
            "`{host}` says that it is not called so (TLS alert {}): write the name that it serves \
             in the URL",
            said(AlertDescription::UnrecognisedName)
        ),
        Error::AlertReceived(AlertDescription::NoApplicationProtocol)
        | Error::NoApplicationProtocol => Failed::not_spoken(host).0,
        Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_) => {
            format!("`{host}` speaks neither TLS 1.2 nor 1.3 with ciphers that are still safe")
        }
        Error::AlertReceived(alert) => format!(
            "`{host}` broke off the TLS handshake (alert {}): read its log; it may want a client \
             certificate, as {CLIENT}",
            said(*alert)
        ),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => format!(
            "what answers at `{host}` does not speak TLS: write the port that does, or http:// for \
             plain HTTP"
        ),
        other => format!("the TLS handshake with `{host}` failed: {other}"),
    }
}

fn certificate(why: &CertificateError, host: &str) -> String {
    use CertificateError as C;
    let anyone = format!("or {ANYONE} if any certificate will do");
    match why {
        C::ExpiredContext { not_after, .. } => format!(
            "the certificate of `{host}` expired on {}: renew it, {anyone}",
            date(*not_after)
        ),
        C::NotValidYetContext { not_before, .. } => format!(
            "the certificate of `{host}` is only valid from {}: check the clock of this machine, \
             {anyone}",
            date(*not_before)
        ),
        C::NotValidForNameContext { presented, .. } => format!(
            "the certificate of `{host}` is for {}, not for `{host}`: write a name that it is for \
             in the URL, {anyone}",
            names(presented)
        ),
        // A signature that does not fit: an authority of the same name, made anew.
        C::UnknownIssuer | C::BadSignature => format!(
            "the certificate of `{host}` is signed by nobody that is trusted here: write its \
             authority's certificate as {AUTHORITY}, {anyone}"
        ),
        other if is_authority(other) => format!(
            "the certificate of `{host}` is an authority of its own: write it as \
             {AUTHORITY}, {anyone}"
        ),
        other if is_of_version_1(other) => format!(
            "the certificate of `{host}` is of X.509 version 1, which names no host: make it anew with a \
             `subjectAltName`, {anyone}"
        ),
        C::Revoked => format!("the certificate of `{host}` was revoked: renew it, {anyone}"),
        other => {
            format!("the certificate of `{host}` is not accepted ({other}): renew it, {anyone}")
        }
    }
}

fn date(at: UnixTime) -> String {
    let at = i64::try_from(at.as_secs()).ok().and_then(|at| DateTime::from_timestamp(at, 0));
    at.map_or_else(|| "a date beyond the calendar".to_owned(), |at| at.format("%F").to_string())
}

/// rustls writes each with its kind: `DnsName("shop.example")`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| match name.split('"').nth(1) {
        Some(name) => name.to_owned(),
        None => name.rsplit('(').next().unwrap_or(name).trim_end_matches(')').to_owned(),
    };
    let shown: Vec<String> = presented.iter().take(SHOWN).map(bare).collect();
    match (shown.as_slice(), presented.len().saturating_sub(SHOWN)) {
        ([], _) => "no name".to_owned(),
        (shown, 0) => shown.join(", "),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}
