//! The sparse map against its definition, written here as a recursion over all members.

use proofs::SparseMap;
use proofs::map::{self, Step, leaf_hash, verify_absence, verify_presence};
use proptest::prelude::*;
use spec::{Domain, Hash};
use std::collections::BTreeMap;

type Members = BTreeMap<Hash, Vec<u8>>;

fn bit(path: &Hash, i: usize) -> bool {
    path.0[i / 8] & (0x80 >> (i % 8)) != 0
}

/// The definition: no member, one member, or a branch at the first bit in which members differ.
fn naive(members: &[(Hash, Vec<u8>)]) -> Hash {
    let blake3 = |parts: &[&[u8]]| Hash(*blake3::hash(&parts.concat()).as_bytes());
    match members {
        [] => blake3(&[]),
        [(path, value)] => blake3(&[&[0x12], &path.0, value]),
        [(first, _), rest @ ..] => {
            let differs = |i: &usize| rest.iter().any(|(path, _)| bit(path, *i) != bit(first, *i));
            let i = (0..256).find(differs).unwrap();
            let (one, zero): (Vec<_>, Vec<_>) = members.iter().cloned().partition(|(path, _)| bit(path, i));
            blake3(&[&[0x13, u8::try_from(i).unwrap()], &naive(&zero).0, &naive(&one).0])
        }
    }
}

fn build(members: &Members) -> SparseMap {
    let mut map = SparseMap::default();
    for (path, value) in members {
        map.insert(path, value);
    }
    map
}

fn root(members: &Members) -> Hash {
    naive(&members.iter().map(|(path, value)| (*path, value.clone())).collect::<Vec<_>>())
}

/// Paths anywhere, and paths that leave a common one at any of its 256 bits.
fn paths() -> impl Strategy<Value = Vec<Hash>> {
    let anywhere = any::<[u8; 32]>().prop_map(Hash);
    let near = (prop::collection::vec(0..256_usize, 0..3), any::<bool>()).prop_map(|(bits, ones)| {
        let mut path = Hash(if ones { [0xff; 32] } else { [0x5a; 32] });
        for i in bits {
            path.0[i / 8] ^= 0x80 >> (i % 8);
        }
        path
    });
    prop::collection::vec(prop_oneof![anywhere, near], 0..40)
}

fn members() -> impl Strategy<Value = Members> {
    paths().prop_map(|paths| paths.into_iter().enumerate().map(|(i, path)| (path, value(i))).collect())
}

fn value(i: usize) -> Vec<u8> {
    format!("{{\"n\":{i}}}").into_bytes()
}

/// Every damage done to the steps of a proof; none equals `steps`.
fn damaged(steps: &[Step], root: &Hash) -> Vec<Vec<Step>> {
    let mut out = vec![Vec::new(), steps.iter().rev().copied().collect(), [steps, steps].concat()];
    for i in 0..steps.len() {
        let with = |step: Step| [&steps[..i], &[step], &steps[i + 1..]].concat();
        let Step { bit, sibling } = steps[i];
        out.extend([bit ^ 1, bit ^ 0x80, bit.wrapping_add(1), 0, 255].map(|bit| with(Step { bit, sibling })));
        for other in [Hash::ZERO, Hash::empty(), *root] {
            out.push(with(Step { bit, sibling: other }));
        }
        let mut turned = sibling;
        turned.0[i % 32] ^= 1;
        out.push(with(Step { bit, sibling: turned }));
        out.push([&steps[..i], &steps[i + 1..]].concat());
        out.push([&steps[..=i], &steps[i..]].concat());
        for j in 0..i {
            let mut swapped = steps.to_vec();
            swapped.swap(i, j);
            out.push(swapped);
            let mut crossed = steps.to_vec();
            (crossed[i].sibling, crossed[j].sibling) = (steps[j].sibling, steps[i].sibling);
            out.push(crossed);
        }
    }
    for bit in [0, 7, 255] {
        for sibling in [Hash::empty(), *root] {
            let extra = Step { bit, sibling };
            out.push([&[extra], steps].concat());
            out.push([steps, &[extra]].concat());
        }
    }
    out.retain(|list| list != steps);
    out
}

#[test]
fn small_maps_by_hand() {
    let mut map = SparseMap::default();
    assert_eq!(map.root(), Hash::empty());
    assert_eq!(map.prove(&Hash::ZERO), None);
    assert!(verify_absence(&map.root(), &Hash::ZERO, None, &[]));

    let (low, high) = (Hash([0x40; 32]), Hash([0x80; 32]));
    map.insert(&high, b"1");
    assert_eq!(map.root(), leaf_hash(&high, b"1"));
    assert_eq!(map.prove(&low), Some((Vec::new(), high)));
    map.insert(&low, b"2");
    let branch = Hash::of(Domain::MapBranch, &[&[0], &leaf_hash(&low, b"2").0, &leaf_hash(&high, b"1").0]);
    assert_eq!(map.root(), branch);
    assert_eq!(map.prove(&low), Some((vec![Step { bit: 0, sibling: leaf_hash(&high, b"1") }], low)));
    map.insert(&low, b"3");
    assert_ne!(map.root(), branch);
    map.insert(&low, b"2");
    assert_eq!(map.root(), branch);

    // The last bit of a path is a branch like any other.
    let mut last = high;
    last.0[31] ^= 1;
    map.insert(&last, b"4");
    let (steps, found) = map.prove(&last).unwrap();
    assert_eq!((steps[1].bit, steps[1].sibling, found), (255, leaf_hash(&high, b"1"), last));
}

