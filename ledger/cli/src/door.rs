//! The service's say in who reads: principals and refusals of the write side, for the routes of the read side.

use crate::session;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use ingest::access::Action;
use ingest::problem::{BAD_QUERY, FORBIDDEN, NOT_FOUND, Problem, UNAVAILABLE};
use ingest::{App, Peer, PrincipalKind};
use projections::http::{Door, Refusal, Viewer};

/// Lets in whoever the service knows and who may read.
#[derive(Debug)]
pub(crate) struct ServiceDoor(pub(crate) App);

impl Door for ServiceDoor {
    fn viewer(&self, request: &Request) -> Result<Viewer, Box<Response<Body>>> {
        let peer = request.extensions().get::<Peer>().copied();
        let refuse = |problem: Problem| Box::new(problem.into_response());
        let headers = session::with_session(request.headers());
        let principal = self.0.principal(peer, &headers).map_err(refuse)?;
        principal.require(Action::Read).map_err(refuse)?;
        let node = match principal.kind {
            PrincipalKind::Node { node, .. } => Some(node),
            _ => None,
        };
        Ok(Viewer { org: principal.bound_to().cloned(), node })
    }

    fn refuse(&self, refusal: Refusal) -> Response<Body> {
        let problem = match refusal {
            Refusal::Query(name, problem) => {
                Problem::new(BAD_QUERY, format!("{name}: {problem}")).field(name)
            }
            Refusal::NotFound(detail) => Problem::new(NOT_FOUND, detail),
            Refusal::Foreign(org) => {
                Problem::new(FORBIDDEN, format!("you do not belong to the organisation {org}"))
            }
            Refusal::Behind => {
                Problem::new(UNAVAILABLE, "the folds are still reading the log; ask again").retry_after(1)
            }
        };
        problem.into_response()
    }
}
