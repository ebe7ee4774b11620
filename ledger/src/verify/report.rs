//! The report of a verification: what was checked, what failed, what was found.

use super::{Damage, Options};
use crate::audit::{Audit, Finding, MAX_LISTED};
use crate::fault::Fault;
use proofs::checkpoint::{Verified, witness_key};
use serde::Serialize;
use spec::{Author, Hash, Kind, Name, Timestamp, Uuid};
use std::collections::BTreeMap;

/// The value of `format`.
pub(super) const FORMAT: &str = "vaultmesh-verify-v1";

/// The verdict on the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that was checked holds.
    Verified,
    /// Something does not.
    Failed,
    /// Something could not be read, and nothing that was read is wrong: neither the one nor the other.
    Unreadable,
}

/// The ground on which the verdict rests beside the target itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustStatus {
    /// Nothing: a wholly re-signed history is consistent with itself too.
    Unpinned,
    /// A ledger id known from elsewhere.
    Pinned,
    /// A ledger id and the cosignatures of a quorum of witnesses.
    Witnessed,
}

/// The kind of thing that was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A log with its side files.
    Log,
    /// A proof bundle.
    Bundle,
    /// A proof chain alone.
    Proofchain,
    /// A checkpoint alone.
    Checkpoint,
    /// An equivocation file.
    Equivocation,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// It holds wherever it was made.
    Passed,
    /// It failed at least once.
    Failed,
    /// It was not made.
    NotChecked,
}

/// One kind of check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable code.
    pub code: String,
    /// How it came out.
    pub status: CheckStatus,
    /// How often it was made.
    pub count: u64,
}

/// A remark that bears on no verdict and that whoever reads it may want to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Stable code.
    pub code: &'static str,
    /// The file it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// In words.
    pub detail: String,
}

/// The proof of a bundle: that this entry stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proves {
    /// The entry's number.
    pub seq: u64,
    /// Its kind.
    pub kind: Kind,
    /// Who said it.
    pub author: Author,
    /// In which organisation.
    pub org: Name,
    /// The node it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<Uuid>,
    /// When it happened, by the author's clock.
    pub ts: Timestamp,
    /// When the ledger recorded it.
    pub recorded_at: Timestamp,
    /// Whether the payload is at hand and was checked.
    pub payload: bool,
}

/// The size up to which a quorum of witnesses vouches for a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witnessed {
    /// The size of the checkpoint they signed: entries from there on are the ledger's word alone.
    pub size: u64,
    /// Who signed, by name.
    pub by: Vec<CosignedBy>,
}

/// A witness and when it signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CosignedBy {
    /// Its name.
    pub name: String,
    /// Its vkey.
    pub vkey: String,
    /// When it says it signed.
    pub at: Timestamp,
}

/// Who stands behind one checkpoint, of those that count, and how many of them it takes; 0 if none were asked for.
#[derive(Debug)]
pub(super) struct Backing {
    pub(super) size: u64,
    pub(super) cosigned: Vec<CosignedBy>,
    pub(super) quorum: usize,
}

impl Backing {
    /// `quorum`: that of the ledger's own set at this size, 0 without a set.
    pub(super) fn of(verified: &Verified, options: &Options, quorum: usize) -> Self {
        let named = &options.trust.witnesses;
        let keys = verified.cosignatures.iter().map(|c| (witness_key(&c.name, c.key), c.time));
        let cosigned = keys
            .filter(|(key, _)| named.is_empty() || named.contains(key))
            .map(|(key, time)| CosignedBy {
                vkey: key.to_string(),
                name: key.name,
                at: Timestamp::from_millis(time.saturating_mul(1000)),
            })
            .collect();
        let quorum = if named.is_empty() { quorum.max(options.trust.quorum) } else { options.trust.quorum };
        Self { size: verified.checkpoint.size, cosigned, quorum }
    }
}

