//! A small history with one event of every registered kind, made from fixed seeds: the vectors hold it,
//! and the other tests take their samples from it.
//!
//! Signatures, proofs of possession, hashes, chains and lanes are genuine. What a fold, the
//! admission rules or a witness would say stands in as fixed bytes: this crate knows none of them.

mod admission;
mod billing;
mod bounds;
mod clock;
mod findings;
mod names;
mod operations;
mod organisations;
mod rollouts;
mod rotation;
mod schedules;
mod witnesses;

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use spec::canonical;
use spec::event::header_value;
use spec::payload::{
    AuthorityChange, Genesis, authority_bytes, node_possession_bytes, possession_bytes, token_hash,
};
use spec::{
    Author, ChainLink, Commit, Domain, Entry, Epoch, Event, Hash, Header, Kind, Lane, Name, PublicKey,
    Record, Severity, Signature, Timestamp, Uuid, Via,
};
use spec::{entry::Position, event::Payload};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// 2026-11-21T20:42:00.000Z
const START_MS: u64 = 1_795_293_720_000;

const NODE: &str = "550e8400-e29b-41d4-a716-446655440000";
const API_TOKEN: &str = "c9f0f895-fb98-4b91-9d5a-2f6d1e8b7c44";

/// The names of the keys, each the seed of its key.
pub(crate) const KEYS: &[&str] = &[
    "checkpoint",
    "checkpoint-sha256",
    "command",
    "node",
    "node-2",
    "node-3",
    "node-4",
    "recovery-1",
    "recovery-2",
    "recovery-3",
    "service",
    "service-2",
    "witness-1",
    "witness-2",
];

/// 32 bytes that depend on `name` only.
pub(crate) fn fixed(name: &str) -> [u8; 32] {
    *blake3::hash(format!("vaultmesh test vector: {name}").as_bytes()).as_bytes()
}

/// The key of a name in [`KEYS`].
pub(crate) fn key(name: &str) -> SigningKey {
    assert!(KEYS.contains(&name));
    SigningKey::from_bytes(&fixed(&format!("key {name}")))
}

/// The public half of [`key`].
pub(crate) fn public(name: &str) -> PublicKey {
    PublicKey(key(name).verifying_key().to_bytes())
}

fn sign(name: &str, bytes: &[u8]) -> Signature {
    Signature(key(name).sign(bytes).to_bytes())
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A timestamp of the history: the start and some milliseconds.
pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(START_MS + millis)
}

/// Everything about an event that the events of one author do not share.
pub(crate) struct Draft {
    pub(crate) kind: Kind,
    pub(crate) version: u64,
    pub(crate) payload: Value,
    pub(crate) severity: Option<Severity>,
    pub(crate) node_id: Option<Uuid>,
}

impl Draft {
    fn new(kind: Kind, payload: Value) -> Self {
        Self { kind, version: 1, payload, severity: None, node_id: None }
    }
}

/// Who speaks, for whom, and in which chain.
struct Voice<'a> {
    key: &'a str,
    author: &'a str,
    org: &'a str,
    tenant: Option<&'a str>,
    ledger: Hash,
    chain: Option<ChainLink>,
    via: Option<(&'a str, Option<&'a str>)>,
}

impl<'a> Voice<'a> {
    fn ledger(ledger: Hash, org: &'a str) -> Self {
        let via = Some(("self", None));
        Self { key: "service", author: "service:ledger", org, tenant: None, ledger, chain: None, via }
    }

    fn service(ledger: Hash, author: &'a str, method: &'a str, subject: Option<&'a str>) -> Self {
        let via = Some((method, subject));
        Self { key: "service", author, org: "acme", tenant: None, ledger, chain: None, via }
    }

    fn node(ledger: Hash, author: &'a str, chain: ChainLink) -> Self {
        let (org, tenant) = ("acme", Some("prod"));
        Self { key: "node", author, org, tenant, ledger, chain: Some(chain), via: None }
    }

