//! Who this node is to its ledger, as its state directory has it.

use crate::chain::author::Credentials;
use crate::disk::Disk;
use crate::identity::enrol::Enrolment;
use crate::identity::key::Identity;
use crate::identity::rotation::Rotation;
use crate::session::OpenError;
use crate::trust::authority::Authority;

/// What the files about key and enrolment say together.
pub(crate) struct Standing {
    /// The node, with the key by which the ledger knows it.
    pub(crate) identity: Identity,
    pub(crate) enrolment: Enrolment,
    pub(crate) authority: Authority,
    /// A new key on its way to the ledger.
    pub(crate) rotation: Option<Rotation>,
}

impl Standing {
    /// Reads the files; changes none.
    ///
    /// # Errors
    /// The node is not enrolled, or the files are damaged or do not belong together.
    pub(crate) fn load(disk: &impl Disk) -> Result<Self, OpenError> {
        let mut identity = Identity::load(disk)?.ok_or(OpenError::NotEnrolled)?;
        let (enrolment, authority) = Enrolment::load(disk)?.ok_or(OpenError::NotEnrolled)?;
        let rotation = Rotation::load(disk, &mut identity, &enrolment)?;
        if identity.public() != enrolment.key || identity.node_id != enrolment.node_id {
            return Err(OpenError::Mismatch);
        }
        Ok(Self { identity, enrolment, authority, rotation })
    }

    /// Who speaks in the events to come.
    pub(crate) fn speaker(&self) -> Credentials {
        let enrolled = self.enrolment.credentials(&self.identity);
        match &self.rotation {
            Some(rotation) => rotation.speaker(enrolled),
            None => enrolled,
        }
    }
}
