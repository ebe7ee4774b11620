//! A page of a large fleet over HTTP.

use crate::http::{Connection, get, listen};
use crate::report::say;
use crate::world::{World, recorded};
use ledger::AppendOptions;
use serving::history::History;
use serving::ladder::{Ladder, Spacing};
use serving::live::Live;
use serving::{Reads, routes};
use std::sync::Arc;
use std::time::Instant;
use web::{App, Config, Peer};

const NODES: usize = 10_000;

/// Answers of one kind that are waited for.
const ANSWERS: usize = 100;

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
    let history = Arc::new(History::new(reader, ladder));
    let app = App::new(ledger.clone(), Config::default());
    let reads = Reads { live, history, ledger };
    let bound = routes().into_iter().map(|route| route.bind(&reads)).collect();
    let router = app.router(bound).layer(axum::Extension(Peer::Admin));
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
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
    world.close(false);
}
