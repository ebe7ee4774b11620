//! What the node and its ledger say to each other: events go out in the order of the chain, and what is answered
//! counts as far as it is proved.
//!
//! The parts are who the node is (`identity`), what it has to say (`chain`) and what it believes (`trust`); here is what
//! one of them has to do about another: a key that changes moves the chain, a receipt is checked by what is believed,
//! a refusal leads into a new epoch. Disk, chance, clock and network come from outside.

pub(crate) mod answer;
mod going_over;
mod lost;

use crate::chain::delivery::{Delivery, MAX_BATCH_BYTES, Sending, Why, request};
use crate::chain::outbox::{Enqueued, Outbox, OutboxError};
use crate::chain::refusals::Refusals;
use crate::chain::reply::{End, Outcome, Refused, Reply, Verdict};
use crate::chain::spool::Limits;
use crate::chain::trial::Trial;
use crate::clock::{Clock, Now};
use crate::disk::Disk;
use crate::entropy::Entropy;
use crate::identity::enrol::{ENROLMENT_FILE, EnrolmentError};
use crate::identity::key::IdentityError;
use crate::identity::node::Node;
use crate::identity::rotation::{RotationError, Stage};
use crate::network::{Network, Request, Response};
use crate::problem::{Expected, Problem};
use crate::trust::authority::Authority;
use crate::trust::follower::{Checked, Follower};
use crate::trust::memory::{EQUIVOCATION_FILE, OwnEntry};
use crate::trust::unproven::{Disagreement, Unproven};
use answer::{Answer, Caught, Sent, Settled, Settlement};
use proofs::{Checkpoint, Verified};
use serde::Serialize;
use spec::{ChainLink, Event, Kind, Timestamp};
use std::io;
use std::time::Duration;

/// A failure to make something durable.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The chain cannot go on.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// A rotation under way cannot be read or written.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// The enrolment cannot be written.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// The key cannot be written.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Another file cannot be used, or there is no chance to be had.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The reason why the agent ends for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Two things the ledger signed cannot both be true.
    #[error("stopped: ledger contradicts itself: {0}; see {EQUIVOCATION_FILE}")]
    Contradiction(Disagreement),
    /// The ledger does not accept this node's key.
    #[error("stopped: the ledger does not accept this node's key ({0}); enrol the node anew")]
    Banned(String),
}

/// The node's side of the exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    node: Node,
    trust: Follower,
    outbox: Outbox,
    sending: Sending,
    trial: Trial,
    /// The ledger's clock minus the node's.
    clock_offset_ms: Option<i64>,
    /// What the ledger refused for good.
    refusals: Refusals,
}

impl Exchange {
    /// Goes on where the disk has it.
    pub(crate) fn open(
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        now: Now,
        node: Node,
        trust: Follower,
        limits: Limits,
    ) -> Result<Self, ExchangeError> {
        let (outbox, doubt) = Outbox::open(disk, entropy, node.speaker(), limits)?;
        let mut exchange = Self {
            node,
            trust,
            outbox,
            sending: Sending::new(now.steady),
            trial: Trial::Untried,
            clock_offset_ms: None,
            refusals: Refusals::load(disk)?,
        };
        exchange.go_over(disk, entropy, now.wall)?;
        if let Some(doubt) = doubt {
            let salvaged = doubt.salvage.len();
            tracing::error!(reason = %doubt.damage, salvaged, "the spool is damaged; opening a new epoch");
            exchange.outbox.settle(disk, entropy, now.wall, &doubt)?;
        }
        Ok(exchange)
    }

    /// Who the node is.
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// What the node believes.
    pub(crate) fn trust(&self) -> &Follower {
        &self.trust
    }

    /// What the node has to say.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The ledger's clock minus the node's, as the last answer told it.
    pub(crate) fn clock_offset_ms(&self) -> Option<i64> {
        self.clock_offset_ms
    }

    /// Events that wait for their receipts, a rotation among them.
    pub(crate) fn pending(&self) -> usize {
        self.outbox.pending() + usize::from(self.node.told_rotation().is_some())
    }

    /// From when on what waits may be sent, if anything does.
    pub(crate) fn sends_at(&self) -> Option<Duration> {
        (self.pending() > 0).then(|| self.sending.retry_at())
    }

    /// Which version of a heartbeat the ledger takes.
    pub(crate) fn trial(&mut self) -> &mut Trial {
        &mut self.trial
    }

    /// What was not delivered is sent again after this at the latest.
    pub(crate) fn set_cap(&mut self, cap: Duration) {
        self.sending.set_cap(cap);
    }

