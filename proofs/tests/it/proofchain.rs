//! The proof chain: an honest run of seals is accepted, and no row can be changed, moved or left out.

use crate::util::{Ledger, flipped, tree_with};
use proofs::proofchain::{
    FORMAT, MAX_ROWS, Part, ProofChain, ProofChainError, Row, RowAuditor, part_file, part_hash,
};
use proofs::tile::{self, Tiles};
use proofs::{Blake3, Checkpoint};
use serde_json::json;
use spec::{Hash, PublicKey};

/// The positions of the seals; two stand side by side.
const SEQS: [u64; 7] = [3, 9, 10, 63, 64, 200, 299];

fn row(ledger: &Ledger, tree: &Tiles<Blake3>, index: usize, seqs: &[u64]) -> Row {
    let seq = seqs[index];
    let consistency = match index.checked_sub(1) {
        Some(before) => tile::consistency_proof::<Blake3>(tree, seqs[before] + 1, seq + 1).unwrap(),
        None => Vec::new(),
    };
    Row {
        checkpoint: ledger.note(tree, seq + 1),
        consistency,
        inclusion: tile::inclusion_proof::<Blake3>(tree, seq, seq + 1).unwrap(),
        index: index as u64,
        leaf: tree.node(0, seq).unwrap(),
        seq,
    }
}

fn rows(ledger: &Ledger, tree: &Tiles<Blake3>, seqs: &[u64]) -> Vec<Row> {
    (0..seqs.len()).map(|index| row(ledger, tree, index, seqs)).collect()
}

fn audit(ledger: &Ledger, rows: &[Row]) -> Result<(), ProofChainError> {
    let mut auditor = RowAuditor::new(&ledger.origin);
    rows.iter().try_for_each(|row| auditor.check(row, &[ledger.key.public()]).map(drop))
}

#[test]
fn an_honest_chain_is_accepted_from_any_row_on() {
    let (ledger, tree) = (Ledger::new(1), tree_with(300, None));
    let rows = rows(&ledger, &tree, &SEQS);
    let keys = [ledger.key.public()];
    let mut auditor = RowAuditor::new(&ledger.origin);
    let mut trusted: Vec<Checkpoint> = Vec::new();
    for row in &rows {
        let verified = auditor.check(row, &keys).unwrap();
        assert_eq!(verified.checkpoint, ledger.checkpoint(&tree, row.seq + 1));
        trusted.push(verified.checkpoint);
    }
    for (index, checkpoint) in trusted.iter().enumerate() {
        let mut auditor = RowAuditor::after(index as u64, checkpoint.clone());
        for row in &rows[index + 1..] {
            auditor.check(row, &keys).unwrap();
        }
    }
    // A refused row leaves the auditor where it was.
    let mut auditor = RowAuditor::new(&ledger.origin);
    auditor.check(&rows[0], &keys).unwrap();
    assert!(auditor.check(&rows[2], &keys).is_err());
    assert!(auditor.check(&Row { leaf: Hash::ZERO, ..rows[1].clone() }, &keys).is_err());
    auditor.check(&rows[1], &keys).unwrap();
}

#[test]
fn rows_cannot_be_dropped_moved_or_repeated() {
    let (ledger, tree) = (Ledger::new(1), tree_with(300, None));
    let honest = rows(&ledger, &tree, &SEQS);
    let renumbered = |mut rows: Vec<Row>| {
        rows.iter_mut().zip(0..).for_each(|(row, index)| row.index = index);
        rows
    };
    for i in 0..honest.len() {
        let mut dropped = honest.clone();
        dropped.remove(i);
        // Leaving out the end shows only against a later copy.
        let at_the_end = i + 1 == honest.len();
        assert_eq!(audit(&ledger, &dropped).is_ok(), at_the_end, "{i}");
        assert_eq!(audit(&ledger, &renumbered(dropped)).is_ok(), at_the_end, "{i}");
        for j in 0..i {
            let mut swapped = honest.clone();
            swapped.swap(i, j);
            assert!(audit(&ledger, &swapped).is_err(), "{i} {j}");
            assert!(audit(&ledger, &renumbered(swapped)).is_err(), "{i} {j}");
        }
        let mut repeated = honest.clone();
        repeated.insert(i, honest[i].clone());
        assert!(audit(&ledger, &repeated).is_err(), "{i}");
        assert!(audit(&ledger, &renumbered(repeated.clone())).is_err(), "{i}");
        // A second seal at the same place "extends" the first by nothing.
        repeated[i + 1].consistency = Vec::new();
        assert_eq!(
            audit(&ledger, &renumbered(repeated)),
            Err(ProofChainError::Mismatch(i as u64 + 1)),
            "{i}"
        );
    }
    // A smaller tree after a larger one.
    let back = rows(&ledger, &tree, &[9, 63]);
    let mut rewound = vec![back[1].clone(), back[0].clone()];
    rewound[0].consistency = Vec::new();
    rewound[1].consistency = Vec::new();
    assert_eq!(audit(&ledger, &renumbered(rewound)), Err(ProofChainError::Mismatch(1)));
}

