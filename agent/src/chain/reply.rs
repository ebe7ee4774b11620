//! The service's answers to events, in one form for both routes, and what each refusal means.

use super::receipt::{Receipt, ReceiptError};
use crate::control::order::{Unread, first};
use crate::network::Response;
use crate::problem::{Expected, Problem};
use crate::trust::memory::OwnEntry;
use proofs::Checkpoint;
use serde::Deserialize;
use spec::{Event, Kind, Timestamp};

/// What the service says of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the ledger.
    Receipt(Box<Receipt>),
    /// It is not.
    Problem(u16, Box<Problem>),
}

/// The answer to one or more events.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// One for each event from the first on; may end early.
    pub(crate) outcomes: Vec<Outcome>,
    /// The checkpoint of all receipts without one of their own.
    pub(crate) checkpoint: Option<String>,
    pub(crate) server_time: Option<Timestamp>,
    pub(crate) next_heartbeat_secs: Option<u64>,
    /// As they came; see [`crate::control::order::read`].
    pub(crate) commands: Vec<Unread>,
    /// The checkpoint that proves the commands.
    pub(crate) witness_checkpoint: Option<String>,
    /// How many records the ledger's authority has.
    pub(crate) authority: Option<u64>,
}

/// What the agent does about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same bytes later.
    Later,
    /// The refusal is in the ledger and the chain goes on over the event.
    Recorded,
    /// The ledger's chain ends before this event.
    Gap(Expected),
    /// The place is taken, or its epoch is closed: only a new epoch leads on.
    Elsewhere,
    /// The event can never be accepted.
    Never,
    /// This node's key is not, or no longer, good for anything.
    Banned,
}

impl Verdict {
    /// What a refusal of a single event means.
    pub(crate) fn of(status: u16, problem: &Problem) -> Self {
        match (problem.code.as_str(), problem.expected) {
            // Forks are recorded as well, but the chain does not go on over them.
            ("chain-fork" | "epoch-closed", _) => Self::Elsewhere,
            ("chain-gap", Some(expected)) => Self::Gap(expected),
            ("key-revoked" | "unknown-key" | "too-many-epochs", _) => Self::Banned,
            ("blocked", _) => Self::Later,
            _ if problem.recorded => Self::Recorded,
            (code, _) if matches!(status, 400 | 409 | 413 | 422) && !code.is_empty() => Self::Never,
            (_, _) if status == 413 => Self::Never,
            _ => Self::Later,
        }
    }
}

#[derive(Deserialize)]
struct HeartbeatAnswer {
    receipts: Vec<Receipt>,
    server_time: Option<Timestamp>,
    next_heartbeat_secs: Option<u64>,
    #[serde(default, deserialize_with = "first")]
    commands: Vec<Unread>,
    witness_checkpoint: Option<String>,
    authority: Option<u64>,
}

#[derive(Deserialize)]
struct BatchAnswer {
    results: Vec<BatchResult>,
    checkpoint: Option<String>,
}

#[derive(Deserialize)]
struct BatchResult {
    index: usize,
    status: u16,
    receipt: Option<Receipt>,
    problem: Option<Problem>,
}

/// What became of the events of one answer, in order.
pub(crate) struct Settled {
    /// How many need no more attention.
    pub(crate) count: usize,
    /// The last own entry that the checkpoint contains, if any receipt was checked.
    pub(crate) own: Option<OwnEntry>,
    /// What stopped the count before the end.
    pub(crate) end: Option<End>,
}

/// What is to be looked at before the events behind it.
pub(crate) enum End {
    /// The event is refused.
    Refused(Verdict, Refused),
    /// Its receipt proves nothing.
    Unproven(Unreceived),
}

/// A refusal as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("status {status}, {}", problem.describe())]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) problem: Box<Problem>,
}

/// An event has no receipt that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreceived {
    /// The receipt proves nothing.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// There is no checkpoint to check it with.
    #[error("a receipt without a checkpoint")]
    NoCheckpoint,
    /// There is none.
    #[error("the answer says nothing of the first event")]
    Nothing,
}

impl Reply {
    /// The checkpoint of all receipts: the answer's, or that of the first receipt that has one.
    pub(crate) fn take_checkpoint(&mut self) -> Option<String> {
        let own = |outcome: &Outcome| match outcome {
            Outcome::Receipt(receipt) => receipt.checkpoint.clone(),
            Outcome::Problem(..) => None,
        };
        self.checkpoint.take().or_else(|| self.outcomes.iter().find_map(own))
    }

    /// Goes through what is said of events up to the first of which it is not final.
    pub(crate) fn settled(&self, events: &[Event], checkpoint: Option<&Checkpoint>) -> Settled {
        let mut settled = Settled { count: 0, own: None, end: None };
        for (event, outcome) in events.iter().zip(&self.outcomes) {
            match outcome {
                Outcome::Receipt(receipt) => match checkpoint.map(|c| receipt.verify(event, c)) {
                    Some(Ok(leaf)) => {
                        let path = receipt.inclusion.clone();
                        settled.own = Some(OwnEntry { index: receipt.seq, leaf, path });
                    }
                    Some(Err(error)) => settled.end = Some(End::Unproven(error.into())),
                    None => settled.end = Some(End::Unproven(Unreceived::NoCheckpoint)),
                },
                Outcome::Problem(status, problem) => match Verdict::of(*status, problem) {
                    // Of a rotation there is more to do than to go on behind it.
                    Verdict::Recorded if event.header.kind != Kind::KeyRotation => {
                        let event = event.hash();
                        tracing::error!(%event, refusal = problem.describe(), "an event was refused for good");
                    }
                    verdict => {
                        let refused = Refused { status: *status, problem: problem.clone() };
                        settled.end = Some(End::Refused(verdict, refused));
                    }
                },
            }
            if settled.end.is_some() {
                return settled;
            }
            settled.count += 1;
        }
        if settled.count == 0 {
            settled.end = Some(End::Unproven(Unreceived::Nothing));
        }
        settled
    }

    /// Reads the answer to a heartbeat that was sent alone.
    pub(crate) fn heartbeat(response: &Response) -> Result<Self, serde_json::Error> {
        let answer: HeartbeatAnswer = serde_json::from_slice(&response.body)?;
        Ok(Self {
            outcomes: answer.receipts.into_iter().take(1).map(|r| Outcome::Receipt(Box::new(r))).collect(),
            checkpoint: None,
            server_time: answer.server_time,
            next_heartbeat_secs: answer.next_heartbeat_secs,
            commands: answer.commands,
            witness_checkpoint: answer.witness_checkpoint,
            authority: answer.authority,
        })
    }

    /// Reads the answer to `count` events.
    pub(crate) fn batch(response: &Response, count: usize) -> Result<Self, serde_json::Error> {
        let answer: BatchAnswer = serde_json::from_slice(&response.body)?;
        let mut by_index: Vec<Option<Outcome>> = vec![None; count];
        for result in answer.results {
            if let Some(slot) = by_index.get_mut(result.index) {
                *slot = match (result.receipt, result.problem) {
                    (Some(receipt), None) => Some(Outcome::Receipt(Box::new(receipt))),
                    (_, problem) => {
                        Some(Outcome::Problem(result.status, Box::new(problem.unwrap_or_default())))
                    }
                };
            }
        }
        Ok(Self {
            outcomes: by_index.into_iter().map_while(|outcome| outcome).collect(),
            checkpoint: answer.checkpoint,
            ..Self::default()
        })
    }
}
