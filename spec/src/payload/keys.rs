//! Keys, tokens and what the ledger's authority rests on.

use super::labels::check_labels;
use super::{PayloadError, Schema, at_most, present, rule};
use crate::canonical;
use crate::hash::Hash;
use crate::ids::{Author, Name, PublicKey, Signature, TextError, Uuid};
use crate::key_use::KeyUse;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;

/// What stands in front of a proof of possession before it is signed.
pub const POSSESSION_CONTEXT: &[u8] = b"vaultmesh/key-possession/v1\n";

/// What stands in front of a change of the ledger's keys before the recovery keys sign it.
pub const RECOVERY_CONTEXT: &[u8] = b"vaultmesh/recovery/v1\n";

const MAX_LABEL_BYTES: usize = 256;
const MAX_RECOVERY_KEYS: usize = 16;

/// A key and what it signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySignature {
    /// The key.
    pub key: PublicKey,
    /// Its signature.
    pub sig: Signature,
}

/// The recovery keys, and how many of them a change needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoveryKeys {
    /// The keys, 1 to 16.
    pub keys: Vec<PublicKey>,
    /// How many must sign.
    pub threshold: u64,
}

/// The ledger's first keys by use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the uses are documented at KeyUse")]
pub struct GenesisKeys {
    pub checkpoint: PublicKey,
    pub checkpoint_sha256: PublicKey,
    pub command: PublicKey,
    pub recovery: RecoveryKeys,
    pub service: PublicKey,
}

/// The ledger this one follows after a loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Predecessor {
    /// Its last known checkpoint, as a signed note.
    pub checkpoint: String,
    /// Its ledger id.
    pub ledger: Hash,
    /// Why it ended.
    pub reason: String,
    /// Its root at `size`.
    pub root: Hash,
    /// How many entries it is known to have had.
    pub size: u64,
}

/// Payload of `genesis`, entry 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "GenesisPayload")]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// Version of the admission rules the ledger starts with.
    pub admission: u64,
    /// Version of the log format.
    pub format: u64,
    /// The first keys.
    pub keys: GenesisKeys,
    /// The first part of the origin.
    pub name: Name,
    /// 32 random bytes, so that no two ledgers share an id.
    pub nonce: Hash,
    /// Per listed key, in the order of their bytes: a signature over [`possession_bytes`].
    pub pop: Vec<KeySignature>,
    /// The ledger this one follows.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<Predecessor>,
}

impl Genesis {
    /// Every listed key with its use.
    pub fn listed_keys(&self) -> Vec<(PublicKey, KeyUse)> {
        let mut all = vec![
            (self.keys.checkpoint, KeyUse::Checkpoint),
            (self.keys.checkpoint_sha256, KeyUse::CheckpointSha256),
            (self.keys.command, KeyUse::Command),
            (self.keys.service, KeyUse::Service),
        ];
        all.extend(self.keys.recovery.keys.iter().map(|key| (*key, KeyUse::Recovery)));
        all
    }

    /// What every listed key signs: the context and J(payload without `pop`).
    pub fn possession_bytes(&self) -> Vec<u8> {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.remove("pop");
        }
        possession_bytes(&value)
    }
}

impl Schema for Genesis {
    fn validate(&self) -> Result<(), PayloadError> {
        let recovery = &self.keys.recovery;
        let count = recovery.keys.len();
        if count == 0
            || count > MAX_RECOVERY_KEYS
            || recovery.threshold == 0
            || recovery.threshold > count as u64
        {
            return Err(PayloadError::Schema(
                "recovery needs 1 to 16 keys and a threshold within them".to_owned(),
            ));
        }
        let mut keys: Vec<PublicKey> = self.listed_keys().into_iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        if !keys.is_sorted_by(|a, b| a < b) {
            return Err(PayloadError::Schema("one key, one use: a key is listed twice".to_owned()));
        }
        if !keys.iter().eq(self.pop.iter().map(|p| &p.key)) {
            return Err(PayloadError::Schema("pop must name every listed key once, sorted".to_owned()));
        }
        Ok(())
    }
}

/// Payload of `key`: a key is introduced. Its event hash is where the key's author chain starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyIntroductionPayload")]
#[serde(deny_unknown_fields)]
pub struct KeyIntroduction {
    /// Who will speak with it.
    pub author: Author,
    /// The key.
    pub key: PublicKey,
    /// The labels that a node begins with, as in kind `labels`; absent if it has none to begin with (from version 2 on).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Name, String>,
    /// What a node would be called (from version 2 on).
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The key's signature over [`node_possession_bytes`].
    pub pop: Signature,
    /// Hash of the enrolment token that allowed it.
    pub token: Hash,
    /// What it is for.
    #[serde(rename = "use")]
    pub key_use: KeyUse,
}

