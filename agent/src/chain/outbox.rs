//! What becomes of a fact: chained and spooled, or dropped and counted; and how an epoch is left for a new
//! one.

use crate::chain::author::{ChainAuthor, Draft};
use crate::clock::Now;
use crate::disk::Disk;
use crate::entropy::Entropy;
use crate::heartbeat::Sampler;
use crate::session::{Session, SessionError};
use serde::Serialize;
use spec::{ChainLink, Event, Kind};
use std::io;
use std::time::Duration;

/// Bytes that an event's header and a `chain-gap` event in front of it may take in the spool.
const ROOM_BYTES: usize = 4096;

/// How long an epoch must last before the next forced one counts as the first.
const QUIET: Duration = Duration::from_hours(1);

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It waits for its receipt.
    Spooled,
    /// The spool is full; the event is counted and will be reported by a `chain-gap` event.
    Dropped,
}

impl<D: Disk, E: Entropy, S: Sampler> Session<D, E, S> {
    /// Signs an event, chains it and writes it to the disk; it is sent when its turn comes.
    pub fn enqueue<P: Serialize>(
        &mut self,
        now: Now,
        kind: Kind,
        payload: &P,
    ) -> Result<Enqueued, SessionError> {
        self.ensure_spool(now)?;
        let draft = Draft::new(kind, payload, now.wall, &mut self.entropy)?;
        let events = 1 + usize::from(self.drops.run.is_some());
        if !self.spool.has_room(events, draft.payload.json.len() + ROOM_BYTES) {
            self.drop_event(draft)?;
            return Ok(Enqueued::Dropped);
        }
        if let Some(run) = self.drops.run.clone() {
            let gap = Draft::new(Kind::ChainGap, &run, now.wall, &mut self.entropy)?;
            self.append(gap)?;
            self.drops.reported(&self.disk)?;
        }
        self.append(draft)?;
        Ok(Enqueued::Spooled)
    }

    /// Makes sure that key, spool, place in the chain and count of drops are those on the disk.
    pub(crate) fn ensure_spool(&mut self, now: Now) -> Result<(), SessionError> {
        self.ensure_rotation(now)?;
        if self.spool.ensure(&self.disk)? {
            let newest = self.spool.newest(&self.disk)?;
            self.drops.compare(&self.disk, newest.as_ref())?;
        }
        Ok(self.drops.ensure(&self.disk)?)
    }

    /// Leaves the present epoch because of something the ledger said; not too often in a row.
    pub(crate) fn reopen(&mut self, now: Now, reason: &str, skip: usize) -> Result<(), SessionError> {
        if self.reopened_at.is_none_or(|at| now.steady.saturating_sub(at) > QUIET) {
            self.reopenings.succeed();
        }
        self.rechain(now, reason, 0, skip, &[])?;
        self.reopened_at = Some(now.steady);
        self.retry_at = now.steady + self.reopenings.fail(None, &mut self.entropy)?;
        Ok(())
    }

    fn append(&mut self, draft: Draft) -> Result<(), SessionError> {
        self.author.go_to(self.spool.next());
        let event = self.author.sign(draft);
        Ok(self.spool.append(&self.disk, &event)?)
    }

    /// Signs an event that will never be sent, for the head of the run it belongs to: in an epoch of its
    /// own, so that no place of the chain is ever signed for twice.
    fn drop_event(&mut self, draft: Draft) -> Result<(), SessionError> {
        let introduction = self.author.credentials().introduction;
        let prev = self.drops.run.as_ref().map_or(introduction, |run| run.head);
        self.author.go_to(ChainLink { epoch: self.entropy.epoch()?, prev, seq: 0 });
        let event = self.author.sign(draft);
        Ok(self.drops.add(&self.disk, &event)?)
    }

    /// Opens a new epoch and signs what waits again under it: all but the first `keep` events, which stay
    /// as they are, and the `skip` after those, which are given up; then what was salvaged.
    pub(crate) fn rechain(
        &mut self,
        now: Now,
        reason: &str,
        keep: usize,
        skip: usize,
        salvage: &[Event],
    ) -> Result<(), SessionError> {
        let first = self.spool.waiting(&self.disk, 0)?.and_then(|event| event.header.chain);
        let mut author = self.author.clone();
        author.go_to(self.spool.next());
        let last = match first {
            Some(link) if keep == 0 => (link.seq > 0).then_some(link.prev),
            _ => author.last(),
        };
        let open = author.open_epoch(last, reason, now.wall, &mut self.entropy)?;
        let base = first.filter(|_| keep > 0).or(open.header.chain).unwrap_or_else(|| author.next_link());
        let mut writer = self.spool.writer(&self.disk, base)?;
        for i in 0..keep {
            if let Some(event) = self.spool.waiting(&self.disk, i)? {
                writer.push(&self.disk, &event)?;
            }
        }
        writer.push(&self.disk, &open)?;
        let waiting = (keep + skip..self.spool.pending()).map(|i| self.spool.waiting(&self.disk, i));
        for event in waiting.chain(salvage.iter().cloned().map(|event| Ok(Some(event)))) {
            let Some(event) = event? else { continue };
            if event.header.key != author.credentials().key.public() {
                continue;
            }
            if let Some(event) = sign_again(event, &mut author, now, &mut self.entropy)? {
                writer.push(&self.disk, &event)?;
            }
        }
        self.spool.become_written(&self.disk, writer)?;
        Ok(())
    }
}

/// Signs what an event says again for the next place of a chain; `None` for the opening of an epoch that is left.
pub(crate) fn sign_again(
    event: Event,
    author: &mut ChainAuthor,
    now: Now,
    entropy: &mut impl Entropy,
) -> io::Result<Option<Event>> {
    let Event { header, payload, .. } = event;
    if header.kind == Kind::ChainOpen {
        return Ok(None);
    }
    let id = entropy.event_id(now.wall)?;
    let draft = Draft {
        kind: header.kind,
        payload,
        payload_version: header.payload_version,
        severity: header.severity,
        ts: header.ts,
        id,
    };
    Ok(Some(author.next_event(draft)))
}
