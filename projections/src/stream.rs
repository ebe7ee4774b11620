//! The live stream: every entry from a seq on, in order, over server-sent events.
//!
//! A stream is a place in the log, no queue of its own: what happened since is read from memory while it
//! is there, else from the log. So a slow client costs one page of entries, and whoever comes back with
//! the id it saw last misses nothing and sees nothing twice.

use crate::reads::{Call, Reads, Refusal, bad};
use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, StreamExt as _, once, unfold};
use ledger::reader::Query;
use spec::{Kind, Name, Record, Uuid};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Entries a stream takes at once.
const PAGE: usize = 256;

/// A comment goes out when nothing else has for so long.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

const KNOWN: [&str; 4] = ["kind", "last_event_id", "node_id", "org"];

/// `GET /events`.
pub(crate) fn all(reads: Reads, call: &Call) -> Result<Response<Body>, Refusal> {
    let org = call.parameters(&KNOWN)?.parse("org")?;
    begin(reads, call, org)
}

/// `GET /api/orgs/{org}/events/stream`.
pub(crate) fn of_org(reads: Reads, call: &Call) -> Result<Response<Body>, Refusal> {
    let org = call.path().split('/').nth(3).unwrap_or_default();
    let org = org.parse().map_err(|_| Refusal::NotFound(format!("there is no organisation {org}")))?;
    begin(reads, call, Some(org))
}

fn begin(reads: Reads, call: &Call, org: Option<Name>) -> Result<Response<Body>, Refusal> {
    let parameters = call.parameters(&KNOWN)?;
    let filter = Filter {
        org: call.orgs(org)?,
        kinds: match parameters.get("kind") {
            None => Vec::new(),
            Some(list) => {
                let kinds = list.split(',').map(|kind| kind.parse().map_err(|e| bad("kind", e)));
                kinds.collect::<Result<_, _>>()?
            }
        },
        node: match (parameters.parse("node_id")?, call.viewer.node) {
            (Some(asked), Some(own)) if asked != own => {
                return Err(bad("node_id", "a node sees its own events"));
            }
            (asked, own) => asked.or(own),
        },
    };
    // The folds may be behind; what the ledger has acknowledged counts.
    let size = reads.ledger.head().borrow().size;
    let header = call.parts.headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
    let at = match header.or_else(|| parameters.get("last_event_id")) {
        None => size,
        Some(text) => {
            let last: u64 = text.parse().map_err(|_| bad("last_event_id", "expected the seq of an entry"))?;
            last.saturating_add(1)
        }
    };
    let feed = Feed {
        size: reads.live.size(),
        stopping: reads.stopping.clone(),
        reads,
        parts: call.parts.clone(),
        filter,
        at,
        page: VecDeque::new(),
    };
    let events = feed.events(size);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// Which entries a stream tells.
#[derive(Debug)]
struct Filter {
    org: Option<Name>,
    kinds: Vec<Kind>,
    node: Option<Uuid>,
}

impl Filter {
    fn wants(&self, record: &Record) -> bool {
        let header = &record.entry.header;
        self.org.as_ref().is_none_or(|org| *org == header.org)
            && (self.kinds.is_empty() || self.kinds.contains(&header.kind))
            && self.node.is_none_or(|node| header.subject_node() == Some(node))
    }
}

struct Feed {
    reads: Reads,
    size: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    /// The request, to ask again whether its sender may read.
    parts: Parts,
    filter: Filter,
    /// The next seq to look at.
    at: u64,
    page: VecDeque<Arc<Record>>,
}

impl Feed {
    /// Where the stream begins, then its entries. `size` is that of the ledger.
    fn events(self, size: u64) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        let first = if self.at > size {
            // Another ledger's id, or of one that was put back: going on would hide it.
            let detail = format!("the ledger has {size} entries; there is none with the id you saw last");
            (None, Event::default().event("error").data(detail))
        } else {
            // With an id from the start, whoever is cut off before the first entry comes back to here.
            let before = self.at.checked_sub(1);
            let begin = before.map_or_else(Event::default, |seq| Event::default().id(seq.to_string()));
            (Some(self), begin.comment("begin"))
        };
        let (feed, first) = first;
        once(ready(Ok(first))).chain(unfold(feed, |feed| async move {
            let mut feed = feed?;
            let record = feed.next().await?;
            Some((Ok(event(&record)), Some(feed)))
        }))
    }

    /// The next entry that is wanted; `None` when the service stops.
    async fn next(&mut self) -> Option<Arc<Record>> {
        loop {
            if let Some(record) = self.page.pop_front() {
                return Some(record);
            }
            let size = *self.size.borrow_and_update();
            if self.at < size {
                if !self.reads.door.is_open(&self.parts) {
                    return None;
                }
                self.turn_page(size).await?;
                continue;
            }
            tokio::select! {
                changed = self.size.changed() => changed.ok()?,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
            }
        }
    }

    async fn turn_page(&mut self, size: u64) -> Option<()> {
        if let Some(records) = self.reads.live.recent(self.at, PAGE) {
            self.at = records.last().map_or(self.at, |record| record.entry.position.seq + 1);
            self.page.extend(records.into_iter().filter(|record| self.filter.wants(record)));
            return Some(());
        }
        let query = Query {
            orgs: self.filter.org.clone().map(|org| vec![org]),
            kinds: self.filter.kinds.clone(),
            node: self.filter.node,
            from: self.at,
            to: size,
            limit: PAGE,
            ..Query::default()
        };
        // So many at once, or those who are far behind would keep everyone else from the log.
        let _permit = self.reads.live.log_reads().acquire().await.ok()?;
        let (reader, runtime) = (self.reads.ledger.reader().clone(), tokio::runtime::Handle::current());
        // The reader's futures block.
        let read =
            tokio::task::spawn_blocking(move || runtime.block_on(async { reader.query(&query).await }));
        match read.await {
            Ok(Ok(page)) => {
                self.at = page.next.unwrap_or(size);
                self.page.extend(page.records.into_iter().map(Arc::new));
                Some(())
            }
            // The client comes back with the id it saw last.
            _ => None,
        }
    }
}

/// An entry as the stream tells it: its kind, its seq, and the event with both its times.
fn event(record: &Record) -> Event {
    let entry = &record.entry;
    let mut header = Vec::with_capacity(1024);
    entry.header.write(Some(&entry.sig), &mut header);
    let header = String::from_utf8(header).unwrap_or_default();
    let payload = record.payload.as_ref().map(|payload| format!(",\"payload\":{}", payload.json));
    let position = &entry.position;
    let data = format!(
        "{{\"seq\":{},\"recorded_at\":\"{}\",\"event\":{header}{}}}",
        position.seq,
        position.recorded_at,
        payload.unwrap_or_default(),
    );
    Event::default().id(position.seq.to_string()).event(entry.header.kind.as_str()).data(data)
}
