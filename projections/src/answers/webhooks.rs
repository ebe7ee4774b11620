//! Webhooks over HTTP: what there is, and how it fares.

use crate::incidents::{Standing, Webhook};
use crate::reads::{AS_OF, Call, Reads, Refusal};
use axum::body::Body;
use axum::http::Response;
use serde::Serialize;
use serde_json::json;
use spec::{Name, Timestamp};

/// A webhook as it stands.
#[derive(Debug, Serialize)]
struct Row<'a> {
    org: &'a Name,
    #[serde(flatten)]
    standing: &'a Standing,
    /// Happenings that it is owed.
    owed: usize,
    /// Happenings that were not told because there were too many.
    dropped: u64,
    /// When the next message is to be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<Timestamp>,
}

impl<'a> Row<'a> {
    fn of(org: &'a Name, webhook: &'a Webhook) -> Self {
        let next_at = webhook.messages().map(|message| message.due).min();
        Row { org, standing: &webhook.standing, owed: webhook.owed(), dropped: webhook.dropped, next_at }
    }
}

/// `GET /api/orgs/{org}/webhooks`: by id; there are few.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let org = call.org_of_path()?;
    if call.viewer.node.is_some() {
        return Err(Refusal::NotFound("a node has no webhooks".to_owned()));
    }
    let parameters = call.parameters(&[AS_OF])?;
    reads
        .view(&parameters, |view| {
            let webhooks = view.folds.incidents().of(&org).into_iter().flat_map(|all| all.webhooks().iter());
            let items: Vec<Row<'_>> = webhooks.map(|webhook| Row::of(&org, webhook)).collect();
            view.answer(&json!({"items": items}))
        })
        .await
}
