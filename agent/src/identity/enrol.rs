//! Enrolment: what is sent, how the answer is checked, and what is kept of it.
//!
//! Only the ledger id inside the token is trusted. It pins genesis; genesis names the keys; the keys sign
//! the checkpoint that contains the node's introduction, and the introduction says which organisation the
//! node has joined. The event hash of the introduction is where the node's chain starts.

use super::key::Identity;
use super::token::EnrolmentToken;
use crate::chain::author::Credentials;
use crate::chain::spool::{Limits, Spool};
use crate::damage::Damage;
use crate::disk::Disk;
use crate::durable;
use crate::entropy::Entropy;
use crate::network::Request;
use crate::trust::authority::{self, Authority, AuthorityError};
use proofs::tree::{Blake3, ProofError, verify_inclusion};
use proofs::{CheckpointError, signature};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spec::limits::MAX_NAME_BYTES;
use spec::payload::{KeyIntroduction, node_possession_bytes};
use spec::{ChainLink, EventError, Hash, KeyUse, Kind, Name, PublicKey, Uuid, canonical};
use std::collections::BTreeMap;
use std::io;

/// What is kept of the answer. It is written last: without it the node is not enrolled.
pub const ENROLMENT_FILE: &str = "enrolment.json";

const FORMAT: &str = "vaultmesh-enrolment-v1";

/// Room for genesis and 255 changes of keys.
const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// The node's standing with one ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// Genesis and every change of the ledger's keys known so far.
    pub authority: Vec<Value>,
    /// The checkpoint that came with the answer.
    pub checkpoint: String,
    format: String,
    /// Seconds between two heartbeats, as the ledger asked at enrolment.
    pub heartbeat_secs: u64,
    /// Event hash of the key's introduction.
    pub introduction: Hash,
    /// The key.
    pub key: PublicKey,
    /// The ledger's id.
    pub ledger: Hash,
    /// The node.
    pub node_id: Uuid,
    /// The organisation it has joined.
    pub org: Name,
    /// The tenant within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Where the service is.
    pub url: String,
}

