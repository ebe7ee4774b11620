//! Doing what schedules and roll-outs have due.
//!
//! What is due follows from the log; what is decided about it goes into the log, with the nodes it is about; then
//! each of these is given its command. So a restart goes on where it stopped: a decision and a command have ids that
//! follow from what they rest on, and the folds know which of them are in the log.

mod rollouts;

use super::{Next, Task, TaskError};
use ledger::admission::Code;
use ledger::service::Draft;
use ledger::{AppendError, AppendOptions, Ledger, Outcome};
use projections::Projections;
use projections::schedules::{Due, METHOD, SCHEDULER, ScheduleStanding};
use projections::selection;
use serving::live::Live;
use spec::payload::{Command, CommandOrder, MAX_RUN_NODES, RunReason, ScheduleRun, order_id, order_seed};
use spec::selector::Selector;
use spec::{Author, Hash, Kind, Name, Signature, Timestamp, Uuid, Via};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Decisions that are made at once: each names its nodes.
const DECISIONS: usize = 8;

/// Commands that are given at once: others get in between.
const ORDERS: usize = 256;

/// How long after a refusal it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The longest time between two looks.
const IDLE: Duration = Duration::from_mins(1);

/// Does what is due.
#[derive(Debug)]
pub(crate) struct Scheduler {
    live: Arc<Live>,
    ledger: Ledger,
    /// So many entries are to be folded before the next look: what was said before is among them.
    settled: u64,
    size: watch::Receiver<u64>,
}

/// What is to be said now, or else when there may be something.
#[derive(Debug)]
struct Work {
    drafts: Vec<Draft>,
    next: Option<Timestamp>,
}

impl Scheduler {
    pub(crate) fn new(live: Arc<Live>, ledger: Ledger) -> Self {
        let (settled, size) = (ledger.head().borrow().size, live.size());
        Self { live, ledger, settled, size }
    }

    /// Says what is to be said now; how long nothing is to be done.
    async fn say_what_is_due(&mut self) -> Result<Duration, AppendError> {
        let now = self.ledger.now();
        let settled = self.settled;
        let work = self.live.with(|folds| (folds.size() >= settled).then(|| work(folds, now)));
        // Until the folds know what was said, nothing can be told from them.
        let Some(work) = work else { return Ok(IDLE) };
        if work.drafts.is_empty() {
            let wait = work.next.map(|next| next.millis().saturating_sub(now.millis()));
            return Ok(wait.map_or(IDLE, |ms| Duration::from_millis(ms.max(1)).min(IDLE)));
        }
        self.say(work.drafts).await
    }

    async fn say(&mut self, drafts: Vec<Draft>) -> Result<Duration, AppendError> {
        let mut events = Vec::with_capacity(drafts.len());
        for mut draft in drafts {
            if draft.kind == Kind::Command {
                self.sign(&mut draft);
            }
            match self.ledger.sign(&draft) {
                Ok(event) => events.push(event),
                Err(error) => tracing::error!(%error, via = ?draft.via, "a schedule cannot be followed"),
            }
        }
        let appended = self.ledger.append_own(events, AppendOptions::default()).await?;
        let mut pause = IDLE;
        for outcome in &appended.outcomes {
            match outcome {
                Outcome::Refused { refused, .. } => {
                    if refused.code != Code::DuplicateId {
                        tracing::error!(code = %refused.code, detail = refused.detail, "a schedule was refused");
                    }
                    pause = RETRY;
                }
                Outcome::Recorded(receipt) => self.settled = self.settled.max(receipt.seq + 1),
            }
        }
        Ok(pause)
    }

    /// Signs the order in a draft with the command key.
    fn sign(&self, draft: &mut Draft) {
        if let Ok(Command::Issue(mut order)) = serde_json::from_value(draft.payload.clone()) {
            order.sig = self.ledger.sign_order(&order);
            draft.payload = serde_json::to_value(Command::Issue(order)).unwrap_or_default();
        }
    }
}

impl Task for Scheduler {
    async fn step(&mut self) -> Result<Next, TaskError> {
        self.size.borrow_and_update();
        Ok(Next::In(self.say_what_is_due().await?))
    }

    async fn word(&mut self) {
        // The sender lives as long as the folds.
        let _ = self.size.changed().await;
    }
}

impl Work {
    fn wake(&mut self, at: Timestamp) {
        self.next = self.next.into_iter().chain([at]).min();
    }
}

