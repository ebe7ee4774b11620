//! Witness sets and cosigned checkpoints: who may name them, what counts, and what an open and an auditor make of it.

use crate::support::{Place, check_whole, key, name, recovery_keys, run};
use ledger::admission::Code;
use ledger::open::OpenError;
use ledger::verify::{self, AuthorityKeys, Options, Report, Trust, TrustStatus, Verdict};
use ledger::witnessing::{CosignError, Progress};
use ledger::{AppendError, Ledger};
use proofs::SigningKey;
use proofs::checkpoint::{cosign, witness_key};
use proofs::note::Note;
use serde_json::to_value;
use spec::payload::{
    KeySignature, Witness, WitnessSet, WitnessSetChange, witness_possession_bytes, witness_set_bytes,
};
use spec::{Hash, Kind};

pub(crate) const COSIGNED: &str = "COSIGNED.txt";

pub(crate) fn named(n: u8) -> String {
    format!("w{n}.example")
}

/// A witness; the first of every test is outside.
fn witness(ledger: &Ledger, n: u8) -> Witness {
    let (key, name) = (key(n), name(&named(n)));
    let pop = key.sign(&witness_possession_bytes(&key.public(), &ledger.id(), &name));
    Witness { key: key.public(), name, outside: n == 1, pop }
}

fn set(ledger: &Ledger, members: &[u8]) -> WitnessSet {
    let witnesses: Vec<Witness> = members.iter().map(|n| witness(ledger, *n)).collect();
    WitnessSet { quorum: WitnessSet::least_quorum(members.len()), witnesses }
}

fn change(ledger: &Ledger, set: WitnessSet, signers: &[SigningKey]) -> WitnessSetChange {
    let prev_change = ledger.directory(|directory| directory.last_change);
    let bytes = witness_set_bytes(&set, &ledger.id(), &prev_change);
    let mut signatures: Vec<KeySignature> =
        signers.iter().map(|key| KeySignature { key: key.public(), sig: key.sign(&bytes) }).collect();
    signatures.sort_by_key(|signature| signature.key);
    WitnessSetChange { prev_change, set, signatures }
}

