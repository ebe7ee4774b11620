//! Holding the ledger to its word: every checkpoint must be consistent with the last one that was verified. Two that
//! cannot both be true become an equivocation file.

use super::authority::Authority;
use super::memory::{EQUIVOCATION_FILE, Memory, OwnEntry, equivocation};
use super::unproven::{Disagreement, Unproven, read};
use crate::disk::Disk;
use crate::durable;
use crate::network::{Network, Request, Response};
use crate::problem::Problem;
use proofs::equivocation::{Equivocation, Leaves};
use proofs::tree::{Blake3, verify_consistency, verify_inclusion};
use proofs::{Checkpoint, CheckpointError, Verified};
use serde::Deserialize;
use serde_json::Value;
use spec::Hash;

/// What a checkpoint is to the one remembered.
#[derive(Debug)]
pub(crate) enum Followed {
    /// It is the same, or a part of it.
    Known,
    /// It extends it: what is to be remembered from now on.
    Newer(Box<Memory>),
    /// That cannot be told now.
    NotYet(Unproven),
    /// The two cannot both be true.
    Contradiction(Box<Contradicted>),
}

/// Two checkpoints that cannot both be true.
#[derive(Debug)]
pub(crate) struct Contradicted {
    /// In what way.
    pub(crate) how: Disagreement,
    /// Both, with a place where they differ if one could be had.
    pub(crate) file: Equivocation,
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

/// Compares a checkpoint, whose signature was checked, with the one remembered.
pub(crate) async fn follow(
    network: &impl Network,
    authority: &Authority,
    memory: &Memory,
    note: String,
    checkpoint: Checkpoint,
    own: OwnEntry,
) -> Followed {
    let new = memory.followed_by(note, checkpoint, own);
    let (known, found) = (&memory.checkpoint, &new.checkpoint);
    if known.size == found.size {
        if known == found {
            return Followed::Known;
        }
        return contradiction(network, authority, memory, &new, Disagreement::Roots).await;
    }
    // An answer may be older than what is remembered; it must then be a part of it.
    let (old, young) = if known.size < found.size { (known, found) } else { (found, known) };
    let path = format!("/api/ledger/proof/consistency?old={}&new={}", old.size, young.size);
    let response = match network.send(Request::get(path)).await {
        Ok(response) => response,
        Err(error) => return Followed::NotYet(error.into()),
    };
    let how = Disagreement::Histories { old: old.size, new: young.size };
    match read::<ConsistencyAnswer>(&response) {
        Ok(answer) if shows(&answer, old, young) => {
            if found.size > known.size {
                Followed::Newer(Box::new(new))
            } else {
                Followed::Known
            }
        }
        // What does not prove that they agree does not prove that they do not: somebody in between may have spoilt it.
        Ok(_) => match contradiction(network, authority, memory, &new, how).await {
            Followed::Contradiction(found) if !found.proves(authority) => {
                let Equivocation { a, b, .. } = &found.file;
                tracing::error!(
                    a,
                    b,
                    "{how}, as far as the service shows; no place where they differ is shown"
                );
                Followed::NotYet(Unproven::Unshown(how))
            }
            followed => followed,
        },
        // A ledger that says it has no such size, having signed it.
        Err(_) if found.size < known.size && denies(&response) => {
            contradiction(network, authority, memory, &new, how).await
        }
        Err(error) => Followed::NotYet(Unproven::NoConsistency(Box::new(error))),
    }
}

/// Whether an answer is the proof that was asked for.
fn shows(answer: &ConsistencyAnswer, old: &Checkpoint, new: &Checkpoint) -> bool {
    let proof = || verify_consistency::<Blake3>(old.size, &old.root, new.size, &new.root, &answer.proof);
    (answer.old, answer.new) == (old.size, new.size) && proof().is_ok()
}

/// Puts both checkpoints together, with a place where the trees differ if one can be had.
async fn contradiction(
    network: &impl Network,
    authority: &Authority,
    memory: &Memory,
    new: &Memory,
    how: Disagreement,
) -> Followed {
    let (known, leaves) = if memory.checkpoint.size == new.checkpoint.size {
        (memory.note.clone(), None)
    } else {
        match differing_leaves(network, memory, new).await {
            Some(leaves) => (memory.note.clone(), Some(leaves)),
            None => older_leaves(network, authority, memory, new).await,
        }
    };
    let file = equivocation(authority, &known, &new.note, leaves);
    Followed::Contradiction(Box::new(Contradicted { how, file }))
}

impl Contradicted {
    /// Whether the file proves it to anybody who knows the ledger's id.
    fn proves(&self, authority: &Authority) -> bool {
        self.file.verify(&authority.checkpoint_keys()).is_ok()
    }

