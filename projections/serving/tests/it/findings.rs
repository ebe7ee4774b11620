//! Findings over HTTP: the same of many nodes as one, what is accepted, and to whom that is shown.

use crate::entries::{at, node};
use crate::http::{say, service_after};
use serde_json::{Value, json};
use spec::{Hash, Kind};

/// A group's parts: check, severity, on how many nodes it counts and on how many it is accepted.
fn group(row: &Value) -> (&str, &str, u64, u64) {
    let (text, number) = (|name| row[name].as_str().unwrap(), |name| row[name].as_u64().unwrap());
    (text("id"), text("severity"), number("nodes"), number("accepted"))
}

/// Far beyond the clock of any machine that runs this.
fn end() -> Value {
    json!("2999-01-01T00:00:00.000Z")
}

#[tokio::test]
async fn the_same_finding_on_many_nodes_is_one_row() {
    let service = service_after(async |_| ()).await;
    let groups = service.items("/api/findings/grouped", "acme").await;
    let rows: Vec<_> = groups.iter().map(group).collect();
    assert_eq!(rows, [("check-1", "critical", 1, 0), ("check-0", "low", 2, 0)]);
    assert_eq!(groups[1]["node_ids"], json!([node(1), node(2)]));
    assert_eq!((&groups[1]["title"], &groups[1]["subject"]), (&json!("Number 0 is open"), &json!("/etc/0")));
    for (query, count) in [("severity=low", 1), ("severity=high", 0), ("q=NUMBER+1", 1), ("limit=1", 1)] {
        assert_eq!(
            service.items(&format!("/api/findings/grouped?{query}"), "acme").await.len(),
            count,
            "{query}"
        );
    }
    let (_, first) = service.ask("/api/findings/grouped?limit=1", Some("acme"), None).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = service
        .items(&format!("/api/findings/grouped?limit=1&cursor={}", cursor.replace(' ', "+")), "acme")
        .await;
    assert_eq!(next.iter().map(group).collect::<Vec<_>>(), rows[1..]);
    // A node sees what is found on itself.
    let (_, own) = service.ask("/api/findings/grouped", Some("acme"), Some(node(1))).await;
    assert_eq!(
        own["items"].as_array().unwrap().iter().map(group).collect::<Vec<_>>(),
        [("check-0", "low", 1, 0)]
    );
    service.ledger.close(false);
}

#[tokio::test]
async fn what_is_accepted_is_shown_as_accepted() {
    let mut made = Hash::ZERO;
    let service = service_after(async |ledger| {
        let accept = async |about: Option<u16>, more: Value| {
            let mut payload = json!({"action": "accept", "expires_at": end(), "text": "known"});
            payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            say(ledger, "admin", Kind::Acceptance, "acme", about, payload).await
        };
        accept(None, json!({"check": "check-0", "selector": "env=prod", "subject": "/etc/0"})).await;
        made = accept(Some(2), json!({"check": "check-1", "node": node(2)})).await;
        let over = accept(None, json!({"check": "check-0"})).await;
        let withdraw = json!({"acceptance": over, "action": "withdraw"});
        say(ledger, "admin", Kind::Acceptance, "acme", None, withdraw).await;
        // It is over before it began.
        accept(None, json!({"check": "check-0", "expires_at": at(0)})).await;
    })
    .await;
    let groups = service.items("/api/findings/grouped", "acme").await;
    // What is accepted wherever it is comes last.
    let rows: Vec<_> = groups.iter().map(group).collect();
    assert_eq!(rows, [("check-0", "low", 1, 1), ("check-1", "critical", 0, 1)]);
    assert_eq!(groups[0]["node_ids"], json!([node(2), node(1)]), "those on which it counts come first");
    let rows = service.items("/api/findings?accepted=true", "acme").await;
    let whose: Vec<_> = rows.iter().map(|row| (&row["id"], &row["node_id"])).collect();
    assert_eq!(whose, [(&json!("check-1"), &json!(node(2))), (&json!("check-0"), &json!(node(1)))]);
    assert_eq!((&rows[0]["accepted"]["id"], &rows[0]["accepted"]["text"]), (&json!(made), &json!("known")));
    assert_eq!(service.items("/api/findings?accepted=false", "acme").await.len(), 1);
    // Once nobody had accepted anything.
    assert_eq!(service.items("/api/findings?accepted=true&as_of=seq:18", "acme").await.len(), 0);

    let held = service.items("/api/acceptances", "acme").await;
    assert_eq!(held.iter().map(|row| &row["check"]).collect::<Vec<_>>(), ["check-1", "check-0"]);
    assert_eq!((&held[1]["selector"], &held[1]["active"]), (&json!("env=prod"), &json!(true)));
    let all = service.items("/api/acceptances?ended=true", "acme").await;
    assert_eq!((all.len(), &all[1]["withdrawn_by"]), (4, &json!("service:admin")));
    assert_eq!(service.items("/api/acceptances", "beta").await.len(), 0);
    let (_, own) = service.ask("/api/acceptances", Some("acme"), Some(node(2))).await;
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    service.ledger.close(false);
}
