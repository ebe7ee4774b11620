//! What is to become of what is due.

use super::ScheduleStanding;
use spec::Timestamp;
use spec::payload::{CatchUp, MAX_RUN_COUNT, Outside, RunOutcome, RunReason};
use spec::window::{open_until, opens};

/// How long after its time something is begun still, in milliseconds: a restart of the service is no absence.
pub const LATE_MS: u64 = 60_000;

/// The decision about one or several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// When the first was due.
    pub first: Timestamp,
    /// When the last was due.
    pub due: Timestamp,
    /// How many there are, 1 to [`MAX_RUN_COUNT`].
    pub count: u64,
    /// Why none of it is begun; `None`: the one is to be begun.
    pub reason: Option<RunReason>,
}

/// What is to become of one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is to be begun.
    Begins,
    /// It is not begun, for a reason.
    Lapses(RunReason),
    /// Nothing yet.
    Waits,
}

impl Due {
    /// What became of it.
    pub fn outcome(&self) -> RunOutcome {
        match self.reason {
            None => RunOutcome::Started,
            Some(RunReason::Late) => RunOutcome::Missed,
            Some(_) => RunOutcome::Skipped,
        }
    }
}

impl ScheduleStanding {
    /// What is to be decided at `now`: the times that are due, from the first on, as far as the same becomes of them.
    /// `None`: nothing is due, or what is due waits for a window.
    pub fn decide(&self, now: Timestamp) -> Option<Due> {
        let mut times = std::iter::successors(self.next.filter(|first| *first <= now), |time| {
            self.plan.when.next(*time).filter(|next| *next <= now)
        })
        .peekable();
        let mut found: Option<Due> = None;
        while let Some(time) = times.next() {
            let fate = if times.peek().is_some() {
                Fate::Lapses(self.surpassed(time))
            } else {
                self.last(time, now)
            };
            let reason = match fate {
                Fate::Waits => return found,
                Fate::Begins => None,
                Fate::Lapses(reason) => Some(reason),
            };
            found = match found {
                None => Some(Due { first: time, due: time, count: 1, reason }),
                Some(due) if reason.is_some() && due.reason == reason => {
                    Some(Due { due: time, count: due.count + 1, ..due })
                }
                // What becomes of the next is another matter.
                Some(due) => return Some(due),
            };
            if found.is_some_and(|due| due.count == MAX_RUN_COUNT) {
                return found;
            }
        }
        found
    }

    /// When there may be something to decide, if nothing is at `now`.
    pub fn wakes(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.next?;
        if next > now {
            return Some(next);
        }
        // What waits for a window, or the time after it, which takes its place.
        let last =
            std::iter::successors(Some(next), |time| self.plan.when.next(*time)).find(|time| *time > now);
        opens(&self.plan.windows, now).into_iter().chain(last).min()
    }

    fn is_open(&self, time: Timestamp) -> bool {
        self.plan.windows.is_empty() || open_until(&self.plan.windows, time).is_some()
    }

    /// Why a time is not begun that has another behind it.
    fn surpassed(&self, time: Timestamp) -> RunReason {
        if self.is_open(time) { RunReason::Late } else { RunReason::Window }
    }

    /// What becomes of the last time that is due.
    fn last(&self, time: Timestamp, now: Timestamp) -> Fate {
        let waits = self.plan.outside == Some(Outside::Wait);
        if !waits && !self.is_open(time) {
            return Fate::Lapses(RunReason::Window);
        }
        // From when on it could be begun.
        let from = opens(&self.plan.windows, time).unwrap_or(time);
        let is_late = now.millis().saturating_sub(from.millis()) > LATE_MS;
        match (self.is_open(now), self.plan.catch_up) {
            (_, CatchUp::Skip) if is_late => Fate::Lapses(RunReason::Late),
            (true, _) => Fate::Begins,
            (false, _) if waits => Fate::Waits,
            (false, _) => Fate::Lapses(RunReason::Late),
        }
    }
}
