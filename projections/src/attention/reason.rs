//! Why a node needs attention: the reasons, their weights, and how each begins and ends.

use super::rules::{ReasonRules, Rules};
use crate::listening::{Moment, Now};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Severity, Timestamp};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;

/// Reasons that add to a score.
const MAX_TERMS: usize = 7;

const MINUTE: u64 = 60_000;

/// Writes the enum and its table from one list.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident $word:literal of $topic:literal: $weight:literal, $enter:expr, $leave:expr;)*) => {
        /// A reason for attention. The order is that of ties between equal weights.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[schemars(rename = "ReasonCode")]
        #[serde(rename_all = "kebab-case")]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its id in explanations and rulesets.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// What it is a degree of: of several degrees the gravest counts.
            pub fn topic(self) -> &'static str {
                match self {
                    $(Self::$variant => $topic,)*
                }
            }

            /// The rules that are built in.
            pub(super) fn rules(self) -> ReasonRules {
                match self {
                    $(Self::$variant => ReasonRules { weight: $weight, enter: $enter, leave: $leave },)*
                }
            }
        }
    };
}

use Hold::{Beats, Manual, Millis};

reasons! {
    /// The author signed two events for one place of its chain: a clone, or a machine put back.
    ChainFork "chain-fork" of "chain-fork": 100, Beats(1), Manual;
    /// Somebody used the node's key after its end.
    RevokedKey "revoked-key" of "revoked-key": 100, Beats(1), Manual;
    /// The node was shown checkpoints that the ledger signed and that cannot both be true.
    LedgerContradiction "ledger-contradiction" of "ledger-contradiction": 100, Beats(1), Manual;
    /// A scan found something critical, the subject.
    FindingCritical "finding-critical" of "finding": 80, Beats(1), Beats(1);
    /// Silent for a day.
    Lost "lost" of "silence": 75, Beats(1), Beats(3);
    /// Long silent, by its own rhythm.
    Offline "offline" of "silence": 60, Beats(1), Beats(3);
    /// Several heartbeats are missing.
    Stale "stale" of "silence": 25, Beats(1), Beats(3);
    /// A watched service, the subject, does not run.
    ServiceDown "service-down" of "service-down": 50, Beats(2), Millis(5 * MINUTE);
    /// The node's spool had to drop events.
    SpoolDropped "spool-dropped" of "spool-dropped": 50, Beats(1), Millis(60 * MINUTE);
    /// The disk is full but for 5 %.
    DiskCritical "disk-critical" of "disk": 60, Millis(5 * MINUTE), Millis(10 * MINUTE);
    /// The disk is full but for 10 %.
    DiskLow "disk-low" of "disk": 35, Millis(5 * MINUTE), Millis(10 * MINUTE);
    /// The node's clock is more than a minute off.
    ClockFarOff "clock-far-off" of "clock": 40, Beats(3), Beats(3);
    /// The node's clock is more than five seconds off.
    ClockOff "clock-off" of "clock": 10, Beats(3), Beats(3);
    /// A scan found something grave, the subject.
    FindingHigh "finding-high" of "finding": 40, Beats(1), Beats(1);
    /// It follows another policy than it is to follow.
    PolicyDrift "policy-drift" of "policy-drift": 35, Millis(15 * MINUTE), Beats(1);
    /// A command, the subject, failed or was refused.
    CommandFailed "command-failed" of "command-failed": 30, Beats(1), Beats(1);
    /// No receipt of a command, the subject, came in its time.
    CommandOverdue "command-overdue" of "command-overdue": 30, Beats(1), Beats(1);
    /// A scan found something of medium weight, the subject.
    FindingMedium "finding-medium" of "finding": 12, Beats(1), Beats(1);
    /// A scan found something of little weight, the subject.
    FindingLow "finding-low" of "finding": 3, Beats(1), Beats(1);
}

impl Reason {
    /// The reason of an id.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
    }

    /// Whether it is a degree of silence.
    pub fn is_silence(self) -> bool {
        self.topic() == "silence"
    }

    /// How grave what a scan found is; `None` if no scan did.
    pub fn severity(self) -> Option<Severity> {
        match self {
            Self::FindingCritical => Some(Severity::Critical),
            Self::FindingHigh => Some(Severity::High),
            Self::FindingMedium => Some(Severity::Medium),
            Self::FindingLow => Some(Severity::Low),
            _ => None,
        }
    }

    /// Whether it is a finding that somebody is told of.
    pub fn is_grave(self) -> bool {
        self.severity() >= Some(Severity::High)
    }

    /// Whether a scan found it.
    pub fn is_finding(self) -> bool {
        self.topic() == "finding"
    }
}

