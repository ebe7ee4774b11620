//! What of a node's attention is told to operators: each change once, and none that says nothing new.
//!
//! A node's silence is told only after twice its interval, so that a storm can show itself first; in a storm,
//! and while a node flaps, its single changes are not told. What has changed by the end of that is told then; who
//! is silent after a storm has twice its interval again to come back.

use super::MAX_OWED_MS;
use super::node::NodeAttention;
use super::posture::{self, Finding, Findings, News};
use super::reason::{Machine, Phase, Reason, Subject};
use super::rules::Rules;
use crate::listening::{Moment, Now};
use serde::{Deserialize, Serialize};
use spec::payload::{Attention, AttentionChange, Band, Onset, Posture, ReasonState, WeighedReason};
use spec::{Name, Timestamp, Uuid};
use std::collections::{BTreeMap, VecDeque};

/// Reasons listed with a change of band.
const MAX_REASONS: usize = 64;

/// What operators were told of a node last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Told {
    /// The reasons that count, by what they are a degree of and about.
    #[serde(with = "as_list")]
    reasons: BTreeMap<(String, Subject), Reason>,
    band: Band,
    flapping: bool,
}

/// JSON has no maps with pairs as keys.
mod as_list {
    use super::{BTreeMap, Reason, Subject};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    type Reasons = BTreeMap<(String, Subject), Reason>;

