//! Schedules: what is due, what was decided about it, and which commands are still to be given.
//!
//! ```text
//! schedule set       → standing; nothing that was due before
//! schedule remove    → gone
//! schedule-run       about the schedule as it is set → decided until `due`; with nodes, those wait for commands
//! command            of the run, to a node that waits → it waits no longer
//! ```
//!
//! What is due at a moment, and what is to become of it, is [`ScheduleStanding::decide`]; the executable asks with the
//! ledger's clock and records the answer. So each time that was due is decided once, whatever stops in between.

mod due;

pub use due::{Due, LATE_MS};

use crate::Projection;
use crate::fact::{Fact, Said};
use crate::fold::part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::limits::MAX_SCHEDULES;
use spec::payload::{
    Command, CommandOrder, Plan, RunOutcome, RunReason, Schedule, ScheduleRun, order_id, order_seed,
};
use spec::{Author, Hash, Name, Timestamp, Uuid};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Decisions of a schedule that are kept; the log has all of them.
pub const MAX_RUNS: usize = 50;

/// Name of the author of decisions and their commands.
pub const SCHEDULER: &str = "scheduler";

/// How it is known that they are the scheduler's.
pub const METHOD: &str = "schedule";

/// The schedules of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedules {
    orgs: BTreeMap<Name, BTreeMap<Uuid, ScheduleStanding>>,
}

/// A schedule as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleStanding {
    /// Event hash of the event that set it.
    pub hash: Hash,
    /// Who set it.
    pub set_by: Author,
    /// When that was recorded.
    pub set_at: Timestamp,
    /// What is to be done, and when.
    pub plan: Plan,
    /// Everything due until then is decided.
    pub decided: Timestamp,
    /// The first time after `decided`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// Decisions, the newest first, at most [`MAX_RUNS`].
    pub runs: VecDeque<Run>,
    /// How many times it was started, missed and skipped since it was set.
    pub counts: ScheduleCounts,
    /// The nodes of the newest run that were not given their command yet.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub waiting: BTreeSet<Uuid>,
}

/// The number of times that a schedule was due, by what became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleCounts {
    /// It was begun.
    pub started: u64,
    /// Nobody was there to begin it in time.
    pub missed: u64,
    /// It was not to be begun.
    pub skipped: u64,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScheduleRun")]
pub struct Run {
    /// Its event hash.
    pub hash: Hash,
    /// Seq of its entry.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// When the first of what it is about was due.
    pub first: Timestamp,
    /// When the last of it was due.
    pub due: Timestamp,
    /// How many times it is about.
    pub count: u64,
    /// What became of it.
    pub outcome: RunOutcome,
    /// Why it was not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RunReason>,
    /// How many nodes it is about.
    pub nodes: u64,
    /// How many of them were given their command.
    pub ordered: u64,
}

impl ScheduleStanding {
    fn of(fact: &Fact<'_>, plan: &Plan) -> Self {
        Self {
            hash: fact.event_hash(),
            set_by: fact.header.author.clone(),
            set_at: fact.at,
            next: plan.when.next(fact.at),
            plan: plan.clone(),
            decided: fact.at,
            runs: VecDeque::new(),
            counts: ScheduleCounts::default(),
            waiting: BTreeSet::new(),
        }
    }

    /// What nodes are still to be given their command at `now`, with the run it belongs to: those for whom it would
    /// not have run out already.
    pub fn outstanding(&self, now: Timestamp) -> impl Iterator<Item = (&Run, Uuid)> {
        let run = self.runs.front().into_iter();
        run.flat_map(move |run| {
            let open = move |node: &Uuid| self.plan.span(run.at, &order_seed(&run.hash, *node)).1 > now;
            self.waiting.iter().copied().filter(open).map(move |node| (run, node))
        })
    }

