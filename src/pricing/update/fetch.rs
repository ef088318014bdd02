//! Asks for a file over HTTPS, within limits: [`fetch`]. The only code of the program that opens a connection.

use std::time::Duration;

use ureq::http::{StatusCode, Uri};

/// How large an answer may be, how long it may take, and how often it may send us elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the answer.
    pub bytes: u64,
    /// From the first question to the last byte.
    pub time: Duration,
    /// Redirects.
    pub redirects: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bytes: 64 << 20, time: Duration::from_secs(60), redirects: 5 }
    }
}

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not an address.
    #[error("{0:?} is no address")]
    NoAddress(String),
    /// Not over HTTPS.
    #[error("{0} is not over HTTPS, and prices are not taken from a connection that anyone can write into")]
    NotSecure(String),
    /// The server answered with something else than the file.
    #[error("{url} answered {status}")]
    Status {
        /// The address.
        url: String,
        /// The status, with its usual words.
        status: String,
    },
    /// Larger than allowed.
    #[error("the answer of {url} is larger than {limit} bytes")]
    TooLarge {
        /// The address.
        url: String,
        /// What is allowed.
        limit: u64,
    },
    /// Slower than allowed.
    #[error("{url} took longer than {seconds} seconds")]
    TooSlow {
        /// The address.
        url: String,
        /// What is allowed.
        seconds: u64,
    },
    /// Sent from one address to the next for too long.
    #[error("{url} sends from one address to the next, more than {limit} times")]
    TooManyRedirects {
        /// The address asked first.
        url: String,
        /// What is allowed.
        limit: u8,
    },
    /// Anything else: no such host, no connection, an answer that breaks off.
    #[error("{url} could not be read: {reason}")]
    Failed {
        /// The address.
        url: String,
        /// What the connection said.
        reason: String,
    },
}

impl FetchError {
    /// The next step, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let help = match self {
            FetchError::NoAddress(_) => "write one such as https://example.org/prices.json",
            FetchError::NotSecure(_) => "write https://; plain http is for this machine alone (127.0.0.1, localhost)",
            FetchError::TooSlow { .. } => "--timeout SECONDS waits longer",
            _ => return None,
        };
        Some(help.to_owned())
    }
}

/// An address as it may be shown: without a name and a password before its host, if it has them.
#[must_use]
pub fn without_credentials(url: &str) -> String {
    // Only up to the first of these an `@` is not part of what is asked for. A name or a password may have one of its own.
    let start = url.find("://").map_or(0, |at| at + "://".len());
    let (scheme, rest) = url.split_at(start);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..end).and_then(|authority| authority.rfind('@')) {
        Some(at) => format!("{scheme}\u{2026}{}", &rest[at..]),
        None => url.to_owned(),
    }
}

/// The whole answer of an address, or nothing of it.
///
/// # Errors
/// [`FetchError`]; an answer that breaks off is an error too.
pub fn fetch(url: &str, limits: Limits) -> Result<Vec<u8>, FetchError> {
    let mut uri = parse(url)?;
    let started = std::time::Instant::now();
    for _ in 0..=limits.redirects {
        let left = limits.time.saturating_sub(started.elapsed());
        let mut response = ask(&uri, left).map_err(|error| failed(&uri, &error, limits))?;
        if !response.status().is_redirection() {
            return body(&uri, &mut response, limits);
        }
        let location = response.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let next = parse(&resolved(&uri, location))?;
        // A server elsewhere has no business with this machine's own ports.
        if next.scheme_str() == Some("http") && uri.scheme_str() != Some("http") {
            return Err(FetchError::NotSecure(shown(&next)));
        }
        uri = next;
    }
    Err(FetchError::TooManyRedirects { url: without_credentials(url), limit: limits.redirects })
}

fn shown(uri: &Uri) -> String {
    without_credentials(&uri.to_string())
}

fn ask(uri: &Uri, left: Duration) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(left.max(Duration::from_millis(1))))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("farebox/", env!("CARGO_PKG_VERSION")));
    // A proxy is for the network; this machine is reached without.
    let config = if is_loopback(uri) { config.proxy(None) } else { config };
    ureq::Agent::from(config.build()).get(uri).call()
}

