//! Being told: what the node does about commands, from their delivery to their receipts.
//!
//! ```text
//! delivered → checked (order) → allowed (policy) → remembered on the disk (orders) → receipt "running"
//!           → carried out (work) → receipt "succeeded" or "failed"
//! anything else → receipt "refused" with its reason
//! ```

use crate::clock::Now;
use crate::control::applied::Allowed;
use crate::control::order::{Delivered, Order, Refusal, Target};
use crate::control::orders::Orders;
use crate::control::policy::{Policy, Task};
use crate::control::work::{self, Done};
use crate::disk::Disk;
use crate::entropy::Entropy;
use crate::heartbeat::Sampler;
use crate::network::{Network, NetworkError, Request, Response};
use crate::problem::Problem;
use crate::session::{Session, SessionError, Stop};
use crate::trust::follower::Checked;
use proofs::Checkpoint;
use serde::Deserialize;
use serde_json::Value;
use spec::payload::{CommandReceipt, CommandState};
use spec::{Hash, Kind};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc;

/// Seconds for which the service is asked to hold its answer.
const WAIT_SECS: u64 = 25;

/// How long after a question that failed the next is asked.
const POLL_PAUSE: Duration = Duration::from_secs(15);

/// An answer that came sooner was not held.
const HELD: Duration = Duration::from_millis(900);

/// How long after an answer that was not held and had nothing in it the next is asked for.
const UNHELD_PAUSE: Duration = Duration::from_secs(5);

/// How long after an answer that was not held and had something in it the next is asked for; twice as long after each
/// in a row that had nothing new in it, up to as long as after an empty one.
const MORE_PAUSE: Duration = Duration::from_millis(200);

/// Commands that are carried out at once; further ones wait.
const MAX_RUNNING: usize = 4;

/// Commands that are taken in from one answer.
const MAX_DELIVERED: usize = 64;

/// What the first receipt of a command says that the applied policy does not allow, when it only observes.
const OBSERVED: &str = "the applied policy does not allow it, and only observes\n";

/// What carries tasks out.
pub type Worker = std::sync::Arc<dyn Fn(&Task) -> Done + Send + Sync>;

/// The node's side of commands.
pub struct Commander {
    policy: Policy,
    profile: Option<String>,
    worker: Worker,
    orders: Orders,
    waiting: VecDeque<(Order, Task)>,
    /// Commands to scan, and whether the scan that they wait for has begun.
    scanning: Vec<(Hash, bool)>,
    /// Commands to apply a policy, and its hash.
    applying: VecDeque<(Hash, Hash)>,
    /// Commands to go over to a new key.
    rotating: VecDeque<Hash>,
    running: usize,
    tell: mpsc::UnboundedSender<(Hash, Done)>,
    told: mpsc::UnboundedReceiver<(Hash, Done)>,
    /// The last entry that a delivered command rests on.
    after: Option<u64>,
    /// Answers in a row that were not held and had nothing new in them.
    repeated: u32,
    polls_at: Duration,
    asked_at: Duration,
}

impl std::fmt::Debug for Commander {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commander")
            .field("running", &self.running)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct PollAnswer {
    commands: Vec<Value>,
    checkpoint: String,
}

impl Commander {
    /// Commands by this policy, on a node of this operating system profile.
    pub fn new(policy: Policy, profile: Option<String>) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        Self {
            policy,
            profile,
            worker: std::sync::Arc::new(work::carry_out),
            orders: Orders::default(),
            waiting: VecDeque::new(),
            scanning: Vec::new(),
            applying: VecDeque::new(),
            rotating: VecDeque::new(),
            running: 0,
            tell,
            told,
            after: None,
            repeated: 0,
            polls_at: Duration::ZERO,
            asked_at: Duration::ZERO,
        }
    }

    /// The same with another worker.
    #[must_use]
    pub fn working(mut self, worker: Worker) -> Self {
        self.worker = worker;
        self
    }

    /// When the next question is asked.
    pub(crate) fn polls_at(&self) -> Duration {
        self.polls_at
    }

    /// The next command to apply a policy, and the policy's hash.
    pub(crate) fn next_policy(&mut self) -> Option<(Hash, Hash)> {
        self.applying.pop_front()
    }

    /// The next command to go over to a new key; it stays the next until that begins.
    pub(crate) fn asked_to_rotate(&self) -> Option<Hash> {
        self.rotating.front().copied()
    }

    /// What the next command to go over to a new key asks for has begun.
    pub(crate) fn begins_to_rotate(&mut self) {
        self.rotating.pop_front();
    }

