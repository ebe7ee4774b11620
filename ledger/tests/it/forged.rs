//! Logs by somebody who holds the ledger's keys, or makes every unsigned hash anew: each lie is found under its
//! code, at its entry.

use crate::forger::{Forger, failures, stranger};
use crate::support::signed;
use ledger::audit::MAX_LISTED;
use ledger::segment::{Next, SEGMENT_BYTES, later_commit, next_group};
use serde_json::json;
use spec::limits::{MAX_GROUP_BYTES, MAX_SAFE_INTEGER};
use spec::{Author, Commit, Event, Hash, Kind, Timestamp};

/// A lie: a name for it, the code it is found under, and how it is told; gives the seq it is found at.
pub(crate) type Lie = (&'static str, &'static str, fn(&mut Forger) -> u64);

/// Tells a lie in the record line of a note.
fn about(forger: &mut Forger, lie: impl FnOnce(&mut spec::Record)) -> u64 {
    let event = forger.note();
    let seq = forger.record(&event, lie);
    let after = forger.note();
    forger.say(&after);
    forger.commit();
    seq
}

/// Tells a lie in the commit line of a note.
fn committed(forger: &mut Forger, lie: impl FnOnce(&mut Commit)) {
    let event = forger.note();
    forger.say(&event);
    forger.commit_as(lie);
}

/// Changes the bytes of a note's record line.
fn in_line(forger: &mut Forger, from: &str, to: &str) -> u64 {
    let event = forger.note();
    let seq = forger.say(&event);
    let line = String::from_utf8(std::mem::take(&mut forger.group)).unwrap();
    assert!(line.contains(from), "{line}");
    forger.group = line.replacen(from, to, 1).into_bytes();
    forger.commit();
    seq
}

