//! The log as it lies on disk: record lines of one's organisation, proof bundles, whole segments.

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Response, StatusCode, header};
use ledger::bundle::BundleError;
use ledger::reader::Query;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Entry, Hash, Record};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use web::App;
use web::Call;
use web::answer::{self, Items};
use web::limits::{MAX_ENTRIES, SEGMENT_CHUNK_BYTES};
use web::paging::limit_of;
use web::problem::{NOT_FOUND, Problem, internal};
use web::{Action, Principal, PrincipalKind};

/// `GET /api/ledger/entries?from=&limit=`: record lines; `Link` names the next page.
pub(crate) async fn list(call: Call) -> Result<Response<Body>, Problem> {
    let query = call.query(&["from", "limit"])?;
    let from: u64 = query.parse("from")?.unwrap_or(0);
    let limit = limit_of(&query, MAX_ENTRIES)?;
    let principal = call.principal.clone();
    let (body, next) = call.reading(move |app| lines(app, principal, from, limit)).await?;
    let mut response = answer::with_type(StatusCode::OK, "application/x-ndjson", Body::from(body));
    if let Some(next) = next {
        let link = format!("</api/ledger/entries?from={next}&limit={limit}>; rel=\"next\"");
        response.headers_mut().insert(header::LINK, HeaderValue::try_from(link).map_err(internal)?);
    }
    Ok(response)
}

/// The index says where an organisation's entries are; nobody else's are read.
async fn lines(
    app: App,
    principal: Principal,
    from: u64,
    limit: usize,
) -> Result<(Vec<u8>, Option<u64>), Problem> {
    let size = app.ledger().head().borrow().size;
    let orgs = principal.bound_to().map(|org| vec![org.clone()]);
    let query = Query { orgs, node: principal.node(), from, to: size, limit, ..Query::default() };
    let (lines, next) = app.ledger().reader().lines(&query).await.map_err(internal)?;
    let mut body = Vec::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
    for line in lines {
        body.extend_from_slice(line.as_bytes());
        body.push(b'\n');
    }
    Ok((body, next.filter(|next| *next < size)))
}

/// Whether an entry is the principal's to see.
fn may_see(principal: &Principal, record: &Record) -> bool {
    let header = &record.entry.header;
    let own_org = principal.is_everywhere() || principal.org.as_ref() == Some(&header.org);
    match principal.kind {
        PrincipalKind::Node { node, .. } => own_org && header.subject_node() == Some(node),
        _ => own_org,
    }
}

/// `GET /api/ledger/entries/{seq}`: one record line.
pub(crate) async fn get(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let mut line = visible(&call).await?.1;
    line.push('\n');
    Ok(answer::with_type(StatusCode::OK, "application/json", Body::from(line)))
}

/// `GET /api/ledger/bundle/{seq}`: everything that proves an entry.
pub(crate) async fn bundle(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let seq = visible(&call).await?.0;
    let bytes = call
        .reading(move |app| async move {
            match ledger::bundle::build(app.ledger(), seq).await {
                Ok(bundle) => Ok(bundle.to_canonical()),
                Err(error @ BundleError::NoEntry { .. }) => Err(Problem::new(NOT_FOUND, error.to_string())),
                Err(error) => Err(internal(error)),
            }
        })
        .await?;
    Ok(answer::with_type(StatusCode::OK, "application/json", Body::from(bytes)))
}

/// The entry that the path names. One of another organisation is not there.
async fn visible(call: &Call) -> Result<(u64, String), Problem> {
    let seq: u64 = call.param("seq")?;
    let missing = move || Problem::new(NOT_FOUND, format!("there is no entry {seq} for you to see"));
    if seq >= call.app.ledger().head().borrow().size {
        return Err(missing());
    }
    let found = call
        .reading(move |app| async move { app.ledger().reader().line(seq).await.map_err(internal) })
        .await?;
    let (record, line) = found.ok_or_else(missing)?;
    if may_see(&call.principal, &record) { Ok((seq, line)) } else { Err(missing()) }
}

