//! Which version of a heartbeat the ledger takes: a newer one than the first is tried by one heartbeat, and said every
//! time once that one is proved to be in the ledger. A service that does not know it yet refuses the one, on record, and
//! gets the first version until the agent starts anew: of each life of an agent it has one refusal at most.

use spec::{Event, Kind};

/// What is known of the newest version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trial {
    /// Nothing: one heartbeat may try it.
    Untried,
    /// One is on its way.
    Waits,
    /// It is taken.
    Taken,
    /// It is refused.
    Refused,
}

impl Trial {
    /// The version of the next heartbeat, which is the newest only if it may be.
    pub(crate) fn version(self) -> u64 {
        match self {
            Self::Untried | Self::Taken => Kind::Heartbeat.info().version,
            Self::Waits | Self::Refused => 1,
        }
    }

    /// A heartbeat was made durable in this version.
    pub(crate) fn said(&mut self, version: u64) {
        if *self == Self::Untried && version > 1 {
            *self = Self::Waits;
        }
    }

    /// An event is settled: whether it is in the ledger.
    pub(crate) fn settled(&mut self, event: &Event, recorded: bool) {
        let header = &event.header;
        if *self != Self::Taken && header.kind == Kind::Heartbeat && header.payload_version > 1 {
            *self = if recorded { Self::Taken } else { Self::Refused };
        }
    }
}
