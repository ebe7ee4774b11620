//! Roll-outs: who was told in which wave, how that went, and what is to be decided next.
//!
//! ```text
//! rollout start              → running; with approvals, waiting until it has them
//! rollout approve            by another person, in time → one more approval
//! rollout pause, resume      → nothing is decided or given meanwhile
//! rollout abort              → over
//! rollout-wave chosen        → its nodes, in the order of a hash
//! rollout-wave begun         → the nodes of the wave wait for their commands
//! command, receipt           of a node of it → told; begun; ended
//! rollout-wave halted, finished, expired → over
//! ```
//!
//! What is to be decided at a moment is [`Rollout::decide`]; the executable asks with the ledger's clock and records the
//! answer.

use crate::Projection;
use crate::commands::Word;
use crate::fact::{Fact, Said};
use crate::fold::part;
use crate::schedules::scheduler_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::limits::MAX_ROLLOUTS;
use spec::payload::{
    Command, CommandOrder, CommandReceipt, ReceiptState, RolloutAction, RolloutPlan, RolloutStep,
    RolloutWave, order_id, order_seed, rollout_place,
};
use spec::{Author, Hash, Name, Timestamp, Uuid};
use std::collections::BTreeMap;

/// Roll-outs of an organisation that are over and still kept.
pub const MAX_OVER: usize = 20;

/// How long after its end of validity a command that a node began counts as failed, in milliseconds.
pub const OVERDUE_MS: u64 = 3_600_000;

/// The roll-outs of every organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollouts {
    orgs: BTreeMap<Name, BTreeMap<Uuid, Rollout>>,
    /// Commands that were given, with whose they are, the roll-out and the node.
    orders: BTreeMap<Hash, (Name, Uuid, Uuid)>,
}

/// A roll-out as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Event hash of its start.
    pub hash: Hash,
    /// Who started it.
    pub started_by: Author,
    /// When that was recorded.
    pub started_at: Timestamp,
    /// Seq of that entry.
    pub seq: u64,
    /// What is rolled out, to whom, and how.
    pub plan: RolloutPlan,
    /// Who approved it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Word>,
    /// Whether it is to wait.
    pub paused: bool,
    /// Its nodes, in the order in which they are told; absent: they are not chosen yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<Uuid>>,
    /// The waves that began.
    pub waves: Vec<Wave>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RolloutEnd>,
    told: BTreeMap<Uuid, Told>,
}

/// A wave that began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// Event hash of the decision.
    pub hash: Hash,
    /// When it was decided.
    pub at: Timestamp,
    /// When its commands run out.
    pub expires_at: Timestamp,
    /// How many nodes it has.
    pub nodes: u64,
}

/// The end of a roll-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutEnd {
    /// How.
    pub state: RolloutState,
    /// When it was recorded.
    pub at: Timestamp,
}

/// The state to which a roll-out has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RolloutState {
    /// It lacks approvals.
    Waiting,
    /// It goes on.
    Running,
    /// It waits until somebody lets it go on.
    Paused,
    /// Somebody ended it.
    Aborted,
    /// Too many nodes failed, or too many were selected.
    Halted,
    /// Its last wave is over.
    Finished,
    /// It was not approved in time.
    Expired,
}

/// What became of a node's command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    wave: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<Hash>,
    begun: bool,
    /// When it ended, and whether well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<(Timestamp, bool)>,
}

/// The counts of a wave at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutTally {
    /// Nodes that carried it out.
    pub succeeded: u64,
    /// Nodes that failed, refused, or let it run out; it was taken back, or never ended.
    pub failed: u64,
    /// Nodes of which nothing final is known.
    pub open: u64,
    /// When the last that is known came about.
    #[serde(skip)]
    pub last: Timestamp,
    /// When the first of the open ones counts as failed.
    #[serde(skip)]
    pub next: Option<Timestamp>,
}

/// A decision that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The nodes are to be chosen.
    Choose,
    /// This wave is to begin.
    Begin(u64),
    /// It is to stop in this wave.
    Halt(u64, RolloutTally),
    /// It is over with this wave.
    Finish(u64, RolloutTally),
    /// It is over: it was not approved in time.
    Expire,
}

