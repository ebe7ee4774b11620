//! What the service would say, for every command that shows a table or a card.

mod billing;
mod service_status;

use crate::api::{Names, read};
use crate::commands::{
    attention, bisect, contexts, doctor, enroll, findings, incidents, init, keys, logs, members, nodes,
    orders, orgs, policies, rollouts, schedules, status, tokens, verify, webhooks, witness,
};
use crate::output::Look;
use ledger::verify::{Check, CheckStatus};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use service_status::{signed_in, status};
use spec::payload::{Witness, WitnessSet};
use spec::{Hash, PublicKey, Signature, Uuid};

/// What a command writes for people.
pub(super) type Shown = fn(&Look) -> String;

/// What a command shows of a sample.
#[expect(clippy::too_many_lines, reason = "a row for each command")]
pub(super) fn of(path: &str) -> Option<Shown> {
    Some(match path {
        "attention explain" => |look| attention::explained(&typed(node(1)), look),
        "attention list" => |look| {
            attention::listed(&[typed(node(1))], &[typed(finding_group(1)), typed(finding_group(2))], look)
        },
        "attention rehearse" => |look| attention::rehearsed(&difference(), look),
        "bisect" => |look| bisect::TURN.text(&turn(), look),
        "commands issue" | "commands show" => |look| orders::shown(&typed(command(1)), look),
        "commands list" => |look| orders::COMMANDS.text(&[typed(command(1)), typed(command(2))], look),
        "contexts list" => |look| contexts::CONTEXTS.text(&signed_in(), look),
        "doctor" => |look| doctor::FOUND.text(&doctor::of_service(&typed(status(false)), super::now()), look),
        "enroll list" => |look| enroll::TOKENS.text(&typed::<Vec<_>>(enrolments()), look),
        "enroll token" => |look| {
            let token = format!("vm1.{}.{}", hash(1), hash(2));
            let made = json!({"expires_at": "2026-11-30T13:00:00.000Z", "token": token, "token_id": hash(3)});
            enroll::CREATED.text(&typed(made), look)
        },
        "events" | "logs view" => |look| logs::ENTRIES.text(&[typed(entry(41)), typed(entry(42))], look),
        "findings" => |look| {
            let each = findings::FINDINGS.text(&[typed(finding("critical")), typed(finding("low"))], look);
            let groups = findings::GROUPS.text(&[typed(finding_group(1)), typed(finding_group(2))], look);
            format!("{each}\n$ ledger findings --grouped\n{groups}")
        },
        "findings accepted" => {
            |look| findings::ACCEPTED.text(&[typed(acceptance(1)), typed(acceptance(2))], look)
        }
        "incidents ack" => |look| {
            let acked = json!({"by": by(), "until": "2026-11-30T16:53:00.000Z", "band": "ATTN"});
            incidents::acked_line(hash(0x5c), Some(&typed(acked)), look)
        },
        "incidents list" => |look| incidents::INCIDENTS.text(&[typed(incident(1)), typed(incident(2))], look),
        "incidents show" => |look| {
            let one = incidents::shown(&typed(incident(1)), &[], look);
            format!(
                "{one}\n$ ledger incidents show # a posture\n{}",
                incidents::shown(&typed(posture()), &[typed(accepted_finding())], look)
            )
        },
        "incidents silences" => |look| incidents::SILENCES.text(&[typed(silence())], look),
        "init" => |look| init::MADE.text(&made(), look),
        "invoice draft" | "invoice list" | "invoice show" | "invoice verify" | "prices list" | "usage" => {
            billing::of(path)?
        }
        "keys introduce" => |look| keys::INTRODUCED.text(&introduced(), look),
        "keys revoke" => |_| keys::revoked_line(&typed(key(2))),
        "keys show" => |look| keys::KEYS.text(&[typed(key(1)), typed(key(2))], look),
        "logs stats" => |look| logs::TALLIES.text(&tallies(), look),
        "members grant" => |_| members::granted_line(&typed(role(None))),
        "members invitations" => |look| {
            let open = json!({"expires_at": "2026-12-07T12:00:00.000Z", "id": uuid(5), "role": "viewer"});
            members::INVITATIONS.text(&[typed(open)], look)
        },
        "members invite" => |look| {
            let made = json!({"expires_at": "2026-12-07T12:00:00.000Z", "id": uuid(5),
                "invitation": format!("vmi1.{}.{}", uuid(5), hash(2))});
            members::INVITED.text(&typed(made), look)
        },
        "members list" => |look| members::MEMBERS.text(&[typed(role(None)), typed(role(Some(6)))], look),
        "orgs create" | "orgs rename" | "orgs resume" => |look| orgs::line(&typed(org(false)), look),
        "orgs list" => |look| orgs::ORGS.text(&[typed(org(false)), typed(org(true))], look),
        "orgs suspend" => |look| orgs::line(&typed(org(true)), look),
        "nodes list" => |look| nodes::NODES.text(&[typed(node(1)), typed(node(2)), typed(node(3))], look),
        "nodes show" => |look| nodes::shown(&typed(node(1)), look),
        "policies assign" | "policies withdraw" => |_| {
            let told = json!([
                {"command": hash(7), "node_id": uuid(1)},
                {"failed": "forbidden: not you", "node_id": uuid(2)},
            ]);
            policies::lines("assigned policy 0b0b0b0b: 0c0c0c0c", Some(&typed::<Vec<_>>(told)), &names())
        },
        "policies list" => |look| policies::POLICIES.text(&[typed(policy(true)), typed(policy(false))], look),
        "policies show" => |look| {
            let of_node = policies::OF_NODE.text(&typed(node_policy()), look);
            let answer = json!({"policy": hash(0x0b), "document": document()});
            format!("{of_node}\n{}", policies::shown(&typed(answer), look))
        },
        "rollouts list" => |look| rollouts::ROLLOUTS.text(&[typed(rollout(1)), typed(rollout(2))], look),
        "rollouts show" => |look| rollouts::shown(&typed(rollout(1)), look),
        "rollouts start" => |look| {
            let started =
                json!({"id": uuid(5), "org": "acme", "seq": 7, "approve_by": "2026-12-01T12:00:00.000Z"});
            rollouts::started_line("libc", &typed(started), look)
        },
        "schedules list" => |look| schedules::SCHEDULES.text(&[typed(schedule(1)), typed(schedule(2))], look),
        "schedules show" => |look| schedules::shown(&typed(schedule(1)), look),
        "status" => |look| {
            let at = |ready| (typed(status(ready)), super::now());
            let (well, ill) = (status::STATUS.text(&at(true), look), status::STATUS.text(&at(false), look));
            format!("{well}\n$ ledger status # of a service that is not well\n{ill}")
        },
        "tokens create" => |look| {
            let token = format!("vmt1.{}.{}", uuid(8), hash(2));
            tokens::CREATED.text(&typed(json!({"token": token, "id": uuid(8)})), look)
        },
        "tokens list" => |look| tokens::TOKENS.text(&typed::<Vec<_>>(api_tokens()), look),
        "verify" => |look| verify::CHECKS.text(&checks(), look),
        "webhooks create" => |look| {
            let made = json!({"id": uuid(9), "org": "acme", "secret": "whsec_AAAA", "types": ["incident.opened"],
                "url": "https://hooks.example/x"});
            webhooks::CREATED.text(&typed(made), look)
        },
        "webhooks list" => |look| webhooks::WEBHOOKS.text(&[typed(webhook())], look),
        "witness add" | "witness remove" | "witness submit" => |look| {
            witness::witnesses_of(&witness_set(), "Since entry 9 the ledger names these witnesses:", look)
        },
        "witness list" => |look| witness::listed(&typed(witnesses(2)), look),
        _ => return None,
    })
}