#[test]
fn paths_are_domain_separated() {
    let key = [9; 32];
    let key_path = map::path(Domain::KeyPath, &key);
    assert_eq!(key_path.0, *blake3::hash(&[&[0x10], &key[..]].concat()).as_bytes());
    assert_eq!(map::path(Domain::LanePath, b"acme").0, *blake3::hash(b"\x11acme").as_bytes());
    assert_ne!(key_path, map::path(Domain::LanePath, &key));
}

/// What a prover could name instead of a member must not pass for one.
#[test]
fn an_inner_node_is_no_member() {
    let mut map = SparseMap::default();
    let paths: Vec<Hash> = (0..32_u8).map(|i| map::path(Domain::KeyPath, &[i])).collect();
    for path in &paths {
        map.insert(path, b"{}");
    }
    let absent = map::path(Domain::KeyPath, b"absent");
    let (steps, found) = map.prove(&absent).unwrap();
    assert!(verify_absence(&map.root(), &absent, Some((&found, b"{}")), &steps));
    // The root, or a node on the way, named as a leaf would "prove" the absence of a member.
    let member = paths[0];
    let (steps, _) = map.prove(&member).unwrap();
    let node = map.root();
    for cut in 0..=steps.len() {
        for value in [&b"{}"[..], &node.0, b""] {
            assert!(!verify_absence(&map.root(), &member, Some((&absent, value)), &steps[..cut]));
            assert!(!verify_presence(&map.root(), &absent, value, &steps[..cut]));
        }
    }
    assert!(!verify_absence(&map.root(), &member, None, &[]));
    assert!(!verify_absence(&map.root(), &member, Some((&member, b"{}")), &steps));
}

/// A root over branches in another order than the map's only one proves nothing, even if it is signed.
#[test]
fn steps_go_down() {
    let (path, value) = (Hash([0; 32]), b"{}");
    let sibling = Hash([7; 32]);
    for (bits, accepted) in [([3, 5], true), ([5, 3], false), ([3, 3], false), ([255, 0], false)] {
        let branch = |bit: u8, hash: &Hash| Hash::of(Domain::MapBranch, &[&[bit], &hash.0, &sibling.0]);
        let root = branch(bits[0], &branch(bits[1], &leaf_hash(&path, value)));
        let steps = bits.map(|bit| Step { bit, sibling });
        assert_eq!(verify_presence(&root, &path, value, &steps), accepted, "{bits:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_root_is_the_definition(members in members(), seed in any::<u64>()) {
        let expected = root(&members);
        prop_assert_eq!(build(&members).root(), expected);
        // In any order, and by way of other values.
        let mut shuffled: Vec<_> = members.iter().collect();
        let mut random = chance::Chance(seed);
        shuffled.sort_by_cached_key(|_| random.next());
        let mut map = SparseMap::default();
        for (path, _) in &shuffled {
            map.insert(path, b"\"before\"");
        }
        shuffled.sort_by_cached_key(|_| random.next());
        for (path, value) in shuffled {
            map.insert(path, value);
        }
        prop_assert_eq!(map.root(), expected);
    }

    #[test]
    fn an_update_changes_the_root_and_nothing_else(members in members(), at in any::<prop::sample::Index>()) {
        prop_assume!(!members.is_empty());
        let mut map = build(&members);
        let path = *members.keys().nth(at.index(members.len())).unwrap();
        let before = map.root();
        map.insert(&path, b"{\"other\":true}");
        prop_assert_ne!(map.root(), before);
        let mut changed = members.clone();
        changed.insert(path, b"{\"other\":true}".to_vec());
        prop_assert_eq!(map.root(), root(&changed));
    }

    #[test]
    fn proofs_hold_and_damaged_ones_do_not(members in members(), asked in paths()) {
        let map = build(&members);
        let root = map.root();
        for path in members.keys().chain(&asked) {
            let Some((steps, found)) = map.prove(path) else {
                prop_assert!(members.is_empty());
                prop_assert!(verify_absence(&root, path, None, &[]));
                prop_assert!(!verify_presence(&root, path, b"0", &[]));
                continue;
            };
            let value = &members[&found];
            prop_assert!(verify_presence(&root, &found, value, &steps));
            prop_assert_eq!(found == *path, members.contains_key(path));
            prop_assert_eq!(verify_absence(&root, path, Some((&found, value)), &steps), found != *path);
            prop_assert!(!verify_absence(&root, path, None, &steps));
            prop_assert!(!verify_presence(&root, &found, b"0", &steps));
            for list in damaged(&steps, &root) {
                prop_assert!(!verify_presence(&root, &found, value, &list), "{list:?}");
                prop_assert!(!verify_absence(&root, path, Some((&found, value)), &list), "{list:?}");
            }
            // The same proof for another path: neither presence, nor absence of a member.
            for i in [0, 1, 100, 255] {
                let mut other = found;
                other.0[i / 8] ^= 0x80 >> (i % 8);
                prop_assert!(!verify_presence(&root, &other, value, &steps));
                let proved = verify_absence(&root, &other, Some((&found, value)), &steps);
                prop_assert!(!proved || !members.contains_key(&other));
            }
            let mut turned = root;
            turned.0[0] ^= 1;
            prop_assert!(!verify_presence(&turned, &found, value, &steps));
        }
    }
}
