//! What an open makes of the bytes it finds: the committed prefix, and what to do with the rest.
//!
//! Rules (`spec/log.md`): a group counts iff its commit line holds over its bytes and its chain, root and
//! payloads check. An invalid group with a later valid commit line is corruption and is refused. A tail
//! without one is cut if it is no longer than a group may be and what remains is at least every watermark.

use crate::fault::Fault;
use crate::id_set::ClosedMeta;
use crate::ids::OpenIds;
use crate::index::{GroupLocation, IndexedGroup, terms_of};
use crate::replay::{Replayed, replay_group};
use crate::segment::{Group, Next, later_commit, next_group};
use crate::sequencer::{OpenSegment, StoredSnapshot};
use crate::state::State;
use crate::storage::{SegmentInfo, Storage, StorageError, segment_name};
use proofs::Blake3;
use proofs::tile::Tiles;
use spec::limits::{MAX_COMMIT_BYTES, MAX_GROUP_BYTES};
use spec::{Commit, Hash};
use std::collections::BTreeMap;

/// What stands in the log.
pub(crate) struct Recovered {
    pub(crate) state: State,
    pub(crate) tree: Tiles<Blake3>,
    pub(crate) open_ids: OpenIds,
    pub(crate) closed: Vec<ClosedMeta>,
    pub(crate) segment: OpenSegment,
    /// Bytes of the last group with its commit line.
    pub(crate) last_group: u64,
    pub(crate) tail: Option<Tail>,
}

/// Bytes after the last commit line.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    pub(crate) fault: Fault,
}

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoverError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Folds the log. `on_group` receives each group in the form the index takes it in.
pub(crate) async fn recover(
    storage: &dyn Storage,
    snapshot: Option<StoredSnapshot>,
    on_group: &mut (dyn FnMut(IndexedGroup, &Tiles<Blake3>) + Send),
) -> Result<Recovered, RecoverError> {
    let segments = storage.segments().await?;
    let mut recovered = match restore(storage, snapshot, &segments).await? {
        Some(recovered) => recovered,
        None => Recovered {
            state: State::default(),
            tree: Tiles::default(),
            open_ids: OpenIds::new(0),
            closed: Vec::new(),
            segment: OpenSegment { first: 0, len: 0 },
            last_group: 0,
            tail: None,
        },
    };
    let start = recovered.segment;
    let mut rest = segments.iter().filter(|s| s.first >= start.first).peekable();
    while let Some(segment) = rest.next() {
        let is_last = rest.peek().is_none();
        let from = if segment.first == start.first { start.len } else { 0 };
        recovered.enter(segment, from, storage).await?;
        recovered.fold_segment(storage, segment, from, is_last, on_group).await?;
    }
    Ok(recovered)
}

/// Takes up a snapshot if the log has, right before its offset, the commit line of its size and root.
async fn restore(
    storage: &dyn Storage,
    snapshot: Option<StoredSnapshot>,
    segments: &[SegmentInfo],
) -> Result<Option<Recovered>, RecoverError> {
    let Some(snapshot) = snapshot else { return Ok(None) };
    let StoredSnapshot { state, segment, offset, edge, ids } = snapshot;
    let Some(state) = state.restore() else { return Ok(None) };
    // The segments in front of it are not read now, but they must be there.
    let before = segments.iter().map(|s| s.first).take_while(|first| *first < segment);
    let all_there = before.eq(ids.iter().map(|(first, ..)| *first));
    if !all_there || !segments.iter().any(|s| s.first == segment && s.len >= offset) {
        return Ok(None);
    }
    let from = offset.saturating_sub(MAX_COMMIT_BYTES as u64);
    let length = usize::try_from(offset - from).unwrap_or(usize::MAX);
    let bytes = storage.read(segment, from, length).await?;
    let line = bytes.strip_suffix(b"\n").and_then(|b| b.rsplit(|c| *c == b'\n').next());
    let commit = line.and_then(|l| std::str::from_utf8(l).ok()).and_then(|l| Commit::parse(l).ok());
    let Some(tree) = Tiles::from_edge(state.size(), &edge) else { return Ok(None) };
    let fits = commit.is_some_and(|c| c.size == state.size() && c.root == state.tree.root())
        && tree.root() == state.tree.root();
    if !fits {
        tracing::warn!("the index's snapshot does not fit the log; reading the whole log");
        return Ok(None);
    }
    let closed = ids
        .into_iter()
        .map(|(first, oldest, newest, checksum)| ClosedMeta { first, oldest, newest, checksum, rows: None })
        .collect();
    // The last group before the snapshot is rewritten at open if nothing follows it.
    let last_group = commit.map_or(0, |c| c.bytes + line.map_or(0, |l| l.len() as u64 + 1));
    let segment = OpenSegment { first: segment, len: offset };
    Ok(Some(Recovered {
        state,
        tree,
        open_ids: OpenIds::new(segment.first),
        closed,
        segment,
        last_group,
        tail: None,
    }))
}