fn later(from: Timestamp, ms: u64) -> Timestamp {
    Timestamp::from_millis(from.millis().saturating_add(ms))
}

impl Rollout {
    fn of(fact: &Fact<'_>, plan: &RolloutPlan) -> Self {
        Self {
            hash: fact.event_hash(),
            started_by: fact.header.author.clone(),
            started_at: fact.at,
            seq: fact.seq,
            plan: plan.clone(),
            approvals: Vec::new(),
            paused: false,
            nodes: None,
            waves: Vec::new(),
            end: None,
            told: BTreeMap::new(),
        }
    }

    /// How far it has come.
    pub fn state(&self) -> RolloutState {
        match self.end {
            Some(end) => end.state,
            None if self.lacks() > 0 => RolloutState::Waiting,
            None if self.paused => RolloutState::Paused,
            None => RolloutState::Running,
        }
    }

    /// How many approvals it still needs.
    pub fn lacks(&self) -> u64 {
        self.plan.approvals.unwrap_or_default().saturating_sub(self.approvals.len() as u64)
    }

    /// Until when somebody may approve it, if it waits for that.
    pub fn waits_until(&self) -> Option<Timestamp> {
        self.plan.approve_by.filter(|_| self.state() == RolloutState::Waiting)
    }

    /// Whether it may still be approved by this author, who has not done so.
    fn takes(&self, author: &Author) -> bool {
        let person = matches!(author, Author::User(_) | Author::Token(_) | Author::Service(_));
        person && *author != self.started_by && self.approvals.iter().all(|word| word.author != *author)
    }

    fn approve(&mut self, fact: &Fact<'_>, target: &Hash) {
        let in_time = self.waits_until().is_some_and(|until| fact.at < until);
        // What is approved is a list of nodes: whoever approves must have been able to see it.
        if in_time && self.nodes.is_some() && *target == self.hash && self.takes(&fact.header.author) {
            self.approvals.push(Word::of(fact));
        }
    }

    /// How a wave stands at `now`.
    pub fn tally(&self, wave: u64, now: Timestamp) -> RolloutTally {
        let mut tally = RolloutTally::default();
        let Some(begun) = usize::try_from(wave).ok().and_then(|wave| self.waves.get(wave)) else {
            return tally;
        };
        for told in self.told.values().filter(|told| told.wave == wave) {
            let lapses = later(begun.expires_at, if told.begun { OVERDUE_MS } else { 0 });
            let (at, well) = match told.ended {
                Some(ended) => ended,
                None if lapses <= now => (lapses, false),
                None => {
                    tally.open += 1;
                    tally.next = tally.next.into_iter().chain([lapses]).min();
                    continue;
                }
            };
            tally.last = tally.last.max(at);
            if well {
                tally.succeeded += 1;
            } else {
                tally.failed += 1;
            }
        }
        tally
    }

    /// The commands that were given to nodes of a wave.
    pub fn commands(&self, wave: u64) -> impl Iterator<Item = Hash> {
        self.told.values().filter(move |told| told.wave == wave).filter_map(|told| told.command)
    }

    /// What is to be decided at `now`.
    pub fn decide(&self, now: Timestamp) -> Option<Step> {
        match (self.state(), self.waits_until()) {
            (RolloutState::Waiting, Some(until)) if until <= now => return Some(Step::Expire),
            (RolloutState::Waiting, _) => return self.nodes.is_none().then_some(Step::Choose),
            (RolloutState::Running, _) => {}
            _ => return None,
        }
        let Some(nodes) = &self.nodes else { return Some(Step::Choose) };
        let totals = self.plan.totals(nodes.len() as u64);
        let Some(newest) = self.waves.last() else {
            let nobody = Step::Finish(0, RolloutTally::default());
            return Some(if totals.is_empty() { nobody } else { Step::Begin(0) });
        };
        let wave = self.waves.len() as u64 - 1;
        let tally = self.tally(wave, now);
        if tally.failed > self.plan.may_fail.of_at_most(newest.nodes) {
            return Some(Step::Halt(wave, tally));
        }
        let goes_on = later(tally.last, self.plan.pause_secs * 1000) <= now;
        match self.waves.len() == totals.len() {
            _ if tally.open > 0 => None,
            true => Some(Step::Finish(wave, tally)),
            false => goes_on.then_some(Step::Begin(wave + 1)),
        }
    }

