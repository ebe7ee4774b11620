//! The live stream: every entry from a seq on, in order, over server-sent events.
//!
//! A stream is a place in the log, no queue of its own: it hears that there is something for it, and reads that
//! from memory while it is there, else from the log. So a slow client costs one piece of text, and whoever comes
//! back with the id it saw last misses nothing and sees nothing twice.

use crate::followers::{Filter, Following, News};
use crate::reads::Reads;
use crate::recent::Told;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, header};
use futures_util::stream::{Stream, StreamExt as _, once, unfold};
use ledger::reader::Query;
use spec::Name;
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use web::{Action, Asker, Call, Problem, Seat, bad};

/// Bytes of text sent at once; an entry that is longer goes alone.
const PIECE_BYTES: usize = 64 * 1024;

/// Entries in memory that a stream looks at before others have their turn.
const LOOK: usize = 1024;

/// Entries a stream reads from the log at once: in most ledgers a piece.
const LOG_PAGE: usize = 32;

/// Between two pieces for a client that has all there is: the entries of this time go out together.
const PACE: Duration = Duration::from_millis(50);

/// Where the stream is goes out when nothing else has for so long.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

const KNOWN: [&str; 4] = ["kind", "last_event_id", "node_id", "org"];

/// `GET /events`.
pub(crate) async fn all(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = call.query(&KNOWN)?.parse("org")?;
    begin(reads, &call, org)
}

/// `GET /api/orgs/{org}/events/stream`.
pub(crate) async fn of_org(reads: Reads, call: Call) -> Result<Response<Body>, Problem> {
    let org = call.org_of_path()?;
    begin(reads, &call, Some(org))
}

fn begin(reads: Reads, call: &Call, org: Option<Name>) -> Result<Response<Body>, Problem> {
    let parameters = call.query(&KNOWN)?;
    let filter = Filter {
        org: call.orgs(org)?,
        kinds: parameters.list("kind")?,
        node: match (parameters.parse("node_id")?, call.principal.node()) {
            (Some(asked), Some(own)) if asked != own => {
                return Err(bad("node_id", "a node sees its own events"));
            }
            (asked, own) => asked.or(own),
        },
    };
    // The folds may be behind; what the ledger has acknowledged counts.
    let size = reads.ledger.head().borrow().size;
    let at = match call.header("last-event-id").or_else(|| parameters.get("last_event_id")) {
        None => size,
        Some(text) => {
            let last: u64 = text.parse().map_err(|_| bad("last_event_id", "expected the seq of an entry"))?;
            last.saturating_add(1)
        }
    };
    let seat = call.seat()?;
    let (following, announced) = reads.live.followers().join(filter);
    let feed = Feed {
        stopping: call.app.stopping(),
        reads,
        asker: call.asker(),
        following,
        at,
        to: announced,
        sent: Instant::now(),
        _seat: seat,
    };
    let mut response = Response::new(Body::from_stream(feed.pieces(size)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would keep what is sent until its buffer is full.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

struct Feed {
    reads: Reads,
    stopping: watch::Receiver<bool>,
    /// Whoever reads, to be asked about again.
    asker: Asker,
    following: Following,
    /// The next seq to look at.
    at: u64,
    /// Up to here it looks by itself; from here on it hears of what it wants.
    to: u64,
    /// When the last piece went out.
    sent: Instant,
    /// Its place among the streams that may be open.
    _seat: Seat,
}

impl Feed {
    /// Where the stream begins, then its entries. `size` is that of the ledger.
    fn pieces(self, size: u64) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        let (feed, first) = if self.at > size {
            // Another ledger's id, or of one that was put back: going on would hide it.
            let detail = format!("the ledger has {size} entries; there is none with the id you saw last");
            (None, format!("event: error\ndata: {detail}\n\n"))
        } else {
            // With an id from the start, whoever is cut off before the first entry comes back to here.
            let first = place(self.at, "begin");
            (Some(self), first)
        };
        once(ready(Ok(first.into()))).chain(unfold(feed, |feed| async move {
            let mut feed = feed?;
            let piece = feed.next().await?;
            feed.sent = Instant::now();
            Some((Ok(piece), Some(feed)))
        }))
    }

    /// The next piece; `None` when the service stops, or the client may read no longer.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.at < self.to {
                if !self.asker.may(Action::Read) {
                    return None;
                }
                let piece = self.read_on().await?;
                if !piece.is_empty() {
                    return Some(piece);
                }
                continue;
            }
            let (pace, quiet) = (sleep_until(self.sent + PACE), sleep_until(self.sent + KEEP_ALIVE));
            tokio::select! {
                () = pace => {}
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
            }
            let News { first, size } = self.following.news();
            if let Some(first) = first {
                (self.at, self.to) = (self.at.max(first), size);
                continue;
            }
            self.at = self.at.max(size);
            tokio::select! {
                () = self.following.word() => {}
                () = quiet => {
                    // Nothing before this place is for it: whoever comes back need not look there again.
                    return self.asker.may(Action::Read).then(|| place(self.at, "").into());
                }
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
            }
        }
    }

    /// The next entries that are wanted, and moves behind them; may be empty.
    async fn read_on(&mut self) -> Option<Bytes> {
        let filter = &self.following.filter;
        let wants = |told: &Told| filter.wants(&told.record);
        if let Some((told, next)) = self.reads.live.recent(self.at, self.to, LOOK, wants) {
            let (piece, cut) = piece(&told);
            self.at = cut.unwrap_or(next);
            return Some(piece);
        }
        let query = Query {
            orgs: filter.org.clone().map(|org| vec![org]),
            kinds: filter.kinds.clone(),
            node: filter.node,
            from: self.at,
            to: self.to,
            limit: LOG_PAGE,
            ..Query::default()
        };
        // So many at once, or those who are far behind would keep everyone else from the log.
        let _permit = self.reads.live.log_reads().acquire().await.ok()?;
        let (reader, runtime) = (self.reads.ledger.reader().clone(), tokio::runtime::Handle::current());
        // The reader's futures block.
        let read =
            tokio::task::spawn_blocking(move || runtime.block_on(async { reader.query(&query).await }));
        // After an error the client comes back with the id it saw last.
        let page = read.await.ok()?.ok()?;
        let told: Vec<_> = page.records.into_iter().map(|record| Arc::new(Told::new(record))).collect();
        let (piece, cut) = piece(&told);
        self.at = cut.or(page.next).unwrap_or(self.to);
        Some(piece)
    }
}

/// Entries in one text, and the seq of the first that is too much for it.
fn piece(told: &[Arc<Told>]) -> (Bytes, Option<u64>) {
    let mut bytes = 0;
    let fits = |told: &&Arc<Told>| {
        let fits = bytes == 0 || bytes + told.text().len() <= PIECE_BYTES;
        bytes += told.text().len();
        fits
    };
    let count = told.iter().take_while(fits).count();
    let (now, later) = told.split_at(count);
    let text = match now {
        // As it is kept for everyone.
        [one] => one.text().clone(),
        more => {
            let mut text = Vec::with_capacity(more.iter().map(|told| told.text().len()).sum());
            for told in more {
                text.extend_from_slice(told.text());
            }
            text.into()
        }
    };
    (text, later.first().map(|told| told.seq()))
}

/// A word that is no event, but tells a client where it is: in front of the entry `at`.
fn place(at: u64, word: &str) -> String {
    let id = at.checked_sub(1).map_or_else(String::new, |seq| format!("id: {seq}\n"));
    format!("{id}: {word}\n\n")
}
