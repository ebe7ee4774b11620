//! When the service is asked for commands: by a long poll, one question after the other, and more rarely as soon as
//! it does not hold its answers.

use super::order::{Delivered, Unread, first};
use crate::network::{NetworkError, Response};
use crate::trust::unproven::{Unproven, read};
use serde::Deserialize;
use std::time::Duration;

/// Seconds for which the service is asked to hold its answer.
const WAIT_SECS: u64 = 25;

/// How long after a question that failed the next is asked.
const POLL_PAUSE: Duration = Duration::from_secs(15);

/// An answer that came sooner was not held.
const HELD: Duration = Duration::from_millis(900);

/// How long after an answer that was not held and had nothing in it the next is asked for.
const UNHELD_PAUSE: Duration = Duration::from_secs(5);

/// How long after an answer that was not held and had something in it the next is asked for; twice as long after each
/// in a row that had nothing new in it, up to as long as after an empty one.
const MORE_PAUSE: Duration = Duration::from_millis(200);

/// What the service answers to a question for commands.
#[derive(Deserialize)]
pub(crate) struct Polled {
    /// As they came; see [`super::order::read`].
    #[serde(deserialize_with = "first")]
    pub(crate) commands: Vec<Unread>,
    /// The checkpoint that proves them.
    pub(crate) checkpoint: String,
}

impl Polled {
    /// Reads the answer to a question.
    pub(crate) fn read(answer: Result<Response, NetworkError>) -> Result<Self, Unproven> {
        read(&answer?)
    }
}

/// What was heard when the service was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// That there are none.
    Nothing,
    /// Commands, which prove themselves; and the last entry that those before rested on.
    Commands { known: Option<u64> },
    /// Nothing that counts.
    Unproven,
}

/// Where asking has come to.
#[derive(Debug, Default)]
pub(crate) struct Polling {
    /// The last entry that a delivered command rests on.
    after: Option<u64>,
    /// Answers in a row that were not held and had nothing new in them.
    repeated: u32,
    at: Duration,
    asked_at: Duration,
}

impl Polling {
    /// When the next question is asked.
    pub(crate) fn at(&self) -> Duration {
        self.at
    }

    /// The last entry that a delivered command rests on.
    pub(crate) fn after(&self) -> Option<u64> {
        self.after
    }

    /// The next question is asked now.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.at = now;
    }

    /// The question, asked now.
    pub(crate) fn question(&mut self, now: Duration) -> String {
        self.asked_at = now;
        let after = self.after.map_or_else(String::new, |after| format!("&after={after}"));
        format!("/api/agent/commands?wait={WAIT_SECS}{after}")
    }

    /// Remembers up to where commands were delivered. Nothing rests on an entry that a checkpoint of `size` lacks.
    pub(crate) fn seen(&mut self, commands: &[Delivered], size: u64) {
        self.after = self.after.max(commands.iter().map(|delivered| delivered.since.min(size)).max());
    }

    /// How long to wait after an answer before the next question.
    pub(crate) fn pause(&mut self, now: Duration, heard: Heard) -> Duration {
        let held = now.saturating_sub(self.asked_at) >= HELD;
        if held {
            self.repeated = 0;
        }
        match heard {
            Heard::Unproven => POLL_PAUSE,
            Heard::Nothing | Heard::Commands { .. } if held => Duration::ZERO,
            // A service that does not hold its answer is not asked over and over.
            Heard::Nothing => UNHELD_PAUSE,
            Heard::Commands { known } => {
                let has_more = self.after > known;
                self.repeated = if has_more { 0 } else { self.repeated.saturating_add(1) };
                MORE_PAUSE.saturating_mul(2_u32.saturating_pow(self.repeated)).min(UNHELD_PAUSE)
            }
        }
    }

    /// Asks again after a pause, half of it drawn: after an outage the nodes do not come back in step.
    pub(crate) fn again(&mut self, now: Duration, pause: Duration, drawn: Duration) {
        self.at = now + pause / 2 + drawn / 2;
    }
}
