//! The Merkle tree of RFC 9162, section 2.1, over any hash.
//!
//! ```text
//! MTH({})       = HASH("")
//! MTH({d})      = HASH(00 ‖ d)
//! MTH(D[0:n])   = HASH(01 ‖ MTH(D[0:k]) ‖ MTH(D[k:n])),  k the largest power of two below n
//! ```
//!
//! Two instances run over the same leaf bytes: [`Blake3`], the native face, and [`Sha256`], the face that
//! C2SP tools read. Proofs are the lists of hashes RFC 9162 describes, in its order.

use spec::{Domain, Hash};
use std::marker::PhantomData;

/// The three hashes a tree is made of.
pub trait TreeHash: Copy + Default + std::fmt::Debug + Send + Sync + 'static {
    /// Hash of an empty tree.
    fn empty() -> Hash;
    /// Hash of a leaf's bytes.
    fn leaf(bytes: &[u8]) -> Hash;
    /// Hash of two subtrees.
    fn node(left: &Hash, right: &Hash) -> Hash;
}

/// The native face.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blake3;

impl TreeHash for Blake3 {
    fn empty() -> Hash {
        Hash::empty()
    }

    fn leaf(bytes: &[u8]) -> Hash {
        Hash::of(Domain::Leaf, &[bytes])
    }

    fn node(left: &Hash, right: &Hash) -> Hash {
        let mut input = [Domain::Node as u8; 65];
        if let Some(slot) = input.get_mut(1..33) {
            slot.copy_from_slice(&left.0);
        }
        if let Some(slot) = input.get_mut(33..65) {
            slot.copy_from_slice(&right.0);
        }
        Hash(*blake3::hash(&input).as_bytes())
    }
}

/// The standard face: RFC 6962 and C2SP `tlog-tiles`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sha256;

impl Sha256 {
    fn digest(parts: &[&[u8]]) -> Hash {
        use sha2::Digest as _;
        let mut hasher = sha2::Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Hash(hasher.finalize().into())
    }
}

impl TreeHash for Sha256 {
    fn empty() -> Hash {
        Self::digest(&[])
    }

    fn leaf(bytes: &[u8]) -> Hash {
        Self::digest(&[&[0], bytes])
    }

    fn node(left: &Hash, right: &Hash) -> Hash {
        Self::digest(&[&[1], &left.0, &right.0])
    }
}

/// The right edge of a growing tree: all that appending and the root need, O(log n) hashes.
#[derive(Debug, Clone, Default)]
pub struct Frontier<H> {
    size: u64,
    /// Roots of the complete subtrees, largest first: one for each 1 bit of `size`.
    roots: Vec<Hash>,
    hash: PhantomData<H>,
}

impl<H: TreeHash> Frontier<H> {
    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the complete subtrees, largest first.
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// A frontier from its parts; `None` if `roots` does not have one hash for each 1 bit of `size`.
    pub fn from_parts(size: u64, roots: Vec<Hash>) -> Option<Self> {
        (roots.len() == size.count_ones() as usize).then_some(Self { size, roots, hash: PhantomData })
    }

    /// Appends a leaf by its hash. Amortised one node hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = H::node(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut subtrees = self.roots.iter().rev();
        let Some(last) = subtrees.next() else { return H::empty() };
        subtrees.fold(*last, |right, left| H::node(left, &right))
    }
}

/// A range of leaves whose subtree hash a proof contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First leaf.
    pub start: u64,
    /// Leaf after the last.
    pub end: u64,
}

impl Range {
    /// The complete subtrees `(level, index)` the range consists of, left to right; `index` counts
    /// subtrees of `2^level` leaves.
    pub fn nodes(self) -> Vec<(u32, u64)> {
        let mut nodes = Vec::new();
        let mut start = self.start;
        while start < self.end {
            let fits = (self.end - start).ilog2();
            let level = if start == 0 { fits } else { fits.min(start.trailing_zeros()) };
            nodes.push((level, start >> level));
            start += 1 << level;
        }
        nodes
    }
}

/// The largest power of two below `n`; `n` is at least 2.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The subtrees whose hashes prove that the tree of `new` extends the tree of `old` (RFC 9162, 2.1.4.1).
///
/// Empty when `old` is 0 or not below `new`: such a pair needs no hashes or has no proof.
pub fn consistency_ranges(old: u64, new: u64) -> Vec<Range> {
    let mut ranges = Vec::new();
    if old == 0 || old >= new {
        return ranges;
    }
    let (mut start, mut end) = (0, new);
    // Whether what is left of the old tree is the whole old tree, whose hash the verifier has.
    let mut whole = true;
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            ranges.push(Range { start: middle, end });
            end = middle;
        } else {
            ranges.push(Range { start, end: middle });
            start = middle;
            whole = false;
        }
    }
    if !whole {
        ranges.push(Range { start, end });
    }
    ranges.reverse();
    ranges
}

/// Hash of a range from the hashes of its complete subtrees, as [`Range::nodes`] lists them.
pub fn join<H: TreeHash>(nodes: &[Hash]) -> Option<Hash> {
    let (last, rest) = nodes.split_last()?;
    Some(rest.iter().rev().fold(*last, |right, left| H::node(left, &right)))
}

/// The reason why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index is not below the size, or the old size is above the new.
    #[error("the proof is about a leaf or size that the tree does not have")]
    Range,
    /// More or fewer hashes than a proof of this shape has.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the root")]
    Root,
}

/// Checks that `leaf` is leaf `index` of the tree with `size` leaves and `root` (RFC 9162, 2.1.3.2).
///
/// The proof binds `leaf` and `index` to `root` for the given `size`; it does not prove `size`, since trees
/// of neighbouring sizes can share a path's shape. Take `size` and `root` together from a signed
/// checkpoint, and `leaf` from [`TreeHash::leaf`] over bytes, never from the prover.
pub fn verify_inclusion<H: TreeHash>(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Range);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            hash = H::node(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = H::node(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree with `new` leaves and `new_root` extends the tree with `old` leaves and
/// `old_root` (RFC 9162, 2.1.4.2). An empty old tree is extended by every tree, with an empty proof.
///
/// As with inclusion, each size is believed together with its root: take both from signed checkpoints.
pub fn verify_consistency<H: TreeHash>(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Range);
    }
    if old == new || old == 0 {
        if !proof.is_empty() {
            return Err(ProofError::Length);
        }
        // A tree without leaves has one root, whichever of the two it is.
        let old_holds = old != 0 || *old_root == H::empty();
        let new_holds = old != new || *old_root == *new_root;
        return if old_holds && new_holds { Ok(()) } else { Err(ProofError::Root) };
    }
    let (first, rest) = if old.is_power_of_two() {
        (*old_root, proof)
    } else {
        let (first, rest) = proof.split_first().ok_or(ProofError::Length)?;
        (*first, rest)
    };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut from_old, mut from_new) = (first, first);
    for hash in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            from_old = H::node(hash, &from_old);
            from_new = H::node(hash, &from_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = H::node(&from_new, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if from_old == *old_root && from_new == *new_root { Ok(()) } else { Err(ProofError::Root) }
}
