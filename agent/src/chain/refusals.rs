//! Events that the ledger refused for good: they are lost, so they are counted, and it is kept why.
//!
//! ```text
//! refused.json   {"by_code":{"id-time":12},"last":{"at":"…","code":"id-time","why":"…"}}
//! ```

use crate::disk::Disk;
use crate::durable;
use serde::{Deserialize, Serialize};
use spec::{Timestamp, canonical};
use std::collections::BTreeMap;
use std::io;

/// The file.
pub const REFUSALS_FILE: &str = "refused.json";

/// The code of an event whose time the ledger does not take.
pub const ID_TIME: &str = "id-time";

const MAX_FILE_BYTES: usize = 16 * 1024;

/// Codes that are told apart; what else there is counts as `other`: a service may answer with any.
const MAX_CODES: usize = 64;

/// The refusals for good since the node was enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusals {
    /// How many, by the code of the refusal.
    pub by_code: BTreeMap<String, u64>,
    /// The last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Refusal>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// When it was heard, by the node's clock.
    pub at: Timestamp,
    /// The code.
    pub code: String,
    /// What it means, in a line.
    pub why: String,
}

impl Refusals {
    /// Reads the count. A file that cannot be understood counts as none.
    pub fn load(disk: &impl Disk) -> io::Result<Self> {
        let bytes = durable::read(disk, REFUSALS_FILE, MAX_FILE_BYTES)?.unwrap_or_default();
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.by_code.values().sum()
    }

    /// Counts one, and writes it down.
    pub(crate) fn add(&mut self, disk: &impl Disk, refusal: Refusal) -> io::Result<()> {
        let known = self.by_code.contains_key(&refusal.code) || self.by_code.len() < MAX_CODES;
        let code = if known && refusal.code.len() <= 64 { refusal.code.clone() } else { "other".to_owned() };
        *self.by_code.entry(code).or_default() += 1;
        self.last = Some(refusal);
        let bytes = canonical::to_vec(self).map_err(io::Error::other)?;
        durable::replace(disk, REFUSALS_FILE, &bytes)
    }
}
