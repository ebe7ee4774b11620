//! Heartbeats: the node's own signed event, or the seven fields of the first agents under a JWT.
//!
//! The bare form becomes an event that the service signs. Its id is a function of the node's key and the
//! body, so that a request sent again is recognised: the time is that of the heartbeat, or of the JWT if
//! the two are more than five minutes apart; the rest is BLAKE3 of the key and the body.

use crate::appending::{By, append_one};
use crate::authority::Ingest;
use crate::events::{append_signed, status_of};
use crate::incoming;
use crate::receipt::{RECEIPT_BYTES, ReceiptRow, write_receipt};
use crate::saying::name;
use axum::body::Body;
use axum::http::Response;
use ledger::admission::Code;
use ledger::service::Draft;
use ledger::state::KeyRecord;
use ledger::{Appended, Receipt};
use schemars::JsonSchema;
use spec::canonical::{write_string, write_u64};
use spec::payload::Heartbeat;
use spec::time::parse_rfc3339;
use spec::{Author, Event, Kind, Name, PublicKey, Timestamp, Uuid, Via};
use std::sync::Arc;
use web::Call;
use web::NodeToken;
use web::answer::json;
use web::problem::{FORBIDDEN, INVALID, Problem, UNAUTHENTICATED, WRONG_KIND, internal};
use web::{Principal, PrincipalKind};

/// How far a heartbeat's own time may differ from its JWT's to be taken for the event's.
const MAX_OWN_TIME_MILLIS: u64 = 5 * 60 * 1000;

/// A heartbeat that is in the log.
#[derive(Debug)]
pub struct Recorded {
    /// The node that is to hear what it has to do, and its organisation. None for what was recorded before, which
    /// somebody else may have seen and sent again, and none for a key that is no longer valid.
    pub subject: Option<(Name, Uuid)>,
    receipt: Receipt,
    appended: Appended,
}

/// A heartbeat: a signed event, or its payload under a node's JWT.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum HeartbeatRequest {
    /// An event of kind `heartbeat`.
    Signed(Box<Event>),
    /// The payload of one.
    Bare(Box<Heartbeat>),
}

/// The answer that a node hears after a heartbeat.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(rename = "HeartbeatAnswer")]
pub struct HeartbeatAnswer<Command> {
    /// The receipt of the heartbeat.
    pub receipts: Vec<ReceiptRow>,
    /// The time of the service's clock.
    pub server_time: Timestamp,
    /// In how many seconds the next heartbeat is expected.
    pub next_heartbeat_secs: u64,
    /// What the node is to carry out, each command with its proof.
    pub commands: Vec<Command>,
    /// The checkpoint that has the commands, as a signed note.
    pub witness_checkpoint: String,
    /// How many records the ledger's authority has.
    pub authority: usize,
}

/// Commands that a node is to carry out, as JSON, with the checkpoint that has them.
#[derive(Debug)]
pub struct Proved {
    /// A list of commands with their proofs.
    pub commands: Vec<u8>,
    /// The checkpoint.
    pub checkpoint: Arc<str>,
}

/// Records the heartbeat in a body; of this node, if one is named.
///
/// # Errors
/// The refusal of what is no heartbeat, or not its sender's.
pub async fn record(call: &Call, node: Option<Uuid>) -> Result<Recorded, Problem> {
    call.query(&[])?;
    if let Some(event) = signed(&call.body)? {
        check_node(event.header.subject_node(), node)?;
        let subject = event.header.subject_node().map(|node| (event.header.org.clone(), node));
        let key = event.header.key;
        let (receipt, appended) = append_signed(call, event).await?;
        return Ok(Recorded { subject: subject.filter(|_| hears(call, &key, &receipt)), receipt, appended });
    }
    let draft = bare(&call.principal, call.jwt.as_ref(), &call.body)?;
    check_node(draft.node_id, node)?;
    let event = call.app.ledger().sign(&draft)?;
    let (receipt, appended) = append_one(call, event, By::Service).await?;
    let subject = draft.node_id.filter(|_| !receipt.duplicate).map(|node| (draft.org, node));
    Ok(Recorded { subject, receipt, appended })
}

/// Whether the node that signed with a key is told what it is to do.
fn hears(call: &Call, key: &PublicKey, receipt: &Receipt) -> bool {
    let is_valid = |record: &KeyRecord| record.until.is_none();
    !receipt.duplicate
        && call.app.ledger().directory(|directory| directory.keys.get(key).is_some_and(is_valid))
}

