//! The auditor of the log: a function over bytes, without I/O.
//!
//! Segments go in one after another; every line, position, payload, signature, admission decision, seal
//! and root is checked on the way. Signatures are checked on other cores while the fold goes on. What the
//! ledger did wrong is a *failure*; what the log proves about an author is a *finding*.

mod claims;
mod findings;
mod quote;
mod times;

pub use claims::Pending;
use times::Times;

use crate::admission::{Candidate, Claim, Found, Verdict, alone};
use crate::fault::Fault;
use crate::ids::OpenIds;
use crate::replay::{Replayed, replay_group};
use crate::seal::{Compared, compare};
use crate::segment::{Group, Next, later_commit, next_group};
use crate::state::State;
use proofs::Checkpoint;
use proofs::signature::{self, Item};
use serde::Serialize;
use spec::event::SIGNING_CONTEXT;
use spec::payload::{ChainFork, Refusal, Seal};
use spec::{Hash, Kind, PublicKey, Refold, Signature, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

/// Failures beyond this many are counted, not listed.
pub const MAX_LISTED: usize = 100;

/// Signatures checked in one batch.
const SIGNATURE_BATCH: usize = 1024;

/// How far an author's clock may differ from the ledger's before that is a finding.
const CLOCK_SKEW_MS: u64 = 5 * 60 * 1000;

/// A matter that somebody should look at, though the log is sound: about an author, or the ledger's word on its folds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable code.
    pub code: &'static str,
    /// The entry that shows it.
    pub seq: u64,
    /// In words.
    pub detail: String,
}

/// Counts of the checks that were made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines read in canonical form.
    pub lines: u64,
    /// Commit lines that hold.
    pub commits: u64,
    /// Entries whose signature was checked.
    pub signatures: u64,
    /// Seal entries.
    pub seals: u64,
    /// Checkpoints of which all roots were recomputed.
    pub checkpoints: u64,
    /// Digests of folds that were made again and match.
    pub digests: u64,
    /// Digests of folds, versions or sizes that this auditor does not have.
    pub digests_unknown: u64,
}

/// The outcome of an audit.
#[derive(Debug)]
pub struct Audit {
    /// The state after the last good group.
    pub state: State,
    /// What was checked.
    pub counts: Counts,
    /// The ledger's faults, in the order of the log, at most [`MAX_LISTED`].
    pub failures: Vec<Fault>,
    /// How many there are.
    pub failure_count: u64,
    /// Authors' faults.
    pub findings: Vec<Finding>,
    /// Seals: seq and leaf by index.
    pub seals: Vec<(u64, Hash)>,
    /// Recomputed checkpoints at the sizes asked for.
    pub checkpoints: BTreeMap<u64, Checkpoint>,
    /// What accusations say of entries that have to be looked up: see [`Audit::settle`].
    pub pending: Vec<Pending>,
    /// Cut tails the log accounts for: segment, offset, hash.
    pub cuts: Vec<(u64, u64, Hash)>,
    /// When entry 0 was recorded.
    pub first_recorded: Option<Timestamp>,
    /// Whether a failure ended the audit before the end of the log: what lies behind it was not judged.
    pub stopped: bool,
    /// First seq and checksum of the id file that each closed segment should have, in order.
    pub id_files: Vec<(u64, Hash)>,
    /// Bytes after the last commit line of the last segment.
    pub uncommitted_bytes: u64,
}

/// A segment handed to the auditor.
#[derive(Debug)]
pub struct SegmentBytes {
    /// First seq, from its name.
    pub first: u64,
    /// Name, for the place of faults.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A signature that is still to be checked, and where in its segment the message stands.
struct Signed {
    segment: Arc<SegmentBytes>,
    seq: u64,
    /// Offset of the record line in the segment.
    line: usize,
    header: [Range<usize>; 2],
    key: PublicKey,
    sig: Signature,
}

impl Signed {
    /// Appends what was signed, and says where it stands in `out`.
    fn write_message(&self, out: &mut Vec<u8>) -> Range<usize> {
        let from = out.len();
        out.extend_from_slice(SIGNING_CONTEXT);
        for part in &self.header {
            let part = self.line + part.start..self.line + part.end;
            out.extend_from_slice(self.segment.bytes.get(part).unwrap_or_default());
        }
        from..out.len()
    }

