//! Data of released formats: what a release wrote is opened, verified and continued by every one after it.

mod make;

use crate::support::{json as run, verify};
use crate::workspace::root;
use ledger::clock::Clock;
use ledger::durable::RealDisk;
use ledger::index::MemoryRows;
use ledger::keyring::Keyring;
use ledger::open::Options;
use ledger::storage::FsStorage;
use ledger::{AppendOptions, Ledger, Outcome};
use serde_json::{Value, json};
use spec::{Event, Hash, Timestamp};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vaultmesh_agent::clock::Now;
use vaultmesh_agent::config::Environment;
use vaultmesh_agent::disk::FileDisk;
use vaultmesh_agent::entropy::SystemEntropy;
use vaultmesh_agent::network::{Network, NetworkError, Request, Response};
use vaultmesh_agent::procfs::Root;
use vaultmesh_agent::session::{self, Session};

/// The releases of which there is a fixture.
const RELEASES: [&str; 1] = ["0.1"];

fn fixture(of: &str, release: &str) -> PathBuf {
    root().join(of).join("tests/fixtures").join(release)
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
        .unwrap()
}

/// Copies a directory with what is in it, for its owner alone: a checkout does not keep that.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, PermissionsExt::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
            std::fs::set_permissions(&target, PermissionsExt::from_mode(0o600)).unwrap();
        }
    }
}

/// A clock that stands at the hour after the last entry: the wall clock of a machine may be behind it.
#[derive(Debug, Clone, Copy)]
struct After(Timestamp);

impl After {
    fn last_of(data: &Path) -> Self {
        let records = crate::scheduling::records(data);
        let last = records.last().unwrap().entry.position.recorded_at;
        Self(Timestamp::from_millis(last.millis() + 3_600_000))
    }
}

impl Clock for After {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

impl vaultmesh_agent::clock::Clock for After {
    fn now(&self) -> Now {
        Now { wall: self.0, steady: Duration::ZERO }
    }

    async fn sleep_until(&self, _: Duration) {
        std::future::pending::<()>().await;
    }
}

/// Keeps what leaves the agent, and answers nothing.
#[derive(Debug, Default)]
struct Caught(Mutex<Vec<Request>>);

impl Network for Caught {
    async fn send(&self, request: Request) -> Result<Response, NetworkError> {
        self.0.lock().unwrap().push(request);
        Err(NetworkError("nobody is there".to_owned()))
    }
}

/// Code and place of each finding of a report.
fn findings(report: &Value) -> Vec<(&str, u64)> {
    let all = report["findings"].as_array().unwrap().iter();
    all.map(|finding| (finding["code"].as_str().unwrap(), finding["seq"].as_u64().unwrap())).collect()
}

async fn open(data: &Path, clock: After) -> Ledger {
    let storage = FsStorage::new(Arc::new(RealDisk::new(data).unwrap())).unwrap();
    let keys = Keyring::load(data).unwrap();
    let options = Options::new(Arc::new(storage), Arc::new(MemoryRows::default()), keys, Arc::new(clock));
    ledger::open::open(options).await.unwrap().0
}

#[test]
fn what_a_release_wrote_verifies_as_it_did() {
    for release in RELEASES {
        let fixture = fixture("ledger", release);
        let expected = read(&fixture.join("expected.json"));
        let trust = fixture.join("trust.json");
        let report = verify(&fixture.join("data"), &["--trust", trust.to_str().unwrap()]);
        for (name, value) in expected.as_object().unwrap() {
            match name.as_str() {
                "ledger_id" | "digests" => {}
                // Their words may change.
                "findings" => assert_eq!(findings(&report), findings(&expected), "{release}"),
                _ => assert_eq!(&report[name], value, "{release}: {name}"),
            }
        }
        // Folds of a newer version have other digests; those of this version have the ones that are sealed.
        let checks = report["checks"].as_array().unwrap();
        let count = |code: &str| {
            let check = checks.iter().find(|check| check["code"] == code);
            check.map_or(0, |check| check["count"].as_u64().unwrap())
        };
        assert_eq!(count("digests") + count("digests-unknown"), expected["digests"].as_u64().unwrap());
        if release == env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap().0 {
            assert_eq!(count("digests-unknown"), 0);
        }
        let id = expected["ledger_id"].as_str().unwrap();
        assert_eq!(verify(&fixture.join("data"), &["--trust", id])["trust"], expected["trust"]);
    }
}

#[test]
fn what_a_release_wrote_is_exported_and_read() {
    for release in RELEASES {
        let fixture = fixture("ledger", release);
        let expected = read(&fixture.join("expected.json"));
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("export");
        let data = fixture.join("data");
        let all =
            run(&["logs", "view", "--limit", "10000", "-o", "json", "--data", data.to_str().unwrap()], 0);
        assert_eq!(all["items"].as_array().unwrap().len() as u64, expected["size"].as_u64().unwrap());
        let export = ["export", "--out", out.to_str().unwrap(), "--data", data.to_str().unwrap()];
        let exported = crate::support::ledger(&export);
        assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
        let report = verify(&out, &["--trust", expected["ledger_id"].as_str().unwrap()]);
        assert_eq!((&report["root"], &report["trust"]), (&expected["root"], &expected["trust"]));
    }
}

/// An agent that goes on from a state directory of a release is taken for the same by the ledger of that release.
#[tokio::test]
async fn what_a_release_wrote_is_continued_on_both_sides() {
    for release in RELEASES {
        let dir = tempfile::tempdir().unwrap();
        let (data, state) = (dir.path().join("data"), dir.path().join("state"));
        copy(&fixture("ledger", release).join("data"), &data);
        copy(&fixture("agent", release).join("state"), &state);
        let expected = read(&fixture("agent", release).join("expected.json"));
        let clock = After::last_of(&data);

        let sampler = Environment::default().sampler(Root::new(dir.path()));
        let now = vaultmesh_agent::clock::Clock::now(&clock);
        let options = session::Options::default();
        let disk = FileDisk::new(&state);
        let mut session = Session::open(disk, SystemEntropy, sampler, now, options).unwrap();
        let network = Caught::default();
        let _ = session.once(&clock, &network).await;
        let sent = network.0.lock().unwrap().remove(0);
        let body = sent.body.unwrap().1;
        let body = body.strip_suffix(b"\n").unwrap_or(&body);
        let event = Event::parse(body).unwrap();
        let link = event.header.chain.unwrap();
        let place = json!({"epoch": link.epoch, "prev": link.prev, "seq": link.seq});
        assert_eq!(place, expected["next"]);
        assert_eq!(event.header.key.to_string(), expected["key"].as_str().unwrap());

        let ledger = open(&data, clock).await;
        assert_eq!(ledger.id(), Hash::from_hex(expected["ledger"].as_str().unwrap()).unwrap());
        let appended =
            ledger.append(vec![event], AppendOptions { inclusion: true, urgent: false }).await.unwrap();
        assert!(matches!(appended.outcomes[0], Outcome::Recorded(_)), "{:?}", appended.outcomes);
        assert!(ledger.seal().await.unwrap().is_some());
        tokio::task::spawn_blocking(move || ledger.close(true)).await.unwrap();
        let size = read(&fixture("ledger", release).join("expected.json"))["size"].as_u64().unwrap();
        let report = verify(&data, &["--trust", expected["ledger"].as_str().unwrap()]);
        assert!(report["size"].as_u64().unwrap() >= size + 2, "{report}");
    }
}
