//! The event: what an author signs.
//!
//! ```text
//! {"author":"node:550e8400-…","chain":{"epoch":"…","prev":"…","seq":17},"format":"vm-event-envelope-v1",
//!  "id":"…","key":"…","kind":"heartbeat","ledger":"…","org":"acme","payload":{…},"payload_hash":"…",
//!  "salt":"…","schema":{"envelope":1,"payload":1},"severity":"info","sig":"…","tenant":"prod","ts":"…"}
//! ```
//!
//! The *header* is the event without `payload`, `salt` and `sig`. The signature is over
//! `"vaultmesh/event/v1\n" ‖ J(header)`; the *event hash* is `BLAKE3(03 ‖ J(header) ‖ signature)`; the
//! header commits to the payload by `BLAKE3(02 ‖ salt ‖ J(payload))`. See `spec/event.md`.

use crate::canonical::{self, CanonicalError, write_u64};
use crate::hash::{Domain, Hash, write_hex};
use crate::ids::{Author, Epoch, Name, PublicKey, Signature, TextError, Uuid, write_base64, write_uuid};
use crate::kind::Kind;
use crate::limits::{MAX_EVENT_BYTES, MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES, MAX_SAFE_INTEGER};
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

/// The value of `format`.
pub const FORMAT: &str = "vm-event-envelope-v1";

/// The value of `schema.envelope`.
pub const ENVELOPE_VERSION: u64 = 1;

/// What is put in front of J(header) before it is signed.
pub const SIGNING_CONTEXT: &[u8] = b"vaultmesh/event/v1\n";

/// The gravity that an author holds an event to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the five words say it")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// The word as it stands in an event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl FromStr for Severity {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical]
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| TextError::new("info, low, medium, high or critical", text))
    }
}

/// An event's place in its author's own chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainLink {
    /// The run of the chain: random, new after each restore from a backup.
    pub epoch: Epoch,
    /// Event hash of the event before, or of the key's introduction at `seq` 0.
    pub prev: Hash,
    /// Position in this epoch, from 0.
    pub seq: u64,
}

/// The way in which the service established the author of an event it signed on someone's behalf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// `self` for the ledger's own events; else `token`, `node-jwt`, `admin` or `import`.
    pub method: Name,
    /// What the method rests on: a token's id, a node's key, a file's name.
    pub subject: Option<Name>,
}

/// The header: everything an author signs. Field order here is the canonical order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Who speaks.
    pub author: Author,
    /// The place in the author's chain; absent exactly when `via` is present.
    pub chain: Option<ChainLink>,
    /// A UUIDv7 the author chose; with `org` and `author` it makes a resend recognisable.
    pub id: Uuid,
    /// The key that signs.
    pub key: PublicKey,
    /// What kind of fact it is; names the payload's schema.
    pub kind: Kind,
    /// The ledger this event is for; 64 zeros in the genesis event only.
    pub ledger: Hash,
    /// The node the event is about, when that is not the author.
    pub node_id: Option<Uuid>,
    /// The organisation it belongs to.
    pub org: Name,
    /// `BLAKE3(02 ‖ salt ‖ J(payload))`.
    pub payload_hash: Hash,
    /// Version of the payload's schema, from 1.
    pub payload_version: u64,
    /// How grave it is.
    pub severity: Option<Severity>,
    /// The tenant within the organisation.
    pub tenant: Option<Name>,
    /// When the author says it happened.
    pub ts: Timestamp,
    /// Present when the service signs on behalf of an author without a key.
    pub via: Option<Via>,
}

/// A payload with the salt under which the header commits to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The payload in canonical JSON.
    pub json: Box<str>,
    /// 32 random bytes; without them nobody can guess an erased payload from its hash.
    pub salt: Hash,
}

impl Payload {
    /// `BLAKE3(02 ‖ salt ‖ J(payload))`: what a header commits to.
    pub fn hash(&self) -> Hash {
        Hash::of(Domain::Payload, &[&self.salt.0, self.json.as_bytes()])
    }
}

/// A signed event as it arrives. The signature's validity is not part of this type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What was signed.
    pub header: Header,
    /// The signature over the header.
    pub sig: Signature,
    /// What the header commits to.
    pub payload: Payload,
}

