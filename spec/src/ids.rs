//! Names, UUIDs, authors, keys and signatures as the formats write them.

use crate::hash::{read_hex, write_hex};
use crate::limits::MAX_NAME_BYTES;
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A text that does not have the form its place asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct TextError {
    expected: &'static str,
    found: String,
}

impl TextError {
    pub(crate) fn new(expected: &'static str, found: &str) -> Self {
        Self { expected, found: found.chars().take(80).collect() }
    }
}

/// Gives a type with `Display` and `FromStr` the same text as its JSON string.
macro_rules! json_as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

/// Organisation of the ledger's own events; nobody else may write there, and its members belong to all of them.
pub const LEDGER_ORG: &str = "ledger";

/// An organisation, tenant, service or kind: `[a-z0-9._:-]{1,128}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// Hash and order are those of the text.
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let fits = (1..=MAX_NAME_BYTES).contains(&text.len())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'-'));
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(TextError::new("a name of 1 to 128 characters a-z 0-9 . _ : -", text))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

json_as_text!(Name);

/// A UUID (RFC 9562): lowercase with hyphens, variant 10, version 1 to 8.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// A UUIDv7 from a time and ten random bytes (RFC 9562, section 5.7).
    pub fn v7(time: Timestamp, random: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&time.millis().to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        bytes[6] = 0x70 | bytes[6] & 0x0f;
        bytes[8] = 0x80 | bytes[8] & 0x3f;
        Self(bytes)
    }

    /// A UUIDv4 from sixteen random bytes (RFC 9562, section 5.4).
    pub fn v4(mut random: [u8; 16]) -> Self {
        random[6] = 0x40 | random[6] & 0x0f;
        random[8] = 0x80 | random[8] & 0x3f;
        Self(random)
    }

    /// A UUIDv8 from sixteen bytes of a hash (RFC 9562, section 5.8).
    pub fn v8(mut hash: [u8; 16]) -> Self {
        hash[6] = 0x80 | hash[6] & 0x0f;
        hash[8] = 0x80 | hash[8] & 0x3f;
        Self(hash)
    }

    /// The UUID of sixteen bytes; `None` if they are not those of one of version 1 to 8.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        let uuid = Self(bytes);
        ((1..=8).contains(&uuid.version()) && bytes[8] >> 6 == 0b10).then_some(uuid)
    }

    /// The sixteen bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The version nibble, 1 to 8.
    pub fn version(self) -> u8 {
        self.0[6] >> 4
    }

    /// The time inside a UUIDv7; `None` for other versions.
    pub fn time(self) -> Option<Timestamp> {
        let [t0, t1, t2, t3, t4, t5, ..] = self.0;
        let millis = u64::from_be_bytes([0, 0, t0, t1, t2, t3, t4, t5]);
        (self.version() == 7).then(|| Timestamp::from_millis(millis))
    }
}

impl FromStr for Uuid {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let error = || TextError::new("a lowercase UUID with hyphens", text);
        let mut bytes = [0; 16];
        let mut from = 0;
        for (i, (range, part)) in
            [(0..4, 8), (4..6, 4), (6..8, 4), (8..10, 4), (10..16, 12)].into_iter().enumerate()
        {
            if i > 0 {
                if text.as_bytes().get(from) != Some(&b'-') {
                    return Err(error());
                }
                from += 1;
            }
            let digits = text.get(from..from + part).ok_or_else(error)?;
            if !read_hex(digits, bytes.get_mut(range).unwrap_or_default()) {
                return Err(error());
            }
            from += part;
        }
        Self::from_bytes(bytes).filter(|_| from == text.len()).ok_or_else(error)
    }
}

