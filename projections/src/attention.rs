//! Attention: which nodes need a look, how badly, and why.
//!
//! A discrete-event simulation in [listening time](crate::listening): entries are one kind of event, the
//! moments at which silence or patience run out are the other, and they are taken in the order of time. So
//! the outcome depends on the entries and the moment asked for alone, never on how often somebody looked.
//! Only the ledger's own clock counts; what an author says of time does not. A heartbeat that arrives late
//! from a spool shows that the node lives, and says nothing about how it is now.
//!
//! ```text
//! silence    live → late → stale → offline → lost, by the node's own rhythm (liveness)
//! reasons    pending → firing → recovering, each with its own patience (reason)
//! score      the active reasons' weights, each further one halved
//! band       OK, ATTN from 25, CRIT from 70; left below 15 and 60 for five minutes
//! notices    what of it operators are told: once, and as one where it is one (tell, flapping, site)
//! ```

mod accepted;
mod answer;
mod change;
mod flapping;
mod liveness;
mod node;
mod orders;
mod posture;
mod reason;
mod rules;
mod signals;
mod site;
mod tell;

pub use change::{Change, Transition};
pub use liveness::{Level, Rhythm};
pub use node::{AttentionReason, AttentionStanding, MAX_ABSENCE_MS, MAX_LISTED};
pub use posture::Findings;
pub use reason::{Hold, Phase, Reason, Signal, Subject};
pub use rules::{ReasonRules, Rules};
pub use spec::payload::Band;
pub use tell::Notice;

use crate::Projection;
use crate::acceptances::Acceptances;
use crate::assignments::Assignments;
use crate::fact::{Fact, Said};
use crate::fold::part;
use crate::listening::{Listening, Moment, Now};
use node::{Cx, NodeAttention};
use serde::{Deserialize, Serialize};
use site::{Presence, Site};
use spec::payload::{self, AttentionChange, Command, CommandReceipt, Onset, ReceiptState};
use spec::{Author, Hash, LEDGER_ORG, Name, PublicKey, Timestamp, Uuid};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How long a change is owed an announcement, in milliseconds of listening time. A service that announces does so
/// within seconds; a log from before there were announcements does not announce its whole past.
pub const MAX_OWED_MS: u64 = 60 * 60_000;

/// Changes that may be owed an announcement at once; of more the oldest are not announced.
pub const MAX_OWED: usize = 10_000;

/// The interval that is waited for at the least where a node says so, in seconds.
pub const LEAST_PATIENCE_SECS: u64 = 300;

/// How many intervals of the service a node's own may be long, where that is more.
pub const MOST_INTERVALS: u64 = 2;

/// A day: what a node could say of its interval in versions before.
const DAY_SECS: u64 = 86_400;

/// Nodes whose next change is looked at to find the first.
const MAX_LOOKED_THROUGH: usize = 64;

/// The score of a site in a storm.
const STORM_SCORE: u64 = 80;

/// The codes of refusals of a key that has ended, and of an event whose time is outside its window.
const REVOKED: &str = "key-revoked";
const ID_TIME: &str = "id-time";

/// The label that names a node's site.
const SITE: &str = "site";

/// Attention for every node of every organisation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Attention {
    /// How what scans find is told.
    findings: Findings,
    listening: Listening,
    seq: u64,
    rules: BTreeMap<Name, Rules>,
    #[serde(skip)]
    built_in: Rules,
    places: BTreeMap<Name, BTreeMap<Uuid, usize>>,
    nodes: Vec<NodeAttention>,
    sites: BTreeMap<Name, BTreeMap<String, Site>>,
    /// When to look at a node again, at the latest; a node that was heard of since has more time.
    queue: BTreeSet<(Moment, usize)>,
    keys: BTreeMap<PublicKey, usize>,
    /// Whose open commands these are.
    orders: BTreeMap<Hash, usize>,
    /// Which policy each node is to follow.
    assignments: Assignments,
    acceptances: Acceptances,
    /// Seconds between the heartbeats that the service asks for, if it said so.
    #[serde(default)]
    asked_secs: Option<u64>,
    /// When acceptances end that hold: of which organisation, made by the entry with which seq.
    ends: BTreeSet<(Timestamp, Name, u64)>,
    owed: VecDeque<Notice>,
    /// Announced reasons that a person may end, by the event hash of the announcement.
    answerable: BTreeMap<Hash, (usize, Reason, Subject)>,
    #[serde(skip)]
    transitions: Vec<Transition>,
    #[serde(skip)]
    noticed: Vec<Notice>,
    /// Whether other rules are tried than those of the log.
    #[serde(skip)]
    rehearses: bool,
    /// What changes while one node is looked at.
    #[serde(skip)]
    changes: Vec<(Timestamp, Change)>,
}