pub(crate) const LIES: [Lie; 35] = [
    ("a number left out", "seq", |f| about(f, |r| r.entry.position.seq += 1)),
    ("a number told twice", "seq", |f| about(f, |r| r.entry.position.seq -= 1)),
    ("no entry before", "chain", |f| about(f, |r| r.entry.position.prev = Hash::ZERO)),
    ("itself before", "chain", |f| about(f, |r| r.entry.position.prev = r.entry.position.lane.prev)),
    ("a place of the lane left out", "lane", |f| about(f, |r| r.entry.position.lane.n += 1)),
    ("a place of the lane told twice", "lane", |f| about(f, |r| r.entry.position.lane.n -= 1)),
    ("no entry before in the lane", "lane", |f| about(f, |r| r.entry.position.lane.prev = Hash::ZERO)),
    ("a lane that does not begin at 0", "lane", |f| {
        let event = f.admin("novel", Kind::Note, json!({"text": "first"}));
        f.record_alone(&event, |r| r.entry.position.lane.n = 1)
    }),
    ("a lane that begins behind something", "lane", |f| {
        let event = f.admin("novel", Kind::Note, json!({"text": "first"}));
        f.record_alone(&event, |r| r.entry.position.lane.prev = r.entry.position.prev)
    }),
    ("a millisecond back", "clock", |f| {
        f.now = Timestamp::from_millis(f.now.millis() - 1);
        about(f, |_| ())
    }),
    ("another text", "payload-hash", |f| {
        about(f, |r| r.payload.as_mut().unwrap().json = "{\"text\":\"other\"}".into())
    }),
    ("another salt", "payload-hash", |f| about(f, |r| r.payload.as_mut().unwrap().salt = Hash::ZERO)),
    ("no payload", "payload-missing", |f| about(f, |r| r.payload = None)),
    ("a payload of another shape", "payload-schema", |f| {
        let event = f.node.craft(Kind::Note, &json!({"text": 7}), |_| ());
        f.append(&event)
    }),
    ("a payload the fold cannot read", "payload-schema", |f| {
        let event = f.admin("acme", Kind::Note, json!({"text": "x"}));
        let header = spec::Header { kind: Kind::Token, ..event.header };
        f.append(&signed(header, &json!({"action": "rename"}), &f.service_key))
    }),
    ("a version nobody knows", "payload-schema", |f| {
        let event = f.node.craft(Kind::Note, &json!({"text": "x"}), |header| header.payload_version = 2);
        f.append(&event)
    }),
    ("a space", "line-canonical", |f| in_line(f, "{\"entry\":{", "{\"entry\": {")),
    ("a member twice", "line-canonical", |f| in_line(f, "{\"text\":", "{\"text\":\"a\",\"text\":")),
    ("a space in the payload", "line-canonical", |f| in_line(f, "{\"text\":", "{ \"text\":")),
    ("a member too many", "line-format", |f| in_line(f, "{\"entry\":", "{\"aside\":1,\"entry\":")),
    ("a salt without a payload", "line-format", |f| {
        in_line(f, ",\"payload\":{\"text\":\"forged\"},\"salt\"", ",\"salt\"")
    }),
    ("an empty line", "line-canonical", |f| {
        f.group.push(b'\n');
        let size = f.size();
        about(f, |_| ());
        size
    }),
    ("a second genesis", "admission", |f| {
        let event = Forger::genesis();
        f.append(&event)
    }),
    ("a signature over something else", "signature", |f| {
        let event = f.note();
        let other = f.note();
        let seq = f.record(&event, |r| r.entry.sig = other.sig);
        // The chain goes on behind the event as it stands in the log.
        f.commit();
        seq
    }),
    ("the signature of another key", "signature", |f| {
        let event = f.plain();
        let text = json!({"text": "plain"});
        let event = signed(event.header, &text, &stranger());
        f.append(&event)
    }),
    ("an event twice", "duplicate", |f| {
        let event = f.plain();
        f.append(&event);
        f.append(&event)
    }),
    ("an id twice", "duplicate", |f| {
        let event = f.plain();
        let again = signed(event.header.clone(), &json!({"text": "other"}), &f.service_key);
        f.say(&event);
        let seq = f.append(&again);
        let after = f.plain();
        f.append(&after);
        seq
    }),
    ("an id twice, in two segments", "duplicate", |f| {
        let event = f.plain();
        f.append(&event);
        f.open_segment(f.size());
        f.append(&event)
    }),
    ("a seal left out", "seal", |f| f.seal(|seal| seal.index += 1)),
    ("a seal told twice", "seal", |f| f.seal(|seal| seal.index -= 1)),
    ("no seal before", "seal", |f| f.seal(|seal| seal.prev = Hash::ZERO)),
    ("a seal over another tree", "seal", |f| f.seal(|seal| seal.root = seal.prev)),
    ("a seal over another state", "seal", |f| f.seal(|seal| seal.admission = Hash::ZERO)),
    ("a seal of another shape", "payload-schema", |f| {
        let event = f.own(Kind::Service, json!({"action": "start", "version": "1"}));
        let header = spec::Header { kind: Kind::Seal, ..event.header };
        f.append(&signed(header, &json!({"index": 3}), &f.service_key))
    }),
    ("a segment that ends in the middle", "torn-tail", |f| {
        let event = f.note();
        let seq = f.say(&event);
        let name = f.files.last_segment();
        let torn = std::mem::take(&mut f.group);
        f.files.0.get_mut(&name).unwrap().extend(torn);
        f.open_segment(f.size());
        about(f, |_| ());
        seq
    }),
];

/// The one failure is where the file says: in the newest segment but for lies about segments, at the first byte
/// of a line.
#[track_caller]
fn check_place(forger: &Forger, what: &str) {
    let report = forger.verify();
    let fault = &report.failures[0];
    let Some(line) = fault.line else { return };
    let bytes = &forger.files.0[fault.file.as_ref().unwrap()];
    let byte = usize::try_from(fault.byte.unwrap()).unwrap();
    assert!(byte == 0 || bytes[byte - 1] == b'\n', "{what}: {fault:?}");
    assert_eq!(line, bytes[..byte].split(|b| *b == b'\n').count() as u64, "{what}: {fault:?}");
    let Some(seq) = fault.seq else { return };
    let before = bytes[..byte].split(|b| *b == b'\n').filter(|line| line.starts_with(b"{\"entry\"")).count();
    let first: u64 = fault.file.as_ref().unwrap()[4..24].parse().unwrap();
    assert_eq!(first + before as u64, seq, "{what}: {fault:?}");
}

#[test]
fn a_lie_is_found_under_its_code_at_its_entry() {
    for (what, code, forge) in LIES {
        let mut forger = Forger::new();
        let expected = forge(&mut forger);
        let report = forger.verify();
        assert_eq!(failures(&report), [(code, Some(expected))], "{what}: {:?}", report.failures);
        check_place(&forger, what);
    }
}

