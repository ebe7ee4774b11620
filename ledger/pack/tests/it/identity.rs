//! Packed and unpacked, a segment is what it was.

use crate::segments::{Log, Node, fleet, known, mixed};
use chance::Chance;
use pack::Packed;
use proptest::prelude::*;

fn unpacked(bytes: Vec<u8>) -> Vec<u8> {
    Packed::open(bytes).unwrap().unpack().unwrap()
}

#[track_caller]
fn same(log: &Log) {
    assert_eq!(unpacked(log.pack()), log.plain);
    // Without the edge of the tree, every root is there.
    let bytes = pack::pack(log.first, &log.plain, None).unwrap();
    assert_eq!(unpacked(bytes), log.plain);
}

#[test]
fn a_fleets_segment_comes_back_and_is_much_smaller() {
    let log = fleet(400, 6000);
    let bytes = log.pack();
    let each = bytes.len() / 6000;
    println!("{} bytes an entry, {} plain", each, log.plain.len() / 6000);
    assert!(each < 190, "{each} bytes an entry");
    assert_eq!(unpacked(bytes), log.plain);
}

#[test]
fn the_first_segment_comes_back() {
    let mut chance = Chance(3);
    let node = Node::new(&mut chance);
    let mut log = Log::new();
    for _ in 0..200 {
        log.heartbeat(&node, &mut chance);
        log.commit();
    }
    same(&log);
}

#[test]
fn what_is_no_record_of_its_place_is_kept_as_the_line_that_it_is() {
    let mut log = mixed(5, 40);
    let mut chance = Chance(6);
    let node = Node::new(&mut chance);
    log.next_segment();
    log.heartbeat(&node, &mut chance);
    let again = log.lines[0].clone();
    // An entry of another place, one of a format to come, and no record at all.
    assert!(!known("of-another-time"));
    for line in
        [again, "{\"entry\":{\"event\":{\"format\":\"vm-event-envelope-v9\"}}}".to_owned(), "x".to_owned()]
    {
        log.line(line);
    }
    log.commit();
    // The commit line counts the entries that the tree knows; this one counts the lines.
    let text = String::from_utf8(log.plain.clone()).unwrap();
    let records = text.lines().take(4).fold(String::new(), |records, line| records + line + "\n");
    let mut plain = records.clone().into_bytes();
    spec::Commit::of(records.as_bytes(), log.first + 4, spec::Hash([9; 32])).write_line(&mut plain);
    let bytes = pack::pack(log.first, &plain, Some(&log.edge)).unwrap();
    assert_eq!(unpacked(bytes), plain);
}

#[test]
fn what_is_no_run_of_whole_groups_stays_as_it_is() {
    let log = mixed(7, 30);
    let refused = |plain: &[u8]| pack::pack(log.first, plain, Some(&log.edge)).is_err();
    assert!(refused(b""));
    assert!(refused(&log.plain[..log.plain.len() - 1]));
    assert!(refused(&log.plain[1..]));
    let mut damaged = log.plain.clone();
    damaged[100] ^= 1;
    assert!(refused(&damaged));
    assert!(pack::pack(log.first + 1, &log.plain, None).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_segment_comes_back(seed: u64, entries in 1_u64..120) {
        same(&mixed(seed, entries));
    }
}
