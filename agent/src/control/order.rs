//! Commands as they are delivered, and every reason not to carry one out.
//!
//! A command counts when its entry is in the tree of a checkpoint that was verified and agrees with the one
//! remembered: nothing is done in secret. Then come its signatures, its target, its time, its approvals; the
//! node's own policy has the last word.

use crate::trust::authority::{self, Authority};
use proofs::tree::{Blake3, verify_inclusion};
use proofs::{Checkpoint, signature};
use serde::Deserialize;
use serde_json::Value;
use spec::payload::{Command, CommandOrder, command_bytes};
use spec::{Author, Hash, Kind, Name, Record, Timestamp, Uuid};

/// Commands that are taken in from one answer.
const MAX_DELIVERED: usize = 64;

/// An entry with its path to the checkpoint it was delivered with.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Proved {
    record: Value,
    inclusion: Vec<Hash>,
}

/// A command as the service delivers it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Delivered {
    command: Proved,
    #[serde(default)]
    approvals: Vec<Proved>,
    /// Seq of the last entry it rests on.
    pub(crate) since: u64,
}

/// Why a command is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its entry is not in the ledger.
    NotInLedger,
    /// The checkpoint that proves it lacks the quorum of the ledger's witnesses.
    NotWitnessed,
    /// The ledger that delivered it contradicts itself.
    LedgerContradiction,
    /// A signature under it does not hold.
    BadSignature,
    /// Its payload is not the one that was recorded.
    Tampered,
    /// It is for another node.
    WrongNode,
    /// It came too late.
    Expired,
    /// Its nonce was used before.
    Replayed,
    /// Another person was to approve it, and has not.
    NotApproved,
    /// This agent knows no such command.
    Unknown,
    /// The node's policy does not list it.
    NotListed,
    /// It asks for more than the node's policy allows.
    Widened,
    /// The policy that the node was told to apply does not allow it.
    Narrowed,
    /// Its parameters are not those of the command.
    BadParameters,
    /// Too many are remembered.
    TooMany,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 15] = [
        Self::NotInLedger,
        Self::NotWitnessed,
        Self::LedgerContradiction,
        Self::BadSignature,
        Self::Tampered,
        Self::WrongNode,
        Self::Expired,
        Self::Replayed,
        Self::NotApproved,
        Self::Unknown,
        Self::NotListed,
        Self::Widened,
        Self::Narrowed,
        Self::BadParameters,
        Self::TooMany,
    ];

    /// Its code in receipts.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotInLedger => "not-in-ledger",
            Self::NotWitnessed => "not-witnessed",
            Self::LedgerContradiction => "ledger-contradiction",
            Self::BadSignature => "bad-signature",
            Self::Tampered => "tampered",
            Self::WrongNode => "wrong-node",
            Self::Expired => "expired",
            Self::Replayed => "replayed",
            Self::NotApproved => "not-approved",
            Self::Unknown => "unknown-command",
            Self::NotListed => "not-listed",
            Self::Widened => "widened",
            Self::Narrowed => "narrowed",
            Self::BadParameters => "bad-parameters",
            Self::TooMany => "too-many",
        }
    }
}

/// For whom a command must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) node: Uuid,
    pub(crate) org: &'a Name,
}

/// A command that the ledger proves to have recorded.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// Its event hash.
    pub(crate) hash: Hash,
    pub(crate) order: CommandOrder,
}

impl Delivered {
    /// The record, if it is one at all.
    pub(crate) fn record(&self) -> Option<Record> {
        authority::read_record(&self.command.record).ok()
    }

    /// Where the command's entry is in the tree, if it is.
    pub(crate) fn place(&self, checkpoint: &Checkpoint) -> Option<(u64, Hash, Vec<Hash>)> {
        let record = self.record()?;
        included(&record, &self.command.inclusion, checkpoint)
            .then(|| (record.entry.position.seq, record.leaf, self.command.inclusion.clone()))
    }

