//! One node's attention: its silence, its reasons, its score and its band.

use super::Change;
use super::liveness::{Level, Rhythm};
use super::reason::{Machine, Phase, Reason, Signal, Subject, explanation, score};
use crate::fleet::DEFAULT_INTERVAL;
use crate::listening::{Moment, Now};
use serde::{Deserialize, Serialize};
use spec::payload::{Heartbeat, Reading};
use spec::{Name, PublicKey, Timestamp, Uuid};

/// How long a score must stay below a band's edge before the band is left, in milliseconds.
const BAND_PATIENCE_MS: u64 = 5 * 60_000;

/// Scores below which ATTN and CRIT are left.
const BAND_EDGES: [u64; 2] = [15, 60];

/// How badly a node needs a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Band {
    /// Not at all.
    #[default]
    Ok,
    /// When there is time.
    Attn,
    /// Now.
    Crit,
}

impl Band {
    /// The band that a score enters at once.
    fn entered_by(score: u64) -> Self {
        match score {
            70.. => Self::Crit,
            25.. => Self::Attn,
            _ => Self::Ok,
        }
    }
}

/// A reason that counts, with its place in the explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Active {
    /// The reason.
    pub reason: Reason,
    /// What it is about; absent for the node itself.
    #[serde(skip_serializing_if = "Subject::is_empty")]
    pub subject: Subject,
    /// Where it stands.
    pub phase: Phase,
    /// Since when it counts.
    pub since: Timestamp,
    /// Its weight.
    pub weight: u64,
}

/// How a node stands: what operators see, and what digests are over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its band.
    pub band: Band,
    /// Its silence.
    pub silence: Level,
    /// Its score, 0 to 100.
    pub score: u64,
    /// Why, the heaviest first.
    pub reasons: Vec<Active>,
}

/// What is kept of a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NodeAttention {
    pub(super) org: Name,
    pub(super) id: Uuid,
    /// Under which moment the queue has it.
    pub(super) queued: Option<Moment>,
    interval_ms: u64,
    rhythm: Rhythm,
    heard: Option<Moment>,
    silence: Level,
    /// In the order of reason and subject.
    machines: Vec<Machine>,
    score: u64,
    band: Band,
    /// Since when the score is too low to stay in ATTN and in CRIT.
    below: [Option<Moment>; 2],
    dropped: u64,
    /// The key it speaks with.
    key: Option<PublicKey>,
}

type Log<'a> = &'a mut dyn FnMut(Timestamp, Change);

impl NodeAttention {
    pub(super) fn new(org: Name, id: Uuid) -> Self {
        let interval_ms = u64::try_from(DEFAULT_INTERVAL.as_millis()).unwrap_or(u64::MAX);
        Self {
            org,
            id,
            queued: None,
            interval_ms,
            rhythm: Rhythm::default(),
            heard: None,
            silence: Level::Live,
            machines: Vec::new(),
            score: 0,
            band: Band::Ok,
            below: [None; 2],
            dropped: 0,
            key: None,
        }
    }

    /// When something changes though nothing is heard.
    pub(super) fn due(&self, resumed: Moment) -> Option<Moment> {
        let silence = self.heard.zip(self.silence.next());
        let silence = silence.map(|(heard, next)| self.rhythm.due(next, self.interval_ms, heard, resumed));
        let band = self.leaves_at();
        [silence, band].into_iter().flatten().min()
    }

    /// Lets what is due at `now` come about.
    pub(super) fn run(&mut self, now: Now, resumed: Moment, log: Log<'_>) {
        while let Some((heard, next)) = self.heard.zip(self.silence.next())
            && self.rhythm.due(next, self.interval_ms, heard, resumed) <= now.moment
        {
            self.be(next, now, log);
            let reason = match next {
                Level::Stale => Reason::Stale,
                Level::Offline => Reason::Offline,
                Level::Lost => Reason::Lost,
                Level::Live | Level::Late => continue,
            };
            self.raise(reason, now, log);
        }
    }

