//! Telling the ledger's service what it was caught at. Whoever runs it may not know: a copy may answer in its place, or
//! a backup may have been put back.

use crate::disk::Disk;
use crate::durable;
use crate::identity::jwt::{self, Claims};
use crate::identity::key::Identity;
use crate::identity::standing::Standing;
use crate::network::{Network, Request};
use crate::problem::Problem;
use crate::session::OpenError;
use crate::trust::authority::Authority;
use crate::trust::memory::EQUIVOCATION_FILE;
use proofs::equivocation::Equivocation;
use spec::Timestamp;

/// Room for two notes, the authority and two paths.
const MAX_FILE_BYTES: usize = 8 * 1024 * 1024;

/// Sends what the equivocation file says: in this node's name, or in nobody's where there is no node. The two checkpoints
/// speak for themselves.
///
/// # Errors
/// In words: there is no such file, or the service did not take it.
pub async fn contradiction(disk: &impl Disk, network: &impl Network, now: Timestamp) -> Result<(), String> {
    let bytes = durable::read(disk, EQUIVOCATION_FILE, MAX_FILE_BYTES).map_err(|e| e.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("there is no {EQUIVOCATION_FILE}"))?;
    let file = Equivocation::parse(&bytes).map_err(|e| e.to_string())?;
    let body = body(&file);
    let bearer = match Standing::load(disk) {
        Ok(standing) => Some(bearer(&standing.identity, &standing.authority, now, &body)),
        Err(OpenError::NotEnrolled) => None,
        Err(error) => return Err(error.to_string()),
    };
    let request = Request::post(PATH, "application/json", body);
    let request = match bearer {
        Some(bearer) => request.with_bearer(bearer),
        None => request,
    };
    let response = network.send(request).await.map_err(|e| e.to_string())?;
    if matches!(response.status, 200 | 201) {
        Ok(())
    } else {
        Err(format!("status {}, {}", response.status, Problem::read(&response.body).describe()))
    }
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
