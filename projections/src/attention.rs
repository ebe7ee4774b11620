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
//! ```

mod liveness;
mod node;
mod reason;

pub use liveness::{Level, Rhythm};
pub use node::{Active, Band, Standing};
pub use reason::{Hold, Phase, Reason, Signal, Subject};

use crate::Projection;
use crate::fact::{Fact, Said};
use crate::fold::part;
use crate::listening::{Listening, Moment, Now};
use node::NodeAttention;
use serde::{Deserialize, Serialize};
use spec::payload::Heartbeat;
use spec::{Author, Header, Name, PublicKey, Timestamp, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// A change of how a node stands, at the time at which it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// When, by the ledger's clock.
    pub at: Timestamp,
    /// Entries folded when it came about: the same transition has the same seq in every fold.
    pub seq: u64,
    /// The organisation.
    pub org: Name,
    /// The node.
    pub node: Uuid,
    /// What changed.
    pub change: Change,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Change {
    /// The node's silence.
    Silence {
        /// Before.
        from: Level,
        /// After.
        to: Level,
    },
    /// A reason; `None` stands for one that is not at work.
    Reason {
        /// Which.
        reason: Reason,
        /// What it is about.
        subject: Subject,
        /// Before.
        from: Option<Phase>,
        /// After.
        to: Option<Phase>,
    },
    /// The band.
    Band {
        /// Before.
        from: Band,
        /// After.
        to: Band,
        /// The score that led to it.
        score: u64,
    },
}

/// Attention for every node of every organisation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Attention {
    listening: Listening,
    seq: u64,
    places: BTreeMap<Name, BTreeMap<Uuid, usize>>,
    nodes: Vec<NodeAttention>,
    /// When to look at a node again, at the latest; a node that was heard of since has more time.
    queue: BTreeSet<(Moment, usize)>,
    keys: BTreeMap<PublicKey, usize>,
    #[serde(skip)]
    transitions: Vec<Transition>,
}

impl Attention {
    /// How a node stands at `now`, which is not before the last entry. Nothing is remembered of the look.
    pub fn standing(&self, org: &Name, node: Uuid, now: Timestamp) -> Option<Standing> {
        let place = self.places.get(org)?.get(&node)?;
        Some(self.standing_of(self.nodes.get(*place)?, now))
    }

    /// How every node of an organisation stands at `now`, by id.
    pub fn standings(&self, org: &Name, now: Timestamp) -> impl Iterator<Item = (Uuid, Standing)> {
        let nodes = self.places.get(org).into_iter().flatten();
        nodes.filter_map(move |(id, place)| Some((*id, self.standing_of(self.nodes.get(*place)?, now))))
    }

    /// Takes the transitions since the last call, in the order in which they came about.
    pub fn take_transitions(&mut self) -> Vec<Transition> {
        std::mem::take(&mut self.transitions)
    }

    fn standing_of(&self, node: &NodeAttention, now: Timestamp) -> Standing {
        let moment = self.listening.moment(now);
        let resumed = self.listening.resumed();
        if node.due(resumed).is_none_or(|due| due > moment) {
            return node.standing();
        }
        let mut ahead = node.clone();
        while let Some(due) = ahead.due(resumed).filter(|due| *due <= moment) {
            let due = self.listening.now(due);
            ahead.run(due, resumed, &mut |_, _| {});
            ahead.settle(due, &mut |_, _| {});
        }
        ahead.standing()
    }

    /// Runs everything that is due until `moment`, in the order of time.
    fn run_until(&mut self, moment: Moment) {
        let resumed = self.listening.resumed();
        while let Some((due, place)) = self.queue.first().copied().filter(|(due, _)| *due <= moment) {
            self.queue.remove(&(due, place));
            let due = self.listening.now(due);
            self.change(place, due, |node, log| {
                // Heard of since it was put here, it may have more time.
                if node.due(resumed).is_some_and(|real| real <= due.moment) {
                    node.run(due, resumed, log);
                }
            });
        }
    }

