//! The short-lived proof of who asks: an EdDSA JWT (RFC 7519, RFC 8037) signed by the node's key.
//!
//! ```text
//! {"alg":"EdDSA","kid":"<key>","typ":"JWT"}
//! {"aud":"<ledger id>","body":"<BLAKE3 of the request body>","exp":…,"iat":…,"iss":"node:<uuid>"}
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proofs::SigningKey;
use spec::{Author, Hash, Timestamp, canonical};

/// Longest validity of a token, in seconds.
pub const MAX_LIFETIME_SECS: u64 = 60;

/// The statements of a token.
#[derive(Debug, Clone)]
pub struct Claims<'a> {
    /// Who asks.
    pub issuer: &'a Author,
    /// The ledger that is asked.
    pub ledger: &'a Hash,
    /// When.
    pub issued_at: Timestamp,
    /// How long the token is good for; at most [`MAX_LIFETIME_SECS`].
    pub lifetime_secs: u64,
    /// The request's body; the token is good for no other.
    pub body: &'a [u8],
}

/// Signs `claims`.
pub fn sign(key: &SigningKey, claims: &Claims<'_>) -> String {
    let issued_at = claims.issued_at.secs();
    let header = serde_json::json!({"alg": "EdDSA", "kid": key.public(), "typ": "JWT"});
    let body = serde_json::json!({
        "aud": claims.ledger,
        "body": blake3::hash(claims.body).to_hex().as_str(),
        "exp": issued_at + claims.lifetime_secs.min(MAX_LIFETIME_SECS),
        "iat": issued_at,
        "iss": claims.issuer,
    });
    // Texts and small integers always have a canonical form.
    let encode = |value| URL_SAFE_NO_PAD.encode(canonical::to_vec(value).unwrap_or_default());
    let signed = format!("{}.{}", encode(&header), encode(&body));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).0);
    format!("{signed}.{signature}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_that_verify() {
        let key = SigningKey::from_seed(&[7; 32]);
        let issuer: Author = "node:550e8400-e29b-41d4-a716-446655440000".parse().unwrap();
        let issued_at = Timestamp::parse("2026-11-21T20:42:00.999Z").unwrap();
        let ledger = Hash([1; 32]);
        let claims = Claims { issuer: &issuer, ledger: &ledger, issued_at, lifetime_secs: 600, body: b"{}" };
        let token = sign(&key, &claims);
        let [header, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
        let decode = |part| URL_SAFE_NO_PAD.decode(part).unwrap();
        let sig = spec::Signature(decode(signature).try_into().unwrap());
        let signed = token.rsplit_once('.').unwrap().0;
        assert!(proofs::signature::verify(&key.public(), signed.as_bytes(), &sig));
        let header: serde_json::Value = serde_json::from_slice(&decode(header)).unwrap();
        assert_eq!(header, serde_json::json!({"alg": "EdDSA", "kid": key.public(), "typ": "JWT"}));
        let body: serde_json::Value = serde_json::from_slice(&decode(body)).unwrap();
        assert_eq!(body["iss"], issuer.to_string());
        assert_eq!(body["aud"], ledger.to_hex());
        assert_eq!(body["exp"].as_u64().unwrap() - body["iat"].as_u64().unwrap(), MAX_LIFETIME_SECS);
        assert_eq!(body["body"], blake3::hash(b"{}").to_hex().as_str());
    }
}
