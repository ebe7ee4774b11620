//! Writing a spool file: the form of its lines, and a whole file that takes another's place.

use crate::chain::spool::{Limits, SPOOL_FILE, Spool};
use crate::disk::Disk;
use crate::durable::Replacement;
use serde::{Deserialize, Serialize};
use spec::{ChainLink, Epoch, Event, Hash, canonical};
use std::io;

/// Letter, space, check, space.
pub(crate) const PREFIX_BYTES: u64 = 19;

pub(crate) fn line(letter: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 20);
    out.extend_from_slice(&[letter, b' ']);
    out.extend_from_slice(&check(letter, body));
    out.push(b' ');
    out.extend_from_slice(body);
    out.push(b'\n');
    out
}

pub(crate) fn check(letter: u8, body: &[u8]) -> [u8; 16] {
    let hash = blake3::Hasher::new().update(&[letter]).update(body).finalize().to_hex();
    let mut out = [0; 16];
    out.iter_mut().zip(hash.bytes()).for_each(|(slot, digit)| *slot = digit);
    out
}

/// A place in the chain, as a base line holds it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base {
    epoch: Epoch,
    prev: Hash,
    seq: u64,
}

impl From<ChainLink> for Base {
    fn from(link: ChainLink) -> Self {
        Self { epoch: link.epoch, prev: link.prev, seq: link.seq }
    }
}

impl From<Base> for ChainLink {
    fn from(base: Base) -> Self {
        Self { epoch: base.epoch, prev: base.prev, seq: base.seq }
    }
}

/// A spool that is being written to take another's place.
#[derive(Debug)]
pub(crate) struct Writer {
    file: Replacement,
    spool: Spool,
}

impl Writer {
    pub(crate) fn begin(disk: &impl Disk, base: ChainLink, limits: Limits) -> io::Result<Self> {
        let mut file = Replacement::begin(disk, SPOOL_FILE)?;
        let json = canonical::to_vec(&Base::from(base)).map_err(io::Error::other)?;
        let first = line(b'b', &json);
        file.push(disk, &first)?;
        let mut spool = Spool::empty(base, limits);
        spool.len = first.len() as u64;
        Ok(Self { file, spool })
    }

    /// Adds an event that follows the one before.
    pub(crate) fn push(&mut self, disk: &impl Disk, event: &Event) -> io::Result<()> {
        let json = event.to_canonical();
        self.file.push(disk, &line(b'e', &json))?;
        self.spool.note_event(&json, event);
        Ok(())
    }

    pub(crate) fn commit(self, disk: &impl Disk) -> io::Result<Spool> {
        self.file.commit(disk)?;
        Ok(self.spool)
    }
}
