//! Problem details (RFC 9457): the one form of every refusal.
//!
//! ```text
//! {"code":"chain-gap","detail":"…","expected":{"epoch":"…","prev":"…","seq":7},"recorded":false,
//!  "status":409,"title":"…","type":"/problems/chain-gap"}
//! ```

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use ledger::admission::{Code, Expected, Refused, Trace};
use ledger::service::DraftError;
use ledger::{AppendError, TooMuch};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use spec::{Epoch, EventError, Hash};
use std::collections::BTreeSet;

/// A kind of problem: its stable code, its status, and what it means in general.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The stable code.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What it means, whatever the request.
    pub title: &'static str,
}

macro_rules! rows {
    ($($name:ident $code:literal $status:literal $title:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: Row = Row { code: $code, status: $status, title: $title };
        )*
        /// Every problem of the HTTP side itself; those of admission stand in [`Code`].
        pub const ROWS: &[Row] = &[$($name),*];
    };
}

rows! {
    NOT_CANONICAL "not-canonical" 400 "The bytes are not canonical JSON";
    BAD_EVENT "bad-event" 400 "This is not an event";
    PAYLOAD_HASH "payload-hash" 400 "payload_hash is not the hash of the payload under its salt";
    BAD_JSON "bad-json" 400 "The body is not the JSON this route takes";
    BAD_QUERY "bad-query" 400 "A query parameter is unknown or malformed";
    BAD_PATH "bad-path" 400 "A part of the path is malformed";
    BAD_LOGOUT "bad-logout-token" 400 "This is no logout token that holds";
    UNEXPECTED_BODY "unexpected-body" 400 "This route takes no body";
    UNAUTHENTICATED "unauthenticated" 401 "Who is asking is not established";
    FORBIDDEN "forbidden" 403 "Whoever is asking may not do this";
    NOT_FOUND "not-found" 404 "There is nothing here";
    METHOD_NOT_ALLOWED "method-not-allowed" 405 "This path takes other methods";
    TIMEOUT "timeout" 408 "The request took too long to arrive";
    CONFLICT "conflict" 409 "This cannot be done in the present state";
    TOO_LARGE "too-large" 413 "The request exceeds a limit";
    UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" 415 "This route takes another media type";
    WRONG_KIND "wrong-kind" 422 "This route takes events of another kind";
    INVALID "invalid" 422 "A value is not one this route takes";
    RATE_LIMITED "rate-limited" 429 "Too many requests";
    INTERNAL "internal" 500 "The service failed";
    QUEUE_FULL "queue-full" 503 "The ledger has more to do than it may hold; nothing was written";
    DISK_FULL "disk-full" 503 "The disk is nearly full; nothing was written, and what is there can be read";
    POISONED "poisoned" 503 "The ledger stopped after a failed write";
    PROVIDER_UNAVAILABLE "provider-unavailable" 503 "The identity provider does not answer";
    UNAVAILABLE "unavailable" 503 "The service is stopping";
}

/// Seconds after which a request that was refused for want of room may be sent again.
const RETRY_SECS: u64 = 1;

/// Seconds after which there may be room on the disk again.
const DISK_FULL_RETRY_SECS: u64 = 30;

/// Seconds to wait for a ledger that has to be reopened.
const POISONED_RETRY_SECS: u64 = 30;

/// The reason why a request, or one event of it, is refused.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    row: Row,
    detail: String,
    field: Option<String>,
    pointer: Option<String>,
    index: Option<usize>,
    expected: Option<Expected>,
    recorded: bool,
    retry_after_secs: Option<u64>,
}

/// A problem (RFC 9457).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemBody {
    /// Where its code is explained, relative to the service.
    pub r#type: String,
    /// What the code means, whatever the request.
    pub title: String,
    /// The status of the answer; in a batch, of this event.
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// What is wrong this time.
    pub detail: String,
    /// Its stable code.
    #[schemars(schema_with = "codes")]
    pub code: String,
    /// The parameter or header at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The member of the body at fault, as a JSON pointer (RFC 6901).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The event of the batch at fault, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// Where the author's chain goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<ExpectedPlace>,
    /// Whether the refusal itself became an entry of the log; absent is no.
    #[serde(default, skip_serializing_if = "is_false")]
    pub recorded: bool,
}

