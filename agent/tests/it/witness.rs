//! A witness signs one history, whatever happens to its machine and whatever it is shown; and a node obeys only under
//! the quorum of witnesses it knows of.

use crate::ledger::Ledger;
use crate::node::Node;
use crate::world::{Chance, SimDisk, World, start};
use proofs::SigningKey;
use proofs::checkpoint::Checkpoint;
use proofs::equivocation::Equivocation;
use spec::{Name, Uuid};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use vaultmesh_agent::disk::Disk as _;
use vaultmesh_agent::network::{Network, NetworkError, Request, Response};
use vaultmesh_agent::trust::authority::Authority;
use vaultmesh_agent::trust::memory::EQUIVOCATION_FILE;
use vaultmesh_agent::trust::witness::{
    Caught, Round, WITNESS_FILE, WITNESS_KEY_FILE, Witness, WitnessError, WitnessIdentity,
};

/// The ledger, without a way between.
struct Door(Rc<RefCell<Ledger>>);

impl Network for Door {
    async fn send(&self, request: Request) -> Result<Response, NetworkError> {
        Ok(self.0.borrow_mut().handle(&request))
    }
}

/// The value of a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}

fn name() -> Name {
    "auditor.example".parse().unwrap()
}

fn ledger_with(identity: &WitnessIdentity) -> Rc<RefCell<Ledger>> {
    let mut ledger = Ledger::new(start());
    ledger.name_witnesses(vec![(identity.name.to_string(), identity.key.clone())]);
    Rc::new(RefCell::new(ledger))
}

fn identity(disk: &SimDisk, seed: u64) -> Result<WitnessIdentity, WitnessError> {
    WitnessIdentity::load_or_make(disk, &name(), &mut Chance::new(seed))
}

/// One look at the ledger, from what is on the disk.
fn look(disk: &SimDisk, ledger: &Rc<RefCell<Ledger>>) -> Result<Result<Round, Caught>, WitnessError> {
    let identity = WitnessIdentity::load(disk)?.ok_or(WitnessError::Damaged)?;
    let door = Door(Rc::clone(ledger));
    let id = ledger.borrow().id;
    now(async {
        let authority = Witness::<SimDisk>::authority_of(&id, &door).await.unwrap();
        let mut witness = Witness::open(disk.clone(), identity, authority)?;
        Ok(witness.round(&door, 0, start).await)
    })
}

/// No two texts of one size were signed, and each extends the ones before.
fn assert_one_history(ledger: &Ledger) {
    let mut by_size: BTreeMap<u64, &str> = BTreeMap::new();
    for (text, _) in &ledger.cosigned {
        let size = Checkpoint::parse(text).unwrap().size;
        assert_eq!(*by_size.entry(size).or_insert(text), text);
    }
    let sizes: Vec<u64> =
        ledger.cosigned.iter().map(|(text, _)| Checkpoint::parse(text).unwrap().size).collect();
    assert!(sizes.is_sorted(), "{sizes:?}");
}

#[test]
fn power_fails_at_every_operation_of_a_witness() {
    let scenario = |fails: Option<u64>| {
        let disk = SimDisk::default();
        let made = identity(&disk, 1).unwrap();
        let ledger = ledger_with(&made);
        let fork = Rc::new(RefCell::new(ledger.borrow().clone()));
        let first = disk.operations();
        if let Some(operation) = fails {
            disk.fail_at(first + operation);
        }
        for n in 0..4 {
            ledger.borrow_mut().grow(&format!("entry {n}"));
            if disk.is_dead() {
                break;
            }
            let _ = look(&disk, &ledger);
        }
        (disk.operations() - first, disk, ledger, fork)
    };
    let (operations, _, ledger, _) = scenario(None);
    assert_eq!(ledger.borrow().cosigned.len(), 4);
    assert!(operations > 20, "{operations}");
    for operation in 0..operations {
        let (_, disk, ledger, fork) = scenario(Some(operation));
        assert!(disk.is_dead());
        let disk = disk.reboot(&mut Chance::new(operation));
        // Whatever left the witness binds it: another history finds no signature.
        for n in 0..6 {
            fork.borrow_mut().grow(&format!("another history {n}"));
        }
        let shown = look(&disk.copy(), &fork).unwrap();
        let bound = !ledger.borrow().cosigned.is_empty();
        assert!(!bound || shown.is_err(), "operation {operation}: {shown:?}");
        ledger.borrow_mut().grow("after the cut");
        let size = ledger.borrow().size();
        let round = look(&disk, &ledger).unwrap_or_else(|e| panic!("operation {operation}: {e}")).unwrap();
        assert_eq!(round, Round::Signed { size, cosigned: 1, quorum: 1 }, "operation {operation}");
        assert_one_history(&ledger.borrow());
    }
}

