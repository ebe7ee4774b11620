//! When a running agent scans: on a thread of its own, so that heartbeats go on, one scan at a time.
//!
//! What a scan found becomes an event at the next turn of the agent's loop, a second later at most. A command to
//! scan is over with the next scan that begins after it.

use crate::clock::Now;
use crate::scan::watch::{WatchError, Watched};
use crate::scan::{self, BASELINE_FILE, Options, Outcome, ScanError, WATCH_FILE};
use std::path::Path;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

/// Seconds between two scans unless told otherwise.
pub const DEFAULT_SCAN_SECS: u64 = 24 * 3600;

/// How long after the agent's start the first scan begins at the latest: a machine that has just started has
/// other things to read.
const SETTLE: Duration = Duration::from_mins(2);

/// Stack of the scanning thread, in bytes: as deep as directories are nested.
const STACK_BYTES: usize = 2 * 1024 * 1024;

/// What a turn at scanning came to.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Whether a scan has begun.
    pub(crate) begins: bool,
    /// What a scan came to that is over.
    pub(crate) outcome: Option<Result<Outcome, ScanError>>,
}

/// The schedule of scans, and the scan that is under way.
#[derive(Debug)]
pub struct ScanSchedule {
    options: Options,
    every: Option<Duration>,
    next: Option<Duration>,
    running: Option<Receiver<Result<Outcome, ScanError>>>,
}

impl ScanSchedule {
    /// Scans every so many seconds from `now` on; never by itself if that is 0.
    pub fn new(options: Options, every_secs: u64, now: Now) -> Self {
        let every = (every_secs > 0).then(|| Duration::from_secs(every_secs));
        let next = every.and_then(|every| now.steady.checked_add(every.min(SETTLE)));
        Self { options, every, next, running: None }
    }

    /// Has the next scan begin at the next turn, whatever the schedule says.
    pub fn ask(&mut self, now: Now) {
        self.next = Some(now.steady);
    }

    /// Whether a scan is under way.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Begins a scan that is due, and takes up one that has ended.
    pub(crate) fn turn(&mut self, now: Now) -> Turn {
        let was_running = self.is_running();
        let outcome = self.poll(now);
        Turn { begins: !was_running && (self.is_running() || outcome.is_some()), outcome }
    }

    /// Begins a scan that is due. What one found that has come to its end.
    pub fn poll(&mut self, now: Now) -> Option<Result<Outcome, ScanError>> {
        if let Some(running) = &self.running {
            let outcome = running.try_recv();
            match outcome {
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => {
                    self.running = None;
                    return Some(Err(ScanError::Broken("its thread ended".to_owned())));
                }
                Ok(outcome) => {
                    self.running = None;
                    return Some(outcome);
                }
            }
        }
        if self.next.is_some_and(|next| now.steady >= next) {
            self.next = self.every.and_then(|every| now.steady.checked_add(every));
            match begin(&self.options, now) {
                Ok(running) => self.running = Some(running),
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

/// What a scan found, in a line.
pub(crate) fn summary(outcome: &Outcome) -> String {
    let counts = outcome.scan.counts;
    tracing::info!(counts.critical, counts.high, counts.unknown, outcome.bytes, "scanned");
    format!(
        "{} critical, {} high, {} medium, {} low, {} unknown; {} bytes read\n",
        counts.critical, counts.high, counts.medium, counts.low, counts.unknown, outcome.bytes
    )
}

/// Starts a scan with what the state directory holds at this moment.
fn begin(options: &Options, now: Now) -> Result<Receiver<Result<Outcome, ScanError>>, ScanError> {
    let mut options = options.clone();
    if let Some(dir) = options.state_dir.clone()
        && let Err(error) = refresh(&mut options, &dir)
    {
        tracing::error!(%error, "the list of watched files is not used");
    }
    let (tell, told) = sync_channel(1);
    let started =
        std::thread::Builder::new().name("scan".to_owned()).stack_size(STACK_BYTES).spawn(move || {
            scan::yield_to_others();
            // Nobody listens any more only when the agent ends.
            let _ = tell.send(scan::run(&options, now.wall, None, None));
        });
    started.map(|_| told).map_err(|error| ScanError::Broken(error.to_string()))
}

fn refresh(options: &mut Options, dir: &Path) -> Result<(), WatchError> {
    options.baseline = Some(dir.join(BASELINE_FILE)).filter(|file| file.exists());
    options.watched = Watched::read(&dir.join(WATCH_FILE))?;
    Ok(())
}
