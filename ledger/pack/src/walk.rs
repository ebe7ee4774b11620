//! What follows from the entries before: packer and reader walk the same way, so that the one leaves out what the other
//! finds again.

use proofs::Blake3;
use proofs::tree::Frontier;
use spec::{ChainLink, Epoch, Hash, Lane, Name, PublicKey};
use std::collections::BTreeMap;

/// What the next entry would say of its place, in the order of the log.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Its seq.
    pub(crate) seq: u64,
    prev: Option<Hash>,
    lanes: BTreeMap<Name, Lane>,
    tree: Option<Frontier<Blake3>>,
}

impl Walk {
    pub(crate) fn new(first: u64, tree: Option<Frontier<Blake3>>) -> Self {
        Self { seq: first, prev: None, lanes: BTreeMap::new(), tree }
    }

    /// Leaf of the entry before, within the segment.
    pub(crate) fn prev(&self) -> Option<Hash> {
        self.prev
    }

    /// Place within an organisation that has an entry in the segment already.
    pub(crate) fn lane(&self, org: &Name) -> Option<Lane> {
        self.lanes.get(org).copied()
    }

    /// Root of the tree.
    pub(crate) fn root(&self) -> Option<Hash> {
        self.tree.as_ref().map(Frontier::root)
    }

    /// Goes over an entry of an organisation, number `n` of it.
    pub(crate) fn over(&mut self, org: &Name, n: u64, leaf: Hash) {
        self.seq += 1;
        self.prev = Some(leaf);
        self.lanes.insert(org.clone(), Lane { n: n.saturating_add(1), prev: leaf });
        if let Some(tree) = &mut self.tree {
            tree.push(leaf);
        }
    }

    /// Goes over a line that is kept as it is: nothing follows from it.
    pub(crate) fn over_line(&mut self) {
        *self = Self::new(self.seq + 1, None);
    }
}

/// The author chains within a row group, in the order of its rows.
#[derive(Debug, Default)]
pub(crate) struct Chains(BTreeMap<(PublicKey, Epoch), (u64, Hash)>);

impl Chains {
    /// What `prev` of a link would be: the hash of the event before, if that is in the row group.
    pub(crate) fn prev(&self, key: PublicKey, link: &ChainLink) -> Option<Hash> {
        let (seq, hash) = self.0.get(&(key, link.epoch))?;
        (seq.checked_add(1) == Some(link.seq)).then_some(*hash)
    }

    /// Goes over a link.
    pub(crate) fn over(&mut self, key: PublicKey, link: &ChainLink, hash: Hash) {
        self.0.insert((key, link.epoch), (link.seq, hash));
    }
}
