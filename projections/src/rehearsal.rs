//! A rehearsal: which pages other rules of attention would have sent over the same history, or the same rules in
//! another version.
//!
//! Both sides are folded from the same entries, so they differ by the rules alone. A *page* is a notice that
//! something began: a reason, a storm, flapping.

use crate::Projection as _;
use crate::attention::{Attention, Notice, Rules};
use crate::fact::Fact;
use schemars::JsonSchema;
use serde::Serialize;
use spec::payload::{AttentionChange, Onset, ReasonState};
use spec::{Hash, Name, Record, Timestamp, Uuid};
use std::collections::BTreeMap;

/// Two pages about the same thing within this time are one that moved, in milliseconds.
pub const MOVED_MS: u64 = 60 * 60_000;

/// The subject of a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct About {
    /// The organisation.
    pub org: Name,
    /// The node; absent for a site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<Uuid>,
    /// The reason, `flapping`, or `storm`.
    pub reason: String,
    /// What the reason is about: such as a service, or the site of a storm.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
}

/// A page that only one side sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "RehearsedPage")]
pub struct Page {
    /// What it is about.
    #[serde(flatten)]
    pub about: About,
    /// When it is sent.
    pub at: Timestamp,
}

/// A page that both sides send, at different times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "MovedPage")]
pub struct Moved {
    /// What it is about.
    #[serde(flatten)]
    pub about: About,
    /// When it was sent.
    pub from: Timestamp,
    /// When it would have been sent.
    pub to: Timestamp,
}

/// The difference of the pages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "RehearsalDifference")]
pub struct Difference {
    /// Pages under the rules of the log.
    pub before: usize,
    /// Pages under the others.
    pub after: usize,
    /// Pages that both send at the same time.
    pub kept: usize,
    /// Pages that both send, at different times.
    pub moved: Vec<Moved>,
    /// Pages that would not have been sent.
    pub dropped: Vec<Page>,
    /// Pages that would have been sent in addition.
    pub added: Vec<Page>,
}

/// The same entries under two sets of rules.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    before: Attention,
    after: Attention,
    since: Timestamp,
    pages: BTreeMap<About, [Vec<Timestamp>; 2]>,
}

impl Rehearsal {
    /// A rehearsal of these rules, of which pages from `since` on count.
    pub fn new(ruleset: &spec::payload::Ruleset, since: Timestamp) -> Self {
        let after = Attention::rehearsing(Rules::of(ruleset, Hash::ZERO));
        Self { before: Attention::default(), after, since, pages: BTreeMap::new() }
    }

    /// A rehearsal of the rules as they are in place of those that attention had in a version before; `None` if
    /// nobody has that version any more. Pages from `since` on count.
    pub fn of_versions(before: u64, since: Timestamp) -> Option<Self> {
        let (before, after) = (Attention::of_version(before)?, Attention::default());
        Some(Self { before, after, since, pages: BTreeMap::new() })
    }

    /// Takes the next entry in.
    pub fn apply(&mut self, record: &Record) {
        let fact = Fact::of(record);
        for (side, attention) in [&mut self.before, &mut self.after].into_iter().enumerate() {
            attention.apply(&fact);
            for notice in attention.noticed().iter().filter(|notice| notice.payload.at >= self.since) {
                let Some(about) = page(notice) else { continue };
                if let Some(pages) = self.pages.entry(about).or_default().get_mut(side) {
                    pages.push(notice.payload.at);
                }
            }
        }
    }

    /// How the pages so far differ.
    pub fn difference(&self) -> Difference {
        let mut difference = Difference::default();
        for (about, [before, after]) in &self.pages {
            difference.before += before.len();
            difference.after += after.len();
            compare(about, before, after, &mut difference);
        }
        difference.moved.sort_by_key(|page| page.from);
        difference.dropped.sort_by_key(|page| page.at);
        difference.added.sort_by_key(|page| page.at);
        difference
    }
}

/// Pairs the pages about one thing, both in order of time: the same time first, then the nearest within an hour.
fn compare(about: &About, before: &[Timestamp], after: &[Timestamp], difference: &mut Difference) {
    let same = |at: &Timestamp, others: &[Timestamp]| others.contains(at);
    let mut left: Vec<Timestamp> = before.iter().filter(|at| !same(at, after)).copied().collect();
    let right: Vec<Timestamp> = after.iter().filter(|at| !same(at, before)).copied().collect();
    difference.kept += before.len() - left.len();
    for at in right {
        let nearest = left.iter().enumerate().min_by_key(|(_, from)| from.millis().abs_diff(at.millis()));
        match nearest {
            Some((i, from)) if from.millis().abs_diff(at.millis()) <= MOVED_MS => {
                difference.moved.push(Moved { about: about.clone(), from: *from, to: at });
                left.remove(i);
            }
            _ => difference.added.push(Page { about: about.clone(), at }),
        }
    }
    difference.dropped.extend(left.into_iter().map(|at| Page { about: about.clone(), at }));
}

/// What a notice pages about; nothing if it tells of an end or of a band, which follows from the reasons.
fn page(notice: &Notice) -> Option<About> {
    let about = |reason: &str, subject: &str| About {
        org: notice.org.clone(),
        node_id: notice.node,
        reason: reason.to_owned(),
        subject: subject.to_owned(),
    };
    match &notice.payload.change {
        AttentionChange::Reason { reason, subject, state: ReasonState::Firing, .. } => {
            Some(about(reason.as_str(), subject.as_deref().unwrap_or_default()))
        }
        AttentionChange::Storm { site, state: Onset::Began, .. } => Some(about("storm", site)),
        AttentionChange::Flapping { state: Onset::Began } => Some(about("flapping", "")),
        _ => None,
    }
}
