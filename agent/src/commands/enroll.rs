//! `vaultmesh-agent enroll`: make a key, have it introduced, check the answer, keep it.

use super::{Failure, answer, runtime, state_dir};
use crate::args::Enroll;
use crate::client::HttpClient;
use crate::config::Environment;
use crate::disk::FileDisk;
use crate::entropy::SystemEntropy;
use crate::identity::enrol::{self, Called, Enrolment};
use crate::identity::key::Identity;
use crate::identity::permissions::check_permissions;
use crate::identity::token::EnrolmentToken;
use crate::lock::{StateLock, create_private_dir};
use crate::network::Network as _;
use crate::problem::Problem;
use crate::procfs::Root;
use serde_json::json;
use spec::{Name, Uuid};
use std::io::Read as _;

/// Longest token that is read from standard input.
const MAX_TOKEN_BYTES: u64 = 1024;

pub(crate) fn run(args: Enroll, environment: &Environment) -> Result<(), Failure> {
    let (url, token) = credentials(args.url, args.token, environment)?;
    let client = HttpClient::new(&url)?;

    let dir = state_dir(&args.state, environment);
    create_private_dir(&dir).map_err(|e| Failure::io(&format!("{}: {e}", dir.display())))?;
    check_permissions(&dir)?;
    let _lock = StateLock::take(&dir)?;
    let disk = FileDisk::new(&dir);
    if let Some((enrolment, _)) = Enrolment::load(&disk)? {
        if enrolment.ledger != token.ledger {
            let text =
                format!("this node is enrolled with ledger {}; use another directory", enrolment.ledger);
            return Err(Failure::refused(&text));
        }
        tracing::info!("this node is enrolled already");
        return say(&enrolment);
    }
    let identity = identity(&disk, environment.node_id)?;
    let called = called(args.name, args.labels);
    let enrolment = runtime()?.block_on(ask(&client, &identity, &token, &url, &called))?;
    enrolment.store_with_chain(&disk, &mut SystemEntropy)?;
    say(&enrolment)
}

/// As the flags say, else after the host.
fn called(name: Option<Name>, labels: Vec<(Name, String)>) -> Called {
    let hostname = || Root::new("/").hostname().unwrap_or_default();
    let name = name.or_else(|| Called::after_host(&hostname()).name);
    Called { name, labels: labels.into_iter().collect() }
}

/// Has a key introduced, and checks the answer.
pub(super) async fn ask(
    client: &HttpClient,
    identity: &Identity,
    token: &EnrolmentToken,
    url: &str,
    called: &Called,
) -> Result<Enrolment, Failure> {
    let request = enrol::request(identity, token, called);
    let response = client.send(request).await.map_err(|e| Failure::io(&e))?;
    match response.status {
        200 | 201 => {}
        status => {
            let text = format!("not enrolled: status {status}, {}", Problem::read(&response.body).describe());
            let refused = (400..500).contains(&status) && status != 429;
            return Err(if refused { Failure::refused(&text) } else { Failure::io(&text) });
        }
    }
    Ok(enrol::verify(&response.body, identity, token, url)?)
}

/// Where the service is, and the token, from flags or the environment.
pub(super) fn credentials(
    url: Option<String>,
    token: Option<String>,
    environment: &Environment,
) -> Result<(String, EnrolmentToken), Failure> {
    let url = url.or_else(|| environment.url.clone());
    let url = url.ok_or_else(|| Failure::usage(&"an address is needed: --url or VAULTMESH_CC_URL"))?;
    let token = token.or_else(|| environment.token.clone());
    let token =
        token.ok_or_else(|| Failure::usage(&"a token is needed: --token or VAULTMESH_ENROLMENT_TOKEN"))?;
    let token = if token == "-" { from_stdin()? } else { token };
    Ok((url, token.trim().parse().map_err(|e| Failure::usage(&e))?))
}

/// The key that is there, else a new one: after a lost answer the same key asks again.
pub(super) fn identity(disk: &FileDisk, node_id: Option<Uuid>) -> Result<Identity, Failure> {
    if let Some(identity) = Identity::load(disk)? {
        return Ok(identity);
    }
    let identity = Identity::generate(node_id, &mut SystemEntropy).map_err(|e| Failure::io(&e))?;
    identity.store(disk)?;
    Ok(identity)
}

fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_TOKEN_BYTES).read_to_string(&mut text);
    read.map(|_| text).map_err(|e| Failure::io(&format!("standard input: {e}")))
}

fn say(enrolment: &Enrolment) -> Result<(), Failure> {
    let mut said = json!({
        "node_id": enrolment.node_id,
        "key": enrolment.key,
        "org": enrolment.org,
        "ledger": enrolment.ledger,
    });
    if let (Some(tenant), Some(object)) = (&enrolment.tenant, said.as_object_mut()) {
        object.insert("tenant".to_owned(), json!(tenant));
    }
    answer(&format!("{said}\n"))
}
