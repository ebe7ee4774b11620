//! Verifying what travels alone: a proof chain, a checkpoint, an equivocation file.

use super::report::Backing;
use super::trust::AuthorityKeys;
use super::{Options, Report, TargetKind, TrustStatus};
use crate::fault::Fault;
use crate::watermark::COSIGNED_FILE;
use proofs::Checkpoint;
use proofs::checkpoint::Verified;
use proofs::equivocation::Equivocation;
use proofs::proofchain::{ProofChain, Row, RowAuditor};
use spec::KeyUse;

/// Verifies a `PROOFCHAIN.json`; `beside` gives the parts it names, and `COSIGNED.txt`. With older copies in `options`,
/// every seal of theirs must be in this one.
///
/// Rows bear the ledger's line alone. Where its witness set is asked for, because the ledger id is pinned, it is met by
/// a `COSIGNED.txt` of the size of one of the rows.
pub fn verify_proofchain(
    bytes: &[u8],
    beside: &dyn Fn(&str) -> Option<Vec<u8>>,
    options: &Options,
) -> Report {
    let mut report = Report::new(TargetKind::Proofchain);
    if let Err(fault) = check_proofchain(bytes, beside, options, &mut report) {
        report.fail(fault);
    }
    report.finish(options)
}

fn check_proofchain(
    bytes: &[u8],
    beside: &dyn Fn(&str) -> Option<Vec<u8>>,
    options: &Options,
    report: &mut Report,
) -> Result<(), Fault> {
    let fault = |detail: String| Fault::new("proofchain", detail);
    let chain = ProofChain::parse(bytes).map_err(|e| fault(e.to_string()))?;
    let authority = AuthorityKeys::from_records(&chain.authority).map_err(|e| fault(e.to_string()))?;
    if chain.ledger != authority.ledger || chain.origin != authority.origin {
        return Err(fault("its ledger id or origin is not that of its authority".to_owned()));
    }
    pin(&authority, options, report)?;
    report.origin.clone_from(&chain.origin);
    let (rows, whole) = rows_of(&chain, beside)?;
    let mut checkpoints = Vec::new();
    let mut auditor: Option<RowAuditor> = whole.then(|| RowAuditor::new(&chain.origin));
    for row in &rows {
        let key = authority.key_at(KeyUse::Checkpoint, row.seq + 1);
        let keys: Vec<_> = key.into_iter().collect();
        let verified = if let Some(auditor) = &mut auditor {
            auditor.check(row, &keys).map_err(|e| fault(e.to_string()).at_seq(row.seq))?
        } else {
            // Without the parts the first row stands on its signature alone.
            let verified = Checkpoint::open(row.checkpoint.as_bytes(), &keys, &[])
                .map_err(|e| fault(format!("checkpoint of row {}: {e}", row.index)).at_seq(row.seq))?;
            auditor = Some(RowAuditor::after(row.index, verified.checkpoint.clone()));
            verified
        };
        report.count("proofchain", 1);
        report.size = verified.checkpoint.size;
        report.root = verified.checkpoint.root;
        report.covers(&verified);
        report.seals = row.index + 1;
        checkpoints.push(verified);
    }
    check_quorum(beside, &authority, &checkpoints, options, report);
    if !whole {
        report.skip("proofchain-parts");
    }
    for old in &options.old {
        check_extends(old, &chain, &rows, &authority, report)?;
    }
    Ok(())
}

/// Whether the witnesses that are asked for stand behind one of the rows: behind a `COSIGNED.txt` that says the same.
fn check_quorum(
    beside: &dyn Fn(&str) -> Option<Vec<u8>>,
    authority: &AuthorityKeys,
    rows: &[Verified],
    options: &Options,
    report: &mut Report,
) {
    let cosigned = beside(COSIGNED_FILE).and_then(|bytes| {
        let note = proofs::note::Note::parse(&bytes).ok()?;
        let size = Checkpoint::parse(&note.text).ok()?.size;
        let keys: Vec<_> = authority.key_at(KeyUse::Checkpoint, size).into_iter().collect();
        let (own, _) = authority.witnesses_at(size);
        Checkpoint::open(&bytes, &keys, &options.trust.known_with(own)).ok()
    });
    let stand = |verified: &Verified| {
        let (_, quorum) = authority.witnesses_at(verified.checkpoint.size);
        Backing::of(verified, options, quorum)
    };
    let mut standings: Vec<_> = rows.iter().map(&stand).collect();
    standings
        .extend(cosigned.iter().filter(|c| rows.iter().any(|row| row.checkpoint == c.checkpoint)).map(stand));
    report.witnessed(&standings, options);
    report.count_tails(report.size);
}

