//! Accepted findings: shown, counted for nothing, and back when the acceptance ends.
//!
//! The end is a date of the ledger's clock. One that passes while the ledger listens comes about then, in the order
//! of time with everything else; one that passes in its absence when it is back.

use super::node::{Cx, NodeAttention};
use super::reason::{Reason, Subject};
use super::{Attention, rules_of};
use crate::acceptances::{Acceptance, Found};
use crate::fact::Fact;
use crate::listening::{Moment, Now};
use spec::{Name, Timestamp};
use std::collections::BTreeMap;

impl Attention {
    /// Lets time pass until a moment to which the ledger listened.
    pub(super) fn pass(&mut self, until: Moment) {
        let last = self.listening.now(until).at;
        while let Some(end) = self.ends.first().map(|(end, ..)| *end).filter(|end| *end <= last) {
            let moment = self.listening.moment(end);
            self.run_until(moment);
            self.end_until(end, Now { moment, at: end });
        }
        self.run_until(until);
    }

    /// Ends the acceptances that hold no longer at a time.
    pub(super) fn end_until(&mut self, time: Timestamp, now: Now) {
        while let Some((_, org, seq)) = self.ends.first().filter(|(end, ..)| *end <= time).cloned() {
            self.ends.pop_first();
            // One that was withdrawn or gave way to others was seen to then.
            if let Some(acceptance) = self.acceptances.by_seq(&org, seq).cloned() {
                self.review(&org, &acceptance, now);
            }
        }
    }

    /// Takes in what an entry says of acceptances, and of what they rest on.
    pub(super) fn accept(&mut self, fact: &Fact<'_>, now: Now) {
        let org = &fact.header.org;
        for changed in self.acceptances.hear(fact) {
            self.ends.retain(|(_, of, seq)| (of, *seq) != (org, changed.seq));
            if changed.holds(now.at) && self.acceptances.by_seq(org, changed.seq).is_some() {
                self.ends.insert((changed.until, org.clone(), changed.seq));
            }
            self.review(org, &changed, now);
        }
        if let Some((id, _)) = fact.labels()
            && let Some(place) = self.places.get(org).and_then(|nodes| nodes.get(&id)).copied()
        {
            self.review_node(place, now, &|_, _| true);
        }
    }

    /// Looks again at all findings that an acceptance is about.
    fn review(&mut self, org: &Name, acceptance: &Acceptance, now: Now) {
        let places: Vec<usize> =
            self.places.get(org).into_iter().flat_map(BTreeMap::values).copied().collect();
        for place in places {
            self.review_node(place, now, &|check, subject| acceptance.is_about(check, subject));
        }
    }

    /// Looks again at those of a node's findings that `is_about` is true of.
    pub(super) fn review_node(&mut self, place: usize, now: Now, is_about: &dyn Fn(&str, &str) -> bool) {
        let Some(node) = self.nodes.get(place) else { return };
        let accepted = self.accepted_of(node, now.at, is_about);
        if accepted.is_empty() {
            return;
        }
        self.change(place, now, |node, _| node.accept(&accepted, now.at));
    }

    /// Which of a node's findings, by their place among its machines, come to be accepted at a time, and which no
    /// longer are.
    fn accepted_of(
        &self,
        node: &NodeAttention,
        at: Timestamp,
        is_about: &dyn Fn(&str, &str) -> bool,
    ) -> Vec<(usize, bool)> {
        let mut changed = Vec::new();
        for (place, machine) in node.findings() {
            let (check, subject) = parts(&machine.subject);
            if !is_about(check, subject) {
                continue;
            }
            let accepted = self.is_accepted(node, machine.reason, &machine.subject, at);
            if accepted != machine.accepted {
                changed.push((place, accepted));
            }
        }
        changed
    }

    /// Whether a finding of a node is accepted at a time.
    pub(super) fn is_accepted(
        &self,
        node: &NodeAttention,
        reason: Reason,
        subject: &Subject,
        at: Timestamp,
    ) -> bool {
        let Some(severity) = reason.severity() else { return false };
        let unlabelled = BTreeMap::new();
        let labels = self.assignments.labels(&node.org, node.id).unwrap_or(&unlabelled);
        let (check, subject) = parts(subject);
        let found = Found { node: node.id, labels, check, subject, severity };
        self.acceptances.over(&node.org, &found, at).is_some()
    }

    /// Runs a copy of a node ahead to `now`, with the acceptances that end until then.
    pub(super) fn ahead(&self, node: &NodeAttention, now: Timestamp) -> NodeAttention {
        let (resumed, rules) = (self.listening.resumed(), rules_of(&self.rules, &self.built_in, &node.org));
        let mut ahead = node.clone();
        let run = |ahead: &mut NodeAttention, until: Moment| {
            while let Some(due) = ahead.due(resumed, rules).filter(|due| *due <= until) {
                let mut cx = Cx { now: self.listening.now(due), resumed, rules, changes: &mut Vec::new() };
                ahead.run(&mut cx);
                ahead.settle(&mut cx);
            }
        };
        for (end, ..) in self.ends.iter().take_while(|(end, ..)| *end <= now).filter(|end| end.1 == node.org)
        {
            let moment = self.listening.moment(*end);
            run(&mut ahead, moment);
            let accepted = self.accepted_of(&ahead, *end, &|_, _| true);
            ahead.accept(&accepted, *end);
            let now = Now { moment, at: *end };
            ahead.settle(&mut Cx { now, resumed, rules, changes: &mut Vec::new() });
        }
        run(&mut ahead, self.listening.moment(now));
        ahead
    }
}

/// The check that found something, and what that is about.
fn parts(subject: &Subject) -> (&str, &str) {
    subject.as_str().split_once(' ').unwrap_or((subject.as_str(), ""))
}
