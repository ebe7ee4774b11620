//! Rates and the memory of bodies.

use crate::world::{World, send, with_token};
use reqwest::Method;
use std::time::{Duration, Instant};
use web::limits::{Rate, Shares};
use web::{Config, Limits};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_spends_its_own_and_nobody_else_s() {
    let limits = Limits { identity_events: Rate { per_sec: 1, burst: 3 }, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    let (mut node, mut other) = (world.node("acme").await, world.node("acme").await);
    // Forged events cost their pretended author nothing.
    for _ in 0..10 {
        let mut forged = node.clone().note("forged");
        forged.sig.0[0] ^= 1;
        let answer = world.post_bytes("/api/events", "application/json", forged.to_canonical()).await;
        assert_eq!(answer.problem(), "bad-signature");
    }
    // At least the burst, and one more for each second that it takes.
    let (mut taken, mut size, since) = (0, world.size(), Instant::now());
    let (event, answer) = loop {
        let event = node.note(&format!("{taken}"));
        let answer = world.post_bytes("/api/events", "application/json", event.to_canonical()).await;
        if answer.status != 201 {
            break (event, answer);
        }
        (taken, size) = (taken + 1, world.size());
        assert!(taken <= 4 + since.elapsed().as_secs(), "{taken} were taken");
    };
    assert!(taken >= 3, "{taken} were taken");
    assert_eq!((answer.status, answer.problem().as_str()), (429, "rate-limited"));
    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3).contains(&wait), "{wait}");
    assert_eq!(world.size(), size);
    let theirs = other.note("not mine");
    assert_eq!(world.post_bytes("/api/events", "application/json", theirs.to_canonical()).await.status, 201);
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_eq!(world.post_bytes("/api/events", "application/json", event.to_canonical()).await.status, 201);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_spends_its_own() {
    let limits = Limits {
        address_requests: Rate { per_sec: 1, burst: 20 },
        address_failures: Rate { per_sec: 1, burst: 3 },
        ..Limits::default()
    };
    let client_address_header = Some("cf-connecting-ip".parse().unwrap());
    let world = World::with(Config { limits, client_address_header, ..Config::default() }).await;
    let from = |address: &'static str, path: &str| {
        world.request(Method::GET, path).header("cf-connecting-ip", address).bearer_auth("vmt1.guess")
    };
    // How many are answered, and the refusal that comes then: at least the burst, and one for each second it takes.
    let until_refused = async |address: &'static str, path: &'static str, burst: u64| {
        let (mut answered, since) = (0, Instant::now());
        loop {
            let answer = send(from(address, path)).await;
            if answer.status == 429 {
                return (answered, answer);
            }
            answered += 1;
            assert!(answered <= burst + 1 + since.elapsed().as_secs(), "{answered} were answered");
        }
    };
    let (answered, refused) = until_refused("192.0.2.1", "/api/me", 3).await;
    assert!(answered >= 3, "{answered} were answered");
    assert_eq!(refused.problem(), "rate-limited");
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(send(from("192.0.2.1", "/ROOT.txt")).await.status, 200, "what is public stays so");
    assert_eq!(send(from("192.0.2.2", "/api/me")).await.status, 401);
    let (answered, _) = until_refused("2001:db8::1", "/ROOT.txt", 20).await;
    assert!(answered >= 20, "{answered} were answered");
    until_refused("2001:db8::2", "/ROOT.txt", 0).await;
    assert_eq!(send(from("2001:db8:1::1", "/ROOT.txt")).await.status, 200);
    assert_eq!(world.get("/healthz", None).await.status, 200);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_share_one_memory() {
    let limits = Limits { bodies: Shares::of_anyone(40_000), ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    let answer = world.post_bytes("/api/events", "application/json", vec![b' '; 20_000]).await;
    assert_eq!((answer.status, answer.problem().as_str()), (429, "rate-limited"));
    assert_eq!(answer.headers["retry-after"], "1");
    let answer = world.post_bytes("/api/events", "application/json", vec![b' '; 5000]).await;
    assert_eq!(answer.status, 400, "the room was given back");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_have_so_many_places() {
    let streams = Shares { principal: 2, address: 3, org: 9, ..Shares::of_anyone(5) };
    let limits = Limits { streams, ..Limits::default() };
    let client_address_header = Some("cf-connecting-ip".parse().unwrap());
    let world = World::with(Config { limits, client_address_header, ..Config::default() }).await;
    let mut tokens = Vec::new();
    for _ in 0..5 {
        tokens.push(world.token("acme", "viewer").await);
    }
    let seat = async |token: usize, address: Option<&str>| {
        let mut request = with_token(world.request(Method::GET, "/events"), Some(&tokens[token]));
        if let Some(address) = address {
            request = request.header("cf-connecting-ip", address);
        }
        let answer = request.send().await.unwrap();
        if answer.status() == 200 {
            return Ok(answer);
        }
        assert!(answer.headers().contains_key("retry-after"));
        let status = answer.status().as_u16();
        let problem: serde_json::Value = answer.json().await.unwrap();
        Err((status, problem["code"].as_str().unwrap().to_owned()))
    };
    let refused = |status: u16, code: &str| (status, code.to_owned());
    let open = async |count: usize| {
        let line = format!("\nhttp_streams {count}\n");
        while !world.app.metrics().contains(&line) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let first = seat(0, None).await.unwrap();
    let _second = seat(0, None).await.unwrap();
    assert_eq!(seat(0, None).await.unwrap_err(), refused(429, "rate-limited"), "two of a token");
    drop(first);
    open(1).await;
    let _third = seat(0, Some("192.0.2.1")).await.unwrap();
    let fourth = seat(1, Some("192.0.2.1")).await.unwrap();
    let _fifth = seat(2, Some("192.0.2.1")).await.unwrap();
    let more = seat(3, Some("192.0.2.1")).await.unwrap_err();
    assert_eq!(more, refused(429, "rate-limited"), "three from an address");
    let _sixth = seat(3, Some("192.0.2.2")).await.unwrap();
    open(5).await;
    assert_eq!(seat(4, None).await.unwrap_err(), refused(503, "queue-full"), "five in all");
    drop(fourth);
    open(4).await;
    let _seventh = seat(4, None).await.unwrap();
    world.finish().await;
}
