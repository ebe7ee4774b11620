//! Every flip in a packed file is found, and placed.

use crate::segments::mixed;
use pack::{Packed, UnpackError};

fn read(bytes: Vec<u8>) -> Result<Vec<u8>, UnpackError> {
    Packed::open(bytes)?.unpack()
}

#[test]
fn every_flip_is_found_and_placed() {
    let log = mixed(2, 30);
    let bytes = log.pack();
    let len = bytes.len() as u64;
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        match read(flipped) {
            Ok(_) => panic!("byte {at} of {len} was flipped and nobody saw it"),
            Err(UnpackError::Damaged { from, to, .. }) => {
                // A checksum that is damaged accuses the part that it is of.
                let within = (from..to).contains(&(at as u64));
                assert!(within || at as u64 >= len / 2, "byte {at} is not in {from}..{to}");
            }
            // The magic says that it is no such file at all.
            Err(error) => assert!(at < 4, "byte {at}: {error}"),
        }
    }
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    let bytes = mixed(4, 12).pack();
    for length in 0..bytes.len() {
        assert!(read(bytes[..length].to_vec()).is_err(), "cut to {length}");
    }
}
