//! Certificates in a file: blocks of RFC 7468 under each label that OpenSSL reads as a certificate
//! (openssl-format-options(1), `PEM_STRING_X509*`), or DER.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::BasicConstraints;

/// Labels of certificates. What a trusted one has behind the certificate says what it is trusted for.
const LABELS: [&str; 3] = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];

/// Most certificates of one file that are looked at.
const MAX_CERTIFICATES: usize = 1024;

/// The statements of a certificate about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is, as RFC 4514 writes names.
    pub name: String,
    /// Encoded name of whose it is, and of who issued it.
    pub(super) subject: Vec<u8>,
    /// See `subject`.
    pub(super) issuer: Vec<u8>,
    /// Whether it may issue others.
    pub(super) authority: bool,
    /// When it ends, in seconds since 1970.
    pub not_after: u64,
}

impl Certificate {
    /// Whether it says that it issued itself.
    pub(super) fn is_root(&self) -> bool {
        self.subject == self.issuer
    }
}

/// The certificates of a file, in their order; `None` for each that is not understood.
pub fn certificates(bytes: &[u8]) -> Vec<Option<Certificate>> {
    if bytes.first() == Some(&0x30) {
        return vec![of_der(bytes)];
    }
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    let mut rest = text.as_ref();
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, body) = after.split_once("-----").unwrap_or_default();
        if !LABELS.contains(&label) {
            rest = after;
            continue;
        }
        let end = format!("-----END {label}-----");
        let (body, after) = body.split_once(end.as_str()).unwrap_or((body, ""));
        let base64: String = body.split_ascii_whitespace().collect();
        found.push(STANDARD.decode(base64).ok().and_then(|der| of_der(&der)));
        if found.len() >= MAX_CERTIFICATES {
            break;
        }
        rest = after;
    }
    found
}

fn of_der(der: &[u8]) -> Option<Certificate> {
    let certificate = CertificateInner::<Raw>::from_der(der.get(..length(der)?)?).ok()?;
    let body = certificate.tbs_certificate();
    let constraints = body.get_extension::<BasicConstraints>().ok().flatten();
    Some(Certificate {
        name: body.subject().to_string(),
        subject: body.subject().to_der().ok()?,
        issuer: body.issuer().to_der().ok()?,
        authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
        not_after: body.validity().not_after.to_unix_duration().as_secs(),
    })
}

/// Length of the first element of DER, its head included.
fn length(der: &[u8]) -> Option<usize> {
    match der {
        [0x30, short, ..] if *short < 0x80 => Some(2 + usize::from(*short)),
        [0x30, 0x81, a, ..] => Some(3 + usize::from(*a)),
        [0x30, 0x82, a, b, ..] => Some(4 + usize::from(u16::from_be_bytes([*a, *b]))),
        [0x30, 0x83, a, b, c, ..] => usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).ok().map(|n| 5 + n),
        _ => None,
    }
}
