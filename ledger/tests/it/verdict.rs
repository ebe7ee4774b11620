//! What a verdict says and what it does not: how far the ledger has signed, what is missing, what was passed over, what
//! could not be read, and what lies behind the first damage.

use crate::forger::{CHAIN, Forger, ROOT, failures};
use crate::support::{key, run};
use ledger::durable::{RealDisk, replace};
use ledger::storage::{cut_name, segment_name};
use ledger::verify::{
    Accepted, AcceptedError, DiskSource, Options, Report, Source as _, Trust, TrustError, Verdict, verify_log,
};
use proofs::proofchain::ProofChain;
use serde_json::json;
use spec::{Domain, Hash, KeyUse, Kind, Timestamp};
use std::path::Path;

/// As an export is verified: every entry stands under a checkpoint.
fn covered() -> Options {
    Options { covered: true, ..Options::default() }
}

fn code(report: &Report) -> Vec<&'static str> {
    report.failures.iter().map(|fault| fault.code).collect()
}

/// An older checkpoint in the place of `ROOT.txt`, the later rows dropped, and behind it what the forger likes, without
/// any key: an author's events in another order, hours later, and no word of the ledger's.
#[test]
fn what_stands_behind_the_newest_checkpoint_is_nobodys_word() {
    let mut forger = Forger::new();
    let whole = forger.verify_with(&covered());
    assert_eq!((whole.verdict, whole.tail, whole.covered_size), (Verdict::Verified, 0, whole.size));
    let row = forger.chain().seals[1].clone();
    let events = forger.rewind(row.seq + 1);
    forger.files.0.insert(ROOT.to_owned(), row.checkpoint.clone().into_bytes());
    forger.lie_in_chain(|chain| chain.seals.truncate(2));
    forger.now = Timestamp::from_millis(forger.now.millis() + 7_200_000);
    let notes: Vec<_> = events.iter().filter(|event| event.header.kind == Kind::Note).collect();
    assert_eq!(notes.len(), 3, "an author's events, and the seal that is left out");
    for event in notes {
        forger.append(event);
    }
    // A directory in service may be ahead of its newest checkpoint, and how far is said.
    let report = forger.passes();
    assert!(report.in_service);
    assert_eq!((report.covered_size, report.tail, report.size), (row.seq + 1, 3, row.seq + 4));
    assert_eq!(report.checkpoint_at.map(Timestamp::millis), Some(1_795_293_722_000));
    let report = forger.verify_with(&covered());
    assert_eq!(failures(&report), [("uncovered", Some(row.seq + 1))]);
    // An older copy that somebody kept covers what it covers.
    let old = vec![Forger::new().files.0[ROOT].clone()];
    assert_eq!(code(&forger.verify_with(&Options { old, ..Options::default() })), ["not-extended"]);
}

#[test]
fn every_report_says_of_what_and_from_when_to_when() {
    let forger = Forger::new();
    let report = forger.passes();
    assert_eq!(report.ledger, Some(forger.ledger.id()));
    assert_eq!(report.first_recorded_at, Some(Timestamp::from_millis(crate::support::START)));
    assert_eq!(report.last_recorded_at, Some(forger.now));
    assert_eq!(report.version, env!("CARGO_PKG_VERSION"));
    let json = serde_json::to_value(&report).unwrap();
    for field in ["covered_size", "tail", "in_service", "signed_size", "open_finding_count", "note_count"] {
        assert!(json[field].is_u64() || json[field].is_boolean(), "{field}: {json}");
    }
}

#[test]
fn a_row_is_missing_at_the_very_end_or_it_was_taken_away() {
    // The last seal is the last entry: a crash explains it, in a directory that will be opened again.
    let mut forger = Forger::new();
    forger.lie_in_chain(|chain| drop(chain.seals.pop()));
    forger.passes();
    let report = forger.verify_with(&covered());
    assert_eq!(failures(&report), [("proofchain", None)]);
    // With an entry behind it, nothing does.
    let note = forger.note();
    forger.append(&note);
    forger.sign_root(&forger.checkpoint());
    assert_eq!(failures(&forger.verify()), [("proofchain", None)]);
    // Nor where the file is gone: it was there before anything stood behind the seal.
    forger.files.0.remove(CHAIN);
    let report = forger.verify();
    assert_eq!(
        (failures(&report), report.failures[0].file.as_deref()),
        (vec![("proofchain", None)], Some(CHAIN))
    );
}