async fn propose(ledger: &Ledger, change: &WitnessSetChange) -> Result<u64, Code> {
    match ledger.append_statement(Kind::WitnessSet, to_value(change).unwrap()).await {
        Ok(seq) => Ok(seq),
        Err(AppendError::Refused(code)) => Err(code),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) async fn name_set(ledger: &Ledger, members: &[u8]) -> u64 {
    propose(ledger, &change(ledger, set(ledger, members), &recovery_keys()[..2])).await.unwrap()
}

/// A witness's word on what is offered.
pub(crate) fn word(ledger: &Ledger, n: u8) -> String {
    let offer = ledger.witnessing().offers().borrow().clone().unwrap();
    let mut note = Note::parse(offer.note.as_bytes()).unwrap();
    note.signatures.push(cosign(&note, &named(n), &key(n), 1_795_293_721));
    note.to_string()
}

pub(crate) fn cosigns(ledger: &Ledger, note: &str) -> Result<Progress, CosignError> {
    let size = ledger.witnessing().offers().borrow().as_ref().unwrap().checkpoint.size;
    let set = ledger.directory(|d| ledger::witness_set::set_at(&d.witness_sets, size).cloned());
    ledger.witnessing().cosign(set.as_ref(), note.as_bytes())
}

pub(crate) fn offer(ledger: &Ledger) -> u64 {
    let head = ledger.head().borrow().clone();
    ledger.witnessing().offer(&head);
    head.size
}

fn verified(place: &Place, trust: Trust) -> Report {
    let files = crate::support::StorageSource(&*place.storage);
    verify::verify_log(&files, &Options { trust, ..Options::default() }, None, &mut |_| ())
}

fn pinned(ledger: Hash) -> Trust {
    Trust { ledger: Some(ledger), ..Trust::default() }
}

#[test]
fn a_set_is_named_by_the_recovery_keys_or_the_quorum_before() {
    run(async {
        let place = Place::memory();
        let ledger = place.start().await;
        let first = |signers: &[SigningKey]| change(&ledger, set(&ledger, &[1, 2, 3]), signers);
        let recovery = recovery_keys();
        assert_eq!(propose(&ledger, &first(&recovery[..1])).await, Err(Code::BadAuthority), "two of three");
        assert_eq!(propose(&ledger, &first(&[key(1), key(2), key(3)])).await, Err(Code::BadAuthority));
        let mut elsewhere = first(&recovery[..2]);
        elsewhere.prev_change = Hash([1; 32]);
        assert_eq!(propose(&ledger, &elsewhere).await, Err(Code::BadAuthority));
        let mut thief = set(&ledger, &[1, 2, 3]);
        thief.witnesses[1].pop = witness(&ledger, 3).pop;
        let thief = change(&ledger, thief, &recovery[..2]);
        assert_eq!(propose(&ledger, &thief).await, Err(Code::BadPossession));
        let mut used = set(&ledger, &[1, 2]);
        used.witnesses[1].key = ledger.service_key();
        assert_eq!(propose(&ledger, &change(&ledger, used, &recovery[..2])).await, Err(Code::KeyInUse));
        let mut lax = set(&ledger, &[1, 2, 3]);
        lax.quorum = 2;
        assert_eq!(propose(&ledger, &change(&ledger, lax, &recovery[..2])).await, Err(Code::BadPayload));
        let inside = set(&ledger, &[2, 3]);
        assert_eq!(propose(&ledger, &change(&ledger, inside, &recovery[..2])).await, Err(Code::BadPayload));

        let from = propose(&ledger, &first(&recovery[1..])).await.unwrap();
        let again = change(&ledger, set(&ledger, &[1, 2, 3]), &recovery[..2]);
        let replayed = WitnessSetChange { prev_change: ledger.id(), ..again };
        assert_eq!(propose(&ledger, &replayed).await, Err(Code::BadAuthority), "it does not follow the last");

        // The quorum of three is three; of the next set of four it is three as well.
        let second = |signers: &[SigningKey]| change(&ledger, set(&ledger, &[1, 2, 3, 4]), signers);
        assert_eq!(propose(&ledger, &second(&[key(1), key(2)])).await, Err(Code::BadAuthority));
        propose(&ledger, &second(&[key(1), key(2), key(3)])).await.unwrap();
        let third = change(&ledger, set(&ledger, &[1, 3, 4]), &[key(1), key(3), key(4)]);
        let until = propose(&ledger, &third).await.unwrap();
        let gone = ledger.directory(|directory| directory.keys[&key(2).public()].clone());
        assert_eq!((gone.introduced, gone.until), (from, Some(until)));
        let back = change(&ledger, set(&ledger, &[1, 2, 3]), &recovery[..2]);
        assert_eq!(propose(&ledger, &back).await, Err(Code::KeyInUse), "a key that went stays away");

        // An auditor who knows the ledger id alone knows the sets.
        let seqs = ledger.directory(|directory| directory.authority_seqs.clone());
        let records = ledger.reader().authority(&seqs).await.unwrap();
        let authority = AuthorityKeys::from_records(&records).unwrap();
        let names = |size| {
            let (keys, quorum) = authority.witnesses_at(size);
            (keys.into_iter().map(|key| key.name).collect::<Vec<_>>(), quorum)
        };
        assert_eq!(names(from), (vec![], 0));
        assert_eq!(names(from + 1), ([1, 2, 3].map(named).to_vec(), 3));
        assert_eq!(names(until + 1), ([1, 3, 4].map(named).to_vec(), 3));
        let mut skipping = records.clone();
        skipping.remove(2);
        assert!(AuthorityKeys::from_records(&skipping).is_err(), "none can be left out between two");
        ledger.close(true);
        check_whole(&place);
    });
}

#[test]
fn no_key_status_takes_a_witness_away() {
    run(async {
        let place = Place::memory();
        let ledger = place.start().await;
        name_set(&ledger, &[1]).await;
        let payload = serde_json::json!({"key": key(1).public(), "status": "revoked"});
        let event = crate::support::admin(&ledger, "ledger", Kind::KeyStatus, payload);
        assert_eq!(crate::support::appended_codes(&ledger, vec![event]).await, ["wrong-use"]);
        ledger.close(true);
        check_whole(&place);
    });
}

#[test]
fn a_checkpoint_is_kept_once_its_quorum_has_signed() {
    run(async {
        let place = Place::memory();
        let ledger = place.start().await;
        offer(&ledger);
        assert_eq!(cosigns(&ledger, &word(&ledger, 1)), Err(CosignError::NoSet));
        name_set(&ledger, &[1, 2, 3]).await;
        let early = word(&ledger, 1);
        let size = offer(&ledger);
        assert_eq!(cosigns(&ledger, &word(&ledger, 1)), Ok(Progress { size, cosigned: 1, quorum: 3 }));
        assert_eq!(cosigns(&ledger, &word(&ledger, 1)).unwrap().cosigned, 1, "once each");
        assert_eq!(cosigns(&ledger, &word(&ledger, 4)), Err(CosignError::NotInSet(named(4))));
        assert!(cosigns(&ledger, &early).is_ok_and(|p| p.size < size), "an older offer still counts");
        let bare = ledger.witnessing().offers().borrow().as_ref().unwrap().note.to_string();
        assert_eq!(cosigns(&ledger, &bare), Err(CosignError::Missing));
        let other = word(&ledger, 2).replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1);
        assert_eq!(cosigns(&ledger, &other), Err(CosignError::NotOffered));
        let mut forged = Note::parse(word(&ledger, 2).as_bytes()).unwrap();
        forged.signatures.last_mut().unwrap().body[20] ^= 1;
        assert!(matches!(cosigns(&ledger, &forged.to_string()), Err(CosignError::Signature(_))));
        assert!(cosigns(&ledger, "not a note").is_err());
        assert_eq!(cosigns(&ledger, &word(&ledger, 2)).unwrap().cosigned, 2);
        assert_eq!(*ledger.witnessing().cosigned().borrow(), None);
        assert_eq!(verified(&place, Trust::default()).verdict, Verdict::Verified, "nothing was asked for");
        let report = verified(&place, pinned(ledger.id()));
        assert_eq!(report.failures.iter().map(|f| f.code).collect::<Vec<_>>(), ["witness"]);

        assert_eq!(cosigns(&ledger, &word(&ledger, 3)).unwrap().cosigned, 3);
        let cosigned = ledger.witnessing().cosigned().borrow().clone().unwrap();
        assert_eq!(cosigned.size, size);
        ledger.close(false);
        assert_eq!(place.get(COSIGNED).as_deref(), Some(cosigned.note.as_bytes()));
        assert_eq!(place.get("ROOT.txt"), place.get(COSIGNED), "it is the newest");

        let report = verified(&place, pinned(ledger.id()));
        assert_eq!(
            (report.verdict, report.trust),
            (Verdict::Verified, TrustStatus::Witnessed),
            "{report:#?}"
        );
        let witnessed = report.witnessed.unwrap();
        assert_eq!(witnessed.size, size);
        assert_eq!(witnessed.by.iter().map(|by| by.name.clone()).collect::<Vec<_>>(), [1, 2, 3].map(named));

        // A policy of one's own counts its own witnesses alone.
        let policy = |members: &[u8], quorum| Trust {
            ledger: Some(ledger.id()),
            witnesses: members.iter().map(|n| witness_key(&named(*n), key(*n).public())).collect(),
            quorum,
        };
        assert_eq!(verified(&place, policy(&[1, 2], 2)).trust, TrustStatus::Witnessed);
        assert_eq!(verified(&place, policy(&[1, 9], 2)).verdict, Verdict::Failed);
    });
}

