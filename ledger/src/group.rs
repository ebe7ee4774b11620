//! The group that the sequencer fills: what will be one write, and what is to be told once it is durable.

use crate::admission::Code;
use crate::state::State;
use spec::entry::Position;
use spec::limits::{MAX_GROUP_BYTES, MAX_GROUP_ENTRIES};
use spec::payload::{Authority, Enrolment, KeyIntroduction, KeyRotation, KeyStatus, Token};
use spec::{Hash, Kind, PublicKey, Timestamp, Uuid};
use std::collections::BTreeMap;

/// The group that is being filled.
#[derive(Debug, Default)]
pub(crate) struct GroupInProgress {
    pub(crate) bytes: Vec<u8>,
    pub(crate) lengths: Vec<u64>,
    pub(crate) leaves: Vec<Hash>,
    pub(crate) entries: Vec<(u64, Hash, Position)>,
    pub(crate) terms: BTreeMap<String, Vec<u64>>,
    /// Event hash and code of what refusal entries of this group quote, by their seq.
    pub(crate) refusals: BTreeMap<u64, (Hash, Code)>,
    pub(crate) recorded_at: Option<Timestamp>,
    pub(crate) changes: Changes,
}

/// What readers must see changed once a group is durable.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) tokens: Vec<Uuid>,
    pub(crate) enrolments: Vec<Hash>,
    /// Whether a witness set was named.
    pub(crate) witnesses: bool,
    /// Whether organisations, people or providers changed.
    pub(crate) people: bool,
}

impl GroupInProgress {
    pub(crate) fn is_full(&self, room: usize) -> bool {
        self.lengths.len() >= MAX_GROUP_ENTRIES || self.bytes.len() + room > MAX_GROUP_BYTES - 64 * 1024
    }

    /// Place and leaf of an entry of this group.
    pub(crate) fn find(&self, seq: u64) -> Option<(Position, Hash)> {
        let at = self.number(seq)?;
        Some((self.entries.get(at)?.2, *self.leaves.get(at)?))
    }

    /// Seq, event hash and place of an entry of this group.
    pub(crate) fn entry(&self, seq: u64) -> Option<&(u64, Hash, Position)> {
        self.entries.get(self.number(seq)?)
    }

    /// The entries of a group follow each other without gaps.
    fn number(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.entries.first()?.0)?).ok()
    }
}

impl Changes {
    /// Everything there is.
    pub(crate) fn all(state: &State) -> Self {
        Self {
            keys: state.keys.keys().copied().collect(),
            tokens: state.tokens.keys().copied().collect(),
            enrolments: state.enrolments.keys().copied().collect(),
            witnesses: true,
            people: true,
        }
    }

    /// Notes what an admitted event changes.
    pub(crate) fn note(&mut self, kind: &Kind, payload: &str) {
        match kind {
            Kind::Key => {
                if let Some(introduction) = read::<KeyIntroduction>(payload) {
                    self.keys.push(introduction.key);
                    self.enrolments.push(introduction.token);
                }
            }
            Kind::KeyRotation => {
                let rotation = read::<KeyRotation>(payload);
                self.keys.extend(rotation.into_iter().flat_map(|said| [said.replaces, said.key]));
            }
            Kind::KeyStatus => self.keys.extend(read::<KeyStatus>(payload).map(|status| status.key)),
            Kind::Token => {
                if let Some(Token::Create { id, .. } | Token::Revoke { id }) = read(payload) {
                    self.tokens.push(id);
                }
            }
            Kind::Enrolment => {
                if let Some(Enrolment::Create { token, .. } | Enrolment::Revoke { token }) = read(payload) {
                    self.enrolments.push(token);
                }
            }
            Kind::Authority => {
                let change = read::<Authority>(payload).map(|payload| payload.change);
                self.keys.extend(change.into_iter().flat_map(|change| [change.old, change.new]));
            }
            // Those that go are known by the set before; a set has at most 15.
            Kind::WitnessSet => self.witnesses = true,
            Kind::IdentityProvider | Kind::Member | Kind::Org | Kind::SignInRule => self.people = true,
            _ => {}
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let named = self.keys.len() + self.tokens.len() + self.enrolments.len();
        named == 0 && !self.witnesses && !self.people
    }
}

/// Admission has checked its form.
fn read<T: serde::de::DeserializeOwned>(payload: &str) -> Option<T> {
    serde_json::from_str(payload).ok()
}