    /// The event number `n`, signed.
    fn say(&self, n: u64, draft: Draft) -> Event {
        let random = fixed(&format!("id {n}"));
        self.say_as(n, Uuid::v7(at(n * 1000), random[..10].try_into().unwrap()), draft)
    }

    /// The event number `n` with an id that follows from something, signed.
    fn say_as(&self, n: u64, id: Uuid, draft: Draft) -> Event {
        let ts = at(n * 1000);
        let salt = Hash(fixed(&format!("salt {n}")));
        let json = String::from_utf8(canonical::to_vec(&draft.payload).unwrap()).unwrap();
        let payload = Payload { json: json.into(), salt };
        let header = Header {
            author: self.author.parse().unwrap(),
            chain: self.chain,
            id,
            key: public(self.key),
            kind: draft.kind,
            ledger: self.ledger,
            node_id: draft.node_id,
            org: name(self.org),
            payload_hash: payload.hash(),
            payload_version: draft.version,
            severity: draft.severity,
            tenant: self.tenant.map(name),
            ts,
            via: self.via.map(|(method, subject)| Via { method: name(method), subject: subject.map(name) }),
        };
        let sig = sign(self.key, &header.signing_bytes());
        Event { header, sig, payload }
    }
}

/// The history: events, the records made of them, and the groups they were committed in.
pub(crate) struct History {
    pub(crate) events: Vec<Event>,
    pub(crate) records: Vec<Record>,
    pub(crate) commits: Vec<Commit>,
}

/// How many records each group has.
pub(crate) const GROUPS: [usize; 17] = [
    1,
    20,
    operations::RECORDS,
    witnesses::RECORDS,
    operations::POLICIES,
    schedules::RECORDS,
    rollouts::RECORDS,
    rollouts::APPROVALS,
    rotation::RECORDS,
    1,
    findings::RECORDS,
    admission::RECORDS,
    organisations::RECORDS,
    bounds::RECORDS,
    names::RECORDS,
    clock::RECORDS,
    billing::RECORDS,
];

fn genesis() -> Event {
    let mut payload = json!({
        "admission": 1,
        "format": 1,
        "keys": {
            "checkpoint": public("checkpoint"),
            "checkpoint-sha256": public("checkpoint-sha256"),
            "command": public("command"),
            "recovery": {
                "keys": [public("recovery-1"), public("recovery-2"), public("recovery-3")],
                "threshold": 2,
            },
            "service": public("service"),
        },
        "name": "ledger.example",
        "nonce": Hash(fixed("nonce")),
        "predecessor": {
            "checkpoint": "a signed note of the ledger before\n",
            "ledger": Hash(fixed("predecessor ledger")),
            "reason": "its disk was lost",
            "root": Hash(fixed("predecessor root")),
            "size": 1000,
        },
    });
    let bytes = possession_bytes(&payload);
    let mut pop: Vec<(PublicKey, Signature)> = KEYS
        .iter()
        .filter(|name| {
            !["node", "node-2", "node-3", "node-4", "service-2", "witness-1", "witness-2"].contains(name)
        })
        .map(|name| (public(name), sign(name, &bytes)))
        .collect();
    pop.sort_by_key(|(key, _)| *key);
    payload["pop"] = pop.into_iter().map(|(key, sig)| json!({"key": key, "sig": sig})).collect();
    let typed: Genesis = serde_json::from_value(payload.clone()).unwrap();
    assert_eq!(typed.possession_bytes(), bytes);
    Voice::ledger(Hash::ZERO, "ledger").say(0, Draft::new(Kind::Genesis, payload))
}

fn heartbeat() -> Value {
    json!({
        "node_id": NODE, "hostname": "vault-node-01", "os_profile": "ArchVault",
        "cloudflare_ok": true, "services_ok": "unknown", "vaultmesh_root": "/var/lib/vaultmesh",
        "timestamp": "2026-11-21T20:42:05.000Z",
        "agent_version": "0.1.0", "agent_rss_bytes": 8_388_608, "clock_offset_ms": -12,
        "disk_available_bytes": 64_000_000_000_u64, "disk_total_bytes": 256_000_000_000_u64,
        "interval_secs": 30, "load1_milli": 250, "memory_available_bytes": "unknown",
        "spool_depth": 0, "spool_dropped": 0, "uptime_secs": 86_400,
    })
}