/// The reason why bytes are not an acceptable event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A part is larger than its limit.
    #[error("{part} is {size} bytes; at most {limit} are allowed")]
    TooLarge {
        /// `event`, `header` or `payload`.
        part: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The bytes are not canonical JSON.
    #[error("not canonical JSON: {0}")]
    Canonical(#[from] CanonicalError),
    /// It is not an object with exactly the fields of an event.
    #[error("not an event: {0}")]
    Shape(String),
    /// A field that every event has is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field does not have the form its place asks for.
    #[error("{pointer}: {problem}")]
    Field {
        /// JSON pointer (RFC 6901) to the field.
        pointer: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// `payload_hash` is not the hash of the payload under its salt.
    #[error("payload_hash does not match the payload and its salt")]
    PayloadHash,
}

impl EventError {
    /// The stable code of this error, as listed in `spec/verify-codes.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::Canonical(_) => "not-canonical",
            Self::Shape(_) | Self::Missing(_) | Self::Field { .. } => "bad-event",
            Self::PayloadHash => "payload-hash",
        }
    }

    /// JSON pointer to the field at fault, where one is.
    pub fn pointer(&self) -> Option<String> {
        match self {
            Self::Missing(name) => Some(format!("/{name}")),
            Self::Field { pointer, .. } => Some((*pointer).to_owned()),
            Self::PayloadHash => Some("/payload_hash".to_owned()),
            Self::TooLarge { .. } | Self::Canonical(_) | Self::Shape(_) => None,
        }
    }
}

impl Header {
    /// Appends J(header); with a signature, J(header + `sig`) as an entry contains it.
    pub fn write(&self, sig: Option<&Signature>, out: &mut Vec<u8>) {
        self.write_parts(sig, None, out);
    }

    /// Appends J(header + `sig`) and returns the range of `out` without which it is J(header).
    pub fn write_signed(&self, sig: &Signature, out: &mut Vec<u8>) -> Range<usize> {
        self.write_parts(Some(sig), None, out)
    }

    /// What the author's key signs: `"vaultmesh/event/v1\n" ‖ J(header)`.
    pub fn signing_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(768);
        out.extend_from_slice(SIGNING_CONTEXT);
        self.write(None, &mut out);
        out
    }

    /// `BLAKE3(03 ‖ J(header) ‖ signature)`: the name other events use for this one.
    pub fn event_hash(&self, sig: &Signature) -> Hash {
        let mut header = Vec::with_capacity(768);
        self.write(None, &mut header);
        Hash::of(Domain::Event, &[&header, &sig.0])
    }

    /// The hash under which a resend of this event is recognised: organisation, author and id.
    pub fn identity(&self) -> Hash {
        let author = self.author.to_string();
        Hash::of(
            Domain::EventIdentity,
            &[self.org.as_str().as_bytes(), b"\0", author.as_bytes(), b"\0", self.id.as_bytes()],
        )
    }

    /// The node this event is about: the author if it is one, else `node_id`.
    pub fn subject_node(&self) -> Option<Uuid> {
        match self.author {
            Author::Node(id) => self.node_id.or(Some(id)),
            _ => self.node_id,
        }
    }

    /// Reads a header with its signature: canonical JSON as an entry contains it under `event`.
    pub fn parse(text: &str) -> Result<(Self, Signature), EventError> {
        let raw: RawEvent<'_> = serde_json::from_str(text).map_err(|e| EventError::Shape(e.to_string()))?;
        let (header, sig) = raw.in_entry()?;
        let mut again = Vec::with_capacity(text.len());
        header.write(Some(&sig), &mut again);
        same_bytes(&again, text)?;
        Ok((header, sig))
    }

    /// Returns where `,"sig":"…"` stands in `out`; an empty range without a signature.
    fn write_parts(
        &self,
        sig: Option<&Signature>,
        payload: Option<&Payload>,
        out: &mut Vec<u8>,
    ) -> Range<usize> {
        out.extend_from_slice(b"{\"author\":\"");
        self.author.write(out);
        out.push(b'"');
        if let Some(chain) = &self.chain {
            hash_field(out, b",\"chain\":{\"epoch\":\"", &chain.epoch.0);
            hash_field(out, b",\"prev\":\"", &chain.prev.0);
            out.extend_from_slice(b",\"seq\":");
            write_u64(chain.seq, out);
            out.push(b'}');
        }
        text_field(out, b",\"format\":\"", FORMAT);
        uuid_field(out, b",\"id\":\"", self.id);
        hash_field(out, b",\"key\":\"", &self.key.0);
        text_field(out, b",\"kind\":\"", self.kind.as_str());
        hash_field(out, b",\"ledger\":\"", &self.ledger.0);
        if let Some(node_id) = self.node_id {
            uuid_field(out, b",\"node_id\":\"", node_id);
        }
        text_field(out, b",\"org\":\"", self.org.as_str());
        if let Some(payload) = payload {
            out.extend_from_slice(b",\"payload\":");
            out.extend_from_slice(payload.json.as_bytes());
        }
        hash_field(out, b",\"payload_hash\":\"", &self.payload_hash.0);
        if let Some(payload) = payload {
            hash_field(out, b",\"salt\":\"", &payload.salt.0);
        }
        out.extend_from_slice(b",\"schema\":{\"envelope\":");
        write_u64(ENVELOPE_VERSION, out);
        out.extend_from_slice(b",\"payload\":");
        write_u64(self.payload_version, out);
        out.push(b'}');
        if let Some(severity) = &self.severity {
            text_field(out, b",\"severity\":\"", severity.as_str());
        }
        let before_sig = out.len();
        if let Some(sig) = sig {
            out.extend_from_slice(b",\"sig\":\"");
            write_base64(&sig.0, out);
            out.push(b'"');
        }
        let after_sig = out.len();
        if let Some(tenant) = &self.tenant {
            text_field(out, b",\"tenant\":\"", tenant.as_str());
        }
        out.extend_from_slice(b",\"ts\":\"");
        self.ts.write(out);
        out.push(b'"');
        if let Some(via) = &self.via {
            text_field(out, b",\"via\":{\"method\":\"", via.method.as_str());
            if let Some(subject) = &via.subject {
                text_field(out, b",\"subject\":\"", subject.as_str());
            }
            out.push(b'}');
        }
        out.push(b'}');
        before_sig..after_sig
    }
}

