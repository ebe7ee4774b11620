//! From a request to a handler: limits, principal, right, body, in this order, for every route alike.

use crate::access::{Access, Action, Principal, PrincipalKind};
use crate::app::App;
use crate::body::{self, Media, Room};
use crate::bucket::Subject;
use crate::metrics::Counted;
use crate::principal::{Established, NodeToken, Peer, establish};
use crate::problem::{BAD_PATH, NOT_FOUND, Problem, UNAUTHENTICATED, UNEXPECTED_BODY, internal};
use crate::query::QueryString;
use crate::route::{Bound, Row};
use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use axum::routing::{MethodFilter, on};
use spec::{Name, Uuid};
use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use tracing::Instrument as _;

/// A request that has passed everything that is alike for all routes.
#[derive(Debug)]
pub struct Call {
    /// The HTTP side.
    pub app: App,
    /// Who asks.
    pub principal: Principal,
    /// What their token is bound to, if it is a node's.
    pub jwt: Option<NodeToken>,
    /// What the body is written in.
    pub media: Media,
    /// The body.
    pub body: Bytes,
    address: Option<Subject>,
    from: From,
    headers: HeaderMap,
    session: bool,
    params: Vec<(String, String)>,
    uri: Uri,
    _room: Room,
}

impl Call {
    /// The parameters of the query, each one of `known` and given once.
    ///
    /// # Errors
    /// The refusal of whoever asks with others.
    pub fn query(&self, known: &[&str]) -> Result<QueryString<'_>, Problem> {
        QueryString::read(self.uri.query(), known)
    }

    /// A part of the path, of a type that is read from text.
    ///
    /// # Errors
    /// The refusal of a text that is none of these.
    pub fn param<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Problem> {
        let text = self.part(name);
        text.parse().map_err(|e| Problem::new(BAD_PATH, format!("{name}: {e}")).field(name))
    }

    /// A part of the path as text.
    pub fn part(&self, name: &str) -> &str {
        // A route asks for what its own path names.
        self.params.iter().find(|(n, _)| n == name).map_or("", |(_, text)| text)
    }

    /// The organisation of a path `/api/orgs/{org}/…`, if the caller may see it.
    ///
    /// # Errors
    /// The refusal of whoever does not belong to it.
    pub fn org_of_path(&self) -> Result<Name, Problem> {
        let text = self.part("org");
        let org: Name =
            text.parse().map_err(|_| Problem::new(NOT_FOUND, format!("there is no organisation {text}")))?;
        self.orgs(Some(org.clone()))?;
        Ok(org)
    }

    /// The organisation the caller wants and may see; all of them is `None`.
    ///
    /// # Errors
    /// The refusal of whoever does not belong to it.
    pub fn orgs(&self, asked: Option<Name>) -> Result<Option<Name>, Problem> {
        match asked {
            Some(asked) => self.principal.require_in(Action::Read, &asked).map(|()| Some(asked)),
            None => Ok(self.principal.bound_to().cloned()),
        }
    }

    /// Whether the caller may see what is about a node of their organisation.
    pub fn sees(&self, node: Uuid) -> bool {
        self.principal.node().is_none_or(|own| own == node)
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap_or_default())
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body as JSON of a type with a closed set of members.
    ///
    /// # Errors
    /// The refusal of a body that is none.
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        crate::strict::object(&self.body)
    }

    /// Counts credentials in the body that did not hold against the caller's address.
    pub fn charge_failures(&self, count: usize) {
        if let Some(address) = self.address {
            self.app.charge_failures(address, count);
        }
    }

    /// Refuses a principal that has spent all it may.
    ///
    /// # Errors
    /// The refusal, with the seconds to wait.
    pub fn check_rate(&self) -> Result<(), Problem> {
        match self.principal.subject() {
            Some(subject) => self.app.check_rate(&subject, "with these credentials"),
            None => Ok(()),
        }
    }

    /// Charges the principal for so many events.
    pub fn charge(&self, count: usize) {
        if let Some(subject) = self.principal.subject() {
            self.app.charge(subject, count);
        }
    }

    /// Who a bearer's token stands for that came in another way than in its header.
    ///
    /// # Errors
    /// It does not hold, or too many did not that came from there.
    pub fn principal_of(&self, bearer: HeaderValue) -> Result<Principal, Problem> {
        self.app.check_failures(self.address.as_ref())?;
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        principal(&self.app, &self.from, &headers)
    }

    /// Whoever asks, to be asked about again: an answer may last longer than what let its reader in.
    pub fn asker(&self) -> Asker {
        let (app, from, session) = (self.app.clone(), self.from.clone(), self.session);
        Asker { app, from, session, headers: self.headers.clone() }
    }

    pub(crate) fn address(&self) -> Option<Subject> {
        self.address
    }

    /// Runs something that blocks, or takes long, elsewhere.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&App) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (app, span) = (self.app.clone(), tracing::Span::current());
        match tokio::task::spawn_blocking(move || span.in_scope(|| work(&app))).await {
            Ok(result) => result,
            Err(error) => Err(internal(error)),
        }
    }

    /// Runs a read of the log: its futures block, so they run elsewhere, and only so many at once.
    ///
    /// # Errors
    /// Those of the read.
    pub async fn reading<T, F>(&self, read: impl FnOnce(App) -> F + Send + 'static) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Problem>>,
    {
        let _permit = self.app.inner.reads.acquire().await.map_err(internal)?;
        let (app, runtime) = (self.app.clone(), tokio::runtime::Handle::current());
        let span = tracing::Span::current();
        match tokio::task::spawn_blocking(move || runtime.block_on(read(app).instrument(span))).await {
            Ok(result) => result,
            Err(error) => Err(internal(error)),
        }
    }
}