    /// When there may be something to decide without anything being said, if nothing is at `now`.
    pub fn wakes(&self, now: Timestamp) -> Option<Timestamp> {
        if self.state() != RolloutState::Running {
            return self.waits_until();
        }
        let tally = self.tally((self.waves.len() as u64).checked_sub(1)?, now);
        let goes_on = later(tally.last, self.plan.pause_secs * 1000);
        if tally.open > 0 { tally.next } else { Some(goes_on).filter(|at| *at > now) }
    }

    /// The newest wave, with its number and the nodes that are still to be given their command at `now`.
    pub fn outstanding(&self, now: Timestamp) -> impl Iterator<Item = (u64, &Wave, Uuid)> {
        let newest =
            self.waves.last().filter(|wave| self.state() == RolloutState::Running && wave.expires_at > now);
        let number = (self.waves.len() as u64).saturating_sub(1);
        newest.into_iter().flat_map(move |wave| {
            let own = self.told.iter().filter(move |(_, told)| told.wave == number && told.command.is_none());
            own.map(move |(node, _)| (number, wave, *node))
        })
    }

    fn wave(&mut self, fact: &Fact<'_>, said: &RolloutWave) {
        if said.rollout != self.hash || self.end.is_some() {
            return;
        }
        let end = |state| Some(RolloutEnd { state, at: fact.at });
        match (said.step, &self.nodes) {
            (RolloutStep::Chosen, None) => {
                let mut nodes = said.nodes.clone().unwrap_or_default();
                nodes.sort_by_cached_key(|node| rollout_place(&self.hash, *node));
                self.nodes = Some(nodes);
            }
            (RolloutStep::Begun, Some(_)) if self.lacks() == 0 && said.wave == self.waves.len() as u64 => {
                self.begin(fact, said);
            }
            (RolloutStep::Expired, _) if self.waits_until().is_some_and(|until| until <= said.at) => {
                self.end = end(RolloutState::Expired);
            }
            (RolloutStep::Halted, _) => self.end = end(RolloutState::Halted),
            (RolloutStep::Finished, Some(_)) => self.end = end(RolloutState::Finished),
            _ => {}
        }
    }

    fn begin(&mut self, fact: &Fact<'_>, said: &RolloutWave) {
        let nodes = self.nodes.as_deref().unwrap_or_default();
        let totals = self.plan.totals(nodes.len() as u64);
        let from = self.told.len();
        let to = totals.get(self.waves.len()).and_then(|total| usize::try_from(*total).ok());
        let Some(own) = to.and_then(|to| nodes.get(from..to)) else { return };
        let expires_at = later(said.at, self.plan.ttl_secs * 1000);
        self.waves.push(Wave { hash: fact.event_hash(), at: said.at, expires_at, nodes: own.len() as u64 });
        let told = Told { wave: said.wave, command: None, begun: false, ended: None };
        self.told.extend(own.iter().map(|node| (*node, told)));
    }

    /// A command is given; whether it is one of the newest wave.
    fn ordered(&mut self, fact: &Fact<'_>, order: &CommandOrder) -> bool {
        let number = (self.waves.len() as u64).saturating_sub(1);
        let Some(wave) = self.waves.last() else { return false };
        let expected = order_id(wave.at, &order_seed(&wave.hash, order.node));
        let told = self.told.get_mut(&order.node);
        let Some(told) = told.filter(|told| told.wave == number && told.command.is_none()) else {
            return false;
        };
        let own = fact.header.id == expected;
        if own {
            told.command = Some(fact.event_hash());
        }
        own
    }
}

