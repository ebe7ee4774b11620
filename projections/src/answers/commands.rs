//! Commands over HTTP: a list, the newest first, and one.

use crate::commands::{Given, State};
use crate::paging::{CURSOR, LIMIT, Paging};
use crate::reads::{AS_OF, Call, Reads, Refusal};
use axum::body::Body;
use axum::http::Response;
use serde::Serialize;
use spec::{Hash, Name, Timestamp, Uuid};
use std::cmp::Reverse;

/// A command as it stands.
#[derive(Debug, Serialize)]
struct Row<'a> {
    node_id: Uuid,
    org: &'a Name,
    state: State,
    #[serde(flatten)]
    given: &'a Given,
}

impl<'a> Row<'a> {
    fn of(org: &'a Name, given: &'a Given, now: Timestamp) -> Self {
        Self { node_id: given.order.node, org, state: given.state(now), given }
    }
}

/// `GET /api/commands`.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let parameters = call.parameters(&[AS_OF, CURSOR, LIMIT, "node_id", "org", "state"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    let node: Option<Uuid> = parameters.parse("node_id")?;
    let state: Option<State> = parameters.word("state")?;
    let paging = Paging::<u64>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let commands = view.folds.commands();
            let orgs = commands.orgs().filter(|name| org.as_ref().is_none_or(|org| org == *name));
            let given = orgs.flat_map(|org| commands.of(org).rev().map(move |given| (org, given)));
            let wanted = given.filter(|(_, given)| {
                let id = given.order.node;
                call.sees(id) && node.is_none_or(|node| node == id)
            });
            let mut rows: Vec<_> = wanted
                .map(|(org, given)| (given.seq, Row::of(org, given, view.now)))
                .filter(|(_, row)| state.is_none_or(|state| state == row.state))
                .collect();
            // Each organisation's are in order already.
            rows.sort_by_key(|(seq, _)| Reverse(*seq));
            view.answer(&paging.falling(rows.into_iter(), Some))
        })
        .await
}

/// `GET /api/commands/{hash}`.
pub(crate) async fn show(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let text = call.part(3);
    let unknown = || Refusal::NotFound(format!("there is no command {text}, or no more"));
    let hash: Hash = Hash::from_hex(text).map_err(|_| unknown())?;
    let answer = reads
        .view(&call.parameters(&[AS_OF])?, |view| {
            let (org, given) = view.folds.commands().command(&hash)?;
            let own = call.viewer.org.as_ref().is_none_or(|own| own == org) && call.sees(given.order.node);
            own.then(|| view.answer(&serde_json::json!({"command": Row::of(org, given, view.now)})))
        })
        .await?;
    answer.ok_or_else(unknown)
}