impl Attention {
    /// Attention as it would have been under these rules, whatever rulesets the log has.
    pub fn rehearsing(rules: Rules) -> Self {
        Self { built_in: rules, rehearses: true, ..Self::default() }
    }

    /// Attention by the rules of one of its versions, 3 or 4; `None` for others, which nobody has any more.
    pub fn of_version(version: u64) -> Option<Self> {
        let findings = match version {
            3 => Findings::Each,
            Self::VERSION => Findings::AsPosture,
            _ => return None,
        };
        Some(Self { findings, ..Self::default() })
    }

    /// How a node stands at `now`, which is not before the last entry. Nothing is remembered of the look.
    pub fn standing(&self, org: &Name, node: Uuid, now: Timestamp) -> Option<AttentionStanding> {
        let place = self.places.get(org)?.get(&node)?;
        Some(self.standing_of(self.nodes.get(*place)?, now))
    }

    /// How every node of an organisation stands at `now`, by id.
    pub fn standings(&self, org: &Name, now: Timestamp) -> impl Iterator<Item = (Uuid, AttentionStanding)> {
        let nodes = self.places.get(org).into_iter().flatten();
        nodes.filter_map(move |(id, place)| Some((*id, self.standing_of(self.nodes.get(*place)?, now))))
    }

    /// The rules in force for an organisation.
    pub fn rules(&self, org: &Name) -> &Rules {
        rules_of(&self.rules, &self.built_in, org)
    }

    /// The transitions that the last entry brought, in the order in which they came about.
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// What came to be owed by the last entry, in the order in which it came about.
    pub fn noticed(&self) -> &[Notice] {
        &self.noticed
    }

    /// What is to be announced, in the order in which it came about.
    pub fn owed(&self) -> impl Iterator<Item = &Notice> {
        self.owed.iter()
    }

    /// When something changes though nothing is heard, or shortly before.
    pub fn due(&self) -> Option<Timestamp> {
        let (resumed, last) = (self.listening.resumed(), self.listening.last());
        let mut earliest: Option<Moment> = None;
        for (queued, place) in self.queue.iter().take(MAX_LOOKED_THROUGH) {
            if earliest.is_some_and(|earliest| earliest <= *queued) {
                break;
            }
            // Heard of since it was put here, it may have more time.
            let node = self.nodes.get(*place)?;
            let due = node.next(resumed, self.rules(&node.org), last).map(|due| due.max(*queued));
            earliest = earliest.into_iter().chain(due).min();
        }
        let rest = self.queue.iter().nth(MAX_LOOKED_THROUGH).map(|(queued, _)| *queued);
        let due = earliest.into_iter().chain(rest).min()?;
        Some(self.listening.now(due).at)
    }

    fn standing_of(&self, node: &NodeAttention, now: Timestamp) -> AttentionStanding {
        let moment = self.listening.moment(now);
        let resumed = self.listening.resumed();
        let rules = self.rules(&node.org);
        let is_due = node.due(resumed, rules).is_some_and(|due| due <= moment);
        if is_due || self.ends.first().is_some_and(|(end, ..)| *end <= now) {
            return self.ahead(node, now).standing(rules);
        }
        node.standing(rules)
    }

    /// Runs everything that is due until `moment`, in the order of time.
    fn run_until(&mut self, moment: Moment) {
        let resumed = self.listening.resumed();
        while let Some((due, place)) = self.queue.first().copied().filter(|(due, _)| *due <= moment) {
            self.queue.remove(&(due, place));
            if self.has_more_time(place, due) {
                continue;
            }
            let now = self.listening.now(due);
            self.change(place, now, |node, cx| {
                // Heard of since it was put here, it may have more time.
                if node.due(resumed, cx.rules).is_some_and(|real| real <= due) {
                    node.run(cx);
                }
            });
        }
    }

