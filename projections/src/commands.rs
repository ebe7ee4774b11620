//! Commands: what was ordered, who approved it, and what the node says became of it.
//!
//! ```text
//! command issue      → issued
//! command approve    by another person, until it has run out  → approvals; with all of them, approved
//! command cancel     before the node began                    → cancelled
//! receipt            by the node itself: running              → running
//!                    succeeded, failed, refused               → that; the first counts
//! time               its end came before any of these         → expired
//! ```
//!
//! Whether a command has run out is a question about a moment: see [`GivenCommand::state`].

use crate::Projection;
use crate::fact::{Fact, Said};
use crate::fold::part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{Command, CommandOrder, CommandReceipt, ReceiptState};
use spec::{Author, Hash, Name, Timestamp, Uuid};
use std::collections::BTreeMap;

/// Commands of an organisation that are over and still kept: several roll-outs over a large fleet.
pub const MAX_SETTLED: usize = 1000;

/// Commands of an organisation that are kept at all: a node that began and never ended leaves one open.
pub const MAX_COMMANDS: usize = 8192;

/// So many at a time are looked through for what is to go; so there may be this many more than the above.
pub const BATCH: usize = 64;

/// Bytes of what a command wrote that are kept; the entry of the receipt has it all.
pub const MAX_OUTPUT_BYTES: usize = 4096;

/// The commands of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commands {
    orgs: BTreeMap<Name, BTreeMap<u64, GivenCommand>>,
    hashes: BTreeMap<Hash, (Name, u64)>,
    /// Those that a node may still have to carry out, by seq, with their organisation.
    by_node: BTreeMap<Uuid, BTreeMap<u64, Name>>,
}

/// A command that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GivenCommand {
    /// Its event hash, by which others name it.
    pub hash: Hash,
    /// Seq of its entry.
    pub seq: u64,
    /// When it was recorded.
    pub issued_at: Timestamp,
    /// Who gave it.
    pub issuer: Author,
    /// The tenant it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// What was ordered.
    pub order: CommandOrder,
    /// Who approved it, in order.
    pub approvals: Vec<Word>,
    /// Who took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Word>,
    /// When the node said that it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::keys::Mark>")]
    pub begun: Option<Ran>,
    /// What the node said became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// Somebody's word on a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OperatorAction")]
pub struct Word {
    /// Whose.
    pub author: Author,
    /// Seq of its entry.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// The place of a node's word on a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// Seq of its entry.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// The end of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CommandResult")]
pub struct Ended {
    /// Seq of the receipt's entry.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Whether the receipt has more output than is kept here.
    pub output_cut: bool,
    /// What the receipt says.
    pub receipt: CommandReceipt,
}

/// The state to which a command has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CommandState {
    /// It was given, and lacks approvals if it needs any.
    Issued,
    /// It has all the approvals it needs.
    Approved,
    /// The node has begun.
    Running,
    /// The node carried it out.
    Succeeded,
    /// The node began, and it failed.
    Failed,
    /// The node did not begin.
    Refused,
    /// It was taken back before the node began.
    Cancelled,
    /// Its time ran out before the node said that it began.
    Expired,
}

impl CommandState {
    /// Whether nothing more is expected to happen.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Issued | Self::Approved | Self::Running)
    }
}

impl GivenCommand {
    /// How far it has come at `now`.
    pub fn state(&self, now: Timestamp) -> CommandState {
        if let Some(ended) = &self.ended {
            return match ended.receipt.state {
                ReceiptState::Running => CommandState::Running,
                ReceiptState::Succeeded => CommandState::Succeeded,
                ReceiptState::Failed => CommandState::Failed,
                ReceiptState::Refused => CommandState::Refused,
            };
        }
        if self.begun.is_some() {
            CommandState::Running
        } else if self.cancelled.is_some() {
            CommandState::Cancelled
        } else if self.order.expires_at <= now {
            CommandState::Expired
        } else if self.order.approvals > 0 && self.lacks() == 0 {
            CommandState::Approved
        } else {
            CommandState::Issued
        }
    }

    /// Whether the node may still begin it at `now`, given all approvals.
    pub fn is_open(&self, now: Timestamp) -> bool {
        matches!(self.state(now), CommandState::Issued | CommandState::Approved)
    }

    /// How many approvals it still needs.
    pub fn lacks(&self) -> u64 {
        self.order.approvals.saturating_sub(self.approvals.len() as u64)
    }
}

impl Commands {
    /// The organisations to whose nodes commands were given.
    pub fn orgs(&self) -> impl Iterator<Item = &Name> {
        self.orgs.keys()
    }

    /// An organisation's commands, in the order of the log.
    pub fn of(&self, org: &Name) -> impl DoubleEndedIterator<Item = &GivenCommand> {
        self.orgs.get(org).into_iter().flat_map(BTreeMap::values)
    }

    /// The command with an event hash, and whose it is.
    pub fn command(&self, hash: &Hash) -> Option<(&Name, &GivenCommand)> {
        let (org, seq) = self.hashes.get(hash)?;
        Some((org, self.orgs.get(org)?.get(seq)?))
    }

    /// What a node of an organisation is to carry out at `now` and did not begin, in the order of the log. What
    /// lacks approvals is none of it.
    pub fn open_for(&self, org: &Name, node: Uuid, now: Timestamp) -> impl Iterator<Item = &GivenCommand> {
        let of_node = self.by_node.get(&node).into_iter().flatten();
        let own = of_node.filter(move |(_, of)| *of == org);
        let given = own.filter_map(move |(seq, of)| self.orgs.get(of)?.get(seq));
        given.filter(move |given| given.lacks() == 0 && given.is_open(now))
    }

