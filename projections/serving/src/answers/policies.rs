//! Policies over HTTP: what is assigned, the documents, and which of them a node is to follow.

use crate::nodes::{id_of_path, org_of, unknown};
use crate::reads::{AS_OF, Reads};
use axum::body::Body;
use axum::http::Response;
use projections::assignments::Assignment;
use projections::policies::{Assigned, GivenPolicy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::PolicyDocument;
use spec::{Hash, Name, Uuid};
use std::borrow::Cow;
use std::cmp::Reverse;
use web::paging::{CURSOR, LIMIT, Paging};
use web::problem::NOT_FOUND;
use web::{Call, Problem};

/// An assignment in its organisation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Policy")]
pub struct PolicyRow<'a> {
    /// Whose.
    pub org: Cow<'a, Name>,
    /// The assignment.
    #[serde(flatten)]
    pub assigned: AssignmentRow<'a>,
}

/// An assignment that holds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyAssignment")]
pub struct AssignmentRow<'a> {
    /// Seq of its entry.
    pub seq: u64,
    /// Its name, its policy, and whom it is about.
    #[serde(flatten)]
    pub assignment: Cow<'a, Assignment>,
    /// Who assigned what.
    #[serde(flatten)]
    pub given: Cow<'a, GivenPolicy>,
}

impl<'a> From<Assigned<'a>> for AssignmentRow<'a> {
    fn from(Assigned { seq, assignment, given }: Assigned<'a>) -> Self {
        Self { seq, assignment: Cow::Borrowed(assignment), given: Cow::Borrowed(given) }
    }
}

/// A policy that is assigned.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PolicyAnswer<'a> {
    /// What it allows.
    pub document: Cow<'a, PolicyDocument>,
    /// Its hash.
    pub policy: Hash,
}

/// The policy that a node is to follow, and the one it says it follows.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NodePolicy")]
pub struct NodePolicyRow<'a> {
    /// The node.
    pub node_id: Uuid,
    /// Whose it is.
    pub org: Cow<'a, Name>,
    /// The hash of the policy it is to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Hash>,
    /// The hash of the policy it follows, by its last heartbeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Hash>,
    /// Whether the two differ; a node that is to follow none does not drift.
    pub drift: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<AssignmentRow<'a>>,
}

/// One node's policy.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct NodePolicyAnswer<'a> {
    /// It.
    pub policy: NodePolicyRow<'a>,
}

/// `GET /api/policies`: the assignments that hold, the newest first.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let parameters = call.query(&[AS_OF, CURSOR, LIMIT, "org"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    if call.principal.node().is_some() {
        return Err(Problem::new(NOT_FOUND, "a node sees its own policy, and no others".to_owned()));
    }
    let paging = Paging::<u64>::of(&parameters)?;
    reads
        .view(&parameters, |view| {
            let policies = view.folds.policies();
            let orgs = policies.orgs().filter(|name| org.as_ref().is_none_or(|org| org == *name));
            let all = orgs.flat_map(|org| {
                let row = move |assigned| PolicyRow { org: Cow::Borrowed(org), assigned };
                policies.of(org).map(AssignmentRow::from).map(row)
            });
            let mut rows: Vec<(u64, PolicyRow<'_>)> = all.map(|row| (row.assigned.seq, row)).collect();
            // Each organisation's are in order already.
            rows.sort_by_key(|(seq, _)| Reverse(*seq));
            view.answer(&paging.falling(rows.into_iter(), Some))
        })
        .await
}

/// `GET /api/policies/{hash}`: the document, for whoever may read and for the nodes that are to follow it.
pub(crate) async fn show(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let text = call.part("hash");
    let unknown = || Problem::new(NOT_FOUND, format!("there is no policy {text} that is assigned"));
    let hash = Hash::from_hex(text).map_err(|_| unknown())?;
    let answer = reads
        .view(&call.query(&[AS_OF])?, |view| {
            let policies = view.folds.policies();
            let own = |org: &&Name| call.principal.bound_to().is_none_or(|own| own == *org);
            let document = policies.orgs().filter(own).find_map(|org| policies.document(org, &hash))?;
            Some(view.answer(&PolicyAnswer { document: Cow::Borrowed(document), policy: hash }))
        })
        .await?;
    answer.ok_or_else(unknown)
}

/// `GET /api/nodes/{id}/policy`.
pub(crate) async fn of_node(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let id = id_of_path(&call)?;
    let answer = reads
        .view(&call.query(&[AS_OF])?, |view| {
            let org = org_of(view, &call, None, id)?;
            let heartbeat = view.folds.fleet().node(org, id)?.heartbeat.as_ref();
            let assignment = view.folds.policies().of_node(org, id);
            let desired = assignment.map(|assigned| assigned.assignment.policy);
            let reported = heartbeat.and_then(|heartbeat| heartbeat.policy_hash);
            let drift = desired.is_some() && desired != reported;
            let (org, assignment) = (Cow::Borrowed(org), assignment.map(AssignmentRow::from));
            let policy = NodePolicyRow { node_id: id, org, desired, reported, drift, assignment };
            Some(view.answer(&NodePolicyAnswer { policy }))
        })
        .await?;
    answer.ok_or_else(|| unknown(id))
}
