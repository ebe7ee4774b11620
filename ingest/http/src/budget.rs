//! What is held at once, and by whom: bytes of bodies, streams, questions that wait.
//!
//! A pool has so many units. A principal, an address (of IPv6 its /64), the network around it (its /48) and an
//! organisation may each hold a share, and all who show no credential another one together. So whoever holds much is
//! refused long before everyone is, and two who attack from two sides leave room for a third.

use crate::bucket::Subject;
use crate::limits::Shares;
use crate::problem::{Problem, QUEUE_FULL, RATE_LIMITED};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everyone whose share something counts against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Whoever shows a credential.
    pub principal: Option<Subject>,
    /// The organisation that it belongs to.
    pub org: Option<Subject>,
    /// Where the request came from.
    pub address: Option<Subject>,
    /// The network around that.
    pub network: Option<Subject>,
}

impl Holder {
    /// Each with its share, and with how one says that it is spent.
    pub(crate) fn shares(self, shares: &Shares) -> impl Iterator<Item = (Subject, usize, &'static str)> {
        // Whoever came over the admin socket has no address.
        let stranger = (self.principal.is_none() && self.address.is_some()).then_some(Subject::Strangers);
        // One address does not take what all have who show no credential, nor does one network.
        let within = |share: usize, part: usize| match stranger {
            Some(_) => share.min(shares.strangers.div_ceil(part)),
            None => share,
        };
        [
            (self.principal, shares.principal, "with these credentials"),
            (stranger, shares.strangers, "by those who show no credential"),
            (self.address, within(shares.address, 4), "from your address"),
            (self.network, within(shares.network, 2), "from your network"),
            (self.org, shares.org, "by your organisation"),
        ]
        .into_iter()
        .filter_map(|(subject, most, whose)| Some((subject?, most, whose)))
    }
}

/// Units of one kind, and who holds how many of them.
#[derive(Debug)]
pub(crate) struct Pool {
    shares: Shares,
    /// What a unit is, in the plural.
    what: &'static str,
    /// Seconds after which whoever was refused may ask again.
    retry_secs: u64,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    of: BTreeMap<Subject, usize>,
}

/// Units taken from a pool; given back when dropped.
#[derive(Debug)]
pub struct Room {
    pool: Arc<Pool>,
    holder: Holder,
    units: usize,
}

impl Pool {
    pub(crate) fn new(shares: Shares, what: &'static str, retry_secs: u64) -> Arc<Self> {
        Arc::new(Self { shares, what, retry_secs, held: Mutex::default() })
    }

    /// How many units are taken.
    pub(crate) fn taken(&self) -> usize {
        self.lock().all
    }

    /// Room with nothing in it yet.
    pub(crate) fn room(self: &Arc<Self>, holder: Holder) -> Room {
        Room { pool: Arc::clone(self), holder, units: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, holder: Holder, units: usize) -> Result<(), Problem> {
        let mut held = self.lock();
        for (subject, most, whose) in holder.shares(&self.shares) {
            if held.of.get(&subject).copied().unwrap_or_default().saturating_add(units) > most {
                let detail = format!("{most} {} {whose}, and no more are held", self.what);
                return Err(Problem::new(RATE_LIMITED, detail).retry_after(self.retry_secs));
            }
        }
        let most = self.shares.all;
        if held.all.saturating_add(units) > most {
            let detail = format!("{most} {}, and no more are held", self.what);
            return Err(Problem::new(QUEUE_FULL, detail).retry_after(self.retry_secs));
        }
        held.all += units;
        for (subject, ..) in holder.shares(&self.shares) {
            *held.of.entry(subject).or_default() += units;
        }
        Ok(())
    }

    fn give_back(&self, holder: Holder, units: usize) {
        let mut held = self.lock();
        held.all -= units;
        for (subject, ..) in holder.shares(&self.shares) {
            if let Some(count) = held.of.get_mut(&subject) {
                *count -= units;
                if *count == 0 {
                    held.of.remove(&subject);
                }
            }
        }
    }
}

impl Room {
    /// Takes so many units more.
    ///
    /// # Errors
    /// The refusal when all units, or all of a share, are taken; what was taken before is kept.
    pub(crate) fn grow(&mut self, units: usize) -> Result<(), Problem> {
        self.pool.take(self.holder, units)?;
        self.units += units;
        Ok(())
    }

