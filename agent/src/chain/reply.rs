//! The service's answers to events, in one form for both routes, and what each refusal means.

use crate::chain::receipt::Receipt;
use crate::network::Response;
use crate::problem::{Expected, Problem};
use serde::Deserialize;
use spec::Timestamp;

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
    /// As they came; see [`crate::control::commander::read`].
    pub(crate) commands: Vec<serde_json::Value>,
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
    #[serde(default)]
    commands: Vec<serde_json::Value>,
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

impl Reply {
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