/// What a list shows that has nothing in it.
pub(super) fn nothing(path: &str) -> Option<Shown> {
    Some(match path {
        "attention explain" => |look| attention::explained(&typed(node(3)), look),
        "attention list" => |look| attention::listed(&[], &[], look),
        "attention rehearse" => {
            |look| attention::rehearsed(&projections::rehearsal::Difference::default(), look)
        }
        "commands list" => |look| orders::COMMANDS.text(&[], look),
        "contexts list" => |look| contexts::CONTEXTS.text(&[], look),
        "enroll list" => |look| enroll::TOKENS.text(&[], look),
        "events" | "logs view" => |look| logs::ENTRIES.text(&[], look),
        "findings" => |look| findings::FINDINGS.text(&[], look),
        "findings accepted" => |look| findings::ACCEPTED.text(&[], look),
        "incidents list" => |look| incidents::INCIDENTS.text(&[], look),
        "incidents show" => |look| incidents::shown(&typed(incident(2)), &[], look),
        "incidents silences" => |look| incidents::SILENCES.text(&[], look),
        "invoice list" | "prices list" | "usage" => billing::nothing(path)?,
        "keys show" => |look| keys::KEYS.text(&[], look),
        "logs stats" => |look| logs::TALLIES.text(&[], look),
        "members invitations" => |look| members::INVITATIONS.text(&[], look),
        "members list" => |look| members::MEMBERS.text(&[], look),
        "orgs list" => |look| orgs::ORGS.text(&[], look),
        "nodes list" => |look| nodes::NODES.text(&[], look),
        "nodes show" => |look| nodes::shown(&typed(node(3)), look),
        "policies list" => |look| policies::POLICIES.text(&[], look),
        "rollouts list" => |look| rollouts::ROLLOUTS.text(&[], look),
        "rollouts show" => |look| rollouts::shown(&typed(rollout(2)), look),
        "schedules list" => |look| schedules::SCHEDULES.text(&[], look),
        "schedules show" => |look| schedules::shown(&typed(schedule(2)), look),
        "tokens list" => |look| tokens::TOKENS.text(&[], look),
        "webhooks list" => |look| webhooks::WEBHOOKS.text(&[], look),
        "witness list" => |look| witness::listed(&typed(witnesses(0)), look),
        _ => return None,
    })
}

