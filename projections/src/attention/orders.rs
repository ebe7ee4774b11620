//! A node's open commands, as far as attention is concerned: until when a receipt is expected.

use crate::listening::{Moment, Now};
use serde::{Deserialize, Serialize};
use spec::payload::CommandOrder;
use spec::{Author, Hash, Name};
use std::collections::BTreeMap;

/// Open commands of one node that are watched; of more only the newest are.
const MAX_OPEN: usize = 256;

/// Commands without a final receipt, by event hash.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Orders(BTreeMap<Hash, Order>);

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
        self.0.insert(hash, order);
        if self.0.len() > MAX_OPEN {
            let first = self.0.iter().min_by_key(|(hash, order)| (order.deadline, **hash));
            if let Some(hash) = first.map(|(hash, _)| *hash) {
                self.0.remove(&hash);
            }
        }
    }

    /// Somebody approved a command; nobody approves their own, nor twice.
    pub(super) fn approve(&mut self, hash: &Hash, approver: &Author) {
        if let Some(order) = self.0.get_mut(hash)
            && order.issuer != *approver
            && !order.approvers.contains(approver)
        {
            order.approvers.push(approver.clone());
        }
    }

    /// Nothing more is expected of a command; its name, if it was open.
    pub(super) fn close(&mut self, hash: &Hash) -> Option<Name> {
        self.0.remove(hash).map(|order| order.command)
    }

    /// When the next deadline has passed.
    pub(super) fn due(&self) -> Option<Moment> {
        self.0.values().map(|order| order.deadline.plus(1)).min()
    }

    /// Takes the commands whose deadline has passed: those that the node was free to carry out, by name.
    pub(super) fn overdue(&mut self, now: Moment) -> Vec<Name> {
        let late: Vec<Hash> =
            self.0.iter().filter(|(_, order)| order.deadline < now).map(|(hash, _)| *hash).collect();
        let late = late.iter().filter_map(|hash| self.0.remove(hash));
        late.filter(|order| order.approvers.len() as u64 >= order.approvals).map(|o| o.command).collect()
    }
}
