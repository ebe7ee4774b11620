//! When the entries of a log were recorded, as far as an entry that sets the clock back speaks of it.

use crate::fault::Fault;
use crate::replay::Replayed;
use spec::payload::Clock;
use spec::{Kind, Timestamp};

/// The times of all entries, where they change.
#[derive(Debug, Default)]
pub(super) struct Times(Vec<(u64, Timestamp)>);

impl Times {
    /// Takes in the next entry. One that sets the clock back says from where on the times before it are not right.
    pub(super) fn take(&mut self, item: &Replayed) -> Result<(), Fault> {
        let entry = &item.record.entry;
        let (seq, at) = (entry.position.seq, entry.position.recorded_at);
        if entry.header.kind == Kind::Clock {
            let json = item.record.payload.as_ref().map_or("", |payload| &payload.json);
            let said: Clock =
                serde_json::from_str(json).map_err(|e| Fault::new("payload-schema", e.to_string()))?;
            let since = self.later_than(said.time, seq);
            if said.since != since {
                let detail = format!("the entries before it are later than its time from {since} on");
                return Err(Fault::new("clock", detail));
            }
        }
        if self.0.last().is_none_or(|(_, last)| *last != at) {
            self.0.push((seq, at));
        }
        Ok(())
    }

    /// Seq from which on all of the first `size` entries were recorded after a time.
    fn later_than(&self, time: Timestamp, size: u64) -> u64 {
        let earlier = self.0.iter().rposition(|(_, at)| *at <= time);
        let first = earlier.map_or(0, |earlier| earlier + 1);
        self.0.get(first).map_or(size, |(seq, _)| *seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_entries_begin_behind_the_last_that_is_not() {
        let at = Timestamp::from_millis;
        let times = Times(vec![(0, at(10)), (3, at(50)), (5, at(20)), (8, at(60))]);
        for (time, since) in [(5, 0), (10, 3), (20, 8), (59, 8), (60, 9)] {
            assert_eq!(times.later_than(at(time), 9), since, "{time}");
        }
    }
}
