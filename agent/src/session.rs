//! The agent at work: when it speaks, asks, scans and obeys.
//!
//! The loop is a function of its clock, network, disk and random numbers; none of them is the system's unless `main`
//! says so. Each part owns what it knows and says what is to be done ([`Commander`] about commands, [`ScanSchedule`]
//! about scans, `exchange` about events and their receipts); the session lets them have their turns, and brings what
//! the one says to the other.

mod error;
mod wait;

use crate::chain::delivery::Delivery;
use crate::chain::outbox::Enqueued;
use crate::chain::spool::Limits;
use crate::clock::{Clock, Now};
use crate::control::applied::Applied;
use crate::control::applying::{self, ApplyError};
use crate::control::commander::{Commander, Verdict};
use crate::control::order::{self, Delivered, Refusal, Target};
use crate::control::polling::{Heard, Polled};
use crate::control::receipts;
use crate::control::work::Done;
use crate::disk::Disk;
use crate::durable;
use crate::entropy::Entropy;
use crate::exchange::Exchange;
use crate::exchange::answer::{Sent, Settlement};
use crate::heartbeat::{OwnState, Sampler};
use crate::identity::node::Node;
use crate::network::{Network, NetworkError, Response};
use crate::pulse::Pulse;
use crate::scan_schedule::{ScanSchedule, Turn, summary};
use crate::trust::follower::{Checked, Follower};
use crate::trust::memory::{EQUIVOCATION_FILE, Memory, OwnEntry};
use crate::trust::witness::WitnessIdentity;
use proofs::Checkpoint;
use serde::Serialize;
use spec::payload::{CommandReceipt, Scan};
use spec::{ChainLink, Hash, Kind, PublicKey};
use std::time::Duration;
use tracing::Instrument as _;
use wait::{Awaited, answered, ended};

pub use crate::exchange::Stop;
pub use error::{OpenError, SessionError};

/// How often it is looked whether a scan is over.
const SCAN_LOOK: Duration = Duration::from_secs(1);

/// Says that the node's witness key is on its way to the ledger.
const WITNESS_TOLD_FILE: &str = "witness.told";

/// Choices of an operator.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Seconds between two heartbeats; what the service asks for if absent.
    pub interval_secs: Option<u64>,
    /// How much may wait.
    pub limits: Limits,
}

/// A running agent.
#[derive(Debug)]
pub struct Session<D, E, S> {
    disk: D,
    entropy: E,
    sampler: S,
    pulse: Pulse,
    exchange: Exchange,
    scans: Option<ScanSchedule>,
    /// The policy that the node was told to follow.
    applied: Applied,
    /// What is done about commands; without it none are asked for.
    commander: Option<Commander>,
}

impl<D: Disk, E: Entropy, S: Sampler> Session<D, E, S> {
    /// Reads the state directory and goes on where the agent left off.
    pub fn open(disk: D, entropy: E, sampler: S, now: Now, options: Options) -> Result<Self, OpenError> {
        let (node, authority) = Node::load(&disk)?;
        if disk.len(EQUIVOCATION_FILE).map_err(SessionError::Io)?.is_some() {
            return Err(OpenError::Contradiction);
        }
        let trust = Follower::load(&disk, authority, &node.enrolment().checkpoint)?;
        let pulse = Pulse::new(now.steady, options.interval_secs, node.enrolment().heartbeat_secs);
        let mut entropy = entropy;
        let exchange = Exchange::open(&disk, &mut entropy, now, node, trust, options.limits)
            .map_err(SessionError::Exchange)?;
        let applied = Applied::load(&disk);
        if let Applied::Damaged(why) = &applied {
            tracing::error!(why, "no command is carried out until a policy is applied anew");
        }
        let mut session =
            Self { disk, entropy, sampler, pulse, exchange, scans: None, applied, commander: None };
        session.exchange.set_cap(session.patience());
        Ok(session)
    }

    /// Scans by a schedule while it works; without one it never does.
    pub fn scan_by(&mut self, schedule: ScanSchedule) {
        self.scans = Some(schedule);
    }

