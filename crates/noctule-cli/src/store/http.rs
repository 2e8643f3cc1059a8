//! Asking servers for files: redirects, the token and its limits, TLS without C.
//!
//! An address enters, an [`Answer`] leaves. Redirects are followed here and not by the HTTP library, because the hub's
//! digest stands in the answer that redirects, and because the token may go to the hub and to nobody else.

use super::caches;
use super::catalogue::Entry;
use crate::failure::Failure;
use crate::terminal;
use std::fs;
use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use ureq::http::{HeaderMap, Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

/// The hub, unless `HF_ENDPOINT` names a mirror.
const HUB: &str = "https://huggingface.co";

/// More redirects than this are a circle.
const MOST_REDIRECTS: usize = 10;

/// Asks servers.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    /// The hub's address without a slash at its end.
    pub endpoint: String,
    token: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Trying again may help: a lost connection, a busy server. How long the server wants to be left alone.
    Passing(String, Option<Duration>),
    /// Trying again will not help.
    Lasting(String),
}

/// The beginning of an answer, and its body.
#[derive(Debug)]
pub struct Answer {
    /// 200, 206 or 416.
    pub status: u16,
    /// The strong entity tag of the server that has the bytes.
    pub etag: Option<String>,
    /// SHA-256 that the hub gives with a file.
    pub sha256: Option<String>,
    /// Bytes of the whole file, as the hub, the range or the length says.
    pub total: Option<u64>,
    /// For 206: the first byte of the range.
    pub start: Option<u64>,
    body: Body,
}

impl Answer {
    /// The bytes.
    pub fn reader(&mut self) -> impl Read + '_ {
        self.body.as_reader()
    }
}

impl Client {
    /// A client with the settings of the environment; `endpoint` counts more than `HF_ENDPOINT`. Nothing may take longer
    /// than `patience` without a byte.
    ///
    /// # Errors
    /// [`Failure::Usage`] for an endpoint that is no address.
    pub fn new(endpoint: Option<&str>, patience: Duration) -> Result<Self, Failure> {
        let variable = std::env::var("HF_ENDPOINT").ok().filter(|value| !value.is_empty());
        let endpoint = endpoint.map(str::to_owned).or(variable).unwrap_or_else(|| HUB.to_owned());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if origin(&endpoint).is_none() {
            return Err(Failure::usage(format!(
                "'{endpoint}' is no address of a hub: give one such as {HUB} in HF_ENDPOINT or --endpoint"
            )));
        }
        let token = token().filter(|_| {
            let safe = endpoint.starts_with("https://") || is_this_machine(&endpoint);
            if !safe {
                terminal::warning(&format!("the token is not sent to {endpoint}, which is not encrypted (https)"));
            }
            safe
        });
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("noctule/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(patience))
            .timeout_connect(Some(patience))
            .timeout_recv_response(Some(patience))
            .timeout_per_read(Some(patience))
            .tls_config(tls())
            .build();
        Ok(Self { agent: config.new_agent(), endpoint, token })
    }

    /// Asks for a file from byte `from` on, if it is still the one with this entity tag.
    ///
    /// # Errors
    /// [`Problem`] for everything that is not 200, 206 or 416.
    pub fn get(&self, address: &str, from: u64, etag: Option<&str>) -> Result<Answer, Problem> {
        let mut address = address.to_owned();
        let (mut sha256, mut linked_size) = (None, None);
        for _ in 0..MOST_REDIRECTS {
            let response = self.ask(&address, from, etag)?;
            let headers = response.headers();
            // Only the hub is believed about what its own files are.
            if self.is_hub(&address) {
                sha256 = sha256.or_else(|| text(headers, "x-linked-etag").and_then(digest));
                linked_size = linked_size.or_else(|| text(headers, "x-linked-size")?.parse::<u64>().ok());
            }
            match response.status().as_u16() {
                301 | 302 | 303 | 307 | 308 => {
                    let to = text(headers, "location").and_then(|to| joined(&address, &to));
                    let to = to.ok_or_else(|| Problem::Lasting(format!("{address} leads nowhere: no Location")))?;
                    if address.starts_with("https://") && !to.starts_with("https://") {
                        return Err(Problem::Lasting(format!("{address} leads to {to}, which is not encrypted")));
                    }
                    address = to;
                }
                status @ (200 | 206 | 416) => return answer(status, response, sha256, linked_size),
                status => return Err(refusal(status, &response, &address)),
            }
        }
        Err(Problem::Lasting(format!("{address}: more than {MOST_REDIRECTS} redirects")))
    }

    fn ask(&self, address: &str, from: u64, etag: Option<&str>) -> Result<Response<Body>, Problem> {
        let mut request = self.agent.get(address);
        if let Some(token) = self.token.as_ref().filter(|_| self.is_hub(address)) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
            if let Some(etag) = etag {
                request = request.header("if-range", etag);
            }
        }
        request.call().map_err(|error| match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Problem::Lasting(format!("{address}: {error}")),
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => not_encrypted(address, &error),
            // A certificate that is not trusted comes as an error of reading.
            ureq::Error::Io(ref io) if io.kind() == ErrorKind::InvalidData => not_encrypted(address, &error),
            ureq::Error::HostNotFound => {
                Problem::Lasting(format!("there is no host of this name, or no network: {address}"))
            }
            error => Problem::Passing(format!("{address}: {error}"), None),
        })
    }

    fn is_hub(&self, address: &str) -> bool {
        origin(address).is_some_and(|of| Some(of) == origin(&self.endpoint))
    }
}

