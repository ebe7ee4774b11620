//! `GET /api/events`: entries by time, kind, node and severity, page by page.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::reader::Query;
use schemars::JsonSchema;
use serde::Serialize;
use spec::time::parse_rfc3339;
use spec::{Name, Timestamp, Uuid};
use std::borrow::Cow;
use std::fmt::Write as _;
use web::Call;
use web::EntryRow;
use web::answer;
use web::cursor::{Bounds, Cursor};
use web::paging::limit;
use web::problem::{Problem, internal};
use web::{Action, Principal, PrincipalKind};
use web::{QueryString, bad};

const KNOWN: [&str; 9] =
    ["since", "until", "kind", "node_id", "min_severity", "order", "limit", "cursor", "org"];

/// A page of entries.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EventPage")]
pub(crate) struct EntriesAnswer<'a> {
    /// The entries.
    items: Vec<EntryRow<'a>>,
    /// What the next page is asked for with, if there is one.
    next_cursor: Option<String>,
    /// The newest checkpoint, as a signed note: it commits to all of them.
    checkpoint: Cow<'a, str>,
}

/// The order of a list of entries.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline, rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the words of a parameter")]
pub(crate) enum Order {
    /// The oldest first.
    Asc,
    /// The newest first.
    Desc,
}

/// `GET /api/events`.
pub(crate) async fn get(call: Call) -> Result<Response<Body>, Problem> {
    let parameters = call.query(&KNOWN)?;
    let head = call.app.ledger().head().borrow().clone();
    let (query, filter) = read(&parameters, &call.principal, head.size, call.app.ledger().now())?;
    let descending = query.descending;
    let bounds = Bounds { from: query.from, to: query.to, since: query.since, until: query.until };
    let page = call
        .reading(move |app| async move { app.ledger().reader().query(&query).await.map_err(internal) })
        .await?;
    let cursor = page.next.filter(|next| if descending { *next > bounds.from } else { *next < bounds.to });
    let cursor = cursor.map(|next| Cursor { next, descending, bounds }.encode(&filter));
    let items = page.records.iter().filter_map(EntryRow::of).collect();
    let checkpoint = Cow::Borrowed(&*head.note);
    Ok(answer::value(StatusCode::OK, &EntriesAnswer { items, next_cursor: cursor, checkpoint }))
}

/// Reads the parameters; the text that comes with them is the filter a cursor belongs to.
fn read(
    parameters: &QueryString<'_>,
    principal: &Principal,
    size: u64,
    now: Timestamp,
) -> Result<(Query, String), Problem> {
    let mut query = Query { to: size, ..Query::default() };
    query.orgs = orgs(parameters, principal)?;
    query.node = parameters.parse("node_id")?;
    if let PrincipalKind::Node { node, .. } = principal.kind {
        only_own(&mut query.node, node)?;
    }
    query.kinds = parameters.list("kind")?;
    query.min_severity = parameters.parse("min_severity")?;
    query.descending = parameters.one_of("order", &[("asc", false), ("desc", true)])?.unwrap_or(true);
    query.limit = limit(parameters)?;
    match parameters.get("since").map(|text| start("since", text, now)).transpose()? {
        None => {}
        Some(Start::Seq(seq)) => query.from = seq,
        Some(Start::Time(time)) => query.since = Some(time),
    }
    match parameters.get("until").map(|text| start("until", text, now)).transpose()? {
        None => {}
        Some(Start::Seq(seq)) => query.to = seq.min(size),
        Some(Start::Time(time)) => query.until = Some(time),
    }
    let filter = filter_text(&query);
    if let Some(text) = parameters.get("cursor") {
        let cursor = Cursor::decode(text, &filter)
            .filter(|cursor| cursor.descending == query.descending)
            .ok_or_else(|| bad("cursor", "it is not one of this query"))?;
        // The bounds are those of the first page: `since=15m` does not move while someone reads.
        let Bounds { from, to, since, until } = cursor.bounds;
        (query.from, query.to, query.since, query.until) = (from, to.min(size), since, until);
        if query.descending {
            query.to = query.to.min(cursor.next);
        } else {
            query.from = query.from.max(cursor.next);
        }
    }
    Ok((query, filter))
}

/// The organisations the query may see: all for the organisation `ledger`, else the principal's own.
fn orgs(parameters: &QueryString<'_>, principal: &Principal) -> Result<Option<Vec<Name>>, Problem> {
    match parameters.parse::<Name>("org")? {
        Some(org) => {
            principal.require_in(Action::Read, &org)?;
            Ok(Some(vec![org]))
        }
        None => Ok(principal.bound_to().map(|org| vec![org.clone()])),
    }
}

/// A node sees what is about itself.
fn only_own(asked: &mut Option<Uuid>, node: Uuid) -> Result<(), Problem> {
    if asked.is_some_and(|asked| asked != node) {
        return Err(Problem::new(web::problem::FORBIDDEN, "a node sees its own events only").field("node_id"));
    }
    *asked = Some(node);
    Ok(())
}

fn filter_text(query: &Query) -> String {
    let mut text = String::new();
    for org in query.orgs.iter().flatten() {
        let _ = write!(text, "org {org} ");
    }
    for kind in &query.kinds {
        let _ = write!(text, "kind {kind} ");
    }
    if let Some(node) = query.node {
        let _ = write!(text, "node {node} ");
    }
    if let Some(severity) = query.min_severity {
        text.push_str(severity.as_str());
    }
    text
}

enum Start {
    Seq(u64),
    Time(Timestamp),
}

/// `seq:42`, a time of RFC 3339, or how long ago: `90s`, `15m`, `2h`, `7d`.
fn start(name: &str, text: &str, now: Timestamp) -> Result<Start, Problem> {
    let error = || bad(name, "expected a time of RFC 3339, a duration such as 15m, 2h or 7d, or seq:N");
    if let Some(seq) = text.strip_prefix("seq:") {
        return seq.parse().map(Start::Seq).map_err(|_| error());
    }
    if let Some(time) = parse_rfc3339(text) {
        return Ok(Start::Time(time));
    }
    let (count, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(error)?;
    let secs = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(error()),
    };
    let count: u64 = count.parse().map_err(|_| error())?;
    let millis = count.saturating_mul(secs).saturating_mul(1000);
    Ok(Start::Time(Timestamp::from_millis(now.millis().saturating_sub(millis))))
}
