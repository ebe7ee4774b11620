//! The routes of the read side. Every one only reads, and needs somebody who may.

use crate::answers::{
    commands, entries, incidents, keys, metrics, policies, rollouts, scans, schedules, slo, usage, webhooks,
};
use crate::reads::route;
use crate::{nodes, page, stream};
use axum::Router;
use axum::routing::get;
use std::future::ready;

pub use crate::paging::{DEFAULT_PAGE_ITEMS, MAX_PAGE_ITEMS};
pub use crate::reads::{Door, Reads, Refusal, Seat, Viewer};

/// The table of reads.
macro_rules! reads {
    ($($path:literal => $handler:path;)*) => {
        /// The paths of the table.
        #[cfg(test)]
        pub(crate) const PATHS: &[&str] = &[$($path),*];

        fn table(reads: &Reads) -> Router {
            Router::new()$(.route($path, route(reads, |reads, call| Box::pin($handler(reads, call)))))*
        }
    };
}

reads! {
    "/api/commands" => commands::list;
    "/api/commands/{hash}" => commands::show;
    "/api/incidents" => incidents::list;
    "/api/incidents/{id}" => incidents::show;
    "/api/silences" => incidents::silences;
    "/api/findings" => scans::findings;
    "/api/nodes" => nodes::list;
    "/api/nodes/{id}" => nodes::show;
    "/api/nodes/{id}/events" => entries::of_node;
    "/api/nodes/{id}/metrics" => metrics::of_node;
    "/api/nodes/{id}/policy" => policies::of_node;
    "/api/nodes/{id}/scans" => scans::of_node;
    "/api/nodes/{id}/slo-summary" => slo::of_node;
    "/api/orgs/{org}/audit" => entries::audit;
    "/api/orgs/{org}/keys" => keys::list;
    "/api/orgs/{org}/keys/summary" => keys::summary;
    "/api/orgs/{org}/nodes" => nodes::list_of_org;
    "/api/orgs/{org}/nodes/{id}" => nodes::show_of_org;
    "/api/orgs/{org}/nodes/{id}/events" => entries::of_node_of_org;
    "/api/orgs/{org}/slo-summary" => slo::of_org;
    "/api/orgs/{org}/usage/summary" => usage::summary;
    "/api/orgs/{org}/webhooks" => webhooks::list;
    "/api/policies" => policies::list;
    "/api/policies/{hash}" => policies::show;
    "/api/scans" => scans::list;
    "/api/rollouts" => rollouts::list;
    "/api/rollouts/{id}" => rollouts::show;
    "/api/schedules" => schedules::list;
    "/api/schedules/{id}" => schedules::show;
    "/fleet" => page::table;
}

/// The page.
pub(crate) const PAGE: &str = "/";

/// The live stream.
pub(crate) const STREAM: &str = "/events";

/// The same of one organisation.
pub(crate) const STREAM_OF_ORG: &str = "/api/orgs/{org}/events/stream";

/// The routes.
pub fn routes(reads: &Reads) -> Router {
    let router = page::assets(table(reads));
    router
        .route(PAGE, get(page::of(reads)))
        .route(STREAM, route(reads, |reads, call| Box::pin(ready(stream::all(reads, &call)))))
        .route(STREAM_OF_ORG, route(reads, |reads, call| Box::pin(ready(stream::of_org(reads, &call)))))
}
