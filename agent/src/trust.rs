//! Holding the ledger to its word: every checkpoint must be consistent with the last one that was
//! verified. Two that cannot both be true are written down, and the agent sends nothing more.

use crate::authority::Authority;
use crate::disk::Disk;
use crate::durable;
use crate::entropy::Entropy;
use crate::heartbeat::Sampler;
use crate::memory::{EQUIVOCATION_FILE, Memory, OwnEntry, equivocation};
use crate::network::{Network, Request, Response};
use crate::problem::Problem;
use crate::session::{Session, Stop};
use proofs::equivocation::Leaves;
use proofs::tree::{Blake3, verify_consistency, verify_inclusion};
use proofs::{Checkpoint, CheckpointError};
use serde::Deserialize;
use serde_json::Value;
use spec::Hash;

/// What a look at a checkpoint came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Checked {
    /// It extends, or is, what was remembered; it is remembered now if it is newer.
    Consistent,
    /// That cannot be told now.
    NotYet(String),
}

#[derive(Deserialize)]
struct ConsistencyAnswer {
    old: u64,
    new: u64,
    proof: Vec<Hash>,
}

#[derive(Deserialize)]
struct InclusionAnswer {
    leaf: Hash,
    proof: Vec<Hash>,
}

#[derive(Deserialize)]
struct AuthorityAnswer {
    authority: Vec<Value>,
}

