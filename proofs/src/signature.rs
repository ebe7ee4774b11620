//! Ed25519 under one frozen rule: ZIP-215.
//!
//! Under ZIP-215 a signature that verifies in a batch verifies alone and the other way round, so ingest
//! may check thousands at once and an auditor one by one, and both say the same. Keys are held to a
//! stricter rule when they are introduced: [`check_key`] refuses encodings and points with which an
//! author could make signatures that other rules judge differently.
//!
//! ```text
//! A, R   any 32 bytes that decode to a point, in any encoding, of any order
//! s      a canonical scalar: s < l
//! k      SHA-512(R bytes ‖ A bytes ‖ message) mod l, over the bytes as they were given
//! holds  iff [8][s]B = [8]R + [8][k]A
//! ```

use rand_core::{TryCryptoRng, TryRng};
use spec::{PublicKey, Signature};
use std::convert::Infallible;
use std::fmt;

/// A signature to check: the key, the signature, and the bytes it is over.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The signer's key.
    pub key: &'a PublicKey,
    /// The signature.
    pub sig: &'a Signature,
    /// What was signed.
    pub message: &'a [u8],
}

/// From how many signatures on one batch is worth its overhead.
const MIN_BATCH: usize = 4;

/// Bytes of a batch hashed at once: BLAKE3 hashes many chunks side by side, short messages one after another.
const TRANSCRIPT_CHUNK: usize = 32 * 1024;

/// Whether `sig` is `key`'s signature over `message` under ZIP-215.
pub fn verify(key: &PublicKey, message: &[u8], sig: &Signature) -> bool {
    ed25519_zebra::VerificationKey::try_from(key.0)
        .is_ok_and(|key| key.verify(&ed25519_zebra::Signature::from_bytes(&sig.0), message).is_ok())
}

/// Checks many signatures; the answer for each equals that of [`verify`].
pub fn verify_all(items: &[Item<'_>]) -> Vec<bool> {
    let prepared: Vec<ed25519_zebra::batch::Item> = items
        .iter()
        .map(|item| {
            let sig = ed25519_zebra::Signature::from_bytes(&item.sig.0);
            (ed25519_zebra::VerificationKeyBytes::from(item.key.0), sig, item.message).into()
        })
        .collect();
    if items.len() >= MIN_BATCH && batch_holds(items, &prepared) {
        return vec![true; items.len()];
    }
    prepared.into_iter().map(|item| item.verify_single().is_ok()).collect()
}

fn batch_holds(items: &[Item<'_>], prepared: &[ed25519_zebra::batch::Item]) -> bool {
    let mut batch = ed25519_zebra::batch::Verifier::new();
    let mut seed = blake3::Hasher::new();
    let mut transcript = Vec::with_capacity(2 * TRANSCRIPT_CHUNK);
    for (item, prepared) in items.iter().zip(prepared) {
        transcript.extend_from_slice(&item.key.0);
        transcript.extend_from_slice(&item.sig.0);
        transcript.extend_from_slice(&(item.message.len() as u64).to_le_bytes());
        transcript.extend_from_slice(item.message);
        if transcript.len() >= TRANSCRIPT_CHUNK {
            seed.update(&transcript);
            transcript.clear();
        }
        batch.queue(prepared.clone());
    }
    seed.update(&transcript);
    batch.verify(Coefficients(seed.finalize_xof())).is_ok()
}

/// The random coefficients of a batch, derived from everything in it: nobody can choose a signature
/// after seeing its coefficient, and the crate needs no source of randomness.
struct Coefficients(blake3::OutputReader);

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(dst);
        Ok(())
    }
}

impl TryCryptoRng for Coefficients {}

/// The reason why a public key may not be introduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are no point of the curve.
    #[error("the key is not a point of the curve")]
    NotAPoint,
    /// The point has another, shorter encoding.
    #[error("the key is not in its canonical encoding")]
    NonCanonical,
    /// The point is of small order: anyone can sign for it.
    #[error("the key is weak (of small order)")]
    Weak,
    /// The point has a small-order component: rules differ on its signatures.
    #[error("the key has a small-order component")]
    Torsion,
}

/// Accepts a key for introduction: a canonical encoding of a point of large prime order.
pub fn check_key(key: &PublicKey) -> Result<(), KeyError> {
    let compressed = curve25519_dalek::edwards::CompressedEdwardsY(key.0);
    let point = compressed.decompress().ok_or(KeyError::NotAPoint)?;
    if point.compress() != compressed {
        return Err(KeyError::NonCanonical);
    }
    if point.is_small_order() {
        return Err(KeyError::Weak);
    }
    if !point.is_torsion_free() {
        return Err(KeyError::Torsion);
    }
    Ok(())
}

/// A private key. Its bytes are wiped when it is dropped; `Debug` shows the public key only.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A key from its 32 secret bytes (RFC 8032, section 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The 32 secret bytes, to be stored where only the owner reads.
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> Signature {
        use ed25519_dalek::Signer as _;
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(public {})", self.public())
    }
}
