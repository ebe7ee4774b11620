//! What a scan found, as the payload of its event: sorted, each thing once, and within the format's limits.
//! What does not fit is cut, the least grave first, and the report says so.

use super::cx::{Found, Reasons};
use spec::payload::{Finding, FindingCounts, Scan, Unchecked};
use spec::{Hash, Name, Timestamp};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Most findings of one check, and of the one that tells of every file by itself: together they stay below the
/// 4,096 of a scan.
pub const MAX_FINDINGS_OF_CHECK: usize = 96;
/// Most findings of `file-integrity`: an upgrade changes hundreds of files, each explained and each shown.
pub const MAX_CHANGED_FILES: usize = 1024;

/// Room for the findings, in bytes of canonical JSON; the payload's limit leaves 64 KiB for the rest.
const FINDINGS_BYTES: usize = spec::limits::MAX_PAYLOAD_BYTES - 64 * 1024;

/// Longest subject, in bytes.
const MAX_SUBJECT_BYTES: usize = 1024;

/// Longest title, explanation and reason, in bytes.
const MAX_TITLE_BYTES: usize = 512;
const MAX_EXPLAINED_BYTES: usize = 256;
const MAX_REASON_BYTES: usize = 1024;

/// Longest name of the root, in bytes.
const MAX_ROOT_BYTES: usize = 4096;

/// What belongs to a report beside findings.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) baseline: Option<Hash>,
    pub(super) duration_ms: u64,
    pub(super) root: String,
    pub(super) started_at: Timestamp,
    pub(super) tree_root: Option<Hash>,
}

/// Puts a report together.
pub(super) fn assemble(
    frame: &Frame,
    found: Vec<Found>,
    mut unknown: BTreeMap<&'static str, Reasons>,
) -> Scan {
    let mut findings: Vec<Finding> = merged(found);
    // The gravest first, so that the end can be cut off.
    findings.sort_by(|a, b| {
        (Reverse(a.severity), &a.id, &a.subject).cmp(&(Reverse(b.severity), &b.id, &b.subject))
    });
    let (mut counts, mut bytes, mut cut) = (BTreeMap::<Name, usize>::new(), 0, BTreeMap::<Name, u64>::new());
    findings.retain(|finding| {
        let of_check = counts.entry(finding.id.clone()).or_default();
        let size = spec::canonical::to_vec(finding).map_or(usize::MAX, |json| json.len() + 1);
        let changed = finding.id.as_str() == super::integrity::DRIFT.id;
        let most = if changed { MAX_CHANGED_FILES } else { MAX_FINDINGS_OF_CHECK };
        let fits = *of_check < most && bytes + size <= FINDINGS_BYTES;
        if fits {
            *of_check += 1;
            bytes += size;
        } else {
            *cut.entry(finding.id.clone()).or_default() += 1;
        }
        fits
    });
    findings.sort_by(|a, b| (&a.id, &a.subject).cmp(&(&b.id, &b.subject)));
    for check in super::registry::checks() {
        let number = check.id.parse::<Name>().ok().and_then(|id| cut.get(&id).copied());
        if let Some(number) = number {
            unknown
                .entry(check.id)
                .or_default()
                .push(format!("{number} more findings than a report has room for"));
        }
    }
    let unchecked: Vec<Unchecked> = unknown
        .into_iter()
        .filter_map(|(id, reasons)| {
            Some(Unchecked { id: id.parse().ok()?, reason: short(&reasons.text(), MAX_REASON_BYTES) })
        })
        .collect();
    Scan {
        baseline: frame.baseline,
        counts: FindingCounts::of(&findings, &unchecked),
        duration_ms: frame.duration_ms,
        findings,
        root: short(&frame.root, MAX_ROOT_BYTES),
        simulated: false,
        started_at: frame.started_at,
        tree_root: frame.tree_root,
        unchecked,
    }
}

/// One finding for each check and subject: the gravest, with the words of all.
fn merged(found: Vec<Found>) -> Vec<Finding> {
    let mut by_subject: BTreeMap<(Name, String), Finding> = BTreeMap::new();
    for found in found {
        let Ok(id) = found.check.id.parse::<Name>() else { continue };
        let subject = subject(&found.subject);
        let finding = Finding {
            evidence: Some(found.evidence),
            explained: found.explained.map(|package| short(&package, MAX_EXPLAINED_BYTES)),
            id: id.clone(),
            remediation: found.check.remediation.to_owned(),
            severity: found.severity,
            subject: subject.clone(),
            title: short(&found.title, MAX_TITLE_BYTES),
        };
        match by_subject.entry((id, subject)) {
            std::collections::btree_map::Entry::Vacant(slot) => drop(slot.insert(finding)),
            std::collections::btree_map::Entry::Occupied(mut slot) => {
                let (mut graver, other) = if finding.severity > slot.get().severity {
                    (finding, slot.get().clone())
                } else {
                    (slot.get().clone(), finding)
                };
                if !graver.title.contains(&other.title) {
                    graver.title = short(&format!("{}; {}", graver.title, other.title), MAX_TITLE_BYTES);
                }
                slot.insert(graver);
            }
        }
    }
    by_subject.into_values().collect()
}

/// A text within a limit; one that is cut ends with three dots.
fn short(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(limit - 3)])
}

/// A subject within its limit; one that is cut ends with a hash of the whole, so that no two become one.
fn subject(text: &str) -> String {
    if text.len() <= MAX_SUBJECT_BYTES {
        return text.to_owned();
    }
    let hash = super::cx::evidence("subject", text.as_bytes());
    format!("{}... {hash}", &text[..text.floor_char_boundary(MAX_SUBJECT_BYTES - 68)])
}
