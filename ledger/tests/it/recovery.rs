//! What an open makes of a damaged ledger: cut, repaired, or refused with the place of the damage.

use crate::sim_disk::{Image, SimDisk};
use crate::support::{
    Node, Place, TestRows, all_recorded, append, appended_codes, check_whole, enrol, key, keyring, recorded,
    run,
};
use ledger::Ledger;
use ledger::clock::Clock as _;
use ledger::durable::{Disk as _, lock};
use ledger::fault::Fault;
use ledger::index::{FjallRows, Rows, Space};
use ledger::open::{Anchor, OpenError, Options};
use ledger::segment::{Next, next_group};
use ledger::storage::{cut_name, segment_name};
use proofs::proofchain::ProofChain;
use spec::limits::{MAX_COMMIT_BYTES, MAX_GROUP_BYTES};
use spec::payload::Recovery;
use spec::{Event, Kind};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// What a test does to a file.
type Damage = fn(&SimDisk, &str);

/// How a test changes a place.
type Change = fn(&mut Place);

/// A closed ledger with several segments and seals.
struct Filled {
    image: Image,
    rows: Arc<TestRows>,
    node: Node,
    events: Vec<Event>,
    /// `ROOT.txt` and `PROOFCHAIN.json` from before the last four groups.
    older: Older,
    place: Place,
}

struct Older {
    root: Vec<u8>,
    chain: Vec<u8>,
    rows: Arc<TestRows>,
    size: u64,
}

fn filled(groups: usize) -> Filled {
    let disk = SimDisk::new();
    let rows = Arc::new(TestRows::default());
    let place = Place::simulated(&disk).with_rows(rows.clone());
    let mut ledger = run(place.start());
    let mut node = run(enrol(&place, &ledger, "acme"));
    let mut events = Vec::new();
    let mut older = None;
    for round in 0..groups {
        let batch = node.notes(1 + round % 4);
        all_recorded(&run(append(&ledger, batch.clone())).unwrap());
        events.extend(batch);
        if round % 7 == 3 {
            run(ledger.seal()).unwrap().unwrap();
        }
        if round == groups - 4 {
            // Closing writes ROOT.txt and the index.
            ledger.close(false);
            older = Some(Older {
                root: place.get("ROOT.txt").unwrap(),
                chain: place.get("PROOFCHAIN.json").unwrap(),
                rows: rows.copy(),
                size: ledger.head().borrow().size,
            });
            ledger = run(place.open());
        }
    }
    ledger.close(false);
    check_whole(&place);
    let older = older.unwrap();
    Filled { image: disk.image(), rows, node, events, older, place }
}

impl Filled {
    fn disk(&self) -> SimDisk {
        SimDisk::of(self.image.clone())
    }

    fn at(&self, disk: &SimDisk) -> Place {
        let place = Place::simulated(disk);
        Place { clock: Arc::clone(&self.place.clock), ..place }
    }

    /// A disk on which `ROOT.txt`, `PROOFCHAIN.json` and the index know nothing of the last groups.
    fn forgetful(&self) -> SimDisk {
        let disk = self.disk();
        let place = self.at(&disk);
        place.put("ROOT.txt", &self.older.root);
        place.put("PROOFCHAIN.json", &self.older.chain);
        disk
    }

    /// First seq, and start and end of each group, of the last segment.
    fn last(&self) -> (u64, Vec<(u64, u64)>) {
        let (first, bytes) = self.place.segments().pop().unwrap();
        (first, groups(&bytes))
    }

    /// Everything that was appended is known, and the rest of the chain can be written.
    fn check_resends(&self, ledger: &Ledger) {
        run(async {
            for events in self.events.chunks(16) {
                assert_eq!(appended_codes(ledger, events.to_vec()).await, vec!["again"; events.len()]);
            }
            let mut node = self.node.clone();
            recorded(ledger, node.note("goes on")).await;
        });
    }
}

fn groups(bytes: &[u8]) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    while let Next::Group(group) =
        next_group(bytes, found.last().map_or(0, |(_, end)| usize::try_from(*end).unwrap()), 0)
    {
        found.push((group.start, group.end));
    }
    found
}

