//! What nodes are to carry out, as the folds have it, and word of more.

use crate::followers::{Filter, Following};
use crate::live::Live;
use projections::assignments::{Assignment, To};
use projections::commands::Given;
use projections::rollouts::Rollout;
use projections::selection::selected;
use spec::selector::Selector;
use spec::{Hash, Kind, Name, Timestamp, Uuid};
use std::sync::Arc;

/// Commands as their issuers and their nodes ask for them.
#[derive(Debug, Clone)]
pub struct Desk {
    live: Arc<Live>,
}

/// Word of what becomes of one node's commands.
#[derive(Debug)]
pub struct Word(Following);

impl Word {
    /// Waits until something was said of a command to the node since this was asked last.
    pub async fn of_more(&self) {
        while self.0.news().first.is_none() {
            self.0.word().await;
        }
    }
}

impl Desk {
    /// Over the folds of a running ledger.
    pub fn new(live: Arc<Live>) -> Self {
        Self { live }
    }

    /// What a node of an organisation is to carry out at `now`, at most `limit`, in the order of the log.
    pub fn open_for(&self, org: &Name, node: Uuid, now: Timestamp, limit: usize) -> Vec<Given> {
        self.live.with(|folds| folds.commands().open_for(org, node, now).take(limit).cloned().collect())
    }

    /// How many entries are folded.
    pub fn folded(&self) -> u64 {
        *self.live.size().borrow()
    }

    /// The command with an event hash, and whose it is, once `size` entries are folded.
    pub async fn given(&self, hash: &Hash, size: u64) -> Option<(Name, Given)> {
        self.live.size().wait_for(|folded| *folded >= size).await.ok()?;
        self.live
            .with(|folds| folds.commands().command(hash).map(|(org, given)| (org.clone(), given.clone())))
    }

    /// The organisation of an assignment of a policy and the node it names, if it holds once `size` entries are folded.
    pub async fn assignment(&self, hash: &Hash, size: u64) -> Option<(Name, Option<Uuid>)> {
        self.live.size().wait_for(|folded| *folded >= size).await.ok()?;
        let named = |assignment: &Assignment| match assignment.to {
            To::Node(node) => Some(node),
            To::Selector(_) => None,
        };
        self.live.with(|folds| {
            folds.policies().assignment(hash).map(|(org, assignment)| (org.clone(), named(assignment)))
        })
    }

    /// Every schedule with its organisation, once `size` entries are folded.
    pub async fn schedules(&self, size: u64) -> Vec<(Name, Uuid)> {
        // The sender lives as long as the folds.
        let _ = self.live.size().wait_for(|folded| *folded >= size).await;
        self.live.with(|folds| {
            folds.schedules().iter().map(|(org, standing)| (org.clone(), standing.plan.id)).collect()
        })
    }

    /// Something of every roll-out with its organisation, once `size` entries are folded.
    pub async fn rollouts<T>(&self, size: u64, of: impl Fn(&Name, &Rollout) -> T + Send) -> Vec<T> {
        // The sender lives as long as the folds.
        let _ = self.live.size().wait_for(|folded| *folded >= size).await;
        self.live.with(|folds| folds.rollouts().iter().map(|(org, rollout)| of(org, rollout)).collect())
    }

    /// How many nodes would be told if a selection were made now, once `size` entries are folded.
    pub async fn selected(&self, org: &Name, selector: &Selector, profile: Option<&str>, size: u64) -> u64 {
        // The sender lives as long as the folds.
        let _ = self.live.size().wait_for(|folded| *folded >= size).await;
        self.live.with(|folds| selected(folds, org, selector, profile).len() as u64)
    }

    /// Begins to listen for what is said of commands to a node.
    pub fn listen(&self, node: Uuid) -> Word {
        let filter = Filter { org: None, kinds: vec![Kind::Command], node: Some(node) };
        Word(self.live.followers().join(filter).0)
    }
}
