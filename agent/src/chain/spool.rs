//! The spool: signed events that wait for their receipts, durable, bounded, in the order of the chain.
//!
//! ```text
//! spool.log   b <check> {"epoch":"…","prev":"…","seq":17}      the place of the first event below
//!             e <check> {"author":…}                           an event, canonical
//!             a <check> 3                                      the first 3 events here are acknowledged
//! ```
//!
//! `check` is the first eight bytes of BLAKE3 over letter and body: it finds damage, it identifies
//! nothing. Event lines are synced before anyone sees the event, so no crash can make the chain forget a
//! place it has used. Acknowledgements are not synced: losing one means a resend, which the ledger
//! recognises. What the chain needs to go on lies in this one file, replaced as a whole.

mod index;
mod line;
pub(crate) mod scan;
pub(crate) mod write;

pub use line::SPOOL_FILE;
pub use scan::Damage;

use crate::disk::Disk;
use crate::durable::Replacement;
use index::{Index, Slot};
use line::line;
use scan::{Scan, Tail};
use spec::{ChainLink, Event, EventError};
use std::io;
use write::Writer;

/// Where a damaged spool is kept.
pub const DAMAGED_FILE: &str = "spool.damaged";

/// Bytes copied at a time.
const COPY_BYTES: usize = 256 * 1024;

/// Bounds of what may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of waiting events.
    pub max_bytes: u64,
    /// Number of waiting events.
    pub max_events: usize,
    /// Bytes of acknowledged events that may stay in the file before it is rewritten without them.
    pub compact_bytes: u64,
}

impl Default for Limits {
    /// 64 MiB and 100,000 events: five weeks of heartbeats at 30 s.
    fn default() -> Self {
        Self { max_bytes: 64 * 1024 * 1024, max_events: 100_000, compact_bytes: 64 * 1024 }
    }
}

/// The reason why the spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A file operation failed.
    #[error("{SPOOL_FILE}: {0}")]
    Io(#[from] io::Error),
    /// An event that was read is not what was written.
    #[error("{SPOOL_FILE}: the event at offset {offset} is damaged: {source}")]
    Damaged {
        /// Where.
        offset: u64,
        /// How.
        source: EventError,
    },
}

/// Events that wait, and the place of the next one.
#[derive(Debug)]
pub struct Spool {
    limits: Limits,
    index: Index,
    /// Set when a write failed: what the file holds is known only after it was read again.
    unsure: bool,
}

/// A spool as it was found on the disk.
#[derive(Debug)]
pub struct Opened {
    /// What could be read.
    pub spool: Spool,
    /// Why the chain must not simply go on, if so, and events found behind the damage.
    pub doubt: Option<Doubt>,
}

/// A sign that the spool is not as the agent left it.
#[derive(Debug)]
pub struct Doubt {
    /// What was found.
    pub damage: Damage,
    /// Events behind the damage: whole, but without a chain that leads to them.
    pub salvage: Vec<Event>,
}

impl Spool {
    /// Starts a chain at `next` with nothing waiting; on return it is on the disk.
    pub fn create(disk: &impl Disk, next: ChainLink, limits: Limits) -> io::Result<Self> {
        Writer::begin(disk, next)?.commit(disk).map(|index| Self { limits, index, unsure: false })
    }

    /// Reads the spool and cuts a line that a crash left unfinished.
    ///
    /// After any other damage the file is copied to [`DAMAGED_FILE`], left as it is, and
    /// [`Opened::doubt`] is set: the caller writes a spool that opens a new epoch in its place, before
    /// anything else, or the next open finds the same doubt. `fresh` is the place to start from when not
    /// even the beginning can be read.
    pub fn open(disk: &impl Disk, fresh: ChainLink, limits: Limits) -> Result<Opened, SpoolError> {
        let scan = Scan::read(disk)?;
        let doubt = match &scan.tail {
            Tail::Clean => None,
            Tail::Torn => {
                disk.truncate(SPOOL_FILE, scan.good_len)?;
                disk.sync(SPOOL_FILE)?;
                None
            }
            Tail::Damaged { damage, salvage } => {
                let salvage = salvage
                    .iter()
                    .map(|slot| read_event(disk, slot))
                    .collect::<Result<Vec<Event>, SpoolError>>()?;
                Some(Doubt { damage: *damage, salvage })
            }
        };
        if doubt.is_some() {
            keep_damaged(disk)?;
        }
        let index = scan.index(fresh);
        Ok(Opened { spool: Self { limits, index, unsure: false }, doubt })
    }

    /// The place of the next event.
    pub fn next(&self) -> ChainLink {
        self.index.next()
    }

    /// Number of events that wait.
    pub fn pending(&self) -> usize {
        self.index.pending()
    }

    /// Whether `events` of `bytes` together may still be added.
    pub fn has_room(&self, events: usize, bytes: usize) -> bool {
        self.pending() + events <= self.limits.max_events
            && self.index.waiting_bytes() + bytes as u64 <= self.limits.max_bytes
    }

