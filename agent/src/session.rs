//! The agent at work: when it speaks, what it chains, and how it goes on after a crash.
//!
//! The loop is a function of its clock, network, disk and random numbers; none of them is the system's
//! unless `main` says so. `delivery` holds the sending half, `trust` the checking one.

use crate::backoff::Backoff;
use crate::chain::author::{ChainAuthor, DraftError};
use crate::chain::delivery::Delivery;
use crate::chain::drops::Drops;
use crate::chain::outbox::Enqueued;
use crate::chain::spool::{Doubt, Limits, Spool, SpoolError};
use crate::clock::{Clock, Now};
use crate::control::applied::Applied;
use crate::control::commander::Commander;
use crate::control::work::Done;
use crate::disk::Disk;
use crate::entropy::Entropy;
use crate::heartbeat::{OwnState, Sampler};
use crate::identity::enrol::{Enrolment, EnrolmentError};
use crate::identity::key::{Identity, IdentityError};
use crate::identity::rotation::{Rotation, RotationError};
use crate::identity::standing::Standing;
use crate::network::{Network, NetworkError, Response};
use crate::scan_schedule::ScanSchedule;
use crate::trust::authority::Authority;
use crate::trust::memory::{CHECKPOINT_FILE, EQUIVOCATION_FILE, Memory, MemoryError};
use spec::{ChainLink, Hash, Kind, PublicKey};
use std::io;
use std::pin::Pin;
use std::time::Duration;

/// Shortest and longest interval between heartbeats that a service may ask for.
const INTERVAL_SECS: std::ops::RangeInclusive<u64> = 1..=3600;

/// How often it is looked whether a scan is over.
const SCAN_LOOK: Duration = Duration::from_secs(1);

/// What an operator may choose.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Seconds between two heartbeats; what the service asks for if absent.
    pub interval_secs: Option<u64>,
    /// How much may wait.
    pub limits: Limits,
}

/// The agent cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no key or no enrolment.
    #[error("this node is not enrolled; run `vaultmesh-agent enroll` first")]
    NotEnrolled,
    /// The ledger was caught before.
    #[error(
        "stopped: ledger contradicts itself; the proof is in {EQUIVOCATION_FILE}. Give it to the ledger's \
         auditors; this node sends nothing more until the file is moved away"
    )]
    Contradiction,
    /// Key and enrolment are not of the same node.
    #[error("the key in the state directory is not the one that was enrolled")]
    Mismatch,
    /// The key cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The enrolment cannot be used.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// A rotation under way cannot be used.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// The spool cannot be used.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// An event could not be made durable.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The event cannot be made.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// Another file cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Why the agent ends for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Two things the ledger signed cannot both be true.
    #[error("stopped: ledger contradicts itself: {0}; see {EQUIVOCATION_FILE}")]
    Contradiction(String),
    /// The ledger does not accept this node's key.
    #[error("stopped: the ledger does not accept this node's key ({0}); enrol the node anew")]
    Banned(String),
}

/// A running agent.
#[derive(Debug)]
pub struct Session<D, E, S> {
    pub(crate) disk: D,
    pub(crate) entropy: E,
    sampler: S,
    pub(crate) scans: Option<ScanSchedule>,
    /// The node, with the key by which the ledger knows it.
    pub(crate) identity: Identity,
    /// A new key on its way to the ledger.
    pub(crate) rotation: Option<Rotation>,
    /// Set while what the disk has of a rotation is not known to be what is here.
    pub(crate) rotation_unsure: bool,
    pub(crate) authority: Authority,
    pub(crate) enrolment: Enrolment,
    pub(crate) author: ChainAuthor,
    pub(crate) spool: Spool,
    pub(crate) drops: Drops,
    pub(crate) memory: Memory,
    options: Options,
    pub(crate) interval_secs: u64,
    next_beat: Duration,
    pub(crate) retry_at: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) reopenings: Backoff,
    pub(crate) reopened_at: Option<Duration>,
    /// Events in the next request: few after a failure, more with each success.
    pub(crate) batch_events: usize,
    /// Most events in a request, as far as the service has shown.
    pub(crate) batch_limit: usize,
    pub(crate) clock_offset_ms: Option<i64>,
    /// The policy that the node was told to follow.
    pub(crate) applied: Applied,
    /// What is done about commands; without it none are asked for.
    pub(crate) commander: Option<Commander>,
}

