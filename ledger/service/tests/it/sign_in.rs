//! People who come with a provider's token: what holds and what does not, and what it gives them.

use crate::provider::{Key, Provider, RULE, believe};
use crate::world::{Answer, World, send};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::Pace;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use web::Config;

async fn world(pace: Pace) -> World {
    World::with(Config { identity: pace, ..Config::default() }).await
}

async fn me(world: &World, token: &str) -> Answer {
    world.get("/api/me", Some(token)).await
}

fn eager() -> Pace {
    Pace { rest: Duration::ZERO, ..Pace::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_a_provider_vouches_for_has_what_the_rules_give() {
    let world = world(eager()).await;
    let key = Key::p256("k1");
    let provider = Provider::start(&[&key]).await;
    believe(&world, &provider, |_| ()).await;
    let header = json!({"alg": "ES256", "kid": "k1", "typ": "JWT"});
    let claims = provider.claims(&world, |claims| {
        claims["email"] = json!("ada@example.org");
        claims["email_verified"] = json!("true");
    });
    let token = key.sign(&header, &claims);
    let answer = me(&world, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let said = answer.json();
    assert_eq!(
        (&said["kind"], &said["org"], &said["roles"]),
        (&json!("user"), &json!("acme"), &json!(["org_admin"]))
    );
    let size = world.size();
    assert_eq!(me(&world, &token).await.json()["id"], said["id"]);
    assert_eq!(world.size(), size, "what the log says already is not said again");
    // It is in the log: who it is, and by which rule they have the role.
    let all = world.admin(Method::GET, "/api/events?kind=user", None).await.json()["items"][0].clone();
    assert_eq!((&all["event"]["author"], &all["payload"]["email"]), (&said["id"], &json!("ada@example.org")));
    let members = world.get("/api/orgs/acme/members", Some(&token)).await.json()["items"].clone();
    assert_eq!((&members[0]["role"], &members[0]["rule"]), (&json!("org_admin"), &json!(RULE)));
    // What they write is theirs.
    let note = json!({"kind": "note", "payload": {"text": "x"}});
    let said_by = world.post("/api/events", Some(&token), &note).await;
    assert_eq!(said_by.status, 201, "{}", said_by.text);
    let seq = said_by.json()["seq"].clone();
    let entry = world.get(&format!("/api/ledger/entries/{seq}"), Some(&token)).await;
    assert!(entry.text.contains(said["id"].as_str().unwrap()), "{}", entry.text);
    // Another organisation is not theirs, whether it is there or not.
    for org in ["other", "nowhere"] {
        let answer = world.get(&format!("/api/orgs/{org}/members"), Some(&token)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"), "{org}");
        let answer = world.get(&format!("/api/events?org={org}"), Some(&token)).await;
        assert_eq!(answer.status, 403, "{org}");
    }
    assert_eq!(world.get("/api/tasks", Some(&token)).await.status, 403);
    // Whoever no rule knows is nobody, and leaves no trace.
    let size = world.size();
    let stranger = key.sign(
        &header,
        &provider.claims(&world, |claims| {
            claims["sub"] = json!("eve");
            claims["groups"] = json!(["staff"]);
        }),
    );
    assert_eq!(me(&world, &stranger).await.json()["roles"], json!([]));
    assert_eq!(world.get("/api/events", Some(&stranger)).await.status, 403);
    assert_eq!(world.size(), size);
    // The group is taken away: so is the role.
    let left = key.sign(&header, &provider.claims(&world, |claims| claims["groups"] = json!(["staff"])));
    assert_eq!(me(&world, &left).await.json()["roles"], json!([]));
    let members = world.admin(Method::GET, "/api/orgs/acme/members", None).await.json()["items"].clone();
    assert_eq!(members, json!([]));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_hold_lets_nobody_in() {
    let world = world(eager()).await;
    let (key, other) = (Key::p256("k1"), Key::p256("k1"));
    let ed = Key::ed25519("k2", "EdDSA", 7);
    let provider = Provider::start(&[&key, &ed]).await;
    believe(&world, &provider, |_| ()).await;
    let header = json!({"alg": "ES256", "kid": "k1"});
    let now = world.ledger.now().secs();
    let with = |change: &dyn Fn(&mut Value)| key.sign(&header, &provider.claims(&world, change));
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = provider.claims(&world, |_| ());
    let good = key.sign(&header, &claims);
    let (signed, sig) = good.rsplit_once('.').unwrap();
    let unsigned = |alg: &str| format!("{}.{}.", part(&json!({"alg": alg, "kid": "k1"})), part(&claims));
    let huge = with(&|claims| claims["groups"] = json!(vec!["acme-admins"; 4000]));
    let refused = [
        ("expired", with(&|claims| claims["exp"] = json!(now - 62))),
        ("no end", with(&|claims| drop(claims.as_object_mut().unwrap().remove("exp")))),
        ("an end in words", with(&|claims| claims["exp"] = json!("tomorrow"))),
        ("an end beyond time", with(&|claims| claims["exp"] = json!(1e300))),
        ("not valid yet", with(&|claims| claims["nbf"] = json!(now + 120))),
        ("made in the future", with(&|claims| claims["iat"] = json!(now + 120))),
        ("another audience", with(&|claims| claims["aud"] = json!("other"))),
        ("other audiences", with(&|claims| claims["aud"] = json!(["a", "b"]))),
        ("an audience in a list in a list", with(&|claims| claims["aud"] = json!([["vaultmesh"]]))),
        ("no audience", with(&|claims| drop(claims.as_object_mut().unwrap().remove("aud")))),
        ("another issuer", with(&|claims| claims["iss"] = json!("https://evil.example"))),
        ("the issuer with a slash", with(&|claims| claims["iss"] = json!(format!("{}/", provider.issuer)))),
        ("no subject", with(&|claims| claims["sub"] = json!(""))),
        ("a subject that is a number", with(&|claims| claims["sub"] = json!(1))),
        ("a subject beyond its length", with(&|claims| claims["sub"] = json!("s".repeat(2000)))),
        ("none", unsigned("none")),
        ("None", unsigned("None")),
        ("no signature", unsigned("ES256")),
        ("a shared secret", other.sign(&json!({"alg": "HS256", "kid": "secret"}), &claims)),
        ("another key under the id", other.sign(&header, &claims)),
        ("a key of another kind", ed.sign(&json!({"alg": "ES256", "kid": "k2"}), &claims)),
        ("an algorithm of another kind", key.sign(&json!({"alg": "EdDSA", "kid": "k1"}), &claims)),
        ("an algorithm that is not pinned", key.sign(&json!({"alg": "ES384", "kid": "k1"}), &claims)),
        ("a key of its own", other.sign(&json!({"alg": "ES256", "jwk": other.jwk()}), &claims)),
        (
            "keys of its own",
            other.sign(&json!({"alg": "ES256", "jku": "http://127.0.0.1:1/", "kid": "x"}), &claims),
        ),
        ("something critical", key.sign(&json!({"alg": "ES256", "crit": ["exp"], "kid": "k1"}), &claims)),
        (
            "another payload",
            format!("{}.{}.{sig}", signed.split_once('.').unwrap().0, part(&json!({"iss": provider.issuer}))),
        ),
        ("more than three parts", format!("{good}.x")),
        ("padding", format!("{good}=")),
    ];
    for (what, token) in &refused {
        // Each from an address that has not failed before.
        let answer = me(&world, token).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (401, "unauthenticated"),
            "{what}: {}",
            answer.text
        );
    }
    // Refused before it is anybody's: its headers are longer than a request may have.
    let answer = world.request(Method::GET, "/api/me").bearer_auth(&huge).send().await.unwrap();
    assert_eq!(answer.status(), 431);
    assert_eq!(me(&world, &good).await.status, 200);
    // Claims are what they are: a group is no part of another's name.
    for groups in
        [json!("acme-admins-of-nothing"), json!({"acme-admins": true}), json!([["acme-admins"]]), json!(1)]
    {
        let token = with(&|claims| claims["groups"] = groups.clone());
        assert_eq!(me(&world, &token).await.json()["roles"], json!([]), "{groups}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_differ_by_a_minute_and_audiences_come_in_lists() {
    let world = world(eager()).await;
    let key = Key::p256("k1");
    let provider = Provider::start(&[&key]).await;
    believe(&world, &provider, |_| ()).await;
    let header = json!({"alg": "ES256", "kid": "k1"});
    let now = world.ledger.now().secs();
    for change in [
        |claims: &mut Value, now: u64| claims["exp"] = json!(now - 55),
        |claims: &mut Value, now: u64| claims["nbf"] = json!(now + 55),
        |claims: &mut Value, now: u64| claims["iat"] = json!(now + 55),
        |claims: &mut Value, now: u64| claims["iat"] = serde_json::from_str(&format!("{now}.5")).unwrap(),
        |claims: &mut Value, _| claims["aud"] = json!(["other", "vaultmesh"]),
    ] {
        let claims = provider.claims(&world, |claims| change(claims, now));
        let answer = me(&world, &key.sign(&header, &claims)).await;
        assert_eq!(answer.status, 200, "{claims}: {}", answer.text);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ed25519_has_two_names() {
    for (in_key, in_token) in
        [("EdDSA", "EdDSA"), ("Ed25519", "Ed25519"), ("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")]
    {
        let world = world(eager()).await;
        let key = Key::ed25519("k1", in_key, 9);
        let provider = Provider::start(&[&key]).await;
        believe(&world, &provider, |_| ()).await;
        let token = key.sign(&json!({"alg": in_token, "kid": "k1"}), &provider.claims(&world, |_| ()));
        assert_eq!(me(&world, &token).await.status, 200, "{in_key} {in_token}");
        // Without an id the key is found among all.
        let token = key.sign(&json!({"alg": in_token}), &provider.claims(&world, |_| ()));
        assert_eq!(me(&world, &token).await.status, 200, "{in_key} {in_token}");
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_and_a_provider_that_is_away_keeps_those_it_had() {
    let rest = Duration::from_millis(300);
    let world = world(Pace { rest, ..Pace::default() }).await;
    let (first, second) = (Key::p256("k1"), Key::p256("k2"));
    let provider = Provider::start(&[&first]).await;
    believe(&world, &provider, |_| ()).await;
    let token =
        |key: &Key| key.sign(&json!({"alg": "ES256", "kid": key.kid}), &provider.claims(&world, |_| ()));
    provider.told.lock().unwrap().down = true;
    let answer = me(&world, &token(&first)).await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "provider-unavailable"));
    provider.told.lock().unwrap().down = false;
    tokio::time::sleep(rest).await;
    assert_eq!(me(&world, &token(&first)).await.status, 200);
    // A forged id makes the provider be asked once, and not again before it has rested.
    tokio::time::sleep(rest).await;
    let (before, since) = (provider.told.lock().unwrap().fetched, Instant::now());
    for n in 0..20 {
        let forged =
            first.sign(&json!({"alg": "ES256", "kid": format!("x{n}")}), &provider.claims(&world, |_| ()));
        assert_eq!(me(&world, &forged).await.status, 401);
    }
    // Two documents, and again after each rest that has passed since.
    let rests = usize::try_from(since.elapsed().as_millis() / rest.as_millis()).unwrap();
    let asked = provider.told.lock().unwrap().fetched - before;
    assert!(asked <= 2 * (1 + rests), "the provider was asked {asked} times in {rests} rests");
    // It goes over to another key; that of before is none of its keys any more.
    provider.rotate(&[&second]);
    tokio::time::sleep(rest).await;
    assert_eq!(me(&world, &token(&second)).await.status, 200);
    assert_eq!(me(&world, &token(&first)).await.status, 401);
    // It is away: whom it vouched for with known keys comes in, and nobody waits.
    provider.told.lock().unwrap().down = true;
    tokio::time::sleep(rest).await;
    assert_eq!(me(&world, &token(&second)).await.status, 200);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_provider_and_one_that_is_another_let_nobody_in() {
    let world = world(eager()).await;
    let key = Key::p256("k1");
    let provider = Provider::start(&[&key]).await;
    believe(&world, &provider, |_| ()).await;
    let token = key.sign(&json!({"alg": "ES256", "kid": "k1"}), &provider.claims(&world, |_| ()));
    provider.told.lock().unwrap().slow = true;
    assert_eq!(me(&world, &token).await.problem(), "provider-unavailable");
    provider.told.lock().unwrap().slow = false;
    provider.told.lock().unwrap().issuer = Some("https://evil.example".to_owned());
    assert_eq!(me(&world, &token).await.problem(), "provider-unavailable");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_may_be_in_userinfo_only() {
    let world = world(eager()).await;
    let key = Key::p256("k1");
    let provider = Provider::start(&[&key]).await;
    believe(&world, &provider, |_| ()).await;
    let token = |n: u64| {
        key.sign(
            &json!({"alg": "ES256", "kid": "k1"}),
            &provider.claims(&world, |claims| {
                claims.as_object_mut().unwrap().remove("groups");
                claims["jti"] = json!(n);
            }),
        )
    };
    // What is said of somebody else is not said of them.
    let groups = json!(["acme-admins"]);
    provider.told.lock().unwrap().userinfo = Some(json!({"groups": groups, "sub": "bob-2"}));
    assert_eq!(me(&world, &token(1)).await.json()["roles"], json!([]));
    provider.told.lock().unwrap().userinfo = Some(json!({"groups": groups, "sub": "ada-1"}));
    let second = token(2);
    assert_eq!(me(&world, &second).await.json()["roles"], json!(["org_admin"]));
    provider.told.lock().unwrap().userinfo = None;
    assert_eq!(me(&world, &second).await.json()["roles"], json!(["org_admin"]), "it is kept for a while");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudflare_access_speaks_in_a_header_of_its_own() {
    let world = world(eager()).await;
    let key = Key::p256("k1");
    let provider = Provider::start(&[&key]).await;
    believe(&world, &provider, |said| said["kind"] = json!("cloudflare-access")).await;
    let asserted = async |claims: &Value| {
        let token = key.sign(&json!({"alg": "ES256", "kid": "k1"}), claims);
        send(world.request(Method::GET, "/api/me").header("cf-access-jwt-assertion", token)).await
    };
    let answer = asserted(&provider.claims(&world, |_| ())).await;
    assert_eq!((answer.status, &answer.json()["roles"]), (200, &json!(["org_admin"])), "{}", answer.text);
    // A service token has a name and no subject.
    let service = provider.claims(&world, |claims| {
        claims["sub"] = json!("");
        claims["common_name"] = json!("robot.access");
    });
    let robot = asserted(&service).await;
    assert_eq!(robot.status, 200, "{}", robot.text);
    assert_ne!(robot.json()["id"], answer.json()["id"]);
    assert_eq!(asserted(&provider.claims(&world, |claims| claims["aud"] = json!("x"))).await.status, 401);
    // A token of the service goes before what a proxy adds.
    let api = world.token("other", "viewer").await;
    let token = key.sign(&json!({"alg": "ES256", "kid": "k1"}), &provider.claims(&world, |_| ()));
    let both =
        world.request(Method::GET, "/api/me").header("cf-access-jwt-assertion", &token).bearer_auth(&api);
    assert_eq!(send(both).await.json()["kind"], "token");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_and_a_visit_are_the_persons_own() {
    let world = world(eager()).await;
    let key = Key::p256("k1");
    let provider = Provider::start(&[&key]).await;
    believe(&world, &provider, |_| ()).await;
    let token = |sub: &str| {
        key.sign(
            &json!({"alg": "ES256", "kid": "k1"}),
            &provider.claims(&world, |claims| {
                claims["sub"] = json!(sub);
                claims["groups"] = json!([]);
            }),
        )
    };
    let (bob, sue) = (token("bob"), token("sue"));
    let made =
        world.admin(Method::POST, "/api/orgs/other/invitations", Some(&json!({"role": "viewer"}))).await;
    let accept = json!({"invitation": made.json()["invitation"]});
    let answer = world.post("/api/invitations/accept", Some(&bob), &accept).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(world.post("/api/invitations/accept", Some(&bob), &accept).await.status, 401, "once");
    assert_eq!(me(&world, &bob).await.json()["orgs"][0]["org"], "other");
    let people = world.admin(Method::GET, "/api/events?kind=user", None).await.json()["items"].clone();
    assert_eq!(people[0]["payload"]["subject"], "bob");
    // In two organisations, one is to be named.
    let user = me(&world, &bob).await.json()["id"].as_str().unwrap()[5..].to_owned();
    let grant = json!({"user": user, "role": "node_admin"});
    assert_eq!(world.admin(Method::POST, "/api/orgs/acme/members", Some(&grant)).await.status, 201);
    assert_eq!(world.get("/api/nodes", Some(&bob)).await.status, 403);
    let named = async |org: &str| {
        send(world.request(Method::GET, "/api/me").bearer_auth(&bob).header("x-org-id", org)).await.json()
    };
    assert_eq!(named("acme").await["roles"], json!(["node_admin"]));
    assert_eq!(named("other").await["roles"], json!(["viewer"]));
    assert_eq!(named("nowhere").await["roles"], json!([]));
    // Support: nothing, until it visits; and the organisation shows it out.
    let sue_id = me(&world, &sue).await.json()["id"].as_str().unwrap()[5..].to_owned();
    let grant = json!({"user": sue_id, "role": "support"});
    assert_eq!(world.admin(Method::POST, "/api/orgs/ledger/members", Some(&grant)).await.status, 201);
    assert_eq!(world.get("/api/orgs/acme/members", Some(&sue)).await.status, 403);
    let visit = json!({"reason": "ticket 7", "ttl_secs": 600});
    let answer = world.post("/api/orgs/acme/support", Some(&sue), &visit).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(world.get("/api/orgs/acme/members", Some(&sue)).await.status, 200);
    let path = format!("/api/orgs/acme/members/{sue_id}/support");
    assert_eq!(world.admin(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(world.get("/api/orgs/acme/members", Some(&sue)).await.status, 403);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_headers_are_believed_behind_their_flag_alone() {
    for flag in [false, true] {
        let world = World::with(Config { development_headers: flag, ..Config::default() }).await;
        let ask = async |path: &str, org: &str, roles: &str| {
            let request = world.request(Method::GET, path).header("x-user-id", "ada");
            send(request.header("x-org-id", org).header("x-roles", roles)).await
        };
        if !flag {
            assert_eq!(ask("/api/me", "acme", "org_owner").await.status, 401);
            world.finish().await;
            continue;
        }
        assert_eq!(
            ask("/api/me", "acme", "viewer, org_admin").await.json()["roles"],
            json!(["viewer", "org_admin"])
        );
        assert_eq!(ask("/api/events", "acme", "viewer").await.status, 200);
        assert_eq!(ask("/api/events?org=other", "acme", "viewer").await.status, 403);
        // A role that is missing or unknown is none.
        for roles in ["", "king", "Viewer"] {
            assert_eq!(ask("/api/events", "acme", roles).await.status, 403, "{roles}");
        }
        assert_eq!(ask("/api/events", "", "org_owner").await.status, 403);
        // The log believes nobody for that.
        let note = json!({"kind": "note", "org": "acme", "payload": {"text": "x"}});
        let request = world.request(Method::POST, "/api/events").header("x-user-id", "ada").json(&note);
        let answer = send(request.header("x-org-id", "acme").header("x-roles", "org_owner")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "wrong-org"));
        world.finish().await;
    }
}
