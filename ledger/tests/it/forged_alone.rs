//! What travels without the log, forged: bundles, the proof chain, an equivocation file, a checkpoint.

use crate::forger::{CHAIN, Forger, ROOT, failures, stranger};
use crate::support::{key, random, signed, token};
use ledger::state::{key_path, key_value};
use ledger::verify::{
    CheckStatus, Options, Report, TargetKind, Trust, TrustStatus, Verdict, verify_bundle,
    verify_equivocation, verify_note, verify_proofchain,
};
use proofs::bundle::Bundle;
use proofs::equivocation::Equivocation;
use proofs::map::SparseMap;
use proofs::proofchain::{Part, ProofChain, Row, part_file, part_hash};
use serde_json::{Value, json};
use spec::payload::node_possession_bytes;
use spec::{Author, Event, Hash, Header, KeyUse, Kind, Uuid};

/// The one failure: its code, its seq, and a word of what it says.
#[track_caller]
fn check(report: &Report, code: &str, seq: Option<u64>, detail: &str, what: &str) {
    assert_eq!(failures(report), [(code, seq)], "{what}: {:?}", report.failures);
    assert!(report.failures[0].detail.contains(detail), "{what}: {}", report.failures[0]);
    assert_eq!((report.verdict, report.failure_count), (Verdict::Failed, 1), "{what}");
}

#[track_caller]
fn passes(report: &Report) {
    assert_eq!((report.verdict, &report.failures), (Verdict::Verified, &Vec::new()));
}

fn count(report: &Report, code: &str) -> u64 {
    report.checks.iter().find(|check| check.code == code).map_or(0, |check| check.count)
}

fn pinned(ledger: Hash) -> Options {
    Options { trust: Trust { ledger: Some(ledger), ..Trust::default() }, ..Options::default() }
}

fn verify(bundle: &Bundle) -> Report {
    verify_bundle(&bundle.to_canonical(), &Options::default())
}

#[test]
fn a_bundle_says_what_it_proves() {
    let forger = Forger::new();
    let mut bundle = forger.honest_bundle.clone();
    // What the forger makes is what the ledger makes, but for the checkpoint's time and size.
    let own = forger.bundle(4);
    assert_eq!((&own.entry, &own.key, &own.authority), (&bundle.entry, &bundle.key, &bundle.authority));
    let report = verify(&own);
    passes(&report);
    let state = forger.state();
    assert_eq!((report.size, report.root), (state.size(), state.tree.root()));
    assert_eq!((report.origin, report.trust), (state.origin.clone(), TrustStatus::Unpinned));
    passes(&verify(&bundle));
    for check in ["checkpoints", "signatures", "bundle"] {
        assert_eq!(count(&verify(&bundle), check), 1);
    }
    let report = verify_bundle(&bundle.to_canonical(), &pinned(state.ledger));
    passes(&report);
    assert_eq!((report.trust, report.kind), (TrustStatus::Pinned, TargetKind::Bundle));
    let wrong = verify_bundle(&bundle.to_canonical(), &pinned(Hash::ZERO));
    check(&wrong, "ledger-id", None, "the pinned one", "pinned");
    let quorum = Trust { ledger: Some(state.ledger), witnesses: Vec::new(), quorum: 1 };
    let report = verify_bundle(&bundle.to_canonical(), &Options { trust: quorum, ..Options::default() });
    check(&report, "witness", None, "0 of 1", "no witness");
    // An erased payload takes nothing from the proof.
    (bundle.payload, bundle.salt) = (None, None);
    passes(&verify(&bundle));
    // Genesis itself: signed before any ledger had an id.
    passes(&verify(&forger.bundle(0)));
}

