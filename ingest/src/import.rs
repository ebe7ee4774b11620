//! `POST /api/import?source=NAME`: events from elsewhere, as NDJSON of drafts with a time.
//!
//! The id of each is a function of the source and the line, so that a file imported again is found to be
//! there already: the time is the line's `ts`, the rest is BLAKE3 of the source, an LF, and the line.

use crate::appending::{By, append};
use crate::draft::DraftBody;
use crate::events::answer_batch;
use crate::incoming;
use crate::saying::name;
use axum::body::Body;
use axum::http::Response;
use ledger::Appended;
use ledger::admission::Code;
use spec::rules::{ADMISSION_VERSION, Method};
use spec::{Author, Event, Name, Uuid, Via};
use web::problem::{BAD_JSON, Problem};
use web::strict::invalid;
use web::{Action, Allowance, App, Call, Principal};

/// `POST /api/import`.
pub(crate) async fn post(call: Call) -> Result<Response<Body>, Problem> {
    let query = call.query(&["source"])?;
    let source: Name = query.require("source")?;
    let (body, principal, allowance) = (call.body.clone(), call.principal.clone(), call.allowance());
    let lines = call.blocking(move |app| read(app, &body, &source, &principal, &allowance)).await?;
    let (mut events, mut slots) = (Vec::with_capacity(lines.len()), Vec::with_capacity(lines.len()));
    for line in lines {
        match line {
            Ok(event) => {
                events.push(event);
                slots.push(None);
            }
            Err(problem) => slots.push(Some(problem)),
        }
    }
    let appended: Option<Appended> =
        if events.is_empty() { None } else { Some(append(&call, events, By::Service, false).await?) };
    Ok(answer_batch(&call, slots, appended))
}

fn read(
    app: &App,
    body: &[u8],
    source: &Name,
    principal: &Principal,
    allowance: &Allowance,
) -> Result<Vec<Result<Event, Problem>>, Problem> {
    let lines = incoming::lines(body)?;
    if lines.is_empty() {
        return Err(Problem::new(BAD_JSON, "an import has at least one line"));
    }
    Ok(lines.into_iter().map(|line| event(app, line, source, principal, allowance)).collect())
}

fn event(
    app: &App,
    line: &[u8],
    source: &Name,
    principal: &Principal,
    allowance: &Allowance,
) -> Result<Event, Problem> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let _room = allowance.parsed(line)?;
    let body: DraftBody = web::strict::object(line)?;
    let via = Via { method: name("import")?, subject: Some(source.clone()) };
    let mut draft = body.typed(Author::Import(source.clone()), via, principal.bound_to())?;
    let Some(ts) = draft.ts else { return Err(invalid("/ts", "an imported event says when it happened")) };
    if draft.id.is_some() {
        return Err(invalid("/id", "the id of an imported event follows from its line"));
    }
    if !draft.kind.info().speaker.speaks_by(Method::Import, ADMISSION_VERSION) {
        let detail = format!("events of kind {} cannot be imported", draft.kind);
        return Err(Problem::of_code(Code::NotAllowed).detailed(detail).pointer("/kind"));
    }
    principal.require_in(Action::Import, &draft.org)?;
    let hash = blake3::Hasher::new().update(source.as_str().as_bytes()).update(b"\n").update(line).finalize();
    draft.id = Some(Uuid::v7(ts, *hash.as_bytes().first_chunk().unwrap_or(&[0; 10])));
    Ok(app.ledger().sign(&draft)?)
}
