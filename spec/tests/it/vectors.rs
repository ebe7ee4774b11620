//! The files in `spec/vectors`: made here, committed, and read back without the code that made them.
//!
//! `cargo test -p spec -- --ignored regenerate_vectors` writes them anew after a format has changed.

use crate::entry::bad_lines;
use crate::event::bad_events;
use crate::history::{self, History, KEYS};
use ed25519_dalek::{Signature as Sig, VerifyingKey};
use serde_json::{Value, json};
use spec::canonical::{self, Problem};
use spec::hash::write_hex;
use spec::{Commit, Entry, Event, Hash, Header, Kind, Record};
use std::collections::BTreeSet;
use std::path::PathBuf;

type Make = fn() -> Value;

const FILES: [(&str, Make); 3] =
    [("canonical.json", canonical_vectors), ("event.json", event_vectors), ("entry.json", entry_vectors)];

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file)
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap();
    text.push('\n');
    text
}

fn load(file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path(file)).unwrap()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    write_hex(bytes, &mut out);
    String::from_utf8(out).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.is_ascii() && text.len().is_multiple_of(2));
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// The word for a broken rule, as `spec/event.md` lists them.
fn word(problem: Problem) -> &'static str {
    match problem {
        Problem::End => "end",
        Problem::Byte => "byte",
        Problem::Trailing => "trailing",
        Problem::Utf8 => "utf-8",
        Problem::Escape => "escape",
        Problem::Surrogate => "surrogate",
        Problem::Duplicate => "duplicate",
        Problem::Order => "order",
        Problem::Number => "number",
        Problem::Range => "range",
        Problem::Depth => "depth",
    }
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// Any JSON document and its canonical form.
fn written() -> Vec<(&'static str, String)> {
    let given = |name, text: &str| (name, text.to_owned());
    vec![
        given("white space", " { \"a\" : [ 1 , 2 ] }\r\n"),
        given(
            "keys by UTF-16 code units",
            "{\"\\ufb33\":1,\"\\ud83d\\ude02\":2,\"b\":3,\"B\":4,\"\":5,\"10\":6,\"1\":7,\"é\":8,\"\\r\":9}",
        ),
        given(
            "escapes",
            r#""\u0000\u0001\u0008\u0009\u000a\u000b\u000c\u000d\u001F\u0022\u005c\/\u0041\u007f\u0080\u2028""#,
        ),
        given("astral characters", r#""\ud83d\ude42 \udbff\udfff \ud800\udc00""#),
        given("unnormalised Unicode stays", r#""\u1e0d\u0307 \u00e9 e\u0301""#),
        given("integers", "[0,-0,1,-1,10,9007199254740991,-9007199254740991,1e3,56.0]"),
        given(
            "doubles",
            "[1.50,-2.5e-3,0.000001,0.0000001,1E-7,123456789.125,5e-324,0.1,4.35,2.2250738585072014e-308]",
        ),
        given("a double just within the range", "[4503599627370495.5,9007199254740990.9,1424953923781206.2]"),
        given("literals", "[ null , true , false ]"),
        given("empty", "[ { } , [ ] , \"\" , { \"\" : { } } ]"),
        ("nested 64 deep", nested(64)),
    ]
}

/// Documents that are not canonical.
fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let given = |name, bytes: &[u8]| (name, bytes.to_vec());
    vec![
        given("empty", b""),
        given("white space only", b" "),
        given("white space before", b" {}"),
        given("white space after", b"{} "),
        given("LF after", b"{}\n"),
        given("white space inside", b"{\"a\": 1}"),
        given("two documents", b"{}{}"),
        given("byte order mark", b"\xef\xbb\xbf{}"),
        given("trailing comma in an object", b"{\"a\":1,}"),
        given("trailing comma in an array", b"[1,]"),
        given("missing comma", b"[1 2]"),
        given("single quotes", b"{'a':1}"),
        given("key without quotes", b"{a:1}"),
        given("key that is a number", b"{1:1}"),
        given("keys out of order", b"{\"b\":1,\"a\":2}"),
        given("keys by code point, not by code unit", "{\"\u{fb33}\":1,\"\u{1f602}\":2}".as_bytes()),
        given("upper case after lower case", b"{\"a\":1,\"A\":2}"),
        given("shorter key after longer", b"{\"aa\":1,\"a\":2}"),
        given("duplicate key", b"{\"a\":1,\"a\":1}"),
        given("duplicate key in an inner object", b"[{\"\":{\"\xc3\xa9\":1,\"\xc3\xa9\":2}}]"),
        given("escaped letter", b"\"\\u0041\""),
        given("escaped solidus", b"\"\\/\""),
        given("control character with a short escape", b"\"\\u000a\""),
        given("upper-case hex digit", b"\"\\u001F\""),
        given("escaped delete", b"\"\\u007f\""),
        given("escaped line separator", b"\"\\u2028\""),
        given("escaped surrogate pair", b"\"\\ud83d\\ude02\""),
        given("lone high surrogate", b"\"a\\ud800\""),
        given("lone low surrogate", b"\"\\udfff\""),
        given("lone surrogate in a key", b"{\"\\uD83D\":1}"),
        given("unknown escape", b"\"\\v\""),
        given("bare control character", b"\"a\tb\""),
        given("bare LF", b"\"\n\""),
        given("overlong UTF-8", b"\"\xc0\xaf\""),
        given("surrogate in UTF-8", b"\"\xed\xa0\x80\""),
        given("beyond U+10FFFF", b"\"\xf4\x90\x80\x80\""),
        given("stray UTF-8 continuation", b"[\"\x80\"]"),
        given("string without its end", b"\"abc"),
        given("escape without its end", b"\"\\u00"),
        given("array without its end", b"[1"),
        given("object without its end", b"{\"a\":1"),
        given("key without a value", b"{\"a\"}"),
        given("literal in capitals", b"True"),
        given("literal cut short", b"nul"),
        given("NaN", b"NaN"),
        given("infinity", b"[-Infinity]"),
        given("minus zero", b"-0"),
        given("leading zero", b"01"),
        given("leading plus", b"+1"),
        given("fraction of zero", b"1.0"),
        given("trailing zero", b"[0.50]"),
        given("no digit before the point", b".5"),
        given("no digit after the point", b"1.]"),
        given("exponent where none belongs", b"1e2"),
        given("upper-case exponent", b"1E-7"),
        given("exponent with a leading zero", b"1e-07"),
        given("no exponent where one belongs", b"0.0000001"),
        given("more digits than a double has", b"0.1000000000000000055511151231257827"),
        given("hexadecimal", b"0x10"),
        given("2^53", b"9007199254740992"),
        given("-2^53", b"-9007199254740992"),
        given("2^53+1", b"9007199254740993"),
        given("2^64", b"18446744073709551616"),
        given("1e20 in digits", b"[100000000000000000000]"),
        given("1e21", b"1e+21"),
        given("1e400", b"1e400"),
        ("nested 65 deep", nested(65).into_bytes()),
    ]
}

fn canonical_vectors() -> Value {
    let written: Vec<Value> = written()
        .into_iter()
        .map(|(name, input)| {
            let value: Value = serde_json::from_str(&input).unwrap();
            json!({"name": name, "input": input, "canonical": text(canonical::to_vec(&value).unwrap())})
        })
        .collect();
    let refused: Vec<Value> = refused()
        .into_iter()
        .map(|(name, bytes)| {
            let error = canonical::check(&bytes).expect_err(name);
            json!({"name": name, "hex": hex(&bytes), "at": error.at, "problem": word(error.problem)})
        })
        .collect();
    json!({
        "about": "canonical JSON; see spec/event.md. `written`: any JSON text and its canonical form. \
                  `refused`: bytes that are not canonical JSON, the first byte at fault and the rule it breaks",
        "written": written,
        "refused": refused,
    })
}

fn event_vectors() -> Value {
    let keys: Vec<Value> = KEYS
        .iter()
        .map(|name| {
            json!({"name": name, "seed": hex(history::key(name).as_bytes()), "public": history::public(name)})
        })
        .collect();
    let events: Vec<Value> = history::build()
        .events
        .iter()
        .map(|event| {
            let mut header = Vec::new();
            event.header.write(None, &mut header);
            json!({
                "kind": event.header.kind,
                "event": text(event.to_canonical()),
                "header": text(header),
                "signing_bytes": hex(&event.header.signing_bytes()),
                "event_hash": event.hash(),
                "payload_hash": event.payload.hash(),
                "identity": event.header.identity(),
            })
        })
        .collect();
    let refused: Vec<Value> = bad_events()
        .into_iter()
        .map(|bad| {
            json!({"name": bad.name, "event": text(bad.bytes), "code": bad.code, "pointer": bad.pointer})
        })
        .collect();
    json!({
        "about": "events; see spec/event.md. `keys`: Ed25519 seeds. `events`: one of each kind and more, in \
                  the order of entry.json. `refused`: documents that are not events, with code and, where \
                  a field is at fault, its pointer",
        "keys": keys,
        "events": events,
        "refused": refused,
    })
}

fn entry_vectors() -> Value {
    let History { records, commits, .. } = history::build();
    let entries: Vec<Value> = records
        .iter()
        .map(|record| {
            json!({
                "entry": text(record.entry.to_canonical()),
                "leaf": record.leaf,
                "record": text(record.to_line()),
                "erased": text(Record { payload: None, ..record.clone() }.to_line()),
            })
        })
        .collect();
    let commits: Vec<Value> = commits
        .iter()
        .zip(history::GROUPS)
        .map(|(commit, records)| {
            let mut line = Vec::new();
            commit.write_line(&mut line);
            json!({"records": records, "line": text(line).trim_end_matches('\n')})
        })
        .collect();
    let refused: Vec<Value> = bad_lines()
        .into_iter()
        .map(|bad| json!({"name": bad.name, "as": bad.read_as, "line": bad.line}))
        .collect();
    json!({
        "about": "entries, record lines and commit lines; see spec/log.md. All lines without their LF. \
                  `erased`: the record line after the payload's erasure. `commits`: each ends a group of so \
                  many record lines. `refused`: lines that are not what `as` names",
        "entries": entries,
        "commits": commits,
        "refused": refused,
    })
}

#[test]
#[ignore = "writes spec/vectors"]
fn regenerate_vectors() {
    for (file, make) in FILES {
        #[expect(clippy::disallowed_methods, reason = "test data in a working tree")]
        std::fs::write(path(file), pretty(&make())).unwrap();
    }
}

#[test]
fn the_committed_vectors_are_what_the_code_makes() {
    for (file, make) in FILES {
        let committed = std::fs::read_to_string(path(file)).unwrap();
        assert!(
            committed == pretty(&make()),
            "{file} is not what this code makes; if the change is meant, run \
             `cargo test -p spec -- --ignored regenerate_vectors`"
        );
    }
}

fn rows<'a>(file: &'a Value, list: &str) -> &'a Vec<Value> {
    let rows = file[list].as_array().unwrap();
    assert!(!rows.is_empty());
    rows
}

