//! The attacks. Each goes on until its runtime ends, and takes whatever it is answered with.

use super::client::{Client, get, head, post};
use super::honest::{Node, enrolled};
use serde_json::json;
use spec::Kind;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

/// An attack by its name.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) begin: fn(Scene) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Where it takes place.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) address: SocketAddr,
    pub(crate) from: IpAddr,
    pub(crate) owner: String,
    pub(crate) viewer: String,
    pub(crate) writer: String,
    /// Of the figures of a full run: so many of so many parts.
    pub(crate) share: (usize, usize),
}

pub(crate) const ATTACKS: [Attack; 10] = [
    Attack { name: "quiet", begin: |_| Box::pin(async {}) },
    Attack { name: "bodies", begin: |scene| Box::pin(bodies(scene)) },
    Attack { name: "parsed", begin: |scene| Box::pin(parsed(scene)) },
    Attack { name: "slow", begin: |scene| Box::pin(slow(scene)) },
    Attack { name: "polls", begin: |scene| Box::pin(polls(scene)) },
    Attack { name: "streams", begin: |scene| Box::pin(streams(scene)) },
    Attack { name: "readers", begin: |scene| Box::pin(readers(scene)) },
    Attack { name: "writes", begin: |scene| Box::pin(writes(scene)) },
    Attack { name: "duplicates", begin: |scene| Box::pin(duplicates(scene)) },
    Attack { name: "folds", begin: |scene| Box::pin(folds(scene)) },
];

/// Twice the senders of bodies of 8 MiB, the slow bodies, the polls, the streams, the senders of what is recorded, its
/// events, and the readers of lists.
const BODIES: usize = 48;
const SLOW: usize = 66;
const POLLS: usize = 32_768;
const STREAMS: usize = 24_576;
const SENDERS: usize = 56;
const RECORDED: usize = 8000;
const READERS: usize = 8;

/// Connections of the attacks for which there is no such figure.
const CONNECTIONS: usize = 32;

/// Before one tries again that was refused, or could not connect.
const PAUSE: Duration = Duration::from_millis(20);

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

impl Scene {
    fn part(&self, whole: usize) -> usize {
        (whole * self.share.0 / self.share.1).max(2)
    }

