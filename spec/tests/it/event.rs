//! Events: what is read back, what is refused and with which code, and what a changed byte does.

use crate::history::{self, sample};
use serde_json::{Value, json};
use spec::canonical;
use spec::event::{FORMAT, Payload};
use spec::ids::TextError;
use spec::limits::{MAX_DEPTH, MAX_EVENT_BYTES, MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES};
use spec::{Author, ChainLink, Domain, Event, EventError, Hash, Header, Kind, Severity, Via};
use std::str::FromStr;

/// A document that is not an event.
pub(crate) struct Bad {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) code: &'static str,
    pub(crate) pointer: Option<&'static str>,
}

impl Bad {
    fn new(name: &str, bytes: Vec<u8>, code: &'static str, pointer: Option<&'static str>) -> Self {
        Self { name: name.to_owned(), bytes, code, pointer }
    }
}

/// A node's event with every optional field but `via`.
fn signed_by_a_node() -> Event {
    sample(&Kind::Heartbeat)
}

/// An event with `via` and its subject.
fn signed_by_the_service() -> Event {
    sample(&Kind::Tag)
}

fn as_value(event: &Event) -> Value {
    serde_json::from_slice(&event.to_canonical()).unwrap()
}

/// The canonical form of `event` after `change`.
fn edited(event: &Event, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = as_value(event);
    change(&mut value);
    canonical::to_vec(&value).unwrap()
}

fn without(event: &Event, field: &str) -> Vec<u8> {
    edited(event, |value| drop(value.as_object_mut().unwrap().remove(field).unwrap()))
}

fn with(event: &Event, pointer: &str, new: Value) -> Vec<u8> {
    edited(event, |value| *value.pointer_mut(pointer).unwrap() = new)
}

/// The event with other text as its payload, which need not be JSON at all.
fn with_payload_text(event: &Event, text: &str) -> Vec<u8> {
    let payload = Payload { json: text.into(), salt: event.payload.salt };
    let header = Header { payload_hash: payload.hash(), ..event.header.clone() };
    Event { header, payload, ..event.clone() }.to_canonical()
}

/// Every kind of small document that looks like an event and is none.
pub(crate) fn bad_events() -> Vec<Bad> {
    let (node, service) = (signed_by_a_node(), signed_by_the_service());
    let mut all = Vec::new();
    not_canonical(&node, &mut all);
    of_another_shape(&node, &service, &mut all);
    with_a_bad_field(&node, &service, &mut all);
    all
}

