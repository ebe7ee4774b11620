//! A provider on loopback that says what a test wants it to say, and a ledger that believes it.

use crate::world::World;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The rule that makes admins.
pub(crate) const RULE: &str = "3f2b8c1e-5f0a-4d52-9a57-0c6f4b1f2a90";

/// A key of the provider.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) kid: &'static str,
    alg: &'static str,
    pair: Arc<Pair>,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl Key {
    pub(crate) fn ed25519(kid: &'static str, alg: &'static str, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        Self { kid, alg, pair: Arc::new(Pair::Ed25519(pair)) }
    }

    pub(crate) fn p256(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self { kid, alg: "ES256", pair: Arc::new(Pair::P256(pair.unwrap())) }
    }

    pub(crate) fn jwk(&self) -> Value {
        match &*self.pair {
            Pair::Ed25519(pair) => json!({
                "alg": self.alg, "crv": "Ed25519", "kid": self.kid, "kty": "OKP", "use": "sig",
                "x": URL_SAFE_NO_PAD.encode(pair.public_key()),
            }),
            Pair::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({
                    "alg": self.alg, "crv": "P-256", "kid": self.kid, "kty": "EC",
                    "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
                })
            }
        }
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let sig = match &*self.pair {
            Pair::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
            Pair::P256(pair) => pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(sig))
    }
}

/// What the provider answers with.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) keys: Value,
    pub(crate) userinfo: Option<Value>,
    pub(crate) down: bool,
    pub(crate) slow: bool,
    pub(crate) fetched: usize,
    pub(crate) issuer: Option<String>,
}

/// A provider on loopback.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) told: Arc<Mutex<Told>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Provider {
    pub(crate) async fn start(keys: &[&Key]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Told::default()));
        let named = issuer.clone();
        let discovery = move |State(told): State<Arc<Mutex<Told>>>| async move {
            let issuer = told.lock().unwrap().issuer.clone().unwrap_or_else(|| named.clone());
            said(
                &told,
                &json!({
                    "issuer": issuer, "jwks_uri": format!("{named}/keys"),
                    "userinfo_endpoint": format!("{named}/userinfo"),
                }),
            )
            .await
        };
        let keys_of = |State(told): State<Arc<Mutex<Told>>>| async move {
            let keys = {
                let mut told = told.lock().unwrap();
                told.fetched += 1;
                told.keys.clone()
            };
            said(&told, &keys).await
        };
        let userinfo = |State(told): State<Arc<Mutex<Told>>>, headers: HeaderMap| async move {
            assert!(headers["authorization"].to_str().unwrap().starts_with("Bearer "));
            let said_of = told.lock().unwrap().userinfo.clone();
            match said_of {
                Some(claims) => said(&told, &claims).await,
                None => answer(StatusCode::UNAUTHORIZED, String::new()),
            }
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys_of))
            .route("/cdn-cgi/access/certs", get(keys_of))
            .route("/userinfo", get(userinfo))
            .with_state(Arc::clone(&told));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let provider = Self { issuer, told, server };
        provider.rotate(keys);
        provider
    }

    pub(crate) fn rotate(&self, keys: &[&Key]) {
        let mut all: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        // Kinds of keys that are unknown here, and keys that are for something else.
        all.insert(0, json!({"kid": "pq", "kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}));
        all.insert(1, json!({"kid": "secret", "kty": "oct", "k": "AAAA"}));
        all.insert(2, json!({"kid": "enc", "kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}));
        self.told.lock().unwrap().keys = json!({"keys": all});
    }

    pub(crate) fn claims(&self, world: &World, change: impl FnOnce(&mut Value)) -> Value {
        let now = world.ledger.now().secs();
        let mut claims = json!({
            "aud": "vaultmesh", "exp": now + 300, "groups": ["staff", "acme-admins"], "iat": now,
            "iss": self.issuer, "nbf": now, "sub": "ada-1",
        });
        change(&mut claims);
        claims
    }
}

fn answer(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
}

async fn said(told: &Mutex<Told>, document: &Value) -> Response {
    let (down, slow) = {
        let told = told.lock().unwrap();
        (told.down, told.slow)
    };
    if slow {
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    if down {
        answer(StatusCode::BAD_GATEWAY, "<html>".to_owned())
    } else {
        answer(StatusCode::OK, document.to_string())
    }
}

/// The provider is believed, and who is in the group is an admin of acme.
pub(crate) async fn believe(world: &World, provider: &Provider, change: impl FnOnce(&mut Value)) {
    let mut said = json!({
        "algorithms": ["ES256", "EdDSA", "RS256"], "audiences": ["vaultmesh"], "issuer": provider.issuer,
    });
    change(&mut said);
    let answer = world.admin(Method::PUT, "/api/identity-providers/example", Some(&said)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for org in ["acme", "other"] {
        let made = json!({"org": org, "name": org});
        assert_eq!(world.admin(Method::POST, "/api/orgs", Some(&made)).await.status, 201);
    }
    let rule = json!({"provider": "example", "claim": "groups", "value": "acme-admins", "role": "org_admin"});
    let path = format!("/api/orgs/acme/sign-in-rules/{RULE}");
    assert_eq!(world.admin(Method::PUT, &path, Some(&rule)).await.status, 200);
}
