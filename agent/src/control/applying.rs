//! Applying a policy: the node was told its hash by a command that is in the ledger, and fetches the document, which
//! needs nobody's word.

use super::applied::Applied;
use crate::damage::Damage;
use crate::network::Response;
use crate::trust::unproven::{Unproven, read};
use serde::Deserialize;
use serde_json::value::RawValue;
use spec::Hash;
use std::io;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    document: &'a RawValue,
}

/// Why a policy is not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// The service does not show it.
    #[error("the policy cannot be fetched: {0}")]
    Fetch(#[from] Unproven),
    /// What it shows is something else.
    #[error("not the policy {policy}: {source}")]
    Other { policy: Hash, source: Damage },
    /// It could not be stored.
    #[error("the policy could not be stored: {0}")]
    Store(#[from] io::Error),
}

/// Where the policy of a hash is.
pub(crate) fn path(policy: &Hash) -> String {
    format!("/api/policies/{policy}")
}

/// Reads the service's answer to a question for a policy.
pub(crate) fn fetched(response: &Response, policy: Hash) -> Result<Applied, ApplyError> {
    let answer: Answer<'_> = read(response)?;
    Applied::read(answer.document.get(), policy).map_err(|source| ApplyError::Other { policy, source })
}

/// What the command's receipt says of a policy that is followed now.
pub(crate) fn said(applied: &Applied) -> String {
    match applied.hash() {
        Some(hash) => format!("follows {hash}\n"),
        None => "follows no policy\n".to_owned(),
    }
}
