//! A single entry.

use crate::segments::{Log, fleet, mixed};
use pack::Packed;

fn every_line(log: &Log) {
    let packed = Packed::open(log.pack()).unwrap();
    for (i, line) in log.lines.iter().enumerate() {
        let seq = log.first + i as u64;
        let alone = packed.alone(seq).unwrap().unwrap();
        let leaf = |seq: u64| log.leaves.get(usize::try_from(seq).unwrap()).copied().ok_or(());
        assert_eq!(alone.line(leaf).as_ref(), Ok(line), "entry {seq}");
    }
    assert!(packed.alone(log.first + log.lines.len() as u64).unwrap().is_none());
    assert!(log.first == 0 || packed.alone(log.first - 1).unwrap().is_none());
}

#[test]
fn every_entry_can_be_read_alone() {
    every_line(&mixed(11, 150));
    every_line(&fleet(3, 300));
}
