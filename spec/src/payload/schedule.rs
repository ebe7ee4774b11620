//! Schedules: what nodes are told to do again and again, and what became of each time it was due.

use super::{PayloadError, Schema, at_most, filled, present, rule, within};
use crate::cron::Cron;
use crate::hash::{Domain, Hash};
use crate::ids::{Name, Uuid};
use crate::schema::CommandParameters;
use crate::selector::Selector;
use crate::time::Timestamp;
use crate::window::{Window, open_until};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most nodes of one run: all of their commands are kept while they are open.
pub const MAX_RUN_NODES: u64 = 4096;

/// Most times that one decision is about.
pub const MAX_RUN_COUNT: u64 = 10_000;

const MAX_NAME_BYTES: usize = 256;
const MAX_PROFILE_BYTES: usize = 256;
const MAX_PARAMETERS: u64 = 64;
const MAX_PARAMETER_BYTES: usize = 4096;
const MAX_TTL_SECS: u64 = 2_592_000;
const MAX_EVERY_SECS: u64 = 31_622_400;
const MAX_JITTER_SECS: u64 = 86_400;
const MAX_WINDOWS: u64 = 16;
const MAX_WINDOW_MINUTES: u64 = 10_080;

/// How old an id may be: well within what admission takes.
const MAX_ID_AGE_MS: u64 = 60 * 86_400_000;

/// The times at which something is due: by interval or by cron.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScheduleTiming")]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Times of cron, in UTC.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub cron: Option<Cron>,
    /// Every so many seconds from `start` on, 1 to 31,622,400.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub every_secs: Option<u64>,
    /// The first time; present exactly with `every_secs`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
}

impl When {
    /// The first time after `after`.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        if let Some(cron) = &self.cron {
            return cron.next(after);
        }
        let (every, start) = (self.every_secs?.max(1) * 1000, self.start?);
        let Some(since) = after.millis().checked_sub(start.millis()) else { return Some(start) };
        let next = start.millis() + (since / every + 1) * every;
        (next <= Timestamp::MAX.millis()).then(|| Timestamp::from_millis(next))
    }

    fn validate(&self) -> Result<(), PayloadError> {
        rule(self.cron.is_some() != self.every_secs.is_some(), "when has either cron or every_secs")?;
        rule(
            self.start.is_some() == self.every_secs.is_some(),
            "start belongs to every_secs and only to it",
        )?;
        within("every_secs", self.every_secs.unwrap_or(1), 1..=MAX_EVERY_SECS)
    }
}

/// The fate of what is due outside of all windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OutsideWindows")]
#[serde(rename_all = "lowercase")]
pub enum Outside {
    /// It is not begun.
    Skip,
    /// It is begun when the next window opens; of several the last.
    Wait,
}

/// The fate of what fell due while nobody was there to begin it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScheduleCatchUp")]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// The last of it is begun late.
    Once,
    /// It is missed.
    Skip,
}

/// The plan of a schedule: what nodes are told to do, which of them, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SchedulePlan")]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What becomes of what fell due while the service was away.
    pub catch_up: CatchUp,
    /// Which typed command they are given.
    pub command: Name,
    /// The schedule's id, by which the log names it.
    pub id: Uuid,
    /// Over how many seconds their commands are spread, at most 86,400.
    pub jitter_secs: u64,
    /// What people call it, 1 to 256 bytes.
    pub name: String,
    /// Only nodes of this operating system profile, at most 256 bytes.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub os_profile: Option<String>,
    /// What becomes of what is due outside of all windows; present exactly with `windows`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub outside: Option<Outside>,
    /// Parameters of the command by name: at most 64, each text at most 4,096 bytes.
    #[schemars(with = "CommandParameters")]
    pub parameters: BTreeMap<Name, String>,
    /// A label selector; empty: every node.
    pub selector: String,
    /// For how many seconds a command may be begun, 1 to 2,592,000.
    pub ttl_secs: u64,
    /// When it is due.
    pub when: When,
    /// Outside of these nothing is begun, 1 to 16; absent: there is no outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
}

impl Plan {
    fn validate(&self) -> Result<(), PayloadError> {
        filled("name", &self.name, MAX_NAME_BYTES)?;
        at_most("os_profile", self.os_profile.as_deref().unwrap_or_default(), MAX_PROFILE_BYTES)?;
        within("parameters", self.parameters.len(), 0..=MAX_PARAMETERS)?;
        self.parameters.values().try_for_each(|value| at_most("parameters", value, MAX_PARAMETER_BYTES))?;
        within("jitter_secs", self.jitter_secs, 0..=MAX_JITTER_SECS)?;
        within("ttl_secs", self.ttl_secs, 1..=MAX_TTL_SECS)?;
        if let Err(error) = self.selector.parse::<Selector>() {
            return Err(PayloadError::Schema(format!("selector: {error}")));
        }
        self.when.validate()?;
        rule(
            self.outside.is_some() != self.windows.is_empty(),
            "outside belongs to windows and only to them",
        )?;
        within("windows", self.windows.len(), 0..=MAX_WINDOWS)?;
        for window in &self.windows {
            within("minutes", window.minutes, 1..=MAX_WINDOW_MINUTES)?;
            rule(!window.days.is_empty(), "a window begins on at least one day")?;
            rule(window.days.is_sorted_by(|a, b| a < b), "days must be in order from Monday, each once")?;
        }
        Ok(())
    }