fn flip(disk: &SimDisk, path: &str, byte: u64, mask: u8) {
    let old = disk.read_at(path, byte, 1).unwrap()[0];
    disk.write_at(path, byte, &[old ^ mask]).unwrap();
}

fn refused(place: &Place) -> OpenError {
    let segments = place.segments();
    match run(place.try_open()) {
        Ok(_) => panic!("it was opened"),
        Err(error) => {
            assert_eq!(place.segments(), segments, "a refusal changes nothing");
            error
        }
    }
}

#[track_caller]
fn damaged(place: &Place) -> Fault {
    match refused(place) {
        OpenError::Damaged(fault) => fault,
        other => panic!("{other}"),
    }
}

#[track_caller]
fn behind(place: &Place, what: &str) {
    match refused(place) {
        OpenError::Behind { watermark, .. } => assert!(watermark.contains(what), "{watermark}"),
        other => panic!("{other}"),
    }
}

#[test]
fn a_flipped_byte_in_the_middle_is_refused_with_its_place() {
    let ledger = filled(24);
    let segments = ledger.place.segments();
    assert!(segments.len() >= 3);
    for (n, (first, bytes)) in segments.iter().enumerate() {
        let path = segment_name(*first);
        let mut all = groups(bytes);
        if n == segments.len() - 1 {
            // The last group has its own test.
            all.pop();
        }
        for (start, end) in all {
            let span = end - start;
            // Some bytes of the records, and many of the commit line.
            let spots = (0..6).map(|i| start + span * i / 6).chain((1..260).step_by(41).map(|i| end - i));
            for byte in spots.filter(|byte| (start..end).contains(byte)) {
                let disk = ledger.disk();
                flip(&disk, &path, byte, 1 << (byte % 7));
                let fault = damaged(&ledger.at(&disk));
                assert_eq!(fault.file.as_deref(), Some(&*path), "byte {byte}: {fault}");
                let at = fault.byte.unwrap();
                // A group whose commit line is gone is taken together with the next.
                assert!(at >= start, "byte {byte} of {start}..{end}: {fault}");
                assert!(!fault.code.is_empty() && !fault.detail.is_empty());
            }
        }
    }
}