/// All rows, or those of the file alone if a part is not at hand.
fn rows_of(chain: &ProofChain, part: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<(Vec<Row>, bool), Fault> {
    let mut rows = Vec::new();
    for named in &chain.parts {
        match part(&named.file) {
            Some(bytes) => {
                rows.extend(
                    named
                        .rows(&bytes)
                        .map_err(|e| Fault::new("proofchain", e.to_string()).in_file(named.file.clone()))?,
                );
            }
            None => return Ok((chain.seals.clone(), false)),
        }
    }
    rows.extend(chain.seals.iter().cloned());
    Ok((rows, true))
}

fn check_extends(
    old: &[u8],
    chain: &ProofChain,
    rows: &[Row],
    authority: &AuthorityKeys,
    report: &mut Report,
) -> Result<(), Fault> {
    let fault = |detail: String| Fault::new("not-extended", detail);
    let old = ProofChain::parse(old).map_err(|e| fault(format!("the older copy: {e}")))?;
    if old.ledger != chain.ledger {
        return Err(fault("the older copy is of another ledger".to_owned()));
    }
    for row in &old.seals {
        let key = authority.key_at(KeyUse::Checkpoint, row.seq + 1);
        let keys: Vec<_> = key.into_iter().collect();
        let was = Checkpoint::open(row.checkpoint.as_bytes(), &keys, &[])
            .map_err(|e| fault(format!("row {} of the older copy: {e}", row.index)))?;
        let Some(now) = rows.iter().find(|r| r.index == row.index) else {
            if rows.first().is_some_and(|first| first.index > row.index) {
                // It lies in a part that is not at hand.
                continue;
            }
            return Err(fault(format!("seal {} of the older copy is missing", row.index)).at_seq(row.seq));
        };
        let is = Checkpoint::open(now.checkpoint.as_bytes(), &keys, &[])
            .map_err(|e| fault(format!("row {}: {e}", row.index)))?;
        if was.checkpoint != is.checkpoint || row.leaf != now.leaf {
            return Err(fault(format!("seal {} differs from the older copy: two histories", row.index))
                .at_seq(row.seq));
        }
        report.count("old", 1);
    }
    let common = old.seals.last().is_none_or(|last| rows.iter().any(|row| row.index == last.index));
    if common {
        Ok(())
    } else {
        Err(fault("no seal of the older copy is at hand; bring the parts".to_owned()))
    }
}

/// Verifies an equivocation file: two checkpoints of one ledger that cannot both be true.
pub fn verify_equivocation(bytes: &[u8], options: &Options) -> Report {
    let mut report = Report::new(TargetKind::Equivocation);
    let result = (|| {
        let fault = |detail: String| Fault::new("equivocation", detail);
        let file = Equivocation::parse(bytes).map_err(|e| fault(e.to_string()))?;
        let authority = AuthorityKeys::from_records(&file.authority).map_err(|e| fault(e.to_string()))?;
        if file.ledger != authority.ledger {
            return Err(fault("its ledger id is not that of its authority".to_owned()));
        }
        pin(&authority, options, &mut report)?;
        // A forked authority names other keys later; the keys current at either size may have signed.
        let mut keys: Vec<_> = [&file.a, &file.b]
            .into_iter()
            .filter_map(|note| proofs::note::Note::parse(note.as_bytes()).ok())
            .filter_map(|note| Checkpoint::parse(&note.text).ok())
            .filter_map(|checkpoint| authority.key_at(KeyUse::Checkpoint, checkpoint.size))
            .collect();
        keys.dedup();
        let (a, _) = file.verify(&keys).map_err(|e| fault(e.to_string()))?;
        report.origin = a.origin;
        report.size = a.size;
        report.root = a.root;
        report.count("equivocation", 1);
        Ok(())
    })();
    if let Err(fault) = result {
        report.fail(fault);
    }
    report.finish(options)
}

/// Reads a checkpoint alone: without the ledger's authority only its form can be checked.
pub fn verify_note(bytes: &[u8], options: &Options) -> Report {
    let mut report = Report::new(TargetKind::Checkpoint);
    let parsed = proofs::note::Note::parse(bytes)
        .map_err(|e| e.to_string())
        .and_then(|note| Checkpoint::parse(&note.text).map_err(|e| e.to_string()));
    match parsed {
        Ok(checkpoint) => {
            report.origin = checkpoint.origin;
            report.size = checkpoint.size;
            report.root = checkpoint.root;
            let detail =
                "a checkpoint alone names no keys: verify the data directory, an export, or PROOFCHAIN.json";
            report.fail(Fault::new("alone", detail));
        }
        Err(e) => report.fail(Fault::new("checkpoint", e)),
    }
    report.finish(options)
}

pub(super) fn pin(authority: &AuthorityKeys, options: &Options, report: &mut Report) -> Result<(), Fault> {
    report.ledger = Some(authority.ledger);
    report.first_recorded_at = Some(authority.began);
    match options.trust.ledger {
        None => Ok(()),
        Some(pinned) if pinned == authority.ledger => {
            report.trust = TrustStatus::Pinned;
            Ok(())
        }
        Some(pinned) => {
            let detail = format!("this is ledger {}, the pinned one is {pinned}", authority.ledger);
            Err(Fault::new("ledger-id", detail))
        }
    }
}