    /// Puts a node off that was heard of since it was queued, if nothing else is to be done about it.
    fn has_more_time(&mut self, place: usize, now: Moment) -> bool {
        let resumed = self.listening.resumed();
        let Some(node) = self.nodes.get_mut(place) else { return true };
        let rules = rules_of(&self.rules, &self.built_in, &node.org);
        let due = node.next(resumed, rules, now);
        if !node.is_calm() || due.is_none_or(|due| due <= now.plus(1)) {
            return false;
        }
        self.queue.extend(due.map(|due| (due, place)));
        node.queued = due;
        true
    }

    /// Lets `work` change a node, and sees to what follows from it.
    fn change(&mut self, place: usize, now: Now, work: impl FnOnce(&mut NodeAttention, &mut Cx<'_>)) {
        let resumed = self.listening.resumed();
        let Some(node) = self.nodes.get_mut(place) else { return };
        let rules = rules_of(&self.rules, &self.built_in, &node.org);
        let mut cx = Cx { now, resumed, rules, changes: &mut self.changes };
        work(node, &mut cx);
        node.settle(&mut cx);
        for command in node.orders().take_forgotten() {
            self.orders.remove(&command);
        }
        let (seq, org, node) = (self.seq, &node.org, node.id);
        let transition = |(at, change)| Transition { at, seq, org: org.clone(), node, change };
        self.transitions.extend(self.changes.drain(..).map(transition));
        self.place_in_site(place, now);
        self.tell(place, now);
    }

    /// Notes what is to be told of a node, and when to look at it again.
    fn tell(&mut self, place: usize, now: Now) {
        let resumed = self.listening.resumed();
        let Some(node) = self.nodes.get_mut(place) else { return };
        let rules = rules_of(&self.rules, &self.built_in, &node.org);
        let (owed, noticed) = (&mut self.owed, &mut self.noticed);
        tell::tell(node, rules, self.findings, self.seq, now, &mut |notice| {
            noticed.push(notice.clone());
            owed.push_back(notice);
        });
        let due = node.next(resumed, rules, now.moment);
        let queued = node.queued.filter(|queued| *queued > now.moment);
        if queued.is_none() || due < queued {
            if let Some(queued) = node.queued {
                self.queue.remove(&(queued, place));
            }
            self.queue.extend(due.map(|due| (due, place)));
            node.queued = due;
        }
    }

    /// Brings the node's site up to date; if a storm began or ended there, all of its nodes learn of it.
    fn place_in_site(&mut self, place: usize, now: Now) {
        let Some(node) = self.nodes.get_mut(place) else { return };
        let presence = node.presence();
        if presence == node.known {
            return;
        }
        let rules = rules_of(&self.rules, &self.built_in, &node.org);
        let name = site_of(node);
        if !self.sites.get(&node.org).is_some_and(|sites| sites.contains_key(name)) {
            self.sites.entry(node.org.clone()).or_default().insert(name.to_owned(), Site::default());
        }
        let Some(site) = self.sites.get_mut(&node.org).and_then(|sites| sites.get_mut(name)) else { return };
        let change = (node.known, presence);
        let turned = site.update(place, change, node.storm_window(), rules.storm, now.moment);
        let of = turned.then(|| (node.org.clone(), name.to_owned()));
        node.known = presence;
        // Whoever comes to a site, or is not expected there any more, was not among those who learnt of it.
        node.in_storm = presence != Presence::Absent && site.in_storm();
        if let Some((org, name)) = of {
            self.turn(place, &org, &name, now);
        }
    }

    /// A storm of a site began or ended. What becomes of the node at `place` is seen to by the caller.
    fn turn(&mut self, place: usize, org: &Name, name: &str, now: Now) {
        let rules = rules_of(&self.rules, &self.built_in, org);
        let Some(site) = self.sites.get(org).and_then(|sites| sites.get(name)) else { return };
        let ((nodes, of), in_storm) = (site.counts(), site.in_storm());
        let (state, band, score) =
            if in_storm { (Onset::Began, Band::Crit, STORM_SCORE) } else { (Onset::Ended, Band::Ok, 0) };
        let change = AttentionChange::Storm { site: name.to_owned(), state, nodes, of };
        let payload =
            payload::Attention { at: now.at, band, change, ruleset: rules.hash, score, seq: self.seq };
        let notice = Notice::new(org, None, None, now, payload);
        self.noticed.push(notice.clone());
        self.owed.push_back(notice);
        for other in site.places() {
            if let Some(node) = self.nodes.get_mut(other) {
                node.in_storm = in_storm;
                node.calm_since = (!in_storm).then_some(now.moment);
            }
            if other != place {
                self.tell(other, now);
            }
        }
    }

    /// Lets `work` change what a node's site follows from; if that is another one then, it leaves the one it was in.
    fn settle_down(&mut self, place: usize, now: Now, work: impl FnOnce(&mut NodeAttention)) {
        let Some(node) = self.nodes.get_mut(place) else { return };
        let (org, before) = (node.org.clone(), site_of(node).to_owned());
        work(node);
        if site_of(node) != before {
            let known = std::mem::take(&mut node.known);
            self.leave_site(place, known, &org, &before, now);
        }
        self.change(place, now, |_, _| {});
    }

    fn leave_site(&mut self, place: usize, known: Presence, org: &Name, name: &str, now: Now) {
        let rules = rules_of(&self.rules, &self.built_in, org);
        let Some(site) = self.sites.get_mut(org).and_then(|sites| sites.get_mut(name)) else { return };
        let turned = site.update(place, (known, Presence::Absent), 0, rules.storm, now.moment);
        let is_empty = site.is_empty();
        if turned {
            self.turn(place, org, name, now);
        }
        if is_empty && let Some(sites) = self.sites.get_mut(org) {
            sites.remove(name);
        }
    }

    fn place(&mut self, org: &Name, id: Uuid) -> usize {
        if let Some(place) = self.places.get(org).and_then(|nodes| nodes.get(&id)) {
            return *place;
        }
        let place = self.nodes.len();
        self.nodes.push(NodeAttention::new(org.clone(), id));
        self.places.entry(org.clone()).or_default().insert(id, place);
        place
    }

    /// The labels of a node say where it stands.
    fn hear_labels(&mut self, fact: &Fact<'_>, now: Now) {
        if let Some((id, labels)) = fact.labels() {
            let place = self.place(&fact.header.org, id);
            self.settle_down(place, now, |node| node.site = labels.get(SITE).cloned());
        }
    }

    /// What an entry says, taken in at the time at which it was recorded.
    fn hear(&mut self, fact: &Fact<'_>, now: Now) {
        let org = &fact.header.org;
        match &fact.said {
            Said::Heartbeat(heartbeat) => self.heartbeat(fact, heartbeat, now),
            Said::Scan(scan) => self.scan(fact, scan, now),
            Said::Goodbye(goodbye) => {
                let most = (!self.findings.takes_nodes_at_their_word()).then_some(MAX_ABSENCE_MS);
                self.of_own_node(fact, now, |node, cx| node.goodbye(goodbye, most, cx));
            }
            Said::Clock(_) => tell::set_back(&mut self.owed, now.at),
            Said::Service(service) => self.asked_secs = service.heartbeat_secs.or(self.asked_secs),
            Said::Key(introduction) => {
                if let Author::Node(id) = introduction.author {
                    let place = self.place(org, id);
                    self.keys.insert(introduction.key, place);
                    let tenant = fact.header.tenant.as_ref();
                    self.settle_down(place, now, |node| node.introduce(introduction.key, tenant, now));
                    self.hear_labels(fact, now);
                }
            }
            Said::KeyRotation(rotation) => {
                if let Some(place) = self.keys.get(&rotation.replaces).copied() {
                    self.keys.insert(rotation.key, place);
                    let tenant = fact.header.tenant.as_ref();
                    self.settle_down(place, now, |node| node.introduce(rotation.key, tenant, now));
                }
            }
            Said::Labels(_) => self.hear_labels(fact, now),
            Said::ChainFork(fork) => {
                if let Some(place) = self.keys.get(&fork.key).copied() {
                    let fork = (Reason::ChainFork, Subject::NODE);
                    self.change(place, now, |node, cx| node.signal(fork.0, &fork.1, Signal::Bad, cx));
                }
            }
            Said::Refusal(refusal) if refusal.code == REVOKED => {
                if let Some(place) = key_of(&refusal.header).and_then(|key| self.keys.get(&key)).copied() {
                    let use_of = (Reason::RevokedKey, Subject::NODE);
                    self.change(place, now, |node, cx| node.signal(use_of.0, &use_of.1, Signal::Bad, cx));
                }
            }
            // Its clock is so wrong that nothing it says is taken, this least of all.
            Said::Refusal(refusal)
                if refusal.code == ID_TIME && !self.findings.takes_nodes_at_their_word() =>
            {
                if let Some(place) = key_of(&refusal.header).and_then(|key| self.keys.get(&key)).copied() {
                    let clock = (Reason::ClockFarOff, Subject::NODE);
                    self.change(place, now, |node, cx| node.signal(clock.0, &clock.1, Signal::Bad, cx));
                }
            }
            Said::Contradiction(_) => {
                if let Some(id) = fact.header.node_id {
                    let place = self.place(org, id);
                    let shown = (Reason::LedgerContradiction, Subject::NODE);
                    self.change(place, now, |node, cx| node.signal(shown.0, &shown.1, Signal::Bad, cx));
                }
            }
            Said::KeyStatus(status) => {
                if let Some(place) = self.keys.get(&status.key).copied() {
                    self.change(place, now, |node, cx| node.retire(&status.key, cx));
                }
            }
            Said::Ruleset(ruleset) if !self.rehearses => {
                self.rules.insert(org.clone(), Rules::of(ruleset, fact.event_hash()));
                for place in 0..self.nodes.len() {
                    self.change(place, now, |_, _| {});
                }
            }
            Said::Command(command) => self.command(fact, command, now),
            Said::Receipt(receipt) => self.receipt(fact, receipt, now),
            Said::Attention(announced) => self.announced(fact, announced),
            Said::Resolve(reply) if self.hears_answer(fact) => self.answer(org, &reply.target, true, now),
            Said::Ack(ack) if self.hears_answer(fact) => self.answer(org, &ack.target, false, now),
            _ => {}
        }
    }

    /// The longest interval of a node that is waited for, in seconds.
    fn most_secs(&self) -> u64 {
        if self.findings.takes_nodes_at_their_word() {
            return DAY_SECS;
        }
        self.asked_secs.map_or(0, |secs| secs.saturating_mul(MOST_INTERVALS)).max(LEAST_PATIENCE_SECS)
    }

    fn of_own_node(&mut self, fact: &Fact<'_>, now: Now, work: impl FnOnce(&mut NodeAttention, &mut Cx<'_>)) {
        if let Author::Node(id) = fact.header.author {
            let place = self.place(&fact.header.org, id);
            self.change(place, now, work);
        }
    }

