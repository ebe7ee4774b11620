//! Commands in a simulated world: refused for their own reason, and carried out once through every power cut.

use crate::node::{Agent, Node};
use crate::world::{Chance, World};
use proofs::SigningKey;
use spec::payload::{CommandOrder, command_bytes};
use spec::{Hash, Timestamp, Uuid};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use vaultmesh_agent::control::commander::{Commander, Worker};
use vaultmesh_agent::control::policy::Policy;
use vaultmesh_agent::control::work::Done;
use vaultmesh_agent::scan;
use vaultmesh_agent::scan_schedule::ScanSchedule;

/// What becomes of an order before or after it is signed.
type Change = fn(&mut CommandOrder);

/// Long enough for what has begun to be over and for its receipt to be sent.
const A_WHILE: Duration = Duration::from_secs(70);

fn id(seed: u64) -> Uuid {
    Uuid::v4([u8::try_from(seed % 256).unwrap(); 16])
}

/// A worker that counts what it carries out.
pub(crate) fn counting(count: &Arc<AtomicUsize>) -> Worker {
    let count = Arc::clone(count);
    Arc::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Done::saying(true, "done")
    })
}

pub(crate) fn obeying(node: &mut Node, worker: Worker) -> Agent {
    let mut agent = node.open().unwrap();
    agent.obey(node.world.now(), Commander::new(Policy::default(), None).working(worker)).unwrap();
    agent
}

/// Looks at what a thread does until it is far enough. A worker has a thread of its own, in real time, which may not
/// get a processor for seconds on a machine that has more to do: the pauses grow, to five minutes in all.
pub(crate) fn looks() -> impl Iterator<Item = ()> {
    (0..316).map(|n| std::thread::sleep(Duration::from_millis(6 * n)))
}

/// Lets an agent live until a command's receipts are as wanted.
pub(crate) fn until(node: &Node, agent: &mut Agent, command: &Hash, wanted: &[&str]) {
    for () in looks() {
        assert_eq!(node.run(agent, A_WHILE), None);
        if node.world.ledger.borrow().receipts(command) == wanted {
            return;
        }
    }
    panic!("{:?} in place of {wanted:?}", node.world.ledger.borrow().receipts(command));
}

#[test]
fn each_is_refused_for_its_own_reason_and_once() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    let count = Arc::new(AtomicUsize::new(0));
    let mut agent = obeying(&mut node, counting(&count));
    let unchanged: Change = |_| {};
    let cases: [(&str, Change, Change); 8] = [
        ("bad-signature", unchanged, |order| order.command = "reboot".parse().unwrap()),
        ("bad-signature", unchanged, |order| {
            let stranger = SigningKey::from_seed(&[7; 32]);
            order.sig = stranger.sign(&command_bytes(order, &Hash::ZERO));
        }),
        ("wrong-node", |order| order.node = id(2), unchanged),
        (
            "expired",
            |order| order.expires_at = Timestamp::from_millis(order.not_before.millis() + 1),
            unchanged,
        ),
        ("not-approved", |order| order.approvals = 1, unchanged),
        ("unknown-command", |order| order.command = "reboot".parse().unwrap(), unchanged),
        ("not-listed", |order| order.command = "service-restart".parse().unwrap(), unchanged),
        (
            "bad-parameters",
            |order| drop(order.parameters.insert("unit".parse().unwrap(), "x".to_owned())),
            unchanged,
        ),
    ];
    for (code, before, after) in cases {
        let command = world.ledger.borrow_mut().order(id(1), before, after);
        until(&node, &mut agent, &command, &[code]);
    }
    // What is delivered again and again is refused once.
    world.ledger.borrow_mut().insists = true;
    assert_eq!(node.run(&mut agent, A_WHILE * 10), None);
    let receipts = |kind| world.ledger.borrow().log.iter().filter(|e| e.header.kind == kind).count();
    assert_eq!((receipts(spec::Kind::Receipt), count.load(Ordering::SeqCst)), (8, 0));
}

