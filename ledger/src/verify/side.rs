//! The files beside a log: checkpoints, the proof chain, kept bytes of cut tails, id files.

use super::report::{Backing, Note};
use super::survey::CHANGED_LINE_ENDS;
use super::{Options, Report, Source, TrustStatus, trust};
use crate::audit::Audit;
use crate::fault::Fault;
use crate::ids::ClosedIds;
use crate::seal::PROOFCHAIN_FILE;
use crate::storage::{cut_name, cut_place};
use crate::watermark::{COSIGNED_FILE, ROOT_FILE};
use proofs::checkpoint::{Verified, witness_key};
use proofs::proofchain::{ProofChain, ProofChainError, Row, RowAuditor};
use proofs::{Checkpoint, note};
use spec::{Domain, Hash, KeyUse, PublicKey};
use std::collections::{BTreeMap, BTreeSet};

/// `ROOT.txt`, `COSIGNED.txt`, `PROOFCHAIN.json` and older copies, read but not yet believed.
pub(super) struct SideFiles {
    root: Option<Vec<u8>>,
    cosigned: Option<Vec<u8>>,
    chain: Option<ProofChain>,
    rows: Vec<Row>,
    old: Vec<Vec<u8>>,
    /// Files that are there and could not be read, or not as what they are: nothing is said to be missing.
    unread: BTreeSet<&'static str>,
    faults: Vec<Fault>,
}

/// What a stored checkpoint is worth.
enum Judged {
    /// Rightly signed, and every root in it that of the log.
    Holds(Box<Verified>),
    /// Of a size behind the place at which the audit ended: what it says of the log cannot be told, nor, if the keys
    /// changed, by which it had to be signed.
    Unjudged,
}

impl SideFiles {
    pub(super) fn read(source: &dyn Source, options: &Options) -> Self {
        let mut side = Self {
            root: None,
            cosigned: None,
            chain: None,
            rows: Vec::new(),
            old: Vec::new(),
            unread: BTreeSet::new(),
            faults: Vec::new(),
        };
        // In this order: while a service is at work, the newest checkpoint is never older than the cosigned one.
        side.cosigned = side.document(source, COSIGNED_FILE);
        side.root = side.document(source, ROOT_FILE);
        if let Some(bytes) = side.document(source, PROOFCHAIN_FILE) {
            side.read_chain(source, &bytes);
        }
        for old in &options.old {
            match ProofChain::parse(old) {
                Ok(chain) => {
                    side.old.extend(chain.seals.iter().map(|row| row.checkpoint.clone().into_bytes()));
                }
                Err(_) => side.old.push(old.clone()),
            }
        }
        side
    }

    fn document(&mut self, source: &dyn Source, name: &'static str) -> Option<Vec<u8>> {
        source.document(name).unwrap_or_else(|fault| {
            self.faults.push(fault);
            self.unread.insert(name);
            None
        })
    }

    fn read_chain(&mut self, source: &dyn Source, bytes: &[u8]) {
        match ProofChain::parse(bytes) {
            Ok(chain) => self.read_rows(source, chain),
            Err(e) => {
                self.unread.insert(PROOFCHAIN_FILE);
                let detail = with_line_ends(bytes, e.to_string());
                self.faults.push(Fault::new("proofchain", detail).in_file(PROOFCHAIN_FILE));
            }
        }
    }

    fn read_rows(&mut self, source: &dyn Source, chain: ProofChain) {
        for part in &chain.parts {
            let rows = match source.document(&part.file) {
                Ok(bytes) => part
                    .rows(&bytes.unwrap_or_default())
                    .map_err(|e| Fault::new("proofchain", e.to_string()).in_file(part.file.clone())),
                Err(fault) => Err(fault),
            };
            match rows {
                Ok(rows) => self.rows.extend(rows),
                Err(fault) => {
                    // Without them no other row can be judged.
                    self.faults.push(fault);
                    self.unread.insert(PROOFCHAIN_FILE);
                }
            }
        }
        self.rows.extend(chain.seals.iter().cloned());
        self.chain = Some(chain);
    }

    /// A service at work may have sealed since the proof chain was read, and written the row before anything else.
    fn read_again(&mut self, source: &dyn Source, seals: usize) {
        let Ok(Some(bytes)) = source.fresh(PROOFCHAIN_FILE) else { return };
        let Ok(chain) = ProofChain::parse(&bytes) else { return };
        if self.chain.is_none() {
            self.read_rows(source, chain);
        } else {
            let known = self.rows.len() as u64;
            self.rows.extend(chain.seals.into_iter().filter(|row| row.index >= known));
        }
        self.rows.truncate(seals);
    }

