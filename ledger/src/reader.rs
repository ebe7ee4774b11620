//! Reading entries beside the writer, from the log itself. The index only says where to look.

mod run;

pub use run::Run;

use crate::ids::OpenIds;
use crate::index::{GroupLocation, Index, RowError};
use crate::segment::{Next, next_group};
use crate::shelf::Shelf;
use crate::storage::{SegmentInfo, Shrunk, Storage, StorageError};
use pack::Alone;
use proofs::Blake3;
use proofs::tree::Frontier;
use spec::entry::Record;
use spec::limits::MAX_GROUP_BYTES;
use spec::{Kind, Name, Severity, Timestamp, Uuid};
use std::sync::Arc;

/// Most entries a query looks at before it answers with what it has and a place to go on from: a second or two of one
/// reader's time.
pub const MAX_SCANNED: u64 = 20_000;

/// Most bytes of record lines in an answer: the largest body that is taken; the line that reaches it is the last.
pub const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// What asking the index about a step of the log counts for, in entries looked at.
const STEP_COSTS: u64 = 64;

/// Reads entries.
#[derive(Debug, Clone)]
pub struct Reader {
    storage: Arc<dyn Storage>,
    index: Index,
}

/// The reason why entries could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] RowError),
    /// The ids of a segment are asked for that is none.
    #[error("no such segment")]
    NoIds,
    /// The log is damaged here.
    #[error("entry {seq}: {detail}")]
    Damaged {
        /// The entry.
        seq: u64,
        /// What is wrong.
        detail: String,
    },
}

/// The entries that a query wants; all conditions must hold.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Entries of these organisations only.
    pub orgs: Option<Vec<Name>>,
    /// Entries of one of these kinds.
    pub kinds: Vec<Kind>,
    /// Entries about this node.
    pub node: Option<Uuid>,
    /// Entries recorded at or after this time.
    pub since: Option<Timestamp>,
    /// Entries recorded before this time.
    pub until: Option<Timestamp>,
    /// Entries of at least this severity.
    pub min_severity: Option<Severity>,
    /// The first seq that counts.
    pub from: u64,
    /// The seq from which none counts.
    pub to: u64,
    /// Newest first.
    pub descending: bool,
    /// Most entries in the answer.
    pub limit: usize,
}

/// A query's answer.
#[derive(Debug)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// Where to go on: the next seq to look at in the direction of the query; `None` at the end.
    pub next: Option<u64>,
}

impl Query {
    fn wants(&self, record: &Record) -> bool {
        let header = &record.entry.header;
        self.orgs.as_ref().is_none_or(|orgs| orgs.contains(&header.org))
            && (self.kinds.is_empty() || self.kinds.contains(&header.kind))
            && self.node.is_none_or(|node| header.subject_node() == Some(node))
            && self.since.is_none_or(|since| record.entry.position.recorded_at >= since)
            && self.until.is_none_or(|until| record.entry.position.recorded_at < until)
            && self.min_severity.is_none_or(|least| header.severity.is_some_and(|s| s >= least))
    }

    /// The terms of which an entry must have at least one, if the index can narrow the query.
    fn terms(&self) -> Option<Vec<String>> {
        if let Some(node) = self.node {
            return Some(vec![format!("node:{node}")]);
        }
        if !self.kinds.is_empty() {
            return Some(self.kinds.iter().map(|kind| format!("kind:{kind}")).collect());
        }
        self.orgs.as_ref().map(|orgs| orgs.iter().map(|org| format!("org:{org}")).collect())
    }
}

impl Reader {
    pub(crate) fn new(storage: Arc<dyn Storage>, index: Index) -> Self {
        Self { storage, index }
    }

    /// The entries from `from` to before `to`, in their order.
    pub fn run(&self, from: u64, to: u64) -> Run {
        Run::new(self.clone(), from, to)
    }

    /// Seq behind the last entry recorded before a time, or one shortly before that; at most `size`.
    pub fn end_before(&self, time: Timestamp, size: u64) -> Result<u64, ReadError> {
        Ok(self.index.end_before(time, size)?)
    }

    /// Snapshots of what is folded from the entries.
    pub fn shelf(&self) -> Result<Shelf, ReadError> {
        Ok(Shelf::open(self.index.rows())?)
    }

    /// The record of an entry, or `None` if the log does not reach it.
    pub async fn record(&self, seq: u64) -> Result<Option<Record>, ReadError> {
        Ok(self.line(seq).await?.map(|(record, _)| record))
    }

