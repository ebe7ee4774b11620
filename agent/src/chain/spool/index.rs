//! What a spool file holds, as memory has it: where its events lie, and which of them wait.

use super::line::PREFIX_BYTES;
use spec::{ChainLink, Event};
use std::collections::VecDeque;

/// Where an event's canonical JSON lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

/// Events and acknowledgements of a file.
#[derive(Debug)]
pub(crate) struct Index {
    slots: VecDeque<Slot>,
    /// How many of `slots` are acknowledged.
    acknowledged: usize,
    waiting_bytes: u64,
    acknowledged_bytes: u64,
    /// Length of the file in bytes.
    len: u64,
    next: ChainLink,
}

impl Index {
    /// A file of `len` bytes without events, whose chain goes on at `next`.
    pub(crate) fn new(next: ChainLink, len: u64) -> Self {
        let slots = VecDeque::new();
        Self { slots, acknowledged: 0, waiting_bytes: 0, acknowledged_bytes: 0, len, next }
    }

    /// The same with events, the first `acknowledged` of which have their receipts.
    pub(crate) fn with(mut self, slots: &[Slot], acknowledged: usize) -> Self {
        for slot in slots {
            self.add(*slot);
        }
        self.acknowledge(acknowledged);
        self
    }

    /// The place of the next event.
    pub(crate) fn next(&self) -> ChainLink {
        self.next
    }

    /// Number of events that wait.
    pub(crate) fn pending(&self) -> usize {
        self.slots.len() - self.acknowledged
    }

    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }

    pub(crate) fn acknowledged_bytes(&self) -> u64 {
        self.acknowledged_bytes
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged
    }

    /// Events that wait, the oldest first.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().skip(self.acknowledged)
    }

    /// The newest event, waiting or not.
    pub(crate) fn newest(&self) -> Option<&Slot> {
        self.slots.back()
    }

    /// An event was written at the end of the file.
    pub(crate) fn note_event(&mut self, json: &[u8], event: &Event) {
        let len = u32::try_from(json.len()).unwrap_or(u32::MAX);
        self.add(Slot { offset: self.len + PREFIX_BYTES, len });
        self.len += PREFIX_BYTES + json.len() as u64 + 1;
        self.next = after(event, self.next);
    }

    /// Another line was written at the end of the file.
    pub(crate) fn note_line(&mut self, len: usize) {
        self.len += len as u64;
    }

    /// The oldest `count` events that wait have their receipts.
    pub(crate) fn acknowledge(&mut self, count: usize) {
        for _ in 0..count.min(self.pending()) {
            if let Some(slot) = self.slots.get(self.acknowledged) {
                self.acknowledged += 1;
                self.waiting_bytes -= u64::from(slot.len);
                self.acknowledged_bytes += u64::from(slot.len);
            }
        }
    }

    /// The newest of the acknowledged events waits again, if there is one.
    pub(crate) fn take_back(&mut self) -> Option<Slot> {
        let place = self.acknowledged.checked_sub(1)?;
        let slot = self.slots.get(place).copied()?;
        self.acknowledged = place;
        self.acknowledged_bytes -= u64::from(slot.len);
        self.waiting_bytes += u64::from(slot.len);
        Some(slot)
    }

    fn add(&mut self, slot: Slot) {
        self.waiting_bytes += u64::from(slot.len);
        self.slots.push_back(slot);
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