    /// The sizes of all checkpoints that are stored anywhere.
    pub(super) fn sizes(&self) -> BTreeSet<u64> {
        let notes = self.root.iter().chain(&self.cosigned).chain(&self.old).map(Vec::as_slice);
        let rows = self.rows.iter().map(|row| row.checkpoint.as_bytes());
        notes
            .chain(rows)
            .filter_map(|bytes| note::Note::parse(bytes).ok())
            .filter_map(|note| Checkpoint::parse(&note.text).ok())
            .map(|checkpoint| checkpoint.size)
            .collect()
    }

    pub(super) fn check(
        mut self,
        audit: &Audit,
        source: &dyn Source,
        options: &Options,
        report: &mut Report,
    ) {
        // Behind the damage the keys follow from the records that travel with the proof chain, if they are this ledger's.
        let records = self.chain.as_ref().filter(|_| audit.stopped).map(|chain| &chain.authority);
        let authority = records.and_then(|records| trust::AuthorityKeys::from_records(records).ok());
        let authority = authority.filter(|keys| audit.state.size() == 0 || keys.ledger == audit.state.ledger);
        let view = View { audit, options, keys: checkpoint_keys(audit), authority };
        for fault in std::mem::take(&mut self.faults) {
            report.fail(fault);
        }
        // First the pinned id: witnesses add to it, and to nothing else.
        if let Some(pinned) = options.trust.ledger.filter(|_| audit.state.size() > 0) {
            if pinned == audit.state.ledger {
                report.trust = TrustStatus::Pinned;
            } else {
                let detail = format!("this is ledger {}, the pinned one is {pinned}", audit.state.ledger);
                report.fail(Fault::new("ledger-id", detail));
            }
        }
        self.check_checkpoints(&view, report);
        for old in &self.old {
            match view.judge(old, report) {
                Ok(Judged::Holds(_)) => report.count("old", 1),
                Ok(Judged::Unjudged) => report.skip("old"),
                Err(fault) => report.fail(Fault { code: "not-extended", ..fault }),
            }
        }
        self.check_chain(&view, source, report);
        if !audit.stopped {
            report.count_tails(audit.state.size());
        }
        if options.covered && report.tail > 0 {
            let tail = report.tail;
            let detail = format!(
                "{tail} entries from here on stand under no checkpoint at hand: nobody has signed that they are these"
            );
            report.fail(Fault::new("uncovered", detail).at_seq(report.covered_size));
        }
        check_cuts(audit, source, report);
        check_ids(audit, source, report);
    }

    fn check_checkpoints(&self, view: &View<'_>, report: &mut Report) {
        let mut checkpoints = Vec::new();
        let mut judge = |name: &str, bytes: &[u8], report: &mut Report| match view.judge(bytes, report) {
            Ok(Judged::Holds(verified)) => {
                checkpoints.push((*verified).clone());
                Some(verified)
            }
            Ok(Judged::Unjudged) => None,
            Err(fault) => {
                report.fail(fault.in_file(name));
                None
            }
        };
        if self.root.is_none() && !self.unread.contains(ROOT_FILE) {
            report.fail(Fault::new("root-txt", "missing").in_file(ROOT_FILE));
        }
        let root = self.root.as_ref().and_then(|bytes| judge(ROOT_FILE, bytes, report));
        let cosigned = self.cosigned.as_ref().and_then(|bytes| judge(COSIGNED_FILE, bytes, report));
        report.count("checkpoints", checkpoints.len() as u64);
        if let Some(cosigned) = &cosigned {
            let size = cosigned.checkpoint.size;
            if let Err(fault) = view.check_quorum(cosigned) {
                report.fail(fault);
            } else if root.as_ref().is_some_and(|root| root.checkpoint.size < size) {
                let detail =
                    format!("it is newer, of size {size}, than ROOT.txt, which is never the older one");
                report.fail(Fault::new("cosigned", detail).in_file(COSIGNED_FILE));
            }
        }
        let standing = |verified: &Verified| {
            let (_, quorum) = trust::witnesses_at(&view.audit.state, verified.checkpoint.size);
            Backing::of(verified, view.options, quorum)
        };
        let standings: Vec<_> = checkpoints.iter().map(standing).collect();
        let (_, asked) = trust::witnesses_at(&view.audit.state, report.covered_size);
        report.witnessed(&standings, view.options);
        if asked > 0 && report.witnessed.is_none() && report.trust == TrustStatus::Unpinned {
            let detail =
                "the ledger has named witnesses, and no checkpoint at hand has their quorum".to_owned();
            let file = self.cosigned.is_none().then(|| COSIGNED_FILE.to_owned());
            report.note(Note { code: "no-quorum", file, detail });
        }
    }