/// A sample as its type; a sample that the service would not say is found out here.
#[expect(clippy::needless_pass_by_value, reason = "a sample is made where it is used")]
fn typed<T: DeserializeOwned>(said: Value) -> T {
    read(&said).unwrap_or_else(|failure| panic!("{failure}: {said}"))
}

fn org(suspended: bool) -> Value {
    json!({"members": 3, "name": "Acme Ltd", "org": if suspended { "umbrella" } else { "acme" },
        "suspended": suspended})
}

fn role(by_rule: Option<u8>) -> Value {
    let mut has = json!({"role": "node_admin", "user": uuid(3)});
    if let Some(n) = by_rule {
        has["rule"] = json!(uuid(n));
    }
    has
}

fn uuid(n: u8) -> Uuid {
    Uuid::v4([n.wrapping_mul(37); 16])
}

fn hash(n: u8) -> Hash {
    Hash([n; 32])
}

fn public_key(n: u8) -> PublicKey {
    PublicKey([n; 32])
}

fn by() -> Value {
    json!({"author": format!("token:{}", uuid(8)), "at": "2026-11-30T11:53:00.000Z", "seq": 40})
}

/// What the first node of the samples is called; the others are known by their ids.
pub(super) fn names() -> Names {
    std::iter::once((uuid(1), "web-1".to_owned())).collect()
}

fn node(n: u8) -> Value {
    let reasons = json!([
        {"reason": "service-down", "subject": "nginx.service", "phase": "firing",
         "since": "2026-11-30T11:40:00.000Z", "weight": 50},
        {"reason": "stale", "phase": "recovering", "since": "2026-11-30T11:58:30.000Z", "weight": 25},
    ]);
    match n {
        1 => json!({
            "node_id": uuid(1), "org": "acme", "band": "CRIT", "silence": "stale", "score": 62, "flapping": true,
            "reasons": reasons, "tenant": "prod", "name": "web-1", "labels": {"env": "prod", "canary": ""},
            "key": {"key": public_key(1), "introduced": 3},
            "heard": {"seq": 40, "recorded_at": "2026-11-30T11:57:00.000Z"},
            "heartbeat": {
                "node_id": uuid(1), "hostname": "web-1", "os_profile": "DebianVault", "cloudflare_ok": true,
                "services_ok": false, "vaultmesh_root": "/var/lib/vaultmesh", "timestamp": "2026-11-30T11:57:00Z",
                "agent_version": "0.1.0", "kernel_version": "6.12.48", "policy_hash": hash(0x0b),
            },
        }),
        // Its host name is written to be read wrongly.
        2 => json!({
            "node_id": uuid(2), "org": "acme", "band": "OK", "silence": "live", "score": 0, "reasons": [],
            "key": {"key": public_key(2), "introduced": 4, "ended": 39},
            "heard": {"seq": 38, "recorded_at": "2026-11-28T11:57:00.000Z"},
            "heartbeat": {
                "node_id": uuid(2), "hostname": "db\u{1b}[2J\u{202e}1\u{200b}", "os_profile": "東京", "cloudflare_ok": true,
                "services_ok": true, "vaultmesh_root": "/", "timestamp": "2026-11-28T11:57:00Z",
            },
        }),
        _ => {
            json!({"node_id": uuid(3), "org": "other", "band": "OK", "silence": "live", "score": 0, "reasons": []})
        }
    }
}

