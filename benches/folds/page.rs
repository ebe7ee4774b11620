//! A page of a large fleet over HTTP.

use crate::http::{Connection, get, listen};
use crate::report::say;
use crate::world::{World, recorded};
use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;
use ledger::AppendOptions;
use serving::history::History;
use serving::http::{Door, Reads, Refusal, Viewer, routes};
use serving::ladder::{Ladder, Spacing};
use serving::live::Live;
use std::sync::Arc;
use std::time::Instant;

const NODES: usize = 10_000;

/// Answers of one kind that are waited for.
const ANSWERS: usize = 100;

/// Lets everybody in.
#[derive(Debug)]
struct Open;

impl Door for Open {
    fn seat(&self, _: &Parts) -> Result<serving::http::Seat, Box<Response<Body>>> {
        Ok(Box::new(()))
    }

    fn viewer(&self, _: &Parts) -> Result<Viewer, Box<Response<Body>>> {
        Ok(Viewer::default())
    }

    fn is_open(&self, _: &Parts) -> bool {
        true
    }

    fn refuse(&self, refusal: Refusal) -> Response<Body> {
        panic!("{refusal:?}")
    }
}

pub(super) async fn first() {
    let mut world = World::new(NODES).await;
    for _ in 0..2 {
        for beats in world.heartbeats(NODES).chunks(4000) {
            recorded(&world.ledger().append(beats.to_vec(), AppendOptions::default()).await.unwrap());
        }
    }
    let ledger = world.ledger().clone();
    let (reader, head) = (ledger.reader().clone(), ledger.head().borrow().clone());
    let ladder = Arc::new(Ladder::open(&reader, Spacing::default()).unwrap());
    let live = Live::new();
    live.reach(&reader, &ladder, &head).await.unwrap();
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let history = Arc::new(History::new(reader, ladder));
    let reads = Reads { live, history, ledger, door: Arc::new(Open), stopping };
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move { axum::serve(listener, routes(&reads)).await });
    let mut connection = Connection::open(address).await;
    for path in ["/api/nodes", "/api/nodes?limit=500", "/api/nodes?band=CRIT", "/fleet"] {
        let request = get(path);
        let mut waits = Vec::new();
        for _ in 0..ANSWERS {
            let asked = Instant::now();
            connection.exchange(&request, false).await;
            waits.push(asked.elapsed());
        }
        waits.sort_unstable();
        let at = |percent: usize| waits[(waits.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        say(&format!(
            "{path} of {NODES} nodes: {:.1} ms (median), {:.1} ms (95 %), {:.1} ms at most",
            at(50),
            at(95),
            at(100)
        ));
    }
    server.abort();
    drop(stop);
    world.close(false);
}
