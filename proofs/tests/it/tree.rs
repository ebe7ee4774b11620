//! Trees and tiles against ct-merkle, rs_merkle and a recursion written here from RFC 9162; corrupted
//! proofs after the patterns of the transparency-dev Merkle test data, for both faces.

use crate::util::{Face, damaged, distinct_leaf, flipped, leaf_bytes};
use chance::Chance;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proofs::tile::{
    MissingNode, NodeSource, TILE_WIDTH, TileId, Tiles, consistency_proof, inclusion_proof, node_in_row,
    root_at, tile_of,
};
use proofs::tree::{ProofError, consistency_ranges, verify_consistency, verify_inclusion};
use proofs::{Blake3, Frontier, Sha256, TreeHash};
use proptest::prelude::*;
use spec::Hash;
use std::collections::BTreeMap;

/// RFC 9162, 2.1.1, word for word.
fn mth<F: Face>(data: &[Vec<u8>]) -> Hash {
    match data {
        [] => F::digest(&[]),
        [one] => F::digest(&[&[0], one]),
        _ => {
            let (left, right) = data.split_at(largest_power_below(data.len()));
            F::digest(&[&[1], &mth::<F>(left).0, &mth::<F>(right).0])
        }
    }
}

fn largest_power_below(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// RFC 9162, 2.1.3.1.
fn path<F: Face>(m: usize, data: &[Vec<u8>]) -> Vec<Hash> {
    if data.len() == 1 {
        return Vec::new();
    }
    let k = largest_power_below(data.len());
    let (left, right) = data.split_at(k);
    let (mut proof, sibling) =
        if m < k { (path::<F>(m, left), mth::<F>(right)) } else { (path::<F>(m - k, right), mth::<F>(left)) };
    proof.push(sibling);
    proof
}

/// RFC 9162, 2.1.4.1.
fn subproof<F: Face>(m: usize, data: &[Vec<u8>], complete: bool) -> Vec<Hash> {
    if m == data.len() {
        return if complete { Vec::new() } else { vec![mth::<F>(data)] };
    }
    let k = largest_power_below(data.len());
    let (left, right) = data.split_at(k);
    let (mut proof, sibling) = if m <= k {
        (subproof::<F>(m, left, complete), mth::<F>(right))
    } else {
        (subproof::<F>(m - k, right, false), mth::<F>(left))
    };
    proof.push(sibling);
    proof
}

/// The sides on which a proof's hashes stand, from the leaf up.
fn sides(index: u64, size: u64) -> Vec<bool> {
    let (mut start, mut end, mut sides) = (0, size, Vec::new());
    while end - start > 1 {
        let mut k = 1;
        while k * 2 < end - start {
            k *= 2;
        }
        sides.push(index < start + k);
        if index < start + k { end = start + k } else { start += k }
    }
    sides.reverse();
    sides
}

/// The level of the node a consistency proof starts from, and the sides of the hashes above it.
fn consistency_shape(old: u64, new: u64) -> (bool, Vec<bool>) {
    let level = old.trailing_zeros();
    let up = sides(old - 1, new);
    // Within the complete subtree that ends the old tree nothing is proved.
    (old.is_power_of_two(), up[level as usize..].to_vec())
}

#[derive(Clone)]
struct Separating<F>(std::marker::PhantomData<F>);

impl<F: Face> rs_merkle::Hasher for Separating<F> {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        F::digest(&[&[1], data]).0
    }
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.chunks(32).map(|chunk| Hash(chunk.try_into().unwrap())).collect()
}

