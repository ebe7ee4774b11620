//! What arrives under `/api/events`: signed events, byte for byte, or drafts for the service to sign.

use crate::draft::DraftBody;
use crate::saying::speaker;
use ledger::service::Draft;
use serde::Deserialize;
use serde::de::{Deserializer as _, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use spec::Event;
use std::fmt;
use web::limits::MAX_BATCH_EVENTS;
use web::problem::{BAD_JSON, Problem, TOO_LARGE};
use web::{Allowance, App, Principal, Room};

/// The members by which a signed event is known.
#[derive(Deserialize)]
struct Marks {
    author: Option<IgnoredAny>,
    chain: Option<IgnoredAny>,
    format: Option<IgnoredAny>,
    key: Option<IgnoredAny>,
    payload_hash: Option<IgnoredAny>,
    salt: Option<IgnoredAny>,
    sig: Option<IgnoredAny>,
    via: Option<IgnoredAny>,
}

impl Marks {
    fn any(&self) -> bool {
        [
            &self.author,
            &self.chain,
            &self.format,
            &self.key,
            &self.payload_hash,
            &self.salt,
            &self.sig,
            &self.via,
        ]
        .iter()
        .any(|mark| mark.is_some())
    }
}

/// The event with its author's signature, not yet checked, that an element is; `None` if it is meant to be a draft. What
/// has any member of a signed event must be one.
pub(crate) fn signed(bytes: &[u8]) -> Result<Option<Event>, Problem> {
    let error = match Event::parse(bytes) {
        Ok(event) => return Ok(Some(event)),
        Err(error) => error,
    };
    let is_object = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    match serde_json::from_slice::<Marks>(bytes) {
        Ok(marks) if is_object && !marks.any() => Ok(None),
        _ => Err(error.into()),
    }
}

/// What a principal wants said. Nothing is parsed of somebody who may say nothing, and what is parsed takes room as long
/// as the second part of the answer is kept.
pub(crate) fn draft(
    bytes: &[u8],
    app: &App,
    principal: &Principal,
    allowance: &Allowance,
) -> Result<(Draft, Room), Problem> {
    speaker(principal)?;
    let room = allowance.parsed(bytes)?;
    Ok((web::strict::object::<DraftBody>(bytes)?.of_principal(app, principal)?, room))
}

/// Whether a JSON body is an array.
pub(crate) fn is_array(body: &[u8]) -> bool {
    body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[')
}

/// The elements of a JSON array as they stand in it.
pub(crate) fn elements(body: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    struct Elements;

    impl<'de> Visitor<'de> for Elements {
        type Value = Vec<&'de [u8]>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of events")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut elements = Vec::new();
            while let Some(element) = access.next_element::<&RawValue>()? {
                if elements.len() == MAX_BATCH_EVENTS {
                    return Err(A::Error::custom(TOO_MANY));
                }
                elements.push(element.get().as_bytes());
            }
            Ok(elements)
        }
    }

    let text = std::str::from_utf8(body).map_err(|e| Problem::new(BAD_JSON, e.to_string()))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read =
        deserializer.deserialize_seq(Elements).and_then(|elements| deserializer.end().map(|()| elements));
    read.map_err(|e| match e.to_string() {
        text if text.starts_with(TOO_MANY) => too_many(),
        text => Problem::new(BAD_JSON, text),
    })
}

/// The lines of NDJSON; an LF ends each, the last one's may be missing.
pub(crate) fn lines(body: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    let whole = body.strip_suffix(b"\n").unwrap_or(body);
    if whole.is_empty() {
        return Ok(Vec::new());
    }
    let lines: Vec<&[u8]> = whole.split(|b| *b == b'\n').take(MAX_BATCH_EVENTS + 1).collect();
    if lines.len() > MAX_BATCH_EVENTS { Err(too_many()) } else { Ok(lines) }
}

const TOO_MANY: &str = "more events than a batch may have";

fn too_many() -> Problem {
    Problem::new(TOO_LARGE, format!("a batch has at most {MAX_BATCH_EVENTS} events"))
}