    fn check_chain(&mut self, view: &View<'_>, source: &dyn Source, report: &mut Report) {
        let audit = view.audit;
        if self.unread.contains(PROOFCHAIN_FILE) {
            return;
        }
        if !audit.stopped && self.rows.len() < audit.seals.len() {
            self.read_again(source, audit.seals.len());
        }
        let in_file = |fault: Fault| fault.in_file(PROOFCHAIN_FILE);
        if let Some(chain) = &self.chain {
            if audit.state.size() > 0
                && (chain.ledger != audit.state.ledger || chain.origin != audit.state.origin)
            {
                report.fail(in_file(Fault::new("proofchain", "it belongs to another ledger")));
                return;
            }
            let written = chain.seals.last().map_or(0, |row| row.seq);
            if let Err(problem) =
                trust::check_authority(&chain.authority, &audit.state, written, audit.stopped)
            {
                report.fail(in_file(Fault::new("proofchain", problem.to_string())));
            }
        }
        let mut rows = RowAuditor::new(&audit.state.origin);
        for row in &self.rows {
            let result = rows.check(row, &view.key_at(row.seq.saturating_add(1)));
            let behind = audit.stopped && row.seq >= audit.state.size();
            match (result, behind) {
                (Ok(verified), true) => report.signed(verified.checkpoint.size),
                // Which key had to sign it stands behind the damage, perhaps.
                (Err(_), true) => break,
                (result, false) => match check_row(audit, row, result) {
                    Ok(verified) => {
                        report.count("proofchain", 1);
                        report.covers(&verified);
                    }
                    Err(fault) => report.fail(in_file(fault.at_seq(row.seq))),
                },
            }
        }
        if !audit.stopped
            && let Some(fault) = self.missing_rows(view)
        {
            report.fail(in_file(fault));
        }
    }

    /// A row is written before any entry behind its seal: a crash, or a service at work, leaves out that of a seal at
    /// the very end, and no other.
    fn missing_rows(&self, view: &View<'_>) -> Option<Fault> {
        let audit = view.audit;
        let missing = audit.seals.get(self.rows.len()..).filter(|missing| !missing.is_empty())?;
        let at_end = |(seq, _): &(u64, Hash)| seq + 1 == audit.state.size();
        if missing.len() == 1 && missing.first().is_some_and(at_end) {
            let detail = "the last seal has no row: a crash leaves it out and the next start adds it, but no copy \
                          that is whole lacks it";
            return view.options.covered.then(|| Fault::new("proofchain", detail));
        }
        Some(Fault::new(
            "proofchain",
            match &self.chain {
                None => format!("missing beside a log with {} seals", audit.seals.len()),
                Some(_) => format!("{} seals of the log have no row", missing.len()),
            },
        ))
    }
}

/// A row that proves itself must be about the log's own seal.
fn check_row(audit: &Audit, row: &Row, result: Result<Verified, ProofChainError>) -> Result<Verified, Fault> {
    let verified = result.map_err(|problem| Fault::new("proofchain", problem.to_string()))?;
    let seal = usize::try_from(row.index).ok().and_then(|i| audit.seals.get(i));
    match seal {
        None => Err(Fault::new("proofchain", format!("row {} has no seal in the log", row.index))),
        Some(seal) if *seal != (row.seq, row.leaf) => {
            let detail = format!("row {} is not the log's seal {}", row.index, row.index);
            Err(Fault::new("proofchain", detail))
        }
        Some(_) => {
            if audit.checkpoints.get(&verified.checkpoint.size) == Some(&verified.checkpoint) {
                Ok(verified)
            } else {
                Err(Fault::new("checkpoint", format!("row {} is not the log's checkpoint", row.index)))
            }
        }
    }
}

/// The checkpoint keys by the size from which they sign.
fn checkpoint_keys(audit: &Audit) -> BTreeMap<u64, PublicKey> {
    let keys = audit.state.authority.iter().filter(|k| k.key_use == KeyUse::Checkpoint);
    keys.map(|k| (k.from + 1, k.key)).collect()
}

/// What stored checkpoints are judged by.
struct View<'a> {
    audit: &'a Audit,
    options: &'a Options,
    keys: BTreeMap<u64, PublicKey>,
    /// What is known of the keys behind the place at which the audit ended.
    authority: Option<trust::AuthorityKeys>,
}

