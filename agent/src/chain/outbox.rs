//! What the node says: each fact is signed, chained and spooled until the ledger has it, or dropped and counted; and
//! how an epoch, or a key, is left for the next.

use super::author::{ChainAuthor, Credentials, Draft, DraftError};
use super::drops::Drops;
use super::spool::write::Writer;
use super::spool::{Doubt, Limits, Spool, SpoolError};
use crate::disk::Disk;
use crate::entropy::Entropy;
use serde::Serialize;
use spec::{ChainLink, Event, Hash, Kind, PublicKey, Timestamp};
use std::io;

/// Bytes that an event's header and a `chain-gap` event in front of it may take in the spool.
const ROOM_BYTES: usize = 4096;

/// The fate of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It waits for its receipt.
    Spooled,
    /// The spool is full; the event is counted and will be reported by a `chain-gap` event.
    Dropped,
}

/// An event could not be made durable.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The event cannot be made.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// Another file cannot be used, or there is no chance to be had.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The node's chain, with what of it waits.
#[derive(Debug)]
pub struct Outbox {
    author: ChainAuthor,
    spool: Spool,
    drops: Drops,
}

impl Outbox {
    /// Goes on where the disk has it. A doubt is to be settled by [`Outbox::rechain`] before anything else.
    pub(crate) fn open(
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        speaker: Credentials,
        limits: Limits,
    ) -> Result<(Self, Option<Doubt>), OutboxError> {
        let fresh = ChainLink { epoch: entropy.epoch()?, prev: speaker.introduction, seq: 0 };
        let opened = Spool::open(disk, fresh, limits)?;
        let newest = opened.spool.newest(disk)?;
        let drops = Drops::load(disk, newest.as_ref())?;
        let author = ChainAuthor::resume(speaker, opened.spool.next());
        Ok((Self { author, spool: opened.spool, drops }, opened.doubt))
    }

    /// Events that wait for their receipts.
    pub(crate) fn pending(&self) -> usize {
        self.spool.pending()
    }

    /// Events dropped since the node was enrolled.
    pub(crate) fn dropped(&self) -> u64 {
        self.drops.total
    }

    /// Whether nothing waits, and no loss is still to be reported.
    pub(crate) fn is_empty(&self) -> bool {
        self.spool.pending() == 0 && self.drops.run.is_none()
    }

    /// The place of the next event.
    pub(crate) fn next_link(&self) -> ChainLink {
        self.spool.next()
    }

    /// Who speaks.
    pub(crate) fn speaker(&self) -> &Credentials {
        self.author.credentials()
    }

    /// Signs an event, chains it and writes it to the disk.
    pub(crate) fn enqueue<P: Serialize>(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        ts: Timestamp,
        kind: Kind,
        payload: &P,
    ) -> Result<Enqueued, OutboxError> {
        self.ensure(disk)?;
        let draft = Draft::new(kind, payload, ts, entropy)?;
        let events = 1 + usize::from(self.drops.run.is_some());
        if !self.spool.has_room(events, draft.payload.json.len() + ROOM_BYTES) {
            self.drop_event(disk, entropy, draft)?;
            return Ok(Enqueued::Dropped);
        }
        if let Some(run) = self.drops.run.clone() {
            let gap = Draft::new(Kind::ChainGap, &run, ts, entropy)?;
            self.append(disk, gap)?;
            self.drops.reported(disk)?;
        }
        self.append(disk, draft)?;
        Ok(Enqueued::Spooled)
    }

    /// Signs an event for the next place without taking it: what is sent before all that waits.
    pub(crate) fn sign<P: Serialize>(
        &mut self,
        entropy: &mut impl Entropy,
        ts: Timestamp,
        kind: Kind,
        payload: &P,
    ) -> Result<Event, OutboxError> {
        let draft = Draft::new(kind, payload, ts, entropy)?;
        self.author.go_to(self.spool.next());
        Ok(self.author.sign(draft))
    }

