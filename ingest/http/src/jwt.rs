//! The node's JWT (RFC 7519, RFC 8037): EdDSA by the node's key, good for one body and one minute.
//!
//! ```text
//! {"alg":"EdDSA","kid":"<key>","typ":"JWT"}
//! {"aud":"<ledger id>","body":"<BLAKE3 of the request body>","exp":…,"iat":…,"iss":"node:<uuid>"}
//! ```
//!
//! Strict and small: one algorithm, a closed set of members, no key from the token itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proofs::signature;
use serde::Deserialize;
use spec::{Author, Hash, PublicKey, Signature, Timestamp, Uuid};

/// Longest validity of a token.
pub(crate) const MAX_LIFETIME_SECS: u64 = 60;

/// How far the node's clock may differ from the ledger's.
pub(crate) const SKEW_SECS: u64 = 30;

/// Longest token that is looked at; a real one is under 600 bytes.
const MAX_TOKEN_BYTES: usize = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: PublicKey,
    typ: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    aud: Hash,
    body: Option<Hash>,
    exp: u64,
    iat: u64,
    iss: Author,
}

/// What a token says, its signature checked; whether the key is this node's is for the directory to say.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    pub(crate) key: PublicKey,
    pub(crate) node: Uuid,
    pub(crate) issued_at: Timestamp,
    /// The body the token is good for.
    pub(crate) body: Option<Hash>,
}

/// Checks a token's form, signature, audience and time.
pub(crate) fn verify(token: &str, ledger: &Hash, now: Timestamp) -> Result<Verified, &'static str> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err("the token is too long");
    }
    let (signed, sig) = token.rsplit_once('.').ok_or("that is no token: API tokens begin with vmt1.")?;
    let (header, claims) = signed.split_once('.').ok_or("that is no token: API tokens begin with vmt1.")?;
    let header: Header = part(header)?;
    if header.alg != "EdDSA" || header.typ != "JWT" {
        return Err("only EdDSA JWTs are taken");
    }
    let claims: Claims = part(claims)?;
    let Author::Node(node) = claims.iss else { return Err("the issuer is no node") };
    if claims.aud != *ledger {
        return Err("the token is for another ledger");
    }
    let now_secs = now.secs();
    if claims.exp <= claims.iat || claims.exp - claims.iat > MAX_LIFETIME_SECS {
        return Err("a token is valid for 1 to 60 seconds");
    }
    if claims.iat > now_secs.saturating_add(SKEW_SECS) {
        return Err("the token was issued in the future; set the node's clock");
    }
    if claims.exp.saturating_add(SKEW_SECS) <= now_secs {
        return Err("the token has expired");
    }
    let sig = URL_SAFE_NO_PAD.decode(sig).ok().and_then(|bytes| bytes.try_into().ok()).map(Signature);
    if !sig.is_some_and(|sig| signature::verify(&header.kid, signed.as_bytes(), &sig)) {
        return Err("the token's signature does not hold");
    }
    let issued_at = Timestamp::from_millis(claims.iat.saturating_mul(1000));
    Ok(Verified { key: header.kid, node, issued_at, body: claims.body })
}

fn part<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, &'static str> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| "a part of the JWT is not base64url")?;
    // An array would be read as a struct too.
    if bytes.first() != Some(&b'{') {
        return Err("a part of the JWT is not an object");
    }
    serde_json::from_slice(&bytes).map_err(|_| "a part of the JWT has other members than it should")
}
