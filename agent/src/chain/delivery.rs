//! Sending: one request at a time, in the order of the chain, and what follows from each answer.

use crate::chain::reply::{Outcome, Reply, Verdict};
use crate::clock::{Clock, Now};
use crate::control::commander;
use crate::control::order::Refusal;
use crate::disk::Disk;
use crate::entropy::Entropy;
use crate::heartbeat::Sampler;
use crate::network::{Network, Request, Response};
use crate::problem::{Expected, Problem};
use crate::session::{Session, SessionError, Stop};
use crate::trust::follower::Checked;
use crate::trust::memory::OwnEntry;
use spec::{ChainLink, Event, Kind};
use std::time::Duration;

/// Most events in one request.
pub const MAX_BATCH_EVENTS: usize = 200;

/// Most bytes of events in one request; a single larger event still goes alone.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// By how much a batch may exceed the one before it. After a failure the first has one event: neither a
/// service that is down nor one that has just come back is sent a MiB by every node.
const BATCH_GROWTH: usize = 8;

/// What one request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// This many events need no more attention.
    Settled(usize),
    /// Nothing changed, or not all: the rest later.
    Later(Why),
}

/// Why something has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The service cannot be reached or is not able to answer now.
    Unavailable,
    /// The service has refused.
    Refused,
    /// The answer does not prove what it says.
    Unproven,
    /// The agent's own files cannot be read or written.
    Disk,
}

/// What became of the events of one answer, in order.
struct Settled {
    count: usize,
    /// The last own entry that the checkpoint contains, if any receipt was checked.
    own: Option<OwnEntry>,
    /// What stopped the count before the end.
    end: Option<End>,
}

enum End {
    Verdict(Verdict, String),
    Unproven(String),
}

