//! Admission: what may enter the log at its position. Deterministic, so an auditor can replay it.
//!
//! The order of questions is fixed: key → signature → id → chain → right to say it. The signature is
//! checked before an event reaches the sequencer; everything that depends on the position is asked here.

mod accusation;
pub(crate) mod alone;
mod code;
mod kinds;
mod people;

pub(crate) use accusation::accused_node;
pub use accusation::{Claim, Doubt};
pub use code::Code;

use crate::state::{KeyRecord, LEDGER_ORG, State};
use proofs::signature;
use spec::limits::{MAX_ENTRY_BYTES, MAX_ID_AHEAD_MS, MAX_ID_BEHIND_MS};
use spec::payload::{
    Authority, Command, Genesis, KeyIntroduction, KeyRotation, authority_bytes, node_possession_bytes,
    possession_bytes, rotation_possession_bytes,
};
use spec::rules::{ADMISSION_VERSION, Method, Roles};
use spec::{Author, ChainLink, Epoch, Hash, Header, KeyUse, Kind, Signature, Timestamp, Uuid};

/// Most entries (forks and refusals) the ledger spends on one key; beyond it, refusals leave no trace.
pub const MAX_MARKS_PER_KEY: u64 = 64;

/// Most epochs of one key; a key that needs more should be replaced.
pub const MAX_EPOCHS_PER_KEY: usize = 1024;

/// Earlier events that a look-up found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Seq and event hash of the entry with the same identity ([`Header::identity`]).
    pub identity: Option<(u64, Hash)>,
    /// Seq of the entry that holds the event's place of its chain ([`chain_place`]). Asked for only when
    /// the event is not the next of its chain.
    pub place: Option<u64>,
}

/// The hash under which the ledger remembers who took a place of an author chain.
pub fn chain_place(key: &spec::PublicKey, epoch: &Epoch, seq: u64) -> Hash {
    Hash::of(spec::Domain::ChainPlace, &[&key.0, &epoch.0, &seq.to_be_bytes()])
}

/// Most keys an author goes through by rotation; one that needs more is enrolled anew.
pub const MAX_ROTATIONS_PER_AUTHOR: u64 = 1024;

/// An event as admission sees it: everything that does not depend on the position is known.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The header.
    pub header: &'a Header,
    /// Its event hash.
    pub event_hash: Hash,
    /// Its identity.
    pub identity: Hash,
    /// Its payload in canonical JSON.
    pub payload: &'a str,
    /// Why it can never be accepted, if a check that does not depend on the position found so.
    pub flaw: Option<Code>,
    /// Why what it says breaks the rules of its kind, if it does by itself.
    pub amiss: Option<Code>,
}

/// The decision about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It takes the position.
    Append,
    /// It is in the log already, at this seq.
    Duplicate(u64),
    /// It is not appended.
    Refuse(Refused),
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub code: Code,
    /// In words.
    pub detail: String,
    /// What the ledger records of it.
    pub trace: Trace,
    /// The place the chain expects next, where that helps the author.
    pub expected: Option<Expected>,
}

/// The record that a refusal leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Nothing.
    None,
    /// A `refusal` entry; the chain advances over the event if it was in its place.
    Refusal,
    /// A `chain-fork` entry; the place was taken by the entry at this seq.
    Fork(u64),
}

/// The place a chain expects next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The open epoch.
    pub epoch: Option<Epoch>,
    /// Position.
    pub seq: u64,
    /// Event hash to link to.
    pub prev: Hash,
}

pub(crate) type Check = Result<(), Code>;

impl State {
    /// Decides what becomes of an event that would be recorded at the next position at `now`.
    pub fn admit(&self, candidate: &Candidate<'_>, now: Timestamp, found: &Found) -> Verdict {
        if self.size() == 0 {
            return match check_entry_zero(candidate) {
                Ok(()) => Verdict::Append,
                Err(code) => Verdict::Refuse(Refused {
                    code,
                    detail: code.detail().to_owned(),
                    trace: Trace::None,
                    expected: None,
                }),
            };
        }
        match self.judge(candidate, now, found) {
            Ok(verdict) => verdict,
            Err(code) => {
                let trace = self.trace_of(candidate, code, found);
                let expected = self.expected(candidate.header);
                Verdict::Refuse(Refused { code, detail: code.detail().to_owned(), trace, expected })
            }
        }
    }