/// Everything that proves an entry, from the ledger's id alone.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "Bundle")]
#[expect(dead_code, reason = "describes what `proofs::Bundle` is written as")]
pub(crate) struct BundleMembers {
    /// Genesis and every change of the ledger's keys.
    authority: Vec<Record>,
    /// The checkpoint that everything is proved against, as a signed note.
    checkpoint: String,
    /// The entry.
    entry: Entry,
    /// The format, `vaultmesh-bundle-v1`.
    format: String,
    /// The path from the entry's leaf to the root.
    inclusion: Vec<Hash>,
    /// The record that introduced the key that signed.
    introduction: IncludedRecord,
    /// What the checkpoint says of that key.
    key: KeyProof,
    /// The ledger's id.
    ledger: Hash,
    /// What the event says, of the schema of its kind; absent after an erasure.
    #[schemars(skip_serializing_if = "Option::is_none")]
    payload: Option<serde_json::Map<String, serde_json::Value>>,
    /// The payload's salt.
    #[schemars(skip_serializing_if = "Option::is_none")]
    salt: Option<Hash>,
}

/// A record, and its path in the tree.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "describes what `proofs::bundle::Included` is written as")]
struct IncludedRecord {
    /// The path from the record's leaf to the root.
    inclusion: Vec<Hash>,
    /// The record.
    record: Record,
}

/// What a checkpoint says of a key, with the path through the map of keys.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "describes what `proofs::bundle::KeyProof` is written as")]
struct KeyProof {
    /// From the key to the root of the map.
    path: Vec<MapStep>,
    /// The key's value in the map.
    record: serde_json::Map<String, serde_json::Value>,
}

/// A step of a path through a map.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "describes what `proofs::map::Step` is written as")]
struct MapStep {
    /// The bit of the key's path at which the map branches.
    bit: u8,
    /// Hash of the other branch.
    sibling: Hash,
}

/// A file of the log.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Segment")]
pub struct SegmentRow {
    /// Its length.
    pub bytes: u64,
    /// Seq of its first entry.
    pub first: u64,
}

/// `GET /api/ledger/segments`: first seq and length of each.
pub(crate) async fn segments(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let segments =
        call.reading(|app| async move { app.ledger().reader().segments().await.map_err(internal) }).await?;
    let items = segments.iter().map(|s| SegmentRow { bytes: s.len, first: s.first }).collect();
    Ok(answer::value(StatusCode::OK, &Items { items }))
}

/// `GET /api/ledger/segments/{first}`: its bytes, as many as it has now.
pub(crate) async fn segment(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    debug_assert!(call.principal.may_somewhere(Action::Audit));
    let first: u64 = call.param("first")?;
    let len = call
        .reading(move |app| async move {
            let segments = app.ledger().reader().segments().await.map_err(internal)?;
            let found = segments.iter().find(|s| s.first == first).map(|s| s.len);
            found.ok_or_else(|| Problem::new(NOT_FOUND, format!("no segment begins at {first}")))
        })
        .await?;
    let body = SegmentBody { app: call.app.clone(), first, offset: 0, len, reading: None };
    let mut response = answer::with_type(StatusCode::OK, "application/x-ndjson", Body::new(body));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(len));
    Ok(response)
}

type Reading = Pin<Box<dyn Future<Output = std::io::Result<Vec<u8>>> + Send>>;

/// A segment, read piece by piece as the client takes it.
struct SegmentBody {
    app: App,
    first: u64,
    offset: u64,
    len: u64,
    reading: Option<Reading>,
}

impl SegmentBody {
    fn read(&self) -> Reading {
        let (app, runtime) = (self.app.clone(), tokio::runtime::Handle::current());
        let (first, offset) = (self.first, self.offset);
        let rest = usize::try_from(self.len - offset).unwrap_or(usize::MAX);
        Box::pin(async move {
            let task = tokio::task::spawn_blocking(move || {
                runtime.block_on(app.ledger().reader().segment(first, offset, rest.min(SEGMENT_CHUNK_BYTES)))
            });
            task.await.map_err(std::io::Error::other)?.map_err(std::io::Error::other)
        })
    }
}

impl HttpBody for SegmentBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<hyper::body::Frame<Bytes>>>> {
        if self.offset == self.len {
            return Poll::Ready(None);
        }
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => self.read(),
        };
        match reading.as_mut().poll(cx) {
            Poll::Pending => {
                self.reading = Some(reading);
                Poll::Pending
            }
            Poll::Ready(Ok(bytes)) if bytes.is_empty() => {
                Poll::Ready(Some(Err(std::io::ErrorKind::UnexpectedEof.into())))
            }
            Poll::Ready(Ok(bytes)) => {
                self.offset += bytes.len() as u64;
                Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::from(bytes)))))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
        }
    }
}
