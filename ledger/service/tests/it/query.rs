//! `GET /api/events`: what a page holds, and how pages follow each other.

use crate::world::World;
use serde_json::{Value, json};
use spec::Kind;

fn seqs(page: &Value) -> Vec<u64> {
    page["items"].as_array().unwrap().iter().map(|item| item["seq"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_pages() {
    let world = World::start().await;
    let (mut one, mut two) = (world.node("acme").await, world.node("acme").await);
    for i in 0..7 {
        for node in [&mut one, &mut two] {
            let event = node.note(&format!("{i}"));
            world.post_bytes("/api/events", "application/json", event.to_canonical()).await;
        }
        let event = one.next(Kind::Incident, &json!({"title": "x"}));
        world.post_bytes("/api/events", "application/json", event.to_canonical()).await;
    }
    let token = world.token("acme", "org_owner").await;
    for severity in ["info", "high"] {
        let draft = json!({"kind": "note", "severity": severity, "payload": {"text": severity}});
        world.post("/api/events", Some(&token), &draft).await;
    }
    let get = async |query: &str| {
        let answer = world.get(&format!("/api/events?{query}"), Some(&token)).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        answer.json()
    };
    let all = get("limit=500").await;
    assert!(seqs(&all).is_sorted_by(|a, b| a > b));
    assert_eq!(all["next_cursor"], Value::Null);
    let item = &all["items"][0];
    assert_eq!((&item["payload"], &item["event"]["severity"]), (&json!({"text": "high"}), &json!("high")));
    for member in ["seq", "recorded_at", "event_hash", "leaf"] {
        assert!(!item[member].is_null(), "{member}");
    }
    assert!(item["event"]["sig"].is_string() && all["checkpoint"].is_string());

    for order in ["asc", "desc"] {
        let mut pages = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = get(&format!("order={order}&kind=note,incident&limit=4&since=1h{cursor}")).await;
            pages.extend(seqs(&page));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let mut expected: Vec<u64> = all["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| ["note", "incident"].contains(&item["event"]["kind"].as_str().unwrap()))
            .map(|item| item["seq"].as_u64().unwrap())
            .collect();
        if order == "asc" {
            expected.reverse();
        }
        assert_eq!(pages, expected, "{order}");
    }
    assert_eq!(get("kind=incident").await["items"].as_array().unwrap().len(), 7);
    assert_eq!(get(&format!("node_id={}", two.id)).await["items"].as_array().unwrap().len(), 7);
    assert_eq!(get("min_severity=medium").await["items"].as_array().unwrap().len(), 1);
    let from = seqs(&all)[3];
    assert_eq!(seqs(&get(&format!("since=seq:{from}")).await), &seqs(&all)[..4]);
    assert_eq!(seqs(&get(&format!("until=seq:{from}&limit=1")).await), &seqs(&all)[4..5]);
    assert!(seqs(&get("until=2020-01-01T00:00:00Z").await).is_empty());
    assert_eq!(seqs(&get("until=2999-01-01T00:00:00Z&limit=500").await), seqs(&all));
    assert_eq!(seqs(&get("since=7d&limit=500").await), seqs(&all));

    for (query, field) in [
        ("surprise=1", "surprise"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=1&limit=2", "limit"),
        ("since=yesterday", "since"),
        ("until=7w", "until"),
        ("kind=gossip", "kind"),
        ("node_id=me", "node_id"),
        ("min_severity=bad", "min_severity"),
        ("order=random", "order"),
        ("cursor=x", "cursor"),
        ("org=A", "org"),
    ] {
        let answer = world.get(&format!("/api/events?{query}"), Some(&token)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-query"), "{query}");
        assert_eq!(answer.json()["field"], field);
    }
    // A cursor is good for its own query only.
    let cursor = get("limit=1").await["next_cursor"].as_str().unwrap().to_owned();
    let answer = world.get(&format!("/api/events?kind=note&cursor={cursor}"), Some(&token)).await;
    assert_eq!(answer.json()["field"], "cursor");
    world.finish().await;
}
