//! The form of a spool file's lines.

use serde::{Deserialize, Serialize};
use spec::{ChainLink, Epoch, Hash};

/// The spool's file.
pub const SPOOL_FILE: &str = "spool.log";

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