    fn scan(&mut self, fact: &Fact<'_>, scan: &payload::Scan, now: Now) {
        let Author::Node(id) = fact.header.author else { return };
        let (place, findings) = (self.place(&fact.header.org, id), self.findings);
        let Some(node) = self.nodes.get(place) else { return };
        let said = node.scanned(scan, findings);
        let accepted =
            |(reason, subject, _): &signals::Said| self.is_accepted(node, *reason, subject, now.at);
        let said: Vec<_> = said.into_iter().map(|said| (accepted(&said), said)).collect();
        self.change(place, now, |node, cx| node.scan(said, cx));
    }

    fn heartbeat(&mut self, fact: &Fact<'_>, heartbeat: &payload::Heartbeat, now: Now) {
        let own = fact.own_node();
        let Some(id) = own.or(fact.header.node_id) else { return };
        let place = self.place(&fact.header.org, id);
        // What was imported is history, and tells nothing about now.
        if own.is_some() {
            let desired = self.assignments.desired(&fact.header.org, id);
            let (ts, most) = (fact.header.ts, self.most_secs());
            self.change(place, now, |node, cx| node.heartbeat(heartbeat, ts, desired, most, cx));
        }
    }

    /// Which policy nodes of an organisation are to follow may have changed.
    fn reassign(&mut self, org: &Name, now: Now) {
        let places: Vec<usize> =
            self.places.get(org).into_iter().flat_map(BTreeMap::values).copied().collect();
        for place in places {
            let Some(node) = self.nodes.get(place).filter(|node| node.drifts()) else { continue };
            let desired = self.assignments.desired(org, node.id);
            self.change(place, now, |node, cx| node.follow(desired, cx));
        }
    }