    /// Whether a command was begun and is not over.
    pub(crate) fn is_open(&self, command: &Hash) -> bool {
        self.orders.cut_off().contains(command)
    }

    /// Waits for a task to be over.
    pub(crate) async fn next_done(&mut self) -> Option<(Hash, Done)> {
        self.told.recv().await
    }
}

impl<D: Disk, E: Entropy, S: Sampler> Session<D, E, S> {
    /// Obeys commands from now on. What a crash cut off is said to have failed.
    ///
    /// # Errors
    /// What is remembered of commands cannot be read: none may be carried out then.
    pub fn obey(&mut self, now: Now, mut commander: Commander) -> Result<(), SessionError> {
        commander.orders = Orders::load(&self.disk)?;
        commander.polls_at = now.steady;
        // A rotation goes on where it was; what became of it is said at its end.
        let rotates = self.rotation.as_ref().and_then(|rotation| rotation.command);
        for command in commander.orders.cut_off().into_iter().filter(|command| Some(*command) != rotates) {
            let done = Done::saying(false, "the agent stopped while it ran");
            self.enqueue(now, Kind::Receipt, &ended(command, &done))?;
            commander.orders.end(&self.disk, &command, now.wall)?;
        }
        self.commander = Some(commander);
        self.finish_rotation(now);
        Ok(())
    }

    /// The question for commands; proved by the node's key.
    pub(crate) fn poll(&mut self, now: Now) -> Option<Request> {
        let commander = self.commander.as_mut()?;
        commander.asked_at = now.steady;
        let after = commander.after.map_or_else(String::new, |after| format!("&after={after}"));
        Some(self.question(now, format!("/api/agent/commands?wait={WAIT_SECS}{after}")))
    }

    /// Takes the answer to a question in.
    pub(crate) async fn take_poll(
        &mut self,
        now: Now,
        network: &impl Network,
        answer: Result<Response, NetworkError>,
    ) -> Result<(), Stop> {
        let heard = match answer {
            Ok(response) if response.status == 200 => serde_json::from_slice::<PollAnswer>(&response.body)
                .map_err(|e| format!("not an answer: {e}")),
            Ok(response) => {
                Err(format!("status {}, {}", response.status, Problem::read(&response.body).describe()))
            }
            Err(error) => Err(error.to_string()),
        };
        let asked_at = self.commander.as_ref().map_or(Duration::ZERO, |commander| commander.asked_at);
        let held = now.steady.saturating_sub(asked_at) >= HELD;
        let pause = match heard {
            Ok(_) if held => Duration::ZERO,
            // A service that does not hold its answer is not asked over and over.
            Ok(ref answer) if answer.commands.is_empty() => UNHELD_PAUSE,
            Ok(_) => MORE_PAUSE,
            Err(_) => POLL_PAUSE,
        };
        let known = self.commander.as_ref().and_then(|commander| commander.after);
        if held && let Some(commander) = &mut self.commander {
            commander.repeated = 0;
        }
        let pause = match heard {
            Ok(answer) if answer.commands.is_empty() => pause,
            Ok(answer) => {
                match self.take_proved(now, network, &read(answer.commands), answer.checkpoint).await? {
                    Checked::Consistent if held => pause,
                    Checked::Consistent => self.pause_after_more(known),
                    Checked::NotYet(why) => {
                        tracing::warn!(why, "commands have to wait: the ledger does not prove itself");
                        POLL_PAUSE
                    }
                }
            }
            Err(why) => {
                tracing::debug!(why, "no word of commands");
                pause
            }
        };
        // Full jitter: after an outage the nodes do not come back in step.
        let jitter = self.entropy.up_to(pause).unwrap_or(pause);
        if let Some(commander) = &mut self.commander {
            commander.polls_at = now.steady + pause / 2 + jitter / 2;
        }
        Ok(())
    }

    /// The pause after an answer with commands; `known` is the last entry that those before rested on.
    fn pause_after_more(&mut self, known: Option<u64>) -> Duration {
        let Some(commander) = &mut self.commander else { return POLL_PAUSE };
        commander.repeated = if commander.after > known { 0 } else { commander.repeated.saturating_add(1) };
        MORE_PAUSE.saturating_mul(2_u32.saturating_pow(commander.repeated)).min(UNHELD_PAUSE)
    }

