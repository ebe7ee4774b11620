//! `/api/orgs/{org}/acceptances`: findings that people know of, and take as they are until a date.

use crate::operator::policies::own_node;
use crate::state::Service;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ingest::saying::{About, say_about};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::Acceptance;
use spec::selector::Selector;
use spec::time::parse_rfc3339;
use spec::{Hash, Kind, Name, Severity, Timestamp, Uuid};
use web::answer::no_content;
use web::problem::NOT_FOUND;
use web::strict::{invalid, member, present};
use web::{Action, Call, Problem, answer};

/// A request to accept findings: on a node, on those that a selector selects, or on all.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with check, expires_at and text")]
pub struct AcceptanceRequest {
    /// The check.
    #[schemars(with = "Name")]
    pub check: String,
    /// From when on it is accepted no longer, in RFC 3339.
    #[schemars(with = "Timestamp")]
    pub expires_at: String,
    /// The node.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Uuid>")]
    pub node: Option<String>,
    /// Which nodes, by their labels.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub selector: Option<String>,
    /// The gravest that is accepted.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["low", "medium", "high", "critical"]))]
    pub severity: Option<String>,
    /// What the finding is about.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub subject: Option<String>,
    /// Why.
    #[schemars(length(max = 1024))]
    pub text: String,
}

/// An acceptance that was made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AcceptanceMade {
    /// Its event hash, by which it is withdrawn.
    pub acceptance: Hash,
    /// Seq of the entry.
    pub seq: u64,
}

impl AcceptanceRequest {
    /// The node it names, and what the event is to say.
    fn payload(self, now: Timestamp) -> Result<(Option<Uuid>, Acceptance), Problem> {
        let node: Option<Uuid> = self.node.as_deref().map(|node| member("/node", node)).transpose()?;
        if let Some(selector) = &self.selector {
            member::<Selector>("/selector", selector)?;
            if node.is_some() {
                return Err(invalid("/selector", "name a node or give a selector, and not both"));
            }
        }
        let expires_at = parse_rfc3339(&self.expires_at);
        let expires_at = expires_at.ok_or_else(|| invalid("/expires_at", "expected a time of RFC 3339"))?;
        if expires_at <= now {
            return Err(invalid("/expires_at", "it is over already"));
        }
        let severity =
            self.severity.as_deref().map(|word| member::<Severity>("/severity", word)).transpose()?;
        let check = member("/check", &self.check)?;
        let Self { selector, subject, text, .. } = self;
        Ok((node, Acceptance::Accept { check, expires_at, node, selector, severity, subject, text }))
    }
}

/// `POST /api/orgs/{org}/acceptances`: a finding is accepted, for a reason and until a date.
pub(crate) async fn accept(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let org: Name = call.param("org")?;
    call.principal.require_in(Action::WriteEvent, &org)?;
    let (node, payload) = call.json::<AcceptanceRequest>()?.payload(call.app.ledger().now())?;
    if let Some(node) = node {
        own_node(&call, &org, node)?;
    }
    let receipt = say_about(&call, About { org, tenant: None, node }, Kind::Acceptance, &payload).await?;
    let answer = AcceptanceMade { acceptance: receipt.event_hash, seq: receipt.seq };
    Ok(answer::value(StatusCode::CREATED, &answer))
}

/// `DELETE /api/orgs/{org}/acceptances/{acceptance}`: it holds no longer.
pub(crate) async fn withdraw(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let org: Name = call.param("org")?;
    call.principal.require_in(Action::WriteEvent, &org)?;
    let text: String = call.param("acceptance")?;
    let unknown = || Problem::new(NOT_FOUND, format!("{org} has no acceptance {text} that holds"));
    let acceptance = Hash::from_hex(&text).map_err(|_| unknown())?;
    let now = call.app.ledger().now();
    let held = service.look(&call, |folds| {
        let (of, held) = folds.scans().acceptances().acceptance(&acceptance)?;
        (*of == org && held.holds(now)).then_some(held.node)
    });
    let node = held.await?.ok_or_else(unknown)?;
    let about = About { org: org.clone(), tenant: None, node };
    say_about(&call, about, Kind::Acceptance, &Acceptance::Withdraw { acceptance }).await?;
    Ok(no_content())
}