#[test]
fn the_authority_of_a_proof_chain_is_whole() {
    let mut forger = Forger::new();
    for (n, key_use) in [(1, KeyUse::Command), (2, KeyUse::Command)] {
        let change = forger.change_of_keys(key_use, &key(170 + n));
        forger.append(&change);
    }
    let old = forger.chain().seals[2].seq + 1;
    let seq = forger.seal(|_| ());
    let (row, authority) = (forger.row(3, seq, old), forger.bundle(0).authority);
    forger.sign_root(&forger.checkpoint());
    let with = |kept: usize| {
        let mut forger = forger.clone();
        let (row, authority) = (row.clone(), authority[..kept].to_vec());
        forger.lie_in_chain(|chain: &mut ProofChain| {
            chain.seals.push(row);
            chain.authority = authority;
        });
        forger.verify()
    };
    assert_eq!(authority.len(), 3);
    assert_eq!(code(&with(3)), Vec::<&str>::new());
    for kept in [1, 2] {
        let report = with(kept);
        assert_eq!(code(&report), ["proofchain"], "{kept} records");
        assert!(report.failures[0].detail.contains("lacks the record"), "{:?}", report.failures);
    }
}

#[test]
fn a_seal_is_the_last_of_its_group() {
    let mut forger = Forger::new();
    let state = forger.state();
    let seal = json!({
        "admission": state.admission_digest(), "advisory": {}, "index": state.seals.count,
        "prev": state.seals.last, "root": state.tree.root(),
    });
    let seal = forger.own(Kind::Seal, seal);
    let seq = forger.say(&seal);
    let note = forger.note();
    forger.append(&note);
    assert_eq!(failures(&forger.verify()), [("seal", Some(seq))]);
}

#[test]
fn kept_bytes_that_the_log_names_are_there() {
    let mut forger = Forger::new();
    let hash = Hash::of(Domain::CutTail, &[b"cut"]);
    let recovery = json!({"action": "cut-tail", "bytes": 3, "hash": hash, "offset": 700, "segment": 0});
    let recovery = forger.own(Kind::Recovery, recovery);
    forger.append(&recovery);
    let report = forger.verify();
    assert_eq!(failures(&report), [("cut-tail", None)]);
    assert_eq!(report.failures[0].file, Some(cut_name(0, 700)));
    forger.files.0.insert(cut_name(0, 700), b"cut".to_vec());
    forger.passes();
}

/// A directory with the honest ledger.
fn on_disk(dir: &Path) -> Forger {
    let forger = Forger::new();
    for folder in ["log", "ids"] {
        std::fs::create_dir(dir.join(folder)).unwrap();
    }
    for (name, bytes) in &forger.files.0 {
        replace(&RealDisk::existing(dir), name, bytes).unwrap();
    }
    forger
}

fn verify_dir(dir: &Path) -> Report {
    verify_log(&DiskSource(&RealDisk::existing(dir)), &covered(), None, &mut |_| ())
}

#[test]
fn a_directory_is_verified_as_a_log_or_fails() {
    let dir = tempfile::tempdir().unwrap();
    on_disk(dir.path());
    assert_eq!(verify_dir(dir.path()).verdict, Verdict::Verified);
    let (log, away) = (dir.path().join("log"), dir.path().join("gol"));
    #[expect(clippy::disallowed_methods, reason = "a test's own files")]
    std::fs::rename(&log, &away).unwrap();
    assert_eq!(failures(&verify_dir(dir.path())), [("no-log", None)]);
    #[expect(clippy::disallowed_methods, reason = "a test's own files")]
    std::fs::write(&log, b"").unwrap();
    assert_eq!(failures(&verify_dir(dir.path())), [("no-log", None)]);
}