    fn command(&mut self, fact: &Fact<'_>, command: &Command, now: Now) {
        let (author, org) = (&fact.header.author, &fact.header.org);
        match command {
            Command::Issue(order) => {
                let Some(place) = self.places.get(org).and_then(|n| n.get(&order.node)).copied() else {
                    return;
                };
                let hash = fact.event_hash();
                self.orders.insert(hash, place);
                self.change(place, now, |node, _| node.orders().issue(hash, order, author, now));
            }
            Command::Approve { target, .. } => {
                if let Some(place) = self.ordered(org, target) {
                    self.change(place, now, |node, _| node.orders().approve(target, author));
                }
            }
            Command::Cancel { target, .. } => {
                if let Some(place) = self.ordered(org, target) {
                    self.orders.remove(target);
                    self.change(place, now, |node, _| drop(node.orders().close(target)));
                }
            }
        }
    }

    /// The node that an open command of the organisation is for.
    fn ordered(&self, org: &Name, command: &Hash) -> Option<usize> {
        let place = *self.orders.get(command)?;
        (self.nodes.get(place)?.org == *org).then_some(place)
    }

    /// A receipt by the node that the command was for; a success ends what an earlier failure of the same command
    /// began.
    fn receipt(&mut self, fact: &Fact<'_>, receipt: &CommandReceipt, now: Now) {
        let own = fact.own_node().and_then(|id| self.places.get(&fact.header.org)?.get(&id)).copied();
        let place = self.orders.get(&receipt.command).copied().filter(|place| own == Some(*place));
        let (Some(place), false) = (place, receipt.state == ReceiptState::Running) else { return };
        self.orders.remove(&receipt.command);
        self.change(place, now, |node, cx| {
            // A receipt that comes late still says how it went.
            let Some(command) = node.orders().close(&receipt.command) else { return };
            let subject = Subject::from(command.to_string());
            let failed = if receipt.state == ReceiptState::Succeeded { Signal::Good } else { Signal::Bad };
            node.signal(Reason::CommandFailed, &subject, failed, cx);
            node.signal(Reason::CommandOverdue, &subject, Signal::Good, cx);
        });
    }
}

