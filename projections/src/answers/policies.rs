//! Policies over HTTP: what is assigned, the documents, and which of them a node is to follow.

use crate::nodes::{id_of_path, org_of, unknown};
use crate::paging::{CURSOR, LIMIT, Paging};
use crate::policies::Assigned;
use crate::reads::{AS_OF, Call, Reads, Refusal};
use axum::body::Body;
use axum::http::Response;
use serde::Serialize;
use serde_json::json;
use spec::payload::PolicyDocument;
use spec::{Hash, Name, Uuid};
use std::cmp::Reverse;

/// An assignment as it stands.
#[derive(Debug, Serialize)]
struct Row<'a> {
    org: &'a Name,
    #[serde(flatten)]
    assigned: Assigned<'a>,
}

/// What a node is to follow, and what it says it follows.
#[derive(Debug, Serialize)]
struct OfNode<'a> {
    node_id: Uuid,
    org: &'a Name,
    /// The hash of the policy it is to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    desired: Option<Hash>,
    /// The hash of the policy it follows, by its last heartbeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<Hash>,
    /// Whether the two differ; a node that is to follow none does not drift.
    drift: bool,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    assignment: Option<Assigned<'a>>,
}

/// `GET /api/policies`: the assignments that hold, the newest first.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let parameters = call.parameters(&[AS_OF, CURSOR, LIMIT, "org"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    if call.viewer.node.is_some() {
        return Err(Refusal::NotFound("a node sees its own policy, and no others".to_owned()));
    }
    let paging = Paging::<u64>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let policies = view.folds.policies();
            let orgs = policies.orgs().filter(|name| org.as_ref().is_none_or(|org| org == *name));
            let all = orgs.flat_map(|org| policies.of(org).map(move |assigned| Row { org, assigned }));
            let mut rows: Vec<(u64, Row<'_>)> = all.map(|row| (row.assigned.seq, row)).collect();
            // Each organisation's are in order already.
            rows.sort_by_key(|(seq, _)| Reverse(*seq));
            view.answer(&paging.falling(rows.into_iter(), Some))
        })
        .await
}

/// `GET /api/policies/{hash}`: the document, for whoever may read and for the nodes that are to follow it.
pub(crate) async fn show(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let text = call.part(3);
    let unknown = || Refusal::NotFound(format!("there is no policy {text} that is assigned"));
    let hash = Hash::from_hex(text).map_err(|_| unknown())?;
    let answer = reads
        .view(&call.parameters(&[AS_OF])?, |view| {
            let policies = view.folds.policies();
            let own = |org: &&Name| call.viewer.org.as_ref().is_none_or(|own| own == *org);
            let document: &PolicyDocument =
                policies.orgs().filter(own).find_map(|org| policies.document(org, &hash))?;
            Some(view.answer(&json!({"policy": hash, "document": document})))
        })
        .await?;
    answer.ok_or_else(unknown)
}

/// `GET /api/nodes/{id}/policy`.
pub(crate) async fn of_node(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let id = id_of_path(&call, 3)?;
    let answer = reads
        .view(&call.parameters(&[AS_OF])?, |view| {
            let org = org_of(view, &call, None, id)?;
            let heartbeat = view.folds.fleet().node(org, id)?.heartbeat.as_ref();
            let assignment = view.folds.policies().of_node(org, id);
            let desired = assignment.map(|assigned| assigned.assignment.policy);
            let reported = heartbeat.and_then(|heartbeat| heartbeat.policy_hash);
            let drift = desired.is_some() && desired != reported;
            let row = OfNode { node_id: id, org, desired, reported, drift, assignment };
            Some(view.answer(&json!({"policy": row})))
        })
        .await?;
    answer.ok_or_else(|| unknown(id))
}