/// The report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `vaultmesh-verify-v1`.
    pub format: &'static str,
    /// Whether the target verifies.
    pub verdict: Verdict,
    /// What that rests on.
    pub trust: TrustStatus,
    /// What was verified.
    pub kind: TargetKind,
    /// Version of the program that verified.
    pub version: &'static str,
    /// The ledger's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Hash>,
    /// The ledger's origin.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Size of the largest checkpoint at hand that holds.
    pub covered_size: u64,
    /// Entries behind it, which nobody has signed for.
    pub tail: u64,
    /// Whether the target may be ahead of its newest checkpoint, as a directory in service is.
    pub in_service: bool,
    /// The largest size that the ledger is known to have signed; more than `size` where a damaged log ends early.
    pub signed_size: u64,
    /// When entry 0 was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_recorded_at: Option<Timestamp>,
    /// When the last entry was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_recorded_at: Option<Timestamp>,
    /// When the ledger says that it signed the checkpoint of `covered_size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_at: Option<Timestamp>,
    /// What a bundle proves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proves: Option<Proves>,
    /// What lies behind the place at which the audit of a damaged log ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<Damage>,
    /// Root of the tree at that size.
    pub root: Hash,
    /// What witnesses vouch for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witnessed: Option<Witnessed>,
    /// How many entries stand behind that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witnessed_tail: Option<u64>,
    /// Leaf of the last entry.
    pub chain_head: Hash,
    /// Number of seals.
    pub seals: u64,
    /// Bytes after the last commit line: a write under way, or a tail the next open will cut.
    pub uncommitted_bytes: u64,
    /// What was checked.
    pub checks: Vec<Check>,
    /// The ledger's faults, at most 100.
    pub failures: Vec<Fault>,
    /// How many there are.
    pub failure_count: u64,
    /// What somebody should look at though the target holds, at most 100: first what nobody has accepted.
    pub findings: Vec<Finding>,
    /// How many there are.
    pub finding_count: u64,
    /// How many of them nobody has accepted.
    pub open_finding_count: u64,
    /// What bears on no verdict, at most 100.
    pub notes: Vec<Note>,
    /// How many there are.
    pub note_count: u64,
    /// How long it took.
    pub elapsed_ms: u64,
    #[serde(skip)]
    counted: BTreeMap<&'static str, u64>,
}

/// The one count of what could not be checked.
const DIGESTS_UNKNOWN: &str = "digests-unknown";

/// Which check a failure's code belongs to.
fn check_of(code: &str) -> &'static str {
    match code {
        "line-canonical" | "line-format" | "packed" => "lines",
        "commit-format" | "commit-bytes" | "commit-hash" | "commit-size" | "commit-empty" | "torn-tail" => {
            "commits"
        }
        "seq" | "chain" | "lane" | "clock" | "genesis" | "segment-name" | "no-log" => "order",
        "payload-hash" | "payload-missing" | "payload-schema" => "payloads",
        "commit-root" => "tree",
        "signature" => "signatures",
        "admission" | "admission-version" => "admission",
        "duplicate" => "identities",
        "seal" => "seals",
        "proofchain" => "proofchain",
        "checkpoint" | "root-txt" | "shorter" | "uncovered" => "checkpoints",
        "not-extended" => "old",
        "cut-tail" => "cut-tails",
        "ids" => "ids",
        "witness" | "cosigned" => "witnesses",
        "bundle" => "bundle",
        "equivocation" => "equivocation",
        _ => "target",
    }
}

impl Report {
    pub(super) fn new(kind: TargetKind) -> Self {
        Self {
            format: FORMAT,
            verdict: Verdict::Verified,
            trust: TrustStatus::Unpinned,
            kind,
            version: env!("CARGO_PKG_VERSION"),
            ledger: None,
            origin: String::new(),
            size: 0,
            covered_size: 0,
            tail: 0,
            in_service: false,
            signed_size: 0,
            first_recorded_at: None,
            last_recorded_at: None,
            checkpoint_at: None,
            proves: None,
            damage: None,
            root: Hash::empty(),
            witnessed: None,
            witnessed_tail: None,
            chain_head: Hash::ZERO,
            seals: 0,
            uncommitted_bytes: 0,
            checks: Vec::new(),
            failures: Vec::new(),
            failure_count: 0,
            findings: Vec::new(),
            finding_count: 0,
            open_finding_count: 0,
            notes: Vec::new(),
            note_count: 0,
            elapsed_ms: 0,
            counted: BTreeMap::new(),
        }
    }

    pub(super) fn count(&mut self, check: &'static str, times: u64) {
        *self.counted.entry(check).or_default() += times;
    }

    pub(super) fn skip(&mut self, check: &'static str) {
        self.counted.entry(check).or_default();
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        self.failure_count += 1;
        self.counted.entry(check_of(fault.code)).or_default();
        if self.failures.len() < MAX_LISTED {
            self.failures.push(fault);
        }
    }

    pub(super) fn failed(mut self, fault: Fault, options: &Options) -> Self {
        self.fail(fault);
        self.finish(options)
    }

    pub(super) fn note(&mut self, note: Note) {
        self.note_count += 1;
        if self.notes.len() < MAX_LISTED {
            self.notes.push(note);
        }
    }

    pub(super) fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// The ledger has signed a checkpoint of this size.
    pub(super) fn signed(&mut self, size: u64) {
        self.signed_size = self.signed_size.max(size);
    }

    /// A checkpoint holds.
    pub(super) fn covers(&mut self, verified: &Verified) {
        let size = verified.checkpoint.size;
        self.signed(size);
        if size >= self.covered_size {
            self.covered_size = size;
            self.checkpoint_at = Some(Timestamp::from_millis(verified.time.saturating_mul(1000)));
        }
    }

