//! Entries, record lines and commit lines: read back, and refused in any other form.

use crate::history::{self, History};
use spec::limits::{MAX_COMMIT_BYTES, MAX_ENTRY_BYTES, MAX_SAFE_INTEGER};
use spec::{Commit, Domain, Entry, EventError, Hash, Record};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn commit_line(commit: &Commit) -> String {
    let mut out = Vec::new();
    commit.write_line(&mut out);
    text(out)
}

#[test]
fn lines_read_back_as_they_were_written() {
    let History { events, records, commits } = history::build();
    for (event, record) in events.iter().zip(&records) {
        let entry = text(record.entry.to_canonical());
        assert_eq!(Entry::parse(&entry).unwrap(), record.entry);
        spec::canonical::check(entry.as_bytes()).unwrap();
        assert_eq!(record.leaf, Hash::of(Domain::Leaf, &[entry.as_bytes()]));
        assert_eq!(record.entry.header, event.header);

        let line = text(record.to_line());
        assert_eq!(Record::parse(&line).unwrap(), *record);
        assert_eq!(Entry::committed(&line).unwrap(), (record.entry.clone(), record.payload.clone()));
        assert_eq!(record.entry.leaf(), record.leaf);
        spec::canonical::check(line.as_bytes()).unwrap();
        let erased = Record { payload: None, ..record.clone() };
        assert_eq!(Record::parse(&text(erased.to_line())).unwrap(), erased);
        assert_eq!(Entry::committed(&text(erased.to_line())).unwrap(), (erased.entry.clone(), None));
        assert_eq!(erased.leaf, record.leaf, "an erasure changes no leaf");
    }
    for commit in &commits {
        let line = commit_line(commit);
        assert!(line.len() < MAX_COMMIT_BYTES && Commit::looks_like(line.as_bytes()));
        let line = line.strip_suffix('\n').unwrap();
        assert_eq!(Commit::parse(line).unwrap(), *commit);
        spec::canonical::check(line.as_bytes()).unwrap();
    }
}

#[test]
fn the_longest_commit_line_is_within_its_limit() {
    let most = MAX_SAFE_INTEGER;
    let commit = Commit { bytes: most, hash: Hash([0xff; 32]), root: Hash([0xff; 32]), size: most };
    assert!(commit_line(&commit).len() < 300);
}

#[test]
fn chain_lanes_and_groups_fit_together() {
    let History { records, commits, .. } = history::build();
    let mut group = Vec::new();
    let mut groups = commits.iter();
    let mut ends = history::GROUPS.iter().scan(0, |sum, n| {
        *sum += n;
        Some(*sum)
    });
    let mut end = ends.next();
    for (i, record) in records.iter().enumerate() {
        assert_eq!(record.entry.position.seq, i as u64);
        assert_eq!(record.entry.position.prev, if i == 0 { Hash::ZERO } else { records[i - 1].leaf });
        let mut before = records[..i].iter().filter(|r| r.entry.header.org == record.entry.header.org);
        let lane = record.entry.position.lane;
        assert_eq!(lane.n, before.clone().count() as u64);
        assert_eq!(lane.prev, before.next_back().map_or(Hash::ZERO, |r| r.leaf));
        group.extend_from_slice(&record.to_line());
        group.push(b'\n');
        if end == Some(i + 1) {
            let commit = groups.next().unwrap();
            assert_eq!((commit.size, commit.bytes), (i as u64 + 1, group.len() as u64));
            assert_eq!(commit.hash.0, *blake3::hash(&[&[4], group.as_slice()].concat()).as_bytes());
            group.clear();
            end = ends.next();
        }
    }
    assert_eq!((groups.next(), end), (None, None));
}

/// Changes that keep the meaning, or nearly, and lose the form.
fn variants(line: &str) -> Vec<(String, String)> {
    let mut all = vec![
        ("space before".to_owned(), format!(" {line}")),
        ("space after".to_owned(), format!("{line} ")),
        ("LF after".to_owned(), format!("{line}\n")),
        ("trailing comma".to_owned(), line.replacen('}', ",}", 1)),
        ("unknown field first".to_owned(), line.replacen('{', "{\"a\":1,", 1)),
        ("escaped letter".to_owned(), line.replacen("\"e", "\"\\u0065", 1)),
        ("cut short".to_owned(), line[..line.len() - 1].to_owned()),
        ("empty".to_owned(), String::new()),
        ("null".to_owned(), "null".to_owned()),
        ("an array".to_owned(), "[]".to_owned()),
    ];
    for (i, _) in line.match_indices([',', ':', '{', '}']) {
        all.push((format!("space at {i}"), format!("{} {}", &line[..i], &line[i..])));
    }
    all
}

