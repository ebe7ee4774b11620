//! How many webhooks an organisation has, however many are made at once.

use crate::world::{World, send, with_token};
use reqwest::Method;
use serde_json::json;
use spec::limits::MAX_WEBHOOKS;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn at_once_no_more_are_made_than_may_be() {
    let world = World::start().await;
    let token = world.token("acme", "org_owner").await;
    let path = "/api/orgs/acme/webhooks";
    let asked = || {
        let body = json!({"url": "https://example.org/told"});
        with_token(world.request(Method::POST, path), Some(&token)).json(&body)
    };
    let mut at_once = JoinSet::new();
    for _ in 0..3 * MAX_WEBHOOKS {
        at_once.spawn(send(asked()));
    }
    let made: Vec<u16> = at_once.join_all().await.into_iter().map(|answer| answer.status).collect();
    assert!(made.iter().all(|status| [201, 409].contains(status)), "{made:?}");
    assert_eq!(made.iter().filter(|status| **status == 201).count(), MAX_WEBHOOKS);
    let listed = world.get(path, Some(&token)).await.json()["items"].as_array().unwrap().len();
    assert_eq!(listed, MAX_WEBHOOKS);
}