fn difference() -> projections::rehearsal::Difference {
    use projections::rehearsal::{About, Difference, Moved, Page};
    let about = About {
        org: "acme".parse().unwrap(),
        node_id: Some(uuid(1)),
        reason: "service-down".to_owned(),
        subject: "nginx.service".to_owned(),
    };
    let storm =
        About { node_id: None, reason: "storm".to_owned(), subject: "fra-1".to_owned(), ..about.clone() };
    let at = super::now();
    let moved = vec![Moved { about: about.clone(), from: at, to: at }];
    let (dropped, added) = (vec![Page { about, at }], vec![Page { about: storm, at }]);
    Difference { before: 4, after: 4, kept: 2, moved, dropped, added }
}

fn turn() -> bisect::Turn {
    bisect::Turn {
        projection: "attention".to_owned(),
        seq: 41,
        time: super::now(),
        was: false,
        is: true,
        kind: spec::Kind::Heartbeat,
        org: "acme".parse().unwrap(),
        author: spec::Author::Node(uuid(1)),
        node_id: Some(uuid(1)),
        payload: Some(json!({"hostname": "web-1"})),
    }
}

fn command(n: u8) -> Value {
    let mut said = json!({
        "node_id": uuid(n), "org": "acme", "state": "succeeded", "hash": hash(n), "seq": 30 + u64::from(n),
        "issued_at": "2026-11-30T10:00:00.000Z", "issuer": "service:admin", "approvals": [],
        "order": {
            "approvals": 0, "command": "service-status", "expires_at": "2026-11-30T10:10:00.000Z", "node": uuid(n),
            "nonce": hash(9), "not_before": "2026-11-30T10:00:00.000Z", "parameters": {"unit": "nginx.service"},
            "sig": Signature([0; 64]), "text": "is it up?",
        },
        "begun": {"seq": 33, "recorded_at": "2026-11-30T10:00:02.000Z"},
        "ended": {
            "seq": 34, "recorded_at": "2026-11-30T10:00:03.000Z", "output_cut": true,
            "receipt": {
                "command": hash(n), "state": "succeeded", "exit": 0, "duration_ms": 812,
                "output": "nginx.service: active\nsays \u{1b}]0;owned\u{7}\n", "output_bytes": 40, "output_hash": hash(8),
            },
        },
    });
    if n == 2 {
        said["state"] = json!("refused");
        said["order"]["approvals"] = json!(2);
        said["approvals"] = json!([{"author": format!("token:{}", uuid(8)), "seq": 32,
            "recorded_at": "2026-11-30T10:00:01.000Z"}]);
        said["ended"]["receipt"] = json!({"command": hash(n), "state": "refused", "code": "policy"});
    }
    said
}

fn enrolments() -> Value {
    json!([
        {"expires_at": "2026-11-30T13:00:00.000Z", "revoked": false, "tenant": "prod", "token_id": hash(3), "use": "node",
            "uses_left": 1},
        {"expires_at": "2026-11-30T11:00:00.000Z", "revoked": true, "token_id": hash(4), "use": "device", "uses_left": 0},
    ])
}

