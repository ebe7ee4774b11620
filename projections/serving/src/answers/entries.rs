//! Entries over HTTP, the newest first: what is about a node, and what people did in an organisation.
//!
//! No fold: the log itself answers, with its index. So these reach back to the first entry.

use crate::nodes::{id_of_path, org_of, unknown};
use crate::reads::{AS_OF, Reads};
use axum::body::Body;
use axum::http::Response;
use ledger::reader::Query;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use spec::{Author, Hash, Kind, Name, Record, Timestamp, Uuid};
use std::borrow::Cow;
use web::EntryRow;
use web::paging::{CURSOR, LIMIT, Page, cursor, limit};
use web::{Call, Problem, QueryString, bad};

/// What people and the ledger's authority do. What nodes report of it is no part of the audit; what they answered is,
/// where the rules of before let them.
const AUDITED: [Kind; 23] = [
    Kind::Ack,
    Kind::Assign,
    Kind::Authority,
    Kind::Command,
    Kind::Contradiction,
    Kind::Enrolment,
    Kind::Incident,
    Kind::Key,
    Kind::KeyStatus,
    Kind::Labels,
    Kind::Note,
    Kind::Policy,
    Kind::Recovery,
    Kind::Reopen,
    Kind::Resolve,
    Kind::Rollout,
    Kind::Ruleset,
    Kind::Schedule,
    Kind::Silence,
    Kind::Tag,
    Kind::Token,
    Kind::Webhook,
    Kind::WitnessSet,
];

/// An act: who did what.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
pub struct AuditRow<'a> {
    /// Number of the entry.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who.
    pub author: Cow<'a, Author>,
    /// How that was established.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<ViaRow<'a>>,
    /// What.
    pub kind: Cow<'a, Kind>,
    /// The node it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<Uuid>,
    /// By this others name the event.
    pub event_hash: Hash,
}

/// The way in which it was established who somebody is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AuditVia")]
pub struct ViaRow<'a> {
    /// In which way.
    pub method: Cow<'a, Name>,
    /// By what, such as the id of a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Cow<'a, Name>>,
}

impl<'a> AuditRow<'a> {
    fn of(record: &'a Record) -> Option<Self> {
        let (header, position) = (&record.entry.header, &record.entry.position);
        let via = header.via.as_ref();
        let reports = matches!(header.kind, Kind::Incident | Kind::Note);
        (!reports || !matches!(header.author, Author::Node(_))).then(|| Self {
            seq: position.seq,
            recorded_at: position.recorded_at,
            author: Cow::Borrowed(&header.author),
            via: via.map(|via| ViaRow {
                method: Cow::Borrowed(&via.method),
                subject: via.subject.as_ref().map(Cow::Borrowed),
            }),
            kind: Cow::Borrowed(&header.kind),
            node_id: header.node_id,
            event_hash: header.event_hash(&record.entry.sig),
        })
    }
}

fn item(record: &Record) -> Option<Box<RawValue>> {
    to_raw_value(&EntryRow::of(record)?).ok()
}

fn act(record: &Record) -> Option<Box<RawValue>> {
    to_raw_value(&AuditRow::of(record)?).ok()
}

/// `GET /api/nodes/{id}/events`.
pub(crate) async fn of_node(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    of_node_in(&reads, &call, None, id_of_path(&call)?).await
}

/// `GET /api/orgs/{org}/nodes/{id}/events`.
pub(crate) async fn of_node_of_org(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = call.org_of_path()?;
    of_node_in(&reads, &call, Some(&org), id_of_path(&call)?).await
}

async fn of_node_in(
    reads: &Reads,
    call: &Call,
    org: Option<&Name>,
    id: Uuid,
) -> Result<Response<Body>, Problem> {
    let parameters = call.query(&[AS_OF, CURSOR, "kind", LIMIT])?;
    let kinds = parameters.list("kind")?;
    // Whose node it is does not change, so the present folds know it for any past.
    let org = reads.at_head(|view| org_of(view, call, org, id).cloned()).await?;
    let orgs = Some(vec![org.ok_or_else(|| unknown(id))?]);
    list(reads, &parameters, Query { orgs, kinds, node: Some(id), ..Query::default() }, item).await
}

/// `GET /api/orgs/{org}/audit`. A node sees what people did to it.
pub(crate) async fn audit(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = call.org_of_path()?;
    let parameters = call.query(&[AS_OF, CURSOR, "kind", LIMIT, "node_id"])?;
    let asked: Vec<Kind> = parameters.list("kind")?;
    if let Some(other) = asked.iter().find(|kind| !AUDITED.contains(kind)) {
        return Err(bad("kind", format_args!("{other} is no part of the audit")));
    }
    let node = match (parameters.parse("node_id")?, call.principal.node()) {
        (Some(asked), Some(own)) if asked != own => return Err(bad("node_id", "a node sees its own")),
        (asked, own) => asked.or(own),
    };
    let kinds = if asked.is_empty() { AUDITED.to_vec() } else { asked };
    list(&reads, &parameters, Query { orgs: Some(vec![org]), kinds, node, ..Query::default() }, act).await
}

/// A page of what a query wants, until the point that is asked for.
async fn list(
    reads: &Reads,
    parameters: &QueryString<'_>,
    query: Query,
    row: fn(&Record) -> Option<Box<RawValue>>,
) -> Result<Response<Body>, Problem> {
    let (limit, before) = (limit(parameters)?, cursor::<u64>(parameters)?);
    let view = reads.log_view(parameters).await?;
    let to = before.map_or(view.size, |before| before.min(view.size));
    let query = Query { to, descending: true, limit, ..query };
    let page = reads.log(|reader| async move { reader.query(&query).await }).await?;
    let next_cursor = page.next.filter(|next| *next > 0).map(|next| next.to_string());
    let items = page.records.iter().filter_map(row).collect();
    Ok(view.answer(&Page::<Box<RawValue>> { items, next_cursor }))
}
