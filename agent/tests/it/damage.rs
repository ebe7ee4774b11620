//! State files that are not as the agent left them: a clear word or a new epoch, never a panic.

use crate::node::{MINUTE, Node};
use crate::world::{Chance, Fault, World};
use spec::Kind;
use std::rc::Rc;
use vaultmesh_agent::chain::drops::DROPS_FILE;
use vaultmesh_agent::chain::spool::{DAMAGED_FILE, SPOOL_FILE};
use vaultmesh_agent::identity::enrol::ENROLMENT_FILE;
use vaultmesh_agent::identity::key::KEY_FILE;
use vaultmesh_agent::session::OpenError;
use vaultmesh_agent::status::Status;
use vaultmesh_agent::trust::memory::CHECKPOINT_FILE;

/// A node with some events delivered and some waiting.
fn used() -> (Rc<World>, Node) {
    let world = World::new();
    let mut node = Node::enrolled(&world, 1);
    assert_eq!(node.live(2 * MINUTE), None);
    world.script(|_, _| Fault::Lost);
    assert_eq!(node.live(2 * MINUTE), None);
    world.script(|_, _| Fault::None);
    (world, node)
}

#[test]
fn key_and_enrolment_are_refused_with_a_clear_word() {
    for (file, damage, expected) in [
        (KEY_FILE, None, "not enrolled"),
        (KEY_FILE, Some(b"".as_slice()), "node.key is damaged"),
        (KEY_FILE, Some(b"{\"format\":\"other\"}"), "node.key is damaged"),
        (ENROLMENT_FILE, None, "not enrolled"),
        (ENROLMENT_FILE, Some(b"{"), "enrolment.json is damaged"),
        (ENROLMENT_FILE, Some(b"\xff\xff\0\0"), "enrolment.json is damaged"),
    ] {
        let (_, mut node) = used();
        node.disk.set(file, damage.map(<[u8]>::to_vec));
        let error = node.open().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(Status::read(&node.disk).unwrap_err().to_string(), error);
    }
}

#[test]
fn a_key_that_was_swapped() {
    let (world, mut node) = used();
    let other = Node::enrolled(&world, 2);
    node.disk.set(KEY_FILE, other.disk.contents(KEY_FILE));
    assert!(matches!(node.open(), Err(OpenError::Mismatch)));
}

#[test]
fn an_enrolment_that_was_edited_does_not_verify() {
    let (_, mut node) = used();
    let text = String::from_utf8(node.disk.contents(ENROLMENT_FILE).unwrap()).unwrap();
    let at = text.find("\"nonce\":\"").unwrap() + 9;
    let mut edited = text.into_bytes();
    edited[at] = if edited[at] == b'0' { b'1' } else { b'0' };
    node.disk.set(ENROLMENT_FILE, Some(edited));
    assert!(node.open().unwrap_err().to_string().contains("enrolment.json is damaged"));
}

#[test]
fn memory_and_count_of_drops_can_be_lost() {
    for (file, damage) in
        [(CHECKPOINT_FILE, None), (CHECKPOINT_FILE, Some(b"{}".to_vec())), (DROPS_FILE, Some(vec![0; 9]))]
    {
        let (world, mut node) = used();
        node.disk.set(file, damage);
        let mut agent = node.open().unwrap();
        assert_eq!(node.run(&mut agent, 2 * MINUTE), None);
        assert_eq!(agent.pending(), 0);
        assert_eq!(agent.memory().checkpoint.size, world.ledger.borrow().size());
    }
}

#[test]
fn a_missing_or_empty_spool_means_a_new_epoch() {
    for damage in [None, Some(Vec::new()), Some(b"\0\0\0\0".to_vec()), Some(b"\n".to_vec())] {
        let (world, mut node) = used();
        node.disk.set(SPOOL_FILE, damage);
        let mut agent = node.open().unwrap();
        assert_eq!(node.run(&mut agent, 2 * MINUTE), None);
        assert_eq!(agent.pending(), 0);
        let ledger = world.ledger.borrow();
        assert_eq!(ledger.log.iter().filter(|e| e.header.kind == Kind::ChainOpen).count(), 1);
        assert_eq!(ledger.problems, [""; 0]);
    }
}

#[test]
fn any_flipped_byte_of_the_spool() {
    let (_, node) = used();
    let whole = node.disk.contents(SPOOL_FILE).unwrap();
    let last_line = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap();
    let mut lost = 0;
    for at in (0..whole.len()).step_by(97).chain(last_line..last_line + 40).chain([whole.len() - 1]) {
        let (world, mut node) = used();
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        node.disk.set(SPOOL_FILE, Some(damaged.clone()));
        let mut agent = node.open().unwrap_or_else(|e| panic!("byte {at}: {e}"));
        assert_eq!(node.run(&mut agent, 3 * MINUTE), None, "byte {at}");
        assert_eq!(agent.pending(), 0, "byte {at}");
        let ledger = world.ledger.borrow();
        assert_eq!(ledger.problems, [""; 0], "byte {at}");
        let opened = ledger.log.iter().filter(|e| e.header.kind == Kind::ChainOpen).count();
        let torn = at == whole.len() - 1;
        assert_eq!(opened, usize::from(!torn), "byte {at} of {}", whole.len());
        if !torn {
            assert_eq!(node.disk.contents(DAMAGED_FILE), Some(damaged), "byte {at}");
        }
        lost += 15_usize.saturating_sub(ledger.log.len());
    }
    assert!(lost < 100, "{lost}: what is whole behind the damage is sent again");
}

#[test]
fn doubt_outlives_a_crash() {
    let (_, node) = used();
    let mut damaged = node.disk.contents(SPOOL_FILE).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for after in 0..12 {
        let (world, mut node) = used();
        node.disk.set(SPOOL_FILE, Some(damaged.clone()));
        node.disk.fail_at(node.disk.operations() + after);
        if let Ok(mut agent) = node.open() {
            let _ = node.run(&mut agent, MINUTE);
        }
        node.disk = node.disk.reboot(&mut Chance::new(after));
        assert_eq!(node.live(3 * MINUTE), None, "{after}");
        let ledger = world.ledger.borrow();
        assert_eq!(ledger.problems, [""; 0], "{after}");
        let opened = ledger.log.iter().filter(|e| e.header.kind == Kind::ChainOpen).count();
        assert!(opened >= 1, "{after}");
    }
}

#[test]
fn status_beside_a_running_agent_changes_nothing() {
    let (_, mut node) = used();
    let agent = node.open().unwrap();
    let before = node.disk.operations();
    let status = Status::read(&node.disk).unwrap();
    assert_eq!(node.disk.operations(), before);
    assert_eq!(status.spool_depth, agent.pending());
    assert_eq!(status.last_seq, Some(agent.next_link().seq - 1));
    assert_eq!(status.last_checkpoint.unwrap().size, agent.memory().checkpoint.size);
}
