//! Entries as an admitted log has them; signatures and chains play no part in a fold.

use projections::Projections;
use serde_json::{Value, json};
use spec::entry::{Entry, Lane, Position};
use spec::event::Payload;
use spec::{Author, Hash, Header, Kind, Name, PublicKey, Record, Signature, Timestamp, Uuid, Via, canonical};
use std::sync::LazyLock;

/// 2026-11-21T20:42:00.123Z, when every test begins.
pub const START: u64 = 1_795_293_720_123;

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn at(secs: u64) -> Timestamp {
    Timestamp::from_millis(START + secs * 1000)
}

/// Bytes for a number: one of them over and over, and what is beyond 255 in the last.
fn bytes<const N: usize>(n: u16) -> [u8; N] {
    let [high, low] = n.to_be_bytes();
    let mut bytes = [low; N];
    bytes[N - 1] ^= high;
    bytes
}

pub fn node(n: u16) -> Uuid {
    Uuid::v4(bytes(n))
}

/// The number of a node.
pub fn number(node: Uuid) -> u16 {
    let (low, last) = (node.as_bytes()[0], node.as_bytes()[15]);
    u16::from_be_bytes([last ^ low, low])
}

pub fn key(n: u16) -> PublicKey {
    proofs::SigningKey::from_seed(&bytes(n)).public()
}

/// What happens in a made-up log.
#[derive(Debug, Clone)]
pub enum Fact {
    Introduce {
        node: u16,
        key: u16,
        org: &'static str,
    },
    EndKey {
        key: u16,
    },
    Heartbeat {
        node: u16,
        org: &'static str,
        interval: u64,
        services_ok: Option<bool>,
    },
    BareHeartbeat {
        node: u16,
        org: &'static str,
    },
    ImportedHeartbeat {
        node: u16,
        org: &'static str,
    },
    Note {
        node: u16,
        org: &'static str,
    },
    RemarkOn {
        node: u16,
        org: &'static str,
    },
    Start,
    Stop,
    Alive,
    /// A heartbeat with `more` in it, made at another time than it was recorded.
    Beat {
        node: u16,
        org: &'static str,
        made: u64,
        more: Value,
    },
    Fork {
        key: u16,
    },
    Erased {
        node: u16,
        org: &'static str,
    },
    /// Anything else.
    Said(Box<Saying>),
}

