//! A small ledger that sequences, commits and signs for real, so that its receipts verify.

use proofs::note::{Note, NoteKey};
use proofs::tile::{Tiles, consistency_proof, inclusion_proof};
use proofs::tree::{Blake3, TreeHash as _};
use proofs::{Checkpoint, SigningKey, checkpoint, signature};
use serde_json::{Value, json};
use spec::entry::Position;
use spec::event::Payload;
use spec::payload::{
    Authority, AuthorityChange, Command, CommandOrder, CommandReceipt, Genesis, GenesisKeys, KeyIntroduction,
    KeyRotation, KeySignature, RecoveryKeys, Witness, WitnessSet, WitnessSetChange, authority_bytes,
    command_bytes, node_possession_bytes, possession_bytes, rotation_possession_bytes, token_hash,
    witness_possession_bytes, witness_set_bytes,
};
use spec::{
    Author, Entry, Epoch, Event, Hash, Header, KeyUse, Kind, Lane, Name, PublicKey, Record, Signature,
    Timestamp, Uuid, Via, canonical,
};
use std::collections::{BTreeMap, BTreeSet};
use vaultmesh_agent::network::{Request, Response};

pub const SECRET: [u8; 32] = [0x5e; 32];

#[derive(Clone)]
struct Chain {
    introduction: Hash,
    epoch: Option<Epoch>,
    seq: u64,
    prev: Hash,
    closed: BTreeSet<Epoch>,
    places: BTreeMap<(Epoch, u64), Hash>,
    revoked: bool,
}

impl From<Hash> for Chain {
    fn from(introduction: Hash) -> Self {
        let (closed, places) = (BTreeSet::new(), BTreeMap::new());
        Self { introduction, epoch: None, seq: 0, prev: introduction, closed, places, revoked: false }
    }
}

#[derive(Clone)]
pub struct Ledger {
    pub id: Hash,
    pub now: Timestamp,
    checkpoint_key: SigningKey,
    service_key: SigningKey,
    command_key: SigningKey,
    recovery: [SigningKey; 3],
    origin: String,
    authority: Vec<Value>,
    last_change: Hash,
    tiles: Tiles<Blake3>,
    last_leaf: Hash,
    lanes: BTreeMap<Name, Lane>,
    introductions: BTreeMap<PublicKey, Value>,
    chains: BTreeMap<PublicKey, Chain>,
    positions: BTreeMap<Hash, (Position, Hash)>,
    identities: BTreeMap<Hash, Hash>,
    /// Every event that was appended, in order.
    pub log: Vec<Event>,
    /// Every problem that was answered, by code.
    pub problems: Vec<String>,
    /// Events of these kinds are refused: the problem to answer, and whether it is recorded.
    pub refuse: BTreeMap<Kind, (u16, &'static str, bool)>,
    /// The newest version of a heartbeat that is known; a later one is refused on record.
    pub heartbeat_version: u64,
    /// What is answered to questions for policies, by hash.
    pub policies: BTreeMap<String, Value>,
    /// Seconds to ask for between heartbeats.
    pub heartbeat_secs: u64,
    /// Records of commands, which come with every answer to a heartbeat until they are over.
    orders: Vec<(Hash, Value)>,
    /// Whether they come after that as well.
    pub insists: bool,
    /// Whether commands come under a checkpoint with its quorum.
    pub lacks_quorum: bool,
    witnesses: Vec<(String, SigningKey)>,
    /// Every cosignature that was taken: under which text, and by whom.
    pub cosigned: Vec<(String, String)>,
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(blake3::hash(name.as_bytes()).as_bytes())
}

fn payload(value: &impl serde::Serialize, salt: Hash) -> Payload {
    let json = String::from_utf8(canonical::to_vec(value).unwrap()).unwrap();
    Payload { json: json.into(), salt }
}

impl Ledger {
    pub fn new(now: Timestamp) -> Self {
        let recovery = [key("recovery 0"), key("recovery 1"), key("recovery 2")];
        let named = [key("checkpoint"), key("sha256"), key("command"), key("service")];
        let mut genesis = Genesis {
            admission: 1,
            format: 1,
            keys: GenesisKeys {
                checkpoint: named[0].public(),
                checkpoint_sha256: named[1].public(),
                command: named[2].public(),
                recovery: RecoveryKeys {
                    keys: recovery.iter().map(SigningKey::public).collect(),
                    threshold: 2,
                },
                service: named[3].public(),
            },
            name: "test.local".parse().unwrap(),
            nonce: Hash([9; 32]),
            pop: Vec::new(),
            predecessor: None,
        };
        let bytes = genesis.possession_bytes();
        genesis.pop = named
            .iter()
            .chain(&recovery)
            .map(|k| KeySignature { key: k.public(), sig: k.sign(&bytes) })
            .collect();
        genesis.pop.sort_by_key(|p| p.key);
        let mut ledger = Self {
            id: Hash::ZERO,
            now,
            checkpoint_key: named[0].clone(),
            service_key: named[3].clone(),
            command_key: named[2].clone(),
            recovery,
            origin: String::new(),
            authority: Vec::new(),
            last_change: Hash::ZERO,
            tiles: Tiles::default(),
            last_leaf: Hash::ZERO,
            lanes: BTreeMap::new(),
            introductions: BTreeMap::new(),
            chains: BTreeMap::new(),
            positions: BTreeMap::new(),
            identities: BTreeMap::new(),
            log: Vec::new(),
            problems: Vec::new(),
            refuse: BTreeMap::new(),
            heartbeat_version: Kind::Heartbeat.info().version,
            policies: BTreeMap::new(),
            heartbeat_secs: 30,
            orders: Vec::new(),
            insists: false,
            lacks_quorum: false,
            witnesses: Vec::new(),
            cosigned: Vec::new(),
        };
        let record = ledger.own(Kind::Genesis, "ledger", &payload(&genesis, Hash([1; 32])));
        ledger.id = ledger.last_leaf;
        ledger.last_change = ledger.id;
        ledger.origin = checkpoint::origin("test.local", &ledger.id);
        ledger.authority.push(record);
        ledger
    }

