//! `POST /api/nodes/{id}/slo`: how operations ended, as a node counts them over spans of time.
//!
//! The node's JWT vouches for the counts; the service makes one event of each span. The event's id follows from the
//! node's key and from what the span says, so that a report sent again is recognised.

use crate::appending::{By, append};
use crate::events::{answer_batch, check_known};
use crate::incoming;
use crate::saying::name;
use axum::body::Body;
use axum::http::Response;
use ledger::service::Draft;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::limits::MAX_SAFE_INTEGER;
use spec::payload::{Outcome, OutcomeCount, Slo};
use spec::time::parse_rfc3339;
use spec::{Author, Event, Kind, Name, PublicKey, Timestamp, Uuid, Via, canonical};
use std::collections::BTreeMap;
use web::problem::{FORBIDDEN, INVALID, NOT_FOUND, Problem, UNAUTHENTICATED, WRONG_KIND, internal};
use web::strict::{invalid, member, present};
use web::{Call, Principal, PrincipalKind};

/// A count: how often an operation ended in one way within a span of time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with component, operation, outcome, count and the window"
)]
pub struct OutcomeReport {
    /// What carried it out.
    #[schemars(with = "Name")]
    pub component: String,
    /// The operation.
    #[schemars(with = "Name")]
    pub operation: String,
    /// How it ended.
    #[schemars(with = "Outcome")]
    pub outcome: String,
    /// How often.
    pub count: u64,
    /// Beginning of the span, in RFC 3339.
    #[schemars(with = "Timestamp")]
    pub window_start: String,
    /// End of the span, not before its beginning.
    #[schemars(with = "Timestamp")]
    pub window_end: String,
    /// The node's organisation; for readers alone, as the two below: a node reports of itself.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// Its tenant.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// It.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
}

/// A node's report: one count, several, or an event of kind `slo` that it signed.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum OutcomesRequest {
    /// One count.
    One(OutcomeReport),
    /// Several, of one span or of several.
    Several(Vec<OutcomeReport>),
    /// What the node signed.
    Signed(Box<Event>),
}

/// A span of time, and what was counted in it.
type Spans = BTreeMap<(Timestamp, Timestamp), BTreeMap<(Name, Name, Outcome), u64>>;

/// The node that reports.
struct Reporter {
    node: Uuid,
    key: PublicKey,
    org: Name,
    tenant: Option<Name>,
}

/// `POST /api/nodes/{id}/slo`.
pub(crate) async fn post(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let text = call.part("id");
    let node: Uuid = text.parse().map_err(|_| Problem::new(NOT_FOUND, format!("there is no node {text}")))?;
    let is_array = incoming::is_array(&call.body);
    if !is_array && let Some(event) = signed(&call.body)? {
        if event.header.kind != Kind::Slo {
            let detail = format!("expected an event of kind slo, found one of kind {}", event.header.kind);
            return Err(Problem::new(WRONG_KIND, detail).pointer("/kind"));
        }
        if event.header.subject_node() != Some(node) {
            return Err(Problem::new(INVALID, "the event is of another node than the path names"));
        }
        check_known(&call.app, &event.header.key)?;
        let appended = append(&call, vec![event], By::Authors, true).await?;
        return Ok(answer_batch(&call, vec![None], Some(appended)));
    }
    let reporter = Reporter::of(&call.principal, node)?;
    let elements = if is_array { incoming::elements(&call.body)? } else { vec![&call.body[..]] };
    let mut spans = Spans::new();
    for element in elements {
        reporter.take(web::strict::object(element)?, &mut spans)?;
    }
    let mut events = Vec::with_capacity(spans.len());
    for ((from, to), counts) in spans {
        let draft = reporter.draft(from, to, counts)?;
        events.push(call.app.ledger().sign(&draft)?);
    }
    if events.is_empty() {
        return Err(Problem::new(INVALID, "a report has at least one count"));
    }
    let slots = events.iter().map(|_| None).collect();
    let appended = append(&call, events, By::Service, true).await?;
    Ok(answer_batch(&call, slots, Some(appended)))
}