fn agree_at_every_size<F: Face>() {
    let mut frontier = Frontier::<F>::default();
    let mut tiles = Tiles::<F>::default();
    let mut ct = MemoryBackedTree::<F::Digest, Vec<u8>>::new();
    let mut data = Vec::new();
    let mut leaves = Vec::new();
    let mut roots = vec![mth::<F>(&[])];
    assert_eq!(frontier.root(), roots[0]);
    assert_eq!(tiles.root(), roots[0]);
    assert_eq!(root_at::<F>(&tiles, 0), Ok(roots[0]));
    for n in 1..=300_usize {
        let bytes = leaf_bytes(n);
        leaves.push(F::leaf(&bytes));
        frontier.push(F::leaf(&bytes));
        tiles.push(F::leaf(&bytes));
        ct.push(bytes.clone());
        data.push(bytes);
        let size = n as u64;
        let root = Hash(ct.root().as_bytes()[..].try_into().unwrap());
        assert_eq!(mth::<F>(&data), root, "{n}");
        assert_eq!((frontier.size(), frontier.root()), (size, root), "{n}");
        assert_eq!((tiles.size(), tiles.root()), (size, root), "{n}");
        let again = Frontier::<F>::from_parts(size, frontier.roots().to_vec()).unwrap();
        assert_eq!(again.root(), root);
        let plain: Vec<[u8; 32]> = leaves.iter().map(|leaf| leaf.0).collect();
        let rs = rs_merkle::MerkleTree::<Separating<F>>::from_leaves(&plain);
        assert_eq!(rs.root(), Some(root.0), "{n}");
        roots.push(root);

        for index in 0..size {
            let proof = inclusion_proof::<F>(&tiles, index, size).unwrap();
            let i = usize::try_from(index).unwrap();
            assert_eq!(proof, hashes(ct.prove_inclusion(i).as_bytes()), "{index} in {n}");
            assert_eq!(verify_inclusion::<F>(&leaves[i], index, size, &proof, &root), Ok(()));
            if n <= 40 {
                assert_eq!(proof, path::<F>(i, &data), "{index} in {n}");
                let from_rs: Vec<Hash> = rs.proof(&[i]).proof_hashes().iter().map(|h| Hash(*h)).collect();
                assert_eq!(proof, from_rs, "{index} in {n}");
            }
        }
        for old in 1..=size {
            let proof = consistency_proof::<F>(&tiles, old, size).unwrap();
            let m = usize::try_from(old).unwrap();
            if old < size {
                assert_eq!(proof, hashes(ct.prove_consistency(n - m).as_bytes()), "{old} to {n}");
            } else {
                assert!(proof.is_empty());
            }
            assert_eq!(root_at::<F>(&tiles, old), Ok(roots[m]));
            assert_eq!(verify_consistency::<F>(old, &roots[m], size, &root, &proof), Ok(()), "{old} to {n}");
            if n <= 40 {
                assert_eq!(proof, subproof::<F>(m, &data, true), "{old} to {n}");
            }
        }
        assert_eq!(verify_consistency::<F>(0, &roots[0], size, &root, &[]), Ok(()));
    }
    // Any smaller tree's proofs come out of the larger tree.
    for (index, size) in [(0, 1), (2, 3), (100, 129), (255, 256), (256, 257), (255, 299)] {
        let proof = inclusion_proof::<F>(&tiles, index, size).unwrap();
        let (i, n) = (usize::try_from(index).unwrap(), usize::try_from(size).unwrap());
        assert_eq!(proof, path::<F>(i, &data[..n]));
    }
}

#[test]
fn blake3_agrees_with_other_trees_at_every_size() {
    agree_at_every_size::<Blake3>();
}

#[test]
fn sha256_agrees_with_other_trees_at_every_size() {
    agree_at_every_size::<Sha256>();
}

/// Tiles in memory, with stored bottom rows behind them.
struct Stored<'a> {
    tiles: &'a Tiles<Blake3>,
    rows: &'a BTreeMap<TileId, Vec<Hash>>,
}

impl NodeSource for Stored<'_> {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        let stored = || node_in_row::<Blake3>(self.rows.get(&tile_of(level, index))?, level, index);
        self.tiles.node(level, index).or_else(stored)
    }
}

