//! What is said in a principal's name: each change of what admission rests on is one event that the service signs.

use crate::appending::{By, append_one};
use ledger::Receipt;
use ledger::service::Draft;
use serde::Serialize;
use spec::{Author, Hash, Kind, Name, Uuid, Via};
use web::problem::{UNAUTHENTICATED, internal};
use web::{Call, Principal, PrincipalKind, Problem};

/// The subject of an event.
#[derive(Debug, Clone)]
pub struct About {
    /// The organisation.
    pub org: Name,
    /// A tenant of it.
    pub tenant: Option<Name>,
    /// A node.
    pub node: Option<Uuid>,
}

/// Appends an event in the caller's name.
///
/// # Errors
/// The refusal of whoever may say nothing, has said too much, or says what the ledger does not take.
pub async fn say<P: Serialize>(call: &Call, org: &Name, kind: Kind, payload: &P) -> Result<Receipt, Problem> {
    say_about(call, About { org: org.clone(), tenant: None, node: None }, kind, payload).await
}

/// The same about a node or a tenant.
///
/// # Errors
/// As [`say`].
pub async fn say_about<P: Serialize>(
    call: &Call,
    about: About,
    kind: Kind,
    payload: &P,
) -> Result<Receipt, Problem> {
    let (author, via) = speaker(&call.principal)?;
    let event = call.app.ledger().sign(&Draft {
        author,
        via,
        kind,
        org: about.org,
        tenant: about.tenant,
        node_id: about.node,
        severity: None,
        ts: None,
        id: None,
        payload: serde_json::to_value(payload).map_err(internal)?,
    })?;
    append_one(call, event, By::Service).await.map(|(receipt, _)| receipt)
}

/// The author a principal writes as, and how that was established.
///
/// # Errors
/// The refusal of whoever has no name that the service may use.
pub fn speaker(principal: &Principal) -> Result<(Author, Via), Problem> {
    let unauthenticated = || {
        let detail = "sign the event, or show an API token: Authorization: Bearer vmt1.…";
        Problem::new(UNAUTHENTICATED, detail)
    };
    match &principal.kind {
        PrincipalKind::Token(id) => {
            let via = Via { method: name("token")?, subject: Some(name(&id.to_string())?) };
            Ok((Author::Token(*id), via))
        }
        PrincipalKind::User { user, provider } => {
            Ok((Author::User(*user), Via { method: name("sign-in")?, subject: Some(provider.clone()) }))
        }
        PrincipalKind::Admin => {
            Ok((Author::Service(name("admin")?), Via { method: name("admin")?, subject: None }))
        }
        PrincipalKind::Anonymous | PrincipalKind::Node { .. } => Err(unauthenticated()),
    }
}

/// A name that is one.
pub(crate) fn name(text: &str) -> Result<Name, Problem> {
    text.parse().map_err(internal)
}

/// A fresh secret.
pub(crate) fn secret() -> Result<Hash, Problem> {
    ledger::keyring::random().map(Hash).map_err(internal)
}
