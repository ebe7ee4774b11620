//! Equivocation files: two checkpoints that cannot both be true, and pairs that can.

use crate::util::{Ledger, flipped, tree_with};
use proofs::Blake3;
use proofs::equivocation::{Equivocation, EquivocationError, FORMAT, Leaves};
use proofs::tile::{self, Tiles};
use serde_json::json;
use spec::Hash;

fn file(ledger: &Ledger, a: String, b: String, leaves: Option<Leaves>) -> Equivocation {
    Equivocation {
        a,
        authority: vec![json!({"entry": {"seq": 0}})],
        b,
        format: FORMAT.to_owned(),
        ledger: ledger.id,
        leaves,
    }
}

fn leaves(a: &Tiles<Blake3>, size_a: u64, b: &Tiles<Blake3>, size_b: u64, index: u64) -> Leaves {
    Leaves {
        index,
        leaf_a: a.node(0, index).unwrap(),
        leaf_b: b.node(0, index).unwrap(),
        path_a: tile::inclusion_proof::<Blake3>(a, index, size_a).unwrap(),
        path_b: tile::inclusion_proof::<Blake3>(b, index, size_b).unwrap(),
    }
}

fn verdict(ledger: &Ledger, file: &Equivocation) -> Result<(), EquivocationError> {
    let again = Equivocation::parse(&file.to_canonical()).unwrap();
    assert_eq!(again, *file);
    file.verify(&[ledger.key.public()]).map(drop)
}

#[test]
fn two_roots_of_one_size_contradict_each_other() {
    let ledger = Ledger::new(1);
    let (tree, forked) = (tree_with(50, None), tree_with(50, Some(20)));
    let with = |a: String, b: String| verdict(&ledger, &file(&ledger, a, b, None));
    assert_eq!(with(ledger.note(&tree, 50), ledger.note(&forked, 50)), Ok(()));
    // Before the fork, and of different sizes, both can be true as far as the two notes show.
    let fine = Err(EquivocationError::NoContradiction);
    assert_eq!(with(ledger.note(&tree, 20), ledger.note(&forked, 20)), fine);
    assert_eq!(with(ledger.note(&tree, 50), ledger.note(&tree, 50)), fine);
    assert_eq!(with(ledger.note(&tree, 49), ledger.note(&forked, 50)), fine);
    // One text signed at two times is one word.
    let text = ledger.checkpoint(&tree, 50);
    let at = |time| text.sign(&ledger.key, time).to_string();
    assert_eq!(with(at(1), at(2)), fine);
    // Another map or face under the same root is a contradiction as well.
    for other in [
        proofs::Checkpoint { keys: Hash([9; 32]), ..text.clone() },
        proofs::Checkpoint { lanes: Hash([9; 32]), ..text.clone() },
        proofs::Checkpoint { sha256: Hash([9; 32]), ..text.clone() },
    ] {
        assert_eq!(with(at(1), other.sign(&ledger.key, 1).to_string()), Ok(()));
    }
}

#[test]
fn two_leaves_at_one_index_contradict_each_other() {
    let ledger = Ledger::new(1);
    let (tree, forked) = (tree_with(50, None), tree_with(64, Some(20)));
    let (a, b) = (ledger.note(&tree, 50), ledger.note(&forked, 64));
    let proof = leaves(&tree, 50, &forked, 64, 20);
    let with = |leaves: Leaves| verdict(&ledger, &file(&ledger, a.clone(), b.clone(), Some(leaves)));
    assert_eq!(with(proof.clone()), Ok(()));
    let turned = Leaves {
        leaf_a: proof.leaf_b,
        leaf_b: proof.leaf_a,
        path_a: proof.path_b.clone(),
        path_b: proof.path_a.clone(),
        index: 20,
    };
    assert_eq!(verdict(&ledger, &file(&ledger, b.clone(), a.clone(), Some(turned.clone()))), Ok(()));
    let same_size = leaves(&tree, 50, &forked, 50, 20);
    let b50 = ledger.note(&forked, 50);
    assert_eq!(verdict(&ledger, &file(&ledger, a.clone(), b50, Some(same_size))), Ok(()));

    let mut refused = vec![
        turned,
        leaves(&tree, 50, &forked, 64, 19),
        Leaves { index: 21, ..proof.clone() },
        Leaves { index: 50, ..proof.clone() },
        Leaves { leaf_a: proof.leaf_b, ..proof.clone() },
        Leaves { leaf_b: proof.leaf_a, ..proof.clone() },
        Leaves { leaf_b: flipped(&proof.leaf_b, 0), ..proof.clone() },
        Leaves { leaf_b: tile::root_at::<Blake3>(&forked, 64).unwrap(), path_b: vec![], ..proof.clone() },
    ];
    for (_, path_a) in crate::util::damaged(&proof.path_a, &[proof.leaf_a, Hash::ZERO]) {
        refused.push(Leaves { path_a, ..proof.clone() });
    }
    for (_, path_b) in crate::util::damaged(&proof.path_b, &[proof.leaf_b, Hash::ZERO]) {
        refused.push(Leaves { path_b, ..proof.clone() });
    }
    for leaves in refused {
        assert_eq!(with(leaves.clone()), Err(EquivocationError::NoContradiction), "{leaves:?}");
    }
    // An honest ledger that grew cannot be accused, whichever leaf is shown.
    let grown = ledger.note(&tree_with(64, None), 64);
    for index in [0, 20, 49] {
        let shown = leaves(&tree, 50, &tree_with(64, None), 64, index);
        let file = file(&ledger, a.clone(), grown.clone(), Some(shown));
        assert_eq!(verdict(&ledger, &file), Err(EquivocationError::NoContradiction));
    }
}

