//! What every storage promises, run over each of them.

use crate::sim_disk::SimDisk;
use crate::support::now;
use ledger::durable::RealDisk;
use ledger::storage::{FsStorage, MemoryStorage, SegmentInfo, Storage, StorageError, cut_name};
use std::sync::Arc;

fn on_each(check: impl Fn(&dyn Storage)) {
    let dir = tempfile::tempdir().unwrap();
    check(&FsStorage::new(Arc::new(RealDisk::new(dir.path()).unwrap())).unwrap());
    check(&FsStorage::new(Arc::new(SimDisk::new())).unwrap());
    check(&MemoryStorage::default());
}

fn append(storage: &dyn Storage, segment: u64, expected: u64, bytes: &[u8]) -> Result<(), StorageError> {
    now(storage.append(segment, expected, bytes))
}

fn read(storage: &dyn Storage, segment: u64) -> Vec<u8> {
    now(storage.read(segment, 0, 1 << 20)).unwrap()
}

#[test]
fn appends_compare_and_are_read_back() {
    on_each(|storage| {
        assert_eq!(now(storage.segments()).unwrap(), []);
        append(storage, 0, 0, b"one\n").unwrap();
        append(storage, 0, 4, b"two\n").unwrap();
        append(storage, 100, 0, b"three\n").unwrap();
        append(storage, 20, 0, b"middle\n").unwrap();
        let info = |first, len| SegmentInfo { first, len, packed: false };
        assert_eq!(now(storage.segments()).unwrap(), [info(0, 8), info(20, 7), info(100, 6)]);
        assert_eq!(read(storage, 0), b"one\ntwo\n");
        assert_eq!(now(storage.read(0, 4, 2)).unwrap(), b"tw");
        assert_eq!(now(storage.read(0, 4, 100)).unwrap(), b"two\n");
        assert_eq!(now(storage.read(0, 8, 100)).unwrap(), b"");
        assert_eq!(now(storage.read(0, 1000, 1)).unwrap(), b"");
    });
}

#[test]
fn a_second_writer_is_noticed() {
    on_each(|storage| {
        append(storage, 0, 0, b"one\n").unwrap();
        for wrong in [0, 3, 5, 1000] {
            let error = append(storage, 0, wrong, b"late\n").unwrap_err();
            let as_expected = matches!(
                error,
                StorageError::Conflict { segment: 0, expected, found: 4 } if expected == wrong
            );
            assert!(as_expected, "{error}");
        }
        assert_eq!(read(storage, 0), b"one\n", "a conflict writes nothing");
        assert!(matches!(append(storage, 7, 1, b"x"), Err(StorageError::Conflict { found: 0, .. })));
        assert_eq!(now(storage.segments()).unwrap().len(), 1, "a conflict creates nothing");
    });
}

#[test]
fn what_is_cut_is_kept() {
    on_each(|storage| {
        append(storage, 5, 0, b"whole\ntorn").unwrap();
        now(storage.cut(5, 6)).unwrap();
        assert_eq!(read(storage, 5), b"whole\n");
        assert_eq!(now(storage.get(&cut_name(5, 6))).unwrap().unwrap(), b"torn");
        now(storage.cut(5, 6)).unwrap();
        now(storage.cut(5, 100)).unwrap();
        assert_eq!(read(storage, 5), b"whole\n", "cutting again changes nothing");
        assert_eq!(now(storage.get(&cut_name(5, 6))).unwrap().unwrap(), b"torn");
        now(storage.rewrite_tail(5, 3)).unwrap();
        now(storage.rewrite_tail(5, 1000)).unwrap();
        assert_eq!(read(storage, 5), b"whole\n");
        append(storage, 5, 6, b"more\n").unwrap();
        assert_eq!(read(storage, 5), b"whole\nmore\n");
        assert_eq!(now(storage.segments()).unwrap().len(), 1, "kept bytes are no segment");
    });
}

#[test]
fn a_second_cut_at_one_place_does_not_replace_what_the_first_kept() {
    on_each(|storage| {
        append(storage, 0, 0, b"whole\nfirst").unwrap();
        now(storage.cut(0, 6)).unwrap();
        append(storage, 0, 6, b"second").unwrap();
        now(storage.cut(0, 6)).unwrap();
        append(storage, 0, 6, b"first").unwrap();
        now(storage.cut(0, 6)).unwrap();
        let names = now(storage.list("log")).unwrap();
        let mut kept: Vec<Vec<u8>> = names
            .iter()
            .filter(|name| name.starts_with("cut-"))
            .map(|name| now(storage.get(&format!("log/{name}"))).unwrap().unwrap())
            .collect();
        kept.sort();
        assert_eq!(kept, [b"first".to_vec(), b"second".to_vec()], "{names:?}");
    });
}

#[test]
fn documents_are_replaced_whole() {
    on_each(|storage| {
        assert_eq!(now(storage.get("ROOT.txt")).unwrap(), None);
        now(storage.put("ROOT.txt", b"a longer first version")).unwrap();
        now(storage.put("ROOT.txt", b"second")).unwrap();
        assert_eq!(now(storage.get("ROOT.txt")).unwrap().unwrap(), b"second");
        now(storage.put("ids/b.ids", b"b")).unwrap();
        now(storage.put("ids/a.ids", b"a")).unwrap();
        now(storage.put("proofchain/0.jsonl", b"")).unwrap();
        assert_eq!(now(storage.get("proofchain/0.jsonl")).unwrap().unwrap(), b"");
        assert_eq!(now(storage.list("ids")).unwrap(), ["a.ids", "b.ids"]);
        assert_eq!(now(storage.list("nothing")).unwrap(), Vec::<String>::new());
    });
}
