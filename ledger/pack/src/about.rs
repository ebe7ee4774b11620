//! What a packed segment says of itself: the value of `vaultmesh` in the file's metadata.

use crate::{FORMAT, MAX_PLAIN_BYTES, UnpackError};
use proofs::Blake3;
use proofs::tree::Frontier;
use serde::{Deserialize, Serialize};
use spec::{Hash, canonical};

/// The name in the file's metadata.
pub(crate) const NAME: &str = "vaultmesh";

/// A packed segment's statements about itself. In the file they are canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Length of the plain segment in bytes.
    pub bytes: u64,
    /// The hashes of the complete subtrees of the tree at `first`, largest first. Without them every root is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<Vec<Hash>>,
    /// Seq of the first entry.
    pub first: u64,
    /// [`FORMAT`].
    pub format: String,
    /// `BLAKE3(28 ‖ the plain segment)`.
    pub hash: Hash,
}

impl About {
    pub(crate) fn write(&self) -> String {
        let json = canonical::to_vec(self).unwrap_or_default();
        String::from_utf8(json).unwrap_or_default()
    }

    pub(crate) fn parse(text: &str) -> Result<Self, UnpackError> {
        // First the name of the format: another one may have other members.
        let format = serde_json::from_str::<serde_json::Value>(text)
            .ok()
            .and_then(|value| value.get("format").and_then(|f| f.as_str().map(str::to_owned)));
        if format.as_deref() != Some(FORMAT) {
            let format = format.unwrap_or_else(|| "none".to_owned());
            return Err(UnpackError::foreign(format_args!("its format is {format:?}, known is {FORMAT:?}")));
        }
        let about: Self = serde_json::from_str(text).map_err(UnpackError::foreign)?;
        if about.write() != text {
            return Err(UnpackError::foreign("what it says of itself is not in canonical form"));
        }
        if about.bytes > MAX_PLAIN_BYTES {
            let (size, limit) = (about.bytes, MAX_PLAIN_BYTES);
            return Err(UnpackError::TooLarge { what: "the plain segment", size, limit });
        }
        if about.edge.is_some() && about.frontier().is_none() {
            return Err(UnpackError::foreign("its edge is not that of a tree of that size"));
        }
        Ok(about)
    }

    /// The tree at `first`, if the file has its edge.
    pub fn frontier(&self) -> Option<Frontier<Blake3>> {
        Frontier::from_parts(self.first, self.edge.clone()?)
    }
}