/// The reason why there is no enrolment.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The answer is no enrolment.
    #[error("the answer is not an enrolment: {0}")]
    Shape(#[source] serde_json::Error),
    /// The enrolment has no canonical form.
    #[error(transparent)]
    Canonical(#[from] canonical::WriteError),
    /// The ledger's authority does not hold.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The checkpoint does not hold.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The introduction is malformed.
    #[error("the introduction: {0}")]
    Record(#[from] EventError),
    /// The introduction is not in the checkpoint's tree.
    #[error("the introduction is not in the checkpoint's tree: {0}")]
    Inclusion(#[from] ProofError),
    /// The introduction says something else than what was asked for.
    #[error("the introduction {0}")]
    Introduction(&'static str),
    /// A file cannot be read or written.
    #[error("{ENROLMENT_FILE}: {0}")]
    Io(#[from] io::Error),
    /// The file is not what was written.
    #[error("{ENROLMENT_FILE} is damaged: {0}; restore it, or remove it and enrol again with a new token")]
    Damaged(Damage),
}

#[derive(Deserialize)]
struct Answer {
    authority: Vec<Value>,
    checkpoint: String,
    introduction: Introduction,
    heartbeat_secs: u64,
}

#[derive(Deserialize)]
struct Introduction {
    record: Value,
    inclusion: Vec<Hash>,
}

/// The name and labels by which a node would be known to people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Called {
    /// The name it asks for.
    pub name: Option<Name>,
    /// The labels it begins with.
    pub labels: BTreeMap<Name, String>,
}

impl Called {
    /// By the name of its host, as far as that can be a name: in lower case, with `-` for what names cannot have.
    pub fn after_host(hostname: &str) -> Self {
        let fitting = |c: char| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) { c.to_ascii_lowercase() } else { '-' }
        };
        let text: String = hostname.chars().map(fitting).take(MAX_NAME_BYTES).collect();
        Self { name: text.trim_matches(['-', '.', '_']).parse().ok(), labels: BTreeMap::new() }
    }
}

/// The request that enrols `identity`.
pub fn request(identity: &Identity, token: &EnrolmentToken, called: &Called) -> Request {
    let (author, key) = (identity.author(), identity.public());
    let pop = identity.key.sign(&node_possession_bytes(&author, &key, &token.ledger, &token.hash()));
    let mut body = json!({"author": author, "key": key, "pop": pop, "token": token.to_string()});
    if let Some(body) = body.as_object_mut() {
        body.extend(called.name.as_ref().map(|name| ("name".to_owned(), json!(name))));
        if !called.labels.is_empty() {
            body.insert("labels".to_owned(), json!(called.labels));
        }
    }
    Request::post("/api/nodes/register", "application/json", body.to_string().into_bytes())
}

/// Checks the service's answer to [`request`] from the token's ledger id alone.
pub fn verify(
    body: &[u8],
    identity: &Identity,
    token: &EnrolmentToken,
    url: &str,
) -> Result<Enrolment, EnrolmentError> {
    let answer: Answer = serde_json::from_slice(body).map_err(EnrolmentError::Shape)?;
    let authority = Authority::verify(&token.ledger, &answer.authority)?;
    let checkpoint = authority.open_checkpoint(&answer.checkpoint)?.checkpoint;
    let record = authority::read_record(&answer.introduction.record)?;
    let (seq, path) = (record.entry.position.seq, &answer.introduction.inclusion);
    verify_inclusion::<Blake3>(&record.leaf, seq, checkpoint.size, path, &checkpoint.root)?;

    let refuse = |problem| Err(EnrolmentError::Introduction(problem));
    let header = &record.entry.header;
    if header.kind != Kind::Key || header.ledger != token.ledger {
        return refuse("is not a key entry of this ledger");
    }
    let says: KeyIntroduction = authority::payload(&record)
        .ok_or(EnrolmentError::Introduction("has no payload that fits its kind and hash"))?;
    if says.author != identity.author() || says.key != identity.public() || says.key_use != KeyUse::Node {
        return refuse("is that of another key");
    }
    if says.token != token.hash() {
        return refuse("rests on another enrolment token");
    }
    if header.key != authority.service_key(seq)
        || !signature::verify(&header.key, &header.signing_bytes(), &record.entry.sig)
    {
        return refuse("is not signed by the ledger's service");
    }
    Ok(Enrolment {
        authority: answer.authority,
        checkpoint: answer.checkpoint,
        format: FORMAT.to_owned(),
        heartbeat_secs: answer.heartbeat_secs,
        introduction: header.event_hash(&record.entry.sig),
        key: identity.public(),
        ledger: token.ledger,
        node_id: identity.node_id,
        org: header.org.clone(),
        tenant: header.tenant.clone(),
        url: url.trim_end_matches('/').to_owned(),
    })
}

impl Enrolment {
    /// Reads what was kept and checks it anew; `None` if the node is not enrolled.
    pub fn load(disk: &impl Disk) -> Result<Option<(Self, Authority)>, EnrolmentError> {
        let Some(bytes) = durable::read(disk, ENROLMENT_FILE, MAX_FILE_BYTES)? else { return Ok(None) };
        let enrolment: Self =
            serde_json::from_slice(&bytes).map_err(|e| EnrolmentError::Damaged(e.into()))?;
        if enrolment.format != FORMAT {
            return Err(EnrolmentError::Damaged(Damage::Format(FORMAT)));
        }
        let authority = Authority::verify(&enrolment.ledger, &enrolment.authority)
            .map_err(|e| EnrolmentError::Damaged(e.into()))?;
        Ok(Some((enrolment, authority)))
    }

    /// Stores the enrolment; on return it is on the disk.
    pub fn store(&self, disk: &impl Disk) -> Result<(), EnrolmentError> {
        let mut bytes = canonical::to_vec(self)?;
        bytes.push(b'\n');
        Ok(durable::replace(disk, ENROLMENT_FILE, &bytes)?)
    }

    /// Starts the node's chain and stores the enrolment, in this order: without the enrolment the chain
    /// counts for nothing, and the next attempt begins it anew.
    pub fn store_with_chain(
        &self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
    ) -> Result<(), EnrolmentError> {
        let first = ChainLink { epoch: entropy.epoch()?, prev: self.introduction, seq: 0 };
        Spool::create(disk, first, Limits::default())?;
        self.store(disk)
    }

    /// The same after the node has gone over to another key.
    #[must_use]
    pub(crate) fn with_key(&self, key: PublicKey, introduction: Hash) -> Self {
        Self { introduction, key, ..self.clone() }
    }

    /// What every event of this node has in common.
    pub fn credentials(&self, identity: &Identity) -> Credentials {
        Credentials {
            key: identity.key.clone(),
            author: identity.author(),
            org: self.org.clone(),
            tenant: self.tenant.clone(),
            ledger: self.ledger,
            introduction: self.introduction,
        }
    }
}
