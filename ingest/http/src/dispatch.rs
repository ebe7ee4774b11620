//! From a request to a handler: limits, principal, right, body, in this order, for every route alike.

use crate::access::{Access, Action, Principal, PrincipalKind};
use crate::app::App;
use crate::body::{self, BodyRule, Media, Reading};
use crate::bucket::Subject;
use crate::budget::{Holder, Room};
use crate::connection::Turn;
use crate::limits::{FREE_HEARTBEAT_BYTES, MAX_PARSED_BYTES, MAX_STRANGER_BODY_BYTES};
use crate::metrics::Counted;
use crate::people;
use crate::principal::{Established, NodeToken, Peer, establish};
use crate::problem::{
    BAD_PATH, FORBIDDEN, NOT_FOUND, Problem, TOO_LARGE, UNAUTHENTICATED, UNEXPECTED_BODY, internal,
};
use crate::query::QueryString;
use crate::route::{Bound, Row};
use crate::spending::Signed;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
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
    holder: Holder,
    from: From,
    headers: HeaderMap,
    kind: Kind,
    turn: Option<Arc<Turn>>,
    params: Vec<(String, String)>,
    uri: Uri,
    _room: Room,
}

/// The share that somebody may take.
#[derive(Debug, Clone)]
pub struct Allowance {
    app: App,
    holder: Holder,
}

impl Allowance {
    /// Room for what a JSON document takes once it is parsed as values.
    ///
    /// # Errors
    /// It is too much for one document, or there is no room.
    pub fn parsed(&self, document: &[u8]) -> Result<Room, Problem> {
        let bytes = crate::strict::parsed_bytes(document);
        if bytes > MAX_PARSED_BYTES {
            let detail = format!("parsed, the document would take more than {MAX_PARSED_BYTES} bytes");
            return Err(Problem::new(TOO_LARGE, detail));
        }
        let mut room = self.app.inner.bodies.room(self.holder);
        room.grow(bytes)?;
        Ok(room)
    }
}