/// A line that is not an entry, a record line or a commit line.
pub(crate) struct BadLine {
    pub(crate) name: String,
    /// `entry`, `record` or `commit`.
    pub(crate) read_as: &'static str,
    pub(crate) line: String,
    pointer: Option<&'static str>,
}

/// Every kind of line that looks like one of the ledger's and is none.
pub(crate) fn bad_lines() -> Vec<BadLine> {
    let History { records, commits, .. } = history::build();
    let lists = [bad_entries(&records[7]), bad_records(&records[5]), bad_commits(&commits[1])];
    lists.into_iter().flatten().collect()
}

/// Replaces the first `from` in `line` for each row: name, from, to, pointer.
fn replaced(
    read_as: &'static str,
    line: &str,
    rows: &[(&str, &str, &str, Option<&'static str>)],
) -> Vec<BadLine> {
    rows.iter()
        .map(|(name, from, to, pointer)| {
            assert!(line.contains(from), "{name}");
            let line = line.replacen(from, to, 1);
            BadLine { name: format!("{read_as}: {name}"), read_as, line, pointer: *pointer }
        })
        .collect()
}

fn bad_entries(record: &Record) -> Vec<BadLine> {
    let entry = text(record.entry.to_canonical());
    let hash = record.entry.position.prev.to_hex();
    assert_eq!(record.entry.position.lane.prev.to_hex(), hash, "the lane's comes first in the line");
    let prev = format!("\"prev\":\"{hash}\",\"recorded");
    let upper = prev.replace(&hash, &hash.to_uppercase());
    let short = prev.replace(&hash, &hash[..62]);
    replaced(
        "entry",
        &entry,
        &[
            ("seq of 2^53", "\"seq\":7}", "\"seq\":9007199254740992}", Some("/seq")),
            ("lane number of 2^53", "\"n\":", "\"n\":900719925474099", Some("/lane/n")),
            ("seq as a text", "\"seq\":7}", "\"seq\":\"7\"}", None),
            ("seq with a fraction", "\"seq\":7}", "\"seq\":7.0}", None),
            ("negative seq", "\"seq\":7}", "\"seq\":-7}", None),
            ("leading zero", "\"seq\":7}", "\"seq\":07}", None),
            ("seq twice", "\"seq\":7}", "\"seq\":7,\"seq\":7}", None),
            ("seq missing", ",\"seq\":7}", "}", None),
            ("seq null", "\"seq\":7}", "\"seq\":null}", None),
            ("lane as an array", "\"lane\":{\"n\":", "\"lane\":[1],\"x\":{\"n\":", None),
            ("upper-case hash", &prev, &upper, Some("/prev")),
            ("short hash", &prev, &short, Some("/prev")),
            ("upper-case lane hash", &hash, &hash.to_uppercase(), Some("/lane/prev")),
            ("time of another form", "Z\",\"seq\"", "+\",\"seq\"", Some("/recorded_at")),
            ("payload inside", "\"payload_hash\"", "\"payload\":{},\"payload_hash\"", None),
            ("members out of order", "{\"event\":", "{\"seq\":7,\"event\":", None),
            ("unknown member", "{\"event\":", "{\"a\":1,\"event\":", None),
            ("white space", ",\"lane\"", ", \"lane\"", None),
            ("escaped letter", "\"lane\"", "\"\\u006cane\"", None),
            ("event null", "{\"event\":{", "{\"event\":null,\"x\":{", None),
        ],
    )
}

fn bad_records(record: &Record) -> Vec<BadLine> {
    let line = text(record.to_line());
    let salt = format!(",\"salt\":\"{}\"", record.payload.as_ref().unwrap().salt);
    let payload = &line[line.rfind(",\"payload\":").unwrap()..line.rfind(&salt).unwrap()];
    let both = format!("{payload}{salt}");
    let upper = salt.to_uppercase().replace("SALT", "salt");
    let exchanged = format!("{salt}{payload}");
    let extra = format!("{salt},\"x\":1");
    let spaced = salt.replace(':', ": ");
    replaced(
        "record",
        &line,
        &[
            ("payload without salt", &salt, "", None),
            ("salt without payload", payload, "", None),
            ("null payload and salt", &both, ",\"payload\":null,\"salt\":null", None),
            ("upper-case salt", &salt, &upper, Some("/salt")),
            ("salt before payload", &both, &exchanged, None),
            ("unknown member", &salt, &extra, None),
            ("white space", &salt, &spaced, None),
            ("white space before the payload", ",\"payload\":", ",\"payload\": ", None),
            ("no entry", "{\"entry\":", "{\"a\":", None),
        ],
    )
}

fn bad_commits(commit: &Commit) -> Vec<BadLine> {
    let line = commit_line(commit);
    let root = commit.root.to_hex();
    let bytes = format!("\"bytes\":{}", commit.bytes);
    replaced(
        "commit",
        line.trim_end_matches('\n'),
        &[
            ("upper-case root", &root, &root.to_uppercase(), Some("/commit/root")),
            ("short hash", &commit.hash.to_hex(), &commit.hash.to_hex()[..62], Some("/commit/hash")),
            ("size as a text", "\"size\":21", "\"size\":\"21\"", None),
            ("size with an exponent", "\"size\":21", "\"size\":2.1e1", None),
            ("size missing", ",\"size\":21", "", None),
            ("size twice", "\"size\":21", "\"size\":21,\"size\":21", None),
            ("size of 2^53", "\"size\":21", "\"size\":9007199254740992", Some("/commit/size")),
            ("bytes of 2^53", &bytes, "\"bytes\":9007199254740992", Some("/commit/bytes")),
            ("a member beside commit", "}}", "},\"x\":1}", None),
            ("an unknown member", "{\"bytes\"", "{\"a\":1,\"bytes\"", None),
            ("white space", ",\"root\"", ", \"root\"", None),
            ("LF", "}}", "}}\n", None),
        ],
    )
}

fn read(read_as: &str, line: &str) -> Result<(), EventError> {
    match read_as {
        "entry" => Entry::parse(line).map(drop),
        "record" => Record::parse(line).map(drop),
        "commit" => Commit::parse(line).map(drop),
        other => panic!("{other}"),
    }
}

/// What is read of a committed line is what any reader reads, but for a payload that its hash does not fit.
fn check_committed(line: &str) {
    let Ok((entry, payload)) = Entry::committed(line) else {
        assert!(Record::parse(line).is_err(), "{line}");
        return;
    };
    match Record::parse(line) {
        Ok(record) => assert_eq!((entry, payload), (record.entry, record.payload), "{line}"),
        Err(error) => {
            let payload = payload.expect("an erased record has but one form");
            assert_ne!(payload.hash(), entry.header.payload_hash, "{error}: {line}");
        }
    }
}

#[test]
fn another_form_of_a_line_is_refused() {
    for BadLine { name, read_as, line, pointer } in bad_lines() {
        check_committed(&line);
        let error = read(read_as, &line).expect_err(&name);
        if pointer.is_some() {
            assert_eq!(error.pointer().as_deref(), pointer, "{name}: {error}");
        }
        assert_eq!(error.code(), "bad-event", "{name}");
    }
}

#[test]
fn white_space_and_the_like_are_refused_everywhere() {
    let History { records, commits, .. } = history::build();
    let record = &records[5];
    let entry = text(record.entry.to_canonical());
    let commit = commit_line(&commits[1]);
    for (read_as, line) in [("entry", entry.as_str()), ("commit", commit.trim_end_matches('\n'))] {
        assert_eq!(read(read_as, line), Ok(()));
        for (name, bad) in variants(line).into_iter().filter(|(_, bad)| bad != line) {
            assert!(read(read_as, &bad).is_err(), "{read_as}: {name}");
        }
    }
    let line = text(record.to_line());
    for (name, bad) in variants(&line).into_iter().filter(|(_, bad)| *bad != line) {
        check_committed(&bad);
        // White space inside the payload is the business of the payload hash.
        if let Ok(read) = Record::parse(&bad) {
            let payload = read.payload.unwrap();
            assert_ne!(payload.hash(), record.entry.header.payload_hash, "{name}: {bad}");
        }
    }
    let long = format!("{entry}{}", " ".repeat(MAX_ENTRY_BYTES));
    assert_eq!(Entry::parse(&long).unwrap_err().code(), "too-large");
}

/// The record line is what the ledger stores: no changed bit in it passes unseen, except where the
/// payload hash or the signature sees it.
#[test]
fn a_changed_bit_of_a_record_line_shows() {
    let record = history::build().records.swap_remove(8);
    let line = record.to_line();
    for at in 0..line.len() {
        for bit in 0..8 {
            let mut changed = line.clone();
            changed[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            check_committed(&changed);
            let Ok(read) = Record::parse(&changed) else { continue };
            let intact =
                read.payload.as_ref().map(spec::event::Payload::hash) == Some(read.entry.header.payload_hash);
            assert!(read.leaf != record.leaf || !intact, "byte {at} bit {bit}");
            assert_eq!(text(read.to_line()), changed);
        }
    }
}
