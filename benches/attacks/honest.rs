//! Honest nodes: enrolled over HTTP, each with a connection that it keeps, and a heartbeat from time to time.

use super::client::{Client, post};
use crate::world::{heartbeat, now};
use proofs::SigningKey;
use serde_json::{Value, json};
use spec::payload::{node_possession_bytes, token_hash};
use spec::{Author, Hash, Kind, Uuid, canonical};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use vaultmesh_agent::chain::author::{ChainAuthor, Credentials, Draft};
use vaultmesh_agent::entropy::{Entropy as _, SystemEntropy};

pub(crate) struct Node {
    pub(crate) id: Uuid,
    pub(crate) chain: ChainAuthor,
}

impl Node {
    /// The next event of its chain, as it is sent.
    pub(crate) fn says(&mut self, kind: Kind, payload: &Value) -> Vec<u8> {
        let draft = Draft::new(kind, payload, now(), &mut SystemEntropy).unwrap();
        self.chain.next_event(draft).to_canonical()
    }
}

/// What came of the heartbeats.
pub(crate) struct Beats {
    /// How long those waited that were recorded, sorted.
    pub(crate) waits: Vec<Duration>,
    pub(crate) refused: usize,
}

/// Enrols nodes with a token that the owner makes.
pub(crate) async fn enrolled(client: &mut Client, owner: &str, count: usize) -> Vec<Node> {
    let asked = json!({"uses": count}).to_string();
    let path = "/api/orgs/acme/nodes/enrollment-tokens";
    let (status, made) =
        client.ask(&post(path, "application/json", Some(owner), asked.as_bytes())).await.unwrap();
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&made));
    let made: Value = serde_json::from_slice(&made).unwrap();
    let token = made["token"].as_str().unwrap();
    let (ledger, secret) = token.strip_prefix("vm1.").unwrap().split_once('.').unwrap();
    let (ledger, secret) = (Hash::from_hex(ledger).unwrap(), Hash::from_hex(secret).unwrap());
    let mut entropy = SystemEntropy;
    let mut nodes = Vec::with_capacity(count);
    for _ in 0..count {
        let key = SigningKey::from_seed(&entropy.salt().unwrap().0);
        let mut id = [0; 16];
        entropy.fill(&mut id).unwrap();
        let id = Uuid::v4(id);
        let author = Author::Node(id);
        let pop = key.sign(&node_possession_bytes(&author, &key.public(), &ledger, &token_hash(&secret.0)));
        let body = json!({"author": author, "key": key.public(), "pop": pop, "token": token}).to_string();
        let request = post("/api/nodes/register", "application/json", None, body.as_bytes());
        let (status, answer) = client.ask(&request).await.unwrap();
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let record = canonical::to_vec(&answer["introduction"]["record"]).unwrap();
        let record = spec::Record::parse(std::str::from_utf8(&record).unwrap()).unwrap();
        let introduction = record.entry.header.event_hash(&record.entry.sig);
        let org = answer["org"].as_str().unwrap().parse().unwrap();
        let who = Credentials { key, author, org, tenant: None, ledger, introduction };
        nodes.push(Node { id, chain: ChainAuthor::new(who, entropy.epoch().unwrap()) });
    }
    nodes
}

/// Sends heartbeats of all nodes for a while, evenly over time. Whoever finds its connection closed opens another one,
/// once, as agents do; that takes its time too.
pub(crate) async fn beat(
    nodes: Vec<Node>,
    from: IpAddr,
    to: SocketAddr,
    lasts: Duration,
    every: Duration,
) -> Beats {
    let (began, count) = (Instant::now(), u32::try_from(nodes.len()).unwrap());
    let tasks: Vec<_> = (0..count)
        .zip(nodes)
        .map(|(i, node)| {
            tokio::spawn(beats_of(node, from, to, began + every * i / count, began + lasts, every))
        })
        .collect();
    let mut all = Beats { waits: Vec::new(), refused: 0 };
    for task in tasks {
        let beats = task.await.unwrap();
        all.waits.extend(beats.waits);
        all.refused += beats.refused;
    }
    all.waits.sort_unstable();
    all
}

async fn beats_of(
    mut node: Node,
    from: IpAddr,
    to: SocketAddr,
    first: Instant,
    end: Instant,
    every: Duration,
) -> Beats {
    let mut beats = Beats { waits: Vec::new(), refused: 0 };
    let (mut at, mut client, mut n) = (first, None, 0);
    while at < end {
        tokio::time::sleep_until(at.into()).await;
        let event = node.says(Kind::Heartbeat, &serde_json::to_value(heartbeat(node.id, n, now())).unwrap());
        let request = post("/api/agent/heartbeat", "application/json", None, &event);
        let sent = Instant::now();
        match sent_once_more(&mut client, from, to, &request).await {
            Some(200 | 201) => beats.waits.push(sent.elapsed()),
            _ => beats.refused += 1,
        }
        (at, n) = (at + every, n + 1);
    }
    beats
}

async fn sent_once_more(
    client: &mut Option<Client>,
    from: IpAddr,
    to: SocketAddr,
    request: &[u8],
) -> Option<u16> {
    for _ in 0..2 {
        if client.is_none() {
            *client = Client::open(from, to).await.ok();
        }
        let Some(open) = client else { continue };
        match tokio::time::timeout(Duration::from_mins(1), open.ask(request)).await {
            Ok(Ok((status, _))) => return Some(status),
            _ => *client = None,
        }
    }
    None
}
