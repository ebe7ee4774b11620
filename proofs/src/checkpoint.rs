//! Checkpoints: the ledger's signed word on its size and everything it commits to.
//!
//! ```text
//! vaultmesh.local/<ledger id>/blake3
//! 42
//! <base64 root>
//! keys <base64 root of the key map>
//! lanes <base64 root of the lane map>
//! sha256 <base64 root of the SHA-256 face>
//!
//! — vaultmesh.local/<ledger id>/blake3 <base64(key id ‖ u64be T ‖ Ed25519)>
//! ```
//!
//! The ledger signs `"vaultmesh/checkpoint/v1\ntime T\n" ‖ text`; a witness cosigns
//! `"vaultmesh/cosignature/v1\nname <name>\ntime <T>\n" ‖ text`. T is in seconds since 1970.

use crate::note::{self, Note, NoteError, NoteKey, NoteSignature};
use crate::signature::{self, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spec::limits::MAX_SAFE_INTEGER;
use spec::{Hash, PublicKey, Signature};
use std::fmt;

/// Signature type of the ledger's own signature.
pub const CHECKPOINT_TYPE: &[u8] = b"\xffvaultmesh/blake3-checkpoint@v1";

/// Signature type of a witness's cosignature.
pub const COSIGNATURE_TYPE: &[u8] = b"\xffvaultmesh/blake3-cosignature@v1";

/// A checkpoint's statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// `<name>/<ledger id>/blake3`.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the BLAKE3 tree.
    pub root: Hash,
    /// Root of the key map.
    pub keys: Hash,
    /// Root of the lane map.
    pub lanes: Hash,
    /// Root of the SHA-256 tree over the same leaf bytes.
    pub sha256: Hash,
}

/// A checkpoint whose ledger signature has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// When the ledger says it signed, in seconds since 1970.
    pub time: u64,
    /// The cosignatures, all of which hold.
    pub cosignatures: Vec<Cosignature>,
}

/// A witness's word on a checkpoint, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: PublicKey,
    /// When it says it signed, in seconds since 1970.
    pub time: u64,
}

/// The reason why a checkpoint is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is not that of a checkpoint.
    #[error("line {0} of the checkpoint is malformed")]
    Line(usize),
    /// It is another ledger's.
    #[error("the checkpoint is of {found}, expected {expected}")]
    Origin {
        /// The origin it names.
        found: String,
        /// The origin that was asked for.
        expected: String,
    },
    /// The ledger's signature is missing.
    #[error("the checkpoint lacks the ledger's signature")]
    Unsigned,
    /// A signature line that holds for no known key.
    #[error("the signature of {0} does not hold")]
    Signature(String),
    /// A signature line of a signer that nobody here knows.
    #[error("a signature line names {0}, whose key is not known here")]
    Unknown(String),
}

/// The origin of a ledger's native face.
pub fn origin(name: &str, ledger: &Hash) -> String {
    format!("{name}/{ledger}/blake3")
}

/// Whether `origin` is of the form [`origin`] gives for `ledger`.
pub(crate) fn is_origin_of(origin: &str, ledger: &Hash) -> bool {
    let prefix = origin.strip_suffix("/blake3").and_then(|rest| rest.strip_suffix(&ledger.to_hex()));
    prefix.and_then(|prefix| prefix.strip_suffix('/')).is_some_and(|name| !name.is_empty())
}

/// The key under which the ledger's signature line is made.
pub fn ledger_key(origin: &str, key: PublicKey) -> NoteKey {
    NoteKey { name: origin.to_owned(), signature_type: CHECKPOINT_TYPE.to_vec(), key }
}

/// The key under which a witness's signature line is made.
pub fn witness_key(name: &str, key: PublicKey) -> NoteKey {
    NoteKey { name: name.to_owned(), signature_type: COSIGNATURE_TYPE.to_vec(), key }
}

