//! The one table of routes: method, path, who may come, what body. Nothing is reachable that is not here.

use crate::access::Action;
use crate::body::BodyRule;
use crate::dispatch::Call;
use crate::limits::{
    MAX_EVENTS_BODY_BYTES, MAX_HEARTBEAT_BODY_BYTES, MAX_JSON_BODY_BYTES, MAX_POLICY_BODY_BYTES,
};
use crate::problem::Problem;
use crate::{
    commands, enrolment, entries, events, heartbeat, import, keys, policies, public, query, register,
    rollouts, schedules, tokens, webhooks, witnesses,
};
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
const POLICY: BodyRule = BodyRule::Json(MAX_POLICY_BODY_BYTES);
const NOTHING: BodyRule = BodyRule::None;
const LINES: BodyRule = BodyRule::Lines(MAX_EVENTS_BODY_BYTES);

use Access::{Credential, Everywhere, Public, Role};

/// The table.
pub static ROUTES: &[Route] = table! {
    POST "/api/agent/heartbeat" Credential, HEARTBEAT => heartbeat::post;
    POST "/api/nodes/{id}/heartbeat" Credential, HEARTBEAT => heartbeat::post_for_node;
    POST "/api/events" Credential, EVENTS => events::post;
    POST "/api/nodes/register" Credential, JSON => register::post;
    POST "/api/nodes" Credential, JSON => register::post;

    GET "/api/events" Role(Action::Read), NOTHING => query::get;
    POST "/api/import" Role(Action::Import), LINES => import::post;
    GET "/api/me" Access::Anyone, NOTHING => tokens::me;
    POST "/api/tokens" Role(Action::ManageTokens), JSON => tokens::create;
    GET "/api/tokens" Role(Action::ManageTokens), NOTHING => tokens::list;
    DELETE "/api/tokens/{id}" Role(Action::ManageTokens), NOTHING => tokens::revoke;
    GET "/api/keys" Role(Action::Read), NOTHING => keys::list;
    GET "/api/keys/{key}" Role(Action::Read), NOTHING => keys::get;
    PATCH "/api/keys/{key}/governance" Role(Action::GovernKeys), JSON => keys::govern;
    POST "/api/orgs/{org}/nodes/enrollment-tokens" Role(Action::ManageEnrolment), JSON => enrolment::create;
    GET "/api/orgs/{org}/nodes/enrollment-tokens" Role(Action::ManageEnrolment), NOTHING => enrolment::list;
    DELETE "/api/orgs/{org}/nodes/enrollment-tokens/{token_id}"
        Role(Action::ManageEnrolment), NOTHING => enrolment::revoke;

    POST "/api/commands" Role(Action::IssueCommand), JSON => commands::issue;
    POST "/api/commands/{hash}/approve" Role(Action::IssueCommand), JSON => commands::approve;
    POST "/api/commands/{hash}/cancel" Role(Action::IssueCommand), JSON => commands::cancel;
    GET "/api/agent/commands" Access::Anyone, NOTHING => commands::poll;
    POST "/api/orgs/{org}/policies" Role(Action::ManageRules), POLICY => policies::assign;
    DELETE "/api/orgs/{org}/policies/{assignment}" Role(Action::ManageRules), NOTHING => policies::withdraw;
    POST "/api/rollouts" Role(Action::IssueCommand), JSON => rollouts::start;
    POST "/api/rollouts/{id}/approve" Role(Action::IssueCommand), JSON => rollouts::approve;
    POST "/api/rollouts/{id}/pause" Role(Action::IssueCommand), JSON => rollouts::pause;
    POST "/api/rollouts/{id}/resume" Role(Action::IssueCommand), JSON => rollouts::resume;
    POST "/api/rollouts/{id}/abort" Role(Action::IssueCommand), JSON => rollouts::abort;
    PUT "/api/schedules/{id}" Role(Action::IssueCommand), JSON => schedules::set;
    DELETE "/api/schedules/{id}" Role(Action::IssueCommand), NOTHING => schedules::remove;
    POST "/api/orgs/{org}/webhooks" Role(Action::ManageRules), JSON => webhooks::create;
    DELETE "/api/orgs/{org}/webhooks/{id}" Role(Action::ManageRules), NOTHING => webhooks::remove;

    GET "/api/ledger/entries" Role(Action::Read), NOTHING => entries::list;
    GET "/api/ledger/entries/{seq}" Role(Action::Read), NOTHING => entries::get;
    GET "/api/ledger/bundle/{seq}" Role(Action::Read), NOTHING => entries::bundle;
    GET "/api/ledger/segments" Everywhere(Action::Audit), NOTHING => entries::segments;
    GET "/api/ledger/segments/{first}" Everywhere(Action::Audit), NOTHING => entries::segment;
    POST "/api/ledger/seal" Everywhere(Action::Seal), NOTHING => public::seal;

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
    GET "/COSIGNED.txt" Public, NOTHING => witnesses::cosigned;
    GET "/api/ledger/witnesses" Public, NOTHING => witnesses::list;
    POST "/api/ledger/witnesses" Everywhere(Action::GovernKeys), JSON => witnesses::change;
    GET "/api/ledger/witness-checkpoint" Public, NOTHING => witnesses::offer;
    POST "/api/ledger/cosignatures" Credential, JSON => witnesses::cosign;
    POST "/api/ledger/contradictions" Credential, JSON => witnesses::contradict;
};
