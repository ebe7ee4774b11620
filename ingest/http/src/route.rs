//! A route: a row of the service's one list, and what answers it.

use crate::access::Access;
use crate::body::BodyRule;
use crate::dispatch::Call;
use crate::openapi::Operation;
use crate::paging::{CURSOR, LIMIT, Limit};
use crate::problem::Problem;
use axum::body::Body;
use axum::http::{Method, Response};
use schemars::JsonSchema;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// The outcome of a call, to come.
pub type Answered = Pin<Box<dyn Future<Output = Result<Response<Body>, Problem>> + Send>>;

/// A function that answers calls: an `async fn(S, Call)` over a state, or an `async fn(Call)` that needs none.
pub trait Handler<S, Arguments>: Send + Sync + 'static {
    /// Answers a call.
    fn answer(&self, state: S, call: Call) -> Answered;
}

impl<S, F, R> Handler<S, (S, Call)> for F
where
    F: Fn(S, Call) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, Problem>> + Send + 'static,
{
    fn answer(&self, state: S, call: Call) -> Answered {
        Box::pin(self(state, call))
    }
}

impl<S, F, R> Handler<S, (Call,)> for F
where
    F: Fn(Call) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response<Body>, Problem>> + Send + 'static,
{
    fn answer(&self, _: S, call: Call) -> Answered {
        Box::pin(self(call))
    }
}

/// A route without its handler.
#[derive(Clone)]
pub struct Row {
    /// The method.
    pub method: Method,
    /// The path, its variable parts in braces.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What body it takes.
    pub body: BodyRule,
    /// Whether the session of the page is a credential here; only where nothing is changed.
    pub session: bool,
    /// Whether it has a reserve of its own, in everything: heartbeats, and what their nodes are to carry out.
    pub urgent: bool,
    /// Whether its answer may be long: then only so many are rendered at once.
    pub long: bool,
    /// What it says of itself.
    pub operation: Operation,
    /// What a refusal looks like where people see it.
    shown: Option<fn(Problem) -> Response<Body>>,
}

impl Row {
    /// The answer to whoever is refused.
    pub(crate) fn refusal(&self, problem: Problem) -> Response<Body> {
        match self.shown {
            Some(shown) => shown(problem),
            None => problem.into_response(),
        }
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?} {:?}", self.method, self.path, self.access, self.body)
    }
}

type Answer<S> = Arc<dyn Fn(S, Call) -> Answered + Send + Sync>;

/// A row, and what answers it with the help of a state.
pub struct Route<S> {
    row: Row,
    answer: Answer<S>,
}

impl<S> fmt::Debug for Route<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.row.fmt(f)
    }
}

impl<S: 'static> Route<S> {
    /// A route that says nothing of itself yet.
    pub fn new<A: 'static>(
        method: Method,
        path: &'static str,
        access: Access,
        body: BodyRule,
        handler: impl Handler<S, A>,
    ) -> Self {
        let operation = Operation::default();
        let row = Row {
            method,
            path,
            access,
            body,
            session: false,
            urgent: false,
            long: false,
            operation,
            shown: None,
        };
        Self { row, answer: Arc::new(move |state, call| handler.answer(state, call)) }
    }

    /// What programs call it, which stays the same while the route does, and the subject that it belongs to.
    #[must_use]
    pub fn called(mut self, id: &'static str, tag: &'static str) -> Self {
        (self.row.operation.id, self.row.operation.tag) = (id, tag);
        self
    }

    /// What it is for, in a line.
    #[must_use]
    pub fn says(mut self, summary: &'static str) -> Self {
        self.row.operation.summary = summary;
        self
    }

    /// A parameter, with its type and what it is for: of the path where that has it in braces, else of the query.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self, name: &'static str, description: &'static str) -> Self {
        self.row.operation.takes::<T>(name, description, false);
        self
    }

    /// A parameter of the query that must be there.
    #[must_use]
    pub fn needs<T: JsonSchema>(mut self, name: &'static str, description: &'static str) -> Self {
        self.row.operation.takes::<T>(name, description, true);
        self
    }

    /// The parameters of a list that is asked for page by page.
    #[must_use]
    pub fn paged(self) -> Self {
        self.takes::<Limit>(LIMIT, "How many items at most; 100, if absent.")
            .takes::<String>(CURSOR, "Where the page before ended: its `next_cursor`.")
    }

    /// A body that it takes.
    #[must_use]
    pub fn body<T: JsonSchema>(mut self, media: &'static str) -> Self {
        self.row.operation.body::<T>(media);
        self
    }

    /// An answer.
    #[must_use]
    pub fn answers<T: JsonSchema>(mut self, status: u16, media: &'static str) -> Self {
        self.row.operation.answers::<T>(status, media);
        self
    }

    /// An answer without a body.
    #[must_use]
    pub fn answers_nothing(mut self, status: u16) -> Self {
        self.row.operation.answers_nothing(status);
        self
    }

    /// Statuses of refusals beside the usual ones.
    #[must_use]
    pub fn refuses(mut self, statuses: &[u16]) -> Self {
        self.row.operation.refuses(statuses);
        self
    }

    /// Takes the session of the page in place of a token. For what changes nothing.
    #[must_use]
    pub fn by_session(mut self) -> Self {
        self.row.session = true;
        self
    }

    /// Has a reserve of its own, so that nothing else keeps it waiting.
    #[must_use]
    pub fn urgent(mut self) -> Self {
        self.row.urgent = true;
        self
    }

    /// Answers at length: of these answers only so many are rendered at once, and fewer for one principal.
    #[must_use]
    pub fn long(mut self) -> Self {
        self.row.long = true;
        self
    }

    /// Shows refusals to people, in place of a problem document.
    #[must_use]
    pub fn shows(mut self, refusal: fn(Problem) -> Response<Body>) -> Self {
        self.row.shown = Some(refusal);
        self
    }

    /// The row alone.
    pub fn row(self) -> Row {
        self.row
    }

    /// The same at another path, which programs call by another name.
    fn at(&self, path: &'static str, id: &'static str) -> Self {
        let mut row = self.row.clone();
        (row.path, row.operation.id) = (path, id);
        Self { row, answer: Arc::clone(&self.answer) }
    }
}

/// Another path of a route: the path that it has, the other one, and what programs call it there.
pub type Alias = (&'static str, &'static str, &'static str);

/// Routes, with those among them that have another path once more.
#[must_use]
pub fn with_aliases<S: 'static>(mut routes: Vec<Route<S>>, aliases: &[Alias]) -> Vec<Route<S>> {
    let again = aliases.iter().filter_map(|(path, other, id)| {
        routes.iter().find(|route| route.row.path == *path).map(|route| route.at(other, id))
    });
    let again: Vec<_> = again.collect();
    routes.extend(again);
    routes
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// The route with the state that its handler needs.
    pub fn bind(self, state: &S) -> Bound {
        let (state, answer) = (state.clone(), self.answer);
        Bound { row: self.row, answer: Arc::new(move |call| answer(state.clone(), call)) }
    }
}

/// A route that is ready to be served.
pub struct Bound {
    pub(crate) row: Row,
    pub(crate) answer: Arc<dyn Fn(Call) -> Answered + Send + Sync>,
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.row.fmt(f)
    }
}
