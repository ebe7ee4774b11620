//! What lies beside a log, forged: checkpoints, the proof chain, cut tails, id files, and what the auditor
//! brings along.

use crate::forger::{CHAIN, Forger, ROOT, failures, stranger};
use crate::support::key;
use ledger::durable::{RealDisk, replace};
use ledger::storage::cut_name;
use ledger::verify::{
    CheckStatus, DiskSource, Options, Report, Trust, TrustStatus, Verdict, verify_log, verify_proofchain,
};
use proofs::checkpoint::{cosign, witness_key};
use proofs::note::Note;
use proofs::proofchain::{Part, part_file, part_hash};
use proofs::{Checkpoint, SigningKey};
use serde_json::json;
use spec::{Domain, Hash, Kind};

/// The failures must be these: code, seq, file.
#[track_caller]
fn check(report: &Report, expected: &[(&str, Option<u64>, Option<&str>)], what: &str) {
    failures(report);
    let found: Vec<_> =
        report.failures.iter().map(|fault| (fault.code, fault.seq, fault.file.as_deref())).collect();
    assert_eq!(found, expected, "{what}: {:?}", report.failures);
    let unread = expected.iter().any(|(code, ..)| *code == "unreadable");
    let bad = if unread { Verdict::Unreadable } else { Verdict::Failed };
    assert_eq!(report.verdict, if expected.is_empty() { Verdict::Verified } else { bad }, "{what}");
    assert_eq!(report.failure_count, expected.len() as u64);
}

fn count(report: &Report, code: &str) -> (CheckStatus, u64) {
    let check = report.checks.iter().find(|check| check.code == code).unwrap();
    (check.status, check.count)
}

#[test]
fn a_stored_checkpoint_is_the_ledgers_and_the_logs() {
    type Lie = (&'static str, &'static str, fn(&mut Checkpoint));
    let lies: [Lie; 7] = [
        ("another root", "checkpoint", |c| c.root = c.keys),
        ("other keys", "checkpoint", |c| c.keys = c.root),
        ("other lanes", "checkpoint", |c| c.lanes = c.keys),
        ("another face", "checkpoint", |c| c.sha256 = c.root),
        ("another origin", "checkpoint", |c| c.origin = c.origin.replace("test.local", "best.local")),
        ("a longer log", "shorter", |c| c.size += 1),
        ("no log", "checkpoint", |c| c.size = 0),
    ];
    for (what, code, lie) in lies {
        let mut forger = Forger::new();
        let mut checkpoint = forger.checkpoint();
        lie(&mut checkpoint);
        forger.sign_root(&checkpoint);
        let report = forger.verify();
        check(&report, &[(code, None, Some(ROOT))], what);
        assert_eq!(count(&report, "checkpoints"), (CheckStatus::Failed, 0), "{what}");
        // The same as an older copy: the log does not extend it.
        let old = vec![forger.files.0[ROOT].clone()];
        let report = Forger::new().verify_with(&Options { old, ..Options::default() });
        check(&report, &[("not-extended", None, None)], what);
        assert_eq!(count(&report, "old"), (CheckStatus::Failed, 0), "{what}");
    }
    let mut forger = Forger::new();
    let note = forger.checkpoint().sign(&stranger(), 1).to_string();
    forger.files.0.insert(ROOT.to_owned(), note.into_bytes());
    check(&forger.verify(), &[("checkpoint", None, Some(ROOT))], "a stranger's");
    forger.files.0.insert(ROOT.to_owned(), b"no note".to_vec());
    check(&forger.verify(), &[("checkpoint", None, Some(ROOT))], "no note");
    forger.files.0.remove(ROOT);
    check(&forger.verify(), &[("root-txt", None, Some(ROOT))], "none");
    // An older one that is true is what a crash may leave.
    let mut forger = Forger::new();
    let sizes: Vec<u64> = forger.chain().seals.iter().map(|row| row.seq + 1).collect();
    for size in sizes {
        let older = forger.state_at(size).checkpoint();
        assert_eq!(older.size, size);
        forger.sign_root(&older);
        let report = forger.passes();
        assert_eq!(count(&report, "checkpoints"), (CheckStatus::Passed, 1));
    }
    // One in the middle of a group was never signed by an honest ledger, but its roots can be told.
    let (one, other) = (forger.note(), forger.note());
    forger.say(&one);
    let state = {
        let mut alone = forger.clone();
        alone.commit();
        alone.checkpoint()
    };
    forger.append(&other);
    forger.sign_root(&state);
    forger.passes();
}