    /// Obeys commands from now on. What a crash cut off is said to have failed.
    ///
    /// # Errors
    /// What is remembered of commands cannot be read: none may be carried out then.
    pub fn obey(&mut self, now: Now, mut commander: Commander) -> Result<(), SessionError> {
        let cut_off = commander.remember(&self.disk)?;
        commander.polling.begin(now.steady);
        // A rotation goes on where it was; what became of it is said at its end.
        let rotates = self.exchange.node().rotation().and_then(|rotation| rotation.command);
        for command in cut_off.into_iter().filter(|command| Some(*command) != rotates) {
            let done = Done::saying(false, "the agent stopped while it ran");
            self.enqueue(now, Kind::Receipt, &receipts::ended(command, &done))?;
            commander.end(&self.disk, &command, now.wall)?;
        }
        self.commander = Some(commander);
        self.finish_rotation(now);
        Ok(())
    }

    /// Works until there is a reason to stop for good. Dropping the future at any point loses nothing.
    pub async fn run(&mut self, clock: &impl Clock, network: &impl Network) -> Stop {
        let node = self.span();
        self.work(clock, network).instrument(node).await
    }

    /// What messages of this node stand in.
    fn span(&self) -> tracing::Span {
        tracing::info_span!("node", id = %self.exchange.node().identity().node_id)
    }

    async fn work(&mut self, clock: &impl Clock, network: &impl Network) -> Stop {
        let mut asking = None;
        loop {
            let now = clock.now();
            self.tick(now);
            if self.exchange.sends_at().is_some_and(|at| at <= now.steady) {
                match self.deliver(clock, network).await {
                    Ok(Delivery::Settled(_)) => continue,
                    Ok(Delivery::Later(_)) => {}
                    Err(stop) => return stop,
                }
            }
            self.apply_policies(clock, network).await;
            let mut wake = self.pulse.next().min(self.exchange.sends_at().unwrap_or(Duration::MAX));
            if self.scans.as_ref().is_some_and(ScanSchedule::is_running) {
                wake = wake.min(now.steady + SCAN_LOOK);
            }
            if asking.is_none()
                && let Some(commander) = &mut self.commander
            {
                let at = commander.polling.at();
                wake = wake.min(at);
                if at <= now.steady {
                    let path = commander.polling.question(now.steady);
                    asking = Some(Box::pin(network.send(self.exchange.question(now, path))));
                }
            }
            // A question that is open goes on while events are sent; no answer to it gets lost.
            let event = tokio::select! {
                biased;
                answer = answered(asking.as_mut()) => Awaited::Answer(answer),
                done = ended(self.commander.as_mut()) => Awaited::Done(done),
                () = clock.sleep_until(wake) => Awaited::Time,
            };
            let now = clock.now();
            match event {
                Awaited::Time => {}
                Awaited::Answer(answer) => {
                    asking = None;
                    if let Err(stop) = self.take_poll(now, network, answer).await {
                        return stop;
                    }
                }
                Awaited::Done((command, done)) => {
                    self.close(now, command, &done);
                    self.commander.iter_mut().for_each(Commander::worked);
                }
            }
        }
    }

    /// What is due and needs nobody's answer.
    #[tracing::instrument(level = "debug", skip_all)]
    fn tick(&mut self, now: Now) {
        self.take_turn_at_scanning(now);
        if now.steady >= self.pulse.next()
            && let Err(error) = self.beat(now)
        {
            tracing::error!(%error, "a heartbeat could not be made durable and was not sent");
        }
        self.finish_rotation(now);
        self.rotate_if_asked(now);
    }

    /// Makes one heartbeat and delivers all that waits, without waiting for better times.
    pub async fn once(
        &mut self,
        clock: &impl Clock,
        network: &impl Network,
    ) -> Result<Result<Delivery, SessionError>, Stop> {
        if let Err(error) = self.beat(clock.now()) {
            return Ok(Err(error));
        }
        self.drain(clock, network).await.map(Ok)
    }