    pub(super) fn serialize<S: Serializer>(reasons: &Reasons, serializer: S) -> Result<S::Ok, S::Error> {
        reasons.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Reasons, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

impl Told {
    /// Whether all was well.
    pub(super) fn is_nothing(&self) -> bool {
        self.reasons.is_empty() && self.band == Band::Ok && !self.flapping
    }

    /// Whether the node's silence was told.
    pub(super) fn knows_silence(&self) -> bool {
        self.reasons.values().any(|reason| reason.is_silence())
    }
}

/// A matter to announce that is not announced yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The id of the event that announces it. The same change has the same id in every fold.
    pub id: Uuid,
    /// The organisation.
    pub org: Name,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// The node; absent for a site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Uuid>,
    /// Since when it is owed, in listening time.
    pub since: Moment,
    /// The payload of the event.
    pub payload: Attention,
}

impl Notice {
    /// A notice whose id follows from what it says (`spec/event.md`, kind `attention`).
    pub(super) fn new(
        org: &Name,
        tenant: Option<&Name>,
        node: Option<Uuid>,
        now: Now,
        payload: Attention,
    ) -> Self {
        Self {
            id: payload.id(org, node),
            org: org.clone(),
            tenant: tenant.cloned(),
            node,
            since: now.moment,
            payload,
        }
    }
}

/// Whether two changes are of the same reason, in the same direction.
pub(super) fn is_same(one: &AttentionChange, other: &AttentionChange) -> bool {
    match (one, other) {
        (
            AttentionChange::Reason { reason, subject, state, .. },
            AttentionChange::Reason { reason: other, subject: about, state: to, .. },
        ) => (reason, subject, state) == (other, about, to),
        (one, other) => one == other,
    }
}

/// Whether a change is of something that a scan found.
pub(super) fn is_finding(change: &AttentionChange) -> bool {
    let AttentionChange::Reason { reason, .. } = change else { return false };
    Reason::from_word(reason.as_str()).is_some_and(Reason::is_finding)
}

/// Notes what changed since it was last told, and hands it to `tell`.
pub(super) fn tell(
    node: &mut NodeAttention,
    rules: &Rules,
    findings: Findings,
    seq: u64,
    now: Now,
    tell: &mut impl FnMut(Notice),
) {
    if node.is_calm() {
        return;
    }
    let (org, tenant, id) = (node.org.clone(), node.tenant.clone(), node.id);
    let (band, score) = (node.band(), node.score());
    let mut say = |change: AttentionChange, at: Timestamp| {
        let payload = Attention { at, band, change, ruleset: rules.hash, score, seq };
        tell(Notice::new(&org, tenant.as_ref(), Some(id), now, payload));
    };
    let flapping = node.is_flapping();
    if std::mem::replace(&mut node.told.flapping, flapping) != flapping {
        let state = if flapping { Onset::Began } else { Onset::Ended };
        say(AttentionChange::Flapping { state }, now.at);
    }
    if flapping {
        return;
    }
    let quiet =
        node.silent_since().is_some() && (node.in_storm || node.tells_at().is_some_and(|at| at > now.moment));
    let explanation = node.explanation(rules);
    let mut reasons: Vec<(Reason, Subject, Timestamp)> = Vec::with_capacity(explanation.len());
    let mut going: Vec<bool> = Vec::with_capacity(explanation.len());
    for Machine { reason, subject, phase, fired, .. } in explanation {
        // Rules that give a reason no weight do not want to be told of it.
        if rules.weight(*reason) == 0 {
            continue;
        }
        reasons.push((*reason, subject.clone(), *fired));
        going.push(*phase == Phase::Recovering);
    }
    if reasons.is_empty() && node.told.reasons.is_empty() && band == node.told.band {
        return;
    }
    let as_posture = |reason: Reason| findings == Findings::AsPosture && reason.is_finding();
    let before = std::mem::take(&mut node.told.reasons).into_iter();
    let (grave, mut before): (BTreeMap<_, _>, BTreeMap<_, _>) =
        before.partition(|(_, reason)| as_posture(*reason));
    let mut found = Vec::new();
    for ((reason, subject, fired), going) in reasons.iter().zip(going) {
        if as_posture(*reason) {
            found.push(Finding { reason: *reason, subject: subject.clone(), fired: *fired, going });
            continue;
        }
        let key = (reason.topic().to_owned(), subject.clone());
        let told = before.remove(&key);
        // What was held back until it is nearly over is no news any more.
        if told == Some(*reason) || going || (quiet && reason.is_silence()) {
            if let Some(told) = told {
                node.told.reasons.insert(key, told);
            }
            continue;
        }
        // Another degree of what was told, and what was held back for long, is news of now.
        let at = if told.is_some() { now.at } else { begun(*fired, now) };
        say(of_reason(*reason, subject, ReasonState::Firing, rules, None), at);
        node.told.reasons.insert(key, *reason);
    }
    // A band that nobody was told a reason for is what is left of something held back.
    let mut known = band < node.told.band || !found.is_empty();
    let mut grave = grave.into_iter().map(|((_, subject), reason)| (subject, reason)).collect();
    if let Some(News { state, reason, subject, fired }) = posture::news(found, &mut grave) {
        let at = fired.map_or(now.at, |fired| begun(fired, now));
        say(of_reason(reason, &subject, state, rules, Some(node.posture(rules))), at);
    }
    let grave = grave.into_iter().map(|(subject, reason)| ((reason.topic().to_owned(), subject), reason));
    node.told.reasons.extend(grave);
    for ((_, subject), reason) in before {
        say(of_reason(reason, &subject, ReasonState::Cleared, rules, None), now.at);
    }
    known |= !node.told.reasons.is_empty();
    if band != node.told.band && known && !quiet {
        let from = std::mem::replace(&mut node.told.band, band);
        let weighed = |(reason, subject, _): &(Reason, Subject, Timestamp)| WeighedReason {
            reason: word(*reason),
            subject: text(subject),
            weight: rules.weight(*reason),
        };
        let reasons = reasons.iter().take(MAX_REASONS).map(weighed).collect();
        say(AttentionChange::Band { from, to: band, reasons }, now.at);
    }
}

/// When what is told began; if it was held back for long, that is news of now.
fn begun(fired: Timestamp, now: Now) -> Timestamp {
    let held_back = now.at.millis().saturating_sub(fired.millis()) > MAX_OWED_MS;
    if held_back { now.at } else { fired.min(now.at) }
}

/// The clock was set back: what is owed is news of now, not of a time that is still to come.
pub(super) fn set_back(owed: &mut VecDeque<Notice>, now: Timestamp) {
    for notice in owed.iter_mut().filter(|notice| notice.payload.at > now) {
        notice.payload.at = now;
        notice.id = notice.payload.id(&notice.org, notice.node);
    }
}

fn of_reason(
    reason: Reason,
    subject: &Subject,
    state: ReasonState,
    rules: &Rules,
    posture: Option<Posture>,
) -> AttentionChange {
    AttentionChange::Reason {
        posture,
        reason: word(reason),
        subject: text(subject),
        state,
        weight: rules.weight(reason),
    }
}

pub(super) fn word(reason: Reason) -> Name {
    // Every id of a reason is a name; a test goes through all of them.
    reason.as_str().parse().unwrap_or_else(|_| unreachable!("{} is a name", reason.as_str()))
}

pub(super) fn text(subject: &Subject) -> Option<String> {
    (!subject.is_empty()).then(|| subject.to_string())
}
