//! The read side of a real service: the fleet, and the live stream across a kill.

use crate::support::{Node, PATIENCE, Service, http, json, ledger, not_cut_off, verify};
use serde_json::Value;
use spec::Uuid;

/// A client's view of the stream.
struct Stream {
    response: reqwest::Response,
    text: String,
}

/// One event of it.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    id: Option<u64>,
    name: String,
    data: String,
}

impl Stream {
    async fn open(client: &reqwest::Client, url: &str, token: &str, last: Option<u64>) -> Self {
        let mut request = client.get(url).bearer_auth(token);
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .unwrap_or_default()
                        .trim()
                        .to_owned()
                };
                let told =
                    Told { id: field("id:").parse().ok(), name: field("event:"), data: field("data:") };
                let rest = rest.to_owned();
                self.text = rest;
                if !told.data.is_empty() {
                    return Some(told);
                }
                continue;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }
}

async fn get(client: &reqwest::Client, url: &str, token: &str) -> (u16, Value) {
    let answer = client.get(url).bearer_auth(token).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
}

pub(crate) fn token(service: &Service, org: &str, role: &str) -> String {
    let data = service.data.to_str().unwrap();
    let made =
        json(&["tokens", "create", "--data", data, "--org", org, "--role", role, "--label", "test"], 0);
    made["token"].as_str().unwrap().to_owned()
}

async fn send(client: &reqwest::Client, service: &Service, event: &spec::Event) {
    let request = client.post(format!("{}/api/events", service.url)).body(event.to_canonical());
    let answer = request.header("content-type", "application/json").send().await.unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
}

/// Nobody sees another organisation's; what is not understood is refused by name.
async fn refusals(client: &reqwest::Client, service: &Service, foreign: &str, node_id: &str) {
    let url = |path: &str| format!("{}{path}", service.url);
    assert_eq!(get(client, &url("/api/nodes"), foreign).await.1["items"], Value::Array(Vec::new()));
    for (path, status, code) in [
        (format!("/api/nodes/{node_id}"), 404, "not-found"),
        ("/api/nodes?org=acme".to_owned(), 403, "forbidden"),
        ("/api/orgs/acme/events/stream".to_owned(), 403, "forbidden"),
        ("/api/orgs/acme/nodes".to_owned(), 403, "forbidden"),
        (format!("/api/orgs/acme/nodes/{node_id}"), 403, "forbidden"),
        (format!("/api/nodes/{node_id}/policy"), 404, "not-found"),
        (format!("/api/nodes/{node_id}/scans"), 404, "not-found"),
        ("/api/policies?org=acme".to_owned(), 403, "forbidden"),
        (format!("/api/policies/{}", "00".repeat(32)), 404, "not-found"),
        ("/api/orgs/acme/audit".to_owned(), 403, "forbidden"),
        ("/api/orgs/acme/keys".to_owned(), 403, "forbidden"),
        ("/api/orgs/acme/usage/summary".to_owned(), 403, "forbidden"),
        ("/api/nodes?colour=red".to_owned(), 400, "bad-query"),
        ("/api/nodes?band=RED".to_owned(), 400, "bad-query"),
        ("/api/nodes?limit=0".to_owned(), 400, "bad-query"),
        ("/api/nodes?cursor=7".to_owned(), 400, "bad-query"),
        ("/events?kind=gossip".to_owned(), 400, "bad-query"),
        ("/events?last_event_id=last".to_owned(), 400, "bad-query"),
        ("/events?kind=note&kind=note".to_owned(), 400, "bad-query"),
    ] {
        let (found, problem) = get(client, &url(&path), foreign).await;
        assert_eq!((found, &problem["code"]), (status, &code.into()), "{path}: {problem}");
    }
    for path in ["/api/nodes", "/events"] {
        assert_eq!(client.get(url(path)).send().await.unwrap().status(), 401, "{path}");
    }
}

/// Each list beside the fleet, and how many items it has when one node has enrolled and sent a heartbeat.
async fn lists(client: &reqwest::Client, service: &Service, viewer: &str, node_id: &str) {
    for (path, count) in [
        ("/api/commands".to_owned(), 0),
        ("/api/findings".to_owned(), 0),
        ("/api/policies".to_owned(), 0),
        ("/api/scans".to_owned(), 0),
        (format!("/api/nodes/{node_id}/events?kind=heartbeat"), 1),
        (format!("/api/nodes/{node_id}/metrics?metric=load1"), 0),
        (format!("/api/nodes/{node_id}/scans"), 0),
        (format!("/api/nodes/{node_id}/slo-summary"), 0),
        ("/api/orgs/acme/audit?kind=key".to_owned(), 1),
        ("/api/orgs/acme/keys?status=active".to_owned(), 1),
        ("/api/orgs/acme/nodes?labels=!old".to_owned(), 1),
        (format!("/api/orgs/acme/nodes/{node_id}/events?kind=heartbeat"), 1),
        ("/api/orgs/acme/slo-summary".to_owned(), 0),
        ("/api/orgs/acme/usage/summary".to_owned(), 0),
    ] {
        let (status, list) = get(client, &format!("{}{path}", service.url), viewer).await;
        let items = list["items"].as_array().map(Vec::len);
        assert_eq!((status, items), (200, Some(count)), "{path}: {list}");
    }
}

