//! The demo's story: a seal; an agent that dies, is missed, and comes back without losing anything; a copy
//! that verifies, and the same copy with one byte flipped.

use super::fleet::Fleet;
use super::screen::Screen;
use crate::commands::export;
use crate::data::DataDir;
use crate::failure::Failure;
use ledger::Ledger;
use ledger::durable::{Disk as _, RealDisk};
use ledger::storage::segment_name;
use ledger::verify::{DiskSource, Options, Trust, Verdict, verify_log};
use projections::former::Refolding;
use std::time::{Duration, Instant};

/// The agent the story is about.
const HERO: usize = 0;

/// Events the hero gathers while it is cut off.
const SPOOLED: u64 = 3;

/// Where the story stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chapter {
    Seal,
    Kill,
    Stale,
    CutOff,
    Spooling,
    Drained,
    Copy,
    Told,
}

#[derive(Debug)]
pub(super) struct Story {
    dir: DataDir,
    ledger: Ledger,
    chapter: Chapter,
    since: Instant,
    spooled: u64,
    before: u64,
}

impl Story {
    pub(super) fn new(dir: &DataDir, ledger: Ledger) -> Self {
        Self {
            dir: dir.clone(),
            ledger,
            chapter: Chapter::Seal,
            since: Instant::now(),
            spooled: 0,
            before: 0,
        }
    }

    /// Whether it is over.
    pub(super) fn told(&self) -> bool {
        self.chapter == Chapter::Told
    }

    /// Moves on if it is time.
    pub(super) async fn tick(&mut self, fleet: &mut Fleet, screen: &mut Screen) -> Result<(), Failure> {
        let waited = self.since.elapsed();
        let hero =
            fleet.agents.get(HERO).map(|a| (a.name.clone(), a.is_stale(self.ledger.now()), a.heartbeats));
        let Some((name, stale, heartbeats)) = hero else { return Ok(()) };
        match self.chapter {
            Chapter::Seal if waited >= Duration::from_secs(10) => {
                let seq = self.ledger.seal().await.map_err(Failure::io)?;
                let seq = seq.map_or_else(String::new, |seq| format!(" (seq {seq})"));
                screen.event("seal", &format!("sealed{seq}: PROOFCHAIN.json has one row more"))?;
                self.enter(Chapter::Kill);
            }
            Chapter::Kill if waited >= Duration::from_secs(2) => {
                fleet.kill(HERO).await?;
                screen.event("kill", &format!("{name}: killed with SIGKILL"))?;
                self.enter(Chapter::Stale);
            }
            Chapter::Stale if stale => {
                screen.event("stale", &format!("{name}: stale, three heartbeats missed"))?;
                fleet.restart(HERO, false)?;
                screen.event("cut-off", &format!("{name}: back, but without a network; it spools"))?;
                self.enter(Chapter::CutOff);
            }
            Chapter::CutOff if waited >= Duration::from_secs(2) => {
                self.spooled = fleet.spool_depth(HERO).await?;
                if self.spooled >= SPOOLED {
                    self.before = heartbeats;
                    fleet.kill(HERO).await?;
                    fleet.restart(HERO, true)?;
                    screen.event(
                        "return",
                        &format!("{name}: network back, {} events in its spool", self.spooled),
                    )?;
                    self.enter(Chapter::Spooling);
                }
            }
            Chapter::Spooling if heartbeats >= self.before + self.spooled => self.enter(Chapter::Drained),
            Chapter::Drained => {
                let chain = fleet.agents.get(HERO).map(|a| a.chain.clone()).unwrap_or_default();
                let whole = chain.iter().copied().eq(0..chain.len() as u64);
                if !whole {
                    return Err(Failure::refused(format!("{name}: its chain has a gap: {chain:?}")));
                }
                let text = format!("{name}: spool drained, chain 0 to {} without a gap", chain.len() - 1);
                screen.event("drained", &text)?;
                self.enter(Chapter::Copy);
            }
            Chapter::Copy => {
                self.copy_and_flip(screen)?;
                self.enter(Chapter::Told);
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, chapter: Chapter) {
        self.chapter = chapter;
        self.since = Instant::now();
    }

    /// Exports, verifies, flips one bit of the copy, and verifies again.
    fn copy_and_flip(&self, screen: &mut Screen) -> Result<(), Failure> {
        let out = self.dir.path().join("copy");
        if out.exists() {
            std::fs::remove_dir_all(&out)?;
        }
        export::copy(&self.dir, &out, true)?;
        let disk = RealDisk::existing(&out);
        let options = Options {
            trust: Trust { ledger: Some(self.ledger.id()), ..Trust::default() },
            covered: true,
            ..Options::default()
        };
        let good = verify_log(&DiskSource(&disk), &options, Some(&mut Refolding::default()), &mut |_| {});
        if good.verdict != Verdict::Verified {
            let why = good.failures.first().map(ToString::to_string).unwrap_or_default();
            return Err(Failure::refused(format!("the copy does not verify: {why}")));
        }
        let text =
            format!("exported to {}: VERIFIED, {} entries, {} seals", out.display(), good.size, good.seals);
        screen.event("verified", &text)?;

        let name = segment_name(0);
        let byte = disk.len(&name)? / 2;
        let old = disk.read_at(&name, byte, 1)?;
        let flipped: Vec<u8> = old.iter().map(|b| b ^ 1).collect();
        disk.write_at(&name, byte, &flipped)?;
        let bad = verify_log(&DiskSource(&disk), &options, Some(&mut Refolding::default()), &mut |_| {});
        let Some(failure) = bad.failures.first().filter(|_| bad.verdict == Verdict::Failed) else {
            return Err(Failure::refused("a flipped bit in the copy was not found"));
        };
        screen.event("flipped", &format!("one bit of the copy flipped, byte {byte} of {name}"))?;
        screen.event("found", &format!("DOES NOT VERIFY: {failure}"))
    }
}