#[test]
fn three_levels_of_tiles_agree_with_ct_merkle() {
    let mut random = Chance(7);
    let mut stops: Vec<u64> = (0..6).map(|_| 300 + random.below(69_700)).collect();
    stops.extend([511, 512, 513, 65_535, 65_536, 65_537, 70_000]);
    stops.sort_unstable();
    let mut ct = MemoryBackedTree::<blake3::Hasher, Vec<u8>>::new();
    let mut tiles = Tiles::<Blake3>::default();
    let mut frontier = Frontier::<Blake3>::default();
    let mut rows = BTreeMap::new();
    let mut leaves = Vec::new();
    let mut roots: Vec<(u64, Hash)> = Vec::new();
    for size in stops {
        for i in leaves.len()..usize::try_from(size).unwrap() {
            let bytes = distinct_leaf(i);
            leaves.push(Blake3::leaf(&bytes));
            tiles.push(leaves[i]);
            frontier.push(leaves[i]);
            ct.push(bytes);
        }
        let root = Hash(ct.root().as_bytes()[..].try_into().unwrap());
        assert_eq!(tiles.root(), root, "{size}");
        assert_eq!(frontier.root(), root, "{size}");
        roots.push((size, root));

        // What is finished goes to the store; all of it below `size`, some of it stays in memory.
        rows.extend(tiles.finished().map(|(id, tile)| (id, tile.hashes().to_vec())));
        let keep_from = random.below(size + 1);
        tiles.forget_below(keep_from);
        for (id, _) in tiles.finished() {
            assert!((id.index + 1) * TILE_WIDTH.pow(id.level + 1) > keep_from, "{id:?} below {keep_from}");
        }
        let edge = tiles.edge_rows();
        if random.below(2) == 0 {
            tiles = Tiles::from_edge(size, &edge).unwrap();
        }
        assert_eq!(tiles.edge_rows(), edge);
        assert_eq!((tiles.size(), tiles.root()), (size, root));

        let source = Stored { tiles: &tiles, rows: &rows };
        for _ in 0..24 {
            let index = random.below(size);
            let i = usize::try_from(index).unwrap();
            let proof = inclusion_proof::<Blake3>(&source, index, size).unwrap();
            assert_eq!(proof, hashes(ct.prove_inclusion(i).as_bytes()), "{index} in {size}");
            assert_eq!(verify_inclusion::<Blake3>(&leaves[i], index, size, &proof, &root), Ok(()));
            let old = 1 + random.below(size - 1);
            let proof = consistency_proof::<Blake3>(&source, old, size).unwrap();
            let added = usize::try_from(size - old).unwrap();
            assert_eq!(proof, hashes(ct.prove_consistency(added).as_bytes()), "{old} to {size}");
            let old_root = root_at::<Blake3>(&source, old).unwrap();
            assert_eq!(verify_consistency::<Blake3>(old, &old_root, size, &root, &proof), Ok(()));
        }
        for (old, old_root) in &roots {
            assert_eq!(root_at::<Blake3>(&source, *old), Ok(*old_root), "{old} of {size}");
        }
    }
    assert_eq!(rows.keys().map(|id| id.level).max(), Some(1));
    assert_eq!(tiles.edge_rows().len(), 3);

    // Without the store the nodes of forgotten tiles are missing, and said to be.
    tiles.forget_below(u64::MAX);
    assert_eq!(tiles.finished().count(), 0);
    assert_eq!(inclusion_proof::<Blake3>(&tiles, 0, 70_000), Err(MissingNode { level: 0, index: 1 }));
    assert!(root_at::<Blake3>(&tiles, 70_001).is_err());
}

#[test]
fn only_tiles_wholly_below_are_forgotten() {
    let mut full = Tiles::<Blake3>::default();
    for _ in 0..700 {
        full.push(Hash([7; 32]));
    }
    let left = |size| {
        let mut tiles = full.clone();
        tiles.forget_below(size);
        tiles.finished().map(|(id, _)| id).collect::<Vec<_>>()
    };
    let tile = |index| TileId { level: 0, index };
    assert_eq!(left(0), [tile(0), tile(1)]);
    assert_eq!(left(255), [tile(0), tile(1)]);
    assert_eq!(left(256), [tile(1)]);
    assert_eq!(left(511), [tile(1)]);
    assert_eq!(left(512), []);
    // A tile of level 1 covers 65,536 leaves.
    let mut full = Tiles::<Blake3>::default();
    for _ in 0..65_536 {
        full.push(Hash([7; 32]));
    }
    for (size, count) in [(0, 257), (65_280, 2), (65_535, 2), (65_536, 0)] {
        let mut tiles = full.clone();
        tiles.forget_below(size);
        assert_eq!(tiles.finished().count(), count, "{size}");
    }
}