    /// Adds a signed event; on return it is on the disk. After an error it may be there or not: ask
    /// [`Spool::next`] after the next operation that succeeds.
    pub fn append(&mut self, disk: &impl Disk, event: &Event) -> Result<(), SpoolError> {
        self.ensure(disk)?;
        let json = event.to_canonical();
        self.unsure = true;
        disk.append(SPOOL_FILE, &line(b'e', &json))?;
        disk.sync(SPOOL_FILE)?;
        self.unsure = false;
        self.index.note_event(&json, event);
        Ok(())
    }

    /// The oldest waiting events, at most `max_events` and `max_bytes`, but at least one if any waits.
    pub fn peek(
        &self,
        disk: &impl Disk,
        max_events: usize,
        max_bytes: usize,
    ) -> Result<Vec<Event>, SpoolError> {
        let mut events = Vec::new();
        let mut bytes = 0;
        for slot in self.index.waiting().take(max_events) {
            bytes += slot.len as usize + 1;
            if !events.is_empty() && bytes > max_bytes {
                break;
            }
            events.push(read_event(disk, slot)?);
        }
        Ok(events)
    }

    /// The newest event in the file, waiting or not.
    pub fn newest(&self, disk: &impl Disk) -> Result<Option<Event>, SpoolError> {
        self.index.newest().map(|slot| read_event(disk, slot)).transpose()
    }

    /// The `i`th waiting event.
    pub fn waiting(&self, disk: &impl Disk, i: usize) -> Result<Option<Event>, SpoolError> {
        self.index.waiting().nth(i).map(|slot| read_event(disk, slot)).transpose()
    }

    /// The oldest `count` waiting events have their receipts and are forgotten.
    pub fn acknowledge(&mut self, disk: &impl Disk, count: usize) -> Result<(), SpoolError> {
        self.index.acknowledge(count);
        self.note_acknowledged(disk);
        let acknowledged = self.index.acknowledged_bytes();
        if acknowledged > self.limits.compact_bytes && acknowledged >= self.index.waiting_bytes() {
            self.unsure = true;
            self.index = rewritten(&self.index, disk)?;
            self.unsure = false;
        }
        Ok(())
    }

    /// Makes the events from `place` on wait again, if the file still has them.
    pub fn rewind(&mut self, disk: &impl Disk, place: &ChainLink) -> Result<bool, SpoolError> {
        while let Some(slot) = self.index.take_back() {
            if read_event(disk, &slot)?.header.chain.as_ref() == Some(place) {
                self.note_acknowledged(disk);
                return Ok(true);
            }
        }
        self.note_acknowledged(disk);
        Ok(false)
    }

    /// Starts anew at `next` with nothing waiting; what was there is given up.
    pub(crate) fn restart(&mut self, disk: &impl Disk, next: ChainLink) -> Result<(), SpoolError> {
        self.unsure = true;
        self.become_written(disk, Writer::begin(disk, next)?)
    }

    /// Takes over what a writer has put in this spool's place.
    pub(crate) fn become_written(&mut self, disk: &impl Disk, writer: Writer) -> Result<(), SpoolError> {
        self.unsure = true;
        self.index = writer.commit(disk)?;
        self.unsure = false;
        Ok(())
    }

    /// Writes the number of acknowledged events; a failure only means that some are sent again.
    fn note_acknowledged(&mut self, disk: &impl Disk) {
        let line = line(b'a', self.index.acknowledged().to_string().as_bytes());
        match disk.append(SPOOL_FILE, &line) {
            Ok(()) => self.index.note_line(line.len()),
            Err(_) => self.unsure = true,
        }
    }

    /// After a failed write: reads what the disk has and writes it anew, so that all of it is synced.
    /// Says whether that was needed; an event whose append failed may then turn out to be there.
    pub fn ensure(&mut self, disk: &impl Disk) -> Result<bool, SpoolError> {
        if !self.unsure {
            return Ok(false);
        }
        self.index = rewritten(&Scan::read(disk)?.index(self.next()), disk)?;
        self.unsure = false;
        Ok(true)
    }
}

/// Writes the events of a file that wait into a new one.
fn rewritten(index: &Index, disk: &impl Disk) -> Result<Index, SpoolError> {
    let first = index.waiting().next().map(|slot| read_event(disk, slot)).transpose()?;
    let base = first.and_then(|event| event.header.chain).unwrap_or(index.next());
    let mut writer = Writer::begin(disk, base)?;
    for slot in index.waiting() {
        writer.push(disk, &read_event(disk, slot)?)?;
    }
    Ok(writer.commit(disk)?)
}

fn read_event(disk: &impl Disk, slot: &Slot) -> Result<Event, SpoolError> {
    let bytes = disk.read_at(SPOOL_FILE, slot.offset, slot.len as usize)?;
    Event::parse(&bytes).map_err(|source| SpoolError::Damaged { offset: slot.offset, source })
}

/// Keeps a copy of the damaged spool for whoever wants to look.
fn keep_damaged(disk: &impl Disk) -> io::Result<()> {
    let Some(len) = disk.len(SPOOL_FILE)? else { return Ok(()) };
    let mut copy = Replacement::begin(disk, DAMAGED_FILE)?;
    let mut at = 0;
    while at < len {
        let chunk = disk.read_at(SPOOL_FILE, at, COPY_BYTES)?;
        if chunk.is_empty() {
            break;
        }
        copy.push(disk, &chunk)?;
        at += chunk.len() as u64;
    }
    copy.commit(disk)
}
