//! What the service does by itself: each task under one driver, which starts it again when it fails and says how it
//! fares.
//!
//! A task takes one *step* after the other. What is to be done follows from the log, so a step that fails, by an error
//! or by a panic, is tried again by a new task, after a pause that grows while it goes on failing. `GET /api/tasks`
//! shows all of them, each has its metrics, and the service is not ready while one keeps failing.

pub(crate) mod announce;
pub(crate) mod disk;
pub(crate) mod folds;
pub(crate) mod offers;
pub(crate) mod packing;
pub(crate) mod scheduler;
mod status;
#[cfg(test)]
mod tests;
pub(crate) mod webhooks;

pub use status::{KEEPS_FAILING, TaskFault, TaskRow};

use ledger::reader::ReadError;
use ledger::{AppendError, Ledger};
use serving::live::FollowError;
use status::Status;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tracing::Instrument as _;
use web::metrics::{heading, line};

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    /// The ledger did not take what was to be said.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log could not be followed.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// A segment could not be packed.
    #[error(transparent)]
    Pack(#[from] ReadError),
    /// A message to a webhook was not sent to its end.
    #[error("an attempt to tell a webhook panicked")]
    Attempt,
}

/// What a step leaves to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing for so long, unless there is word of more.
    In(Duration),
    /// Nothing any more: the ledger is closed.
    Over,
}

/// Something the service does, step by step.
pub(crate) trait Task: Send + 'static {
    /// Does what is to be done now.
    fn step(&mut self) -> impl Future<Output = Result<Next, TaskError>> + Send;

    /// Comes about when there may be more to do before the time is over.
    fn word(&mut self) -> impl Future<Output = ()> + Send;
}

/// What a task says when it has come a step further within a long one.
pub(crate) type Ran = Arc<dyn Fn() + Send + Sync>;

/// The state of a service's tasks. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks(Arc<[Arc<Status>]>);

impl Tasks {
    /// Each by its name, in the order in which they were started.
    pub fn rows(&self) -> Vec<TaskRow> {
        self.0.iter().map(|status| status.row()).collect()
    }

    /// A task that keeps failing, if one does.
    pub(crate) fn failing(&self) -> Option<&'static str> {
        self.0.iter().find(|status| status.is_failing()).map(|status| status.name)
    }

    /// Appends what an operator would alert on.
    pub(crate) fn render(&self, out: &mut String) {
        let rows = self.rows();
        if rows.is_empty() {
            return;
        }
        let name = "vaultmesh_task_restarts_total";
        heading(out, name, "How often a task was started again after a failure.", "counter");
        for row in &rows {
            line(out, format_args!("{name}{{task=\"{}\"}}", row.name), row.restarts);
        }
        let name = "vaultmesh_task_failures";
        heading(out, name, "Failures in a row; 0 once a step of the task has gone well.", "gauge");
        for row in &rows {
            line(out, format_args!("{name}{{task=\"{}\"}}", row.name), row.failures);
        }
        let name = "vaultmesh_task_last_run_timestamp_seconds";
        heading(out, name, "When a step of the task went well last; 0 if none has.", "gauge");
        for row in &rows {
            let millis = row.last_run.map_or(0, spec::Timestamp::millis);
            // Writing into a string cannot fail.
            let _ = writeln!(out, "{name}{{task=\"{}\"}} {}.{:03}", row.name, millis / 1000, millis % 1000);
        }
    }
}

/// Starts tasks, and starts them again.
#[derive(Debug)]
pub(crate) struct Supervisor {
    ledger: Ledger,
    tasks: Vec<Arc<Status>>,
}

impl Supervisor {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self { ledger, tasks: Vec::new() }
    }

    /// Starts a task that ends when `stopping` becomes true. `begin` makes it, and makes it anew after a failure; it is
    /// handed what to call when a long step has come further.
    pub(crate) fn start<T: Task>(
        &mut self,
        name: &'static str,
        purpose: &'static str,
        stopping: &watch::Receiver<bool>,
        begin: impl Fn(Ran) -> T + Send + Sync + 'static,
    ) {
        let status = Arc::new(Status::new(name, purpose, self.ledger.clone()));
        self.tasks.push(Arc::clone(&status));
        tokio::spawn(supervise(status, stopping.clone(), Arc::new(begin)));
    }

    /// All that were started.
    pub(crate) fn tasks(self) -> Tasks {
        Tasks(self.tasks.into())
    }
}

/// Drives a task until it stops, and starts it again each time it fails.
async fn supervise<T: Task>(
    status: Arc<Status>,
    mut stopping: watch::Receiver<bool>,
    begin: Arc<impl Fn(Ran) -> T + Send + Sync + 'static>,
) {
    loop {
        let span = tracing::info_span!("task", task = status.name);
        let (of, stop, begin) = (Arc::clone(&status), stopping.clone(), Arc::clone(&begin));
        let driven = tokio::spawn(async move { drive(&of, stop, &*begin).await }.instrument(span.clone()));
        let error = match driven.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => with_sources(&error),
            Err(ended) => match ended.try_into_panic() {
                Ok(panicked) => format!("panicked: {}", said(&*panicked)),
                // The runtime comes to its end.
                Err(_) => return,
            },
        };
        let pause = status.failed(&error);
        span.in_scope(|| tracing::error!(error, ?pause, "a task failed; it is started again after a pause"));
        tokio::select! {
            () = tokio::time::sleep(pause) => status.restarted(),
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

async fn drive<T: Task>(
    status: &Arc<Status>,
    mut stopping: watch::Receiver<bool>,
    begin: &(impl Fn(Ran) -> T + Send + Sync),
) -> Result<(), TaskError> {
    let of = Arc::clone(status);
    let mut task = begin(Arc::new(move || of.ran()));
    loop {
        // A long step ends with the task; a short one is finished.
        let pause = match task.step().await {
            Ok(Next::In(pause)) => pause,
            Ok(Next::Over) | Err(TaskError::Append(AppendError::Closed)) => return Ok(()),
            Err(error) => return Err(error),
        };
        status.ran();
        tracing::debug!("took a step");
        tokio::select! {
            () = task.word() => {}
            () = tokio::time::sleep(pause) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return Ok(()),
        }
    }
}

/// An error with what led to it.
fn with_sources(error: &dyn std::error::Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(cause) = source {
        // Writing into a string cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

/// What a panic says.
fn said(panicked: &(dyn std::any::Any + Send)) -> &str {
    let text = panicked.downcast_ref::<&str>().copied();
    text.or_else(|| panicked.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