fn entry(seq: u64) -> Value {
    let author = if seq == 41 { format!("node:{}", uuid(1)) } else { "service:admin".to_owned() };
    let kind = if seq == 41 { "note" } else { "incident" };
    let text = if seq == 41 { "x".repeat(120) } else { "the disk is \u{202e}loud".to_owned() };
    json!({
        "seq": seq, "recorded_at": "2026-11-30T11:59:00.000Z", "event_hash": hash(1), "leaf": hash(2),
        "event": {"author": author, "kind": kind, "org": "acme"}, "payload": {"text": text},
    })
}

fn finding(severity: &str) -> Value {
    json!({
        "node_id": uuid(1), "org": "acme", "seq": 40, "recorded_at": "2026-11-30T04:00:00.000Z", "simulated": false,
        "id": "ssh-root-login", "severity": severity, "subject": "/etc/ssh/sshd_config", "title": "Root may log in over SSH",
        "remediation": "Set PermitRootLogin to no.",
    })
}

fn incident(n: u8) -> Value {
    let mut said = json!({
        "org": "acme", "state": "acked", "id": hash(0x5c), "tenant": "prod", "node_id": uuid(1),
        "topic": "service-down", "subject": "nginx.service", "title": "service-down nginx.service", "band": "ATTN",
        "opened": {"at": "2026-11-30T11:40:00.000Z", "seq": 38},
        "acked": {"by": by(), "until": "2026-11-30T16:53:00.000Z", "band": "ATTN"},
        "assignee": "kay", "tags": ["nginx", "web"],
        "notes": [{"by": by(), "text": "it is the\ncertificate"}],
        "silence": silence(),
    });
    if n == 2 {
        said = json!({
            "org": "acme", "state": "open", "id": hash(0x5d), "site": "fra-1", "topic": "storm",
            "title": "12 nodes of fra-1 are silent", "band": "CRIT",
            "opened": {"at": "2026-11-30T11:59:58.000Z", "seq": 42},
        });
    }
    said
}

fn finding_group(n: u8) -> Value {
    match n {
        1 => json!({
            "org": "acme", "id": "ssh-root-login", "subject": "/etc/ssh/sshd_config", "severity": "high", "nodes": 31,
            "title": "Root may log in over SSH", "accepted": 2,
            "node_ids": [uuid(1), uuid(2)],
        }),
        _ => json!({
            "org": "acme", "id": "mount-options", "subject": "/tmp", "severity": "low", "nodes": 3, "accepted": 0,
            "title": "/tmp is mounted without nosuid", "node_ids": [uuid(1)],
        }),
    }
}

/// The finding that [`acceptance`] is about.
fn accepted_finding() -> Value {
    let mut accepted = acceptance(1);
    accepted.as_object_mut().unwrap().retain(|name, _| !["org", "active"].contains(&name.as_str()));
    let mut row = finding("high");
    row.as_object_mut().unwrap().insert("accepted".to_owned(), accepted);
    row
}

fn acceptance(n: u8) -> Value {
    let mut row = json!({
        "org": "acme", "active": true, "id": hash(7), "check": "ssh-root-login", "text": "the jump host\nuntil it moves",
        "subject": "/etc/ssh/sshd_config", "severity": "high", "node": uuid(1), "seq": 41,
        "until": "2027-01-30T12:00:00.000Z", "author": format!("token:{}", uuid(8)),
        "recorded_at": "2026-11-30T11:58:00.000Z",
    });
    if n != 1 {
        let all = json!({"id": hash(8), "check": "mount-options", "selector": "env=lab", "active": false,
            "withdrawn_by": "service:admin"});
        let members = row.as_object_mut().unwrap();
        members.extend(all.as_object().unwrap().clone());
        members.retain(|name, _| !["node", "severity", "subject"].contains(&name.as_str()));
    }
    row
}

/// An incident about what scans found.
fn posture() -> Value {
    let mut row = incident(2);
    let members = row.as_object_mut().unwrap();
    members.remove("site");
    let worst =
        json!({"reason": "finding-high", "subject": "ssh-root-login /etc/ssh/sshd_config", "weight": 40});
    let more = json!({"node_id": uuid(1), "topic": "posture", "band": "ATTN",
        "title": "finding-high ssh-root-login /etc/ssh/sshd_config and 44 more",
        "posture": {"critical": 0, "high": 7, "low": 29, "medium": 9, "worst": worst}});
    members.extend(more.as_object().unwrap().clone());
    row
}