    /// Lets `work` change a node, and sees to its transitions and its next look.
    fn change(
        &mut self,
        place: usize,
        now: Now,
        work: impl FnOnce(&mut NodeAttention, &mut dyn FnMut(Timestamp, Change)),
    ) {
        let Some(node) = self.nodes.get_mut(place) else { return };
        let (seq, transitions) = (self.seq, &mut self.transitions);
        let (org, id) = (node.org.clone(), node.id);
        let mut log = |at, change| {
            transitions.push(Transition { at, seq, org: org.clone(), node: id, change });
        };
        work(node, &mut log);
        node.settle(now, &mut log);
        let queued = node.queued.filter(|queued| *queued > now.moment);
        let due = node.due(self.listening.resumed()).map(|due| due.max(now.moment));
        if due < queued.or(due.map(|due| due.plus(1))) {
            if let Some(queued) = queued {
                self.queue.remove(&(queued, place));
            }
            self.queue.extend(due.map(|due| (due, place)));
            node.queued = due;
        } else {
            node.queued = queued;
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

    fn heartbeat(&mut self, header: &Header, heartbeat: &Heartbeat, now: Now) {
        let node = match header.author {
            Author::Node(id) => id,
            _ => match header.node_id {
                Some(id) => id,
                None => return,
            },
        };
        let place = self.place(&header.org, node);
        if matches!(header.author, Author::Import(_)) {
            // What was imported is history, and tells nothing about now.
            return;
        }
        let resumed = self.listening.resumed();
        self.change(place, now, |node, log| node.heartbeat(heartbeat, header.ts, now, resumed, log));
    }

    fn now(&self, at: Timestamp) -> Now {
        Now { moment: self.listening.moment(at), at }
    }

    /// A reason that a heartbeat knows nothing of, from what the ledger recorded of a node's key.
    fn accuse(&mut self, key: &PublicKey, reason: Reason, now: Now) {
        let Some(place) = self.keys.get(key).copied() else { return };
        self.change(place, now, |node, log| node.signal(reason, &Subject::NODE, Signal::Bad, now, log));
    }
}

impl Projection for Attention {
    const NAME: &'static str = "attention";
    const VERSION: u64 = 1;

    fn apply(&mut self, fact: &Fact<'_>) {
        let service = match &fact.said {
            Said::Service(service) => Some(service.action),
            _ => None,
        };
        // What was due while the ledger listened came about before it heard this entry.
        let due = self.listening.until(fact.at, service);
        self.run_until(due);
        self.listening.hear(fact.at, service);
        self.seq = fact.seq;
        let now = self.now(fact.at);
        match &fact.said {
            Said::Heartbeat(heartbeat) => self.heartbeat(fact.header, heartbeat, now),
            Said::Key(introduction) => {
                if let Author::Node(id) = introduction.author {
                    let place = self.place(&fact.header.org, id);
                    self.keys.insert(introduction.key, place);
                    self.change(place, now, |node, _| node.introduce(introduction.key, now));
                }
            }
            Said::ChainFork(fork) => self.accuse(&fork.key, Reason::ChainFork, now),
            Said::KeyStatus(status) => {
                if let Some(place) = self.keys.get(&status.key).copied() {
                    self.change(place, now, |node, log| node.retire(&status.key, now, log));
                }
            }
            _ => {}
        }
    }

    fn orgs(&self) -> Vec<&Name> {
        self.places.keys().collect()
    }

    fn part(&self, org: &Name) -> Vec<u8> {
        let standing = |place: &usize| self.nodes.get(*place).map(NodeAttention::standing);
        let places = self.places.get(org).into_iter().flatten();
        let nodes: BTreeMap<&Uuid, Standing> =
            places.filter_map(|(id, place)| Some((id, standing(place)?))).collect();
        part(&nodes)
    }
}
