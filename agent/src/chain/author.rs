//! The author's chain: signs consecutive events. Pure: no disk, no clock, no network.
//!
//! ```text
//! introduction ◄─prev─ 0 ◄─prev─ 1 ◄─prev─ 2 …            first epoch, opens by itself
//! introduction ◄─prev─ 0 (chain-open {last,reason}) ◄─ 1 …  every later one
//! ```

use crate::entropy::Entropy;
use proofs::SigningKey;
use serde::Serialize;
use spec::canonical;
use spec::event::Payload;
use spec::payload::{ChainOpen, PayloadError};
use spec::{Author, ChainLink, Epoch, Event, Hash, Header, Kind, Name, Severity, Timestamp, Uuid};
use std::io;

/// The speaker: what every event of one author has in common.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The key that signs.
    pub key: SigningKey,
    /// Who holds it, such as `node:<uuid>`.
    pub author: Author,
    /// The organisation the key was introduced for.
    pub org: Name,
    /// The tenant within it.
    pub tenant: Option<Name>,
    /// The ledger the events are for.
    pub ledger: Hash,
    /// Event hash of the key's introduction: where every epoch starts.
    pub introduction: Hash,
}

/// An event before it has a place and a signature.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What kind of fact it states.
    pub kind: Kind,
    /// The payload in canonical JSON, with its salt.
    pub payload: Payload,
    /// Version of the payload's schema.
    pub payload_version: u64,
    /// How grave it is.
    pub severity: Option<Severity>,
    /// When it happened.
    pub ts: Timestamp,
    /// A UUIDv7.
    pub id: Uuid,
}

/// The reason why an event cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The payload is not what its kind asks for.
    #[error("the payload does not fit its kind: {0}")]
    Payload(#[from] PayloadError),
    /// The payload has no canonical form.
    #[error("the payload has no canonical form: {0}")]
    Canonical(#[from] canonical::WriteError),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] io::Error),
}

impl Draft {
    /// An event of `kind` that says `payload` at `ts`, in the oldest version of the kind's schema that can say it:
    /// the one that most readers know.
    pub fn new<P: Serialize>(
        kind: Kind,
        payload: &P,
        ts: Timestamp,
        entropy: &mut impl Entropy,
    ) -> Result<Self, DraftError> {
        let json = canonical::to_vec(payload)?;
        let json = String::from_utf8_lossy(&json).into_owned().into_boxed_str();
        let payload_version = kind.payload_version(&json)?;
        let payload = Payload { json, salt: entropy.salt()? };
        Ok(Self { kind, payload, payload_version, severity: None, ts, id: entropy.event_id(ts)? })
    }
}

/// One author's chain: knows the place of the next event.
#[derive(Debug, Clone)]
pub struct ChainAuthor {
    who: Credentials,
    next: ChainLink,
}

impl ChainAuthor {
    /// The chain's first epoch.
    pub fn new(who: Credentials, epoch: Epoch) -> Self {
        let next = ChainLink { epoch, prev: who.introduction, seq: 0 };
        Self { who, next }
    }

    /// A chain that goes on at `next`.
    pub fn resume(who: Credentials, next: ChainLink) -> Self {
        Self { who, next }
    }

    /// Who speaks.
    pub fn credentials(&self) -> &Credentials {
        &self.who
    }

    /// The place of the next event.
    pub fn next_link(&self) -> ChainLink {
        self.next
    }

    /// Event hash of the last event of this epoch, if it has one.
    pub fn last(&self) -> Option<Hash> {
        (self.next.seq > 0).then_some(self.next.prev)
    }

    /// Signs `draft` for the next place and takes that place.
    pub fn next_event(&mut self, draft: Draft) -> Event {
        let event = self.sign(draft);
        self.advance(&event);
        event
    }

    /// Signs `draft` for the next place, which stays free until [`ChainAuthor::advance`].
    pub fn sign(&self, draft: Draft) -> Event {
        let header = Header {
            author: self.who.author.clone(),
            chain: Some(self.next),
            id: draft.id,
            key: self.who.key.public(),
            kind: draft.kind,
            ledger: self.who.ledger,
            node_id: None,
            org: self.who.org.clone(),
            payload_hash: draft.payload.hash(),
            payload_version: draft.payload_version,
            severity: draft.severity,
            tenant: self.who.tenant.clone(),
            ts: draft.ts,
            via: None,
        };
        let sig = self.who.key.sign(&header.signing_bytes());
        Event { header, sig, payload: draft.payload }
    }

    /// Takes the place of `event`, which [`ChainAuthor::sign`] made.
    pub fn advance(&mut self, event: &Event) {
        self.next = ChainLink { epoch: self.next.epoch, prev: event.hash(), seq: self.next.seq + 1 };
    }

    /// Speaks as another from now on, at the same place.
    pub(crate) fn become_author(&mut self, who: Credentials) {
        self.who = who;
    }

    /// Goes on at another place of the chain.
    pub fn go_to(&mut self, next: ChainLink) {
        self.next = next;
    }

    /// Leaves the present epoch for a new one and returns the `chain-open` event it begins with. `last`
    /// is the last event known to stand in the former epoch.
    pub fn open_epoch(
        &mut self,
        last: Option<Hash>,
        reason: &str,
        ts: Timestamp,
        entropy: &mut impl Entropy,
    ) -> Result<Event, DraftError> {
        let payload = ChainOpen { last, reason: reason.to_owned() };
        let draft = Draft::new(Kind::ChainOpen, &payload, ts, entropy)?;
        self.next = ChainLink { epoch: entropy.epoch()?, prev: self.who.introduction, seq: 0 };
        Ok(self.next_event(draft))
    }
}
