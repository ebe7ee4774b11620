//! The table is complete, and what is not in it answers alike.

use crate::world::{World, send};
use reqwest::Method;
use serde_json::Value;
use service::rows;
use spec::payload::Role;
use std::collections::BTreeSet;
use web::Access;
use web::access::{Action, allows};
use web::problem::{ADMISSION_CODES, ROWS};

const API: &str = include_str!("../../../../spec/api.md");

/// What everyone may see: nothing may join this list unnoticed.
const PUBLIC: [&str; 26] = [
    "/sign-in",
    "/sign-in/providers",
    "/sign-in/callback",
    "/api/openapi.json",
    "/api/docs",
    "/assets/page.css",
    "/assets/page.js",
    "/session",
    "/healthz",
    "/readyz",
    "/metrics",
    "/ROOT.txt",
    "/PROOFCHAIN.json",
    "/proofchain/{file}",
    "/api/ledger",
    "/api/ledger/authority",
    "/api/ledger/checkpoint",
    "/api/ledger/proof/inclusion",
    "/api/ledger/proof/consistency",
    "/COSIGNED.txt",
    "/api/ledger/witnesses",
    "/api/ledger/witness-checkpoint",
    "/console",
    "/console/",
    "/console/{page}",
    "/console/{folder}/{page}",
];

#[test]
fn every_route_says_who_may_use_it() {
    let mut seen = BTreeSet::new();
    for route in &rows() {
        assert!(seen.insert((route.method.as_str(), route.path)), "{route:?} twice");
        let public = route.access == Access::Public;
        let reads = route.method == Method::GET || route.path == "/session";
        assert_eq!(public, reads && PUBLIC.contains(&route.path), "{route:?}");
        assert!(!route.session || route.method == Method::GET, "{route:?}: a session only reads");
        if let Access::Role(action) | Access::Everywhere(action) = route.access {
            assert!(Role::ALL.iter().any(|role| allows(*role, action)), "nobody may use {route:?}");
        }
    }
}