fn not_canonical(node: &Event, all: &mut Vec<Bad>) {
    let mut bad = |name: &str, bytes, code, pointer| all.push(Bad::new(name, bytes, code, pointer));
    bad("empty", Vec::new(), "not-canonical", None);
    bad("white space after", [node.to_canonical(), b"\n".to_vec()].concat(), "not-canonical", None);
    bad("duplicate key", with_payload_text(node, r#"{"a":1,"a":2}"#), "not-canonical", None);
    bad("keys out of order", with_payload_text(node, r#"{"b":1,"a":2}"#), "not-canonical", None);
    bad("2^53+1", with_payload_text(node, r#"{"a":9007199254740993}"#), "not-canonical", None);
    bad("1e20", with_payload_text(node, r#"{"a":100000000000000000000}"#), "not-canonical", None);
    bad("minus zero", with_payload_text(node, r#"{"a":-0}"#), "not-canonical", None);
    bad("lone surrogate", with_payload_text(node, r#"{"a":"\ud83d"}"#), "not-canonical", None);
    let deep = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
    bad("nested 65 deep", with_payload_text(node, &deep), "not-canonical", None);
    let seq =
        String::from_utf8(node.to_canonical()).unwrap().replace("\"seq\":0", "\"seq\":9007199254740992");
    bad("a chain position of 2^53", seq.into_bytes(), "not-canonical", None);
}

fn of_another_shape(node: &Event, service: &Event, all: &mut Vec<Bad>) {
    let mut bad = |name: &str, bytes, code, pointer| all.push(Bad::new(name, bytes, code, pointer));
    bad("an array", b"[]".to_vec(), "bad-event", None);
    bad("no field at all", b"{}".to_vec(), "bad-event", Some("/format"));
    bad("a string", b"\"event\"".to_vec(), "bad-event", None);
    bad("an unknown field", edited(node, |value| value["extra"] = json!(1)), "bad-event", None);
    bad("an unknown field of chain", edited(node, |v| v["chain"]["extra"] = json!(1)), "bad-event", None);
    bad("an unknown field of schema", edited(node, |v| v["schema"]["extra"] = json!(1)), "bad-event", None);
    bad("an unknown field of via", edited(service, |v| v["via"]["extra"] = json!(1)), "bad-event", None);
    bad("schema as an array", with(node, "/schema", json!([1, 1])), "bad-event", None);
    let chain = [&node.header.chain.unwrap().epoch.to_string(), &node.header.chain.unwrap().prev.to_hex()];
    bad("chain as an array", with(node, "/chain", json!([chain[0], chain[1], 0])), "bad-event", None);
    bad("via as an array", with(service, "/via", json!(["admin"])), "bad-event", None);
    bad(
        "chain without its seq",
        edited(node, |v| drop(v["chain"].as_object_mut().unwrap().remove("seq"))),
        "bad-event",
        None,
    );
    bad("a negative chain position", with(node, "/chain/seq", json!(-1)), "bad-event", None);
    bad("a chain position with a fraction", with(node, "/chain/seq", json!(0.5)), "bad-event", None);

    for (field, pointer) in REQUIRED {
        bad(&format!("{field} missing"), without(node, field), "bad-event", Some(pointer));
        bad(&format!("{field} null"), with(node, pointer, Value::Null), "bad-event", Some(pointer));
        if *field != "payload" {
            bad(&format!("{field} of another type"), with(node, pointer, json!(7)), "bad-event", None);
        }
    }
    for field in ["node_id", "severity", "tenant"] {
        let null = edited(node, |value| value[field] = Value::Null);
        bad(&format!("{field} null"), null, "bad-event", None);
        let number = edited(node, |value| value[field] = json!(7));
        bad(&format!("{field} of another type"), number, "bad-event", None);
    }
    bad("chain null beside via", edited(service, |v| v["chain"] = Value::Null), "bad-event", None);
    bad("via null beside chain", edited(node, |v| v["via"] = Value::Null), "bad-event", None);
    bad("subject null", with(service, "/via/subject", Value::Null), "bad-event", None);

    // The two ways to speak.
    let via = json!({"method": "self"});
    bad("chain and via", edited(node, |v| v["via"] = via), "bad-event", Some("/via"));
    bad("neither chain nor via", without(node, "chain"), "bad-event", Some("/via"));
    bad("chain null and no via", with(node, "/chain", Value::Null), "bad-event", Some("/via"));
}

fn with_a_bad_field(node: &Event, service: &Event, all: &mut Vec<Bad>) {
    let mut bad = |name: &str, bytes, code, pointer| all.push(Bad::new(name, bytes, code, pointer));
    let upper = |hash: Hash| json!(hash.to_hex().to_uppercase());
    let header = &node.header;
    for (name, pointer, new) in [
        ("another format", "/format", json!("vm-event-envelope-v2")),
        ("another envelope version", "/schema/envelope", json!(2)),
        ("payload version 0", "/schema/payload", json!(0)),
        ("an author without a kind", "/author", json!(header.id.to_string())),
        ("an author of an unknown kind", "/author", json!("root:550e8400-e29b-41d4-a716-446655440000")),
        ("an author in upper case", "/author", json!("node:550E8400-E29B-41D4-A716-446655440000")),
        ("an epoch of 64 digits", "/chain/epoch", json!(header.ledger)),
        ("an upper-case chain hash", "/chain/prev", upper(header.ledger)),
        ("a UUID of version 4", "/id", json!("550e8400-e29b-41d4-a716-446655440000")),
        ("a UUID without hyphens", "/id", json!(header.id.to_string().replace('-', ""))),
        ("an upper-case key", "/key", upper(Hash(header.key.0))),
        ("a short key", "/key", json!(&header.key.to_string()[2..])),
        ("an unregistered kind", "/kind", json!("gossip")),
        ("a kind of one's own without a name", "/kind", json!("x-")),
        ("an upper-case ledger id", "/ledger", upper(header.ledger)),
        ("an organisation with a space", "/org", json!("acme inc")),
        ("an empty organisation", "/org", json!("")),
        ("an organisation of 129 characters", "/org", json!("a".repeat(129))),
        ("an upper-case payload hash", "/payload_hash", upper(header.payload_hash)),
        ("an upper-case salt", "/salt", upper(node.payload.salt)),
        ("an unknown severity", "/severity", json!("fatal")),
        ("an upper-case tenant", "/tenant", json!("Prod")),
        ("a time without milliseconds", "/ts", json!("2026-11-21T20:42:00Z")),
        ("a time with an offset", "/ts", json!("2026-11-21T20:42:00.000+00:00")),
        ("a leap second", "/ts", json!("2016-12-31T23:59:60.000Z")),
        ("a day that does not exist", "/ts", json!("2026-02-29T00:00:00.000Z")),
    ] {
        bad(name, with(node, pointer, new), "bad-event", Some(pointer));
    }
    bad(
        "a node id of another form",
        edited(node, |v| v["node_id"] = json!("vault-node-01")),
        "bad-event",
        Some("/node_id"),
    );
    bad(
        "a method with a space",
        with(service, "/via/method", json!("a b")),
        "bad-event",
        Some("/via/method"),
    );
    bad("an empty subject", with(service, "/via/subject", json!("")), "bad-event", Some("/via/subject"));
    let sig = node.sig.to_string();
    for (name, sig) in [
        ("a signature without padding", sig.trim_end_matches('=').to_owned()),
        ("a signature with trailing bits", trailing_bits(&sig)),
        ("a signature in the URL alphabet", format!("-_{}", &sig[2..])),
        ("a signature of 63 bytes", sig[..84].to_owned()),
    ] {
        bad(name, with(node, "/sig", json!(sig)), "bad-event", Some("/sig"));
    }

    // What the header commits to.
    bad(
        "another payload",
        with(node, "/payload/hostname", json!("other")),
        "payload-hash",
        Some("/payload_hash"),
    );
    bad("another salt", with(node, "/salt", json!(Hash::ZERO)), "payload-hash", Some("/payload_hash"));
    bad(
        "another payload hash",
        with(node, "/payload_hash", json!(Hash::ZERO)),
        "payload-hash",
        Some("/payload_hash"),
    );
}

/// Fields every event has, with their pointers.
const REQUIRED: &[(&str, &str)] = &[
    ("author", "/author"),
    ("format", "/format"),
    ("id", "/id"),
    ("key", "/key"),
    ("kind", "/kind"),
    ("ledger", "/ledger"),
    ("org", "/org"),
    ("payload", "/payload"),
    ("payload_hash", "/payload_hash"),
    ("salt", "/salt"),
    ("schema", "/schema"),
    ("sig", "/sig"),
    ("ts", "/ts"),
];

/// The same 64 bytes to a decoder that ignores the unused bits of the last character.
fn trailing_bits(sig: &str) -> String {
    let last = char::from(sig.as_bytes()[85] + 1);
    format!("{}{last}==", &sig[..85])
}

#[test]
fn each_bad_event_is_refused_with_its_code_and_pointer() {
    for Bad { name, bytes, code, pointer } in bad_events() {
        let error = Event::parse(&bytes).expect_err(&name);
        assert_eq!((error.code(), error.pointer().as_deref()), (code, pointer), "{name}: {error}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn events_read_back_as_they_were_written() {
    for event in history::build().events {
        let bytes = event.to_canonical();
        assert_eq!(Event::parse(&bytes).unwrap(), event);
        let mut inside = Vec::new();
        event.header.write(Some(&event.sig), &mut inside);
        let text = String::from_utf8(inside).unwrap();
        assert_eq!(Header::parse(&text).unwrap(), (event.header.clone(), event.sig));
        assert!(
            Header::parse(std::str::from_utf8(&bytes).unwrap()).is_err(),
            "an entry's event has no payload"
        );
    }
}

#[test]
fn hashes_are_what_the_text_says() {
    for event in history::build().events {
        let mut value = as_value(&event);
        let object = value.as_object_mut().unwrap();
        let payload = canonical::to_vec(&object.remove("payload").unwrap()).unwrap();
        object.remove("salt");
        object.remove("sig");
        let header = canonical::to_vec(&value).unwrap();

        assert_eq!(event.header.signing_bytes(), [b"vaultmesh/event/v1\n".as_slice(), &header].concat());
        let hash = blake3::hash(&[&[3], header.as_slice(), &event.sig.0].concat());
        assert_eq!(event.hash().0, *hash.as_bytes());
        let hash = blake3::hash(&[&[2], event.payload.salt.0.as_slice(), &payload].concat());
        assert_eq!(event.header.payload_hash.0, *hash.as_bytes());
        let identity = format!("\x18{}\0{}\0", event.header.org, event.header.author);
        let hash = blake3::hash(&[identity.as_bytes(), event.header.id.as_bytes()].concat());
        assert_eq!(event.header.identity().0, *hash.as_bytes());
    }
}

/// Whatever byte changes, in whichever bit: no second event is taken for the first.
#[test]
fn a_changed_byte_is_refused_or_is_another_event() {
    for event in [signed_by_a_node(), signed_by_the_service()] {
        let bytes = event.to_canonical();
        let hash = event.hash();
        let (mut refused, mut other) = (0, 0);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                match Event::parse(&changed) {
                    Err(_) => refused += 1,
                    Ok(read) => {
                        other += 1;
                        assert_eq!(read.to_canonical(), changed);
                        assert!(read.header != event.header || read.sig != event.sig, "byte {at} bit {bit}");
                        assert_eq!(read.payload, event.payload, "the payload cannot change alone");
                        assert_ne!(read.hash(), hash, "byte {at} bit {bit}");
                    }
                }
            }
        }
        assert!(refused > other && other > 0, "{refused} refused, {other} read as another event");
    }
}

fn too_large(error: &EventError) -> Option<&'static str> {
    match error {
        EventError::TooLarge { part, .. } => Some(part),
        _ => None,
    }
}

#[test]
fn payload_and_event_have_a_largest_size() {
    let event = signed_by_a_node();
    let sized = |size: usize| with_payload_text(&event, &format!("\"{}\"", "a".repeat(size - 2)));
    assert_eq!(Event::parse(&sized(MAX_PAYLOAD_BYTES)).unwrap().payload.json.len(), MAX_PAYLOAD_BYTES);
    let error = Event::parse(&sized(MAX_PAYLOAD_BYTES + 1)).unwrap_err();
    assert_eq!((error.code(), too_large(&error), error.pointer()), ("too-large", Some("payload"), None));
    let error = Event::parse(&sized(MAX_EVENT_BYTES)).unwrap_err();
    assert_eq!((error.code(), too_large(&error)), ("too-large", Some("event")));
    let around = sized(2).len() - 2;
    assert!(Event::parse(&sized(MAX_EVENT_BYTES - around)).is_err_and(|e| too_large(&e) == Some("payload")));
}

/// Every field of a header is bounded, so a header cannot reach its limit: the limit is for fields to come.
#[test]
fn the_longest_header_is_well_within_its_limit() {
    fn longest<T: FromStr<Err = TextError>>() -> T {
        "z".repeat(128).parse().unwrap()
    }
    let mut event = signed_by_the_service();
    event.header = Header {
        author: Author::Service(longest()),
        kind: format!("x-{}", "z".repeat(126)).parse().unwrap(),
        node_id: Some(event.header.id),
        org: longest(),
        payload_version: spec::limits::MAX_SAFE_INTEGER,
        severity: Some(Severity::Critical),
        tenant: Some(longest()),
        via: Some(Via { method: longest(), subject: Some(longest()) }),
        ..event.header
    };
    assert_eq!(Event::parse(&event.to_canonical()).unwrap(), event);
    let mut header = Vec::new();
    event.header.write(Some(&event.sig), &mut header);
    assert!(header.len() < MAX_HEADER_BYTES / 8, "{} bytes", header.len());

    // A field beyond its own limit is named, however large it is.
    let error = Event::parse(&with(&event, "/org", json!("z".repeat(MAX_HEADER_BYTES)))).unwrap_err();
    assert_eq!((error.code(), error.pointer().as_deref()), ("bad-event", Some("/org")));
}

#[test]
fn a_chain_position_reaches_2_to_53_less_one() {
    let event = signed_by_a_node();
    let seq = spec::limits::MAX_SAFE_INTEGER;
    let chain = Some(ChainLink { seq, ..event.header.chain.unwrap() });
    let event = Event { header: Header { chain, ..event.header }, ..event };
    assert_eq!(Event::parse(&event.to_canonical()).unwrap().header.chain.unwrap().seq, seq);
    // A header is read without the canonical check: the limit holds there as well.
    let mut text = Vec::new();
    event.header.write(Some(&event.sig), &mut text);
    let text = String::from_utf8(text).unwrap().replace("9007199254740991", "9007199254740992");
    assert_eq!(Header::parse(&text).unwrap_err().pointer().as_deref(), Some("/chain/seq"));
}

#[test]
fn the_subject_node_is_the_author_or_named() {
    let node = signed_by_a_node().header;
    let Author::Node(id) = node.author else { panic!("a node's event") };
    assert_eq!(node.subject_node(), Some(id));
    let service = signed_by_the_service().header;
    assert_eq!(service.subject_node(), None);
    assert_eq!(Header { node_id: Some(id), ..service }.subject_node(), Some(id));
    assert_eq!(FORMAT, "vm-event-envelope-v1");
    assert_eq!(Hash::of(Domain::Event, &[]).0, *blake3::hash(&[3]).as_bytes());
}
