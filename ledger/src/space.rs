//! The disk that the log lies on: how much is free of it, and what is still written when that is little.
//!
//! ```text
//! reserve   5 % of the disk, and at most 256 MiB    below it nothing is taken from callers
//! last      a quarter of the reserve                below it the ledger writes nothing of its own either
//! ```
//!
//! The smaller of the two is the reserve: on a small disk 256 MiB would be most of it, on a large one 5 % more than
//! anything here needs. Between the two the ledger can still say that the disk is nearly full, that it is alive, and
//! seal. Reads go on all the time.

use std::sync::atomic::{AtomicU8, Ordering};

/// Largest reserve: some seconds of the fastest writers, and what index, snapshots and side files take meanwhile.
pub const MAX_RESERVE_BYTES: u64 = 256 * 1024 * 1024;

/// What part of a disk is its reserve, if that is less: a twentieth.
const RESERVE_PART: u64 = 20;

/// What part of the reserve is kept even from the ledger's own entries.
const LAST_PART: u64 = 4;

/// By how much more than the reserve has to be free until events are taken again: an eighth of it, or what is written at
/// the edge would be taken and refused in turn.
const BACK_PART: u64 = 8;

/// The size of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that are free for this process.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
}

/// The room that is left, by what is still taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Room {
    /// Everything.
    #[default]
    Enough,
    /// What the ledger says of itself.
    Short,
    /// Nothing.
    Gone,
}

impl Space {
    /// What is kept free.
    pub fn reserve(self) -> u64 {
        (self.size / RESERVE_PART).min(MAX_RESERVE_BYTES)
    }

    /// How much is taken, after so much was.
    pub fn room(self, was: Room) -> Room {
        let reserve = self.reserve();
        let back = if was == Room::Enough { 0 } else { reserve / BACK_PART };
        if self.free < reserve / LAST_PART {
            Room::Gone
        } else if self.free < reserve + back {
            Room::Short
        } else {
            Room::Enough
        }
    }
}

/// How much is taken now, for whoever asks without looking at the disk.
#[derive(Debug, Default)]
pub(crate) struct Watched(AtomicU8);

impl Watched {
    pub(crate) fn room(&self) -> Room {
        match self.0.load(Ordering::Acquire) {
            0 => Room::Enough,
            1 => Room::Short,
            _ => Room::Gone,
        }
    }

    /// Takes in how the disk is. One of whose space nothing is known has room.
    pub(crate) fn look(&self, space: Option<Space>) -> Room {
        let was = self.room();
        let room = space.map_or(Room::Enough, |space| space.room(was));
        if room != was {
            tracing::warn!(?was, now = ?room, "the space left on the disk");
        }
        self.0.store(room as u8, Ordering::Release);
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn the_smaller_of_a_part_and_a_number_is_kept() {
        for (size, reserve) in [(1024 * MIB, 1024 * MIB / 20), (1 << 40, 256 * MIB), (0, 0)] {
            assert_eq!(Space { free: 0, size }.reserve(), reserve);
        }
    }

    #[test]
    fn what_is_taken_follows_from_what_is_free() {
        let room = |free_mib: u64, was| Space { free: free_mib * MIB, size: 1 << 40 }.room(was);
        assert_eq!(room(256, Room::Enough), Room::Enough);
        assert_eq!(room(255, Room::Enough), Room::Short);
        assert_eq!(room(64, Room::Enough), Room::Short);
        assert_eq!(room(63, Room::Enough), Room::Gone);
        // A little more than at its end, or it would come and go.
        assert_eq!(room(287, Room::Short), Room::Short);
        assert_eq!(room(288, Room::Short), Room::Enough);
        assert_eq!(room(70, Room::Gone), Room::Short);
    }
}
