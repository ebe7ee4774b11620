//! What events cost, settled before they are put in order: once they are signed for, and in one step with the question
//! whether there is enough left. So events that come at the same moment share one burst.

use crate::app::App;
use crate::bucket::{Buckets, Subject};
use crate::budget::Holder;
use crate::limits::Limits;
use crate::problem::{Problem, too_many};
use ledger::{Meter, Spent, TooMuch};

/// What identities, organisations, addresses and networks may have recorded.
#[derive(Debug)]
pub(crate) struct Purses {
    identity_events: Buckets,
    identity_bytes: Buckets,
    shared_events: Buckets,
    shared_bytes: Buckets,
    duplicates: Buckets,
}

/// So much from one bucket.
#[derive(Debug, Clone, Copy)]
struct Charge<'a> {
    buckets: &'a Buckets,
    subject: Subject,
    count: usize,
    whose: &'static str,
}

const BY_KEY: &str = "signed with this key";
const BY_CREDENTIALS: &str = "with these credentials";
const BY_ORG: &str = "by your organisation";
const BY_ADDRESS: &str = "from your address";
const BY_NETWORK: &str = "from your network";

impl Purses {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            identity_events: Buckets::new(limits.identity_events),
            identity_bytes: Buckets::new(limits.identity_bytes),
            shared_events: Buckets::new(limits.shared_events),
            shared_bytes: Buckets::new(limits.shared_bytes),
            duplicates: Buckets::new(limits.duplicates),
        }
    }

    /// What an identity pays for so many events of so many bytes.
    fn of_identity(&self, who: Subject, whose: &'static str, events: usize, bytes: usize) -> [Charge<'_>; 2] {
        let charge = |buckets, count| Charge { buckets, subject: who, count, whose };
        [charge(&self.identity_events, events), charge(&self.identity_bytes, bytes)]
    }

    /// What those pay that it shares its room with.
    fn of_others(&self, who: Holder, events: usize, bytes: usize) -> impl Iterator<Item = Charge<'_>> {
        let others = [(who.org, BY_ORG), (who.address, BY_ADDRESS), (who.network, BY_NETWORK)];
        let others = others.into_iter().filter_map(|(subject, whose)| Some((subject?, whose)));
        others.flat_map(move |(subject, whose)| {
            let charge = |buckets, count| Charge { buckets, subject, count, whose };
            [charge(&self.shared_events, events), charge(&self.shared_bytes, bytes)]
        })
    }
}

/// Takes everything, or nothing.
fn settle(charges: &[Charge<'_>]) -> Result<(), TooMuch> {
    for (i, charge) in charges.iter().enumerate() {
        if let Err(wait_secs) = charge.buckets.settle([charge.subject], charge.count) {
            for taken in charges.iter().take(i) {
                taken.buckets.give_back(taken.subject, taken.count);
            }
            return Err(TooMuch { whose: charge.whose, wait_secs });
        }
    }
    Ok(())
}

impl App {
    /// Settles what a principal has recorded in its own name, or in the ledger's; whoever came over the admin socket pays
    /// nothing.
    pub(crate) fn settle(
        &self,
        who: Holder,
        urgent: bool,
        events: usize,
        bytes: usize,
    ) -> Result<(), Problem> {
        let purses = &self.inner.purses;
        let of_identity = |identity| purses.of_identity(identity, BY_CREDENTIALS, events, bytes);
        let mut charges: Vec<_> = who.principal.map(of_identity).into_iter().flatten().collect();
        if !urgent {
            charges.extend(purses.of_others(who, events, bytes));
        }
        settle(&charges).map_err(|TooMuch { whose, wait_secs }| too_many(whose, wait_secs))
    }

    /// Settles the look for so many events that were in the ledger before.
    pub(crate) fn settle_duplicates(&self, who: Holder, count: usize) -> Result<(), Problem> {
        let duplicates = &self.inner.purses.duplicates;
        let payers = [(who.principal, BY_CREDENTIALS), (who.address, BY_ADDRESS), (who.network, BY_NETWORK)];
        let charge = |(subject, whose)| Some(Charge { buckets: duplicates, subject: subject?, count, whose });
        let charges: Vec<_> = payers.into_iter().filter_map(charge).collect();
        settle(&charges).map_err(|TooMuch { whose, wait_secs }| too_many(whose, wait_secs))
    }
}

/// Settles what keys have signed, when their signatures are known to hold: nobody spends what is another's.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) app: App,
    /// Where it came from.
    pub(crate) from: Holder,
    /// Whether it has a reserve: then it costs its key alone.
    pub(crate) urgent: bool,
}

impl Meter for Signed {
    fn settle(&self, spent: &[Spent]) -> Result<(), TooMuch> {
        let purses = &self.app.inner.purses;
        let mut charges = Vec::with_capacity(spent.len() * 8);
        for Spent { key, events, bytes } in spent {
            charges.extend(purses.of_identity(Subject::Key(*key), BY_KEY, *events, *bytes));
            if !self.urgent {
                let org = self
                    .app
                    .ledger()
                    .directory(|directory| Some(Subject::org(&directory.keys.get(key)?.org)));
                charges.extend(purses.of_others(Holder { org, ..self.from }, *events, *bytes));
            }
        }
        settle(&charges)
    }
}
