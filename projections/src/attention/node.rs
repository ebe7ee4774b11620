//! One node's attention: its silence, its reasons, its score and its band.

use super::Change;
use super::flapping::Flapping;
use super::liveness::{Level, Rhythm};
use super::orders::Orders;
use super::posture::{self, Findings};
use super::reason::{Machine, Phase, Reason, Signal, Subject, explanation, score};
use super::rules::Rules;
use super::signals;
use super::site::Presence;
use super::tell::Told;
use crate::fleet::DEFAULT_INTERVAL;
use crate::listening::{Moment, Now};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::payload::{Band, Goodbye, Heartbeat, Posture, Reading, Scan};
use spec::{Hash, Name, PublicKey, Timestamp, Uuid};

/// How long a node is not missed that said that it would be away, in milliseconds of listening time: the longest
/// absence that nobody need agree to, a night or a day's work. An operator who knows of a longer one silences the node.
pub const MAX_ABSENCE_MS: u64 = 12 * 3_600_000;

/// Reasons that are listed; of more, only how many there are.
pub const MAX_LISTED: usize = 64;

/// A reason that counts, with its place in the explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttentionReason {
    /// The reason.
    pub reason: Reason,
    /// What it is about; absent for the node itself.
    #[serde(default, skip_serializing_if = "Subject::is_empty")]
    pub subject: Subject,
    /// Where it stands.
    pub phase: Phase,
    /// Since when it counts.
    pub since: Timestamp,
    /// Its weight.
    pub weight: u64,
}

/// The standing of a node: what operators see, and what digests are over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttentionStanding {
    /// Its band.
    pub band: Band,
    /// Whether it goes back and forth.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flapping: bool,
    /// Its silence.
    pub silence: Level,
    /// Its score, 0 to 100.
    pub score: u64,
    /// Why, the heaviest first, at most [`MAX_LISTED`].
    pub reasons: Vec<AttentionReason>,
    /// Reasons beyond those.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_reasons: usize,
    /// Findings that count for nothing because people accepted them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub accepted_findings: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// What is kept of a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NodeAttention {
    pub(super) org: Name,
    pub(super) id: Uuid,
    pub(super) tenant: Option<Name>,
    /// The label `site`.
    pub(super) site: Option<String>,
    /// Under which moment the queue has it.
    pub(super) queued: Option<Moment>,
    /// What was said to operators.
    pub(super) told: Told,
    /// How it stands as its site knows it.
    pub(super) known: Presence,
    /// Whether its site is in a storm.
    pub(super) in_storm: bool,
    /// When the last storm of its site ended.
    pub(super) calm_since: Option<Moment>,
    interval_ms: u64,
    rhythm: Rhythm,
    heard: Option<Moment>,
    silence: Level,
    /// Since when it is silent to a degree that counts.
    silent_since: Option<Moment>,
    /// In the order of reason and subject.
    machines: Vec<Machine>,
    score: u64,
    band: Band,
    /// Since when the score is too low to stay in ATTN and in CRIT.
    below: [Option<Moment>; 2],
    flapping: Flapping,
    /// Whether something began or ended to count since the last observation.
    changed: bool,
    orders: Orders,
    dropped: u64,
    /// The key it speaks with.
    key: Option<PublicKey>,
    /// The policy it follows, by its last heartbeat.
    policy: Option<Hash>,
    /// Since when it is away as it said; its next heartbeat ends that.
    #[serde(default)]
    away_since: Option<Moment>,
}

/// Under what a node is looked at.
pub(super) struct Cx<'a> {
    pub(super) now: Now,
    /// When the ledger last began to listen.
    pub(super) resumed: Moment,
    pub(super) rules: &'a Rules,
    /// What changes.
    pub(super) changes: &'a mut Vec<(Timestamp, Change)>,
}

impl Cx<'_> {
    fn log(&mut self, change: Change) {
        self.changes.push((self.now.at, change));
    }
}

