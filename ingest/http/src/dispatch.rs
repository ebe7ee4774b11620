//! From a request to a handler: limits, principal, right, body, in this order, for every route alike.

use crate::access::{Principal, PrincipalKind};
use crate::app::Inner;
use crate::body::{self, BodyRule, Media, Room};
use crate::bucket::Subject;
use crate::principal::{Established, NodeToken, Peer, establish};
use crate::problem::{BAD_PATH, Problem, RATE_LIMITED, UNAUTHENTICATED, UNEXPECTED_BODY, internal};
use crate::routes::{Access, ROUTES, Route};
use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode, Uri};
use axum::routing::{MethodFilter, on};
use std::fmt::Display;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

/// A request that has passed everything that is alike for all routes.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) app: Arc<Inner>,
    pub(crate) principal: Principal,
    pub(crate) jwt: Option<NodeToken>,
    pub(crate) address: Option<Subject>,
    pub(crate) media: Media,
    pub(crate) body: Bytes,
    params: Vec<(String, String)>,
    uri: Uri,
    _room: Room,
}

impl Call {
    /// The query string.
    pub(crate) fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// A part of the path, of a type that is read from text.
    pub(crate) fn param<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Problem> {
        let (_, text) =
            self.params.iter().find(|(n, _)| n == name).ok_or_else(|| internal("no such part"))?;
        text.parse().map_err(|e| Problem::new(BAD_PATH, format!("{name}: {e}")).field(name))
    }

    /// The body as JSON of a type with a closed set of members.
    pub(crate) fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        crate::strict::object(&self.body)
    }

    /// Runs something that blocks, or takes long, elsewhere.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let app = Arc::clone(&self.app);
        match tokio::task::spawn_blocking(move || work(&app)).await {
            Ok(result) => result,
            Err(error) => Err(internal(error)),
        }
    }

    /// Runs a read of the log: its futures block, so they run elsewhere, and only so many at once.
    pub(crate) async fn reading<T, F>(
        &self,
        read: impl FnOnce(Arc<Inner>) -> F + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Problem>>,
    {
        let _permit = self.app.reads.acquire().await.map_err(internal)?;
        let (app, runtime) = (Arc::clone(&self.app), tokio::runtime::Handle::current());
        match tokio::task::spawn_blocking(move || runtime.block_on(read(app))).await {
            Ok(result) => result,
            Err(error) => Err(internal(error)),
        }
    }
}

/// The table as a router.
pub(crate) fn routes(app: &Arc<Inner>) -> Router {
    ROUTES.iter().enumerate().fold(Router::new(), |router, (index, route)| {
        let app = Arc::clone(app);
        let handler = move |request: Request| answer(Arc::clone(&app), index, route, request);
        let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::GET);
        router.route(route.path, on(filter, handler))
    })
}

async fn answer(app: Arc<Inner>, index: usize, route: &'static Route, request: Request) -> Response<Body> {
    let peer = request.extensions().get::<Peer>().copied();
    let address = app.address_of(peer, request.headers());
    let (mut parts, mut body) = request.into_parts();
    let result = match admit(&app, route, peer, address, &mut parts, &mut body).await {
        Ok(call) => (route.handler)(call).await,
        Err(problem) => {
            if !body.is_end_stream() && problem.status() != StatusCode::REQUEST_TIMEOUT {
                body::discard(&mut body).await;
            }
            Err(problem)
        }
    };
    let response = match result {
        Ok(response) => response,
        Err(problem) => {
            app.refuse(address, &problem);
            problem.into_response()
        }
    };
    app.metrics.request(index, response.status());
    response
}

async fn admit(
    app: &Arc<Inner>,
    route: &Route,
    peer: Option<Peer>,
    address: Option<Subject>,
    parts: &mut Parts,
    request_body: &mut Body,
) -> Result<Call, Problem> {
    app.charge(address, route.access != Access::Public)?;
    let established = match route.access {
        Access::Public => Established { principal: Principal::ANONYMOUS, jwt: None },
        _ => establish(&app.ledger, peer, &parts.headers)?,
    };
    authorise(route, &established.principal)?;
    let params = if route.path.contains('{') { path_params(parts).await? } else { Vec::new() };
    let mut room = Room::new(&app.bodies);
    let (media, bytes) = match route.body {
        BodyRule::None if request_body.is_end_stream() => (Media::Json, Bytes::new()),
        BodyRule::None => return Err(Problem::new(UNEXPECTED_BODY, "send the request without a body")),
        rule @ (BodyRule::Json(most) | BodyRule::Events(most) | BodyRule::Lines(most)) => {
            let media = body::media_type(rule, &parts.headers)?;
            (media, body::read(request_body, most, &app.config.limits, &mut room).await?)
        }
    };
    established.check_body(&bytes)?;
    let Established { principal, jwt } = established;
    Ok(Call {
        app: Arc::clone(app),
        principal,
        jwt,
        address,
        media,
        body: bytes,
        params,
        uri: std::mem::take(&mut parts.uri),
        _room: room,
    })
}

fn authorise(route: &Route, principal: &Principal) -> Result<(), Problem> {
    match route.access {
        Access::Anyone if principal.kind == PrincipalKind::Anonymous => {
            Err(Problem::new(UNAUTHENTICATED, "show an API token: Authorization: Bearer vmt1.…"))
        }
        Access::Public | Access::Credential | Access::Anyone => Ok(()),
        Access::Role(action) => principal.require(action),
        Access::Everywhere(action) => principal.require_everywhere(action),
    }
}

async fn path_params(parts: &mut Parts) -> Result<Vec<(String, String)>, Problem> {
    match RawPathParams::from_request_parts(parts, &()).await {
        Ok(params) => Ok(params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()),
        Err(_) => Err(Problem::new(BAD_PATH, "the path is not UTF-8")),
    }
}

/// The refusal of someone who has spent all they may.
pub(crate) fn too_many(what: &str, secs: u64) -> Problem {
    Problem::new(RATE_LIMITED, format!("too much {what}; wait {secs} seconds")).retry_after(secs)
}
