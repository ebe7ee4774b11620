//! Webhooks over HTTP: what there is, and how it fares.

use crate::reads::{AS_OF, Reads};
use axum::body::Body;
use axum::http::Response;
use projections::incidents::{Webhook, WebhookStanding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Name, Timestamp};
use std::borrow::Cow;
use web::problem::NOT_FOUND;
use web::{Call, Problem};

/// A webhook as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Webhook")]
pub struct WebhookRow<'a> {
    /// Whose.
    pub org: Cow<'a, Name>,
    /// What it is told, and what became of that.
    #[serde(flatten)]
    pub standing: Cow<'a, WebhookStanding>,
    /// Happenings that it is owed.
    pub owed: usize,
    /// Happenings that were not told because there were too many.
    pub dropped: u64,
    /// When the next message is to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
}

/// An organisation's webhooks, all of them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct WebhooksAnswer<'a> {
    /// By id.
    pub items: Vec<WebhookRow<'a>>,
}

impl<'a> WebhookRow<'a> {
    fn of(org: &'a Name, webhook: &'a Webhook) -> Self {
        let next_at = webhook.messages().map(|message| message.due).min();
        let (org, standing) = (Cow::Borrowed(org), Cow::Borrowed(&webhook.standing));
        Self { org, standing, owed: webhook.owed(), dropped: webhook.dropped, next_at }
    }
}

/// `GET /api/orgs/{org}/webhooks`: by id; there are few.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = call.org_of_path()?;
    if call.principal.node().is_some() {
        return Err(Problem::new(NOT_FOUND, "a node has no webhooks".to_owned()));
    }
    let parameters = call.query(&[AS_OF])?;
    reads
        .view(&parameters, |view| {
            let webhooks = view.folds.incidents().of(&org).into_iter().flat_map(|all| all.webhooks().iter());
            let items = webhooks.map(|webhook| WebhookRow::of(&org, webhook)).collect();
            view.answer(&WebhooksAnswer { items })
        })
        .await
}