#[tokio::test]
async fn the_fleet_and_the_stream() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("ledger"));
    let client = http();
    let (viewer, foreign) = (token(&service, "acme", "viewer"), token(&service, "umbrella", "viewer"));
    let mut node = Node::enrol(&client, &service, &service.enrolment_token(1)).await;
    send(&client, &service, &node.heartbeat("vault-test")).await;

    let url = |path: &str| format!("{}{path}", service.url);
    let (status, fleet) = get(&client, &url("/api/nodes"), &viewer).await;
    assert_eq!(status, 200, "{fleet}");
    let row = &fleet["items"][0];
    assert_eq!(row["node_id"], node.id.to_string());
    assert_eq!((&row["band"], &row["silence"], &row["score"]), (&"OK".into(), &"live".into(), &0.into()));
    assert_eq!(row["heartbeat"]["hostname"], "vault-test");
    assert!(fleet["checkpoint"].as_str().unwrap().starts_with("vaultmesh.local/"), "{fleet}");
    let (status, one) = get(&client, &url(&format!("/api/nodes/{}", node.id)), &viewer).await;
    assert_eq!((status, &one["node"]["node_id"]), (200, &row["node_id"]));
    lists(&client, &service, &viewer, &node.id.to_string()).await;
    for (query, count) in
        [("?q=VAULT-T", 1), ("?q=nothing", 0), ("?band=OK", 1), ("?band=CRIT", 0), ("?org=acme&limit=1", 1)]
    {
        let (status, found) = get(&client, &url(&format!("/api/nodes{query}")), &viewer).await;
        assert_eq!((status, found["items"].as_array().unwrap().len()), (200, count), "{query}: {found}");
    }

    // The same from the command line: over the service, with a token, and below from the files alone.
    let node_id = node.id.to_string();
    let listed = |more: &[&str]| {
        let listed = json(&[&["nodes", "list", "-o", "json"], more].concat(), 0);
        let items = listed["items"].as_array().unwrap().clone();
        items.iter().map(|node| node["node_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let data = service.data.to_str().unwrap();
    assert_eq!(listed(&["--data", data]), [node_id.as_str()]);
    assert_eq!(listed(&["--url", &service.url, "--token", &viewer, "--band", "ok"]), [node_id.as_str()]);
    assert!(listed(&["--url", &service.url, "--token", &foreign]).is_empty());
    let table = ledger(&["nodes", "list", "--data", data, "-q", "vault"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.starts_with("name ") && table.contains("vault-test"), "{table}");
    assert_eq!(json(&["nodes", "show", &node_id, "--data", data], 0)["node"]["score"], 0);
    assert_eq!(
        ledger(&["nodes", "show", &Uuid::v4([7; 16]).to_string(), "--data", data]).status.code(),
        Some(1)
    );

    refusals(&client, &service, &foreign, &node_id).await;

    // From the beginning, then live, each entry once and in order.
    let mut stream =
        Stream::open(&client, &url("/events?kind=heartbeat,note&last_event_id=0"), &viewer, None).await;
    let first = stream.next().await.unwrap();
    assert_eq!(first.name, "heartbeat");
    let told: Value = serde_json::from_str(&first.data).unwrap();
    assert_eq!((told["seq"].as_u64(), &told["event"]["kind"]), (first.id, &"heartbeat".into()));
    assert_eq!(told["payload"]["hostname"], "vault-test");
    let mut others = Stream::open(&client, &url("/events?last_event_id=0"), &foreign, None).await;
    let mut seen = Vec::new();
    for n in 0..20 {
        send(&client, &service, &node.note(&format!("note {n}"))).await;
        seen.push(stream.next().await.unwrap().id.unwrap());
    }
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");

    // Whoever may read no longer is told no more.
    let leaked = token(&service, "acme", "viewer");
    let mut reader = Stream::open(&client, &url("/events?kind=note"), &leaked, None).await;
    let id = leaked.split('.').nth(1).unwrap();
    assert_eq!(ledger(&["tokens", "revoke", id, "--data", data]).status.code(), Some(0));
    send(&client, &service, &node.note("not for everyone")).await;
    assert_eq!(reader.next().await, None);
    seen.push(stream.next().await.unwrap().id.unwrap());

    // A kill ends the stream; the id seen last goes on from there.
    let data = service.data.clone();
    service.kill();
    while stream.next().await.is_some() {}
    // The other organisation's has but the entry that made its token.
    assert_eq!(others.next().await.unwrap().name, "token");
    assert_eq!(others.next().await, None);
    let log = dir.path().join("log");
    let said = std::fs::File::create(&log).unwrap().into();
    let service = Service::start_saying("127.0.0.1:0", &data, &[], said);
    for n in 20..25 {
        send(&client, &service, &node.note(&format!("note {n}"))).await;
    }
    let url = |path: &str| format!("{}{path}", service.url);
    let last = seen.last().copied();
    let mut stream =
        Stream::open(&client, &url("/api/orgs/acme/events/stream?kind=note"), &viewer, last).await;
    for n in 20..25 {
        let told = stream.next().await.unwrap();
        assert!(told.id > last && told.data.contains(&format!("\"note {n}\"")), "{told:?}");
    }
    // An id the ledger never gave.
    let mut beyond = Stream::open(&client, &url("/events"), &viewer, Some(1_000_000)).await;
    assert_eq!(beyond.next().await.unwrap().name, "error");
    assert_eq!(beyond.next().await, None);

    // A stop ends the stream and does not wait for it.
    assert_eq!(service.terminate(), Some(0));
    while stream.next().await.is_some() {}
    not_cut_off(&log);
    assert_eq!(listed(&["--data", data.to_str().unwrap()]), [node_id.as_str()]);
    verify(&data, &[]);
}

#[tokio::test]
async fn the_page() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("ledger"));
    let client = http();
    let mut node = Node::enrol(&client, &service, &service.enrolment_token(1)).await;
    let home = format!("{}/", service.url);
    let text = async |cookie: &str, path: &str| {
        let answer = client.get(format!("{home}{path}")).header("cookie", cookie).send().await.unwrap();
        let status = answer.status().as_u16();
        let policy = answer.headers().get("content-security-policy").cloned();
        (status, policy, answer.text().await.unwrap())
    };
    let (status, policy, form) = text("", "").await;
    assert!(status == 401 && form.contains("name=\"token\""), "{form}");
    assert!(policy.unwrap().to_str().unwrap().contains("script-src 'self'"));

    // Whoever follows a redirect does not see the cookie.
    let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).tls_certs_only([]);
    let plain = plain.build().unwrap();
    let session = async |token: &str| {
        let form: String =
            form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
        let request = plain.post(format!("{home}session")).body(form);
        request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap()
    };
    let refused = session("vmt1.nonsense").await;
    assert_eq!((refused.status().as_u16(), refused.headers().get("set-cookie")), (401, None));
    assert_eq!(session(&"x".repeat(5000)).await.status(), 413);
    let signed_in = session(&token(&service, "acme", "viewer")).await;
    assert_eq!(signed_in.status(), 303);
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();

    let (status, _, empty) = text(&cookie, "").await;
    assert!(status == 200 && empty.contains("never"), "introduced, not heard of: {empty}");
    send(&client, &service, &node.heartbeat("<script>alert(1)</script>")).await;
    let (_, _, table) = text(&cookie, "fleet").await;
    assert!(
        table.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !table.contains("<script>"),
        "{table}"
    );
    assert!(table.contains(&format!("data-node=\"{}\"", node.id)) && table.contains(">OK<"), "{table}");
    assert_eq!(text(&cookie, "assets/page.js").await.0, 200);
    assert_eq!(text(&cookie, "api/nodes").await.0, 200, "the cookie reads");
    assert_eq!(text(&cookie, "api/tokens").await.0, 401, "and does nothing else");

    // Another organisation's, and nobody's.
    let other = session(&token(&service, "umbrella", "viewer")).await;
    let other = other.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(!text(other.split(';').next().unwrap(), "fleet").await.2.contains("data-node"));
    assert_eq!(text("vm_session=made-up", "fleet").await.0, 401);
    assert!(!cookie.contains("vmt1"), "a cookie goes to every port of the host: {cookie}");
    let elsewhere =
        plain.post(format!("{home}session")).header("sec-fetch-site", "cross-site").body("token=x");
    assert_eq!(elsewhere.send().await.unwrap().status(), 403);
    let signed_out = plain.post(format!("{home}session")).header("cookie", &cookie).body("");
    assert_eq!(signed_out.send().await.unwrap().status(), 303);
    assert_eq!(text(&cookie, "fleet").await.0, 401, "signed out");
    assert!(session("").await.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    let data = service.data.clone();
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}