/// Compares what a server says of an entry with the catalogue, without fetching more than the beginning. The hub does not
/// tell the SHA-1 that whisper.cpp lists: where there is one, the file that it was made of is fetched by `pull`.
pub fn compare(client: &Client, entry: &Entry) -> Result<String, String> {
    let answer = client.get(&entry.address(&client.endpoint), 0, None).map_err(|problem| match problem {
        Problem::Passing(reason, _) | Problem::Lasting(reason) => reason,
    })?;
    let digest = answer.sha256.map_or("no SHA-256".to_owned(), |sha256| format!("SHA-256 {sha256}"));
    match answer.total {
        Some(total) if total != entry.size_bytes => {
            Err(format!("{total} bytes, and {} in the catalogue ({digest})", entry.size_bytes))
        }
        Some(total) => Ok(format!("{total} bytes, {digest}")),
        None => Err("the server does not tell its size".into()),
    }
}

fn answer(
    status: u16,
    response: Response<Body>,
    sha256: Option<String>,
    linked_size: Option<u64>,
) -> Result<Answer, Problem> {
    let headers = response.headers();
    let etag = text(headers, "etag").filter(|etag| etag.starts_with('"'));
    let length = text(headers, "content-length").and_then(|length| length.parse::<u64>().ok());
    let range = text(headers, "content-range").and_then(|range| content_range(&range));
    let total = match status {
        200 => length,
        _ => range.and_then(|(_, total)| total),
    };
    if let (Some(total), Some(linked)) = (total, linked_size)
        && total != linked
    {
        return Err(Problem::Passing(
            format!("the server's {total} bytes are not the {linked} that the hub announces"),
            None,
        ));
    }
    let start = range.map(|(start, _)| start);
    Ok(Answer { status, etag, sha256, total: total.or(linked_size), start, body: response.into_body() })
}

/// What a status means that brings no file.
fn refusal(status: u16, response: &Response<Body>, address: &str) -> Problem {
    let wait = text(response.headers(), "retry-after").and_then(|wait| retry_after(&wait, SystemTime::now()));
    match status {
        401 | 403 => Problem::Lasting(format!(
            "{address} asks for permission ({status}): accept the model's terms on its page, and give a token in HF_TOKEN"
        )),
        404 | 410 => Problem::Lasting(format!("{address} is not there ({status})")),
        429 => Problem::Passing("the server says that it was asked too often (429)".into(), wait),
        408 | 500..=599 => Problem::Passing(format!("the server has a problem ({status})"), wait),
        _ => Problem::Lasting(format!("{address}: unexpected answer {status}")),
    }
}

/// What `Retry-After` asks for: seconds, or a date (RFC 9110, section 10.2.3); one that is over asks for nothing.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    date.duration_since(now).ok()
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.trim().to_owned())
}

/// The SHA-256 in the hub's entity tag; files that are not stored by it have another tag.
fn digest(etag: String) -> Option<String> {
    let bare = etag.trim_start_matches("W/").trim_matches('"').to_ascii_lowercase();
    caches::is_sha256(&bare).then_some(bare)
}

/// First byte and length of the whole in `bytes 10-99/100`; of `bytes */100` no first byte that anybody asks for.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-').map_or(Some(u64::MAX), |(start, _)| start.parse().ok())?;
    Some((start, total.parse().ok()))
}

