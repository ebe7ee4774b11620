//! One incident: what it is about, how it stands, and what people said of it.

use crate::attention::Findings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{Band, Posture};
use spec::{Author, Hash, Name, Timestamp, Uuid};
use std::collections::BTreeSet;

/// Notes kept with an incident; of more the oldest are only in the log, those of nodes before those of people.
pub const MAX_NOTES: usize = 100;

/// Bytes of a text that are kept, as of the output of a command: a screenful; the log has the rest.
pub const MAX_TEXT_BYTES: usize = 4096;

/// Tags of one incident; further ones are only in the log.
pub const MAX_TAGS: usize = 64;

/// How long an acknowledgement holds that does not say so itself, in milliseconds.
const ACK_MS: [(Band, u64); 3] =
    [(Band::Ok, 8 * 3_600_000), (Band::Attn, 8 * 3_600_000), (Band::Crit, 30 * 60_000)];

/// The subject of an incident. Attention opens one incident for each; a person's incident is about itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Matter {
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// The node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<Uuid>,
    /// The site, for what is about many nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// What is wrong with it, whatever the degree: `silence`, `disk`, `posture`, `storm`, …
    pub topic: String,
    /// What the reason is about, such as a service; empty for the node or site itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
}

/// The state of an incident at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// Nobody looks after it.
    Open,
    /// Somebody does.
    Acked,
    /// It is over.
    Resolved,
}

/// A person or a service, at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Attribution")]
pub struct By {
    /// Who; absent where attention itself said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// When, by the ledger's clock.
    pub at: Timestamp,
    /// The entry.
    pub seq: u64,
}

/// An acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Acknowledgement")]
pub struct Acked {
    /// By whom.
    pub by: By,
    /// Until when it holds.
    pub until: Timestamp,
    /// The band at that time: a worse one breaks it.
    pub band: Band,
}

/// A remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "IncidentNote")]
pub struct Remark {
    /// By whom.
    pub by: By,
    /// What, as far as it is kept.
    pub text: String,
    /// Whether there was more; the log has all of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_cut: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Remark {
    /// What somebody says, as far as it is kept.
    pub(super) fn new(by: By, text: &str, findings: Findings) -> Self {
        let mut text = text.to_owned();
        let is_cut = !findings.takes_nodes_at_their_word() && cut(&mut text);
        Self { by, text, is_cut }
    }
}

/// Cuts a text to what is kept of it; whether there was more.
pub(super) fn cut(text: &mut String) -> bool {
    let more = text.len() > MAX_TEXT_BYTES;
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    more
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KnownIncident")]
pub struct Incident {
    /// Event hash of the event that opened it: by this people answer it.
    pub id: Hash,
    /// What it is about.
    #[serde(flatten)]
    pub matter: Matter,
    /// One line.
    pub title: String,
    /// More than that, as far as it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether there was more of that; the log has all of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_cut: bool,
    /// How badly it needs a look.
    pub band: Band,
    /// When it was opened.
    pub opened: By,
    /// When it was opened again, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopened: Option<By>,
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acked: Option<Acked>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<By>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Remarks, the oldest first, at most [`MAX_NOTES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Remark>,
    /// Of a node's posture: what of its findings counted when it was last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posture: Option<Posture>,
}

impl Incident {
    /// How it stands at `now`.
    pub fn state(&self, now: Timestamp) -> IncidentState {
        match (&self.resolved, &self.acked) {
            (Some(_), _) => IncidentState::Resolved,
            (None, Some(acked)) if acked.until > now => IncidentState::Acked,
            _ => IncidentState::Open,
        }
    }

    /// The incident as lists show it.
    #[must_use]
    pub fn without_notes(&self) -> Self {
        Self {
            id: self.id,
            matter: self.matter.clone(),
            title: self.title.clone(),
            text: self.text.clone(),
            is_cut: self.is_cut,
            band: self.band,
            opened: self.opened.clone(),
            reopened: self.reopened.clone(),
            acked: self.acked.clone(),
            resolved: self.resolved.clone(),
            assignee: self.assignee.clone(),
            tags: self.tags.clone(),
            notes: Vec::new(),
            posture: self.posture.clone(),
        }
    }

    pub(super) fn ack(&mut self, by: By, until: Option<Timestamp>) {
        let hold = ACK_MS.iter().find(|(band, _)| *band == self.band).map_or(0, |(_, hold)| *hold);
        let until = until.unwrap_or_else(|| Timestamp::from_millis(by.at.millis().saturating_add(hold)));
        self.acked = Some(Acked { by, until, band: self.band });
    }

    /// A worse band than at the time of the acknowledgement breaks it.
    pub(super) fn be(&mut self, band: Band) {
        self.band = band;
        if self.acked.as_ref().is_some_and(|acked| acked.band < band) {
            self.acked = None;
        }
    }

    pub(super) fn resolve(&mut self, by: By) {
        self.acked = None;
        self.resolved = Some(by);
    }

    pub(super) fn reopen(&mut self, by: By) {
        self.resolved = None;
        self.acked = None;
        self.reopened = Some(by);
    }

    /// Keeps a remark, and says which one had to go for it.
    pub(super) fn note(&mut self, remark: Remark, findings: Findings) -> Option<Remark> {
        self.notes.push(remark);
        (self.notes.len() > MAX_NOTES).then(|| {
            // What nodes remark takes no place of what people did.
            let is_report = |note: &Remark| matches!(note.by.author, Some(Author::Node(_)));
            let report = self.notes.iter().position(is_report);
            self.notes.remove(report.filter(|_| !findings.takes_nodes_at_their_word()).unwrap_or(0))
        })
    }

    pub(super) fn tag(&mut self, tags: &[String]) {
        for tag in tags {
            if self.tags.len() < MAX_TAGS {
                self.tags.insert(tag.clone());
            }
        }
    }
}