    /// Makes sure that spool, place in the chain and count of drops are those on the disk.
    pub(crate) fn ensure(&mut self, disk: &impl Disk) -> Result<(), OutboxError> {
        if self.spool.ensure(disk)? {
            let newest = self.spool.newest(disk)?;
            self.drops.compare(disk, newest.as_ref())?;
        }
        Ok(self.drops.ensure(disk)?)
    }

    /// The oldest waiting events, at most `max_events` and `max_bytes`, but at least one if any waits.
    pub(crate) fn peek(
        &self,
        disk: &impl Disk,
        max_events: usize,
        max_bytes: usize,
    ) -> Result<Vec<Event>, OutboxError> {
        Ok(self.spool.peek(disk, max_events, max_bytes)?)
    }

    /// The oldest `count` waiting events have their receipts and are forgotten.
    pub(crate) fn acknowledge(&mut self, disk: &impl Disk, count: usize) -> Result<(), OutboxError> {
        Ok(self.spool.acknowledge(disk, count)?)
    }

    /// Makes the events from `place` on wait again, if the file still has them.
    pub(crate) fn rewind(&mut self, disk: &impl Disk, place: &ChainLink) -> Result<bool, OutboxError> {
        Ok(self.spool.rewind(disk, place)?)
    }

    /// Opens a new epoch and signs what waits again under it: all but the first `skip`, which are given up.
    pub(crate) fn reopen(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        ts: Timestamp,
        reason: &str,
        skip: usize,
    ) -> Result<(), OutboxError> {
        self.rechain(disk, entropy, ts, reason, 0, skip, &[])
    }

    /// Leaves a damaged spool: what waits stays as it is, and a new epoch behind it takes what was salvaged.
    pub(crate) fn settle(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        ts: Timestamp,
        doubt: &Doubt,
    ) -> Result<(), OutboxError> {
        let whole = self.spool.pending();
        self.rechain(disk, entropy, ts, &doubt.damage.to_string(), whole, 0, &doubt.salvage)
    }

    fn append(&mut self, disk: &impl Disk, draft: Draft) -> Result<(), OutboxError> {
        self.author.go_to(self.spool.next());
        let event = self.author.sign(draft);
        Ok(self.spool.append(disk, &event)?)
    }

    /// Signs an event that will never be sent, for the head of the run it belongs to: in an epoch of its
    /// own, so that no place of the chain is ever signed for twice.
    fn drop_event(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        draft: Draft,
    ) -> Result<(), OutboxError> {
        let introduction = self.author.credentials().introduction;
        let prev = self.drops.run.as_ref().map_or(introduction, |run| run.head);
        self.author.go_to(ChainLink { epoch: entropy.epoch()?, prev, seq: 0 });
        let event = self.author.sign(draft);
        Ok(self.drops.add(disk, &event)?)
    }

    /// Opens a new epoch and signs what waits again under it: all but the first `keep` events, which stay
    /// as they are, and the `skip` after those, which are given up; then what was salvaged.
    #[expect(clippy::too_many_arguments, reason = "the two callers above name what each of them is")]
    fn rechain(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        ts: Timestamp,
        reason: &str,
        keep: usize,
        skip: usize,
        salvage: &[Event],
    ) -> Result<(), OutboxError> {
        let first = self.spool.waiting(disk, 0)?.and_then(|event| event.header.chain);
        let mut author = self.author.clone();
        author.go_to(self.spool.next());
        let last = match first {
            Some(link) if keep == 0 => (link.seq > 0).then_some(link.prev),
            _ => author.last(),
        };
        let open = author.open_epoch(last, reason, ts, entropy)?;
        let base = first.filter(|_| keep > 0).or(open.header.chain).unwrap_or_else(|| author.next_link());
        let mut writer = Writer::begin(disk, base)?;
        for i in 0..keep {
            if let Some(event) = self.spool.waiting(disk, i)? {
                writer.push(disk, &event)?;
            }
        }
        writer.push(disk, &open)?;
        let waiting = (keep + skip..self.spool.pending()).map(|i| self.spool.waiting(disk, i));
        for event in waiting.chain(salvage.iter().cloned().map(|event| Ok(Some(event)))) {
            let Some(event) = event? else { continue };
            if event.header.key != author.credentials().key.public() {
                continue;
            }
            if let Some(event) = sign_again(event, &mut author, ts, entropy)? {
                writer.push(disk, &event)?;
            }
        }
        Ok(self.spool.become_written(disk, writer)?)
    }
}

