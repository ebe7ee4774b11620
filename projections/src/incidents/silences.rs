//! Silences: what is not to be told for a while, and who said so.

use super::incident::{By, Matter};
use super::posture::POSTURE;
use crate::attention::Reason;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Hash, Name, Timestamp, Uuid};
use std::collections::BTreeMap;

/// Silences kept of an organisation, the ones that are over first to go.
pub const MAX_SILENCES: usize = 1000;

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Silence {
    /// Event hash of the event that made it: by this it is ended.
    pub id: Hash,
    /// Who made it.
    pub by: By,
    /// Why.
    pub text: String,
    /// Until when it holds.
    pub until: Timestamp,
    /// The node it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<Uuid>,
    /// The reason it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Name>,
    /// The subject of that reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The tenant it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
}

impl Silence {
    /// Whether it is about this.
    fn covers(&self, matter: &Matter) -> bool {
        let reason = |word: &Name| match Reason::from_word(word.as_str()) {
            // Of findings, one is silenced by accepting it.
            Some(reason) if reason.is_finding() && matter.topic == POSTURE => true,
            Some(reason) => reason.topic() == matter.topic,
            None => word.as_str() == matter.topic,
        };
        self.node_id.is_none_or(|node| matter.node_id == Some(node))
            && self.tenant.as_ref().is_none_or(|tenant| matter.tenant.as_ref() == Some(tenant))
            && self.reason.as_ref().is_none_or(reason)
            && self.subject.as_ref().is_none_or(|subject| matter.subject == *subject)
    }
}

/// The silences of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Silences(BTreeMap<Hash, Silence>);

impl Silences {
    /// The silence over something at `now`, if there is one.
    pub fn over(&self, matter: &Matter, now: Timestamp) -> Option<&Silence> {
        self.0.values().find(|silence| silence.until > now && silence.covers(matter))
    }

    /// All that are known, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.0.values()
    }

    pub(super) fn add(&mut self, silence: Silence) {
        self.0.insert(silence.id, silence);
        while self.0.len() > MAX_SILENCES {
            let first = self.0.values().min_by_key(|silence| (silence.until, silence.id)).map(|s| s.id);
            first.map(|id| self.0.remove(&id));
        }
    }

    /// Ends a silence before its time.
    pub(super) fn end(&mut self, id: &Hash, at: Timestamp) {
        if let Some(silence) = self.0.get_mut(id) {
            silence.until = silence.until.min(at);
        }
    }
}