fn field<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap()
}

#[test]
fn canonical_documents() {
    let file = load("canonical.json");
    for row in rows(&file, "written") {
        let value: Value = serde_json::from_str(field(row, "input")).unwrap();
        assert_eq!(text(serde_jcs::to_vec(&value).unwrap()), field(row, "canonical"), "{}", row["name"]);
        assert_eq!(canonical::check(field(row, "canonical").as_bytes()), Ok(field(row, "canonical")));
    }
    let mut problems = BTreeSet::new();
    for row in rows(&file, "refused") {
        let error = canonical::check(&unhex(field(row, "hex"))).unwrap_err();
        assert_eq!(
            (error.at as u64, word(error.problem)),
            (row["at"].as_u64().unwrap(), field(row, "problem"))
        );
        problems.insert(word(error.problem));
    }
    assert_eq!(problems.len(), 11, "each rule is broken once at least: {problems:?}");
    let spec = include_str!("../../event.md");
    for problem in problems {
        assert!(spec.contains(&format!("| `{problem}` |")), "event.md does not list {problem}");
    }
}

#[test]
fn events_of_every_kind() {
    let file = load("event.json");
    let mut kinds = BTreeSet::new();
    for row in rows(&file, "events") {
        let bytes = field(row, "event").as_bytes();
        let event = Event::parse(bytes).unwrap();
        assert_eq!(event.to_canonical(), bytes);
        event.header.kind.check_payload(event.header.payload_version, &event.payload.json).unwrap();
        kinds.insert(event.header.kind.as_str().to_owned());

        // Everything below is computed from the text alone.
        let header = field(row, "header").as_bytes();
        let signed = [b"vaultmesh/event/v1\n".as_slice(), header].concat();
        assert_eq!(signed, unhex(field(row, "signing_bytes")));
        let value: Value = serde_json::from_slice(bytes).unwrap();
        let key: [u8; 32] = unhex(field(&value, "key")).try_into().unwrap();
        let sig = Sig::from_bytes(&event.sig.0);
        VerifyingKey::from_bytes(&key).unwrap().verify_strict(&signed, &sig).unwrap();
        let hash = blake3::hash(&[&[3], header, &sig.to_bytes()].concat());
        assert_eq!(hex(hash.as_bytes()), field(row, "event_hash"));
        let payload = canonical::to_vec(&value["payload"]).unwrap();
        let hash = blake3::hash(&[&[2], unhex(field(&value, "salt")).as_slice(), &payload].concat());
        assert_eq!(hex(hash.as_bytes()), field(row, "payload_hash"));
        assert_eq!(field(&value, "payload_hash"), field(row, "payload_hash"));
        let identity = [
            b"\x18",
            field(&value, "org").as_bytes(),
            b"\0",
            field(&value, "author").as_bytes(),
            b"\0",
            &unhex(&field(&value, "id").replace('-', "")),
        ];
        assert_eq!(hex(blake3::hash(&identity.concat()).as_bytes()), field(row, "identity"));
    }
    for kind in Kind::REGISTERED {
        assert!(kinds.contains(kind.as_str()), "{kind}");
    }
    for row in rows(&file, "keys") {
        let seed: [u8; 32] = unhex(field(row, "seed")).try_into().unwrap();
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        assert_eq!(hex(key.verifying_key().as_bytes()), field(row, "public"));
    }
    for row in rows(&file, "refused") {
        let error = Event::parse(field(row, "event").as_bytes()).unwrap_err();
        assert_eq!(
            (error.code(), error.pointer().as_deref()),
            (field(row, "code"), row["pointer"].as_str()),
            "{}",
            row["name"]
        );
    }
}