    fn fault(&self) -> Fault {
        Fault::new("signature", "the event's signature does not verify under its key")
            .at_seq(self.seq)
            .in_file(self.segment.name.clone())
            .at_byte(self.line as u64)
    }
}

/// Audits a log. `wanted` are the sizes at which checkpoints are to be recomputed; `segments` yields the
/// segments in order and whether one is the last.
pub fn audit(
    wanted: &BTreeSet<u64>,
    segments: impl Iterator<Item = Result<(SegmentBytes, bool), Fault>>,
    folds: Option<&mut dyn Refold>,
    progress: &mut dyn FnMut(u64),
) -> Audit {
    let (sender, receiver) = mpsc::sync_channel::<Vec<Signed>>(16);
    let receiver = Mutex::new(receiver);
    let bad = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut audit = std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| check_signatures(&receiver, &bad));
        }
        let mut auditor = Auditor::new(wanted, folds, sender);
        for segment in segments {
            let going_on = match segment {
                Ok((segment, is_last)) => auditor.segment(&Arc::new(segment), is_last, progress),
                Err(fault) => auditor.stop(fault),
            };
            if !going_on {
                break;
            }
        }
        auditor.finish()
    });
    for fault in bad.into_inner().unwrap_or_else(PoisonError::into_inner) {
        audit.fail(fault);
    }
    audit.failures.sort_by_key(|fault| fault.seq);
    audit
}

fn check_signatures(receiver: &Mutex<mpsc::Receiver<Vec<Signed>>>, bad: &Mutex<Vec<Fault>>) {
    let mut messages = Vec::new();
    loop {
        // The guard is a temporary of its own statement: other workers receive while this one checks.
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(batch) = next else { return };
        messages.clear();
        let places: Vec<_> = batch.iter().map(|signed| signed.write_message(&mut messages)).collect();
        let items: Vec<Item<'_>> = batch
            .iter()
            .zip(places)
            .map(|(signed, place)| Item {
                key: &signed.key,
                sig: &signed.sig,
                message: messages.get(place).unwrap_or_default(),
            })
            .collect();
        for (signed, holds) in batch.iter().zip(signature::verify_all(&items)) {
            if !holds {
                bad.lock().unwrap_or_else(PoisonError::into_inner).push(signed.fault());
            }
        }
    }
}

struct Auditor<'a, 'f> {
    audit: Audit,
    wanted: &'a BTreeSet<u64>,
    folds: Option<&'f mut dyn Refold>,
    sender: mpsc::SyncSender<Vec<Signed>>,
    batch: Vec<Signed>,
    identities: Vec<(Hash, u64)>,
    /// Ids of the segment that is being read.
    ids: OpenIds,
    /// What accusations say of other entries.
    claims: Vec<Claim>,
    times: Times,
}

impl Audit {
    /// Looks at the entries that accusations speak of. `segments` are the first seqs of all segments, in order, and
    /// `read` gives the bytes of one.
    pub fn settle(&mut self, segments: &[u64], read: &mut dyn FnMut(u64) -> Result<Vec<u8>, Fault>) {
        let pending = std::mem::take(&mut self.pending);
        for fault in claims::settle(pending, segments, read) {
            self.fail(fault);
        }
        self.failures.sort_by_key(|fault| fault.seq);
    }

    fn fail(&mut self, fault: Fault) {
        self.failure_count += 1;
        if self.failures.len() < MAX_LISTED {
            self.failures.push(fault);
        }
    }
}

