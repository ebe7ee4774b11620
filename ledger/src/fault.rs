//! What can be wrong with a ledger, with the place where it was found.
//!
//! The codes are stable and listed with their meaning in `spec/verify-codes.md`.

use serde::Serialize;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}{}: {detail}", place(self))]
pub struct Fault {
    /// Stable code.
    pub code: &'static str,
    /// Entry it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// File it was found in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line in that file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Byte in that file, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
    /// In words.
    pub detail: String,
}

impl Fault {
    /// A fault without a place.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, seq: None, file: None, line: None, byte: None, detail: detail.into() }
    }

    /// The same fault, about an entry.
    #[must_use]
    pub fn at_seq(mut self, seq: u64) -> Self {
        self.seq = Some(seq);
        self
    }

    /// The same fault, in a file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same fault, at a byte.
    #[must_use]
    pub fn at_byte(mut self, byte: u64) -> Self {
        self.byte = Some(byte);
        self
    }
}

fn place(fault: &Fault) -> String {
    let mut text = String::new();
    let parts = [
        fault.seq.map(|n| format!(" at seq {n}")),
        fault.file.as_ref().map(|f| format!(" in {f}")),
        fault.line.map(|n| format!(" line {n}")),
        fault.byte.map(|n| format!(" byte {n}")),
    ];
    for part in parts.into_iter().flatten() {
        text.push_str(&part);
    }
    text
}
