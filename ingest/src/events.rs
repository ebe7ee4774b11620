//! `POST /api/events`: one event, an array, or NDJSON; signed, or drafts.
//!
//! ```text
//! one     201 new, 200 duplicate    <receipt with checkpoint>
//! batch   201 all new, 200 all duplicates, 207 otherwise
//!         {"results":[{"index":0,"status":201,"receipt":{…}},{"index":1,"status":409,"problem":{…}}],
//!          "checkpoint":"<note>"}
//! ```

use crate::draft::DraftBody;
use crate::incoming::{self, Incoming};
use crate::receipt::{RECEIPT_BYTES, ReceiptRow, write_receipt};
use crate::saying::{append_own, only, result_of};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::admission::Code;
use ledger::{AppendOptions, Appended, Outcome, Receipt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::canonical::{write_string, write_u64};
use spec::{Event, PublicKey};
use std::collections::BTreeMap;
use web::App;
use web::Call;
use web::Media;
use web::Principal;
use web::Subject;
use web::answer;
use web::limits::MAX_INLINE_PARSE_BYTES;
use web::problem::{BAD_JSON, Problem, ProblemBody};

/// `POST /api/events`.
pub(crate) async fn post(call: Call) -> Result<Response<Body>, Problem> {
    let inclusion = call.query(&["inclusion"])?.flag("inclusion")?;
    if call.media == Media::Json && !incoming::is_array(&call.body) {
        return match read_one(&call).await? {
            Incoming::Signed(event) => one_signed(&call.app, event).await,
            Incoming::Draft(draft) => one_draft(&call, draft).await,
        };
    }
    let batch = if call.body.len() > MAX_INLINE_PARSE_BYTES {
        let (body, media, principal) = (call.body.clone(), call.media, call.principal.clone());
        call.blocking(move |app| Batch::read(app, &body, media, &principal)).await?
    } else {
        Batch::read(&call.app, &call.body, call.media, &call.principal)?
    };
    batch.append(&call, inclusion).await
}

async fn read_one(call: &Call) -> Result<Incoming, Problem> {
    if call.body.len() <= MAX_INLINE_PARSE_BYTES {
        return Incoming::read(&call.body);
    }
    let body = call.body.clone();
    call.blocking(move |_| Incoming::read(&body)).await
}

/// Appends one event that carries its author's signature.
pub(crate) async fn one_signed(app: &App, event: Event) -> Result<Response<Body>, Problem> {
    let (receipt, appended) = append_signed(app, event).await?;
    Ok(one(&receipt, &appended.checkpoint))
}

/// Appends one signed event and accounts for it.
pub(crate) async fn append_signed(app: &App, event: Event) -> Result<(Receipt, Appended), Problem> {
    let key = event.header.key;
    check_known(app, &key)?;
    check_rate(app, &key)?;
    let appended = app.ledger().append(vec![event], AppendOptions { inclusion: true }).await?;
    charge(app, &[key], &appended.outcomes);
    only(appended)
}

async fn one_draft(call: &Call, draft: DraftBody) -> Result<Response<Body>, Problem> {
    let draft = draft.of_principal(&call.principal)?;
    call.check_rate()?;
    let event = call.app.ledger().sign(&draft)?;
    let (receipt, appended) = append_own(&call.app, event).await?;
    call.charge(1);
    Ok(one(&receipt, &appended.checkpoint))
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
    fn read(app: &App, body: &[u8], media: Media, principal: &Principal) -> Result<Self, Problem> {
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
            let slot = match Incoming::read(element) {
                Ok(Incoming::Signed(event)) => {
                    let known = check_known(app, &event.header.key).err();
                    if known.is_none() {
                        batch.events.push(event);
                    }
                    known
                }
                Ok(Incoming::Draft(draft)) => {
                    match draft.of_principal(principal).and_then(|d| Ok(app.ledger().sign(&d)?)) {
                        Ok(event) => {
                            drafts.push(event);
                            None
                        }
                        Err(problem) => Some(problem),
                    }
                }
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
        let (app, options) = (&call.app, AppendOptions { inclusion });
        let appended = if self.events.is_empty() {
            None
        } else if self.own {
            call.check_rate()?;
            let appended = app.ledger().append_own(self.events, options).await?;
            call.charge(appended.outcomes.len());
            Some(appended)
        } else {
            let keys: Vec<PublicKey> = self.events.iter().map(|event| event.header.key).collect();
            let mut distinct = keys.clone();
            distinct.sort_unstable();
            distinct.dedup();
            distinct.iter().try_for_each(|key| check_rate(app, key))?;
            let appended = app.ledger().append(self.events, options).await?;
            charge(app, &keys, &appended.outcomes);
            Some(appended)
        };
        Ok(answer_batch(call, self.slots, appended))
    }
}

/// What became of the events of a batch, as clients read it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Batch")]
pub struct BatchAnswer {
    /// In the order of the request.
    pub results: Vec<BatchResult>,
    /// The checkpoint that has them.
    pub checkpoint: String,
}

/// What became of one of them: a receipt or a problem.
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
fn check_known(app: &App, key: &PublicKey) -> Result<(), Problem> {
    let known = app.ledger().directory(|directory| directory.keys.contains_key(key));
    if known { Ok(()) } else { Err(Problem::of_code(Code::UnknownKey)) }
}

fn check_rate(app: &App, key: &PublicKey) -> Result<(), Problem> {
    app.check_rate(&Subject::Key(*key), "signed with this key")
}

/// Charges each key for what it has really signed and what was not in the ledger before.
fn charge(app: &App, keys: &[PublicKey], outcomes: &[Outcome]) {
    let mut spent: BTreeMap<&PublicKey, usize> = BTreeMap::new();
    for (key, outcome) in keys.iter().zip(outcomes) {
        let costs = match outcome {
            Outcome::Recorded(receipt) => !receipt.duplicate,
            Outcome::Refused { refused, .. } => {
                !matches!(refused.code, Code::UnknownKey | Code::BadSignature)
            }
        };
        *spent.entry(key).or_default() += usize::from(costs);
    }
    for (key, count) in spent {
        app.charge(Subject::Key(*key), count);
    }
}
