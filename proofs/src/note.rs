//! Signed notes (C2SP `signed-note`): a text and the signatures under it.
//!
//! ```text
//! <text, every line ending in LF>
//! <empty line>
//! — <name> <base64(4-byte key id ‖ signature body)>
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spec::PublicKey;
use std::fmt;

/// Most signature lines a note may carry.
pub const MAX_SIGNATURES: usize = 16;

/// Longest note, in bytes.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the signer.
    pub name: String,
    /// First four bytes of SHA-256 over name, LF, type and key.
    pub key_id: [u8; 4],
    /// What follows the key id; its form belongs to the signature type.
    pub body: Vec<u8>,
}

/// A text with its signatures, none of them checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The signed text, final LF included.
    pub text: String,
    /// The signature lines in order.
    pub signatures: Vec<NoteSignature>,
}

/// The reason why bytes are not a signed note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Too long, not UTF-8, or with control characters.
    #[error("a note is UTF-8 text of at most 64 KiB without control characters")]
    Text,
    /// No empty line between text and signatures, or no signature.
    #[error("a note ends in an empty line and at least one signature line")]
    Structure,
    /// A signature line is malformed.
    #[error("signature line {0} is malformed")]
    Signature(usize),
    /// More than [`MAX_SIGNATURES`].
    #[error("more than 16 signature lines")]
    TooMany,
}

/// A key that signs notes, with the name and signature type it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    /// Name on the signature line.
    pub name: String,
    /// Signature type: one byte, or 0xff and a longer name.
    pub signature_type: Vec<u8>,
    /// The key.
    pub key: PublicKey,
}

impl NoteKey {
    /// `SHA-256(name ‖ 0A ‖ type ‖ key)`, first four bytes.
    pub fn id(&self) -> [u8; 4] {
        use sha2::Digest as _;
        let mut hasher = sha2::Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update(b"\n");
        hasher.update(&self.signature_type);
        hasher.update(self.key.0);
        let [a, b, c, d, ..]: [u8; 32] = hasher.finalize().into();
        [a, b, c, d]
    }

    /// Reads `name+<hex id>+base64(type ‖ key)`.
    ///
    /// `None` if the id is not that of name, type and key, the type is empty, or the text is not exactly
    /// what [`NoteKey`] displays. The key itself is not judged; see [`crate::signature::check_key`].
    pub fn parse(vkey: &str) -> Option<Self> {
        let (name, rest) = vkey.split_once('+')?;
        let (id, encoded) = rest.split_once('+')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (signature_type, key) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        let key = Self {
            name: name.to_owned(),
            signature_type: signature_type.to_vec(),
            key: PublicKey(key.try_into().ok()?),
        };
        let whole = is_name(name) && !signature_type.is_empty() && key.to_string() == vkey && id.len() == 8;
        whole.then_some(key)
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id());
        let encoded = STANDARD.encode([self.signature_type.as_slice(), &self.key.0].concat());
        write!(f, "{}+{id:08x}+{encoded}", self.name)
    }
}

/// Whether a signature line can carry the name: some characters, no plus, space or control among them.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control())
}

impl Note {
    /// Reads a note. No signature is checked, and which lines may stand together is decided by whoever
    /// opens it (see [`Checkpoint::open`](crate::Checkpoint::open)). What it displays is what it read.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        if whole.len() > MAX_NOTE_BYTES || whole.bytes().any(|b| b < 0x20 && b != b'\n' || b == 0x7f) {
            return Err(NoteError::Text);
        }
        // The last empty line: the text itself may contain some.
        let split = whole.rfind("\n\n").ok_or(NoteError::Structure)?;
        let (text, rest) = (whole.get(..=split), whole.get(split + 2..));
        let (Some(text), Some(rest)) = (text, rest) else { return Err(NoteError::Structure) };
        let lines = rest.strip_suffix('\n').ok_or(NoteError::Structure)?;
        let signatures = lines
            .split('\n')
            .enumerate()
            .map(|(i, line)| NoteSignature::parse(line).ok_or(NoteError::Signature(i)))
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::TooMany);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (key_id, body) = bytes.split_first_chunk::<4>()?;
        (is_name(name) && !body.is_empty()).then(|| Self {
            name: name.to_owned(),
            key_id: *key_id,
            body: body.to_vec(),
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            let encoded = STANDARD.encode([&signature.key_id[..], &signature.body].concat());
            writeln!(f, "— {} {encoded}", signature.name)?;
        }
        Ok(())
    }
}
