//! What is lost: events that the ledger refused for good, counted, with the reason in words that help.

use super::Exchange;
use crate::chain::refusals::{ID_TIME, Refusal};
use crate::chain::reply::Outcome;
use crate::clock::Now;
use crate::disk::Disk;
use crate::problem::Problem;

impl Exchange {
    /// Counts an event that was refused for good, and says why.
    pub(super) fn lost(&mut self, disk: &impl Disk, now: Now, problem: &Problem) {
        let why = if problem.code == ID_TIME {
            let here = now.wall;
            let off = self.clock_offset_ms.map_or_else(String::new, |offset| {
                let way = if offset < 0 { "ahead of" } else { "behind" };
                format!(", about {} s {way} the ledger's", offset.unsigned_abs() / 1000)
            });
            let why = format!("its time lies too far from the ledger's: this node's clock says {here}{off}");
            tracing::error!("an event is lost: {why}; set the clock of this node right");
            why
        } else {
            problem.describe()
        };
        let refusal = Refusal { at: now.wall, code: problem.code.clone(), why };
        if let Err(error) = self.refusals.add(disk, refusal) {
            tracing::warn!(%error, "an event that is lost could not be counted on the disk");
        }
    }

    /// The same for those of an answer that are settled.
    pub(super) fn count_lost(&mut self, disk: &impl Disk, now: Now, settled: &[Outcome]) {
        for outcome in settled {
            if let Outcome::Problem(_, problem) = outcome {
                self.lost(disk, now, problem);
            }
        }
    }
}
