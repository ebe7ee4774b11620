//! What a scan of a node found.

use super::{PayloadError, Schema, at_most, present, rule, within};
use crate::event::Severity;
use crate::hash::Hash;
use crate::ids::Name;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MAX_FINDINGS: u64 = 4096;
const MAX_UNCHECKED: u64 = 1024;
const MAX_EXPLAINED_BYTES: usize = 256;
const MAX_REASON_BYTES: usize = 1024;
const MAX_REMEDIATION_BYTES: usize = 4096;
const MAX_ROOT_BYTES: usize = 4096;
const MAX_SUBJECT_BYTES: usize = 4096;
const MAX_TITLE_BYTES: usize = 512;

/// A thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// A hash of what was seen.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Hash>,
    /// The package that explains it, at most 256 bytes.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub explained: Option<String>,
    /// The check that found it.
    pub id: Name,
    /// What to do about it, at most 4,096 bytes.
    pub remediation: String,
    /// How grave it is; not [`Severity::Info`].
    pub severity: Severity,
    /// What it is about, such as a path; at most 4,096 bytes.
    pub subject: String,
    /// One line, at most 512 bytes.
    pub title: String,
}

impl Finding {
    fn validate(&self) -> Result<(), PayloadError> {
        rule(self.severity != Severity::Info, "a finding is low at least")?;
        at_most("explained", self.explained.as_deref().unwrap_or_default(), MAX_EXPLAINED_BYTES)?;
        at_most("remediation", &self.remediation, MAX_REMEDIATION_BYTES)?;
        at_most("subject", &self.subject, MAX_SUBJECT_BYTES)?;
        at_most("title", &self.title, MAX_TITLE_BYTES)
    }
}

/// A check that could not be made: neither good nor bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unchecked {
    /// The check.
    pub id: Name,
    /// Why, at most 1,024 bytes.
    pub reason: String,
}

/// The numbers of findings of each severity, and of checks that could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the five words say it")]
pub struct FindingCounts {
    pub critical: u64,
    pub high: u64,
    pub low: u64,
    pub medium: u64,
    pub unknown: u64,
}

impl FindingCounts {
    /// The counts that belong to these findings and to so many checks that could not be made.
    pub fn of(findings: &[Finding], unchecked: &[Unchecked]) -> Self {
        let mut counts = Self { unknown: unchecked.len() as u64, ..Self::default() };
        for finding in findings {
            match finding.severity {
                Severity::Info => {}
                Severity::Low => counts.low += 1,
                Severity::Medium => counts.medium += 1,
                Severity::High => counts.high += 1,
                Severity::Critical => counts.critical += 1,
            }
        }
        counts
    }
}

/// Payload of `scan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// Id of the baseline it was compared with: the hash of the document.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Hash>,
    /// Those of `findings` and `unchecked`.
    pub counts: FindingCounts,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What it found: at most 4,096, sorted by id and subject.
    pub findings: Vec<Finding>,
    /// The directory that was looked through, at most 4,096 bytes.
    pub root: String,
    /// Whether it is made up for a trial.
    pub simulated: bool,
    /// When it began, by the node's clock.
    pub started_at: Timestamp,
    /// Root of the tree of the files whose contents are watched.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub tree_root: Option<Hash>,
    /// The checks that could not be made: at most 1,024, sorted by id.
    pub unchecked: Vec<Unchecked>,
}

impl Schema for Scan {
    fn validate(&self) -> Result<(), PayloadError> {
        within("findings", self.findings.len(), 0..=MAX_FINDINGS)?;
        self.findings.iter().try_for_each(Finding::validate)?;
        rule(
            self.findings.is_sorted_by(|a, b| (&a.id, &a.subject) < (&b.id, &b.subject)),
            "findings must be sorted by id and subject, each once",
        )?;
        within("unchecked", self.unchecked.len(), 0..=MAX_UNCHECKED)?;
        self.unchecked.iter().try_for_each(|u| at_most("reason", &u.reason, MAX_REASON_BYTES))?;
        rule(self.unchecked.is_sorted_by(|a, b| a.id < b.id), "unchecked must be sorted by id, each once")?;
        rule(
            self.counts == FindingCounts::of(&self.findings, &self.unchecked),
            "counts must be those of findings and unchecked",
        )?;
        at_most("root", &self.root, MAX_ROOT_BYTES)
    }
}