impl NodeAttention {
    pub(super) fn new(org: Name, id: Uuid) -> Self {
        Self {
            org,
            id,
            tenant: None,
            site: None,
            queued: None,
            told: Told::default(),
            known: Presence::Absent,
            in_storm: false,
            calm_since: None,
            interval_ms: u64::try_from(DEFAULT_INTERVAL.as_millis()).unwrap_or(u64::MAX),
            rhythm: Rhythm::default(),
            heard: None,
            silence: Level::Live,
            silent_since: None,
            machines: Vec::new(),
            score: 0,
            band: Band::Ok,
            below: [None; 2],
            flapping: Flapping::default(),
            changed: false,
            orders: Orders::default(),
            dropped: 0,
            key: None,
            policy: None,
            away_since: None,
        }
    }

    /// When something changes though nothing is heard.
    pub(super) fn due(&self, resumed: Moment, rules: &Rules) -> Option<Moment> {
        let silence = self.heard.zip(self.silence.next());
        let silence = silence.map(|(heard, next)| self.rhythm.due(next, self.interval_ms, heard, resumed));
        let flaps = self.flaps_until(resumed, rules);
        [silence, self.leaves_at(rules), self.orders.due(), flaps].into_iter().flatten().min()
    }

    /// When a silent node that flaps no longer does: nobody goes back and forth who says nothing for as long as the
    /// heartbeats of a whole window take.
    fn flaps_until(&self, resumed: Moment, rules: &Rules) -> Option<Moment> {
        self.silent_since.filter(|_| self.flapping.is_on())?;
        let since = self.heard?.max(resumed);
        Some(since.plus(rules.flapping.window.saturating_mul(self.interval_ms)))
    }

    /// When what was held back of its silence is to be told.
    pub(super) fn tells_at(&self) -> Option<Moment> {
        let since = self.silent_since.filter(|_| !self.told.knows_silence())?;
        Some(Some(since).max(self.calm_since)?.plus(self.storm_window()))
    }

    /// When to look at it again after `now`, at which everything due was taken in.
    pub(super) fn next(&self, resumed: Moment, rules: &Rules, now: Moment) -> Option<Moment> {
        // What was to be told by now was told, or has nothing new in it.
        let tells = self.tells_at().filter(|at| *at > now && !self.in_storm && !self.is_flapping());
        let due = self.due(resumed, rules).map(|due| due.max(now.plus(1)));
        due.into_iter().chain(tells).min()
    }

    /// How long it is waited whether others of the site fall silent as well.
    pub(super) fn storm_window(&self) -> u64 {
        2 * self.interval_ms
    }

    pub(super) fn silent_since(&self) -> Option<Moment> {
        self.silent_since
    }

    /// How it stands for its site.
    pub(super) fn presence(&self) -> Presence {
        match self.silent_since {
            _ if self.heard.is_none() || self.silence == Level::Planned => Presence::Absent,
            Some(since) => Presence::Silent(since),
            None => Presence::Heard,
        }
    }

    pub(super) fn is_flapping(&self) -> bool {
        self.flapping.is_on()
    }

    pub(super) fn band(&self) -> Band {
        self.band
    }

    pub(super) fn score(&self) -> u64 {
        self.score
    }

    /// The reasons that count, the heaviest first.
    pub(super) fn explanation(&self, rules: &Rules) -> Vec<&Machine> {
        explanation(&self.machines, rules)
    }

    /// Whether nothing is the matter with it, and nothing was: it can only fall silent.
    pub(super) fn is_calm(&self) -> bool {
        self.silence == Level::Live
            && self.machines.is_empty()
            && self.band == Band::Ok
            && !self.flapping.is_on()
            && !self.changed
            && self.below.iter().all(Option::is_some)
            && self.presence() == self.known
            && self.told.is_nothing()
    }

    /// Lets what is due come about.
    pub(super) fn run(&mut self, cx: &mut Cx<'_>) {
        for command in self.orders.expire(cx.now.moment) {
            self.signal(Reason::CommandOverdue, &Subject::from(command.to_string()), Signal::Bad, cx);
        }
        while let Some((heard, next)) = self.heard.zip(self.silence.next())
            && self.rhythm.due(next, self.interval_ms, heard, cx.resumed) <= cx.now.moment
        {
            self.be(next, cx);
            let reason = match next {
                Level::Stale => Reason::Stale,
                Level::Offline => Reason::Offline,
                Level::Lost => Reason::Lost,
                Level::Planned | Level::Live | Level::Late => continue,
            };
            self.raise(reason, cx);
            self.observe(cx);
        }
        if self.flaps_until(cx.resumed, cx.rules).is_some_and(|until| until <= cx.now.moment) {
            self.flapping = Flapping::default();
        }
    }

