//! The commands as a user meets them: answers on standard output, words on standard error, exit codes.

use crate::support::{Node, Service, http, json, ledger, verify};
use serde_json::Value;
use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_ledger_from_init_to_proof() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let made = json(&["init", "--data", text(&data), "--origin", "test.example"], 0);
    let id = made["ledger_id"].as_str().unwrap().to_owned();
    assert_eq!(made["origin"], format!("test.example/{id}/blake3"));
    for file in ["owner_token_file", "recovery_key_file"] {
        let permissions = std::fs::metadata(made[file].as_str().unwrap()).unwrap().permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777, 0o600, "{file}");
    }
    assert_eq!(ledger(&["init", "--data", text(&data)]).status.code(), Some(2), "a second init is refused");

    let seal = json(&["seal", "--data", text(&data)], 0);
    assert!(seal["seq"].is_u64(), "{seal}");
    let pinned = verify(&data, &["--trust", &id]);
    assert_eq!((&pinned["verdict"], &pinned["trust"]), (&"verified".into(), &"pinned".into()), "{pinned}");
    let wrong = "0".repeat(64);
    assert_eq!(verify(&data, &["--trust", &wrong])["failures"][0]["code"], "ledger-id");

    let old = std::fs::read(data.join("PROOFCHAIN.json")).unwrap();
    let old_file = dir.path().join("old.json");
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(&old_file, old).unwrap();
    json(&["tokens", "create", "--role", "auditor", "--org", "acme", "--data", text(&data)], 0);
    json(&["seal", "--data", text(&data)], 0);
    let chain = data.join("PROOFCHAIN.json");
    let report = verify(&chain, &["--old", text(&old_file)]);
    assert_eq!(report["verdict"], "verified", "{report}");

    let bundle = dir.path().join("bundle.json");
    let proved = ledger(&["prove", "--seq", "1", "--out", text(&bundle), "--data", text(&data)]);
    assert_eq!(proved.status.code(), Some(0), "{}", String::from_utf8_lossy(&proved.stderr));
    let said = String::from_utf8(proved.stdout).unwrap();
    assert!(said.starts_with("proved entry 1 in ") && said.contains("ledger verify"), "{said}");
    assert_eq!(verify(&bundle, &["--trust", &id])["verdict"], "verified");

    let copy = dir.path().join("copy");
    json(&["export", "--out", text(&copy), "--data", text(&data), "-o", "json"], 0);
    assert_eq!(verify(&copy, &["--trust", &id])["verdict"], "verified");
    assert!(copy.join("spec/event.md").is_file());
}