impl<D: Disk, E: Entropy, S: Sampler> Session<D, E, S> {
    /// Sends the oldest waiting events and acts on the answer.
    pub async fn deliver(&mut self, clock: &impl Clock, network: &impl Network) -> Result<Delivery, Stop> {
        let now = clock.now();
        let events = match self.next_batch(now) {
            Ok(events) => events,
            Err(error) => return Ok(self.disk_failed(now, &error)),
        };
        let alone =
            self.pending() == 1 && events.first().is_some_and(|event| event.header.kind == Kind::Heartbeat);
        let before = clock.now();
        let response = network.send(request(&events, alone)).await;
        let now = clock.now();
        let response = match response {
            Ok(response) => response,
            Err(error) => return Ok(self.later(now, None, Why::Unavailable, &error.to_string())),
        };
        if !matches!(response.status, 200 | 201 | 207) {
            return self.refused(now, &response, events.len(), alone);
        }
        let reply = if alone { Reply::heartbeat(&response) } else { Reply::batch(&response, events.len()) };
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                return Ok(self.later(now, None, Why::Unproven, &format!("not an answer: {error}")));
            }
        };
        self.take_hints(&reply, before, now);
        self.settle(now, network, &events, reply, response.retry_after).await
    }

    fn next_batch(&mut self, now: Now) -> Result<Vec<Event>, SessionError> {
        self.ensure_spool(now)?;
        if let Some(rotation) = self.rotation_event() {
            return Ok(vec![rotation]);
        }
        Ok(self.spool.peek(&self.disk, self.batch_events, MAX_BATCH_BYTES)?)
    }

    /// Checks every receipt and the checkpoint, then forgets the events that are proved.
    async fn settle(
        &mut self,
        now: Now,
        network: &impl Network,
        events: &[Event],
        mut reply: Reply,
        retry_after: Option<Duration>,
    ) -> Result<Delivery, Stop> {
        let note = reply.checkpoint.take().or_else(|| own_checkpoint(&reply));
        let checkpoint = match &note {
            None => None,
            Some(note) => match self.open_checkpoint(network, note).await {
                Ok(verified) => Some(verified.checkpoint),
                Err(error) => return Ok(self.later(now, None, Why::Unproven, &error)),
            },
        };
        let settled = count_settled(events, &reply.outcomes, checkpoint.as_ref());
        let mut commands = None;
        let proved = settled.own.is_some();
        if let (Some(own), Some(note), Some(checkpoint)) = (settled.own, note, checkpoint) {
            let delivered = commander::read(std::mem::take(&mut reply.commands));
            let under = reply.witness_checkpoint.take().unwrap_or_else(|| note.clone());
            match self.check_consistency(network, note, checkpoint, own).await {
                Ok(Checked::Consistent) => commands = Some((delivered, under)),
                Ok(Checked::NotYet(why)) => return Ok(self.later(now, None, Why::Unproven, &why)),
                Err(stop) => {
                    self.refuse_all(now, &delivered, Refusal::LedgerContradiction);
                    return Err(stop);
                }
            }
        }
        if settled.count > 0 {
            if let Err(error) = self.forget(now, settled.count, proved) {
                return Ok(self.disk_failed(now, &error));
            }
            tracing::debug!(count = settled.count, waiting = self.pending(), "delivered");
            self.backoff.succeed();
            self.retry_at = now.steady;
            self.batch_events = (self.batch_events * BATCH_GROWTH).min(self.batch_limit);
        }
        self.keep_up(network, reply.authority.unwrap_or_default()).await;
        if let Some((commands, under)) = commands
            && !commands.is_empty()
            && let Checked::NotYet(why) = self.take_proved(now, network, &commands, under).await?
        {
            tracing::warn!(why, "commands have to wait: the ledger does not prove itself");
        }
        match settled.end {
            None if settled.count > 0 => Ok(Delivery::Settled(settled.count)),
            None => Ok(self.later(now, None, Why::Unproven, "the answer says nothing of the first event")),
            Some(End::Unproven(why)) => Ok(self.later(now, None, Why::Unproven, &why)),
            Some(End::Verdict(verdict, text)) => self.act(now, verdict, &text, retry_after),
        }
    }

    /// The oldest `count` waiting events are proved to be in the ledger, or the rotation that comes before them.
    fn forget(&mut self, now: Now, count: usize, proved: bool) -> Result<(), SessionError> {
        if self.told_rotation().is_some() {
            return self.rotated(now);
        }
        if proved {
            self.outlives_rotation(now);
        }
        Ok(self.spool.acknowledge(&self.disk, count)?)
    }

    /// Acts on an answer that refuses the request as a whole. Of a batch it says nothing about any one
    /// event, which has a result of its own; only what is too large even alone can never be sent.
    fn refused(
        &mut self,
        now: Now,
        response: &Response,
        count: usize,
        alone: bool,
    ) -> Result<Delivery, Stop> {
        let problem = Problem::read(&response.body);
        let text = format!("status {}, {}", response.status, problem.describe());
        let too_large = response.status == 413;
        match Verdict::of(response.status, &problem) {
            Verdict::Never if !(alone || too_large && count == 1) => {
                if too_large {
                    self.batch_limit = (count / 2).max(1);
                }
                self.batch_events = self.batch_limit;
                Ok(self.later(now, response.retry_after, Why::Refused, &text))
            }
            verdict => self.act(now, verdict, &text, response.retry_after),
        }
    }

    /// Acts on the refusal of the oldest waiting event.
    fn act(
        &mut self,
        now: Now,
        verdict: Verdict,
        text: &str,
        retry_after: Option<Duration>,
    ) -> Result<Delivery, Stop> {
        if self.told_rotation().is_some() && !matches!(verdict, Verdict::Later | Verdict::Banned) {
            return Ok(match self.withdraw_rotation(now, text) {
                Ok(()) => self.later(now, retry_after, Why::Refused, text),
                Err(error) => self.disk_failed(now, &error),
            });
        }
        let done = match verdict {
            Verdict::Later => return Ok(self.later(now, retry_after, Why::Unavailable, text)),
            Verdict::Banned => {
                return match self.takes_up_rotation(now) {
                    Ok(true) => Ok(self.later(now, retry_after, Why::Refused, text)),
                    Ok(false) => Err(Stop::Banned(text.to_owned())),
                    Err(error) => Ok(self.disk_failed(now, &error)),
                };
            }
            Verdict::Recorded => {
                tracing::error!(
                    refusal = text,
                    "an event was refused for good; the ledger holds the refusal"
                );
                return Ok(match self.spool.acknowledge(&self.disk, 1) {
                    Ok(()) => Delivery::Settled(1),
                    Err(error) => self.disk_failed(now, &error.into()),
                });
            }
            Verdict::Gap(expected) => self.close_gap(now, &expected, text),
            Verdict::Elsewhere => {
                tracing::error!(
                    refusal = text,
                    "another copy of this node's key has written to its chain; opening a new epoch"
                );
                self.reopen(now, "another copy of this key has written to the chain", 0)
            }
            Verdict::Never => {
                tracing::error!(refusal = text, "an event can never be accepted and is given up");
                self.reopen(now, "the ledger can never accept the event in this place", 1)
            }
        };
        match done {
            Ok(()) => Ok(Delivery::Later(Why::Refused)),
            Err(error) => Ok(self.disk_failed(now, &error)),
        }
    }

    /// Sends again from where the ledger's chain ends, if the spool still has it; else a new epoch.
    fn close_gap(&mut self, now: Now, expected: &Expected, text: &str) -> Result<(), SessionError> {
        let place = ChainLink { epoch: expected.epoch, prev: expected.prev, seq: expected.seq };
        if self.spool.rewind(&self.disk, &place)? {
            tracing::warn!(refusal = text, "the ledger lacks events it has acknowledged; sending them again");
            self.retry_at = now.steady + self.backoff.fail(None, &mut self.entropy)?;
            return Ok(());
        }
        tracing::error!(refusal = text, "the ledger's chain ends where this node cannot go on; new epoch");
        self.reopen(now, "the ledger expects an event that this node no longer has", 0)
    }

    fn later(&mut self, now: Now, retry_after: Option<Duration>, why: Why, text: &str) -> Delivery {
        let delay = self.backoff.fail(retry_after, &mut self.entropy).unwrap_or(crate::backoff::CAP);
        self.retry_at = now.steady + delay;
        let (failures, retry_ms) = (self.backoff.failures(), delay.as_millis());
        if why == Why::Unavailable {
            self.batch_events = 1;
            tracing::warn!(reason = text, failures, retry_ms, "not delivered");
        } else {
            tracing::error!(reason = text, failures, retry_ms, "not delivered");
        }
        Delivery::Later(why)
    }

    fn disk_failed(&mut self, now: Now, error: &SessionError) -> Delivery {
        self.later(now, None, Why::Disk, &error.to_string())
    }

    /// Takes the service's word where nothing rests on it: the interval, and the time of day.
    fn take_hints(&mut self, reply: &Reply, before: Now, now: Now) {
        if let Some(secs) = reply.next_heartbeat_secs {
            self.set_interval(secs);
        }
        if let Some(server) = reply.server_time {
            let middle = before.wall.millis().midpoint(now.wall.millis());
            self.clock_offset_ms = i64::try_from(i128::from(server.millis()) - i128::from(middle)).ok();
        }
    }
}

