//! The ladder: snapshots of the folds at rising sizes, so that any past is a short climb away.
//!
//! Every [step](Spacing::step) a rung is made. When all of them together outgrow the budget, the step
//! doubles, and the rungs between go; the newest always stays, for the next start. So the ladder's size is
//! bounded whatever the log's, and a climb is never longer than a step.

use ledger::index::RowError;
use ledger::reader::{ReadError, Reader};
use ledger::shelf::Shelf;
use projections::fold::Projections;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Entries between two rungs while the budget allows it, if nobody says otherwise.
pub const DEFAULT_STEP: u64 = 16_384;

/// Bytes that the rungs may take together, if nobody says otherwise.
pub const DEFAULT_BUDGET_BYTES: u64 = 2 << 30;

/// The distance of rungs, and the number that there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spacing {
    /// Entries between two rungs while the budget allows it; at least 1.
    pub step: u64,
    /// Bytes that the rungs may take together.
    pub budget_bytes: u64,
}

impl Default for Spacing {
    fn default() -> Self {
        Self { step: DEFAULT_STEP, budget_bytes: DEFAULT_BUDGET_BYTES }
    }
}

/// Snapshots of the folds.
#[derive(Debug)]
pub struct Ladder {
    shelf: Shelf,
    spacing: Spacing,
    /// One maker of rungs at a time.
    making: Mutex<()>,
}

impl Ladder {
    /// The ladder beside a log.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn open(reader: &Reader, spacing: Spacing) -> Result<Self, ReadError> {
        let spacing = Spacing { step: spacing.step.max(1), ..spacing };
        Ok(Self { shelf: reader.shelf()?, spacing, making: Mutex::new(()) })
    }

    /// How many entries may be folded before the next rung is due.
    pub fn until_due(&self, size: u64) -> u64 {
        self.spacing.step - size % self.spacing.step
    }

    /// The rungs: sizes, and bytes of each.
    pub fn rungs(&self) -> Vec<(u64, u64)> {
        self.shelf.list()
    }

    /// Makes a rung of folds at a size at which one is due, and sees to the budget.
    ///
    /// # Errors
    /// The index cannot be written.
    pub fn keep(&self, folds: &Projections) -> Result<(), RowError> {
        let size = folds.size();
        if size == 0 || !size.is_multiple_of(self.spacing.step) {
            return Ok(());
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let rungs = self.shelf.list();
        if rungs.iter().any(|(at, _)| *at == size) {
            return Ok(());
        }
        let snapshot = folds.snapshot();
        self.shelf.put(size, &snapshot)?;
        let surplus = surplus(self.shelf.list(), self.spacing);
        if surplus.is_empty() { Ok(()) } else { self.shelf.remove(&surplus) }
    }

    /// The folds at the highest rung that is not above `size`, of this log and of these folds' versions.
    ///
    /// # Errors
    /// The index or the log cannot be read.
    pub async fn below(&self, size: u64, reader: &Reader) -> Result<Option<Projections>, ReadError> {
        for (at, _) in self.shelf.list().into_iter().rev().filter(|(at, _)| *at <= size) {
            let Some(snapshot) = self.shelf.get(at)? else { continue };
            let Ok(folds) = Projections::restore(&snapshot) else { continue };
            // The leaf commits to everything before it: a rung of another log has another.
            let last = reader.record(at.saturating_sub(1)).await?;
            if folds.size() == at && folds.leaf().is_some() && last.map(|record| record.leaf) == folds.leaf()
            {
                return Ok(Some(folds));
            }
        }
        Ok(None)
    }
}

/// The sizes whose rungs have to go: those between the steps that the budget allows.
fn surplus(rungs: Vec<(u64, u64)>, spacing: Spacing) -> Vec<u64> {
    let newest = rungs.last().map(|(size, _)| *size);
    let mut step = spacing.step;
    let stays = |size: u64, step: u64| size.is_multiple_of(step) || Some(size) == newest;
    // The step that there was is found again from what is there; it never shrinks.
    while let Some(wider) = step.checked_mul(2)
        && {
            let bytes: u64 =
                rungs.iter().filter(|(size, _)| stays(*size, step)).map(|(_, bytes)| bytes).sum();
            let few = rungs.iter().filter(|(size, _)| stays(*size, step)).count() < 2;
            bytes > spacing.budget_bytes && !few
        }
    {
        step = wider;
    }
    rungs.into_iter().map(|(size, _)| size).filter(|size| !stays(*size, step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = DEFAULT_STEP;

    #[test]
    fn rungs_thin_out_evenly_and_stay_within_the_budget() {
        let mut rungs: Vec<(u64, u64)> = Vec::new();
        for n in 1..=1000 {
            rungs.push((n * STEP, 100));
            let gone = surplus(rungs.clone(), Spacing { step: STEP, budget_bytes: 1650 });
            rungs.retain(|(size, _)| !gone.contains(size));
            let bytes: u64 = rungs.iter().map(|(_, bytes)| bytes).sum();
            assert!(bytes <= 1650, "{n}: {bytes}");
            assert_eq!(rungs.last().map(|(size, _)| *size), Some(n * STEP), "the newest stays");
        }
        // A thousand rungs' worth of log: what is between two of them is at most twice what it has to be.
        let gaps = rungs.windows(2).map(|pair| (pair[1].0 - pair[0].0) / STEP).max();
        assert!(gaps <= Some(128), "{rungs:?}");
        assert!(rungs.first().is_some_and(|(size, _)| *size <= 128 * STEP));
    }

    #[test]
    fn one_rung_larger_than_the_budget_is_kept() {
        let tiny = Spacing { step: STEP, budget_bytes: 100 };
        assert_eq!(surplus(vec![(STEP, 500)], tiny), Vec::<u64>::new());
        assert_eq!(surplus(vec![(STEP, 500), (2 * STEP, 500)], tiny), vec![STEP]);
    }
}
