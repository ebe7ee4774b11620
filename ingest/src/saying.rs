//! Changes to what admission rests on: each is one service-signed event.

use crate::access::Principal;
use crate::app::Inner;
use crate::draft::speaker;
use crate::events::append_own;
use crate::problem::{Problem, internal};
use axum::http::{StatusCode, header};
use ledger::Receipt;
use ledger::service::Draft;
use serde::Serialize;
use spec::{Hash, Kind, Name, Uuid};

impl Inner {
    /// Appends an event in the principal's name.
    pub(crate) async fn say<P: Serialize>(
        &self,
        principal: &Principal,
        org: &Name,
        kind: Kind,
        payload: &P,
    ) -> Result<Receipt, Problem> {
        self.say_of(principal, org, None, kind, payload).await
    }

    /// The same about a node.
    pub(crate) async fn say_of<P: Serialize>(
        &self,
        principal: &Principal,
        org: &Name,
        node_id: Option<Uuid>,
        kind: Kind,
        payload: &P,
    ) -> Result<Receipt, Problem> {
        let (author, via) = speaker(principal)?;
        self.check_principal(principal)?;
        let event = self.ledger.sign(&Draft {
            author,
            via,
            kind,
            org: org.clone(),
            tenant: None,
            node_id,
            severity: None,
            ts: None,
            id: None,
            payload: serde_json::to_value(payload).map_err(internal)?,
        })?;
        let (receipt, _) = append_own(self, event).await?;
        self.charge_principal(principal, 1);
        Ok(receipt)
    }
}

/// A fresh secret.
pub(crate) fn secret() -> Result<Hash, Problem> {
    ledger::keyring::random().map(Hash).map_err(internal)
}

/// An answer with nothing in it.
pub(crate) fn no_content() -> axum::response::Response {
    let mut response = axum::response::Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    response
}