    /// Delivers all that waits, without waiting for better times.
    pub async fn drain(&mut self, clock: &impl Clock, network: &impl Network) -> Result<Delivery, Stop> {
        let mut settled = 0;
        while self.pending() > 0 {
            let node = self.span();
            match self.deliver(clock, network).instrument(node).await? {
                Delivery::Settled(count) => settled += count,
                later @ Delivery::Later(_) => return Ok(later),
            }
        }
        Ok(Delivery::Settled(settled))
    }

    /// Events that wait for their receipts, a rotation among them.
    pub fn pending(&self) -> usize {
        self.exchange.pending()
    }

    /// The key by which the ledger knows this node.
    pub fn speaks_with(&self) -> PublicKey {
        self.exchange.node().identity().public()
    }

    /// Whether a new key waits for the ledger's answer.
    pub fn is_going_over(&self) -> bool {
        self.exchange.node().told_rotation().is_some()
    }

    /// Events dropped since the node was enrolled.
    pub fn dropped(&self) -> u64 {
        self.exchange.outbox().dropped()
    }

    /// The place of the next event in the node's chain.
    pub fn next_link(&self) -> ChainLink {
        self.exchange.outbox().next_link()
    }

    /// The newest checkpoint that was verified.
    pub fn memory(&self) -> &Memory {
        self.exchange.trust().memory()
    }

    /// Signs an event, chains it and writes it to the disk; it is sent when its turn comes.
    pub fn enqueue<P: Serialize>(
        &mut self,
        now: Now,
        kind: Kind,
        payload: &P,
    ) -> Result<Enqueued, SessionError> {
        Ok(self.exchange.enqueue(&self.disk, &mut self.entropy, now, kind, payload)?)
    }

    /// Makes what a scan found an event of this node.
    pub fn enqueue_scan(&mut self, now: Now, scan: &Scan) -> Result<Enqueued, SessionError> {
        self.enqueue(now, Kind::Scan, scan)
    }

    /// Tells the ledger once with which key this node would cosign, so that it can be named as a witness.
    pub fn introduce(&mut self, now: Now, identity: &WitnessIdentity) -> Result<(), SessionError> {
        if self.disk.len(WITNESS_TOLD_FILE)?.is_some() {
            return Ok(());
        }
        let introduction = identity.introduction(self.exchange.trust().authority().ledger());
        self.enqueue(now, Kind::WitnessKey, &introduction)?;
        Ok(durable::replace(&self.disk, WITNESS_TOLD_FILE, b"\n")?)
    }

    /// Goes over to a new key; `None` if something waits that the old one has signed, or another rotation is under way.
    ///
    /// # Errors
    /// The rotation could not be made durable; the disk tells later whether it was begun.
    pub fn rotate(&mut self, now: Now, command: Option<Hash>) -> Result<Option<PublicKey>, SessionError> {
        Ok(self.exchange.rotate(&self.disk, &mut self.entropy, now, command)?)
    }

    /// What was not delivered is tried again before the ledger misses the node.
    fn patience(&self) -> Duration {
        2 * Duration::from_secs(self.pulse.interval_secs())
    }

    fn beat(&mut self, now: Now) -> Result<(), SessionError> {
        self.pulse.beat(now.steady, &mut self.entropy)?;
        let own = OwnState {
            node_id: self.exchange.node().identity().node_id,
            now: now.wall,
            interval_secs: self.pulse.interval_secs(),
            spool_depth: self.exchange.outbox().pending() as u64,
            spool_dropped: self.dropped(),
            clock_offset_ms: self.exchange.clock_offset_ms(),
            policy_hash: self.applied.hash(),
        };
        let heartbeat = self.sampler.sample(&own).in_version(self.exchange.trial().version());
        match self.enqueue(now, Kind::Heartbeat, &heartbeat)? {
            Enqueued::Spooled => self.exchange.trial().said(heartbeat.version()),
            Enqueued::Dropped => {
                tracing::warn!(total = self.dropped(), "the spool is full; a heartbeat was dropped");
            }
        }
        Ok(())
    }