impl<D: Disk, E: Entropy, S: Sampler> Session<D, E, S> {
    /// Checks a note's signature; asks for the ledger's newest keys if it is signed by an unknown one.
    pub(crate) async fn open_checkpoint(
        &mut self,
        network: &impl Network,
        note: &str,
    ) -> Result<Checkpoint, String> {
        match self.authority.open_checkpoint(note) {
            Ok(verified) => Ok(verified.checkpoint),
            Err(CheckpointError::Unknown(_)) => {
                self.refresh_authority(network).await?;
                let opened = self.authority.open_checkpoint(note);
                opened.map(|verified| verified.checkpoint).map_err(|e| e.to_string())
            }
            Err(error) => Err(error.to_string()),
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
        let new = self.memory.followed_by(note, checkpoint, own);
        let (known, found) = (&self.memory.checkpoint, &new.checkpoint);
        if known.size == found.size {
            if known == found {
                return Ok(Checked::Consistent);
            }
            return Err(self.contradiction(network, &new, "two roots for one size").await);
        }
        // An answer may be older than what is remembered; it must then be a part of it.
        let (old, young) = if known.size < found.size { (known, found) } else { (found, known) };
        let path = format!("/api/ledger/proof/consistency?old={}&new={}", old.size, young.size);
        let response = match network.send(Request::get(path)).await {
            Ok(response) => response,
            Err(error) => return Ok(Checked::NotYet(error.to_string())),
        };
        let holds = match read::<ConsistencyAnswer>(&response) {
            Ok(answer) => {
                (answer.old, answer.new) == (old.size, young.size)
                    && verify_consistency::<Blake3>(
                        old.size,
                        &old.root,
                        young.size,
                        &young.root,
                        &answer.proof,
                    )
                    .is_ok()
            }
            // A ledger that says it has no such size, having signed it.
            Err(_) if found.size < known.size && denies(&response) => false,
            Err(error) => return Ok(Checked::NotYet(format!("no consistency proof: {error}"))),
        };
        if !holds {
            let text = format!("checkpoints of {} and {} entries do not agree", old.size, young.size);
            return Err(self.contradiction(network, &new, &text).await);
        }
        if new.checkpoint.size > self.memory.checkpoint.size {
            if let Err(error) = new.store(&self.disk) {
                return Ok(Checked::NotYet(format!("the checkpoint cannot be stored: {error}")));
            }
            self.memory = new;
        }
        Ok(Checked::Consistent)
    }

    /// Writes both checkpoints down, with a place where the trees differ if one can be had.
    async fn contradiction(&mut self, network: &impl Network, new: &Memory, text: &str) -> Stop {
        let (known, leaves) = if self.memory.checkpoint.size == new.checkpoint.size {
            (self.memory.note.clone(), None)
        } else {
            match self.differing_leaves(network, new).await {
                Some(leaves) => (self.memory.note.clone(), Some(leaves)),
                None => self.older_leaves(network, new).await,
            }
        };
        let file = equivocation(&self.authority, &known, &new.note, leaves);
        let proves = file.verify(&self.authority.checkpoint_keys()).is_ok();
        if let Err(error) = durable::replace(&self.disk, EQUIVOCATION_FILE, &file.to_canonical()) {
            tracing::error!(%error, a = file.a, b = file.b, "the contradiction could not be written down");
        }
        tracing::error!(reason = text, proves, file = EQUIVOCATION_FILE, "ledger contradicts itself");
        Stop::Contradiction(text.to_owned())
    }

    /// Looks for an index at which the two trees hold different leaves: the node's own entry in one of
    /// them, and whatever the service shows there in the other.
    async fn differing_leaves(&self, network: &impl Network, new: &Memory) -> Option<Leaves> {
        let known = &self.memory;
        let pair = |a: &OwnEntry, b: &OwnEntry| {
            (a.index == b.index && a.leaf != b.leaf).then(|| Leaves {
                index: a.index,
                leaf_a: a.leaf,
                leaf_b: b.leaf,
                path_a: a.path.clone(),
                path_b: b.path.clone(),
            })
        };
        if let (Some(a), Some(b)) = (&known.own, &new.own)
            && let Some(leaves) = pair(a, b)
        {
            return Some(leaves);
        }
        if let Some(a) = &known.own
            && let Some(b) = shown(network, a.index, &new.checkpoint).await
            && let Some(leaves) = pair(a, &b)
        {
            return Some(leaves);
        }
        let b = new.own.as_ref()?;
        let a = shown(network, b.index, &known.checkpoint).await?;
        pair(&a, b)
    }

    /// The same with a checkpoint from before, whose entry the new tree has a place for; else the last one without.
    async fn older_leaves(&self, network: &impl Network, new: &Memory) -> (String, Option<Leaves>) {
        for older in self.memory.older() {
            let a = &older.own;
            if let Ok(known) = self.authority.open_checkpoint(&older.note).map(|verified| verified.checkpoint)
                && known.size == new.checkpoint.size
                && known.root != new.checkpoint.root
            {
                return (older.note.clone(), None);
            }
            let Some(b) = shown(network, a.index, &new.checkpoint).await else { continue };
            if a.leaf != b.leaf {
                let leaves = Leaves {
                    index: a.index,
                    leaf_a: a.leaf,
                    leaf_b: b.leaf,
                    path_a: a.path.clone(),
                    path_b: b.path,
                };
                return (older.note.clone(), Some(leaves));
            }
        }
        (self.memory.note.clone(), None)
    }

    async fn refresh_authority(&mut self, network: &impl Network) -> Result<(), String> {
        let response =
            network.send(Request::get("/api/ledger/authority")).await.map_err(|e| e.to_string())?;
        let answer: AuthorityAnswer =
            read(&response).map_err(|e| format!("the ledger's keys cannot be had: {e}"))?;
        if !answer.authority.starts_with(self.authority.records()) {
            return Err("the ledger's keys do not extend those known so far".to_owned());
        }
        let authority =
            Authority::verify(self.authority.ledger(), &answer.authority).map_err(|e| e.to_string())?;
        let mut enrolment = self.enrolment.clone();
        enrolment.authority = answer.authority;
        enrolment.store(&self.disk).map_err(|e| e.to_string())?;
        tracing::info!(records = enrolment.authority.len(), "the ledger has changed its keys");
        self.enrolment = enrolment;
        self.authority = authority;
        Ok(())
    }
}

/// What the service shows at `index` of the tree of `checkpoint`, if it proves to be there.
async fn shown(network: &impl Network, index: u64, checkpoint: &Checkpoint) -> Option<OwnEntry> {
    if index >= checkpoint.size {
        return None;
    }
    let path = format!("/api/ledger/proof/inclusion?index={index}&size={}", checkpoint.size);
    let response = network.send(Request::get(path)).await.ok()?;
    let answer: InclusionAnswer = read(&response).ok()?;
    verify_inclusion::<Blake3>(&answer.leaf, index, checkpoint.size, &answer.proof, &checkpoint.root).ok()?;
    Some(OwnEntry { index, leaf: answer.leaf, path: answer.proof })
}

fn read<'a, T: Deserialize<'a>>(response: &'a Response) -> Result<T, String> {
    if response.status == 200 {
        serde_json::from_slice(&response.body).map_err(|e| e.to_string())
    } else {
        Err(format!("status {}, {}", response.status, Problem::read(&response.body).describe()))
    }
}

/// Whether the service itself, not something in between, says that it has no such tree.
fn denies(response: &Response) -> bool {
    matches!(response.status, 400 | 404 | 409 | 416 | 422) && !Problem::read(&response.body).code.is_empty()
}
