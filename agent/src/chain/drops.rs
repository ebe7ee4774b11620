//! Events that the spool had no room for: counted, with the head of the lost run, until a `chain-gap`
//! event can say so.
//!
//! ```text
//! dropped.json   {"run":{"count":12,"from":"…","head":"…","to":"…"},"total":40}
//! ```
//!
//! A dropped event is signed in an epoch of its own that is never opened, and links to the one dropped
//! before it, so that the run has a head; none of them is ever sent.

use crate::disk::Disk;
use crate::durable;
use serde::{Deserialize, Serialize};
use spec::payload::ChainGap;
use spec::{Event, Kind, canonical};
use std::io;

/// The file.
pub const DROPS_FILE: &str = "dropped.json";

const MAX_FILE_BYTES: usize = 4096;

/// Events that were dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drops {
    /// The run that no event has reported yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<ChainGap>,
    /// Events dropped since the node was enrolled.
    pub total: u64,
    /// Whether the file may say something else.
    #[serde(skip)]
    unsaved: bool,
}

impl Drops {
    /// Reads the count. `newest` is the newest event in the spool: if it reports the run, a crash came
    /// between that event and the note of it. A file that cannot be understood counts as none.
    pub fn load(disk: &impl Disk, newest: Option<&Event>) -> io::Result<Self> {
        let bytes = durable::read(disk, DROPS_FILE, MAX_FILE_BYTES)?.unwrap_or_default();
        let mut drops: Self = serde_json::from_slice(&bytes).unwrap_or_default();
        drops.compare(disk, newest)?;
        Ok(drops)
    }

    /// Forgets the run if `newest`, the newest event in the spool, reports it.
    pub fn compare(&mut self, disk: &impl Disk, newest: Option<&Event>) -> io::Result<()> {
        let reported = newest
            .filter(|event| event.header.kind == Kind::ChainGap)
            .and_then(|event| serde_json::from_str::<ChainGap>(&event.payload.json).ok());
        if self.run.is_some() && self.run == reported {
            // On the disk as well: the next event hides the one that reported it.
            self.reported(disk)?;
        }
        Ok(())
    }

    /// Counts an event that was dropped.
    pub fn add(&mut self, disk: &impl Disk, event: &Event) -> io::Result<()> {
        let ts = event.header.ts;
        let run = match self.run.take() {
            None => ChainGap { count: 1, head: event.hash(), from: ts, to: ts },
            Some(run) => ChainGap {
                count: run.count + 1,
                head: event.hash(),
                from: run.from.min(ts),
                to: run.to.max(ts),
            },
        };
        self.run = Some(run);
        self.total += 1;
        self.store(disk)
    }

    /// The run has been reported.
    pub fn reported(&mut self, disk: &impl Disk) -> io::Result<()> {
        self.run = None;
        self.store(disk)
    }

    /// After a failed write: writes again. Nothing is chained before that, or a crash could make the
    /// node report a run twice.
    pub fn ensure(&mut self, disk: &impl Disk) -> io::Result<()> {
        if self.unsaved { self.store(disk) } else { Ok(()) }
    }

    fn store(&mut self, disk: &impl Disk) -> io::Result<()> {
        self.unsaved = true;
        let bytes = canonical::to_vec(self).map_err(io::Error::other)?;
        durable::replace(disk, DROPS_FILE, &bytes)?;
        self.unsaved = false;
        Ok(())
    }
}