    /// Checks everything that does not depend on what the node remembers or allows.
    pub(crate) fn check(
        &self,
        record: &Record,
        authority: &Authority,
        checkpoint: &Checkpoint,
        target: Target<'_>,
        now: Timestamp,
    ) -> Result<Order, Refusal> {
        if !included(record, &self.command.inclusion, checkpoint) {
            return Err(Refusal::NotInLedger);
        }
        let Some(Command::Issue(order)) = said(record, authority)? else { return Err(Refusal::Tampered) };
        let signed = command_bytes(&order, authority.ledger());
        if !signature::verify(&authority.command_key(record.entry.position.seq), &signed, &order.sig) {
            return Err(Refusal::BadSignature);
        }
        if order.node != target.node || record.entry.header.org != *target.org {
            return Err(Refusal::WrongNode);
        }
        if order.expires_at <= now {
            return Err(Refusal::Expired);
        }
        let hash = record.entry.header.event_hash(&record.entry.sig);
        if self.approvers(&hash, &record.entry.header.author, authority, checkpoint) < order.approvals {
            return Err(Refusal::NotApproved);
        }
        Ok(Order { hash, order })
    }

    /// How many others approved it, by entries that are in the ledger.
    fn approvers(&self, hash: &Hash, issuer: &Author, authority: &Authority, checkpoint: &Checkpoint) -> u64 {
        let mut approvers: Vec<Author> = Vec::new();
        for proved in &self.approvals {
            let Ok(record) = authority::read_record(&proved.record) else { continue };
            let author = &record.entry.header.author;
            let said = said(&record, authority);
            let agrees = matches!(said, Ok(Some(Command::Approve { target, .. })) if target == *hash);
            let is_other = author != issuer && !approvers.contains(author);
            // People approve, not nodes.
            let may = is_other && !matches!(author, Author::Node(_));
            if may && agrees && included(&record, &proved.inclusion, checkpoint) {
                approvers.push(author.clone());
            }
        }
        approvers.len() as u64
    }
}

/// Delivered commands, as far as they have the form of such.
pub(crate) fn read(values: Vec<Value>) -> Vec<Delivered> {
    let delivered = |value| match serde_json::from_value(value) {
        Ok(delivered) => Some(delivered),
        Err(error) => {
            tracing::error!(%error, "something was delivered that is no command");
            None
        }
    };
    values.into_iter().take(MAX_DELIVERED).filter_map(delivered).collect()
}

fn included(record: &Record, path: &[Hash], checkpoint: &Checkpoint) -> bool {
    let seq = record.entry.position.seq;
    verify_inclusion::<Blake3>(&record.leaf, seq, checkpoint.size, path, &checkpoint.root).is_ok()
}

/// What an entry about commands says, if the ledger's service signed it and its payload is the one recorded.
fn said(record: &Record, authority: &Authority) -> Result<Option<Command>, Refusal> {
    let header = &record.entry.header;
    let service = authority.service_key(record.entry.position.seq);
    let signed =
        header.key == service && signature::verify(&service, &header.signing_bytes(), &record.entry.sig);
    if !signed || header.ledger != *authority.ledger() {
        return Err(Refusal::BadSignature);
    }
    if header.kind != Kind::Command {
        return Ok(None);
    }
    authority::payload(record).map(Some).ok_or(Refusal::Tampered)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reason has its row in the specification, and the other way round.
    #[test]
    fn the_codes_are_those_of_the_specification() {
        let text = include_str!("../../../spec/api.md");
        let table =
            text.split("A node MUST refuse a command").nth(1).and_then(|rest| rest.split("\n\n").nth(1));
        let cells = table.unwrap().lines().skip(2).filter_map(|row| row.split('|').nth(1));
        let mut written: Vec<&str> =
            cells.flat_map(|cell| cell.split(',')).map(|c| c.trim().trim_matches('`')).collect();
        let mut known: Vec<&str> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
        written.sort_unstable();
        known.sort_unstable();
        assert_eq!(written, known);
    }
}
