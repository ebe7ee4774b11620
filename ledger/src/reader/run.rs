//! Entries in their order, whole groups at a time: how a log is read from one end to the other.

use super::{ReadError, Reader};
use crate::segment::{Next, next_group};
use spec::event::Payload;
use spec::limits::{MAX_COMMIT_BYTES, MAX_GROUP_BYTES};
use spec::{Entry, Hash, Record};

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
    /// Whether the run ended inside a group, which has to be read again for what comes after.
    cut: bool,
}

/// How far the log is read.
#[derive(Debug)]
struct Place {
    segment: u64,
    offset: u64,
    /// What was read from there on, and is no whole group yet.
    ahead: Vec<u8>,
}

impl Place {
    fn new(segment: u64, offset: u64) -> Self {
        Self { segment, offset, ahead: Vec::new() }
    }
}

impl Run {
    pub(super) fn new(reader: Reader, from: u64, to: u64) -> Self {
        Self { reader, at: from, to, place: None, misled: false, cut: false }
    }

    /// Moves the end on. What was read is not read again: whoever follows a log keeps one run, for the index may not
    /// know yet where its newest groups lie.
    pub fn extend(&mut self, to: u64) {
        if std::mem::take(&mut self.cut) {
            self.place = None;
        }
        self.to = self.to.max(to);
    }

    /// The next entries, at least one; none at the end of the run or of the log.
    ///
    /// They are those of groups whose commit line holds, as they were written; whether they ought to have been
    /// is an auditor's question.
    pub async fn next(&mut self) -> Result<Vec<Record>, ReadError> {
        while self.at < self.to {
            let before = self.at;
            let Some(mut place) = self.place().await? else { break };
            match self.chunk(&mut place).await {
                Ok(Some(records)) => {
                    self.place = Some(place);
                    if !records.is_empty() {
                        return Ok(records);
                    }
                }
                Ok(None) => {
                    let segments = self.reader.storage.segments().await?;
                    match segments.iter().find(|s| s.first == self.at && s.first != place.segment) {
                        Some(next) => self.place = Some(Place::new(next.first, 0)),
                        None if self.misled => break,
                        None => self.misled = true,
                    }
                }
                Err(error) if self.misled => return Err(error),
                // What was read before the error is read again.
                Err(_) => (self.misled, self.at) = (true, before),
            }
        }
        Ok(Vec::new())
    }

    /// Where the group with the next entry lies, or one before it in the same segment.
    async fn place(&mut self) -> Result<Option<Place>, ReadError> {
        if let Some(place) = self.place.take() {
            return Ok(Some(place));
        }
        // A damaged index makes this slower, never wrong.
        if let Ok(Some(group)) = self.reader.index.group_of(self.at)
            && !self.misled
        {
            return Ok(Some(Place::new(group.segment, group.offset)));
        }
        let segments = self.reader.storage.segments().await?;
        let holder = segments.iter().rev().find(|segment| segment.first <= self.at);
        Ok(holder.map(|segment| Place::new(segment.first, 0)))
    }

    /// The wanted entries of the whole groups at a place, which is then behind them; `None` where no whole group
    /// lies.
    async fn chunk(&mut self, place: &mut Place) -> Result<Option<Vec<Record>>, ReadError> {
        // Bytes ahead may have been read while they were written.
        let mut doubtful = !place.ahead.is_empty();
        loop {
            let (from, length) =
                (place.offset + place.ahead.len() as u64, place.ahead.len().max(CHUNK_BYTES));
            let more = self.reader.storage.read(place.segment, from, length).await?;
            let ended = more.len() < length;
            if place.ahead.is_empty() {
                place.ahead = more;
            } else {
                place.ahead.extend_from_slice(&more);
            }
            let (records, used) = self.whole_groups(place)?;
            if used > 0 {
                place.ahead.drain(..used);
                place.offset += used as u64;
                return Ok(Some(records));
            }
            if ended || place.ahead.len() > MAX_GROUP_BYTES + MAX_COMMIT_BYTES {
                if !doubtful {
                    return Ok(None);
                }
                doubtful = false;
                place.ahead.clear();
            }
        }
    }

    /// The wanted entries of the whole groups that were read, and how many bytes those groups are.
    fn whole_groups(&mut self, place: &Place) -> Result<(Vec<Record>, usize), ReadError> {
        let (mut records, mut used) = (Vec::<Record>::new(), 0);
        while self.at < self.to
            && let Next::Group(group) = next_group(&place.ahead, used, place.offset)
        {
            used = usize::try_from(group.end - place.offset).unwrap_or(usize::MAX);
            if group.commit.size <= self.at {
                continue;
            }
            self.cut = group.commit.size > self.to;
            for (_, line) in group.lines() {
                if self.at == self.to {
                    break;
                }
                let (entry, payload) = committed(line, self.at)?;
                let seq = entry.position.seq;
                if seq > self.at {
                    return Err(ReadError::Damaged { seq: self.at, detail: "missing".to_owned() });
                }
                if seq == self.at {
                    self.at += 1;
                    // An entry names the leaf of the one in front.
                    if let Some(before) = records.last_mut() {
                        before.leaf = entry.position.prev;
                    }
                    records.push(Record { entry, leaf: Hash::ZERO, payload });
                }
            }
        }
        if let Some(last) = records.last_mut() {
            last.leaf = last.entry.leaf();
        }
        Ok((records, used))
    }
}

/// An entry of a group whose commit line holds, with its payload.
fn committed(line: &[u8], seq: u64) -> Result<(Entry, Option<Payload>), ReadError> {
    let damaged = |detail: String| ReadError::Damaged { seq, detail };
    let text = std::str::from_utf8(line).map_err(|e| damaged(e.to_string()))?;
    Entry::committed(text).map_err(|e| damaged(e.to_string()))
}
