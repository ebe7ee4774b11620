//! Damage: every byte of a small ledger in turn, and a sample of cruder damage to a larger one.
//!
//! Whatever `spec/verify-codes.md` says is covered must be found.

use ledger::fault::Fault;
use ledger::genesis::Plan;
use ledger::index::MemoryRows;
use ledger::keyring::{self, Keyring};
use ledger::open::{self, Options as OpenOptions};
use ledger::service::Draft;
use ledger::storage::{MemoryStorage, Storage, segment_name};
use ledger::verify::{Options, Report, Source, Verdict, verify_bundle, verify_log, verify_proofchain};
use ledger::{AppendOptions, Ledger};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use spec::{Author, Commit, Kind, Via};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A ledger's files in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Source for Files {
    fn segments(&self) -> Result<Vec<(u64, u64)>, Fault> {
        let names = self.0.iter().filter_map(|(name, bytes)| {
            let first = ledger::storage::segment_first(name.strip_prefix("log/")?)?;
            Some((first, bytes.len() as u64))
        });
        Ok(names.collect())
    }

    fn segment(&self, first: u64) -> Result<Vec<u8>, Fault> {
        Ok(self.0[&segment_name(first)].clone())
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.0.get(name).cloned())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        let prefix = format!("{folder}/");
        Ok(self.0.keys().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect())
    }
}

impl Files {
    fn verify(&self) -> Report {
        verify_log(self, &Options::default(), None, &mut |_| {})
    }
}

struct Made {
    files: Files,
    bundle: Vec<u8>,
}

/// A ledger with `count` notes, a seal every 16, and its files as they lie after it was closed.
fn make(count: usize) -> Made {
    make_with(count, 16, MemoryStorage::default())
}

fn make_with(count: usize, seal_every: usize, storage: MemoryStorage) -> Made {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let storage = Arc::new(storage);
    let keys = Keyring::generate().unwrap();
    let plan = Plan {
        name: "test.example".parse().unwrap(),
        keys: keys.clone(),
        recovery: vec![keyring::generate().unwrap()],
        threshold: 1,
        predecessor: None,
    };
    runtime.block_on(async {
        open::create(&*storage, &plan, crate::support::now()).await.unwrap();
        let log = Arc::clone(&storage) as Arc<dyn Storage>;
        let clock = Arc::new(ledger::clock::SystemClock::default());
        let options = OpenOptions {
            service_version: Some("test".to_owned()),
            ..OpenOptions::new(log, Arc::new(MemoryRows::default()), keys, clock)
        };
        let (ledger, _) = open::open(options).await.unwrap();
        for n in 0..count {
            append(&ledger, n).await;
            if n % seal_every == seal_every - 1 {
                ledger.seal().await.unwrap();
            }
        }
        let bundle = ledger::bundle::build(&ledger, 7).await.unwrap().to_canonical();
        let closing = ledger.clone();
        tokio::task::spawn_blocking(move || closing.close(true)).await.unwrap();
        let mut files = Files::default();
        for segment in storage.segments().await.unwrap() {
            let bytes = storage.read(segment.first, 0, usize::MAX).await.unwrap();
            files.0.insert(segment_name(segment.first), bytes);
        }
        let mut names = vec!["ROOT.txt".to_owned(), "PROOFCHAIN.json".to_owned()];
        for folder in ["ids", "proofchain"] {
            let within = storage.list(folder).await.unwrap();
            names.extend(within.into_iter().map(|name| format!("{folder}/{name}")));
        }
        for name in names {
            let bytes = storage.get(&name).await.unwrap().unwrap();
            files.0.insert(name, bytes);
        }
        Made { files, bundle }
    })
}

async fn append(ledger: &Ledger, n: usize) {
    let draft = Draft {
        author: Author::Service("admin".parse().unwrap()),
        via: Via { method: "admin".parse().unwrap(), subject: None },
        kind: Kind::Note,
        org: if n.is_multiple_of(3) { "acme" } else { "umbrella" }.parse().unwrap(),
        tenant: None,
        node_id: None,
        severity: None,
        ts: None,
        id: None,
        payload: serde_json::json!({"text": format!("note {n} — ü")}),
    };
    let event = ledger.sign(&draft).unwrap();
    let appended = ledger.append_own(vec![event], AppendOptions::default()).await.unwrap();
    assert!(matches!(appended.outcomes[0], ledger::Outcome::Recorded(_)), "{:?}", appended.outcomes);
}

