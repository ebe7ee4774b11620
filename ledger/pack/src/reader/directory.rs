//! Where the entries of a packed segment lie, by their seqs.

use std::collections::BTreeMap;

/// Where each entry of a segment lies, and what its place in its organisation follows from.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// Row group and row, by seq from the first.
    pub(super) rows: Vec<(u32, u32)>,
    /// A number for the organisation, by seq from the first; lines that are kept as they are have none.
    pub(super) org: Vec<u16>,
    /// The numbers that are there, by seq from the first.
    pub(super) lane_n: BTreeMap<usize, u64>,
}

/// No organisation.
pub(super) const NONE: u16 = u16::MAX;

impl Directory {
    /// The number of an entry within its organisation, and the entry of it before, if that is in the segment.
    pub(super) fn lane(&self, index: usize) -> Option<(u64, Option<usize>)> {
        let org = *self.org.get(index)?;
        let (mut steps, mut before) = (0, None);
        for at in (0..=index).rev() {
            if self.org.get(at) != Some(&org) {
                continue;
            }
            if at < index && before.is_none() {
                before = Some(at);
            }
            if let Some(n) = self.lane_n.get(&at) {
                return Some((n + steps, before));
            }
            steps += 1;
        }
        None
    }
}