/// The next link of a chain.
fn next(chain: &ChainLink, event: &Event) -> ChainLink {
    ChainLink { epoch: chain.epoch, prev: event.hash(), seq: chain.seq + 1 }
}

/// Builds the history; every call gives the same bytes.
pub(crate) fn build() -> History {
    let mut log = Log::default();
    log.append(genesis());
    log.commit();
    let ledger = log.records[0].leaf;

    let itself = Voice::ledger(ledger, "ledger");
    let bot = format!("token:{API_TOKEN}");
    let node = format!("node:{NODE}");
    let node_id: Uuid = NODE.parse().unwrap();
    let operator = Voice::service(ledger, "service:admin", "admin", None);
    let robot = Voice::service(ledger, &bot, "token", Some(API_TOKEN));

    log.append(itself.say(1, Draft::new(Kind::Service, json!({"action": "start", "version": "0.1.0"}))));
    let payload = json!({
        "action": "create", "expires_at": at(86_400_000), "id": API_TOKEN, "label": "deploy robot",
        "org": "acme", "role": "support", "secret": token_hash(&fixed("api secret")),
    });
    log.append(operator.say(2, Draft::new(Kind::Token, payload)));
    let token = token_hash(&fixed("enrolment secret"));
    let payload = json!({
        "action": "create", "expires_at": at(3_600_000), "org": "acme", "tenant": "prod", "token": token,
        "uses": 1,
    });
    log.append(operator.say(3, Draft::new(Kind::Enrolment, payload)));

    // The node is introduced, and its chain starts at the introduction.
    let author: Author = node.parse().unwrap();
    let pop = sign("node", &node_possession_bytes(&author, &public("node"), &ledger, &token));
    let payload = json!({"author": author, "key": public("node"), "pop": pop, "token": token, "use": "node"});
    let mut enrolling = Voice::service(ledger, "service:ingest", "enrolment", None);
    enrolling.tenant = Some("prod");
    let introduction = enrolling.say(4, Draft { node_id: Some(node_id), ..Draft::new(Kind::Key, payload) });
    let epoch = |name: &str| Epoch(fixed(name)[..16].try_into().unwrap());
    let first = ChainLink { epoch: epoch("epoch 1"), prev: introduction.hash(), seq: 0 };
    log.append(introduction);
    let beat = Voice::node(ledger, &node, first)
        .say(5, Draft { severity: Some(Severity::Info), ..Draft::new(Kind::Heartbeat, heartbeat()) });
    let second = next(&first, &beat);
    log.append(beat);
    let payload = json!({"text": "No answer since 20:41.\n", "title": "tunnel is down"});
    let incident = Voice::node(ledger, &node, second)
        .say(6, Draft { severity: Some(Severity::High), ..Draft::new(Kind::Incident, payload) });
    let (third, target) = (next(&second, &incident), incident.hash());
    log.append(incident);

    // People and robots answer through the service.
    log.append(operator.say(7, Draft::new(Kind::Ack, json!({"target": target}))));
    let payload = json!({"target": target, "text": "Der Tunnel läuft wieder. \u{1f642}"});
    log.append(operator.say(8, Draft::new(Kind::Note, payload)));
    let payload = json!({"tags": ["network", "tunnel"], "target": target});
    log.append(robot.say(9, Draft::new(Kind::Tag, payload)));
    let payload = json!({"target": target, "text": "fixed"});
    log.append(operator.say(10, Draft::new(Kind::Resolve, payload)));

    // The node's chain: a gap, a fork, a refusal, and a new epoch.
    let payload =
        json!({"count": 3, "from": at(10_100), "head": Hash(fixed("lost event")), "to": at(10_900)});
    let gap = Voice::node(ledger, &node, third).say(11, Draft::new(Kind::ChainGap, payload));
    let fourth = next(&third, &gap);
    log.append(gap);
    let mut about_node = Voice::ledger(ledger, "acme");
    about_node.tenant = Some("prod");
    let other = Voice::node(ledger, &node, second).say(112, Draft::new(Kind::Heartbeat, heartbeat()));
    let payload = json!({
        "header": header_value(&other.header), "key": public("node"),
        "place": {"epoch": second.epoch, "seq": second.seq}, "recorded": 6, "sig": other.sig,
    });
    log.append(about_node.say(12, Draft { node_id: Some(node_id), ..Draft::new(Kind::ChainFork, payload) }));
    let refused =
        Voice::node(ledger, &node, fourth).say(113, Draft::new(Kind::Heartbeat, json!({"node_id": NODE})));
    let payload = json!({"code": "bad-payload", "header": header_value(&refused.header), "sig": refused.sig});
    log.append(about_node.say(13, Draft { node_id: Some(node_id), ..Draft::new(Kind::Refusal, payload) }));
    let anew = ChainLink { epoch: epoch("epoch 2"), ..first };
    let payload = json!({"last": refused.hash(), "reason": "restored from a backup"});
    log.append(Voice::node(ledger, &node, anew).say(14, Draft::new(Kind::ChainOpen, payload)));
    let payload = json!({
        "key": public("node"), "reason": "the machine was stolen", "status": "compromised", "suspect_from": 11,
    });
    log.append(operator.say(15, Draft { node_id: Some(node_id), ..Draft::new(Kind::KeyStatus, payload) }));

    // What the ledger says of itself.
    let payload = json!({
        "admission": Hash(fixed("admission")),
        "advisory": {"fleet": {"digest": Hash(fixed("fleet digest")), "size": 16, "version": 1}},
        "index": 0, "prev": Hash::ZERO, "root": log.root(),
    });
    log.append(itself.say(16, Draft::new(Kind::Seal, payload)));
    let payload = json!({
        "action": "cut-tail", "bytes": 11, "hash": Hash::of(Domain::CutTail, &[b"{\"entry\":{\""]),
        "offset": 4096, "segment": 0,
    });
    log.append(itself.say(17, Draft::new(Kind::Recovery, payload)));
    let payload = authority(&ledger);
    log.append(itself.say(18, Draft::new(Kind::Authority, payload)));
    let mut import = Voice::service(ledger, "import:backup.jsonl", "import", None);
    import.key = "service-2";
    let payload = json!({"ratio": 0.25, "files": [1, 2.5e-7], "ok": true});
    log.append(import.say(19, Draft::new("x-backup".parse().unwrap(), payload)));
    let mut last = Voice::ledger(ledger, "ledger");
    last.key = "service-2";
    log.append(last.say(20, Draft::new(Kind::Service, json!({"action": "stop", "version": "0.1.0"}))));
    log.commit();
    append_later(&mut log, ledger, target);
    log.history
}