/// The signed event in a body; `None` if it is of the bare form.
fn signed(body: &[u8]) -> Result<Option<Event>, Problem> {
    match incoming::signed(body) {
        Ok(Some(event)) if event.header.kind == Kind::Heartbeat => Ok(Some(event)),
        Ok(Some(event)) => {
            let detail = format!("expected a heartbeat, found an event of kind {}", event.header.kind);
            Err(Problem::new(WRONG_KIND, detail).pointer("/kind"))
        }
        Ok(None) => Ok(None),
        // The bare form is no draft either; whatever has its first field is meant to be one.
        Err(_) if has_node_id(body) => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn has_node_id(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Marks {
        node_id: Option<serde::de::IgnoredAny>,
        sig: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Marks>(body).is_ok_and(|marks| marks.node_id.is_some() && marks.sig.is_none())
}

fn check_node(found: Option<Uuid>, expected: Option<Uuid>) -> Result<(), Problem> {
    match expected {
        Some(expected) if found != Some(expected) => {
            let detail = "the heartbeat is of another node than the path names";
            Err(Problem::new(INVALID, detail).pointer("/node_id"))
        }
        _ => Ok(()),
    }
}

/// The draft of a bare heartbeat.
fn bare(principal: &Principal, jwt: Option<&NodeToken>, body: &[u8]) -> Result<Draft, Problem> {
    let (PrincipalKind::Node { node, key, tenant }, Some(jwt), Some(org)) =
        (&principal.kind, jwt, &principal.org)
    else {
        return Err(match principal.kind {
            PrincipalKind::Anonymous => Problem::new(
                UNAUTHENTICATED,
                "sign the heartbeat as an event, or show a JWT signed with the node's key",
            ),
            _ => Problem::new(FORBIDDEN, "a heartbeat without a signature comes from a node with a JWT"),
        });
    };
    let bad = |detail: String| Problem::of_code(Code::BadPayload).detailed(detail);
    let text = std::str::from_utf8(body).map_err(|e| bad(e.to_string()))?;
    let heartbeat = Heartbeat::read(text).map_err(|e| bad(e.to_string()))?;
    if heartbeat.node_id != *node {
        return Err(Problem::new(FORBIDDEN, "a node sends its own heartbeats only").pointer("/node_id"));
    }
    let (time, id) = identify(key, body, jwt.issued_at, &heartbeat.timestamp);
    Ok(Draft {
        author: Author::Service(name("ingest")?),
        via: Via { method: name("node-jwt")?, subject: Some(name(&key.to_string())?) },
        kind: Kind::Heartbeat,
        org: org.clone(),
        tenant: tenant.clone(),
        node_id: Some(*node),
        severity: None,
        ts: Some(time),
        id: Some(id),
        payload: serde_json::to_value(&heartbeat).map_err(internal)?,
    })
}

fn identify(key: &PublicKey, body: &[u8], issued_at: Timestamp, own: &str) -> (Timestamp, Uuid) {
    let near = |time: &Timestamp| time.millis().abs_diff(issued_at.millis()) <= MAX_OWN_TIME_MILLIS;
    let time = parse_rfc3339(own).filter(near).unwrap_or(issued_at);
    let hash = blake3::Hasher::new().update(&key.0).update(body).finalize();
    let mut tail = [0; 10];
    tail.copy_from_slice(hash.as_bytes().first_chunk::<10>().unwrap_or(&[0; 10]));
    (time, Uuid::v7(time, tail))
}

/// The answer to a heartbeat: its receipt, and what the node is to know.
pub fn answer(
    ingest: &Ingest,
    call: &Call,
    recorded: &Recorded,
    commands: Option<&Proved>,
) -> Response<Body> {
    let Recorded { receipt, appended, .. } = recorded;
    let (ledger, note) = (call.app.ledger(), &*appended.checkpoint);
    let mut out = Vec::with_capacity(RECEIPT_BYTES + receipt.inclusion.len() * 67 + note.len() * 5 / 2 + 128);
    out.extend_from_slice(b"{\"receipts\":[");
    write_receipt(receipt, Some(note), &mut out);
    out.extend_from_slice(b"],\"server_time\":\"");
    ledger.now().write(&mut out);
    out.extend_from_slice(b"\",\"next_heartbeat_secs\":");
    write_u64(ingest.heartbeat_secs(), &mut out);
    out.extend_from_slice(b",\"commands\":");
    out.extend_from_slice(commands.map_or(b"[]", |proved| &proved.commands));
    out.extend_from_slice(b",\"witness_checkpoint\":");
    write_string(commands.map_or(note, |proved| &proved.checkpoint), &mut out);
    out.extend_from_slice(b",\"authority\":");
    write_u64(ledger.directory(|directory| directory.authority_seqs.len() as u64), &mut out);
    out.push(b'}');
    json(status_of(receipt), out)
}
