//! What accusations say of other entries: whether the place was held, and that the event is not in the log.
//!
//! An auditor does not keep every event's hash for the few entries that are ever named. It notes which ones have to be
//! looked at, and reads these once more when it is through.

use crate::admission::{Claim, Doubt};
use crate::fault::Fault;
use crate::segment::{Next, next_group};
use spec::{Hash, Record};
use std::collections::BTreeSet;

/// An entry that has to be looked at before an accusation counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Seq of the entry.
    pub at: u64,
    /// What is said of it.
    pub claim: Claim,
}

impl Pending {
    /// Why the entry does not bear out what is said of it.
    fn problem(&self, record: &Record) -> Option<&'static str> {
        match self.claim.doubt {
            Doubt::Holds { .. } => (!self.claim.is_borne_out_by(record))
                .then_some("the entry it names does not hold the place with another event"),
            Doubt::Unrecorded { .. } => (record.entry.header.event_hash(&record.entry.sig)
                == self.claim.quoted)
                .then_some("the event it says was refused is in the log"),
        }
    }
}

fn unfounded(claim: &Claim, problem: &str) -> Fault {
    Fault::new("admission", format!("an accusation without ground: {problem}")).at_seq(claim.by)
}

/// What has to be looked at for these claims, and what is wrong with them already; `identities` are those of all
/// entries, sorted.
pub(super) fn take(claims: Vec<Claim>, identities: &[(Hash, u64)]) -> (Vec<Pending>, Vec<Fault>) {
    let (mut pending, mut faults) = (Vec::new(), Vec::new());
    let mut refused = BTreeSet::new();
    for claim in claims {
        match claim.doubt {
            Doubt::Holds { at, .. } => pending.push(Pending { at, claim }),
            Doubt::Unrecorded { identity, taken } => {
                if !refused.insert(claim.quoted) {
                    faults.push(unfounded(&claim, "the event was refused before"));
                    continue;
                }
                let first = identities.partition_point(|(known, _)| *known < identity);
                let same = identities.get(first..).unwrap_or_default().iter();
                let seqs: Vec<u64> =
                    same.take_while(|(known, _)| *known == identity).map(|(_, seq)| *seq).collect();
                if taken && !seqs.iter().any(|seq| *seq < claim.by) {
                    faults.push(unfounded(&claim, "no event before has the id"));
                }
                pending.extend(seqs.into_iter().map(|at| Pending { at, claim: claim.clone() }));
            }
        }
    }
    (pending, faults)
}

/// Looks at the entries that accusations speak of: what is wrong with these. `segments` are the first seqs of all
/// segments, in order, and `read` gives the bytes of one.
pub(super) fn settle(
    mut pending: Vec<Pending>,
    segments: &[u64],
    read: &mut dyn FnMut(u64) -> Result<Vec<u8>, Fault>,
) -> Vec<Fault> {
    pending.sort_by_key(|pending| pending.at);
    let mut faults = Vec::new();
    let mut open: Option<(u64, Vec<u8>)> = None;
    for pending in pending {
        let Some(first) = segments.iter().rev().find(|first| **first <= pending.at).copied() else {
            continue;
        };
        if open.as_ref().is_none_or(|(held, _)| *held != first) {
            match read(first) {
                Ok(bytes) => open = Some((first, bytes)),
                Err(fault) => {
                    faults.push(fault);
                    return faults;
                }
            }
        }
        let record = open.as_ref().and_then(|(_, bytes)| record_at(bytes, pending.at));
        let problem = match record {
            Some(record) => pending.problem(&record),
            None => Some("the entry it names is not there"),
        };
        faults.extend(problem.map(|problem| unfounded(&pending.claim, problem)));
    }
    faults
}

/// The record of an entry among the groups of its segment.
fn record_at(bytes: &[u8], seq: u64) -> Option<Record> {
    let mut at = 0;
    while let Next::Group(group) = next_group(bytes, at, 0) {
        if group.commit.size > seq {
            let back = usize::try_from(group.commit.size - 1 - seq).ok()?;
            let lines: Vec<&[u8]> = group.lines().map(|(_, line)| line).collect();
            let line = lines.get(lines.len().checked_sub(back + 1)?)?;
            return Record::parse(std::str::from_utf8(line).ok()?).ok();
        }
        at = usize::try_from(group.end).ok()?;
    }
    None
}
