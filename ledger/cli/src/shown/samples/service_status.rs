//! How services are, well and ill, and where somebody has signed in.

use crate::commands::contexts;
use crate::contexts::Context;
use serde_json::{Value, json};
use spec::Hash;

pub(super) fn signed_in() -> Vec<contexts::Row> {
    let at = |n, url: &str| Context {
        ledger: Hash([n; 32]),
        token: "vmt1.secret".to_owned(),
        url: url.to_owned(),
    };
    vec![
        ("lab".to_owned(), at(1, "http://127.0.0.1:8088"), false),
        ("vault.example.org".to_owned(), at(2, "https://vault.example.org"), true),
    ]
}

pub(super) fn status(ready: bool) -> Value {
    let mut said = json!({"at": "https://vault.example.org", "running": true, "not_ready": null, "ledger": Hash([2; 32]),
        "origin": "vault.example.org/ledger", "size": 1234, "covered": 1234, "folded": 1234,
        "recorded_at": "2026-11-30T11:59:58.000Z", "nodes": {"OK": 10, "ATTN": 1},
        "incidents": {"open": 1, "acked": 2}, "disk": [80_000_000_000_u64, 100_000_000_000_u64],
        "witnesses": {"count": 3, "signed": 3, "quorum": 2, "cosigned": 1234},
        "tasks": [{"name": "announce", "purpose": "says what attention sees", "restarts": 0, "failures": 0,
            "failing": false, "last_run": "2026-11-30T11:59:59.000Z"}]});
    if !ready {
        said["not_ready"] = json!("the task announce keeps failing; see /api/tasks");
        (said["covered"], said["folded"], said["nodes"]["CRIT"]) = (json!(1200), json!(1000), json!(2));
        (said["recorded_at"], said["disk"][0]) = (json!("2026-11-30T12:20:00.000Z"), json!(2_000_000_000));
        said["witnesses"] = json!({"count": 3, "signed": 1, "quorum": 2, "cosigned": null});
        (said["tasks"][0]["failures"], said["tasks"][0]["failing"]) = (json!(4), json!(true));
        said["tasks"][0]["last_error"] = json!({"at": "2026-11-30T11:59:00.000Z", "error": "no space left"});
    }
    said
}