/// Appends `lead`, a text that needs no escaping, and the closing quote.
fn text_field(out: &mut Vec<u8>, lead: &[u8], text: &str) {
    out.extend_from_slice(lead);
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn uuid_field(out: &mut Vec<u8>, lead: &[u8], uuid: Uuid) {
    out.extend_from_slice(lead);
    write_uuid(uuid, out);
    out.push(b'"');
}

fn hash_field(out: &mut Vec<u8>, lead: &[u8], bytes: &[u8]) {
    out.extend_from_slice(lead);
    write_hex(bytes, out);
    out.push(b'"');
}

impl Event {
    /// Reads an event that must be canonical byte for byte, and checks its payload hash.
    ///
    /// Neither the payload's schema nor the signature is checked here: see [`Kind::check_payload`] and
    /// the `proofs` crate.
    pub fn parse(bytes: &[u8]) -> Result<Self, EventError> {
        within("event", bytes.len(), MAX_EVENT_BYTES)?;
        let text = canonical::check(bytes)?;
        let raw: RawEvent<'_> = serde_json::from_str(text).map_err(|e| EventError::Shape(e.to_string()))?;
        let (header, sig, payload) = raw.typed()?;
        let payload = payload.ok_or(EventError::Missing("payload"))?;
        let event = Self { header, sig, payload };
        same_bytes(&event.to_canonical(), text)?;
        within("payload", event.payload.json.len(), MAX_PAYLOAD_BYTES)?;
        let around = event.payload.json.len() + ",\"payload\":,\"salt\":\"\"".len() + 64;
        within("header", bytes.len() - around, MAX_HEADER_BYTES)?;
        if event.payload.hash() != event.header.payload_hash {
            return Err(EventError::PayloadHash);
        }
        Ok(event)
    }

    /// The event in canonical JSON: what travels and what [`Event::parse`] accepts.
    pub fn to_canonical(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.payload.json.len() + 1024);
        self.header.write_parts(Some(&self.sig), Some(&self.payload), &mut out);
        out
    }

    /// `BLAKE3(03 ‖ J(header) ‖ signature)`.
    pub fn hash(&self) -> Hash {
        self.header.event_hash(&self.sig)
    }
}

fn within(part: &'static str, size: usize, limit: usize) -> Result<(), EventError> {
    if size > limit { Err(EventError::TooLarge { part, size, limit }) } else { Ok(()) }
}