    /// Silence gives one reason at a time: the gravest it has reached since three heartbeats in time.
    fn raise(&mut self, reason: Reason, now: Now, log: Log<'_>) {
        let silent = |other: Reason| matches!(other, Reason::Lost | Reason::Offline | Reason::Stale);
        let graver = self.machines.iter().map(|m| m.reason).filter(|r| silent(*r)).map(Reason::weight).max();
        let known = self.machines.iter().map(|m| m.reason).find(|r| silent(*r));
        match known {
            Some(known) if graver > Some(reason.weight()) => {
                self.signal(known, &Subject::NODE, Signal::Bad, now, log)
            }
            Some(known) if known != reason => {
                self.drop_reason(known, now, log);
                self.signal(reason, &Subject::NODE, Signal::Bad, now, log);
            }
            _ => self.signal(reason, &Subject::NODE, Signal::Bad, now, log),
        }
    }

    /// Takes a heartbeat in that is recorded `now`; `ts` is when the node says it was.
    pub(super) fn heartbeat(
        &mut self,
        heartbeat: &Heartbeat,
        ts: Timestamp,
        now: Now,
        resumed: Moment,
        log: Log<'_>,
    ) {
        if let Some(heard) = self.heard {
            self.rhythm.add(now.moment.since(heard));
        }
        if let Some(secs) = heartbeat.interval_secs {
            // A day is the longest the service asks for.
            self.interval_ms = secs.clamp(1, 86_400) * 1000;
        }
        self.heard = Some(now.moment);
        self.be(Level::Live, now, log);
        for reason in [Reason::Lost, Reason::Offline, Reason::Stale] {
            self.signal(reason, &Subject::NODE, Signal::Good, now, log);
        }
        let offset = match &heartbeat.clock_offset_ms {
            Some(Reading::Known(offset)) => Some(*offset),
            _ => None,
        };
        if !self.is_old(ts, now.at, offset) {
            for (reason, subject, signal) in signals(heartbeat, offset, &mut self.dropped) {
                self.signal(reason, &subject, signal, now, log);
            }
        }
        self.run(now, resumed, log);
    }

    /// Whether a heartbeat was made well before it arrived: it waited in the node's spool.
    fn is_old(&self, ts: Timestamp, at: Timestamp, offset: Option<i64>) -> bool {
        let made = ts.millis().saturating_add_signed(offset.unwrap_or(0));
        at.millis().saturating_sub(made) > (2 * self.interval_ms).max(60_000)
    }

    /// The node was introduced with a key: from now on it is to be heard of.
    pub(super) fn introduce(&mut self, key: PublicKey, now: Now) {
        self.key = Some(key);
        self.heard.get_or_insert(now.moment);
    }

    /// A key has ended. If it is the one the node speaks with, nothing is expected of it any more.
    pub(super) fn retire(&mut self, key: &PublicKey, now: Now, log: Log<'_>) {
        if self.key != Some(*key) {
            return;
        }
        self.heard = None;
        self.be(Level::Live, now, log);
        for reason in [Reason::Lost, Reason::Offline, Reason::Stale] {
            self.drop_reason(reason, now, log);
        }
    }

    /// Takes a signal about a reason in.
    pub(super) fn signal(
        &mut self,
        reason: Reason,
        subject: &Subject,
        signal: Signal,
        now: Now,
        log: Log<'_>,
    ) {
        let at = self.machines.binary_search_by(|m| (m.reason, &m.subject).cmp(&(reason, subject)));
        let (from, to) = match at {
            Err(_) if signal != Signal::Bad => return,
            Err(at) => {
                let machine = Machine::begin(reason, subject.clone(), now);
                let phase = machine.phase;
                self.machines.insert(at, machine);
                (None, Some(phase))
            }
            Ok(at) => {
                let Some(machine) = self.machines.get_mut(at) else { return };
                let from = machine.phase;
                let goes_on = machine.take(signal, now);
                let to = goes_on.then_some(machine.phase);
                if !goes_on {
                    self.machines.remove(at);
                }
                (Some(from), to)
            }
        };
        if from != to {
            log(now.at, Change::Reason { reason, subject: subject.clone(), from, to });
        }
    }

    fn drop_reason(&mut self, reason: Reason, now: Now, log: Log<'_>) {
        if let Some(at) = self.machines.iter().position(|machine| machine.reason == reason) {
            let machine = self.machines.remove(at);
            let change =
                Change::Reason { reason, subject: machine.subject, from: Some(machine.phase), to: None };
            log(now.at, change);
        }
    }