/// The signed event in a body; `None` if it is a count. What has `outcome` beside no signature is meant to be one.
fn signed(body: &[u8]) -> Result<Option<Event>, Problem> {
    #[derive(Deserialize)]
    struct Marks {
        outcome: Option<serde::de::IgnoredAny>,
        sig: Option<serde::de::IgnoredAny>,
    }
    let is_count = serde_json::from_slice::<Marks>(body)
        .is_ok_and(|marks| marks.outcome.is_some() && marks.sig.is_none());
    if is_count { Ok(None) } else { incoming::signed(body) }
}

impl Reporter {
    fn of(principal: &Principal, node: Uuid) -> Result<Self, Problem> {
        match (&principal.kind, &principal.org) {
            (PrincipalKind::Node { node: own, key, tenant }, Some(org)) if *own == node => {
                Ok(Self { node, key: *key, org: org.clone(), tenant: tenant.clone() })
            }
            (PrincipalKind::Anonymous, _) => Err(Problem::new(
                UNAUTHENTICATED,
                "sign the report as an event, or show a JWT signed with the node's key",
            )),
            _ => Err(Problem::new(FORBIDDEN, "a node reports of itself, and nobody else does")),
        }
    }

    fn take(&self, report: OutcomeReport, spans: &mut Spans) -> Result<(), Problem> {
        let same = |said: &Option<String>, own: &str| said.as_ref().is_none_or(|said| said == own);
        let tenant = self.tenant.as_ref().map(Name::as_str).unwrap_or_default();
        let other = |pointer| Problem::new(FORBIDDEN, "a node reports of itself").pointer(pointer);
        if !same(&report.org_id, self.org.as_str()) {
            return Err(other("/org_id"));
        }
        if !same(&report.tenant_id, tenant) {
            return Err(other("/tenant_id"));
        }
        if !same(&report.node_id, &self.node.to_string()) {
            return Err(other("/node_id"));
        }
        let time = |pointer, text: &str| {
            parse_rfc3339(text).ok_or_else(|| invalid(pointer, "expected a time of RFC 3339"))
        };
        let from = time("/window_start", &report.window_start)?;
        let to = time("/window_end", &report.window_end)?;
        if from > to {
            return Err(invalid("/window_end", "it is before the beginning"));
        }
        let (component, operation) =
            (member("/component", &report.component)?, member("/operation", &report.operation)?);
        let outcome: Outcome = serde_json::from_value(report.outcome.into())
            .map_err(|_| invalid("/outcome", "expected allow, deny, error, isolate, ok or throttle"))?;
        let count = spans.entry((from, to)).or_default().entry((component, operation, outcome)).or_default();
        *count = count
            .checked_add(report.count)
            .filter(|sum| *sum <= MAX_SAFE_INTEGER)
            .ok_or_else(|| invalid("/count", "beyond 2^53-1"))?;
        Ok(())
    }

    fn draft(
        &self,
        from: Timestamp,
        to: Timestamp,
        counts: BTreeMap<(Name, Name, Outcome), u64>,
    ) -> Result<Draft, Problem> {
        let counts = counts.into_iter().map(|((component, operation, outcome), count)| OutcomeCount {
            component,
            count,
            operation,
            outcome,
        });
        let said = Slo { counts: counts.collect(), from, to };
        let payload = serde_json::to_value(&said).map_err(internal)?;
        let bytes = canonical::to_vec(&payload).map_err(internal)?;
        let hash = blake3::Hasher::new().update(&self.key.0).update(&bytes).finalize();
        let mut tail = [0; 10];
        tail.copy_from_slice(hash.as_bytes().first_chunk::<10>().unwrap_or(&[0; 10]));
        Ok(Draft {
            author: Author::Service(name("ingest")?),
            via: Via { method: name("node-jwt")?, subject: Some(name(&self.key.to_string())?) },
            kind: Kind::Slo,
            org: self.org.clone(),
            tenant: self.tenant.clone(),
            node_id: Some(self.node),
            severity: None,
            ts: None,
            id: Some(Uuid::v7(to, tail)),
            payload,
        })
    }
}
