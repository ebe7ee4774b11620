//! Telling the ledger's service what it was caught at. Whoever runs it may not know: a copy may answer in its place, or
//! a backup may have been put back.

use crate::disk::Disk;
use crate::durable;
use crate::identity::jwt::{self, Claims};
use crate::identity::key::Identity;
use crate::identity::node::{Node, NodeError};
use crate::network::{Network, Request};
use crate::trust::authority::Authority;
use crate::trust::memory::EQUIVOCATION_FILE;
use crate::trust::unproven::Unproven;
use proofs::equivocation::{Equivocation, EquivocationError};
use spec::Timestamp;
use std::io;

/// Room for two notes, the authority and two paths.
const MAX_FILE_BYTES: usize = 8 * 1024 * 1024;

/// The service was not told.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is nothing to tell.
    #[error("there is no {EQUIVOCATION_FILE}")]
    Nothing,
    /// The file cannot be read.
    #[error("{EQUIVOCATION_FILE}: {0}")]
    Io(#[from] io::Error),
    /// The file is not one of two checkpoints.
    #[error("{EQUIVOCATION_FILE}: {0}")]
    File(#[from] EquivocationError),
    /// The node that would tell it cannot speak.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The service did not take it.
    #[error(transparent)]
    Service(#[from] Unproven),
}

/// Sends what the equivocation file says: in this node's name, or in nobody's where there is no node. The two checkpoints
/// speak for themselves.
///
/// # Errors
/// There is no such file, or the service did not take it.
pub async fn contradiction(
    disk: &impl Disk,
    network: &impl Network,
    now: Timestamp,
) -> Result<(), ReportError> {
    let bytes = durable::read(disk, EQUIVOCATION_FILE, MAX_FILE_BYTES)?.ok_or(ReportError::Nothing)?;
    let body = body(&Equivocation::parse(&bytes)?);
    let bearer = match Node::load(disk) {
        Ok((node, authority)) => Some(bearer(node.identity(), &authority, now, &body)),
        Err(NodeError::NotEnrolled) => None,
        Err(error) => return Err(error.into()),
    };
    let request = Request::post(PATH, "application/json", body);
    let request = match bearer {
        Some(bearer) => request.with_bearer(bearer),
        None => request,
    };
    let response = network.send(request).await.map_err(Unproven::from)?;
    if matches!(response.status, 200 | 201) { Ok(()) } else { Err(Unproven::refused(&response).into()) }
}

const PATH: &str = "/api/ledger/contradictions";

fn body(file: &Equivocation) -> Vec<u8> {
    let mut body = serde_json::json!({"a": file.a, "b": file.b});
    if let (Some(leaves), Some(members)) = (&file.leaves, body.as_object_mut()) {
        members.insert("leaves".to_owned(), serde_json::json!(leaves));
    }
    body.to_string().into_bytes()
}

fn bearer(identity: &Identity, authority: &Authority, issued_at: Timestamp, body: &[u8]) -> String {
    let issuer = identity.author();
    let claims = Claims {
        issuer: &issuer,
        ledger: authority.ledger(),
        issued_at,
        lifetime_secs: jwt::MAX_LIFETIME_SECS,
        body,
    };
    jwt::sign(&identity.key, &claims)
}
