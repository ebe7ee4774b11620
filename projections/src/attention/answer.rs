//! Announcements in the log, and what people answer to them.

use super::reason::{Reason, Subject};
use super::tell::{self, Notice};
use super::{Attention, Findings, MAX_OWED, MAX_OWED_MS};
use crate::fact::Fact;
use crate::listening::{Moment, Now};
use spec::payload::{self, AttentionChange, ReasonState};
use spec::{Hash, Name};

/// What it takes of a person to end a reason that does not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Ack,
    Resolve,
}

fn answers(reason: Reason) -> Option<Answer> {
    match reason {
        Reason::ChainFork | Reason::RevokedKey | Reason::LedgerContradiction => Some(Answer::Resolve),
        Reason::CommandFailed | Reason::CommandOverdue => Some(Answer::Ack),
        _ => None,
    }
}

impl Attention {
    /// An announcement is in the log: it is owed no longer, and people can answer it.
    pub(super) fn announced(&mut self, fact: &Fact<'_>, announced: &payload::Attention) {
        let is_it = |notice: &Notice| {
            // Under other rules the same change has another id, as a finding has that was told by itself.
            let has_other_id =
                self.rehearses || self.findings == Findings::AsPosture && tell::is_finding(&announced.change);
            notice.id == fact.header.id
                || has_other_id
                    && notice.node == fact.header.node_id
                    && notice.org == fact.header.org
                    && tell::is_same(&notice.payload.change, &announced.change)
        };
        let Some(at) = self.owed.iter().position(is_it) else { return };
        let Some(notice) = self.owed.remove(at) else { return };
        let AttentionChange::Reason { reason, subject, state, .. } = &announced.change else { return };
        let Some(reason) = Reason::from_word(reason.as_str()) else { return };
        let place = notice.node.and_then(|id| self.places.get(&notice.org)?.get(&id)).copied();
        let Some(place) = place else { return };
        let subject = Subject::from(subject.clone().unwrap_or_default());
        self.answerable.retain(|_, known| (known.0, known.1, &known.2) != (place, reason, &subject));
        if *state == ReasonState::Firing && answers(reason).is_some() {
            self.answerable.insert(fact.event_hash(), (place, reason, subject));
        }
    }

    /// Whether an answer is one: nodes report, and people answer.
    pub(super) fn hears_answer(&self, fact: &Fact<'_>) -> bool {
        self.findings.takes_nodes_at_their_word() || fact.is_by_a_person()
    }

    /// A person answers an announced reason: some are over when somebody says so.
    pub(super) fn answer(&mut self, org: &Name, target: &Hash, resolved: bool, now: Now) {
        let Some((place, reason, subject)) = self.answerable.get(target).cloned() else { return };
        let own = self.nodes.get(place).is_some_and(|node| node.org == *org);
        if !own {
            return;
        }
        if resolved || answers(reason) == Some(Answer::Ack) {
            self.answerable.remove(target);
            self.change(place, now, |node, cx| node.clear(reason, &subject, cx));
        }
    }

    /// Forgets what is owed for too long.
    pub(super) fn forgive(&mut self, now: Moment) {
        while self.owed.len() > MAX_OWED
            || self.owed.front().is_some_and(|notice| now.since(notice.since) > MAX_OWED_MS)
        {
            self.owed.pop_front();
        }
    }
}