impl<D: Disk, E: Entropy, S: Sampler> Session<D, E, S> {
    /// Reads the state directory and goes on where the agent left off.
    pub fn open(disk: D, entropy: E, sampler: S, now: Now, options: Options) -> Result<Self, OpenError> {
        let standing = Standing::load(&disk)?;
        let speaker = standing.speaker();
        let Standing { identity, enrolment, authority, rotation } = standing;
        if disk.len(EQUIVOCATION_FILE).map_err(SessionError::Io)?.is_some() {
            return Err(OpenError::Contradiction);
        }
        let memory = remember(&disk, &enrolment, &authority)?;
        let mut entropy = entropy;
        let epoch = entropy.epoch().map_err(SessionError::Io)?;
        let fresh = ChainLink { epoch, prev: speaker.introduction, seq: 0 };
        let opened = Spool::open(&disk, fresh, options.limits).map_err(SessionError::Spool)?;
        let newest = opened.spool.newest(&disk).map_err(SessionError::Spool)?;
        let drops = Drops::load(&disk, newest.as_ref()).map_err(SessionError::Io)?;
        let author = ChainAuthor::resume(speaker, opened.spool.next());
        let applied = Applied::load(&disk);
        if let Applied::Damaged(why) = &applied {
            tracing::error!(why, "no command is carried out until a policy is applied anew");
        }
        let mut session = Self {
            disk,
            entropy,
            sampler,
            scans: None,
            identity,
            rotation,
            rotation_unsure: false,
            authority,
            interval_secs: options.interval_secs.unwrap_or(enrolment.heartbeat_secs),
            enrolment,
            author,
            spool: opened.spool,
            drops,
            memory,
            options,
            next_beat: now.steady,
            retry_at: now.steady,
            backoff: Backoff::default(),
            reopenings: Backoff::default(),
            reopened_at: None,
            batch_events: crate::chain::delivery::MAX_BATCH_EVENTS,
            batch_limit: crate::chain::delivery::MAX_BATCH_EVENTS,
            clock_offset_ms: None,
            applied,
            commander: None,
        };
        session.set_interval(session.interval_secs);
        session.go_over(now)?;
        if let Some(Doubt { reason, salvage }) = opened.doubt {
            tracing::error!(reason, salvaged = salvage.len(), "the spool is damaged; opening a new epoch");
            let whole = session.spool.pending();
            session.rechain(now, &reason, whole, 0, &salvage)?;
        }
        Ok(session)
    }

    /// Scans by a schedule while it works; without one it never does.
    pub fn scan_by(&mut self, schedule: ScanSchedule) {
        self.scans = Some(schedule);
    }

    /// Works until there is a reason to stop for good. Dropping the future at any point loses nothing.
    pub async fn run(&mut self, clock: &impl Clock, network: &impl Network) -> Stop {
        let mut asking = None;
        loop {
            let now = clock.now();
            self.take_turn_at_scanning(now);
            if now.steady >= self.next_beat
                && let Err(error) = self.beat(now)
            {
                tracing::error!(%error, "a heartbeat could not be made durable and was not sent");
            }
            self.finish_rotation(now);
            self.rotate_if_asked(now);
            if self.pending() > 0 && now.steady >= self.retry_at {
                match self.deliver(clock, network).await {
                    Ok(Delivery::Settled(_)) => continue,
                    Ok(Delivery::Later(_)) => {}
                    Err(stop) => return stop,
                }
            }
            self.apply_policies(clock, network).await;
            let mut wake =
                if self.pending() > 0 { self.next_beat.min(self.retry_at) } else { self.next_beat };
            if self.scans.as_ref().is_some_and(ScanSchedule::is_running) {
                wake = wake.min(now.steady + SCAN_LOOK);
            }
            if asking.is_none()
                && let Some(at) = self.commander.as_ref().map(Commander::polls_at)
            {
                wake = wake.min(at);
                if at <= now.steady {
                    asking = self.poll(now).map(|request| Box::pin(network.send(request)));
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
                Awaited::Done((command, done)) => self.worked(now, command, &done),
            }
        }
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
            match self.deliver(clock, network).await? {
                Delivery::Settled(count) => settled += count,
                later @ Delivery::Later(_) => return Ok(later),
            }
        }
        Ok(Delivery::Settled(settled))
    }

