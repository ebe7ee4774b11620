//! `spec/vectors/audit.json`: small exports with what is to be said of them, and of a hundred changes to them, for other
//! implementations. One that was written from the text alone reads it in `ledger/tests/independent`.

use crate::forged::LIES;
use crate::forged_admission::SMUGGLED;
use crate::forger::{CHAIN, Files, Forger, ROOT, stranger};
use crate::support::{Place, admin, append, enrol, key, recorded, run};
use crate::witnesses::{self, COSIGNED};
use ledger::verify::{
    Options, Report, Trust, verify_bundle, verify_equivocation, verify_log, verify_proofchain,
};
use proofs::checkpoint::witness_key;
use proofs::equivocation::Equivocation;
use proofs::note::Note;
use proofs::proofchain::{Part, ProofChain, part_file, part_hash};
use serde_json::{Map, Value, json};
use spec::{Hash, Kind, PublicKey};
use std::collections::BTreeMap;

const ABOUT: &str = "whole exports and what travels alone, with the codes of their failures; see spec/log.md, \"Full \
    audit\", and spec/verify-codes.md. `exports`: files by name. `cases`: an export with some files changed: `null` is \
    taken away, a text takes the place of the file, and of a list each drops bytes `at` a place and puts others there, in \
    order. `covered`: whether a tail is a failure, as in an export. `codes`: what fails, first what ends the audit. \
    `alone`: files that travel alone, `beside` with others; of bundles that hold, the entry they prove and whether its key \
    is suspect";

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/vectors/audit.json");

fn codes(report: &Report) -> Vec<&str> {
    report.failures.iter().map(|fault| fault.code).collect()
}

/// The files of an export: without what can be rebuilt.
fn exported(files: &Files) -> BTreeMap<String, Vec<u8>> {
    files
        .0
        .iter()
        .filter(|(name, _)| !name.starts_with("ids/"))
        .map(|(n, b)| (n.clone(), b.clone()))
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What makes one set of files of another.
fn changes(base: &BTreeMap<String, Vec<u8>>, files: &BTreeMap<String, Vec<u8>>) -> Value {
    let mut changes = Map::new();
    for name in base.keys().chain(files.keys()) {
        let change = match (base.get(name), files.get(name)) {
            (old, new) if old == new => continue,
            (_, None) => Value::Null,
            (None, Some(new)) => text(new).into(),
            (Some(old), Some(new)) => splice(old, new),
        };
        changes.insert(name.clone(), change);
    }
    changes.into()
}

/// The one place at which two texts differ, whole characters only.
fn splice(old: &[u8], new: &[u8]) -> Value {
    let same = |(a, b): &(&u8, &u8)| a == b && a.is_ascii();
    let front = old.iter().zip(new).take_while(same).count();
    let most = old.len().min(new.len()) - front;
    let back = old.iter().rev().zip(new.iter().rev()).take_while(same).count().min(most);
    let put = text(&new[front..new.len() - back]);
    json!([{"at": front, "drop": old.len() - front - back, "put": put}])
}

/// Reads what [`changes`] wrote.
fn changed(base: &Value, changes: &Value) -> Files {
    let mut files: BTreeMap<String, Vec<u8>> = base
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, text)| (name.clone(), text.as_str().unwrap().as_bytes().to_vec()))
        .collect();
    for (name, change) in changes.as_object().unwrap() {
        match change {
            Value::Null => drop(files.remove(name)),
            Value::String(text) => drop(files.insert(name.clone(), text.clone().into_bytes())),
            splices => {
                let bytes = files.get_mut(name).unwrap();
                for one in splices.as_array().unwrap() {
                    let number = |field: &str| usize::try_from(one[field].as_u64().unwrap()).unwrap();
                    let put = one["put"].as_str().unwrap().bytes();
                    bytes.splice(number("at")..number("at") + number("drop"), put);
                }
            }
        }
    }
    Files(files)
}

