//! Roll-outs: wave after wave, for as long as it goes well.

use crate::entries::{Fact, at, entry, name, node, said, scheduled, user};
use projections::Projections;
use projections::rollouts::{OVERDUE_MS, Rollout, RolloutState, RolloutTally, Step};
use serde_json::{Value, json};
use spec::limits::MAX_ROLLOUTS;
use spec::payload::{order_id, order_seed, rollout_place};
use spec::{Author, Hash, Kind, Record, Uuid};

fn id(n: u8) -> Uuid {
    Uuid::v4([n; 16])
}

fn start(n: u8, waves: Value, may_fail: Value) -> Value {
    json!({
        "action": "start", "command": "scan", "id": id(n), "may_fail": may_fail, "name": "r", "parameters": {},
        "pause_secs": 60, "selector": "", "ttl_secs": 600, "waves": waves,
    })
}

/// A log of a roll-out to ten nodes.
#[derive(Default)]
struct Log {
    folds: Projections,
}

impl Log {
    fn apply(&mut self, record: &Record) -> Hash {
        self.folds.apply(record).unwrap();
        // What a snapshot keeps is all there is.
        self.folds = Projections::restore(&self.folds.snapshot()).unwrap();
        record.entry.header.event_hash(&record.entry.sig)
    }

    fn record(&self, secs: u64, author: Author, kind: Kind, payload: Value) -> Record {
        let scheduler = author == Author::Service(name("scheduler"));
        let mut record = entry(self.folds.size(), secs, &said(author, kind, "acme", None, payload));
        record.entry.header.via = scheduler.then(|| scheduled(id(1)));
        let payload = record.payload.as_ref().unwrap();
        record.entry.header.payload_version =
            record.entry.header.kind.payload_version(&payload.json).unwrap();
        record
    }

    fn say(&mut self, secs: u64, author: Author, kind: Kind, payload: Value) -> Hash {
        let record = self.record(secs, author, kind, payload);
        self.apply(&record)
    }

    fn person(&mut self, secs: u64, payload: Value) -> Hash {
        self.say(secs, user(1), Kind::Rollout, payload)
    }

    fn decide(&mut self, secs: u64, more: Value) -> Hash {
        let mut payload = json!({"at": at(secs), "rollout": self.rollout().hash, "wave": 0});
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.say(secs, Author::Service(name("scheduler")), Kind::RolloutWave, payload)
    }

    fn rollout(&self) -> Rollout {
        self.folds.rollouts().iter().next().unwrap().1.clone()
    }

    /// Started, with its nodes chosen.
    fn chosen(waves: Value, may_fail: Value) -> Self {
        let mut log = Self::default();
        log.person(0, start(1, waves, may_fail));
        let mut nodes: Vec<Uuid> = (0..10).map(node).collect();
        nodes.sort();
        assert_eq!(log.rollout().decide(at(1)), Some(Step::Choose));
        log.decide(1, json!({"nodes": nodes, "step": "chosen"}));
        log
    }

    /// Gives the newest wave its commands; each with its node.
    fn order(&mut self, secs: u64) -> Vec<(Uuid, Hash)> {
        let rollout = self.rollout();
        let outstanding: Vec<_> = rollout.outstanding(at(secs)).collect();
        let mut commands = Vec::new();
        for (number, wave, to) in outstanding {
            let seed = order_seed(&wave.hash, to);
            let payload = json!({"action": "issue", "approvals": 0, "command": "scan", "node": to, "nonce": seed,
                "expires_at": wave.expires_at, "not_before": wave.at, "parameters": {},
                "rollout": {"id": id(1), "wave": number}, "sig": spec::Signature([0; 64])});
            let mut record = self.record(secs, Author::Service(name("scheduler")), Kind::Command, payload);
            let own = order_id(wave.at, &seed);
            record.entry.header.id = Uuid::v7(at(secs), [9; 10]);
            self.apply(&record);
            record.entry.position.seq += 1;
            record.entry.header.id = own;
            commands.push((to, self.apply(&record)));
        }
        assert_eq!(self.rollout().outstanding(at(secs)).count(), 0);
        commands
    }

    fn receipt(&mut self, secs: u64, by: Uuid, command: Hash, state: &str) {
        let mut payload = json!({"command": command, "state": state});
        if state == "refused" {
            payload["code"] = json!("expired");
        }
        self.say(secs, Author::Node(by), Kind::Receipt, payload);
    }