/// Going over to another key.
impl Outbox {
    /// Whether what waits, or will, is of this key, which was introduced by the event of that hash.
    pub(crate) fn is_of(
        &mut self,
        disk: &impl Disk,
        key: &PublicKey,
        introduction: Hash,
    ) -> Result<bool, OutboxError> {
        self.spool.ensure(disk)?;
        let next = self.spool.next();
        Ok(match self.spool.newest(disk)? {
            Some(event) => event.header.key == *key,
            None => next.seq == 0 && next.prev == introduction,
        })
    }

    /// Speaks as another from now on.
    pub(crate) fn become_author(&mut self, who: Credentials) {
        self.author.become_author(who);
    }

    /// Gives up what was there, and begins the speaker's chain: all that another key had signed is proved.
    pub(crate) fn begin(&mut self, disk: &impl Disk, entropy: &mut impl Entropy) -> Result<(), OutboxError> {
        let first = self.first_place(entropy)?;
        Ok(self.spool.restart(disk, first)?)
    }

    /// Begins the speaker's chain with what waits, signed again.
    pub(crate) fn go_forward(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        ts: Timestamp,
    ) -> Result<(), OutboxError> {
        let first = self.first_place(entropy)?;
        self.author.go_to(first);
        let writer = Writer::begin(disk, first)?;
        self.sign_waiting(disk, entropy, ts, writer)
    }

    /// Signs what waits again as the speaker, in an epoch that follows on the one that was left at `place`.
    pub(crate) fn go_back(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        ts: Timestamp,
        place: Option<ChainLink>,
        reason: &str,
    ) -> Result<(), OutboxError> {
        let place = place.unwrap_or_else(|| self.author.next_link());
        self.author.go_to(place);
        let last = (place.seq > 0).then_some(place.prev);
        let open = self.author.open_epoch(last, reason, ts, entropy)?;
        let mut writer = Writer::begin(disk, open.header.chain.unwrap_or(place))?;
        writer.push(disk, &open)?;
        self.sign_waiting(disk, entropy, ts, writer)
    }

    fn first_place(&self, entropy: &mut impl Entropy) -> io::Result<ChainLink> {
        Ok(ChainLink { epoch: entropy.epoch()?, prev: self.author.credentials().introduction, seq: 0 })
    }

    /// Puts what waits behind what a writer has, signed again for the places to come, in the spool's place.
    fn sign_waiting(
        &mut self,
        disk: &impl Disk,
        entropy: &mut impl Entropy,
        ts: Timestamp,
        mut writer: Writer,
    ) -> Result<(), OutboxError> {
        for i in 0..self.spool.pending() {
            let Some(event) = self.spool.waiting(disk, i)? else { continue };
            sign_again(event, &mut self.author, ts, entropy)?
                .map_or(Ok(()), |event| writer.push(disk, &event))?;
        }
        Ok(self.spool.become_written(disk, writer)?)
    }
}

/// Signs what an event says again for the next place of a chain; `None` for the opening of an epoch that is left.
fn sign_again(
    event: Event,
    author: &mut ChainAuthor,
    ts: Timestamp,
    entropy: &mut impl Entropy,
) -> io::Result<Option<Event>> {
    let Event { header, payload, .. } = event;
    if header.kind == Kind::ChainOpen {
        return Ok(None);
    }
    let draft = Draft {
        kind: header.kind,
        payload,
        payload_version: header.payload_version,
        severity: header.severity,
        ts: header.ts,
        id: entropy.event_id(ts)?,
    };
    Ok(Some(author.next_event(draft)))
}
