//! Heartbeats: the node's own signed event, or the seven fields of the first agents under a JWT.
//!
//! The bare form becomes an event that the service signs. Its id is a function of the node's key and the
//! body, so that a request sent again is recognised: the time is that of the heartbeat, or of the JWT if
//! the two are more than five minutes apart; the rest is BLAKE3 of the key and the body.

use crate::access::{Principal, PrincipalKind};
use crate::answer;
use crate::app::Inner;
use crate::commands::{self, Proved};
use crate::dispatch::Call;
use crate::draft::name;
use crate::events::{append_own, append_signed, status_of};
use crate::incoming::Incoming;
use crate::principal::NodeToken;
use crate::problem::{FORBIDDEN, INVALID, Problem, UNAUTHENTICATED, WRONG_KIND, internal};
use crate::query_string::QueryString;
use crate::receipt::{RECEIPT_BYTES, write_receipt};
use axum::body::Body;
use axum::http::Response;
use ledger::admission::Code;
use ledger::service::Draft;
use ledger::{Appended, Receipt};
use spec::canonical::{write_string, write_u64};
use spec::payload::Heartbeat;
use spec::time::parse_rfc3339;
use spec::{Author, Event, Kind, PublicKey, Timestamp, Uuid, Via};

/// How far a heartbeat's own time may differ from its JWT's to be taken for the event's.
const MAX_OWN_TIME_MILLIS: u64 = 5 * 60 * 1000;

/// `POST /api/agent/heartbeat`.
pub(crate) async fn post(call: Call) -> Result<Response<Body>, Problem> {
    record(&call, None).await
}

/// `POST /api/nodes/{id}/heartbeat`.
pub(crate) async fn post_for_node(call: Call) -> Result<Response<Body>, Problem> {
    let node = call.param("id")?;
    record(&call, Some(node)).await
}

async fn record(call: &Call, node: Option<Uuid>) -> Result<Response<Body>, Problem> {
    QueryString::read(call.query(), &[])?;
    let (subject, receipt, appended) = if let Some(event) = signed(&call.body)? {
        check_node(event.header.subject_node(), node)?;
        let subject = event.header.subject_node().map(|node| (event.header.org.clone(), node));
        let (receipt, appended) = append_signed(&call.app, event).await?;
        (subject, receipt, appended)
    } else {
        let draft = bare(&call.principal, call.jwt.as_ref(), &call.body)?;
        check_node(draft.node_id, node)?;
        call.app.check_principal(&call.principal)?;
        let event = call.app.ledger.sign(&draft)?;
        let (receipt, appended) = append_own(&call.app, event).await?;
        call.app.charge_principal(&call.principal, 1);
        (draft.node_id.map(|node| (draft.org, node)), receipt, appended)
    };
    let commands = match subject {
        Some((org, node)) => commands::for_heartbeat(call, &org, node).await?,
        None => None,
    };
    Ok(answer_heartbeat(&call.app, &receipt, &appended, commands.as_ref()))
}

/// The signed event in a body; `None` if it is of the bare form.
fn signed(body: &[u8]) -> Result<Option<Event>, Problem> {
    match Incoming::read(body) {
        Ok(Incoming::Signed(event)) if event.header.kind == Kind::Heartbeat => Ok(Some(event)),
        Ok(Incoming::Signed(event)) => {
            let detail = format!("expected a heartbeat, found an event of kind {}", event.header.kind);
            Err(Problem::new(WRONG_KIND, detail).pointer("/kind"))
        }
        Ok(Incoming::Draft(_)) => Ok(None),
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

fn answer_heartbeat(
    app: &Inner,
    receipt: &Receipt,
    appended: &Appended,
    commands: Option<&Proved>,
) -> Response<Body> {
    let note = &*appended.checkpoint;
    let mut out = Vec::with_capacity(RECEIPT_BYTES + receipt.inclusion.len() * 67 + note.len() * 5 / 2 + 128);
    out.extend_from_slice(b"{\"receipts\":[");
    write_receipt(receipt, Some(note), &mut out);
    out.extend_from_slice(b"],\"server_time\":\"");
    app.ledger.now().write(&mut out);
    out.extend_from_slice(b"\",\"next_heartbeat_secs\":");
    write_u64(app.config.heartbeat_secs, &mut out);
    out.extend_from_slice(b",\"commands\":");
    out.extend_from_slice(commands.map_or(b"[]", |proved| &proved.commands));
    out.extend_from_slice(b",\"witness_checkpoint\":");
    write_string(commands.map_or(note, |proved| &proved.checkpoint), &mut out);
    out.extend_from_slice(b",\"authority\":");
    write_u64(app.ledger.directory(|directory| directory.authority_seqs.len() as u64), &mut out);
    out.push(b'}');
    answer::json(status_of(receipt), out)
}
