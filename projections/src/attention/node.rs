//! One node's attention: its silence, its reasons, its score and its band.

use super::Change;
use super::liveness::{Level, Rhythm};
use super::reason::{Machine, Phase, Reason, Signal, explanation, score};
use crate::fleet::DEFAULT_INTERVAL;
use crate::listening::Moment;
use serde::Serialize;
use spec::payload::{Heartbeat, Reading};
use spec::{Name, Timestamp, Uuid};

/// How long a score must stay below a band's edge before the band is left, in milliseconds.
const BAND_PATIENCE_MS: u64 = 5 * 60_000;

/// How badly a node needs a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
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

    /// The band that a score keeps one in.
    fn kept_by(self, score: u64) -> Self {
        match (self, score) {
            (Self::Crit, 60..) => Self::Crit,
            (Self::Crit | Self::Attn, 15..) => Self::Attn,
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
    #[serde(skip_serializing_if = "str::is_empty")]
    pub subject: &'static str,
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
#[derive(Debug, Clone)]
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
    /// Since when the score is below what keeps the band.
    leaving: Option<Moment>,
    dropped: u64,
}

type Log<'a> = &'a mut dyn FnMut(Moment, Change);

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
            leaving: None,
            dropped: 0,
        }
    }

    /// When something changes though nothing is heard.
    pub(super) fn due(&self, resumed: Moment) -> Option<Moment> {
        let silence = self.heard.zip(self.silence.next());
        let silence = silence.map(|(heard, next)| self.rhythm.due(next, self.interval_ms, heard, resumed));
        let band = self.leaving.map(|since| since.plus(BAND_PATIENCE_MS));
        [silence, band].into_iter().flatten().min()
    }

    /// Lets what is due at `now` come about.
    pub(super) fn run(&mut self, now: Moment, resumed: Moment, log: Log<'_>) {
        while let Some((heard, next)) = self.heard.zip(self.silence.next())
            && self.rhythm.due(next, self.interval_ms, heard, resumed) <= now
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
        self.settle(now, log);
    }

    /// Silence gives one reason at a time: the gravest it has reached since three heartbeats in time.
    fn raise(&mut self, reason: Reason, now: Moment, log: Log<'_>) {
        let silent = |other: Reason| matches!(other, Reason::Lost | Reason::Offline | Reason::Stale);
        let graver = self.machines.iter().map(|m| m.reason).filter(|r| silent(*r)).map(Reason::weight).max();
        let known = self.machines.iter().map(|m| m.reason).find(|r| silent(*r));
        match known {
            Some(known) if graver > Some(reason.weight()) => self.signal(known, "", Signal::Bad, now, log),
            Some(known) if known != reason => {
                self.drop_reason(known, now, log);
                self.signal(reason, "", Signal::Bad, now, log);
            }
            _ => self.signal(reason, "", Signal::Bad, now, log),
        }
    }

    /// Takes a heartbeat in, recorded at `at`, the moment `now`; `ts` is when the node says it was.
    pub(super) fn heartbeat(
        &mut self,
        heartbeat: &Heartbeat,
        ts: Timestamp,
        at: Timestamp,
        now: Moment,
        resumed: Moment,
        log: Log<'_>,
    ) {
        if let Some(heard) = self.heard {
            self.rhythm.add(now.since(heard));
        }
        if let Some(secs) = heartbeat.interval_secs {
            // A day is the longest the service asks for.
            self.interval_ms = secs.clamp(1, 86_400) * 1000;
        }
        self.heard = Some(now);
        self.be(Level::Live, now, log);
        for reason in [Reason::Lost, Reason::Offline, Reason::Stale] {
            self.signal(reason, "", Signal::Good, now, log);
        }
        let offset = match &heartbeat.clock_offset_ms {
            Some(Reading::Known(offset)) => Some(*offset),
            _ => None,
        };
        if !self.is_old(ts, at, offset) {
            for (reason, subject, signal) in signals(heartbeat, offset, &mut self.dropped) {
                self.signal(reason, subject, signal, now, log);
            }
        }
        self.run(now, resumed, log);
    }

    /// Whether a heartbeat was made well before it arrived: it waited in the node's spool.
    fn is_old(&self, ts: Timestamp, at: Timestamp, offset: Option<i64>) -> bool {
        let made = ts.millis().saturating_add_signed(offset.unwrap_or(0));
        at.millis().saturating_sub(made) > (2 * self.interval_ms).max(60_000)
    }

    /// The node's key has ended: nothing is expected of it any more.
    pub(super) fn retire(&mut self, now: Moment, log: Log<'_>) {
        self.heard = None;
        self.be(Level::Live, now, log);
        for reason in [Reason::Lost, Reason::Offline, Reason::Stale] {
            self.drop_reason(reason, now, log);
        }
        self.settle(now, log);
    }

    /// Takes a signal about a reason in.
    pub(super) fn signal(
        &mut self,
        reason: Reason,
        subject: &'static str,
        signal: Signal,
        now: Moment,
        log: Log<'_>,
    ) {
        let at = self.machines.binary_search_by_key(&(reason, subject), |m| (m.reason, m.subject));
        let (from, to) = match at {
            Err(_) if signal != Signal::Bad => return,
            Err(at) => {
                let machine = Machine::begin(reason, subject, now);
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
            log(now, Change::Reason { reason, subject, from, to });
            self.settle(now, log);
        }
    }

    fn drop_reason(&mut self, reason: Reason, now: Moment, log: Log<'_>) {
        if let Some(at) = self.machines.iter().position(|machine| machine.reason == reason) {
            let machine = self.machines.remove(at);
            let change =
                Change::Reason { reason, subject: machine.subject, from: Some(machine.phase), to: None };
            log(now, change);
        }
    }

    fn be(&mut self, level: Level, now: Moment, log: Log<'_>) {
        let from = std::mem::replace(&mut self.silence, level);
        if from != level {
            log(now, Change::Silence { from, to: level });
        }
    }

    /// Brings score and band up to date.
    fn settle(&mut self, now: Moment, log: Log<'_>) {
        self.score = score(&explanation(&self.machines));
        let (entered, kept) = (Band::entered_by(self.score), self.band.kept_by(self.score));
        let to = if entered > self.band {
            entered
        } else if kept == self.band {
            self.leaving = None;
            return;
        } else {
            let since = *self.leaving.get_or_insert(now);
            if now.since(since) < BAND_PATIENCE_MS {
                return;
            }
            kept
        };
        self.leaving = None;
        let from = std::mem::replace(&mut self.band, to);
        log(now, Change::Band { from, to, score: self.score });
        // One band down, the score may be too low for that one as well.
        if self.band.kept_by(self.score) != self.band {
            self.leaving = Some(now);
        }
    }

    pub(super) fn standing(&self, clock: impl Fn(Moment) -> Timestamp) -> Standing {
        let reasons = explanation(&self.machines)
            .into_iter()
            .map(|machine| Active {
                reason: machine.reason,
                subject: machine.subject,
                phase: machine.phase,
                since: clock(machine.fired),
                weight: machine.reason.weight(),
            })
            .collect();
        Standing { band: self.band, silence: self.silence, score: self.score, reasons }
    }
}

/// What a heartbeat says about each reason it can speak of.
fn signals(
    heartbeat: &Heartbeat,
    offset: Option<i64>,
    dropped: &mut u64,
) -> Vec<(Reason, &'static str, Signal)> {
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
        (Reason::ServiceDown, "services", service(&heartbeat.services_ok)),
        (Reason::ServiceDown, "cloudflare", service(&heartbeat.cloudflare_ok)),
        (Reason::SpoolDropped, "", spool.unwrap_or(Signal::Unknown)),
        (Reason::DiskCritical, "", between(used, |v| v >= 950, |v| v <= 920)),
        (Reason::DiskLow, "", between(used, |v| v >= 900, |v| v <= 870)),
        (Reason::ClockFarOff, "", between(off, |v| v > 60_000, |v| v <= 60_000)),
        (Reason::ClockOff, "", between(off, |v| v > 5000, |v| v <= 5000)),
    ]
}