#[test]
fn an_edge_of_the_wrong_shape_is_refused() {
    let mut tiles = Tiles::<Blake3>::default();
    for size in 1..=600_u64 {
        tiles.push(Hash([7; 32]));
        let rows = tiles.edge_rows();
        assert_eq!(Tiles::<Blake3>::from_edge(size, &rows).unwrap().root(), tiles.root());
        assert!(Tiles::<Blake3>::from_edge(size + 1, &rows).is_none(), "{size}");
        assert!(Tiles::<Blake3>::from_edge(size - 1, &rows).is_none(), "{size}");
        assert!(Tiles::<Blake3>::from_edge(size, &rows[1..]).is_none(), "{size}");
    }
    assert!(Tiles::<Blake3>::from_edge(0, &[]).is_some_and(|tiles| tiles.size() == 0));
    assert!(Frontier::<Blake3>::from_parts(5, vec![Hash::ZERO]).is_none());
    assert!(Frontier::<Blake3>::from_parts(0, vec![Hash::ZERO]).is_none());
    assert_eq!(node_in_row::<Blake3>(&[Hash::ZERO; 3], 1, 1), None);
}

/// A proof that must be refused, as transparency-dev corrupts its own.
fn corrupted_inclusion_is_refused<F: Face>(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: Hash) {
    let check = |leaf: &Hash, index, size, proof: &[Hash], root: &Hash| {
        verify_inclusion::<F>(leaf, index, size, proof, root).is_ok()
    };
    assert!(check(&leaf, index, size, proof, &root));
    let at = format!("leaf {index} of {size}");
    for wrong in (0..size + 2).chain([index ^ 2, index + size, u64::MAX]) {
        if wrong != index {
            assert!(!check(&leaf, wrong, size, proof, &root), "{at}: index {wrong}");
        }
    }
    for wrong in [0, size / 2, size * 2, size * 2 + 1, u64::MAX] {
        if wrong != size {
            assert!(!check(&leaf, index, wrong, proof, &root), "{at}: size {wrong}");
        }
    }
    // A path of one shape cannot tell sizes apart; what signs the root says the size.
    for other in [size - 1, size + 1] {
        if index < other {
            let same_shape = sides(index, other) == sides(index, size);
            assert_eq!(check(&leaf, index, other, proof, &root), same_shape, "{at}: size {other}");
        }
    }
    let empty = F::digest(&[]);
    for wrong in [flipped(&root, 0), flipped(&root, 31), empty, Hash::ZERO, Hash([0xab; 32])] {
        assert!(!check(&leaf, index, size, proof, &wrong), "{at}: root");
    }
    if leaf != root {
        assert!(!check(&leaf, index, size, proof, &leaf), "{at}: leaf as root");
        assert!(!check(&root, index, size, proof, &root), "{at}: root as leaf");
    }
    for wrong in [flipped(&leaf, 0), flipped(&leaf, 31), empty, Hash::ZERO, F::leaf(b"WrongLeaf")] {
        assert!(!check(&wrong, index, size, proof, &root), "{at}: leaf");
    }
    for (what, list) in damaged(proof, &[root, leaf, Hash::ZERO, empty]) {
        assert!(!check(&leaf, index, size, &list, &root), "{at}: {what}");
    }
}

fn corrupted_consistency_is_refused<F: Face>(old: u64, root1: Hash, new: u64, root2: Hash, proof: &[Hash]) {
    let check = |old, root1: &Hash, new, root2: &Hash, proof: &[Hash]| {
        verify_consistency::<F>(old, root1, new, root2, proof).is_ok()
    };
    assert!(check(old, &root1, new, &root2, proof));
    let at = format!("{old} to {new}");
    for wrong in (0..=new + 1).chain([old ^ 2, old + new]) {
        if wrong != old {
            assert!(!check(wrong, &root1, new, &root2, proof), "{at}: old size {wrong}");
        }
    }
    for wrong in [0, new / 2, new * 2, new * 2 + 1, u64::MAX] {
        // Half of the new size may be the old size; then the roots differ.
        assert!(!check(old, &root1, wrong, &root2, proof), "{at}: new size {wrong}");
    }
    for other in [new - 1, new + 1] {
        if old < other {
            let same_shape = consistency_shape(old, other) == consistency_shape(old, new);
            assert_eq!(check(old, &root1, other, &root2, proof), same_shape, "{at}: new size {other}");
        }
    }
    let empty = F::digest(&[]);
    for wrong in [flipped(&root1, 0), flipped(&root1, 31), root2, empty, Hash::ZERO] {
        assert!(!check(old, &wrong, new, &root2, proof), "{at}: old root");
    }
    for wrong in [flipped(&root2, 0), flipped(&root2, 31), root1, empty, Hash::ZERO] {
        assert!(!check(old, &root1, new, &wrong, proof), "{at}: new root");
    }
    assert!(!check(old, &root2, new, &root1, proof), "{at}: swapped roots");
    assert!(!check(new, &root2, old, &root1, proof), "{at}: time travel");
    for (what, list) in damaged(proof, &[root1, root2, Hash::ZERO, empty]) {
        assert!(!check(old, &root1, new, &root2, &list), "{at}: {what}");
    }
}