impl<'a, 'f> Auditor<'a, 'f> {
    fn new(
        wanted: &'a BTreeSet<u64>,
        folds: Option<&'f mut dyn Refold>,
        sender: mpsc::SyncSender<Vec<Signed>>,
    ) -> Self {
        let audit = Audit {
            state: State::default(),
            counts: Counts::default(),
            failures: Vec::new(),
            failure_count: 0,
            findings: Vec::new(),
            seals: Vec::new(),
            checkpoints: BTreeMap::new(),
            pending: Vec::new(),
            cuts: Vec::new(),
            first_recorded: None,
            stopped: false,
            id_files: Vec::new(),
            uncommitted_bytes: 0,
        };
        let (batch, identities, claims) = (Vec::new(), Vec::new(), Vec::new());
        let (ids, times) = (OpenIds::new(0), Times::default());
        Self { audit, wanted, folds, sender, batch, identities, ids, claims, times }
    }

    fn stop(&mut self, fault: Fault) -> bool {
        self.audit.fail(fault);
        self.audit.stopped = true;
        false
    }

    /// Takes one segment; says whether the audit can go on.
    fn segment(&mut self, segment: &Arc<SegmentBytes>, is_last: bool, progress: &mut dyn FnMut(u64)) -> bool {
        let SegmentBytes { first, name, bytes } = &**segment;
        if *first != self.audit.state.size() {
            let detail = format!(
                "it should start at seq {}; a segment is missing or misnamed",
                self.audit.state.size()
            );
            return self.stop(Fault::new("segment-name", detail).in_file(name.clone()));
        }
        self.close_ids(*first);
        let mut at = 0;
        loop {
            match next_group(bytes, at, 0) {
                Next::End => return true,
                Next::Group(group) => {
                    if let Err(fault) = self.group(&group, segment) {
                        let line = line_of(bytes, fault.byte.unwrap_or(group.start));
                        return self.stop(Fault { line: Some(line), ..fault.in_file(name.clone()) });
                    }
                    let taken = group.end - at as u64;
                    at = usize::try_from(group.end).unwrap_or(usize::MAX);
                    progress(taken);
                }
                Next::Invalid(fault) => {
                    let rest = bytes.len() - at;
                    if is_last && fault.code == "torn-tail" && later_commit(bytes, at).is_none() {
                        self.audit.uncommitted_bytes = rest as u64;
                        return true;
                    }
                    let fault = self.sharpen(bytes, at, fault);
                    let line = line_of(bytes, fault.byte.unwrap_or(at as u64));
                    let seq = fault.seq.unwrap_or(self.audit.state.size());
                    return self.stop(Fault { line: Some(line), ..fault.in_file(name.clone()).at_seq(seq) });
                }
            }
        }
    }

    /// Finds the first line of a damaged group that is wrong by itself, to name more than the group.
    fn sharpen(&self, bytes: &[u8], at: usize, fault: Fault) -> Fault {
        let mut prev = self.audit.state.head;
        let mut byte = at;
        let lines = bytes.get(at..).unwrap_or_default().split_inclusive(|b| *b == b'\n');
        for (seq, line) in (self.audit.state.size()..).zip(lines) {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            if spec::Commit::looks_like(text) {
                return fault;
            }
            let problem = match spec::canonical::check(text) {
                Err(e) => Some((byte + e.at, format!("not canonical JSON: {e}"))),
                Ok(text) => match spec::Record::parse(text) {
                    Err(e) => Some((byte, e.to_string())),
                    Ok(record) if record.entry.position.seq != seq => {
                        Some((byte, format!("it says seq {}, its place is {seq}", record.entry.position.seq)))
                    }
                    Ok(record) if record.entry.position.prev != prev => {
                        Some((byte, "prev is not the leaf of the entry before".to_owned()))
                    }
                    Ok(record) => {
                        let bad_payload = record
                            .payload
                            .as_ref()
                            .is_some_and(|p| p.hash() != record.entry.header.payload_hash);
                        prev = record.leaf;
                        bad_payload
                            .then(|| (byte, "the payload is not the one the header commits to".to_owned()))
                    }
                },
            };
            if let Some((at, detail)) = problem {
                let detail = format!("{}; first damaged line: {detail}", fault.detail);
                return Fault { detail, ..fault }.at_seq(seq).at_byte(at as u64);
            }
            byte += line.len();
        }
        fault
    }