    /// A question that is proved by the node's key.
    pub(crate) fn question(&self, now: Now, path: String) -> Request {
        let offset = self.clock_offset_ms.unwrap_or_default();
        let issued_at = Timestamp::from_millis(now.wall.millis().saturating_add_signed(offset));
        self.node.question(issued_at, path)
    }

    /// Signs an event, chains it and writes it to the disk; it is sent when its turn comes.
    pub(crate) fn enqueue<P: Serialize>(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        now: Now,
        kind: Kind,
        payload: &P,
    ) -> Result<Enqueued, ExchangeError> {
        self.ensure(disk, entropy, now.wall)?;
        Ok(self.outbox.enqueue(disk, entropy, now.wall, kind, payload)?)
    }

    /// Makes sure that key, spool, place in the chain and count of drops are those on the disk.
    fn ensure(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        ts: Timestamp,
    ) -> Result<(), ExchangeError> {
        if !self.node.is_settled() {
            self.node.reload_rotation(disk)?;
            self.go_over(disk, entropy, ts)?;
        }
        Ok(self.outbox.ensure(disk)?)
    }
}

/// Sending, and what follows from each answer.
impl Exchange {
    /// Sends the oldest waiting events.
    pub(crate) async fn send(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        clock: &impl Clock,
        network: &impl Network,
    ) -> Result<Sent, Stop> {
        let now = clock.now();
        let events = match self.next_batch(disk, entropy, now.wall) {
            Ok(events) => events,
            Err(error) => return Ok(Sent::Over(self.disk_failed(now, entropy, &error))),
        };
        // A heartbeat goes alone while nothing else waits.
        let alone =
            self.pending() == 1 && events.first().is_some_and(|event| event.header.kind == Kind::Heartbeat);
        let before = clock.now();
        let response = network.send(request(&events, alone)).await;
        let now = clock.now();
        let response = match response {
            Ok(response) => response,
            Err(error) => {
                return Ok(Sent::Over(self.later(now, entropy, None, Why::Unavailable, &error.to_string())));
            }
        };
        if !matches!(response.status, 200 | 201 | 207) {
            return self.refused(disk, entropy, now, &response, &events, alone).map(Sent::Over);
        }
        let reply = if alone { Reply::heartbeat(&response) } else { Reply::batch(&response, events.len()) };
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                let reason = format!("not an answer: {error}");
                return Ok(Sent::Over(self.later(now, entropy, None, Why::Unproven, &reason)));
            }
        };
        // The service's word is taken where nothing rests on it: the interval, and the time of day.
        if let Some(server) = reply.server_time {
            let middle = before.wall.millis().midpoint(now.wall.millis());
            self.clock_offset_ms = i64::try_from(i128::from(server.millis()) - i128::from(middle)).ok();
        }
        Ok(Sent::Answered(Box::new(Answer { now, events, reply, retry_after: response.retry_after })))
    }

    fn next_batch(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        ts: Timestamp,
    ) -> Result<Vec<Event>, ExchangeError> {
        self.ensure(disk, entropy, ts)?;
        if let Some(rotation) = self.node.rotation_event() {
            return Ok(vec![rotation]);
        }
        Ok(self.outbox.peek(disk, self.sending.batch_events(), MAX_BATCH_BYTES)?)
    }

    /// Checks every receipt and the checkpoint, then forgets the events that are proved.
    pub(crate) async fn settle(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        network: &impl Network,
        answer: Answer,
    ) -> Result<Settlement, Caught> {
        let Answer { now, events, mut reply, retry_after } = answer;
        let note = reply.take_checkpoint();
        let checkpoint = match &note {
            None => None,
            Some(note) => match self.open_checkpoint(disk, network, note).await {
                Ok(verified) => Some(verified.checkpoint),
                Err(why) => return Ok(self.unproven(now, entropy, &why)),
            },
        };
        let settled = reply.settled(&events, checkpoint.as_ref());
        let proved = settled.own.is_some();
        let mut commands = None;
        if let (Some(own), Some(note), Some(checkpoint)) = (settled.own, note, checkpoint) {
            let delivered = std::mem::take(&mut reply.commands);
            let under = reply.witness_checkpoint.take().unwrap_or_else(|| note.clone());
            match self.trust.check(disk, network, note, checkpoint, own).await {
                Ok(Checked::Consistent) => commands = Some((delivered, under)),
                Ok(Checked::NotYet(why)) => return Ok(self.unproven(now, entropy, &why)),
                Err(how) => return Err(Caught { how, commands: delivered }),
            }
        }
        if settled.count > 0 {
            if let Err(error) = self.forget(disk, settled.count, proved) {
                return Ok(Settlement::Over(self.disk_failed(now, entropy, &error)));
            }
            tracing::debug!(count = settled.count, waiting = self.pending(), "delivered");
            self.sending.succeeded(now.steady);
        }
        for (event, outcome) in events.iter().zip(&reply.outcomes).take(settled.count) {
            self.trial.settled(event, matches!(outcome, Outcome::Receipt(_)));
        }
        self.count_lost(disk, now, reply.outcomes.get(..settled.count).unwrap_or_default());
        if let Some(End::Refused(verdict, _)) = &settled.end {
            self.note_refused(*verdict, events.get(settled.count));
        }
        tracing::debug!(settled.count, "settled");
        Ok(Settlement::Settled(Box::new(Settled {
            count: settled.count,
            end: settled.end,
            retry_after,
            authority: reply.authority.unwrap_or_default(),
            commands,
        })))
    }

    /// The oldest `count` waiting events are proved to be in the ledger, or the rotation that comes before them.
    fn forget(&mut self, disk: &impl Disk, count: usize, proved: bool) -> Result<(), ExchangeError> {
        if self.node.told_rotation().is_some() {
            return Ok(self.node.rotation_recorded(disk)?);
        }
        if proved {
            self.node.rotation_outlived();
        }
        Ok(self.outbox.acknowledge(disk, count)?)
    }

    /// Does what the first event asks for that is not settled, if there is one.
    pub(crate) fn conclude(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        now: Now,
        settled: Settled,
    ) -> Result<Delivery, Stop> {
        match settled.end {
            None => Ok(Delivery::Settled(settled.count)),
            Some(End::Unproven(why)) => Ok(self.later(now, entropy, None, Why::Unproven, &why.to_string())),
            Some(End::Refused(verdict, refused)) => {
                self.act(disk, entropy, now, verdict, &refused, settled.retry_after)
            }
        }
    }

    /// Acts on an answer that refuses the request as a whole. Of a batch it says nothing about any one
    /// event, which has a result of its own; only what is too large even alone can never be sent.
    fn refused(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        now: Now,
        response: &Response,
        events: &[Event],
        alone: bool,
    ) -> Result<Delivery, Stop> {
        let count = events.len();
        let problem = Box::new(Problem::read(&response.body));
        let verdict = Verdict::of(response.status, &problem);
        let refused = Refused { status: response.status, problem };
        let too_large = response.status == 413;
        if verdict == Verdict::Never && !(alone || too_large && count == 1) {
            self.sending.refused_whole(count, too_large);
            let reason = refused.to_string();
            return Ok(self.later(now, entropy, response.retry_after, Why::Refused, &reason));
        }
        self.note_refused(verdict, events.first());
        self.act(disk, entropy, now, verdict, &refused, response.retry_after)
    }

    /// An event that is refused for good may have tried what the service does not know.
    fn note_refused(&mut self, verdict: Verdict, event: Option<&Event>) {
        if let (Verdict::Recorded | Verdict::Never, Some(event)) = (verdict, event) {
            self.trial.settled(event, false);
        }
    }

    /// Acts on the refusal of the oldest waiting event.
    fn act(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        now: Now,
        verdict: Verdict,
        refused: &Refused,
        retry_after: Option<Duration>,
    ) -> Result<Delivery, Stop> {
        let reason = refused.to_string();
        let done = if self.node.told_rotation().is_some()
            && !matches!(verdict, Verdict::Later | Verdict::Banned)
        {
            tracing::error!(refusal = reason, "the ledger does not take the new key; the old one goes on");
            let turned = self.turn_rotation(disk, entropy, now.wall, Stage::Withdrawn);
            turned.map(|()| self.later(now, entropy, retry_after, Why::Refused, &reason))
        } else {
            match verdict {
                Verdict::Later => {
                    return Ok(self.later(now, entropy, retry_after, Why::Unavailable, &reason));
                }
                Verdict::Banned if self.has_withdrawn() => {
                    tracing::error!(
                        "the old key is ended: the ledger has the rotation that it was said to refuse"
                    );
                    let turned = self.turn_rotation(disk, entropy, now.wall, Stage::Again);
                    turned.map(|()| self.later(now, entropy, retry_after, Why::Refused, &reason))
                }
                Verdict::Banned => return Err(Stop::Banned(reason)),
                Verdict::Recorded => {
                    tracing::error!(
                        refusal = reason,
                        "an event was refused for good; the ledger holds the refusal"
                    );
                    self.lost(disk, now, &refused.problem);
                    let forgotten = self.outbox.acknowledge(disk, 1).map_err(ExchangeError::from);
                    forgotten.map(|()| Delivery::Settled(1))
                }
                Verdict::Gap(expected) => self.close_gap(disk, entropy, now, &expected, &reason),
                Verdict::Elsewhere => {
                    tracing::error!(
                        refusal = reason,
                        "another copy of this node's key has written to its chain; opening a new epoch"
                    );
                    self.reopen(disk, entropy, now, "another copy of this key has written to the chain", 0)
                }
                Verdict::Never => {
                    tracing::error!(refusal = reason, "an event can never be accepted and is given up");
                    self.lost(disk, now, &refused.problem);
                    self.reopen(disk, entropy, now, "the ledger can never accept the event in this place", 1)
                }
            }
        };
        Ok(done.unwrap_or_else(|error| self.disk_failed(now, entropy, &error)))
    }

    /// Sends again from where the ledger's chain ends, if the spool still has it; else a new epoch.
    fn close_gap(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        now: Now,
        expected: &Expected,
        refusal: &str,
    ) -> Result<Delivery, ExchangeError> {
        let place = ChainLink { epoch: expected.epoch, prev: expected.prev, seq: expected.seq };
        if self.outbox.rewind(disk, &place)? {
            tracing::warn!(refusal, "the ledger lacks events it has acknowledged; sending them again");
            self.sending.mended(now.steady, entropy)?;
            return Ok(Delivery::Later(Why::Refused));
        }
        tracing::error!(refusal, "the ledger's chain ends where this node cannot go on; new epoch");
        self.reopen(disk, entropy, now, "the ledger expects an event that this node no longer has", 0)
    }

    /// Leaves the present epoch because of something the ledger said.
    fn reopen(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        now: Now,
        reason: &str,
        skip: usize,
    ) -> Result<Delivery, ExchangeError> {
        self.outbox.reopen(disk, entropy, now.wall, reason, skip)?;
        self.sending.reopened(now.steady, entropy)?;
        Ok(Delivery::Later(Why::Refused))
    }

    fn unproven(&mut self, now: Now, entropy: &mut impl Entropy, why: &Unproven) -> Settlement {
        Settlement::Over(self.later(now, entropy, None, Why::Unproven, &why.to_string()))
    }

    fn disk_failed(&mut self, now: Now, entropy: &mut impl Entropy, error: &ExchangeError) -> Delivery {
        self.later(now, entropy, None, Why::Disk, &error.to_string())
    }

    fn later(
        &mut self,
        now: Now,
        entropy: &mut impl Entropy,
        retry_after: Option<Duration>,
        why: Why,
        reason: &str,
    ) -> Delivery {
        self.sending.failed(now.steady, entropy, retry_after, why, reason)
    }
}

