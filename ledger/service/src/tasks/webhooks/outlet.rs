//! The way out: a signed POST to an address that somebody of an organisation chose.
//!
//! Signed by the rules of Standard Webhooks (version 1.0.0, "Signature scheme"): HMAC-SHA256 over id, time and body.
//! Whoever may make webhooks must not reach what only this machine reaches: addresses that are not public are
//! refused unless the operator allows them, after names are resolved, and redirects are not followed.

use crate::outbound;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sha2::Sha256;
use spec::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a message has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// No client can be made on this machine, or the receiver is not reached.
    #[error("{}", outbound::root_cause(&**.0))]
    Transport(Arc<reqwest::Error>),
    /// The address is none.
    #[error("{url}: {problem}")]
    Address { url: String, problem: <Url as std::str::FromStr>::Err },
    /// The address is one that only this machine, or its network, reaches.
    #[error("{0} is not public; see `ledger serve --allow-private-webhooks`")]
    Private(IpAddr),
}

/// A client for messages.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    /// Made when it is needed: it loads the machine's certificates.
    client: Arc<OnceLock<Result<reqwest::Client, Arc<reqwest::Error>>>>,
    allow_private: bool,
}

impl Outlet {
    pub(super) fn new(allow_private: bool) -> Self {
        Self { client: Arc::default(), allow_private }
    }

    fn client(&self) -> Result<&reqwest::Client, PostError> {
        let make = || {
            let builder = outbound::builder()
                .redirect(reqwest::redirect::Policy::none())
                // A proxy would look names up itself, past the check of addresses.
                .no_proxy()
                .timeout(PATIENCE)
                .user_agent(concat!("vaultmesh/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(Arc::new(Public { allow_private: self.allow_private }));
            builder.build().map_err(Arc::new)
        };
        self.client.get_or_init(make).as_ref().map_err(|error| PostError::Transport(Arc::clone(error)))
    }

    /// Posts a message; the status of the answer, or why there was none.
    pub(super) async fn post(
        &self,
        url: &str,
        secret: &[u8],
        id: &str,
        now: Timestamp,
        body: String,
    ) -> Result<u16, PostError> {
        let client = self.client()?;
        let url: Url = url.parse().map_err(|problem| PostError::Address { url: url.to_owned(), problem })?;
        if let Some(address) = literal(&url)
            && !self.allow_private
            && !is_public(address)
        {
            return Err(PostError::Private(address));
        }
        let secs = now.millis() / 1000;
        let request = client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", secs)
            .header("webhook-signature", signature(secret, id, secs, &body))
            .body(body);
        match request.send().await {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(error) => Err(PostError::Transport(Arc::new(error))),
        }
    }
}

/// The value of `webhook-signature`.
fn signature(secret: &[u8], id: &str, secs: u64, body: &str) -> String {
    use base64::Engine as _;
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(format!("{id}.{secs}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes()))
}

/// The address that an URL has in place of a name.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Names as the system resolves them, without addresses that are not public.
#[derive(Debug)]
struct Public {
    allow_private: bool,
}

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fit: Vec<SocketAddr> = all.filter(|a| allow_private || is_public(a.ip())).collect();
            if fit.is_empty() {
                let why = "no public address; see `ledger serve --allow-private-webhooks`";
                return Err(format!("{}: {why}", name.as_str()).into());
            }
            Ok(Box::new(fit.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is reached over the public internet (IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let assigned = (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99);
    let benchmarks = a == 198 && (b == 18 || b == 19);
    !(v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_documentation()
        || v4.is_multicast()
        || a == 0
        || a >= 240
        || shared
        || assigned
        || benchmarks)
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let octets = v6.octets();
    let v4_at = |at: usize| {
        let part = octets.get(at..at + 4).and_then(|part| <[u8; 4]>::try_from(part).ok());
        part.is_some_and(|part| is_public_v4(part.into()))
    };
    match v6.segments() {
        // IPv4 in IPv6: mapped (RFC 4291) and translated (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => v4_at(12),
        // 6to4 (RFC 3056) carries the address behind its prefix.
        [0x2002, ..] => v4_at(2),
        // Teredo and other protocols' assignments, documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast is 2000::/3 (RFC 4291); nothing else is assigned.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks' authors (svix.com, "How to manually verify webhook payloads").
    #[test]
    fn a_signature_is_that_of_the_published_example() {
        use base64::Engine as _;
        let secret =
            base64::engine::general_purpose::STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = r#"{"test": 2432232314}"#;
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body), expected);
    }

    #[test]
    fn only_public_addresses_are_public() {
        let public = ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"];
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "192.0.0.8",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::1",
            "2001::1",
            "::127.0.0.1",
        ];
        for address in public {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in private {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_in_place_of_a_name_is_seen_in_every_form() {
        for url in
            ["http://127.0.0.1:9/x", "http://[::1]/x", "http://2130706433/", "http://0x7f.1/", "http://127.1"]
        {
            let address = literal(&url.parse().unwrap());
            assert!(address.is_some_and(|address| !is_public(address)), "{url}: {address:?}");
        }
        assert_eq!(literal(&"https://example.org/x".parse().unwrap()), None);
    }
}
