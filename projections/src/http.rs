//! The read side over HTTP: what the folds say, and the live stream of entries.
//!
//! Who asks, and what a refusal looks like, is the service's affair: it hands in a [`Door`]. Every route here
//! only reads, and needs somebody who may.

use crate::attention::{Band, Standing};
use crate::fleet::Node;
use crate::live::Live;
use crate::{page, stream};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response, header};
use axum::routing::get;
use ledger::Ledger;
use serde::Serialize;
use spec::{Name, Timestamp, Uuid};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};
use std::future::ready;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Most items in one page of a list.
pub const MAX_PAGE_ITEMS: usize = 500;

/// Items in one page of a list if the caller does not say.
pub const DEFAULT_PAGE_ITEMS: usize = 100;

/// How long an answer waits for the folds to reach the head of the log.
const FOLDS_PATIENCE: Duration = Duration::from_secs(2);

/// Through whose eyes somebody reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Viewer {
    /// The organisation they are bound to; all of them without.
    pub org: Option<Name>,
    /// The node they are bound to, if they are one.
    pub node: Option<Uuid>,
}

/// Why a read is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A parameter is unknown or malformed: its name, and what is wrong.
    Query(String, String),
    /// There is no such thing.
    NotFound(String),
    /// Whoever asks does not belong to this organisation.
    Foreign(Name),
    /// The folds do not keep up with the log.
    Behind,
}

/// The service's say in who reads.
pub trait Door: Debug + Send + Sync {
    /// Who asks.
    ///
    /// # Errors
    /// The answer to somebody who may not read.
    fn viewer(&self, request: &Request) -> Result<Viewer, Box<Response<Body>>>;

    /// The answer to a refused read.
    fn refuse(&self, refusal: Refusal) -> Response<Body>;
}

/// What the routes read from.
#[derive(Debug, Clone)]
pub struct Reads {
    /// The folds.
    pub live: Arc<Live>,
    /// The ledger.
    pub ledger: Ledger,
    /// The way in.
    pub door: Arc<dyn Door>,
    /// Becomes true when the service stops: streams end.
    pub stopping: watch::Receiver<bool>,
}

/// The routes.
pub fn routes(reads: &Reads) -> Router {
    let router = Router::new();
    let router = router.route("/api/nodes", route(reads, |reads, call| Box::pin(list(reads, call))));
    let router = router.route("/api/nodes/{id}", route(reads, |reads, call| Box::pin(show(reads, call))));
    let router =
        router.route("/events", route(reads, |reads, call| Box::pin(ready(stream::all(reads, &call)))));
    let router = router.route("/", get(page::of(reads)));
    let router = router.route("/fleet", route(reads, |reads, call| Box::pin(page::table(reads, call))));
    let router = page::assets(router);
    router.route(
        "/api/orgs/{org}/events/stream",
        route(reads, |reads, call| Box::pin(ready(stream::of_org(reads, &call)))),
    )
}

type Answered = std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Refusal>> + Send>>;

fn route(reads: &Reads, handler: fn(Reads, Call) -> Answered) -> axum::routing::MethodRouter {
    let reads = reads.clone();
    get(move |request: Request| {
        let reads = reads.clone();
        async move {
            let viewer = match reads.door.viewer(&request) {
                Ok(viewer) => viewer,
                Err(answer) => return *answer,
            };
            let door = Arc::clone(&reads.door);
            let (parts, _) = request.into_parts();
            let path = parts.uri.path().to_owned();
            let query = parts.uri.query().unwrap_or_default().to_owned();
            let last_event_id = parts.headers.get("last-event-id").cloned();
            let call = Call { viewer, path, query, last_event_id };
            handler(reads, call).await.unwrap_or_else(|refusal| door.refuse(refusal))
        }
    })
}

/// A request by somebody who may read.
pub(crate) struct Call {
    pub(crate) viewer: Viewer,
    pub(crate) path: String,
    query: String,
    pub(crate) last_event_id: Option<HeaderValue>,
}