/// What later versions came to say, a group each.
fn append_later(log: &mut Log, ledger: Hash, incident: Hash) {
    let link = operations::append(log, ledger, incident);
    log.commit();
    witnesses::append(log, ledger, link);
    log.commit();
    operations::append_policies(log, ledger);
    log.commit();
    schedules::append(log, ledger);
    log.commit();
    rollouts::append(log, ledger);
    log.commit();
    rollouts::append_approvals(log, ledger);
    log.commit();
    rotation::append(log, ledger);
    log.commit();
    append_swap(log, ledger);
    log.commit();
    findings::append(log, ledger);
    log.commit();
    admission::append(log, ledger);
    log.commit();
    organisations::append(log, ledger);
    log.commit();
    bounds::append(log, ledger);
    log.commit();
    names::append(log, ledger);
    log.commit();
    clock::append(log, ledger);
    log.commit();
    billing::append(log, ledger);
    log.commit();
}

/// A day after the groups before: a heartbeat in version 2.
fn append_swap(log: &mut Log, ledger: Hash) {
    let last = log.events.iter().rfind(|event| event.header.key == public("node-3")).unwrap();
    let link = next(&last.header.chain.unwrap(), last);
    let mut payload = heartbeat();
    payload["swap_used_bytes"] = json!(268_435_456);
    let node = format!("node:{NODE}");
    let beat = Voice { key: "node-3", ..Voice::node(ledger, &node, link) }
        .say(7 * 86_400, Draft { version: 2, ..Draft::new(Kind::Heartbeat, payload) });
    log.append(beat);
}

