//! How a task fares, as operators and metrics see it.

use ledger::Ledger;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The pause after a failure; each further one in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause: a task that is mended goes on within a minute.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// So many failures in a row, and the service is not ready.
pub const KEEPS_FAILING: u64 = 3;

/// A task as `GET /api/tasks` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Task")]
pub struct TaskRow {
    /// What it is called.
    pub name: String,
    /// What it does.
    pub purpose: String,
    /// When a step of it went well last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<Timestamp>,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<TaskFault>,
    /// How often it was started again.
    pub restarts: u64,
    /// Failures in a row; 0 once a step has gone well.
    pub failures: u64,
    /// Whether these are so many that the service is not ready.
    pub failing: bool,
    /// When it is started again, while it waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_start: Option<Timestamp>,
}

/// A failure of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskFault {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub error: String,
}

/// How a task fares.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) name: &'static str,
    purpose: &'static str,
    /// For its clock.
    ledger: Ledger,
    state: Mutex<State>,
    /// How often the next step panics once it is done: a fault that no production build has.
    #[cfg(test)]
    pub(crate) panics: std::sync::atomic::AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    last_run: Option<Timestamp>,
    last_error: Option<TaskFault>,
    restarts: u64,
    failures: u64,
    next_start: Option<Timestamp>,
}

impl Status {
    pub(crate) fn new(name: &'static str, purpose: &'static str, ledger: Ledger) -> Self {
        let state = Mutex::default();
        Self {
            name,
            purpose,
            ledger,
            state,
            #[cfg(test)]
            panics: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// A step went well.
    pub(crate) fn ran(&self) {
        #[cfg(test)]
        self.strike();
        let now = self.ledger.now();
        let mut state = self.state();
        (state.last_run, state.failures) = (Some(now), 0);
    }

    /// A step failed: how long to wait before the next start.
    pub(crate) fn failed(&self, error: &str) -> Duration {
        let now = self.ledger.now();
        let mut state = self.state();
        state.failures += 1;
        let doublings = u32::try_from(state.failures - 1).unwrap_or(u32::MAX).min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        state.next_start = Some(Timestamp::from_millis(now.millis().saturating_add(millis)));
        state.last_error = Some(TaskFault { at: now, error: error.to_owned() });
        pause
    }

    /// It is started again.
    pub(crate) fn restarted(&self) {
        let mut state = self.state();
        state.restarts += 1;
        state.next_start = None;
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.state().failures >= KEEPS_FAILING
    }

    pub(crate) fn row(&self) -> TaskRow {
        let state = self.state();
        TaskRow {
            name: self.name.to_owned(),
            purpose: self.purpose.to_owned(),
            last_run: state.last_run,
            last_error: state.last_error.clone(),
            restarts: state.restarts,
            failures: state.failures,
            failing: state.failures >= KEEPS_FAILING,
            next_start: state.next_start,
        }
    }

    #[cfg(test)]
    fn strike(&self) {
        use std::sync::atomic::Ordering::SeqCst;
        let left = self.panics.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        assert!(left.is_err(), "a fault that a test injects");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
