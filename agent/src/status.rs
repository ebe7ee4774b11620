//! What an agent's state directory says, read beside a running agent.

use crate::chain::drops::Drops;
use crate::chain::refusals::{Refusal, Refusals};
use crate::chain::spool::scan::{Scan, Tail};
use crate::disk::Disk;
use crate::identity::node::{Node, NodeError};
use crate::trust::memory::{CHECKPOINT_FILE, EQUIVOCATION_FILE, Memory};
use serde::Serialize;
use spec::{Hash, PublicKey, Uuid};
use std::collections::BTreeMap;
use std::io;

/// The state directory says nothing.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// There is no node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The state of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The node.
    pub node_id: Uuid,
    /// Its public key.
    pub key: PublicKey,
    /// The key that comes, while the ledger has not said that it knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_key: Option<PublicKey>,
    /// Position of the newest signed event in the node's chain; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<u64>,
    /// Events that wait for their receipts.
    pub spool_depth: usize,
    /// Events dropped since enrolment.
    pub dropped: u64,
    /// Events that the ledger refused for good since enrolment, by the code of the refusal.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, u64>,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refusal: Option<Refusal>,
    /// The newest checkpoint that was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_checkpoint: Option<LastCheckpoint>,
    /// Why the agent sends nothing more, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<&'static str>,
}

/// A checkpoint in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastCheckpoint {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
    /// The ledger's origin.
    pub origin: String,
}

impl Status {
    /// Reads the state; takes no lock and changes nothing.
    pub fn read(disk: &impl Disk) -> Result<Self, StatusError> {
        let (node, authority) = Node::load(disk)?;
        let scan = settled_scan(disk)?;
        let memory = Memory::load(disk, CHECKPOINT_FILE, &authority)
            .ok()
            .flatten()
            .or_else(|| Memory::new(node.enrolment().checkpoint.clone(), None, &authority).ok());
        let refusals = Refusals::load(disk)?;
        let stopped = disk.len(EQUIVOCATION_FILE)?.is_some();
        Ok(Self {
            node_id: node.identity().node_id,
            key: node.identity().public(),
            next_key: node.next_key(),
            last_seq: scan.next.and_then(|next| next.seq.checked_sub(1)),
            spool_depth: scan.slots.len() - scan.acknowledged,
            dropped: Drops::load(disk, None)?.total,
            refused: refusals.by_code,
            last_refusal: refusals.last,
            last_checkpoint: memory.map(|memory| LastCheckpoint {
                size: memory.checkpoint.size,
                root: memory.checkpoint.root,
                origin: memory.checkpoint.origin,
            }),
            stopped: stopped.then_some("ledger contradicts itself"),
        })
    }
}

/// The spool as it stands. A running agent may replace the file while it is read; what looks damaged is
/// therefore looked at again.
fn settled_scan(disk: &impl Disk) -> io::Result<Scan> {
    let mut scan = Scan::read(disk)?;
    for _ in 0..3 {
        if matches!(scan.tail, Tail::Clean | Tail::Torn) {
            break;
        }
        scan = Scan::read(disk)?;
    }
    Ok(scan)
}