#[test]
fn what_is_not_the_logs_is_named_and_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let forger = on_disk(dir.path());
    let strays = [
        ".DS_Store",
        ".nfs000001",
        ".tmp",
        "._00000000000000000000.jsonl",
        "00000000000000000000 (1).jsonl",
        "00000000000000000000.jsonl.part",
        "00000000000000000000.jsonl~",
        "0.jsonl",
        "00000000000000000000.json",
    ];
    let disk = RealDisk::existing(dir.path());
    for name in strays {
        replace(&disk, &format!("log/{name}"), b"?").unwrap();
    }
    std::fs::create_dir(dir.path().join("log/@eaDir")).unwrap();
    let report = verify_dir(dir.path());
    assert_eq!((report.verdict, report.size), (Verdict::Verified, forger.size()), "{:?}", report.failures);
    let mut named: Vec<&str> = report.notes.iter().filter_map(|note| note.file.as_deref()).collect();
    let mut expected: Vec<String> = strays.iter().map(|name| format!("log/{name}")).collect();
    expected.push("log/@eaDir".to_owned());
    named.sort_unstable();
    expected.sort_unstable();
    assert_eq!(named, expected);
    assert!(report.notes.iter().all(|note| note.code == "stray-file"));
    assert_eq!(report.note_count, 10);
    // A segment that somebody renamed is no stray that nobody misses.
    let last = forger.files.last_segment();
    #[expect(clippy::disallowed_methods, reason = "a test's own files")]
    std::fs::rename(dir.path().join(&last), dir.path().join(format!("{last}.bak"))).unwrap();
    assert!(code(&verify_dir(dir.path())).contains(&"shorter"));
}

#[test]
fn what_cannot_be_read_is_no_accusation() {
    let dir = tempfile::tempdir().unwrap();
    let forger = on_disk(dir.path());
    let first = dir.path().join(segment_name(0));
    #[expect(clippy::disallowed_methods, reason = "a test's own files")]
    std::fs::rename(&first, dir.path().join(format!("{}.gz", segment_name(0)))).unwrap();
    let report = verify_dir(dir.path());
    assert_eq!((report.verdict, code(&report)), (Verdict::Unreadable, vec!["unreadable"]));
    assert!(report.failures[0].detail.contains("unpack"), "{:?}", report.failures);
    std::fs::create_dir(&first).unwrap();
    let report = verify_dir(dir.path());
    assert_eq!((report.verdict, code(&report)), (Verdict::Unreadable, vec!["unreadable"]), "a folder");
    // One that is newer: what stands before it was read, and nothing behind it is said to be missing.
    let dir = tempfile::tempdir().unwrap();
    on_disk(dir.path());
    let last = dir.path().join(forger.files.last_segment());
    std::fs::remove_file(&last).unwrap();
    std::fs::create_dir(&last).unwrap();
    let report = verify_dir(dir.path());
    assert_eq!((report.verdict, code(&report)), (Verdict::Unreadable, vec!["unreadable"]));
}

#[test]
fn changed_line_ends_are_called_so() {
    let crlf = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\n', "\r\n").into_bytes();
    let mut forger = Forger::new();
    for bytes in forger.files.0.values_mut() {
        *bytes = crlf(bytes);
    }
    forger.files.0.retain(|name, _| !name.starts_with("ids/"));
    let report = forger.verify();
    assert_eq!(report.verdict, Verdict::Failed);
    for fault in &report.failures {
        assert!(fault.detail.contains("line ends were changed"), "{fault}");
    }
    let places: Vec<_> = report.failures.iter().filter_map(|fault| fault.file.as_deref()).collect();
    assert!(places.contains(&ROOT) && places.contains(&&*segment_name(0)), "{places:?}");
}