#[test]
fn a_changed_row_is_refused() {
    let (ledger, tree) = (Ledger::new(1), tree_with(300, None));
    let honest = rows(&ledger, &tree, &SEQS);
    let other_ledger = Ledger::new(2);
    let thief = Ledger { key: other_ledger.key.clone(), ..Ledger::new(1) };
    for i in 0..honest.len() {
        let row = &honest[i];
        let mut changed = vec![
            Row { index: row.index + 1, ..row.clone() },
            Row { index: row.index.wrapping_sub(1), ..row.clone() },
            Row { index: u64::MAX, ..row.clone() },
            Row { seq: row.seq + 1, ..row.clone() },
            Row { seq: row.seq - 1, ..row.clone() },
            Row { seq: u64::MAX, ..row.clone() },
            Row { leaf: flipped(&row.leaf, 0), ..row.clone() },
            Row { leaf: tree.node(0, row.seq - 1).unwrap(), ..row.clone() },
            Row { leaf: ledger.checkpoint(&tree, row.seq + 1).root, ..row.clone() },
            // Another size, ledger, key; a text that is none.
            Row { checkpoint: ledger.note(&tree, row.seq), ..row.clone() },
            Row { checkpoint: ledger.note(&tree, if row.seq == 299 { 299 } else { 300 }), ..row.clone() },
            Row { checkpoint: other_ledger.note(&tree, row.seq + 1), ..row.clone() },
            Row { checkpoint: thief.note(&tree, row.seq + 1), ..row.clone() },
            Row { checkpoint: row.checkpoint.replace("keys", "Keys"), ..row.clone() },
            Row { checkpoint: String::new(), ..row.clone() },
        ];
        let others = [row.leaf, Hash::ZERO];
        for (_, list) in crate::util::damaged(&row.inclusion, &others) {
            changed.push(Row { inclusion: list, ..row.clone() });
        }
        for (_, list) in crate::util::damaged(&row.consistency, &others) {
            changed.push(Row { consistency: list, ..row.clone() });
        }
        for changed in changed {
            let mut rows = honest.clone();
            rows[i] = changed.clone();
            assert!(audit(&ledger, &rows).is_err(), "{changed:?}");
        }
    }
    // A cosigned note does not belong into a row: nobody here knows the witness.
    let witness = proofs::SigningKey::from_seed(&[8; 32]);
    let mut note = proofs::note::Note::parse(honest[0].checkpoint.as_bytes()).unwrap();
    note.signatures.push(proofs::checkpoint::cosign(&note, "w", &witness, 1));
    assert!(audit(&ledger, &[Row { checkpoint: note.to_string(), ..honest[0].clone() }]).is_err());
}