fn body(uri: &Uri, response: &mut ureq::http::Response<ureq::Body>, limits: Limits) -> Result<Vec<u8>, FetchError> {
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status { url: shown(uri), status: response.status().to_string() });
    }
    // One byte more than allowed, since an answer of exactly the limit is not too large.
    let read = response.body_mut().with_config().limit(limits.bytes + 1).read_to_vec();
    match read {
        Ok(bytes) if bytes.len() as u64 <= limits.bytes => Ok(bytes),
        Ok(_) | Err(ureq::Error::BodyExceedsLimit(_)) => {
            Err(FetchError::TooLarge { url: shown(uri), limit: limits.bytes })
        }
        Err(error) => Err(failed(uri, &error, limits)),
    }
}

fn failed(uri: &Uri, error: &ureq::Error, limits: Limits) -> FetchError {
    let url = shown(uri);
    let is_timeout = |error: &std::io::Error| error.kind() == std::io::ErrorKind::TimedOut;
    match error {
        ureq::Error::Timeout(_) => FetchError::TooSlow { url, seconds: limits.time.as_secs() },
        ureq::Error::Io(error) if is_timeout(error) => FetchError::TooSlow { url, seconds: limits.time.as_secs() },
        error => FetchError::Failed { url, reason: error.to_string() },
    }
}

/// An address that may be asked: https, or plain http on this machine.
fn parse(url: &str) -> Result<Uri, FetchError> {
    let uri: Uri = url.parse().map_err(|_| FetchError::NoAddress(without_credentials(url)))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) if !host.is_empty() => Ok(uri),
        (Some("http"), Some(_)) if is_loopback(&uri) => Ok(uri),
        (Some("http"), Some(_)) => Err(FetchError::NotSecure(without_credentials(url))),
        _ => Err(FetchError::NoAddress(without_credentials(url))),
    }
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Where a redirect leads from an address.
fn resolved(from: &Uri, location: &str) -> String {
    let scheme = from.scheme_str().unwrap_or("https");
    let authority = from.authority().map(ToString::to_string).unwrap_or_default();
    if location.contains("://") {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_asked() {
        for url in ["https://models.dev/api.json", "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:1/x"]
        {
            assert!(parse(url).is_ok(), "{url}");
        }
        for url in [
            "http://models.dev/api.json",
            "http://127.0.0.1.example.org/",
            "http://10.0.0.1/",
            "http://localhost@example.org/",
        ] {
            assert_eq!(parse(url), Err(FetchError::NotSecure(without_credentials(url))), "{url}");
        }
        for url in ["", "models.dev", "/etc/passwd", "file:///etc/passwd", "ftp://127.0.0.1/x", "https://"] {
            assert_eq!(parse(url), Err(FetchError::NoAddress(url.to_owned())), "{url}");
        }
    }

    #[test]
    fn names_and_passwords_are_not_shown() {
        let cases = [
            ("https://me:secret@example.org/x", "https://\u{2026}@example.org/x"),
            ("https://me@example.org", "https://\u{2026}@example.org"),
            ("https://me:p@ss@example.org?x", "https://\u{2026}@example.org?x"),
            ("me:secret@example.org/x", "\u{2026}@example.org/x"),
            ("https://example.org/a@b", "https://example.org/a@b"),
            ("https://example.org?a=b@c", "https://example.org?a=b@c"),
        ];
        for (url, want) in cases {
            assert_eq!(without_credentials(url), want);
        }
        let secret = "http://me:secret@example.org/";
        assert!(!parse(secret).unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn a_redirect_may_be_relative() {
        let from: Uri = "https://example.org:8443/a/b.json?q=1".parse().unwrap();
        let cases = [
            ("https://other.org/x", "https://other.org/x"),
            ("//other.org/x", "https://other.org/x"),
            ("/x", "https://example.org:8443/x"),
            ("c.json", "https://example.org:8443/a/c.json"),
        ];
        for (location, want) in cases {
            assert_eq!(resolved(&from, location), want);
        }
    }
}