#[test]
fn what_was_cosigned_outlives_the_process_and_no_shorter_log_is_opened() {
    run(async {
        let place = Place::memory();
        let ledger = place.start().await;
        name_set(&ledger, &[1]).await;
        let before = place.segments();
        crate::support::recorded(&ledger, crate::support::token(&ledger, "acme", &[1; 32], 1)).await;
        let size = offer(&ledger);
        cosigns(&ledger, &word(&ledger, 1)).unwrap();
        ledger.close(false);

        let reopened = place.open().await;
        assert_eq!(reopened.witnessing().cosigned().borrow().as_ref().unwrap().size, size);
        reopened.close(true);
        let report = verified(&place, pinned(ledger.id()));
        assert_eq!((report.verdict, report.trust), (Verdict::Verified, TrustStatus::Witnessed));
        assert!(report.size > size, "the seal came after it");
        let witnessed = report.witnessed.unwrap();
        assert_eq!((witnessed.size, report.witnessed_tail, report.tail), (size, Some(report.size - size), 0));

        // The log as it was before, its side files with it: only the witnesses know better.
        let older = Place { rows: Place::memory().rows, ..Place::memory() };
        for (first, bytes) in before {
            crate::support::now(older.storage.append(first, 0, &bytes)).unwrap();
        }
        older.put("ROOT.txt", &place.get("ROOT.txt").unwrap());
        older.put(COSIGNED, &place.get(COSIGNED).unwrap());
        assert!(matches!(older.try_open().await, Err(OpenError::Behind { .. })));
        let note = Note::parse(&place.get(COSIGNED).unwrap()).unwrap();
        let damaged = note.to_string().replacen("keys ", "kyes ", 1);
        place.put(COSIGNED, damaged.as_bytes());
        assert!(matches!(place.try_open().await, Err(OpenError::Cosigned(_))));
        assert_eq!(verified(&place, Trust::default()).failures[0].code, "checkpoint");
    });
}