impl KeyIntroduction {
    /// Whether it says more of the node than its key.
    fn describes(&self) -> bool {
        self.name.is_some() || !self.labels.is_empty()
    }
}

impl Schema for KeyIntroduction {
    const VERSION: u64 = 2;

    fn version(&self) -> u64 {
        if self.describes() { 2 } else { 1 }
    }

    fn validate(&self) -> Result<(), PayloadError> {
        rule(self.key_use == KeyUse::Node || !self.describes(), "name and labels are a node's")?;
        check_labels(&self.labels)?;
        match (self.key_use, &self.author) {
            (KeyUse::Node, Author::Node(_)) | (KeyUse::Device, Author::User(_)) | (KeyUse::Witness, _) => {
                Ok(())
            }
            _ => Err(PayloadError::Schema("author and use do not belong together".to_owned())),
        }
    }
}

/// Payload of `key-rotation`: an author goes over to a new key. The old key signs the event, which is the
/// last of its chain; the event hash is where the new key's chain starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyRotationPayload")]
#[serde(deny_unknown_fields)]
pub struct KeyRotation {
    /// The key that comes.
    pub key: PublicKey,
    /// The new key's signature over [`rotation_possession_bytes`].
    pub pop: Signature,
    /// The key that goes: the one that signs the event.
    pub replaces: PublicKey,
}

impl Schema for KeyRotation {
    fn validate(&self) -> Result<(), PayloadError> {
        rule(self.key != self.replaces, "a key cannot replace itself")
    }
}

/// A change of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyChange {
    /// It is valid no longer, from this entry on.
    Revoked,
    /// As revoked, and what it signed from `suspect_from` on is in doubt.
    Compromised,
}

/// Payload of `key-status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyStatusPayload")]
#[serde(deny_unknown_fields)]
pub struct KeyStatus {
    /// The key.
    pub key: PublicKey,
    /// Why.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What happens to it.
    pub status: KeyChange,
    /// The first entry that is in doubt.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub suspect_from: Option<u64>,
}

impl Schema for KeyStatus {
    fn validate(&self) -> Result<(), PayloadError> {
        if self.suspect_from.is_some() != (self.status == KeyChange::Compromised) {
            return Err(PayloadError::Schema(
                "suspect_from belongs to compromised and only to it".to_owned(),
            ));
        }
        at_most("reason", self.reason.as_deref().unwrap_or_default(), MAX_LABEL_BYTES)
    }
}

/// A change of one of the ledger's own keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorityChange {
    /// The key that comes.
    pub new: PublicKey,
    /// The key that goes, valid until this entry.
    pub old: PublicKey,
    /// The new key's signature over the possession context and J({key,ledger,use}).
    pub pop: Signature,
    /// Which key it is.
    #[serde(rename = "use")]
    pub key_use: KeyUse,
}

/// Payload of `authority`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AuthorityPayload")]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// What changes.
    pub change: AuthorityChange,
    /// Leaf of the entry with the change before, or the ledger id.
    pub prev_change: Hash,
    /// Signatures of recovery keys over [`authority_bytes`], sorted by key.
    pub signatures: Vec<KeySignature>,
}

impl Schema for Authority {
    fn validate(&self) -> Result<(), PayloadError> {
        if !self.signatures.is_sorted_by(|a, b| a.key < b.key) {
            return Err(PayloadError::Schema("signatures must be sorted by key, each key once".to_owned()));
        }
        match self.change.key_use {
            KeyUse::Checkpoint | KeyUse::CheckpointSha256 | KeyUse::Service | KeyUse::Command => Ok(()),
            _ => Err(PayloadError::Schema("only the ledger's own keys change this way".to_owned())),
        }
    }
}

/// A role. What it allows is decided by the service; the log records who holds which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything within the organisation; in the organisation `ledger`, everything.
    OrgOwner,
    /// As the owner, without settings that bind the organisation.
    OrgAdmin,
    /// Enrols nodes and sends them commands.
    NodeAdmin,
    /// Reads.
    Viewer,
    /// Reads, and writes notes.
    Support,
    /// Reads everything of the organisation, proofs and archives included; changes nothing.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::OrgOwner, Self::OrgAdmin, Self::NodeAdmin, Self::Viewer, Self::Support, Self::Auditor];

    /// The word as it stands in a payload.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrgOwner => "org_owner",
            Self::OrgAdmin => "org_admin",
            Self::NodeAdmin => "node_admin",
            Self::Viewer => "viewer",
            Self::Support => "support",
            Self::Auditor => "auditor",
        }
    }

    /// Whether a holder may append events to the log at all.
    pub fn may_write(self) -> bool {
        !matches!(self, Self::Viewer | Self::Auditor)
    }
}