fn silence() -> Value {
    json!({
        "org": "acme", "active": true, "id": hash(6), "by": by(), "text": "works on the power", "reason": "offline",
        "until": "2026-11-30T14:00:00.000Z", "tenant": "prod",
    })
}

fn made() -> crate::data::Made {
    crate::data::Made {
        origin: "vaultmesh.local/0a0a0a0a".to_owned(),
        ledger_id: hash(0x0a),
        log_vkey: "vaultmesh.local/0a0a0a0a+00000000+AAAA".to_owned(),
        owner_token_file: "vaultmesh-data/owner.token".into(),
        recovery_key_file: "vaultmesh-data/recovery.key".into(),
    }
}

fn introduced() -> keys::Introduced {
    keys::Introduced {
        author: spec::Author::User(uuid(4)),
        key: public_key(4),
        org: "acme".parse().unwrap(),
        ledger: hash(0x0a),
    }
}

fn key(n: u8) -> Value {
    let mut said = json!({
        "author": format!("node:{}", uuid(n)), "chain": {"epochs": 1, "next": 120}, "introduced": 3,
        "introduction": hash(1), "key": public_key(n), "org": "acme", "status": "active", "use": "node",
    });
    if n == 2 {
        said["status"] = json!("compromised");
        said["suspect_from"] = json!(30);
        said["until"] = json!(39);
        said["successor"] = json!(public_key(3));
    }
    said
}

fn tallies() -> Vec<logs::Tally> {
    let kinds = [("heartbeat".to_owned(), 118), ("note".to_owned(), 2)];
    let one = logs::Tally { node: Some(uuid(1)), entries: 120, last: super::now(), kinds: kinds.into() };
    let none =
        logs::Tally { node: None, entries: 1, last: super::now(), kinds: [("genesis".to_owned(), 1)].into() };
    vec![none, one]
}

fn document() -> Value {
    json!({
        "allow": {"scan": {}, "service-restart": {"units": ["nginx.service", "php-fpm.service"]}, "tail-journal": {"lines": 100}},
        "format": "vaultmesh-policy-v1", "mode": "enforce",
    })
}

fn policy(of_node: bool) -> Value {
    let mut said = json!({
        "org": "acme", "seq": 20, "id": hash(0x0c), "policy": hash(0x0b), "author": "service:admin",
        "recorded_at": "2026-11-30T09:00:00.000Z", "document": document(),
    });
    if of_node {
        said["node"] = json!(uuid(1));
    } else {
        said["selector"] = json!("env=prod,!canary");
        said["id"] = json!(hash(0x0d));
    }
    said
}

fn node_policy() -> Value {
    json!({
        "node_id": uuid(1), "org": "acme", "desired": hash(0x0b), "drift": true,
        "assignment": {
            "seq": 20, "id": hash(0x0c), "policy": hash(0x0b), "selector": "", "author": "service:admin",
            "recorded_at": "2026-11-30T09:00:00.000Z", "document": document(),
        },
    })
}

fn rollout(n: u8) -> Value {
    let mut said = json!({
        "org": "acme", "state": "running", "hash": hash(1), "started_by": "service:admin",
        "started_at": "2026-11-30T11:00:00.000Z", "nodes": 10, "of_waves": 3,
        "plan": {
            "command": "service-restart", "id": uuid(5), "may_fail": {"count": 0}, "name": "nginx", "pause_secs": 60,
            "parameters": {"unit": "nginx.service"}, "selector": "env=prod", "ttl_secs": 600,
            "waves": [{"count": 1}, {"percent": 50}, {"percent": 100}],
        },
        "waves": [
            {"at": "2026-11-30T11:00:01.000Z", "expires_at": "2026-11-30T11:10:01.000Z", "nodes": 1, "succeeded": 1,
             "failed": 0, "open": 0},
            {"at": "2026-11-30T11:02:00.000Z", "expires_at": "2026-11-30T11:12:00.000Z", "nodes": 4, "succeeded": 3,
             "failed": 0, "open": 1},
        ],
    });
    if n == 2 {
        said["state"] = json!("waiting");
        said["waves"] = json!([]);
        said["approvals"] = json!([{"author": format!("token:{}", uuid(8)), "seq": 32,
            "recorded_at": "2026-11-30T11:00:01.000Z"}]);
        said["plan"]["id"] = json!(uuid(6));
        said["plan"]["name"] = json!("libc");
        said["plan"]["approvals"] = json!(2);
        said["plan"]["approve_by"] = json!("2026-12-01T12:00:00.000Z");
    }
    said
}

