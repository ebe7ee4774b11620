//! A JWS in compact form (RFC 7515, section 7.1), read and not yet believed.

use crate::IdentityError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Longest token that is looked at: those with hundreds of groups have some 12 KiB.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The protected header, as far as it is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    #[serde(default)]
    pub(crate) kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
    #[serde(default)]
    b64: Option<Value>,
}

/// A token in its parts.
#[derive(Debug)]
pub(crate) struct Jws<'a> {
    pub(crate) header: Header,
    pub(crate) claims: Map<String, Value>,
    pub(crate) signed: &'a [u8],
    pub(crate) sig: Vec<u8>,
}

impl<'a> Jws<'a> {
    pub(crate) fn read(token: &'a str) -> Result<Self, IdentityError> {
        if token.len() > MAX_TOKEN_BYTES || token.matches('.').count() != 2 {
            return Err(IdentityError::Form);
        }
        let (signed, sig) = token.rsplit_once('.').ok_or(IdentityError::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(IdentityError::Form)?;
        let header: Header = part(header)?;
        if header.crit.is_some() || header.b64.is_some() {
            return Err(IdentityError::Critical);
        }
        let sig = URL_SAFE_NO_PAD.decode(sig).map_err(|_| IdentityError::Form)?;
        Ok(Self { header, claims: part(claims)?, signed: signed.as_bytes(), sig })
    }
}

/// The issuer that a token names, if it is a JWS; nothing of it is believed yet.
pub fn issuer_of(token: &str) -> Option<String> {
    let jws = Jws::read(token).ok()?;
    jws.claims.get("iss")?.as_str().map(str::to_owned)
}

/// When a token says that it ends, in seconds since 1970; nothing of it is believed yet.
pub fn expiry_of(token: &str) -> Option<u64> {
    let jws = Jws::read(token).ok()?;
    jws.claims.get("exp")?.as_u64()
}

fn part<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, IdentityError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| IdentityError::Form)?;
    serde_json::from_slice(&bytes).map_err(|_| IdentityError::Form)
}