#[test]
fn entries_and_lines() {
    let file = load("entry.json");
    let events = load("event.json");
    let mut leaves = Vec::new();
    let mut lines = rows(&file, "entries").iter().zip(rows(&events, "events")).map(|(row, event)| {
        let entry = Entry::parse(field(row, "entry")).unwrap();
        let record = Record::parse(field(row, "record")).unwrap();
        let erased = Record::parse(field(row, "erased")).unwrap();
        assert_eq!(record.entry, entry);
        assert_eq!((erased.payload, &erased.entry), (None, &entry));
        assert_eq!(hex(&entry.header.event_hash(&entry.sig).0), field(event, "event_hash"));
        let leaf = blake3::hash(&[&[0], field(row, "entry").as_bytes()].concat());
        assert_eq!(hex(leaf.as_bytes()), field(row, "leaf"));
        leaves.push(Hash(*leaf.as_bytes()));
        (field(row, "record"), leaves.clone())
    });
    for row in rows(&file, "commits") {
        let mut group = Vec::new();
        let mut tree = Vec::new();
        for _ in 0..row["records"].as_u64().unwrap() {
            let (line, leaves) = lines.next().unwrap();
            group.extend_from_slice(line.as_bytes());
            group.push(b'\n');
            tree = leaves;
        }
        let commit = Commit::parse(field(row, "line")).unwrap();
        assert_eq!(commit, Commit::of(&group, tree.len() as u64, history::root(&tree)));
    }
    assert!(lines.next().is_none());
    for row in rows(&file, "refused") {
        let line = field(row, "line");
        let error = match field(row, "as") {
            "entry" => Entry::parse(line).err(),
            "record" => Record::parse(line).err(),
            "commit" => Commit::parse(line).err(),
            other => panic!("{other}"),
        };
        assert!(error.is_some(), "{}", row["name"]);
    }
}

