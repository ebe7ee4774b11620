//! The service's say in who reads: principals and refusals of the write side, for the routes of the read side.

use crate::session::Sessions;
use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;
use ingest::access::Action;
use ingest::problem::{BAD_QUERY, FORBIDDEN, INTERNAL, NOT_FOUND, Problem, UNAVAILABLE};
use ingest::{App, Peer, PrincipalKind};
use serving::http::{Door, Refusal, Seat, Viewer};

/// Lets in whoever the service knows and who may read.
#[derive(Debug)]
pub(crate) struct ServiceDoor {
    pub(crate) app: App,
    pub(crate) sessions: Sessions,
}

impl Door for ServiceDoor {
    fn viewer(&self, request: &Parts) -> Result<Viewer, Box<Response<Body>>> {
        let peer = request.extensions.get::<Peer>().copied();
        let headers = self.sessions.with_token(&request.headers);
        let principal =
            self.app.admit(peer, &headers).map_err(|problem| Box::new(problem.into_response()))?;
        if let Err(problem) = principal.require(Action::Read) {
            self.app.refused(peer, &headers, &problem);
            return Err(Box::new(problem.into_response()));
        }
        let node = match principal.kind {
            PrincipalKind::Node { node, .. } => Some(node),
            _ => None,
        };
        Ok(Viewer { org: principal.bound_to().cloned(), node })
    }

    fn is_open(&self, request: &Parts) -> bool {
        let peer = request.extensions.get::<Peer>().copied();
        let headers = self.sessions.with_token(&request.headers);
        self.app.principal(peer, &headers).is_ok_and(|principal| principal.require(Action::Read).is_ok())
    }

    fn seat(&self, request: &Parts) -> Result<Seat, Box<Response<Body>>> {
        let peer = request.extensions.get::<Peer>().copied();
        let seat = self.app.seat(peer, &self.sessions.with_token(&request.headers));
        seat.map(|seat| Box::new(seat) as Seat).map_err(|problem| Box::new(problem.into_response()))
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
            Refusal::Log(error) => {
                tracing::error!(%error, "the log could not be read");
                Problem::new(INTERNAL, "the cause is in the service's log")
            }
            Refusal::Behind => {
                Problem::new(UNAVAILABLE, "the folds are still reading the log; ask again").retry_after(1)
            }
        };
        problem.into_response()
    }
}