/// Appends the 36 characters of a UUID.
pub(crate) fn write_uuid(uuid: Uuid, out: &mut Vec<u8>) {
    for (i, range) in [0..4, 4..6, 6..8, 8..10, 10..16].into_iter().enumerate() {
        if i > 0 {
            out.push(b'-');
        }
        write_hex(uuid.0.get(range).unwrap_or_default(), out);
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(36);
        write_uuid(*self, &mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

json_as_text!(Uuid);

/// The author that an event speaks for. Opaque: personal names live in payloads only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Author {
    /// `node:<uuid>`: a machine with a key of its own.
    Node(Uuid),
    /// `user:<uuid>`: a person.
    User(Uuid),
    /// `token:<uuid>`: whoever holds an API token.
    Token(Uuid),
    /// `service:<name>`: a part of the ledger's own service.
    Service(Name),
    /// `import:<name>`: a file that was imported.
    Import(Name),
}

impl FromStr for Author {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let expected = "an author node:<uuid>, user:<uuid>, token:<uuid>, service:<name> or import:<name>";
        let (kind, id) = text.split_once(':').ok_or_else(|| TextError::new(expected, text))?;
        match kind {
            "node" => id.parse().map(Self::Node),
            "user" => id.parse().map(Self::User),
            "token" => id.parse().map(Self::Token),
            "service" => id.parse().map(Self::Service),
            "import" => id.parse().map(Self::Import),
            _ => Err(TextError::new(expected, text)),
        }
    }
}

impl Author {
    /// Appends the text of the author.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let (kind, id) = match self {
            Self::Node(id) => ("node:", Ok(*id)),
            Self::User(id) => ("user:", Ok(*id)),
            Self::Token(id) => ("token:", Ok(*id)),
            Self::Service(name) => ("service:", Err(name)),
            Self::Import(name) => ("import:", Err(name)),
        };
        out.extend_from_slice(kind.as_bytes());
        match id {
            Ok(uuid) => write_uuid(uuid, out),
            Err(name) => out.extend_from_slice(name.as_str().as_bytes()),
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(48);
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

json_as_text!(Author);

/// Gives a fixed-size byte string its lowercase hex form.
macro_rules! hex_text {
    ($type:ident, $size:literal, $expected:literal) => {
        impl FromStr for $type {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                let mut bytes = [0; $size];
                if read_hex(text, &mut bytes) {
                    Ok(Self(bytes))
                } else {
                    Err(TextError::new($expected, text))
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut out = Vec::with_capacity($size * 2);
                write_hex(&self.0, &mut out);
                f.write_str(&String::from_utf8_lossy(&out))
            }
        }

        json_as_text!($type);
    };
}

/// An Ed25519 public key. In JSON: 64 lowercase hex digits. The type says nothing of its soundness.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

hex_text!(PublicKey, 32, "a public key of 64 lowercase hex digits");

/// One run of an author chain: 128 random bits. In JSON: 32 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub [u8; 16]);

hex_text!(Epoch, 16, "an epoch of 32 lowercase hex digits");

/// An Ed25519 signature. In JSON: padded base64 with zero trailing bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl FromStr for Signature {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let error = || TextError::new("a signature of 88 base64 characters", text);
        // 64 bytes are exactly 88 characters; the check keeps the decoder from reading more.
        if text.len() != 88 {
            return Err(error());
        }
        let bytes = STANDARD.decode(text).map_err(|_| error())?;
        bytes.try_into().map(Self).map_err(|_| error())
    }
}

/// Appends the 88 characters of 64 bytes in padded base64.
pub(crate) fn write_base64(bytes: &[u8; 64], out: &mut Vec<u8>) {
    let mut text = [0; 88];
    let length = STANDARD.encode_slice(bytes, &mut text).unwrap_or_default();
    out.extend_from_slice(text.get(..length).unwrap_or_default());
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

json_as_text!(Signature);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!("acme".parse::<Name>().is_ok());
        assert!("a".repeat(128).parse::<Name>().is_ok());
        for bad in ["", "Acme", "a b", "a/b", "é", &"a".repeat(129)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn uuids() {
        let text = "550e8400-e29b-41d4-a716-446655440000";
        assert_eq!(text.parse::<Uuid>().unwrap().to_string(), text);
        for bad in [
            "550E8400-e29b-41d4-a716-446655440000",
            "550e8400e29b41d4a716446655440000",
            "550e8400-e29b-01d4-a716-446655440000",
            "550e8400-e29b-91d4-a716-446655440000",
            "550e8400-e29b-41d4-c716-446655440000",
            "550e8400-e29b-41d4-a716-4466554400000",
            "550e8400-e29b-41d4-a716-44665544000",
            "{50e8400-e29b-41d4-a716-446655440000",
        ] {
            assert!(bad.parse::<Uuid>().is_err(), "{bad}");
        }
        let time = Timestamp::parse("2026-11-21T20:42:00.123Z").unwrap();
        let id = Uuid::v7(time, [0xff; 10]);
        assert_eq!((id.version(), id.time()), (7, Some(time)));
        assert_eq!(id.to_string().parse::<Uuid>().unwrap(), id);
        assert_eq!(Uuid::v4([0xff; 16]).time(), None);
    }

    #[test]
    fn authors() {
        for good in ["node:550e8400-e29b-41d4-a716-446655440000", "service:ingest", "import:events.jsonl"] {
            assert_eq!(good.parse::<Author>().unwrap().to_string(), good);
        }
        for bad in ["node:x", "service:", "root:550e8400-e29b-41d4-a716-446655440000", "node"] {
            assert!(bad.parse::<Author>().is_err(), "{bad}");
        }
    }

    #[test]
    fn signatures_are_strict_base64() {
        let text = Signature([7; 64]).to_string();
        assert_eq!(text.parse::<Signature>().unwrap().0, [7; 64]);
        let unpadded = text.trim_end_matches('=').to_owned();
        // The last character carries four unused bits; they must be zero.
        let trailing = format!("{}x==", &text[..85]);
        let spaced = format!("{} ", &text[..87]);
        for bad in [unpadded, trailing, spaced, text.replace('B', "-")] {
            assert!(bad.parse::<Signature>().is_err(), "{bad}");
        }
    }
}