fn corrupted_proofs_are_refused<F: Face>() {
    let mut tiles = Tiles::<F>::default();
    let leaves: Vec<Hash> = (0..67).map(|i| F::leaf(&distinct_leaf(i))).collect();
    for leaf in &leaves {
        tiles.push(*leaf);
    }
    // All small trees, and a few around larger powers of two.
    for size in (1..=17_u64).chain([31, 32, 33, 64, 67]) {
        let root = root_at::<F>(&tiles, size).unwrap();
        for index in 0..size {
            if size > 17 && index % 5 != 0 && index + 1 != size {
                continue;
            }
            let proof = inclusion_proof::<F>(&tiles, index, size).unwrap();
            let leaf = leaves[usize::try_from(index).unwrap()];
            corrupted_inclusion_is_refused::<F>(leaf, index, size, &proof, root);
        }
        for old in 1..size {
            if size > 17 && old % 5 != 0 && !old.is_power_of_two() {
                continue;
            }
            let proof = consistency_proof::<F>(&tiles, old, size).unwrap();
            let old_root = root_at::<F>(&tiles, old).unwrap();
            corrupted_consistency_is_refused::<F>(old, old_root, size, root, &proof);
        }
    }
}

#[test]
fn corrupted_blake3_proofs_are_refused() {
    corrupted_proofs_are_refused::<Blake3>();
}

#[test]
fn corrupted_sha256_proofs_are_refused() {
    corrupted_proofs_are_refused::<Sha256>();
}

#[test]
fn edge_cases_of_sizes() {
    let (one, two, empty) = (Hash([1; 32]), Hash([2; 32]), Hash::empty());
    let inclusion = |index, size, leaf: &Hash, root: &Hash, proof: &[Hash]| {
        verify_inclusion::<Blake3>(leaf, index, size, proof, root)
    };
    for (index, size) in [(0, 0), (1, 0), (1, 1), (2, 1), (u64::MAX, u64::MAX)] {
        assert_eq!(inclusion(index, size, &one, &one, &[]), Err(ProofError::Range), "{index} of {size}");
        assert_eq!(inclusion(index, size, &one, &empty, &[]), Err(ProofError::Range));
    }
    assert_eq!(inclusion(0, 1, &one, &one, &[]), Ok(()));
    assert_eq!(inclusion(0, 1, &one, &two, &[]), Err(ProofError::Root));
    assert_eq!(inclusion(0, 1, &one, &one, &[two]), Err(ProofError::Length));

    let consistency = |old, root1: &Hash, new, root2: &Hash, proof: &[Hash]| {
        verify_consistency::<Blake3>(old, root1, new, root2, proof)
    };
    assert_eq!(consistency(0, &empty, 0, &empty, &[]), Ok(()));
    assert_eq!(consistency(0, &empty, 1, &two, &[]), Ok(()));
    assert_eq!(consistency(1, &one, 1, &one, &[]), Ok(()));
    assert_eq!(consistency(u64::MAX, &one, u64::MAX, &one, &[]), Ok(()));
    // A tree without leaves has one root only, in either place.
    assert_eq!(consistency(0, &one, 0, &one, &[]), Err(ProofError::Root));
    assert_eq!(consistency(0, &one, 1, &two, &[]), Err(ProofError::Root));
    assert_eq!(consistency(0, &empty, 0, &two, &[]), Err(ProofError::Root));
    assert_eq!(consistency(1, &one, 1, &two, &[]), Err(ProofError::Root));
    assert_eq!(consistency(1, &one, 0, &empty, &[]), Err(ProofError::Range));
    assert_eq!(consistency(2, &one, 1, &one, &[]), Err(ProofError::Range));
    assert_eq!(consistency(1, &one, 2, &two, &[]), Err(ProofError::Length));
    assert_eq!(consistency(3, &one, 4, &two, &[]), Err(ProofError::Length));
    for (old, new) in [(0, 0), (0, 1), (1, 1)] {
        assert_eq!(consistency(old, &empty, new, &empty, &[empty]), Err(ProofError::Length));
    }

    let tiles = Tiles::<Blake3>::default();
    assert_eq!(inclusion_proof::<Blake3>(&tiles, 0, 1), Ok(Vec::new()));
    for size in [0, 3] {
        assert_eq!(inclusion_proof::<Blake3>(&Everything, size, size), Ok(Vec::new()));
    }
    assert!(consistency_ranges(4, 3).is_empty() && consistency_ranges(0, 3).is_empty());
    // The largest sizes do not overflow.
    let length = |index| inclusion_proof::<Blake3>(&Everything, index, u64::MAX).unwrap().len();
    assert_eq!((length(u64::MAX - 1), length(0)), (63, 64));
    assert_eq!(consistency_ranges(u64::MAX - 1, u64::MAX).len(), 64);
}