/// What the row of a route says of all its calls.
#[derive(Debug, Clone, Copy)]
struct Kind {
    session: bool,
    urgent: bool,
    public: bool,
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
        if let Some(address) = self.holder.address {
            self.app.charge_failures(address, count);
        }
    }

    /// Settles what the principal is about to have recorded in its own name.
    ///
    /// # Errors
    /// It has spent all it may; the refusal says how many seconds to wait.
    pub fn settle(&self, events: usize, bytes: usize) -> Result<(), Problem> {
        self.app.settle(self.holder, self.kind.urgent, events, bytes)
    }

    /// Settles the look for so many events that were in the ledger before. A heartbeat is paid for as a request.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub fn settle_duplicates(&self, count: usize) -> Result<(), Problem> {
        if self.kind.urgent { Ok(()) } else { self.app.settle_duplicates(self.holder, count) }
    }

    /// What settles events that carry their authors' signatures, once these are known to hold.
    pub fn meter(&self) -> Arc<dyn ledger::Meter> {
        Arc::new(Signed { app: self.app.clone(), from: self.holder, urgent: self.kind.urgent })
    }

    /// What whoever asks may take, for work that goes on elsewhere.
    pub fn allowance(&self) -> Allowance {
        Allowance { app: self.app.clone(), holder: self.holder }
    }

    /// Whether it has a reserve of its own.
    pub fn is_urgent(&self) -> bool {
        self.kind.urgent
    }

    pub(crate) fn is_public(&self) -> bool {
        self.kind.public
    }

    pub(crate) fn holder(&self) -> Holder {
        self.holder
    }

    pub(crate) fn turn(&self) -> Option<&Arc<Turn>> {
        self.turn.as_ref()
    }

    /// Who a bearer's token stands for that came in another way than in its header.
    ///
    /// # Errors
    /// It does not hold, or too many did not that came from there.
    pub fn principal_of(&self, bearer: HeaderValue) -> Result<Principal, Problem> {
        self.app.check_failures(self.holder.address.as_ref())?;
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        principal(&self.app, &self.from, &headers)
    }

    /// Records who the person is that asks, as their provider has it.
    ///
    /// # Errors
    /// Nobody vouches for them any more, or the ledger does not take it.
    pub async fn introduce(&self) -> Result<(), Problem> {
        let headers = credentials(&self.app, &Method::GET, self.kind.session, &self.headers);
        people::introduce_whoever_asks(&self.app, &headers).await
    }

    /// Whoever asks, to be asked about again: an answer may last longer than what let its reader in.
    pub fn asker(&self) -> Asker {
        let (app, from, session) = (self.app.clone(), self.from.clone(), self.kind.session);
        Asker { app, from, session, headers: self.headers.clone() }
    }

    /// Runs something that takes long elsewhere, and only so many at once.
    ///
    /// # Errors
    /// Those of the work, or its turn did not come.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&App) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.app.inner.works.turn(self.holder).await?;
        let (app, span) = (self.app.clone(), tracing::Span::current());
        let work = move |app: &App| {
            let _turn = turn;
            work(app)
        };
        match tokio::task::spawn_blocking(move || span.in_scope(|| work(&app))).await {
            Ok(result) => result,
            Err(error) => Err(internal(error)),
        }
    }

    /// Runs a read of the log: its futures block, so they run elsewhere, and only so many at once.
    ///
    /// # Errors
    /// Those of the read, or its turn did not come.
    pub async fn reading<T, F>(&self, read: impl FnOnce(App) -> F + Send + 'static) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Problem>>,
    {
        let inner = &self.app.inner;
        let lanes = match self.kind {
            Kind { urgent: true, .. } => &inner.delivery_reads,
            Kind { public: true, .. } => &inner.public_reads,
            Kind { .. } => &inner.reads,
        };
        let turn = lanes.turn(self.holder).await?;
        let (app, runtime) = (self.app.clone(), tokio::runtime::Handle::current());
        let span = tracing::Span::current();
        let read = move || {
            // Whoever has gone away leaves its read behind, which goes on for a while.
            let _turn = turn;
            runtime.block_on(read(app).instrument(span))
        };
        match tokio::task::spawn_blocking(read).await {
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
    /// The organisation that the request names.
    named: Option<Name>,
}

impl From {
    fn establish(&self, app: &App, headers: &HeaderMap) -> Result<Established, Problem> {
        match &self.vouched {
            Some(principal) => Ok(Established { principal: principal.clone(), jwt: None }),
            None => establish(app, self.peer, headers, self.named.as_ref()),
        }
    }
}

/// A caller who asked once, and may or may not do so still.
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
        let headers = credentials(&self.app, &Method::GET, self.session, &self.headers);
        principal(&self.app, &self.from, &headers).is_ok_and(|principal| principal.require(action).is_ok())
    }
}

/// The headers that say who asks: with the session's token, where that is taken.
fn credentials<'a>(app: &App, method: &Method, session: bool, headers: &'a HeaderMap) -> Cow<'a, HeaderMap> {
    if let Some(headers) = app.people().with_token(method, headers) {
        return Cow::Owned(headers);
    }
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
    let origin = app.origin(peer, request.headers());
    let named = people::named(route.row.path, request.uri(), request.headers());
    let from = From { peer, vouched: request.extensions().get::<Principal>().cloned(), named };
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let (mut parts, mut body) = request.into_parts();
    let result = match admit(&app, &route.row, from, origin, &mut parts, &mut body).await {
        Ok(call) => {
            let (method, path) = (&route.row.method, route.row.path);
            let (principal, seq) = (tracing::field::Empty, tracing::field::Empty);
            let span = tracing::info_span!("request", %method, path, principal, seq);
            if !span.is_disabled() {
                span.record("principal", call.principal.id());
            }
            let turn =
                if route.row.long { app.inner.renders.turn(call.holder).await.map(Some) } else { Ok(None) };
            let answered = match turn {
                Ok(_turn) => (route.answer)(call).instrument(span.clone()).await,
                Err(problem) => Err(problem),
            };
            let status = answered.as_ref().map_or_else(Problem::status, Response::status);
            span.in_scope(|| tracing::debug!(status = status.as_u16(), "answered"));
            answered
        }
        Err(problem) => {
            if !body.is_end_stream() && problem.status() != StatusCode::REQUEST_TIMEOUT {
                body::discard(&mut body).await;
            }
            Err(problem)
        }
    };
    let mut response = match result {
        Ok(response) => unless_known(response, known.as_ref()),
        Err(problem) => {
            app.refuse(origin.address, &problem);
            route.row.refusal(problem)
        }
    };
    counted.answered(response.status());
    // No answer is anything but what it says: what somebody wrote into the log is never taken for a page.
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(nosniff);
    response
}

