//! The page, below its table: what is told to nodes, which policies they follow, and who vouches for the ledger.

use crate::reading::token;
use crate::rolling::{Fleet, commands, in_state, start};
use crate::support::{Service, http, json, ledger, lines, until, verify};
use crate::witnessing::introduction;
use serde_json::json;

/// A reader of the page.
struct Reader {
    client: reqwest::Client,
    home: String,
    cookie: String,
}

impl Reader {
    async fn sign_in(service: &Service, org: &str) -> Self {
        let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).tls_certs_only([]);
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", &token(service, org, "viewer"))
            .finish();
        let request = plain.build().unwrap().post(format!("{}/session", service.url)).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { client: http(), home: service.url.clone(), cookie }
    }

    async fn tables(&self) -> String {
        let request = self.client.get(format!("{}/fleet", self.home)).header("cookie", &self.cookie);
        request.send().await.unwrap().text().await.unwrap()
    }

    /// The tables, which have all of these words.
    async fn sees(&self, words: &[&str]) -> String {
        let tables = self.tables().await;
        for word in words {
            assert!(tables.contains(word), "{word}\n{tables}");
        }
        tables
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_what_nodes_are_told_and_who_vouches_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let path = data.to_str().unwrap();
    let service = Service::start(&data);
    let mut fleet = Fleet::enrol(&service, 4).await;
    let own = Reader::sign_in(&service, "acme").await;
    let other = Reader::sign_in(&service, "umbrella").await;
    assert!(!own.tables().await.contains("<section"), "of nothing there is no section");

    // A host name as a heartbeat has it, in the list of those that do not follow their policy.
    let beat = fleet.nodes.values_mut().next().unwrap().heartbeat("<i>host</i>");
    let request = http().post(format!("{}/api/events", service.url)).body(lines(&[beat]));
    assert!(
        request.header("content-type", "application/x-ndjson").send().await.unwrap().status().is_success()
    );
    let document = json!({"allow": {"scan": {}}, "format": "vaultmesh-policy-v1", "mode": "enforce"});
    let file = dir.path().join("scans.json");
    ::ledger::durable::write_secret(&file, &document.to_string()).unwrap();
    json(
        &["policies", "assign", file.to_str().unwrap(), "--selector", "", "--org", "acme", "--data", path],
        0,
    );
    own.sees(&["<h2>Policies</h2>", "every node", "0 of 4", "&lt;i&gt;host&lt;/i&gt;", "not heard of yet"])
        .await;

    let set =
        ["schedules", "set", "<b>nightly</b>", "scan", "--every", "1h", "--org", "acme", "--data", path];
    json(&[&set[..], &["--select", "env=prod"]].concat(), 0);
    own.sees(&["<h2>Schedules</h2>", "&lt;b&gt;nightly&lt;/b&gt;", "every 1 h", "in 5", "not yet"]).await;

    let id = start(path, &["--waves", "2,100%", "--may-fail", "0"]);
    until("the first wave", || (commands(&data).len() == 2).then_some(()));
    own.sees(&["<h2>Roll-outs</h2>", "running", "1/2: 0 done of 2", &format!("data-rollout=\"{id}\"")]).await;
    assert!(fleet.answer(&service, "refused").await);
    in_state(path, &id, "halted");
    own.sees(&["halted", "2 refused", "1/2: 0 done, "]).await;
    start(path, &["--waves", "100%", "--approvals", "1"]);
    own.sees(&["waiting for approval", "0 of 1 approvals, 23 h left", "none of 1"]).await;

    let ledger_id = service.ledger_id.to_string();
    let (state, file) = introduction(dir.path(), &ledger_id);
    let recovery = data.join("recovery.key");
    let recovery = recovery.to_str().unwrap();
    json(
        &["witness", "add", "--outside", &file, "--data", path, "--recovery-key", recovery, "-o", "json"],
        0,
    );
    own.sees(&["<h2>Witnesses</h2>", "Quorum 1 of 1", "No checkpoint has its quorum yet"]).await;
    let signs =
        ["witness", "run", "--once", "--state", &state, "--ledger", &ledger_id, "--url", &service.url];
    until("a checkpoint with its quorum", || {
        // Until one is offered that is under the new set there is nothing to sign.
        ledger(&signs);
        let all = json(&["witness", "list", "--data", path, "-o", "json"], 0);
        all["cosigned"].is_u64().then_some(())
    });
    own.sees(&[
        "auditor.example",
        "outside",
        "The newest checkpoint with its quorum has ",
        " s old",
        " s ago",
    ])
    .await;

    let foreign = other.sees(&["<h2>Witnesses</h2>"]).await;
    for word in ["Policies", "Schedules", "Roll-outs", "nightly"] {
        assert!(!foreign.contains(word), "{word}: {foreign}");
    }
    assert_eq!(service.terminate(), Some(0));
    verify(&data, &[]);
}