    /// From when on, and until when, a node may begin what was decided at `at`. The beginnings of a run are spread
    /// over the jitter, but over no more than half of what is left of the window; nothing outlasts the window.
    pub fn span(&self, at: Timestamp, seed: &Hash) -> (Timestamp, Timestamp) {
        let after = |from: Timestamp, ms: u64| Timestamp::from_millis(from.millis().saturating_add(ms));
        let closes = open_until(&self.windows, at);
        let left = closes.map_or(u64::MAX, |closes| closes.millis() - at.millis());
        let most = (self.jitter_secs * 1000).min(left / 2);
        let tail = u64::from_be_bytes(seed.0.last_chunk().copied().unwrap_or_default());
        let not_before = after(at, tail % (most + 1));
        let expires_at = after(not_before, self.ttl_secs * 1000);
        (not_before, closes.map_or(expires_at, |closes| closes.min(expires_at)))
    }
}

/// Payload of `schedule`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SchedulePayload")]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Schedule {
    /// A schedule is made, or another put in its place.
    Set(Box<Plan>),
    /// A schedule ends.
    Remove {
        /// Its id.
        id: Uuid,
    },
}

impl Schema for Schedule {
    fn validate(&self) -> Result<(), PayloadError> {
        match self {
            Self::Set(plan) => plan.validate(),
            Self::Remove { .. } => Ok(()),
        }
    }
}

/// The fate of what was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScheduleRunOutcome")]
#[serde(rename_all = "lowercase")]
pub enum RunOutcome {
    /// It is begun: each of the nodes is given the command.
    Started,
    /// Nobody was there to begin it in time.
    Missed,
    /// It was not to be begun.
    Skipped,
}

/// The reason why something due is not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScheduleRunReason")]
#[serde(rename_all = "kebab-case")]
pub enum RunReason {
    /// The service was away, or busy; with `missed`.
    Late,
    /// No node is selected; with `skipped`.
    NoNodes,
    /// More than [`MAX_RUN_NODES`] are selected; with `skipped`.
    TooManyNodes,
    /// It was due outside of all windows; with `skipped`.
    Window,
}

/// Payload of `schedule-run`: a decision on what was due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScheduleRunPayload")]
#[serde(deny_unknown_fields)]
pub struct ScheduleRun {
    /// When it was decided, by the ledger's clock; not before `due`.
    pub at: Timestamp,
    /// How many times it is about, 1 to 10,000; 1 with `started`.
    pub count: u64,
    /// When it was due; of several the last.
    pub due: Timestamp,
    /// When the first of them was due.
    pub first: Timestamp,
    /// The nodes that are given the command, 1 to 4,096, sorted, each once; present exactly with `started`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Uuid>,
    /// What became of it.
    pub outcome: RunOutcome,
    /// Why it is not begun; present exactly unless `started`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub reason: Option<RunReason>,
    /// Event hash of the schedule as it was set.
    pub schedule: Hash,
}

impl Schema for ScheduleRun {
    fn validate(&self) -> Result<(), PayloadError> {
        let fits = match (self.outcome, self.reason) {
            (RunOutcome::Started, reason) => reason.is_none() && self.count == 1,
            (RunOutcome::Missed, reason) => reason == Some(RunReason::Late),
            (RunOutcome::Skipped, reason) => reason.is_some_and(|reason| reason != RunReason::Late),
        };
        rule(fits, "the reason does not fit the outcome")?;
        rule(self.nodes.is_empty() != (self.outcome == RunOutcome::Started), "nodes belong to started")?;
        within("nodes", self.nodes.len(), 0..=MAX_RUN_NODES)?;
        rule(self.nodes.is_sorted_by(|a, b| a < b), "nodes must be sorted, each once")?;
        within("count", self.count, 1..=MAX_RUN_COUNT)?;
        rule((self.count == 1) == (self.first == self.due), "first is due exactly if there is one")?;
        rule(self.first <= self.due && self.due <= self.at, "first, due and at must follow each other")
    }
}

impl ScheduleRun {
    /// The id of its event: what is due is decided once.
    pub fn id(&self) -> Uuid {
        let tail = Hash::of(Domain::Decision, &[&self.schedule.0, &self.due.millis().to_be_bytes()]);
        let recent = self.at.millis() - self.due.millis() <= MAX_ID_AGE_MS;
        Uuid::v7(if recent { self.due } else { self.at }, first_ten(&tail))
    }
}

/// What is peculiar to the order to a node that follows from a decision: its nonce, and the rest of it is derived
/// from this. `decision` is the event hash.
pub fn order_seed(decision: &Hash, node: Uuid) -> Hash {
    Hash::of(Domain::Order, &[&decision.0, node.as_bytes()])
}

/// The id of the event of an order that was decided at `at`.
pub fn order_id(at: Timestamp, seed: &Hash) -> Uuid {
    Uuid::v7(at, first_ten(seed))
}

fn first_ten(hash: &Hash) -> [u8; 10] {
    hash.0.first_chunk().copied().unwrap_or_default()
}
