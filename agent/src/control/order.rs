//! Commands as they are delivered, and every reason not to carry one out.
//!
//! A command counts when its entry is in the tree of a checkpoint that was verified and agrees with the one
//! remembered: nothing is done in secret. Then come its signatures, its target, its time, its approvals; the
//! node's own policy has the last word.

use crate::trust::authority::{self, Authority};
use proofs::tree::{Blake3, verify_inclusion};
use proofs::{Checkpoint, signature};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use spec::payload::{Command, CommandOrder, command_bytes};
use spec::{Author, Hash, Kind, Name, Record, Timestamp, Uuid};
use std::fmt;

/// Commands that are taken in from one answer: as many as the service gives at once. Others come with the next.
pub(crate) const MAX_DELIVERED: usize = 16;

/// Bytes of one command with its approvals and paths: its parameters are 256 KiB at most, each of five approvals has a
/// remark of 64 KiB.
const MAX_COMMAND_BYTES: usize = 1024 * 1024;

/// A command as it came, unread: what is read takes many times its bytes, so one is read at a time.
pub(crate) type Unread = Box<RawValue>;

/// An entry with its path to the checkpoint it was delivered with.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Proved {
    record: Unread,
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

/// The reason why a command is not carried out.
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
#[expect(clippy::struct_field_names, reason = "the payload is the order itself; the rest stands beside it")]
pub(crate) struct Order {
    /// Its event hash.
    pub(crate) hash: Hash,
    pub(crate) order: CommandOrder,
    /// How many other people have approved it.
    pub(crate) approved: u64,
}

impl Proved {
    fn read(&self) -> Option<Record> {
        let value: Value = serde_json::from_str(self.record.get()).ok()?;
        authority::read_record(&value).ok()
    }
}

impl Delivered {
    /// The record, if it is one at all.
    pub(crate) fn record(&self) -> Option<Record> {
        self.command.read()
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
        let approved = self.approvers(&hash, &record.entry.header.author, authority, checkpoint);
        if approved < order.approvals {
            return Err(Refusal::NotApproved);
        }
        Ok(Order { hash, order, approved })
    }

    /// How many others approved it, by entries that are in the ledger.
    fn approvers(&self, hash: &Hash, issuer: &Author, authority: &Authority, checkpoint: &Checkpoint) -> u64 {
        let mut approvers: Vec<Author> = Vec::new();
        for proved in &self.approvals {
            let Some(record) = proved.read() else { continue };
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
pub(crate) fn read(commands: Vec<Unread>) -> Vec<Delivered> {
    let delivered = |unread: Unread| {
        let bytes = unread.get().len();
        if bytes > MAX_COMMAND_BYTES {
            tracing::error!(bytes, "something was delivered that is too large for a command");
            return None;
        }
        match serde_json::from_str(unread.get()) {
            Ok(delivered) => Some(delivered),
            Err(error) => {
                tracing::error!(%error, "something was delivered that is no command");
                None
            }
        }
    };
    commands.into_iter().take(MAX_DELIVERED).filter_map(delivered).collect()
}

/// Takes the first [`MAX_DELIVERED`] commands of an answer as they came, and passes over the others.
pub(crate) fn first<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Unread>, D::Error> {
    struct First;
    impl<'de> Visitor<'de> for First {
        type Value = Vec<Unread>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("commands")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
            let mut commands = Vec::new();
            while commands.len() < MAX_DELIVERED {
                match all.next_element()? {
                    Some(command) => commands.push(command),
                    None => return Ok(commands),
                }
            }
            while all.next_element::<IgnoredAny>()?.is_some() {}
            Ok(commands)
        }
    }
    from.deserialize_seq(First)
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

    #[test]
    fn so_many_commands_of_an_answer_are_taken_in_and_each_is_so_long() {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(deserialize_with = "first")]
            commands: Vec<Unread>,
        }
        let command = |bytes: usize| {
            let proved = format!(r#"{{"inclusion":[],"record":"{}"}}"#, "x".repeat(bytes));
            format!(r#"{{"command":{proved},"since":1}}"#)
        };
        let answer = |commands: &[String]| {
            let text = format!(r#"{{"commands":[{}]}}"#, commands.join(","));
            serde_json::from_str::<Answer>(&text).unwrap().commands
        };
        let many = answer(&vec![command(1); 100]);
        assert_eq!((many.len(), read(many).len()), (MAX_DELIVERED, MAX_DELIVERED));
        let around = command(0).len();
        let longest = MAX_COMMAND_BYTES - around;
        assert_eq!(read(answer(&[command(longest), command(longest + 1), command(1)])).len(), 2);
        assert!(serde_json::from_str::<Answer>(r#"{"commands":[1,]}"#).is_err());
        assert!(serde_json::from_str::<Answer>(r#"{"commands":{}}"#).is_err());
    }

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