    fn be(&mut self, level: Level, now: Now, log: Log<'_>) {
        let from = std::mem::replace(&mut self.silence, level);
        if from != level {
            log(now.at, Change::Silence { from, to: level });
        }
    }

    /// When the band is left if the score stays as it is.
    fn leaves_at(&self) -> Option<Moment> {
        let [attn, crit] = self.below;
        let since = match self.band {
            Band::Ok => None,
            Band::Attn => attn,
            Band::Crit => crit,
        };
        since.map(|since| since.plus(BAND_PATIENCE_MS))
    }

    /// Brings score and band up to date, after everything else of one moment.
    pub(super) fn settle(&mut self, now: Now, log: Log<'_>) {
        self.score = score(&explanation(&self.machines));
        for (below, edge) in self.below.iter_mut().zip(BAND_EDGES) {
            *below = if self.score < edge { below.or(Some(now.moment)) } else { None };
        }
        let entered = Band::entered_by(self.score);
        if entered > self.band {
            self.enter(entered, now, log);
        }
        while self.leaves_at().is_some_and(|at| at <= now.moment) {
            self.enter(if self.band == Band::Crit { Band::Attn } else { Band::Ok }, now, log);
        }
    }

    fn enter(&mut self, to: Band, now: Now, log: Log<'_>) {
        let from = std::mem::replace(&mut self.band, to);
        log(now.at, Change::Band { from, to, score: self.score });
    }

    pub(super) fn standing(&self) -> Standing {
        let reasons = explanation(&self.machines)
            .into_iter()
            .map(|machine| Active {
                reason: machine.reason,
                subject: machine.subject.clone(),
                phase: machine.phase,
                since: machine.fired,
                weight: machine.reason.weight(),
            })
            .collect();
        Standing { band: self.band, silence: self.silence, score: self.score, reasons }
    }
}

/// What a heartbeat says about each reason it can speak of.
fn signals(heartbeat: &Heartbeat, offset: Option<i64>, dropped: &mut u64) -> Vec<(Reason, Subject, Signal)> {
    let service = |reading: &Reading<bool>| match reading {
        Reading::Known(true) => Signal::Good,
        Reading::Known(false) => Signal::Bad,
        Reading::Unknown => Signal::Unknown,
    };
    let between = |value: Option<u64>, bad: fn(u64) -> bool, good: fn(u64) -> bool| match value {
        Some(value) if bad(value) => Signal::Bad,
        Some(value) if good(value) => Signal::Good,
        _ => Signal::Unknown,
    };
    let known = |reading: &Option<Reading<u64>>| match reading {
        Some(Reading::Known(value)) => Some(*value),
        _ => None,
    };
    let used = known(&heartbeat.disk_total_bytes).zip(known(&heartbeat.disk_available_bytes));
    let used = used.filter(|(total, _)| *total > 0).map(|(total, available)| {
        let taken = u128::from(total.saturating_sub(available)) * 1000 / u128::from(total);
        u64::try_from(taken).unwrap_or(1000)
    });
    let off = offset.map(i64::unsigned_abs);
    let spool = heartbeat.spool_dropped.map(|now| {
        let more = now > *dropped;
        *dropped = now;
        if more { Signal::Bad } else { Signal::Good }
    });
    vec![
        (Reason::ServiceDown, Subject::of("services"), service(&heartbeat.services_ok)),
        (Reason::ServiceDown, Subject::of("cloudflare"), service(&heartbeat.cloudflare_ok)),
        (Reason::SpoolDropped, Subject::NODE, spool.unwrap_or(Signal::Unknown)),
        (Reason::DiskCritical, Subject::NODE, between(used, |v| v >= 950, |v| v <= 920)),
        (Reason::DiskLow, Subject::NODE, between(used, |v| v >= 900, |v| v <= 870)),
        (Reason::ClockFarOff, Subject::NODE, between(off, |v| v > 60_000, |v| v <= 60_000)),
        (Reason::ClockOff, Subject::NODE, between(off, |v| v > 5000, |v| v <= 5000)),
    ]
}
