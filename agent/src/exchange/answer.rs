//! What is answered to events, from its arrival to what is proved of it.

use crate::chain::delivery::Delivery;
use crate::chain::reply::{End, Reply};
use crate::clock::Now;
use crate::control::order::Unread;
use crate::trust::unproven::Disagreement;
use spec::Event;
use std::time::Duration;

/// What came of sending.
pub(crate) enum Sent {
    /// Nothing was answered that could prove anything.
    Over(Delivery),
    /// What is to be [settled](super::Exchange::settle).
    Answered(Box<Answer>),
}

/// An answer to events, before anything of it is proved.
pub(crate) struct Answer {
    /// When it came.
    pub(crate) now: Now,
    pub(super) events: Vec<Event>,
    pub(super) reply: Reply,
    pub(super) retry_after: Option<Duration>,
}

/// What an answer came to.
pub(crate) enum Settlement {
    /// Nothing was settled.
    Over(Delivery),
    /// Something was, or refused.
    Settled(Box<Settled>),
}

/// An answer as far as it is proved.
pub(crate) struct Settled {
    pub(super) count: usize,
    pub(super) end: Option<End>,
    pub(super) retry_after: Option<Duration>,
    /// How many records the ledger's authority has, as the service says.
    pub(crate) authority: u64,
    /// Commands that came with it, and the checkpoint that proves them.
    pub(crate) commands: Option<(Vec<Unread>, String)>,
}

/// The ledger is caught: what it signed contradicts itself.
pub(crate) struct Caught {
    pub(crate) how: Disagreement,
    /// Commands that came with the answer.
    pub(crate) commands: Vec<Unread>,
}

impl Answer {
    /// The seconds between two heartbeats that the service asks for.
    pub(crate) fn interval_secs(&self) -> Option<u64> {
        self.reply.next_heartbeat_secs
    }
}
