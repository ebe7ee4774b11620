//! What several modules need: faces with a second implementation, a history to seal, mutations of proofs.

use ct_merkle::digest::Digest;
use proofs::tile::{self, Tiles};
use proofs::{Blake3, Checkpoint, Sha256, SigningKey, TreeHash};
use spec::Hash;

/// A face of the tree with the digest that other implementations take for it.
pub(crate) trait Face: TreeHash {
    type Digest: Digest + Clone;

    /// The digest of the parts, computed without `proofs`.
    fn digest(parts: &[&[u8]]) -> Hash {
        let mut digest = Self::Digest::new();
        for part in parts {
            digest.update(part);
        }
        Hash(digest.finalize()[..].try_into().unwrap())
    }
}

impl Face for Blake3 {
    type Digest = blake3::Hasher;
}

impl Face for Sha256 {
    type Digest = sha2::Sha256;
}

/// Bytes of leaf `i`: of different lengths, the empty one among them.
pub(crate) fn leaf_bytes(i: usize) -> Vec<u8> {
    i.to_le_bytes().iter().copied().cycle().take(i % 11).chain(i.to_string().bytes().take(i % 7)).collect()
}

/// Leaf bytes that differ for every `i`.
pub(crate) fn distinct_leaf(i: usize) -> Vec<u8> {
    format!("leaf {i}").into_bytes()
}

/// The hash with one bit of byte `byte` turned.
pub(crate) fn flipped(hash: &Hash, byte: usize) -> Hash {
    let mut hash = *hash;
    hash.0[byte] ^= 8;
    hash
}

/// Every way in which the list of a proof is damaged here; none equals `proof`.
pub(crate) fn damaged(proof: &[Hash], others: &[Hash]) -> Vec<(String, Vec<Hash>)> {
    let mut out: Vec<(String, Vec<Hash>)> = Vec::new();
    let mut add = |what: String, list: Vec<Hash>| out.push((what, list));
    for other in others {
        add(format!("trailing {other}"), [proof, &[*other]].concat());
        add(format!("preceding {other}"), [&[*other], proof].concat());
        for i in 0..proof.len() {
            add(format!("inserted {other} at {i}"), [&proof[..i], &[*other], &proof[i..]].concat());
            add(format!("{other} in place of {i}"), [&proof[..i], &[*other], &proof[i + 1..]].concat());
        }
    }
    for i in 0..proof.len() {
        add(format!("removed {i}"), [&proof[..i], &proof[i + 1..]].concat());
        add(format!("duplicated {i}"), [&proof[..=i], &proof[i..]].concat());
        add(format!("truncated to {i}"), proof[..i].to_vec());
        add(format!("without the first {}", i + 1), proof[i + 1..].to_vec());
        for byte in [0, 15, 31] {
            let mut list = proof.to_vec();
            list[i] = flipped(&list[i], byte);
            add(format!("bit of byte {byte} of {i}"), list);
        }
        for j in 0..i {
            let mut list = proof.to_vec();
            list.swap(i, j);
            add(format!("swapped {j} and {i}"), list);
        }
    }
    add("empty".to_owned(), Vec::new());
    add("reversed".to_owned(), proof.iter().rev().copied().collect());
    add("twice".to_owned(), [proof, proof].concat());
    out.retain(|(_, list)| list != proof);
    out
}

/// A ledger's key and name, for notes.
pub(crate) struct Ledger {
    pub(crate) key: SigningKey,
    pub(crate) id: Hash,
    pub(crate) origin: String,
}

impl Ledger {
    pub(crate) fn new(seed: u8) -> Self {
        let id = Hash([seed; 32]);
        let origin = proofs::checkpoint::origin("example.org", &id);
        Self { key: SigningKey::from_seed(&[seed; 32]), id, origin }
    }

    /// The checkpoint of `size` over a tree.
    pub(crate) fn checkpoint(&self, tree: &Tiles<Blake3>, size: u64) -> Checkpoint {
        let root = tile::root_at::<Blake3>(tree, size).unwrap();
        Checkpoint {
            origin: self.origin.clone(),
            size,
            root,
            keys: Hash([2; 32]),
            lanes: Hash([3; 32]),
            sha256: Hash([4; 32]),
        }
    }

    /// The same as a signed note.
    pub(crate) fn note(&self, tree: &Tiles<Blake3>, size: u64) -> String {
        self.checkpoint(tree, size).sign(&self.key, 1_800_000_000 + size).to_string()
    }
}

/// A tree over [`distinct_leaf`]s, with the leaf at `other` replaced.
pub(crate) fn tree_with(size: usize, other: Option<usize>) -> Tiles<Blake3> {
    let mut tree = Tiles::default();
    for i in 0..size {
        let bytes = if other == Some(i) { b"another leaf".to_vec() } else { distinct_leaf(i) };
        tree.push(Blake3::leaf(&bytes));
    }
    tree
}
