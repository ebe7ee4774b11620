//! Who follows the ledger, and what each waits for.
//!
//! A follower of one node hears of entries about that node only: the others are found by what they are about,
//! not by asking everyone. What a follower has not looked at yet is one number, the first entry it wants, so
//! that it costs the same however far it is behind.

use spec::{Kind, Name, Record, Uuid};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Which entries a follower wants.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) org: Option<Name>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) node: Option<Uuid>,
}

impl Filter {
    pub(crate) fn wants(&self, record: &Record) -> bool {
        let header = &record.entry.header;
        self.org.as_ref().is_none_or(|org| *org == header.org)
            && (self.kinds.is_empty() || self.kinds.contains(&header.kind))
            && self.node.is_none_or(|node| header.subject_node() == Some(node))
    }

    /// Where an entry that it wants is looked for.
    fn topic(&self) -> Topic {
        match (self.node, &self.org) {
            (Some(node), _) => Topic::Node(node),
            (None, Some(org)) => Topic::Org(org.clone()),
            (None, None) => Topic::All,
        }
    }
}

/// The narrowest thing that all entries a follower wants have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Node(Uuid),
    Org(Name),
    All,
}

/// Everyone who follows.
#[derive(Debug, Default)]
pub(crate) struct Followers(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    /// Entries that were announced.
    size: u64,
    next_number: u64,
    waiting: BTreeMap<(Topic, u64), Waiting>,
}

#[derive(Debug)]
struct Waiting {
    filter: Arc<Filter>,
    /// The first wanted entry since it last asked.
    first: Option<u64>,
    word: Arc<Notify>,
}

impl Followers {
    /// Tells those who want one of these entries; with them there are `size`.
    pub(crate) fn announce<'a>(&self, records: impl IntoIterator<Item = &'a Record>, size: u64) {
        let mut all = self.all();
        all.size = size;
        if all.waiting.is_empty() {
            return;
        }
        for record in records {
            let header = &record.entry.header;
            let topics = [header.subject_node().map(Topic::Node), Some(Topic::Org(header.org.clone()))];
            for topic in topics.into_iter().flatten().chain([Topic::All]) {
                for (_, waiting) in all.waiting.range_mut((topic.clone(), 0)..=(topic, u64::MAX)) {
                    if waiting.first.is_none() && waiting.filter.wants(record) {
                        waiting.first = Some(record.entry.position.seq);
                        waiting.word.notify_one();
                    }
                }
            }
        }
    }

    /// Begins to follow; the second is how many entries were announced before.
    pub(crate) fn join(self: &Arc<Self>, filter: Filter) -> (Following, u64) {
        let (filter, word) = (Arc::new(filter), Arc::new(Notify::new()));
        let mut all = self.all();
        let number = all.next_number;
        all.next_number += 1;
        let key = (filter.topic(), number);
        let waiting = Waiting { filter: Arc::clone(&filter), first: None, word: Arc::clone(&word) };
        all.waiting.insert(key.clone(), waiting);
        let size = all.size;
        drop(all);
        (Following { followers: Arc::clone(self), key, filter, word }, size)
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who follows.
#[derive(Debug)]
pub(crate) struct Following {
    followers: Arc<Followers>,
    key: (Topic, u64),
    pub(crate) filter: Arc<Filter>,
    word: Arc<Notify>,
}

/// What was announced since the last time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// The first entry that is wanted, if one is.
    pub(crate) first: Option<u64>,
    /// How many entries were announced; of those before them nothing else is wanted.
    pub(crate) size: u64,
}

impl Following {
    pub(crate) fn news(&self) -> News {
        let mut all = self.followers.all();
        let first = all.waiting.get_mut(&self.key).and_then(|waiting| waiting.first.take());
        News { first, size: all.size }
    }

    /// Waits until there may be news.
    pub(crate) async fn word(&self) {
        self.word.notified().await;
    }
}

/// Word of what becomes of one node's commands.
#[derive(Debug)]
pub struct CommandWord(Following);

impl CommandWord {
    /// Begins to listen for what is said of commands to a node.
    pub(crate) fn of(followers: &Arc<Followers>, node: Uuid) -> Self {
        Self(followers.join(Filter { org: None, kinds: vec![Kind::Command], node: Some(node) }).0)
    }

    /// Waits until something was said of a command to the node since this was asked last.
    pub async fn more(&self) {
        while self.0.news().first.is_none() {
            self.0.word().await;
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.followers.all().waiting.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recent::tests::told_about;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// Announces entries about nodes, from a seq on.
    fn announce(followers: &Followers, first: u64, nodes: &[u8]) {
        let told = |(n, node): (u64, &u8)| told_about(n, 1, Some(uuid(*node)));
        let told: Vec<_> = (first..).zip(nodes).map(told).collect();
        followers.announce(told.iter().map(|told| &told.record), first + nodes.len() as u64);
    }

    fn is_woken(following: &Following) -> bool {
        let mut word = pin!(following.word());
        word.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn only_those_are_woken_for_whom_there_is_something() {
        let followers = Arc::new(Followers::default());
        announce(&followers, 0, &[1, 2]);
        let (one, two, all) = (join(&followers, Some(1)), join(&followers, Some(2)), join(&followers, None));
        let other = Filter { kinds: vec![Kind::Note], ..Filter::default() };
        let (notes, size) = followers.join(other);
        assert_eq!(size, 2);
        assert_eq!(all.news(), News { first: None, size: 2 });
        announce(&followers, 2, &[2, 1, 1]);
        announce(&followers, 5, &[2]);
        assert_eq!([&one, &two, &all, &notes].map(is_woken), [true, true, true, false]);
        assert_eq!(one.news(), News { first: Some(3), size: 6 });
        assert_eq!(two.news(), News { first: Some(2), size: 6 });
        assert_eq!(all.news(), News { first: Some(2), size: 6 });
        assert_eq!(notes.news(), News { first: None, size: 6 });
        announce(&followers, 6, &[2]);
        assert_eq!([&one, &two, &all, &notes].map(is_woken), [false, true, true, false]);
        assert_eq!(one.news(), News { first: None, size: 7 });
        assert_eq!(two.news(), News { first: Some(6), size: 7 });
    }

    fn uuid(n: u8) -> Uuid {
        Uuid::v4([n; 16])
    }

    fn join(followers: &Arc<Followers>, node: Option<u8>) -> Following {
        followers.join(Filter { node: node.map(uuid), ..Filter::default() }).0
    }

    #[test]
    fn a_filter_is_looked_for_where_its_entries_are_announced() {
        let org: Name = "acme".parse().unwrap();
        let filter = |org, node| Filter { org, node, kinds: Vec::new() }.topic();
        assert_eq!(filter(None, None), Topic::All);
        assert_eq!(filter(Some(org.clone()), None), Topic::Org(org.clone()));
        assert_eq!(filter(Some(org), Some(uuid(1))), Topic::Node(uuid(1)));
    }

    #[test]
    fn whoever_leaves_is_forgotten() {
        let followers = Arc::new(Followers::default());
        let (one, other) = (join(&followers, Some(1)), join(&followers, None));
        assert_eq!(followers.all().waiting.len(), 2);
        followers.announce([], 7);
        assert_eq!(one.news(), News { first: None, size: 7 });
        drop(one);
        assert_eq!(followers.all().waiting.len(), 1);
        drop(other);
        assert!(followers.all().waiting.is_empty());
    }
}
