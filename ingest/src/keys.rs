//! `/api/keys`: the keys of an organisation, and what becomes of them.

use crate::access::{Action, PrincipalKind};
use crate::answer;
use crate::dispatch::Call;
use crate::draft::{invalid, member};
use crate::limits::{DEFAULT_PAGE_ITEMS, MAX_PAGE_ITEMS};
use crate::problem::{CONFLICT, NOT_FOUND, Problem};
use crate::query_string::{QueryString, bad};
use crate::strict::present;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use ledger::state::KeyRecord;
use serde::Deserialize;
use serde_json::{Value, json};
use spec::payload::{KeyChange, KeyStatus};
use spec::{Kind, Name, PublicKey};
use std::ops::Bound;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with status")]
struct Request {
    status: String,
    #[serde(default, deserialize_with = "present")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "present")]
    suspect_from: Option<u64>,
}

/// `GET /api/keys`: in the order of the keys; `cursor` is the last key of the page before.
pub(crate) async fn list(call: Call) -> Result<Response<Body>, Problem> {
    let query = QueryString::read(call.query(), &["org", "status", "limit", "cursor"])?;
    let org: Option<Name> = query.parse("org")?;
    if let Some(org) = &org {
        call.principal.require_in(Action::Read, org)?;
    }
    let org = org.or_else(|| call.principal.bound_to().cloned());
    let status = query.get("status");
    if status.is_some_and(|status| !["active", "superseded", "revoked", "compromised"].contains(&status)) {
        return Err(bad("status", "expected active, superseded, revoked or compromised"));
    }
    let limit = query.limit(DEFAULT_PAGE_ITEMS, MAX_PAGE_ITEMS)?;
    let own = own_key(&call);
    let after: Bound<PublicKey> = query.parse("cursor")?.map_or(Bound::Unbounded, Bound::Excluded);
    let mut found: Vec<(PublicKey, Value)> = call.app.ledger.directory(|directory| {
        let wanted = |key: &PublicKey, record: &KeyRecord| {
            own.is_none_or(|own| own == *key)
                && org.as_ref().is_none_or(|org| record.org == *org)
                && status.is_none_or(|s| s == status_of(record))
        };
        let keys = directory.keys.range((after, Bound::Unbounded));
        keys.filter(|(key, record)| wanted(key, record))
            .take(limit + 1)
            .map(|(k, r)| (*k, item(k, r)))
            .collect()
    });
    let more = found.len() > limit;
    found.truncate(limit);
    let cursor = found.last().filter(|_| more).map(|(key, _)| *key);
    let items: Vec<Value> = found.into_iter().map(|(_, item)| item).collect();
    Ok(answer::value(StatusCode::OK, &json!({"items": items, "next_cursor": cursor})))
}

/// `GET /api/keys/{key}`.
pub(crate) async fn get(call: Call) -> Result<Response<Body>, Problem> {
    QueryString::read(call.query(), &[])?;
    let (key, record) = visible(&call)?;
    Ok(answer::value(StatusCode::OK, &item(&key, &record)))
}

/// `PATCH /api/keys/{key}/governance`: ends a key; again in the same way, and nothing happens.
pub(crate) async fn govern(call: Call) -> Result<Response<Body>, Problem> {
    QueryString::read(call.query(), &[])?;
    let (key, record) = visible(&call)?;
    call.principal.require_in(Action::GovernKeys, &record.org)?;
    let request: Request = call.json()?;
    let status = match request.status.as_str() {
        "revoked" => KeyChange::Revoked,
        "compromised" => KeyChange::Compromised,
        _ => return Err(invalid("/status", "expected revoked or compromised")),
    };
    if status == KeyChange::Revoked && request.suspect_from.is_some() {
        return Err(invalid("/suspect_from", "it belongs to compromised"));
    }
    let suspect_from =
        (status == KeyChange::Compromised).then(|| request.suspect_from.unwrap_or(record.introduced));
    match status_of(&record) {
        "revoked" | "superseded" if status == KeyChange::Revoked => {}
        "compromised" if status == KeyChange::Revoked => {
            return Err(Problem::new(CONFLICT, "the key is compromised; that cannot be taken back"));
        }
        "compromised" if record.suspect_from == suspect_from => {}
        _ => {
            let payload = KeyStatus { key, reason: request.reason, status, suspect_from };
            call.app.say(&call.principal, &record.org, Kind::KeyStatus, &payload).await?;
        }
    }
    let (key, record) = visible(&call)?;
    Ok(answer::value(StatusCode::OK, &item(&key, &record)))
}

fn visible(call: &Call) -> Result<(PublicKey, KeyRecord), Problem> {
    let missing = || Problem::new(NOT_FOUND, "your organisation has no such key");
    let text: String = call.param("key")?;
    let key: PublicKey = member("key", &text).map_err(|_| missing())?;
    let found = call.app.ledger.directory(|directory| directory.keys.get(&key).cloned());
    let mine = |record: &KeyRecord| {
        call.principal.bound_to().is_none_or(|org| record.org == *org)
            && own_key(call).is_none_or(|own| own == key)
    };
    Ok((key, found.filter(mine).ok_or_else(missing)?))
}

/// The one key a node may see.
fn own_key(call: &Call) -> Option<PublicKey> {
    match call.principal.kind {
        PrincipalKind::Node { key, .. } => Some(key),
        _ => None,
    }
}

fn status_of(record: &KeyRecord) -> &'static str {
    match (record.until, record.suspect_from, record.successor) {
        (None, ..) => "active",
        (Some(_), Some(_), _) => "compromised",
        (Some(_), None, Some(_)) => "superseded",
        (Some(_), None, None) => "revoked",
    }
}

fn item(key: &PublicKey, record: &KeyRecord) -> Value {
    let mut item = json!({
        "key": key, "use": record.key_use, "org": record.org, "introduced": record.introduced,
        "introduction": record.introduction, "status": status_of(record),
        "chain": {"next": record.chain.next, "epochs": record.chain.closed.len() + usize::from(record.chain.epoch.is_some())},
    });
    if let Some(members) = item.as_object_mut() {
        let optional = [
            ("author", record.author.as_ref().map(|author| json!(author))),
            ("tenant", record.tenant.as_ref().map(|tenant| json!(tenant))),
            ("until", record.until.map(|until| json!(until))),
            ("suspect_from", record.suspect_from.map(|seq| json!(seq))),
            ("successor", record.successor.map(|key| json!(key))),
        ];
        members.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    item
}