    pub fn token(&self) -> String {
        format!("vm1.{}.{}", self.id, Hash(SECRET))
    }

    pub fn size(&self) -> u64 {
        self.tiles.size()
    }

    pub fn revoke(&mut self, key: &PublicKey) {
        self.chains.get_mut(key).unwrap().revoked = true;
    }

    /// Appends something that belongs to nobody the tests look at.
    pub fn grow(&mut self, text: &str) {
        self.own(Kind::Note, "other", &payload(&json!({ "text": text }), Hash([2; 32])));
    }

    /// Replaces the checkpoint key under `signers` recovery keys.
    pub fn rotate_checkpoint_key(&mut self, signers: usize) {
        let new = key("checkpoint, second");
        let statement = json!({"key": new.public(), "ledger": self.id, "use": KeyUse::Checkpoint});
        let change = AuthorityChange {
            new: new.public(),
            old: self.checkpoint_key.public(),
            pop: new.sign(&possession_bytes(&statement)),
            key_use: KeyUse::Checkpoint,
        };
        let bytes = authority_bytes(&change, &self.id, &self.last_change);
        let sign = |k: &SigningKey| KeySignature { key: k.public(), sig: k.sign(&bytes) };
        let mut signatures: Vec<_> = self.recovery.iter().take(signers).map(sign).collect();
        signatures.sort_by_key(|s| s.key);
        let says = Authority { change, prev_change: self.last_change, signatures };
        let record = self.own(Kind::Authority, "ledger", &payload(&says, Hash([3; 32])));
        self.last_change = self.last_leaf;
        self.authority.push(record);
        self.checkpoint_key = new;
    }

    /// Names witnesses under two recovery keys; the first is outside.
    pub fn name_witnesses(&mut self, witnesses: Vec<(String, SigningKey)>) {
        let member = |(n, (name, key)): (usize, &(String, SigningKey))| {
            let name: Name = name.parse().unwrap();
            let pop = key.sign(&witness_possession_bytes(&key.public(), &self.id, &name));
            Witness { key: key.public(), name, outside: n == 0, pop }
        };
        let mut members: Vec<Witness> = witnesses.iter().enumerate().map(member).collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        let set = WitnessSet { quorum: WitnessSet::least_quorum(members.len()), witnesses: members };
        let bytes = witness_set_bytes(&set, &self.id, &self.last_change);
        let sign = |k: &SigningKey| KeySignature { key: k.public(), sig: k.sign(&bytes) };
        let mut signatures: Vec<_> = self.recovery.iter().take(2).map(sign).collect();
        signatures.sort_by_key(|s| s.key);
        let says = WitnessSetChange { prev_change: self.last_change, set, signatures };
        let record = self.own(Kind::WitnessSet, "ledger", &payload(&says, Hash([3; 32])));
        self.last_change = self.last_leaf;
        self.authority.push(record);
        self.witnesses = witnesses;
    }

