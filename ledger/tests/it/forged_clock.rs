//! Setting the clock back: what recovery keys signed, at the one place for which they signed it, and what a ledger that
//! holds every other key makes of it. `spec/vectors/clock.json` has the same for verifiers of other makes.

use crate::admission_vectors::{failures_of, log_of, write_vectors};
use crate::forger::{Forger, failures, stranger};
use crate::support::{name, recovery_keys, signed};
use proofs::SigningKey;
use serde_json::{Value, json};
use spec::payload::{Clock, KeySignature};
use spec::{Author, Event, Hash, Kind, Timestamp, Via};
use std::path::{Path, PathBuf};

const MINUTE: u64 = 60_000;
const YEAR: u64 = 365 * 24 * 60 * MINUTE;

/// What is said, the failure, and how it is written; gives its seq.
type Smuggled = (&'static str, &'static str, fn(&mut Forger) -> u64);

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/clock.json")
}

fn later(time: Timestamp, millis: u64) -> Timestamp {
    Timestamp::from_millis(time.millis() + millis)
}

/// A ledger whose last two entries were recorded a year ahead; gives the time that is right.
fn ahead(forger: &mut Forger) -> Timestamp {
    let right = later(forger.now, MINUTE);
    forger.now = later(right, YEAR);
    for _ in 0..2 {
        let note = own(forger, Kind::Recovery, &json!({"action": "rebuild-root"}));
        forger.append(&note);
    }
    right
}

/// What the ledger says at the forger's time.
fn own(forger: &Forger, kind: Kind, said: &Value) -> Event {
    let mut header = forger.own(Kind::Recovery, json!({"action": "rebuild-root"})).header;
    header.kind = kind;
    let mut id = header.id.as_bytes()[6..].to_vec();
    id.rotate_left(1);
    (header.ts, header.id) = (forger.now, spec::Uuid::v7(forger.now, id.try_into().unwrap()));
    signed(header, said, &forger.service_key)
}

/// The setting back to a time as it should be, with what `lie` makes of it before it is signed by `keys`.
fn setting(forger: &Forger, time: Timestamp, keys: &[SigningKey], lie: impl FnOnce(&mut Clock)) -> Clock {
    let state = forger.state();
    let mut said = Clock {
        after: state.head,
        last: state.last_recorded,
        signatures: Vec::new(),
        since: forger.size() - 2,
        time,
    };
    lie(&mut said);
    let message = said.bytes(&state.ledger);
    let mut keys: Vec<_> = keys.iter().collect();
    keys.sort_by_key(|key| key.public());
    said.signatures =
        keys.iter().map(|key| KeySignature { key: key.public(), sig: key.sign(&message) }).collect();
    said
}

/// Two of the three recovery keys, as the genesis asks.
fn two() -> Vec<SigningKey> {
    recovery_keys().split_off(1)
}

/// The entry, recorded when it says.
fn set(forger: &mut Forger, said: &Clock) -> u64 {
    forger.now = said.time;
    let event = own(forger, Kind::Clock, &serde_json::to_value(said).unwrap());
    forger.append(&event)
}

/// A ledger that is ahead, and an entry with a lie that sets it back.
fn lied(forger: &mut Forger, lie: impl FnOnce(&mut Clock)) -> u64 {
    let right = ahead(forger);
    let said = setting(forger, right, &two(), lie);
    set(forger, &said)
}

/// The same, signed by these keys.
fn signed_by(forger: &mut Forger, keys: &[SigningKey]) -> u64 {
    let right = ahead(forger);
    let said = setting(forger, right, keys, |_| ());
    set(forger, &said)
}

/// A true setting back in another header.
fn said_as(forger: &mut Forger, author: &str, method: &str, org: &str) -> u64 {
    let right = ahead(forger);
    let said = serde_json::to_value(setting(forger, right, &two(), |_| ())).unwrap();
    forger.now = right;
    let mut header = own(forger, Kind::Clock, &said).header;
    header.author = author.parse::<Author>().unwrap();
    header.via = Some(Via { method: name(method), subject: None });
    header.org = name(org);
    let event = signed(header, &said, &forger.service_key);
    forger.append(&event)
}