/// A new service key under the signatures of two of three recovery keys.
fn authority(ledger: &Hash) -> Value {
    let statement = json!({"key": public("service-2"), "ledger": ledger, "use": "service"});
    let change: AuthorityChange = serde_json::from_value(json!({
        "new": public("service-2"), "old": public("service"),
        "pop": sign("service-2", &possession_bytes(&statement)), "use": "service",
    }))
    .unwrap();
    let bytes = authority_bytes(&change, ledger, ledger);
    let mut signatures = ["recovery-1", "recovery-3"].map(|name| (public(name), sign(name, &bytes)));
    signatures.sort_by_key(|(key, _)| *key);
    let signatures: Value = signatures.iter().map(|(key, sig)| json!({"key": key, "sig": sig})).collect();
    json!({"change": change, "prev_change": ledger, "signatures": signatures})
}

/// Gives events their places, as a ledger would.
struct Log {
    history: History,
    lanes: BTreeMap<Name, (u64, Hash)>,
    committed: usize,
}

impl Default for Log {
    fn default() -> Self {
        let history = History { events: Vec::new(), records: Vec::new(), commits: Vec::new() };
        Self { history, lanes: BTreeMap::new(), committed: 0 }
    }
}

impl std::ops::Deref for Log {
    type Target = History;

    fn deref(&self) -> &History {
        &self.history
    }
}

impl Log {
    fn append(&mut self, event: Event) {
        let seq = self.records.len() as u64;
        let (n, prev) = self.lanes.get(&event.header.org).copied().unwrap_or((0, Hash::ZERO));
        let position = Position {
            seq,
            prev: self.records.last().map_or(Hash::ZERO, |record| record.leaf),
            lane: Lane { n, prev },
            // The genesis is recorded when it is said; others a little later.
            recorded_at: Timestamp::from_millis(event.header.ts.millis() + if seq == 0 { 0 } else { 7 }),
        };
        let entry = Entry { header: event.header.clone(), sig: event.sig, position };
        let leaf = Hash::of(Domain::Leaf, &[&entry.to_canonical()]);
        self.lanes.insert(event.header.org.clone(), (n + 1, leaf));
        self.history.records.push(Record { entry, leaf, payload: Some(event.payload.clone()) });
        self.history.events.push(event);
    }

    fn commit(&mut self) {
        let mut group = Vec::new();
        for record in &self.records[self.committed..] {
            group.extend_from_slice(&record.to_line());
            group.push(b'\n');
        }
        assert_eq!(self.records.len() - self.committed, GROUPS[self.commits.len()]);
        self.committed = self.records.len();
        let commit = Commit::of(&group, self.committed as u64, self.root());
        self.history.commits.push(commit);
    }

    fn root(&self) -> Hash {
        root(&self.records.iter().map(|record| record.leaf).collect::<Vec<_>>())
    }
}

/// The Merkle tree hash of RFC 9162, section 2.1.1, over leaves that are already hashed.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::of(Domain::Node, &[&root(left).0, &root(right).0])
        }
    }
}

/// The first event of a kind with its payload in a version.
pub(crate) fn sample_of(kind: &Kind, version: u64) -> Event {
    static HISTORY: LazyLock<History> = LazyLock::new(build);
    let fits = |event: &&Event| event.header.kind == *kind && event.header.payload_version == version;
    HISTORY.events.iter().find(fits).unwrap().clone()
}

/// The first event of a kind with its payload in the first version.
pub(crate) fn sample(kind: &Kind) -> Event {
    sample_of(kind, 1)
}
