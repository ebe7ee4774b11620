//! What a release wrote is opened, continued, and rebuilt where it can be rebuilt.

use crate::support::{FakeClock, Place, admin, all_recorded, append, check_whole, recorded, run};
use ledger::durable::RealDisk;
use ledger::index::FjallRows;
use ledger::keyring::Keyring;
use ledger::open::Options;
use ledger::storage::FsStorage;
use serde_json::{Value, json};
use spec::rules::ADMISSION_VERSION;
use spec::{Event, Kind, Record};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const RELEASES: [&str; 1] = ["0.1"];

fn fixture(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(release)
}

/// Copies a directory, for its owner alone: a checkout does not keep that.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
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

/// A copy of a fixture, an hour after its last entry.
fn place(release: &str, dir: &Path) -> Place {
    copy(&fixture(release).join("data"), dir);
    let storage = FsStorage::new(Arc::new(RealDisk::new(dir).unwrap())).unwrap();
    let rows = FjallRows::open(&dir.join("index")).unwrap();
    let keys = Keyring::load(dir).unwrap();
    let place = Place { storage: Arc::new(storage), rows: Arc::new(rows), clock: FakeClock::new(), keys };
    let last = place.records().last().unwrap().entry.position.recorded_at;
    place.clock.set(last.millis() + 3_600_000);
    place
}

fn event(record: &Record) -> Event {
    let entry = record.entry.clone();
    Event { header: entry.header, sig: entry.sig, payload: record.payload.clone().unwrap() }
}

fn ids(place: &Place) -> Vec<(String, Vec<u8>)> {
    let names = crate::support::now(place.storage.list("ids")).unwrap();
    let read = |name: &String| place.get(&format!("ids/{name}")).unwrap();
    names.iter().map(|name| (name.clone(), read(name))).collect()
}

#[test]
fn a_fixture_has_something_of_everything() {
    for release in RELEASES {
        let dir = tempfile::tempdir().unwrap();
        let place = place(release, dir.path());
        let records = place.records();
        let kinds: BTreeSet<_> = records.iter().map(|record| record.entry.header.kind.clone()).collect();
        // A contradiction takes a ledger that was put back; the others came after the release.
        let lacking = [
            Kind::Contradiction,
            Kind::Acceptance,
            Kind::Admission,
            Kind::Clock,
            Kind::IdentityProvider,
            Kind::Invoice,
            Kind::Member,
            Kind::Org,
            Kind::PriceBook,
            Kind::SignInRule,
            Kind::User,
        ];
        let missing: Vec<_> =
            Kind::REGISTERED.iter().filter(|kind| !kinds.contains(kind) && !lacking.contains(kind)).collect();
        if release == "0.1" {
            assert!(missing.is_empty(), "{missing:?}");
        }
        assert!(kinds.iter().any(|kind| matches!(kind, Kind::Custom(_))));
        assert!(place.segments().len() > 1 && !ids(&place).is_empty());
        let seals = records.iter().filter(|record| record.entry.header.kind == Kind::Seal).count();
        assert!(seals > 2, "{seals}");
    }
}

#[test]
fn a_fixture_is_continued() {
    for release in RELEASES {
        let dir = tempfile::tempdir().unwrap();
        let place = place(release, dir.path());
        let expected: Value =
            serde_json::from_slice(&std::fs::read(fixture(release).join("expected.json")).unwrap()).unwrap();
        let before = place.records();
        assert_eq!(before.len() as u64, expected["size"].as_u64().unwrap());
        check_whole(&place);
        run(async {
            let ledger = place.open().await;
            assert_eq!(ledger.id().to_string(), expected["ledger_id"].as_str().unwrap());
            assert_eq!(
                ledger.root_at(before.len() as u64).unwrap().to_string(),
                expected["root"].as_str().unwrap()
            );
            // Every event that came from elsewhere is known again, in closed segments and in the open one.
            let mut again = 0;
            for record in before.iter().filter(|record| record.entry.header.chain.is_some()) {
                let receipt = all_recorded(&append(&ledger, vec![event(record)]).await.unwrap()).remove(0);
                assert!(receipt.duplicate);
                assert_eq!((receipt.seq, receipt.leaf), (record.entry.position.seq, record.leaf));
                again += 1;
            }
            assert!(again > 10, "{again}");
            let note = admin(&ledger, "acme", Kind::Note, json!({"text": "it goes on"}));
            let receipt = recorded(&ledger, note).await;
            assert!(receipt.seq >= before.len() as u64);
            let read = ledger.reader().record(receipt.seq).await.unwrap().unwrap();
            assert_eq!(read.leaf, receipt.leaf);
            assert!(ledger.seal().await.unwrap().is_some());
            ledger.close(true);
        });
        let after = place.records();
        assert!(after.len() > before.len());
        assert!(after.iter().zip(&before).all(|(new, old)| new.leaf == old.leaf));
        check_whole(&place);
    }
}

#[test]
fn a_fixture_goes_over_to_newer_rules() {
    for release in RELEASES {
        let dir = tempfile::tempdir().unwrap();
        let place = place(release, dir.path());
        let before = place.records().len();
        for _ in 0..2 {
            let options = Options { service_version: Some("new".to_owned()), ..place.options() };
            run(async {
                let (ledger, _) = ledger::open::open(options).await.unwrap();
                ledger.close(true);
            });
        }
        let said: Vec<Value> = place.records()[before..]
            .iter()
            .filter(|record| record.entry.header.kind == Kind::Admission)
            .map(|record| serde_json::from_str(&record.payload.as_ref().unwrap().json).unwrap())
            .collect();
        let first = json!({"version": 2});
        assert!(said.len() as u64 == ADMISSION_VERSION - 1 && said.first() == Some(&first), "{said:?}");
        assert_eq!(place.records()[before].entry.header.kind, Kind::Admission, "before all else");
        check_whole(&place);
    }
}

#[test]
fn what_can_be_rebuilt_of_a_fixture_is_what_it_was() {
    for release in RELEASES {
        let dir = tempfile::tempdir().unwrap();
        let place = place(release, dir.path());
        let before = ids(&place);
        for (name, _) in &before {
            std::fs::remove_file(dir.path().join("ids").join(name)).unwrap();
        }
        run(async {
            let ledger = place.open().await;
            let first =
                place.records().into_iter().find(|record| record.entry.header.chain.is_some()).unwrap();
            let receipt = all_recorded(&append(&ledger, vec![event(&first)]).await.unwrap()).remove(0);
            assert!(receipt.duplicate);
            ledger.close(false);
        });
        assert_eq!(ids(&place), before);
        check_whole(&place);
    }
}