    fn judge(&self, candidate: &Candidate<'_>, now: Timestamp, found: &Found) -> Result<Verdict, Code> {
        let header = candidate.header;
        let record = match (self.check_key(header), found.identity) {
            // Whoever has replaced its key may not have heard that the ledger knows.
            (Err(Code::KeyRevoked), Some((seq, hash))) if hash == candidate.event_hash => {
                return Ok(Verdict::Duplicate(seq));
            }
            (record, _) => record?,
        };
        if candidate.flaw == Some(Code::BadSignature) {
            return Err(Code::BadSignature);
        }
        match found.identity {
            Some((seq, hash)) if hash == candidate.event_hash => return Ok(Verdict::Duplicate(seq)),
            Some(_) => {
                // A second event at a taken place is a fork whatever its id; say the graver thing.
                if let Some(link) = &header.chain {
                    check_chain(header, link, record, found)?;
                }
                return Err(Code::DuplicateId);
            }
            None => {}
        }
        if let Some(link) = &header.chain {
            check_chain(header, link, record, found)?;
        }
        check_id_time(header, now)?;
        candidate.flaw.map_or(Ok(()), Err)?;
        self.check_right(candidate, record, now)?;
        Ok(Verdict::Append)
    }

    fn check_key(&self, header: &Header) -> Result<&KeyRecord, Code> {
        let record = self.keys.get(&header.key).ok_or(Code::UnknownKey)?;
        if header.ledger != self.ledger {
            return Err(Code::ForeignLedger);
        }
        if !record.valid_at(self.size()) {
            return Err(Code::KeyRevoked);
        }
        match record.key_use {
            KeyUse::Service if header.via.is_some() => Ok(record),
            KeyUse::Node | KeyUse::Device if header.chain.is_some() => {
                if record.author.as_ref() == Some(&header.author) {
                    Ok(record)
                } else {
                    Err(Code::AuthorMismatch)
                }
            }
            _ => Err(Code::WrongUse),
        }
    }

    /// The kind, organisation and payload against who speaks.
    fn check_right(&self, candidate: &Candidate<'_>, record: &KeyRecord, now: Timestamp) -> Check {
        let header = candidate.header;
        if record.key_use == KeyUse::Service {
            self.check_service_right(candidate, now)?;
        } else {
            if !header.kind.info().speaker.is_chained(record.key_use, self.admission) {
                return Err(Code::NotAllowed);
            }
            if header.org != record.org {
                return Err(Code::WrongOrg);
            }
            if header.tenant != record.tenant {
                return Err(Code::WrongTenant);
            }
        }
        self.check_kind(candidate, record, now)
    }

    fn check_service_right(&self, candidate: &Candidate<'_>, now: Timestamp) -> Check {
        let header = candidate.header;
        let via = header.via.as_ref().ok_or(Code::NotAllowed)?;
        let method = Method::named(&via.method)
            .filter(|method| method.knows(&header.author))
            .ok_or(Code::NotAllowed)?;
        let info = header.kind.info();
        match method {
            Method::Itself | Method::Admin | Method::Import => {}
            Method::Enrolment if header.kind == Kind::Key => {}
            Method::Enrolment => return Err(Code::NotAllowed),
            Method::NodeJwt => self.check_node(header)?,
            Method::Token => self.check_token(header, info.tokens, now)?,
            Method::SignIn => self.check_person(candidate, info.tokens, now)?,
            // It names what it rests on.
            Method::Schedule => {
                let subject = via.subject.as_ref().and_then(|subject| subject.as_str().parse::<Uuid>().ok());
                subject.ok_or(Code::NotAllowed)?;
            }
        }
        // What follows from a decision is ordered by the scheduler itself.
        let orders = method == Method::Schedule
            && header.kind == Kind::Command
            && matches!(parse::<Command>(candidate.payload)?, Command::Issue(_));
        if !orders && !info.speaker.speaks_by(method, self.admission) {
            return Err(Code::NotAllowed);
        }
        if info.home.takes(header.org.as_str() == LEDGER_ORG, method) { Ok(()) } else { Err(Code::WrongOrg) }
    }

    /// A bare heartbeat: the node must be enrolled, valid, and of this organisation and tenant.
    fn check_node(&self, header: &Header) -> Check {
        let node = header.node_id.ok_or(Code::NotAllowed)?;
        let key = self.authors.get(&Author::Node(node)).ok_or(Code::UnknownKey)?;
        let record = self.keys.get(key).ok_or(Code::UnknownKey)?;
        if !record.valid_at(self.size()) {
            return Err(Code::KeyRevoked);
        }
        if record.org != header.org {
            return Err(Code::WrongOrg);
        }
        if record.tenant == header.tenant { Ok(()) } else { Err(Code::WrongTenant) }
    }