/// The ledger id of the history is the leaf of its first entry, and its node's chain starts at the key.
#[test]
fn the_history_holds_together() {
    let History { events, records, .. } = history::build();
    let ledger = records[0].leaf;
    assert_eq!(events[0].header.ledger, Hash::ZERO);
    assert!(events[1..].iter().all(|event| event.header.ledger == ledger));
    let introduction = events.iter().find(|event| event.header.kind == Kind::Key).unwrap();
    let first = events.iter().find(|event| event.header.chain.is_some()).unwrap();
    assert_eq!(first.header.chain.unwrap().prev, introduction.hash());
    let command = events.iter().find(|event| event.header.kind == Kind::Command).unwrap();
    let order: Value = serde_json::from_str(&command.payload.json).unwrap();
    let mut statement = json!({ "ledger": ledger });
    for member in ["command", "expires_at", "node", "nonce", "not_before", "parameters"] {
        statement[member] = order[member].clone();
    }
    let signed = [b"vaultmesh/command/v1\n".to_vec(), canonical::to_vec(&statement).unwrap()].concat();
    let sig: spec::Signature = field(&order, "sig").parse().unwrap();
    let key = VerifyingKey::from_bytes(&history::public("command").0).unwrap();
    key.verify_strict(&signed, &Sig::from_bytes(&sig.0)).unwrap();
    let fork = events.iter().find(|event| event.header.kind == Kind::ChainFork).unwrap();
    let payload: Value = serde_json::from_str(&fork.payload.json).unwrap();
    let mut quoted = payload["header"].clone();
    quoted["sig"] = payload["sig"].clone();
    let (header, sig) = Header::parse(&text(canonical::to_vec(&quoted).unwrap())).unwrap();
    let key = VerifyingKey::from_bytes(&header.key.0).unwrap();
    key.verify_strict(&header.signing_bytes(), &Sig::from_bytes(&sig.0)).unwrap();
    let taken = &records[usize::try_from(payload["recorded"].as_u64().unwrap()).unwrap()].entry;
    assert_eq!(taken.header.chain, header.chain);
    assert_ne!(taken.header.event_hash(&taken.sig), header.event_hash(&sig));
}
