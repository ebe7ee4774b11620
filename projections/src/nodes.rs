//! The fleet over HTTP: a list with filters, and one node.

use crate::attention::{Band, Standing};
use crate::fleet::Node;
use crate::reads::{AS_OF, Call, Parameters, Reads, Refusal, bad};
use axum::body::Body;
use axum::http::Response;
use serde::Serialize;
use spec::{Name, Uuid};

/// Most items in one page of a list.
pub const MAX_PAGE_ITEMS: usize = 500;

/// Items in one page of a list if the caller does not say.
pub const DEFAULT_PAGE_ITEMS: usize = 100;

/// A node as lists show it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    node_id: Uuid,
    org: &'a Name,
    #[serde(flatten)]
    standing: Standing,
    #[serde(flatten)]
    node: &'a Node,
}

#[derive(Debug, Serialize)]
struct Page<'a> {
    items: Vec<Row<'a>>,
    next_cursor: Option<String>,
}

/// A word of a filter that is one of a few.
fn one_of<T: Copy>(
    parameters: &Parameters<'_>,
    name: &str,
    words: &[(&str, T)],
) -> Result<Option<T>, Refusal> {
    let Some(text) = parameters.get(name) else { return Ok(None) };
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    let all = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| bad(name, format_args!("expected one of {}", all())))
}

/// `GET /api/nodes`: the fleet, in the order of organisation and id.
pub(crate) async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let parameters = call.parameters(&[AS_OF, "band", "cursor", "limit", "org", "q"])?;
    let org = call.orgs(parameters.parse("org")?)?;
    let bands = [("OK", Band::Ok), ("ATTN", Band::Attn), ("CRIT", Band::Crit)];
    let band = one_of(&parameters, "band", &bands)?;
    let limit = parameters.parse("limit")?.unwrap_or(DEFAULT_PAGE_ITEMS);
    if !(1..=MAX_PAGE_ITEMS).contains(&limit) {
        return Err(bad("limit", format_args!("expected 1 to {MAX_PAGE_ITEMS}")));
    }
    let after = parameters.get("cursor").map(read_cursor).transpose()?;
    let q = parameters.get("q").map(str::to_lowercase);
    reads
        .view(&parameters, |view| {
            let fleet = view.folds.fleet();
            let mut items = Vec::new();
            for org in fleet.orgs().filter(|name| org.as_ref().is_none_or(|org| org == *name)) {
                for (id, node) in fleet.nodes(org) {
                    let seen = after.as_ref().is_some_and(|(name, last)| (org, id) <= (name, *last));
                    let own = call.viewer.node.is_none_or(|own| own == id);
                    if seen || !own || !q.as_deref().is_none_or(|q| mentions(id, node, q)) {
                        continue;
                    }
                    let Some(standing) = view.folds.attention().standing(org, id, view.now) else { continue };
                    if band.is_none_or(|band| band == standing.band) {
                        items.push(Row { node_id: id, org, standing, node });
                    }
                    if items.len() > limit {
                        break;
                    }
                }
            }
            let more = items.len() > limit;
            items.truncate(limit);
            let next_cursor = items.last().filter(|_| more).map(|row| format!("{}/{}", row.org, row.node_id));
            view.answer(&Page { items, next_cursor })
        })
        .await
}

/// `GET /api/nodes/{id}`.
pub(crate) async fn show(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let parameters = call.parameters(&[AS_OF])?;
    let text = call.path().rsplit('/').next().unwrap_or_default();
    let unknown = || Refusal::NotFound(format!("there is no node {text}"));
    let id: Uuid = text.parse().map_err(|_| unknown())?;
    let own = call.viewer.node.is_none_or(|own| own == id);
    let answer = reads
        .view(&parameters, |view| {
            let fleet = view.folds.fleet();
            let sees = |org: &&Name| own && call.viewer.org.as_ref().is_none_or(|own| own == *org);
            let known = || fleet.orgs().filter(sees).filter(|org| fleet.node(org, id).is_some());
            // An import may name any node; the organisation that gave it its key is the node's own.
            let keyed = known().find(|org| fleet.node(org, id).is_some_and(|node| node.key.is_some()));
            let org = keyed.or_else(|| known().next())?;
            let (node, standing) =
                (fleet.node(org, id)?, view.folds.attention().standing(org, id, view.now)?);
            let row = Row { node_id: id, org, standing, node };
            Some(view.answer(&serde_json::json!({"node": row})))
        })
        .await?;
    answer.ok_or_else(unknown)
}

fn mentions(id: Uuid, node: &Node, q: &str) -> bool {
    let said = node.heartbeat.as_ref();
    id.to_string().contains(q)
        || said.is_some_and(|said| said.hostname.to_lowercase().contains(q))
        || said.is_some_and(|said| said.os_profile.to_lowercase().contains(q))
}

/// Where a page ended: organisation and node.
fn read_cursor(text: &str) -> Result<(Name, Uuid), Refusal> {
    let parts = text.split_once('/').and_then(|(org, id)| Some((org.parse().ok()?, id.parse().ok()?)));
    parts.ok_or_else(|| bad("cursor", "it is not one of this list"))
}