    /// Sends the oldest waiting events and acts on the answer.
    pub async fn deliver(&mut self, clock: &impl Clock, network: &impl Network) -> Result<Delivery, Stop> {
        let seq = self.next_link().seq.saturating_sub(self.exchange.outbox().pending() as u64);
        let span = tracing::info_span!("delivery", seq, waiting = self.pending());
        self.send(clock, network).instrument(span).await
    }

    async fn send(&mut self, clock: &impl Clock, network: &impl Network) -> Result<Delivery, Stop> {
        let sent = self.exchange.send(&self.disk, &mut self.entropy, clock, network).await;
        let answer = match sent {
            Ok(Sent::Answered(answer)) => *answer,
            Ok(Sent::Over(delivery)) => {
                self.finish_rotation(clock.now());
                return Ok(delivery);
            }
            Err(stop) => return Err(stop),
        };
        let now = answer.now;
        if let Some(secs) = answer.interval_secs() {
            self.pulse.ask(secs);
            self.exchange.set_cap(self.patience());
        }
        let settled = self.exchange.settle(&self.disk, &mut self.entropy, network, answer).await;
        let mut settled = match settled {
            Ok(Settlement::Settled(settled)) => *settled,
            Ok(Settlement::Over(delivery)) => return Ok(delivery),
            Err(caught) => {
                self.refuse_all(now, &order::read(caught.commands), Refusal::LedgerContradiction);
                return Err(Stop::Contradiction(caught.how));
            }
        };
        self.finish_rotation(now);
        self.exchange.keep_up(&self.disk, network, settled.authority).await;
        if let Some((commands, under)) = settled.commands.take()
            && let commands = order::read(commands)
            && !commands.is_empty()
            && let Checked::NotYet(why) = self.take_proved(now, network, &commands, under).await?
        {
            tracing::warn!(%why, "commands have to wait: the ledger does not prove itself");
        }
        let delivery = self.exchange.conclude(&self.disk, &mut self.entropy, now, settled);
        self.finish_rotation(now);
        delivery
    }
}

/// Commands.
impl<D: Disk, E: Entropy, S: Sampler> Session<D, E, S> {
    /// Takes the answer to a question in.
    async fn take_poll(
        &mut self,
        now: Now,
        network: &impl Network,
        answer: Result<Response, NetworkError>,
    ) -> Result<(), Stop> {
        let known = self.commander.as_ref().and_then(|commander| commander.polling.after());
        let heard = match Polled::read(answer) {
            Ok(polled) if polled.commands.is_empty() => Heard::Nothing,
            Ok(polled) => {
                let commands = order::read(polled.commands);
                match self.take_proved(now, network, &commands, polled.checkpoint).await? {
                    Checked::Consistent => Heard::Commands { known },
                    Checked::NotYet(why) => {
                        tracing::warn!(%why, "commands have to wait: the ledger does not prove itself");
                        Heard::Unproven
                    }
                }
            }
            Err(why) => {
                tracing::debug!(%why, "no word of commands");
                Heard::Unproven
            }
        };
        if let Some(commander) = &mut self.commander {
            let pause = commander.polling.pause(now.steady, heard);
            let drawn = self.entropy.up_to(pause).unwrap_or(pause);
            commander.polling.again(now.steady, pause, drawn);
        }
        Ok(())
    }