#[test]
fn a_key_is_made_whole_or_not_at_all() {
    let whole = SimDisk::default();
    identity(&whole, 1).unwrap();
    for operation in 0..whole.operations() {
        let disk = SimDisk::default();
        disk.fail_at(operation);
        let made = identity(&disk, 1);
        let disk = disk.reboot(&mut Chance::new(operation));
        let again = identity(&disk, 2).unwrap();
        if let Ok(made) = made {
            assert_eq!(made.key.public(), again.key.public(), "operation {operation}");
        }
        look(&disk, &ledger_with(&again)).unwrap().unwrap();
    }
}

#[test]
fn a_witness_that_has_lost_its_memory_signs_nothing() {
    let disk = SimDisk::default();
    let made = identity(&disk, 1).unwrap();
    let ledger = ledger_with(&made);
    look(&disk, &ledger).unwrap().unwrap();
    let memory = disk.contents(WITNESS_FILE);
    disk.set(WITNESS_FILE, None);
    assert!(matches!(look(&disk, &ledger), Err(WitnessError::NoMemory)));
    disk.set(WITNESS_FILE, Some(b"{\"note\":\"x\"}".to_vec()));
    assert!(matches!(look(&disk, &ledger), Err(WitnessError::Memory(_))));
    disk.set(WITNESS_FILE, memory);
    let key = disk.contents(WITNESS_KEY_FILE);
    for bad in [&b""[..], b"{}", b"{\"format\":\"other\",\"name\":\"a\",\"seed\":\"00\"}"] {
        disk.set(WITNESS_KEY_FILE, Some(bad.to_vec()));
        assert!(matches!(look(&disk, &ledger), Err(WitnessError::Damaged)));
    }
    disk.set(WITNESS_KEY_FILE, key);
    assert!(look(&disk, &ledger).unwrap().is_ok());
}

#[test]
fn two_histories_get_one_signature_and_the_file_proves_it() {
    let disk = SimDisk::default();
    let made = identity(&disk, 1).unwrap();
    let ledger = ledger_with(&made);
    let fork = Rc::new(RefCell::new(ledger.borrow().clone()));
    for n in 0..5 {
        ledger.borrow_mut().grow(&format!("one history {n}"));
        look(&disk, &ledger).unwrap().unwrap();
    }
    // The same length, longer, and shorter than what was signed.
    for more in [5, 9, 2] {
        let (disk, fork) = (disk.copy(), Rc::new(RefCell::new(fork.borrow().clone())));
        for n in 0..more {
            fork.borrow_mut().grow(&format!("another history {n}"));
        }
        let caught = look(&disk, &fork).unwrap();
        assert!(caught.is_err(), "{more}: {caught:?}");
        assert!(fork.borrow().cosigned.is_empty());
        let file = Equivocation::parse(&disk.contents(EQUIVOCATION_FILE).unwrap()).unwrap();
        let authority = Authority::verify(&fork.borrow().id, &file.authority).unwrap();
        let proved = file.verify(&authority.checkpoint_keys());
        assert!(proved.is_ok(), "{more}: {proved:?}");
    }
    assert!(disk.len(EQUIVOCATION_FILE).unwrap().is_none());
}

#[test]
fn who_is_not_named_follows_and_does_not_sign() {
    let disk = SimDisk::default();
    identity(&disk, 1).unwrap();
    let stranger = WitnessIdentity { name: name(), key: SigningKey::from_seed(&[9; 32]) };
    let ledger = ledger_with(&stranger);
    let size = ledger.borrow().size();
    assert_eq!(look(&disk, &ledger).unwrap().unwrap(), Round::Watched(size));
    assert!(ledger.borrow().cosigned.is_empty());
    // What it followed without a say binds it all the same.
    let fork = Rc::new(RefCell::new(Ledger::new(start())));
    fork.borrow_mut().name_witnesses(vec![(name().to_string(), SigningKey::from_seed(&[8; 32]))]);
    assert!(look(&disk, &fork).unwrap().is_err());
}

#[test]
fn commands_are_obeyed_under_the_quorum_alone() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    let witnesses: Vec<(String, SigningKey)> =
        (1..=3).map(|n| (format!("w{n}.example"), SigningKey::from_seed(&[n; 32]))).collect();
    world.ledger.borrow_mut().name_witnesses(witnesses);
    let mut agent = crate::commands::obeying(&mut node, crate::commands::counting(&Arc::default()));
    let id = Uuid::v4([1; 16]);
    let good = world.ledger.borrow_mut().order(id, |_| {}, |_| {});
    crate::commands::until(&node, &mut agent, &good, &["running", "succeeded"]);
    world.ledger.borrow_mut().lacks_quorum = true;
    let bad = world.ledger.borrow_mut().order(id, |_| {}, |_| {});
    crate::commands::until(&node, &mut agent, &bad, &["not-witnessed"]);
}