#[test]
fn the_parts_of_a_bundle_belong_together() {
    type Lie = (&'static str, &'static str, Option<u64>, &'static str, fn(&mut Bundle, &Forger));
    let lies: [Lie; 14] = [
        ("another ledger", "bundle", None, "ledger id", |b, _| b.ledger = Hash::ZERO),
        ("no authority", "bundle", None, "no genesis", |b, _| b.authority.clear()),
        ("genesis twice", "bundle", None, "record 1", |b, _| b.authority.push(b.authority[0].clone())),
        ("another entry for genesis", "bundle", None, "record 0", |b, _| {
            b.authority[0] = b.introduction.record.clone();
        }),
        ("another nonce in genesis", "bundle", None, "payload", |b, _| {
            b.authority[0]["payload"]["nonce"] = json!(Hash::ZERO);
        }),
        ("another origin", "checkpoint", None, "another ledger", |b, f| {
            let mut checkpoint = f.checkpoint();
            checkpoint.origin = checkpoint.origin.replace("test.local", "best.local");
            b.checkpoint = f.signed(&checkpoint);
        }),
        ("another key", "checkpoint", None, "", |b, f| {
            b.checkpoint = f.checkpoint().sign(&stranger(), 1).to_string();
        }),
        ("another root", "bundle", Some(4), "inclusion", |b, f| {
            let mut checkpoint = f.checkpoint();
            checkpoint.root = checkpoint.keys;
            b.checkpoint = f.signed(&checkpoint);
        }),
        ("another map of keys", "bundle", Some(4), "key map", |b, f| {
            let mut checkpoint = f.checkpoint();
            checkpoint.keys = checkpoint.root;
            b.checkpoint = f.signed(&checkpoint);
        }),
        ("another time", "bundle", Some(4), "inclusion", |b, _| {
            b.entry["recorded_at"] = json!("2026-11-21T20:42:00.124Z");
        }),
        ("another text", "bundle", None, "payload", |b, _| b.payload = Some(json!({"text": "other"}))),
        ("another life of the key", "bundle", Some(4), "key map", |b, _| b.key.record["until"] = json!(9)),
        ("no place of the introduction", "bundle", Some(4), "inclusion", |b, _| {
            b.introduction.inclusion.pop();
        }),
        ("another introduction", "bundle", Some(4), "not the one", |b, f| {
            let other = f.bundle(5);
            b.introduction.record = json!({
                "entry": other.entry, "payload": other.payload, "salt": other.salt,
            });
            b.introduction.inclusion = other.inclusion;
        }),
    ];
    let forger = Forger::new();
    for (what, code, seq, detail, lie) in lies {
        let mut bundle = forger.bundle(4);
        lie(&mut bundle, &forger);
        check(&verify(&bundle), code, seq, detail, what);
    }
}

fn key_status(forger: &Forger, status: &str, suspect_from: Option<u64>) -> Value {
    let mut payload = json!({"key": forger.node.key.public(), "status": status});
    if let Some(from) = suspect_from {
        payload["suspect_from"] = json!(from);
    }
    payload
}

#[test]
fn the_entry_of_a_bundle_was_its_keys_to_sign() {
    type Lie = (&'static str, &'static str, &'static str, fn(&mut Forger) -> u64);
    let lies: [Lie; 8] = [
        ("a bad signature", "signature", "", |f| {
            let (event, other) = (f.note(), f.note());
            let seq = f.record(&event, |record| record.entry.sig = other.sig);
            f.commit();
            seq
        }),
        ("an event for another ledger", "bundle", "another ledger", |f| {
            let event = f.node.craft(Kind::Note, &json!({"text": "x"}), |h| h.ledger = Hash([1; 32]));
            f.append(&event)
        }),
        ("a key revoked before", "bundle", "not valid", |f| {
            let event = f.admin("acme", Kind::KeyStatus, key_status(f, "revoked", None));
            f.append(&event);
            let note = f.note();
            f.append(&note)
        }),
        ("a key that revokes itself", "bundle", "not valid", |f| {
            let event = f.node.craft(Kind::KeyStatus, &key_status(f, "revoked", None), |_| ());
            f.append(&event)
        }),
        ("a key before its introduction", "bundle", "not valid", |f| {
            let mut event = f.plain();
            event.header.key = key(55).public();
            let event = signed(event.header, &json!({"text": "plain"}), &key(55));
            let seq = f.append(&event);
            introduce(f, &key(55), &f.service_key.clone());
            seq
        }),
        ("a key that introduces itself", "bundle", "not valid", |f| introduce(f, &key(55), &key(55))),
        ("the key of genesis, introduced again behind it", "bundle", "not valid", |f| {
            let service = f.service_key.clone();
            introduce(f, &service, &service);
            0
        }),
        ("the service key after its last word", "bundle", "not valid", |f| {
            let change = f.change_of_keys(KeyUse::Service, &stranger());
            f.append(&change);
            let event = f.plain();
            f.append(&event)
        }),
    ];
    for (what, code, detail, forge) in lies {
        let mut forger = Forger::new();
        let seq = forge(&mut forger);
        check(&verify(&forger.bundle(seq)), code, Some(seq), detail, what);
    }
    // One place earlier, or the one entry that may: no fault.
    let mut forger = Forger::new();
    let note = forger.note();
    let seq = forger.append(&note);
    let status = key_status(&forger, "compromised", Some(seq + 1));
    let event = forger.admin("acme", Kind::KeyStatus, status);
    let revocation = forger.append(&event);
    let change = forger.change_of_keys(KeyUse::Service, &stranger());
    let change = forger.append(&change);
    let header = Header { key: stranger().public(), ..forger.plain().header };
    let by_new = forger.append(&signed(header, &json!({"text": "plain"}), &stranger()));
    for seq in [seq, revocation, change, by_new] {
        let report = verify(&forger.bundle(seq));
        passes(&report);
        assert_eq!(report.findings, []);
    }
}

/// What a stolen key may have signed is in the ledger all the same: the bundle holds, and says what is in doubt.
#[test]
fn a_bundle_of_a_suspect_key_says_so() {
    let mut forger = Forger::new();
    let note = forger.note();
    let seq = forger.append(&note);
    let event = forger.admin("acme", Kind::KeyStatus, key_status(&forger, "compromised", Some(seq)));
    forger.append(&event);
    let report = verify(&forger.bundle(seq));
    passes(&report);
    let findings: Vec<_> = report.findings.iter().map(|finding| (finding.code, finding.seq)).collect();
    assert_eq!((findings, report.open_finding_count), (vec![("suspect-key", seq)], 1));
    let proves = report.proves.unwrap();
    assert_eq!((proves.seq, proves.kind, proves.author), (seq, Kind::Note, Author::Node(forger.node.id)));
    assert_eq!(
        (proves.node_id, proves.recorded_at, proves.payload),
        (Some(forger.node.id), forger.now, true)
    );
    assert_eq!((report.ledger, report.tail), (Some(forger.ledger.id()), 0));
}

/// Introduces a key for a node, whoever signs that.
fn introduce(forger: &mut Forger, new: &proofs::SigningKey, signer: &proofs::SigningKey) -> u64 {
    let secret: [u8; 32] = random();
    let made = token(&forger.ledger, "acme", &secret, 1);
    forger.append(&made);
    let author = Author::Node(Uuid::v4([5; 16]));
    let hash = spec::payload::token_hash(&secret);
    let statement = node_possession_bytes(&author, &new.public(), &forger.ledger.id(), &hash);
    let payload = json!({
        "author": author, "key": new.public(), "pop": new.sign(&statement), "token": hash, "use": "node",
    });
    let header = Header { kind: Kind::Key, key: signer.public(), ..forger.plain().header };
    forger.append(&signed(header, &payload, signer))
}

/// A key map made up whole: the record of the signing key names an entry that introduces another key, or none.
#[test]
fn the_introduction_names_the_key() {
    let forger = Forger::new();
    let state = forger.state();
    let introduced = state.keys[&forger.node.key.public()].introduced;
    for (place, good) in [(introduced, true), (introduced - 1, false), (0, false)] {
        let mut bundle = forger.bundle(4);
        let mut record = state.keys[&forger.node.key.public()].clone();
        record.introduced = place;
        let mut map = SparseMap::default();
        let path = key_path(&forger.node.key.public());
        map.insert(&path, &spec::canonical::to_vec(&key_value(&record)).unwrap());
        let mut checkpoint = forger.checkpoint();
        checkpoint.keys = map.root();
        bundle.checkpoint = forger.signed(&checkpoint);
        (bundle.key.path, bundle.key.record) = (Vec::new(), key_value(&record));
        let other = forger.bundle(place);
        bundle.introduction.inclusion = other.inclusion;
        bundle.introduction.record =
            json!({"entry": other.entry, "payload": other.payload, "salt": other.salt});
        if good {
            passes(&verify(&bundle));
        } else {
            check(&verify(&bundle), "bundle", Some(4), "does not name the signing key", "another's");
        }
    }
}

/// A lie about a rotation: what is said, by whom, and under whose signature.
type RotationLie = (&'static str, fn(&mut Header, &mut Value), bool);

#[test]
fn a_key_that_took_the_place_of_another_was_named_by_it() {
    let lies: [RotationLie; 6] = [
        ("", |_, _| (), true),
        ("both keys", |_, _| (), false),
        ("both keys", |_, payload| payload["pop"] = json!(spec::Signature([1; 64])), true),
        ("both keys", |_, payload| payload["replaces"] = json!(key(9).public()), true),
        ("another author", |header, _| header.author = Author::Node(Uuid::v4([9; 16])), true),
        // Named by the key of another node.
        ("another author", |header, _| header.key = key(9).public(), true),
    ];
    for (what, lie, signs) in lies {
        let mut forger = Forger::new();
        let (node, old) = (forger.node.clone(), forger.node.key.clone());
        let secret = random();
        let token = token(&forger.ledger, "acme", &secret, 1);
        forger.say(&token);
        let other = Author::Node(Uuid::v4([9; 16]));
        let introduction = crate::support::introduction(&forger.ledger, "acme", &other, &key(9), &secret);
        forger.say(&introduction);
        let said = forger.node.rotate(key(8));
        let (mut header, mut payload) = (said.header, serde_json::from_str(&said.payload.json).unwrap());
        lie(&mut header, &mut payload);
        let other = key(9);
        let named_by = if header.key == other.public() { &other } else { &old };
        let event = signed(header, &payload, if signs { named_by } else { &forger.service_key });
        let mut seqs = vec![forger.say(&event)];
        forger.node.head = event.hash();
        let note = forger.node.note("with the new key");
        seqs.push(forger.append(&note));
        if what.is_empty() {
            // The rotation is the last entry of the old key.
            for seq in seqs {
                passes(&verify(&forger.bundle(seq)));
            }
            let late = forger.append(&node.craft(Kind::Note, &json!({"text": "late"}), |_| ()));
            check(&verify(&forger.bundle(late)), "bundle", Some(late), "not valid", "the old key");
            continue;
        }
        check(&verify(&forger.bundle(seqs[1])), "bundle", Some(seqs[1]), what, what);
    }
}

/// What is changed in the record of a change of keys.
type ChangeLie = fn(&mut Header, &mut Value);

#[test]
fn a_change_of_keys_carries_the_signatures_it_needs() {
    let new = key(77);
    let mut forger = Forger::new();
    let change = forger.change_of_keys(KeyUse::Checkpoint, &new);
    let at = forger.append(&change);
    let note = forger.note();
    let seq = forger.append(&note);
    // Signed by the key of its size: the new one.
    let mut bundle = forger.bundle(seq);
    check(&verify(&bundle), "checkpoint", None, "", "the old key");
    bundle.checkpoint = forger.checkpoint().sign(&new, 1).to_string();
    passes(&verify(&bundle));
    let mut dropped = bundle.clone();
    dropped.authority.pop();
    check(&verify(&dropped), "checkpoint", None, "", "without the change");
    let mut swapped = bundle.clone();
    swapped.authority.swap(0, 1);
    check(&verify(&swapped), "bundle", None, "record 0", "out of order");

    // The record of a change as `lie` has it, re-made and signed by whoever.
    let changed = |lie: ChangeLie, signer: &proofs::SigningKey| {
        let mut forger = Forger::new();
        let Event { mut header, payload, .. } = forger.change_of_keys(KeyUse::Checkpoint, &key(77));
        let mut payload: Value = serde_json::from_str(&payload.json).unwrap();
        lie(&mut header, &mut payload);
        let event = signed(header, &payload, signer);
        assert_eq!(forger.append(&event), at);
        let note = forger.note();
        let seq = forger.append(&note);
        let mut bundle = forger.bundle(seq);
        bundle.checkpoint = forger.checkpoint().sign(&new, 1).to_string();
        verify(&bundle)
    };
    let service = forger.service_key.clone();
    passes(&changed(|_, _| (), &service));
    let lacking = "record 1: ";
    let lies: [(ChangeLie, &str); 4] = [
        (|_, payload| drop(payload["signatures"].as_array_mut().unwrap().pop()), lacking),
        (|_, payload| payload["prev_change"] = json!(Hash::ZERO), lacking),
        (|header, _| header.ledger = Hash::ZERO, "service key"),
        (|header, _| header.payload_version = 2, ""),
    ];
    for (lie, detail) in lies {
        check(&changed(lie, &service), "bundle", None, detail, "a change");
    }
    let report = changed(|header, _| header.key = stranger().public(), &stranger());
    check(&report, "bundle", None, "service key", "a stranger's change");
    check(&changed(|_, _| (), &stranger()), "bundle", None, "signature of authority record 1", "unsigned");
}

fn no_parts(_: &str) -> Option<Vec<u8>> {
    None
}

fn alone(chain: &ProofChain) -> Report {
    verify_proofchain(&chain.to_canonical(), &no_parts, &Options::default())
}

/// A word of what is found, where, and what is changed.
type RowLie = (&'static str, Option<u64>, fn(&mut ProofChain));

#[test]
fn a_proof_chain_proves_itself() {
    let forger = Forger::new();
    let chain = forger.chain();
    let report = alone(&chain);
    passes(&report);
    let last = chain.seals.last().unwrap();
    assert_eq!((report.size, report.seals), (last.seq + 1, 3));
    assert_eq!(report.root, forger.state_at(last.seq + 1).tree.root());
    assert_eq!((count(&report, "proofchain"), report.kind), (3, TargetKind::Proofchain));
    assert_eq!(report.origin, chain.origin);
    let report = verify_proofchain(&chain.to_canonical(), &no_parts, &pinned(chain.ledger));
    assert_eq!(report.trust, TrustStatus::Pinned);
    let report = verify_proofchain(&chain.to_canonical(), &no_parts, &pinned(Hash::ZERO));
    check(&report, "ledger-id", None, "pinned", "another ledger");
    let seq = Some(chain.seals[1].seq);
    let lies: [RowLie; 5] = [
        ("ledger", None, |chain| {
            chain.origin = chain.origin.replace(&chain.ledger.to_hex(), &Hash::ZERO.to_hex());
            chain.ledger = Hash::ZERO;
        }),
        ("origin", None, |chain| chain.origin = chain.origin.replace("test.local", "best.local")),
        ("genesis", None, |chain| chain.authority.clear()),
        ("inclusion", seq, |chain| chain.seals[1].leaf = Hash::ZERO),
        ("consistency", seq, |chain| chain.seals[1].consistency.clear()),
    ];
    for (detail, seq, lie) in lies {
        let mut chain = chain.clone();
        lie(&mut chain);
        check(&alone(&chain), "proofchain", seq, detail, detail);
    }
    let mut chain = chain.clone();
    chain.seals[0].checkpoint =
        forger.state_at(chain.seals[0].seq + 1).checkpoint().sign(&stranger(), 1).to_string();
    check(&alone(&chain), "proofchain", Some(chain.seals[0].seq), "", "a stranger's row");
}

/// Moves the first `rows` into a part; gives the chain and the part's bytes.
fn parted(chain: &ProofChain, rows: usize) -> (ProofChain, Vec<u8>) {
    let mut chain = chain.clone();
    let older: Vec<Row> = chain.seals.drain(..rows).collect();
    let bytes: Vec<u8> = older.iter().flat_map(Row::to_line).collect();
    chain.parts.push(Part { file: part_file(0), first: 0, hash: part_hash(&bytes), last: rows as u64 - 1 });
    (chain, bytes)
}

#[test]
fn a_proof_chain_without_its_parts_stands_on_signatures() {
    let forger = Forger::new();
    let (chain, bytes) = parted(&forger.chain(), 1);
    let with = |name: &str| (name == part_file(0)).then(|| bytes.clone());
    let report = verify_proofchain(&chain.to_canonical(), &with, &Options::default());
    passes(&report);
    assert_eq!((count(&report, "proofchain"), report.seals), (3, 3));
    assert!(report.checks.iter().all(|check| check.code != "proofchain-parts"));
    let report = alone(&chain);
    passes(&report);
    assert_eq!((count(&report, "proofchain"), report.seals), (2, 3));
    let parts = report.checks.iter().find(|check| check.code == "proofchain-parts").unwrap();
    assert_eq!(parts.status, CheckStatus::NotChecked);
    let damaged = |_: &str| Some(bytes[1..].to_vec());
    let report = verify_proofchain(&chain.to_canonical(), &damaged, &Options::default());
    check(&report, "proofchain", None, "", "a damaged part");
    assert_eq!(report.failures[0].file.as_deref(), Some(&*part_file(0)));
    // The first row at hand is signed, the next extends it.
    let mut unsigned = chain.clone();
    let seq = unsigned.seals[0].seq;
    unsigned.seals[0].checkpoint = forger.state_at(seq + 1).checkpoint().sign(&stranger(), 1).to_string();
    check(&alone(&unsigned), "proofchain", Some(seq), "checkpoint of row 1", "unsigned");
    let mut jump = chain.clone();
    jump.seals[1].consistency.clear();
    check(&alone(&jump), "proofchain", Some(jump.seals[1].seq), "consistency", "a jump");
}

#[test]
fn an_older_proof_chain_is_extended() {
    let forger = Forger::new();
    let chain = forger.chain();
    let against = |chain: &ProofChain, old: Vec<u8>| {
        let options = Options { old: vec![old], ..Options::default() };
        verify_proofchain(&chain.to_canonical(), &no_parts, &options)
    };
    let mut older = chain.clone();
    older.seals.truncate(2);
    let report = against(&chain, older.to_canonical());
    passes(&report);
    assert_eq!(count(&report, "old"), 2);
    // The other way round a seal is missing.
    let last = chain.seals[2].seq;
    check(&against(&older, chain.to_canonical()), "not-extended", Some(last), "missing", "older");
    check(&against(&chain, b"no chain".to_vec()), "not-extended", None, "older copy", "no chain");
    // Another history, signed by the same keys.
    let seq = chain.seals[1].seq;
    let mut forked = chain.clone();
    let mut checkpoint = forger.state_at(seq + 1).checkpoint();
    checkpoint.lanes = checkpoint.root;
    forked.seals[1].checkpoint = forger.signed(&checkpoint);
    check(&against(&chain, forked.to_canonical()), "not-extended", Some(seq), "two histories", "forked");
    let mut forked = chain.clone();
    forked.seals[1].leaf = Hash::ZERO;
    check(&against(&chain, forked.to_canonical()), "not-extended", Some(seq), "two histories", "a leaf");
    let mut unsigned = chain.clone();
    unsigned.seals[1].checkpoint = forger.state_at(seq + 1).checkpoint().sign(&stranger(), 1).to_string();
    check(&against(&chain, unsigned.to_canonical()), "not-extended", None, "row 1", "unsigned");
    let mut other = chain.clone();
    other.origin = other.origin.replace(&other.ledger.to_hex(), &Hash::ZERO.to_hex());
    other.ledger = Hash::ZERO;
    check(&against(&chain, other.to_canonical()), "not-extended", None, "another ledger", "another");
    // Rows of the older copy that lie in a part: passed over while a later one is at hand.
    let (newer, _) = parted(&chain, 1);
    let report = against(&newer, older.to_canonical());
    passes(&report);
    assert_eq!(count(&report, "old"), 1);
    older.seals.truncate(1);
    check(&against(&newer, older.to_canonical()), "not-extended", None, "bring the parts", "no common seal");
    older.seals.clear();
    passes(&against(&chain, older.to_canonical()));
}

#[test]
fn an_equivocation_file_proves_that_a_ledger_contradicted_itself() {
    let forger = Forger::new();
    let checkpoint = forger.checkpoint();
    let mut other = checkpoint.clone();
    other.lanes = other.root;
    let file = Equivocation {
        a: forger.signed(&checkpoint),
        authority: forger.chain().authority,
        b: forger.signed(&other),
        format: proofs::equivocation::FORMAT.to_owned(),
        ledger: forger.ledger.id(),
        leaves: None,
    };
    let verify = |file: &Equivocation| verify_equivocation(&file.to_canonical(), &Options::default());
    let report = verify(&file);
    passes(&report);
    assert_eq!((report.size, report.root), (checkpoint.size, checkpoint.root));
    assert_eq!((&report.origin, report.kind), (&checkpoint.origin, TargetKind::Equivocation));
    assert_eq!(count(&report, "equivocation"), 1);
    let report = verify_equivocation(&file.to_canonical(), &pinned(forger.ledger.id()));
    assert_eq!((report.verdict, report.trust), (Verdict::Verified, TrustStatus::Pinned));
    let report = verify_equivocation(&file.to_canonical(), &pinned(Hash::ZERO));
    check(&report, "ledger-id", None, "pinned", "another ledger");
    let same = Equivocation { b: file.a.clone(), ..file.clone() };
    check(&verify(&same), "equivocation", None, "do not contradict", "the same");
    let unsigned = Equivocation { b: other.sign(&stranger(), 1).to_string(), ..file.clone() };
    check(&verify(&unsigned), "equivocation", None, "checkpoint b", "unsigned");
    let alone = Equivocation { authority: Vec::new(), ..file.clone() };
    check(&verify(&alone), "equivocation", None, "no genesis", "no authority");
    let foreign = Equivocation { ledger: Hash::ZERO, ..file };
    check(&verify(&foreign), "equivocation", None, "not that of its authority", "another ledger");
    check(&verify_equivocation(b"{}", &Options::default()), "equivocation", None, "", "no file");
}

#[test]
fn a_checkpoint_alone_proves_nothing() {
    let forger = Forger::new();
    let checkpoint = forger.checkpoint();
    let report = verify_note(&forger.files.0[ROOT], &Options::default());
    assert_eq!((report.verdict, failures(&report)), (Verdict::Unreadable, vec![("alone", None)]));
    assert!(report.failures[0].detail.contains("names no keys"));
    assert_eq!(
        (report.size, report.root, &report.origin),
        (checkpoint.size, checkpoint.root, &checkpoint.origin)
    );
    assert_eq!(report.kind, TargetKind::Checkpoint);
    check(&verify_note(b"no note", &Options::default()), "checkpoint", None, "", "no note");
    check(&verify_note(&forger.files.0[CHAIN], &Options::default()), "checkpoint", None, "", "a chain");
}
