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

pub(crate) mod scan;
pub(crate) mod write;

use crate::chain::spool::scan::{Scan, Slot, Tail};
use crate::chain::spool::write::{PREFIX_BYTES, Writer, line};
use crate::disk::Disk;
use crate::durable::Replacement;
use spec::{ChainLink, Event, EventError};
use std::collections::VecDeque;
use std::io;

/// The spool's file.
pub const SPOOL_FILE: &str = "spool.log";

/// Where a damaged spool is kept.
pub const DAMAGED_FILE: &str = "spool.damaged";

/// Bytes copied at a time.
const COPY_BYTES: usize = 256 * 1024;

/// How much may wait.
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

/// Why the spool cannot be used.
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

/// Waiting events and the place of the next one.
#[derive(Debug)]
pub struct Spool {
    limits: Limits,
    slots: VecDeque<Slot>,
    /// How many of `slots` are acknowledged.
    acknowledged: usize,
    pending_bytes: u64,
    acknowledged_bytes: u64,
    pub(crate) len: u64,
    next: ChainLink,
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

/// Something in the spool is not as the agent left it.
#[derive(Debug)]
pub struct Doubt {
    /// What was found.
    pub reason: String,
    /// Events behind the damage: whole, but without a chain that leads to them.
    pub salvage: Vec<Event>,
}

impl Spool {
    /// Starts a chain at `next` with nothing waiting; on return it is on the disk.
    pub fn create(disk: &impl Disk, next: ChainLink, limits: Limits) -> io::Result<Self> {
        Writer::begin(disk, next, limits)?.commit(disk)
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
            Tail::Damaged { reason, salvage } => {
                let salvage = salvage
                    .iter()
                    .map(|slot| read_event(disk, slot))
                    .collect::<Result<Vec<Event>, SpoolError>>()?;
                Some(Doubt { reason: reason.clone(), salvage })
            }
        };
        let mut spool = Self::empty(scan.next.unwrap_or(fresh), limits);
        spool.len = scan.good_len;
        for (i, slot) in scan.slots.iter().enumerate() {
            spool.add(*slot);
            if i < scan.acknowledged {
                spool.count_acknowledged(*slot);
            }
        }
        if doubt.is_some() {
            keep_damaged(disk)?;
        }
        Ok(Opened { spool, doubt })
    }

    /// The place of the next event.
    pub fn next(&self) -> ChainLink {
        self.next
    }

    /// Number of events that wait.
    pub fn pending(&self) -> usize {
        self.slots.len() - self.acknowledged
    }