impl Call {
    /// The parameters, each one of `known` and given once.
    pub(crate) fn parameters(&self, known: &[&str]) -> Result<Parameters<'_>, Refusal> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()) {
            if !known.contains(&&*name) {
                return Err(bad(&name, format_args!("unknown; this route takes {}", known.join(", "))));
            }
            if parameters.insert(name.clone(), value).is_some() {
                return Err(bad(&name, "given twice"));
            }
        }
        Ok(Parameters(parameters))
    }

    /// The organisations the caller wants and may see; all of them is `None`.
    pub(crate) fn orgs(&self, asked: Option<Name>) -> Result<Option<Name>, Refusal> {
        match (asked, &self.viewer.org) {
            (Some(asked), Some(own)) if asked != *own => Err(Refusal::Foreign(asked)),
            (asked, own) => Ok(asked.or_else(|| own.clone())),
        }
    }
}

/// The parameters of a request.
pub(crate) struct Parameters<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl Parameters<'_> {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    pub(crate) fn parse<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Refusal> {
        self.get(name).map(|text| text.parse().map_err(|e| bad(name, e))).transpose()
    }
}

pub(crate) fn bad(name: &str, problem: impl Display) -> Refusal {
    Refusal::Query(name.to_owned(), problem.to_string())
}

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
    checkpoint: &'a str,
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
async fn list(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    let parameters = call.parameters(&["org", "band", "q", "limit", "cursor"])?;
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
        .at_head(|folds, now, note| {
            let fleet = folds.fleet();
            let mut items = Vec::new();
            for org in fleet.orgs().filter(|name| org.as_ref().is_none_or(|org| org == *name)) {
                for (id, node) in fleet.nodes(org) {
                    let seen = after.as_ref().is_some_and(|(name, last)| (org, id) <= (name, *last));
                    let own = call.viewer.node.is_none_or(|own| own == id);
                    if seen || !own || !q.as_deref().is_none_or(|q| mentions(id, node, q)) {
                        continue;
                    }
                    let Some(standing) = folds.attention().standing(org, id, now) else { continue };
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
            json(&Page { items, next_cursor, checkpoint: note })
        })
        .await
}

/// `GET /api/nodes/{id}`.
async fn show(reads: Reads, call: Call) -> Result<Response<Body>, Refusal> {
    call.parameters(&[])?;
    let text = call.path.rsplit('/').next().unwrap_or_default();
    let unknown = || Refusal::NotFound(format!("there is no node {text}"));
    let id: Uuid = text.parse().map_err(|_| unknown())?;
    let own = call.viewer.node.is_none_or(|own| own == id);
    let answer = reads
        .at_head(|folds, now, note| {
            let fleet = folds.fleet();
            let org = fleet.orgs().find(|org| {
                own && call.viewer.org.as_ref().is_none_or(|own| own == *org) && fleet.node(org, id).is_some()
            })?;
            let (node, standing) = (fleet.node(org, id)?, folds.attention().standing(org, id, now)?);
            let row = Row { node_id: id, org, standing, node };
            Some(json(&serde_json::json!({"node": row, "checkpoint": note})))
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

impl Reads {
    /// Looks at the folds when they have reached the head of the log, with its checkpoint.
    pub(crate) async fn at_head<T>(
        &self,
        look: impl Fn(&crate::Projections, Timestamp, &str) -> T,
    ) -> Result<T, Refusal> {
        let mut size = self.live.size();
        let wait = async {
            loop {
                let head = self.ledger.head().borrow().clone();
                if size.wait_for(|size| *size >= head.size).await.is_err() {
                    return None;
                }
                let now = self.ledger.now().max(head.recorded_at);
                let seen =
                    self.live.with(|folds| (folds.size() == head.size).then(|| look(folds, now, &head.note)));
                // Entries came while it looked: the checkpoint is to be the one the answer rests on.
                if seen.is_some() {
                    return seen;
                }
            }
        };
        tokio::time::timeout(FOLDS_PATIENCE, wait).await.ok().flatten().ok_or(Refusal::Behind)
    }
}

/// An answer in JSON that nobody may keep.
pub(crate) fn json<T: Serialize>(value: &T) -> Response<Body> {
    // The answers are texts, numbers and lists of them.
    let mut response = Response::new(Body::from(serde_json::to_vec(value).unwrap_or_default()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.path, self.viewer)
    }
}