#[test]
fn what_cannot_be_done_says_so_with_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    for (args, code) in [
        (vec!["verify", text(&nowhere)], 3),
        (vec!["logs", "view", "--data", text(&nowhere)], 3),
        (vec!["seal", "--data", text(&nowhere)], 2),
        (vec!["frobnicate"], 2),
        (vec!["verify", "--report", "report.pdf"], 2),
        (vec!["prove", "--out", "x"], 2),
        (vec!["logs", "view", "--kind", "gossip"], 2),
        (vec!["seal", "--url", "ftp://example"], 2),
        (vec!["seal", "--url", "http://127.0.0.1:9"], 3),
        (vec!["verify", text(&nowhere), "--trust", "not a file"], 3),
    ] {
        let output = ledger(&args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_service_with_a_node_over_http() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let service = Service::start(&data);
    let url = service.url.clone();
    let id = service.ledger_id.to_hex();
    let second = ledger(&["serve", "--data", text(&data), "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(3), "a second service is refused");

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let node = runtime.block_on(async {
        let client = http();
        let mut node = Node::enrol(&client, &service, &service.enrolment_token(1)).await;
        for n in 0..5 {
            let event = node.note(&format!("note {n}"));
            let request = client.post(format!("{url}/api/events")).header("content-type", "application/json");
            let response = request.body(event.to_canonical()).send().await.unwrap();
            assert_eq!(response.status(), 201);
        }
        node
    });
    let owner = std::fs::read_to_string(data.join("owner.token")).unwrap();
    let owner = owner.trim();
    let viewed = json(&["logs", "view", "--url", &url, "--token", owner, "--kind", "note", "-o", "json"], 0);
    let texts: Vec<&str> =
        viewed["items"].as_array().unwrap().iter().map(|i| i["payload"]["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["note 0", "note 1", "note 2", "note 3", "note 4"]);
    let files = json(&["logs", "view", "--data", text(&data), "--kind", "note", "-o", "json"], 0);
    assert_eq!(files, viewed, "files and service tell the same");
    let stats = json(&["logs", "stats", "--data", text(&data), "-o", "json"], 0);
    let of_node =
        stats["items"].as_array().unwrap().iter().find(|s| s["node"] == node.id.to_string()).unwrap();
    assert_eq!(of_node["kinds"]["note"], 5);

    let report = verify(&data, &["--trust", &id]);
    assert_eq!(report["verdict"], "verified", "beside the running service: {report}");
    let remote = json(&["verify", &url, "--token", owner, "--trust", &id, "--json"], 0);
    assert_eq!((&remote["verdict"], &remote["trust"]), (&"verified".into(), &"pinned".into()));
    assert_eq!(ledger(&["verify", &url]).status.code(), Some(1), "no token, and no seal yet");
    json(&["seal", "--data", text(&data)], 0);
    let public = json(&["verify", &url, "--trust", &id, "--json"], 0);
    assert_eq!((&public["kind"], &public["trust"]), (&"proofchain".into(), &"pinned".into()));

    let device = dir.path().join("device.key");
    let introduced =
        json(&["keys", "introduce", "--org", "acme", "--out", text(&device), "--data", text(&data)], 0);
    assert!(introduced["author"].as_str().unwrap().starts_with("user:"), "{introduced}");
    let revoked = json(&["keys", "revoke", &node.key.to_string(), "--data", text(&data)], 0);
    assert!(revoked.is_object());
    assert_eq!(service.terminate(), Some(0));
    assert_eq!(verify(&data, &["--trust", &id])["verdict"], "verified");
}

#[test]
fn ledger_keys_rotate_under_the_recovery_key() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let made = json(&["init", "--data", text(&data)], 0);
    let id = made["ledger_id"].as_str().unwrap();
    let recovery = made["recovery_key_file"].as_str().unwrap();
    json(&["seal", "--data", text(&data)], 0);
    for key_use in ["checkpoint", "service", "command", "checkpoint-sha256", "service"] {
        let answer =
            json(&["keys", "rotate", "--use", key_use, "--recovery-key", recovery, "--data", text(&data)], 0);
        assert_eq!(answer["use"], key_use);
        json(&["seal", "--data", text(&data)], 0);
    }
    let report = verify(&data, &["--trust", id]);
    assert_eq!(report["verdict"], "verified", "{report}");
    let chain = verify(&data.join("PROOFCHAIN.json"), &["--trust", id]);
    assert_eq!(chain["verdict"], "verified", "{chain}");
    let bundle = dir.path().join("bundle.json");
    assert!(ledger(&["prove", "--seq", "5", "--out", text(&bundle), "--data", text(&data)]).status.success());
    assert_eq!(verify(&bundle, &["--trust", id])["verdict"], "verified");
}

#[test]
fn an_import_repeated_adds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    json(&["init", "--data", text(&data)], 0);
    let file = dir.path().join("events.jsonl");
    let lines: Vec<String> = (0..25)
        .map(|n| {
            let event = serde_json::json!({
                "kind": "note", "org": "acme", "ts": format!("2024-01-15T10:30:{n:02}Z"),
                "payload": {"text": format!("old {n}")},
            });
            format!("{event}\n")
        })
        .collect();
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(&file, lines.concat()).unwrap();
    let first = json(&["import", text(&file), "--data", text(&data)], 0);
    assert_eq!(first, serde_json::json!({"imported": 25, "duplicates": 0, "refused": 0}));
    let again = json(&["import", text(&file), "--data", text(&data)], 0);
    assert_eq!(again, serde_json::json!({"imported": 0, "duplicates": 25, "refused": 0}));
    assert_eq!(verify(&data, &[])["verdict"], "verified");
}

#[test]
fn reindex_changes_nothing_that_counts() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    json(&["init", "--data", text(&data)], 0);
    json(&["seal", "--data", text(&data)], 0);
    let before = json(&["checkpoint", "--data", text(&data), "-o", "json"], 0);
    let answer = json(&["reindex", "--data", text(&data)], 0);
    let after = json(&["checkpoint", "--data", text(&data), "-o", "json"], 0);
    assert_eq!(answer["entries"], before["size"]);
    let fields = |value: &Value| (value["size"].clone(), value["root"].clone(), value["keys"].clone());
    assert_eq!(fields(&before), fields(&after));
    assert_eq!(verify(&data, &[])["verdict"], "verified");
}

#[test]
fn reference_material_comes_from_the_definitions() {
    let dir = tempfile::tempdir().unwrap();
    let completions = ledger(&["completions", "bash"]);
    assert!(completions.status.success() && completions.stdout.len() > 1000);
    assert!(ledger(&["man", "--out", text(dir.path())]).status.success());
    for page in ["ledger.1", "ledger-verify.1", "ledger-logs.1"] {
        assert!(dir.path().join(page).is_file(), "{page}");
    }
}

#[test]
fn an_answer_comes_in_the_form_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let data = data.to_str().unwrap();
    let text = |args: &[&str], form: &str| {
        let output = ledger(&[args, &["--data", data, "-o", form]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let made = text(&["init"], "table");
    assert!(made.starts_with("origin ") && made.contains("\nledger id "), "{made}");
    for label in ["one", "two"] {
        text(&["tokens", "create", "--role", "viewer", "--label", label], "json");
    }
    // The owner's token is the third.
    let lines = text(&["tokens", "list"], "jsonl");
    let labels = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["label"].clone());
    assert_eq!(labels.count(), 3, "{lines}");
    assert!(text(&["checkpoint"], "table").starts_with("vaultmesh.local/"), "the signed note itself");
    assert_eq!(text(&["checkpoint"], "json").lines().count(), 1);
}
