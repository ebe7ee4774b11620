//! What the node holds the ledger to: its authority, and the newest checkpoint that was verified.

use super::authority::Authority;
use super::following::{self, Followed, follow};
use super::memory::{CHECKPOINT_FILE, Memory, MemoryError, OwnEntry};
use super::unproven::{Disagreement, Unproven};
use crate::disk::Disk;
use crate::network::Network;
use proofs::{Checkpoint, CheckpointError, Verified};
use std::io;

/// Neither memory nor enrolment has a checkpoint to go on from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowerError {
    /// What is remembered cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The checkpoint of the enrolment does not hold.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// What a look at a checkpoint came to.
#[derive(Debug)]
pub(crate) enum Checked {
    /// It extends, or is, what was remembered; it is remembered now if it is newer.
    Consistent,
    /// That cannot be told now.
    NotYet(Unproven),
}

/// The authority, and what is remembered.
#[derive(Debug)]
pub(crate) struct Follower {
    authority: Authority,
    memory: Memory,
}

impl Follower {
    /// Goes on from the remembered checkpoint; from `first`, that of the enrolment, if what was remembered is damaged.
    pub(crate) fn load(disk: &impl Disk, authority: Authority, first: &str) -> Result<Self, FollowerError> {
        let memory = match Memory::load(disk, CHECKPOINT_FILE, &authority) {
            Ok(memory) => memory,
            Err(MemoryError::Io(error)) => return Err(error.into()),
            Err(error @ MemoryError::Damaged(_)) => {
                tracing::error!(%error, "going on from the checkpoint of the enrolment");
                None
            }
        };
        let memory = match memory {
            Some(memory) => memory,
            None => Memory::new(first.to_owned(), None, &authority)?,
        };
        Ok(Self { authority, memory })
    }

    /// The ledger's authority, as far as it is known.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Takes over an authority that extends the one before.
    pub(crate) fn take_authority(&mut self, newer: Authority) {
        self.authority = newer;
    }

    /// The newest checkpoint that was verified.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Checks a note's signatures; asks for the ledger's newest authority if one is of an unknown key. The second part
    /// is that authority, if it was asked for.
    pub(crate) async fn open_checkpoint(
        &self,
        network: &impl Network,
        note: &str,
    ) -> Result<(Verified, Option<Authority>), Unproven> {
        following::open_checkpoint(network, &self.authority, note).await
    }

    /// The ledger's newest authority, if it has more than so many records.
    pub(crate) async fn newer_authority(
        &self,
        network: &impl Network,
        records: u64,
    ) -> Result<Option<Authority>, Unproven> {
        if records <= self.authority.records().len() as u64 {
            return Ok(None);
        }
        following::newer_authority(network, &self.authority).await.map(Some)
    }

    /// Compares a checkpoint, whose signature was checked, with the remembered one.
    ///
    /// # Errors
    /// The two cannot both be true; both are written down.
    pub(crate) async fn check(
        &mut self,
        disk: &impl Disk,
        network: &impl Network,
        note: String,
        checkpoint: Checkpoint,
        own: OwnEntry,
    ) -> Result<Checked, Disagreement> {
        match follow(network, &self.authority, &self.memory, note, checkpoint, own).await {
            Followed::Known => Ok(Checked::Consistent),
            Followed::NotYet(why) => Ok(Checked::NotYet(why)),
            Followed::Newer(new) => {
                if let Err(source) = new.store(disk, CHECKPOINT_FILE) {
                    return Ok(Checked::NotYet(Unproven::Store { file: CHECKPOINT_FILE, source }));
                }
                self.memory = *new;
                Ok(Checked::Consistent)
            }
            Followed::Contradiction(found) => {
                found.keep(disk, &self.authority);
                Err(found.how)
            }
        }
    }
}
