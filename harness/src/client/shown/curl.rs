//! The curl line that repeats a request.
//!
//! Invariant: it does what the request did, as far as a line can: same body, same files, same cookies,
//! same redirects; what a [`Veil`] hides is not in it.
//! Not here: the exchange itself (`shown`).

use super::{Asked, Veil, text_of};
use crate::plan;

/// Headers that whoever repeats a request must not repeat.
const NOT_REPEATED: [&str; 4] = ["host", "content-length", "user-agent", "x-request-id"];

/// How the service is reached.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reached<'r> {
    /// `host:port`, or the host alone.
    pub authority: &'r str,
    /// Over TLS.
    pub secure: bool,
    /// With any certificate.
    pub insecure: bool,
    /// HTTP/2.
    pub http2: bool,
    /// The files that TLS is spoken with.
    pub files: Option<&'r plan::Files>,
    /// So many redirects are followed.
    pub redirects: u32,
    /// The file that the body was read from.
    pub body: Option<&'r str>,
}

impl<'r> Reached<'r> {
    /// As a load's client sends to this authority.
    #[must_use]
    pub fn by(client: &'r plan::Client, authority: &'r str) -> Reached<'r> {
        let tls = client.transport.tls.as_deref();
        Reached {
            authority,
            secure: tls.is_some(),
            insecure: tls.is_some_and(|tls| tls.insecure),
            http2: client.transport.http2,
            files: tls.map(|tls| &tls.files),
            redirects: client.transport.redirects,
            body: None,
        }
    }

    /// The body of this request.
    #[must_use]
    pub fn with(self, body: &'r plan::Body) -> Reached<'r> {
        match body {
            plan::Body::File { path, .. } => Reached { body: Some(path), ..self },
            _ => self,
        }
    }
}

impl Reached<'_> {
    /// The version as a request line has it.
    #[must_use]
    pub fn version(&self) -> &'static str {
        if self.http2 { "HTTP/2" } else { "HTTP/1.1" }
    }
}

/// The line that sends the request again.
#[must_use]
pub fn curl(asked: &Asked, reached: Reached<'_>, veil: &Veil) -> String {
    let mut words = vec!["curl".to_owned(), "-sS".into()];
    match asked.method.as_str() {
        "HEAD" => words.push("-I".into()),
        method => {
            words.push("-i".into());
            // A method that is named is kept on a redirect, where a POST becomes a GET.
            let follows = method == "POST" && reached.redirects > 0;
            let says_so = follows && asked.body.length > 0;
            if !says_so && (method != "GET" || asked.body.length > 0) {
                words.push(format!("-X {}", quoted(method)));
            }
        }
    }
    if reached.redirects > 0 {
        words.push(format!("-L --max-redirs {}", reached.redirects));
    }
    // Brackets would be patterns.
    words.extend(asked.target.contains(['[', ']', '{', '}']).then(|| "-g".to_owned()));
    words.extend(reached.insecure.then(|| "-k".to_owned()));
    if let Some(plan::Files { ca, cert, key }) = reached.files {
        for (flag, file) in [("--cacert", ca), ("--cert", cert), ("--key", key)] {
            words.extend(file.as_ref().map(|file| format!("{flag} {}", quoted(&veil.text(file)))));
        }
    }
    words.extend(match (reached.http2, reached.secure) {
        (false, _) => None,
        (true, true) => Some("--http2".to_owned()),
        (true, false) => Some("--http2-prior-knowledge".to_owned()),
    });
    for (name, value) in &asked.headers {
        if !NOT_REPEATED.contains(&name.as_str()) {
            words.push(format!("-H {}", quoted(&format!("{name}: {}", veil.header(name, value)))));
        }
    }
    let mut note = "";
    if asked.body.length > 0 {
        if !asked.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            // curl would make one up.
            words.push("-H content-type:".to_owned());
        }
        let whole = asked.body.kept.len() as u64 == asked.body.length;
        match (reached.body, text_of(&asked.body).filter(|_| whole)) {
            (Some(file), _) => {
                words.push(format!("--data-binary {}", quoted(&format!("@{}", veil.text(file)))));
            }
            (None, Some(text)) => {
                // To `--data-binary` that would be a file.
                let flag = if text.starts_with('@') { "--data-raw" } else { "--data-binary" };
                words.push(format!("{flag} {}", quoted(&veil.text(text))));
            }
            (None, None) => {
                words.push("--data-binary @BODY".to_owned());
                note = "   # its body is too long, or no text: give curl the file";
            }
        }
    }
    let scheme = if reached.secure { "https" } else { "http" };
    let url = format!("{scheme}://{}{}", reached.authority, asked.target);
    words.push(quoted(&veil.text(&url)));
    format!("{}{note}", words.join(" "))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