/// Somebody says something.
#[derive(Debug, Clone)]
pub struct Saying {
    pub author: Author,
    pub kind: Kind,
    pub org: &'static str,
    pub tenant: Option<&'static str>,
    pub node: Option<Uuid>,
    pub key: u16,
    /// Seconds after the beginning, by the author's clock, if that is another than the ledger's.
    pub made: Option<u64>,
    pub payload: Value,
    /// What the scheduler says it rests on.
    pub scheduled: Option<Uuid>,
    /// A member of the payload that is to name a command, or a schedule: which of those so far.
    pub names: Option<(&'static str, usize)>,
    /// Of the commands of its own organisation alone.
    pub at_home: bool,
}

/// What somebody says of a node, or at all.
pub fn saying(author: Author, kind: Kind, org: &'static str, node: Option<Uuid>, payload: Value) -> Saying {
    Saying {
        author,
        kind,
        org,
        tenant: None,
        node,
        key: 0,
        made: None,
        payload,
        scheduled: None,
        names: None,
        at_home: false,
    }
}

pub fn said(author: Author, kind: Kind, org: &'static str, node: Option<Uuid>, payload: Value) -> Fact {
    Fact::Said(Box::new(saying(author, kind, org, node, payload)))
}

/// The entries of a log, each recorded so many seconds after the beginning.
pub fn log(facts: &[(u64, Fact)]) -> Vec<Record> {
    let (mut records, mut commands, mut schedules) = (Vec::new(), Vec::new(), Vec::new());
    for (seq, (secs, fact)) in (0..).zip(facts) {
        let mut fact = fact.clone();
        if let Fact::Said(saying) = &mut fact
            && let Some((member, which)) = saying.names
        {
            let own = |(org, _): &&(&str, Hash)| !saying.at_home || *org == saying.org;
            let all = if member == "schedule" { &schedules } else { &commands };
            let known: Vec<Hash> = all.iter().filter(own).map(|(_, hash)| *hash).collect();
            let hash = known.get(which % known.len().max(1)).copied().unwrap_or(Hash::ZERO);
            saying.payload[member] = json!(hash);
        }
        let record = entry(seq, *secs, &fact);
        if let Fact::Said(saying) = &fact
            && saying.names.is_none()
        {
            let hash = record.entry.header.event_hash(&record.entry.sig);
            match saying.kind {
                Kind::Command => commands.push((saying.org, hash)),
                Kind::Schedule => schedules.push((saying.org, hash)),
                _ => {}
            }
        }
        records.push(record);
    }
    records
}

pub fn folded(records: &[Record]) -> Projections {
    let mut folds = Projections::default();
    for record in records {
        folds.apply(record).unwrap();
    }
    folds
}

pub fn user(n: u16) -> Author {
    Author::User(Uuid::v4(bytes(n)))
}

/// The key of every header.
static SERVICE_KEY: LazyLock<PublicKey> = LazyLock::new(|| key(0));

/// The entry at `seq`, recorded `secs` after the beginning.
pub fn entry(seq: u64, secs: u64, fact: &Fact) -> Record {
    use Fact::{
        Alive, BareHeartbeat, Beat, EndKey, Erased, Fork, Heartbeat, ImportedHeartbeat, Introduce, Note,
        RemarkOn, Said, Start, Stop,
    };
    let service = || Author::Service(name("ingest"));
    let (author, kind, org, subject, value) = match fact {
        Introduce { node: id, key: k, org } => {
            let payload = json!({"author": Author::Node(node(*id)), "key": key(*k), "pop": Signature([0; 64]),
                "token": Hash::ZERO, "use": "node"});
            (service(), Kind::Key, *org, None, payload)
        }
        EndKey { key: k } => {
            (service(), Kind::KeyStatus, "ledger", None, json!({"key": key(*k), "status": "revoked"}))
        }
        Heartbeat { node: id, org, interval, services_ok } => {
            let ok = services_ok.map_or(json!("unknown"), Value::from);
            let payload = heartbeat(*id, secs, json!({"interval_secs": interval, "services_ok": ok}));
            (Author::Node(node(*id)), Kind::Heartbeat, *org, None, payload)
        }
        BareHeartbeat { node: id, org } => {
            (service(), Kind::Heartbeat, *org, Some(node(*id)), heartbeat(*id, secs, json!({})))
        }
        ImportedHeartbeat { node: id, org } => {
            let author = Author::Import(name("old"));
            (
                author,
                Kind::Heartbeat,
                *org,
                Some(node(*id)),
                heartbeat(*id, secs, json!({"interval_secs": 5})),
            )
        }
        Note { node: id, org } | Erased { node: id, org } => {
            (Author::Node(node(*id)), Kind::Note, *org, None, json!({"text": "a note"}))
        }
        RemarkOn { node: id, org } => {
            (service(), Kind::Note, *org, Some(node(*id)), json!({"text": "looks slow"}))
        }
        Start | Stop | Alive => {
            let action = match fact {
                Start => "start",
                Stop => "stop",
                _ => "alive",
            };
            (service(), Kind::Service, "ledger", None, json!({"action": action, "version": "1"}))
        }
        Beat { node: id, org, made, more } => {
            let payload = heartbeat(*id, *made, more.clone());
            (Author::Node(node(*id)), Kind::Heartbeat, *org, None, payload)
        }
        Fork { key: k } => {
            let place = json!({"epoch": "00".repeat(16), "seq": 1});
            let fork = json!({"header": {}, "key": key(*k), "place": place, "recorded": 1,
                "sig": Signature([0; 64])});
            (service(), Kind::ChainFork, "acme", None, fork)
        }
        Said(saying) => {
            (saying.author.clone(), saying.kind.clone(), saying.org, saying.node, saying.payload.clone())
        }
    };
    let kind = if matches!(fact, Erased { .. }) { Kind::Heartbeat } else { kind };
    let json = String::from_utf8(canonical::to_vec(&value).unwrap()).unwrap();
    let payload = Payload { json: json.into(), salt: Hash::ZERO };
    let said = if let Said(saying) = fact { Some(&**saying) } else { None };
    let made = match fact {
        Beat { made, .. } => *made,
        _ => said.and_then(|saying| saying.made).unwrap_or(secs),
    };
    let header = Header {
        author,
        chain: None,
        id: Uuid::v7(at(secs), [0; 10]),
        key: said.map_or(*SERVICE_KEY, |saying| key(saying.key)),
        kind,
        ledger: Hash::ZERO,
        node_id: subject,
        org: name(org),
        payload_hash: payload.hash(),
        payload_version: 1,
        severity: None,
        tenant: said.and_then(|saying| saying.tenant).map(name),
        ts: at(made),
        via: said.and_then(|saying| saying.scheduled).map(scheduled),
    };
    let lane = Lane { n: 0, prev: Hash::ZERO };
    let position = Position { seq, prev: Hash::ZERO, lane, recorded_at: at(secs) };
    let payload = (!matches!(fact, Erased { .. })).then_some(payload);
    Record { entry: Entry { header, sig: Signature([0; 64]), position }, leaf: Hash::ZERO, payload }
}

/// How it is known that the scheduler speaks.
pub fn scheduled(schedule: Uuid) -> Via {
    Via { method: name("schedule"), subject: Some(name(&schedule.to_string())) }
}

/// A heartbeat with `more` in it.
pub fn heartbeat(id: u16, secs: u64, more: Value) -> Value {
    let mut payload = json!({
        "cloudflare_ok": true, "hostname": format!("vault-{id}"), "node_id": node(id),
        "os_profile": "DebianVault", "services_ok": true, "timestamp": at(secs).to_string(),
        "vaultmesh_root": "/var/lib/vaultmesh",
    });
    if let (Some(payload), Value::Object(more)) = (payload.as_object_mut(), more) {
        payload.extend(more);
    }
    payload
}

/// Any event of `acme`, as an entry.
pub fn event(
    seq: u64,
    recorded_at: Timestamp,
    author: Author,
    kind: Kind,
    node: Option<Uuid>,
    payload: &Value,
) -> Record {
    let mut record = entry(seq, 0, &Fact::Alive);
    record.entry.position.recorded_at = recorded_at;
    let json = String::from_utf8(canonical::to_vec(payload).unwrap()).unwrap();
    kind.check_payload(kind.info().version, &json).unwrap();
    let header = &mut record.entry.header;
    (header.author, header.kind, header.node_id, header.org) = (author, kind, node, name("acme"));
    (header.id, header.ts) = (Uuid::v7(recorded_at, [0; 10]), recorded_at);
    let payload = Payload { json: json.into(), salt: Hash::ZERO };
    header.payload_hash = payload.hash();
    record.payload = Some(payload);
    record
}
