//! What an auditor brings along: a ledger id, witnesses, and the authority that follows from the id.

use crate::admission::{Candidate, Code, Found, Verdict};
use crate::replay::Replayed;
use crate::state::{ApplyError, Leaf, State};
use crate::witness_set::set_at;
use proofs::note::NoteKey;
use proofs::signature;
use serde::Deserialize;
use spec::entry::Line;
use spec::event::EventError;
use spec::payload::{Authority, PayloadError, WitnessSetChange};
use spec::{Hash, KeyUse, Kind, PublicKey, Timestamp};

/// Trust from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The ledger's id.
    pub ledger: Option<Hash>,
    /// Witnesses whose cosignatures count.
    pub witnesses: Vec<NoteKey>,
    /// How many of them must have cosigned; 0 asks for none.
    pub quorum: usize,
}

/// The reason why a trust policy is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Neither an id nor a policy.
    #[error("neither a ledger id of 64 hex digits nor a trust policy: {0}")]
    Form(String),
    /// Hex digits, and too few or too many.
    #[error("a ledger id has 64 hex digits, these are {0}: give the whole of it")]
    Length(usize),
    /// A witness key that cannot be read.
    #[error("{0:?} is not a witness's vkey")]
    Witness(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    format: String,
    ledger: Hash,
    #[serde(default)]
    quorum: usize,
    #[serde(default)]
    witnesses: Vec<String>,
}

impl Trust {
    /// Whose cosignatures can be checked: those the policy names, and the ledger's own under other names.
    pub(super) fn known_with(&self, own: Vec<NoteKey>) -> Vec<NoteKey> {
        let mut known = self.witnesses.clone();
        known.extend(own.into_iter().filter(|key| !self.witnesses.contains(key)));
        known
    }

    /// Whether a text is meant to be a ledger id: hex digits and nothing else.
    pub fn is_id_like(text: &str) -> bool {
        text.len() >= 8 && text.bytes().all(|b| b.is_ascii_hexdigit())
    }

    /// Reads a ledger id, or a policy `{"format":"vaultmesh-trust-v1","ledger","quorum","witnesses":[vkey…]}`.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        let text = text.trim();
        if Self::is_id_like(text) {
            // People copy ids from where they were written in capitals.
            let ledger =
                Hash::from_hex(&text.to_ascii_lowercase()).map_err(|_| TrustError::Length(text.len()))?;
            return Ok(Self { ledger: Some(ledger), ..Self::default() });
        }
        let policy: Policy = serde_json::from_str(text).map_err(|e| TrustError::Form(e.to_string()))?;
        if policy.format != "vaultmesh-trust-v1" {
            return Err(TrustError::Form(format!("format is {:?}", policy.format)));
        }
        if policy.quorum > policy.witnesses.len() {
            return Err(TrustError::Form("the quorum is larger than the number of witnesses".to_owned()));
        }
        let witnesses = policy
            .witnesses
            .iter()
            .map(|vkey| NoteKey::parse(vkey).ok_or_else(|| TrustError::Witness(vkey.clone())))
            .collect::<Result<_, _>>()?;
        Ok(Self { ledger: Some(policy.ledger), witnesses, quorum: policy.quorum })
    }
}