/// Holding the ledger to its word.
impl Exchange {
    /// Checks a note's signatures; asks for the ledger's newest authority if one is of an unknown key.
    pub(crate) async fn open_checkpoint(
        &mut self,
        disk: &impl Disk,
        network: &impl Network,
        note: &str,
    ) -> Result<Verified, Unproven> {
        let (verified, newer) = self.trust.open_checkpoint(network, note).await?;
        if let Some(newer) = newer {
            self.take_authority(disk, newer)?;
        }
        Ok(verified)
    }

    /// Compares a checkpoint, whose signature was checked, with the remembered one.
    pub(crate) async fn check(
        &mut self,
        disk: &impl Disk,
        network: &impl Network,
        note: String,
        checkpoint: Checkpoint,
        own: OwnEntry,
    ) -> Result<Checked, Disagreement> {
        self.trust.check(disk, network, note, checkpoint, own).await
    }

    /// Asks for the ledger's authority if the service says that there is more of it.
    pub(crate) async fn keep_up(&mut self, disk: &impl Disk, network: &impl Network, records: u64) {
        let newer = match self.trust.newer_authority(network, records).await {
            Ok(None) => return,
            Ok(Some(newer)) => self.take_authority(disk, newer),
            Err(why) => Err(why),
        };
        if let Err(why) = newer {
            tracing::warn!(%why, "the ledger's keys have changed, and cannot be had");
        }
    }

    /// Believes an authority that extends the one before, once it is on the disk.
    fn take_authority(&mut self, disk: &impl Disk, newer: Authority) -> Result<(), Unproven> {
        let kept = self.node.keep_authority(disk, &newer);
        kept.map_err(|error| Unproven::Store { file: ENROLMENT_FILE, source: io::Error::other(error) })?;
        tracing::info!(records = newer.records().len(), "the ledger has changed its keys or its witnesses");
        self.trust.take_authority(newer);
        Ok(())
    }
}