/// Calls `check` with every number below `count`, on all cores.
fn on_all_cores(count: usize, check: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    check(at);
                }
            });
        }
    });
}

#[test]
fn every_flipped_byte_of_a_small_ledger_is_found() {
    let made = make(45);
    let report = made.files.verify();
    assert_eq!(report.verdict, Verdict::Verified, "{:?}", report.failures);
    assert!(report.size >= 50, "{}", report.size);
    for (name, bytes) in &made.files.0 {
        on_all_cores(bytes.len(), |at| {
            let mut files = made.files.clone();
            // Another bit at each place, so that letter case, digits and structure are all hit.
            files.0.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
            let report = files.verify();
            assert_eq!(report.verdict, Verdict::Failed, "{name} byte {at}");
            assert!(!report.failures.is_empty(), "{name} byte {at}");
        });
    }
}

#[test]
fn every_flipped_byte_of_a_bundle_and_a_proof_chain_is_found() {
    let made = make(20);
    assert_eq!(verify_bundle(&made.bundle, &Options::default()).verdict, Verdict::Verified);
    on_all_cores(made.bundle.len(), |at| {
        let mut bytes = made.bundle.clone();
        bytes[at] ^= 1 << (at % 8);
        assert_eq!(verify_bundle(&bytes, &Options::default()).verdict, Verdict::Failed, "byte {at}");
    });
    let chain = &made.files.0["PROOFCHAIN.json"];
    let verify = |bytes: &[u8]| verify_proofchain(bytes, &|_| None, &Options::default()).verdict;
    assert_eq!(verify(chain), Verdict::Verified);
    on_all_cores(chain.len(), |at| {
        let mut bytes = chain.clone();
        bytes[at] ^= 1 << (at % 8);
        assert_eq!(verify(&bytes), Verdict::Failed, "byte {at}");
    });
}

/// A ledger of several segments and more seals than one file of the proof chain holds, damaged at random: by
/// the byte, the field, the line and the file.
#[test]
fn cruder_damage_is_found() {
    let made = make_with(1400, 5, MemoryStorage::default().with_segment_bytes(256 * 1024));
    let report = made.files.verify();
    assert_eq!(report.verdict, Verdict::Verified, "{:?}", report.failures);
    let count = |prefix: &str| made.files.0.keys().filter(|name| name.starts_with(prefix)).count();
    assert!(count("log/") > 3 && count("ids/") > 2 && count("proofchain/") > 0, "{:?}", made.files.0.keys());
    // Id files are an index: without one it is rebuilt from its segment, so only a false one is a fault.
    let names: Vec<&String> = made.files.0.keys().collect();
    let cases = Mutex::new(TestRunner::deterministic());
    on_all_cores(CRUDE_CASES, |case| {
        let draw = |below: usize| {
            let mut cases = cases.lock().unwrap();
            (0..below).new_tree(&mut cases).unwrap().current()
        };
        let name = names[draw(names.len())];
        let mut files = made.files.clone();
        let what = damage(&mut files, name, &draw);
        let is_missing_index = name.starts_with("ids/") && !files.0.contains_key(name);
        if files != made.files && !is_missing_index {
            assert_eq!(files.verify().verdict, Verdict::Failed, "case {case}: {what} of {name}");
        }
    });
}

/// How many times a large ledger is damaged.
const CRUDE_CASES: usize = 400;