    /// Silence gives one reason at a time: the gravest it has reached since three heartbeats in time.
    fn raise(&mut self, reason: Reason, cx: &mut Cx<'_>) {
        let known = self.machines.iter().map(|machine| machine.reason).find(|reason| reason.is_silence());
        match known {
            // The order of the degrees is that of the reasons.
            Some(known) if known < reason => self.signal(known, &Subject::NODE, Signal::Bad, cx),
            Some(known) if known != reason => {
                // One degree in place of another is no new thing.
                let changed = self.changed;
                self.drop_reason(known, cx);
                self.signal(reason, &Subject::NODE, Signal::Bad, cx);
                self.changed = changed;
            }
            _ => self.signal(reason, &Subject::NODE, Signal::Bad, cx),
        }
    }

    /// Takes a heartbeat in; `ts` is when the node says it was, `desired` the policy it is to follow, `most_secs` the
    /// longest interval that is waited for.
    pub(super) fn heartbeat(
        &mut self,
        heartbeat: &Heartbeat,
        ts: Timestamp,
        desired: Option<Hash>,
        most_secs: u64,
        cx: &mut Cx<'_>,
    ) {
        if let Some(heard) = self.heard
            && self.silence != Level::Planned
        {
            self.rhythm.add(cx.now.moment.since(heard));
        }
        if let Some(secs) = heartbeat.interval_secs {
            self.interval_ms = secs.clamp(1, most_secs) * 1000;
        }
        self.heard = Some(cx.now.moment);
        self.away_since = None;
        self.be(Level::Live, cx);
        for reason in [Reason::Lost, Reason::Offline, Reason::Stale] {
            self.signal(reason, &Subject::NODE, Signal::Good, cx);
        }
        let offset = match &heartbeat.clock_offset_ms {
            Some(Reading::Known(offset)) => Some(*offset),
            _ => None,
        };
        if !self.is_old(ts, cx.now.at, offset) {
            for (reason, subject, signal) in signals::of_heartbeat(heartbeat, offset, &mut self.dropped) {
                self.signal(reason, &subject, signal, cx);
            }
            self.policy = heartbeat.policy_hash;
            if desired.is_some() && desired != self.policy {
                self.signal(Reason::PolicyDrift, &Subject::NODE, Signal::Bad, cx);
            } else {
                self.follow(desired, cx);
            }
        }
        self.observe(cx);
        self.run(cx);
    }

    /// Whether it follows another policy than it is to follow, for long or not.
    pub(super) fn drifts(&self) -> bool {
        self.machines.iter().any(|machine| machine.reason == Reason::PolicyDrift)
    }

    /// What it is to follow may have changed. That it drifts is for its heartbeats to show.
    pub(super) fn follow(&mut self, desired: Option<Hash>, cx: &mut Cx<'_>) {
        if desired.is_none() {
            self.drop_reason(Reason::PolicyDrift, cx);
        } else if desired == self.policy {
            self.signal(Reason::PolicyDrift, &Subject::NODE, Signal::Good, cx);
        }
    }

    /// Whether a heartbeat was made well before it arrived: it waited in the node's spool.
    fn is_old(&self, ts: Timestamp, at: Timestamp, offset: Option<i64>) -> bool {
        let made = ts.millis().saturating_add_signed(offset.unwrap_or(0));
        at.millis().saturating_sub(made) > (2 * self.interval_ms).max(60_000)
    }

    /// What a scan says of it. One that is made up for a trial says nothing.
    pub(super) fn scanned(&self, scan: &Scan, findings: Findings) -> Vec<signals::Said> {
        if scan.simulated {
            return Vec::new();
        }
        let known = self.findings().map(|(_, machine)| (machine.reason, machine.subject.clone()));
        signals::of_scan(scan, findings, known)
    }

