//! An entry as the folds see it: its payload read once for all of them.

use serde::de::DeserializeOwned;
use spec::payload::{ChainFork, Heartbeat, KeyIntroduction, KeyStatus, Service};
use spec::{Author, Domain, Hash, Header, Kind, Record, Timestamp, Uuid};

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

/// What an entry says, as far as a fold wants to know.
#[derive(Debug)]
pub enum Said {
    /// Nothing: the payload is erased, or no fold reads this kind.
    Nothing,
    /// An author signed two events for one place.
    ChainFork(Box<ChainFork>),
    /// A node's state.
    Heartbeat(Box<Heartbeat>),
    /// A key is introduced.
    Key(Box<KeyIntroduction>),
    /// A key has ended.
    KeyStatus(KeyStatus),
    /// The service started, stopped, or is alive.
    Service(Service),
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

    /// The node whose own word this is: it signed it, or showed that it holds its key.
    pub fn own_node(&self) -> Option<Uuid> {
        match self.header.author {
            Author::Node(id) => Some(id),
            Author::Service(_) if self.header.kind == Kind::Heartbeat => self.header.node_id,
            _ => None,
        }
    }
}

impl Said {
    /// What a payload says. Admission has checked its form.
    fn read(kind: &Kind, json: &str) -> Option<Self> {
        fn typed<T: DeserializeOwned>(json: &str) -> Option<T> {
            serde_json::from_str(json).ok()
        }
        match kind {
            Kind::ChainFork => typed(json).map(Box::new).map(Self::ChainFork),
            Kind::Heartbeat => Heartbeat::read(json).ok().map(Box::new).map(Self::Heartbeat),
            Kind::Key => typed(json).map(Box::new).map(Self::Key),
            Kind::KeyStatus => typed(json).map(Self::KeyStatus),
            Kind::Service => typed(json).map(Self::Service),
            _ => None,
        }
    }
}