impl Rollouts {
    /// Every roll-out, with its organisation.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Rollout)> {
        self.orgs.iter().flat_map(|(org, own)| own.values().map(move |rollout| (org, rollout)))
    }

    fn own(&mut self, org: &Name, id: Uuid) -> Option<&mut Rollout> {
        self.orgs.get_mut(org)?.get_mut(&id)
    }

    fn start(&mut self, fact: &Fact<'_>, plan: &RolloutPlan) {
        let own = self.orgs.entry(fact.header.org.clone()).or_default();
        let running = own.values().filter(|rollout| rollout.end.is_none()).count();
        if running < MAX_ROLLOUTS && !own.contains_key(&plan.id) {
            own.insert(plan.id, Rollout::of(fact, plan));
        }
    }

    /// The node's command that an event names, if its organisation's.
    fn told(&mut self, fact: &Fact<'_>, command: &Hash) -> Option<(Uuid, &mut Told)> {
        let (_, id, node) = self.orders.get(command).filter(|(org, ..)| *org == fact.header.org)?.clone();
        let told = self.own(&fact.header.org, id)?.told.get_mut(&node)?;
        Some((node, told)).filter(|(_, told)| told.ended.is_none())
    }

    fn command(&mut self, fact: &Fact<'_>, command: &Command) {
        match command {
            Command::Issue(order) => {
                let (Some(part), Some(id)) = (order.rollout, scheduler_of(fact)) else { return };
                let rollout = self.own(&fact.header.org, id).filter(|_| part.id == id);
                if rollout.is_some_and(|rollout| rollout.ordered(fact, order)) {
                    self.orders.insert(fact.event_hash(), (fact.header.org.clone(), id, order.node));
                }
            }
            Command::Cancel { target, .. } => {
                if let Some((_, told)) = self.told(fact, target)
                    && !told.begun
                {
                    told.ended = Some((fact.at, false));
                }
            }
            Command::Approve { .. } => {}
        }
    }

    fn hear(&mut self, fact: &Fact<'_>, receipt: &CommandReceipt) {
        let Some((node, told)) = self.told(fact, &receipt.command) else { return };
        if fact.header.author != Author::Node(node) {
            return;
        }
        match receipt.state {
            ReceiptState::Running => told.begun = true,
            state => told.ended = Some((fact.at, state == ReceiptState::Succeeded)),
        }
    }

    /// Lets go of the oldest that are over, beyond what is kept.
    fn forget(&mut self, org: &Name) {
        let Some(own) = self.orgs.get_mut(org) else { return };
        let mut over: Vec<_> =
            own.values().filter(|it| it.end.is_some()).map(|it| (it.seq, it.plan.id)).collect();
        over.sort_unstable();
        over.truncate(over.len().saturating_sub(MAX_OVER));
        for (_, id) in over {
            let gone = own.remove(&id);
            for command in gone.iter().flat_map(|gone| gone.told.values()).filter_map(|told| told.command) {
                self.orders.remove(&command);
            }
        }
    }
}

impl Projection for Rollouts {
    const NAME: &'static str = "rollouts";
    const VERSION: u64 = 1;

    fn apply(&mut self, fact: &Fact<'_>) {
        let org = &fact.header.org;
        match &fact.said {
            Said::Rollout(action) => match &**action {
                RolloutAction::Start(plan) => self.start(fact, plan),
                RolloutAction::Pause { id } | RolloutAction::Resume { id } => {
                    if let Some(rollout) = self.own(org, *id).filter(|it| it.end.is_none()) {
                        rollout.paused = matches!(**action, RolloutAction::Pause { .. });
                    }
                }
                RolloutAction::Approve { id, target, .. } => {
                    if let Some(rollout) = self.own(org, *id) {
                        rollout.approve(fact, target);
                    }
                }
                RolloutAction::Abort { id } => {
                    if let Some(rollout) = self.own(org, *id) {
                        rollout.end.get_or_insert(RolloutEnd { state: RolloutState::Aborted, at: fact.at });
                    }
                    self.forget(org);
                }
            },
            Said::RolloutWave(wave) => {
                if let Some(rollout) = scheduler_of(fact).and_then(|id| self.own(org, id)) {
                    rollout.wave(fact, wave);
                }
                self.forget(org);
            }
            // What ended at a time that is still to come ended now: the pause after it begins.
            Said::Clock(_) => {
                let all = self.orgs.values_mut().flat_map(BTreeMap::values_mut);
                let told = all.flat_map(|rollout| rollout.told.values_mut());
                told.filter_map(|told| told.ended.as_mut()).for_each(|(at, _)| *at = (*at).min(fact.at));
            }
            Said::Command(command) => self.command(fact, command),
            Said::Receipt(receipt) => self.hear(fact, receipt),
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
