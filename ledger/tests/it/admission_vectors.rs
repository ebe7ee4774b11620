//! `spec/vectors/admission.json`: a small log, and what a hostile ledger appends to it.
//!
//! `cargo test -p ledger --test it -- --ignored regenerate_vectors` writes it anew; its keys are those of the tests.

use crate::forged_kinds::{SMUGGLED, let_in};
use crate::forger::Forger;
use ledger::audit::{SegmentBytes, audit};
use ledger::storage::segment_name;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What would make the file large: every vector is a few entries.
const MAX_APPENDED_BYTES: usize = 16 * 1024;

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/admission.json")
}

/// The log of a forger as one segment: where segments are cut, nothing says.
pub(crate) fn log_of(forger: &Forger) -> String {
    String::from_utf8(forger.segments().concat()).unwrap()
}

/// Code and seq of each failure of a log.
fn failures(log: &str) -> Vec<(&'static str, Option<u64>)> {
    let segment = SegmentBytes { first: 0, name: segment_name(0), bytes: log.as_bytes().to_vec() };
    let mut found = audit(&BTreeSet::new(), std::iter::once(Ok((segment, true))), None, &mut |_| ());
    found.settle(&[0], &mut |_| Ok(log.as_bytes().to_vec()));
    found.failures.iter().map(|fault| (fault.code, fault.seq)).collect()
}

#[test]
fn each_vector_of_admission_has_its_verdict() {
    failures_of(&file(), 40);
}

/// Asks the auditor about every vector of a file, which has at least so many that are refused.
pub(crate) fn failures_of(file: &Path, least: usize) {
    let vectors: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let base = vectors["log"].as_str().unwrap();
    assert_eq!(failures(base), []);
    let accepted = vectors["accepted"].as_str().unwrap();
    assert_eq!(failures(&format!("{base}{accepted}")), []);
    let refused = vectors["refused"].as_array().unwrap();
    assert!(refused.len() > least);
    for case in refused {
        let found = failures(&format!("{base}{}", case["appended"].as_str().unwrap()));
        let found: Vec<_> = found.iter().map(|(code, seq)| json!({"code": code, "seq": seq})).collect();
        assert_eq!(found, [case["failure"].clone()], "{}", case["name"]);
    }
}

#[test]
#[ignore = "writes spec/vectors/admission.json"]
fn regenerate_vectors() {
    let base = log_of(&Forger::new());
    let appended = |forger: &Forger| log_of(forger)[base.len()..].to_owned();
    let mut refused = Vec::new();
    for (what, _, forge) in SMUGGLED {
        let mut forger = Forger::new();
        let seq = forge(&mut forger);
        let appended = appended(&forger);
        if appended.len() <= MAX_APPENDED_BYTES {
            let failure = json!({"code": "admission", "seq": seq});
            refused.push(json!({"appended": appended, "failure": failure, "name": what}));
        }
    }
    let vectors = json!({"accepted": appended(&let_in()), "log": base, "refused": refused});
    write_vectors(&file(), &vectors);
}

/// Writes a file of vectors anew.
pub(crate) fn write_vectors(file: &Path, vectors: &Value) {
    let text = serde_json::to_string_pretty(vectors).unwrap() + "\n";
    let replaced = std::fs::OpenOptions::new().write(true).create(true).truncate(true).open(file);
    std::io::Write::write_all(&mut replaced.unwrap(), text.as_bytes()).unwrap();
}