    /// So many who each ask the same over and over.
    async fn crowd(&self, count: usize, request: Vec<u8>) {
        let request = Arc::new(request);
        let tasks: Vec<_> = (0..count)
            .map(|_| {
                let (scene, request) = (self.clone(), Arc::clone(&request));
                tokio::spawn(async move { scene.over_and_over(&request).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }

    async fn over_and_over(&self, request: &[u8]) {
        loop {
            if let Ok(mut client) = Client::open(self.from, self.address).await {
                while let Ok((status, _)) = client.ask(request).await {
                    if status >= 400 {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn nodes(&self, count: usize) -> Vec<Node> {
        let mut client = Client::open(self.from, self.address).await.unwrap();
        enrolled(&mut client, &self.owner, count).await
    }
}

/// A draft of so many bytes of what takes most memory once it is parsed.
fn dense(bytes: usize) -> Vec<u8> {
    let member = r#"{"":0}"#;
    let members = vec![member; bytes / (member.len() + 1)].join(",");
    format!(r#"{{"kind":"x-a","org":"acme","payload":{{"a":[{members}]}}}}"#).into_bytes()
}

/// Large bodies of nobody.
async fn bodies(scene: Scene) {
    let body = dense(8 * 1024 * 1024 - 1024);
    scene.crowd(scene.part(BODIES), post("/api/events", JSON, None, &body)).await;
}

/// The largest drafts of somebody who may write them.
async fn parsed(scene: Scene) {
    let body = dense(1000 * 1024);
    scene.crowd(scene.part(BODIES), post("/api/events", JSON, Some(&scene.writer), &body)).await;
}

/// Bodies of which all but the end is sent at once, and that a byte at a time.
async fn slow(scene: Scene) {
    let tasks = (0..scene.part(SLOW)).map(|i| {
        let scene = scene.clone();
        tokio::spawn(async move {
            // Half of them with a credential that may write, so that they may be long.
            let (token, length) = if i % 2 == 0 { (Some(&*scene.writer), 8 << 20) } else { (None, 1 << 20) };
            let start = [head("/api/events", NDJSON, token, length), vec![b' '; length - 4096]].concat();
            loop {
                if let Ok(mut client) = Client::open(scene.from, scene.address).await
                    && client.stream.write_all(&start).await.is_ok()
                {
                    while client.stream.write_all(b" ").await.is_ok() {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        let () = task.await.unwrap();
    }
}

/// Questions that wait, of nobody. A process has so many files, and an address so many ports.
async fn polls(scene: Scene) {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1024);
    let count = scene.part(POLLS).min(usize::try_from(files).unwrap().saturating_sub(1024)).min(28_000);
    let request = get("/api/ledger/witness-checkpoint?after=1&wait=25", None);
    scene.crowd(count, request).await;
}

/// Streams of one organisation.
async fn streams(scene: Scene) {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1024);
    let count = scene.part(STREAMS).min(usize::try_from(files).unwrap().saturating_sub(1024)).min(28_000);
    let request = Arc::new(get("/events", Some(&scene.viewer)));
    let tasks = (0..count).map(|_| {
        let (scene, request) = (scene.clone(), Arc::clone(&request));
        tokio::spawn(async move {
            loop {
                if let Ok(mut client) = Client::open(scene.from, scene.address).await
                    && client.stream.write_all(&request).await.is_ok()
                {
                    // A stream has no length: what comes is read to its end.
                    let mut piece = vec![0; 4096];
                    while tokio::io::AsyncReadExt::read(&mut client.stream, &mut piece)
                        .await
                        .is_ok_and(|n| n > 0)
                    {}
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        let () = task.await.unwrap();
    }
}

/// A viewer who reads all there is, over and over, and somebody who asks for proofs meanwhile.
async fn readers(scene: Scene) {
    let viewer = Some(&*scene.viewer);
    let count = scene.part(CONNECTIONS);
    tokio::join!(
        scene.crowd(count, get("/api/ledger/entries?from=0&limit=1000", viewer)),
        scene.crowd(count, get("/api/events?min_severity=critical&limit=500", viewer)),
        scene.crowd(2, get("/api/ledger/proof/inclusion?seq=1", None)),
    );
}

/// One key that has recorded as much as it can, in parallel batches.
async fn writes(scene: Scene) {
    let mut node = scene.nodes(1).await.remove(0);
    let text = "x".repeat(60 * 1024);
    let bodies = (0..CONNECTIONS).map(|_| {
        let lines: Vec<Vec<u8>> = (0..16).map(|_| node.says(Kind::Note, &json!({"text": text}))).collect();
        lines.join(&b'\n')
    });
    let bodies: Vec<Vec<u8>> = bodies.collect();
    let crowds = bodies.into_iter().map(|body| {
        let (scene, request) = (scene.clone(), post("/api/events", NDJSON, None, &body));
        tokio::spawn(async move { scene.over_and_over(&request).await })
    });
    for crowd in crowds.collect::<Vec<_>>() {
        crowd.await.unwrap();
    }
}

/// What is recorded already, again and again.
async fn duplicates(scene: Scene) {
    let mut node = scene.nodes(1).await.remove(0);
    let (mut recorded, mut client) = (Vec::new(), Client::open(scene.from, scene.address).await.unwrap());
    let count = scene.part(RECORDED);
    for from in (0..count).step_by(1000) {
        let lines: Vec<Vec<u8>> = (from..count.min(from + 1000))
            .map(|i| node.says(Kind::Note, &json!({"text": format!("note {i}")})))
            .collect();
        let request = post("/api/events", NDJSON, None, &lines.join(&b'\n'));
        client.ask(&request).await.unwrap();
        recorded.push(request);
    }
    let tasks = (0..scene.part(SENDERS)).map(|i| {
        let (scene, request) = (scene.clone(), recorded[i % recorded.len()].clone());
        tokio::spawn(async move { scene.over_and_over(&request).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// One key that says what folds keep, as long as it may be, and readers of the lists of it.
async fn folds(scene: Scene) {
    let mut node = scene.nodes(1).await.remove(0);
    let reading = {
        let scene = scene.clone();
        tokio::spawn(async move {
            let request = get("/api/incidents?limit=500&state=all", Some(&scene.viewer));
            scene.crowd(scene.part(READERS), request).await;
        })
    };
    let text = "x".repeat(60 * 1024);
    let mut client = Client::open(scene.from, scene.address).await.unwrap();
    loop {
        let lines: Vec<Vec<u8>> = (0..16)
            .map(|i| node.says(Kind::Incident, &json!({"title": format!("incident {i}"), "text": text})))
            .collect();
        let request = post("/api/events", NDJSON, None, &lines.join(&b'\n'));
        // What was refused is sent again: whoever skips a place of its chain gets nowhere.
        while !matches!(client.ask(&request).await, Ok((200 | 201, _))) {
            tokio::time::sleep(PAUSE).await;
            if reading.is_finished() {
                return;
            }
            match Client::open(scene.from, scene.address).await {
                Ok(again) => client = again,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
