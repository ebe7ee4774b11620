//! What the session trusts: the ledger's authority, and checkpoints that agree with the one it remembers. When two
//! cannot both be true, the agent sends nothing more but word of that.

use crate::disk::Disk;
use crate::entropy::Entropy;
use crate::heartbeat::Sampler;
use crate::network::Network;
use crate::session::{Session, Stop};
use crate::trust::authority::Authority;
use crate::trust::following::{self, Followed, follow};
use crate::trust::memory::{CHECKPOINT_FILE, OwnEntry};
use proofs::{Checkpoint, Verified};

/// What a look at a checkpoint came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Checked {
    /// It extends, or is, what was remembered; it is remembered now if it is newer.
    Consistent,
    /// That cannot be told now.
    NotYet(String),
}

impl<D: Disk, E: Entropy, S: Sampler> Session<D, E, S> {
    /// Checks a note's signatures; asks for the ledger's newest authority if one is of an unknown key.
    pub(crate) async fn open_checkpoint(
        &mut self,
        network: &impl Network,
        note: &str,
    ) -> Result<Verified, String> {
        let (verified, newer) = following::open_checkpoint(network, &self.authority, note).await?;
        if let Some(newer) = newer {
            self.take_authority(newer)?;
        }
        Ok(verified)
    }

    /// Asks for the ledger's authority if the service says that there is more of it.
    pub(crate) async fn keep_up(&mut self, network: &impl Network, records: u64) {
        if records <= self.authority.records().len() as u64 {
            return;
        }
        let newer = following::newer_authority(network, &self.authority).await;
        if let Err(why) = newer.and_then(|newer| self.take_authority(newer)) {
            tracing::warn!(why, "the ledger's keys have changed, and cannot be had");
        }
    }

    /// Compares a checkpoint, whose signature was checked, with the remembered one.
    pub(crate) async fn check_consistency(
        &mut self,
        network: &impl Network,
        note: String,
        checkpoint: Checkpoint,
        own: OwnEntry,
    ) -> Result<Checked, Stop> {
        match follow(network, &self.authority, &self.memory, note, checkpoint, own).await {
            Followed::Known => Ok(Checked::Consistent),
            Followed::NotYet(why) => Ok(Checked::NotYet(why)),
            Followed::Newer(new) => {
                if let Err(error) = new.store(&self.disk, CHECKPOINT_FILE) {
                    return Ok(Checked::NotYet(format!("the checkpoint cannot be stored: {error}")));
                }
                self.memory = *new;
                Ok(Checked::Consistent)
            }
            Followed::Contradiction(found) => {
                found.keep(&self.disk, &self.authority);
                Err(Stop::Contradiction(found.text))
            }
        }
    }

    fn take_authority(&mut self, authority: Authority) -> Result<(), String> {
        let mut enrolment = self.enrolment.clone();
        enrolment.authority = authority.records().to_vec();
        enrolment.store(&self.disk).map_err(|e| e.to_string())?;
        tracing::info!(
            records = enrolment.authority.len(),
            "the ledger has changed its keys or its witnesses"
        );
        self.enrolment = enrolment;
        self.authority = authority;
        Ok(())
    }
}
