//! `/api/orgs/{org}/webhooks`: who is told elsewhere of what happens. The secret of a webhook stays beside the log,
//! in a file that only the service may read; the log has its hash.

use crate::saying::say;
use crate::saying::secret;
use axum::body::Body;
use axum::http::{Response, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::durable::write_secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::limits::MAX_WEBHOOKS;
use spec::payload::{WEBHOOK_TYPES, Webhook, WebhookType, token_hash};
use spec::{Hash, Kind, Name, Uuid};
use std::io;
use std::path::{Path, PathBuf};
use web::Action;
use web::Call;
use web::answer;
use web::answer::no_content;
use web::problem::{CONFLICT, NOT_FOUND, Problem, UNAVAILABLE, internal};
use web::strict::present;
use web::strict::{invalid, member};

/// What a webhook is told that does not say what it wants.
const DEFAULT_TYPES: [&str; 3] = ["incident.opened", "incident.reopened", "incident.resolved"];

/// How a secret begins (Standard Webhooks, "Symmetric").
const SECRET_PREFIX: &str = "whsec_";

/// The folder of a data directory that has the secrets.
const FOLDER: &str = "webhooks";

/// The secrets of the webhooks that this service made: a file each.
#[derive(Debug, Clone)]
pub struct WebhookSecrets {
    dir: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretFile {
    org: Name,
    secret: String,
}

impl WebhookSecrets {
    /// Those in a data directory.
    pub fn of(data_dir: &Path) -> Self {
        Self { dir: data_dir.join(FOLDER) }
    }

    /// The secret of a webhook, 32 bytes; `None` if this service does not have it.
    ///
    /// # Errors
    /// The file cannot be read, or is none of ours.
    pub fn load(&self, id: Uuid) -> io::Result<Option<Hash>> {
        let Some(file) = self.read(id)? else { return Ok(None) };
        let coded = file.secret.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok());
        match coded.and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) => Ok(Some(Hash(bytes))),
            None => Err(io::Error::other(format!("{FOLDER}/{id}: no secret"))),
        }
    }

    fn read(&self, id: Uuid) -> io::Result<Option<SecretFile>> {
        match std::fs::read(self.dir.join(id.to_string())) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Stores a secret, unless the organisation has as many as it may. It is the organisation's turn.
    fn keep(&self, id: Uuid, org: &Name, secret: &str) -> Result<(), Problem> {
        if self.count(org).map_err(internal)? >= MAX_WEBHOOKS {
            let detail = format!("the organisation has {MAX_WEBHOOKS} webhooks already; remove one first");
            return Err(Problem::new(CONFLICT, detail));
        }
        self.store(id, org, secret).map_err(internal)
    }

    fn store(&self, id: Uuid, org: &Name, secret: &str) -> io::Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        let file = SecretFile { org: org.clone(), secret: secret.to_owned() };
        write_secret(&self.dir.join(id.to_string()), &serde_json::to_string(&file)?)
    }

    fn forget(&self, id: Uuid) -> io::Result<()> {
        std::fs::remove_file(self.dir.join(id.to_string()))
    }

    /// How many there are of an organisation.
    fn count(&self, org: &Name) -> io::Result<usize> {
        let files = match std::fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            files => files?,
        };
        let ids = files.filter_map(|file| file.ok()?.file_name().to_str()?.parse().ok());
        let mut count = 0;
        for id in ids {
            // One that is being written is somebody's, who knows whose.
            count +=
                usize::from(self.read(id).map_or(true, |file| file.is_some_and(|file| file.org == *org)));
        }
        Ok(count)
    }
}

/// A request for a webhook.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with url and types")]
pub struct WebhookRequest {
    /// Where messages go.
    #[schemars(length(max = 2048))]
    pub url: String,
    /// What it is told; that incidents begin and end, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<WebhookType>>")]
    pub types: Option<Vec<String>>,
}

