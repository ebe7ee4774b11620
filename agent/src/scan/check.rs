//! What a check is. The table of all of them is `registry.rs`.

use spec::Severity;

/// One thing a scan looks for. The table of them is in `spec/scan.md`.
#[derive(Debug)]
pub struct Check {
    /// Its stable id: `id` of its findings.
    pub id: &'static str,
    /// How grave a finding is unless the case at hand is worse or better.
    pub severity: Severity,
    /// What is wrong if it finds something, in a line.
    pub title: &'static str,
    /// What to do about it.
    pub remediation: &'static str,
}