    /// The newest checkpoint, as all witnesses would have signed it.
    fn cosigned_note(&self) -> String {
        let mut note = Note::parse(self.note().as_bytes()).unwrap();
        for (name, key) in self.witnesses.iter().skip(usize::from(self.lacks_quorum)) {
            note.signatures.push(checkpoint::cosign(&note, name, key, self.now.secs()));
        }
        note.to_string()
    }

    fn take_cosignature(&mut self, body: &[u8]) -> Response {
        let body: Value = serde_json::from_slice(body).unwrap();
        let note = Note::parse(body["note"].as_str().unwrap().as_bytes()).unwrap();
        let keys: Vec<NoteKey> =
            self.witnesses.iter().map(|(name, key)| checkpoint::witness_key(name, key.public())).collect();
        let line = note.signatures.last().unwrap();
        let key = keys.iter().find(|key| key.name == line.name).unwrap();
        checkpoint::check_cosignature(&note.text, line, key).unwrap();
        self.cosigned.push((note.text.clone(), line.name.clone()));
        answer(200, &json!({"size": self.size(), "cosigned": 1, "quorum": 1}))
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            origin: self.origin.clone(),
            size: self.size(),
            root: self.tiles.root(),
            keys: Hash([4; 32]),
            lanes: Hash([5; 32]),
            sha256: Hash([6; 32]),
        }
    }

    pub fn note(&self) -> String {
        self.checkpoint().sign(&self.checkpoint_key, self.now.secs()).to_string()
    }