/// Where a request came from. Whoever has the router in his own process may say who asks, by a [`Principal`] among the
/// extensions of the request: nothing that comes over a socket has any.
#[derive(Debug, Clone)]
struct From {
    peer: Option<Peer>,
    vouched: Option<Principal>,
}

impl From {
    fn establish(&self, app: &App, headers: &HeaderMap) -> Result<Established, Problem> {
        match &self.vouched {
            Some(principal) => Ok(Established { principal: principal.clone(), jwt: None }),
            None => establish(app.ledger(), self.peer, headers),
        }
    }
}

/// Whoever asked once, and may or may not do so still.
#[derive(Debug, Clone)]
pub struct Asker {
    app: App,
    from: From,
    headers: HeaderMap,
    session: bool,
}

impl Asker {
    /// Whether their credentials hold still, and let them do this.
    pub fn may(&self, action: Action) -> bool {
        let headers = credentials(&self.app, self.session, &self.headers);
        principal(&self.app, &self.from, &headers).is_ok_and(|principal| principal.require(action).is_ok())
    }
}

/// The headers that say who asks: with the session's token, where that is taken.
fn credentials<'a>(app: &App, session: bool, headers: &'a HeaderMap) -> Cow<'a, HeaderMap> {
    if session { app.sessions().with_token(headers) } else { Cow::Borrowed(headers) }
}

fn principal(app: &App, from: &From, headers: &HeaderMap) -> Result<Principal, Problem> {
    let established = from.establish(app, headers)?;
    established.check_body(b"")?;
    Ok(established.principal)
}

/// The list as a router.
pub(crate) fn routes(app: &App, routes: Vec<Bound>) -> Router {
    routes.into_iter().fold(Router::new(), |router, route| {
        let path = route.row.path;
        let filter = MethodFilter::try_from(route.row.method.clone()).unwrap_or(MethodFilter::GET);
        let counted = app.inner.metrics.route(&route.row);
        let (app, route) = (app.clone(), Arc::new(route));
        let handler =
            move |request: Request| answer(app.clone(), Arc::clone(&route), Arc::clone(&counted), request);
        router.route(path, on(filter, handler))
    })
}

async fn answer(app: App, route: Arc<Bound>, counted: Arc<Counted>, request: Request) -> Response<Body> {
    let peer = request.extensions().get::<Peer>().copied();
    let address = app.address_of(peer, request.headers());
    let from = From { peer, vouched: request.extensions().get::<Principal>().cloned() };
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let (mut parts, mut body) = request.into_parts();
    let result = match admit(&app, &route.row, from, address, &mut parts, &mut body).await {
        Ok(call) => {
            let (method, path) = (&route.row.method, route.row.path);
            let span = tracing::info_span!("request", %method, path, principal = tracing::field::Empty);
            if !span.is_disabled() {
                span.record("principal", call.principal.id());
            }
            (route.answer)(call).instrument(span).await
        }
        Err(problem) => {
            if !body.is_end_stream() && problem.status() != StatusCode::REQUEST_TIMEOUT {
                body::discard(&mut body).await;
            }
            Err(problem)
        }
    };
    let response = match result {
        Ok(response) => unless_known(response, known.as_ref()),
        Err(problem) => {
            app.refuse(address, &problem);
            route.row.refusal(problem)
        }
    };
    counted.answered(response.status());
    response
}

async fn admit(
    app: &App,
    row: &Row,
    from: From,
    address: Option<Subject>,
    parts: &mut Parts,
    request_body: &mut Body,
) -> Result<Call, Problem> {
    app.charge_address(address, row.access != Access::Public)?;
    let established = match row.access {
        Access::Public => Established { principal: Principal::ANONYMOUS, jwt: None },
        _ => from.establish(app, &credentials(app, row.session, &parts.headers))?,
    };
    authorise(row, &established.principal)?;
    let params = if row.path.contains('{') { path_params(parts).await? } else { Vec::new() };
    let mut room = Room::new(&app.inner.bodies);
    let (media, bytes) = match row.body.most() {
        None if request_body.is_end_stream() => (Media::Json, Bytes::new()),
        None => return Err(Problem::new(UNEXPECTED_BODY, "send the request without a body")),
        Some(most) => {
            let media = body::media_type(row.body, &parts.headers)?;
            (media, body::read(request_body, most, &app.config().limits, &mut room).await?)
        }
    };
    established.check_body(&bytes)?;
    let Established { principal, jwt } = established;
    Ok(Call {
        app: app.clone(),
        principal,
        jwt,
        media,
        body: bytes,
        address,
        from,
        headers: std::mem::take(&mut parts.headers),
        session: row.session,
        params,
        uri: std::mem::take(&mut parts.uri),
        _room: room,
    })
}

fn authorise(row: &Row, principal: &Principal) -> Result<(), Problem> {
    match row.access {
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

/// 304 in place of an answer that the client has already (RFC 9110, section 13.1.2).
fn unless_known(answer: Response<Body>, known: Option<&HeaderValue>) -> Response<Body> {
    let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let known = known.and_then(|known| known.to_str().ok()).unwrap_or_default();
    let has = tag.is_some_and(|tag| {
        known.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
    });
    if !has {
        return answer;
    }
    let (mut parts, _) = answer.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(header::CONTENT_TYPE);
    Response::from_parts(parts, Body::empty())
}
