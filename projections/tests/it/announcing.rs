//! Folds over a log in which every notice becomes an entry at once.

use crate::entries::{event, name};
use projections::Projections;
use projections::attention::{Notice, Transition};
use projections::rehearsal::Rehearsal;
use spec::{Author, Hash, Kind, Record};

/// The folds, what they owed, and what came about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Announcing {
    pub(crate) folds: Projections,
    /// What was announced, with the event hash of the announcement.
    pub(crate) announced: Vec<(Notice, Hash)>,
    pub(crate) transitions: Vec<Transition>,
    /// Nobody announces.
    pub(crate) deaf: bool,
    /// Every entry, if they are kept.
    pub(crate) records: Option<Vec<Record>>,
    /// Other rules over the same entries.
    pub(crate) rehearsal: Option<Rehearsal>,
}

impl Announcing {
    /// The seq of the next entry.
    pub(crate) fn seq(&self) -> u64 {
        self.folds.size()
    }

    /// Folds the next entry, and the announcements of everything that is owed then.
    pub(crate) fn record(&mut self, record: &Record) {
        self.fold(record);
        while !self.deaf {
            let Some(notice) = self.folds.attention().owed().next().cloned() else { break };
            let mut announcement = event(
                self.seq(),
                record.entry.position.recorded_at,
                Author::Service(name("attention")),
                Kind::Attention,
                notice.node,
                &serde_json::to_value(&notice.payload).unwrap(),
            );
            let header = &mut announcement.entry.header;
            (header.id, header.org) = (notice.id, notice.org.clone());
            (header.ts, header.tenant) = (notice.payload.at, notice.tenant.clone());
            let hash = header.event_hash(&announcement.entry.sig);
            let owed = self.folds.attention().owed().count();
            self.fold(&announcement);
            assert!(self.folds.attention().owed().count() < owed, "{notice:?} is owed for ever");
            self.announced.push((notice, hash));
        }
    }

    fn fold(&mut self, record: &Record) {
        self.folds.apply(record).unwrap();
        self.records.iter_mut().for_each(|records| records.push(record.clone()));
        self.rehearsal.iter_mut().for_each(|rehearsal| rehearsal.apply(record));
        self.transitions.extend_from_slice(self.folds.attention().transitions());
    }
}
