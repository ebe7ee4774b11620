//! A node's posture: what scans found on it, told as one.
//!
//! Told is that something grave came, critical or high, by the gravest of what came; that it went, by the gravest
//! of what went; and with either what of the findings counts. What comes beside something graver that was told
//! is no news of its own, and what is less than high never is.

use super::reason::{Machine, Reason, Subject};
use super::rules::Rules;
use serde::{Deserialize, Serialize};
use spec::Timestamp;
use spec::payload::{Posture, ReasonState, WeighedReason};
use std::collections::BTreeMap;

/// The way in which findings are told: what attention and incidents differ in from the versions of their rules before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Findings {
    /// Each by itself, whatever explains it: version 3 of attention, version 2 of incidents.
    Each,
    /// As the posture of the node: version 4 of attention, version 3 of incidents.
    #[default]
    AsPosture,
}

impl Findings {
    /// Whether a node's word is taken as it is: how long it will be away, how seldom it reports, what it says of
    /// incidents. So it was in the versions before.
    pub(crate) fn takes_nodes_at_their_word(self) -> bool {
        self == Self::Each
    }
}

/// A finding that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) reason: Reason,
    pub(super) subject: Subject,
    /// Since when it counts.
    pub(super) fired: Timestamp,
    /// Whether it is nearly over.
    pub(super) going: bool,
}

/// What is to be told of a posture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct News {
    pub(super) state: ReasonState,
    pub(super) reason: Reason,
    pub(super) subject: Subject,
    /// Since when it counts; absent: what is told has just come about.
    pub(super) fired: Option<Timestamp>,
}

/// The posture of a node by the reasons that count.
pub(super) fn posture(reasons: &[&Machine], rules: &Rules) -> Posture {
    let mut posture = Posture { critical: 0, high: 0, low: 0, medium: 0, worst: None };
    let mut worst: Option<(Reason, &Subject)> = None;
    for machine in reasons.iter().filter(|machine| rules.weight(machine.reason) > 0) {
        match machine.reason {
            Reason::FindingCritical => posture.critical += 1,
            Reason::FindingHigh => posture.high += 1,
            Reason::FindingMedium => posture.medium += 1,
            Reason::FindingLow => posture.low += 1,
            _ => continue,
        }
        let found = (machine.reason, &machine.subject);
        // The order of the degrees is that of the reasons.
        worst = Some(worst.map_or(found, |worst| worst.min(found)));
    }
    posture.worst = worst.map(|(reason, subject)| WeighedReason {
        reason: super::tell::word(reason),
        subject: super::tell::text(subject),
        weight: rules.weight(reason),
    });
    posture
}

/// What is to be told, if anything is; `told` are the grave findings that were known to be there when it was last
/// asked, and become those that are there now.
pub(super) fn news(found: Vec<Finding>, told: &mut BTreeMap<Subject, Reason>) -> Option<News> {
    let mut before = std::mem::take(told);
    let (mut fresh, mut gone): (Option<Finding>, Option<(Reason, Subject)>) = (None, None);
    let mut gravest: Option<Reason> = None;
    let mut goes = |was: Reason, subject: Subject| {
        let went = (was, subject);
        gone = Some(gone.take().map_or_else(|| went.clone(), |gone| gone.min(went.clone())));
    };
    for finding in found.into_iter().filter(|finding| finding.reason.is_grave()) {
        let known = before.remove(&finding.subject);
        if let Some(was) = known.filter(|was| *was <= finding.reason) {
            gravest = Some(gravest.map_or(finding.reason, |gravest| gravest.min(finding.reason)));
            if was < finding.reason {
                goes(was, finding.subject.clone());
            }
            told.insert(finding.subject, finding.reason);
        } else if finding.going {
            // What was held back until it is nearly over is no news any more.
            told.extend(known.map(|was| (finding.subject, was)));
        } else {
            told.insert(finding.subject.clone(), finding.reason);
            let is_first =
                fresh.as_ref().is_none_or(|f| (finding.reason, &finding.subject) < (f.reason, &f.subject));
            if is_first {
                fresh = Some(finding);
            }
        }
    }
    for (subject, was) in before {
        goes(was, subject);
    }
    let fresh = fresh.filter(|fresh| gravest.is_none_or(|gravest| fresh.reason <= gravest));
    match (fresh, gone) {
        (Some(Finding { reason, subject, fired, .. }), _) => {
            Some(News { state: ReasonState::Firing, reason, subject, fired: Some(fired) })
        }
        (None, Some((reason, subject))) => {
            Some(News { state: ReasonState::Cleared, reason, subject, fired: None })
        }
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told when these are found one after the other: critical findings in capitals.
    fn told(scans: &[&[&'static str]]) -> Vec<String> {
        let mut known = BTreeMap::new();
        let finding = |subject: &&'static str| {
            let critical = subject.starts_with(char::is_uppercase);
            let reason = if critical { Reason::FindingCritical } else { Reason::FindingHigh };
            Finding { reason, subject: Subject::of(subject), fired: Timestamp::from_millis(0), going: false }
        };
        let words = |news: News| format!("{} {}", if news.fired.is_some() { "+" } else { "-" }, news.subject);
        let news = |scan: &&[&'static str]| news(scan.iter().map(finding).collect(), &mut known);
        scans.iter().map(news).map(|news| news.map_or_else(String::new, words)).collect()
    }

    #[test]
    fn many_at_once_are_one() {
        assert_eq!(told(&[&["b", "a", "c"], &["b", "a", "c"], &[]]), ["+ a", "", "- a"]);
        assert_eq!(told(&[&["b", "A", "c"]]), ["+ A"]);
    }

    #[test]
    fn what_comes_later_is_told_unless_something_graver_was() {
        assert_eq!(
            told(&[&["a"], &["a", "b"], &["a", "b", "C"], &["a", "b", "C", "d"]]),
            ["+ a", "+ b", "+ C", ""]
        );
        // What came silently is known: that the graver one goes makes no news of it.
        assert_eq!(told(&[&["C"], &["C", "d"], &["d"], &[]]), ["+ C", "", "- C", "- d"]);
        assert_eq!(told(&[&["A"], &["B"]]), ["+ A", "+ B"]);
        assert_eq!(told(&[&["A"], &["b"]]), ["+ A", "+ b"]);
    }
}