#[test]
fn the_look_goes_on_behind_the_first_damage() {
    let forger = Forger::new();
    let names: Vec<String> =
        forger.files.segments().unwrap().iter().map(|(first, _)| segment_name(*first)).collect();
    let damaged = |places: &[(usize, usize)]| {
        let mut forger = forger.clone();
        for (segment, at) in places {
            forger.files.0.get_mut(&names[*segment]).unwrap()[*at] ^= 1;
        }
        forger.verify()
    };
    let one = damaged(&[(0, 300)]);
    assert_eq!((one.size, one.signed_size), (0, forger.size()), "{:?}", one.failures);
    assert_eq!(code(&one), ["commit-hash"], "what cannot be judged is no failure more");
    let damage = one.damage.unwrap();
    assert_eq!((damage.places, damage.last_commit_size), (1, forger.size()));
    assert_eq!((damage.listed[0].file.as_str(), damage.listed[0].byte), (&*names[0], 0));
    let two = damaged(&[(0, 300), (1, 300), (names.len() - 1, 300)]).damage.unwrap();
    assert_eq!((two.places, two.listed.len()), (3, 3));
    let mut without = forger.clone();
    without.files.0.remove(&names[1]);
    let report = without.verify();
    assert_eq!((code(&report), report.damage.unwrap().places), (vec!["segment-name"], 1));
    // What lies right and says what is wrong is no damage.
    let mut liar = forger.clone();
    liar.seal(|seal| seal.index += 1);
    assert_eq!(liar.verify().damage.unwrap().places, 0);
}

#[test]
fn findings_leave_the_verdict_alone_until_somebody_has_looked_at_them() {
    let mut forger = Forger::new();
    let opened = forger.node.open_epoch();
    let seq = forger.append(&opened);
    let report = forger.passes();
    let findings: Vec<_> = report.findings.iter().map(|f| (f.code, f.seq)).collect();
    assert_eq!(
        (findings, report.finding_count, report.open_finding_count),
        (vec![("chain-open", seq)], 1, 1)
    );
    let id = forger.ledger.id();
    let accepting = |text: String| {
        let accepted = Some(Accepted::parse(&text).unwrap());
        forger.verify_with(&Options { accepted, ..Options::default() })
    };
    let report =
        accepting(format!("vaultmesh-accepted-v1 {id}\n\n# restored\nchain-open {seq}  ticket 42\n"));
    assert_eq!((report.finding_count, report.open_finding_count), (1, 0));
    for other in [format!("refusal {seq}"), format!("chain-open {}", seq + 1)] {
        let report = accepting(format!("vaultmesh-accepted-v1 {id}\n{other}\n"));
        assert_eq!(report.open_finding_count, 1, "{other}");
    }
    let elsewhere = accepting(format!("vaultmesh-accepted-v1 {}\nchain-open {seq}\n", Hash::ZERO));
    assert_eq!((elsewhere.open_finding_count, elsewhere.notes[0].code), (1, "accepted-elsewhere"));
    assert_eq!(Accepted::parse(""), Err(AcceptedError::Head));
    assert_eq!(Accepted::parse("chain-open 1"), Err(AcceptedError::Head));
    let bad = format!("vaultmesh-accepted-v1 {id}\nchain-open\n");
    assert_eq!(Accepted::parse(&bad), Err(AcceptedError::Line(2)));
}

#[test]
fn a_pin_is_taken_in_capitals_and_not_shortened() {
    let id = Forger::new().ledger.id();
    assert_eq!(Trust::parse(&id.to_hex().to_uppercase()).unwrap().ledger, Some(id));
    for wrong in [&id.to_hex()[..63], &format!("{id}0")] {
        assert!(matches!(Trust::parse(wrong), Err(TrustError::Length(_))), "{wrong}");
    }
}

/// A copy that nobody can open for writing proves what the running ledger proves.
#[test]
fn a_bundle_can_be_made_from_files_alone() {
    let forger = Forger::new();
    let state = forger.state();
    for seq in 0..forger.size() {
        let made = ledger::bundle::from_log(&forger.files, seq).unwrap();
        let served = run(ledger::bundle::build(&forger.ledger, seq)).unwrap();
        assert_eq!(made.to_canonical(), served.to_canonical(), "entry {seq}");
    }
    let behind = ledger::bundle::from_log(&forger.files, state.size()).unwrap_err();
    assert!(matches!(behind, ledger::bundle::BundleError::Uncovered { .. }), "{behind}");
}