impl Checkpoint {
    /// Reads the text of a checkpoint: exactly six lines in their only form.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut rest = text.split_inclusive('\n');
        let mut number = 0;
        let mut line = |prefix: &str| {
            number += 1;
            rest.next()
                .and_then(|line| line.strip_suffix('\n')?.strip_prefix(prefix))
                .ok_or(CheckpointError::Line(number))
        };
        let origin = line("")?.to_owned();
        if !note::is_name(&origin) {
            return Err(CheckpointError::Line(1));
        }
        let size = line("")?;
        let hashes = [line("")?, line("keys ")?, line("lanes ")?, line("sha256 ")?];
        let mut decoded = [Hash::ZERO; 4];
        for (i, (slot, encoded)) in decoded.iter_mut().zip(hashes).enumerate() {
            let bytes = STANDARD.decode(encoded).ok().and_then(|bytes| bytes.try_into().ok());
            *slot = Hash(bytes.ok_or(CheckpointError::Line(i + 3))?);
        }
        let [root, keys, lanes, sha256] = decoded;
        let size = size.parse().map_err(|_| CheckpointError::Line(2))?;
        let checkpoint = Self { origin, size, root, keys, lanes, sha256 };
        if size > MAX_SAFE_INTEGER || checkpoint.to_string() != text {
            return Err(CheckpointError::Line(if rest.next().is_some() { 7 } else { 2 }));
        }
        Ok(checkpoint)
    }

    /// Signs the checkpoint at `time` (seconds since 1970) and returns the note.
    ///
    /// Two notes over one text at different times do not contradict each other.
    pub fn sign(&self, key: &SigningKey, time: u64) -> Note {
        let text = self.to_string();
        let signature =
            sign_line(&ledger_key(&self.origin, key.public()), key, &checkpoint_bytes(&text, time), time);
        Note { text, signatures: vec![signature] }
    }

    /// Reads a note and checks it: the ledger's line under one of `ledger_keys`, and every further line
    /// under one of `witnesses`, each name once. A line that nobody can check is refused.
    ///
    /// Which origin is expected, which keys were the ledger's at this size, and whether the witnesses are
    /// enough is the caller's to say.
    ///
    /// # Errors
    /// [`CheckpointError::Unknown`] and [`CheckpointError::Unsigned`] speak of keys the caller lacks or a
    /// line that is missing; every other error means the bytes prove nothing.
    pub fn open(
        bytes: &[u8],
        ledger_keys: &[PublicKey],
        witnesses: &[NoteKey],
    ) -> Result<Verified, CheckpointError> {
        let note = Note::parse(bytes)?;
        let checkpoint = Self::parse(&note.text)?;
        let mut time = None;
        let mut cosignatures: Vec<Cosignature> = Vec::new();
        for line in &note.signatures {
            if line.name == checkpoint.origin {
                let key = ledger_keys
                    .iter()
                    .map(|key| ledger_key(&checkpoint.origin, *key))
                    .find(|key| key.id() == line.key_id)
                    .ok_or_else(|| CheckpointError::Unknown(line.name.clone()))?;
                let signed_at = check_line(&key, line, |t| checkpoint_bytes(&note.text, t))?;
                if time.replace(signed_at).is_some() {
                    return Err(CheckpointError::Signature(line.name.clone()));
                }
            } else {
                let key = witnesses
                    .iter()
                    .find(|key| key.name == line.name && key.id() == line.key_id)
                    .ok_or_else(|| CheckpointError::Unknown(line.name.clone()))?;
                let cosignature = check_cosignature(&note.text, line, key)?;
                if cosignatures.iter().any(|other| other.name == line.name) {
                    return Err(CheckpointError::Signature(line.name.clone()));
                }
                cosignatures.push(cosignature);
            }
        }
        let time = time.ok_or(CheckpointError::Unsigned)?;
        Ok(Verified { checkpoint, time, cosignatures })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b64 = |hash: &Hash| STANDARD.encode(hash.0);
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, b64(&self.root))?;
        writeln!(f, "keys {}\nlanes {}\nsha256 {}", b64(&self.keys), b64(&self.lanes), b64(&self.sha256))
    }
}

/// Adds a witness's cosignature line to a note it has verified.
pub fn cosign(note: &Note, name: &str, key: &SigningKey, time: u64) -> NoteSignature {
    sign_line(&witness_key(name, key.public()), key, &cosignature_bytes(name, &note.text, time), time)
}

/// Checks a cosignature line over a checkpoint's text.
pub fn check_cosignature(
    text: &str,
    line: &NoteSignature,
    key: &NoteKey,
) -> Result<Cosignature, CheckpointError> {
    if key.name != line.name || key.id() != line.key_id {
        return Err(CheckpointError::Unknown(line.name.clone()));
    }
    let time = check_line(key, line, |t| cosignature_bytes(&line.name, text, t))?;
    Ok(Cosignature { name: line.name.clone(), key: key.key, time })
}

fn checkpoint_bytes(text: &str, time: u64) -> Vec<u8> {
    format!("vaultmesh/checkpoint/v1\ntime {time}\n{text}").into_bytes()
}

fn cosignature_bytes(name: &str, text: &str, time: u64) -> Vec<u8> {
    format!("vaultmesh/cosignature/v1\nname {name}\ntime {time}\n{text}").into_bytes()
}

fn sign_line(note_key: &NoteKey, key: &SigningKey, message: &[u8], time: u64) -> NoteSignature {
    let body = [&time.to_be_bytes()[..], &key.sign(message).0].concat();
    NoteSignature { name: note_key.name.clone(), key_id: note_key.id(), body }
}

/// Checks a signature line and returns the time it carries.
fn check_line(
    key: &NoteKey,
    line: &NoteSignature,
    message: impl Fn(u64) -> Vec<u8>,
) -> Result<u64, CheckpointError> {
    let bad = || CheckpointError::Signature(line.name.clone());
    let (time, sig) = line.body.split_first_chunk::<8>().ok_or_else(bad)?;
    let sig = Signature(sig.try_into().map_err(|_| bad())?);
    let time = u64::from_be_bytes(*time);
    if time <= MAX_SAFE_INTEGER && signature::verify(&key.key, &message(time), &sig) {
        Ok(time)
    } else {
        Err(bad())
    }
}
