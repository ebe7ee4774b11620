//! `POST /api/events`: one event, an array, or NDJSON; signed, or drafts.
//!
//! ```text
//! one     201 new, 200 duplicate    <receipt with checkpoint>
//! batch   201 all new, 200 all duplicates, 207 otherwise
//!         {"results":[{"index":0,"status":201,"receipt":{…}},{"index":1,"status":409,"problem":{…}}],
//!          "checkpoint":"<note>"}
//! ```

use crate::appending::{By, append, append_one, result_of};
use crate::incoming;
use crate::receipt::{RECEIPT_BYTES, ReceiptRow, write_receipt};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::admission::Code;
use ledger::service::Draft;
use ledger::{Appended, Outcome, Receipt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::canonical::{write_string, write_u64};
use spec::{Event, PublicKey};
use web::answer;
use web::limits::MAX_INLINE_PARSE_BYTES;
use web::problem::{BAD_JSON, Problem, ProblemBody};
use web::{Allowance, App, Call, Media, Principal, Room};

/// `POST /api/events`.
pub(crate) async fn post(call: Call) -> Result<Response<Body>, Problem> {
    let inclusion = call.query(&["inclusion"])?.flag("inclusion")?;
    if call.media == Media::Json && !incoming::is_array(&call.body) {
        return match read_one(&call).await? {
            Incoming::Signed(event) => {
                check_known(&call.app, &event.header.key)?;
                let (receipt, appended) = append_one(&call, event, By::Authors).await?;
                Ok(one(&receipt, &appended.checkpoint))
            }
            Incoming::Draft(draft, _room) => {
                let event = call.app.ledger().sign(&draft)?;
                let (receipt, appended) = append_one(&call, event, By::Service).await?;
                Ok(one(&receipt, &appended.checkpoint))
            }
        };
    }
    let batch = if call.body.len() > MAX_INLINE_PARSE_BYTES {
        let (body, media) = (call.body.clone(), call.media);
        let (principal, allowance) = (call.principal.clone(), call.allowance());
        call.blocking(move |app| Batch::read(app, &body, media, &principal, &allowance)).await?
    } else {
        Batch::read(&call.app, &call.body, call.media, &call.principal, &call.allowance())?
    };
    batch.append(&call, inclusion).await
}

/// One element of a request.
enum Incoming {
    /// An event with its author's signature, not yet checked.
    Signed(Event),
    /// What an author without a key wants said, and the room that it takes.
    Draft(Draft, Room),
}

impl Incoming {
    fn read(bytes: &[u8], app: &App, principal: &Principal, allowance: &Allowance) -> Result<Self, Problem> {
        match incoming::signed(bytes)? {
            Some(event) => Ok(Self::Signed(event)),
            None => incoming::draft(bytes, app, principal, allowance)
                .map(|(draft, room)| Self::Draft(draft, room)),
        }
    }
}

async fn read_one(call: &Call) -> Result<Incoming, Problem> {
    let (principal, allowance) = (call.principal.clone(), call.allowance());
    if call.body.len() <= MAX_INLINE_PARSE_BYTES {
        return Incoming::read(&call.body, &call.app, &principal, &allowance);
    }
    let body = call.body.clone();
    call.blocking(move |app| Incoming::read(&body, app, &principal, &allowance)).await
}

/// Appends the signed event of a heartbeat.
pub(crate) async fn append_signed(call: &Call, event: Event) -> Result<(Receipt, Appended), Problem> {
    check_known(&call.app, &event.header.key)?;
    append_one(call, event, By::Authors).await
}

fn one(receipt: &Receipt, checkpoint: &str) -> Response<Body> {
    let mut out = Vec::with_capacity(RECEIPT_BYTES + receipt.inclusion.len() * 67 + checkpoint.len() * 5 / 4);
    write_receipt(receipt, Some(checkpoint), &mut out);
    answer::json(status_of(receipt), out)
}

/// 201 for what is new, 200 for what was there.
pub(crate) fn status_of(receipt: &Receipt) -> StatusCode {
    if receipt.duplicate { StatusCode::OK } else { StatusCode::CREATED }
}

/// The events of one request, and what is wrong with those that are none.
#[derive(Debug, Default)]
struct Batch {
    events: Vec<Event>,
    /// Whether this service has signed the events itself.
    own: bool,
    /// Per element of the request: what is wrong with it, or `None` for the next of `events`.
    slots: Vec<Option<Problem>>,
}

impl Batch {
    fn read(
        app: &App,
        body: &[u8],
        media: Media,
        principal: &Principal,
        allowance: &Allowance,
    ) -> Result<Self, Problem> {
        let elements = match media {
            // The route takes no form.
            Media::Json | Media::Form => incoming::elements(body)?,
            Media::Ndjson => incoming::lines(body)?,
        };
        if elements.is_empty() {
            return Err(Problem::new(BAD_JSON, "a batch has at least one event"));
        }
        let (mut batch, mut drafts) = (Self::default(), Vec::new());
        for element in elements {
            let slot = match Incoming::read(element, app, principal, allowance) {
                Ok(Incoming::Signed(event)) => {
                    let known = check_known(app, &event.header.key).err();
                    if known.is_none() {
                        batch.events.push(event);
                    }
                    known
                }
                Ok(Incoming::Draft(draft, _room)) => match app.ledger().sign(&draft) {
                    Ok(event) => {
                        drafts.push(event);
                        None
                    }
                    Err(error) => Some(error.into()),
                },
                Err(problem) => Some(problem),
            };
            batch.slots.push(slot);
        }
        if !drafts.is_empty() {
            if !batch.events.is_empty() {
                return Err(Problem::new(BAD_JSON, "a batch has signed events or drafts, not both"));
            }
            batch.events = drafts;
            batch.own = true;
        }
        Ok(batch)
    }

    async fn append(self, call: &Call, inclusion: bool) -> Result<Response<Body>, Problem> {
        let by = if self.own { By::Service } else { By::Authors };
        let appended = match self.events {
            events if events.is_empty() => None,
            events => Some(append(call, events, by, inclusion).await?),
        };
        Ok(answer_batch(call, self.slots, appended))
    }
}

/// The fate of the events of a batch, as clients read it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Batch")]
pub struct BatchAnswer {
    /// In the order of the request.
    pub results: Vec<BatchResult>,
    /// The checkpoint that has them.
    pub checkpoint: String,
}

/// The fate of one of them: a receipt or a problem.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct BatchResult {
    /// Which one, from 0.
    pub index: u64,
    /// 201 for a new one, 200 for one that was there before, else the problem's.
    #[schemars(range(min = 200, max = 599))]
    pub status: u16,
    /// Its receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptRow>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

/// Writes the results in the order of the request.
pub(crate) fn answer_batch(
    call: &Call,
    slots: Vec<Option<Problem>>,
    appended: Option<Appended>,
) -> Response<Body> {
    let app = &call.app;
    let (outcomes, checkpoint) = match appended {
        Some(appended) => (appended.outcomes, appended.checkpoint),
        None => (Vec::new(), app.ledger().head().borrow().note.clone()),
    };
    let path = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Recorded(receipt) => Some(receipt.inclusion.len() * 67),
        Outcome::Refused { .. } => None,
    });
    let each = RECEIPT_BYTES + path.unwrap_or_default();
    let mut out = Vec::with_capacity(slots.len() * each + checkpoint.len() * 2 + 64);
    let (mut new, mut duplicate, mut refused, mut unauthenticated) = (0, 0, 0, 0);
    let mut outcomes = outcomes.into_iter();
    out.extend_from_slice(b"{\"results\":[");
    for (index, slot) in slots.into_iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{\"index\":" } else { b",{\"index\":" });
        write_u64(index as u64, &mut out);
        let result = match slot {
            Some(problem) => Err(problem),
            None => result_of(outcomes.next()),
        };
        match result {
            Ok(receipt) => {
                *(if receipt.duplicate { &mut duplicate } else { &mut new }) += 1;
                write_recorded(&receipt, &mut out);
            }
            Err(problem) => {
                refused += 1;
                unauthenticated += usize::from(problem.status() == StatusCode::UNAUTHORIZED);
                write_problem(app, &problem.index(index), &mut out);
            }
        }
    }
    call.charge_failures(unauthenticated);
    out.extend_from_slice(b"],\"checkpoint\":");
    write_string(&checkpoint, &mut out);
    out.push(b'}');
    let status = match (new, duplicate, refused) {
        (_, 0, 0) => StatusCode::CREATED,
        (0, _, 0) => StatusCode::OK,
        _ => StatusCode::MULTI_STATUS,
    };
    answer::json(status, out)
}

fn write_recorded(receipt: &Receipt, out: &mut Vec<u8>) {
    out.extend_from_slice(if receipt.duplicate { b",\"status\":200" } else { b",\"status\":201" });
    out.extend_from_slice(b",\"receipt\":");
    write_receipt(receipt, None, out);
    out.push(b'}');
}

fn write_problem(app: &App, problem: &Problem, out: &mut Vec<u8>) {
    app.count_refusal(problem.code());
    out.extend_from_slice(b",\"status\":");
    write_u64(problem.status().as_u16().into(), out);
    out.extend_from_slice(b",\"problem\":");
    problem.write(out);
    out.push(b'}');
}

/// Refuses a key that was never introduced, without spending a signature check on it.
pub(crate) fn check_known(app: &App, key: &PublicKey) -> Result<(), Problem> {
    let known = app.ledger().directory(|directory| directory.keys.contains_key(key));
    if known { Ok(()) } else { Err(Problem::of_code(Code::UnknownKey)) }
}
