//! A provider's keys (RFC 7517), those of kinds that are known here, and what each may check.

use crate::IdentityError;
use crate::jws::Jws;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

/// Most keys of a set that are looked at: providers have two to eight.
const MAX_KEYS: usize = 64;

/// The keys of a provider.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeySet(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    kid: Option<String>,
    /// The one algorithm that it is for, where it says so.
    alg: Option<String>,
    material: Material,
}

/// What a key consists of; its kind is the family of algorithms that it may check, and no other.
#[derive(Debug, Clone)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl KeySet {
    /// Reads a set; keys of other kinds, and those that are not for signatures, are passed over.
    pub(crate) fn read(set: &Value) -> Option<Self> {
        let keys = set.get("keys")?.as_array()?;
        Some(Self(keys.iter().take(MAX_KEYS).filter_map(Key::read).collect()))
    }

    /// Whether a key of the set may be the one that a token names.
    pub(crate) fn may_know(&self, jws: &Jws<'_>) -> bool {
        self.candidates(jws).next().is_some()
    }

    /// Checks a token's signature: by the key of its id, or, where it names none, by any.
    pub(crate) fn check(&self, jws: &Jws<'_>) -> Result<(), IdentityError> {
        let mut known = false;
        for key in self.candidates(jws) {
            known = true;
            if key.material.verifies(plain(&jws.header.alg), jws.signed, &jws.sig) {
                return Ok(());
            }
        }
        Err(if known { IdentityError::Signature } else { IdentityError::UnknownKey })
    }

    fn candidates<'a>(&'a self, jws: &'a Jws<'_>) -> impl Iterator<Item = &'a Key> {
        let alg = plain(&jws.header.alg);
        self.0.iter().filter(move |key| {
            let named = jws.header.kid.is_none() || key.kid == jws.header.kid;
            named && key.alg.as_deref().is_none_or(|own| plain(own) == alg) && key.material.fits(alg)
        })
    }
}

/// RFC 9864 calls Ed25519 by that name; RFC 8037 called it EdDSA.
pub(crate) fn plain(alg: &str) -> &str {
    if alg == "Ed25519" { "EdDSA" } else { alg }
}

impl Key {
    fn read(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let point = |size: usize| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            let sound = x.len() == size && y.len() == size;
            sound.then(|| [&[4], x.as_slice(), y.as_slice()].concat())
        };
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => Material::Rsa { n: bytes("n")?, e: bytes("e")? },
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x")?),
            _ => return None,
        };
        Some(Self { kid: text("kid").map(str::to_owned), alg: text("alg").map(str::to_owned), material })
    }
}

impl Material {
    fn fits(&self, alg: &str) -> bool {
        match self {
            Self::Rsa { .. } => alg.starts_with("RS") || alg.starts_with("PS"),
            Self::P256(_) => alg == "ES256",
            Self::P384(_) => alg == "ES384",
            Self::Ed25519(_) => alg == "EdDSA",
        }
    }

    fn verifies(&self, alg: &str, signed: &[u8], sig: &[u8]) -> bool {
        match self {
            Self::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n, e };
                let parameters = match alg {
                    "RS256" => &RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &RSA_PKCS1_2048_8192_SHA512,
                    "PS256" => &RSA_PSS_2048_8192_SHA256,
                    "PS384" => &RSA_PSS_2048_8192_SHA384,
                    "PS512" => &RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                key.verify(parameters, signed, sig).is_ok()
            }
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, sig).is_ok()
            }
            Self::P384(point) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(signed, sig).is_ok()
            }
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(signed, sig).is_ok(),
        }
    }
}
