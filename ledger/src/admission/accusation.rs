//! What the ledger says against an author: `chain-fork` and `refusal`. Neither may come out of thin air: the decision
//! that led to it is made again, from the header it quotes.
//!
//! Two things cannot be told from the state: which entry holds a place of a chain, and whether an event is in the log.
//! They are *claims*, for whoever has the log to settle.

use super::{Candidate, Check, Code, Found, Trace};
use crate::state::{KeyRecord, State, quoted};
use spec::payload::{ChainFork, Refusal};
use spec::{Author, ChainLink, Hash, Header, PublicKey, Record, Timestamp, Uuid};

/// An accusation's statement about other entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Seq of the entry that says it.
    pub by: u64,
    /// Event hash of the event it quotes.
    pub quoted: Hash,
    /// What it says.
    pub doubt: Doubt,
}

/// A question that has to be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// The entry `at` holds this place of the chain, with another event than the quoted one.
    Holds {
        /// Its seq.
        at: u64,
        /// The key whose chain it is.
        key: PublicKey,
        /// The place.
        link: ChainLink,
    },
    /// No entry is the quoted event; with `taken` an entry before has its identity.
    Unrecorded {
        /// The quoted event's identity.
        identity: Hash,
        /// Whether the refusal says that another event has the id.
        taken: bool,
    },
}

impl Claim {
    /// The claim of an accusation at `by`, which admission has let through.
    pub fn of_fork(by: u64, fork: &ChainFork) -> Option<Self> {
        let (header, hash) = quoted(&fork.header, &fork.sig)?;
        let doubt = Doubt::Holds { at: fork.recorded, key: fork.key, link: header.chain? };
        Some(Self { by, quoted: hash, doubt })
    }

    /// The claim of a refusal at `by`, which admission has let through.
    pub fn of_refusal(by: u64, refusal: &Refusal) -> Option<Self> {
        let (header, hash) = quoted(&refusal.header, &refusal.sig)?;
        let taken = refusal.code == Code::DuplicateId.as_str();
        Some(Self { by, quoted: hash, doubt: Doubt::Unrecorded { identity: header.identity(), taken } })
    }

    /// Whether an entry bears out that it holds the place, with another event.
    pub fn is_borne_out_by(&self, record: &Record) -> bool {
        let Doubt::Holds { at, key, link } = &self.doubt else { return false };
        let holds = |header: &Header, hash: Hash| {
            let place = header.chain.map(|held| (held.epoch, held.seq));
            header.key == *key && place == Some((link.epoch, link.seq)) && hash != self.quoted
        };
        let entry = &record.entry;
        if entry.position.seq != *at || *at >= self.by {
            return false;
        }
        if holds(&entry.header, entry.header.event_hash(&entry.sig)) {
            return true;
        }
        // A refusal holds the place of the event it quotes.
        let payload = record.payload.as_ref().filter(|_| entry.header.kind == spec::Kind::Refusal);
        let refusal = payload.and_then(|payload| serde_json::from_str::<Refusal>(&payload.json).ok());
        refusal
            .and_then(|refusal| quoted(&refusal.header, &refusal.sig))
            .is_some_and(|(header, hash)| holds(&header, hash))
    }
}

/// The node that an accusation of a key's author is about; of a person, what the event was about.
pub(crate) fn accused_node(record: &KeyRecord, header: &Header) -> Option<Uuid> {
    match record.author {
        Some(Author::Node(id)) => Some(id),
        _ => header.node_id,
    }
}

impl State {
    /// A fork is of a place that a known key's chain has had, and of an event that would have met it there.
    pub(super) fn check_fork(&self, header: &Header, fork: &ChainFork, now: Timestamp) -> Check {
        let (offered, hash) = quoted(&fork.header, &fork.sig).ok_or(Code::BadPayload)?;
        self.check_accused(header, &offered)?;
        let link = offered.chain.ok_or(Code::BadPayload)?;
        let named = fork.key == offered.key && (fork.place.epoch, fork.place.seq) == (link.epoch, link.seq);
        let found = Found { identity: None, place: Some(fork.recorded) };
        let trace = self.trace_again(&offered, hash, now, &found, None).map(|(_, trace)| trace);
        if named && fork.recorded < self.size() && trace == Some(Trace::Fork(fork.recorded)) {
            Ok(())
        } else {
            Err(Code::BadPayload)
        }
    }

    /// A refusal is of an event in its place, or of a closed epoch, for the reason that it names.
    pub(super) fn check_refusal(&self, header: &Header, refusal: &Refusal, now: Timestamp) -> Check {
        let (offered, hash) = quoted(&refusal.header, &refusal.sig).ok_or(Code::BadPayload)?;
        self.check_accused(header, &offered)?;
        let code = Code::from_word(&refusal.code).ok_or(Code::BadPayload)?;
        if code == Code::TooLarge && !super::is_too_large(&offered, &refusal.sig) {
            return Err(Code::BadPayload);
        }
        // What only the payload shows, which is not here, has to be believed; all else is not.
        let flaw = matches!(code, Code::BadPayload | Code::TooLarge).then_some(code);
        let identity = (code == Code::DuplicateId).then_some((0, Hash::ZERO));
        let again = self.trace_again(&offered, hash, now, &Found { identity, place: None }, flaw);
        if again == Some((code, Trace::Refusal)) { Ok(()) } else { Err(Code::BadPayload) }
    }

    /// The accused has a key, and the entry belongs where the key does.
    fn check_accused(&self, header: &Header, offered: &Header) -> Check {
        let record = self.keys.get(&offered.key).ok_or(Code::UnknownKey)?;
        if header.org != record.org {
            return Err(Code::WrongOrg);
        }
        if header.tenant != record.tenant {
            return Err(Code::WrongTenant);
        }
        if header.node_id == accused_node(record, offered) { Ok(()) } else { Err(Code::BadPayload) }
    }

    /// The decision on a quoted event, made again: why it is refused, and what is recorded of that.
    fn trace_again(
        &self,
        header: &Header,
        event_hash: Hash,
        now: Timestamp,
        found: &Found,
        flaw: Option<Code>,
    ) -> Option<(Code, Trace)> {
        let candidate =
            Candidate { header, event_hash, identity: header.identity(), payload: "", flaw, amiss: None };
        let code = self.judge(&candidate, now, found).err()?;
        Some((code, self.trace_of(&candidate, code, found)))
    }
}
