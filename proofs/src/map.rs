//! The compact sparse Merkle map: one root over a set of keys, with proofs of presence and absence.
//!
//! ```text
//! path          = BLAKE3(domain ‖ raw key), bits most significant first
//! no member     BLAKE3("")
//! one member    BLAKE3(12 ‖ path ‖ J(value))
//! more          BLAKE3(13 ‖ u8 i ‖ M(bit i = 0) ‖ M(bit i = 1)),  i the first bit in which members differ
//! ```
//!
//! A member at path 8000… alone has the root of "one member"; a second one at path 4000… differs from it
//! in bit 0 and makes a branch `BLAKE3(13 ‖ 00 ‖ leaf of 4000… ‖ leaf of 8000…)`.
//!
//! A proof lists the branches from the root down to the member where a search for a path ends. If that
//! member has the path, it is present; if it has another, nothing is at the path. Both verifiers hash the
//! member from its path and value and trust no hash but the root.

use serde::{Deserialize, Serialize};
use spec::{Domain, Hash};

/// A map held in memory: paths and leaf hashes; the values stay with the caller.
///
/// An update costs O(log n) hashes. The root is a function of the members alone, whatever the order in
/// which they came.
#[derive(Debug, Clone, Default)]
pub struct SparseMap {
    root: Option<Node>,
}

#[derive(Debug, Clone)]
enum Node {
    Leaf { path: Hash, hash: Hash },
    Branch { bit: u8, hash: Hash, children: Box<[Self; 2]> },
}

/// One step of a proof, from the root down: the bit that was asked and the hash of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Which bit of the path decides here.
    pub bit: u8,
    /// Hash of the side not taken.
    pub sibling: Hash,
}

/// The path of a member: `BLAKE3(domain ‖ raw key)`.
pub fn path(domain: Domain, key: &[u8]) -> Hash {
    Hash::of(domain, &[key])
}

/// Hash of a map with this one member.
pub fn leaf_hash(path: &Hash, value: &[u8]) -> Hash {
    Hash::of(Domain::MapLeaf, &[&path.0, value])
}

fn branch_hash(bit: u8, zero: &Hash, one: &Hash) -> Hash {
    Hash::of(Domain::MapBranch, &[&[bit], &zero.0, &one.0])
}

fn bit_of(path: &Hash, bit: u8) -> usize {
    let byte = path.0.get(usize::from(bit / 8)).copied().unwrap_or(0);
    usize::from(byte >> (7 - bit % 8) & 1)
}

/// The first bit in which two different paths differ.
fn first_difference(a: &Hash, b: &Hash) -> Option<u8> {
    let (i, x) = a.0.iter().zip(&b.0).map(|(a, b)| a ^ b).enumerate().find(|(_, x)| *x != 0)?;
    u8::try_from(i * 8 + x.leading_zeros() as usize).ok()
}

impl Node {
    fn hash(&self) -> Hash {
        match self {
            Self::Leaf { hash, .. } | Self::Branch { hash, .. } => *hash,
        }
    }

    fn branch(bit: u8, children: [Self; 2]) -> Self {
        let [zero, one] = &children;
        Self::Branch { bit, hash: branch_hash(bit, &zero.hash(), &one.hash()), children: Box::new(children) }
    }

    /// The member a search for `path` ends at: the one it could only be confused with.
    fn nearest(&self, path: &Hash) -> Hash {
        match self {
            Self::Leaf { path, .. } => *path,
            Self::Branch { bit, children, .. } => {
                let [zero, one] = &**children;
                if bit_of(path, *bit) == 0 { zero } else { one }.nearest(path)
            }
        }
    }

    /// Puts a leaf below this node; `differs` is the first bit in which it differs from its nearest.
    fn put(self, path: &Hash, leaf: Hash, differs: Option<u8>) -> Self {
        match (self, differs) {
            (Self::Branch { bit, children, .. }, differs) if differs.is_none_or(|d| bit < d) => {
                let [zero, one] = *children;
                if bit_of(path, bit) == 0 {
                    Self::branch(bit, [zero.put(path, leaf, differs), one])
                } else {
                    Self::branch(bit, [zero, one.put(path, leaf, differs)])
                }
            }
            (other, Some(bit)) => {
                let new = Self::Leaf { path: *path, hash: leaf };
                Self::branch(bit, if bit_of(path, bit) == 0 { [new, other] } else { [other, new] })
            }
            (_, None) => Self::Leaf { path: *path, hash: leaf },
        }
    }
}

impl SparseMap {
    /// The root: all that a checkpoint commits to.
    pub fn root(&self) -> Hash {
        self.root.as_ref().map_or_else(Hash::empty, Node::hash)
    }

    /// Sets the value at `path`, given in canonical JSON.
    pub fn insert(&mut self, path: &Hash, value: &[u8]) {
        let leaf = leaf_hash(path, value);
        self.root = Some(match self.root.take() {
            None => Node::Leaf { path: *path, hash: leaf },
            Some(root) => {
                let differs = first_difference(&root.nearest(path), path);
                root.put(path, leaf, differs)
            }
        });
    }

    /// The steps from the root to where a search for `path` ends, and the path of the member found there.
    ///
    /// If that is `path`, the steps prove presence, else absence. `None` for an empty map.
    pub fn prove(&self, path: &Hash) -> Option<(Vec<Step>, Hash)> {
        let mut steps = Vec::new();
        let mut node = self.root.as_ref()?;
        loop {
            match node {
                Node::Leaf { path, .. } => return Some((steps, *path)),
                Node::Branch { bit, children, .. } => {
                    let [zero, one] = &**children;
                    let (taken, other) = if bit_of(path, *bit) == 0 { (zero, one) } else { (one, zero) };
                    steps.push(Step { bit: *bit, sibling: other.hash() });
                    node = taken;
                }
            }
        }
    }
}

/// Whether the map with `root` holds `value` (canonical JSON) at `path`.
///
/// The leaf is hashed here, from path and value: a hash that the prover names instead would be bound to
/// neither, and any inner node could pass for it.
pub fn verify_presence(root: &Hash, path: &Hash, value: &[u8], steps: &[Step]) -> bool {
    if !steps.is_sorted_by(|a, b| a.bit < b.bit) {
        return false;
    }
    let top = steps.iter().rev().fold(leaf_hash(path, value), |hash, step| {
        if bit_of(path, step.bit) == 0 {
            branch_hash(step.bit, &hash, &step.sibling)
        } else {
            branch_hash(step.bit, &step.sibling, &hash)
        }
    });
    top == *root
}

/// Whether the map with `root` holds nothing at `path`: a search for it ends at another member.
///
/// `found` is that member's path and value; absent for an empty map. The value is needed because it is
/// all that ties the other path to the hashes.
pub fn verify_absence(root: &Hash, path: &Hash, found: Option<(&Hash, &[u8])>, steps: &[Step]) -> bool {
    match found {
        None => *root == Hash::empty() && steps.is_empty(),
        Some((other, value)) => {
            other != path
                && steps.iter().all(|step| bit_of(other, step.bit) == bit_of(path, step.bit))
                && verify_presence(root, other, value, steps)
        }
    }
}
