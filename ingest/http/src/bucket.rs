//! Token buckets by subject. Whether there is something left and that it is spent is one step, or those who come at the
//! same moment would all find the same rest.

use crate::limits::Rate;
use spec::{Name, PublicKey, Uuid};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The owner of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Everyone at an address; of IPv6 the /64 that one customer has.
    Address(IpAddr),
    /// Everyone in a network of IPv6, the /48 that one site has.
    Network(Ipv6Addr),
    /// Everyone who shows no credential.
    Strangers,
    /// An organisation, by the hash of its name.
    Org(u64),
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

    /// The network around an address; IPv4 has none that tells one customer from another.
    pub(crate) fn network(address: IpAddr) -> Option<Self> {
        match address.to_canonical() {
            IpAddr::V6(v6) => Some(Self::Network((v6.to_bits() & (u128::MAX << 80)).into())),
            IpAddr::V4(_) => None,
        }
    }

    /// An organisation.
    pub fn org(org: &Name) -> Self {
        let hash = blake3::hash(org.as_str().as_bytes());
        Self::Org(u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap_or(&[0; 8])))
    }

    fn shard(&self) -> usize {
        let byte = match self {
            Self::Network(v6) => v6.octets()[5],
            Self::Strangers => 0,
            Self::Org(hash) => hash.to_le_bytes()[0],
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
        self.wait_in(&self.shard(subject), subject)
    }

    fn wait_in(&self, shard: &Shard, subject: &Subject) -> Option<u64> {
        let now = self.now();
        let full_at = *shard.full_at.get(subject)?;
        let spent = full_at.saturating_sub(now).saturating_add(self.cost_nanos);
        let over = spent.saturating_sub(self.burst_nanos);
        (over > 0).then(|| over.div_ceil(1_000_000_000))
    }

    /// Takes `count` from each subject's bucket if each has something in it; more than that has to be waited for by
    /// whoever comes next.
    ///
    /// # Errors
    /// One of them has nothing: nothing is taken, and this many seconds are to be waited.
    pub(crate) fn settle(
        &self,
        subjects: impl IntoIterator<Item = Subject>,
        count: usize,
    ) -> Result<(), u64> {
        let mut taken = Vec::new();
        for subject in subjects {
            let mut shard = self.shard(&subject);
            if let Some(secs) = self.wait_in(&shard, &subject) {
                drop(shard);
                for subject in taken {
                    self.give_back(subject, count);
                }
                return Err(secs);
            }
            self.charge_in(&mut shard, subject, count);
            taken.push(subject);
        }
        Ok(())
    }

    /// Takes `count` from the subject's bucket, whatever is in it.
    pub(crate) fn charge(&self, subject: Subject, count: usize) {
        let mut shard = self.shard(&subject);
        self.charge_in(&mut shard, subject, count);
    }

    /// Puts back what was taken for nothing.
    pub(crate) fn give_back(&self, subject: Subject, count: usize) {
        let cost = self.cost_nanos.saturating_mul(count as u64);
        if let Some(full_at) = self.shard(&subject).full_at.get_mut(&subject) {
            *full_at = full_at.saturating_sub(cost);
        }
    }

    fn charge_in(&self, shard: &mut Shard, subject: Subject, count: usize) {
        if count == 0 {
            return;
        }
        let now = self.now();
        let cost = self.cost_nanos.saturating_mul(count as u64);
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
    fn those_who_come_at_the_same_moment_share_one_rest() {
        let buckets = Buckets::new(Rate { per_sec: 1, burst: 10 });
        let (own, others) = (Subject::Token(Uuid::v4([1; 16])), Subject::Token(Uuid::v4([2; 16])));
        let taken = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| buckets.settle([own], 100).is_ok())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|taken| *taken).count()
        });
        assert_eq!(taken, 1, "the first takes what there is, and more; all others wait for it");
        assert!(buckets.settle([others, own], 1).is_err());
        assert_eq!(buckets.wait_secs(&others), None, "of whom another's debt is no concern");
        assert!(buckets.shard(&others).full_at.get(&others).is_none_or(|full_at| *full_at <= buckets.now()));
    }

    #[test]
    fn an_ipv6_customer_is_one_subject() {
        let subject = |text: &str| Subject::address(text.parse().unwrap());
        assert_eq!(subject("2001:db8::1"), subject("2001:db8::ffff:1"));
        assert_ne!(subject("2001:db8::1"), subject("2001:db8:0:1::1"));
        assert_eq!(subject("::ffff:192.0.2.1"), subject("192.0.2.1"));
        let network = |text: &str| Subject::network(text.parse().unwrap());
        assert_eq!(network("2001:db8:0:1::1"), network("2001:db8:0:ffff::1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), None);
    }
}
