//! A state directory that a release wrote: opened, and its chain continued where it was left.

use proofs::signature;
use serde_json::{Value, json};
use spec::{Event, Header, Timestamp};
use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vaultmesh_agent::clock::{Clock, Now};
use vaultmesh_agent::config::Environment;
use vaultmesh_agent::control::commander::Commander;
use vaultmesh_agent::control::policy::Policy;
use vaultmesh_agent::disk::FileDisk;
use vaultmesh_agent::entropy::SystemEntropy;
use vaultmesh_agent::heartbeat::SystemSampler;
use vaultmesh_agent::network::{Network, NetworkError, Request, Response};
use vaultmesh_agent::procfs::Root;
use vaultmesh_agent::session::{Options, Session};

const RELEASES: [&str; 1] = ["0.1"];

fn fixture(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(release)
}

/// Copies the files, for their owner alone: a checkout does not keep that.
fn copy(from: &Path, to: &Path) {
    std::fs::set_permissions(to, PermissionsExt::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        std::fs::copy(entry.path(), &target).unwrap();
        std::fs::set_permissions(&target, PermissionsExt::from_mode(0o600)).unwrap();
    }
}

/// A moment that does not pass.
#[derive(Debug, Clone, Copy)]
struct Still(Now);

impl Clock for Still {
    fn now(&self) -> Now {
        self.0
    }

    async fn sleep_until(&self, _: Duration) {
        std::future::pending::<()>().await;
    }
}

/// Keeps what leaves the agent, and answers nothing.
#[derive(Debug, Default)]
struct Caught(RefCell<Vec<Request>>);

impl Network for Caught {
    async fn send(&self, request: Request) -> Result<Response, NetworkError> {
        self.0.borrow_mut().push(request);
        Err(NetworkError("nobody is there".to_owned()))
    }
}

fn open(dir: &Path, now: Now) -> Session<FileDisk, SystemEntropy, SystemSampler> {
    let sampler = Environment::default().sampler(Root::new(dir));
    Session::open(FileDisk::new(dir), SystemEntropy, sampler, now, Options::default()).unwrap()
}

/// Makes a heartbeat, and gives the events that would have left.
async fn sent(session: &mut Session<FileDisk, SystemEntropy, SystemSampler>, now: Now) -> Vec<Event> {
    let network = Caught::default();
    let _ = session.once(&Still(now), &network).await;
    let request = network.0.borrow_mut().remove(0);
    let body = request.body.unwrap().1;
    let lines = body.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Event::parse(line).unwrap()).collect()
}

/// The place of an event in its chain.
fn place(header: &Header) -> Value {
    let link = header.chain.unwrap();
    json!({"epoch": link.epoch, "prev": link.prev, "seq": link.seq})
}

#[tokio::test]
async fn the_chain_goes_on_where_a_release_left_it() {
    for release in RELEASES {
        let dir = tempfile::tempdir().unwrap();
        copy(&fixture(release).join("state"), dir.path());
        let expected: Value =
            serde_json::from_slice(&std::fs::read(fixture(release).join("expected.json")).unwrap()).unwrap();
        let now = Now { wall: Timestamp::parse("2027-01-01T00:00:00.000Z").unwrap(), steady: Duration::ZERO };
        let mut session = open(dir.path(), now);
        assert_eq!(session.pending(), 0);
        // What was carried out is remembered, and the applied policy holds.
        session.obey(now, Commander::new(Policy::nothing(), None)).unwrap();
        let events = sent(&mut session, now).await;
        let first = &events[0];
        assert_eq!(place(&first.header), expected["next"]);
        assert_eq!(first.header.key.to_string(), expected["key"].as_str().unwrap());
        assert_eq!(first.header.ledger.to_string(), expected["ledger"].as_str().unwrap());
        assert!(signature::verify(&first.header.key, &first.header.signing_bytes(), &first.sig));
        let payload: Value = serde_json::from_str(&first.payload.json).unwrap();
        assert_eq!(payload["policy_hash"], expected["policy"]);
        // Not acknowledged, it waits, and is sent again as it is, with what comes after it.
        drop(session);
        let mut session = open(dir.path(), now);
        assert_eq!(session.pending(), 1);
        let again = sent(&mut session, now).await;
        assert_eq!(again[0].to_canonical(), first.to_canonical());
        assert_eq!(again[1].header.chain.unwrap().prev, first.hash());
    }
}
