//! Segments to pack: real in form, with signatures and keys that chance made, for whoever packs checks neither.

use chance::Chance;
use proofs::Blake3;
use proofs::tree::Frontier;
use spec::entry::{Position, write_record};
use spec::event::Payload;
use spec::{
    Author, ChainLink, Commit, Epoch, Hash, Header, Kind, Lane, Name, PublicKey, Record, Severity, Signature,
    Timestamp, Uuid, Via,
};
use std::collections::BTreeMap;

/// A log under construction, of which the newest segment is kept.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) tree: Frontier<Blake3>,
    prev: Hash,
    lanes: BTreeMap<Name, Lane>,
    chains: BTreeMap<PublicKey, (u64, Hash)>,
    now: u64,
    group: Vec<u8>,
    pub(crate) first: u64,
    pub(crate) edge: Frontier<Blake3>,
    pub(crate) plain: Vec<u8>,
    pub(crate) lines: Vec<String>,
    pub(crate) leaves: Vec<Hash>,
}

/// A node that says heartbeats.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) id: Uuid,
    pub(crate) key: PublicKey,
    epoch: Epoch,
    boot: Uuid,
    memory: u64,
}

impl Node {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        Self {
            id: Uuid::v4(chance.bytes()),
            key: PublicKey(chance.bytes()),
            epoch: Epoch(chance.bytes()),
            boot: Uuid::v4(chance.bytes()),
            memory: chance.below(1 << 36),
        }
    }
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            tree: Frontier::default(),
            prev: Hash::ZERO,
            lanes: BTreeMap::new(),
            chains: BTreeMap::new(),
            now: 1_795_000_000_000,
            group: Vec::new(),
            first: 0,
            edge: Frontier::default(),
            plain: Vec::new(),
            lines: Vec::new(),
            leaves: Vec::new(),
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Begins the next segment.
    pub(crate) fn next_segment(&mut self) {
        assert!(self.group.is_empty());
        (self.first, self.edge) = (self.size(), self.tree.clone());
        self.plain.clear();
        self.lines.clear();
    }

    pub(crate) fn commit(&mut self) {
        if self.group.is_empty() {
            return;
        }
        let group = std::mem::take(&mut self.group);
        self.plain.extend_from_slice(&group);
        Commit::of(&group, self.size(), self.tree.root()).write_line(&mut self.plain);
    }

    /// The header that a node's next event has.
    pub(crate) fn header(&mut self, node: &Node, kind: &str, chance: &mut Chance) -> Header {
        let (seq, prev) = self.chains.get(&node.key).copied().unwrap_or((0, Hash(node.key.0)));
        let ts = self.now - chance.below(400);
        Header {
            author: Author::Node(node.id),
            chain: Some(ChainLink { epoch: node.epoch, prev, seq }),
            id: Uuid::v7(Timestamp::from_millis(ts), chance.bytes()),
            key: node.key,
            kind: kind.parse().unwrap(),
            ledger: Hash([7; 32]),
            node_id: None,
            org: "acme".parse().unwrap(),
            payload_hash: Hash::ZERO,
            payload_version: 1,
            severity: None,
            tenant: None,
            ts: Timestamp::from_millis(ts),
            via: None,
        }
    }

    pub(crate) fn heartbeat(&mut self, node: &Node, chance: &mut Chance) {
        let header = self.header(node, "heartbeat", chance);
        let memory = node.memory / 2 + chance.below(1 << 27);
        let json = format!(
            concat!(
                "{{\"agent_rss_bytes\":{},\"agent_version\":\"0.1.0\",\"boot_id\":\"{}\",\"clock_offset_ms\":{},",
                "\"cloudflare_ok\":\"unknown\",\"hostname\":\"node-{}\",\"interval_secs\":30,",
                "\"load1_milli\":{},\"memory_available_bytes\":{},\"memory_total_bytes\":{},\"node_id\":\"{}\",",
                "\"os_profile\":\"DebianVault\",\"services_ok\":true,\"timestamp\":\"{}\",\"uptime_secs\":{},",
                "\"vaultmesh_root\":\"/var/lib/vaultmesh\"}}"
            ),
            9_000_000 + chance.below(64) * 4096,
            node.boot,
            i64::try_from(chance.below(40)).unwrap() - 20,
            node.boot,
            chance.below(4000),
            memory / 4096 * 4096,
            node.memory / 4096 * 4096,
            node.id,
            header.ts,
            (self.now - 1_794_000_000_000) / 1000,
        );
        self.say(header, &json, chance);
    }

    /// Appends an event, its payload hash filled in.
    pub(crate) fn say(&mut self, mut header: Header, json: &str, chance: &mut Chance) {
        let payload = Payload { json: json.into(), salt: Hash(chance.bytes()) };
        header.payload_hash = payload.hash();
        self.append(header, Some(&payload), chance);
    }

    pub(crate) fn append(&mut self, header: Header, payload: Option<&Payload>, chance: &mut Chance) {
        let sig = Signature(chance.bytes());
        let lane = self.lanes.get(&header.org).copied().unwrap_or(Lane { n: 0, prev: Hash::ZERO });
        let recorded_at = Timestamp::from_millis(self.now);
        let position = Position { seq: self.size(), prev: self.prev, lane, recorded_at };
        let mut event = Vec::new();
        header.write(Some(&sig), &mut event);
        let mut record = Vec::new();
        let entry = write_record(&position, &event, payload, &mut record);
        let leaf = Hash::of(spec::Domain::Leaf, &[&record[entry]]);
        if let Some(link) = &header.chain {
            self.chains.insert(header.key, (link.seq + 1, header.event_hash(&sig)));
        }
        self.lanes.insert(header.org, Lane { n: lane.n + 1, prev: leaf });
        self.prev = leaf;
        self.tree.push(leaf);
        self.leaves.push(leaf);
        self.now += chance.below(5);
        let line = String::from_utf8(record).unwrap();
        assert!(Record::parse(&line).is_ok(), "{line}");
        self.line(line);
    }

    /// Adds a line to the group, whatever it says.
    pub(crate) fn line(&mut self, line: String) {
        self.group.extend_from_slice(line.as_bytes());
        self.group.push(b'\n');
        self.lines.push(line);
    }

    /// Whatever events may be: kinds that nobody knows, payloads of every form, everything that is optional.
    pub(crate) fn odd(&mut self, nodes: &[Node], chance: &mut Chance) {
        const PAYLOADS: [&str; 8] = [
            "{}",
            "{\"a\":[1,-2.5,1e-7,\"\\u0001\\n\\\"\",{\"b\":null}],\"z\":\"\u{1f980}\"}",
            "{\"action\":\"alive\",\"version\":\"0.1.0\"}",
            "{\"metric\":\"api_calls\",\"product\":\"x\",\"quantity\":-9007199254740991}",
            "{\"load1_milli\":\"unknown\",\"node_id\":\"unknown\",\"timestamp\":\"unknown\"}",
            "{\"hostname\":\"unknown\",\"node_id\":\"01a22dff-e3b8-768a-8d65-96ed89bad4d5\",\"timestamp\":\"now\"}",
            "{\"load1_milli\":9007199254740991,\"spool_depth\":1.5}",
            "{\"services_ok\":false,\"surprise\":1}",
        ];
        const KINDS: [&str; 7] =
            ["heartbeat", "service", "usage", "x-mine", "incident", "x-0", "label-unknown-kind"];
        let node = &nodes[usize::try_from(chance.below(nodes.len() as u64)).unwrap()];
        let kind = KINDS[usize::try_from(chance.below(6)).unwrap()];
        let mut header = self.header(node, kind, chance);
        header.payload_version =
            [1, 1, 2, 3, 9_007_199_254_740_991][usize::try_from(chance.below(5)).unwrap()];
        if chance.below(3) == 0 {
            header.chain = None;
            header.author = ["service:ledger", "import:a.b", "token:01a22dff-e3b8-768a-8d65-96ed89bad4d5"]
                [usize::try_from(chance.below(3)).unwrap()]
            .parse()
            .unwrap();
            let subject = (chance.below(2) == 0).then(|| "a.subject".parse().unwrap());
            header.via = Some(Via { method: "self".parse().unwrap(), subject });
        } else if chance.below(4) == 0 {
            // A link that goes on from nothing, in another epoch.
            let epoch = Epoch(chance.bytes());
            header.chain = Some(ChainLink { epoch, prev: Hash(chance.bytes()), seq: chance.below(3) });
        }
        header.org = ["acme", "ledger", "other"][usize::try_from(chance.below(3)).unwrap()].parse().unwrap();
        header.node_id = (chance.below(4) == 0).then(|| Uuid::v4(chance.bytes()));
        header.tenant = (chance.below(4) == 0).then(|| "prod".parse().unwrap());
        header.severity = (chance.below(4) == 0).then_some(Severity::High);
        let json = PAYLOADS[usize::try_from(chance.below(8)).unwrap()];
        match chance.below(8) {
            0 => {
                header.payload_hash = Hash(chance.bytes());
                self.append(header, None, chance);
            }
            1 => {
                header.payload_hash = Hash(chance.bytes());
                let payload = Payload { json: json.into(), salt: Hash(chance.bytes()) };
                self.append(header, Some(&payload), chance);
            }
            _ => self.say(header, json, chance),
        }
    }

    pub(crate) fn pack(&self) -> Vec<u8> {
        pack::pack(self.first, &self.plain, Some(&self.edge)).unwrap()
    }
}