    /// Takes in what a scan said, each with whether people accepted it.
    pub(super) fn scan(&mut self, said: Vec<(bool, signals::Said)>, cx: &mut Cx<'_>) {
        for (accepted, (reason, subject, signal)) in said {
            self.signal(reason, &subject, signal, cx);
            let at = self.machines.binary_search_by(|m| (m.reason, &m.subject).cmp(&(reason, &subject)));
            if let Some(machine) = at.ok().and_then(|at| self.machines.get_mut(at)) {
                machine.accepted = accepted;
            }
        }
    }

    /// What scans found on it, each with its place among the reasons at work.
    pub(super) fn findings(&self) -> impl Iterator<Item = (usize, &Machine)> {
        self.machines.iter().enumerate().filter(|(_, machine)| machine.reason.is_finding())
    }

    /// People accepted findings, or no longer do: from `now` on those count.
    pub(super) fn accept(&mut self, changed: &[(usize, bool)], now: Timestamp) {
        for (place, accepted) in changed {
            if let Some(machine) = self.machines.get_mut(*place) {
                machine.accepted = *accepted;
                machine.fired = if *accepted { machine.fired } else { now };
            }
        }
    }

    /// What of its findings counts.
    pub(super) fn posture(&self, rules: &Rules) -> Posture {
        posture::posture(&self.explanation(rules), rules)
    }

    /// The node said that it would be away: it is not missed until it said it would be back, and for no longer than
    /// `most_ms` since it first said so. One goodbye after the other makes no longer absence.
    pub(super) fn goodbye(&mut self, goodbye: &Goodbye, most_ms: Option<u64>, cx: &mut Cx<'_>) {
        let left = goodbye.until.map(|until| until.millis().saturating_sub(cx.now.at.millis()));
        let mut until = left.map(|left| cx.now.moment.plus(left));
        if let Some(most_ms) = most_ms {
            let most = self.away_since.get_or_insert(cx.now.moment).plus(most_ms);
            if most <= cx.now.moment {
                return;
            }
            until = Some(until.map_or(most, |until| until.min(most)));
        }
        self.forget_silence(cx);
        self.be(Level::Planned, cx);
        self.heard = until;
    }

    /// The node was introduced with a key: from now on it is to be heard of.
    pub(super) fn introduce(&mut self, key: PublicKey, tenant: Option<&Name>, now: Now) {
        self.key = Some(key);
        self.tenant = tenant.cloned();
        self.heard.get_or_insert(now.moment);
    }

    /// A key has ended. If it is the one the node speaks with, nothing is expected of it any more.
    pub(super) fn retire(&mut self, key: &PublicKey, cx: &mut Cx<'_>) {
        if self.key != Some(*key) {
            return;
        }
        self.heard = None;
        self.be(Level::Live, cx);
        self.forget_silence(cx);
    }

    fn forget_silence(&mut self, cx: &mut Cx<'_>) {
        for reason in [Reason::Lost, Reason::Offline, Reason::Stale] {
            self.drop_reason(reason, cx);
        }
    }

    /// The node's open commands.
    pub(super) fn orders(&mut self) -> &mut Orders {
        &mut self.orders
    }

    /// Takes a signal about a reason in.
    pub(super) fn signal(&mut self, reason: Reason, subject: &Subject, signal: Signal, cx: &mut Cx<'_>) {
        let at = self.machines.binary_search_by(|m| (m.reason, &m.subject).cmp(&(reason, subject)));
        if at.is_err() && signal != Signal::Bad {
            return;
        }
        let rules = cx.rules.of_reason(reason);
        let (from, to) = match at {
            Err(at) => {
                let machine = Machine::begin(reason, subject.clone(), rules, cx.now);
                let phase = machine.phase;
                self.machines.insert(at, machine);
                (None, Some(phase))
            }
            Ok(at) => {
                let Some(machine) = self.machines.get_mut(at) else { return };
                let from = machine.phase;
                let goes_on = machine.take(signal, rules, cx.now);
                let to = goes_on.then_some(machine.phase);
                if !goes_on {
                    self.machines.remove(at);
                }
                (Some(from), to)
            }
        };
        if from != to {
            let counts = |phase: Option<Phase>| phase.is_some_and(|phase| phase != Phase::Pending);
            self.changed |= counts(from) != counts(to);
            cx.log(Change::Reason { reason, subject: subject.clone(), from, to });
        }
    }