    /// Takes commands in that came under a checkpoint, once that is found to agree with what is remembered, and to
    /// have the quorum of the ledger's witnesses where it names any.
    pub(crate) async fn take_proved(
        &mut self,
        now: Now,
        network: &impl Network,
        commands: &[Delivered],
        note: String,
    ) -> Result<Checked, Stop> {
        let verified = match self.open_checkpoint(network, &note).await {
            Ok(verified) => verified,
            Err(why) => return Ok(Checked::NotYet(why)),
        };
        if !self.authority.has_quorum(&verified) {
            self.seen(commands, &verified.checkpoint);
            self.refuse_all(now, commands, Refusal::NotWitnessed);
            return Ok(Checked::Consistent);
        }
        let checkpoint = verified.checkpoint;
        let own = commands.iter().find_map(|command| command.place(&checkpoint));
        if let Some((index, leaf, path)) = own {
            let own = crate::trust::memory::OwnEntry { index, leaf, path };
            match self.check_consistency(network, note, checkpoint.clone(), own).await {
                Ok(Checked::Consistent) => {}
                Ok(later) => return Ok(later),
                Err(stop) => {
                    self.refuse_all(now, commands, Refusal::LedgerContradiction);
                    return Err(stop);
                }
            }
        }
        self.take_commands(now, commands, &checkpoint);
        Ok(Checked::Consistent)
    }

    /// Takes commands in that came with a checkpoint which agrees with what is remembered.
    fn take_commands(&mut self, now: Now, commands: &[Delivered], checkpoint: &Checkpoint) {
        self.seen(commands, checkpoint);
        for delivered in commands {
            if let Err(error) = self.take_command(now, delivered, checkpoint) {
                tracing::error!(%error, "a command could not be made durable and is not carried out");
            }
        }
    }

    /// Remembers up to where commands were delivered.
    fn seen(&mut self, commands: &[Delivered], checkpoint: &Checkpoint) {
        if let Some(commander) = &mut self.commander {
            // Nothing rests on an entry that the checkpoint does not have.
            let newest = commands.iter().map(|delivered| delivered.since.min(checkpoint.size)).max();
            commander.after = commander.after.max(newest);
        }
    }

    fn take_command(
        &mut self,
        now: Now,
        delivered: &Delivered,
        checkpoint: &Checkpoint,
    ) -> Result<(), SessionError> {
        let told = self.pending() == 0;
        let Some(commander) = &mut self.commander else { return Ok(()) };
        let Some(record) = delivered.record() else {
            tracing::error!("something was delivered that is no record");
            return Ok(());
        };
        let hash = record.entry.header.event_hash(&record.entry.sig);
        let target = Target { node: self.enrolment.node_id, org: &self.enrolment.org };
        let checked = delivered.check(&record, &self.authority, checkpoint, target, now.wall);
        let order = match checked {
            Ok(order) if order.order.not_before > now.wall => return Ok(()),
            Ok(order) => order,
            Err(refusal) => return self.refuse(now, hash, refusal),
        };
        match commander.orders.is_new(&order.order.nonce, &hash, told, now.wall) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(refusal) => return self.refuse(now, hash, refusal),
        }
        let profile = commander.profile.as_deref();
        let (command, parameters) = (&order.order.command, &order.order.parameters);
        let Allowed { task, observed } =
            match self.applied.decide(&commander.policy, profile, command, parameters) {
                Ok(allowed) => allowed,
                Err(refusal) => return self.refuse(now, hash, refusal),
            };
        commander.orders.begin(&self.disk, order.order.nonce, hash, order.order.expires_at, now.wall)?;
        tracing::info!(command = %order.order.command, %hash, "a command begins");
        let output = observed.then(|| OBSERVED.to_owned());
        let running = CommandReceipt { output, ..receipt(hash, CommandState::Running) };
        // It is remembered that it began, so it has to come to an end that can be told.
        if let Err(error) = self.enqueue(now, Kind::Receipt, &running) {
            tracing::error!(%error, %hash, "that a command begins could not be made durable");
        }
        let Some(commander) = &mut self.commander else { return Ok(()) };
        match (task, &mut self.scans) {
            (Task::ApplyPolicy(policy), _) => commander.applying.push_back((hash, policy)),
            (Task::RotateKey, _) => commander.rotating.push_back(hash),
            (Task::Scan, Some(scans)) => {
                commander.scanning.push((hash, false));
                scans.ask(now);
            }
            (task, _) => {
                commander.waiting.push_back((order, task));
                commander.start();
            }
        }
        Ok(())
    }

    /// A scan begins: whoever asked for one before waits for its end.
    pub(crate) fn scan_begins(&mut self) {
        let scanning = self.commander.iter_mut().flat_map(|commander| &mut commander.scanning);
        scanning.for_each(|(_, begun)| *begun = true);
    }

    /// The scan that was under way is over: what it came to, or why it came to nothing.
    pub(crate) fn scan_ends(&mut self, now: Now, said: &Result<String, String>) {
        let Some(commander) = &mut self.commander else { return };
        let over: Vec<Hash> =
            commander.scanning.extract_if(.., |(_, begun)| *begun).map(|(hash, _)| hash).collect();
        let done = match said {
            Ok(text) => Done::saying(true, text),
            Err(why) => Done::saying(false, why),
        };
        for command in over {
            if let Err(error) = self.finish(now, command, &done) {
                tracing::error!(%error, %command, "what became of a command could not be made durable");
            }
        }
    }

    /// A command is over.
    fn finish(&mut self, now: Now, command: Hash, done: &Done) -> Result<(), SessionError> {
        tracing::info!(%command, succeeded = done.succeeded, exit = done.exit, "a command is over");
        self.enqueue(now, Kind::Receipt, &ended(command, done))?;
        match &mut self.commander {
            Some(commander) => Ok(commander.orders.end(&self.disk, &command, now.wall)?),
            None => Ok(()),
        }
    }

    /// A command is over; what cannot be stored of it is said to have failed after a restart.
    pub(crate) fn close(&mut self, now: Now, command: Hash, done: &Done) {
        if let Err(error) = self.finish(now, command, done) {
            tracing::error!(%error, %command, "what became of a command could not be made durable");
        }
    }

    /// A task that a thread carried out is over.
    pub(crate) fn worked(&mut self, now: Now, command: Hash, done: &Done) {
        self.close(now, command, done);
        if let Some(commander) = &mut self.commander {
            commander.running = commander.running.saturating_sub(1);
            commander.start();
        }
    }

    fn refuse(&mut self, now: Now, command: Hash, refusal: Refusal) -> Result<(), SessionError> {
        let anew = self.commander.as_mut().is_some_and(|commander| commander.orders.refuses_anew(command));
        if !anew {
            return Ok(());
        }
        tracing::warn!(%command, reason = refusal.code(), "a command is refused");
        let code = refusal.code().parse().unwrap_or_else(|_| unreachable!("{} is a name", refusal.code()));
        let refused = CommandReceipt { code: Some(code), ..receipt(command, CommandState::Refused) };
        self.enqueue(now, Kind::Receipt, &refused).map(drop)
    }

    /// Refuses all that was delivered for one reason.
    pub(crate) fn refuse_all(&mut self, now: Now, commands: &[Delivered], refusal: Refusal) {
        for record in commands.iter().filter_map(Delivered::record) {
            let hash = record.entry.header.event_hash(&record.entry.sig);
            if let Err(error) = self.refuse(now, hash, refusal) {
                tracing::error!(%error, "a refusal could not be made durable");
            }
        }
    }
}

