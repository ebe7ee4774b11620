//! Being told: what the node does about commands, from their delivery to their receipts.
//!
//! ```text
//! delivered → checked (order) → allowed (policy) → remembered on the disk (orders) → receipt "running"
//!           → carried out (workers) → receipt "succeeded" or "failed"
//! anything else → receipt "refused" with its reason
//! ```
//!
//! The commander says what is to be done; its caller says the receipts in the node's chain and does what only the node
//! as a whole can do.

use super::applied::{Allowed, Applied};
use super::order::{Order, Refusal};
use super::orders::{Orders, OrdersError};
use super::policy::{Policy, Task};
use super::polling::Polling;
use super::receipts;
use super::work::{self, Done};
use super::workers::Workers;
use crate::disk::Disk;
use spec::payload::CommandReceipt;
use spec::{Hash, Timestamp};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

pub use super::workers::Worker;

/// The node's side of commands.
#[derive(Debug)]
pub struct Commander {
    policy: Policy,
    profile: Option<String>,
    orders: Orders,
    pub(crate) polling: Polling,
    workers: Workers,
    /// Commands to scan, and whether the scan that they wait for has begun.
    scanning: Vec<(Hash, bool)>,
    /// Commands to apply a policy, and its hash.
    applying: VecDeque<(Hash, Hash)>,
    /// Commands to go over to a new key.
    rotating: VecDeque<Hash>,
}

/// What is to be done about a command that was delivered.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Nothing: it is known, or its time has not come.
    Nothing,
    /// To say that it is refused.
    Refuse(Box<CommandReceipt>),
    /// To say that it begins, and then to begin it; that it began is on the disk.
    Begin(Box<Begun>),
}

/// A command that begins.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Its event hash.
    pub(crate) command: Hash,
    /// What is said of it.
    pub(crate) receipt: CommandReceipt,
    task: Task,
}

impl Commander {
    /// Commands by this policy, on a node of this operating system profile.
    pub fn new(policy: Policy, profile: Option<String>) -> Self {
        Self {
            policy,
            profile,
            orders: Orders::default(),
            polling: Polling::default(),
            workers: Workers::new(Arc::new(work::carry_out)),
            scanning: Vec::new(),
            applying: VecDeque::new(),
            rotating: VecDeque::new(),
        }
    }

    /// The same with another worker.
    #[must_use]
    pub fn working(mut self, worker: Worker) -> Self {
        self.workers = Workers::new(worker);
        self
    }

    /// Takes up what is remembered; the commands that were begun and never ended.
    pub(crate) fn remember(&mut self, disk: &impl Disk) -> Result<Vec<Hash>, OrdersError> {
        self.orders = Orders::load(disk)?;
        Ok(self.orders.cut_off())
    }

    /// Decides about a command that the ledger proves. `told`: whether the ledger has every receipt.
    ///
    /// # Errors
    /// That it begins could not be remembered, so it does not.
    pub(crate) fn judge(
        &mut self,
        disk: &impl Disk,
        now: Timestamp,
        order: &Order,
        applied: &Applied,
        told: bool,
    ) -> io::Result<Verdict> {
        let (hash, approved, order) = (order.hash, order.approved, &order.order);
        if order.not_before > now {
            return Ok(Verdict::Nothing);
        }
        match self.orders.is_new(&order.nonce, &hash, told, now) {
            Ok(true) => {}
            Ok(false) => return Ok(Verdict::Nothing),
            Err(refusal) => return Ok(self.refuse(hash, refusal)),
        }
        let allowed =
            applied.decide(&self.policy, self.profile.as_deref(), &order.command, &order.parameters);
        let Allowed { task, observed } = match allowed {
            Ok(allowed) => allowed,
            Err(refusal) => return Ok(self.refuse(hash, refusal)),
        };
        if approved < self.policy.min_approvals(self.profile.as_deref(), &order.command) {
            return Ok(self.refuse(hash, Refusal::NotApproved));
        }
        self.orders.begin(disk, order.nonce, hash, order.expires_at, now)?;
        tracing::info!(command = %order.command, %hash, "a command begins");
        let receipt = receipts::running(hash, observed);
        Ok(Verdict::Begin(Box::new(Begun { command: hash, receipt, task })))
    }

    /// Refuses a command, once as long as the process lives.
    pub(crate) fn refuse(&mut self, command: Hash, refusal: Refusal) -> Verdict {
        if !self.orders.refuses_anew(command) {
            return Verdict::Nothing;
        }
        tracing::warn!(%command, reason = refusal.code(), "a command is refused");
        Verdict::Refuse(Box::new(receipts::refused(command, refusal)))
    }

    /// Begins a command's task. Whether the node is to scan for it; `scans`: whether it can.
    pub(crate) fn begin(&mut self, begun: Begun, scans: bool) -> bool {
        let Begun { command, task, .. } = begun;
        match task {
            Task::ApplyPolicy(policy) => self.applying.push_back((command, policy)),
            Task::RotateKey => self.rotating.push_back(command),
            Task::Scan if scans => {
                self.scanning.push((command, false));
                return true;
            }
            task => self.workers.take(command, task),
        }
        false
    }

    /// A command's receipt was said: it is over, on the disk as well.
    pub(crate) fn end(&mut self, disk: &impl Disk, command: &Hash, now: Timestamp) -> io::Result<()> {
        self.orders.end(disk, command, now)
    }

    /// Whether a command was begun and is not over.
    pub(crate) fn is_open(&self, command: &Hash) -> bool {
        self.orders.cut_off().contains(command)
    }

    /// Waits for a worker's task to be over.
    pub(crate) async fn next_done(&mut self) -> Option<(Hash, Done)> {
        self.workers.next_done().await
    }

    /// A worker's task has been told of.
    pub(crate) fn worked(&mut self) {
        self.workers.free();
    }

    /// A scan begins: whoever asked for one before waits for its end.
    pub(crate) fn scan_begins(&mut self) {
        self.scanning.iter_mut().for_each(|(_, begun)| *begun = true);
    }

    /// The scan that was under way is over; the commands that waited for it.
    pub(crate) fn scan_ends(&mut self) -> Vec<Hash> {
        self.scanning.extract_if(.., |(_, begun)| *begun).map(|(hash, _)| hash).collect()
    }

    /// The next command to apply a policy, and the policy's hash.
    pub(crate) fn next_policy(&mut self) -> Option<(Hash, Hash)> {
        self.applying.pop_front()
    }

    /// The next command to go over to a new key; it stays the next until that begins.
    pub(crate) fn asked_to_rotate(&self) -> Option<Hash> {
        self.rotating.front().copied()
    }

    /// What the next command to go over to a new key asks for has begun.
    pub(crate) fn begins_to_rotate(&mut self) {
        self.rotating.pop_front();
    }
}