fn schedule(n: u8) -> Value {
    let mut said = json!({
        "org": "acme", "hash": hash(1), "set_by": "service:admin", "set_at": "2026-11-29T12:00:00.000Z",
        "decided": "2026-11-30T02:30:00.000Z", "next": "2026-12-01T02:30:00.000Z",
        "plan": {
            "catch_up": "once", "command": "scan", "id": uuid(7), "jitter_secs": 60, "name": "nightly",
            "parameters": {}, "selector": "env=prod", "ttl_secs": 600, "when": {"cron": "30 2 * * *"}, "windows": [],
        },
        "runs": [
            {"hash": hash(2), "seq": 30, "at": "2026-11-30T02:30:00.000Z", "first": "2026-11-30T02:30:00.000Z",
             "due": "2026-11-30T02:30:00.000Z", "count": 1, "outcome": "started", "nodes": 10, "ordered": 9},
            {"hash": hash(3), "seq": 20, "at": "2026-11-29T12:30:00.000Z", "first": "2026-11-29T02:30:00.000Z",
             "due": "2026-11-29T02:30:00.000Z", "count": 1, "outcome": "missed", "reason": "late", "nodes": 0, "ordered": 0},
        ],
        "counts": {"started": 1, "missed": 1, "skipped": 0},
    });
    if n == 2 {
        said["plan"]["id"] = json!(uuid(8));
        said["plan"]["name"] = json!("often");
        said["plan"]["when"] = json!({"every_secs": 5400, "start": "2026-11-30T00:00:00.000Z"});
        said["runs"] = json!([]);
    }
    said
}

fn api_tokens() -> Value {
    json!([
        {"id": uuid(8), "label": "ci", "org": "acme", "revoked": false, "role": "viewer",
         "expires_at": "2026-12-30T12:00:00.000Z"},
        {"id": uuid(9), "label": "made by init", "org": "ledger", "revoked": true, "role": "org_owner"},
    ])
}

fn checks() -> Vec<Check> {
    let check = |code: &str, status, count| Check { code: code.to_owned(), status, count };
    vec![
        check("chain", CheckStatus::Passed, 43),
        check("signatures", CheckStatus::Failed, 42),
        check("witnesses", CheckStatus::NotChecked, 0),
    ]
}

fn webhook() -> Value {
    json!({
        "org": "acme", "id": uuid(9), "url": "https://hooks.example/x", "types": ["incident.opened", "incident.resolved"],
        "created": by(), "delivered": 12, "given_up": 1, "owed": 2, "dropped": 0,
        "next_at": "2026-11-30T12:00:30.000Z",
        "last": {"at": "2026-11-30T11:59:00.000Z", "seq": 41, "outcome": "failed", "status": 503},
    })
}

fn witness_set() -> WitnessSet {
    let witness = |n: u8, name: &str, outside| Witness {
        key: public_key(n),
        name: name.parse().unwrap(),
        outside,
        pop: Signature([0; 64]),
    };
    WitnessSet { quorum: 2, witnesses: vec![witness(1, "auditor.example", true), witness(2, "web-1", false)] }
}

fn witnesses(count: usize) -> Value {
    let one = |witness: &Witness| {
        json!({
            "key": witness.key, "name": witness.name, "outside": witness.outside, "pop": witness.pop,
            "vkey": format!("{}+00000000+AAAA", witness.name), "signed_at": "2026-11-30T11:59:00.000Z", "signed_size": 40,
        })
    };
    let set = witness_set();
    let all: Vec<Value> = set.witnesses.iter().take(count).map(one).collect();
    json!({
        "cosigned": (count > 0).then_some(40), "from": 9, "offered": 43, "prev_change": hash(1), "quorum": count,
        "size": 43, "witnesses": all,
    })
}