impl Commander {
    /// Starts what waits, as far as there is room.
    fn start(&mut self) {
        while self.running < MAX_RUNNING
            && let Some((order, task)) = self.waiting.pop_front()
        {
            self.running += 1;
            let (tell, worker, hash) = (self.tell.clone(), std::sync::Arc::clone(&self.worker), order.hash);
            let work = move || {
                // The agent ends before its commands only with the process.
                let _ = tell.send((hash, worker(&task)));
            };
            if let Err(error) = std::thread::Builder::new().name("command".to_owned()).spawn(work) {
                let _ = self.tell.send((hash, Done::saying(false, &format!("no thread: {error}"))));
            }
        }
    }
}

/// Delivered commands, as far as they have the form of such.
pub(crate) fn read(values: Vec<Value>) -> Vec<Delivered> {
    let delivered = |value| match serde_json::from_value(value) {
        Ok(delivered) => Some(delivered),
        Err(error) => {
            tracing::error!(%error, "something was delivered that is no command");
            None
        }
    };
    values.into_iter().take(MAX_DELIVERED).filter_map(delivered).collect()
}

fn receipt(command: Hash, state: CommandState) -> CommandReceipt {
    CommandReceipt {
        code: None,
        command,
        duration_ms: None,
        exit: None,
        output: None,
        output_bytes: None,
        output_hash: None,
        state,
    }
}

fn ended(command: Hash, done: &Done) -> CommandReceipt {
    let state = if done.succeeded { CommandState::Succeeded } else { CommandState::Failed };
    CommandReceipt {
        duration_ms: Some(u64::try_from(done.duration.as_millis()).unwrap_or(u64::MAX)),
        exit: done.exit.map(u64::from),
        output: Some(done.output.clone()),
        output_bytes: Some(done.output_bytes),
        output_hash: Some(done.output_hash),
        ..receipt(command, state)
    }
}