/// The key of a quoted header.
fn key_of(header: &serde_json::Value) -> Option<PublicKey> {
    header.get("key")?.as_str()?.parse().ok()
}

fn rules_of<'a>(rules: &'a BTreeMap<Name, Rules>, built_in: &'a Rules, org: &Name) -> &'a Rules {
    rules.get(org).or_else(|| rules.get(LEDGER_ORG)).unwrap_or(built_in)
}

fn site_of(node: &NodeAttention) -> &str {
    let tenant = || node.tenant.as_ref().unwrap_or(&node.org).as_str();
    node.site.as_deref().unwrap_or_else(tenant)
}

impl Projection for Attention {
    const NAME: &'static str = "attention";
    const VERSION: u64 = 4;

    fn apply(&mut self, fact: &Fact<'_>) {
        self.transitions.clear();
        self.noticed.clear();
        let service = match &fact.said {
            Said::Service(service) => Some(service.action),
            _ => None,
        };
        // What was due while the ledger listened came about before it heard this entry.
        let due = self.listening.until(fact.at, service);
        self.pass(due);
        self.listening.hear(fact.at, service);
        self.seq = fact.seq;
        let now = Now { moment: self.listening.moment(fact.at), at: fact.at };
        self.end_until(fact.at, now);
        self.hear(fact, now);
        if self.assignments.hear(fact) {
            self.reassign(&fact.header.org, now);
        }
        self.accept(fact, now);
        self.forgive(now.moment);
    }

    fn orgs(&self) -> Vec<&Name> {
        let orgs: BTreeSet<&Name> = self.places.keys().chain(self.rules.keys()).collect();
        orgs.into_iter().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        #[derive(Serialize)]
        struct Part<'a> {
            nodes: BTreeMap<&'a Uuid, AttentionStanding>,
            ruleset: Hash,
            storms: Vec<&'a String>,
        }
        let rules = self.rules(org);
        let standing = |place: &usize| self.nodes.get(*place).map(|node| node.standing(rules));
        let places = self.places.get(org).into_iter().flatten();
        let sites = self.sites.get(org).into_iter().flatten();
        part(&Part {
            nodes: places.filter_map(|(id, place)| Some((id, standing(place)?))).collect(),
            ruleset: rules.hash,
            storms: sites.filter(|(_, site)| site.in_storm()).map(|(name, _)| name).collect(),
        })
    }
}
