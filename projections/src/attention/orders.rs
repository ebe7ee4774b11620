//! A node's open commands, as far as attention is concerned: until when a receipt is expected.

use crate::listening::{Moment, Now};
use serde::{Deserialize, Serialize};
use spec::payload::CommandOrder;
use spec::{Author, Hash, Name};
use std::collections::{BTreeMap, VecDeque};

/// Open commands of one node that are watched; of more only those with the latest deadlines are.
const MAX_OPEN: usize = 256;

/// Overdue commands of one node whose receipt is still listened for; of more only the newest are.
const MAX_OVERDUE: usize = 64;

/// Commands without a final receipt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Orders {
    /// By event hash.
    open: BTreeMap<Hash, Order>,
    /// Event hash and name, in the order in which they came to be overdue.
    overdue: VecDeque<(Hash, Name)>,
    /// Those that nothing is expected of any more, though there was no receipt, until they are taken.
    #[serde(skip)]
    forgotten: Vec<Hash>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Order {
    command: Name,
    deadline: Moment,
    issuer: Author,
    approvals: u64,
    approvers: Vec<Author>,
}

impl Orders {
    /// A command was given. Its deadline moves on with every absence of the ledger.
    pub(super) fn issue(&mut self, hash: Hash, order: &CommandOrder, issuer: &Author, now: Now) {
        let left = order.expires_at.millis().saturating_sub(now.at.millis());
        let order = Order {
            command: order.command.clone(),
            deadline: now.moment.plus(left),
            issuer: issuer.clone(),
            approvals: order.approvals,
            approvers: Vec::new(),
        };
        self.open.insert(hash, order);
        if self.open.len() > MAX_OPEN {
            let first = self.open.iter().min_by_key(|(hash, order)| (order.deadline, **hash));
            if let Some(hash) = first.map(|(hash, _)| *hash) {
                self.open.remove(&hash);
                self.forgotten.push(hash);
            }
        }
    }

    /// Somebody approved a command; nobody approves their own, nor twice.
    pub(super) fn approve(&mut self, hash: &Hash, approver: &Author) {
        if let Some(order) = self.open.get_mut(hash)
            && order.issuer != *approver
            && !order.approvers.contains(approver)
        {
            order.approvers.push(approver.clone());
        }
    }

    /// Nothing more is expected of a command; its name, if it was open or overdue.
    pub(super) fn close(&mut self, hash: &Hash) -> Option<Name> {
        if let Some(order) = self.open.remove(hash) {
            return Some(order.command);
        }
        let place = self.overdue.iter().position(|(overdue, _)| overdue == hash)?;
        self.overdue.remove(place).map(|(_, command)| command)
    }

    /// When the next deadline has passed.
    pub(super) fn due(&self) -> Option<Moment> {
        self.open.values().map(|order| order.deadline.plus(1)).min()
    }

    /// Takes in that deadlines have passed; the names of the commands that the node was free to carry out.
    pub(super) fn expire(&mut self, now: Moment) -> Vec<Name> {
        let late: Vec<Hash> =
            self.open.iter().filter(|(_, order)| order.deadline < now).map(|(hash, _)| *hash).collect();
        let mut overdue = Vec::new();
        for hash in late {
            let Some(order) = self.open.remove(&hash) else { continue };
            if (order.approvers.len() as u64) < order.approvals {
                self.forgotten.push(hash);
                continue;
            }
            overdue.push(order.command.clone());
            self.overdue.push_back((hash, order.command));
            if self.overdue.len() > MAX_OVERDUE {
                self.forgotten.extend(self.overdue.pop_front().map(|(hash, _)| hash));
            }
        }
        overdue
    }

    /// The commands that nothing is expected of any more though there was no receipt, each once.
    pub(super) fn take_forgotten(&mut self) -> Vec<Hash> {
        std::mem::take(&mut self.forgotten)
    }
}