#[test]
fn what_is_in_order_is_carried_out_when_its_time_comes_and_once() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    let count = Arc::new(AtomicUsize::new(0));
    let mut agent = obeying(&mut node, counting(&count));
    let command = world.ledger.borrow_mut().order(
        id(1),
        |order| {
            order.not_before = Timestamp::from_millis(order.not_before.millis() + 300_000);
            order.expires_at = Timestamp::from_millis(order.not_before.millis() + 86_400_000);
        },
        |_| {},
    );
    assert_eq!(node.run(&mut agent, Duration::from_secs(280)), None);
    assert_eq!(count.load(Ordering::SeqCst), 0, "its time has not come");
    until(&node, &mut agent, &command, &["running", "succeeded"]);
    // The same nonce in another command.
    let again = world.ledger.borrow_mut().order(id(1), |order| order.nonce = Hash([1; 32]), |_| {});
    for _ in 0..20 {
        assert_eq!(node.run(&mut agent, A_WHILE), None);
    }
    assert_eq!(world.ledger.borrow().receipts(&again), ["replayed"]);
    // The same command, delivered again though its receipt was taken.
    world.ledger.borrow_mut().insists = true;
    until(&node, &mut agent, &command, &["running", "succeeded", "replayed"]);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn what_a_kill_cuts_off_has_failed_and_is_not_begun_again() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    let count = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&count);
    let (begins, begun) = mpsc::channel();
    let endless: Worker = Arc::new(move |_| {
        counts.fetch_add(1, Ordering::SeqCst);
        begins.send(()).unwrap();
        loop {
            std::thread::park();
        }
    });
    let mut agent = obeying(&mut node, endless);
    let command = world.ledger.borrow_mut().order(id(1), |_| {}, |_| {});
    until(&node, &mut agent, &command, &["running"]);
    // "Running" is said before the thread has a processor.
    begun.recv().unwrap();
    drop(agent);
    let mut agent = obeying(&mut node, counting(&count));
    until(&node, &mut agent, &command, &["running", "failed"]);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn nothing_is_carried_out_on_a_damaged_memory() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    let count = Arc::new(AtomicUsize::new(0));
    let mut agent = obeying(&mut node, counting(&count));
    let command = world.ledger.borrow_mut().order(id(1), |_| {}, |_| {});
    until(&node, &mut agent, &command, &["running", "succeeded"]);
    drop(agent);
    node.disk.set("orders.json", Some(b"{}".to_vec()));
    let mut agent = node.open().unwrap();
    let commander = Commander::new(Policy::default(), None).working(counting(&count));
    let error = agent.obey(world.now(), commander).unwrap_err();
    assert!(error.to_string().contains("orders.json is damaged"), "{error}");
}

/// Once, through a power cut at every operation of the disk: it may not be carried out at all, and is then said to
/// have failed; it is never carried out twice.
#[test]
fn a_power_cut_at_any_moment_does_not_carry_out_twice() {
    for operation in 0..120 {
        let world = World::new();
        let mut node = Node::enrolled(&world, operation);
        let count = Arc::new(AtomicUsize::new(0));
        let command = world.ledger.borrow_mut().order(id(operation), |_| {}, |_| {});
        node.disk.fail_at(node.disk.operations() + operation);
        if let Ok(mut agent) = node.open() {
            let commander = Commander::new(Policy::default(), None).working(counting(&count));
            if agent.obey(world.now(), commander).is_ok() {
                for _ in 0..4 {
                    let _ = node.run(&mut agent, A_WHILE);
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        node.disk = node.disk.reboot(&mut Chance::new(operation));
        let world = Rc::clone(&node.world);
        let mut agent = obeying(&mut node, counting(&count));
        let ended = |world: &World| {
            let receipts = world.ledger.borrow().receipts(&command);
            receipts.iter().any(|word| word == "succeeded" || word == "failed")
        };
        for () in looks() {
            assert_eq!(node.run(&mut agent, A_WHILE), None);
            if ended(&world) {
                break;
            }
        }
        assert!(ended(&world), "operation {operation}");
        assert!(count.load(Ordering::SeqCst) <= 1, "operation {operation}: carried out twice");
    }
}

#[test]
fn a_scan_that_is_ordered_is_an_event_and_its_receipt_says_how_it_went() {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    let root = tempfile::tempdir().unwrap();
    let mut agent = obeying(&mut node, Arc::new(|_| panic!("a scan is no task for a worker")));
    let options = scan::Options { root: root.path().to_owned(), ..scan::Options::default() };
    agent.scan_by(ScanSchedule::new(options, 0, world.now()));
    let command = world.ledger.borrow_mut().order(id(1), |_| {}, |_| {});
    until(&node, &mut agent, &command, &["running", "succeeded"]);
    let scans =
        world.ledger.borrow().log.iter().filter(|event| event.header.kind == spec::Kind::Scan).count();
    assert_eq!(scans, 1);
}
