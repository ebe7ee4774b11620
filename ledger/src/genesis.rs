//! Making a ledger: entry 0, signed by every key it names.

use crate::keyring::{Keyring, random};
use crate::state::LEDGER_ORG;
use proofs::SigningKey;
use spec::canonical;
use spec::event::Payload;
use spec::payload::{Genesis, GenesisKeys, KeySignature, Predecessor, RecoveryKeys};
use spec::rules::ADMISSION_VERSION;
use spec::{Event, Hash, Header, Kind, Name, Timestamp, Uuid, Via};
use std::io;

/// Version of the log format that a new ledger starts with.
pub const LOG_FORMAT_VERSION: u64 = 1;

/// The makings of a new ledger.
#[derive(Debug)]
pub struct Plan {
    /// First part of the origin.
    pub name: Name,
    /// The service's keys.
    pub keys: Keyring,
    /// The recovery keys, here in full because each must sign; they are not kept.
    pub recovery: Vec<SigningKey>,
    /// How many recovery keys a change needs.
    pub threshold: u64,
    /// The ledger this one follows after a loss.
    pub predecessor: Option<Predecessor>,
}

/// Builds the genesis event.
pub fn event(plan: &Plan, now: Timestamp) -> io::Result<Event> {
    let mut genesis = Genesis {
        admission: ADMISSION_VERSION,
        format: LOG_FORMAT_VERSION,
        keys: GenesisKeys {
            checkpoint: plan.keys.checkpoint.public(),
            checkpoint_sha256: plan.keys.checkpoint_sha256.public(),
            command: plan.keys.command.public(),
            recovery: RecoveryKeys {
                keys: plan.recovery.iter().map(SigningKey::public).collect(),
                threshold: plan.threshold,
            },
            service: plan.keys.service.public(),
        },
        name: plan.name.clone(),
        nonce: Hash(random()?),
        pop: Vec::new(),
        predecessor: plan.predecessor.clone(),
    };
    let message = genesis.possession_bytes();
    let keys = &plan.keys;
    let mut signers = vec![&keys.checkpoint, &keys.checkpoint_sha256, &keys.command, &keys.service];
    signers.extend(&plan.recovery);
    signers.sort_by_key(|key| key.public());
    genesis.pop =
        signers.iter().map(|key| KeySignature { key: key.public(), sig: key.sign(&message) }).collect();
    let json = canonical::to_vec(&genesis).map_err(|e| io::Error::other(e.to_string()))?;
    let invalid = |e: String| io::Error::new(io::ErrorKind::InvalidInput, e);
    let payload = Payload {
        json: String::from_utf8(json).map_err(|e| invalid(e.to_string()))?.into(),
        salt: Hash(random()?),
    };
    let payload_version = Kind::Genesis.payload_version(&payload.json).map_err(|e| invalid(e.to_string()))?;
    let name = |text: &str| text.parse::<Name>().map_err(|e| invalid(e.to_string()));
    let header = Header {
        author: spec::Author::Service(name("ledger")?),
        chain: None,
        id: Uuid::v7(now, random()?),
        key: keys.service.public(),
        kind: Kind::Genesis,
        ledger: Hash::ZERO,
        node_id: None,
        org: name(LEDGER_ORG)?,
        payload_hash: payload.hash(),
        payload_version,
        severity: None,
        tenant: None,
        ts: now,
        via: Some(Via { method: name("self")?, subject: None }),
    };
    let sig = keys.service.sign(&header.signing_bytes());
    Ok(Event { header, sig, payload })
}
