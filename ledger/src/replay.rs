//! Folding groups from disk back into the state: what recovery and the auditor share.
//!
//! A group is taken whole or not at all: form, density, chain, lanes, clock, payloads and the root its
//! commit line names are checked before anything of it counts.

use crate::fault::Fault;
use crate::segment::Group;
use crate::state::{Leaf, State};
use spec::entry::{Line, Record};
use spec::payload::Clock;
use spec::{Hash, Kind, canonical};
use std::ops::Range;

/// A record that has been folded in.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// The record.
    pub record: Record,
    /// Where J(header) stands in the line: before and after the signature.
    pub header: [Range<usize>; 2],
    /// Its event hash.
    pub event_hash: Hash,
    /// Offset of its line in the segment.
    pub offset: u64,
    /// Length of its line without LF.
    pub len: usize,
}

/// A function that is called for each record before it is applied: the auditor's place to replay admission.
pub type Inspect<'a> = &'a mut dyn FnMut(&State, &Replayed) -> Result<(), Fault>;

/// Folds one group into `state`. On a fault the state is spoilt and must be dropped.
pub fn replay_group(
    state: &mut State,
    group: &Group<'_>,
    inspect: Inspect<'_>,
) -> Result<Vec<Replayed>, Fault> {
    let mut replayed = Vec::new();
    for (offset, line) in group.lines() {
        let seq = state.size();
        let item = replay_line(state, line, offset, inspect).map_err(|f| f.at_seq(seq).at_byte(offset))?;
        replayed.push(item);
    }
    let at_commit =
        |code, detail: String| Fault::new(code, detail).at_byte(group.start + group.records.len() as u64);
    if state.size() != group.commit.size {
        let detail =
            format!("the commit line names size {}, the group ends at {}", group.commit.size, state.size());
        return Err(at_commit("commit-size", detail));
    }
    if replayed.is_empty() {
        return Err(at_commit("commit-empty", "a commit line without entries".to_owned()));
    }
    let root = state.tree.root();
    if root != group.commit.root {
        let detail = format!("the commit line names root {}, the tree's is {root}", group.commit.root);
        return Err(at_commit("commit-root", detail));
    }
    Ok(replayed)
}

fn replay_line(state: &mut State, line: &[u8], offset: u64, inspect: Inspect<'_>) -> Result<Replayed, Fault> {
    let read = read_line(line)?;
    let event_hash = read.event_hash();
    let entry = read.entry();
    let Line { record, header, .. } = read;
    check_payload(&record)?;
    check_position(state, &record)?;
    let item = Replayed { record, header, event_hash, offset, len: line.len() };
    inspect(state, &item)?;
    apply(state, &item, entry)?;
    Ok(item)
}

fn read_line(line: &[u8]) -> Result<Line<'_>, Fault> {
    // A line that is what its typed parts write is canonical where its payload is.
    if let Ok(text) = std::str::from_utf8(line)
        && let Ok(read) = Line::parse(text)
        && read.record.payload.as_ref().is_none_or(|p| canonical::check_member(&p.json).is_ok())
    {
        return Ok(read);
    }
    // Something is wrong: the whole is read again to say what.
    let text = canonical::check(line).map_err(|e| Fault::new("line-canonical", e.to_string()))?;
    Line::parse(text).map_err(|e| Fault::new("line-format", e.to_string()))
}

fn check_payload(record: &Record) -> Result<(), Fault> {
    match &record.payload {
        Some(payload) if payload.hash() == record.entry.header.payload_hash => Ok(()),
        Some(_) => Err(Fault::new("payload-hash", "the payload is not the one the header commits to")),
        None => Err(Fault::new("payload-missing", "the payload is missing and no erasure accounts for it")),
    }
}

fn check_position(state: &State, record: &Record) -> Result<(), Fault> {
    let position = &record.entry.position;
    let expected = state.next_position(&record.entry.header.org, position.recorded_at);
    if position.seq != expected.seq {
        return Err(Fault::new(
            "seq",
            format!("the entry says seq {}, its place is {}", position.seq, expected.seq),
        ));
    }
    if position.prev != expected.prev {
        return Err(Fault::new("chain", "prev is not the leaf of the entry before"));
    }
    if position.lane != expected.lane {
        return Err(Fault::new("lane", "the lane does not continue the organisation's entries"));
    }
    check_time(state, record)?;
    if position.seq == 0 && record.entry.header.kind != Kind::Genesis {
        return Err(Fault::new("genesis", "entry 0 is not a genesis event"));
    }
    Ok(())
}

/// Times go forward, but for the entry that sets the clock back: it stands where it says.
fn check_time(state: &State, record: &Record) -> Result<(), Fault> {
    let recorded_at = record.entry.position.recorded_at;
    if record.entry.header.kind != Kind::Clock {
        let goes_on = recorded_at >= state.last_recorded;
        let back = || Fault::new("clock", "recorded_at lies before that of the entry in front");
        return if goes_on { Ok(()) } else { Err(back()) };
    }
    let json = record.payload.as_ref().map_or("", |payload| &payload.json);
    let schema = |problem: String| Fault::new("payload-schema", problem);
    let version = record.entry.header.payload_version;
    Kind::Clock.check_payload(version, json).map_err(|e| schema(e.to_string()))?;
    let said: Clock = serde_json::from_str(json).map_err(|e| schema(e.to_string()))?;
    if (said.time, said.last) == (recorded_at, state.last_recorded) {
        Ok(())
    } else {
        Err(Fault::new("clock", "it sets the clock back from, or to, another time than the log's"))
    }
}

fn apply(state: &mut State, item: &Replayed, bytes: &str) -> Result<(), Fault> {
    let entry = &item.record.entry;
    let payload = item.record.payload.as_ref().map(|p| &*p.json);
    let leaf = Leaf { hash: item.record.leaf, bytes: bytes.as_bytes() };
    state
        .apply(&entry.header, item.event_hash, &entry.position, leaf, payload)
        .map_err(|e| Fault::new("payload-schema", e.to_string()))
}