    fn check_token(&self, header: &Header, roles: Roles, now: Timestamp) -> Check {
        let Author::Token(id) = header.author else { return Err(Code::NotAllowed) };
        let token = self.tokens.get(&id).ok_or(Code::TokenUnknown)?;
        if token.revoked {
            return Err(Code::TokenRevoked);
        }
        if !token.live_at(now) {
            return Err(Code::TokenExpired);
        }
        let everywhere = token.org.as_str() == LEDGER_ORG;
        if !everywhere && token.org != header.org {
            return Err(Code::WrongOrg);
        }
        if !everywhere {
            self.check_open(&header.org)?;
        }
        if roles.contain(token.role) { Ok(()) } else { Err(Code::NotAllowed) }
    }

    fn check_introduction(&self, header: &Header, payload: &KeyIntroduction, now: Timestamp) -> Check {
        if self.keys.contains_key(&payload.key) {
            return Err(Code::KeyInUse);
        }
        let elsewhere = |record: &KeyRecord| {
            record.org != header.org || self.judges_content() && record.tenant != header.tenant
        };
        if let Some(key) = self.authors.get(&payload.author)
            && self.keys.get(key).is_some_and(|record| record.until.is_none() || elsewhere(record))
        {
            return Err(Code::AuthorTaken);
        }
        self.check_open(&header.org)?;
        let token = self.enrolments.get(&payload.token).ok_or(Code::TokenUnknown)?;
        if token.revoked {
            return Err(Code::TokenRevoked);
        }
        if now >= token.expires_at {
            return Err(Code::TokenExpired);
        }
        if token.uses_left == 0 {
            return Err(Code::TokenExhausted);
        }
        if token.org != header.org {
            return Err(Code::WrongOrg);
        }
        if token.tenant != header.tenant {
            return Err(Code::WrongTenant);
        }
        if self.judges_content() && !token.is_for(payload.key_use, &payload.author) {
            return Err(Code::NotAllowed);
        }
        signature::check_key(&payload.key).map_err(|_| Code::BadKey)?;
        let statement = node_possession_bytes(&payload.author, &payload.key, &self.ledger, &payload.token);
        if signature::verify(&payload.key, &statement, &payload.pop) {
            Ok(())
        } else {
            Err(Code::BadPossession)
        }
    }

    /// Whether the key that comes is a new one, and agrees.
    fn check_rotation(&self, header: &Header, old: &KeyRecord, payload: &KeyRotation) -> Check {
        if old.rotations >= MAX_ROTATIONS_PER_AUTHOR {
            return Err(Code::TooManyKeys);
        }
        if payload.replaces != header.key {
            return Err(Code::BadPayload);
        }
        if self.keys.contains_key(&payload.key) {
            return Err(Code::KeyInUse);
        }
        signature::check_key(&payload.key).map_err(|_| Code::BadKey)?;
        let statement =
            rotation_possession_bytes(&header.author, &payload.key, &self.ledger, &payload.replaces);
        if signature::verify(&payload.key, &statement, &payload.pop) {
            Ok(())
        } else {
            Err(Code::BadPossession)
        }
    }

    /// Whether a change of the ledger's keys follows the last one and carries the recovery threshold.
    pub(crate) fn check_authority(&self, payload: &Authority) -> Check {
        let change = &payload.change;
        let recovery = self.recovery.as_ref().ok_or(Code::BadAuthority)?;
        if payload.prev_change != self.last_change || self.current_key(change.key_use) != Some(change.old) {
            return Err(Code::BadAuthority);
        }
        if self.keys.contains_key(&change.new) {
            return Err(Code::KeyInUse);
        }
        signature::check_key(&change.new).map_err(|_| Code::BadKey)?;
        let possession = possession_bytes(&serde_json::json!({
            "key": change.new, "ledger": self.ledger, "use": change.key_use,
        }));
        if !signature::verify(&change.new, &possession, &change.pop) {
            return Err(Code::BadPossession);
        }
        let message = authority_bytes(change, &self.ledger, &payload.prev_change);
        let valid = payload
            .signatures
            .iter()
            .filter(|s| recovery.keys.contains(&s.key) && signature::verify(&s.key, &message, &s.sig))
            .count() as u64;
        if valid >= recovery.threshold { Ok(()) } else { Err(Code::BadAuthority) }
    }