    /// A command of the organisation whose entry this is.
    fn own(&mut self, fact: &Fact<'_>, hash: &Hash) -> Option<&mut GivenCommand> {
        let (org, seq) = self.hashes.get(hash).filter(|(org, _)| *org == fact.header.org)?;
        self.orgs.get_mut(org)?.get_mut(seq)
    }

    fn issue(&mut self, fact: &Fact<'_>, order: &CommandOrder) {
        let (header, hash) = (fact.header, fact.event_hash());
        let given = GivenCommand {
            hash,
            seq: fact.seq,
            issued_at: fact.at,
            issuer: header.author.clone(),
            tenant: header.tenant.clone(),
            order: order.clone(),
            approvals: Vec::new(),
            cancelled: None,
            begun: None,
            ended: None,
        };
        self.hashes.insert(hash, (header.org.clone(), fact.seq));
        let (orgs, own) = (&self.orgs, self.by_node.entry(order.node).or_default());
        own.retain(|seq, org| {
            orgs.get(org).and_then(|all| all.get(seq)).is_some_and(|it| it.is_open(fact.at))
        });
        own.insert(fact.seq, header.org.clone());
        self.orgs.entry(header.org.clone()).or_default().insert(fact.seq, given);
        self.forget(&header.org, fact.at);
    }

    fn approve(&mut self, fact: &Fact<'_>, target: &Hash) {
        let Some(given) = self.own(fact, target) else { return };
        let author = &fact.header.author;
        let person = matches!(author, Author::User(_) | Author::Token(_) | Author::Service(_));
        let other = *author != given.issuer && given.approvals.iter().all(|word| word.author != *author);
        if person && other && given.lacks() > 0 && given.state(fact.at) == CommandState::Issued {
            given.approvals.push(Word::of(fact));
        }
    }

    fn cancel(&mut self, fact: &Fact<'_>, target: &Hash) {
        let Some(given) = self.own(fact, target) else { return };
        if given.is_open(fact.at) {
            given.cancelled = Some(Word::of(fact));
            let given = given.clone();
            close(&mut self.by_node, &given);
        }
    }

    /// A receipt counts when the node itself says it: late, and whether or not the command was still to be
    /// carried out, it tells what happened.
    fn hear(&mut self, fact: &Fact<'_>, receipt: &CommandReceipt) {
        let Some(given) = self.own(fact, &receipt.command) else { return };
        if fact.header.author != Author::Node(given.order.node) || given.ended.is_some() {
            return;
        }
        let (seq, recorded_at) = (fact.seq, fact.at);
        if receipt.state == ReceiptState::Running {
            given.begun.get_or_insert(Ran { seq, recorded_at });
            return;
        }
        let mut receipt = receipt.clone();
        let output_cut = receipt.output.as_mut().is_some_and(cut);
        given.ended = Some(Ended { seq, recorded_at, output_cut, receipt });
        let given = given.clone();
        close(&mut self.by_node, &given);
    }

    /// Lets go of the oldest commands beyond what is kept.
    fn forget(&mut self, org: &Name, now: Timestamp) {
        let due = |commands: &&mut BTreeMap<u64, GivenCommand>| {
            commands.len() > MAX_SETTLED && commands.len().is_multiple_of(BATCH)
        };
        let Some(commands) = self.orgs.get_mut(org).filter(due) else { return };
        let settled = commands.values().filter(|given| given.state(now).is_settled()).map(|given| given.seq);
        let mut gone: Vec<u64> = settled.collect();
        gone.truncate(gone.len().saturating_sub(MAX_SETTLED));
        let open = commands.keys().filter(|seq| gone.binary_search(seq).is_err());
        let surplus = (commands.len() - gone.len()).saturating_sub(MAX_COMMANDS);
        let oldest: Vec<u64> = open.take(surplus).copied().collect();
        for seq in gone.into_iter().chain(oldest) {
            if let Some(given) = commands.remove(&seq) {
                self.hashes.remove(&given.hash);
                close(&mut self.by_node, &given);
            }
        }
    }
}

/// Nothing more is expected of a node about this command.
fn close(by_node: &mut BTreeMap<Uuid, BTreeMap<u64, Name>>, given: &GivenCommand) {
    if let Some(own) = by_node.get_mut(&given.order.node) {
        own.remove(&given.seq);
        if own.is_empty() {
            by_node.remove(&given.order.node);
        }
    }
}

impl Word {
    pub(crate) fn of(fact: &Fact<'_>) -> Self {
        Self { author: fact.header.author.clone(), seq: fact.seq, recorded_at: fact.at }
    }
}

/// Cuts a text to what is kept of it; whether there was more.
fn cut(text: &mut String) -> bool {
    let more = text.len() > MAX_OUTPUT_BYTES;
    text.truncate(text.floor_char_boundary(MAX_OUTPUT_BYTES));
    more
}

impl Projection for Commands {
    const NAME: &'static str = "commands";
    const VERSION: u64 = 1;

    fn apply(&mut self, fact: &Fact<'_>) {
        match &fact.said {
            Said::Command(command) => match &**command {
                Command::Issue(order) => self.issue(fact, order),
                Command::Approve { target, .. } => self.approve(fact, target),
                Command::Cancel { target, .. } => self.cancel(fact, target),
            },
            Said::Receipt(receipt) => self.hear(fact, receipt),
            _ => {}
        }
    }

    fn orgs(&self) -> Vec<&Name> {
        self.orgs.keys().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        part(&self.orgs.get(org))
    }
}
