//! Who is connected: so many connections in all, from one address and from one network.
//!
//! Whoever comes when there is no room takes the place of a connection with which little is lost: a question without a
//! credential that waits for its answer, one on which nothing was said yet, one between two requests. It is looked for
//! where the crowd is: at the address or in the network that has its share already, else at the address that has most.
//! Only if all of those are at work is the one who comes sent away.

use crate::bucket::Subject;
use crate::connection::{Loss, Turn};
use crate::limits::{MAX_LOOKED_THROUGH, Shares};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everyone who is connected.
#[derive(Debug)]
pub(crate) struct Guests {
    shares: Shares,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    all: BTreeMap<u64, Guest>,
    /// The connections of each address and network, in the order in which they came.
    of: BTreeMap<Subject, BTreeSet<u64>>,
    /// Addresses by how many connections they have.
    crowds: BTreeSet<(usize, Subject)>,
    next: u64,
    /// Where the last look for one who may make room ended.
    looked: u64,
}

#[derive(Debug)]
struct Guest {
    address: Subject,
    network: Option<Subject>,
    turn: Arc<Turn>,
}

/// A connection's place; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Place {
    guests: Arc<Guests>,
    number: u64,
}

impl Guests {
    pub(crate) fn new(shares: Shares) -> Arc<Self> {
        Arc::new(Self { shares, list: Mutex::default() })
    }

    /// Whether idle connections are to be closed sooner.
    pub(crate) fn is_scarce(&self) -> bool {
        self.lock().all.len() >= self.shares.all / 4 * 3
    }

    /// A place for a connection from an address; `None` if there is none, and nobody may make room.
    pub(crate) fn enter(self: &Arc<Self>, ip: IpAddr, turn: &Arc<Turn>) -> Option<Place> {
        let (address, network) = (Subject::address(ip), Subject::network(ip));
        let mut list = self.lock();
        let has = |list: &List, subject: &Subject| list.of.get(subject).map_or(0, BTreeSet::len);
        let crowd = if has(&list, &address) >= self.shares.address {
            Some(address)
        } else if let Some(network) = network
            && has(&list, &network) >= self.shares.network
        {
            Some(network)
        } else if list.all.len() >= self.shares.all {
            Some(list.crowds.last()?.1)
        } else {
            None
        };
        if let Some(crowd) = crowd {
            let number = list.dispensable(&crowd)?;
            if let Some(gone) = list.leave(number) {
                gone.turn.dismiss();
            }
        }
        let number = list.enter(Guest { address, network, turn: Arc::clone(turn) });
        Some(Place { guests: Arc::clone(self), number })
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn enter(&mut self, guest: Guest) -> u64 {
        let number = self.next;
        self.next += 1;
        for subject in std::iter::once(guest.address).chain(guest.network) {
            self.of.entry(subject).or_default().insert(number);
        }
        self.count(guest.address, 1);
        self.all.insert(number, guest);
        number
    }

    /// Lets one go; whoever was let go before is not there any more.
    fn leave(&mut self, number: u64) -> Option<Guest> {
        let guest = self.all.remove(&number)?;
        for subject in std::iter::once(guest.address).chain(guest.network) {
            if let Some(numbers) = self.of.get_mut(&subject) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.of.remove(&subject);
                }
            }
        }
        self.count(guest.address, -1);
        Some(guest)
    }

    /// Keeps the order of the crowds, after one of them has changed by so much.
    fn count(&mut self, address: Subject, by: isize) {
        let now = self.of.get(&address).map_or(0, BTreeSet::len);
        self.crowds.remove(&(now.saturating_add_signed(-by), address));
        if now > 0 {
            self.crowds.insert((now, address));
        }
    }

    /// The connection of a crowd with which the least is lost, of the next few that are looked at.
    fn dispensable(&mut self, crowd: &Subject) -> Option<u64> {
        let numbers = self.of.get(crowd)?;
        let from = self.looked;
        let in_turn = numbers.range(from..).chain(numbers.range(..from)).take(MAX_LOOKED_THROUGH);
        let mut found: Option<(Loss, u64)> = None;
        let mut looked = from;
        for number in in_turn {
            looked = *number;
            let Some(loss) = self.all.get(number).and_then(|guest| guest.turn.loss()) else { continue };
            if found.is_none_or(|(least, _)| loss < least) {
                found = Some((loss, *number));
            }
            if loss == Loss::Question {
                break;
            }
        }
        self.looked = looked;
        found.map(|(_, number)| number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.guests.lock().leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARES: Shares = Shares { all: 6, network: 4, address: 3, org: 0, principal: 0, strangers: 0 };

    struct Come {
        turn: Arc<Turn>,
        place: Option<Place>,
    }

    fn come(guests: &Arc<Guests>, address: &str) -> Come {
        let turn = Arc::new(Turn::default());
        let place = guests.enter(address.parse().unwrap(), &turn);
        Come { turn, place }
    }

    fn busy(guests: &Arc<Guests>, address: &str) -> Come {
        let come = come(guests, address);
        come.turn.begin();
        come
    }

    fn is_dismissed(come: &Come) -> bool {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut told = std::pin::pin!(come.turn.unwanted());
        told.as_mut().poll(&mut cx).is_ready()
    }

    #[test]
    fn an_address_makes_room_for_itself() {
        let guests = Guests::new(SHARES);
        let resting = busy(&guests, "192.0.2.1");
        resting.turn.rest(true);
        let idle = busy(&guests, "192.0.2.1");
        idle.turn.end();
        let working = busy(&guests, "192.0.2.1");
        let elsewhere = busy(&guests, "192.0.2.2");
        elsewhere.turn.rest(true);
        let fourth = busy(&guests, "192.0.2.1");
        assert!(fourth.place.is_some() && is_dismissed(&resting));
        assert!(!is_dismissed(&elsewhere) && !is_dismissed(&idle));
        let fifth = busy(&guests, "192.0.2.1");
        assert!(fifth.place.is_some() && is_dismissed(&idle), "then what is between two requests");
        let sixth = come(&guests, "192.0.2.1");
        assert!(sixth.place.is_none(), "whoever is at work stays");
        assert!(!is_dismissed(&working));
        drop(working);
        assert!(come(&guests, "192.0.2.1").place.is_some());
    }

    #[test]
    fn a_network_and_the_whole_house_make_room_where_the_crowd_is() {
        let guests = Guests::new(SHARES);
        let site: Vec<Come> = ["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:2::2", "2001:db8:0:3::1"]
            .map(|address| come(&guests, address))
            .into();
        let more = come(&guests, "2001:db8:0:4::1");
        assert!(more.place.is_some());
        assert_eq!(site.iter().filter(|come| is_dismissed(come)).count(), 1);
        let (fifth, sixth) = (busy(&guests, "192.0.2.1"), busy(&guests, "192.0.2.2"));
        assert!(fifth.place.is_some() && sixth.place.is_some());
        let seventh = busy(&guests, "192.0.2.3");
        assert!(seventh.place.is_some(), "the largest crowd makes room");
        let gone = site.iter().filter(|come| is_dismissed(come)).count();
        assert_eq!(gone, 2);
        drop((site, more, fifth, sixth, seventh));
        let list = guests.lock();
        assert!(list.all.is_empty() && list.of.is_empty() && list.crowds.is_empty());
    }
}
