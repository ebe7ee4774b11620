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
use proptest::test_runner::{Config, TestRunner};
use spec::{Author, Kind, Via};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
        verify_log(self, &Options::default(), &mut |_| {})
    }
}

struct Made {
    files: Files,
    bundle: Vec<u8>,
}

/// A ledger with `count` notes, a seal every 16, and its files as they lie after it was closed.
fn make(count: usize) -> Made {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let storage = Arc::new(MemoryStorage::default());
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
        let options = OpenOptions {
            storage: Arc::clone(&storage) as Arc<dyn Storage>,
            rows: Arc::new(MemoryRows::default()),
            keys,
            clock: Arc::new(ledger::clock::SystemClock::default()),
            service_version: Some("test".to_owned()),
            seal_every: None,
            rebuild_root: false,
            digests: None,
            lock: None,
        };
        let (ledger, _) = open::open(options).await.unwrap();
        for n in 0..count {
            append(&ledger, n).await;
            if n % 16 == 15 {
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
        for name in ["ROOT.txt", "PROOFCHAIN.json"] {
            files.0.insert(name.to_owned(), storage.get(name).await.unwrap().unwrap());
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
    let made = make(36);
    let report = made.files.verify();
    assert_eq!(report.verdict, Verdict::Verified, "{:?}", report.failures);
    assert!(report.size >= 40, "{}", report.size);
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

/// Damage by the line: taken away, repeated, swapped, and whole files dropped.
#[test]
fn cruder_damage_is_found() {
    let made = make(200);
    let name = segment_name(0);
    let lines: Vec<Vec<u8>> =
        made.files.0[&name].split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    runner
        .run(&(0..4u8, 0..lines.len(), 0..lines.len()), |(what, a, b)| {
            let mut damaged = lines.clone();
            match what {
                0 => drop(damaged.remove(a)),
                1 => damaged.insert(a, lines[a].clone()),
                2 => damaged.swap(a, b),
                _ => {
                    let half = damaged[a].len() / 2;
                    damaged[a].truncate(half);
                }
            }
            if damaged != lines {
                let mut files = made.files.clone();
                files.0.insert(name.clone(), damaged.concat());
                let report = files.verify();
                assert_eq!(report.verdict, Verdict::Failed, "damage {what} at lines {a}, {b}");
            }
            Ok(())
        })
        .unwrap();
    for missing in made.files.0.keys() {
        let mut files = made.files.clone();
        files.0.remove(missing);
        assert_eq!(files.verify().verdict, Verdict::Failed, "{missing}");
    }
}

/// A wholly re-signed history verifies by itself; only what the auditor brings along tells.
#[test]
fn another_ledger_does_not_pass_for_the_pinned_one() {
    let (one, other) = (make(20), make(20));
    let trust = |text: &str| ledger::verify::Trust::parse(text).unwrap();
    let first = serde_json::to_value(one.files.verify().origin).unwrap();
    let id = first.as_str().unwrap().split('/').nth(1).unwrap().to_owned();
    let pinned = |old: Option<Vec<u8>>| Options { trust: trust(&id), old, strict: false };
    let report = verify_log(&one.files, &pinned(None), &mut |_| {});
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!(report.trust, ledger::verify::TrustStatus::Pinned);
    assert_eq!(verify_log(&other.files, &pinned(None), &mut |_| {}).verdict, Verdict::Failed);
    assert_eq!(verify_bundle(&other.bundle, &pinned(None)).verdict, Verdict::Failed);
    for file in ["ROOT.txt", "PROOFCHAIN.json"] {
        let old = Options { old: Some(other.files.0[file].clone()), ..Options::default() };
        let report = verify_log(&one.files, &old, &mut |_| {});
        assert_eq!(report.failures[0].code, "not-extended", "{file}: {:?}", report.failures);
        let old = pinned(Some(one.files.0[file].clone()));
        assert_eq!(verify_log(&one.files, &old, &mut |_| {}).verdict, Verdict::Verified, "{file}");
    }
}
