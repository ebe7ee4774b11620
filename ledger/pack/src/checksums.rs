//! A file's parts and their checksums: every byte of a packed segment is under one, so that no flip goes unseen, and each
//! is placed.
//!
//! The parts are, in the order of the file: each row group, the first with the magic in front of it; the checksums
//! themselves; and what stands behind them, which is the footer, its length and the magic. There is a checksum for each
//! row group and, last, one for the end of the file.

use crate::UnpackError;
use spec::{Domain, Hash};
use std::ops::Range;

/// Bytes of a checksum.
pub(crate) const CHECKSUM: usize = 32;

/// Bytes behind the footer: its length and the magic.
pub(crate) const TAIL: usize = 8;

/// The magic at both ends.
pub(crate) const MAGIC: &[u8; 4] = b"PAR1";

/// `BLAKE3(29 ‖ part)`.
pub(crate) fn of(part: &[u8]) -> Hash {
    Hash::of(Domain::PackedPart, &[part])
}

/// Where the parts of a file lie, the checksums among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Of each row group.
    pub(crate) groups: Vec<Range<u64>>,
    /// Of the checksums.
    pub(crate) checksums: Range<u64>,
    /// Of footer, length and magic.
    pub(crate) end: Range<u64>,
}

impl Parts {
    /// From where each row group begins, where the footer begins, and the length of the file.
    pub(crate) fn new(starts: &[u64], footer: u64, len: u64) -> Result<Self, UnpackError> {
        let size = (starts.len() as u64 + 1) * CHECKSUM as u64;
        let from = footer.checked_sub(size).ok_or_else(|| UnpackError::foreign("it has no checksums"))?;
        let mut groups = Vec::with_capacity(starts.len());
        let mut at = 0;
        for (i, start) in starts.iter().enumerate() {
            let next = starts.get(i + 1).copied().unwrap_or(from);
            let follows = if i == 0 { *start == MAGIC.len() as u64 } else { *start == at };
            if !follows || next <= *start || next > from {
                return Err(UnpackError::foreign("its row groups do not lie one behind the other"));
            }
            groups.push(at..next);
            at = next;
        }
        Ok(Self { groups, checksums: from..footer, end: footer..len })
    }

    /// Refuses bytes of a part that do not have its checksum.
    pub(crate) fn check(part: &Range<u64>, bytes: &[u8], checksum: Option<&[u8]>) -> Result<(), UnpackError> {
        if checksum == Some(&of(bytes).0) {
            return Ok(());
        }
        let problem = "they do not have their checksum, or that is damaged".to_owned();
        Err(UnpackError::Damaged { from: part.start, to: part.end, problem })
    }
}