    /// Writes the file down.
    pub(crate) fn keep(&self, disk: &impl Disk, authority: &Authority) {
        let Self { how, file } = self;
        let proves = self.proves(authority);
        if let Err(error) = durable::replace(disk, EQUIVOCATION_FILE, &file.to_canonical()) {
            tracing::error!(%error, a = file.a, b = file.b, "the contradiction could not be written down");
        }
        tracing::error!(reason = %how, proves, file = EQUIVOCATION_FILE, "ledger contradicts itself");
    }
}

/// Looks for an index at which the two trees hold different leaves: the entry that is remembered with one of them, and
/// whatever the service shows there in the other.
async fn differing_leaves(network: &impl Network, known: &Memory, new: &Memory) -> Option<Leaves> {
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
async fn older_leaves(
    network: &impl Network,
    authority: &Authority,
    memory: &Memory,
    new: &Memory,
) -> (String, Option<Leaves>) {
    for older in memory.older() {
        let a = &older.own;
        if let Ok(known) = authority.open_checkpoint(&older.note).map(|verified| verified.checkpoint)
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
    (memory.note.clone(), None)
}

/// What the service shows at `index` of the tree of `checkpoint`, if it proves to be there.
pub(crate) async fn shown(network: &impl Network, index: u64, checkpoint: &Checkpoint) -> Option<OwnEntry> {
    if index >= checkpoint.size {
        return None;
    }
    let path = format!("/api/ledger/proof/inclusion?index={index}&size={}", checkpoint.size);
    let response = network.send(Request::get(path)).await.ok()?;
    let answer: InclusionAnswer = read(&response).ok()?;
    verify_inclusion::<Blake3>(&answer.leaf, index, checkpoint.size, &answer.proof, &checkpoint.root).ok()?;
    Some(OwnEntry { index, leaf: answer.leaf, path: answer.proof })
}

/// Checks a note's signatures; asks for the ledger's newest authority if one is of an unknown key. The second part is
/// that authority, if it was asked for.
pub(crate) async fn open_checkpoint(
    network: &impl Network,
    authority: &Authority,
    note: &str,
) -> Result<(Verified, Option<Authority>), Unproven> {
    match authority.open_checkpoint(note) {
        Ok(verified) => Ok((verified, None)),
        Err(CheckpointError::Unknown(_)) => {
            let newer = newer_authority(network, authority).await?;
            let verified = newer.open_checkpoint(note)?;
            Ok((verified, Some(newer)))
        }
        Err(error) => Err(error.into()),
    }
}

/// The ledger's authority, from its id alone.
pub(crate) async fn authority_of(ledger: &Hash, network: &impl Network) -> Result<Authority, Unproven> {
    let response = network.send(Request::get("/api/ledger/authority")).await?;
    let answer: AuthorityAnswer = read(&response)?;
    Ok(Authority::verify(ledger, &answer.authority)?)
}

/// The ledger's newest authority, which must extend the one that is known.
pub(crate) async fn newer_authority(
    network: &impl Network,
    known: &Authority,
) -> Result<Authority, Unproven> {
    let response = network.send(Request::get("/api/ledger/authority")).await?;
    let answer: AuthorityAnswer = read(&response).map_err(|error| Unproven::NoAuthority(Box::new(error)))?;
    if !answer.authority.starts_with(known.records()) {
        return Err(Unproven::OtherAuthority);
    }
    Ok(Authority::verify(known.ledger(), &answer.authority)?)
}

/// Whether the service itself, not something in between, says that it has no such tree.
pub(crate) fn denies(response: &Response) -> bool {
    matches!(response.status, 400 | 404 | 409 | 416 | 422) && !Problem::read(&response.body).code.is_empty()
}