    /// Takes commands in that came under a checkpoint, once that is found to agree with what is remembered, and to
    /// have the quorum of the ledger's witnesses where it names any.
    async fn take_proved(
        &mut self,
        now: Now,
        network: &impl Network,
        commands: &[Delivered],
        note: String,
    ) -> Result<Checked, Stop> {
        let verified = match self.exchange.open_checkpoint(&self.disk, network, &note).await {
            Ok(verified) => verified,
            Err(why) => return Ok(Checked::NotYet(why)),
        };
        let has_quorum = self.exchange.trust().authority().has_quorum(&verified);
        let checkpoint = verified.checkpoint;
        let own = commands.iter().filter(|_| has_quorum).find_map(|command| command.place(&checkpoint));
        if let Some((index, leaf, path)) = own {
            let own = OwnEntry { index, leaf, path };
            let checked = self.exchange.check(&self.disk, network, note, checkpoint.clone(), own).await;
            match checked {
                Ok(Checked::Consistent) => {}
                Ok(later) => return Ok(later),
                Err(how) => {
                    self.refuse_all(now, commands, Refusal::LedgerContradiction);
                    return Err(Stop::Contradiction(how));
                }
            }
        }
        if let Some(commander) = &mut self.commander {
            commander.polling.seen(commands, checkpoint.size);
        }
        if has_quorum {
            for delivered in commands {
                self.take_command(now, delivered, &checkpoint);
            }
        } else {
            self.refuse_all(now, commands, Refusal::NotWitnessed);
        }
        Ok(Checked::Consistent)
    }

    /// Decides about one command, and says and begins what follows from that.
    fn take_command(&mut self, now: Now, delivered: &Delivered, checkpoint: &Checkpoint) {
        let told = self.pending() == 0;
        let Some(commander) = &mut self.commander else { return };
        let Some(record) = delivered.record() else {
            tracing::error!("something was delivered that is no record");
            return;
        };
        let hash = record.entry.header.event_hash(&record.entry.sig);
        let _command = tracing::info_span!("command", seq = record.entry.position.seq, %hash).entered();
        let enrolment = self.exchange.node().enrolment();
        let target = Target { node: enrolment.node_id, org: &enrolment.org };
        let authority = self.exchange.trust().authority();
        let verdict = match delivered.check(&record, authority, checkpoint, target, now.wall) {
            Ok(order) => commander.judge(&self.disk, now.wall, &order, &self.applied, told),
            Err(refusal) => Ok(commander.refuse(hash, refusal)),
        };
        let begun = match verdict {
            Ok(Verdict::Begin(begun)) => begun,
            Ok(Verdict::Refuse(receipt)) => return self.say(now, &receipt),
            Ok(Verdict::Nothing) => return,
            Err(error) => {
                tracing::error!(%error, "a command could not be made durable and is not carried out");
                return;
            }
        };
        // It is remembered that it began, so it has to come to an end that can be told.
        self.say(now, &begun.receipt);
        if let Some(commander) = &mut self.commander
            && commander.begin(*begun, self.scans.is_some())
            && let Some(scans) = &mut self.scans
        {
            scans.ask(now);
        }
    }

    /// Refuses all that was delivered for one reason.
    fn refuse_all(&mut self, now: Now, commands: &[Delivered], refusal: Refusal) {
        for record in commands.iter().filter_map(Delivered::record) {
            let hash = record.entry.header.event_hash(&record.entry.sig);
            let verdict = self.commander.as_mut().map(|commander| commander.refuse(hash, refusal));
            if let Some(Verdict::Refuse(receipt)) = verdict {
                self.say(now, &receipt);
            }
        }
    }

    /// Says a receipt in the node's chain.
    fn say(&mut self, now: Now, receipt: &CommandReceipt) {
        if let Err(error) = self.enqueue(now, Kind::Receipt, receipt) {
            let (command, state) = (&receipt.command, &receipt.state);
            tracing::error!(%error, %command, ?state, "what became of a command could not be made durable");
        }
    }

    /// A command is over; what cannot be stored of it is said to have failed after a restart.
    fn close(&mut self, now: Now, command: Hash, done: &Done) {
        let _command = tracing::info_span!("command", hash = %command).entered();
        tracing::info!(succeeded = done.succeeded, exit = done.exit, "a command is over");
        let said = self.enqueue(now, Kind::Receipt, &receipts::ended(command, done));
        let ended = said.and_then(|_| match &mut self.commander {
            Some(commander) => Ok(commander.end(&self.disk, &command, now.wall)?),
            None => Ok(()),
        });
        if let Err(error) = ended {
            tracing::error!(%error, "what became of a command could not be made durable");
        }
    }