#[test]
fn a_segment_starts_where_the_one_before_ends() {
    for late in [false, true] {
        let mut forger = Forger::new();
        let note = forger.note();
        forger.append(&note);
        let first = if late { forger.size() + 1 } else { forger.size() - 1 };
        forger.open_segment(first);
        about(&mut forger, |_| ());
        let report = forger.verify();
        assert_eq!(failures(&report), [("segment-name", None)], "{:?}", report.failures);
        assert_eq!(report.failures[0].file, Some(forger.files.last_segment()));
    }
}

/// What the forger writes is honest where it does not lie, or nothing here would show anything.
#[test]
fn what_is_not_forged_verifies() {
    let mut forger = Forger::new();
    let before = forger.passes();
    let (note, plain) = (forger.note(), forger.plain());
    forger.say(&note);
    forger.append(&plain);
    forger.open_segment(forger.size());
    // The same time again, another organisation's lane, and an id that another organisation has.
    let mut other = forger.admin("novel", Kind::Note, json!({"text": "plain"}));
    other.header.id = plain.header.id;
    let other = signed(other.header, &json!({"text": "plain"}), &forger.service_key);
    forger.append(&other);
    forger.seal(|_| ());
    forger.sign_root(&forger.checkpoint());
    let report = forger.passes();
    assert_eq!((report.size, report.seals), (before.size + 4, before.seals + 1));
    assert_eq!((report.root, report.chain_head), (forger.state().tree.root(), forger.state().head));
    let count = |code: &str| report.checks.iter().find(|c| c.code == code).unwrap().count;
    let segments = forger.segments();
    let lines: usize = segments.iter().map(|bytes| bytes.split_inclusive(|b| *b == b'\n').count()).sum();
    assert_eq!(count("lines"), lines as u64);
    assert_eq!(count("commits"), lines as u64 - report.size);
    assert_eq!((count("signatures"), count("seals")), (report.size, report.seals));
    assert_eq!((count("order"), count("checkpoints")), (report.size, 1));
}

#[test]
fn a_log_begins_with_genesis() {
    let check = |forger: &Forger, code, seq| {
        let report = forger.verify();
        assert_eq!(failures(&report)[0], (code, seq), "{:?}", report.failures);
    };
    let mut forger = Forger::from_nothing();
    check(&forger, "genesis", None);
    let note = forger.note();
    forger.append(&note);
    check(&forger, "genesis", Some(0));
    let mut forger = Forger::from_nothing();
    let genesis = Forger::genesis();
    forger.append(&genesis);
    forger.sign_root(&forger.checkpoint());
    forger.passes();
    // A genesis that its service key has not signed, or that others than the ledger say.
    let rewritten = |change: fn(&mut spec::Header)| {
        let mut forger = Forger::from_nothing();
        let Event { mut header, payload, .. } = Forger::genesis();
        change(&mut header);
        let sig = forger.service_key.sign(&header.signing_bytes());
        forger.append(&Event { header, sig, payload });
        forger.verify()
    };
    let changes: [fn(&mut spec::Header); 5] = [
        |header| header.author = Author::Service("admin".parse().unwrap()),
        |header| header.org = "acme".parse().unwrap(),
        |header| header.ledger = Hash([1; 32]),
        |header| header.key = stranger().public(),
        |header| header.via.as_mut().unwrap().method = "admin".parse().unwrap(),
    ];
    for change in changes {
        assert_eq!(failures(&rewritten(change))[0], ("admission", Some(0)));
    }
}