#[test]
fn a_rewritten_history_does_not_extend_the_old() {
    let (ledger, tree) = (Ledger::new(1), tree_with(300, None));
    for other in [0, 3, 5, 9, 10, 62] {
        let forked = rows(&ledger, &tree_with(300, Some(other)), &SEQS);
        let honest = rows(&ledger, &tree, &SEQS);
        for cut in 1..SEQS.len() {
            let spliced = [&honest[..cut], &forked[cut..]].concat();
            let before_the_fork = honest[cut - 1].seq < other as u64;
            assert_eq!(audit(&ledger, &spliced).is_ok(), before_the_fork, "{other} {cut}");
        }
    }
    let rows = rows(&ledger, &tree, &SEQS);
    let mut auditor = RowAuditor::new(&Ledger::new(2).origin);
    assert_eq!(auditor.check(&rows[0], &[ledger.key.public()]), Err(ProofChainError::Mismatch(0)));
    let mut auditor = RowAuditor::new(&ledger.origin);
    assert!(auditor.check(&rows[0], &[]).is_err());
    assert!(auditor.check(&rows[0], &[PublicKey([0; 32]), ledger.key.public()]).is_ok());
}

fn file(ledger: &Ledger, parts: Vec<Part>, seals: Vec<Row>) -> ProofChain {
    ProofChain {
        authority: vec![json!({"entry": {"seq": 0}})],
        format: FORMAT.to_owned(),
        ledger: ledger.id,
        origin: ledger.origin.clone(),
        parts,
        seals,
    }
}

fn part(rows: &[Row]) -> (Part, Vec<u8>) {
    let bytes: Vec<u8> = rows.iter().flat_map(Row::to_line).collect();
    let (first, last) = (rows[0].index, rows[rows.len() - 1].index);
    (Part { file: part_file(first), first, hash: part_hash(&bytes), last }, bytes)
}

#[test]
fn the_file_round_trips_in_one_form_only() {
    let (ledger, tree) = (Ledger::new(1), tree_with(300, None));
    let rows = rows(&ledger, &tree, &SEQS);
    let (first, _) = part(&rows[..2]);
    let (second, _) = part(&rows[2..3]);
    let chain = file(&ledger, vec![first.clone(), second.clone()], rows[3..].to_vec());
    let bytes = chain.to_canonical();
    assert_eq!(ProofChain::parse(&bytes).as_ref(), Ok(&chain));
    assert_eq!(ProofChain::parse(&file(&ledger, vec![], vec![]).to_canonical()).unwrap().seals, []);

    let text = String::from_utf8(bytes.clone()).unwrap();
    for bad in [
        text.trim_end().to_owned(),
        text.clone() + "\n",
        format!(" {text}"),
        text.replace("proofchain-v1", "proofchain-v2"),
        text.replacen('{', "{\"extra\":1,", 1),
        text.replacen("\"authority\"", "\"Authority\"", 1),
        text.replacen(&first.hash.to_hex(), &first.hash.to_hex().to_uppercase(), 1),
        text.replacen("\"first\":0", "\"first\":-0", 1),
        text.replacen("\"first\":0", "\"first\":0.0", 1),
        text.replacen("\"seals\":[", "\"seals\":[[],", 1),
        "[]\n".to_owned(),
        "\n".to_owned(),
        String::new(),
    ] {
        assert_ne!(bad, text);
        assert!(matches!(ProofChain::parse(bad.as_bytes()), Err(ProofChainError::Shape(_))), "{bad:.80}");
    }
    // A row as an array of its fields would read the same.
    let as_array = text.replacen(
        &serde_json::to_string(&json!({"file": second.file, "first": 2, "hash": second.hash, "last": 2}))
            .unwrap(),
        &serde_json::to_string(&json!([second.file, 2, second.hash, 2])).unwrap(),
        1,
    );
    assert_ne!(as_array, text);
    assert!(ProofChain::parse(as_array.as_bytes()).is_err());

    let parse = |parts: &[Part], seals: &[Row]| {
        ProofChain::parse(&file(&ledger, parts.to_vec(), seals.to_vec()).to_canonical())
    };
    assert_eq!(parse(std::slice::from_ref(&second), &rows[3..]), Err(ProofChainError::Order(2)));
    assert_eq!(parse(&[second.clone(), first.clone()], &rows[3..]), Err(ProofChainError::Order(2)));
    assert_eq!(parse(&[first.clone(), first.clone()], &rows[3..]), Err(ProofChainError::Order(0)));
    assert_eq!(parse(std::slice::from_ref(&first), &rows[3..]), Err(ProofChainError::Order(3)));
    assert_eq!(parse(&[], &rows[1..]), Err(ProofChainError::Order(1)));
    assert_eq!(parse(&[], &[rows[0].clone(), rows[2].clone()]), Err(ProofChainError::Order(2)));
    let backwards = Part { last: 1, ..second.clone() };
    assert_eq!(parse(&[first.clone(), backwards], &[]), Err(ProofChainError::Order(2)));

    // A part's name is given by its number: the file cannot make a reader open another.
    for name in ["/etc/passwd", "../0.jsonl", "proofchain/00.jsonl", "proofchain/0.json", ""] {
        let named = Part { file: name.to_owned(), ..first.clone() };
        assert_eq!(parse(&[named], &[]), Err(ProofChainError::Part(name.to_owned())));
    }
    let mut elsewhere = chain.clone();
    elsewhere.origin = Ledger::new(2).origin;
    assert!(matches!(ProofChain::parse(&elsewhere.to_canonical()), Err(ProofChainError::Shape(_))));
}

