//! Going over to a new key.

use super::{Exchange, ExchangeError};
use crate::clock::Now;
use crate::disk::Disk;
use crate::entropy::Entropy;
use crate::identity::node::Answered;
use crate::identity::rotation::{ROTATION_FILE, Rotation, Stage};
use proofs::SigningKey;
use spec::{Hash, Kind, PublicKey, Timestamp};

impl Exchange {
    /// Goes over to a new key; `None` if something waits that the old one has signed, or another rotation is under way.
    ///
    /// # Errors
    /// The rotation could not be made durable; the disk tells later whether it was begun.
    pub(crate) fn rotate(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        now: Now,
        command: Option<Hash>,
    ) -> Result<Option<PublicKey>, ExchangeError> {
        self.ensure(disk, entropy, now.wall)?;
        if self.node.rotation().is_some() || !self.outbox.is_empty() {
            return Ok(None);
        }
        let key = SigningKey::from_seed(&entropy.salt()?.0);
        let who = self.outbox.speaker().clone();
        let rotation = Rotation::new(key, &who, command, |payload| {
            self.outbox.sign(entropy, now.wall, Kind::KeyRotation, payload)
        })?;
        let public = rotation.public();
        self.node.begin_rotation(disk, rotation)?;
        self.go_over(disk, entropy, now.wall)?;
        tracing::info!(key = %public, "the node goes over to a new key");
        Ok(Some(public))
    }

    /// What is left to be said of a rotation that the ledger has answered. What fails is tried again.
    pub(crate) fn answered_rotation(&self, disk: &impl Disk) -> Option<Answered> {
        self.node.answered_rotation(disk).unwrap_or_else(|error| {
            tracing::error!(%error, "the new key stays in {ROTATION_FILE} for now");
            None
        })
    }

    /// All is said of a rotation.
    pub(crate) fn forget_rotation(&mut self, disk: &impl Disk) {
        if let Err(error) = self.node.forget_rotation(disk) {
            tracing::error!(%error, "{ROTATION_FILE} is of no use any more, and cannot be removed");
        }
    }

    pub(super) fn has_withdrawn(&self) -> bool {
        self.node.rotation().is_some_and(|rotation| rotation.stage == Stage::Withdrawn)
    }

    /// Brings a rotation to another stage, first on the disk.
    pub(super) fn turn_rotation(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        ts: Timestamp,
        stage: Stage,
    ) -> Result<(), ExchangeError> {
        self.node.turn_rotation(disk, stage)?;
        self.go_over(disk, entropy, ts)
    }

    /// Brings author and spool to where the rotation is.
    pub(super) fn go_over(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        ts: Timestamp,
    ) -> Result<(), ExchangeError> {
        self.node.set_settled(false);
        if let Some(rotation) = self.node.rotation() {
            let (stage, place) = (rotation.stage, rotation.event().header.chain);
            let gone_over = self.outbox.is_of(disk, &rotation.public(), rotation.event().hash())?;
            self.outbox.become_author(self.node.speaker());
            match stage {
                // What the old key had signed is all proved.
                Stage::Told if !gone_over => self.outbox.begin(disk, entropy)?,
                Stage::Again if !gone_over => self.outbox.go_forward(disk, entropy, ts)?,
                Stage::Withdrawn if gone_over => {
                    let reason = "the ledger did not take the key that was to come";
                    self.outbox.go_back(disk, entropy, ts, place, reason)?;
                }
                Stage::Told | Stage::Again | Stage::Recorded | Stage::Withdrawn => {}
            }
        }
        self.node.set_settled(true);
        Ok(())
    }
}
