//! What a check is given, and where it puts what it finds.

use super::baseline::{Baseline, Seen};
use super::check::Check;
use super::packages::Packages;
use super::source::Source;
use super::state::State;
use super::unread::Unread;
use spec::{Domain, Hash, Severity, Timestamp};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Reasons that are named for one check; the rest is counted.
const MAX_REASONS: usize = 4;

/// A finding in the making.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) check: &'static Check,
    pub(super) severity: Severity,
    pub(super) title: Cow<'static, str>,
    pub(super) subject: String,
    pub(super) evidence: Hash,
    pub(super) explained: Option<String>,
}

impl Found {
    /// Says it more exactly than the check's own title.
    pub(super) fn title(&mut self, title: impl Into<Cow<'static, str>>) -> &mut Self {
        self.title = title.into();
        self
    }

    /// Graver, or less grave, than the check's findings are in general.
    pub(super) fn severity(&mut self, severity: Severity) -> &mut Self {
        self.severity = severity;
        self
    }

    /// A package accounts for it: then it is of little weight, and still shown.
    pub(super) fn explained(&mut self, package: Option<String>) -> &mut Self {
        if package.is_some() {
            self.explained = package;
            self.severity = Severity::Low;
        }
        self
    }
}

/// Why a check, or a part of it, could not be made.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    named: Vec<String>,
    more: u64,
}

impl Reasons {
    pub(super) fn push(&mut self, reason: String) {
        if self.named.contains(&reason) {
            return;
        }
        if self.named.len() < MAX_REASONS { self.named.push(reason) } else { self.more += 1 }
    }

    pub(super) fn text(&self) -> String {
        let named = self.named.join("; ");
        if self.more == 0 { named } else { format!("{named}; and {} more", self.more) }
    }
}

/// How something differs from the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    New,
    Changed,
    Gone,
}

impl Change {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Gone => "gone",
        }
    }
}

/// What every check reads from and writes to.
#[derive(Debug)]
pub(super) struct Cx<'a> {
    /// The files.
    pub(super) source: &'a Source,
    /// When the scan began.
    pub(super) now: Timestamp,
    /// What a person said is right, if anybody did.
    pub(super) baseline: Option<&'a Baseline>,
    /// Which package each file is of.
    pub(super) packages: &'a Packages,
    /// What earlier scans left, and what this one leaves.
    pub(super) state: &'a mut State,
    /// The paths whose contents are watched, and those left out of them.
    pub(super) watched: &'a super::watch::Watched,
    /// What was found.
    pub(super) found: Vec<Found>,
    /// What could not be checked.
    pub(super) unknown: BTreeMap<&'static str, Reasons>,
    /// What a baseline keeps of this scan, by check.
    pub(super) seen: BTreeMap<&'static str, Seen>,
    /// Root of the tree of watched files.
    pub(super) tree_root: Option<Hash>,
}

/// BLAKE3 of what was seen, under the check that saw it.
pub fn evidence(check: &str, seen: &[u8]) -> Hash {
    Hash::of(Domain::Evidence, &[check.as_bytes(), &[0], seen])
}

impl Cx<'_> {
    /// Reports that something is not as it should be.
    pub(super) fn find(
        &mut self,
        check: &'static Check,
        subject: impl Into<String>,
        seen: impl AsRef<[u8]>,
    ) -> &mut Found {
        self.found.push(Found {
            check,
            severity: check.severity,
            title: Cow::Borrowed(check.title),
            subject: subject.into(),
            evidence: evidence(check.id, seen.as_ref()),
            explained: None,
        });
        let last = self.found.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "pushed right above")]
        &mut self.found[last]
    }

    /// Reports that something could not be checked.
    pub(super) fn unknown(&mut self, check: &'static Check, reason: impl Into<String>) {
        self.unknown.entry(check.id).or_default().push(reason.into());
    }

    /// Keeps what could be read; reports the rest as unknown.
    pub(super) fn known<T>(&mut self, check: &'static Check, read: Result<T, Unread>) -> Option<T> {
        read.map_err(|unread| self.unknown(check, unread)).ok()
    }

    /// Notes what there is, for [`Cx::drift`] and for the next baseline.
    pub(super) fn observe(
        &mut self,
        check: &'static Check,
        subject: impl Into<String>,
        seen: impl AsRef<[u8]>,
    ) {
        let digest = evidence(check.id, seen.as_ref());
        self.seen.entry(check.id).or_default().insert(subject.into(), digest);
    }

    /// How what was observed differs from the baseline. Without one nobody can say, and that is reported.
    pub(super) fn drift(&mut self, check: &'static Check) -> Vec<(String, Change, Hash)> {
        let Some(baseline) = self.baseline else {
            self.unknown(check, "there is no baseline to compare with");
            return Vec::new();
        };
        let empty = Seen::new();
        let before = baseline.seen.get(check.id).unwrap_or(&empty);
        let now = self.seen.entry(check.id).or_default();
        let mut drift = Vec::new();
        for (subject, digest) in &*now {
            match before.get(subject) {
                None => drift.push((subject.clone(), Change::New, *digest)),
                Some(old) if old != digest => drift.push((subject.clone(), Change::Changed, *digest)),
                Some(_) => {}
            }
        }
        // What could not be read is not gone.
        if !self.unknown.contains_key(check.id) {
            let gone = before.iter().filter(|(subject, _)| !now.contains_key(*subject));
            drift.extend(gone.map(|(subject, digest)| (subject.clone(), Change::Gone, *digest)));
        }
        drift
    }

    /// Reports each difference from the baseline under a title that says which.
    pub(super) fn report_drift(&mut self, check: &'static Check, what: &str) {
        for (subject, change, digest) in self.drift(check) {
            let found = self.find(check, subject, digest.0);
            found.title(format!("{what} is {} since the baseline", change.word()));
            if change == Change::Gone {
                found.severity(Severity::Low);
            }
        }
    }
}