    /// Events that wait for their receipts, a rotation among them.
    pub fn pending(&self) -> usize {
        self.spool.pending() + usize::from(self.told_rotation().is_some())
    }

    /// The key by which the ledger knows this node.
    pub fn speaks_with(&self) -> PublicKey {
        self.identity.public()
    }

    /// Events dropped since the node was enrolled.
    pub fn dropped(&self) -> u64 {
        self.drops.total
    }

    /// The place of the next event in the node's chain.
    pub fn next_link(&self) -> ChainLink {
        self.spool.next()
    }

    /// The newest checkpoint that was verified.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Takes the service's word on the interval, within reason, unless the operator has chosen one.
    pub(crate) fn set_interval(&mut self, asked_secs: u64) {
        let secs = self.options.interval_secs.unwrap_or(asked_secs);
        self.interval_secs = secs.clamp(*INTERVAL_SECS.start(), *INTERVAL_SECS.end());
        self.backoff.set_cap(2 * Duration::from_secs(self.interval_secs));
    }

    fn beat(&mut self, now: Now) -> Result<(), SessionError> {
        let interval = Duration::from_secs(self.interval_secs);
        // Nine to eleven tenths of the interval, so that no two nodes stay in step.
        self.next_beat = now.steady + interval * 9 / 10 + self.entropy.up_to(interval / 5)?;
        let own = OwnState {
            node_id: self.identity.node_id,
            now: now.wall,
            interval_secs: self.interval_secs,
            spool_depth: self.spool.pending() as u64,
            spool_dropped: self.drops.total,
            clock_offset_ms: self.clock_offset_ms,
            policy_hash: self.applied.hash(),
        };
        let heartbeat = self.sampler.sample(&own);
        if self.enqueue(now, Kind::Heartbeat, &heartbeat)? == Enqueued::Dropped {
            tracing::warn!(total = self.drops.total, "the spool is full; a heartbeat was dropped");
        }
        Ok(())
    }
}

/// What the agent was waiting for.
enum Awaited {
    Time,
    Answer(Result<Response, NetworkError>),
    Done((Hash, Done)),
}

/// The answer to a question, if one is open.
async fn answered<F: Future<Output = Result<Response, NetworkError>>>(
    asking: Option<&mut Pin<Box<F>>>,
) -> Result<Response, NetworkError> {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

/// The next command that is over, if any are carried out here.
async fn ended(commander: Option<&mut Commander>) -> (Hash, Done) {
    if let Some(commander) = commander
        && let Some(done) = commander.next_done().await
    {
        return done;
    }
    std::future::pending().await
}

/// The remembered checkpoint; the one from enrolment if what was remembered is damaged.
fn remember(disk: &impl Disk, enrolment: &Enrolment, authority: &Authority) -> Result<Memory, OpenError> {
    match Memory::load(disk, CHECKPOINT_FILE, authority) {
        Ok(Some(memory)) => return Ok(memory),
        Ok(None) => {}
        Err(MemoryError::Io(error)) => return Err(SessionError::Io(error).into()),
        Err(error @ MemoryError::Damaged(_)) => {
            tracing::error!(%error, "going on from the checkpoint of the enrolment");
        }
    }
    Memory::new(enrolment.checkpoint.clone(), None, authority)
        .map_err(|e| EnrolmentError::Damaged(e.to_string()).into())
}