    fn run(&mut self, fact: &Fact<'_>, run: &ScheduleRun) {
        if run.schedule != self.hash || run.first <= self.decided {
            return;
        }
        self.decided = run.due;
        self.next = self.plan.when.next(run.due);
        match run.outcome {
            RunOutcome::Started => self.counts.started += run.count,
            RunOutcome::Missed => self.counts.missed += run.count,
            RunOutcome::Skipped => self.counts.skipped += run.count,
        }
        if run.outcome == RunOutcome::Started {
            self.waiting = run.nodes.iter().copied().collect();
        }
        self.runs.push_front(Run {
            hash: fact.event_hash(),
            seq: fact.seq,
            at: run.at,
            first: run.first,
            due: run.due,
            count: run.count,
            outcome: run.outcome,
            reason: run.reason,
            nodes: run.nodes.len() as u64,
            ordered: 0,
        });
        self.runs.truncate(MAX_RUNS);
    }

    /// The clock was set back: what was decided of times that are still to come is no word on them, and commands of a
    /// run in such a time are not given any more.
    fn set_back(&mut self, now: Timestamp) {
        self.decided = self.decided.min(now);
        self.next = self.plan.when.next(self.decided);
        if self.runs.front().is_some_and(|run| run.at > now) {
            self.waiting.clear();
        }
    }

    /// A command is given; whether it is one of the newest run.
    fn ordered(&mut self, fact: &Fact<'_>, order: &CommandOrder) {
        let Some(run) = self.runs.iter_mut().find(|run| run.outcome == RunOutcome::Started) else { return };
        let expected = order_id(run.at, &order_seed(&run.hash, order.node));
        if fact.header.id == expected && self.waiting.remove(&order.node) {
            run.ordered += 1;
        }
    }
}

impl Schedules {
    /// An organisation's schedules, by id.
    pub fn of(&self, org: &Name) -> impl Iterator<Item = &ScheduleStanding> {
        self.orgs.get(org).into_iter().flat_map(BTreeMap::values)
    }

    /// Every schedule, with its organisation.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &ScheduleStanding)> {
        self.orgs.iter().flat_map(|(org, own)| own.values().map(move |standing| (org, standing)))
    }

    /// One schedule of an organisation.
    pub fn schedule(&self, org: &Name, id: Uuid) -> Option<&ScheduleStanding> {
        self.orgs.get(org)?.get(&id)
    }

    fn set(&mut self, fact: &Fact<'_>, plan: &Plan) {
        let own = self.orgs.entry(fact.header.org.clone()).or_default();
        if own.len() < MAX_SCHEDULES || own.contains_key(&plan.id) {
            own.insert(plan.id, ScheduleStanding::of(fact, plan));
        }
    }

    /// The schedule that the scheduler speaks of.
    fn spoken_of(&mut self, fact: &Fact<'_>) -> Option<&mut ScheduleStanding> {
        let id = scheduler_of(fact)?;
        self.orgs.get_mut(&fact.header.org)?.get_mut(&id)
    }
}

/// What the scheduler speaks of, if it does.
pub(crate) fn scheduler_of(fact: &Fact<'_>) -> Option<Uuid> {
    let header = fact.header;
    let scheduler = matches!(&header.author, Author::Service(name) if name.as_str() == SCHEDULER);
    let via = header.via.as_ref().filter(|via| scheduler && via.method.as_str() == METHOD)?;
    via.subject.as_ref()?.as_str().parse().ok()
}

impl Projection for Schedules {
    const NAME: &'static str = "schedules";
    const VERSION: u64 = 1;

    fn apply(&mut self, fact: &Fact<'_>) {
        match &fact.said {
            Said::Schedule(schedule) => match &**schedule {
                Schedule::Set(plan) => self.set(fact, plan),
                Schedule::Remove { id } => {
                    if let Some(own) = self.orgs.get_mut(&fact.header.org) {
                        own.remove(id);
                    }
                }
            },
            Said::ScheduleRun(run) => {
                if let Some(standing) = self.spoken_of(fact) {
                    standing.run(fact, run);
                }
            }
            Said::Clock(_) => {
                self.orgs.values_mut().flat_map(BTreeMap::values_mut).for_each(|own| own.set_back(fact.at));
            }
            Said::Command(command) => {
                if let (Command::Issue(order), Some(standing)) = (&**command, self.spoken_of(fact)) {
                    standing.ordered(fact, order);
                }
            }
            _ => {}
        }
    }

    fn orgs(&self) -> Vec<&Name> {
        self.orgs.keys().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        part(&self.orgs.get(org))
    }
}
