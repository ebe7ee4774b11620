//! Problem details (RFC 9457) as the service sends them.

use serde::Deserialize;
use spec::{Epoch, Hash};

/// The place at which the ledger expects the author's chain to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Expected {
    /// The open epoch.
    pub epoch: Epoch,
    /// The next position in it.
    pub seq: u64,
    /// Event hash of the event before.
    pub prev: Hash,
}

/// The reason why the service refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Problem {
    /// The stable code; empty if the answer had none.
    #[serde(default)]
    pub code: String,
    /// What went wrong with this one request.
    #[serde(default)]
    pub detail: Option<String>,
    /// What went wrong in general.
    #[serde(default)]
    pub title: Option<String>,
    /// With `chain-gap`: where to go on.
    #[serde(default)]
    pub expected: Option<Expected>,
    /// Whether the refusal itself is in the ledger, and the chain went on over the event.
    #[serde(default)]
    pub recorded: bool,
}

impl Problem {
    /// Reads a body; what is no problem document becomes a problem without a code.
    pub fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// One line for the log.
    pub fn describe(&self) -> String {
        let text = self.detail.as_deref().or(self.title.as_deref()).unwrap_or("no details given");
        let text: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
        if self.code.is_empty() { text } else { format!("{}: {text}", self.code) }
    }
}
