//! Digests of folds in seals: an auditor that folds again notices a wrong one, and does not claim what it cannot know.

use crate::forger::{Forger, failures};
use ledger::verify::{CheckStatus, Options, Refold, Report, verify_log};
use spec::payload::Digest;
use spec::{Domain, Hash, Kind, Record};
use std::collections::BTreeMap;

/// A fold that counts entries.
#[derive(Default)]
struct Count {
    entries: u64,
    sealed: BTreeMap<String, Digest>,
}

fn digest(entries: u64) -> Digest {
    Digest { digest: Hash::of(Domain::Payload, &[&entries.to_be_bytes()]), size: entries, version: 1 }
}

impl Refold for Count {
    fn apply(&mut self, record: &Record) {
        if record.entry.header.kind == Kind::Seal {
            self.sealed = self.digests();
        }
        self.entries += 1;
    }

    fn digests(&self) -> BTreeMap<String, Digest> {
        BTreeMap::from([("count".to_owned(), digest(self.entries))])
    }

    fn sealed(&self) -> BTreeMap<String, Digest> {
        self.sealed.clone()
    }
}

/// A log with two seals; the second says this of the fold, made from the sizes before the first and itself.
fn second_seal_says(said: impl FnOnce(u64, u64) -> Vec<(&'static str, Digest)>) -> (Report, u64) {
    let mut forger = Forger::new();
    let first = forger.size();
    forger.seal(|seal| seal.advisory = BTreeMap::from([("count".to_owned(), digest(first))]));
    let note = forger.note();
    forger.append(&note);
    let second = forger.size();
    let said = said(first, second).into_iter().map(|(name, digest)| (name.to_owned(), digest)).collect();
    let seq = forger.seal(|seal| seal.advisory = said);
    (verify_log(&forger.files, &Options::default(), Some(&mut Count::default()), &mut |_| ()), seq)
}

/// What is wrong with the log itself: the forger makes no rows of the proof chain for its seals.
fn faults(report: &Report) -> Vec<(&'static str, Option<u64>)> {
    failures(report).into_iter().filter(|(code, _)| *code != "proofchain").collect()
}

fn checked(report: &Report, code: &str) -> Option<(CheckStatus, u64)> {
    report.checks.iter().find(|check| check.code == code).map(|check| (check.status, check.count))
}

#[test]
fn what_was_folded_to_the_seal_or_to_the_one_before_is_compared() {
    for lags in [false, true] {
        let (report, _) =
            second_seal_says(|first, second| vec![("count", digest(if lags { first } else { second }))]);
        assert_eq!(faults(&report), [], "{lags}");
        assert_eq!(checked(&report, "digests"), Some((CheckStatus::Passed, 2)));
        assert_eq!(checked(&report, "digests-unknown"), None);
    }
}

#[test]
fn another_digest_is_a_finding_and_no_fault_of_the_log() {
    let lie = |size: u64| Digest { digest: digest(7_777).digest, ..digest(size) };
    let found = |report: &Report| report.findings.iter().map(|f| (f.code, f.seq)).collect::<Vec<_>>();
    let (report, seq) = second_seal_says(|_, second| vec![("count", lie(second))]);
    assert_eq!((faults(&report), found(&report)), (vec![], vec![("digest", seq)]));
    assert_eq!(checked(&report, "digests"), Some((CheckStatus::Passed, 1)));
    let (report, seq) = second_seal_says(|first, _| vec![("count", lie(first))]);
    assert_eq!((faults(&report), found(&report)), (vec![], vec![("digest", seq)]));
}

#[test]
fn what_an_auditor_does_not_have_is_never_called_verified() {
    let (report, _) = second_seal_says(|first, second| {
        vec![
            ("count", digest(first + 1)),
            ("later", Digest { version: 2, ..digest(second) }),
            ("unheard-of", digest(second)),
        ]
    });
    assert_eq!(faults(&report), []);
    assert_eq!(checked(&report, "digests"), Some((CheckStatus::Passed, 1)));
    assert_eq!(checked(&report, "digests-unknown"), Some((CheckStatus::NotChecked, 3)));
}
