//! Webhooks: who is told elsewhere of what happens, and what became of it.
//!
//! What happens within [`GROUP_MS`] and is of one type goes out as one message. A message that is not taken is sent
//! again after growing pauses (Standard Webhooks, "Deliverability and reliability"); one that is taken makes all
//! others of its webhook due at once. What was sent, and what came of it, is a `notice` in the log: so what is owed
//! follows from the log alone.

use super::incident::{By, Incident};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::limits::MAX_WEBHOOKS;
use spec::payload::{Band, Delivery, Notice, WebhookType, WeighedReason};
use spec::{Hash, Name, Timestamp, Uuid};
use std::collections::{BTreeMap, VecDeque};

/// Happenings that a webhook may be owed; of more the oldest are not told.
pub const MAX_OWED: usize = 1000;

/// Happenings in one message: as many as a `notice` may name.
pub const MAX_GROUP: usize = 256;

/// How long a message waits for more of its type, in milliseconds.
pub const GROUP_MS: u64 = 10_000;

/// The pauses after the attempts that failed, in milliseconds; after the last there is no other.
pub const PAUSES_MS: [u64; 9] = [
    5_000,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    120 * MINUTE_MS,
    300 * MINUTE_MS,
    600 * MINUTE_MS,
    840 * MINUTE_MS,
    1200 * MINUTE_MS,
    1440 * MINUTE_MS,
];

const MINUTE_MS: u64 = 60_000;

/// The status by which a receiver says that it wants nothing more (RFC 9110, section 15.5.11).
const GONE: u64 = 410;

/// A node's band changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BandChange {
    /// The node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<Uuid>,
    /// Its tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Before.
    pub from: Band,
    /// After.
    pub to: Band,
    /// The score that led to it, 0 to 100.
    pub score: u64,
    /// Why.
    pub reasons: Vec<WeighedReason>,
}

/// A happening that a webhook is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// Event hash of the event that made it so.
    pub event: Hash,
    /// When, by the ledger's clock, and by whom.
    #[serde(flatten)]
    pub by: By,
    /// The incident as it was then, without remarks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
    /// The change of band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<BandChange>,
}

/// A message: what goes out as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// By this a receiver knows it again. It follows from the webhook, the type, and the first happening's entry.
    pub id: String,
    /// What all of it is, such as `incident.opened`.
    pub r#type: Name,
    /// When it is to be sent, by the ledger's clock.
    pub due: Timestamp,
    /// Attempts that failed.
    pub attempts: u64,
    /// What it tells, in the order in which it came about, at most [`MAX_GROUP`].
    pub items: Vec<Happening>,
}

/// The outcome of the last attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryAttempt {
    /// When it was recorded, and where.
    #[serde(flatten)]
    pub by: By,
    /// What became of the message.
    pub outcome: Delivery,
    /// The HTTP status; absent: no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u64>,
}

/// A webhook, and what became of what it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookStanding {
    /// Its id.
    pub id: Uuid,
    /// Where it is told.
    pub url: String,
    /// What it is told, sorted.
    #[schemars(with = "Vec<WebhookType>")]
    pub types: Vec<Name>,
    /// Who made it.
    pub created: By,
    /// When its receiver said that it wants nothing more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<By>,
    /// Messages that were taken.
    pub delivered: u64,
    /// Messages that were not taken, and are not sent again.
    pub given_up: u64,
    /// The last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<DeliveryAttempt>,
}

/// A webhook with what it is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// What it is, and how it fared.
    pub standing: WebhookStanding,
    /// `BLAKE3(14 ‖ secret)` of the secret that messages are signed with.
    pub secret: Hash,
    /// Happenings that were not told because there were too many.
    pub dropped: u64,
    messages: VecDeque<Message>,
}