/// The closing seal leaves `ROOT.txt` without cosignatures; a reader who asks for the quorum is still served.
#[test]
fn a_bundle_takes_the_checkpoint_that_has_its_quorum() {
    run(async {
        let place = Place::memory();
        let ledger = place.start().await;
        name_set(&ledger, &[1]).await;
        let node = crate::support::enrol(&place, &ledger, "acme").await;
        let (seq, size) = (ledger.head().borrow().size - 1, offer(&ledger));
        cosigns(&ledger, &word(&ledger, 1)).unwrap();
        // Another key, the end of one that is doubted further back, and a seal: the map of keys is another now.
        crate::support::enrol(&place, &ledger, "acme").await;
        let status =
            serde_json::json!({"key": node.key.public(), "status": "compromised", "suspect_from": 1});
        let event = crate::support::admin(&ledger, "acme", Kind::KeyStatus, status);
        crate::support::recorded(&ledger, event).await;
        ledger.seal().await.unwrap();
        let wanted = Options { trust: pinned(ledger.id()), ..Options::default() };
        let served = ledger::bundle::build(&ledger, seq).await.unwrap();
        let late = ledger.head().borrow().size - 1;
        let newest = ledger::bundle::build(&ledger, late).await.unwrap();
        ledger.close(true);
        let copied = ledger::bundle::from_log(&crate::support::StorageSource(&*place.storage), seq).unwrap();
        assert_eq!(served.to_canonical(), copied.to_canonical());
        let report = verify::verify_bundle(&served.to_canonical(), &wanted);
        assert_eq!((report.verdict, report.size), (Verdict::Verified, size), "{:?}", report.failures);
        assert_eq!(report.trust, TrustStatus::Witnessed);
        // What no quorum covers yet is proved under the ledger's word alone, and a reader who asks for more is told.
        let report = verify::verify_bundle(&newest.to_canonical(), &wanted);
        assert_eq!(report.failures.iter().map(|f| f.code).collect::<Vec<_>>(), ["witness"]);
    });
}

