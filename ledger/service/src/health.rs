//! How the service is: for whoever watches it.

use crate::state::Service;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::AppendError;
use ledger::space::Room;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::limits::MAX_FOLDS_BEHIND;
use web::metrics::gauge;
use web::problem::{POISONED, UNAVAILABLE};
use web::{Call, Problem, answer};

use crate::tasks::TaskRow;

/// The state of the tasks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TasksAnswer {
    /// By their names.
    pub items: Vec<TaskRow>,
}

/// `GET /healthz`: the process answers.
pub(crate) async fn healthz(_: Call) -> Result<Response<Body>, Problem> {
    Ok(answer::text(StatusCode::OK, "ok\n"))
}

/// `GET /readyz`: the ledger takes events, the folds are near enough to its head to answer, and no task keeps failing.
pub(crate) async fn readyz(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    if let Some(reason) = call.app.ledger().poisoned() {
        return Err(Problem::new(POISONED, reason.to_string()).retry_after(30));
    }
    if call.app.ledger().room() != Room::Enough {
        return Err(AppendError::NoSpace.into());
    }
    if call.app.is_draining() {
        return Err(Problem::new(UNAVAILABLE, "the service is stopping").retry_after(30));
    }
    if let Ok(live) = service.live() {
        let behind = call.app.ledger().head().borrow().size.saturating_sub(*live.size().borrow());
        if behind > MAX_FOLDS_BEHIND {
            let detail = format!("the folds are {behind} entries behind the log");
            return Err(Problem::new(UNAVAILABLE, detail).retry_after(5));
        }
    }
    if let Some(name) = service.tasks.failing() {
        // Why it fails is not for everyone: the route is public.
        let detail = format!("the task {name} keeps failing; see /api/tasks");
        return Err(Problem::new(UNAVAILABLE, detail).retry_after(30));
    }
    Ok(answer::text(StatusCode::OK, "ready\n"))
}

/// `GET /metrics`.
pub(crate) async fn metrics(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    let mut text = call.blocking(|app| Ok(app.metrics())).await?;
    if let Ok(live) = service.live() {
        let folded = *live.size().borrow();
        gauge(&mut text, "ledger_folded", "Entries that the folds have taken in.", folded);
    }
    service.tasks.render(&mut text);
    Ok(answer::with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", Body::from(text)))
}

/// `GET /api/tasks`.
pub(crate) async fn tasks(service: Service, call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    Ok(answer::value(StatusCode::OK, &TasksAnswer { items: service.tasks.rows() }))
}
