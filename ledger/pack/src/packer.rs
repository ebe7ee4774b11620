//! From the lines of a segment to a Parquet file.

use crate::about::{self, About};
use crate::cell::Cell;
use crate::checksums::{self, CHECKSUM, Parts, TAIL};
use crate::column;
use crate::rows::Rows;
use crate::schema::{self, COLUMNS};
use crate::walk::{Chains, Walk};
use crate::{FORMAT, GROUP_ROWS, MAX_PLAIN_BYTES, PackError};
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;
use proofs::Blake3;
use proofs::tree::Frontier;
use spec::{Commit, Domain, Hash};
use std::ops::Range;
use std::sync::Arc;

/// Links of an author chain after which one says its `prev` though it follows: who reads one entry goes no further back.
const CHAIN_STRIDE: usize = 64;

/// An entry on its way into the file: what of its place does not follow from the entries before.
#[derive(Debug)]
struct Placed {
    line: Range<usize>,
    seq: u64,
    /// The author; nothing where the line is kept as it is.
    author: Option<Box<str>>,
    prev: Option<Hash>,
    lane_n: Option<u64>,
    lane_prev: Option<Hash>,
    group_end: bool,
    root: Option<Hash>,
}

/// The packed form of a closed segment that begins with entry `first`.
///
/// `edge` is the tree at `first`; without it every root of a commit line takes 32 bytes. The order of the rows and what
/// stands in them follows from the arguments, the bytes of the file from the library as well.
///
/// # Errors
/// [`PackError::Unsound`]: the segment is damaged or not closed; it stays as it is.
pub fn pack(first: u64, plain: &[u8], edge: Option<&Frontier<Blake3>>) -> Result<Vec<u8>, PackError> {
    if plain.len() as u64 > MAX_PLAIN_BYTES {
        return Err(PackError::TooLarge(plain.len() as u64));
    }
    let edge = edge.filter(|tree| tree.size() == first);
    let mut placed = place(first, plain, edge)?;
    placed.sort_by(|a, b| (&a.author, a.seq).cmp(&(&b.author, b.seq)));
    let about = About {
        bytes: plain.len() as u64,
        edge: edge.map(|tree| tree.roots().to_vec()),
        first,
        format: FORMAT.to_owned(),
        hash: Hash::of(Domain::Segment, &[plain]),
    };
    write(&placed, plain, &about)
}

/// Walks through the groups of a segment.
fn place(first: u64, plain: &[u8], edge: Option<&Frontier<Blake3>>) -> Result<Vec<Placed>, PackError> {
    let unsound =
        |at: usize, problem: &str| PackError::Unsound { at: at as u64, problem: problem.to_owned() };
    let mut walk = Walk::new(first, edge.cloned());
    let mut placed: Vec<Placed> = Vec::new();
    let (mut at, mut group) = (0, 0);
    for line in plain.split_inclusive(|byte| *byte == b'\n') {
        let from = at;
        at += line.len();
        let text = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
        let text = text.ok_or_else(|| unsound(from, "not a line of text"))?;
        if !Commit::looks_like(text.as_bytes()) {
            placed.push(place_line(&mut walk, text, from));
            continue;
        }
        let commit = Commit::parse(text).map_err(|error| unsound(from, &error.to_string()))?;
        let records = plain.get(group..from).unwrap_or_default();
        if Commit::of(records, walk.seq, commit.root) != commit {
            return Err(unsound(from, "the commit line is not that of the lines in front of it"));
        }
        let last = placed.last_mut().filter(|last| !last.group_end);
        let last = last.ok_or_else(|| unsound(from, "a group without an entry"))?;
        last.group_end = true;
        last.root = (walk.root() != Some(commit.root)).then_some(commit.root);
        group = at;
    }
    if group != plain.len() || placed.is_empty() {
        return Err(unsound(group, "it does not end with a commit line"));
    }
    Ok(placed)
}

/// Places a record line. What no reader would take for the record of this place is kept as the line that it is.
fn place_line(walk: &mut Walk, text: &str, from: usize) -> Placed {
    let seq = walk.seq;
    let mut placed = Placed {
        line: from..from + text.len(),
        seq,
        author: None,
        prev: None,
        lane_n: None,
        lane_prev: None,
        group_end: false,
        root: None,
    };
    let record = spec::Record::parse(text).ok().filter(|record| record.entry.position.seq == seq);
    let Some(record) = record else {
        walk.over_line();
        return placed;
    };
    let (position, header) = (&record.entry.position, &record.entry.header);
    let lane = walk.lane(&header.org);
    placed.author = Some(header.author.to_string().into());
    placed.prev = (walk.prev() != Some(position.prev)).then_some(position.prev);
    placed.lane_n = (lane.map(|lane| lane.n) != Some(position.lane.n)).then_some(position.lane.n);
    placed.lane_prev = (lane.map(|lane| lane.prev) != Some(position.lane.prev)).then_some(position.lane.prev);
    walk.over(&header.org, position.lane.n, record.leaf);
    placed
}

