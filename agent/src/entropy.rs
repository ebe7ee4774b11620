//! Random bytes: salts, ids, epochs, jitter.

use spec::{Epoch, Hash, Timestamp, Uuid};
use std::io;
use std::time::Duration;

/// A source of random bytes fit for secrets.
pub trait Entropy {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()>;

    /// 32 random bytes.
    fn salt(&mut self) -> io::Result<Hash> {
        let mut bytes = [0; 32];
        self.fill(&mut bytes)?;
        Ok(Hash(bytes))
    }

    /// A new epoch.
    fn epoch(&mut self) -> io::Result<Epoch> {
        let mut bytes = [0; 16];
        self.fill(&mut bytes)?;
        Ok(Epoch(bytes))
    }

    /// A new UUIDv7.
    fn event_id(&mut self, time: Timestamp) -> io::Result<Uuid> {
        let mut bytes = [0; 10];
        self.fill(&mut bytes)?;
        Ok(Uuid::v7(time, bytes))
    }

    /// A time drawn evenly from nothing to `most`.
    fn up_to(&mut self, most: Duration) -> io::Result<Duration> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        let span = u64::try_from(most.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        // The bias of the remainder is below 2^-40 for any delay used here.
        Ok(Duration::from_millis(u64::from_le_bytes(bytes) % span))
    }
}

/// The kernel's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        getrandom::fill(bytes).map_err(|e| io::Error::other(format!("no random bytes: {e}")))
    }
}
