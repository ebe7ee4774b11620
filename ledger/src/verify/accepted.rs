//! Findings that somebody has looked at: a file of one ledger's, so that a finding is told until it is answered and
//! not for ever.
//!
//! ```text
//! vaultmesh-accepted-v1 <ledger id>
//! # remarks and empty lines
//! chain-open 1289  node 3 was restored from its backup
//! ```

use crate::audit::Finding;
use spec::Hash;
use std::collections::BTreeSet;

/// The first word of the file.
const FORMAT: &str = "vaultmesh-accepted-v1";

/// Findings of one ledger that were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The ledger's id: the same numbers of another ledger are other entries.
    pub ledger: Hash,
    findings: BTreeSet<(String, u64)>,
}

/// The reason why a file of accepted findings is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptedError {
    /// The first line is another.
    #[error("the first line is not `{FORMAT} LEDGER_ID`")]
    Head,
    /// A line is no finding.
    #[error("line {0} is not `CODE SEQ` and perhaps a remark")]
    Line(usize),
}

impl Accepted {
    /// Reads the file.
    pub fn parse(text: &str) -> Result<Self, AcceptedError> {
        let mut lines = text.lines().enumerate();
        let (_, head) = lines.next().ok_or(AcceptedError::Head)?;
        let id = head.strip_prefix(FORMAT).map(str::trim).ok_or(AcceptedError::Head)?;
        let ledger = Hash::from_hex(id).map_err(|_| AcceptedError::Head)?;
        let mut findings = BTreeSet::new();
        for (i, line) in lines {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_whitespace();
            let code = words.next().unwrap_or_default();
            let seq = words.next().and_then(|word| word.parse().ok()).ok_or(AcceptedError::Line(i + 1))?;
            findings.insert((code.to_owned(), seq));
        }
        Ok(Self { ledger, findings })
    }

    /// Whether this finding of the ledger was looked at.
    pub(super) fn covers(&self, finding: &Finding) -> bool {
        self.findings.contains(&(finding.code.to_owned(), finding.seq))
    }
}
