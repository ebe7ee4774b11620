//! Inclusion and consistency proofs: made from tiles in memory, and checked.

use crate::report::{rate, row};
use proofs::tile::{Tiles, consistency_proof, inclusion_proof};
use proofs::tree::{verify_consistency, verify_inclusion};
use proofs::{Blake3, Frontier, Sha256, TreeHash};
use spec::{Domain, Hash};

/// Proofs in a round.
const PROOFS: u64 = 2000;

pub(crate) fn run(events: usize) {
    let size = events as u64;
    let leaves: Vec<Hash> = (0..size).map(|i| Hash::of(Domain::Leaf, &[&i.to_be_bytes()])).collect();
    row("push and root, BLAKE3", rate(events, || push::<Blake3>(&leaves)), &[]);
    row("push and root, SHA-256", rate(events, || push::<Sha256>(&leaves)), &[]);
    let mut tiles = Tiles::<Blake3>::default();
    for leaf in &leaves {
        tiles.push(*leaf);
    }
    let root = tiles.root();
    let places: Vec<u64> = (0..PROOFS).map(|i| i * 7919 % size).collect();
    let units = places.len();
    let build = || places.iter().map(|seq| inclusion_proof::<Blake3>(&tiles, *seq, size).unwrap()).collect();
    let mut proofs: Vec<Vec<Hash>> = build();
    row(&format!("inclusion proof in {size}: made"), rate(units, || proofs = build()), &[]);
    let check = || {
        for (seq, proof) in places.iter().zip(&proofs) {
            let leaf = &leaves[usize::try_from(*seq).unwrap()];
            verify_inclusion::<Blake3>(leaf, *seq, size, proof, &root).unwrap();
        }
    };
    row(&format!("inclusion proof in {size}: checked"), rate(units, check), &[]);
    let olds: Vec<u64> = places.iter().map(|old| old + 1).collect();
    let roots: Vec<Hash> = {
        let mut frontier = Frontier::<Blake3>::default();
        let all: Vec<Hash> = leaves
            .iter()
            .map(|leaf| {
                frontier.push(*leaf);
                frontier.root()
            })
            .collect();
        olds.iter().map(|old| all[usize::try_from(*old - 1).unwrap()]).collect()
    };
    let build = || olds.iter().map(|old| consistency_proof::<Blake3>(&tiles, *old, size).unwrap()).collect();
    let mut proofs: Vec<Vec<Hash>> = build();
    row(&format!("consistency proof to {size}: made"), rate(units, || proofs = build()), &[]);
    let check = || {
        for ((old, old_root), proof) in olds.iter().zip(&roots).zip(&proofs) {
            verify_consistency::<Blake3>(*old, old_root, size, &root, proof).unwrap();
        }
    };
    row(&format!("consistency proof to {size}: checked"), rate(units, check), &[]);
}

fn push<H: TreeHash>(leaves: &[Hash]) {
    let mut frontier = Frontier::<H>::default();
    for leaf in leaves {
        frontier.push(*leaf);
        std::hint::black_box(frontier.root());
    }
}