/// Scheme, host and port.
fn origin(address: &str) -> Option<(String, String, u16)> {
    let uri: Uri = address.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    Some((scheme, uri.host()?.to_ascii_lowercase(), uri.port_u16().unwrap_or(default)))
}

fn is_this_machine(address: &str) -> bool {
    origin(address).is_some_and(|(_, host, _)| ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str()))
}

/// The address that a `Location` means.
fn joined(base: &str, to: &str) -> Option<String> {
    let (scheme, rest) = base.split_once("://")?;
    let joined = if to.contains("://") {
        to.to_owned()
    } else if let Some(other) = to.strip_prefix("//") {
        format!("{scheme}://{other}")
    } else {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let folder = path.split('?').next().unwrap_or_default().rsplit_once('/').map_or("", |(folder, _)| folder);
        match to.strip_prefix('/') {
            Some(path) => format!("{scheme}://{authority}/{path}"),
            None if folder.is_empty() => format!("{scheme}://{authority}/{to}"),
            None => format!("{scheme}://{authority}/{folder}/{to}"),
        }
    };
    origin(&joined).map(|_| joined)
}

/// The user's token: `HF_TOKEN`, or the file that the hub's own tools write.
fn token() -> Option<String> {
    let set = |name| std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let file = || {
        let path = set("HF_TOKEN_PATH").map(Into::into).or_else(|| Some(caches::hub_home()?.join("token")))?;
        Some(fs::read_to_string(path).ok()?.trim().to_owned()).filter(|token| !token.is_empty())
    };
    let token = set("HF_TOKEN").or_else(file)?;
    token.bytes().all(|byte| byte.is_ascii_graphic()).then_some(token)
}

/// The system's certificates, and cryptography in Rust.
fn tls() -> TlsConfig {
    let loaded = rustls_native_certs::load_native_certs();
    let certificates: Vec<_> = loaded.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::Specific(Arc::new(certificates)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls_rustcrypto::provider()))
        .build()
}

fn not_encrypted(address: &str, error: &ureq::Error) -> Problem {
    Problem::Lasting(format!("{address}: no encrypted connection: {error}{}", certificates_hint()))
}

fn certificates_hint() -> &'static str {
    if rustls_native_certs::load_native_certs().certs.is_empty() {
        "; this system has no certificates of authorities: install ca-certificates, or set SSL_CERT_FILE"
    } else {
        "; SSL_CERT_FILE names the certificates to trust"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_joined() {
        let base = "https://hub.example:8443/a/b?x=1/2";
        for (to, whole) in [
            ("https://cdn.example/f?s=1", "https://cdn.example/f?s=1"),
            ("//cdn.example/f", "https://cdn.example/f"),
            ("/f", "https://hub.example:8443/f"),
            ("f", "https://hub.example:8443/a/f"),
        ] {
            assert_eq!(joined(base, to).as_deref(), Some(whole), "{to}");
        }
        assert_eq!(joined("http://h", "f").as_deref(), Some("http://h/f"));
        assert_eq!(joined(base, "file:///etc/passwd"), None);
        assert_eq!(joined(base, "ftp://h/f"), None);
    }

    #[test]
    fn origins_differ_by_scheme_host_and_port() {
        assert_eq!(origin("https://Hub.example/x"), origin("https://hub.example:443/y"));
        for other in ["http://hub.example/", "https://hub.example.org/", "https://hub.example:444/"] {
            assert_ne!(origin(other), origin("https://hub.example/"), "{other}");
        }
    }

    #[test]
    fn waits_are_seconds_or_dates() {
        let noon = httpdate::parse_http_date("Sun, 06 Nov 1994 12:00:00 GMT").unwrap();
        for (value, seconds) in [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 12:01:30 GMT", Some(90)),
            ("Sunday, 06-Nov-94 12:00:05 GMT", Some(5)),
            ("Sun Nov  6 12:00:10 1994", Some(10)),
            ("Sun, 06 Nov 1994 11:59:00 GMT", None),
            ("-3", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(value, noon), seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn ranges_and_tags() {
        assert_eq!(content_range("bytes 10-99/100"), Some((10, Some(100))));
        assert_eq!(content_range("bytes */100"), Some((u64::MAX, Some(100))));
        assert_eq!(content_range("bytes 10-99/*"), Some((10, None)));
        assert_eq!(content_range("lines 1-2/3"), None);
        assert_eq!(digest(format!("\"{}\"", "A".repeat(64))), Some("a".repeat(64)));
        assert_eq!(digest("\"0123456789012345678901234567890123456789\"".into()), None);
    }
}
