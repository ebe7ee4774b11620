//! An entry as the folds see it: its payload read once for all of them.

use spec::payload;
use spec::{Author, Domain, Hash, Header, Kind, Name, Record, Timestamp, Uuid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An entry with what it says.
#[derive(Debug)]
pub struct Fact<'a> {
    /// Its place in the log.
    pub seq: u64,
    /// When the ledger recorded it.
    pub at: Timestamp,
    /// Who said it, about what.
    pub header: &'a Header,
    /// What it says.
    pub said: Said,
    record: &'a Record,
}

/// Writes the enum and its reader from one list.
macro_rules! said {
    ($($(#[$doc:meta])* $kind:ident $schema:ty;)*) => {
        /// The statement of an entry, as far as a fold wants to know.
        #[derive(Debug)]
        pub enum Said {
            /// Nothing: the payload is erased, or no fold reads this kind.
            Nothing,
            $($(#[$doc])* $kind(Arc<$schema>),)*
        }

        impl Said {
            /// What a payload says. Admission has checked its form.
            fn read(kind: &Kind, json: &str) -> Option<Self> {
                match kind {
                    $(Kind::$kind => serde_json::from_str(json).ok().map(|said| Self::$kind(Arc::new(said))),)*
                    _ => None,
                }
            }
        }
    };
}

impl<'a> Fact<'a> {
    /// Reads an entry's payload.
    pub fn of(record: &'a Record) -> Self {
        let (header, position) = (&record.entry.header, &record.entry.position);
        let payload = record.payload.as_ref().map(|payload| &*payload.json);
        let said = payload.and_then(|json| Said::read(&header.kind, json)).unwrap_or(Said::Nothing);
        Self { seq: position.seq, at: position.recorded_at, header, said, record }
    }

    /// The event hash, by which other events name this one.
    pub fn event_hash(&self) -> Hash {
        let mut header = Vec::with_capacity(1024);
        self.header.write(None, &mut header);
        Hash::of(Domain::Event, &[&header, &self.record.entry.sig.0])
    }

    /// The leaf of the entry, which the tree commits to.
    pub fn leaf(&self) -> Hash {
        self.record.leaf
    }

    /// The node that this is a report of: a node reports of itself, whatever else it names.
    pub fn reporter(&self) -> Option<Uuid> {
        match self.header.author {
            Author::Node(id) => Some(id),
            _ => self.header.node_id,
        }
    }

    /// Whether a person says it, or somebody on a person's behalf: no node's key or session.
    pub fn is_by_a_person(&self) -> bool {
        let says_of_itself = |author: &Author| match author {
            Author::Node(_) => true,
            Author::Service(name) => name.as_str() == "ingest",
            Author::Import(_) | Author::Token(_) | Author::User(_) => false,
        };
        !says_of_itself(&self.header.author)
    }

    /// The node that has other labels from here on, and all of them.
    pub fn labels(&self) -> Option<(Uuid, &BTreeMap<Name, String>)> {
        match &self.said {
            Said::Labels(said) => Some((self.header.node_id?, said.labels.as_ref()?)),
            Said::Key(said) => match said.author {
                Author::Node(id) if !said.labels.is_empty() => Some((id, &said.labels)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The node whose own word this is: it signed it, or showed that it holds its key.
    pub fn own_node(&self) -> Option<Uuid> {
        match self.header.author {
            Author::Node(id) => Some(id),
            Author::Service(_) if self.header.kind == Kind::Heartbeat => self.header.node_id,
            _ => None,
        }
    }
}

said! {
    /// Findings are accepted, or no longer.
    Acceptance payload::Acceptance;
    /// An operator looks after an incident.
    Ack payload::Ack;
    /// An incident is somebody's.
    Assign payload::Assign;
    /// A change that the ledger announced.
    Attention payload::Attention;
    /// A person accepted a baseline.
    Baseline payload::Baseline;
    /// An author signed two events for one place.
    ChainFork payload::ChainFork;
    /// The clock is set back.
    Clock payload::Clock;
    /// A command to a node.
    Command payload::Command;
    /// Checkpoints of the ledger cannot both be true.
    Contradiction payload::Contradiction;
    /// An enrolment token is made or revoked.
    Enrolment payload::Enrolment;
    /// A node leaves of its own accord.
    Goodbye payload::Goodbye;
    /// A node's state.
    Heartbeat payload::Heartbeat;
    /// Something an operator should look at.
    Incident payload::Incident;
    /// A month is billed, or a bill is corrected.
    Invoice payload::Invoice;
    /// A key is introduced.
    Key payload::KeyIntroduction;
    /// An author goes over to a new key.
    KeyRotation payload::KeyRotation;
    /// A key has ended.
    KeyStatus payload::KeyStatus;
    /// What operators call a node.
    Labels payload::Labels;
    /// A remark.
    Note payload::Note;
    /// What a webhook was sent.
    Notice payload::Notice;
    /// A policy is assigned, or no longer.
    Policy payload::Policy;
    /// What usage costs from now on.
    PriceBook payload::PriceBook;
    /// What became of a command.
    Receipt payload::CommandReceipt;
    /// A validly signed event was refused for good.
    Refusal payload::Refusal;
    /// An incident is not over after all.
    Reopen payload::Reply;
    /// An incident is over.
    Resolve payload::Reply;
    /// A roll-out is started, held or ended.
    Rollout payload::RolloutAction;
    /// A decision about a roll-out.
    RolloutWave payload::RolloutWave;
    /// Rules of attention.
    Ruleset payload::Ruleset;
    /// What a scan found.
    Scan payload::Scan;
    /// A schedule is set or removed.
    Schedule payload::Schedule;
    /// A decision on what was due.
    ScheduleRun payload::ScheduleRun;
    /// The service started, stopped, or is alive.
    Service payload::Service;
    /// Notices are not wanted for a while.
    Silence payload::Silence;
    /// Outcomes of operations.
    Slo payload::Slo;
    /// Words to find an event by.
    Tag payload::Tag;
    /// An API token is made or revoked.
    Token payload::Token;
    /// What is to be billed.
    Usage payload::Usage;
    /// Where notices go.
    Webhook payload::Webhook;
}