/// Damages one file; says how.
fn damage(files: &mut Files, name: &str, draw: &impl Fn(usize) -> usize) -> &'static str {
    let bytes = files.0[name].clone();
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let (a, b) = (draw(lines.len()), draw(lines.len()));
    let what = match draw(9) {
        0 => {
            let at = draw(bytes.len());
            lines = vec![bytes];
            lines[0][at] ^= 1 << draw(8);
            "a flipped bit"
        }
        1 => {
            drop(lines.remove(a));
            "a line taken away"
        }
        2 => {
            lines.insert(a, lines[b].clone());
            "a line repeated"
        }
        3 => {
            lines.swap(a, b);
            "two lines swapped"
        }
        4 => {
            let half = lines[a].len() / 2;
            lines[a].truncate(half);
            "half a line"
        }
        5 => {
            lines.truncate(a);
            "what follows a line"
        }
        6 | 7 if name.starts_with("log/") => {
            swap_fields(&mut lines, a, b, draw);
            recommit(&mut lines);
            "fields of two records swapped, commit lines made anew"
        }
        8 => {
            let others: Vec<String> = files.0.keys().cloned().collect();
            let other = others[draw(others.len())].clone();
            let theirs = files.0[&other].clone();
            lines = vec![theirs];
            files.0.insert(other, bytes);
            "two files swapped"
        }
        _ => {
            files.0.remove(name);
            return "the whole";
        }
    };
    files.0.insert(name.to_owned(), lines.concat());
    what
}

/// Exchanges one field of two record lines; both stay in canonical form.
fn swap_fields(lines: &mut [Vec<u8>], a: usize, b: usize, draw: &impl Fn(usize) -> usize) {
    const FIELDS: [&str; 13] = [
        "/payload",
        "/salt",
        "/entry/lane",
        "/entry/prev",
        "/entry/recorded_at",
        "/entry/seq",
        "/entry/event",
        "/entry/event/id",
        "/entry/event/key",
        "/entry/event/org",
        "/entry/event/payload_hash",
        "/entry/event/sig",
        "/entry/event/ts",
    ];
    let field = FIELDS[draw(FIELDS.len())];
    let read = |line: &[u8]| serde_json::from_slice::<serde_json::Value>(line).unwrap();
    let (mut one, mut other) = (read(&lines[a]), read(&lines[b]));
    let (Some(x), Some(y)) = (one.pointer_mut(field), other.pointer_mut(field)) else { return };
    if a == b || x == y {
        return;
    }
    std::mem::swap(x, y);
    for (at, value) in [(a, one), (b, other)] {
        lines[at] = [spec::canonical::to_vec(&value).unwrap(), b"\n".to_vec()].concat();
    }
}

/// Makes commit lines fit the record lines before them, as whoever tampers would. Their roots stay.
fn recommit(lines: &mut [Vec<u8>]) {
    let mut group = Vec::new();
    for line in lines {
        let commit = std::str::from_utf8(line).ok().and_then(|text| Commit::parse(text.trim_end()).ok());
        match commit {
            Some(commit) => {
                line.clear();
                Commit::of(&group, commit.size, commit.root).write_line(line);
                group.clear();
            }
            None => group.extend_from_slice(line),
        }
    }
}

/// A wholly re-signed history verifies by itself; only what the auditor brings along tells.
#[test]
fn another_ledger_does_not_pass_for_the_pinned_one() {
    let (one, other) = (make(20), make(20));
    let trust = |text: &str| ledger::verify::Trust::parse(text).unwrap();
    let first = serde_json::to_value(one.files.verify().origin).unwrap();
    let id = first.as_str().unwrap().split('/').nth(1).unwrap().to_owned();
    let pinned = |old: Vec<Vec<u8>>| Options { trust: trust(&id), old, ..Options::default() };
    let report = verify_log(&one.files, &pinned(Vec::new()), None, &mut |_| {});
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!(report.trust, ledger::verify::TrustStatus::Pinned);
    assert_eq!(verify_log(&other.files, &pinned(Vec::new()), None, &mut |_| {}).verdict, Verdict::Failed);
    assert_eq!(verify_bundle(&other.bundle, &pinned(Vec::new())).verdict, Verdict::Failed);
    for file in ["ROOT.txt", "PROOFCHAIN.json"] {
        let old = Options { old: vec![other.files.0[file].clone()], ..Options::default() };
        let report = verify_log(&one.files, &old, None, &mut |_| {});
        assert_eq!(report.failures[0].code, "not-extended", "{file}: {:?}", report.failures);
        let old = pinned(vec![one.files.0[file].clone()]);
        assert_eq!(verify_log(&one.files, &old, None, &mut |_| {}).verdict, Verdict::Verified, "{file}");
    }
}
