//! One entry, from its row group alone.

use super::directory::{Directory, NONE};
use super::{Chunk, Packed};
use crate::UnpackError;
use crate::cell::Cell;
use crate::rows::{Problem, Rows};
use crate::schema as column;
use crate::walk::Chains;
use spec::entry::{Position, write_record};
use spec::event::Payload;
use spec::{Hash, Lane, Name, Timestamp};
use std::collections::BTreeMap;

/// An entry that was read alone: what of its place follows from other entries is to be brought.
#[derive(Debug)]
pub struct Alone {
    seq: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Line(String),
    Record {
        event: Vec<u8>,
        payload: Option<Payload>,
        recorded_at: Timestamp,
        prev: Option<Hash>,
        n: u64,
        /// The leaf, or the entry whose leaf it is.
        lane_prev: Result<Hash, u64>,
    },
}

impl Alone {
    /// The record line. `leaf` gives the leaf of an earlier entry, from the tree; whoever asks holds the outcome against
    /// the tree's leaf of this entry.
    pub fn line<E>(self, mut leaf: impl FnMut(u64) -> Result<Hash, E>) -> Result<String, E> {
        match self.what {
            What::Line(line) => Ok(line),
            What::Record { event, payload, recorded_at, prev, n, lane_prev } => {
                let prev = match prev {
                    Some(prev) => prev,
                    None => leaf(self.seq.saturating_sub(1))?,
                };
                let lane_prev = match lane_prev {
                    Ok(prev) => prev,
                    Err(seq) => leaf(seq)?,
                };
                let lane = Lane { n, prev: lane_prev };
                let position = Position { seq: self.seq, prev, lane, recorded_at };
                let mut out = Vec::with_capacity(event.len() + 2048);
                write_record(&position, &event, payload.as_ref(), &mut out);
                Ok(String::from_utf8(out).unwrap_or_default())
            }
        }
    }
}

impl Packed<'_> {
    /// Reads one entry; `None` if it is not of this segment.
    pub fn alone(&self, seq: u64) -> Result<Option<Alone>, UnpackError> {
        let Some(index) = seq.checked_sub(self.about.first).and_then(|index| usize::try_from(index).ok())
        else {
            return Ok(None);
        };
        let directory = self.directory()?;
        let Some((group, row)) = directory.rows.get(index).copied() else { return Ok(None) };
        let (group, row) = (group as usize, row as usize);
        let rows = self.rows(group)?;
        let wrong = |problem: Problem| UnpackError::row(group, row, problem);
        if let Some(line) = rows.text(row, column::LINE).map_err(wrong)? {
            return Ok(Some(Alone { seq, what: What::Line(line.to_owned()) }));
        }
        let chains = chains_before(&rows, row).map_err(wrong)?;
        let said = rows.said(row, &chains).map_err(wrong)?;
        let mut event = Vec::with_capacity(1024);
        said.header.write(Some(&said.sig), &mut event);
        let (n, before) =
            directory.lane(index).ok_or_else(|| UnpackError::row(group, row, "lane_n: missing"))?;
        let lane_prev = rows.hash(row, column::LANE_PREV).map(Ok);
        let lane_prev = lane_prev.or_else(|| before.map(|before| Err(self.about.first + before as u64)));
        let what = What::Record {
            event,
            payload: said.payload,
            recorded_at: said.recorded_at,
            prev: rows.hash(row, column::PREV),
            n,
            lane_prev: lane_prev.ok_or_else(|| UnpackError::row(group, row, "lane_prev: missing"))?,
        };
        Ok(Some(Alone { seq, what }))
    }

    fn directory(&self) -> Result<&Directory, UnpackError> {
        if let Some(directory) = self.directory.get() {
            return Ok(directory);
        }
        let made = self.make_directory()?;
        Ok(self.directory.get_or_init(|| made))
    }

    fn make_directory(&self) -> Result<Directory, UnpackError> {
        let count = usize::try_from(self.entries()).unwrap_or(0);
        let mut directory =
            Directory { rows: vec![(0, u32::MAX); count], org: vec![NONE; count], ..Directory::default() };
        let mut numbers: BTreeMap<Name, u16> = BTreeMap::new();
        for (group, meta) in self.meta.row_groups().iter().enumerate() {
            let mut rows = Rows::new(usize::try_from(meta.num_rows()).unwrap_or(0));
            // Their bytes alone: the checksum is over all of the row group, and who reads one entry checks that.
            for number in [column::SEQ, column::ORG, column::LANE_N] {
                let Some(chunk) = meta.columns().get(number) else { continue };
                let (from, length) = chunk.byte_range();
                let bytes = self.source.read_at(from, usize::try_from(length).unwrap_or(0))?;
                let mut read = self.columns(group, &[number], Chunk { from, bytes: bytes.into() })?;
                if let (Some(cells), Some(found)) =
                    (rows.columns.get_mut(number), read.columns.get_mut(number))
                {
                    *cells = std::mem::take(found);
                }
            }
            for row in 0..rows.count {
                let wrong = |problem: Problem| UnpackError::row(group, row, problem);
                let seq = rows.number(row, column::SEQ).map_err(wrong)?;
                let index = seq.and_then(|seq| usize::try_from(seq.checked_sub(self.about.first)?).ok());
                let index = index.filter(|index| *index < count);
                let index = index.ok_or_else(|| UnpackError::row(group, row, "seq: not one of its own"))?;
                let place = (u32::try_from(group).unwrap_or(0), u32::try_from(row).unwrap_or(0));
                if let Some(slot) = directory.rows.get_mut(index) {
                    *slot = place;
                }
                if let Some(org) = rows.org(row).map_err(wrong)? {
                    let next = u16::try_from(numbers.len()).unwrap_or(NONE);
                    let number = *numbers.entry(org).or_insert(next);
                    if let Some(slot) = directory.org.get_mut(index) {
                        *slot = number;
                    }
                }
                if let Some(n) = rows.number(row, column::LANE_N).map_err(wrong)? {
                    directory.lane_n.insert(index, n);
                }
            }
        }
        Ok(directory)
    }
}

/// What the chain of a row follows from: the links of its author from the last that says its `prev` on.
fn chains_before(rows: &Rows, row: usize) -> Result<Chains, Problem> {
    let mut chains = Chains::default();
    let says = |row: usize| *rows.cell(row, column::CHAIN_PREV) != Cell::Nothing;
    let linked = |row: usize| *rows.cell(row, column::CHAIN_EPOCH) != Cell::Nothing;
    let same = |other: usize| rows.bytes(other, column::KEY) == rows.bytes(row, column::KEY);
    if !linked(row) || says(row) {
        return Ok(chains);
    }
    let mut links: Vec<usize> = Vec::new();
    for other in (0..row).rev().filter(|other| linked(*other) && same(*other)) {
        links.push(other);
        if says(other) {
            break;
        }
    }
    for other in links.into_iter().rev() {
        let said = rows.said(other, &chains)?;
        if let Some(link) = &said.header.chain {
            chains.over(said.header.key, link, said.header.event_hash(&said.sig));
        }
    }
    Ok(chains)
}
