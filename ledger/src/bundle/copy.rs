//! A bundle from files alone: an export, a disk mounted read-only, a directory that nobody has open. Needs no key, and
//! writes nothing.

use super::BundleError;
use crate::fault::Fault;
use crate::replay::replay_group;
use crate::segment::{Next, next_group};
use crate::state::{State, key_path, key_value};
use crate::storage::segment_name;
use crate::verify::Source;
use crate::watermark::{COSIGNED_FILE, ROOT_FILE};
use proofs::bundle::{Bundle, FORMAT, Included, KeyProof};
use proofs::tile::{Tiles, inclusion_proof};
use proofs::{Blake3, Checkpoint, note::Note};
use serde_json::Value;
use spec::Hash;
use std::collections::BTreeMap;

/// Everything that proves entry `seq` under the checkpoints beside the log. The log is folded up to there; that it holds
/// is for whoever verifies the bundle.
pub fn from_log(source: &dyn Source, seq: u64) -> Result<Bundle, BundleError> {
    let (note, checkpoint) = covering(source, seq)?;
    let folded = Folded::up_to(source, checkpoint.size)?;
    let Folded { state, tree, lines } = &folded;
    if state.tree.root() != checkpoint.root || state.key_map().root() != checkpoint.keys {
        let detail = "the log is not that of the checkpoint beside it; run `ledger verify`";
        return Err(Fault::new("checkpoint", detail).into());
    }
    let mut record = lines.read(source, seq)?;
    let missing = || BundleError::NoEntry { seq, size: checkpoint.size };
    let key = record.pointer("/entry/event/key").and_then(Value::as_str).and_then(|key| key.parse().ok());
    let (known, path) = key
        .and_then(|key| Some((state.keys.get(&key)?, state.key_map().prove(&key_path(&key))?.0)))
        .ok_or_else(missing)?;
    let inclusion = |seq| inclusion_proof::<Blake3>(tree, seq, checkpoint.size);
    let authority = state.authority_seqs.iter().map(|seq| lines.read(source, *seq));
    let salt = record.get("salt").and_then(Value::as_str).and_then(|salt| Hash::from_hex(salt).ok());
    Ok(Bundle {
        authority: authority.collect::<Result<_, _>>()?,
        checkpoint: note,
        entry: record.get_mut("entry").map(Value::take).unwrap_or_default(),
        format: FORMAT.to_owned(),
        inclusion: inclusion(seq)?,
        introduction: Included {
            inclusion: inclusion(known.introduced)?,
            record: lines.read(source, known.introduced)?,
        },
        key: KeyProof { path, record: key_value(known) },
        ledger: state.ledger,
        payload: record.get_mut("payload").map(Value::take),
        salt,
    })
}

/// The checkpoint to prove the entry under.
fn covering(source: &dyn Source, seq: u64) -> Result<(String, Checkpoint), BundleError> {
    let mut newest = 0;
    for name in [COSIGNED_FILE, ROOT_FILE] {
        let Some(bytes) = source.document(name)? else { continue };
        let fault = |problem: String| Fault::new("checkpoint", problem).in_file(name);
        let note = Note::parse(&bytes).map_err(|e| fault(e.to_string()))?;
        let checkpoint = Checkpoint::parse(&note.text).map_err(|e| fault(e.to_string()))?;
        if seq < checkpoint.size {
            return Ok((note.to_string(), checkpoint));
        }
        newest = newest.max(checkpoint.size);
    }
    Err(BundleError::Uncovered { seq, size: newest })
}

/// Where lines of entries stand: by the seq of a group's first entry, the segment and the group's offset in it.
#[derive(Default)]
struct Lines(BTreeMap<u64, (u64, usize)>);

struct Folded {
    state: State,
    tree: Tiles<Blake3>,
    lines: Lines,
}

impl Folded {
    fn up_to(source: &dyn Source, size: u64) -> Result<Self, BundleError> {
        let mut folded = Self { state: State::default(), tree: Tiles::default(), lines: Lines::default() };
        for (first, _) in source.segments()? {
            let bytes = source.segment(first)?;
            let mut at = 0;
            while folded.state.size() < size
                && let Next::Group(group) = next_group(&bytes, at, 0)
            {
                folded.lines.0.insert(folded.state.size(), (first, at));
                let in_file = |fault: Fault| fault.in_file(segment_name(first));
                for item in replay_group(&mut folded.state, &group, &mut |_, _| Ok(())).map_err(in_file)? {
                    folded.tree.push(item.record.leaf);
                }
                at = usize::try_from(group.end).unwrap_or(usize::MAX);
            }
        }
        Ok(folded)
    }
}

impl Lines {
    /// The record of an entry.
    fn read(&self, source: &dyn Source, seq: u64) -> Result<Value, BundleError> {
        let missing = || Fault::new("seq", "the entry is missing").at_seq(seq);
        let (from, (segment, at)) = self.0.range(..=seq).next_back().ok_or_else(missing)?;
        let bytes = source.segment(*segment)?;
        let Next::Group(group) = next_group(&bytes, *at, 0) else { return Err(missing().into()) };
        let nth = usize::try_from(seq - from).unwrap_or(usize::MAX);
        let line = group.lines().nth(nth).and_then(|(_, line)| serde_json::from_slice(line).ok());
        line.ok_or_else(|| missing().into())
    }
}