#[test]
fn a_damaged_last_group_is_refused_while_a_watermark_knows_it_and_cut_otherwise() {
    let ledger = filled(24);
    let (first, all) = ledger.last();
    let path = segment_name(first);
    let (start, end) = *all.last().unwrap();
    let whole = ledger.at(&ledger.disk()).leaves().len() as u64;
    let bytes = ledger.disk().read(&path).unwrap();
    let (mut cut, mut inside) = (0, 0);
    for byte in (start..end).filter(|byte| byte % 23 == 0 || end - byte < 240 && byte % 5 == 0) {
        let disk = ledger.disk();
        flip(&disk, &path, byte, 0x04);
        match refused(&ledger.at(&disk)) {
            OpenError::Behind { size, watermark } => {
                assert!(size < whole && watermark.contains("ROOT.txt"), "{watermark}");
            }
            OpenError::Damaged(fault) => assert_eq!(fault.file.as_deref(), Some(&*path)),
            other => panic!("{other}"),
        }
        // The same, with nobody who remembers the group.
        let disk = ledger.forgetful();
        flip(&disk, &path, byte, 0x04);
        let damaged = disk.read(&path).unwrap();
        let place = ledger.at(&disk);
        match run(place.try_open()) {
            Ok((opened, report)) => {
                opened.close(false);
                assert_eq!(report.cut_bytes, end - start);
                assert_eq!(
                    place.get(&cut_name(first, start)).unwrap(),
                    damaged[usize::try_from(start).unwrap()..]
                );
                let recovery = place.records().pop().unwrap();
                assert_eq!(recovery.entry.header.kind, Kind::Recovery);
                let said: Recovery = serde_json::from_str(&recovery.payload.unwrap().json).unwrap();
                assert_eq!((said.segment, said.offset), (Some(first), Some(start)));
                check_whole(&place);
                cut += 1;
            }
            // The commit line's root and size are not covered by its hash: no torn write looks like this.
            Err(OpenError::Damaged(fault)) => {
                assert!(["commit-root", "commit-size"].contains(&fault.code), "{fault}");
                inside += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(cut > 20 && inside > 3 && bytes.len() as u64 == end, "{cut} {inside}");
}

#[test]
fn truncations() {
    let ledger = filled(24);
    let (first, all) = ledger.last();
    let path = segment_name(first);
    let (before, _) = all[all.len() - 2];
    let (start, end) = *all.last().unwrap();
    let lengths = (before..end).filter(|len| len % 97 == 0 || *len == start || *len == end - 1);
    for len in lengths {
        let disk = ledger.disk();
        disk.set_len(&path, len).unwrap();
        behind(&ledger.at(&disk), "ROOT.txt");
        let disk = ledger.forgetful();
        disk.set_len(&path, len).unwrap();
        let place = ledger.at(&disk);
        let (opened, report) = run(place.try_open()).unwrap();
        opened.close(false);
        let kept = if len >= start { start } else { before };
        assert_eq!(report.cut_bytes, len - kept);
        check_whole(&place);
    }
}

#[test]
fn what_follows_a_torn_tail_makes_it_damage() {
    let ledger = filled(24);
    let (first, all) = ledger.last();
    let path = segment_name(first);
    // Zeros over the group before the last, as if its blocks had been lost: a later commit line stands.
    let (start, end) = all[all.len() - 2];
    let disk = ledger.forgetful();
    disk.write_at(&path, start, &vec![0; usize::try_from(end - start).unwrap()]).unwrap();
    let fault = damaged(&ledger.at(&disk));
    assert!(fault.detail.contains("a valid commit line follows"), "{fault}");
    assert!(fault.byte >= Some(start), "{fault}");
    // Garbage longer than any group.
    let disk = ledger.forgetful();
    let len = disk.len(&path).unwrap();
    disk.write_at(&path, len, &vec![b'x'; MAX_GROUP_BYTES + MAX_COMMIT_BYTES + 1]).unwrap();
    let fault = damaged(&ledger.at(&disk));
    assert!(fault.detail.contains("longer than a group may be"), "{fault}");
    // A little garbage is a tail.
    let disk = ledger.disk();
    disk.write_at(&path, len, b"{\"entry\":").unwrap();
    let place = ledger.at(&disk);
    let (opened, report) = run(place.try_open()).unwrap();
    assert_eq!(report.cut_bytes, 9);
    ledger.check_resends(&opened);
    opened.close(false);
    check_whole(&place);
    // The same at the end of a segment that is not the last.
    let disk = ledger.disk();
    let (first, bytes) = ledger.place.segments().remove(0);
    disk.write_at(&segment_name(first), bytes.len() as u64, b"{\"entry\":").unwrap();
    let fault = damaged(&ledger.at(&disk));
    assert_eq!((fault.code, fault.byte), ("torn-tail", Some(bytes.len() as u64)));
}

#[test]
fn segments_missing_swapped_renamed() {
    let ledger = filled(24);
    let names: Vec<String> = ledger.place.segments().iter().map(|(n, _)| segment_name(*n)).collect();
    for rows in [Arc::default(), ledger.rows.copy()] {
        for path in &names[..names.len() - 1] {
            let disk = ledger.disk();
            disk.remove(path).unwrap();
            let fault = damaged(&ledger.at(&disk).with_rows(rows.clone()));
            assert_eq!(fault.code, "segment-name", "{fault}");
        }
        let disk = ledger.disk();
        disk.remove(names.last().unwrap()).unwrap();
        match refused(&ledger.at(&disk).with_rows(rows.clone())) {
            OpenError::Behind { .. } => {}
            other => panic!("{other}"),
        }
    }
    let disk = ledger.disk();
    for (from, to) in [(&names[0], "log/x"), (&names[1], names[0].as_str()), (&"log/x".to_owned(), &names[1])]
    {
        disk.rename(from, to).unwrap();
    }
    let fault = damaged(&ledger.at(&disk));
    assert!(["seq", "chain", "genesis"].contains(&fault.code), "{fault}");
    let disk = ledger.disk();
    disk.rename(&names[1], &segment_name(7)).unwrap();
    assert_eq!(damaged(&ledger.at(&disk)).code, "segment-name");
}

#[test]
fn an_empty_last_segment_is_written_to() {
    let ledger = filled(24);
    let size = ledger.at(&ledger.disk()).leaves().len() as u64;
    for torn in [&b""[..], b"{\"entry\":{\"ev"] {
        let disk = ledger.disk();
        disk.write_at(&segment_name(size), 0, torn).unwrap();
        let place = ledger.at(&disk);
        let (opened, report) = run(place.try_open()).unwrap();
        assert_eq!(report.cut_bytes, torn.len() as u64);
        ledger.check_resends(&opened);
        opened.close(true);
        assert_eq!(place.segments().last().unwrap().0, size);
        check_whole(&place);
        run(place.without_index().open()).close(false);
        check_whole(&place);
    }
}

#[test]
fn root_txt() {
    let ledger = filled(12);
    let other = filled(12);
    let open = |bytes: Option<&[u8]>, rebuild: bool| {
        let disk = ledger.disk();
        match bytes {
            Some(bytes) => ledger.at(&disk).put("ROOT.txt", bytes),
            None => disk.remove("ROOT.txt").unwrap(),
        }
        let place = ledger.at(&disk);
        let options = Options { rebuild_root: rebuild, ..place.options() };
        (run(ledger::open::open(options)), place)
    };
    let good = ledger.place.get("ROOT.txt").unwrap();
    let foreign = other.place.get("ROOT.txt").unwrap();
    let mut scratched = good.clone();
    let middle = scratched.len() / 2;
    scratched[middle] ^= 1;
    for bytes in [None, Some(&b""[..]), Some(b"garbage"), Some(&good[..good.len() - 1]), Some(&scratched)] {
        let (result, _) = open(bytes, false);
        assert!(matches!(result, Err(OpenError::Root(_))), "{result:?}");
        let (result, place) = open(bytes, true);
        let (opened, report) = result.unwrap();
        assert!(report.rebuilt_root);
        opened.close(false);
        let last = place.records().pop().unwrap();
        assert_eq!(last.entry.header.kind, Kind::Recovery);
        assert_eq!(&*last.payload.unwrap().json, r#"{"action":"rebuild-root"}"#);
        check_whole(&place);
    }
    // Another ledger under the same keys is another history, whatever one is willing to rebuild.
    let (result, _) = open(Some(&foreign), true);
    assert!(matches!(result, Err(OpenError::Behind { .. })), "{result:?}");
    // From the future: signed after a log that has been put back.
    let disk = ledger.disk();
    let place = ledger.at(&disk);
    let opened = run(place.open());
    let mut node = ledger.node.clone();
    run(recorded(&opened, node.note("later")));
    opened.close(false);
    let future = place.get("ROOT.txt").unwrap();
    let (result, _) = open(Some(&future), true);
    assert!(matches!(result, Err(OpenError::Behind { .. })), "{result:?}");
    // An older one of the same history will do.
    let (result, place) = open(Some(&ledger.older.root), false);
    result.unwrap().0.close(false);
    check_whole(&place);
}

/// A whole directory put back from a backup agrees with itself; a checkpoint kept elsewhere tells.
#[test]
fn anchors() {
    let ledger = filled(12);
    let other = filled(12);
    let now = ledger.place.get("ROOT.txt").unwrap();
    let open = |note: &[u8]| {
        let disk = ledger.disk();
        let place = ledger.at(&disk);
        let anchors = vec![Anchor { name: "kept".to_owned(), note: note.to_owned() }];
        (run(ledger::open::open(Options { anchors, ..place.options() })), place)
    };
    for good in [&now, &ledger.older.root] {
        let (result, place) = open(good);
        result.unwrap().0.close(false);
        check_whole(&place);
    }
    let disk = ledger.disk();
    let place = ledger.at(&disk);
    let opened = run(place.open());
    run(recorded(&opened, ledger.node.clone().note("later")));
    opened.close(false);
    let later = place.get("ROOT.txt").unwrap();
    let foreign = other.place.get("ROOT.txt").unwrap();
    for note in [later, foreign] {
        let (result, place) = open(&note);
        let error = result.map(drop).unwrap_err();
        assert!(matches!(&error, OpenError::Behind { .. }) && error.to_string().contains("kept"), "{error}");
        check_whole(&place);
    }
    for note in [&b""[..], b"garbage", &now[..now.len() - 1]] {
        let (result, _) = open(note);
        assert!(matches!(result, Err(OpenError::Anchor { .. })), "{result:?}");
    }
}

#[test]
fn proofchain() {
    let ledger = filled(24);
    let good = ledger.place.get("PROOFCHAIN.json").unwrap();
    let chain = ProofChain::parse(&good).unwrap();
    assert!(chain.seals.len() >= 3);
    let open = |bytes: Option<&[u8]>| {
        let disk = ledger.disk();
        match bytes {
            Some(bytes) => ledger.at(&disk).put("PROOFCHAIN.json", bytes),
            None => disk.remove("PROOFCHAIN.json").unwrap(),
        }
        run(ledger.at(&disk).try_open()).map(|(ledger, report)| {
            ledger.close(false);
            report
        })
    };
    assert!(!open(Some(&good)).unwrap().repaired_seal);
    let without = |rows: usize| {
        let mut shorter = chain.clone();
        shorter.seals.truncate(chain.seals.len() - rows);
        shorter.to_canonical()
    };
    // The last seal has entries behind it: no crash leaves its row out.
    for bytes in [Some(without(1)), Some(without(2)), None] {
        let result = open(bytes.as_deref());
        assert!(matches!(result, Err(OpenError::Seals(_))), "{result:?}");
    }
    for bytes in [&b"garbage"[..], b"", &good[..good.len() - 1]] {
        assert!(matches!(open(Some(bytes)), Err(OpenError::Seals(_))));
    }
    // Right after a seal one row may be missing, and is made anew.
    let disk = ledger.disk();
    let place = ledger.at(&disk);
    let opened = run(place.open());
    let mut node = ledger.node.clone();
    run(recorded(&opened, node.note("x")));
    opened.close(true);
    let full = ProofChain::parse(&place.get("PROOFCHAIN.json").unwrap()).unwrap();
    for (rows, fits) in [(1, true), (2, false)] {
        let disk = SimDisk::of(disk.image());
        let place = ledger.at(&disk);
        let mut shorter = full.clone();
        shorter.seals.truncate(full.seals.len() - rows);
        place.put("PROOFCHAIN.json", &shorter.to_canonical());
        match run(place.try_open()) {
            Ok((opened, report)) => {
                opened.close(false);
                assert!(fits && report.repaired_seal);
                let repaired = ProofChain::parse(&place.get("PROOFCHAIN.json").unwrap()).unwrap();
                assert_eq!(repaired.seals.len(), full.seals.len());
                check_whole(&place);
            }
            Err(error) => assert!(!fits, "{error}"),
        }
    }
    // Ahead of the log: the log has been put back, and ROOT.txt and the index with it.
    let disk = ledger.disk();
    let place = ledger.at(&disk);
    place.put("PROOFCHAIN.json", &full.to_canonical());
    behind(&place, "PROOFCHAIN.json has");
    // Rows of another history that name the same seals.
    let mut other = chain.clone();
    let last = other.seals.len() - 1;
    other.seals[last].checkpoint = full.seals[last + 1].checkpoint.clone();
    let disk = ledger.disk();
    let place = ledger.at(&disk);
    place.put("PROOFCHAIN.json", &other.to_canonical());
    behind(&place, "PROOFCHAIN.json names another root");
}

#[test]
fn the_index_is_never_believed_over_the_log() {
    let ledger = filled(24);
    let check = |place: Place| {
        let opened = run(place.open());
        ledger.check_resends(&opened);
        opened.close(true);
        check_whole(&place);
    };
    // As it was; missing; behind; of another ledger; damaged and cleared part by part.
    check(ledger.at(&ledger.disk()).with_rows(ledger.rows.copy()));
    check(ledger.at(&ledger.disk()));
    check(ledger.at(&ledger.disk()).with_rows(ledger.older.rows.copy()));
    let other = filled(12);
    check(ledger.at(&ledger.disk()).with_rows(other.rows.copy()));
    for space in [Space::Groups, Space::Terms, Space::Meta] {
        let rows = ledger.rows.copy();
        rows.damage(space);
        check(ledger.at(&ledger.disk()).with_rows(rows));
        let rows = ledger.rows.copy();
        rows.forget(space);
        check(ledger.at(&ledger.disk()).with_rows(rows));
    }
    // Ahead of the log.
    let disk = ledger.forgetful();
    let (first, all) = ledger.last();
    disk.set_len(&segment_name(first), all.last().unwrap().0).unwrap();
    behind(&ledger.at(&disk).with_rows(ledger.rows.copy()), "the index covers");
}

#[test]
fn a_long_log_with_tiles_in_a_damaged_index() {
    let place = Place::memory();
    let ledger = run(place.start());
    let mut node = run(enrol(&place, &ledger, "acme"));
    let mut events = Vec::new();
    for _ in 0..8 {
        let batch = node.notes(100);
        all_recorded(&run(append(&ledger, batch.clone())).unwrap());
        events.extend(batch);
    }
    ledger.close(true);
    let fresh = Arc::new(TestRows::default());
    let place = place.with_rows(fresh.clone());
    run(place.open()).close(false);
    assert_eq!(fresh.count(Space::Tiles), 3);
    // Proofs from stored tiles hold, after an open from the snapshot too.
    let ledger = run(place.open());
    let old = events[..5].to_vec();
    let appended = run(append(&ledger, old.clone())).unwrap();
    crate::support::check_receipts(&[key(230).public()], &old, &appended);
    ledger.close(false);
    // Damaged ones are noticed: an open says so, or proofs are made without them. None is wrong.
    for clear in [false, true] {
        let rows = fresh.copy();
        if clear {
            rows.forget(Space::Tiles);
        } else {
            rows.damage(Space::Tiles);
        }
        match run(place.clone().with_rows(rows).try_open()) {
            Ok((ledger, _)) => {
                let appended = run(append(&ledger, old.clone()));
                if let Ok(appended) = appended {
                    crate::support::check_receipts(&[key(230).public()], &old, &appended);
                }
                ledger.close(false);
            }
            Err(OpenError::Behind { watermark, .. }) => assert!(watermark.contains("tiles"), "{watermark}"),
            Err(error) => panic!("{error}"),
        }
    }
    run(place.without_index().open()).close(true);
    check_whole(&place);
}

#[test]
fn id_files_are_rebuilt() {
    let ledger = filled(24);
    let disk = ledger.disk();
    let names = disk.list("ids").unwrap();
    assert!(names.len() >= 2);
    let damages: [Damage; 4] = [
        |disk, path| disk.remove(path).unwrap(),
        |disk, path| flip(disk, path, 100, 1),
        |disk, path| disk.set_len(path, 50).unwrap(),
        |disk, path| disk.set_len(path, 0).unwrap(),
    ];
    for with_index in [false, true] {
        for damage in damages {
            let disk = ledger.disk();
            let before: Vec<Vec<u8>> =
                names.iter().map(|n| disk.read(&format!("ids/{n}")).unwrap()).collect();
            for name in &names {
                damage(&disk, &format!("ids/{name}"));
            }
            let mut place = ledger.at(&disk);
            if with_index {
                place = place.with_rows(ledger.rows.copy());
            }
            let opened = run(place.open());
            ledger.check_resends(&opened);
            opened.close(false);
            for (name, bytes) in names.iter().zip(before) {
                assert_eq!(disk.read(&format!("ids/{name}")).unwrap(), bytes, "{name}");
            }
            check_whole(&place);
        }
    }
}

#[test]
fn a_fjall_index_deleted_or_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let (data, index) = (dir.path().join("data"), dir.path().join("index"));
    let open_rows = || -> Option<Arc<dyn Rows>> { Some(Arc::new(FjallRows::open(&index).ok()?)) };
    let place = Place::real(&data);
    let events = {
        let place = place.clone().with_rows(open_rows().unwrap());
        let ledger = run(place.start());
        let mut node = run(enrol(&place, &ledger, "acme"));
        let events = node.notes(40);
        all_recorded(&run(append(&ledger, events.clone())).unwrap());
        ledger.close(true);
        check_whole(&place);
        events
    };
    let files = || -> Vec<std::path::PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![index.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    };
    let check = |damage: &str| {
        let rows = open_rows().unwrap_or_else(|| {
            // What the executable does with an index that cannot be opened.
            std::fs::remove_dir_all(&index).unwrap();
            open_rows().unwrap()
        });
        let place = place.clone().with_rows(rows);
        match run(place.try_open()) {
            Ok((ledger, _)) => {
                let again = run(appended_codes(&ledger, events.clone()));
                assert_eq!(again, vec!["again"; events.len()], "{damage}");
                ledger.close(false);
            }
            // Said aloud; the way out is an index made anew.
            Err(error) => eprintln!("{damage}: {error}"),
        }
        check_whole(&place);
    };
    check("nothing");
    let count = files().len();
    for n in 0..count {
        let Some(path) = files().into_iter().nth(n) else { break };
        let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let len = file.metadata().unwrap().len();
        for byte in [0, len / 3, len / 2, len.saturating_sub(9)].into_iter().filter(|byte| *byte < len) {
            let mut old = [0];
            file.read_exact_at(&mut old, byte).unwrap();
            file.write_all_at(&[old[0] ^ 0x10], byte).unwrap();
        }
        drop(file);
        check(&format!("bytes of {}", path.file_name().unwrap().display()));
    }
    std::fs::remove_dir_all(&index).unwrap();
    check("deleted");
}

#[test]
fn a_second_opener_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let held = lock(dir.path()).unwrap().unwrap();
    assert!(lock(dir.path()).unwrap().is_none());
    let place = Place::real(dir.path());
    run(place.create());
    let options = Options { lock: Some(held), ..place.options() };
    let (ledger, _) = run(ledger::open::open(options)).unwrap();
    assert!(lock(dir.path()).unwrap().is_none(), "while it runs");
    let clone = ledger.clone();
    ledger.close(false);
    let again = lock(dir.path()).unwrap().expect("closed, whoever still holds a clone");
    drop(clone);
    // A failed open gives it back.
    let mut wrong = place.clone();
    wrong.keys = keyring(100);
    let options = Options { lock: Some(again), ..wrong.options() };
    assert!(run(ledger::open::open(options)).is_err());
    assert!(lock(dir.path()).unwrap().is_some());
    check_whole(&place);
}

#[test]
fn wrong_keys_and_empty_places() {
    let place = Place::memory();
    assert!(matches!(run(place.try_open()), Err(OpenError::Empty)));
    run(place.create());
    let again = run(ledger::open::create(&*place.storage, &place.plan(), now_of(&place)));
    assert!(matches!(again, Err(OpenError::Exists)));
    let changes: [(Change, &str); 4] = [
        (|p| p.keys.checkpoint = key(1), "checkpoint"),
        (|p| p.keys.checkpoint_sha256 = key(1), "checkpoint-sha256"),
        (|p| p.keys.command = key(1), "command"),
        (|p| p.keys.service = key(1), "service"),
    ];
    for (change, which) in changes {
        let mut wrong = place.clone();
        change(&mut wrong);
        match run(wrong.try_open()) {
            Err(OpenError::WrongKey(found)) => assert_eq!(found, which),
            other => panic!("{other:?}"),
        }
    }
    run(place.open()).close(false);
    check_whole(&place);
}

fn now_of(place: &Place) -> spec::Timestamp {
    place.clock.now()
}

#[test]
fn what_an_older_snapshot_covers_is_the_same_as_the_whole_fold() {
    let ledger = filled(24);
    let whole = run(ledger.at(&ledger.disk()).open());
    let from_old = run(ledger.at(&ledger.disk()).with_rows(ledger.older.rows.copy()).open());
    let from_new = run(ledger.at(&ledger.disk()).with_rows(ledger.rows.copy()).open());
    assert!(ledger.older.size < whole.head().borrow().size);
    for other in [&from_old, &from_new] {
        assert_eq!(whole.head().borrow().checkpoint, other.head().borrow().checkpoint);
        let differ = whole.directory(|a| {
            other.directory(|b| (a.keys != b.keys) || (a.authors != b.authors) || (a.tokens != b.tokens))
        });
        assert!(!differ);
    }
    // Their seals commit to the same admission state.
    let seals: Vec<String> = [whole, from_old, from_new]
        .iter()
        .map(|opened| {
            let seq = run(opened.seal()).unwrap().unwrap();
            let record = run(opened.reader().record(seq)).unwrap().unwrap();
            record.payload.unwrap().json.into()
        })
        .collect();
    assert!(seals.iter().all(|seal| *seal == seals[0]), "{seals:?}");
}