    /// Whether a refusal is recorded: only for a known key, a valid signature, and within the key's budget.
    fn trace_of(&self, candidate: &Candidate<'_>, code: Code, found: &Found) -> Trace {
        let header = candidate.header;
        let (Some(record), Some(link)) = (self.keys.get(&header.key), header.chain.as_ref()) else {
            return Trace::None;
        };
        let signed = candidate.flaw != Some(Code::BadSignature);
        if !signed || record.chain.marks >= MAX_MARKS_PER_KEY || code == Code::ForeignLedger {
            return Trace::None;
        }
        match code {
            Code::ChainFork | Code::EpochClosed => found.place.map_or(Trace::Refusal, Trace::Fork),
            // A copy of a machine goes on where the original went over to a new key.
            Code::KeyRevoked if let Some(place) = found.place => Trace::Fork(place),
            code if code.is_final() && record.in_place(&header.kind, link) => Trace::Refusal,
            _ => Trace::None,
        }
    }

    /// The place the author's chain expects next.
    pub fn expected(&self, header: &Header) -> Option<Expected> {
        header.chain.as_ref()?;
        let record = self.keys.get(&header.key)?;
        Some(match record.chain.epoch {
            Some(epoch) => Expected { epoch: Some(epoch), seq: record.chain.next, prev: record.chain.head },
            None => Expected { epoch: None, seq: 0, prev: record.introduction },
        })
    }
}

fn check_chain(header: &Header, link: &ChainLink, record: &KeyRecord, found: &Found) -> Check {
    if record.in_place(&header.kind, link) {
        let opens = record.chain.epoch.is_some_and(|epoch| epoch != link.epoch);
        let full = opens && record.chain.closed.len() >= MAX_EPOCHS_PER_KEY;
        return if full { Err(Code::TooManyEpochs) } else { Ok(()) };
    }
    if record.chain.closed.contains(&link.epoch) {
        return Err(Code::EpochClosed);
    }
    if found.place.is_some() { Err(Code::ChainFork) } else { Err(Code::ChainGap) }
}

/// Entry 0: a genesis event signed by the service key it lists, with a possession proof of every key.
fn check_entry_zero(candidate: &Candidate<'_>) -> Check {
    let header = candidate.header;
    candidate.flaw.map_or(Ok(()), Err)?;
    let genesis: Genesis = parse(candidate.payload)?;
    let own = header.via.as_ref().is_some_and(|via| via.method.as_str() == "self");
    let right = header.kind == Kind::Genesis
        && header.author.to_string() == "service:ledger"
        && header.org.as_str() == LEDGER_ORG
        && header.ledger == Hash::ZERO
        && header.key == genesis.keys.service
        && own;
    if !right {
        return Err(Code::NotAllowed);
    }
    if !(1..=ADMISSION_VERSION).contains(&genesis.admission) {
        return Err(Code::BadPayload);
    }
    let message = genesis.possession_bytes();
    for pop in &genesis.pop {
        signature::check_key(&pop.key).map_err(|_| Code::BadKey)?;
        if !signature::verify(&pop.key, &message, &pop.sig) {
            return Err(Code::BadPossession);
        }
    }
    Ok(())
}

/// Room an entry takes beside its event.
pub(crate) const ENTRY_AROUND_EVENT: usize = 512;

/// Whether the entry of an event would exceed its limit.
fn is_too_large(header: &Header, sig: &Signature) -> bool {
    let mut event = Vec::new();
    header.write_signed(sig, &mut event);
    event.len() + ENTRY_AROUND_EVENT > MAX_ENTRY_BYTES
}

fn check_id_time(header: &Header, now: Timestamp) -> Check {
    let time = header.id.time().ok_or(Code::IdTime)?.millis();
    if matches!(header.author, Author::Import(_)) {
        return Ok(());
    }
    let now = now.millis();
    let in_window =
        time <= now.saturating_add(MAX_ID_AHEAD_MS) && time.saturating_add(MAX_ID_BEHIND_MS) >= now;
    if in_window { Ok(()) } else { Err(Code::IdTime) }
}

fn parse<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, Code> {
    serde_json::from_str(json).map_err(|_| Code::BadPayload)
}
