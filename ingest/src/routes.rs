//! The one table of routes: method, path, who may come, what body. Nothing is reachable that is not here.

use crate::access::Action;
use crate::body::BodyRule;
use crate::dispatch::Call;
use crate::limits::{MAX_EVENTS_BODY_BYTES, MAX_HEARTBEAT_BODY_BYTES, MAX_JSON_BODY_BYTES};
use crate::problem::Problem;
use crate::{events, heartbeat, public, register};
use axum::body::Body;
use axum::http::{Method, Response};
use std::fmt;
use std::pin::Pin;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everyone: health and public proof material.
    Public,
    /// Whoever sends something that is its own credential: a signature, an enrolment token.
    Credential,
    /// Every principal.
    Anyone,
    /// A principal whose role allows the action; in which organisation is for the handler to ask.
    Role(Action),
    /// A principal of the organisation `ledger` whose role allows the action.
    Everywhere(Action),
}

/// What answers a request.
pub(crate) type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<Response<Body>, Problem>> + Send>>;

/// One row of the table.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, its variable parts in braces.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What body it takes.
    pub body: BodyRule,
    pub(crate) handler: Handler,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?} {:?}", self.method, self.path, self.access, self.body)
    }
}

macro_rules! table {
    ($($method:ident $path:literal $access:expr, $body:expr => $handler:path;)*) => {
        &[$(Route {
            method: Method::$method,
            path: $path,
            access: $access,
            body: $body,
            handler: |call| Box::pin($handler(call)),
        }),*]
    };
}

const JSON: BodyRule = BodyRule::Json(MAX_JSON_BODY_BYTES);
const HEARTBEAT: BodyRule = BodyRule::Json(MAX_HEARTBEAT_BODY_BYTES);
const EVENTS: BodyRule = BodyRule::Events(MAX_EVENTS_BODY_BYTES);
const NOTHING: BodyRule = BodyRule::None;

use Access::{Credential, Public};

/// The table.
pub static ROUTES: &[Route] = table! {
    POST "/api/agent/heartbeat" Credential, HEARTBEAT => heartbeat::post;
    POST "/api/nodes/{id}/heartbeat" Credential, HEARTBEAT => heartbeat::post_for_node;
    POST "/api/events" Credential, EVENTS => events::post;
    POST "/api/nodes/register" Credential, JSON => register::post;
    POST "/api/nodes" Credential, JSON => register::post;

    GET "/healthz" Public, NOTHING => public::healthz;
    GET "/readyz" Public, NOTHING => public::readyz;
    GET "/metrics" Public, NOTHING => public::metrics;
    GET "/ROOT.txt" Public, NOTHING => public::checkpoint;
    GET "/PROOFCHAIN.json" Public, NOTHING => public::proofchain;
    GET "/proofchain/{file}" Public, NOTHING => public::proofchain_part;
    GET "/api/ledger" Public, NOTHING => public::ledger;
    GET "/api/ledger/authority" Public, NOTHING => public::authority;
    GET "/api/ledger/checkpoint" Public, NOTHING => public::checkpoint;
    GET "/api/ledger/proof/inclusion" Public, NOTHING => public::inclusion;
    GET "/api/ledger/proof/consistency" Public, NOTHING => public::consistency;
};