/// No node that is not leaf `index` passes for it, whatever part of any path comes with it.
#[test]
fn an_inner_node_is_no_leaf() {
    let mut tiles = Tiles::<Blake3>::default();
    for i in 0..16 {
        tiles.push(Blake3::leaf(&distinct_leaf(i)));
    }
    for size in 1..=16_u64 {
        let root = root_at::<Blake3>(&tiles, size).unwrap();
        let mut nodes = vec![(u32::MAX, 0, root)];
        for level in 0..=4 {
            let complete = size >> level;
            nodes.extend((0..complete).map(|n| (level, n, tiles.node(level, n).unwrap())));
        }
        let mut proofs: Vec<Vec<Hash>> = vec![Vec::new()];
        for index in 0..size {
            let proof = inclusion_proof::<Blake3>(&tiles, index, size).unwrap();
            for from in 0..=proof.len() {
                proofs.extend((from..=proof.len()).map(|to| proof[from..to].to_vec()));
            }
        }
        for (level, number, node) in &nodes {
            for index in 0..size {
                let is_leaf = *level == 0 && *number == index || size == 1;
                for proof in &proofs {
                    let accepted = verify_inclusion::<Blake3>(node, index, size, proof, &root).is_ok();
                    let honest = is_leaf && *proof == inclusion_proof::<Blake3>(&tiles, index, size).unwrap();
                    assert_eq!(accepted, honest, "node {level}/{number} as leaf {index} of {size}");
                }
            }
        }
    }
    // And the bytes that hash to an inner node are not a leaf's bytes.
    let (left, right) = (tiles.node(0, 0).unwrap(), tiles.node(0, 1).unwrap());
    let parent = tiles.node(1, 0).unwrap();
    let bytes = [&left.0[..], &right.0].concat();
    assert_eq!(Blake3::digest(&[&[1], &bytes]), parent);
    for forged in [bytes.clone(), [&[1], &bytes[..]].concat(), [&[0, 1], &bytes[..]].concat()] {
        assert_ne!(Blake3::leaf(&forged), parent);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_leaves_agree(data in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..120), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let mut frontier = Frontier::<Sha256>::default();
        let mut tiles = Tiles::<Blake3>::default();
        for bytes in &data {
            frontier.push(Sha256::leaf(bytes));
            tiles.push(Blake3::leaf(bytes));
        }
        prop_assert_eq!(frontier.root(), mth::<Sha256>(&data));
        prop_assert_eq!(tiles.root(), mth::<Blake3>(&data));
        let (index, size) = (a.index(data.len()), data.len() as u64);
        let proof = inclusion_proof::<Blake3>(&tiles, index as u64, size).unwrap();
        prop_assert_eq!(&proof, &path::<Blake3>(index, &data));
        let leaf = Blake3::leaf(&data[index]);
        prop_assert_eq!(verify_inclusion::<Blake3>(&leaf, index as u64, size, &proof, &tiles.root()), Ok(()));
        let old = 1 + b.index(data.len());
        let proof = consistency_proof::<Blake3>(&tiles, old as u64, size).unwrap();
        prop_assert_eq!(&proof, &subproof::<Blake3>(old, &data, true));
        let old_root = mth::<Blake3>(&data[..old]);
        prop_assert_eq!(verify_consistency::<Blake3>(old as u64, &old_root, size, &tiles.root(), &proof), Ok(()));
    }
}

/// A source that has every node.
struct Everything;

impl NodeSource for Everything {
    fn node(&self, _: u32, _: u64) -> Option<Hash> {
        Some(Hash::ZERO)
    }
}