    /// Notes which witnesses stand behind the checkpoints at hand, and whether they are enough behind any. The largest
    /// that has its quorum is what they vouch for.
    ///
    /// The policy says how many it asks for, and of whom; without one it is the ledger's own set, once the ledger id is
    /// pinned: the set follows from the id.
    pub(super) fn witnessed(&mut self, standings: &[Backing], options: &Options) {
        let asked = options.trust.quorum > 0;
        let enough = |s: &&Backing| s.quorum > 0 && s.cosigned.len() >= s.quorum;
        if let Some(best) = standings.iter().filter(enough).max_by_key(|s| s.size) {
            self.count("witnesses", best.cosigned.len() as u64);
            self.witnessed = Some(Witnessed { size: best.size, by: best.cosigned.clone() });
            if self.trust == TrustStatus::Pinned {
                self.trust = TrustStatus::Witnessed;
            }
            return;
        }
        let Some(most) = standings.iter().filter(|s| s.quorum > 0).max_by_key(|s| s.cosigned.len()) else {
            return;
        };
        self.count("witnesses", most.cosigned.len() as u64);
        if asked || self.trust == TrustStatus::Pinned {
            let detail = format!("{} of {} witnesses have cosigned", most.cosigned.len(), most.quorum);
            self.fail(Fault::new("witness", detail));
        }
    }

    pub(super) fn take_audit(&mut self, audit: Audit) {
        let counts = audit.counts;
        let entries = audit.state.size();
        for (check, times) in [
            ("lines", counts.lines),
            ("commits", counts.commits),
            ("order", entries),
            ("payloads", entries),
            ("tree", counts.commits),
            ("signatures", counts.signatures),
            ("admission", entries),
            ("identities", entries),
            ("seals", counts.seals),
            ("digests", counts.digests),
        ] {
            self.count(check, times);
        }
        if counts.digests_unknown > 0 {
            self.count(DIGESTS_UNKNOWN, counts.digests_unknown);
        }
        self.origin.clone_from(&audit.state.origin);
        self.size = entries;
        self.root = audit.state.tree.root();
        self.chain_head = audit.state.head;
        self.seals = audit.state.seals.count;
        self.uncommitted_bytes = audit.uncommitted_bytes;
        let side = std::mem::take(&mut self.failures);
        let side_count = self.failure_count;
        self.failure_count = audit.failure_count + side_count;
        for fault in audit.failures.into_iter().chain(side) {
            self.counted.entry(check_of(fault.code)).or_default();
            if self.failures.len() < MAX_LISTED {
                self.failures.push(fault);
            }
        }
        self.findings.extend(audit.findings);
        if entries > 0 {
            self.ledger = Some(audit.state.ledger);
            self.first_recorded_at = audit.first_recorded;
            self.last_recorded_at = Some(audit.state.last_recorded);
        }
    }

    /// Counts what of `entries` stands behind the largest checkpoint, and behind the largest that has its quorum.
    pub(super) fn count_tails(&mut self, entries: u64) {
        self.tail = entries.saturating_sub(self.covered_size);
        self.witnessed_tail = self.witnessed.as_ref().map(|witnessed| entries.saturating_sub(witnessed.size));
    }

    /// Parts findings that somebody has looked at from those that nobody has.
    fn accept(&mut self, options: &Options) {
        let accepted = options.accepted.as_ref();
        if accepted.is_some_and(|accepted| self.ledger.is_some_and(|ledger| ledger != accepted.ledger)) {
            let detail = "the findings to accept are those of another ledger".to_owned();
            self.note(Note { code: "accepted-elsewhere", file: None, detail });
        }
        let ledger = self.ledger;
        let known = accepted.filter(|accepted| Some(accepted.ledger) == ledger);
        let looked_at = |finding: &Finding| known.is_some_and(|accepted| accepted.covers(finding));
        self.finding_count = self.findings.len() as u64;
        self.open_finding_count = self.findings.iter().filter(|finding| !looked_at(finding)).count() as u64;
        self.findings.sort_by_key(looked_at);
        self.findings.truncate(MAX_LISTED);
    }

    pub(super) fn finish(mut self, options: &Options) -> Self {
        self.accept(options);
        let failed: Vec<&str> = self.failures.iter().map(|fault| check_of(fault.code)).collect();
        self.checks = self
            .counted
            .iter()
            .map(|(code, count)| {
                let status = if failed.contains(code) {
                    CheckStatus::Failed
                } else if *count == 0 || *code == DIGESTS_UNKNOWN {
                    CheckStatus::NotChecked
                } else {
                    CheckStatus::Passed
                };
                Check { code: (*code).to_owned(), status, count: *count }
            })
            .collect();
        let unread = self.failures.iter().filter(|fault| is_unread(fault)).count() as u64;
        self.verdict = match self.failure_count {
            0 => Verdict::Verified,
            all if all == unread => Verdict::Unreadable,
            _ => Verdict::Failed,
        };
        self
    }
}

/// Whether a failure says that something could not be judged, rather than that it is wrong.
fn is_unread(fault: &Fault) -> bool {
    matches!(fault.code, "unreadable" | "alone")
}