    fn tally(&self, wave: u64, secs: u64) -> (u64, u64, u64) {
        let RolloutTally { succeeded, failed, open, .. } = self.rollout().tally(wave, at(secs));
        (succeeded, failed, open)
    }
}

fn waves() -> Value {
    json!([{"count": 1}, {"percent": 50}, {"percent": 100}])
}

#[test]
fn waves_follow_each_other_with_pauses() {
    let mut log = Log::chosen(waves(), json!({"count": 0}));
    let rollout = log.rollout();
    let nodes = rollout.nodes.clone().unwrap();
    assert!(nodes.is_sorted_by_key(|node| rollout_place(&rollout.hash, *node)) && nodes.len() == 10);
    let (mut secs, mut told) = (10, Vec::new());
    for (wave, size) in (0..).zip([1, 4, 5]) {
        assert_eq!(log.rollout().decide(at(secs)), Some(Step::Begin(wave)));
        log.decide(secs, json!({"step": "begun", "wave": wave}));
        assert_eq!(log.tally(wave, secs), (0, 0, size));
        let commands = log.order(secs);
        assert_eq!((commands.len() as u64, log.rollout().decide(at(secs))), (size, None));
        for (node, command) in &commands {
            log.receipt(secs + 1, *node, *command, "running");
            log.receipt(secs + 2, *node, *command, "succeeded");
        }
        told.extend(commands.into_iter().map(|(node, _)| node));
        assert_eq!(log.tally(wave, secs + 2), (size, 0, 0));
        secs += 62;
        if wave < 2 {
            let rollout = log.rollout();
            assert_eq!((rollout.decide(at(secs - 1)), rollout.wakes(at(secs - 1))), (None, Some(at(secs))));
        }
    }
    let mut sorted = (told.clone(), nodes.clone());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1, "each once");
    let Some(Step::Finish(2, tally)) = log.rollout().decide(at(secs)) else { panic!("it is over") };
    assert_eq!((tally.succeeded, tally.failed), (5, 0));
    log.decide(secs, json!({"failed": 0, "step": "finished", "succeeded": 5, "wave": 2}));
    assert_eq!((log.rollout().state(), log.rollout().decide(at(secs))), (RolloutState::Finished, None));
    log.person(secs, json!({"action": "abort", "id": id(1)}));
    assert_eq!(log.rollout().state(), RolloutState::Finished);
}

#[test]
fn too_many_failures_halt_it() {
    // Of five, fifty percent are two.
    for (may_fail, failures, halts) in [
        (json!({"count": 0}), 1, true),
        (json!({"count": 1}), 1, false),
        (json!({"percent": 50}), 2, false),
        (json!({"percent": 50}), 3, true),
    ] {
        let mut log = Log::chosen(json!([{"percent": 50}, {"percent": 100}]), may_fail.clone());
        log.decide(10, json!({"step": "begun"}));
        let commands = log.order(10);
        for (n, (node, command)) in commands.iter().enumerate() {
            let state = if n < failures { ["failed", "refused", "failed"][n] } else { "succeeded" };
            log.receipt(11, *node, *command, state);
        }
        let step = log.rollout().decide(at(600));
        assert_eq!(matches!(step, Some(Step::Halt(0, _))), halts, "{may_fail} {failures}: {step:?}");
        assert_eq!(matches!(step, Some(Step::Begin(1))), !halts, "{may_fail} {failures}");
    }
}

#[test]
fn what_runs_out_or_is_taken_back_has_failed() {
    let mut log = Log::chosen(json!([{"count": 4}, {"percent": 100}]), json!({"count": 3}));
    log.decide(10, json!({"step": "begun"}));
    let commands = log.order(10);
    let (first, second) = (commands[0], commands[1]);
    log.receipt(11, first.0, first.1, "running");
    log.say(12, user(1), Kind::Command, json!({"action": "cancel", "target": second.1}));
    log.say(12, user(1), Kind::Command, json!({"action": "cancel", "target": first.1}));
    // Nobody speaks for another.
    log.receipt(13, first.0, commands[2].1, "succeeded");
    log.receipt(13, commands[3].0, commands[3].1, "succeeded");
    assert_eq!((log.tally(0, 609), log.tally(0, 610)), ((1, 1, 2), (1, 2, 1)));
    let overdue = 610 + OVERDUE_MS / 1000;
    assert_eq!(log.rollout().wakes(at(13)), Some(at(610)));
    assert_eq!(log.rollout().wakes(at(610)), Some(at(overdue)));
    assert_eq!((log.tally(0, overdue - 1), log.tally(0, overdue)), ((1, 2, 1), (1, 3, 0)));
    assert_eq!(log.rollout().decide(at(overdue)), None, "the pause after it");
    assert_eq!(log.rollout().decide(at(overdue + 60)), Some(Step::Begin(1)));
}