fn request(events: &[Event], alone: bool) -> Request {
    match events {
        [event] if alone => Request::post("/api/agent/heartbeat", "application/json", event.to_canonical()),
        _ => {
            let mut body = Vec::new();
            for event in events {
                body.extend_from_slice(&event.to_canonical());
                body.push(b'\n');
            }
            Request::post("/api/events?inclusion=true", "application/x-ndjson", body)
        }
    }
}

fn own_checkpoint(reply: &Reply) -> Option<String> {
    reply.outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Receipt(receipt) => receipt.checkpoint.clone(),
        Outcome::Problem(..) => None,
    })
}

/// Goes through the outcomes up to the first that is not final.
fn count_settled(events: &[Event], outcomes: &[Outcome], checkpoint: Option<&proofs::Checkpoint>) -> Settled {
    let mut settled = Settled { count: 0, own: None, end: None };
    for (event, outcome) in events.iter().zip(outcomes) {
        let end = match outcome {
            Outcome::Receipt(receipt) => match checkpoint.map(|c| receipt.verify(event, c)) {
                Some(Ok(leaf)) => {
                    let path = receipt.inclusion.clone();
                    settled.own = Some(OwnEntry { index: receipt.seq, leaf, path });
                    None
                }
                Some(Err(error)) => Some(End::Unproven(error.to_string())),
                None => Some(End::Unproven("a receipt without a checkpoint".to_owned())),
            },
            Outcome::Problem(status, problem) => match Verdict::of(*status, problem) {
                // Of a rotation there is more to do than to go on behind it.
                Verdict::Recorded if event.header.kind != Kind::KeyRotation => {
                    let event = event.hash();
                    tracing::error!(%event, refusal = problem.describe(), "an event was refused for good");
                    None
                }
                verdict => Some(End::Verdict(verdict, format!("status {status}, {}", problem.describe()))),
            },
        };
        if end.is_some() {
            settled.end = end;
            break;
        }
        settled.count += 1;
    }
    settled
}
