//! Commands: who may say what of one, and how far it has come.

use crate::entries::{Fact, at, folded, log, name, node, said, saying, user};
use crate::fleet::fold;
use projections::Projections;
use projections::commands::{BATCH, CommandState, GivenCommand, MAX_COMMANDS, MAX_OUTPUT_BYTES, MAX_SETTLED};
use serde_json::{Value, json};
use spec::{Author, Hash, Kind, Signature};

/// A command by a user to a node, to be carried out within `secs` from the beginning.
pub(crate) fn issue(org: &'static str, by: u16, to: u16, approvals: u64, secs: u64) -> Fact {
    let payload = json!({"action": "issue", "approvals": approvals, "command": "scan",
        "expires_at": at(secs + 1), "node": node(to), "nonce": Hash::ZERO, "not_before": at(0),
        "parameters": {}, "sig": Signature([0; 64])});
    said(user(by), Kind::Command, org, Some(node(to)), payload)
}

fn of_command(
    author: Author,
    kind: Kind,
    org: &'static str,
    payload: Value,
    member: &'static str,
    n: usize,
) -> Fact {
    let mut saying = saying(author, kind, org, None, payload);
    saying.names = Some((member, n));
    Fact::Said(Box::new(saying))
}

/// Approves the nth command of the log.
pub(crate) fn approve(org: &'static str, by: u16, n: usize) -> Fact {
    of_command(user(by), Kind::Command, org, json!({"action": "approve"}), "target", n)
}

pub(crate) fn cancel(org: &'static str, by: u16, n: usize) -> Fact {
    of_command(user(by), Kind::Command, org, json!({"action": "cancel"}), "target", n)
}

/// A node's word on the nth command of the log.
pub(crate) fn receipt(org: &'static str, from: u16, n: usize, state: &str) -> Fact {
    let mut payload = json!({"state": state});
    if state == "refused" {
        payload["code"] = json!("not-allowed");
    }
    of_command(Author::Node(node(from)), Kind::Receipt, org, payload, "command", n)
}

fn first(folds: &Projections) -> &GivenCommand {
    folds.commands().of(&name("acme")).next().unwrap()
}

/// The state of the first command ten seconds after the last entry.
fn state(facts: &[Fact]) -> CommandState {
    let folds = fold(facts);
    first(&folds).state(at(facts.len() as u64 * 10))
}

const LONG: u64 = 1_000_000;

fn ordered(approvals: u64) -> Fact {
    issue("acme", 1, 1, approvals, LONG)
}

#[test]
fn a_command_goes_its_way() {
    let running = receipt("acme", 1, 0, "running");
    for (more, expected) in [
        (vec![], CommandState::Issued),
        (vec![running.clone()], CommandState::Running),
        (vec![running.clone(), receipt("acme", 1, 0, "succeeded")], CommandState::Succeeded),
        (vec![running.clone(), receipt("acme", 1, 0, "failed")], CommandState::Failed),
        (vec![receipt("acme", 1, 0, "refused")], CommandState::Refused),
        (vec![cancel("acme", 1, 0)], CommandState::Cancelled),
        (vec![running.clone(), cancel("acme", 1, 0)], CommandState::Running),
        (vec![cancel("acme", 1, 0), receipt("acme", 1, 0, "succeeded")], CommandState::Succeeded),
        (vec![receipt("acme", 1, 0, "failed"), receipt("acme", 1, 0, "succeeded")], CommandState::Failed),
        (vec![receipt("acme", 1, 0, "failed"), running], CommandState::Failed),
    ] {
        assert_eq!(state(&[&[ordered(0)], &more[..]].concat()), expected, "{more:?}");
    }
}

#[test]
fn only_its_node_says_what_became_of_it() {
    let by_operator = of_command(user(1), Kind::Receipt, "acme", json!({"state": "succeeded"}), "command", 0);
    let facts =
        [ordered(0), receipt("acme", 2, 0, "succeeded"), receipt("beta", 1, 0, "failed"), by_operator];
    assert_eq!(state(&facts), CommandState::Issued);
}