#[test]
fn people_hold_it_and_end_it() {
    let mut log = Log::chosen(waves(), json!({"count": 0}));
    log.decide(10, json!({"step": "begun"}));
    log.person(11, json!({"action": "pause", "id": id(1)}));
    assert_eq!((log.rollout().state(), log.rollout().outstanding(at(11)).count()), (RolloutState::Paused, 0));
    assert_eq!((log.rollout().decide(at(9000)), log.rollout().wakes(at(12))), (None, None));
    log.person(12, json!({"action": "resume", "id": id(1)}));
    assert_eq!(log.rollout().outstanding(at(12)).count(), 1);
    // For whom the time is over, there is no command.
    assert_eq!(log.rollout().outstanding(at(610)).count(), 0);
    assert!(matches!(log.rollout().decide(at(610)), Some(Step::Halt(0, _))));
    log.person(13, json!({"action": "abort", "id": id(1)}));
    assert_eq!(
        (log.rollout().state(), log.rollout().outstanding(at(13)).count()),
        (RolloutState::Aborted, 0)
    );
    let before = log.rollout();
    log.person(14, json!({"action": "resume", "id": id(1)}));
    log.decide(14, json!({"step": "begun", "wave": 1}));
    log.person(15, start(1, waves(), json!({"count": 9})));
    assert_eq!(log.rollout(), before);
}

/// Started by the first user, to be approved by as many others within ten minutes.
fn waiting(approvals: u64) -> Log {
    let mut plan = start(1, waves(), json!({"count": 0}));
    plan["approvals"] = json!(approvals);
    plan["approve_by"] = json!(at(600));
    let mut log = Log::default();
    log.person(0, plan);
    log
}

impl Log {
    fn approve(&mut self, secs: u64, author: Author) -> u64 {
        let target = self.rollout().hash;
        self.say(secs, author, Kind::Rollout, json!({"action": "approve", "id": id(1), "target": target}));
        self.rollout().lacks()
    }
}

#[test]
fn no_wave_begins_before_others_have_approved_it() {
    let mut log = waiting(2);
    assert_eq!(log.approve(1, user(2)), 2, "nobody knows for which nodes");
    assert_eq!(
        (log.rollout().state(), log.rollout().decide(at(1))),
        (RolloutState::Waiting, Some(Step::Choose))
    );
    log.decide(1, json!({"nodes": [node(1)], "step": "chosen"}));
    assert_eq!((log.rollout().decide(at(2)), log.rollout().wakes(at(2))), (None, Some(at(600))));
    log.decide(2, json!({"step": "begun"}));
    assert!(log.rollout().waves.is_empty(), "it lacks approvals");
    for author in [user(1), Author::Node(node(1)), Author::Import(name("file"))] {
        assert_eq!(log.approve(3, author.clone()), 2, "{author}");
    }
    let another = json!({"action": "approve", "id": id(1), "target": Hash::ZERO});
    log.say(3, user(2), Kind::Rollout, another);
    assert_eq!((log.approve(4, user(2)), log.approve(5, user(2))), (1, 1));
    log.person(6, json!({"action": "pause", "id": id(1)}));
    assert_eq!(log.approve(599, Author::Token(id(7))), 0);
    assert_eq!((log.rollout().state(), log.rollout().decide(at(700))), (RolloutState::Paused, None));
    log.person(701, json!({"action": "resume", "id": id(1)}));
    assert_eq!(log.rollout().decide(at(702)), Some(Step::Begin(0)));
    log.decide(702, json!({"step": "expired"}));
    assert_eq!(log.rollout().state(), RolloutState::Running, "it was approved in time");
    log.decide(703, json!({"step": "begun"}));
    assert_eq!(log.order(703).len(), 1);
    assert_eq!(log.approve(704, user(3)), 0);
    assert_eq!(log.rollout().approvals.len(), 2, "one that lacks none takes none");
}