const SMUGGLED: &[Smuggled] = &[
    ("times that go back without a word", "clock", |f| {
        f.now = ahead(f);
        let event = own(f, Kind::Recovery, &json!({"action": "rebuild-root"}));
        f.append(&event)
    }),
    ("fewer keys than the genesis asks for", "admission", |f| signed_by(f, &two()[..1])),
    ("keys that are nobody's", "admission", |f| signed_by(f, &[stranger(), crate::support::key(98)])),
    ("one recovery key and one that is nobody's", "admission", |f| {
        let ours = two().remove(0);
        signed_by(f, &[ours, stranger()])
    }),
    ("the service key in place of a recovery key", "admission", |f| {
        let service = f.service_key.clone();
        let ours = two().remove(0);
        signed_by(f, &[ours, service])
    }),
    ("signatures over another time", "admission", |f| {
        let right = ahead(f);
        let mut said = setting(f, right, &two(), |_| ());
        said.time = later(right, MINUTE);
        set(f, &said)
    }),
    ("signatures over another first entry", "clock", |f| {
        let right = ahead(f);
        let mut said = setting(f, right, &two(), |_| ());
        said.since -= 1;
        set(f, &said)
    }),
    ("behind another entry", "admission", |f| lied(f, |said| said.after = Hash([7; 32]))),
    ("from another time than the last entry's", "clock", |f| lied(f, |said| said.last = later(said.last, 1))),
    ("a first entry that is right still", "clock", |f| lied(f, |said| said.since -= 1)),
    ("a first entry that is not the first", "clock", |f| lied(f, |said| said.since += 1)),
    ("recorded at another time than it says", "clock", |f| {
        let right = ahead(f);
        let said = setting(f, right, &two(), |_| ());
        f.now = later(right, 1);
        let event = own(f, Kind::Clock, &serde_json::to_value(said).unwrap());
        f.append(&event)
    }),
    ("forward", "payload-schema", |f| {
        let right = ahead(f);
        let said = setting(f, later(right, 2 * YEAR), &two(), |_| ());
        set(f, &said)
    }),
    ("said once more", "clock", |f| {
        let right = ahead(f);
        let said = setting(f, right, &two(), |_| ());
        set(f, &said);
        let again = own(f, Kind::Clock, &serde_json::to_value(said).unwrap());
        f.append(&again)
    }),
    ("said once more at another place", "admission", |f| {
        let right = ahead(f);
        let said = setting(f, right, &two(), |_| ());
        set(f, &said);
        f.now = said.last;
        for _ in 0..2 {
            let note = own(f, Kind::Recovery, &json!({"action": "rebuild-root"}));
            f.append(&note);
        }
        let since = f.size() - 2;
        set(f, &Clock { since, ..said })
    }),
    ("said by an administrator", "admission", |f| said_as(f, "service:admin", "admin", "ledger")),
    ("said in an organisation", "admission", |f| said_as(f, "service:ledger", "self", "acme")),
];

/// Set back twice, the second time from before the first, and from an entry of before it.
fn let_in() -> Forger {
    let mut forger = Forger::new();
    let right = ahead(&mut forger);
    let said = setting(&forger, right, &two(), |_| ());
    set(&mut forger, &said);
    let event = own(&forger, Kind::Recovery, &json!({"action": "rebuild-root"}));
    forger.append(&event);
    // The time that it was set back to was a minute late: everything since then is, too.
    let since = said.since;
    let time = Timestamp::from_millis(right.millis() - MINUTE / 2);
    let said = setting(&forger, time, &two(), |again| again.since = since);
    set(&mut forger, &said);
    forger.now = right;
    let event = own(&forger, Kind::Recovery, &json!({"action": "rebuild-root"}));
    forger.append(&event);
    forger
}

#[test]
fn the_clock_is_set_back_by_those_who_may() {
    let report = let_in().passes();
    let found: Vec<_> = report.findings.iter().filter(|finding| finding.code == "clock-set").collect();
    assert_eq!(found.len(), 2, "{:?}", report.findings);
}

#[test]
fn nobody_else_sets_the_clock_back() {
    for (what, code, forge) in SMUGGLED {
        let mut forger = Forger::new();
        let seq = forge(&mut forger);
        assert_eq!(failures(&forger.verify()), [(*code, Some(seq))], "{what}");
    }
}

#[test]
fn each_vector_of_the_clock_has_its_verdict() {
    failures_of(&file(), 15);
}

#[test]
#[ignore = "writes spec/vectors/clock.json"]
fn regenerate_clock_vectors() {
    let base = log_of(&Forger::new());
    let appended = |forger: &Forger| log_of(forger)[base.len()..].to_owned();
    let refused = SMUGGLED.iter().map(|(what, code, forge)| {
        let mut forger = Forger::new();
        let seq = forge(&mut forger);
        json!({"appended": appended(&forger), "failure": {"code": code, "seq": seq}, "name": what})
    });
    let refused: Vec<Value> = refused.collect();
    write_vectors(&file(), &json!({"accepted": appended(&let_in()), "log": base, "refused": refused}));
}
