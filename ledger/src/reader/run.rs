//! Entries in their order, whole groups at a time: how a log is read from one end to the other.

use super::{ReadError, Reader, parse};
use crate::segment::{Next, next_group};
use spec::Record;
use spec::limits::{MAX_COMMIT_BYTES, MAX_GROUP_BYTES};

/// Bytes read at once, unless a group is longer.
const CHUNK_BYTES: usize = 1 << 20;

/// A run through the entries from one seq to another.
#[derive(Debug)]
pub struct Run {
    reader: Reader,
    at: u64,
    to: u64,
    place: Option<Place>,
    /// Whether the index was wrong once: then the segments alone say where to look.
    misled: bool,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    segment: u64,
    offset: u64,
}

impl Run {
    pub(super) fn new(reader: Reader, from: u64, to: u64) -> Self {
        Self { reader, at: from, to, place: None, misled: false }
    }

    /// The next entries, at least one; none at the end of the run or of the log.
    pub async fn next(&mut self) -> Result<Vec<Record>, ReadError> {
        while self.at < self.to {
            let Some(place) = self.place().await? else { break };
            let before = self.at;
            match self.chunk(place).await {
                Ok(Some((records, next))) => {
                    self.place = Some(next);
                    if !records.is_empty() {
                        return Ok(records);
                    }
                }
                Ok(None) => {
                    let segments = self.reader.storage.segments().await?;
                    let next = segments.iter().find(|s| s.first == self.at && s.first != place.segment);
                    let Some(next) = next else { break };
                    self.place = Some(Place { segment: next.first, offset: 0 });
                }
                Err(error) if self.misled => return Err(error),
                // What was read before the error is read again.
                Err(_) => (self.misled, self.place, self.at) = (true, None, before),
            }
        }
        Ok(Vec::new())
    }

    /// Where the group with the next entry lies, or one before it in the same segment.
    async fn place(&self) -> Result<Option<Place>, ReadError> {
        if self.place.is_some() {
            return Ok(self.place);
        }
        // A damaged index makes this slower, never wrong.
        if let Ok(Some(group)) = self.reader.index.group_of(self.at)
            && !self.misled
        {
            return Ok(Some(Place { segment: group.segment, offset: group.offset }));
        }
        let segments = self.reader.storage.segments().await?;
        let holder = segments.iter().rev().find(|segment| segment.first <= self.at);
        Ok(holder.map(|segment| Place { segment: segment.first, offset: 0 }))
    }

    /// The wanted entries of the whole groups at a place, and what place comes after them; `None` where no
    /// whole group lies.
    async fn chunk(&mut self, place: Place) -> Result<Option<(Vec<Record>, Place)>, ReadError> {
        let mut length = CHUNK_BYTES;
        while length <= 2 * (MAX_GROUP_BYTES + MAX_COMMIT_BYTES) {
            let bytes = self.reader.storage.read(place.segment, place.offset, length).await?;
            let (mut records, mut used) = (Vec::new(), 0);
            while let Next::Group(group) = next_group(&bytes, used, place.offset) {
                used = usize::try_from(group.end - place.offset).unwrap_or(usize::MAX);
                if group.commit.size <= self.at {
                    continue;
                }
                for (_, line) in group.lines() {
                    if self.at == self.to {
                        break;
                    }
                    let record = parse(line, self.at)?;
                    let seq = record.entry.position.seq;
                    if seq > self.at {
                        return Err(ReadError::Damaged { seq: self.at, detail: "missing".to_owned() });
                    }
                    if seq == self.at {
                        self.at += 1;
                        records.push(record);
                    }
                }
                if self.at == self.to {
                    break;
                }
            }
            if used > 0 {
                return Ok(Some((records, Place { offset: place.offset + used as u64, ..place })));
            }
            if bytes.len() < length {
                break;
            }
            length *= 2;
        }
        Ok(None)
    }
}