#[test]
fn others_approve_it_each_once() {
    for (approvals, by, expected) in [
        (1, vec![1], CommandState::Issued),
        (1, vec![2], CommandState::Approved),
        (2, vec![2], CommandState::Issued),
        (2, vec![2, 2], CommandState::Issued),
        (2, vec![2, 1, 3], CommandState::Approved),
        (0, vec![2], CommandState::Issued),
    ] {
        let said = by.iter().map(|by| approve("acme", *by, 0));
        let facts: Vec<_> = std::iter::once(ordered(approvals)).chain(said).collect();
        assert_eq!(state(&facts), expected, "{approvals} {by:?}");
        let folds = fold(&facts);
        assert!(first(&folds).approvals.len() as u64 <= approvals);
    }
    let by_node =
        of_command(Author::Node(node(1)), Kind::Command, "acme", json!({"action": "approve"}), "target", 0);
    assert_eq!(state(&[ordered(1), by_node, approve("beta", 2, 0)]), CommandState::Issued);
    assert_eq!(state(&[ordered(1), cancel("acme", 1, 0), approve("acme", 2, 0)]), CommandState::Cancelled);
}

#[test]
fn time_runs_out_without_an_entry() {
    let facts = [issue("acme", 1, 1, 1, 99), approve("acme", 2, 0)];
    let folds = fold(&facts);
    let states = [99, 100].map(|secs| first(&folds).state(at(secs)));
    assert_eq!(states, [CommandState::Approved, CommandState::Expired]);
    // An approval that comes too late is none; a receipt tells what happened, whenever it arrives.
    let late = |fact: Fact| folded(&log(&[(0, issue("acme", 1, 1, 1, 99)), (100, fact)]));
    assert_eq!(first(&late(approve("acme", 2, 0))).approvals, []);
    assert_eq!(first(&late(cancel("acme", 2, 0))).cancelled, None);
    assert_eq!(first(&late(receipt("acme", 1, 0, "succeeded"))).state(at(101)), CommandState::Succeeded);
}

#[test]
fn it_is_found_by_its_hash() {
    let folds = fold(&[ordered(0), issue("beta", 1, 1, 0, LONG)]);
    let given = first(&folds);
    let (org, found) = folds.commands().command(&given.hash).unwrap();
    assert_eq!((org, found), (&name("acme"), given));
    assert_eq!(folds.commands().command(&Hash::ZERO), None);
}

#[test]
fn long_output_is_cut() {
    let output = "ü".repeat(MAX_OUTPUT_BYTES);
    let payload = json!({"state": "succeeded", "output": output, "exit": 0});
    let ended = of_command(Author::Node(node(1)), Kind::Receipt, "acme", payload, "command", 0);
    let folds = fold(&[ordered(0), ended]);
    let ended = first(&folds).ended.as_ref().unwrap();
    assert_eq!((ended.output_cut, ended.receipt.output.as_ref().unwrap().len()), (true, MAX_OUTPUT_BYTES));
}

#[test]
fn the_oldest_that_are_over_are_let_go() {
    let mut facts = vec![ordered(0)];
    facts.extend((0..MAX_SETTLED + 2 * BATCH).map(|_| issue("acme", 1, 2, 0, 10)));
    facts.push(issue("acme", 1, 3, 0, LONG));
    let folds = fold(&facts);
    let seqs: Vec<u64> = folds.commands().of(&name("acme")).map(|given| given.seq).collect();
    let settled = seqs.len() - 2;
    assert!((MAX_SETTLED..MAX_SETTLED + BATCH).contains(&settled), "{settled}");
    let newest = (facts.len() - settled - 1) as u64..facts.len() as u64;
    assert_eq!(seqs, std::iter::once(0).chain(newest).collect::<Vec<_>>(), "what is open stays");
    for given in folds.commands().of(&name("acme")) {
        assert_eq!(folds.commands().command(&given.hash).map(|(_, found)| found.seq), Some(given.seq));
    }

    let facts: Vec<_> = (0..MAX_COMMANDS + 2 * BATCH).map(|_| ordered(0)).collect();
    let folds = fold(&facts);
    let seqs: Vec<u64> = folds.commands().of(&name("acme")).map(|given| given.seq).collect();
    assert!((MAX_COMMANDS..MAX_COMMANDS + BATCH).contains(&seqs.len()), "{}", seqs.len());
    assert_eq!(seqs.last(), Some(&(facts.len() as u64 - 1)));
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "the oldest go");
}

#[test]
fn the_digest_of_version_1_stays_what_it_is() {
    let facts = [
        issue("acme", 1, 1, 2, 100),
        approve("acme", 2, 0),
        receipt("acme", 1, 0, "running"),
        issue("beta", 1, 1, 0, 100),
        receipt("acme", 1, 0, "refused"),
        cancel("beta", 3, 1),
    ];
    let digest = &fold(&facts).digests()["commands"];
    assert_eq!((digest.version, digest.size), (1, 6));
    assert_eq!(digest.digest.to_hex(), "98081d6c8cbe3f7594718d2893c34742b580bebc5d4efb09f160e19b1fa907bb");
}
