//! `ledger verify`: a target's files against each other, a pinned ledger id, and older copies.
//!
//! Works on bytes behind [`Source`]: a directory, an export, or what was fetched from a service. Needs no
//! network, no running service and no trust in whoever wrote the files.

mod bundle;
mod files;
mod report;
mod trust;

pub use bundle::verify_bundle;
pub use files::{verify_equivocation, verify_note, verify_proofchain};
use report::Standing;
pub use report::{Check, CheckStatus, CosignedBy, Report, TargetKind, TrustStatus, Verdict, Witnessed};
pub use spec::Refold;
pub use trust::{AuthorityKeys, Trust, TrustError};

use crate::audit::{Audit, SegmentBytes, audit};
use crate::durable::Disk;
use crate::fault::Fault;
use crate::ids::ClosedIds;
use crate::seal::PROOFCHAIN_FILE;
use crate::storage::{cut_place, segment_first, segment_name};
use crate::watermark::{COSIGNED_FILE, ROOT_FILE};
use proofs::proofchain::{ProofChain, RowAuditor};
use proofs::{Checkpoint, checkpoint};
use spec::{Domain, Hash, KeyUse, PublicKey};
use std::collections::{BTreeMap, BTreeSet};

/// Where a ledger's files are read from.
pub trait Source {
    /// First seq and length of each segment, in order, or what is wrong with their names.
    fn segments(&self) -> Result<Vec<(u64, u64)>, Fault>;
    /// A segment's bytes.
    fn segment(&self, first: u64) -> Result<Vec<u8>, Fault>;
    /// A document's bytes, or `None` if there is none.
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Fault>;
    /// Names of the documents in a folder.
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault>;
}

/// A directory as a source.
#[derive(Debug)]
pub struct DiskSource<'a>(pub &'a dyn Disk);