/// The place at which an author's chain goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectedPlace {
    /// The run of the chain.
    pub epoch: Epoch,
    /// The number of its next event.
    pub seq: u64,
    /// What that event names as the one before.
    pub prev: Hash,
}

/// Every code, as a choice of words.
fn codes(_: &mut SchemaGenerator) -> Schema {
    let own = ROWS.iter().map(|row| row.code);
    let codes: BTreeSet<&str> = own.chain(ADMISSION_CODES.iter().map(|code| code.as_str())).collect();
    json_schema!({"type": "string", "description": "Its stable code.", "enum": codes})
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Problem {
    /// A problem of a kind, with what is wrong this time.
    pub fn new(row: Row, detail: impl Into<String>) -> Self {
        let parts = Parts {
            row,
            detail: detail.into(),
            field: None,
            pointer: None,
            index: None,
            expected: None,
            recorded: false,
            retry_after_secs: None,
        };
        Self(Box::new(parts))
    }

    /// Says in other words what is wrong this time.
    #[must_use]
    pub fn detailed(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Names the query parameter or header at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Names the member of the body at fault by JSON pointer (RFC 6901).
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.0.pointer = Some(pointer.into());
        self
    }

    /// Names the event of a batch, from 0.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.index = Some(index);
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, secs: u64) -> Self {
        self.0.retry_after_secs = Some(secs);
        self
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.0.row.code
    }

    /// What is wrong this time, in words.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Appends the document.
    pub fn write(&self, out: &mut Vec<u8>) {
        let parts = &*self.0;
        // A chain without an open epoch begins at 0 with the introduction; its author knows both.
        let expected =
            parts.expected.and_then(|e| Some(ExpectedPlace { epoch: e.epoch?, seq: e.seq, prev: e.prev }));
        let document = ProblemBody {
            r#type: format!("/problems/{}", parts.row.code),
            title: parts.row.title.to_owned(),
            status: parts.row.status,
            detail: parts.detail.clone(),
            code: parts.row.code.to_owned(),
            field: parts.field.clone(),
            pointer: parts.pointer.clone(),
            index: parts.index,
            expected,
            recorded: parts.recorded,
        };
        // Texts and numbers always have a JSON form.
        let _ = serde_json::to_writer(out, &document);
    }

    /// The answer.
    pub fn into_response(self) -> Response<Body> {
        let mut body = Vec::with_capacity(256);
        self.write(&mut body);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(secs) = self.0.retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    /// What became of an event that the ledger refused.
    pub fn refused(refused: &Refused, recorded: Option<u64>) -> Self {
        let code = refused.code;
        let mut problem = Self::new(
            Row { code: code.as_str(), status: status_of(code), title: code.detail() },
            &*refused.detail,
        );
        if matches!(code, Code::ChainGap | Code::ChainFork | Code::Blocked | Code::EpochClosed) {
            problem.0.expected = refused.expected;
        }
        problem.0.recorded = recorded.is_some() && refused.trace == Trace::Refusal;
        problem
    }

    /// A refusal that needs no position to be decided.
    pub fn of_code(code: Code) -> Self {
        Self::new(Row { code: code.as_str(), status: status_of(code), title: code.detail() }, code.detail())
    }
}

/// Every code of admission.
pub const ADMISSION_CODES: [Code; 31] = [
    Code::UnknownKey,
    Code::KeyRevoked,
    Code::WrongUse,
    Code::AuthorMismatch,
    Code::ForeignLedger,
    Code::BadSignature,
    Code::DuplicateId,
    Code::IdTime,
    Code::EpochClosed,
    Code::TooManyEpochs,
    Code::TooManyKeys,
    Code::ChainFork,
    Code::ChainGap,
    Code::Blocked,
    Code::BadPayload,
    Code::NotAllowed,
    Code::WrongOrg,
    Code::WrongTenant,
    Code::TokenUnknown,
    Code::TokenExpired,
    Code::TokenRevoked,
    Code::TokenExhausted,
    Code::KeyInUse,
    Code::AuthorTaken,
    Code::BadKey,
    Code::BadPossession,
    Code::BadAuthority,
    Code::TooLarge,
    Code::LastOwner,
    Code::OrgSuspended,
    Code::TooMany,
];

/// The status of each code of admission.
pub fn status_of(code: Code) -> u16 {
    match code {
        Code::UnknownKey | Code::BadSignature | Code::TokenUnknown => 401,
        Code::KeyRevoked
        | Code::WrongUse
        | Code::AuthorMismatch
        | Code::NotAllowed
        | Code::WrongOrg
        | Code::WrongTenant
        | Code::TokenExpired
        | Code::TokenRevoked
        | Code::TokenExhausted
        | Code::BadAuthority
        | Code::OrgSuspended => 403,
        Code::DuplicateId
        | Code::EpochClosed
        | Code::TooManyEpochs
        | Code::TooManyKeys
        | Code::ChainFork
        | Code::ChainGap
        | Code::Blocked
        | Code::KeyInUse
        | Code::AuthorTaken
        | Code::LastOwner
        | Code::TooMany => 409,
        Code::TooLarge => 413,
        Code::ForeignLedger | Code::IdTime | Code::BadPayload | Code::BadKey | Code::BadPossession => 422,
    }
}

impl From<EventError> for Problem {
    fn from(error: EventError) -> Self {
        let row = match &error {
            EventError::TooLarge { .. } => TOO_LARGE,
            EventError::Canonical(_) => NOT_CANONICAL,
            EventError::PayloadHash => PAYLOAD_HASH,
            EventError::Shape(_) | EventError::Missing(_) | EventError::Field { .. } => BAD_EVENT,
        };
        let problem = Self::new(row, error.to_string());
        match error.pointer() {
            Some(pointer) => problem.pointer(pointer),
            None => problem,
        }
    }
}

impl From<AppendError> for Problem {
    fn from(error: AppendError) -> Self {
        let detail = error.to_string();
        match error {
            AppendError::Full => Self::new(QUEUE_FULL, detail).retry_after(RETRY_SECS),
            AppendError::TooMuch(TooMuch { whose, wait_secs }) => too_many(whose, wait_secs),
            AppendError::NoSpace => Self::new(DISK_FULL, detail).retry_after(DISK_FULL_RETRY_SECS),
            AppendError::Poisoned(why) => {
                Self::new(POISONED, format!("{detail}: {why}")).retry_after(POISONED_RETRY_SECS)
            }
            AppendError::Refused(code) => Self::of_code(code),
            AppendError::Closed => Self::new(UNAVAILABLE, detail).retry_after(POISONED_RETRY_SECS),
        }
    }
}

impl From<DraftError> for Problem {
    fn from(error: DraftError) -> Self {
        let code = match &error {
            DraftError::Canonical(_) | DraftError::Payload(_) => Code::BadPayload,
            DraftError::TooLarge(_) => Code::TooLarge,
            DraftError::Id(_) => return crate::strict::invalid("/id", error),
            DraftError::Random(_) => return internal(error),
        };
        Self::of_code(code).detailed(error.to_string()).pointer("/payload")
    }
}

/// The refusal of someone who has spent all they may; `what` says how they speak, or where they come from.
pub(crate) fn too_many(what: &str, secs: u64) -> Problem {
    Problem::new(RATE_LIMITED, format!("too much {what}; wait {secs} seconds")).retry_after(secs)
}

/// A failure of the service; the cause goes to the log, not to the caller.
pub fn internal(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "a request failed");
    Problem::new(INTERNAL, "the cause is in the service's log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_sent_again_says_when() {
        for (error, code) in [
            (AppendError::Full, "queue-full"),
            (AppendError::Poisoned(ledger::StopReason::Root.into()), "poisoned"),
            (AppendError::Closed, "unavailable"),
        ] {
            let problem = Problem::from(error);
            assert_eq!((problem.code(), problem.status().as_u16()), (code, 503));
            assert!(problem.into_response().headers().contains_key(header::RETRY_AFTER));
        }
    }

    #[test]
    fn every_code_has_one_status() {
        for row in ROWS {
            for code in ADMISSION_CODES.into_iter().filter(|code| code.as_str() == row.code) {
                assert_eq!(status_of(code), row.status, "{code}");
            }
        }
    }
}
