//! Who this node is to its ledger: its key, its enrolment, and a new key on its way.

use super::enrol::{Enrolment, EnrolmentError};
use super::jwt::{self, Claims};
use super::key::{Identity, IdentityError};
use super::rotation::{ROTATION_FILE, Rotation, RotationError, Stage};
use crate::chain::author::Credentials;
use crate::disk::Disk;
use crate::network::Request;
use crate::trust::authority::Authority;
use spec::{Event, Hash, PublicKey, Timestamp};
use std::io;

/// A lack of a node to speak for.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// There is no key or no enrolment.
    #[error("this node is not enrolled; run `vaultmesh-agent enroll` first")]
    NotEnrolled,
    /// Key and enrolment are not of the same node.
    #[error("the key in the state directory is not the one that was enrolled")]
    Mismatch,
    /// The key cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The enrolment cannot be used.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// A rotation under way cannot be used.
    #[error(transparent)]
    Rotation(#[from] RotationError),
}

/// What the files about key and enrolment say together.
#[derive(Debug)]
pub(crate) struct Node {
    /// The node, with the key by which the ledger knows it.
    identity: Identity,
    enrolment: Enrolment,
    /// A new key on its way to the ledger.
    rotation: Option<Rotation>,
    /// Set while what the disk has of a rotation is not known to be what is here.
    unsure: bool,
}

/// What is left to be said of a rotation that the ledger has answered.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The command that asked for it.
    pub(crate) command: Option<Hash>,
    /// Whether the ledger has recorded it.
    pub(crate) succeeded: bool,
    /// What the command's receipt says.
    pub(crate) said: String,
    /// Whether it can be forgotten once that is said.
    pub(crate) is_over: bool,
}

impl Node {
    /// Reads the files, with the authority that the enrolment holds; changes none.
    ///
    /// # Errors
    /// The node is not enrolled, or the files are damaged or do not belong together.
    pub(crate) fn load(disk: &impl Disk) -> Result<(Self, Authority), NodeError> {
        let mut identity = Identity::load(disk)?.ok_or(NodeError::NotEnrolled)?;
        let (enrolment, authority) = Enrolment::load(disk)?.ok_or(NodeError::NotEnrolled)?;
        let rotation = Rotation::load(disk, &mut identity, &enrolment)?;
        if identity.public() != enrolment.key || identity.node_id != enrolment.node_id {
            return Err(NodeError::Mismatch);
        }
        Ok((Self { identity, enrolment, rotation, unsure: false }, authority))
    }

    /// The node, with the key by which the ledger knows it.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn enrolment(&self) -> &Enrolment {
        &self.enrolment
    }

    /// A rotation under way, answered or not.
    pub(crate) fn rotation(&self) -> Option<&Rotation> {
        self.rotation.as_ref()
    }

    /// The rotation that waits for the ledger's answer.
    pub(crate) fn told_rotation(&self) -> Option<&Rotation> {
        self.rotation.as_ref().filter(|rotation| rotation.is_told())
    }

    /// Who speaks in the events to come.
    pub(crate) fn speaker(&self) -> Credentials {
        let enrolled = self.enrolment.credentials(&self.identity);
        match &self.rotation {
            Some(rotation) => rotation.speaker(enrolled),
            None => enrolled,
        }
    }

    /// A question that is proved by the node's key. The ledger knows the node by this key, also while another is about
    /// to take its place. `issued_at` is the ledger's time, as far as it is known: the service allows for half a minute.
    pub(crate) fn question(&self, issued_at: Timestamp, path: String) -> Request {
        let claims = Claims {
            issuer: &self.identity.author(),
            ledger: &self.enrolment.ledger,
            issued_at,
            lifetime_secs: jwt::MAX_LIFETIME_SECS,
            body: b"",
        };
        Request::get(path).with_bearer(jwt::sign(&self.identity.key, &claims))
    }

    /// Keeps the authority in the enrolment; on return it is on the disk.
    pub(crate) fn keep_authority(
        &mut self,
        disk: &impl Disk,
        authority: &Authority,
    ) -> Result<(), EnrolmentError> {
        let mut enrolment = self.enrolment.clone();
        enrolment.authority = authority.records().to_vec();
        enrolment.store(disk)?;
        self.enrolment = enrolment;
        Ok(())
    }
}