impl Webhook {
    /// What it is owed, the oldest first.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter()
    }

    /// How many happenings it is owed.
    pub fn owed(&self) -> usize {
        self.messages.iter().map(|message| message.items.len()).sum()
    }

    fn wants(&self, r#type: &str) -> bool {
        self.standing.gone.is_none() && self.standing.types.iter().any(|wanted| wanted.as_str() == r#type)
    }

    fn owe(&mut self, r#type: &Name, happening: Happening) {
        let now = happening.by.at;
        let joins = |m: &&mut Message| {
            m.r#type == *r#type && m.attempts == 0 && m.due > now && m.items.len() < MAX_GROUP
        };
        if let Some(message) = self.messages.iter_mut().rev().find(joins) {
            message.items.push(happening);
        } else {
            let due = Timestamp::from_millis(now.millis().saturating_add(GROUP_MS));
            self.messages.push_back(self.message(r#type.clone(), due, vec![happening]));
        }
        while self.owed() > MAX_OWED {
            let oldest = self.messages.pop_front();
            self.dropped += oldest.map_or(0, |message| message.items.len() as u64);
        }
    }

    fn message(&self, r#type: Name, due: Timestamp, items: Vec<Happening>) -> Message {
        let first = items.first().map_or(0, |first| first.by.seq);
        let id = format!("msg_{first}_{}_{}", self.standing.id, r#type.as_str().replace('.', "-"));
        Message { id, r#type, due, attempts: 0, items }
    }

    /// A message went out that is none of these: rules before these made it up of other happenings. What it told is
    /// not told again.
    fn forget(&mut self, notice: &Notice) {
        if notice.outcome != Delivery::Failed {
            for message in &mut self.messages {
                message.items.retain(|item| !notice.events.contains(&item.event));
            }
            self.messages.retain(|message| !message.items.is_empty());
        }
    }

    fn told(&mut self, notice: &Notice, by: By) {
        let Some(place) = self.messages.iter().position(|message| message.id == notice.message) else {
            self.forget(notice);
            return;
        };
        let now = by.at;
        self.standing.last =
            Some(DeliveryAttempt { by: by.clone(), outcome: notice.outcome, status: notice.status });
        if notice.outcome == Delivery::Failed {
            if let Some(message) = self.messages.get_mut(place) {
                message.attempts = notice.attempt;
                let nth = usize::try_from(notice.attempt.saturating_sub(1)).unwrap_or(usize::MAX);
                let pause = PAUSES_MS.get(nth).or(PAUSES_MS.last()).copied().unwrap_or_default();
                message.due = Timestamp::from_millis(now.millis().saturating_add(pause));
            }
            return;
        }
        let Some(mut done) = self.messages.remove(place) else { return };
        // What came to it after it was sent was not told yet.
        done.items.retain(|item| !notice.events.contains(&item.event));
        if !done.items.is_empty() {
            let rest = self.message(done.r#type, now, done.items);
            self.messages.push_front(rest);
        }
        match notice.outcome {
            Delivery::Delivered => {
                self.standing.delivered += 1;
                // Whoever takes one takes the others: none waits for the end of its pause.
                let failed = self.messages.iter_mut().filter(|message| message.attempts > 0);
                failed.for_each(|message| message.due = message.due.min(now));
            }
            _ => self.standing.given_up += 1,
        }
        if notice.status == Some(GONE) {
            self.standing.gone = Some(by);
            self.messages.clear();
        }
    }
}

/// The webhooks of an organisation, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Webhooks(BTreeMap<Uuid, Webhook>);

impl Webhooks {
    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Webhook> {
        self.0.values()
    }

    /// Whether somebody wants to be told of this.
    pub(super) fn wants(&self, r#type: &str) -> bool {
        self.0.values().any(|webhook| webhook.wants(r#type))
    }

    /// Takes in that a webhook was made or removed.
    pub(super) fn set(&mut self, webhook: &spec::payload::Webhook, by: By) {
        match webhook {
            spec::payload::Webhook::Create { id, secret, types, url } => {
                if self.0.len() < MAX_WEBHOOKS && !self.0.contains_key(id) {
                    let standing = WebhookStanding {
                        id: *id,
                        url: url.clone(),
                        types: types.clone(),
                        created: by,
                        gone: None,
                        delivered: 0,
                        given_up: 0,
                        last: None,
                    };
                    let webhook =
                        Webhook { standing, secret: *secret, dropped: 0, messages: VecDeque::new() };
                    self.0.insert(*id, webhook);
                }
            }
            spec::payload::Webhook::Remove { id } => drop(self.0.remove(id)),
        }
    }

    /// Something happened that those who want it are to be told.
    pub(super) fn owe(&mut self, r#type: &Name, happening: &Happening) {
        for webhook in self.0.values_mut().filter(|webhook| webhook.wants(r#type.as_str())) {
            webhook.owe(r#type, happening.clone());
        }
    }

    /// The clock was set back: nothing waits for a time that is far off now.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        let messages = self.0.values_mut().flat_map(|webhook| &mut webhook.messages);
        messages.for_each(|message| message.due = message.due.min(now));
    }

    /// A message was sent.
    pub(super) fn told(&mut self, notice: &Notice, by: By) {
        if let Some(webhook) = self.0.get_mut(&notice.webhook) {
            webhook.told(notice, by);
        }
    }
}