impl FromStr for Role {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            TextError::new("org_owner, org_admin, node_admin, viewer, support or auditor", text)
        })
    }
}

/// Payload of `enrolment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "EnrolmentPayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Enrolment {
    /// A token is made.
    Create {
        /// When it ends.
        expires_at: Timestamp,
        /// What the keys are for that it introduces; absent: nodes. From version 2 on.
        #[serde(
            default,
            rename = "use",
            deserialize_with = "present",
            skip_serializing_if = "Option::is_none"
        )]
        key_use: Option<KeyUse>,
        /// The one node that it introduces. From version 2 on.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        node: Option<Uuid>,
        /// The organisation a node joins with it.
        org: Name,
        /// The tenant.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        tenant: Option<Name>,
        /// `BLAKE3(14 ‖ secret)`.
        token: Hash,
        /// How many keys it may introduce.
        uses: u64,
    },
    /// A token ends before its time.
    Revoke {
        /// The token's hash.
        token: Hash,
    },
}

impl Schema for Enrolment {
    const VERSION: u64 = 2;

    fn version(&self) -> u64 {
        match self {
            Self::Create { key_use, node, .. } if key_use.is_some() || node.is_some() => 2,
            Self::Create { .. } | Self::Revoke { .. } => 1,
        }
    }

    fn validate(&self) -> Result<(), PayloadError> {
        let Self::Create { key_use, node, .. } = self else { return Ok(()) };
        let is_introduced = matches!(key_use, None | Some(KeyUse::Node | KeyUse::Device | KeyUse::Witness));
        rule(is_introduced, "use is node, device or witness")?;
        let fits = node.is_none() || matches!(key_use, None | Some(KeyUse::Node));
        rule(fits, "node goes with the use node alone")
    }
}

/// Payload of `token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TokenPayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Token {
    /// A token is made.
    Create {
        /// When it ends; absent: when it is revoked.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        /// Its id, by which the log names it.
        id: Uuid,
        /// What it is for.
        label: String,
        /// The organisation it is good for; `ledger`: all of them.
        org: Name,
        /// What it may do there.
        role: Role,
        /// `BLAKE3(14 ‖ secret)`.
        secret: Hash,
    },
    /// A token ends before its time.
    Revoke {
        /// The token's id.
        id: Uuid,
    },
}

impl Schema for Token {
    fn validate(&self) -> Result<(), PayloadError> {
        match self {
            Self::Create { label, .. } => at_most("label", label, MAX_LABEL_BYTES),
            Self::Revoke { .. } => Ok(()),
        }
    }
}

/// `"vaultmesh/key-possession/v1\n" ‖ J(statement)`.
pub fn possession_bytes(statement: &serde_json::Value) -> Vec<u8> {
    signed_statement(POSSESSION_CONTEXT, statement)
}

/// What a key signs to be introduced: the context and J({author,key,ledger,token}). Naming the token
/// keeps anyone in the middle from moving the key to another organisation.
pub fn node_possession_bytes(author: &Author, key: &PublicKey, ledger: &Hash, token: &Hash) -> Vec<u8> {
    possession_bytes(&serde_json::json!({"author": author, "key": key, "ledger": ledger, "token": token}))
}

/// What a key signs to take the place of another: the context and J({author,key,ledger,replaces}). Naming the
/// old key keeps the proof from standing for anything else.
pub fn rotation_possession_bytes(
    author: &Author,
    key: &PublicKey,
    ledger: &Hash,
    replaces: &PublicKey,
) -> Vec<u8> {
    possession_bytes(&serde_json::json!({
        "author": author, "key": key, "ledger": ledger, "replaces": replaces,
    }))
}

/// What recovery keys sign: the context and J({change,ledger,prev_change}).
pub fn authority_bytes(change: &AuthorityChange, ledger: &Hash, prev_change: &Hash) -> Vec<u8> {
    signed_statement(
        RECOVERY_CONTEXT,
        &serde_json::json!({"change": change, "ledger": ledger, "prev_change": prev_change}),
    )
}

pub(super) fn signed_statement(context: &[u8], statement: &serde_json::Value) -> Vec<u8> {
    let mut out = context.to_vec();
    // Statements are built from typed values: no number out of range, no deep nesting.
    let _ = canonical::write(statement, &mut out);
    out
}