fn options(case: &Value) -> Options {
    let trust = case.get("trust").map_or_else(Trust::default, |said| {
        let mut policy = said.clone();
        policy["format"] = "vaultmesh-trust-v1".into();
        Trust::parse(&policy.to_string()).unwrap()
    });
    let old =
        case["old"].as_array().into_iter().flatten().map(|text| text.as_str().unwrap().as_bytes().to_vec());
    Options { trust, old: old.collect(), covered: case["covered"] == true, accepted: None }
}

fn of_log(exports: &Value, case: &Value) -> Report {
    let files = changed(&exports[case["export"].as_str().unwrap()], &case["files"]);
    verify_log(&files, &options(case), None, &mut |_| ())
}

fn of_file(case: &Value) -> Report {
    let bytes = case["file"].as_str().unwrap().as_bytes();
    let beside = |name: &str| Some(case["beside"][name].as_str()?.as_bytes().to_vec());
    match case["kind"].as_str().unwrap() {
        "bundle" => verify_bundle(bytes, &options(case)),
        "proofchain" => verify_proofchain(bytes, &beside, &options(case)),
        _ => verify_equivocation(bytes, &options(case)),
    }
}

#[test]
fn the_vectors_say_what_this_auditor_says() {
    let vectors: Value = serde_json::from_slice(&std::fs::read(PATH).unwrap()).unwrap();
    let (mut good, mut bad) = (0, 0);
    for case in vectors["cases"].as_array().unwrap() {
        let report = of_log(&vectors["exports"], case);
        assert_eq!(json!(codes(&report)), case["codes"], "{}: {:?}", case["name"], report.failures);
        let numbers = [report.size, report.covered_size, report.tail];
        let said = ["size", "covered_size", "tail"].map(|field| case[field].as_u64().unwrap());
        assert_eq!(numbers, said, "{}", case["name"]);
        *(if codes(&report).is_empty() { &mut good } else { &mut bad }) += 1;
    }
    for case in vectors["alone"].as_array().unwrap() {
        let report = of_file(case);
        assert_eq!(json!(codes(&report)), case["codes"], "{}: {:?}", case["name"], report.failures);
        *(if codes(&report).is_empty() { &mut good } else { &mut bad }) += 1;
    }
    assert!(good > 15 && bad > 90, "{good} hold, {bad} do not");
}

/// A ledger with a witness set, a checkpoint that has its quorum, and entries behind that.
fn witnessed() -> (Files, Value, Value) {
    run(async {
        let place = Place::memory();
        let ledger = place.start().await;
        let mut node = enrol(&place, &ledger, "acme").await;
        witnesses::name_set(&ledger, &[1, 2, 3]).await;
        append(&ledger, node.notes(2)).await.unwrap();
        let seq = ledger.head().borrow().size - 1;
        witnesses::offer(&ledger);
        for n in 1..=3 {
            witnesses::cosigns(&ledger, &witnesses::word(&ledger, n)).unwrap();
        }
        let note = admin(&ledger, "acme", Kind::Note, json!({"text": "behind"}));
        recorded(&ledger, note).await;
        ledger.seal().await.unwrap();
        let late = ledger.head().borrow().size - 1;
        let early = text(&ledger::bundle::build(&ledger, seq).await.unwrap().to_canonical());
        let late = text(&ledger::bundle::build(&ledger, late).await.unwrap().to_canonical());
        ledger.close(false);
        let mut files = Files::of(&place);
        files.0.insert(COSIGNED.to_owned(), place.get(COSIGNED).unwrap());
        let trust = json!({"ledger": ledger.id(), "quorum": 0, "witnesses": []});
        (files, trust, json!([early, late]))
    })
}

/// Puts the members of one object into another.
fn merge(case: &mut Value, with: Value) {
    if let (Value::Object(case), Value::Object(with)) = (case, with) {
        case.extend(with);
    }
}