#[test]
fn cosigned_txt_is_what_its_name_says() {
    run(async {
        let place = Place::memory();
        let ledger = place.start().await;
        name_set(&ledger, &[1, 2, 3]).await;
        let size = offer(&ledger);
        for n in 1..=3 {
            cosigns(&ledger, &word(&ledger, n)).unwrap();
        }
        let id = ledger.id();
        ledger.close(true);
        let honest = place.get(COSIGNED).unwrap();
        let codes =
            |trust: Trust| -> Vec<&str> { verified(&place, trust).failures.iter().map(|f| f.code).collect() };
        assert_eq!(codes(pinned(id)), Vec::<&str>::new());
        // Without one line of its quorum, whoever is trusted.
        let mut note = Note::parse(&honest).unwrap();
        note.signatures.pop();
        place.put(COSIGNED, note.to_string().as_bytes());
        assert_eq!(codes(Trust::default()), ["cosigned"]);
        assert_eq!(codes(pinned(id)), ["cosigned", "witness"]);
        // In the place of the other.
        let root = place.get("ROOT.txt").unwrap();
        place.put(COSIGNED, &root);
        place.put("ROOT.txt", &honest);
        assert_eq!(codes(Trust::default()), ["cosigned"]);
        // Newer than `ROOT.txt`, which is written first.
        place.put(COSIGNED, &honest);
        let chain = proofs::proofchain::ProofChain::parse(&place.get("PROOFCHAIN.json").unwrap()).unwrap();
        assert!(chain.seals[0].seq + 1 > size);
        place.put("ROOT.txt", &root);
        assert_eq!(codes(pinned(id)), Vec::<&str>::new());

        // The proof chain alone bears the ledger's lines, whatever lies beside it.
        let bytes = place.get("PROOFCHAIN.json").unwrap();
        let wanted = Options { trust: pinned(id), ..Options::default() };
        let alone =
            |beside: &dyn Fn(&str) -> Option<Vec<u8>>| verify::verify_proofchain(&bytes, beside, &wanted);
        let report = alone(&|_| None);
        assert_eq!(report.failures.iter().map(|f| f.code).collect::<Vec<_>>(), ["witness"]);
        let report = alone(&|name| (name == COSIGNED).then(|| honest.clone()));
        assert_eq!(report.verdict, Verdict::Failed, "it is of a size of which there is no row");
        let mut row = Note::parse(chain.seals[0].checkpoint.as_bytes()).unwrap();
        for n in 1..=3 {
            let line = cosign(&row, &named(n), &key(n), 1_795_293_722);
            row.signatures.push(line);
        }
        let report = alone(&|name| (name == COSIGNED).then(|| row.to_string().into_bytes()));
        assert_eq!((report.verdict, report.trust), (Verdict::Verified, TrustStatus::Witnessed));
        let unpinned = verify::verify_proofchain(&bytes, &|_| None, &Options::default());
        assert_eq!(unpinned.verdict, Verdict::Verified);
        // Missing: a reader who asks for nobody is told that nobody vouches.
        now_without(&place);
    });
}

/// Without `COSIGNED.txt` the log says that there were witnesses, and the report that none is at hand.
fn now_without(place: &Place) {
    let files = Without(crate::support::StorageSource(&*place.storage));
    let report = verify::verify_log(&files, &Options::default(), None, &mut |_| ());
    assert_eq!((report.verdict, report.notes.len()), (Verdict::Verified, 1), "{:?}", report.failures);
    assert_eq!((report.notes[0].code, report.notes[0].file.as_deref()), ("no-quorum", Some(COSIGNED)));
}

/// A store without `COSIGNED.txt`.
struct Without<'a>(crate::support::StorageSource<'a>);

impl verify::Source for Without<'_> {
    fn segments(&self) -> Result<Vec<(u64, u64)>, ledger::fault::Fault> {
        self.0.segments()
    }

    fn segment(&self, first: u64) -> Result<Vec<u8>, ledger::fault::Fault> {
        self.0.segment(first)
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, ledger::fault::Fault> {
        if name == COSIGNED { Ok(None) } else { self.0.document(name) }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, ledger::fault::Fault> {
        self.0.list(folder)
    }
}
