//! `POST /api/nodes/register`: a node introduces its key with an enrolment token.
//!
//! ```text
//! {"author":"node:<uuid>","hostname":"…","key":"…","labels":{…},"name":"…","pop":"…","token":"vm1.<ledger>.<secret>",
//!  "use":"node"}
//! 201 new, 200 introduced before with this token:
//! {"node_id":"…","org":"…","tenant":"…","ledger":"…","origin":"…","log_vkey":"…","authority":[<record>…],
//!  "checkpoint":"<note>","introduction":{"record":<record>,"inclusion":["…"]},"heartbeat_secs":30}
//! ```
//!
//! The sequencer decides who gets a token's last use. Whoever lost the answer asks again and gets it.

use crate::appending::{By, append};
use crate::authority::Ingest;
use crate::saying::name;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::Outcome;
use ledger::admission::Code;
use ledger::service::Draft;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use spec::payload::{KeyIntroduction, node_possession_bytes, token_hash};
use spec::{Author, Hash, KeyUse, Kind, Name, PublicKey, Record, Signature, Uuid, Via};
use std::borrow::Cow;
use std::collections::BTreeMap;
use web::App;
use web::Call;
use web::answer;
use web::problem::{Problem, internal};
use web::strict::present;
use web::strict::{invalid, member};

/// A request to introduce a key.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Registration")]
#[serde(deny_unknown_fields, expecting = "an object with author, key, pop and token")]
pub struct RegisterRequest {
    /// Who signs with it: `node:<uuid>` or `user:<uuid>`.
    #[schemars(with = "Author")]
    pub author: String,
    /// The key.
    #[schemars(with = "PublicKey")]
    pub key: String,
    /// Its signature that it belongs to the author.
    #[schemars(with = "Signature")]
    pub pop: String,
    /// The enrolment token.
    pub token: String,
    /// What the key is for: `node` (if absent) or `device`, with an author `user:<uuid>`.
    #[serde(default, rename = "use", deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["node", "device"]))]
    pub key_use: Option<String>,
    /// What people call the node. Part of no event: heartbeats say it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub hostname: Option<String>,
    /// The labels that the node begins with, at most 64.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// What the node would be called; if another node of its organisation has that name, it gets a number.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Name>")]
    pub name: Option<String>,
}

/// A key that was introduced, and what its author needs to know of the ledger.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Enrolment")]
pub struct RegisterAnswer<'a> {
    /// The node, or the person.
    pub node_id: Uuid,
    /// The organisation it belongs to from now on.
    pub org: Cow<'a, Name>,
    /// The tenant within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Cow<'a, Name>>,
    /// The ledger's id.
    pub ledger: Hash,
    /// Its name in checkpoints.
    pub origin: Cow<'a, str>,
    /// The key of its checkpoints.
    pub log_vkey: String,
    /// The records of genesis and of each change of the ledger's keys.
    #[schemars(with = "Vec<Record>")]
    pub authority: Cow<'a, [Box<RawValue>]>,
    /// The newest checkpoint.
    pub checkpoint: Cow<'a, str>,
    /// The introduction.
    pub introduction: Included,
    /// Seconds between heartbeats.
    pub heartbeat_secs: u64,
}

/// A record, and the path that proves it to be in the ledger.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Introduction")]
pub struct Included {
    /// The record, as the log has it.
    #[schemars(with = "Record")]
    pub record: Box<RawValue>,
    /// The path from its leaf to the root.
    pub inclusion: Vec<Hash>,
}

/// `POST /api/nodes/register` and `POST /api/nodes`.
pub(crate) async fn post(ingest: Ingest, call: Call) -> Result<Response<Body>, Problem> {
    call.query(&[])?;
    let (payload, node) = read(&call)?;
    if let Some(seq) = introduced(&call.app, &payload)? {
        return answer_introduction(&ingest, &call, node, seq, StatusCode::OK).await;
    }
    let draft = draft(&call.app, &payload)?;
    let event = call.app.ledger().sign(&draft)?;
    let appended = append(&call, vec![event], By::Service, false).await?;
    match appended.outcomes.into_iter().next() {
        Some(Outcome::Recorded(receipt)) => {
            answer_introduction(&ingest, &call, node, receipt.seq, StatusCode::CREATED).await
        }
        Some(Outcome::Refused { refused, recorded }) => match introduced(&call.app, &payload)? {
            // The same request, sent twice at once: the other one was first.
            Some(seq) => answer_introduction(&ingest, &call, node, seq, StatusCode::OK).await,
            None => Err(Problem::refused(&refused, recorded)),
        },
        None => Err(internal("the ledger said nothing of an event")),
    }
}