fn write(placed: &[Placed], plain: &[u8], about: &About) -> Result<Vec<u8>, PackError> {
    let mut file =
        SerializedFileWriter::new(Vec::new(), Arc::new(schema::schema()?), Arc::new(schema::properties()?))?;
    let mut starts = Vec::new();
    for group in placed.chunks(GROUP_ROWS) {
        starts.push(file.bytes_written() as u64);
        let mut rows = fill(group, plain);
        let mut writer = file.next_row_group()?;
        let mut number = 0;
        while let Some(mut column) = writer.next_column()? {
            if let Some(spec) = COLUMNS.get(number) {
                column::write(column.untyped(), spec, rows.filled(number))?;
            }
            column.close()?;
            number += 1;
        }
        writer.close()?;
    }
    let room = vec![0; (starts.len() + 1) * CHECKSUM];
    file.write_all(&room).map_err(parquet::errors::ParquetError::from)?;
    let footer = file.bytes_written() as u64;
    file.append_key_value_metadata(KeyValue::new(about::NAME.to_owned(), about.write()));
    let mut bytes = file.into_inner()?;
    seal(&starts, footer, &mut bytes)?;
    Ok(bytes)
}

/// Puts the checksums into the room that is left for them.
fn seal(starts: &[u64], footer: u64, bytes: &mut [u8]) -> Result<(), PackError> {
    let broken = |problem: String| parquet::errors::ParquetError::General(problem);
    let parts = Parts::new(starts, footer, bytes.len() as u64).map_err(|e| broken(e.to_string()))?;
    debug_assert!(parts.end.end - parts.end.start > TAIL as u64, "a file has a footer");
    let place = |range: &Range<u64>| {
        let [from, to] = [range.start, range.end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        from..to
    };
    let mut sums = Vec::new();
    for part in parts.groups.iter().chain([&parts.end]) {
        sums.extend_from_slice(&checksums::of(bytes.get(place(part)).unwrap_or_default()).0);
    }
    if let Some(room) = bytes.get_mut(place(&parts.checksums)) {
        room.copy_from_slice(&sums);
    }
    Ok(())
}

/// The rows of a row group.
fn fill(group: &[Placed], plain: &[u8]) -> Rows {
    let mut rows = Rows::new(group.len());
    let (mut chains, mut links) = (Chains::default(), 0);
    let mut author = None;
    for (row, placed) in group.iter().enumerate() {
        let text = plain.get(placed.line.clone()).and_then(|line| std::str::from_utf8(line).ok());
        let text = text.unwrap_or_default();
        rows.set(row, schema::SEQ, Cell::number(placed.seq).unwrap_or(Cell::Int(0)));
        rows.set(row, schema::GROUP_END, Cell::Bool(placed.group_end));
        rows.set(row, schema::COMMIT_ROOT, Cell::from(placed.root.as_ref().map(|root| &root.0)));
        let line = placed.author.as_ref().and_then(|_| spec::Line::parse(text).ok());
        let Some(line) = line else {
            rows.set(row, schema::LINE, Cell::from(text));
            continue;
        };
        // Numbers of a record that was read are at most 2^53 − 1, so a row can always be filled.
        let filled = rows.fill(row, &line.record);
        debug_assert!(filled.is_some(), "a number of canonical JSON fits a column");
        if author != placed.author {
            (author, links) = (placed.author.clone(), 0);
        }
        let header = &line.record.entry.header;
        if let Some(link) = &header.chain {
            if chains.prev(header.key, link) != Some(link.prev) || links % CHAIN_STRIDE == 0 {
                rows.set(row, schema::CHAIN_PREV, Cell::from(&link.prev.0));
            }
            chains.over(header.key, link, line.event_hash());
            links += 1;
        }
        rows.set(row, schema::PREV, Cell::from(placed.prev.as_ref().map(|hash| &hash.0)));
        rows.set(row, schema::LANE_N, placed.lane_n.and_then(Cell::number).unwrap_or(Cell::Nothing));
        rows.set(row, schema::LANE_PREV, Cell::from(placed.lane_prev.as_ref().map(|hash| &hash.0)));
    }
    rows
}