    /// Ends the ids of the segment before the one that starts at `first`.
    fn close_ids(&mut self, first: u64) {
        let ids = std::mem::replace(&mut self.ids, OpenIds::new(first));
        if first > 0 {
            let previous = self.audit.id_files.last().map_or(Hash::ZERO, |(_, checksum)| *checksum);
            let file = ids.to_file(previous);
            self.audit.id_files.push((file.first, file.checksum));
        }
    }

    fn group(&mut self, group: &Group<'_>, segment: &Arc<SegmentBytes>) -> Result<(), Fault> {
        let mut found = Observed::default();
        let (wanted, times) = (self.wanted, &mut self.times);
        let replayed = replay_group(&mut self.audit.state, group, &mut |state, item| {
            if wanted.contains(&state.size()) {
                found.checkpoints.push(state.checkpoint_now());
            }
            times.take(item)?;
            quote::check_quote(state, item)?;
            check_admission(state, item)?;
            found.claim(state, item);
            found.seal(state, item)
        })?;
        let size = self.audit.state.size();
        if let Some((seq, _)) = found.seals.iter().find(|(seq, _)| seq + 1 != size) {
            let place = replayed.iter().find(|item| item.record.entry.position.seq == *seq);
            let fault = Fault::new("seal", "it is not the last of its group").at_seq(*seq);
            return Err(fault.at_byte(place.map_or(group.start, |item| item.offset)));
        }
        self.claims.extend(found.claims);
        self.audit.counts.commits += 1;
        self.audit.counts.lines += replayed.len() as u64 + 1;
        if wanted.contains(&self.audit.state.size()) {
            found.checkpoints.push(self.audit.state.checkpoint_now());
        }
        for checkpoint in found.checkpoints {
            self.audit.checkpoints.insert(checkpoint.size, checkpoint);
        }
        self.audit.seals.extend(&found.seals);
        self.audit.counts.seals += found.seals.len() as u64;
        for item in replayed {
            self.record(item, segment);
        }
        Ok(())
    }

    fn record(&mut self, item: Replayed, segment: &Arc<SegmentBytes>) {
        let Replayed { record, header, offset, .. } = item;
        let seq = record.entry.position.seq;
        let identity = record.entry.header.identity();
        self.audit.first_recorded.get_or_insert(record.entry.position.recorded_at);
        self.ids.insert_with_traces(&record, identity);
        self.identities.push((identity, seq));
        self.findings(&record);
        self.refold(&record);
        self.batch.push(Signed {
            segment: Arc::clone(segment),
            seq,
            line: usize::try_from(offset).unwrap_or(usize::MAX),
            header,
            key: record.entry.header.key,
            sig: record.entry.sig,
        });
        self.audit.counts.signatures += 1;
        if self.batch.len() >= SIGNATURE_BATCH {
            self.flush();
        }
    }

    /// Folds the entry, and compares what a seal says of the folds before it.
    fn refold(&mut self, record: &spec::Record) {
        let Some(folds) = self.folds.as_deref_mut() else { return };
        let seq = record.entry.position.seq;
        if record.entry.header.kind == Kind::Seal
            && let Some(seal) =
                record.payload.as_ref().and_then(|payload| serde_json::from_str::<Seal>(&payload.json).ok())
        {
            let mut made = vec![folds.digests(), folds.sealed()];
            made.extend(folds.former());
            for (name, said) in &seal.advisory {
                match compare(&made, name, said) {
                    Compared::Matches => self.audit.counts.digests += 1,
                    Compared::NotChecked => self.audit.counts.digests_unknown += 1,
                    Compared::Differs => {
                        let detail = format!("the fold {name} over {} entries has another digest", said.size);
                        self.audit.findings.push(Finding { code: "digest", seq, detail });
                    }
                }
            }
        }
        folds.apply(record);
    }

    fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if self.sender.send(batch).is_err() {
            self.audit.fail(Fault::new("signature", "no worker was left to check signatures"));
        }
    }

    fn finish(mut self) -> Audit {
        self.flush();
        self.identities.sort_unstable();
        let twice = self.identities.windows(2).filter_map(|pair| match pair {
            [(a, _), (b, seq)] if a == b => Some(*seq),
            _ => None,
        });
        for seq in twice {
            let fault =
                Fault::new("duplicate", "another entry has the same organisation, author and id").at_seq(seq);
            self.audit.fail(fault);
        }
        let claims = std::mem::take(&mut self.claims);
        let (pending, faults) = claims::take(claims, &self.identities);
        self.audit.pending = pending;
        for fault in faults {
            self.audit.fail(fault);
        }
        if self.audit.state.size() == 0 && self.audit.failures.is_empty() {
            self.audit.fail(Fault::new("genesis", "the log has no entries"));
        }
        self.audit
    }
}

/// What the fold observes before each record is applied.
#[derive(Default)]
struct Observed {
    checkpoints: Vec<Checkpoint>,
    seals: Vec<(u64, Hash)>,
    claims: Vec<Claim>,
}

impl Observed {
    /// What an accusation says of other entries.
    fn claim(&mut self, state: &State, item: &Replayed) {
        let entry = &item.record.entry;
        let (Some(payload), true) = (&item.record.payload, state.judges_content()) else { return };
        let (by, json) = (entry.position.seq, &payload.json);
        let claim = match entry.header.kind {
            Kind::ChainFork => {
                serde_json::from_str(json).ok().and_then(|fork: ChainFork| Claim::of_fork(by, &fork))
            }
            Kind::Refusal => {
                serde_json::from_str(json).ok().and_then(|said: Refusal| Claim::of_refusal(by, &said))
            }
            _ => None,
        };
        self.claims.extend(claim);
    }

    fn seal(&mut self, state: &State, item: &Replayed) -> Result<(), Fault> {
        if item.record.entry.header.kind != Kind::Seal {
            return Ok(());
        }
        let json = item.record.payload.as_ref().map_or("", |p| &p.json);
        let seal: Seal =
            serde_json::from_str(json).map_err(|e| Fault::new("payload-schema", e.to_string()))?;
        let problem = if seal.index != state.seals.count {
            Some("it is not numbered after the seal before")
        } else if seal.prev != state.seals.last {
            Some("it does not name the leaf of the seal before")
        } else if seal.root != state.tree.root() {
            Some("its root is not the tree's")
        } else if seal.admission != state.admission_digest() {
            Some("its admission digest is not that of the state")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(Fault::new("seal", problem));
        }
        self.seals.push((item.record.entry.position.seq, item.record.leaf));
        Ok(())
    }
}

/// Replays the decision that let the entry in.
fn check_admission(state: &State, item: &Replayed) -> Result<(), Fault> {
    let header = &item.record.entry.header;
    let Some(payload) = &item.record.payload else { return Ok(()) };
    header
        .kind
        .check_payload(header.payload_version, &payload.json)
        .map_err(|e| Fault::new("payload-schema", e.to_string()))?;
    quote::check_version(&header.kind, &payload.json)?;
    let candidate = Candidate {
        header,
        event_hash: item.event_hash,
        identity: Hash::ZERO,
        payload: &payload.json,
        flaw: None,
        amiss: state.judges_content().then(|| alone::amiss(header, &payload.json)).flatten(),
    };
    // Duplicates are looked for at the end, over all entries at once.
    match state.admit(&candidate, item.record.entry.position.recorded_at, &Found::default()) {
        Verdict::Append => Ok(()),
        Verdict::Duplicate(_) => Err(Fault::new("admission", "the entry is a duplicate")),
        Verdict::Refuse(refused) => Err(Fault::new(
            "admission",
            format!("it should have been refused: {}: {}", refused.code, refused.detail),
        )),
    }
}

/// Number of the line that holds a byte, from 1.
fn line_of(bytes: &[u8], byte: u64) -> u64 {
    let until = usize::try_from(byte).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(..until).unwrap_or_default().split(|b| *b == b'\n').count() as u64
}