    /// The record with its line as it stands on disk, without LF.
    pub async fn line(&self, seq: u64) -> Result<Option<(Record, String)>, ReadError> {
        // A damaged index makes this slower, never wrong.
        let indexed = match self.index.group_of(seq) {
            Ok(Some(group)) => self.indexed_line(&group, seq).await,
            Ok(None) | Err(_) => None,
        };
        match indexed {
            Some(found) => Ok(Some(found)),
            None => self.scan(seq).await,
        }
    }

    /// Records that a query wants.
    pub async fn query(&self, query: &Query) -> Result<Page, ReadError> {
        let mut records = Vec::new();
        let next = self.each(query, |record, _| records.push(record)).await?;
        Ok(Page { records, next })
    }

    /// The lines of the records that a query wants, as they stand on disk without LF, and where to go on.
    pub async fn lines(&self, query: &Query) -> Result<(Vec<String>, Option<u64>), ReadError> {
        let mut lines = Vec::new();
        let next = self.each(query, |_, line| lines.push(line)).await?;
        Ok((lines, next))
    }

    /// Calls `take` with each record that a query wants and its line, until it has enough; says where to go on.
    async fn each(
        &self,
        query: &Query,
        mut take: impl FnMut(Record, String),
    ) -> Result<Option<u64>, ReadError> {
        let mut query = query.clone();
        if let Some(since) = query.since {
            query.from = query.from.max(self.index.first_since(since, query.to)?);
        }
        if let Some(until) = query.until {
            let end = self.index.end_before(until, query.to)?;
            // Entries the index does not know yet may still be before that time.
            if self.index.group_of(end)?.is_some() {
                query.to = query.to.min(end);
            }
        }
        let (mut taken, mut bytes) = (0, 0);
        let mut at = if query.descending { query.to } else { query.from };
        let mut looked = 0;
        while taken < query.limit && looked < MAX_SCANNED {
            let batch = self.candidates(&query, at)?;
            let Some(end) = batch.end else { return Ok(None) };
            looked += STEP_COSTS;
            for seq in batch.seqs {
                looked += 1;
                let Some((record, line)) = self.line(seq).await? else { continue };
                if !query.wants(&record) {
                    continue;
                }
                (taken, bytes) = (taken + 1, bytes + line.len());
                take(record, line);
                if taken == query.limit || bytes >= MAX_PAGE_BYTES {
                    return Ok(Some(if query.descending { seq } else { seq + 1 }));
                }
            }
            at = end;
        }
        Ok(Some(at))
    }

    /// The next seqs to look at from `at`, and where the ones after them start.
    fn candidates(&self, query: &Query, at: u64) -> Result<Candidates, ReadError> {
        const STEP: u64 = 4096;
        let range = if query.descending {
            at.saturating_sub(STEP).max(query.from)..at
        } else {
            at..(at + STEP).min(query.to)
        };
        if range.is_empty() {
            return Ok(Candidates { seqs: Vec::new(), end: None });
        }
        let end = Some(if query.descending { range.start } else { range.end });
        // The index may lag behind the head; what it does not cover yet is looked at entry by entry.
        let covered = self.index.head()?.map_or(0, |head| head.size);
        let mut seqs = match query.terms() {
            Some(terms) if range.end <= covered => {
                let mut seqs = Vec::new();
                for term in terms {
                    seqs.extend(self.index.with_term(&term, range.clone(), usize::MAX, false)?);
                }
                seqs.sort_unstable();
                seqs
            }
            _ => range.collect(),
        };
        if query.descending {
            seqs.reverse();
        }
        Ok(Candidates { seqs, end })
    }

    /// The records of genesis and of each change of the ledger's keys, as JSON.
    pub async fn authority(&self, seqs: &[u64]) -> Result<Vec<serde_json::Value>, ReadError> {
        let mut records = Vec::with_capacity(seqs.len());
        for seq in seqs {
            let (_, line) = self
                .line(*seq)
                .await?
                .ok_or(ReadError::Damaged { seq: *seq, detail: "missing".to_owned() })?;
            let value = serde_json::from_str(&line)
                .map_err(|e| ReadError::Damaged { seq: *seq, detail: e.to_string() })?;
            records.push(value);
        }
        Ok(records)
    }