#[test]
fn a_commit_line_tells_the_truth_about_its_group() {
    type CommitLie = (&'static str, bool, fn(&mut Commit));
    // Whether the entry is named: a line that does not fit its bytes is found before any entry is read.
    let lies: [CommitLie; 9] = [
        ("commit-size", false, |commit| commit.size += 1),
        ("commit-size", false, |commit| commit.size -= 1),
        ("commit-size", false, |commit| commit.size = MAX_SAFE_INTEGER),
        ("commit-root", false, |commit| commit.root = Hash::ZERO),
        ("commit-root", false, |commit| commit.root = commit.hash),
        ("commit-bytes", true, |commit| commit.bytes += 1),
        ("commit-bytes", true, |commit| commit.bytes -= 1),
        ("commit-hash", true, |commit| commit.hash = Hash::ZERO),
        ("commit-hash", true, |commit| commit.hash = commit.root),
    ];
    for (code, named, lie) in lies {
        let mut forger = Forger::new();
        let seq = forger.size();
        let end = forger.files.0[&forger.files.last_segment()].len();
        committed(&mut forger, lie);
        // A later group: with one behind it, nothing here is a write under way.
        let after = forger.note();
        forger.append(&after);
        let report = forger.verify();
        assert_eq!(failures(&report), [(code, named.then_some(seq))], "{:?}", report.failures);
        let bytes = &forger.files.0[&forger.files.last_segment()];
        let line = 1 + bytes[end..].iter().position(|b| *b == b'\n').unwrap();
        assert_eq!(report.failures[0].byte, Some((end + line) as u64), "the commit line");
        check_place_of_commit(&forger);
    }
    let mut forger = Forger::new();
    forger.commit();
    assert_eq!(failures(&forger.verify()), [("commit-empty", None)]);
    let mut forger = Forger::new();
    let event = forger.note();
    let seq = forger.say(&event);
    forger.commit();
    let name = forger.files.last_segment();
    let text = String::from_utf8(forger.files.0[&name].clone()).unwrap();
    let at = text.rfind("\"bytes\":").unwrap();
    let text = format!("{}\"bytes\": {}", &text[..at], &text[at + 8..]);
    forger.files.0.insert(name, text.into_bytes());
    let after = forger.note();
    forger.append(&after);
    assert_eq!(failures(&forger.verify()), [("commit-format", Some(seq))]);
}

#[track_caller]
fn check_place_of_commit(forger: &Forger) {
    let report = forger.verify();
    let fault = &report.failures[0];
    let bytes = &forger.files.0[fault.file.as_ref().unwrap()];
    let byte = usize::try_from(fault.byte.unwrap()).unwrap();
    assert_eq!(fault.line, Some(bytes[..byte].split(|b| *b == b'\n').count() as u64), "{fault:?}");
    assert!(bytes[byte..].starts_with(b"{\"commit\""));
}

#[test]
fn a_damaged_group_names_its_first_bad_line() {
    // Which of three lines is damaged, in front of what, which line is then the first that is wrong by itself,
    // and in what.
    let damages = [
        (1, "\"recorded_at\":", Some((1, "not canonical JSON"))),
        (1, "Z\",\"seq\":", Some((1, "it says seq"))),
        (0, "\"},\"prev\":\"", Some((0, "prev is not"))),
        (1, "\"},\"prev\":\"", Some((1, "prev is not"))),
        (1, "\"salt\":\"", Some((1, "the payload is not"))),
        (1, "\"kind\":", Some((1, "not canonical JSON"))),
        (1, "\"sig\":\"", Some((2, "prev is not"))),
        (2, "\"sig\":\"", None),
    ];
    for (damaged, before, expected) in damages {
        let mut forger = Forger::new();
        let seq = forger.size();
        let name = forger.files.last_segment();
        let start = forger.files.0[&name].len();
        let mut lines = Vec::new();
        for _ in 0..3 {
            lines.push(start + forger.group.len());
            let note = forger.note();
            forger.say(&note);
        }
        forger.commit();
        let bytes = forger.files.0.get_mut(&name).unwrap();
        let text = std::str::from_utf8(&bytes[lines[damaged]..]).unwrap();
        let place = lines[damaged] + text.find(before).unwrap() + before.len();
        bytes[place] = match bytes[place] {
            b'"' => b'\'',
            letter @ (b'0'..=b'8' | b'a'..=b'e') => letter + 1,
            _ => b'0',
        };
        let report = forger.verify();
        let fault = &report.failures[0];
        assert_eq!((report.failures.len(), fault.code), (1, "commit-hash"), "{before}");
        let byte = usize::try_from(fault.byte.unwrap()).unwrap();
        if let Some((line, detail)) = expected {
            assert_eq!(fault.seq, Some(seq + line), "{fault}");
            assert!(fault.detail.contains(detail), "{fault}");
            let at = if detail.contains("canonical") { place } else { lines[usize::try_from(line).unwrap()] };
            assert!((at..at + 8).contains(&byte), "{fault}");
        } else {
            assert_eq!(fault.seq, Some(seq), "nothing but the hash is wrong: {fault}");
            assert!(!fault.detail.contains("damaged line"), "{fault}");
            assert!(forger.files.0[&name][byte..].starts_with(b"{\"commit\""), "{fault}");
        }
    }
}

/// Filler that `next_group` does not read as anything, with its commit line.
fn filler(size: usize) -> Vec<u8> {
    let mut bytes = vec![b'x'; size - 1];
    bytes.push(b'\n');
    let commit = Commit::of(&bytes, 1, Hash::ZERO);
    commit.write_line(&mut bytes);
    bytes
}

#[test]
fn a_group_is_at_most_as_large_as_a_group_may_be() {
    assert_eq!(SEGMENT_BYTES, 67_108_864, "what the specification says");
    let bytes = filler(MAX_GROUP_BYTES);
    let Next::Group(group) = next_group(&bytes, 0, 0) else { panic!("refused") };
    assert_eq!((group.records.len(), group.start), (MAX_GROUP_BYTES, 0));
    let bytes = filler(MAX_GROUP_BYTES + 1);
    let Next::Invalid(fault) = next_group(&bytes, 0, 0) else { panic!("accepted") };
    assert_eq!((fault.code, fault.byte), ("commit-bytes", Some(MAX_GROUP_BYTES as u64 + 1)));
    assert!(fault.detail.contains("larger than"), "{fault}");
}

#[test]
fn offsets_count_from_the_start_of_the_segment() {
    let one = filler(10);
    let bytes = [one.clone(), one.clone()].concat();
    let (at, base) = (one.len(), 1000);
    let Next::Group(group) = next_group(&bytes, at, base) else { panic!("refused") };
    assert_eq!((group.start, group.end), (1000 + at as u64, 1000 + 2 * at as u64));
    assert_eq!(
        group.lines().map(|(offset, line)| (offset, line.len())).collect::<Vec<_>>(),
        [(1000 + at as u64, 9)]
    );
    assert!(matches!(next_group(&bytes, 2 * at, base), Next::End));
    let Next::Invalid(fault) = next_group(&bytes[..2 * at - 1], at, base) else { panic!("accepted") };
    assert_eq!((fault.code, fault.byte), ("torn-tail", Some(1000 + at as u64)));
    // Several lines: each with its own offset.
    let mut lines = b"first\nsecond line\n".to_vec();
    let commit = Commit::of(&lines, 2, Hash::ZERO);
    commit.write_line(&mut lines);
    let Next::Group(group) = next_group(&lines, 0, 5) else { panic!("refused") };
    let found: Vec<_> = group.lines().collect();
    assert_eq!(found, [(5, &b"first"[..]), (11, &b"second line"[..])]);
}

#[test]
fn a_later_commit_is_found_behind_damage() {
    let one = filler(600);
    let whole = [one.clone(), one.clone(), one.clone()].concat();
    let commit_at = |n: usize| (n * one.len() + 600) as u64;
    assert_eq!(later_commit(&whole, 0), Some(commit_at(0)));
    let mut damaged = whole.clone();
    damaged[7] ^= 1;
    assert_eq!(later_commit(&damaged, 0), Some(commit_at(1)));
    assert_eq!(later_commit(&damaged, one.len()), Some(commit_at(1)));
    assert_eq!(later_commit(&damaged, 2 * one.len()), Some(commit_at(2)));
    assert_eq!(later_commit(&damaged, 3 * one.len()), None);
    // A commit line that stands at the end of a longer one, however long.
    for size in [3, 700] {
        let mut joined = vec![b'x'; size];
        let commit = Commit::of(&joined, 1, Hash::ZERO);
        commit.write_line(&mut joined);
        joined.splice(..0, b"a line\n".iter().copied());
        assert_eq!(later_commit(&joined, 0), Some(size as u64 + 7));
        assert_eq!(later_commit(&joined, 7), Some(size as u64 + 7));
        joined[9] ^= 1;
        assert_eq!(later_commit(&joined, 0), None);
    }
    // One that counts more bytes than there are holds over nothing, and so does one without its LF.
    let mut torn = filler(300).split_off(1);
    assert_eq!(later_commit(&torn, 0), None);
    torn = filler(300);
    torn.pop();
    assert_eq!(later_commit(&torn, 0), None);
}

#[test]
fn what_is_found_beyond_the_list_is_counted() {
    let mut forger = Forger::new();
    let from = forger.size();
    let wrong = MAX_LISTED + 2;
    // More signatures than one batch holds: bad ones at both ends of it.
    for n in 0..1100 {
        let event = forger.plain();
        forger.record(&event, |record| {
            if !(wrong / 2..1100 - wrong / 2).contains(&n) {
                record.entry.sig.0[0] ^= 1;
            }
        });
    }
    forger.commit();
    let report = forger.verify();
    assert_eq!((report.failures.len(), report.failure_count), (MAX_LISTED, wrong as u64));
    assert!(report.failures.iter().all(|fault| fault.code == "signature"));
    assert!(report.failures.is_sorted_by_key(|fault| fault.seq));
    let audit = forger.audit();
    assert_eq!((audit.failures.len(), audit.failure_count), (MAX_LISTED, wrong as u64));
    // Which of them are listed depends on which batch is done first; each has its place.
    for fault in &report.failures {
        let n = fault.seq.unwrap() - from;
        assert!(!(51..1100 - 51).contains(&n), "{fault}");
        assert_eq!(fault.file.as_deref(), Some(&*forger.files.last_segment()));
        let byte = usize::try_from(fault.byte.unwrap()).unwrap();
        let bytes = &forger.files.0[&forger.files.last_segment()][byte..];
        let line = bytes.split(|b| *b == b'\n').next().unwrap();
        let record = spec::Record::parse(std::str::from_utf8(line).unwrap()).unwrap();
        assert_eq!(Some(record.entry.position.seq), fault.seq);
    }
}

#[test]
fn what_authors_did_is_found_and_is_no_failure() {
    let mut forger = Forger::new();
    let mut expected = Vec::new();
    let beat = json!({
        "node_id": forger.node.id, "hostname": "h", "os_profile": "ArchVault", "cloudflare_ok": true,
        "services_ok": true, "vaultmesh_root": "/var", "timestamp": "2026-11-21T20:42:00Z",
    });
    // To the millisecond, ahead only, and heartbeats only.
    let now = forger.now.millis();
    for (kind, payload, ts, found) in [
        (Kind::Heartbeat, &beat, now + 300_000, false),
        (Kind::Heartbeat, &beat, now + 300_001, true),
        (Kind::Heartbeat, &beat, now - 300_001, false),
        (Kind::Note, &json!({"text": "x"}), now + 300_001, false),
    ] {
        let event = forger.node.craft(kind, payload, |header| header.ts = Timestamp::from_millis(ts));
        forger.node.advance(&event);
        let seq = forger.append(&event);
        if found {
            expected.push(("clock-skew", seq));
        }
    }
    let gap = json!({
        "count": 1, "from": "2026-11-21T20:42:00.000Z", "head": Hash::ZERO, "to": "2026-11-21T20:42:00.000Z",
    });
    let gap = forger.node.event(Kind::ChainGap, &gap);
    expected.push(("chain-gap", forger.append(&gap)));
    let opened = forger.node.open_epoch();
    expected.push(("chain-open", forger.append(&opened)));
    let repaired = forger.own(Kind::Recovery, json!({"action": "rebuild-root"}));
    expected.push(("recovery", forger.append(&repaired)));
    let taken = forger.note();
    let recorded = forger.append(&taken);
    let fork = forger.node.craft(Kind::Note, &json!({"text": "fork"}), |h| h.chain = taken.header.chain);
    let fork = forger.fork(&fork, recorded);
    expected.push(("chain-fork", forger.append(&fork)));
    let refused = forger.node.event(Kind::Note, &json!({"words": "no such field"}));
    let refusal = forger.refusal("bad-payload", &refused);
    expected.push(("refusal", forger.append(&refusal)));
    let after = forger.note();
    forger.append(&after);
    let report = forger.passes();
    let found: Vec<_> = report.findings.iter().map(|finding| (finding.code, finding.seq)).collect();
    assert_eq!((found, report.finding_count), (expected, 6));
    assert!(report.findings[0].detail.contains("300 s ahead"), "{}", report.findings[0].detail);
}

#[test]
fn progress_tells_every_byte_once() {
    let forger = Forger::new();
    let mut read = Vec::new();
    ledger::verify::verify_log(&forger.files, &ledger::verify::Options::default(), None, &mut |n| {
        read.push(n);
    });
    let bytes: usize = forger.segments().iter().map(Vec::len).sum();
    assert_eq!(read.iter().sum::<u64>(), bytes as u64);
    assert!(read.len() > 3);
}