/// Going over to a new key, step by step. After each that may have failed half way the chain is brought to where the
/// rotation is; until [`Node::is_settled`] says so nothing may be said.
impl Node {
    /// Whether what the disk has of a rotation is what is here, and the chain is where it should be.
    pub(crate) fn is_settled(&self) -> bool {
        !self.unsure
    }

    /// The chain is about to be brought to where the rotation is, or is there.
    pub(crate) fn set_settled(&mut self, settled: bool) {
        self.unsure = !settled;
    }

    /// A rotation begins.
    pub(crate) fn begin_rotation(
        &mut self,
        disk: &impl Disk,
        rotation: Rotation,
    ) -> Result<(), RotationError> {
        self.unsure = true;
        rotation.store(disk)?;
        self.rotation = Some(rotation);
        Ok(())
    }

    /// After a failed write: what the disk has of a rotation counts. It is written once more, so that it is there after
    /// a loss of power as well.
    pub(crate) fn reload_rotation(&mut self, disk: &impl Disk) -> Result<(), RotationError> {
        self.rotation = Rotation::load(disk, &mut self.identity, &self.enrolment)?;
        self.rotation.as_ref().map_or(Ok(()), |rotation| rotation.store(disk))
    }

    /// Brings a rotation to another stage, first on the disk.
    pub(crate) fn turn_rotation(&mut self, disk: &impl Disk, stage: Stage) -> Result<(), RotationError> {
        let Some(rotation) = &mut self.rotation else { return Ok(()) };
        rotation.stage = stage;
        self.unsure = true;
        rotation.store(disk)
    }

    /// The ledger has recorded the rotation: the old key is gone.
    pub(crate) fn rotation_recorded(&mut self, disk: &impl Disk) -> Result<(), EnrolmentError> {
        let Some(rotation) = &mut self.rotation else { return Ok(()) };
        let enrolment = self.enrolment.with_key(rotation.public(), rotation.event().hash());
        enrolment.store(disk)?;
        self.enrolment = enrolment;
        self.identity.key = rotation.key().clone();
        rotation.stage = Stage::Recorded;
        tracing::info!(key = %self.identity.public(), "the ledger knows this node by its new key");
        Ok(())
    }

    /// Something of this node is proved to be in the ledger. If the old key signed it after a rotation was withdrawn,
    /// there is none.
    pub(crate) fn rotation_outlived(&mut self) {
        if let Some(rotation) = self.rotation.as_mut().filter(|r| r.stage == Stage::Withdrawn) {
            rotation.outlived = true;
        }
    }

    /// What is left to be said of a rotation that the ledger has answered; the key file comes first.
    pub(crate) fn answered_rotation(&self, disk: &impl Disk) -> Result<Option<Answered>, IdentityError> {
        let Some(rotation) = self.rotation.as_ref().filter(|rotation| !rotation.is_told()) else {
            return Ok(None);
        };
        let succeeded = rotation.stage == Stage::Recorded;
        let said = if succeeded {
            self.identity.replace(disk)?;
            format!("speaks with the key {}\n", rotation.public())
        } else {
            "the ledger did not take the new key\n".to_owned()
        };
        let is_over = succeeded || rotation.outlived;
        Ok(Some(Answered { command: rotation.command, succeeded, said, is_over }))
    }

    /// Nothing is left to be done about the rotation.
    pub(crate) fn forget_rotation(&mut self, disk: &impl Disk) -> io::Result<()> {
        disk.remove(ROTATION_FILE)?;
        disk.sync_dir()?;
        self.rotation = None;
        Ok(())
    }

    /// The event to send before all others.
    pub(crate) fn rotation_event(&self) -> Option<Event> {
        self.told_rotation().map(|rotation| rotation.event().clone())
    }

    /// The key that comes, while the ledger has not said that it knows it.
    pub(crate) fn next_key(&self) -> Option<PublicKey> {
        self.told_rotation().map(Rotation::public)
    }
}