    pub fn handle(&mut self, request: &Request) -> Response {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let number = |name: &str| -> u64 {
            query.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('=')?.parse().ok()).unwrap()
        };
        let body = request.body.as_ref().map(|(_, body)| body.as_slice()).unwrap_or_default();
        match path {
            "/api/nodes/register" => self.register(body),
            "/api/agent/heartbeat" => match self.append(body) {
                Ok(mut receipt) => {
                    let status = if receipt["duplicate"] == true { 200 } else { 201 };
                    receipt["checkpoint"] = json!(self.note());
                    answer(
                        status,
                        &json!({
                            "receipts": [receipt], "server_time": self.now,
                            "next_heartbeat_secs": self.heartbeat_secs, "commands": self.delivered(),
                            "witness_checkpoint": self.cosigned_note(), "authority": self.authority.len(),
                        }),
                    )
                }
                Err((status, problem)) => answer(status, &problem),
            },
            "/api/events" => self.batch(body),
            "/api/ledger/proof/consistency" => {
                let (old, new) = (number("old"), number("new"));
                if new > self.size() {
                    return answer(404, &json!({"code": "no-such-size", "status": 404}));
                }
                let proof = consistency_proof::<Blake3>(&self.tiles, old, new).unwrap();
                answer(200, &json!({"old": old, "new": new, "proof": proof}))
            }
            "/api/ledger/proof/inclusion" => {
                let (index, size) = (number("index"), number("size"));
                if size > self.size() {
                    return answer(404, &json!({"code": "no-such-size", "status": 404}));
                }
                let proof = inclusion_proof::<Blake3>(&self.tiles, index, size).unwrap();
                answer(200, &json!({"leaf": self.tiles.node(0, index).unwrap(), "proof": proof}))
            }
            path if path.starts_with("/api/policies/") => match self.policies.get(&path[14..]) {
                Some(document) => answer(200, &json!({"document": document, "policy": path[14..]})),
                None => answer(404, &json!({"code": "not-found", "status": 404})),
            },
            "/api/ledger/authority" => answer(200, &json!({"authority": self.authority})),
            "/api/ledger/witness-checkpoint" => {
                let after = if query.is_empty() { 0 } else { number("after") };
                if after > self.size() {
                    return answer(400, &json!({"code": "bad-query", "status": 400}));
                }
                let proof = consistency_proof::<Blake3>(&self.tiles, after, self.size()).unwrap();
                let value = json!({
                    "checkpoint": self.note(), "old": after, "consistency": proof,
                    "authority": self.authority.len(),
                });
                answer(200, &value)
            }
            "/api/ledger/cosignatures" => self.take_cosignature(body),
            _ => answer(404, &json!({"code": "no-such-route", "status": 404})),
        }
    }

    /// Gives a command, changed before it is signed, and after.
    pub fn order(
        &mut self,
        node: Uuid,
        before: impl FnOnce(&mut CommandOrder),
        after: impl FnOnce(&mut CommandOrder),
    ) -> Hash {
        let in_secs = |secs: u64| Timestamp::from_millis(self.now.millis() + secs * 1000);
        let mut order = CommandOrder {
            approvals: 0,
            command: "scan".parse().unwrap(),
            expires_at: in_secs(600),
            node,
            nonce: Hash([u8::try_from(self.orders.len()).unwrap() + 1; 32]),
            not_before: self.now,
            parameters: BTreeMap::new(),
            rollout: None,
            sig: Signature([0; 64]),
            text: None,
        };
        before(&mut order);
        order.sig = self.command_key.sign(&command_bytes(&order, &self.id));
        after(&mut order);
        let record = self.own(Kind::Command, "acme", &payload(&Command::Issue(order), Hash([8; 32])));
        let read = Record::parse(&String::from_utf8(canonical::to_vec(&record).unwrap()).unwrap()).unwrap();
        let hash = read.entry.header.event_hash(&read.entry.sig);
        self.orders.push((hash, record));
        hash
    }

    /// What became of commands, by the receipts: state and code.
    pub fn receipts(&self, command: &Hash) -> Vec<String> {
        let receipts = self.log.iter().filter(|event| event.header.kind == Kind::Receipt);
        let receipts =
            receipts.map(|event| serde_json::from_str::<CommandReceipt>(&event.payload.json).unwrap());
        let word = |receipt: CommandReceipt| match receipt.code {
            Some(code) => code.to_string(),
            None => format!("{:?}", receipt.state).to_lowercase(),
        };
        receipts.filter(|receipt| receipt.command == *command).map(word).collect()
    }

    pub fn delivered(&self) -> Vec<Value> {
        let proved = |record: &Value| {
            let seq = record["entry"]["seq"].as_u64().unwrap();
            let path = inclusion_proof::<Blake3>(&self.tiles, seq, self.size()).unwrap();
            json!({"command": {"record": record, "inclusion": path}, "approvals": [], "since": seq})
        };
        let is_open = |hash: &Hash| self.receipts(hash).iter().all(|word| word == "running");
        let open = self.orders.iter().filter(|(hash, _)| self.insists || is_open(hash));
        open.map(|(_, record)| proved(record)).collect()
    }

    fn register(&mut self, body: &[u8]) -> Response {
        let body: Value = serde_json::from_slice(body).unwrap();
        let author: Author = serde_json::from_value(body["author"].clone()).unwrap();
        let key: PublicKey = serde_json::from_value(body["key"].clone()).unwrap();
        let pop: Signature = serde_json::from_value(body["pop"].clone()).unwrap();
        let token = token_hash(&SECRET);
        if body["token"] != self.token() {
            return answer(401, &json!({"code": "bad-token", "status": 401, "detail": "unknown token"}));
        }
        assert!(signature::verify(&key, &node_possession_bytes(&author, &key, &self.id, &token), &pop));
        let known = self.introductions.contains_key(&key);
        if !known {
            let labels =
                serde_json::from_value(body.get("labels").cloned().unwrap_or_else(|| json!({}))).unwrap();
            let name = body.get("name").map(|name| serde_json::from_value(name.clone()).unwrap());
            let says = KeyIntroduction { author, key, labels, name, pop, token, key_use: KeyUse::Node };
            let record = self.own(Kind::Key, "acme", &payload(&says, Hash([7; 32])));
            let read =
                Record::parse(&String::from_utf8(canonical::to_vec(&record).unwrap()).unwrap()).unwrap();
            let introduction = read.entry.header.event_hash(&read.entry.sig);
            self.introductions.insert(key, record);
            self.chains.insert(key, Chain::from(introduction));
        }
        let record = &self.introductions[&key];
        let seq = record["entry"]["seq"].as_u64().unwrap();
        let header = &record["entry"]["event"];
        answer(
            if known { 200 } else { 201 },
            &json!({
                "node_id": body["author"].as_str().unwrap().strip_prefix("node:"),
                "org": header["org"], "tenant": header["tenant"], "ledger": self.id, "origin": self.origin,
                "log_vkey": "", "authority": self.authority, "checkpoint": self.note(),
                "introduction": {
                    "record": record,
                    "inclusion": inclusion_proof::<Blake3>(&self.tiles, seq, self.size()).unwrap(),
                },
                "heartbeat_secs": self.heartbeat_secs,
            }),
        )
    }

    fn batch(&mut self, body: &[u8]) -> Response {
        let mut results = Vec::new();
        let mut blocked = false;
        for (index, line) in body.split(|b| *b == b'\n').filter(|line| !line.is_empty()).enumerate() {
            let (status, name, mut value) = if blocked {
                (409, "problem", self.problem(409, "blocked", &json!({})).1)
            } else {
                match self.append(line) {
                    Ok(receipt) => (201, "receipt", receipt),
                    Err((status, problem)) => (status, "problem", problem),
                }
            };
            blocked |= name == "problem" && value["recorded"] != true;
            if name == "receipt" {
                // Proved against the checkpoint of the whole batch, below.
                value.as_object_mut().unwrap().remove("inclusion");
            }
            results.push(json!({"index": index, "status": status, name: value}));
        }
        for result in &mut results {
            if let Some(seq) = result["receipt"]["seq"].as_u64() {
                let path = inclusion_proof::<Blake3>(&self.tiles, seq, self.size()).unwrap();
                result["receipt"]["inclusion"] = json!(path);
            }
        }
        let status = if results.iter().any(|r| r.get("problem").is_some()) { 207 } else { 201 };
        answer(status, &json!({"results": results, "checkpoint": self.note()}))
    }

    /// Decides on one event and appends it.
    fn append(&mut self, bytes: &[u8]) -> Result<Value, (u16, Value)> {
        let event = Event::parse(bytes).unwrap();
        let (hash, header) = (event.hash(), &event.header);
        assert!(signature::verify(&header.key, &header.signing_bytes(), &event.sig));
        let link = header.chain.unwrap();
        let Some(chain) = self.chains.get(&header.key) else {
            return Err(self.problem(403, "unknown-key", &json!({})));
        };
        if self.positions.contains_key(&hash) {
            return Ok(self.receipt(&hash, true));
        }
        if chain.revoked {
            return Err(self.problem(403, "key-revoked", &json!({})));
        }
        let expected = json!({"expected": {
            "epoch": chain.epoch.unwrap_or(link.epoch), "seq": chain.seq, "prev": chain.prev,
        }});
        if chain.closed.contains(&link.epoch) {
            return Err(self.problem(409, "epoch-closed", &json!({"recorded": true})));
        }
        let opens = header.kind == Kind::ChainOpen && link.seq == 0 && link.prev == chain.introduction;
        let first = chain.epoch.is_none() && link.seq == 0 && link.prev == chain.introduction;
        if chain.epoch == Some(link.epoch) {
            if chain.places.contains_key(&(link.epoch, link.seq)) {
                return Err(self.problem(409, "chain-fork", &json!({"recorded": true})));
            }
            if (link.seq, link.prev) != (chain.seq, chain.prev) {
                return Err(self.problem(409, "chain-gap", &expected));
            }
        } else if !opens && !first {
            return Err(self.problem(409, "chain-gap", &expected));
        }
        if self.identities.contains_key(&header.identity()) {
            return Err(self.problem(409, "duplicate-id", &json!({})));
        }
        let is_newer = header.kind == Kind::Heartbeat && header.payload_version > self.heartbeat_version;
        let newer = is_newer.then_some((422, "bad-payload", true));
        let refusal = self.refuse.get(&header.kind).copied().or(newer);
        if let Some((status, code, false)) = refusal {
            return Err(self.problem(status, code, &json!({})));
        }
        let chain = self.chains.get_mut(&header.key).unwrap();
        if chain.epoch != Some(link.epoch) {
            chain.closed.extend(chain.epoch.replace(link.epoch));
        }
        chain.seq = link.seq + 1;
        chain.prev = hash;
        chain.places.insert((link.epoch, link.seq), hash);
        if let Some((status, code, true)) = refusal {
            return Err(self.problem(status, code, &json!({"recorded": true})));
        }
        self.identities.insert(header.identity(), hash);
        if header.kind == Kind::KeyRotation {
            self.rotate(&event);
        }
        let org = header.org.clone();
        let mut signed = Vec::new();
        header.write(Some(&event.sig), &mut signed);
        let position = self.place(&org, &signed);
        self.positions.insert(hash, (position, self.last_leaf));
        self.log.push(event);
        Ok(self.receipt(&hash, false))
    }

    fn rotate(&mut self, event: &Event) {
        let says: KeyRotation = serde_json::from_str(&event.payload.json).unwrap();
        let statement =
            rotation_possession_bytes(&event.header.author, &says.key, &self.id, &event.header.key);
        assert!(signature::verify(&says.key, &statement, &says.pop));
        assert_eq!(says.replaces, event.header.key);
        self.chains.get_mut(&says.replaces).unwrap().revoked = true;
        assert!(self.chains.insert(says.key, Chain::from(event.hash())).is_none());
    }

    fn receipt(&self, hash: &Hash, duplicate: bool) -> Value {
        let (position, leaf) = &self.positions[hash];
        json!({
            "seq": position.seq, "prev": position.prev, "recorded_at": position.recorded_at,
            "lane": {"n": position.lane.n, "prev": position.lane.prev},
            "event_hash": hash, "leaf": leaf, "duplicate": duplicate,
            "inclusion": inclusion_proof::<Blake3>(&self.tiles, position.seq, self.size()).unwrap(),
        })
    }

    fn problem(&mut self, status: u16, code: &str, more: &Value) -> (u16, Value) {
        self.problems.push(code.to_owned());
        let mut problem = json!({"type": "about:blank", "title": code, "status": status, "code": code});
        problem.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (status, problem)
    }

    /// Gives an event, as J(header + `sig`), its place.
    fn place(&mut self, org: &Name, event: &[u8]) -> Position {
        let lane = self.lanes.get(org).copied().unwrap_or(Lane { n: 0, prev: Hash::ZERO });
        let position = Position { seq: self.size(), prev: self.last_leaf, lane, recorded_at: self.now };
        let mut entry = Vec::new();
        position.write_entry(event, &mut entry);
        let leaf = Blake3::leaf(&entry);
        self.tiles.push(leaf);
        self.last_leaf = leaf;
        self.lanes.insert(org.clone(), Lane { n: lane.n + 1, prev: leaf });
        position
    }

    /// Appends an event signed by the service and returns its record.
    fn own(&mut self, kind: Kind, org: &str, payload: &Payload) -> Value {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.size().to_be_bytes());
        let kind_version = kind.payload_version(&payload.json).unwrap();
        let header = Header {
            author: "service:ledger".parse().unwrap(),
            chain: None,
            id: Uuid::v7(self.now, random),
            key: self.service_key.public(),
            kind,
            ledger: self.id,
            node_id: None,
            org: org.parse().unwrap(),
            payload_hash: payload.hash(),
            payload_version: kind_version,
            severity: None,
            tenant: (org == "acme").then(|| "prod".parse().unwrap()),
            ts: self.now,
            via: Some(Via { method: "self".parse().unwrap(), subject: None }),
        };
        let sig = self.service_key.sign(&header.signing_bytes());
        let mut signed = Vec::new();
        header.write(Some(&sig), &mut signed);
        let org = header.org.clone();
        let position = self.place(&org, &signed);
        let entry = Entry { header, sig, position };
        let record = Record { entry, leaf: self.last_leaf, payload: Some(payload.clone()) };
        serde_json::from_slice(&record.to_line()).unwrap()
    }
}

pub fn answer(status: u16, value: &Value) -> Response {
    Response { status, retry_after: None, body: value.to_string().into_bytes() }
}
