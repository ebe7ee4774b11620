//! The whole segment.

use super::Packed;
use crate::rows::{Problem, Rows, Said};
use crate::schema as column;
use crate::walk::{Chains, Walk};
use crate::{MAX_PLAIN_BYTES, UnpackError};
use parquet::data_type::ByteArray;
use spec::entry::{Position, write_record};
use spec::event::Payload;
use spec::{Commit, Domain, Hash, Lane, Name, Timestamp};

/// An entry on its way back into the order of the log.
#[derive(Debug)]
struct Piece {
    place: (usize, usize),
    what: What,
    group_end: bool,
    root: Option<Hash>,
}

#[derive(Debug)]
enum What {
    Line(ByteArray),
    Record {
        event: Box<[u8]>,
        payload: Option<Payload>,
        org: Name,
        recorded_at: Timestamp,
        prev: Option<Hash>,
        lane_n: Option<u64>,
        lane_prev: Option<Hash>,
    },
}

impl Packed<'_> {
    /// The bytes of the plain segment, which have the hash that the file names.
    pub fn unpack(&self) -> Result<Vec<u8>, UnpackError> {
        let count = usize::try_from(self.entries()).unwrap_or(0);
        let mut pieces: Vec<Option<Piece>> = (0..count).map(|_| None).collect();
        let mut taken = 0;
        for group in 0..self.parts.groups.len() {
            let rows = self.rows(group)?;
            self.take(group, &rows, &mut pieces, &mut taken)?;
        }
        let plain = self.join(pieces)?;
        if Hash::of(Domain::Segment, &[&plain]) != self.about.hash {
            return Err(UnpackError::Hash);
        }
        Ok(plain)
    }

    /// Reads the rows of a row group. `taken` counts the bytes that they come to so far.
    fn take(
        &self,
        group: usize,
        rows: &Rows,
        pieces: &mut [Option<Piece>],
        taken: &mut u64,
    ) -> Result<(), UnpackError> {
        let mut chains = Chains::default();
        for row in 0..rows.count {
            let wrong = |problem: Problem| UnpackError::row(group, row, problem);
            let seq = rows.number(row, column::SEQ).map_err(wrong)?;
            let place = seq.and_then(|seq| seq.checked_sub(self.about.first));
            let place = place.and_then(|place| pieces.get_mut(usize::try_from(place).ok()?));
            let place = place.filter(|place| place.is_none());
            let place = place.ok_or_else(|| UnpackError::row(group, row, "seq: not one of its own"))?;
            let what = match rows.cell(row, column::LINE) {
                crate::cell::Cell::Bytes(line) => What::Line(line.clone()),
                _ => What::record(rows, row, &mut chains).map_err(wrong)?,
            };
            *taken += what.size();
            self.within(*taken)?;
            let group_end = rows.is_true(row, column::GROUP_END);
            *place = Some(Piece {
                place: (group, row),
                what,
                group_end,
                root: rows.hash(row, column::COMMIT_ROOT),
            });
        }
        Ok(())
    }

    /// A file that says little and stands for much is stopped where it is more than it says.
    fn within(&self, size: u64) -> Result<(), UnpackError> {
        let limit = self.about.bytes.min(MAX_PLAIN_BYTES);
        if size > limit {
            return Err(UnpackError::TooLarge { what: "the plain segment", size, limit });
        }
        Ok(())
    }

    fn join(&self, pieces: Vec<Option<Piece>>) -> Result<Vec<u8>, UnpackError> {
        let mut walk = Walk::new(self.about.first, self.about.frontier());
        let mut plain = Vec::with_capacity(usize::try_from(self.about.bytes).unwrap_or(0));
        let mut group = 0;
        for piece in pieces.into_iter().flatten() {
            let (in_group, row) = piece.place;
            let wrong = |problem: &str| UnpackError::row(in_group, row, problem);
            piece.what.write(&mut walk, &mut plain).map_err(wrong)?;
            plain.push(b'\n');
            if piece.group_end {
                let root = piece.root.or_else(|| walk.root()).ok_or_else(|| wrong("commit_root: missing"))?;
                let records = plain.get(group..).unwrap_or_default();
                Commit::of(records, walk.seq, root).write_line(&mut plain);
                group = plain.len();
            }
            self.within(plain.len() as u64)?;
        }
        Ok(plain)
    }
}

impl What {
    fn record(rows: &Rows, row: usize, chains: &mut Chains) -> Result<Self, Problem> {
        let Said { header, sig, payload, recorded_at } = rows.said(row, chains)?;
        let mut event = Vec::with_capacity(1024);
        let signature = header.write_signed(&sig, &mut event);
        if let Some(link) = &header.chain {
            let [before, after] = [event.get(..signature.start), event.get(signature.end..)];
            let parts = [before.unwrap_or_default(), after.unwrap_or_default(), &sig.0];
            chains.over(header.key, link, Hash::of(Domain::Event, &parts));
        }
        Ok(Self::Record {
            event: event.into(),
            payload,
            org: header.org,
            recorded_at,
            prev: rows.hash(row, column::PREV),
            lane_n: rows.number(row, column::LANE_N)?,
            lane_prev: rows.hash(row, column::LANE_PREV),
        })
    }

    fn size(&self) -> u64 {
        let size = match self {
            Self::Line(line) => line.len(),
            Self::Record { event, payload, .. } => event.len() + payload.as_ref().map_or(0, |p| p.json.len()),
        };
        size as u64
    }

    fn write(self, walk: &mut Walk, out: &mut Vec<u8>) -> Result<(), &'static str> {
        match self {
            Self::Line(line) => {
                walk.over_line();
                out.extend_from_slice(line.data());
            }
            Self::Record { event, payload, org, recorded_at, prev, lane_n, lane_prev } => {
                let lane = walk.lane(&org);
                let position = Position {
                    seq: walk.seq,
                    prev: prev.or_else(|| walk.prev()).ok_or("prev: missing")?,
                    lane: Lane {
                        n: lane_n.or(lane.map(|lane| lane.n)).ok_or("lane_n: missing")?,
                        prev: lane_prev.or(lane.map(|lane| lane.prev)).ok_or("lane_prev: missing")?,
                    },
                    recorded_at,
                };
                let entry = write_record(&position, &event, payload.as_ref(), out);
                let leaf = Hash::of(Domain::Leaf, &[out.get(entry).unwrap_or_default()]);
                walk.over(&org, position.lane.n, leaf);
            }
        }
        Ok(())
    }
}