#[test]
fn both_words_must_be_the_ledgers() {
    let (ledger, other) = (Ledger::new(1), Ledger::new(2));
    let (tree, forked) = (tree_with(50, None), tree_with(50, Some(20)));
    let a = ledger.note(&tree, 50);
    let impostor = Ledger { key: other.key.clone(), ..Ledger::new(1) };
    for (b, which) in [(impostor.note(&forked, 50), 'b'), (other.note(&forked, 50), 'b')] {
        let file = file(&ledger, a.clone(), b, None);
        let verdict = file.verify(&[ledger.key.public()]);
        assert!(matches!(verdict, Err(EquivocationError::Checkpoint { which: w, .. }) if w == which));
    }
    // Both keys known, as if the caller mixed two ledgers up: still two different ledgers.
    let keys = [ledger.key.public(), other.key.public()];
    let mixed = file(&ledger, a.clone(), other.note(&forked, 50), None);
    assert_eq!(mixed.verify(&keys), Err(EquivocationError::Ledger));
    // The file names a ledger; a contradiction of another is not about it.
    let renamed =
        Equivocation { ledger: other.id, ..file(&ledger, a.clone(), ledger.note(&forked, 50), None) };
    assert_eq!(renamed.verify(&keys), Err(EquivocationError::Ledger));
    // Two names over one id are two origins, and no contradiction.
    let text = ledger.checkpoint(&forked, 50);
    let other_name = proofs::Checkpoint { origin: text.origin.replace("example.org", "example.net"), ..text };
    let two_names = file(&ledger, a, other_name.sign(&ledger.key, 1).to_string(), None);
    assert_eq!(two_names.verify(&keys), Err(EquivocationError::NoContradiction));
}

#[test]
fn the_file_has_one_form() {
    let ledger = Ledger::new(1);
    let (tree, forked) = (tree_with(50, None), tree_with(50, Some(20)));
    let whole = file(
        &ledger,
        ledger.note(&tree, 50),
        ledger.note(&forked, 50),
        Some(leaves(&tree, 50, &forked, 50, 20)),
    );
    let text = String::from_utf8(whole.to_canonical()).unwrap();
    assert_eq!(Equivocation::parse(text.as_bytes()), Ok(whole.clone()));
    let bare = Equivocation { leaves: None, ..whole };
    let bare = String::from_utf8(bare.to_canonical()).unwrap();
    assert!(!bare.contains("leaves"));
    for bad in [
        text.trim_end().to_owned(),
        text.clone() + "\n",
        text.replace("equivocation-v1", "equivocation-v2"),
        text.replacen("\"a\":", "\"a\": ", 1),
        text.replacen("\"index\":20", "\"index\":20.0", 1),
        text.replacen("\"index\":20", "\"index\":20,\"more\":1", 1),
        bare.replacen("}\n", ",\"leaves\":null}\n", 1),
        bare.replacen("{\"a\"", "{\"A\":1,\"a\"", 1),
    ] {
        assert!(matches!(Equivocation::parse(bad.as_bytes()), Err(EquivocationError::Shape(_))), "{bad:.80}");
    }
}