#[test]
fn a_checkpoint_is_signed_by_the_key_of_its_size() {
    let new = key(77);
    let mut forger = Forger::new();
    let change = forger.change_of_keys(spec::KeyUse::Checkpoint, &new);
    let before = forger.checkpoint();
    let seq = forger.append(&change);
    let after = forger.checkpoint();
    assert_eq!((before.size, after.size), (seq, seq + 1));
    let old = forger.checkpoint_key.clone();
    for (checkpoint, signer, good) in
        [(&before, &old, true), (&before, &new, false), (&after, &old, false), (&after, &new, true)]
    {
        let note = checkpoint.sign(signer, 1).to_string();
        forger.files.0.insert(ROOT.to_owned(), note.into_bytes());
        let expected = [("checkpoint", None, Some(ROOT))];
        check(&forger.verify(), if good { &[] } else { &expected }, &format!("size {}", checkpoint.size));
    }
}

#[test]
fn a_row_is_signed_by_the_key_of_its_size() {
    let new = key(77);
    let mut forger = Forger::new();
    let before = row_seq(&forger, 2) + 1;
    let change = forger.change_of_keys(spec::KeyUse::Checkpoint, &new);
    forger.append(&change);
    // The seal right behind the change: a size further back and the old key would still do.
    let seq = forger.seal(|_| ());
    let by_old = forger.row(3, seq, before);
    forger.checkpoint_key = new;
    let by_new = forger.row(3, seq, before);
    let authority = forger.bundle(0).authority;
    for (row, good) in [(by_new, true), (by_old, false)] {
        let mut forger = forger.clone();
        let authority = authority.clone();
        forger.lie_in_chain(|chain| {
            chain.seals.push(row);
            chain.authority = authority;
        });
        let chain = forger.files.0[CHAIN].clone();
        let old = Options { old: vec![chain.clone()], ..Options::default() };
        let alone = verify_proofchain(&chain, &|_| None, &old);
        assert_eq!(alone.verdict == Verdict::Verified, good, "{:?}", alone.failures);
        let expected = [("proofchain", Some(seq), Some(CHAIN))];
        check(&forger.verify(), if good { &[] } else { &expected }, "a row behind a change of keys");
    }
}

