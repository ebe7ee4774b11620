//! The routes of the read side. Every one only reads, and needs somebody who may.

use crate::reads::route;
use crate::{nodes, page, stream};
use axum::Router;
use axum::routing::get;
use std::future::ready;

pub use crate::nodes::{DEFAULT_PAGE_ITEMS, MAX_PAGE_ITEMS};
pub use crate::reads::{Door, Reads, Refusal, Seat, Viewer};

/// The routes.
pub fn routes(reads: &Reads) -> Router {
    let router = Router::new();
    let router = router.route("/api/nodes", route(reads, |reads, call| Box::pin(nodes::list(reads, call))));
    let router =
        router.route("/api/nodes/{id}", route(reads, |reads, call| Box::pin(nodes::show(reads, call))));
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