impl View<'_> {
    fn key_at(&self, size: u64) -> Vec<PublicKey> {
        if let Some(authority) = self.authority.as_ref().filter(|_| size > self.audit.state.size()) {
            return authority.key_at(KeyUse::Checkpoint, size).into_iter().collect();
        }
        self.keys.range(..=size).next_back().map(|(_, key)| *key).into_iter().collect()
    }

    /// Judges a stored checkpoint, and notes what it covers.
    fn judge(&self, bytes: &[u8], report: &mut Report) -> Result<Judged, Fault> {
        let fault = |code, detail: String| Fault::new(code, detail);
        let form = |e: String| fault("checkpoint", with_line_ends(bytes, e));
        let note = note::Note::parse(bytes).map_err(|e| form(e.to_string()))?;
        let said = Checkpoint::parse(&note.text).map_err(|e| form(e.to_string()))?;
        let own = match &self.authority {
            Some(authority) => authority.witnesses_at(said.size).0,
            None => trust::witnesses_at(&self.audit.state, said.size).0,
        };
        let known = self.options.trust.known_with(own);
        let opened = Checkpoint::open(bytes, &self.key_at(said.size), &known);
        let behind = said.size > self.audit.state.size();
        if behind && self.audit.stopped {
            if opened.is_ok() {
                report.signed(said.size);
            }
            return Ok(Judged::Unjudged);
        }
        let verified = opened.map_err(|e| fault("checkpoint", e.to_string()))?;
        if said.origin != self.audit.state.origin {
            let detail = format!("it is of {}, the log of {}", said.origin, self.audit.state.origin);
            return Err(fault("checkpoint", detail));
        }
        report.signed(said.size);
        let Some(own) = self.audit.checkpoints.get(&said.size) else {
            let size = self.audit.state.size();
            let detail = format!("it was signed at size {}, the log reaches {size}", said.size);
            return Err(fault("shorter", detail));
        };
        for (name, said, own) in [
            ("root", said.root, own.root),
            ("keys", said.keys, own.keys),
            ("lanes", said.lanes, own.lanes),
            ("sha256", said.sha256, own.sha256),
        ] {
            if said != own {
                let size = verified.checkpoint.size;
                return Err(fault(
                    "checkpoint",
                    format!("its {name} is {said}, the log's at size {size} is {own}"),
                ));
            }
        }
        report.covers(&verified);
        Ok(Judged::Holds(Box::new(verified)))
    }

    /// Whether as many witnesses of the set in force at its size have signed a checkpoint as the set asks for.
    fn check_quorum(&self, verified: &Verified) -> Result<(), Fault> {
        let fault = |detail: String| Fault::new("cosigned", detail).in_file(COSIGNED_FILE);
        let (set, quorum) = trust::witnesses_at(&self.audit.state, verified.checkpoint.size);
        if quorum == 0 {
            return Err(fault("no witness set is in force at its size".to_owned()));
        }
        let signers = verified.cosignatures.iter().map(|c| witness_key(&c.name, c.key));
        let signed = signers.filter(|key| set.contains(key)).count();
        if signed >= quorum {
            Ok(())
        } else {
            Err(fault(format!("{signed} of the {quorum} witnesses it takes have cosigned it")))
        }
    }
}

/// What is wrong with bytes, after why, where something changed their line ends.
fn with_line_ends(bytes: &[u8], problem: String) -> String {
    if bytes.windows(2).any(|pair| pair == b"\r\n") {
        format!("{CHANGED_LINE_ENDS}: {problem}")
    } else {
        problem
    }
}

/// Kept bytes of cut tails against the recovery entries that account for them, and the other way round.
fn check_cuts(audit: &Audit, source: &dyn Source, report: &mut Report) {
    let names = match source.list("log") {
        Ok(names) => names,
        Err(fault) => return report.fail(fault),
    };
    let mut kept = BTreeSet::new();
    for name in names.iter().filter(|name| name.starts_with("cut-") && name.strip_suffix(".tmp").is_none()) {
        let path = format!("log/{name}");
        let bytes = match source.document(&path) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(fault) => {
                report.fail(fault);
                continue;
            }
        };
        let hash = Hash::of(Domain::CutTail, &[&bytes]);
        let place = cut_place(name).map(|(segment, offset)| (segment, offset, hash));
        if let Some(place) = place.filter(|place| audit.cuts.contains(place)) {
            report.count("cut-tails", 1);
            kept.insert(place);
        } else if !audit.stopped {
            report.fail(Fault::new("cut-tail", "no recovery entry accounts for these bytes").in_file(path));
        }
    }
    for place in audit.cuts.iter().filter(|place| !kept.contains(*place)) {
        if source.is_whole() {
            let detail = "a recovery entry says that these bytes were kept, and they are not here";
            report.fail(Fault::new("cut-tail", detail).in_file(cut_name(place.0, place.1)));
        } else {
            report.skip("cut-tails");
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