/// A lie in the proof chain, and the seq of the row it is found in.
type ChainLie = (&'static str, fn(&mut Forger) -> Option<u64>);

fn row_seq(forger: &Forger, index: usize) -> u64 {
    forger.chain().seals[index].seq
}

#[test]
fn the_proof_chain_is_the_logs() {
    let cases: [ChainLie; 14] = [
        ("another leaf", |f| {
            f.lie_in_chain(|chain| chain.seals[2].leaf = chain.seals[1].leaf);
            Some(row_seq(f, 2))
        }),
        ("another key", |f| {
            let honest = std::mem::replace(&mut f.checkpoint_key, stranger());
            let row = f.row(2, row_seq(f, 2), row_seq(f, 1) + 1);
            f.checkpoint_key = honest;
            f.lie_in_chain(|chain| chain.seals[2] = row);
            Some(row_seq(f, 2))
        }),
        ("a row that is no seal", |f| {
            let seq = f.append(&f.plain());
            let old = row_seq(f, 1) + 1;
            let row = f.row(2, seq, old);
            f.lie_in_chain(|chain| chain.seals[2] = row);
            Some(seq)
        }),
        ("a row too many", |f| {
            let seq = f.append(&f.plain());
            let old = row_seq(f, 2) + 1;
            let row = f.row(3, seq, old);
            f.lie_in_chain(|chain| chain.seals.push(row));
            Some(seq)
        }),
        ("no proof that it extends", |f| {
            f.lie_in_chain(|chain| chain.seals[1].consistency.clear());
            Some(row_seq(f, 1))
        }),
        ("two rows missing", |f| {
            f.lie_in_chain(|chain| chain.seals.truncate(1));
            None
        }),
        ("all rows missing", |f| {
            f.lie_in_chain(|chain| chain.seals.clear());
            None
        }),
        ("a row left out", |f| {
            f.lie_in_chain(|chain| drop(chain.seals.remove(1)));
            None
        }),
        ("another name", |f| {
            f.lie_in_chain(|chain| chain.origin = chain.origin.replace("test.local", "best.local"));
            None
        }),
        ("another ledger", |f| {
            f.lie_in_chain(|chain| {
                let other = Hash([1; 32]);
                chain.origin = chain.origin.replace(&chain.ledger.to_hex(), &other.to_hex());
                chain.ledger = other;
            });
            None
        }),
        ("no authority", |f| {
            f.lie_in_chain(|chain| chain.authority.clear());
            None
        }),
        ("another genesis", |f| {
            f.lie_in_chain(|chain| chain.authority[0]["entry"]["lane"]["n"] = json!(1));
            None
        }),
        ("a change of keys that the log does not have", |f| {
            let mut other = f.clone();
            let change = other.change_of_keys(spec::KeyUse::Checkpoint, &stranger());
            let name = other.files.last_segment();
            let from = other.files.0[&name].len();
            other.append(&change);
            let line = other.files.0[&name][from..].split(|b| *b == b'\n').next().unwrap().to_vec();
            f.lie_in_chain(|chain| chain.authority.push(serde_json::from_slice(&line).unwrap()));
            None
        }),
        ("no file", |f| {
            f.files.0.remove(CHAIN);
            None
        }),
    ];
    for (what, forge) in cases {
        let mut forger = Forger::new();
        let seq = forge(&mut forger);
        let report = forger.verify();
        let place = Some(CHAIN);
        // What follows a refused row cannot be proved to extend it.
        let first = report.failures.first().map(|f| (f.code, f.seq, f.file.as_deref()));
        assert_eq!(first, Some(("proofchain", seq, place)), "{what}: {:?}", report.failures);
        assert_eq!(count(&report, "proofchain").0, CheckStatus::Failed, "{what}");
    }
}

#[test]
fn a_row_names_the_logs_own_checkpoint() {
    for lie in [
        (|c: &mut Checkpoint| c.keys = c.root) as fn(&mut Checkpoint),
        |c| c.lanes = c.root,
        |c| c.sha256 = c.root,
    ] {
        let mut forger = Forger::new();
        let row = forger.chain().seals[1].clone();
        let mut checkpoint = forger.state_at(row.seq + 1).checkpoint();
        lie(&mut checkpoint);
        let note = forger.signed(&checkpoint);
        forger.lie_in_chain(|chain| chain.seals[1].checkpoint = note);
        check(&forger.verify(), &[("checkpoint", Some(row.seq), Some(CHAIN))], "a row");
    }
}

#[test]
fn what_a_crash_or_a_service_at_work_leaves_is_no_fault() {
    let mut forger = Forger::new();
    let rows = forger.chain().seals.len() as u64;
    assert_eq!(count(&forger.passes(), "proofchain"), (CheckStatus::Passed, rows));
    forger.lie_in_chain(|chain| drop(chain.seals.pop()));
    assert_eq!(count(&forger.passes(), "proofchain"), (CheckStatus::Passed, rows - 1));
    // An authority that does not have the newest change of keys yet.
    let mut forger = Forger::new();
    let change = forger.change_of_keys(spec::KeyUse::Command, &stranger());
    forger.append(&change);
    forger.passes();
    // A log without seals has no such file.
    let mut forger = Forger::from_nothing();
    forger.append(&Forger::genesis());
    forger.sign_root(&forger.checkpoint());
    let report = forger.passes();
    assert!(report.checks.iter().all(|check| check.code != "proofchain"));
    // Nor has one whose first seal a crash has parted from its row.
    forger.seal(|_| ());
    forger.passes();
    forger.seal(|_| ());
    check(&forger.verify(), &[("proofchain", None, Some(CHAIN))], "two seals");
    // A write under way.
    let mut forger = Forger::new();
    let note = forger.note();
    forger.say(&note);
    let name = forger.files.last_segment();
    forger.files.0.get_mut(&name).unwrap().extend(&forger.group);
    let report = forger.passes();
    assert_eq!(report.uncommitted_bytes, forger.group.len() as u64);
}

/// Moves the first rows into a part.
fn part(forger: &mut Forger, rows: usize) -> Part {
    let mut chain = forger.chain();
    let older: Vec<_> = chain.seals.drain(..rows).collect();
    let bytes: Vec<u8> = older.iter().flat_map(proofs::proofchain::Row::to_line).collect();
    let part = Part { file: part_file(0), first: 0, hash: part_hash(&bytes), last: rows as u64 - 1 };
    forger.files.0.insert(part.file.clone(), bytes);
    chain.parts.push(part.clone());
    forger.files.0.insert(CHAIN.to_owned(), chain.to_canonical());
    part
}

#[test]
fn a_part_of_the_proof_chain_is_the_one_it_names() {
    let mut forger = Forger::new();
    let part = part(&mut forger, 2);
    assert_eq!(count(&forger.passes(), "proofchain").1, 3);
    let mut damaged = forger.clone();
    damaged.files.0.get_mut(&part.file).unwrap()[20] ^= 1;
    assert_eq!(damaged.verify().failures[0].file.as_ref(), Some(&part.file));
    assert_eq!(damaged.verify().failures[0].code, "proofchain");
    let mut missing = forger.clone();
    missing.files.0.remove(&part.file);
    assert_eq!(missing.verify().failures[0].file.as_ref(), Some(&part.file));
    assert_eq!(missing.verify().verdict, Verdict::Failed);
}

#[test]
fn kept_bytes_are_accounted_for() {
    let bytes = b"cut bytes".to_vec();
    let recovery = |f: &Forger, offset: u64| {
        let hash = Hash::of(Domain::CutTail, &[b"cut bytes"]);
        f.own(
            Kind::Recovery,
            json!({"action": "cut-tail", "bytes": 9, "hash": hash, "offset": offset, "segment": 0}),
        )
    };
    let mut forger = Forger::new();
    forger.append(&recovery(&forger, 700));
    forger.files.0.insert(cut_name(0, 700), bytes.clone());
    let report = forger.passes();
    assert_eq!(count(&report, "cut-tails"), (CheckStatus::Passed, 1));
    assert_eq!(report.findings.iter().filter(|f| f.code == "recovery").count(), 1);
    let copy = format!("{}-2", cut_name(0, 700));
    forger.files.0.insert(copy.clone(), bytes.clone());
    forger.passes();
    forger.files.0.insert(copy.clone(), b"other bytes".to_vec());
    check(&forger.verify(), &[("cut-tail", None, Some(&copy))], "other bytes");
    for name in [cut_name(0, 701), cut_name(1, 700), "log/cut-by-hand".to_owned()] {
        let mut forger = Forger::new();
        forger.append(&recovery(&forger, 700));
        forger.files.0.insert(cut_name(0, 700), bytes.clone());
        forger.files.0.insert(name.clone(), bytes.clone());
        check(&forger.verify(), &[("cut-tail", None, Some(&name))], "another place");
    }
}

#[test]
fn id_files_are_those_of_their_segments() {
    let mut forger = Forger::new();
    let closed = forger.files.0.keys().filter(|name| name.starts_with("ids/")).count() as u64;
    assert!(closed >= 2);
    assert_eq!(count(&forger.passes(), "ids"), (CheckStatus::Passed, closed));
    let names: Vec<String> = forger.files.0.keys().filter(|n| n.starts_with("ids/")).cloned().collect();
    // Each is sound, but not that of its segment.
    let (one, other) = (forger.files.0[&names[0]].clone(), forger.files.0[&names[1]].clone());
    forger.files.0.insert(names[0].clone(), other);
    check(&forger.verify(), &[("ids", None, Some(&names[0]))], "another segment's");
    forger.files.0.insert(names[0].clone(), one[1..].to_vec());
    check(&forger.verify(), &[("ids", None, Some(&names[0]))], "damaged");
    for name in &names {
        forger.files.0.remove(name);
    }
    assert_eq!(count(&forger.passes(), "ids"), (CheckStatus::NotChecked, 0));
}

#[test]
fn the_pinned_ledger_and_its_witnesses() {
    let mut forger = Forger::new();
    let ledger = forger.ledger.id();
    assert_eq!(forger.passes().trust, TrustStatus::Unpinned);
    let trusting = |trust: Trust| Options { trust, ..Options::default() };
    let pinned = forger.verify_with(&trusting(Trust { ledger: Some(ledger), ..Trust::default() }));
    check(&pinned, &[], "pinned");
    assert_eq!(pinned.trust, TrustStatus::Pinned);
    let wrong = forger.verify_with(&trusting(Trust { ledger: Some(Hash::ZERO), ..Trust::default() }));
    check(&wrong, &[("ledger-id", None, None)], "another ledger");
    assert_eq!(wrong.trust, TrustStatus::Unpinned);

    let witnesses: Vec<SigningKey> = vec![key(61), key(62), key(63)];
    let names = ["one.example", "two.example", "three.example"];
    let known: Vec<_> =
        witnesses.iter().zip(names).map(|(key, name)| witness_key(name, key.public())).collect();
    let mut note = Note::parse(&forger.files.0[ROOT]).unwrap();
    for (key, name) in witnesses.iter().zip(names).take(2) {
        note.signatures.push(cosign(&note, name, key, 5));
    }
    forger.files.0.insert(ROOT.to_owned(), note.to_string().into_bytes());
    let ask =
        |ledger, quorum| forger.verify_with(&trusting(Trust { ledger, witnesses: known.clone(), quorum }));
    for quorum in [1, 2] {
        let report = ask(Some(ledger), quorum);
        check(&report, &[], "witnessed");
        assert_eq!(report.trust, TrustStatus::Witnessed);
        assert_eq!(count(&report, "witnesses"), (CheckStatus::Passed, 2));
    }
    check(&ask(Some(ledger), 3), &[("witness", None, None)], "too few");
    assert_eq!(ask(Some(ledger), 3).trust, TrustStatus::Pinned);
    let report = ask(Some(ledger), 0);
    assert_eq!(report.trust, TrustStatus::Pinned);
    assert!(report.checks.iter().all(|check| check.code != "witnesses"));
    assert_eq!(ask(None, 1).trust, TrustStatus::Unpinned);
    let unknown = forger.verify_with(&trusting(Trust::default()));
    check(&unknown, &[("checkpoint", None, Some(ROOT))], "witnesses nobody knows");
}

#[test]
fn a_trust_policy_is_read_strictly() {
    let id = Hash([7; 32]);
    let vkeys: Vec<String> = [61, 62].map(|n| witness_key("w.example", key(n).public()).to_string()).to_vec();
    let policy = |quorum: usize, format: &str| {
        let value = json!({"format": format, "ledger": id, "quorum": quorum, "witnesses": vkeys});
        Trust::parse(&value.to_string())
    };
    let trust = policy(2, "vaultmesh-trust-v1").unwrap();
    assert_eq!((trust.ledger, trust.quorum, trust.witnesses.len()), (Some(id), 2, 2));
    assert_eq!(trust.witnesses[1], witness_key("w.example", key(62).public()));
    assert!(policy(3, "vaultmesh-trust-v1").is_err());
    assert!(policy(1, "vaultmesh-trust-v2").is_err());
    let alone = Trust::parse(&format!(" {}\n", id.to_hex())).unwrap();
    assert_eq!((alone.ledger, alone.quorum, alone.witnesses.len()), (Some(id), 0, 0));
    let short = json!({"format": "vaultmesh-trust-v1", "ledger": id}).to_string();
    assert_eq!(Trust::parse(&short).unwrap().quorum, 0);
    for bad in ["", "00", "{}", &short.replace('}', ",\"more\":1}")] {
        assert!(Trust::parse(bad).is_err(), "{bad}");
    }
    let unknown = json!({"format": "vaultmesh-trust-v1", "ledger": id, "witnesses": ["w"]}).to_string();
    assert!(Trust::parse(&unknown).is_err());
}

#[test]
fn a_directory_holds_segments_and_nothing_that_passes_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let forger = Forger::new();
    let write = |name: &str, bytes: &[u8]| replace(&RealDisk::existing(dir.path()), name, bytes).unwrap();
    for folder in ["log", "ids"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
    }
    for (name, bytes) in &forger.files.0 {
        write(name, bytes);
    }
    let verify = || {
        let disk = RealDisk::existing(dir.path());
        let mut read = 0;
        let report = verify_log(&DiskSource(&disk), &Options::default(), None, &mut |bytes| read += bytes);
        (report, read)
    };
    let (report, read) = verify();
    check(&report, &[], "a directory");
    assert_eq!(report.size, forger.size());
    assert_eq!(read, forger.segments().iter().map(|bytes| bytes.len() as u64).sum::<u64>());
    write("log/half.tmp", b"");
    check(&verify().0, &[], "a file that is being written");
    write("log/cut-00000000000000000000-5", b"x");
    assert_eq!(failures(&verify().0), [("cut-tail", None)]);
    std::fs::remove_file(dir.path().join("log/cut-00000000000000000000-5")).unwrap();
    // What cannot be read is said to be so, and is not taken for something missing.
    std::fs::remove_file(dir.path().join(ROOT)).unwrap();
    check(&verify().0, &[("root-txt", None, Some(ROOT))], "no checkpoint");
    std::fs::create_dir(dir.path().join(ROOT)).unwrap();
    check(&verify().0, &[("unreadable", None, Some(ROOT))], "a folder");
}
