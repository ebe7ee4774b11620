//! The limits: the same work with nothing around it.

use crate::report::{Limit, Rate, Round, cores, rate, time};
use crate::world::scratch;
use proofs::signature::{Item, verify_all};
use proofs::{Blake3, Sha256, TreeHash as _};
use spec::event::Payload;
use spec::{Commit, Domain, Event, Hash, PublicKey, Signature};
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// Signatures in one batch, as the ledger checks them.
const BATCH: usize = 1024;

/// Entries in a group of the hash limit.
const GROUP: usize = 1024;

/// What must be computed over an event whatever the program around it looks like.
pub(crate) struct Bare {
    key: PublicKey,
    sig: Signature,
    message: Vec<u8>,
    entry: Vec<u8>,
    header: Vec<u8>,
    payload: Payload,
}

impl Bare {
    pub(crate) fn of(events: &[Event]) -> Vec<Self> {
        events
            .iter()
            .map(|event| {
                let (mut header, mut signed) = (Vec::new(), Vec::new());
                event.header.write(None, &mut header);
                event.header.write(Some(&event.sig), &mut signed);
                // As long as an entry is: chain, lane, time and number beside the event.
                signed.extend_from_slice(&[b' '; 250]);
                Self {
                    key: event.header.key,
                    sig: event.sig,
                    message: event.header.signing_bytes(),
                    entry: signed,
                    header,
                    payload: event.payload.clone(),
                }
            })
            .collect()
    }
}

fn check(bare: &[Bare]) {
    for batch in bare.chunks(BATCH) {
        let items: Vec<Item<'_>> =
            batch.iter().map(|b| Item { key: &b.key, sig: &b.sig, message: &b.message }).collect();
        assert!(verify_all(&items).into_iter().all(|holds| holds));
    }
}

/// Payload hash, event hash, both leaf hashes and the group's hash.
fn hash(bare: &[Bare]) {
    for group in bare.chunks(GROUP) {
        let mut written = Vec::new();
        for b in group {
            std::hint::black_box(b.payload.hash());
            std::hint::black_box(Hash::of(Domain::Event, &[&b.header, &b.sig.0]));
            std::hint::black_box((Blake3::leaf(&b.entry), Sha256::leaf(&b.entry)));
            written.extend_from_slice(&b.entry);
            written.extend_from_slice(b.payload.json.as_bytes());
        }
        std::hint::black_box(Commit::of(&written, 0, Hash::ZERO));
    }
}

fn on_all_cores(bare: &[Bare], work: impl Fn(&[Bare]) + Sync) {
    let share = bare.len().div_ceil(cores());
    std::thread::scope(|scope| {
        for part in bare.chunks(share) {
            scope.spawn(|| work(part));
        }
    });
}

pub(crate) fn signatures_on_one_core(bare: &[Bare]) -> Limit {
    Limit::stated("ZIP-215 batches on one core", rate(bare.len(), || check(bare)))
}

pub(crate) fn signatures(bare: &[Bare]) -> Limit {
    Limit::stated("ZIP-215 batches on all cores", rate(bare.len(), || on_all_cores(bare, check)))
}

pub(crate) fn hashes(bare: &[Bare]) -> Limit {
    Limit::stated("hashing on one core", rate(bare.len(), || hash(bare)))
}

pub(crate) fn hashes_and_signatures(bare: &[Bare]) -> Limit {
    let both = |part: &[Bare]| {
        hash(part);
        check(part);
    };
    Limit::stated("hashes and signatures on all cores", rate(bare.len(), || on_all_cores(bare, both)))
}

/// Events a second that a file takes, in groups of `size` events, each written and synced.
pub(crate) fn disk(group: usize, bytes_each: usize) -> Rate {
    let dir = scratch();
    let file = File::create(dir.path().join("raw")).unwrap();
    let bytes = vec![b'x'; group * bytes_each];
    let groups = (20_000 / group).clamp(20, 200);
    let mut at = 0;
    let mut round = || -> Round {
        time(|| {
            for _ in 0..groups {
                file.write_all_at(&bytes, at).unwrap();
                file.sync_data().unwrap();
                at += bytes.len() as u64;
            }
        })
    };
    let rounds: Vec<Round> = (0..3).map(|_| round()).collect();
    Rate::of(groups * group, rounds)
}
