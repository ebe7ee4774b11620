//! How fast a scan may read, how much it has read, and whom to tell.

use std::fmt;
use std::time::{Duration, Instant};

/// Bytes that may be read ahead of the rate, so that small files cost no sleep each.
const BURST_BYTES: u64 = 1024 * 1024;

/// The place at which a scan is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'p> {
    /// What it looks at.
    pub at: &'p str,
    /// Bytes read so far.
    pub bytes: u64,
}

/// A listener who is told how far a scan has come.
pub type Tell = Box<dyn FnMut(Progress<'_>) + Send>;

/// A clock that a pace is kept by.
pub trait Timer: Send {
    /// How long the scan has been at work.
    fn elapsed(&self) -> Duration;
    /// Returns after so long.
    fn sleep(&self, pause: Duration);
}

/// The machine's own steady clock.
impl Timer for Instant {
    fn elapsed(&self) -> Duration {
        Self::elapsed(self)
    }

    fn sleep(&self, pause: Duration) {
        std::thread::sleep(pause);
    }
}

/// A limit on bytes per second, and the count of them.
pub struct Pace {
    rate: Option<u64>,
    timer: Box<dyn Timer>,
    bytes: u64,
    at: String,
    tell: Option<Tell>,
}

impl Pace {
    /// At most `rate` bytes per second on average; as fast as can be if absent.
    pub fn new(rate: Option<u64>, tell: Option<Tell>) -> Self {
        let timer = Box::new(Instant::now());
        Self { rate: rate.filter(|rate| *rate > 0), timer, bytes: 0, at: String::new(), tell }
    }

    /// The same, kept by another timer.
    #[must_use]
    pub fn by(self, timer: Box<dyn Timer>) -> Self {
        Self { timer, ..self }
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts what was read and sleeps as long as it came too early.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.say();
        let Some(rate) = self.rate else { return };
        let due = due(self.bytes.saturating_sub(BURST_BYTES), rate);
        let early = due.saturating_sub(self.timer.elapsed());
        if !early.is_zero() {
            self.timer.sleep(early);
        }
    }

    /// Says where the scan is.
    pub(super) fn at(&mut self, at: &str) {
        if self.tell.is_some() {
            at.clone_into(&mut self.at);
            self.say();
        }
    }

    fn say(&mut self) {
        if let Some(tell) = &mut self.tell {
            tell(Progress { at: &self.at, bytes: self.bytes });
        }
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("rate", &self.rate).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// How long so many bytes take at a rate.
fn due(bytes: u64, rate: u64) -> Duration {
    let micros = u128::from(bytes) * 1_000_000 / u128::from(rate);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_hears_of_every_read() {
        let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let hears = std::sync::Arc::clone(&told);
        let tell: Tell = Box::new(move |p| hears.lock().unwrap().push((p.at.to_owned(), p.bytes)));
        let mut pace = Pace::new(None, Some(tell));
        pace.at("/bin");
        pace.spend(7);
        assert_eq!(*told.lock().unwrap(), [("/bin".to_owned(), 0), ("/bin".to_owned(), 7)]);
    }

    #[test]
    fn a_rate_is_kept() {
        let mut pace = Pace::new(Some(10 * BURST_BYTES), None);
        for _ in 0..48 {
            pace.spend(64 * 1024);
        }
        // Three bursts at ten a second, the first of them free. No test can see it sooner than that.
        assert!(pace.timer.elapsed() >= Duration::from_millis(200));
        assert_eq!(due(u64::MAX, 1), Duration::from_micros(u64::MAX));
    }
}
