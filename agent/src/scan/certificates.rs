//! Certificates that services show, and when they end.

use super::check::Check;
use super::cx::Cx;
use super::source::Type;
use super::unread::{Optional as _, Unread};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spec::Severity;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode as _;

/// A certificate that ends soon, or has.
pub(super) static EXPIRY: Check = Check {
    id: "certificate-expiry",
    severity: Severity::Medium,
    title: "A certificate ends soon",
    remediation: "Renew the certificate and reload what shows it; find out why that did not happen by itself.",
};

/// Where services keep theirs. Those of authorities, which systems bring in hundreds, are not asked for.
const PLACES: [&str; 14] = [
    "/etc/apache2",
    "/etc/docker/certs.d",
    "/etc/dovecot",
    "/etc/haproxy",
    "/etc/kubernetes/pki",
    "/etc/letsencrypt/live",
    "/etc/nginx",
    "/etc/openvpn",
    "/etc/pki/tls/certs",
    "/etc/postfix",
    "/etc/postgresql",
    "/etc/ssl",
    "/etc/vaultmesh",
    "/var/lib/kubelet/pki",
];

/// The folders and files of authorities within them.
const AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/tls/certs/ca-bundle.trust.crt"];

const MAX_DEPTH: usize = 4;

/// How soon is soon.
const SOON_DAYS: u64 = 21;
const DAY_SECS: u64 = 86_400;

pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    cx.source.dir("/etc")?;
    for place in PLACES {
        let outcome = visit(cx, place, 0);
        cx.known(&EXPIRY, outcome);
    }
    Ok(())
}

fn visit(cx: &mut Cx<'_>, path: &str, depth: usize) -> Result<(), Unread> {
    if AUTHORITIES.contains(&path) || depth > MAX_DEPTH {
        return Ok(());
    }
    // `live` holds links to the newest certificates, so links to files are followed.
    let Some(meta) = cx.source.stat(path).optional()? else { return Ok(()) };
    let named = [".pem", ".crt", ".cer", ".cert"].iter().any(|end| path.ends_with(end));
    match meta.kind {
        Type::Directory => {
            // Links to directories lead around in circles.
            if depth > 0 && cx.source.lstat(path)?.kind == Type::Link {
                return Ok(());
            }
            for name in cx.source.list(path)? {
                let outcome = visit(cx, &format!("{path}/{name}"), depth + 1);
                cx.known(&EXPIRY, outcome);
            }
        }
        Type::File if named => file(cx, path)?,
        Type::File | Type::Link | Type::Special => {}
    }
    Ok(())
}

/// The certificates of a file: the first of a chain is the service's own, and each counts.
fn file(cx: &mut Cx<'_>, path: &str) -> Result<(), Unread> {
    let bytes = cx.source.bytes(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut ends = Vec::new();
    if bytes.first() == Some(&0x30) {
        ends.push(not_after(&bytes));
    }
    for block in text.split("-----BEGIN CERTIFICATE-----").skip(1) {
        let base64: String = block.split("-----END").next().unwrap_or_default().split_whitespace().collect();
        ends.push(STANDARD.decode(base64).ok().and_then(|der| not_after(&der)));
    }
    if ends.contains(&None) {
        cx.unknown(&EXPIRY, format!("{path} is not understood"));
    }
    let Some(first) = ends.into_iter().flatten().min() else { return Ok(()) };
    let now = cx.now.secs();
    let end = spec::Timestamp::from_millis(first.saturating_mul(1000));
    if first <= now {
        cx.find(&EXPIRY, path, first.to_string())
            .title(format!("A certificate ended at {end}"))
            .severity(Severity::High);
    } else if first - now < SOON_DAYS * DAY_SECS {
        cx.find(&EXPIRY, path, first.to_string()).title(format!("A certificate ends at {end}"));
    }
    Ok(())
}

/// When a certificate ends, in seconds since 1970.
fn not_after(der: &[u8]) -> Option<u64> {
    let certificate = CertificateInner::<Raw>::from_der(der).ok()?;
    Some(certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs())
}
