//! Token buckets by subject. What is spent is charged after the fact, so that nobody can spend what is
//! another's: an event costs its author only once its signature has been checked.

use crate::limits::Rate;
use spec::{PublicKey, Uuid};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Whose bucket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Everyone at an address; of IPv6 the /64 that one customer has.
    Address(IpAddr),
    /// Whoever signs with a key.
    Key(PublicKey),
    /// Whoever holds an API token.
    Token(Uuid),
    /// A person.
    User(Uuid),
}

impl Subject {
    pub(crate) fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self::Address(IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into())),
            v4 @ IpAddr::V4(_) => Self::Address(v4),
        }
    }

    fn shard(&self) -> usize {
        let byte = match self {
            Self::Address(IpAddr::V4(v4)) => v4.octets()[3],
            Self::Address(IpAddr::V6(v6)) => v6.octets()[7],
            Self::Key(key) => key.0[31],
            Self::Token(id) | Self::User(id) => id.as_bytes()[15],
        };
        usize::from(byte) % SHARDS
    }
}

const SHARDS: usize = 16;

/// Most subjects a shard remembers; beyond it, and if none is back at its full burst, new ones go free.
const MAX_SUBJECTS: usize = 8192;

/// How often a full shard looks for subjects it may forget.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Buckets of one rate. A bucket is the moment at which it will be full again.
#[derive(Debug)]
pub(crate) struct Buckets {
    cost_nanos: u64,
    burst_nanos: u64,
    started: Instant,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    full_at: BTreeMap<Subject, u64>,
    swept_at: u64,
}

impl Buckets {
    pub(crate) fn new(rate: Rate) -> Self {
        let cost_nanos = 1_000_000_000 / u64::from(rate.per_sec.max(1));
        Self {
            cost_nanos,
            burst_nanos: cost_nanos.saturating_mul(u64::from(rate.burst.max(1))),
            started: Instant::now(),
            shards: Default::default(),
        }
    }

    /// Seconds to wait until the subject has one to spend, if it has none.
    pub(crate) fn wait_secs(&self, subject: &Subject) -> Option<u64> {
        let now = self.now();
        let full_at = *self.shard(subject).full_at.get(subject)?;
        let spent = full_at.saturating_sub(now).saturating_add(self.cost_nanos);
        let over = spent.saturating_sub(self.burst_nanos);
        (over > 0).then(|| over.div_ceil(1_000_000_000))
    }

    /// Takes `count` from the subject's bucket; more than is in it has to be waited for.
    pub(crate) fn charge(&self, subject: Subject, count: usize) {
        if count == 0 {
            return;
        }
        let now = self.now();
        let cost = self.cost_nanos.saturating_mul(count as u64);
        let mut shard = self.shard(&subject);
        if let Some(full_at) = shard.full_at.get_mut(&subject) {
            *full_at = (*full_at).max(now).saturating_add(cost);
            return;
        }
        if shard.full_at.len() >= MAX_SUBJECTS {
            let sweep = u64::try_from(SWEEP_EVERY.as_nanos()).unwrap_or(u64::MAX);
            if now.saturating_sub(shard.swept_at) < sweep {
                return;
            }
            shard.swept_at = now;
            shard.full_at.retain(|_, full_at| *full_at > now);
            if shard.full_at.len() >= MAX_SUBJECTS {
                return;
            }
        }
        shard.full_at.insert(subject, now.saturating_add(cost));
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn shard(&self, subject: &Subject) -> MutexGuard<'_, Shard> {
        // The index is a remainder of the number of shards.
        let [first, ..] = &self.shards;
        self.shards.get(subject.shard()).unwrap_or(first).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_a_wait_is_named() {
        let buckets = Buckets::new(Rate { per_sec: 10, burst: 5 });
        let subject = Subject::Token(Uuid::v4([1; 16]));
        for _ in 0..5 {
            assert_eq!(buckets.wait_secs(&subject), None);
            buckets.charge(subject, 1);
        }
        assert_eq!(buckets.wait_secs(&subject), Some(1));
        buckets.charge(subject, 20);
        assert_eq!(buckets.wait_secs(&subject), Some(3));
        assert_eq!(buckets.wait_secs(&Subject::Token(Uuid::v4([2; 16]))), None);
    }

    #[test]
    fn an_ipv6_customer_is_one_subject() {
        let subject = |text: &str| Subject::address(text.parse().unwrap());
        assert_eq!(subject("2001:db8::1"), subject("2001:db8::ffff:1"));
        assert_ne!(subject("2001:db8::1"), subject("2001:db8:0:1::1"));
        assert_eq!(subject("::ffff:192.0.2.1"), subject("192.0.2.1"));
    }
}