#[test]
fn the_list_the_document_and_the_matrix_have_the_same_routes() {
    let document = service::document();
    let methods = |path: &Value| path.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let paths = document["paths"].as_object().unwrap().iter();
    let told: BTreeSet<(String, String)> = paths
        .flat_map(|(path, of)| {
            methods(of).into_iter().map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let rows = rows();
    let listed = rows.iter().map(|row| (row.method.to_string(), row.path.to_owned()));
    assert_eq!(listed.collect::<BTreeSet<_>>(), told);
    assert_eq!(rows.len(), told.len());
    let tags = |value: &Value, pointer: &str| {
        let names = value.as_array().into_iter().flatten().filter_map(|tag| tag.pointer(pointer)?.as_str());
        names.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let operations: Vec<Value> = document["paths"].as_object().unwrap().values().cloned().collect();
    let used = operations.iter().flat_map(|of| of.as_object().unwrap().values());
    let used: BTreeSet<String> = used.flat_map(|operation| tags(&operation["tags"], "")).collect();
    assert_eq!(used, tags(&document["tags"], "/name"), "each subject is described, and has operations");
    for row in &rows {
        let operation = &document["paths"][row.path][row.method.as_str().to_lowercase()];
        let body = operation.pointer("/requestBody/content").and_then(Value::as_object);
        let media: BTreeSet<&str> =
            body.into_iter().flat_map(|body| body.keys()).map(String::as_str).collect();
        assert_eq!(media, row.body.media().iter().copied().collect(), "{row:?}");
        let said = operation["description"].as_str().unwrap();
        match row.access {
            Access::Role(action) | Access::Everywhere(action) => {
                assert!(said.ends_with(&format!(": {}.", action.as_str())), "{row:?}: {said}");
                let in_matrix = format!("| {} |", action.as_str());
                assert!(API.lines().any(|line| line.starts_with(&in_matrix)), "{row:?}");
            }
            Access::Public | Access::Credential | Access::Anyone => {}
        }
    }
}

#[test]
fn the_matrix_is_as_published() {
    for action in Action::ALL {
        let row = API
            .lines()
            .find(|line| line.starts_with(&format!("| {} |", action.as_str())))
            .unwrap_or_else(|| panic!("spec/api.md has no row for {action:?}"));
        let cells: Vec<&str> = row.split('|').skip(2).map(str::trim).collect();
        for (role, cell) in Role::ALL.into_iter().zip(cells) {
            assert_eq!(cell == "yes", allows(role, action), "{role:?} {action:?}");
        }
    }
}

#[test]
fn the_specification_names_every_route_and_every_code() {
    for route in &rows() {
        let (text, path) = (format!("`{} {}`", route.method, route.path), format!("`{}`", route.path));
        // Tables of reads name their paths alone.
        let named = API.contains(&text) || route.method == Method::GET && API.contains(&path);
        assert!(named, "spec/api.md lacks {text}");
    }
    for row in ROWS {
        let text = format!("| `{}` | {} |", row.code, row.status);
        assert!(API.contains(&text), "spec/api.md lacks {text}");
    }
    for code in ADMISSION_CODES {
        let text = format!("| `{code}` | {} |", web::problem::status_of(code));
        assert!(API.contains(&text), "spec/api.md lacks {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_wrong_methods() {
    let world = World::start().await;
    for path in ["/api", "/api/nowhere", "/api/events/", "/proofchain/../ROOT.txt"] {
        let answer = world.get(path, None).await;
        if path.contains("..") {
            continue;
        }
        assert_eq!((answer.status, answer.problem().as_str()), (404, "not-found"), "{path}");
    }
    let answer = send(world.request(Method::DELETE, "/api/events")).await;
    assert_eq!((answer.status, answer.problem().as_str()), (405, "method-not-allowed"));
    let allow: BTreeSet<&str> = answer.headers["allow"].to_str().unwrap().split(',').map(str::trim).collect();
    assert_eq!(allow, BTreeSet::from(["GET", "HEAD", "POST"]));
    assert_eq!(world.get("/api/nodes/%ff/heartbeat", None).await.status, 405);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_principal_everything_else_is_401() {
    let world = World::start().await;
    let size = world.size();
    for route in &rows() {
        let path =
            route.path.replace("{id}", "550e8400-e29b-41d4-a716-446655440000").replace("{org}", "acme");
        let path = path.replace("{token_id}", &"0".repeat(64)).replace("{key}", &"0".repeat(64));
        let path = path.replace("{hash}", &"0".repeat(64)).replace("{assignment}", &"0".repeat(64));
        let path = path.replace("{seq}", "0").replace("{first}", "0").replace("{file}", "0.jsonl");
        let request = world.request(route.method.clone(), &path);
        let answer = match route.access {
            Access::Public => continue,
            Access::Credential => {
                let draft = serde_json::json!({"kind": "note", "org": "acme", "payload": {"text": "x"}});
                let node = crate::world::Node::new();
                let unknown = format!("vm1.{}.{}", world.ledger.id(), "ab".repeat(32));
                match route.path {
                    "/api/events" => send(request.json(&draft)).await,
                    "/api/sign-in" => send(request.json(&serde_json::json!({"code": "ab".repeat(32)}))).await,
                    path if path.ends_with("heartbeat") => {
                        send(request.json(&node.heartbeat_payload())).await
                    }
                    "/api/nodes/{id}/slo" => {
                        let time = "2026-01-01T00:00:00Z";
                        let count = serde_json::json!({"component": "gate", "count": 1, "operation": "read",
                            "outcome": "ok", "window_start": time, "window_end": time});
                        send(request.json(&count)).await
                    }
                    "/sign-in/back-channel" => {
                        let answer = {
                            let form = request.header("content-type", "application/x-www-form-urlencoded");
                            send(form.body("logout_token=x.y.z")).await
                        };
                        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-logout-token"));
                        continue;
                    }
                    // Signatures of the ledger or of its witnesses, which nobody else can make.
                    "/api/ledger/cosignatures" | "/api/ledger/contradictions" => {
                        let note = world.ledger.head().borrow().note.to_string();
                        let forged = note.replacen("keys ", "keys A", 1);
                        let body = if route.path.ends_with("cosignatures") {
                            serde_json::json!({"note": forged})
                        } else {
                            serde_json::json!({"a": note, "b": forged})
                        };
                        let answer = send(request.json(&body)).await;
                        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid"), "{route:?}");
                        continue;
                    }
                    _ => send(request.json(&node.registration(&unknown))).await,
                }
            }
            _ => send(request).await,
        };
        assert_eq!(answer.status, 401, "{route:?}: {}", answer.text);
        if route.path == "/" {
            assert!(answer.text.contains("action=\"/session\""), "the form to sign in with");
            continue;
        }
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        answer.problem();
    }
    assert_eq!(world.size(), size);
    world.finish().await;
}
