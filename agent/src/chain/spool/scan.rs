//! Reading a spool file: what is whole in it, and what kind of end it has.

use super::index::{Index, Slot, after};
use super::line::{Base, PREFIX_BYTES, SPOOL_FILE, check};
use crate::disk::Disk;
use spec::limits::MAX_EVENT_BYTES;
use spec::{ChainLink, Event, Kind};
use std::io;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// Longest line that is kept while it is read.
const MAX_LINE_BYTES: usize = MAX_EVENT_BYTES + 64;

/// No event is as short as this. Less at the end of the file is what a crash left of acknowledgements,
/// which are not synced and may therefore lack any of their bytes.
const SHORTEST_EVENT_BYTES: u64 = 256;

/// What stands behind the last whole line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing.
    Clean,
    /// An unfinished line: a write that a crash interrupted.
    Torn,
    /// Something that no interrupted write leaves behind.
    Damaged {
        damage: Damage,
        /// Whole event lines behind the damage.
        salvage: Vec<Slot>,
    },
}

/// A fault of a spool file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// There is none.
    #[error("the spool is missing")]
    Missing,
    /// There is nothing in it.
    #[error("the spool is empty")]
    Empty,
    /// A line is not what was written there.
    #[error("{what} at offset {offset}")]
    Line {
        /// What it is instead.
        what: &'static str,
        /// Where it begins, in bytes.
        offset: u64,
    },
}

/// A spool file as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub(crate) slots: Vec<Slot>,
    pub(crate) acknowledged: usize,
    /// The place of the next event; `None` if not even the first line can be read.
    pub(crate) next: Option<ChainLink>,
    pub(crate) good_len: u64,
    pub(crate) tail: Tail,
}

impl Scan {
    /// Reads the file; changes nothing.
    pub(crate) fn read(disk: &impl Disk) -> io::Result<Self> {
        let mut scan =
            Self { slots: Vec::new(), acknowledged: 0, next: None, good_len: 0, tail: Tail::Clean };
        if disk.len(SPOOL_FILE)?.is_none() {
            scan.tail = Tail::Damaged { damage: Damage::Missing, salvage: Vec::new() };
            return Ok(scan);
        }
        let mut lines = Lines { disk, at: 0, buffer: Vec::new(), used: 0 };
        while let Some(line) = lines.next()? {
            let end = line.offset + line.bytes.len() as u64;
            match &mut scan.tail {
                Tail::Clean => match scan.take(&line) {
                    Ok(()) => scan.good_len = end,
                    Err(_) if !line.finished && scan.next.is_some() => scan.tail = Tail::Torn,
                    Err(damage) => scan.tail = Tail::Damaged { damage, salvage: Vec::new() },
                },
                // Only the last line can be unfinished.
                Tail::Torn => {}
                Tail::Damaged { salvage, .. } => {
                    if let Some((b'e', body)) = split(&line)
                        && Event::parse(body).is_ok()
                    {
                        salvage.push(slot(&line, body));
                    }
                }
            }
        }
        if scan.next.is_some()
            && scan.tail != Tail::Clean
            && lines.end() - scan.good_len < SHORTEST_EVENT_BYTES
        {
            scan.tail = Tail::Torn;
        }
        if scan.next.is_none() && scan.tail == Tail::Clean {
            scan.tail = Tail::Damaged { damage: Damage::Empty, salvage: Vec::new() };
        }
        Ok(scan)
    }

    /// The file as memory has it; `otherwise` is the place of the next event if the file does not say.
    pub(crate) fn index(&self, otherwise: ChainLink) -> Index {
        Index::new(self.next.unwrap_or(otherwise), self.good_len).with(&self.slots, self.acknowledged)
    }

    /// Takes over one line, if it is whole and in place.
    fn take(&mut self, line: &Line) -> Result<(), Damage> {
        let damage = |what| Damage::Line { what, offset: line.offset };
        let (letter, body) = split(line).ok_or_else(|| damage("a damaged line"))?;
        match (letter, self.next) {
            (b'b', None) => {
                let base: Base = serde_json::from_slice(body).map_err(|_| damage("a damaged base"))?;
                self.next = Some(base.into());
            }
            (b'e', Some(next)) => {
                let event = Event::parse(body).map_err(|_| damage("a damaged event"))?;
                let opens = event.header.kind == Kind::ChainOpen
                    && event.header.chain.is_some_and(|link| link.seq == 0 && link.epoch != next.epoch);
                if event.header.chain != Some(next) && !opens {
                    return Err(damage("an event out of its chain"));
                }
                self.slots.push(slot(line, body));
                self.next = Some(after(&event, next));
            }
            (b'a', Some(_)) => {
                let count = std::str::from_utf8(body).ok().and_then(|text| text.parse().ok());
                self.acknowledged = count
                    .filter(|count| *count <= self.slots.len())
                    .ok_or_else(|| damage("an acknowledgement of what is not there"))?;
            }
            _ => return Err(damage("a line out of place")),
        }
        Ok(())
    }
}

struct Line {
    offset: u64,
    bytes: Vec<u8>,
    /// Whether it ends in LF.
    finished: bool,
}

/// Letter and body of a line whose check holds.
fn split(line: &Line) -> Option<(u8, &[u8])> {
    let content = line.bytes.strip_suffix(b"\n")?;
    let (prefix, body) = content.split_at_checked(usize::try_from(PREFIX_BYTES).ok()?)?;
    let [letter, b' ', digits @ .., b' '] = prefix else { return None };
    (digits == check(*letter, body)).then_some((*letter, body))
}

fn slot(line: &Line, body: &[u8]) -> Slot {
    Slot { offset: line.offset + PREFIX_BYTES, len: u32::try_from(body.len()).unwrap_or(u32::MAX) }
}

/// The file's lines, a chunk in memory at a time.
struct Lines<'a, D> {
    disk: &'a D,
    /// Offset in the file of the buffer's first byte.
    at: u64,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were handed out.
    used: usize,
}

impl<D: Disk> Lines<'_, D> {
    fn next(&mut self) -> io::Result<Option<Line>> {
        let mut searched = self.used;
        loop {
            let unsearched = self.buffer.get(searched..).unwrap_or_default();
            if let Some(i) = unsearched.iter().position(|b| *b == b'\n') {
                return Ok(Some(self.hand_out(searched + i + 1, true)));
            }
            if self.buffer.len() - self.used > MAX_LINE_BYTES {
                // No line is this long: hand it on in pieces, each of which is damage.
                return Ok(Some(self.hand_out(self.buffer.len(), true)));
            }
            self.buffer.drain(..self.used);
            self.at += self.used as u64;
            self.used = 0;
            searched = self.buffer.len();
            let chunk = self.disk.read_at(SPOOL_FILE, self.at + searched as u64, CHUNK_BYTES)?;
            if chunk.is_empty() {
                return Ok((searched > 0).then(|| self.hand_out(searched, false)));
            }
            self.buffer.extend_from_slice(&chunk);
        }
    }

    /// Offset after the last line handed out.
    fn end(&self) -> u64 {
        self.at + self.used as u64
    }

    fn hand_out(&mut self, end: usize, finished: bool) -> Line {
        let bytes = self.buffer.get(self.used..end).unwrap_or_default().to_vec();
        let offset = self.at + self.used as u64;
        self.used = end;
        Line { offset, bytes, finished }
    }
}