/// The reason why a value is no record of an entry.
#[derive(Debug, thiserror::Error)]
pub enum RecordFormError {
    /// Its canonical form is no text.
    #[error(transparent)]
    Utf8(#[from] std::str::Utf8Error),
    /// It is not of the form.
    #[error(transparent)]
    Line(#[from] EventError),
    /// The header says another hash than the payload has.
    #[error("a payload is not the one its header commits to")]
    Payload,
}

/// The reason why records are not the authority of a ledger.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityFormError {
    /// One of them is no record.
    #[error(transparent)]
    Record(#[from] RecordFormError),
    /// One is of a kind that has no place there.
    #[error("authority record {at} is of kind {kind}")]
    Kind {
        /// Which, from 0.
        at: usize,
        /// Its kind.
        kind: Kind,
    },
    /// One is not signed by the key it names.
    #[error("the signature of authority record {0} does not verify")]
    Signature(usize),
    /// A payload breaks the rules of its kind.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// A change that the authority before it does not allow.
    #[error("authority record {at}: {why}")]
    Inadmissible {
        /// Which, from 0.
        at: usize,
        /// Why not.
        #[source]
        why: Inadmissible,
    },
    /// One does not go into the state.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// There are none, or they do not go on from one another.
    #[error("the authority has no genesis, or is out of order")]
    Order,
    /// They are of another ledger, or of another history.
    #[error("its authority is not the log's")]
    NotTheLogs,
    /// One that was there when the file was written is not in it.
    #[error("its authority lacks the record of entry {0}")]
    Lacks(u64),
}

/// The reason why a change of the authority is not admissible.
#[derive(Debug, thiserror::Error)]
pub enum Inadmissible {
    /// Somebody else has signed it.
    #[error("it is not signed by the ledger's service key")]
    Signer,
    /// Its payload is not of the form.
    #[error(transparent)]
    Form(#[from] serde_json::Error),
    /// The rules of changes refuse it.
    #[error("{}", .0.detail())]
    Change(Code),
    /// The rules of entry 0 refuse it.
    #[error("{0}")]
    Genesis(String),
}

/// The ledger's keys over time, from the records that name them alone.
#[derive(Debug)]
pub struct AuthorityKeys {
    /// The ledger id: leaf of the genesis record.
    pub ledger: Hash,
    /// The origin.
    pub origin: String,
    /// When entry 0 was recorded.
    pub began: Timestamp,
    /// Genesis and the changes: seq, leaf.
    pub entries: Vec<(u64, Hash)>,
    state: State,
}

impl AuthorityKeys {
    /// Reads and checks genesis and every change: signatures, possession proofs, recovery threshold.
    ///
    /// # Errors
    /// They are not an authority: of which record, and why.
    pub fn from_records(records: &[serde_json::Value]) -> Result<Self, AuthorityFormError> {
        let mut state = State::default();
        let mut entries = Vec::new();
        let mut began = None;
        for (i, value) in records.iter().enumerate() {
            let item = read_record(value)?;
            let header = &item.record.entry.header;
            let position = &item.record.entry.position;
            let in_place = match header.kind {
                Kind::Genesis => i == 0 && position.seq == 0,
                Kind::Authority | Kind::WitnessSet => i > 0,
                _ => false,
            };
            if !in_place {
                return Err(AuthorityFormError::Kind { at: i, kind: header.kind.clone() });
            }
            if !signature::verify(&header.key, &header.signing_bytes(), &item.record.entry.sig) {
                return Err(AuthorityFormError::Signature(i));
            }
            let json = item.record.payload.as_ref().map_or("", |p| &p.json);
            header.kind.check_payload(header.payload_version, json)?;
            admit(&state, &item, json).map_err(|why| AuthorityFormError::Inadmissible { at: i, why })?;
            let bytes = item.record.entry.to_canonical();
            state.apply(header, item.event_hash, position, Leaf::of(&bytes), Some(json))?;
            entries.push((position.seq, item.record.leaf));
            began.get_or_insert(position.recorded_at);
        }
        if entries.is_empty() || !entries.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(AuthorityFormError::Order);
        }
        let began = began.unwrap_or_default();
        Ok(Self { ledger: state.ledger, origin: state.origin.clone(), began, entries, state })
    }

    /// The keys under which the witnesses of the set in force at `size` cosign, and how many of them must.
    pub fn witnesses_at(&self, size: u64) -> (Vec<NoteKey>, usize) {
        witnesses_at(&self.state, size)
    }

    /// The key of a use that was current after the first `size` entries.
    pub fn key_at(&self, key_use: KeyUse, size: u64) -> Option<PublicKey> {
        let known = self.state.authority.iter().rev().find(|k| k.key_use == key_use && k.from < size);
        known.map(|k| k.key)
    }
}

/// The keys of the set in force at a size, and its quorum; none without a set.
pub(super) fn witnesses_at(state: &State, size: u64) -> (Vec<NoteKey>, usize) {
    set_at(&state.witness_sets, size).map_or_else(Default::default, |placed| {
        (placed.note_keys(), usize::try_from(placed.set.quorum).unwrap_or(usize::MAX))
    })
}

/// Genesis by the rules of entry 0; a change by the recovery threshold and the service key of its time.
fn admit(state: &State, item: &Replayed, json: &str) -> Result<(), Inadmissible> {
    let header = &item.record.entry.header;
    if state.size() > 0 {
        if state.current_key(KeyUse::Service) != Some(header.key) || header.ledger != state.ledger {
            return Err(Inadmissible::Signer);
        }
        let checked = if header.kind == Kind::WitnessSet {
            let payload: WitnessSetChange = serde_json::from_str(json)?;
            state.check_witness_set(&payload)
        } else {
            let payload: Authority = serde_json::from_str(json)?;
            state.check_authority(&payload)
        };
        return checked.map_err(Inadmissible::Change);
    }
    let candidate = Candidate {
        header,
        event_hash: item.event_hash,
        identity: Hash::ZERO,
        payload: json,
        flaw: None,
        amiss: None,
    };
    match state.admit(&candidate, item.record.entry.position.recorded_at, &Found::default()) {
        Verdict::Refuse(refused) => Err(Inadmissible::Genesis(refused.detail)),
        Verdict::Append | Verdict::Duplicate(_) => Ok(()),
    }
}

/// Reads a record given as a JSON value, with its payload commitment checked.
pub(super) fn read_record(value: &serde_json::Value) -> Result<Replayed, RecordFormError> {
    let line = crate::state::canonical_bytes(value);
    let read = Line::parse(std::str::from_utf8(&line)?)?;
    let event_hash = read.event_hash();
    let Line { record, header, .. } = read;
    if record.payload.as_ref().is_some_and(|p| p.hash() != record.entry.header.payload_hash) {
        return Err(RecordFormError::Payload);
    }
    Ok(Replayed { record, header, event_hash, offset: 0, len: line.len() })
}

/// Whether authority records are those of a log: all of them up to the seal with which they were written last, at
/// `written`, and behind it none that the log does not have. Of a log whose audit `stopped`, as far as it came.
pub(super) fn check_authority(
    records: &[serde_json::Value],
    state: &State,
    written: u64,
    stopped: bool,
) -> Result<(), AuthorityFormError> {
    let keys = AuthorityKeys::from_records(records)?;
    let known = |seq: &u64| !stopped || *seq < state.size();
    let seqs: Vec<u64> = keys.entries.iter().map(|(seq, _)| *seq).filter(known).collect();
    if (keys.ledger != state.ledger && state.size() > 0) || !state.authority_seqs.starts_with(&seqs) {
        return Err(AuthorityFormError::NotTheLogs);
    }
    match state.authority_seqs.get(seqs.len()) {
        Some(missing) if *missing < written => Err(AuthorityFormError::Lacks(*missing)),
        _ => Ok(()),
    }
}