    /// Units that are in it.
    pub(crate) fn units(&self) -> usize {
        self.units
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.units > 0 {
            self.pool.give_back(self.holder, self.units);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::Uuid;

    const SHARES: Shares = Shares { all: 10, org: 8, network: 7, address: 6, principal: 4, strangers: 3 };

    fn holder(token: Option<u8>, org: Option<&str>, address: &str) -> Holder {
        let ip = address.parse().unwrap();
        Holder {
            principal: token.map(|n| Subject::Token(Uuid::v4([n; 16]))),
            org: org.map(|org| Subject::org(&org.parse().unwrap())),
            address: Some(Subject::address(ip)),
            network: Subject::network(ip),
        }
    }

    /// What taking so many units comes to: nothing, or the status and what is said.
    fn refused(room: &mut Room, units: usize) -> Option<(u16, String)> {
        let problem = room.grow(units).err()?;
        let status = problem.status().as_u16();
        let mut text = Vec::new();
        problem.write(&mut text);
        let text: serde_json::Value = serde_json::from_slice(&text).unwrap();
        Some((status, text["detail"].as_str().unwrap().to_owned()))
    }

    #[test]
    fn each_has_a_share_and_all_have_the_pool() {
        let pool = Pool::new(SHARES, "seats", 1);
        let room = |token, org, address| pool.room(holder(token, org, address));
        let mut first = room(Some(1), Some("acme"), "2001:db8::1");
        assert_eq!(refused(&mut first, 4), None);
        let over =
            |whose: &str, most: usize| Some((429, format!("{most} seats {whose}, and no more are held")));
        assert_eq!(refused(&mut first, 1), over("with these credentials", 4));
        let mut second = room(Some(2), Some("acme"), "2001:db8::2");
        assert_eq!(refused(&mut second, 3), over("from your address", 6), "the same /64");
        assert_eq!(refused(&mut second, 2), None);
        let mut third = room(Some(3), Some("acme"), "2001:db8:0:1::1");
        assert_eq!(refused(&mut third, 2), over("from your network", 7), "the same /48");
        let mut fourth = room(Some(4), Some("acme"), "192.0.2.1");
        assert_eq!(refused(&mut fourth, 3), over("by your organisation", 8));
        assert_eq!(refused(&mut fourth, 2), None);
        let mut fifth = room(Some(5), Some("other"), "192.0.2.2");
        assert_eq!(refused(&mut fifth, 3), Some((503, "10 seats, and no more are held".to_owned())));
        assert_eq!(refused(&mut fifth, 2), None);
        assert_eq!(pool.taken(), 10);
        drop(first);
        assert_eq!((pool.taken(), refused(&mut second, 1)), (6, None), "what was given back is there again");
        drop((second, third, fourth, fifth));
        assert_eq!((pool.taken(), pool.lock().of.len()), (0, 0));
    }

    #[test]
    fn whoever_shows_nothing_leaves_most_to_those_who_do() {
        let pool = Pool::new(SHARES, "seats", 1);
        let mut strangers: Vec<Room> = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
            .map(|address| pool.room(holder(None, None, address)))
            .into();
        assert!(strangers.iter_mut().all(|room| refused(room, 1).is_none()));
        let mut one_more = pool.room(holder(None, None, "192.0.2.4"));
        let (status, detail) = refused(&mut one_more, 1).unwrap();
        assert_eq!(status, 429);
        assert!(detail.contains("no credential"), "{detail}");
        let mut known = pool.room(holder(Some(1), Some("acme"), "192.0.2.1"));
        assert_eq!(refused(&mut known, 4), None);
    }
}
