//! `/api/orgs/{org}/policies`: which policies nodes are to follow. Nothing is told to a node by this: it applies a
//! policy on the command `apply-policy`, and until then its heartbeats show that it follows another.

use crate::state::Service;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ingest::saying::{About, say_about};
use projections::assignments::To;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{Policy, PolicyDocument};
use spec::selector::Selector;
use spec::{Author, Hash, Kind, Name, Uuid};
use web::Action;
use web::Call;
use web::answer;
use web::answer::no_content;
use web::problem::{NOT_FOUND, Problem};
use web::strict::{StrictValue, present};
use web::strict::{invalid, member};

/// A request to assign a policy: to a node, or to those that a selector selects.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with document, and node or selector")]
pub struct PolicyRequest {
    /// The policy.
    #[schemars(with = "PolicyDocument")]
    pub document: StrictValue,
    /// The node.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Uuid>")]
    pub node: Option<String>,
    /// Which nodes, by their labels.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub selector: Option<String>,
}

/// A policy that was assigned.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PolicyAssigned {
    /// The assignment's event hash, by which it is withdrawn.
    pub assignment: Hash,
    /// The policy's hash.
    pub policy: Hash,
    /// Seq of the entry.
    pub seq: u64,
}

impl PolicyRequest {
    /// What the event is to say, and the hash of its policy.
    fn assignment(self) -> Result<(Policy, Hash), Problem> {
        let document = PolicyDocument::parse(&self.document.0.to_string());
        let document = document.map_err(|e| invalid("/document", e))?;
        let (_, hash) = document.bytes_and_hash().map_err(|e| invalid("/document", e))?;
        let node: Option<Uuid> = self.node.as_deref().map(|node| member("/node", node)).transpose()?;
        if let Some(selector) = &self.selector {
            member::<Selector>("/selector", selector)?;
        }
        if node.is_some() == self.selector.is_some() {
            return Err(invalid("/selector", "name a node or give a selector, and not both"));
        }
        Ok((Policy::Assign { document, node, selector: self.selector }, hash))
    }
}

/// Refuses a node that is not of an organisation.
pub(crate) fn own_node(call: &Call, org: &Name, node: Uuid) -> Result<(), Problem> {
    let own = call.app.ledger().directory(|directory| {
        let key = directory.authors.get(&Author::Node(node))?;
        directory.keys.get(key).map(|record| record.org == *org)
    });
    if own == Some(true) {
        return Ok(());
    }
    Err(Problem::new(NOT_FOUND, format!("{org} has no node {node}")).pointer("/node"))
}

/// `POST /api/orgs/{org}/policies`: from now on nodes are to follow a policy.
pub(crate) async fn assign(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let org: Name = call.param("org")?;
    call.principal.require_in(Action::ManageRules, &org)?;
    let (payload, policy) = call.json::<PolicyRequest>()?.assignment()?;
    let node = match &payload {
        Policy::Assign { node, .. } => *node,
        Policy::Withdraw { .. } => None,
    };
    if let Some(node) = node {
        own_node(&call, &org, node)?;
    }
    let receipt = say_about(&call, About { org, tenant: None, node }, Kind::Policy, &payload).await?;
    let answer = PolicyAssigned { assignment: receipt.event_hash, policy, seq: receipt.seq };
    Ok(answer::value(StatusCode::CREATED, &answer))
}

/// `DELETE /api/orgs/{org}/policies/{assignment}`: an assignment holds no longer.
pub(crate) async fn withdraw(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let org: Name = call.param("org")?;
    call.principal.require_in(Action::ManageRules, &org)?;
    let text: String = call.param("assignment")?;
    let unknown = || Problem::new(NOT_FOUND, format!("{org} has no assignment {text} that holds"));
    let assignment = Hash::from_hex(&text).map_err(|_| unknown())?;
    let held = service.look(&call, |folds| {
        let (of, assigned) = folds.policies().assignment(&assignment)?;
        let node = match assigned.to {
            To::Node(node) => Some(node),
            To::Selector(_) => None,
        };
        (*of == org).then_some(node)
    });
    let node = held.await?.ok_or_else(unknown)?;
    let about = About { org: org.clone(), tenant: None, node };
    say_about(&call, about, Kind::Policy, &Policy::Withdraw { assignment }).await?;
    Ok(no_content())
}