/// What is to be said at `now`: first the commands of what is decided, then decisions.
fn work(folds: &Projections, now: Timestamp) -> Work {
    let mut work = Work { drafts: Vec::new(), next: None };
    rollouts::add(&mut work, folds, now);
    let mut decisions = Vec::new();
    for (org, standing) in folds.schedules().iter() {
        let room = ORDERS.saturating_sub(work.drafts.len());
        let outstanding: Vec<_> = standing.outstanding(now).take(room).collect();
        if !outstanding.is_empty() {
            let drafts = outstanding.into_iter().map(|(run, node)| order(folds, org, standing, run, node));
            work.drafts.extend(drafts);
        } else if let Some(due) = standing.decide(now) {
            if decisions.len() < DECISIONS {
                decisions.push(decision(folds, org, standing, due, now));
            }
        } else if let Some(at) = standing.wakes(now) {
            work.wake(at);
        }
    }
    work.drafts.append(&mut decisions);
    work
}

/// The event in which it is said what becomes of what is due.
fn decision(folds: &Projections, org: &Name, standing: &ScheduleStanding, due: Due, now: Timestamp) -> Draft {
    let nodes = if due.reason.is_none() {
        selected(folds, org, &standing.plan.selector, standing.plan.os_profile.as_deref())
    } else {
        Vec::new()
    };
    let reason = match nodes.len() as u64 {
        _ if due.reason.is_some() => due.reason,
        0 => Some(RunReason::NoNodes),
        count if count > MAX_RUN_NODES => Some(RunReason::TooManyNodes),
        _ => None,
    };
    let due = Due { reason, ..due };
    let run = ScheduleRun {
        at: now,
        count: due.count,
        due: due.due,
        first: due.first,
        nodes: if reason.is_none() { nodes } else { Vec::new() },
        outcome: due.outcome(),
        reason,
        schedule: standing.hash,
    };
    let payload = serde_json::to_value(&run).unwrap_or_default();
    let decided = draft(org, standing.plan.id, Kind::ScheduleRun, run.id(), now, payload);
    Draft { id: Some(run.id()), ..decided }
}

/// The nodes that are selected and have a valid key, sorted.
fn selected(folds: &Projections, org: &Name, selector: &str, profile: Option<&str>) -> Vec<Uuid> {
    // Admission has read it before.
    let selector = selector.parse::<Selector>();
    selector.map(|selector| selection::selected(folds, org, &selector, profile)).unwrap_or_default()
}

/// An order without its signature, from one time until another.
fn unsigned(
    command: &Name,
    parameters: &BTreeMap<Name, String>,
    node: Uuid,
    nonce: Hash,
    (not_before, expires_at): (Timestamp, Timestamp),
) -> CommandOrder {
    CommandOrder {
        approvals: 0,
        command: command.clone(),
        expires_at,
        node,
        nonce,
        not_before,
        parameters: parameters.clone(),
        rollout: None,
        sig: Signature([0; 64]),
        text: None,
    }
}

/// The event that gives a node the command of a run; its signature is still to come.
fn order(
    folds: &Projections,
    org: &Name,
    standing: &ScheduleStanding,
    run: &projections::schedules::Run,
    node: Uuid,
) -> Draft {
    let plan = &standing.plan;
    let seed = order_seed(&run.hash, node);
    let order = unsigned(&plan.command, &plan.parameters, node, seed, plan.span(run.at, &seed));
    let payload = serde_json::to_value(Command::Issue(order)).unwrap_or_default();
    let tenant = folds.fleet().node(org, node).and_then(|known| known.tenant.clone());
    let order = draft(org, plan.id, Kind::Command, order_id(run.at, &seed), run.at, payload);
    Draft { tenant, node_id: Some(node), ..order }
}

/// An event of the scheduler, always the same one.
fn draft(
    org: &Name,
    subject: Uuid,
    kind: Kind,
    id: Uuid,
    at: Timestamp,
    payload: serde_json::Value,
) -> Draft {
    let name = |text: &str| text.parse::<Name>().unwrap_or_else(|_| unreachable!("{text} is a name"));
    Draft {
        author: Author::Service(name(SCHEDULER)),
        via: Via { method: name(METHOD), subject: Some(name(&subject.to_string())) },
        kind,
        org: org.clone(),
        tenant: None,
        node_id: None,
        severity: None,
        ts: Some(at),
        id: Some(id),
        payload,
    }
}
