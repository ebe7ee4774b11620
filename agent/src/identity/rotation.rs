//! Going over to a new key.
//!
//! ```text
//! rotation.json   {"command":"<hash>","event":{…},"format":"vaultmesh-rotation-v1","seed":"<64 hex>","stage":"told"}
//!                                                                                                         mode 0600
//! nothing waits → rotation.json → an empty spool where the new key's chain starts
//! its receipt   → enrolment.json → node.key → the command's receipt → rotation.json is removed
//! refused       → rotation.json, withdrawn → what waits is signed again with the old key → its first receipt
//!               → rotation.json is removed
//! ```
//!
//! The event that says so is signed by the old key and sent before anything else. What the node says meanwhile is signed
//! with the new key, and waits: so nothing is lost however long the service is away, and each file can be read after a
//! crash at any point. The service is asked with the old key until the receipt of the rotation is proved.
//!
//! Nobody signs a refusal, so it may be a lie, and the ledger has the rotation all the same. The new key is kept until
//! something that the old one signed afterwards is proved to be in the ledger; if the ledger calls the old key ended
//! instead, the rotation is sent once more.

use super::enrol::{ENROLMENT_FILE, Enrolment};
use super::key::Identity;
use crate::chain::author::Credentials;
use crate::damage::Damage;
use crate::disk::Disk;
use crate::durable;
use proofs::SigningKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spec::payload::{KeyRotation, rotation_possession_bytes};
use spec::{Event, Hash, PublicKey, canonical};
use std::io;

/// The file; there is none when no rotation is under way.
pub const ROTATION_FILE: &str = "rotation.json";

const FORMAT: &str = "vaultmesh-rotation-v1";
const MAX_FILE_BYTES: usize = 64 * 1024;

/// The reason why a rotation cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The file cannot be read or written.
    #[error("{ROTATION_FILE}: {0}")]
    Io(#[from] io::Error),
    /// The file is not what was written.
    #[error(
        "{ROTATION_FILE} is damaged: {0}; restore it, or remove it and, if the ledger does not accept this node's key \
         any more, enrol anew"
    )]
    Damaged(Damage),
    /// The file is of another enrolment.
    #[error("{ROTATION_FILE} is of another enrolment than {file}; remove it", file = ENROLMENT_FILE)]
    Foreign,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// The ledger was told, or will be, and has not answered yet.
    Told,
    /// As told, after it was withdrawn: what the old key signed meanwhile waits.
    Again,
    /// The ledger has recorded it.
    Recorded,
    /// The ledger will not have it.
    Withdrawn,
}

/// A rotation under way.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    key: SigningKey,
    event: Event,
    /// The command that asked for it.
    pub(crate) command: Option<Hash>,
    pub(crate) stage: Stage,
    /// Whether the old key is proved to be good after the rotation was withdrawn.
    pub(crate) outlived: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotationFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<Hash>,
    event: Value,
    format: String,
    seed: Hash,
    stage: Stage,
}

impl Rotation {
    /// Reads the file. The key is the new one if the enrolment says so, whatever the key file does.
    pub(crate) fn load(
        disk: &impl Disk,
        identity: &mut Identity,
        enrolment: &Enrolment,
    ) -> Result<Option<Self>, RotationError> {
        let Some(bytes) = durable::read(disk, ROTATION_FILE, MAX_FILE_BYTES)? else { return Ok(None) };
        // What is wrong is said without quoting a byte of the file.
        let damaged = |problem| RotationError::Damaged(Damage::Part(problem));
        let file: RotationFile =
            serde_json::from_slice(&bytes).map_err(|_| damaged("it is not the JSON object it should be"))?;
        if file.format != FORMAT {
            return Err(damaged("its format is unknown"));
        }
        let event = canonical::to_vec(&file.event).map_err(|_| damaged("its event has no canonical form"))?;
        let event = Event::parse(&event).map_err(|e| RotationError::Damaged(e.into()))?;
        let key = SigningKey::from_seed(&file.seed.0);
        let said = serde_json::from_str::<KeyRotation>(&event.payload.json);
        let belong = said.is_ok_and(|said| said.key == key.public() && said.replaces == event.header.key);
        if !belong || event.header.author != identity.author() || event.header.ledger != enrolment.ledger {
            return Err(damaged("its parts do not belong together"));
        }
        let stage = match (enrolment.key == key.public(), enrolment.key == event.header.key) {
            (true, _) => Stage::Recorded,
            (false, true) if file.stage == Stage::Recorded => {
                return Err(damaged("its stage is not that of a file"));
            }
            (false, true) => file.stage,
            (false, false) => return Err(RotationError::Foreign),
        };
        if stage == Stage::Recorded {
            identity.key = key.clone();
        }
        Ok(Some(Self { key, event, command: file.command, stage, outlived: false }))
    }

    /// A new key in place of the one that speaks. `sign` makes the event that says so, for the place that is next in the
    /// chain of the old key.
    pub(crate) fn new<E>(
        key: SigningKey,
        who: &Credentials,
        command: Option<Hash>,
        sign: impl FnOnce(&KeyRotation) -> Result<Event, E>,
    ) -> Result<Self, E> {
        let (public, replaces) = (key.public(), who.key.public());
        let pop = key.sign(&rotation_possession_bytes(&who.author, &public, &who.ledger, &replaces));
        let event = sign(&KeyRotation { key: public, pop, replaces })?;
        Ok(Self { key, event, command, stage: Stage::Told, outlived: false })
    }

    /// Writes the file; on return it is on the disk.
    pub(crate) fn store(&self, disk: &impl Disk) -> Result<(), RotationError> {
        let file = RotationFile {
            command: self.command,
            event: serde_json::from_slice(&self.event.to_canonical()).map_err(io::Error::other)?,
            format: FORMAT.to_owned(),
            seed: Hash(*self.key.seed()),
            stage: self.stage,
        };
        let mut bytes = canonical::to_vec(&file).map_err(io::Error::other)?;
        bytes.push(b'\n');
        Ok(durable::replace(disk, ROTATION_FILE, &bytes)?)
    }

    /// Who speaks from now on: the new key, unless the rotation was withdrawn.
    pub(crate) fn speaker(&self, enrolled: Credentials) -> Credentials {
        match self.stage {
            Stage::Withdrawn => enrolled,
            Stage::Told | Stage::Again | Stage::Recorded => {
                Credentials { key: self.key.clone(), introduction: self.event.hash(), ..enrolled }
            }
        }
    }

    /// The event that says so.
    pub(crate) fn event(&self) -> &Event {
        &self.event
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The key that comes.
    pub(crate) fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// Whether the ledger has not answered yet.
    pub(crate) fn is_told(&self) -> bool {
        matches!(self.stage, Stage::Told | Stage::Again)
    }
}