#[test]
fn the_file_holds_so_many_rows_and_no_more() {
    let ledger = Ledger::new(1);
    let blank = Row {
        checkpoint: String::new(),
        consistency: Vec::new(),
        inclusion: Vec::new(),
        index: 0,
        leaf: Hash::ZERO,
        seq: 0,
    };
    let rows: Vec<Row> = (0..=MAX_ROWS as u64).map(|index| Row { index, ..blank.clone() }).collect();
    let parse = |rows: &[Row]| ProofChain::parse(&file(&ledger, vec![], rows.to_vec()).to_canonical());
    assert_eq!(parse(&rows[..MAX_ROWS]).unwrap().seals.len(), MAX_ROWS);
    assert!(matches!(parse(&rows), Err(ProofChainError::Shape(_))));
}

#[test]
fn parts_are_bound_by_their_hash_and_their_form() {
    let (ledger, tree) = (Ledger::new(1), tree_with(300, None));
    let rows = rows(&ledger, &tree, &SEQS);
    let (named, bytes) = part(&rows[..3]);
    assert_eq!(named.rows(&bytes).unwrap(), &rows[..3]);
    assert_eq!(part_hash(&bytes).0, *blake3::hash(&[&[0x16], &bytes[..]].concat()).as_bytes());

    let refused = || Err(ProofChainError::Part("proofchain/0.jsonl".to_owned()));
    for at in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert_eq!(named.rows(&damaged), refused(), "{at}");
    }
    assert_eq!(named.rows(&bytes[..bytes.len() - 1]), refused());
    assert_eq!(named.rows(b""), refused());

    // Though the hash be right: other numbers, another form, a missing LF, white space.
    let text = String::from_utf8(bytes.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for bad in [
        format!("{}\n{}\n", lines[0], lines[1]),
        format!("{}\n{}\n{}\n", lines[0], lines[2], lines[1]),
        format!("{}\n{}\n{}\n", lines[0], lines[1], lines[1]),
        text.trim_end().to_owned(),
        text.replacen('\n', "\r\n", 1),
        text.replacen('\n', "\n\n", 1),
        text.replacen('{', "{ ", 1),
        text.replacen("\"index\":0", "\"index\":0,\"more\":1", 1),
        format!("{text}\n"),
        String::new(),
    ] {
        let renamed = Part { hash: part_hash(bad.as_bytes()), ..named.clone() };
        assert_eq!(renamed.rows(bad.as_bytes()), refused(), "{bad:.60}");
    }
    // A row as the array of its fields is canonical JSON, and not a row.
    let Row { checkpoint, consistency, inclusion, index, leaf, seq } = &rows[0];
    let as_array = json!([checkpoint, consistency, inclusion, index, leaf, seq]).to_string() + "\n";
    assert!(serde_json::from_str::<Row>(&as_array).is_ok());
    assert_eq!(Row::parse(as_array.as_bytes()), None);
    assert_eq!(Row::parse(&rows[0].to_line()), Some(rows[0].clone()));
    assert_eq!(Row::parse(lines[0].as_bytes()), None);
}