    /// Whether `events` of `bytes` together may still be added.
    pub fn has_room(&self, events: usize, bytes: usize) -> bool {
        self.pending() + events <= self.limits.max_events
            && self.pending_bytes + bytes as u64 <= self.limits.max_bytes
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
        self.note_event(&json, event);
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
        for slot in self.slots.iter().skip(self.acknowledged).take(max_events) {
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
        self.slots.back().map(|slot| read_event(disk, slot)).transpose()
    }

    /// The `i`th waiting event.
    pub fn waiting(&self, disk: &impl Disk, i: usize) -> Result<Option<Event>, SpoolError> {
        self.slots.get(self.acknowledged + i).map(|slot| read_event(disk, slot)).transpose()
    }

    /// The oldest `count` waiting events have their receipts and are forgotten.
    pub fn acknowledge(&mut self, disk: &impl Disk, count: usize) -> Result<(), SpoolError> {
        for _ in 0..count.min(self.pending()) {
            if let Some(slot) = self.slots.get(self.acknowledged).copied() {
                self.count_acknowledged(slot);
            }
        }
        self.note_acknowledged(disk);
        if self.acknowledged_bytes > self.limits.compact_bytes
            && self.acknowledged_bytes >= self.pending_bytes
        {
            self.compact(disk)?;
        }
        Ok(())
    }

    /// Makes the events from `place` on wait again, if the file still has them.
    pub fn rewind(&mut self, disk: &impl Disk, place: &ChainLink) -> Result<bool, SpoolError> {
        for i in (0..self.acknowledged).rev() {
            let Some(slot) = self.slots.get(i).copied() else { break };
            self.acknowledged -= 1;
            self.acknowledged_bytes -= u64::from(slot.len);
            self.pending_bytes += u64::from(slot.len);
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
        *self = Self::create(disk, next, self.limits)?;
        Ok(())
    }

    /// Starts a file that will take this one's place.
    pub(crate) fn writer(&self, disk: &impl Disk, base: ChainLink) -> io::Result<Writer> {
        Writer::begin(disk, base, self.limits)
    }

    /// Takes over what a writer has put in this spool's place.
    pub(crate) fn become_written(&mut self, disk: &impl Disk, writer: Writer) -> Result<(), SpoolError> {
        self.unsure = true;
        *self = writer.commit(disk)?;
        Ok(())
    }

    pub(crate) fn empty(next: ChainLink, limits: Limits) -> Self {
        Self {
            limits,
            slots: VecDeque::new(),
            acknowledged: 0,
            pending_bytes: 0,
            acknowledged_bytes: 0,
            len: 0,
            next,
            unsure: false,
        }
    }

    fn add(&mut self, slot: Slot) {
        self.pending_bytes += u64::from(slot.len);
        self.slots.push_back(slot);
    }

    fn count_acknowledged(&mut self, slot: Slot) {
        self.acknowledged += 1;
        self.pending_bytes -= u64::from(slot.len);
        self.acknowledged_bytes += u64::from(slot.len);
    }

    pub(crate) fn note_event(&mut self, json: &[u8], event: &Event) {
        let len = u32::try_from(json.len()).unwrap_or(u32::MAX);
        self.add(Slot { offset: self.len + PREFIX_BYTES, len });
        self.len += PREFIX_BYTES + json.len() as u64 + 1;
        self.next = after(event, self.next);
    }

    /// Writes the number of acknowledged events; a failure only means that some are sent again.
    fn note_acknowledged(&mut self, disk: &impl Disk) {
        let line = line(b'a', self.acknowledged.to_string().as_bytes());
        match disk.append(SPOOL_FILE, &line) {
            Ok(()) => self.len += line.len() as u64,
            Err(_) => self.unsure = true,
        }
    }

    fn compact(&mut self, disk: &impl Disk) -> Result<(), SpoolError> {
        self.unsure = true;
        *self = self.rewritten(disk)?;
        Ok(())
    }

    /// After a failed write: reads what the disk has and writes it anew, so that all of it is synced.
    /// Says whether that was needed; an event whose append failed may then turn out to be there.
    pub fn ensure(&mut self, disk: &impl Disk) -> Result<bool, SpoolError> {
        if !self.unsure {
            return Ok(false);
        }
        let scan = Scan::read(disk)?;
        let mut found = Self::empty(scan.next.unwrap_or(self.next), self.limits);
        for slot in &scan.slots {
            found.add(*slot);
        }
        for slot in scan.slots.iter().take(scan.acknowledged) {
            found.count_acknowledged(*slot);
        }
        *self = found.rewritten(disk)?;
        Ok(true)
    }

    /// Writes the waiting events into a new file.
    fn rewritten(&self, disk: &impl Disk) -> Result<Self, SpoolError> {
        let base = self.waiting(disk, 0)?.and_then(|event| event.header.chain).unwrap_or(self.next);
        let mut writer = self.writer(disk, base)?;
        for slot in self.slots.iter().skip(self.acknowledged) {
            writer.push(disk, &read_event(disk, slot)?)?;
        }
        Ok(writer.commit(disk)?)
    }
}

/// The place after `event`.
pub(crate) fn after(event: &Event, otherwise: ChainLink) -> ChainLink {
    event.header.chain.map_or(otherwise, |link| ChainLink {
        epoch: link.epoch,
        prev: event.hash(),
        seq: link.seq + 1,
    })
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