    /// A document beside the log, such as `PROOFCHAIN.json`.
    pub async fn document(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.storage.get(name).await?)
    }

    /// The segments as they lie in the store.
    pub async fn segments(&self) -> Result<Vec<SegmentInfo>, ReadError> {
        Ok(self.storage.segments().await?)
    }

    /// Up to `len` bytes of a segment from `offset`. Bytes behind the last commit line may not be durable.
    pub async fn segment(&self, first: u64, offset: u64, len: usize) -> Result<Vec<u8>, ReadError> {
        Ok(self.storage.read(first, offset, len).await?)
    }

    /// The ids of one whole segment, read from the log.
    pub(crate) async fn ids_of_segment(&self, first: u64) -> Result<OpenIds, ReadError> {
        let segments = self.storage.segments().await?;
        let len = segments.iter().find(|s| s.first == first).map_or(0, |s| s.len);
        let bytes = self.storage.read(first, 0, usize::try_from(len).unwrap_or(usize::MAX)).await?;
        let mut ids = OpenIds::new(first);
        let mut at = 0;
        while let Next::Group(group) = next_group(&bytes, at, 0) {
            for (_, line) in group.lines() {
                let record = parse(line, ids.next())?;
                ids.insert_with_traces(&record, record.entry.header.identity());
            }
            at = usize::try_from(group.end).unwrap_or(usize::MAX);
        }
        Ok(ids)
    }

    async fn indexed_line(&self, group: &GroupLocation, seq: u64) -> Option<(Record, String)> {
        if let Ok(Some(alone)) = self.storage.alone(group.segment, seq).await
            && let Some(found) = self.checked(alone, seq)
        {
            return Some(found);
        }
        let (offset, length) = group.line(seq)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= MAX_GROUP_BYTES)?;
        let bytes = self.storage.read(group.segment, offset, length).await.ok()?;
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        // A damaged index points at something else: then the log is read without it.
        parse(line, seq).ok().filter(|r| r.entry.position.seq == seq).map(|r| (r, lossy(line)))
    }

    /// An entry that was read alone, with what follows from the tree. It is what the log holds if its leaf is the tree's.
    fn checked(&self, alone: Alone, seq: u64) -> Option<(Record, String)> {
        let leaf = |seq| self.index.stored_node(0, seq).ok_or(());
        let line = alone.line(leaf).ok()?;
        let record = Record::parse(&line).ok()?;
        (record.entry.position.seq == seq && leaf(seq) == Ok(record.leaf)).then_some((record, line))
    }

    /// Packs the oldest closed segment that lies there as lines; `edge` gives the tree at a size. `None` if there is
    /// none, or the store does not pack.
    pub(crate) async fn pack_next(
        &self,
        edge: impl FnOnce(u64) -> Option<Frontier<Blake3>>,
    ) -> Result<Option<(u64, Shrunk)>, ReadError> {
        let segments = self.storage.segments().await?;
        let closed = segments.len().saturating_sub(1);
        let Some(next) = segments.iter().take(closed).find(|segment| !segment.packed) else {
            return Ok(None);
        };
        let shrunk = self.storage.pack(next.first, edge(next.first)).await?;
        Ok(shrunk.map(|shrunk| (next.first, shrunk)))
    }

    /// Looks for an entry in the log from the last group the index knows before it.
    async fn scan(&self, seq: u64) -> Result<Option<(Record, String)>, ReadError> {
        let near = self.index.groups_from(seq.saturating_sub(1), 1).unwrap_or_default();
        match near.into_iter().find(|group| group.first <= seq) {
            Some(group) => match self.scan_from(Some(group), seq).await? {
                None => self.scan_from(None, seq).await,
                found => Ok(found),
            },
            None => self.scan_from(None, seq).await,
        }
    }

    async fn scan_from(
        &self,
        known: Option<GroupLocation>,
        seq: u64,
    ) -> Result<Option<(Record, String)>, ReadError> {
        for segment in self.storage.segments().await?.iter().rev() {
            if segment.first > seq {
                continue;
            }
            let from = known.as_ref().filter(|g| g.segment == segment.first).map_or(0, |g| g.offset);
            let length = usize::try_from(segment.len.saturating_sub(from)).unwrap_or(usize::MAX);
            let bytes = self.storage.read(segment.first, from, length).await?;
            let mut at = 0;
            while let Next::Group(group) = next_group(&bytes, at, from) {
                if seq < group.commit.size {
                    let mut lines = group.lines().map(|(_, line)| line);
                    let found = lines.find_map(|line| {
                        let record = parse(line, seq).ok()?;
                        (record.entry.position.seq == seq).then(|| (record, lossy(line)))
                    });
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                at = usize::try_from(group.end - from).unwrap_or(usize::MAX);
            }
            return Ok(None);
        }
        Ok(None)
    }
}

struct Candidates {
    seqs: Vec<u64>,
    end: Option<u64>,
}

fn parse(line: &[u8], seq: u64) -> Result<Record, ReadError> {
    let damaged = |detail: String| ReadError::Damaged { seq, detail };
    let text = std::str::from_utf8(line).map_err(|e| damaged(e.to_string()))?;
    Record::parse(text).map_err(|e| damaged(e.to_string()))
}

fn lossy(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}