#[test]
fn what_is_not_approved_in_time_is_over() {
    let mut log = waiting(1);
    log.person(1, json!({"action": "pause", "id": id(1)}));
    assert_eq!(log.rollout().decide(at(2)), Some(Step::Choose), "so that it can be approved");
    log.decide(2, json!({"nodes": [node(1)], "step": "chosen"}));
    assert_eq!((log.rollout().decide(at(599)), log.rollout().decide(at(600))), (None, Some(Step::Expire)));
    log.decide(599, json!({"step": "expired"}));
    assert_eq!(log.rollout().state(), RolloutState::Waiting, "there is time left");
    assert_eq!(log.approve(600, user(2)), 1, "too late, whether or not it was said");
    log.decide(600, json!({"step": "expired"}));
    assert_eq!((log.rollout().state(), log.rollout().decide(at(601))), (RolloutState::Expired, None));
    assert_eq!(log.rollout().wakes(at(601)), None);
    assert_eq!(log.approve(602, user(2)), 1);
    // One that needs nobody does not run out.
    let mut log = Log::chosen(waves(), json!({"count": 0}));
    log.decide(9000, json!({"step": "expired"}));
    assert_eq!(log.approve(9001, user(2)), 0);
    assert_eq!((log.rollout().state(), log.rollout().approvals.len()), (RolloutState::Running, 0));
}

#[test]
fn what_does_not_follow_is_no_decision() {
    let mut log = Log::chosen(waves(), json!({"count": 0}));
    let before = log.rollout();
    log.decide(10, json!({"nodes": [], "step": "chosen"}));
    log.decide(10, json!({"step": "begun", "wave": 1}));
    log.decide(10, json!({"rollout": Hash::ZERO, "step": "begun"}));
    let payload = json!({"at": at(10), "rollout": before.hash, "step": "begun", "wave": 0});
    log.say(10, user(1), Kind::RolloutWave, payload);
    assert_eq!(log.rollout(), before);
    let nobody = {
        let mut log = Log::default();
        log.person(0, start(1, waves(), json!({"count": 0})));
        log.decide(1, json!({"nodes": [], "step": "chosen"}));
        log.rollout().decide(at(2))
    };
    assert_eq!(nobody, Some(Step::Finish(0, RolloutTally::default())));
    let mut log = Log::default();
    for n in 0..=u8::try_from(MAX_ROLLOUTS).unwrap() {
        log.person(0, start(n, waves(), json!({"count": 0})));
    }
    assert_eq!(log.folds.rollouts().iter().count(), MAX_ROLLOUTS);
}

/// Roll-outs for logs of everything.
pub(crate) fn started(org: &'static str, n: u8) -> Fact {
    said(user(1), Kind::Rollout, org, None, start(n, waves(), json!({"count": 0})))
}

pub(crate) fn ended(org: &'static str, n: u8) -> Fact {
    said(user(1), Kind::Rollout, org, None, json!({"action": "abort", "id": id(n)}))
}

#[test]
fn the_digest_of_version_1_stays_what_it_is() {
    let mut log = Log::chosen(waves(), json!({"percent": 5}));
    log.decide(10, json!({"step": "begun"}));
    for (node, command) in log.order(10) {
        log.receipt(11, node, command, "failed");
    }
    log.decide(12, json!({"failed": 1, "step": "halted", "succeeded": 0}));
    let digest = &log.folds.digests()["rollouts"];
    assert_eq!(digest.version, 1);
    assert_eq!(digest.digest.to_hex(), "6fa95b648ba21a93e5c8a5862ce8ce1b03623cc4300a249a5b99988f48b5ead9");
}

/// What version 2 of the payloads brought is an addition: the fold's rules for the first stay, and so does its version.
#[test]
fn the_digest_with_an_approval_stays_what_it_is() {
    let mut log = waiting(2);
    log.decide(1, json!({"nodes": [node(1)], "step": "chosen"}));
    log.approve(3, user(2));
    log.decide(600, json!({"step": "expired"}));
    let digest = &log.folds.digests()["rollouts"];
    assert_eq!(digest.version, 1);
    assert_eq!(digest.digest.to_hex(), "ccb7700c55fa73d2d2651cb482f4ff76adf0e8a99ef0446be44ccab3bed504bd");
}
