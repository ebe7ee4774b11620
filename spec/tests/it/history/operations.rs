//! The third group of the history: the service comes back, the node is enrolled anew, and operators, nodes
//! and the ledger say what they say in the course of a day.

use super::{Draft, Log, NODE, Voice, at, fixed, name, next, public, sign};
use serde_json::{Value, json};
use spec::payload::{Command, command_bytes, node_possession_bytes, token_hash};
use spec::{Author, ChainLink, Epoch, Hash, Kind, Severity, Uuid};

const WEBHOOK: &str = "7f6c1c3e-5d0a-4a8e-9a53-0c1f5b7d2e64";
const ROLLOUT: &str = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";

/// How many records the group has.
pub(super) const RECORDS: usize = 34;

/// Records of policies and a baseline, a group of their own.
pub(super) const POLICIES: usize = 4;

fn resigned(mut voice: Voice<'_>) -> Voice<'_> {
    voice.key = "service-2";
    voice
}

/// An order to the node with the signature of the ledger's command key.
fn order(ledger: &Hash) -> Value {
    let mut value = json!({
        "action": "issue", "approvals": 1, "command": "service.restart", "expires_at": at(7_200_000),
        "node": NODE, "nonce": Hash(fixed("command nonce")), "not_before": at(30_000),
        "parameters": {"grace_secs": "30", "unit": "cloudflared.service"},
        "rollout": {"id": ROLLOUT, "wave": 0}, "sig": sign("command", b""), "text": "after the update",
    });
    let Ok(Command::Issue(order)) = serde_json::from_value(value.clone()) else { panic!("an order") };
    value["sig"] = json!(sign("command", &command_bytes(&order, ledger)));
    value
}

fn ruleset() -> Value {
    json!({
        "bands": {
            "at_once": 90, "attn": {"enter": 30, "leave": 20}, "crit": {"enter": 75, "leave": 65},
            "patience_secs": 600,
        },
        "flapping": {"start_percent": 50, "stop_percent": 25, "window": 21},
        "posture_cap": 40,
        "reasons": {
            "disk-low": {"enter_secs": 300, "leave_secs": 600, "weight": 30},
            "stale": {"enter_beats": 2, "leave_beats": 3},
        },
        "storm": {"least": 3, "percent": 50},
    })
}

fn scan() -> Value {
    json!({
        "baseline": Hash(fixed("baseline")),
        "counts": {"critical": 0, "high": 1, "low": 1, "medium": 0, "unknown": 1},
        "duration_ms": 2150,
        "findings": [
            {
                "evidence": Hash(fixed("evidence")), "id": "files.setuid", "severity": "high",
                "remediation": "Remove the bit, or the file.", "subject": "/usr/local/bin/helper",
                "title": "a setuid file that no package owns",
            },
            {
                "explained": "openssh 9.9p1-2", "id": "files.setuid", "severity": "low",
                "remediation": "None is needed.", "subject": "/usr/local/bin/ssh-keysign",
                "title": "a setuid file of a package",
            },
        ],
        "root": "/", "simulated": false, "started_at": at(40_000), "tree_root": Hash(fixed("tree")),
        "unchecked": [{"id": "kernel.lockdown", "reason": "securityfs is not mounted"}],
    })
}

/// What the ledger says of the node: the same moment but for the change.
fn attention(change: &Value, ruleset: Hash) -> Value {
    let at = at(30_000);
    json!({"at": at, "band": "CRIT", "change": change, "ruleset": ruleset, "score": 80, "seq": 26})
}

/// Appends the group to a log whose service key is the second.
#[expect(clippy::too_many_lines, reason = "one event after the other")]
pub(super) fn append(log: &mut Log, ledger: Hash, incident: Hash) -> ChainLink {
    let itself = resigned(Voice::ledger(ledger, "ledger"));
    let mut about = resigned(Voice::ledger(ledger, "acme"));
    about.tenant = Some("prod");
    let operator = resigned(Voice::service(ledger, "service:admin", "admin", None));
    let node = format!("node:{NODE}");
    let node_id: Uuid = NODE.parse().unwrap();
    let of_node = |kind, payload| Draft { node_id: Some(node_id), ..Draft::new(kind, payload) };

    let payload = json!({"action": "start", "version": "0.1.0"});
    log.append(itself.say(21, Draft::new(Kind::Service, payload)));
    let token = token_hash(&fixed("second enrolment secret"));
    let payload = json!({
        "action": "create", "expires_at": at(3_600_000), "org": "acme", "tenant": "prod", "token": token,
        "uses": 1,
    });
    log.append(operator.say(22, Draft::new(Kind::Enrolment, payload)));
    let author: Author = node.parse().unwrap();
    let pop = sign("node-2", &node_possession_bytes(&author, &public("node-2"), &ledger, &token));
    let payload =
        json!({"author": author, "key": public("node-2"), "pop": pop, "token": token, "use": "node"});
    let mut enrolling = resigned(Voice::service(ledger, "service:ingest", "enrolment", None));
    enrolling.tenant = Some("prod");
    let introduction = enrolling.say(23, of_node(Kind::Key, payload));
    let epoch = Epoch(fixed("epoch 3")[..16].try_into().unwrap());
    let mut link = ChainLink { epoch, prev: introduction.hash(), seq: 0 };
    log.append(introduction);

    // What the organisation has set up.
    let rules = operator.say(24, Draft::new(Kind::Ruleset, ruleset()));
    let ruleset = rules.hash();
    log.append(rules);
    let payload = json!({"labels": {"rack": "b4", "role": "vault"}});
    log.append(operator.say(25, of_node(Kind::Labels, payload)));
    let payload = json!({
        "action": "create", "id": WEBHOOK, "secret": token_hash(&fixed("webhook secret")),
        "types": ["attention.band", "incident.opened"], "url": "https://hooks.example/vaultmesh",
    });
    log.append(operator.say(26, Draft::new(Kind::Webhook, payload)));

    // How the node stands, and who was told.
    let reasons = json!([
        {"reason": "lost", "weight": 75},
        {"reason": "service-down", "subject": "cloudflared", "weight": 10},
    ]);
    let change = json!({"from": "OK", "reasons": reasons, "to": "CRIT", "what": "band"});
    let told = about.say(27, of_node(Kind::Attention, attention(&change, ruleset)));
    let events = json!([told.hash()]);
    log.append(told);
    let change = json!({
        "reason": "service-down", "state": "firing", "subject": "cloudflared", "weight": 10, "what": "reason",
    });
    log.append(about.say(28, of_node(Kind::Attention, attention(&change, ruleset))));
    let change = json!({"state": "began", "what": "flapping"});
    log.append(about.say(29, of_node(Kind::Attention, attention(&change, ruleset))));
    let change = json!({"nodes": 3, "of": 4, "site": "rack b4", "state": "began", "what": "storm"});
    log.append(about.say(30, Draft::new(Kind::Attention, attention(&change, Hash::ZERO))));
    let payload = json!({
        "attempt": 1, "events": events, "message": "msg_27", "outcome": "delivered", "status": 204,
        "webhook": WEBHOOK,
    });
    log.append(about.say(31, Draft::new(Kind::Notice, payload)));
    let payload = json!({
        "attempt": 8, "events": events, "message": "msg_28", "outcome": "given-up", "webhook": WEBHOOK,
    });
    log.append(about.say(32, Draft::new(Kind::Notice, payload)));

    // What operators answer.
    let payload = json!({"target": incident, "text": "it is down again"});
    log.append(operator.say(33, Draft::new(Kind::Reopen, payload)));
    let payload = json!({"expires_at": at(3_600_000), "target": incident, "text": "I am on my way"});
    log.append(operator.say(34, Draft { version: 2, ..Draft::new(Kind::Ack, payload) }));
    let payload = json!({"assignee": "night shift", "target": incident});
    log.append(operator.say(35, Draft::new(Kind::Assign, payload)));
    log.append(operator.say(36, Draft::new(Kind::Assign, json!({"target": incident}))));
    let payload = json!({
        "action": "create", "expires_at": at(3_600_000), "node": NODE, "reason": "service-down",
        "subject": "cloudflared", "tenant": "prod", "text": "it is being moved",
    });
    let silence = operator.say(37, Draft::new(Kind::Silence, payload));
    let payload = json!({"action": "end", "silence": silence.hash()});
    log.append(silence);
    log.append(operator.say(38, Draft::new(Kind::Silence, payload)));

    // Commands, and what became of them.
    let command = operator.say(39, of_node(Kind::Command, order(&ledger)));
    let target = command.hash();
    log.append(command);
    let payload = json!({"action": "approve", "target": target});
    log.append(operator.say(40, of_node(Kind::Command, payload)));
    let payload = json!({"action": "cancel", "target": target, "text": "it came back by itself"});
    log.append(operator.say(41, of_node(Kind::Command, payload)));
    let done = json!({
        "command": target, "duration_ms": 1200, "exit": 0, "output": "restarted\n", "output_bytes": 10,
        "output_hash": Hash(*blake3::hash(b"restarted\n").as_bytes()), "state": "succeeded",
    });
    let count = |component, count, operation, outcome| json!({"component": component, "count": count, "operation": operation, "outcome": outcome});
    let slo = json!({
        "counts": [count("gate", 4, "open", "deny"), count("gate", 211, "open", "ok"), count("gate", 9, "shut", "ok")],
        "from": at(0), "to": at(40_000),
    });
    let said = [
        (Kind::Receipt, json!({"command": target, "state": "running"})),
        (Kind::Receipt, done),
        (Kind::Receipt, json!({"code": "cancelled", "command": target, "state": "refused"})),
        (Kind::Scan, scan()),
        (Kind::Slo, slo),
        (Kind::Usage, json!({"metric": "dig_files", "product": "dig", "quantity": 48_213})),
        (Kind::Goodbye, json!({"reason": "reboot into a new kernel", "until": at(120_000)})),
        (Kind::Goodbye, json!({"reason": "switched off"})),
    ];
    for (n, (kind, payload)) in (42..).zip(said) {
        let voice = Voice { key: "node-2", ..Voice::node(ledger, &node, link) };
        let severity = (kind == Kind::Scan).then_some(Severity::High);
        let event = voice.say(n, Draft { severity, ..Draft::new(kind, payload) });
        link = next(&link, &event);
        log.append(event);
    }

    // The end of the day.
    log.append(operator.say(50, Draft::new(Kind::Ruleset, json!({}))));
    let payload = json!({"action": "remove", "id": WEBHOOK});
    log.append(operator.say(51, Draft::new(Kind::Webhook, payload)));
    let mut import = resigned(Voice::service(ledger, "import:billing", "import", None));
    import.tenant = Some("prod");
    let payload = json!({"metric": "api_calls", "product": name("ledger"), "quantity": 0});
    log.append(import.say(52, Draft::new(Kind::Usage, payload)));
    log.append(operator.say(53, of_node(Kind::Labels, json!({"labels": {}}))));
    let payload = json!({"action": "stop", "version": "0.1.0"});
    log.append(itself.say(54, Draft::new(Kind::Service, payload)));
    link
}

/// Appends what nodes may be told, and what their scans are compared with, as the group after that.
pub(super) fn append_policies(log: &mut Log, ledger: Hash) {
    let operator = resigned(Voice::service(ledger, "service:admin", "admin", None));
    let node_id: Uuid = NODE.parse().unwrap();
    let of_node = |kind, payload| Draft { node_id: Some(node_id), ..Draft::new(kind, payload) };
    let document = json!({
        "allow": {
            "run": {"templates": ["disk-usage"]}, "scan": {},
            "tail-journal": {"lines": 100, "units": ["nginx.service", "sshd.service"]},
        },
        "format": "vaultmesh-policy-v1", "mode": "enforce",
    });
    let payload = json!({"action": "assign", "document": document, "selector": "rack=b4, !canary"});
    let assigned = operator.say(55, Draft::new(Kind::Policy, payload));
    let assignment = assigned.hash();
    log.append(assigned);
    let document = json!({"allow": {}, "format": "vaultmesh-policy-v1", "mode": "observe"});
    let payload = json!({"action": "assign", "document": document, "node": NODE});
    log.append(operator.say(56, of_node(Kind::Policy, payload)));
    let payload = json!({"action": "withdraw", "assignment": assignment});
    log.append(operator.say(57, Draft::new(Kind::Policy, payload)));
    let payload = json!({
        "baseline": Hash(fixed("baseline")), "node": NODE, "tree_root": Hash(fixed("tree root")),
    });
    log.append(operator.say(58, of_node(Kind::Baseline, payload)));
}