impl Source for DiskSource<'_> {
    fn segments(&self) -> Result<Vec<(u64, u64)>, Fault> {
        let mut segments = Vec::new();
        for name in self.list("log")? {
            let Some(first) = segment_first(&name) else {
                if name.starts_with("cut-")
                    || std::path::Path::new(&name).extension().is_some_and(|e| e == "tmp")
                {
                    continue;
                }
                return Err(
                    Fault::new("segment-name", "a file that is no segment").in_file(format!("log/{name}"))
                );
            };
            let path = segment_name(first);
            segments.push((first, self.0.len(&path).map_err(|e| unreadable(&path, &e))?));
        }
        Ok(segments)
    }

    fn segment(&self, first: u64) -> Result<Vec<u8>, Fault> {
        let name = segment_name(first);
        self.0.read(&name).map_err(|e| unreadable(&name, &e))
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        match self.0.read(name) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(unreadable(name, &e)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        self.0.list(folder).map_err(|e| unreadable(folder, &e))
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Fault {
    Fault::new("unreadable", error.to_string()).in_file(name)
}

/// What a verification compares with.
#[derive(Debug, Default)]
pub struct Options {
    /// What the caller trusts from elsewhere.
    pub trust: Trust,
    /// An older `PROOFCHAIN.json` or checkpoint that this ledger must extend.
    pub old: Option<Vec<u8>>,
    /// Whether findings count as failures.
    pub strict: bool,
}

/// Verifies a whole log with its side files. `folds`, if given, are compared with what seals say of them;
/// `progress` is told of bytes read.
pub fn verify_log(
    source: &dyn Source,
    options: &Options,
    folds: Option<&mut dyn Refold>,
    progress: &mut dyn FnMut(u64),
) -> Report {
    let mut report = Report::new(TargetKind::Log);
    // Side files first: a running service only ever makes the log longer than they say.
    let side = match SideFiles::read(source, options) {
        Ok(side) => side,
        Err(fault) => return report.failed(fault, options.strict),
    };
    let segments = match source.segments() {
        Ok(segments) => segments,
        Err(fault) => return report.failed(fault, options.strict),
    };
    let last = segments.len().saturating_sub(1);
    let bytes = segments.iter().enumerate().map(|(i, (first, _))| {
        let bytes = source.segment(*first)?;
        Ok((SegmentBytes { first: *first, name: segment_name(*first), bytes }, i == last))
    });
    let sizes = side.sizes();
    let result = audit(&sizes, bytes, folds, progress);
    side.check(&result, source, options, &mut report);
    report.take_audit(result);
    report.finish(options.strict)
}

/// `ROOT.txt`, `COSIGNED.txt`, `PROOFCHAIN.json` and the older copy, read but not yet believed.
struct SideFiles {
    root: Option<Vec<u8>>,
    cosigned: Option<Vec<u8>>,
    chain: Option<ProofChain>,
    rows: Vec<proofs::proofchain::Row>,
    old: Vec<Vec<u8>>,
    faults: Vec<Fault>,
}

impl SideFiles {
    fn read(source: &dyn Source, options: &Options) -> Result<Self, Fault> {
        let mut side = Self {
            root: source.document(ROOT_FILE)?,
            cosigned: source.document(COSIGNED_FILE)?,
            chain: None,
            rows: Vec::new(),
            old: Vec::new(),
            faults: Vec::new(),
        };
        if let Some(bytes) = source.document(PROOFCHAIN_FILE)? {
            match ProofChain::parse(&bytes) {
                Ok(chain) => side.read_rows(source, chain)?,
                Err(e) => side.faults.push(Fault::new("proofchain", e.to_string()).in_file(PROOFCHAIN_FILE)),
            }
        }
        if let Some(old) = &options.old {
            match ProofChain::parse(old) {
                Ok(chain) => {
                    side.old.extend(chain.seals.iter().map(|row| row.checkpoint.clone().into_bytes()));
                }
                Err(_) => side.old.push(old.clone()),
            }
        }
        Ok(side)
    }

    fn read_rows(&mut self, source: &dyn Source, chain: ProofChain) -> Result<(), Fault> {
        for part in &chain.parts {
            let bytes = source.document(&part.file)?.unwrap_or_default();
            match part.rows(&bytes) {
                Ok(rows) => self.rows.extend(rows),
                Err(e) => {
                    self.faults.push(Fault::new("proofchain", e.to_string()).in_file(part.file.clone()));
                }
            }
        }
        self.rows.extend(chain.seals.iter().cloned());
        self.chain = Some(chain);
        Ok(())
    }

    /// The sizes of all checkpoints that are stored anywhere.
    fn sizes(&self) -> BTreeSet<u64> {
        let notes = self.root.iter().chain(&self.cosigned).chain(&self.old).map(Vec::as_slice);
        let rows = self.rows.iter().map(|row| row.checkpoint.as_bytes());
        notes
            .chain(rows)
            .filter_map(|bytes| proofs::note::Note::parse(bytes).ok())
            .filter_map(|note| Checkpoint::parse(&note.text).ok())
            .map(|checkpoint| checkpoint.size)
            .collect()
    }

    fn check(mut self, audit: &Audit, source: &dyn Source, options: &Options, report: &mut Report) {
        let keys = checkpoint_keys(audit);
        let recomputed = &audit.checkpoints;
        for fault in std::mem::take(&mut self.faults) {
            report.fail(fault);
        }
        // First the pinned id: witnesses add to it, and to nothing else.
        if let Some(pinned) = options.trust.ledger {
            if pinned == audit.state.ledger {
                report.trust = TrustStatus::Pinned;
            } else {
                let detail = format!("this is ledger {}, the pinned one is {pinned}", audit.state.ledger);
                report.fail(Fault::new("ledger-id", detail));
            }
        }
        let mut checkpoints = Vec::new();
        match &self.root {
            None => report.fail(Fault::new("root-txt", "missing").in_file(ROOT_FILE)),
            Some(bytes) => {
                let result = check_note(bytes, audit, &keys, recomputed, options);
                match result {
                    Ok(verified) => checkpoints.push(verified),
                    Err(fault) => report.fail(fault.in_file(ROOT_FILE)),
                }
            }
        }
        if let Some(bytes) = &self.cosigned {
            match check_note(bytes, audit, &keys, recomputed, options) {
                Ok(verified) => checkpoints.push(verified),
                Err(fault) => report.fail(fault.in_file(COSIGNED_FILE)),
            }
        }
        report.count("checkpoints", checkpoints.len() as u64);
        let standing = |verified: &checkpoint::Verified| {
            let (_, quorum) = trust::witnesses_at(&audit.state, verified.checkpoint.size);
            Standing::of(verified, options, quorum)
        };
        report.witnessed(&checkpoints.iter().map(standing).collect::<Vec<_>>(), options);
        for old in &self.old {
            match check_note(old, audit, &keys, recomputed, options) {
                Ok(_) => report.count("old", 1),
                Err(fault) => report.fail(Fault { code: "not-extended", ..fault }),
            }
        }
        self.check_chain(audit, &keys, report);
        check_cuts(audit, source, report);
        check_ids(audit, source, report);
    }

    fn check_chain(&self, audit: &Audit, keys: &BTreeMap<u64, PublicKey>, report: &mut Report) {
        let Some(chain) = &self.chain else {
            // Before its first row the file is not there; a crash may leave exactly that row out.
            if audit.seals.len() > 1 {
                report.fail(
                    Fault::new("proofchain", "missing beside a log with seals").in_file(PROOFCHAIN_FILE),
                );
            }
            return;
        };
        let in_file = |fault: Fault| fault.in_file(PROOFCHAIN_FILE);
        if chain.ledger != audit.state.ledger || chain.origin != audit.state.origin {
            report.fail(in_file(Fault::new("proofchain", "it belongs to another ledger")));
            return;
        }
        if let Err(problem) = trust::check_authority(&chain.authority, &audit.state) {
            report.fail(in_file(Fault::new("proofchain", problem)));
        }
        let mut rows = RowAuditor::new(&audit.state.origin);
        for row in &self.rows {
            let allowed = key_at(keys, row.seq + 1);
            let seal = usize::try_from(row.index).ok().and_then(|i| audit.seals.get(i));
            let result = rows.check(row, &allowed).map_err(|e| Fault::new("proofchain", e.to_string()));
            let fault = match (result, seal) {
                (Err(fault), _) => Some(fault),
                (Ok(_), None) => {
                    Some(Fault::new("proofchain", format!("row {} has no seal in the log", row.index)))
                }
                (Ok(_), Some(seal)) if *seal != (row.seq, row.leaf) => Some(Fault::new(
                    "proofchain",
                    format!("row {} is not the log's seal {}", row.index, row.index),
                )),
                (Ok(verified), Some(_)) => {
                    let same = audit.checkpoints.get(&verified.checkpoint.size) == Some(&verified.checkpoint);
                    (!same).then(|| {
                        Fault::new("checkpoint", format!("row {} is not the log's checkpoint", row.index))
                    })
                }
            };
            match fault {
                Some(fault) => report.fail(in_file(fault.at_seq(row.seq))),
                None => report.count("proofchain", 1),
            }
        }
        // A crash, or a service at work, may leave exactly the last row out.
        let missing = audit.seals.len().saturating_sub(self.rows.len());
        if missing > 1 {
            report.fail(in_file(Fault::new("proofchain", format!("{missing} seals of the log have no row"))));
        }
    }
}

/// The checkpoint keys by the size from which they sign.
fn checkpoint_keys(audit: &Audit) -> BTreeMap<u64, PublicKey> {
    let keys = audit.state.authority.iter().filter(|k| k.key_use == KeyUse::Checkpoint);
    keys.map(|k| (k.from + 1, k.key)).collect()
}

fn key_at(keys: &BTreeMap<u64, PublicKey>, size: u64) -> Vec<PublicKey> {
    keys.range(..=size).next_back().map(|(_, key)| *key).into_iter().collect()
}

/// A stored checkpoint: rightly signed, and every root in it that of the log.
fn check_note(
    bytes: &[u8],
    audit: &Audit,
    keys: &BTreeMap<u64, PublicKey>,
    recomputed: &BTreeMap<u64, Checkpoint>,
    options: &Options,
) -> Result<checkpoint::Verified, Fault> {
    let fault = |code, detail: String| Fault::new(code, detail);
    let note = proofs::note::Note::parse(bytes).map_err(|e| fault("checkpoint", e.to_string()))?;
    let said = Checkpoint::parse(&note.text).map_err(|e| fault("checkpoint", e.to_string()))?;
    let (own, _) = trust::witnesses_at(&audit.state, said.size);
    let verified = Checkpoint::open(bytes, &key_at(keys, said.size), &options.trust.known_with(own))
        .map_err(|e| fault("checkpoint", e.to_string()))?;
    if said.origin != audit.state.origin {
        return Err(fault(
            "checkpoint",
            format!("it is of {}, the log of {}", said.origin, audit.state.origin),
        ));
    }
    let Some(own) = recomputed.get(&said.size) else {
        let size = audit.state.size();
        return Err(fault("shorter", format!("it was signed at size {}, the log reaches {size}", said.size)));
    };
    for (name, said, own) in [
        ("root", said.root, own.root),
        ("keys", said.keys, own.keys),
        ("lanes", said.lanes, own.lanes),
        ("sha256", said.sha256, own.sha256),
    ] {
        if said != own {
            return Err(fault(
                "checkpoint",
                format!("its {name} is {said}, the log's at size {} is {own}", verified.checkpoint.size),
            ));
        }
    }
    Ok(verified)
}

/// Kept bytes of cut tails against the recovery entries that account for them.
fn check_cuts(audit: &Audit, source: &dyn Source, report: &mut Report) {
    let names = match source.list("log") {
        Ok(names) => names,
        Err(fault) => return report.fail(fault),
    };
    for name in names.iter().filter(|name| name.starts_with("cut-")) {
        let path = format!("log/{name}");
        let place = cut_place(name);
        let bytes = source.document(&path).ok().flatten().unwrap_or_default();
        let hash = Hash::of(Domain::CutTail, &[&bytes]);
        let known = place.is_some_and(|(segment, offset)| audit.cuts.contains(&(segment, offset, hash)));
        if known {
            report.count("cut-tails", 1);
        } else {
            report.fail(Fault::new("cut-tail", "no recovery entry accounts for these bytes").in_file(path));
        }
    }
}

/// Id files against the segments they belong to. A missing one is no fault: it can be rebuilt.
fn check_ids(audit: &Audit, source: &dyn Source, report: &mut Report) {
    for (first, checksum) in &audit.id_files {
        let name = crate::ids::file_name(*first);
        let stored = source.document(&name).map(|bytes| bytes.map(|bytes| ClosedIds::parse(bytes, None)));
        match stored {
            Ok(None) => report.skip("ids"),
            Ok(Some(Some(ids))) if ids.checksum == *checksum => report.count("ids", 1),
            Ok(Some(_)) => report.fail(
                Fault::new("ids", "it does not hold the ids of its segment; run `ledger reindex`")
                    .in_file(name),
            ),
            Err(fault) => report.fail(fault),
        }
    }
}