impl Recovered {
    /// Makes `segment` the open one; the one before it is closed.
    async fn enter(
        &mut self,
        segment: &SegmentInfo,
        from: u64,
        storage: &dyn Storage,
    ) -> Result<(), RecoverError> {
        if segment.first == self.segment.first {
            if from > 0 {
                self.read_ids(storage, segment.first, from).await?;
            }
            return Ok(());
        }
        if segment.first != self.state.size() {
            let detail =
                format!("it should start at seq {}; a segment is missing or misnamed", self.state.size());
            return Err(Fault::new("segment-name", detail).in_file(segment_name(segment.first)).into());
        }
        let previous = self.closed.last().map_or(Hash::ZERO, |meta| meta.checksum);
        let rows = std::mem::replace(&mut self.open_ids, OpenIds::new(segment.first)).to_file(previous);
        let name = crate::ids::file_name(rows.first);
        if storage.get(&name).await?.as_deref() != Some(rows.bytes()) {
            storage.put(&name, rows.bytes()).await?;
        }
        self.closed.push(ClosedMeta {
            first: rows.first,
            oldest: rows.oldest,
            newest: rows.newest,
            checksum: rows.checksum,
            rows: None,
        });
        self.segment = OpenSegment { first: segment.first, len: 0 };
        Ok(())
    }

    /// Reads the ids of the part of the open segment that the snapshot covers.
    async fn read_ids(&mut self, storage: &dyn Storage, first: u64, until: u64) -> Result<(), RecoverError> {
        let bytes = storage.read(first, 0, usize::try_from(until).unwrap_or(usize::MAX)).await?;
        let mut at = 0;
        loop {
            match next_group(&bytes, at, 0) {
                Next::End => return Ok(()),
                Next::Invalid(fault) => return Err(fault.in_file(segment_name(first)).into()),
                Next::Group(group) => {
                    for (offset, line) in group.lines() {
                        let text = String::from_utf8_lossy(line);
                        let record = spec::Record::parse(&text).map_err(|e| {
                            Fault::new("line-format", e.to_string())
                                .in_file(segment_name(first))
                                .at_byte(offset)
                        })?;
                        self.open_ids.insert_with_traces(&record, record.entry.header.identity());
                    }
                    at = usize::try_from(group.end).unwrap_or(usize::MAX);
                }
            }
        }
    }

    async fn fold_segment(
        &mut self,
        storage: &dyn Storage,
        segment: &SegmentInfo,
        from: u64,
        is_last: bool,
        on_group: &mut (dyn FnMut(IndexedGroup, &Tiles<Blake3>) + Send),
    ) -> Result<(), RecoverError> {
        let name = segment_name(segment.first);
        let length = usize::try_from(segment.len - from).unwrap_or(usize::MAX);
        let bytes = storage.read(segment.first, from, length).await?;
        let mut at = 0;
        loop {
            let fault = match next_group(&bytes, at, from) {
                Next::End => return Ok(()),
                Next::Group(group) => match self.fold_group(&group, segment.first, on_group) {
                    Ok(()) => {
                        at = usize::try_from(group.end - from).unwrap_or(usize::MAX);
                        continue;
                    }
                    // A group whose own hash holds but whose contents do not was written so: never a torn tail.
                    Err(fault) => return Err(fault.in_file(name).into()),
                },
                Next::Invalid(fault) => fault.in_file(name.clone()),
            };
            if let Some(later) = later_commit(&bytes, at) {
                let detail =
                    format!("{}; a valid commit line follows at byte {}", fault.detail, from + later);
                return Err(Fault { detail, ..fault }.into());
            }
            if !is_last {
                return Err(fault.into());
            }
            let tail = bytes.get(at..).unwrap_or_default();
            if tail.len() > MAX_GROUP_BYTES + MAX_COMMIT_BYTES {
                let detail = format!(
                    "{}; the tail of {} bytes is longer than a group may be",
                    fault.detail,
                    tail.len()
                );
                return Err(Fault { detail, ..fault }.into());
            }
            self.tail = Some(Tail {
                segment: segment.first,
                offset: from + at as u64,
                bytes: tail.len() as u64,
                fault,
            });
            return Ok(());
        }
    }

    fn fold_group(
        &mut self,
        group: &Group<'_>,
        segment: u64,
        on_group: &mut (dyn FnMut(IndexedGroup, &Tiles<Blake3>) + Send),
    ) -> Result<(), Fault> {
        let replayed = replay_group(&mut self.state, group, &mut |_, _| Ok(()))?;
        let before = self.tree.size();
        let mut terms: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for Replayed { record, .. } in &replayed {
            self.tree.push(record.leaf);
            self.open_ids.insert_with_traces(record, record.entry.header.identity());
            for term in terms_of(&record.entry.header) {
                terms.entry(term).or_default().push(record.entry.position.seq);
            }
        }
        self.segment.len = group.end;
        self.last_group = group.end - group.start;
        let first_recorded =
            replayed.first().map(|r| r.record.entry.position.recorded_at).unwrap_or_default();
        let indexed = IndexedGroup {
            location: GroupLocation {
                first: before,
                recorded_at: first_recorded,
                segment,
                offset: group.start,
                lengths: replayed.iter().map(|r| r.len as u64 + 1).collect(),
            },
            terms,
            tiles: self
                .tree
                .finished()
                .filter(|(id, _)| (id.index + 1).saturating_mul(256u64.saturating_pow(id.level + 1)) > before)
                .map(|(id, tile)| (id, std::sync::Arc::clone(tile)))
                .collect(),
            size: self.state.size(),
            root: group.commit.root,
            snapshot: None,
        };
        on_group(indexed, &self.tree);
        // The index has them now; kept here, each group would have to look through all of them again.
        self.tree.forget_below(before);
        Ok(())
    }
}