    /// Applies the policies that commands ask for, one after the other.
    async fn apply_policies(&mut self, clock: &impl Clock, network: &impl Network) {
        while let Some((command, policy)) = self.commander.as_mut().and_then(Commander::next_policy) {
            let fetched = self.fetch_policy(clock.now(), network, policy).await;
            let done = match fetched.and_then(|applied| self.follow(applied)) {
                Ok(said) => Done::saying(true, &said),
                Err(why) => Done::saying(false, &why.to_string()),
            };
            self.close(clock.now(), command, &done);
        }
    }

    /// The policy with a hash; with 64 zeros, none.
    async fn fetch_policy(
        &self,
        now: Now,
        network: &impl Network,
        policy: Hash,
    ) -> Result<Applied, ApplyError> {
        if policy == Hash::ZERO {
            return Ok(Applied::Nothing);
        }
        let answer = network.send(self.exchange.question(now, applying::path(&policy))).await;
        applying::fetched(&answer.map_err(|error| ApplyError::Fetch(error.into()))?, policy)
    }

    /// Follows a policy from now on, also after a restart.
    fn follow(&mut self, applied: Applied) -> Result<String, ApplyError> {
        applied.store(&self.disk)?;
        tracing::info!(policy = ?applied.hash(), "a policy is applied");
        self.applied = applied;
        Ok(applying::said(&self.applied))
    }

    /// Begins a scan that is due, and takes up one that has ended.
    fn take_turn_at_scanning(&mut self, now: Now) {
        let turn = self.scans.as_mut().map_or(Turn::default(), |scans| scans.turn(now));
        if turn.begins {
            self.commander.iter_mut().for_each(Commander::scan_begins);
        }
        let Some(outcome) = turn.outcome else { return };
        let said = outcome.map_err(|error| error.to_string()).and_then(|outcome| {
            match self.enqueue_scan(now, &outcome.scan) {
                Ok(Enqueued::Spooled) => Ok(summary(&outcome)),
                Ok(Enqueued::Dropped) => Err("the spool is full; a scan was dropped".to_owned()),
                Err(error) => Err(format!("a scan could not be made durable and was not sent: {error}")),
            }
        });
        let done = match said {
            Ok(said) => Done::saying(true, &said),
            Err(why) => {
                tracing::error!(why, "no scan");
                Done::saying(false, &why)
            }
        };
        for command in self.commander.as_mut().map(Commander::scan_ends).unwrap_or_default() {
            self.close(now, command, &done);
        }
    }

    /// Does what is left to do about a rotation that the ledger has answered: the key file, the command's receipt, and
    /// at last the file of the rotation. What fails is tried again; whoever obeys no commands leaves the receipt to who
    /// does.
    fn finish_rotation(&mut self, now: Now) {
        let Some(answered) = self.exchange.answered_rotation(&self.disk) else { return };
        let done = Done::saying(answered.succeeded, &answered.said);
        if self.is_told_of(now, answered.command, &done) && answered.is_over {
            self.exchange.forget_rotation(&self.disk);
        }
    }

    /// Says what became of a command unless that was said; whether it is.
    fn is_told_of(&mut self, now: Now, command: Option<Hash>, done: &Done) -> bool {
        let Some(command) = command else { return true };
        let is_open = |session: &Self| session.commander.as_ref().map(|c| c.is_open(&command));
        if is_open(self) == Some(true) {
            self.close(now, command, done);
        }
        is_open(self) == Some(false)
    }

    /// Begins the rotation that a command asks for, once everything before it is delivered.
    fn rotate_if_asked(&mut self, now: Now) {
        let Some(command) = self.commander.as_ref().and_then(Commander::asked_to_rotate) else { return };
        let begun = |session: &Self| {
            session.exchange.node().rotation().is_some_and(|rotation| rotation.command == Some(command))
        };
        if !begun(self)
            && let Err(error) = self.rotate(now, Some(command))
        {
            tracing::error!(%error, "the rotation of the key could not be made durable");
        }
        if begun(self)
            && let Some(commander) = &mut self.commander
        {
            commander.begins_to_rotate();
        }
    }
}
