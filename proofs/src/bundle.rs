//! The proof bundle: one entry with everything that proves it, from a pinned ledger id alone.
//!
//! ```text
//! {"authority":[<record>…],"checkpoint":"<note>","entry":{…},"format":"vaultmesh-bundle-v1",
//!  "inclusion":[…],"introduction":{"inclusion":[…],"record":<record>},
//!  "key":{"path":[{"bit":3,"sibling":"…"}],"record":{…}},"ledger":"…","payload":{…},"salt":"…"}
//! ```
//!
//! The parts that are about trees and maps are checked here; what the records say is checked by whoever
//! knows events.

use crate::map::Step;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spec::canonical::CanonicalError;
use spec::{Hash, canonical};

/// The value of `format`.
pub const FORMAT: &str = "vaultmesh-bundle-v1";

/// Largest bundle file that is read.
pub const MAX_BUNDLE_BYTES: usize = 16 * 1024 * 1024;

/// A record and its place in the bundle's checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Included {
    /// Inclusion path to the bundle's checkpoint.
    pub inclusion: Vec<Hash>,
    /// The record: `{"entry":…,"payload":…,"salt":…}`.
    pub record: Value,
}

/// The state of the signing key in the bundle's checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyProof {
    /// Steps through the checkpoint's key map.
    pub path: Vec<Step>,
    /// The key's value in the map.
    pub record: Value,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Genesis and every change of the ledger's keys, as records.
    pub authority: Vec<Value>,
    /// The checkpoint everything is proved against, as a signed note.
    pub checkpoint: String,
    /// The entry.
    pub entry: Value,
    /// [`FORMAT`].
    pub format: String,
    /// The entry's inclusion path.
    pub inclusion: Vec<Hash>,
    /// The record that introduced the signing key.
    pub introduction: Included,
    /// What the checkpoint says of the signing key.
    pub key: KeyProof,
    /// The ledger's id.
    pub ledger: Hash,
    /// The payload, unless it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// The payload's salt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Hash>,
}

/// The reason why bytes are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleFormError {
    /// Nobody reads so much for one entry.
    #[error("a bundle is at most 16 MiB")]
    TooLarge,
    /// They are not canonical JSON.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// They are not of the form; serde says where.
    #[error("{0}")]
    Shape(String),
    /// Another format, or not what would be written.
    #[error("not a canonical {FORMAT} file")]
    Format,
    /// A payload cannot be checked without its salt, nor a salt be of use without one.
    #[error("a payload and its salt are given together or not at all")]
    Salt,
}

impl Bundle {
    /// Reads a bundle; refuses bytes that are not exactly what [`Bundle::to_canonical`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleFormError> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(BundleFormError::TooLarge);
        }
        let text = canonical::check(bytes.strip_suffix(b"\n").unwrap_or(bytes))?;
        let bundle: Self =
            serde_json::from_str(text).map_err(|error| BundleFormError::Shape(error.to_string()))?;
        if bundle.format != FORMAT || bundle.to_canonical() != bytes {
            return Err(BundleFormError::Format);
        }
        if bundle.payload.is_some() != bundle.salt.is_some() {
            return Err(BundleFormError::Salt);
        }
        Ok(bundle)
    }

    /// The file's bytes: canonical JSON and one LF.
    pub fn to_canonical(&self) -> Vec<u8> {
        let mut out = canonical::to_vec(self).unwrap_or_default();
        out.push(b'\n');
        out
    }
}
