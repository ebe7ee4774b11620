//! Announcing: what attention owes to be said becomes `attention` events.
//!
//! Whether something was announced is a question about the log alone, and the id of an announcement follows from
//! what it says. So it is made exactly once, whatever stops, restarts or repeats in between.

use super::{Next, Task, TaskError};
use ledger::admission::Code;
use ledger::service::Draft;
use ledger::{AppendError, AppendOptions, Ledger, Outcome};
use projections::attention::Notice;
use serving::live::Live;
use spec::payload::{AttentionChange, Band, Onset, ReasonState, Service, ServiceAction};
use spec::{Author, Kind, Name, Severity, Via};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Announcements that are made at once.
const BATCH: usize = 256;

/// The least time between two entries that only let time pass.
const LEAST: Duration = Duration::from_millis(500);

/// The longest time between two looks.
const IDLE: Duration = Duration::from_mins(1);

/// Announces what is owed. Time passes in the folds only by entries: when something is due and nothing comes, it says
/// that the service is alive.
#[derive(Debug)]
pub(crate) struct Announcer {
    live: Arc<Live>,
    ledger: Ledger,
    /// What the service says of itself when it says that it is alive.
    version: String,
    size: watch::Receiver<u64>,
}

impl Announcer {
    pub(crate) fn new(live: Arc<Live>, ledger: Ledger, version: String) -> Self {
        let size = live.size();
        Self { live, ledger, version, size }
    }
}

impl Task for Announcer {
    async fn step(&mut self) -> Result<Next, TaskError> {
        self.size.borrow_and_update();
        Ok(Next::In(next(&self.live, &self.ledger, &self.version).await?))
    }

    async fn word(&mut self) {
        // The sender lives as long as the folds.
        let _ = self.size.changed().await;
    }
}

/// Announces what is owed at the head, or lets time pass; says how long nothing is to be done.
async fn next(live: &Live, ledger: &Ledger, version: &str) -> Result<Duration, AppendError> {
    let seen = live.with_head(|folds, head| {
        let attention = folds.attention();
        (head.size, attention.owed().take(BATCH).cloned().collect::<Vec<_>>(), attention.due())
    });
    // While the folds are on their way, what they owe may have been said already.
    let Some((size, owed, due)) = seen else { return Ok(IDLE) };
    if size != ledger.head().borrow().size {
        return Ok(IDLE);
    }
    if !owed.is_empty() {
        append(ledger, &owed).await?;
        return Ok(IDLE);
    }
    let now = ledger.now();
    match due {
        Some(due) if due <= now => {
            let alive =
                Service { action: ServiceAction::Alive, heartbeat_secs: None, version: version.to_owned() };
            let payload = serde_json::to_value(alive).unwrap_or_default();
            ledger.append_statement(Kind::Service, payload).await?;
            tokio::time::sleep(LEAST).await;
            Ok(IDLE)
        }
        Some(due) => Ok(Duration::from_millis(due.millis() - now.millis()).min(IDLE)),
        None => Ok(IDLE),
    }
}

async fn append(ledger: &Ledger, owed: &[Notice]) -> Result<(), AppendError> {
    let mut events = Vec::with_capacity(owed.len());
    for notice in owed {
        match ledger.sign(&draft(notice)) {
            Ok(event) => events.push(event),
            Err(error) => {
                tracing::error!(%error, id = %notice.id, "a change of attention cannot be announced");
            }
        }
    }
    let appended = ledger.append_own(events, AppendOptions::default()).await?;
    for outcome in &appended.outcomes {
        if let Outcome::Refused { refused, .. } = outcome
            && refused.code != Code::DuplicateId
        {
            tracing::error!(code = %refused.code, detail = refused.detail, "an announcement was refused");
        }
    }
    Ok(())
}

/// The event that announces a change, always the same one.
fn draft(notice: &Notice) -> Draft {
    let name = |text: &str| text.parse::<Name>().unwrap_or_else(|_| unreachable!("{text} is a name"));
    Draft {
        author: Author::Service(name("attention")),
        via: Via { method: name("self"), subject: None },
        kind: Kind::Attention,
        org: notice.org.clone(),
        tenant: notice.tenant.clone(),
        node_id: notice.node,
        severity: Some(severity(notice)),
        ts: Some(notice.payload.at),
        id: Some(notice.id),
        payload: serde_json::to_value(&notice.payload).unwrap_or_default(),
    }
}

/// How grave a change is: by the band it leads to, and nothing if it is for the better.
fn severity(notice: &Notice) -> Severity {
    let better = match &notice.payload.change {
        AttentionChange::Band { from, to, .. } => to < from,
        AttentionChange::Reason { state, .. } => *state == ReasonState::Cleared,
        AttentionChange::Flapping { state } | AttentionChange::Storm { state, .. } => *state == Onset::Ended,
    };
    match notice.payload.band {
        _ if better => Severity::Info,
        Band::Crit => Severity::Critical,
        Band::Attn => Severity::Medium,
        Band::Ok => Severity::Low,
    }
}
