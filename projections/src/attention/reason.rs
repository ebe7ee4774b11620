//! Why a node needs attention: the reasons, their weights, and how each begins and ends.

use crate::listening::{Moment, Now};
use serde::{Deserialize, Serialize};
use spec::Timestamp;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;

/// A reason for attention. The order is that of ties between equal weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The author signed two events for one place of its chain: a clone, or a machine put back.
    ChainFork,
    /// Silent for a day.
    Lost,
    /// Long silent, by its own rhythm.
    Offline,
    /// Several heartbeats are missing.
    Stale,
    /// A watched service, the subject, does not run.
    ServiceDown,
    /// The node's spool had to drop events.
    SpoolDropped,
    /// The disk is full but for 5 %.
    DiskCritical,
    /// The disk is full but for 10 %.
    DiskLow,
    /// The node's clock is more than a minute off.
    ClockFarOff,
    /// The node's clock is more than five seconds off.
    ClockOff,
}

/// What a reason is about, such as a service; empty for the node itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
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

/// How long something must be so before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// So many heartbeats in a row.
    Beats(u32),
    /// So many milliseconds of heartbeats in a row.
    Millis(u64),
    /// Until a person says so.
    Manual,
}

const MINUTE: u64 = 60_000;

impl Reason {
    /// Its id in explanations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChainFork => "chain-fork",
            Self::Lost => "lost",
            Self::Offline => "offline",
            Self::Stale => "stale",
            Self::ServiceDown => "service-down",
            Self::SpoolDropped => "spool-dropped",
            Self::DiskCritical => "disk-critical",
            Self::DiskLow => "disk-low",
            Self::ClockFarOff => "clock-far-off",
            Self::ClockOff => "clock-off",
        }
    }

    /// How much it weighs in the score.
    pub fn weight(self) -> u64 {
        match self {
            Self::ChainFork => 100,
            Self::Lost => 75,
            Self::Offline | Self::DiskCritical => 60,
            Self::ServiceDown | Self::SpoolDropped => 50,
            Self::ClockFarOff => 40,
            Self::DiskLow => 35,
            Self::Stale => 25,
            Self::ClockOff => 10,
        }
    }

    /// What it is a degree of: of several degrees the gravest counts.
    fn family(self) -> Self {
        match self {
            Self::Lost | Self::Offline | Self::Stale => Self::Lost,
            Self::DiskCritical | Self::DiskLow => Self::DiskCritical,
            Self::ClockFarOff | Self::ClockOff => Self::ClockFarOff,
            other => other,
        }
    }

    /// How long it must be so before it fires, and not be so before it is over.
    pub fn holds(self) -> (Hold, Hold) {
        match self {
            Self::ChainFork => (Hold::Beats(1), Hold::Manual),
            Self::Lost | Self::Offline | Self::Stale => (Hold::Beats(1), Hold::Beats(3)),
            Self::ServiceDown => (Hold::Beats(2), Hold::Millis(5 * MINUTE)),
            Self::SpoolDropped => (Hold::Beats(1), Hold::Millis(60 * MINUTE)),
            Self::DiskCritical | Self::DiskLow => (Hold::Millis(5 * MINUTE), Hold::Millis(10 * MINUTE)),
            Self::ClockFarOff | Self::ClockOff => (Hold::Beats(3), Hold::Beats(3)),
        }
    }
}

/// What a heartbeat says about a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It is so.
    Bad,
    /// It is not so.
    Good,
    /// Neither: between the thresholds, or unreadable. Holds every state, resolves none.
    Unknown,
}

/// Where a reason stands for one subject of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What it is about, such as the service; empty if that is the node itself.
    pub(super) subject: Subject,
    /// Where it stands.
    pub(super) phase: Phase,
    /// Since when it stands there.
    pub(super) since: Moment,
    /// Since when it counts, if it does.
    pub(super) fired: Timestamp,
    beats: u32,
}

impl Machine {
    /// A reason that has just become so.
    pub(super) fn begin(reason: Reason, subject: Subject, now: Now) -> Self {
        let mut machine =
            Self { reason, subject, phase: Phase::Pending, since: now.moment, fired: now.at, beats: 0 };
        // What is so cannot be over.
        let _ = machine.take(Signal::Bad, now);
        machine
    }

    /// Whether it counts.
    pub(super) fn is_active(&self) -> bool {
        self.phase != Phase::Pending
    }

    /// Takes a signal in; false if the reason is over.
    #[must_use = "a machine that is over is to be dropped"]
    pub(super) fn take(&mut self, signal: Signal, now: Now) -> bool {
        let (enter, leave) = self.reason.holds();
        match (self.phase, signal) {
            (_, Signal::Unknown) | (Phase::Firing, Signal::Bad) => {}
            (Phase::Pending, Signal::Bad) => {
                if self.lasts(enter, now) {
                    self.enter(Phase::Firing, now);
                    self.fired = now.at;
                }
            }
            (Phase::Pending, Signal::Good) => return false,
            (Phase::Firing, Signal::Good) => {
                if leave == Hold::Manual {
                    return true;
                }
                self.enter(Phase::Recovering, now);
                return !self.lasts(leave, now);
            }
            (Phase::Recovering, Signal::Good) => return !self.lasts(leave, now),
            (Phase::Recovering, Signal::Bad) => self.enter(Phase::Firing, now),
        }
        true
    }

    fn enter(&mut self, phase: Phase, now: Now) {
        (self.phase, self.since, self.beats) = (phase, now.moment, 0);
    }

    /// Whether the present phase has lasted for a hold, this signal included.
    fn lasts(&mut self, hold: Hold, now: Now) -> bool {
        self.beats += 1;
        match hold {
            Hold::Beats(beats) => self.beats >= beats,
            Hold::Millis(millis) => now.moment.since(self.since) >= millis,
            Hold::Manual => false,
        }
    }
}

/// The reasons that count, in the order in which they explain the score: the heaviest first, ties by the order
/// of reasons. Of the degrees of one thing only the gravest counts.
pub(super) fn explanation(machines: &[Machine]) -> Vec<&Machine> {
    let mut active: Vec<&Machine> = machines.iter().filter(|machine| machine.is_active()).collect();
    active.sort_by_key(|machine| (Reverse(machine.reason.weight()), machine.reason, machine.subject.clone()));
    let mut seen = BTreeSet::new();
    active.retain(|machine| seen.insert((machine.reason.family(), &machine.subject)));
    active
}

/// The score of reasons in this order: the first counts whole, each further one half as much as the one before;
/// at most seven, at most 100.
pub(super) fn score(explanation: &[&Machine]) -> u64 {
    let weights = explanation.iter().take(MAX_TERMS).map(|machine| machine.reason.weight());
    weights.enumerate().map(|(k, weight)| weight >> k).sum::<u64>().min(100)
}

/// Reasons that add to a score.
const MAX_TERMS: usize = 7;