/// A segment of heartbeats and odd events, behind another one.
pub(crate) fn mixed(seed: u64, entries: u64) -> Log {
    let mut chance = Chance(seed);
    let nodes: Vec<Node> = (0..=(entries / 9)).map(|_| Node::new(&mut chance)).collect();
    let mut log = Log::new();
    for round in 0..2 {
        for n in 0..entries {
            if chance.below(3) == 0 {
                log.odd(&nodes, &mut chance);
            } else {
                log.heartbeat(&nodes[usize::try_from(n).unwrap() % nodes.len()], &mut chance);
            }
            if chance.below(3) == 0 {
                log.commit();
            }
        }
        log.commit();
        if round == 0 {
            log.next_segment();
        }
    }
    log
}

/// A segment of a fleet's heartbeats, behind another one.
pub(crate) fn fleet(nodes: usize, entries: usize) -> Log {
    let mut chance = Chance(1);
    let nodes: Vec<Node> = (0..nodes).map(|_| Node::new(&mut chance)).collect();
    let mut log = Log::new();
    for n in 0..2 * entries {
        if n == entries {
            log.next_segment();
        }
        log.heartbeat(&nodes[n % nodes.len()], &mut chance);
        log.commit();
    }
    log
}

/// A kind that this build does not know is no kind of a record.
pub(crate) fn known(kind: &str) -> bool {
    kind.parse::<Kind>().is_ok()
}