/// What the typed form writes must be what was read, or the two could differ in meaning.
fn same_bytes(again: &[u8], text: &str) -> Result<(), EventError> {
    if again == text.as_bytes() {
        Ok(())
    } else {
        Err(EventError::Shape("a field is null or not in its only form".to_owned()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the fields of an event")]
pub(crate) struct RawEvent<'a> {
    author: Option<&'a str>,
    #[serde(borrow)]
    chain: Option<RawChain<'a>>,
    format: Option<&'a str>,
    id: Option<&'a str>,
    key: Option<&'a str>,
    kind: Option<&'a str>,
    ledger: Option<&'a str>,
    node_id: Option<&'a str>,
    org: Option<&'a str>,
    payload: Option<&'a RawValue>,
    payload_hash: Option<&'a str>,
    salt: Option<&'a str>,
    schema: Option<RawSchema>,
    severity: Option<&'a str>,
    sig: Option<&'a str>,
    tenant: Option<&'a str>,
    ts: Option<&'a str>,
    via: Option<RawVia<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with epoch, prev and seq")]
struct RawChain<'a> {
    epoch: &'a str,
    prev: &'a str,
    seq: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with envelope and payload")]
struct RawSchema {
    envelope: u64,
    payload: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with method and perhaps subject")]
struct RawVia<'a> {
    method: &'a str,
    subject: Option<&'a str>,
}

impl RawEvent<'_> {
    /// The event as an entry has it: without payload and salt.
    pub(crate) fn in_entry(&self) -> Result<(Header, Signature), EventError> {
        match self.typed()? {
            (header, sig, None) => Ok((header, sig)),
            _ => Err(EventError::Shape("an entry's event has no payload and no salt".to_owned())),
        }
    }

    fn typed(&self) -> Result<(Header, Signature, Option<Payload>), EventError> {
        if required("format", self.format)? != FORMAT {
            return Err(field("/format", format_args!("expected {FORMAT:?}")));
        }
        let schema = self.schema.as_ref().ok_or(EventError::Missing("schema"))?;
        if schema.envelope != ENVELOPE_VERSION {
            return Err(field("/schema/envelope", format_args!("expected {ENVELOPE_VERSION}")));
        }
        if !(1..=MAX_SAFE_INTEGER).contains(&schema.payload) {
            return Err(field("/schema/payload", "expected a version from 1"));
        }
        let header = Header {
            author: read("/author", required("author", self.author)?)?,
            chain: self.chain.as_ref().map(RawChain::typed).transpose()?,
            id: read("/id", required("id", self.id)?)?,
            key: read("/key", required("key", self.key)?)?,
            kind: read("/kind", required("kind", self.kind)?)?,
            ledger: read_hash("/ledger", required("ledger", self.ledger)?)?,
            node_id: self.node_id.map(|text| read("/node_id", text)).transpose()?,
            org: read("/org", required("org", self.org)?)?,
            payload_hash: read_hash("/payload_hash", required("payload_hash", self.payload_hash)?)?,
            payload_version: schema.payload,
            severity: self.severity.map(|text| read("/severity", text)).transpose()?,
            tenant: self.tenant.map(|text| read("/tenant", text)).transpose()?,
            ts: Timestamp::parse(required("ts", self.ts)?).map_err(|e| field("/ts", e))?,
            via: self.via.as_ref().map(RawVia::typed).transpose()?,
        };
        if header.id.version() != 7 {
            return Err(field("/id", "expected a UUID of version 7"));
        }
        if header.chain.is_some() == header.via.is_some() {
            return Err(field("/via", "exactly one of chain and via must be present"));
        }
        let sig = read("/sig", required("sig", self.sig)?)?;
        let payload = match (self.payload, self.salt) {
            (Some(json), Some(salt)) => {
                Some(Payload { json: json.get().into(), salt: read_hash("/salt", salt)? })
            }
            (None, None) => None,
            (None, Some(_)) => return Err(EventError::Missing("payload")),
            (Some(_), None) => return Err(EventError::Missing("salt")),
        };
        Ok((header, sig, payload))
    }
}

impl RawChain<'_> {
    fn typed(&self) -> Result<ChainLink, EventError> {
        Ok(ChainLink {
            epoch: read("/chain/epoch", self.epoch)?,
            prev: read_hash("/chain/prev", self.prev)?,
            seq: safe_integer("/chain/seq", self.seq)?,
        })
    }
}

impl RawVia<'_> {
    fn typed(&self) -> Result<Via, EventError> {
        Ok(Via {
            method: read("/via/method", self.method)?,
            subject: self.subject.map(|text| read("/via/subject", text)).transpose()?,
        })
    }
}

/// An integer that canonical JSON can hold. Needed where a part is read without [`canonical::check`].
pub(crate) fn safe_integer(pointer: &'static str, n: u64) -> Result<u64, EventError> {
    if n <= MAX_SAFE_INTEGER { Ok(n) } else { Err(field(pointer, "expected an integer up to 2^53-1")) }
}

fn field(pointer: &'static str, problem: impl Display) -> EventError {
    EventError::Field { pointer, problem: problem.to_string() }
}

fn required<'a>(name: &'static str, value: Option<&'a str>) -> Result<&'a str, EventError> {
    value.ok_or(EventError::Missing(name))
}

fn read<T: FromStr<Err: Display>>(pointer: &'static str, text: &str) -> Result<T, EventError> {
    text.parse().map_err(|e| field(pointer, e))
}

fn read_hash(pointer: &'static str, text: &str) -> Result<Hash, EventError> {
    Hash::from_hex(text).map_err(|e| field(pointer, e))
}

/// A header as a JSON value, for the payloads that quote a header which is not itself in the log.
pub fn header_value(header: &Header) -> serde_json::Value {
    let mut out = Vec::with_capacity(768);
    header.write(None, &mut out);
    serde_json::from_slice(&out).unwrap_or_default()
}