    /// Ends a reason of one subject whatever its state: a person says so.
    pub(super) fn clear(&mut self, reason: Reason, subject: &Subject, cx: &mut Cx<'_>) {
        if let Some(at) = self.machines.iter().position(|m| m.reason == reason && m.subject == *subject) {
            self.remove(at, cx);
        }
    }

    fn drop_reason(&mut self, reason: Reason, cx: &mut Cx<'_>) {
        if let Some(at) = self.machines.iter().position(|machine| machine.reason == reason) {
            self.remove(at, cx);
        }
    }

    fn remove(&mut self, at: usize, cx: &mut Cx<'_>) {
        let machine = self.machines.remove(at);
        self.changed |= machine.is_active();
        let Machine { reason, subject, phase, .. } = machine;
        cx.log(Change::Reason { reason, subject, from: Some(phase), to: None });
    }

    fn observe(&mut self, cx: &Cx<'_>) {
        let changed = std::mem::take(&mut self.changed);
        self.flapping.observe(changed, cx.rules.flapping);
    }

    fn be(&mut self, level: Level, cx: &mut Cx<'_>) {
        let from = std::mem::replace(&mut self.silence, level);
        self.silent_since = level.is_silent().then(|| self.silent_since.unwrap_or(cx.now.moment));
        if from != level {
            cx.log(Change::Silence { from, to: level });
        }
    }

    /// When the band is left if the score stays as it is.
    fn leaves_at(&self, rules: &Rules) -> Option<Moment> {
        let [attn, crit] = self.below;
        let since = match self.band {
            Band::Ok => None,
            Band::Attn => attn,
            Band::Crit => crit,
        };
        since.map(|since| since.plus(rules.patience_ms))
    }

    /// Brings score and band up to date, after everything else of one moment.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>) {
        let reasons = explanation(&self.machines, cx.rules);
        self.score = score(&reasons, cx.rules);
        let at_once =
            reasons.first().is_some_and(|machine| cx.rules.weight(machine.reason) >= cx.rules.at_once);
        for (below, edge) in self.below.iter_mut().zip([cx.rules.attn.leave, cx.rules.crit.leave]) {
            // What entered CRIT by its weight holds it, whatever the score.
            *below = if self.score < edge && !at_once { below.or(Some(cx.now.moment)) } else { None };
        }
        let entered = match self.score {
            _ if at_once => Band::Crit,
            score if score >= cx.rules.crit.enter => Band::Crit,
            score if score >= cx.rules.attn.enter => Band::Attn,
            _ => Band::Ok,
        };
        if entered > self.band {
            self.enter(entered, cx);
        }
        while self.leaves_at(cx.rules).is_some_and(|at| at <= cx.now.moment) {
            self.enter(if self.band == Band::Crit { Band::Attn } else { Band::Ok }, cx);
        }
    }

    fn enter(&mut self, to: Band, cx: &mut Cx<'_>) {
        let from = std::mem::replace(&mut self.band, to);
        cx.log(Change::Band { from, to, score: self.score });
    }

    pub(super) fn standing(&self, rules: &Rules) -> AttentionStanding {
        let explanation = explanation(&self.machines, rules);
        let more_reasons = explanation.len().saturating_sub(MAX_LISTED);
        let reasons = explanation
            .into_iter()
            .take(MAX_LISTED)
            .map(|machine| AttentionReason {
                reason: machine.reason,
                subject: machine.subject.clone(),
                phase: machine.phase,
                since: machine.fired,
                weight: rules.weight(machine.reason),
            })
            .collect();
        AttentionStanding {
            band: self.band,
            flapping: self.flapping.is_on(),
            silence: self.silence,
            score: self.score,
            reasons,
            more_reasons,
            accepted_findings: self
                .findings()
                .filter(|(_, machine)| machine.accepted && machine.is_active())
                .count(),
        }
    }
}