/// Reads the request and checks what needs no look at the ledger's state.
fn read(call: &Call) -> Result<(KeyIntroduction, Uuid), Problem> {
    let request: RegisterRequest = call.json()?;
    let author: Author = member("/author", &request.author)?;
    let (key_use, node) = match (request.key_use.as_deref(), &author) {
        (None | Some("node"), Author::Node(id)) => (KeyUse::Node, *id),
        (Some("device"), Author::User(id)) => (KeyUse::Device, *id),
        (None | Some("node"), _) => return Err(invalid("/author", "expected node:<uuid>")),
        (Some("device"), _) => return Err(invalid("/author", "expected user:<uuid>")),
        (Some(_), _) => return Err(invalid("/use", "expected node or device")),
    };
    let key: PublicKey = member("/key", &request.key)?;
    let pop: Signature = member("/pop", &request.pop)?;
    let limit = spec::limits::MAX_NAME_BYTES * 2;
    if request.hostname.is_some_and(|hostname| hostname.len() > limit) {
        return Err(invalid("/hostname", format_args!("at most {limit} bytes")));
    }
    let described =
        request.name.is_some() || request.labels.as_ref().is_some_and(|labels| !labels.is_empty());
    if key_use == KeyUse::Device && described {
        return Err(invalid("/use", "a device has no name and no labels"));
    }
    let name = request.name.as_deref().map(|name| member("/name", name)).transpose()?;
    let labels = labels(request.labels.unwrap_or_default())?;
    let (ledger, secret) = request
        .token
        .strip_prefix("vm1.")
        .and_then(|rest| rest.split_once('.'))
        .ok_or_else(|| invalid("/token", "expected vm1.<ledger id>.<secret>"))?;
    let (ledger, secret): (Hash, Hash) = (hash("/token", ledger)?, hash("/token", secret)?);
    if ledger != call.app.ledger().id() {
        return Err(Problem::of_code(Code::ForeignLedger)
            .detailed("the token is for another ledger")
            .pointer("/token"));
    }
    let token = token_hash(&secret.0);
    Ok((KeyIntroduction { author, key, labels, name, pop, token, key_use }, node))
}

fn labels(said: BTreeMap<String, String>) -> Result<BTreeMap<Name, String>, Problem> {
    if said.len() > 64 {
        return Err(invalid("/labels", "at most 64"));
    }
    if said.values().any(|value| value.len() > 256) {
        return Err(invalid("/labels", "at most 256 bytes each"));
    }
    said.into_iter().map(|(label, value)| Ok((member("/labels", &label)?, value))).collect()
}

fn hash(pointer: &str, text: &str) -> Result<Hash, Problem> {
    Hash::from_hex(text).map_err(|_| invalid(pointer, "expected vm1.<ledger id>.<secret>"))
}

/// Seq of the introduction if this very key was introduced before, for this author, with this token.
fn introduced(app: &App, payload: &KeyIntroduction) -> Result<Option<u64>, Problem> {
    let found = app.ledger().directory(|directory| {
        let record = directory.keys.get(&payload.key)?;
        let same = record.author.as_ref() == Some(&payload.author) && record.token == Some(payload.token);
        same.then_some((record.introduced, record.until))
    });
    let Some((seq, until)) = found else { return Ok(None) };
    let statement = node_possession_bytes(&payload.author, &payload.key, &app.ledger().id(), &payload.token);
    if !proofs::signature::verify(&payload.key, &statement, &payload.pop) {
        return Err(Problem::of_code(Code::BadPossession).pointer("/pop"));
    }
    if until.is_some() {
        return Err(Problem::of_code(Code::KeyRevoked));
    }
    Ok(Some(seq))
}

fn draft(app: &App, payload: &KeyIntroduction) -> Result<Draft, Problem> {
    let token = app.ledger().directory(|directory| directory.enrolments.get(&payload.token).cloned());
    let token = token.ok_or_else(|| Problem::of_code(Code::TokenUnknown).pointer("/token"))?;
    Ok(Draft {
        author: Author::Service(name("ingest")?),
        via: Via { method: name("enrolment")?, subject: Some(name(&payload.token.to_hex())?) },
        kind: Kind::Key,
        org: token.org,
        tenant: token.tenant,
        node_id: None,
        severity: None,
        ts: None,
        id: None,
        payload: serde_json::to_value(payload).map_err(internal)?,
    })
}

async fn answer_introduction(
    ingest: &Ingest,
    call: &Call,
    node: Uuid,
    seq: u64,
    status: StatusCode,
) -> Result<Response<Body>, Problem> {
    let ingest = ingest.clone();
    let body = call
        .reading(move |app| async move {
            let authority = ingest.authority(&app).await?;
            let (record, line) = app
                .ledger()
                .reader()
                .line(seq)
                .await
                .map_err(internal)?
                .ok_or_else(|| internal("no such entry"))?;
            let head = app.ledger().head().borrow().clone();
            let inclusion = app.ledger().inclusion(seq, head.size).map_err(internal)?;
            let header = &record.entry.header;
            let answer = RegisterAnswer {
                node_id: node,
                org: Cow::Borrowed(&header.org),
                tenant: header.tenant.as_ref().map(Cow::Borrowed),
                ledger: app.ledger().id(),
                origin: Cow::Borrowed(app.ledger().origin()),
                log_vkey: app.ledger().log_vkey(),
                authority: Cow::Borrowed(&authority),
                checkpoint: Cow::Borrowed(&head.note),
                introduction: Included { record: RawValue::from_string(line).map_err(internal)?, inclusion },
                heartbeat_secs: ingest.heartbeat_secs(),
            };
            serde_json::to_vec(&answer).map_err(internal)
        })
        .await?;
    Ok(answer::json(status, body))
}