/// A webhook that was made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct WebhookCreated {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub org: Name,
    /// What its messages are signed with; no other answer shows it.
    pub secret: String,
    /// What it is told, sorted.
    #[schemars(with = "Vec<WebhookType>")]
    pub types: Vec<Name>,
    /// Where messages go.
    pub url: String,
}

impl WebhookRequest {
    /// The types it wants, sorted, each once.
    fn types(&self) -> Result<Vec<Name>, Problem> {
        let asked: Vec<&str> = match &self.types {
            None => DEFAULT_TYPES.to_vec(),
            Some(types) => types.iter().map(String::as_str).collect(),
        };
        if let Some(unknown) = asked.iter().find(|r#type| !WEBHOOK_TYPES.contains(r#type)) {
            let known = WEBHOOK_TYPES.join(", ");
            return Err(invalid("/types", format_args!("{unknown:?} is none of {known}")));
        }
        if asked.is_empty() {
            return Err(invalid("/types", "at least one"));
        }
        let mut types =
            asked.into_iter().map(|r#type| member("/types", r#type)).collect::<Result<Vec<_>, _>>()?;
        types.sort();
        types.dedup();
        Ok(types)
    }

    /// The address, if it is one that may stand in the log.
    fn url(&self) -> Result<String, Problem> {
        let uri: Uri = self.url.parse().map_err(|e| invalid("/url", e))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(invalid("/url", "expected https://host/path"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(invalid("/url", "the log keeps it for ever: no user or password in it"));
        }
        Ok(self.url.clone())
    }
}

fn secrets(call: &Call) -> Result<WebhookSecrets, Problem> {
    let dir = call.app.config().data_dir.as_deref();
    dir.map(WebhookSecrets::of).ok_or_else(|| Problem::new(UNAVAILABLE, "this service has no data directory"))
}

/// `POST /api/orgs/{org}/webhooks`: makes one; the only answer that ever shows its secret.
pub(crate) async fn create(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let org: Name = call.param("org")?;
    call.principal.require_in(Action::ManageRules, &org)?;
    let request: WebhookRequest = call.json()?;
    let (url, types) = (request.url()?, request.types()?);
    let secrets = secrets(&call)?;
    let (id, secret) = (Uuid::v4(ledger::keyring::random().map_err(internal)?), secret()?);
    let text = format!("{SECRET_PREFIX}{}", STANDARD.encode(secret.0));
    let _turn = call.app.turns().of(&org).await;
    // First: what the log has without its secret could never be told anything.
    let (place, of, file) = (secrets.clone(), org.clone(), text.clone());
    call.blocking(move |_| place.keep(id, &of, &file)).await?;
    let payload =
        Webhook::Create { id, secret: token_hash(&secret.0), types: types.clone(), url: url.clone() };
    if let Err(problem) = say(&call, &org, Kind::Webhook, &payload).await {
        // After a failure of the ledger the event may be in the log all the same.
        if problem.status().is_client_error() {
            secrets.forget(id).map_err(internal)?;
        }
        return Err(problem);
    }
    let answer = WebhookCreated { id, org, secret: text, types, url };
    Ok(answer::value(StatusCode::CREATED, &answer))
}

/// `DELETE /api/orgs/{org}/webhooks/{id}`: it is told nothing more.
pub(crate) async fn remove(call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let (org, id): (Name, Uuid) = (call.param("org")?, call.param("id")?);
    call.principal.require_in(Action::ManageRules, &org)?;
    let secrets = secrets(&call)?;
    let _turn = call.app.turns().of(&org).await;
    let known = secrets.read(id).map_err(internal)?.is_some_and(|file| file.org == org);
    if !known {
        return Err(Problem::new(NOT_FOUND, format!("{org} has no webhook {id}")));
    }
    say(&call, &org, Kind::Webhook, &Webhook::Remove { id }).await?;
    secrets.forget(id).map_err(internal)?;
    Ok(no_content())
}