/// The subject of a reason, such as a service; empty for the node itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(transparent)]
pub struct Subject(Cow<'static, str>);

impl Subject {
    /// The node itself.
    pub const NODE: Self = Self(Cow::Borrowed(""));

    /// A subject that is always the same.
    pub const fn of(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// Whether it is the node itself.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Subject {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The time for which something must be so before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// So many reports in a row.
    Beats(u32),
    /// So many milliseconds of reports in a row.
    Millis(u64),
    /// Until a person says so.
    Manual,
}

/// A report's word about a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It is so.
    Bad,
    /// It is not so.
    Good,
    /// Neither: between the thresholds, or unreadable. Holds every state, resolves none.
    Unknown,
}

/// The phase of a reason for one subject of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReasonPhase")]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It is so, but not yet for long enough.
    Pending,
    /// It counts.
    Firing,
    /// It counts still, though it is no longer so.
    Recovering,
}

/// One reason at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Machine {
    /// The reason.
    pub(super) reason: Reason,
    /// What it is about; empty if that is the node itself.
    pub(super) subject: Subject,
    /// Where it stands.
    pub(super) phase: Phase,
    /// Since when it stands there.
    pub(super) since: Moment,
    /// Since when it counts, if it does.
    pub(super) fired: Timestamp,
    beats: u32,
    /// Whether people accepted it: it counts for nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) accepted: bool,
}

impl Machine {
    /// A reason that has just become so.
    pub(super) fn begin(reason: Reason, subject: Subject, rules: ReasonRules, now: Now) -> Self {
        let (since, fired) = (now.moment, now.at);
        let mut machine =
            Self { reason, subject, phase: Phase::Pending, since, fired, beats: 0, accepted: false };
        // What is so cannot be over.
        let _ = machine.take(Signal::Bad, rules, now);
        machine
    }

    /// Whether it is so for long enough.
    pub(super) fn is_active(&self) -> bool {
        self.phase != Phase::Pending
    }

    /// Whether it counts.
    pub(super) fn counts(&self) -> bool {
        self.is_active() && !self.accepted
    }

    /// Takes a signal in; false if the reason is over.
    #[must_use = "a machine that is over is to be dropped"]
    pub(super) fn take(&mut self, signal: Signal, rules: ReasonRules, now: Now) -> bool {
        match (self.phase, signal) {
            (_, Signal::Unknown) | (Phase::Firing, Signal::Bad) => {}
            (Phase::Pending, Signal::Bad) => {
                if self.lasts(rules.enter, now) {
                    self.enter(Phase::Firing, now);
                    self.fired = now.at;
                }
            }
            (Phase::Pending, Signal::Good) => return false,
            (Phase::Firing, Signal::Good) => {
                if rules.leave == Manual {
                    return true;
                }
                self.enter(Phase::Recovering, now);
                return !self.lasts(rules.leave, now);
            }
            (Phase::Recovering, Signal::Good) => return !self.lasts(rules.leave, now),
            (Phase::Recovering, Signal::Bad) => self.enter(Phase::Firing, now),
        }
        true
    }

    fn enter(&mut self, phase: Phase, now: Now) {
        (self.phase, self.since, self.beats) = (phase, now.moment, 0);
    }

    /// Whether the present phase has lasted for a hold, this signal included.
    fn lasts(&mut self, hold: Hold, now: Now) -> bool {
        self.beats = self.beats.saturating_add(1);
        match hold {
            Beats(beats) => self.beats >= beats,
            Millis(millis) => now.moment.since(self.since) >= millis,
            Manual => false,
        }
    }
}

/// The reasons that count, in the order in which they explain the score: the heaviest first, ties by the order
/// of reasons. Of the degrees of one thing only the gravest counts.
pub(super) fn explanation<'a>(machines: &'a [Machine], rules: &Rules) -> Vec<&'a Machine> {
    let mut active: Vec<&Machine> = machines.iter().filter(|machine| machine.counts()).collect();
    if active.len() > 1 {
        active.sort_by_key(|machine| (Reverse(rules.weight(machine.reason)), machine.reason));
        let mut seen = BTreeSet::new();
        active.retain(|machine| seen.insert((machine.reason.topic(), &machine.subject)));
    }
    active
}

/// The score of reasons in this order: the first counts whole, each further one half as much as the one before;
/// at most seven, at most 100. What is only a matter of posture has a cap of its own.
pub(super) fn score(explanation: &[&Machine], rules: &Rules) -> u64 {
    let weights = explanation.iter().take(MAX_TERMS).map(|machine| rules.weight(machine.reason));
    let sum = weights.enumerate().map(|(k, weight)| weight >> k).sum::<u64>().min(100);
    let posture =
        |machine: &&Machine| machine.reason.is_finding() && machine.reason != Reason::FindingCritical;
    if explanation.iter().all(posture) { sum.min(rules.posture_cap) } else { sum }
}