/// What is done to a ledger, or to a bundle, and a name for it.
type Lie<T> = (&'static str, fn(&mut T));

struct Writer {
    exports: BTreeMap<&'static str, BTreeMap<String, Vec<u8>>>,
    cases: Vec<Value>,
    alone: Vec<Value>,
}

impl Writer {
    fn case(&mut self, name: &str, export: &str, files: &Files, with: Value) {
        let mut case = json!({
            "name": name, "export": export, "files": changes(&self.exports[export], &exported(files)), "covered": true,
        });
        merge(&mut case, with);
        let report = of_log(&self.exports_json(), &case);
        case["codes"] = json!(codes(&report));
        (case["size"], case["covered_size"], case["tail"]) =
            (report.size.into(), report.covered_size.into(), report.tail.into());
        self.cases.push(case);
    }

    fn exports_json(&self) -> Value {
        let export = |files: &BTreeMap<String, Vec<u8>>| -> Value {
            files.iter().map(|(name, bytes)| (name.clone(), text(bytes).into())).collect::<Map<_, _>>().into()
        };
        self.exports
            .iter()
            .map(|(name, files)| ((*name).to_owned(), export(files)))
            .collect::<Map<_, _>>()
            .into()
    }

    fn file(&mut self, name: &str, kind: &str, bytes: &[u8], with: Value) {
        let mut case = json!({"name": name, "kind": kind, "file": text(bytes)});
        merge(&mut case, with);
        let report = of_file(&case);
        case["codes"] = json!(codes(&report));
        if let Some(proves) = &report.proves {
            case["seq"] = proves.seq.into();
            case["suspect"] = report.findings.iter().any(|finding| finding.code == "suspect-key").into();
        }
        self.alone.push(case);
    }
}

/// Forges a copy of the honest ledger and gives its files.
fn forged(forge: impl FnOnce(&mut Forger)) -> Files {
    let mut forger = Forger::new();
    forge(&mut forger);
    forger.files
}

fn in_chain(forger: &mut Forger, seal_row: usize, lie: impl FnOnce(&mut proofs::proofchain::Row)) {
    forger.lie_in_chain(|chain| lie(&mut chain.seals[seal_row]));
}

fn write_logs(writer: &mut Writer) {
    let forger = Forger::new();
    let (open, nothing) = (json!({"covered": false}), json!({}));
    writer.case("as it is", "small", &forger.files, nothing.clone());
    let pinned = json!({"trust": {"ledger": forger.ledger.id()}});
    writer.case("as it is, pinned", "small", &forger.files, pinned);
    writer.case("another pinned", "small", &forger.files, json!({"trust": {"ledger": Hash([1; 32])}}));
    for (what, _, forge) in LIES {
        writer.case(what, "small", &forged(|f| _ = forge(f)), open.clone());
    }
    for (what, _, forge) in SMUGGLED {
        let what = format!("past admission: {what}");
        writer.case(&what, "small", &forged(|f| _ = forge(f)), open.clone());
    }
    let behind = forged(|f| {
        let note = f.note();
        f.append(&note);
    });
    writer.case("an entry behind the checkpoint, in service", "small", &behind, open.clone());
    writer.case("an entry behind the checkpoint", "small", &behind, nothing.clone());
    let rewound = forged(|f| {
        let row = f.chain().seals[1].clone();
        let events = f.rewind(row.seq + 1);
        f.files.0.insert(ROOT.to_owned(), row.checkpoint.clone().into_bytes());
        f.lie_in_chain(|chain| chain.seals.truncate(2));
        for event in events.iter().filter(|event| event.header.kind == Kind::Note) {
            f.append(event);
        }
    });
    writer.case("a tail of others' making, in service", "small", &rewound, open.clone());
    writer.case("a tail of others' making", "small", &rewound, nothing.clone());
    let root = json!({"old": [text(&forger.files.0[ROOT])]});
    writer.case("a tail of others' making, and who knows better", "small", &rewound, root);
    let sides: [Lie<Forger>; 14] = [
        ("no checkpoint", |f| drop(f.files.0.remove(ROOT))),
        ("a checkpoint of a stranger", |f| {
            let note = f.checkpoint().sign(&stranger(), 1).to_string();
            f.files.0.insert(ROOT.to_owned(), note.into_bytes());
        }),
        ("a checkpoint with another map of keys", |f| {
            let mut checkpoint = f.checkpoint();
            checkpoint.keys = checkpoint.lanes;
            f.sign_root(&checkpoint);
        }),
        ("a checkpoint of a longer log", |f| {
            let mut checkpoint = f.checkpoint();
            checkpoint.size += 1;
            f.sign_root(&checkpoint);
        }),
        ("an older checkpoint that is true", |f| {
            let older = f.state_at(f.chain().seals[1].seq + 1).checkpoint();
            f.sign_root(&older);
        }),
        ("no proof chain", |f| drop(f.files.0.remove(CHAIN))),
        ("the last row taken away", |f| f.lie_in_chain(|chain| drop(chain.seals.pop()))),
        ("a row with another leaf", |f| in_chain(f, 1, |row| row.leaf = Hash::ZERO)),
        ("a row that does not extend", |f| in_chain(f, 1, |row| row.consistency.clear())),
        ("a row that is not included", |f| in_chain(f, 1, |row| row.inclusion.clear())),
        ("no authority", |f| f.lie_in_chain(|chain| chain.authority.clear())),
        ("another ledger's proof chain", |f| {
            f.lie_in_chain(|chain| chain.origin = chain.origin.replace("test.local", "best.local"));
        }),
        ("bytes that no recovery accounts for", |f| {
            f.files.0.insert("log/cut-00000000000000000000-700".to_owned(), b"cut".to_vec());
        }),
        ("kept bytes that are not there", |f| {
            let hash = Hash::of(spec::Domain::CutTail, &[b"cut"]);
            let cut = json!({"action": "cut-tail", "bytes": 3, "hash": hash, "offset": 700, "segment": 0});
            let cut = f.own(Kind::Recovery, cut);
            f.append(&cut);
            f.sign_root(&f.checkpoint());
        }),
    ];
    for (what, forge) in sides {
        writer.case(what, "small", &forged(forge), nothing.clone());
    }
    writer.case(
        "the last row taken away, in service",
        "small",
        &forged(|f| f.lie_in_chain(|chain| drop(chain.seals.pop()))),
        open.clone(),
    );
    let middle = forged(|f| {
        let state = f.state();
        let seal = json!({
            "admission": state.admission_digest(), "advisory": {}, "index": state.seals.count,
            "prev": state.seals.last, "root": state.tree.root(),
        });
        let (seal, note) = (f.own(Kind::Seal, seal), f.note());
        f.say(&seal);
        f.append(&note);
    });
    writer.case("a seal in the middle of its group", "small", &middle, open.clone());
    let flipped = forged(|f| {
        let name = f.files.last_segment();
        f.files.0.get_mut(&name).unwrap()[300] ^= 1;
    });
    writer.case("a flipped bit", "small", &flipped, nothing.clone());
    let parted = parted();
    writer.case("rows in a part", "small", &parted, nothing.clone());
    let mut without = parted.clone();
    without.0.remove(&part_file(0));
    writer.case("a part that is missing", "small", &without, nothing);
}

/// The honest ledger with its first two rows in a part.
fn parted() -> Files {
    forged(|f| {
        let mut chain = f.chain();
        let older: Vec<_> = chain.seals.drain(..2).collect();
        let bytes: Vec<u8> = older.iter().flat_map(proofs::proofchain::Row::to_line).collect();
        chain.parts.push(Part { file: part_file(0), first: 0, hash: part_hash(&bytes), last: 1 });
        f.files.0.insert(part_file(0), bytes);
        f.files.0.insert(CHAIN.to_owned(), chain.to_canonical());
    })
}

fn write_witnessed(writer: &mut Writer, files: &Files, trust: &Value, bundles: &Value) {
    let pinned = json!({"trust": trust});
    writer.case("witnessed, pinned", "witnessed", files, pinned.clone());
    writer.case("witnessed, unpinned", "witnessed", files, json!({}));
    let note = Note::parse(&files.0[COSIGNED]).unwrap();
    let with = |name: &str, bytes: Option<&[u8]>| {
        let mut files = files.clone();
        match bytes {
            Some(bytes) => drop(files.0.insert(name.to_owned(), bytes.to_vec())),
            None => drop(files.0.remove(name)),
        }
        files
    };
    let mut short = note.clone();
    short.signatures.pop();
    let short = with(COSIGNED, Some(short.to_string().as_bytes()));
    writer.case("a quorum without one of its lines", "witnessed", &short, json!({}));
    writer.case("a quorum without one of its lines, pinned", "witnessed", &short, pinned.clone());
    writer.case("nobody's quorum, pinned", "witnessed", &with(COSIGNED, None), pinned.clone());
    writer.case("nobody's quorum, unpinned", "witnessed", &with(COSIGNED, None), json!({}));
    let mut swapped = with(COSIGNED, Some(&files.0[ROOT]));
    swapped.0.insert(ROOT.to_owned(), files.0[COSIGNED].clone());
    writer.case("the two checkpoints swapped", "witnessed", &swapped, json!({}));
    let members: Vec<String> =
        [1, 2, 3].map(|n| witness_key(&witnesses::named(n), key(n).public()).to_string()).to_vec();
    for (what, quorum, names) in
        [("two of two", 2, &members[..2]), ("three of two and a stranger", 3, &members[..])]
    {
        let mut names = names.to_vec();
        if quorum == 3 {
            names[2] = witness_key("other.example", stranger().public()).to_string();
        }
        let trust = json!({"trust": {"ledger": trust["ledger"], "quorum": quorum, "witnesses": names}});
        writer.case(&format!("a policy of {what}"), "witnessed", files, trust);
    }
    for (i, what) in ["with its quorum", "behind the quorum"].iter().enumerate() {
        let bytes = bundles[i].as_str().unwrap().as_bytes();
        writer.file(&format!("a bundle {what}, pinned"), "bundle", bytes, pinned.clone());
        writer.file(&format!("a bundle {what}, unpinned"), "bundle", bytes, json!({}));
    }
    let chain = &files.0[CHAIN];
    writer.file("a proof chain alone under a witness set, pinned", "proofchain", chain, pinned.clone());
    writer.file("a proof chain alone under a witness set, unpinned", "proofchain", chain, json!({}));
    let parsed = ProofChain::parse(chain).unwrap();
    let mut row = Note::parse(parsed.seals[0].checkpoint.as_bytes()).unwrap();
    for n in 1..=3 {
        row.signatures.push(proofs::checkpoint::cosign(&row, &witnesses::named(n), &key(n), 1_795_293_722));
    }
    for (what, beside) in [("another size", text(&files.0[COSIGNED])), ("a row's size", row.to_string())] {
        let with = json!({"trust": trust, "beside": {COSIGNED: beside}});
        writer.file(&format!("a proof chain with a quorum of {what}, pinned"), "proofchain", chain, with);
    }
    let mut cut = parsed;
    cut.authority.truncate(1);
    writer.file(
        "a proof chain alone whose authority was cut, which nothing in it shows, pinned",
        "proofchain",
        &cut.to_canonical(),
        pinned,
    );
}

fn write_alone(writer: &mut Writer) {
    let forger = Forger::new();
    let id = forger.ledger.id();
    let pinned = json!({"trust": {"ledger": id}});
    let bundle = forger.bundle(4);
    writer.file("a bundle, pinned", "bundle", &bundle.to_canonical(), pinned.clone());
    writer.file(
        "a bundle of another ledger",
        "bundle",
        &bundle.to_canonical(),
        json!({"trust": {"ledger": Hash::ZERO}}),
    );
    writer.file("a bundle of genesis", "bundle", &forger.bundle(0).to_canonical(), pinned.clone());
    let bundles: [Lie<proofs::bundle::Bundle>; 7] = [
        ("without its payload", |b| (b.payload, b.salt) = (None, None)),
        ("with another payload", |b| b.payload = Some(json!({"text": "other"}))),
        ("without its salt", |b| b.salt = None),
        ("at another time", |b| b.entry["recorded_at"] = json!("2026-11-21T20:42:00.124Z")),
        ("with another life of its key", |b| b.key.record["until"] = json!(9)),
        ("with another introduction", |b| b.introduction.record = b.authority[0].clone()),
        ("without authority", |b| b.authority.clear()),
    ];
    for (what, lie) in bundles {
        let mut bundle = bundle.clone();
        lie(&mut bundle);
        writer.file(&format!("a bundle {what}"), "bundle", &bundle.to_canonical(), json!({}));
    }
    let of_node = |forger: &Forger| -> PublicKey { forger.node.key.public() };
    for (what, status, before) in [
        ("suspect", "compromised", true),
        ("revoked later", "revoked", true),
        ("revoked before", "revoked", false),
    ] {
        let mut forger = Forger::new();
        let note = forger.note();
        let first = before.then(|| forger.append(&note));
        let mut payload = json!({"key": of_node(&forger), "status": status});
        if let (Some(seq), "compromised") = (first, status) {
            payload["suspect_from"] = seq.into();
        }
        let event = forger.admin("acme", Kind::KeyStatus, payload);
        forger.append(&event);
        let seq = first.unwrap_or_else(|| forger.append(&note));
        writer.file(
            &format!("a bundle of a key {what}"),
            "bundle",
            &forger.bundle(seq).to_canonical(),
            json!({}),
        );
    }

    let chain = forger.chain();
    writer.file("a proof chain, pinned", "proofchain", &chain.to_canonical(), pinned);
    let files = parted();
    let beside = json!({"beside": {part_file(0): text(&files.0[&part_file(0)])}});
    writer.file("a proof chain with its part", "proofchain", &files.0[CHAIN], beside);
    writer.file("a proof chain without its part", "proofchain", &files.0[CHAIN], json!({}));
    let wrong = json!({"beside": {part_file(0): "{}\n"}});
    writer.file("a proof chain with another part", "proofchain", &files.0[CHAIN], wrong);
    let mut older = chain.clone();
    older.seals.truncate(2);
    let old = json!({"old": [text(&older.to_canonical())]});
    writer.file("a proof chain that extends another", "proofchain", &chain.to_canonical(), old);
    let old = json!({"old": [text(&chain.to_canonical())]});
    writer.file("a proof chain that is the older one", "proofchain", &older.to_canonical(), old);
    let seq = chain.seals[1].seq;
    let mut checkpoint = forger.state_at(seq + 1).checkpoint();
    checkpoint.lanes = checkpoint.root;
    let mut fork = chain.clone();
    fork.seals[1].checkpoint = forger.signed(&checkpoint);
    let old = json!({"old": [text(&fork.to_canonical())]});
    writer.file("a proof chain of another history", "proofchain", &chain.to_canonical(), old);

    let (checkpoint, mut other) = (forger.checkpoint(), forger.checkpoint());
    other.lanes = other.root;
    let file = Equivocation {
        a: forger.signed(&checkpoint),
        authority: chain.authority,
        b: forger.signed(&other),
        format: proofs::equivocation::FORMAT.to_owned(),
        ledger: id,
        leaves: None,
    };
    writer.file("an equivocation", "equivocation", &file.to_canonical(), json!({"trust": {"ledger": id}}));
    let same = Equivocation { b: file.a.clone(), ..file.clone() };
    writer.file("the same checkpoint twice", "equivocation", &same.to_canonical(), json!({}));
    let unsigned = Equivocation { b: other.sign(&stranger(), 1).to_string(), ..file };
    writer.file("one that the ledger has not signed", "equivocation", &unsigned.to_canonical(), json!({}));
}

/// Makes the file anew: other ledgers, other times, the same cases.
#[test]
#[ignore = "writes spec/vectors/audit.json"]
#[expect(clippy::disallowed_methods, reason = "vectors are part of the sources")]
fn regenerate_vectors() {
    let (files, trust, bundles) = witnessed();
    let exports =
        BTreeMap::from([("small", exported(&Forger::new().files)), ("witnessed", exported(&files))]);
    let mut writer = Writer { exports, cases: Vec::new(), alone: Vec::new() };
    write_logs(&mut writer);
    write_witnessed(&mut writer, &files, &trust, &bundles);
    write_alone(&mut writer);
    let vectors = json!({
        "about": ABOUT, "exports": writer.exports_json(), "cases": writer.cases, "alone": writer.alone,
    });
    std::fs::write(PATH, serde_json::to_string_pretty(&vectors).unwrap() + "\n").unwrap();
}