/// Who asks: with a session renewed, and what a provider's token gives recorded, where that is how they ask.
async fn asking(app: &App, row: &Row, from: &From, shown: &HeaderMap) -> Result<Established, Problem> {
    let by_token = from.vouched.is_none() && from.peer != Some(Peer::Admin);
    if by_token {
        people::renew(app, shown).await;
    }
    let headers = credentials(app, &row.method, row.session, shown);
    if by_token {
        let access = app.people().access_token(shown);
        people::prepare(app, &headers, access.as_deref()).await?;
    }
    from.establish(app, &headers)
}

async fn admit(
    app: &App,
    row: &Row,
    from: From,
    origin: Holder,
    parts: &mut Parts,
    request_body: &mut Body,
) -> Result<Call, Problem> {
    app.charge_address(&origin, row, &parts.headers)?;
    let established = if row.access == Access::Public {
        Established { principal: Principal::ANONYMOUS, jwt: None }
    } else {
        asking(app, row, &from, &parts.headers).await?
    };
    authorise(row, &established.principal)?;
    let params = if row.path.contains('{') { path_params(parts).await? } else { Vec::new() };
    let holder = held_by(&established.principal, origin);
    let (pool, free) =
        if row.urgent { (&app.inner.heartbeat_bodies, FREE_HEARTBEAT_BYTES) } else { (&app.inner.bodies, 0) };
    let mut room = pool.room(holder);
    let (media, bytes) = match row.body {
        BodyRule::None if request_body.is_end_stream() => (Media::Json, Bytes::new()),
        BodyRule::None => return Err(Problem::new(UNEXPECTED_BODY, "send the request without a body")),
        rule => {
            let media = body::media_type(rule, &parts.headers)?;
            let (most, refusal) = most_of(row, &established.principal, request_body);
            let how = Reading { most, free, limits: &app.config().limits };
            (media, body::read(request_body, how, &mut room, || refusal.clone()).await?)
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
        holder,
        from,
        headers: std::mem::take(&mut parts.headers),
        kind: Kind { session: row.session, urgent: row.urgent, public: row.access == Access::Public },
        turn: parts.extensions.get::<Arc<Turn>>().cloned(),
        params,
        uri: std::mem::take(&mut parts.uri),
        _room: room,
    })
}

/// Whose shares a call counts against.
fn held_by(principal: &Principal, origin: Holder) -> Holder {
    Holder { principal: principal.subject(), org: principal.org.as_ref().map(Subject::org), ..origin }
}

/// How long a body may be, and how a longer one is refused. Before it is read, a signature in it says nothing yet.
fn most_of(row: &Row, principal: &Principal, body: &Body) -> (usize, Problem) {
    let most = row.body.most().unwrap_or_default();
    let is_known = row.access != Access::Credential || principal.may_write();
    let too_large = Problem::new(TOO_LARGE, format!("a body of this route has at most {most} bytes"));
    if is_known || most <= MAX_STRANGER_BODY_BYTES || body.size_hint().lower() > most as u64 {
        return (most, too_large);
    }
    let row = if principal.kind == PrincipalKind::Anonymous { UNAUTHENTICATED } else { FORBIDDEN };
    let detail =
        format!("a body of more than {MAX_STRANGER_BODY_BYTES} bytes takes a credential that may write");
    (MAX_STRANGER_BODY_BYTES, Problem::new(row, detail))
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
